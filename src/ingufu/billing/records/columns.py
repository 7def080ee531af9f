"""A charge record as one row of a table: what spreadsheets and data lakes get. Pure."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from ingufu.billing.records.booking import earned_by
from ingufu.billing.records.model import ChargeRecord, RecordKind
from ingufu.core.sheet import Column, Sheet

EARNED = ("energy", "time", "parking", "flat", "reservation")


def net_by_dimension(record: ChargeRecord) -> Mapping[str, Decimal]:
    """Return what was earned by each dimension, limits spread over them; negative in a credit."""
    sign = -1 if record.kind is RecordKind.CREDIT else 1
    found: dict[str, Decimal] = {}
    for line, net in zip(record.price.lines, record.price.billed.line_net, strict=False):
        name = earned_by(line)
        found[name] = found.get(name, Decimal(0)) + sign * net
    return found


def _net(name: str) -> Callable[[ChargeRecord], Decimal]:
    return lambda record: net_by_dimension(record).get(name, Decimal(0))


def _own(name: str) -> Callable[[ChargeRecord], Any]:
    return lambda record: getattr(record, name)


def _who(name: str) -> Callable[[ChargeRecord], Any]:
    return lambda record: getattr(record.snapshot, name)


SHEET: Sheet[ChargeRecord] = Sheet(
    "charge-records",
    (
        Column("id", "text", _own("id")),
        Column("kind", "text", lambda record: record.kind.value),
        Column("corrects_id", "text", _own("corrects_id")),
        Column("reason", "text", _own("reason")),
        Column("issued_at", "instant", _own("issued_at")),
        Column("transaction_id", "text", _own("transaction_id")),
        Column("reservation_id", "integer", _own("reservation_id")),
        Column("reference", "text", _who("reference")),
        Column("started_at", "instant", _own("started_at")),
        Column("ended_at", "instant", _own("ended_at")),
        Column("time_zone", "text", _who("time_zone")),
        Column("organisation_id", "text", _own("organisation_id")),
        Column("site_id", "text", _who("site_id")),
        Column("site", "text", _who("site_name")),
        Column("city", "text", _who("city")),
        Column("country", "text", _who("country")),
        Column("station_id", "text", _who("station_id")),
        Column("station", "text", _who("station_identity")),
        Column("evse", "integer", _who("evse")),
        Column("connector", "integer", _who("connector")),
        Column("driver_id", "text", _who("driver_id")),
        Column("driver", "text", _who("driver_name")),
        Column("token", "text", _who("token_value")),
        Column("token_kind", "text", _who("token_kind")),
        Column("tariff_id", "text", lambda record: record.tariffs[0].tariff_id if record.tariffs else None),
        Column("tariff", "text", lambda record: record.tariffs[0].name if record.tariffs else None),
        Column("tariff_version", "integer", lambda record: record.tariffs[0].version if record.tariffs else None),
        Column("energy_kwh", "exact", lambda record: record.energy_wh / 1000),
        Column("time_h", "exact", lambda record: record.price.time_h),
        Column("parking_h", "exact", lambda record: record.price.parking_h),
        Column("reservation_h", "exact", lambda record: record.price.reservation_h),
        Column("currency", "text", _own("currency")),
        *(Column(f"net_{name}", "exact", _net(name)) for name in EARNED),
        Column("net", "exact", _own("net")),
        Column("tax", "exact", _own("tax")),
        Column("gross", "exact", _own("gross")),
        Column("confidence", "text", lambda record: record.confidence.value),
        Column("signature", "text", lambda record: record.signature.value),
        Column("engine", "text", _own("engine")),
    ),
)
