"""What the overview shows beside figures: what needs a person, and what happened lately."""

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Select, Text, and_, func, literal, literal_column, or_, select, type_coerce

from ingufu.charging.tables import transactions
from ingufu.infra.storage.database import Database
from ingufu.infra.storage.outbox import events
from ingufu.sites.tables import sites
from ingufu.stations.model import Approval
from ingufu.stations.tables import connectors, stations
from ingufu.views.console_sites import approved_of_them, is_faulted
from ingufu.views.stations import SiteIds, seen
from ingufu.views.tenures import held_now
from ingufu.views.timeline import EventRow
from ingufu.views.transactions import seen_session


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """Something at a station that a person should look at."""

    station_id: str
    identity: str
    name: str = ""
    site_name: str | None = None
    at: datetime | None = None
    evse: int | None = None
    code: str = ""  # of the error
    info: str = ""
    transaction_id: str | None = None
    number: int = 0  # of anomalies


class Troubles(msgspec.Struct, frozen=True, kw_only=True):
    """The latest of one kind of trouble, and how many there are in all."""

    total: int = 0
    latest: tuple[Trouble, ...] = ()


FEED_KINDS = (
    "StationConnected", "StationDisconnected", "StationBooted", "StationDiscovered", "FirmwareChanged",
    "SecurityEventReported", "CommandAnswered", "TransactionStarted", "TransactionEnded", "TransactionCorrected",
    "AnomalySeen",
)  # fmt: skip
FEED_EVENTS = 50_000  # how far back it looks
_FAULTY = ('"after":"faulted"', '"before":"faulted"')  # of StatusChanged, the only ones worth a line


async def find_faulted(database: Database, site_ids: SiteIds, *, limit: int) -> Troubles:
    """Return the connectors that report a fault, the latest first."""
    chosen = (
        connectors.c.evse,
        connectors.c.status_at.label("at"),
        func.coalesce(connectors.c.error_code, "").label("code"),
        func.coalesce(connectors.c.error_info, "").label("info"),
    )
    statement = _stations(_plugs(), *chosen).where(*_broken(site_ids)).order_by(connectors.c.status_at.desc())
    return await _found(database, statement, limit)


async def find_waiting(database: Database, site_ids: SiteIds, *, limit: int) -> Troubles:
    """Return the stations that wait for approval, the latest first."""
    statement = _stations(stations, stations.c.created_at.label("at")).where(
        stations.c.approval == Approval.WAITING.value, seen(site_ids)
    )
    return await _found(database, statement.order_by(stations.c.created_at.desc()), limit)


async def find_offline(database: Database, site_ids: SiteIds, *, gone_before: datetime, limit: int) -> Troubles:
    """Return the stations that were connected once and are gone since `gone_before` or longer, the latest first."""
    statement = _stations(stations, stations.c.online_changed_at.label("at")).where(
        stations.c.approval == Approval.APPROVED.value,
        stations.c.is_online.is_(False),
        stations.c.is_operative.is_(True),
        stations.c.online_changed_at < gone_before,
        seen(site_ids),
    )
    return await _found(database, statement.order_by(stations.c.online_changed_at.desc()), limit)


async def find_odd_sessions(database: Database, site_ids: SiteIds, *, since: datetime, limit: int) -> Troubles:
    """Return the sessions that began since and have anomalies, the latest first."""
    chosen = (
        transactions.c.started_at.label("at"),
        transactions.c.evse,
        transactions.c.id.label("transaction_id"),
        transactions.c.anomaly_count.label("number"),
    )
    statement = _stations(transactions.join(stations, stations.c.id == transactions.c.station_id), *chosen).where(
        transactions.c.anomaly_count > literal_column("0"),
        transactions.c.started_at >= since,
        seen_session(site_ids),
    )
    return await _found(database, statement.order_by(transactions.c.started_at.desc()), limit)


async def list_feed(database: Database, site_ids: SiteIds, *, limit: int) -> tuple[EventRow, ...]:
    """Return the latest events that tell people something, the newest first, of the last that happened at all."""
    details = type_coerce(events.c.details, Text)  # as it is stored
    faults = or_(*(details.contains(text, autoescape=True) for text in _FAULTY))
    kind = events.c.kind.concat("")  # no index: all of these kinds together are most events, read from the end
    lately = events.c.id > select(func.max(events.c.id) - FEED_EVENTS).scalar_subquery()
    statement = (
        select(
            *(events.c[name] for name in ("id", "kind", "occurred_at", "station_id", "transaction_id", "details")),
            stations.c.identity.label("station_identity"),
            stations.c.site_id,
        )
        .select_from(events.outerjoin(stations, stations.c.id == events.c.station_id))
        .where(
            lately,
            or_(kind.in_(FEED_KINDS), and_(kind == "StatusChanged", faults)),
            held_now(site_ids, stations.c.site_id, events.c.occurred_at),
        )
        .order_by(events.c.id.desc())
        .limit(limit)
    )
    return tuple(msgspec.convert(row, EventRow) for row in await database.select(statement))


def _plugs() -> Any:  # a join, whose type SQLAlchemy does not name
    return connectors.join(stations, stations.c.id == connectors.c.station_id)


def _broken(site_ids: SiteIds) -> tuple[ColumnElement[bool], ...]:
    return (is_faulted(), stations.c.is_online.is_(True), approved_of_them(), seen(site_ids))


def _stations(source: Any, *chosen: ColumnElement[Any]) -> Select[Any]:  # a table or a join of it
    return select(
        stations.c.id.label("station_id"),
        stations.c.identity,
        stations.c.name,
        sites.c.name.label("site_name"),
        *chosen,
    ).select_from(source.outerjoin(sites, sites.c.id == stations.c.site_id))


async def _found(database: Database, statement: Select[Any], limit: int) -> Troubles:
    rows = await database.select(statement.limit(limit))
    total = len(rows)
    if total == limit:
        inner = statement.order_by(None).with_only_columns(literal(1).label("one")).subquery()
        total = (await database.select(select(func.count().label("number")).select_from(inner)))[0]["number"]
    return Troubles(total=total, latest=tuple(msgspec.convert(row, Trouble) for row in rows))
