"""Lists as files, CSV and Parquet, beside the lists themselves: what their columns are."""

from decimal import Decimal
from typing import Any

from litestar.handlers import HTTPRouteHandler

from ingufu.core.sheet import Column, Sheet, own
from ingufu.views.attempts import AttemptRow
from ingufu.views.decisions import DecisionRow
from ingufu.views.reservations import ReservationRow
from ingufu.views.stations import StationRow
from ingufu.views.tokens import DriverRow, GroupRow, TokenRow
from ingufu.views.transactions import TransactionRow
from ingufu.web.api import drivers, events, groups, reservations, stations, tokens, transactions
from ingufu.web.spreadsheets import exports_of

_KWH = Decimal(1000)  # Wh

# As an import reads it; empty for those that may charge, so that an old list never lifts a block that came later.
_BLOCKED: Column[Any] = Column("is_blocked", "flag", lambda row: True if row.blocked_at is not None else None)

SESSIONS: Sheet[TransactionRow] = Sheet(
    "sessions",
    (
        *own("text", "id", "reference"),
        *own("integer", "number"),
        Column("station", "text", lambda row: row.station_identity),
        *own("text", "station_name", "site_id"),
        Column("site", "text", lambda row: row.site_name),
        *own("text", "time_zone"),
        *own("integer", "evse", "connector"),
        *own("instant", "started_at", "ended_at"),
        *own("flag", "is_open"),
        *own("exact", "energy_wh"),
        Column("energy_kwh", "exact", lambda row: row.energy_wh / _KWH),
        *own("text", "energy_source"),
        *own("real", "power_w", "soc_percent"),
        *own("text", "driver_id"),
        Column("driver", "text", lambda row: row.driver_name),
        Column("token", "text", lambda row: row.token_value),
        *own("text", "token_id", "token_kind", "verdict", "verdict_reason", "stop_reason"),
        *own("flag", "is_offline_start", "is_estimated"),
        *own("integer", "anomaly_count"),
        Column("ocpp_version", "text", lambda row: row.version),
    ),
)
STATIONS: Sheet[StationRow] = Sheet(
    "stations",
    (
        *own("text", "id", "identity", "name", "site_id"),
        Column("site", "text", lambda row: row.site_name),
        *own("text", "time_zone", "condition", "approval"),
        *own("flag", "is_online", "is_operative"),
        *own("instant", "online_changed_at", "last_seen_at", "created_at"),
        *own("text", "ocpp_version", "vendor", "model", "serial_number", "firmware_version"),
        Column("evses", "integer", lambda row: len(row.evses)),
        Column("connectors", "integer", lambda row: len(_plugs(row))),
        Column("plugs", "text", lambda row: " ".join(sorted({plug.kind for plug in _plugs(row) if plug.kind}))),
        Column("max_power_w", "real", lambda row: max((plug.max_power_w or 0.0 for plug in _plugs(row)), default=None)),
        Column("charging_now", "integer", lambda row: sum(evse.transaction is not None for evse in row.evses)),
    ),
)
DRIVERS: Sheet[DriverRow] = Sheet(
    "drivers",
    (
        *own("text", "id", "name", "email", "phone", "language", "note", "plan", "organisation_id"),
        *own("integer", "token_count"),
        *own("instant", "blocked_at", "created_at"),
        _BLOCKED,
        *own("text", "block_reason"),
    ),
)
CARDS: Sheet[TokenRow] = Sheet(
    "cards",
    (
        *own("text", "id", "value", "kind", "driver_id", "driver_name", "group_id", "group_name"),
        Column("group", "text", lambda row: row.group_value),  # as an import calls it
        *own("instant", "blocked_at"),
        _BLOCKED,
        *own("text", "block_reason"),
        *own("instant", "valid_from", "expires_at", "last_used_at"),
        *own("text", "last_station_id"),
        Column("last_station", "text", lambda row: row.last_station_identity),
        *own("integer", "concurrent_limit", "charging_priority"),
        *own("flag", "has_credit"),
        *own("text", "language", "note"),
        *own("instant", "created_at"),
    ),
)
GROUPS: Sheet[GroupRow] = Sheet(
    "groups",
    (
        *own("text", "id", "value", "name", "organisation_id"),
        *own("flag", "is_master_pass"),
        *own("integer", "token_count"),
        *own("instant", "created_at"),
    ),
)
ATTEMPTS: Sheet[AttemptRow] = Sheet(
    "connection-attempts",
    (
        *own("text", "id"),
        *own("instant", "at", "last_at"),
        *own("text", "time_zone", "outcome", "detail"),
        *own("integer", "count"),
        *own("text", "identity", "station_id"),
        Column("station", "text", lambda row: row.station_identity),
        *own("text", "listener", "address", "path"),
        Column("offered", "text", lambda row: " ".join(row.offered)),
        *own("text", "version", "tls_version", "certificate_name", "user_agent"),
        *own("integer", "http_status"),
        *own("instant", "closed_at"),
        *own("integer", "close_code"),
        *own("text", "close_reason"),
    ),
)
RESERVATIONS: Sheet[ReservationRow] = Sheet(
    "reservations",
    (
        *own("integer", "id"),
        Column("station", "text", lambda row: row.station_identity),
        *own("text", "station_name", "time_zone"),
        *own("integer", "evse"),
        Column("token", "text", lambda row: row.token_value),
        *own("text", "plug", "token_id", "token_kind", "group_value", "status", "detail"),
        *own("instant", "created_at", "expires_at", "kept_at", "ended_at"),
        *own("text", "created_by", "transaction_id"),
    ),
)
DECISIONS: Sheet[DecisionRow] = Sheet(
    "authorization-decisions",
    (
        *own("integer", "id"),
        *own("instant", "at"),
        *own("text", "time_zone", "station_id"),
        Column("station", "text", lambda row: row.station_identity),
        *own("integer", "evse"),
        Column("token", "text", lambda row: row.token_value),
        *own("text", "token_id", "token_kind", "occasion", "status", "reason", "transaction_id"),
    ),
)


def _plugs(row: StationRow) -> list[Any]:
    return [plug for evse in row.evses for plug in evse.connectors]


ROUTES: tuple[HTTPRouteHandler, ...] = (
    *exports_of(transactions.list_transactions, SESSIONS, "transactions"),
    *exports_of(stations.list_stations, STATIONS, "stations"),
    *exports_of(drivers.list_drivers, DRIVERS, "drivers"),
    *exports_of(tokens.list_tokens, CARDS, "id tokens"),
    *exports_of(groups.list_groups, GROUPS, "groups"),
    *exports_of(events.list_attempts, ATTEMPTS, "connection attempts"),
    *exports_of(reservations.list_reservations, RESERVATIONS, "reservations"),
    *exports_of(tokens.list_decisions, DECISIONS, "authorisation decisions"),
)
