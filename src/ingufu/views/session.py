"""What one transaction is made of: its events, readings and anomalies, and the series that charts draw."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from statistics import fmean
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta
from sqlalchemy import select

from ingufu.charging.model import AnomalyKind, ReportKind
from ingufu.charging.tables import anomalies, readings, transaction_events
from ingufu.infra.storage.database import Database
from ingufu.views.paging import Order, Page, cut, ordered
from ingufu.views.personal import as_seen, hides_drivers, masked_detail
from ingufu.views.stations import Cursor, Limit, SiteIds

MAX_SERIES = 200_000  # readings drawn into one series; a week of one every 3 s


class ReadingQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which readings of the transaction."""

    sort: Literal["at", "-at"] = "at"
    limit: Limit = 100
    cursor: Cursor | None = None


class SeriesQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How fine the series is."""

    points: Annotated[int, Meta(ge=2, le=5000, description="At most so many points.")] = 300


class ReadingRow(msgspec.Struct, frozen=True, kw_only=True):
    """What a meter said at one instant. `samples` are all values as they came and as they were understood."""

    id: int
    at: datetime
    at_station: str | None = None
    received_at: datetime
    evse: int | None = None
    context: str
    energy_wh: Annotated[Decimal | None, Meta(description="The import register.")] = None
    power_w: Annotated[float | None, Meta(description="Import; negative while exporting.")] = None
    current_a: float | None = None
    voltage_v: float | None = None
    soc_percent: float | None = None
    temperature_c: float | None = None
    samples: msgspec.Raw


class SeriesPoint(msgspec.Struct, frozen=True, kw_only=True):
    """A slice of the transaction: means of its readings, the last of registers and state of charge."""

    at: datetime
    energy_wh: Decimal | None = None
    power_w: float | None = None
    power_max_w: float | None = None
    current_a: float | None = None
    voltage_v: float | None = None
    soc_percent: float | None = None
    temperature_c: float | None = None


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """The curve of a transaction."""

    points: tuple[SeriesPoint, ...]
    reading_count: Annotated[int, Meta(description="How many readings it is drawn from.")]


class TransactionEventRow(msgspec.Struct, frozen=True, kw_only=True):
    """What the station reported of the transaction, as it came."""

    id: int
    kind: ReportKind
    seq: int | None = None
    at: datetime
    at_station: str | None = None
    received_at: datetime
    trigger: str | None = None
    state: str | None = None
    is_offline: bool
    details: dict[str, Any]


class AnomalyRow(msgspec.Struct, frozen=True, kw_only=True):
    """Something odd about what the station reported."""

    id: int
    at: datetime
    evse: int | None = None
    kind: AnomalyKind
    detail: str


async def list_readings(
    database: Database, transaction_id: str, query: ReadingQuery, site_ids: SiteIds
) -> Page[ReadingRow]:
    """Return one page of the transaction's readings."""
    is_descending = query.sort.startswith("-")
    order = Order(readings.c.at, datetime, readings.c.id, tie_kind=int, name="at", is_descending=is_descending)
    chosen = [readings.c[name] for name in ReadingRow.__struct_fields__]
    statement = select(*chosen).where(readings.c.transaction_id == transaction_id)
    rows = await database.select(ordered(statement, order, cursor=query.cursor, limit=query.limit))
    rows, cursor = cut(rows, order, query.limit)
    return Page(items=as_seen(site_ids, tuple(_reading(row) for row in rows)), next=cursor)


async def get_series(database: Database, transaction_id: str, points: int) -> Series:
    """Return the curve in at most so many points, over equal slices of the time between first and last reading."""
    names = [name for name in SeriesPoint.__struct_fields__ if name in readings.columns]
    statement = (
        select(*(readings.c[name] for name in names))
        .where(readings.c.transaction_id == transaction_id)
        .order_by(readings.c.at, readings.c.id)
        .limit(MAX_SERIES)
    )
    rows = await database.select(statement)
    if len(rows) <= points:
        return Series(points=tuple(_point([row]) for row in rows), reading_count=len(rows))
    first, last = rows[0]["at"], rows[-1]["at"]
    width_s = max((last - first).total_seconds(), 1e-6) / points
    slices: dict[int, list[dict[str, Any]]] = {}
    for row in rows:
        slices.setdefault(min(int((row["at"] - first).total_seconds() / width_s), points - 1), []).append(row)
    return Series(points=tuple(_point(slices[number]) for number in sorted(slices)), reading_count=len(rows))


async def list_transaction_events(
    database: Database, transaction_id: str, site_ids: SiteIds
) -> list[TransactionEventRow]:
    """Return what the station reported of the transaction, in the order in which we heard of it."""
    chosen = [transaction_events.c[name] for name in TransactionEventRow.__struct_fields__]
    statement = select(*chosen).where(transaction_events.c.transaction_id == transaction_id)
    rows = await database.select(statement.order_by(transaction_events.c.id))
    return as_seen(site_ids, [msgspec.convert(row, TransactionEventRow) for row in rows])


async def list_anomalies(database: Database, transaction_id: str, site_ids: SiteIds) -> list[AnomalyRow]:
    """Return what is odd about the transaction, earliest first."""
    chosen = [anomalies.c[name] for name in AnomalyRow.__struct_fields__]
    statement = select(*chosen).where(anomalies.c.transaction_id == transaction_id)
    rows = await database.select(statement.order_by(anomalies.c.id))
    found = [msgspec.convert(row, AnomalyRow) for row in rows]
    if not hides_drivers(site_ids):
        return found
    return [msgspec.structs.replace(one, detail=masked_detail(one.kind, one.detail)) for one in found]


def _reading(row: dict[str, Any]) -> ReadingRow:
    return msgspec.convert({**row, "samples": msgspec.Raw(row["samples"])}, ReadingRow)


def _point(rows: Sequence[dict[str, Any]]) -> SeriesPoint:
    powers = _known(rows, "power_w")
    return SeriesPoint(
        at=rows[-1]["at"],
        energy_wh=_last(rows, "energy_wh"),
        power_w=fmean(powers) if powers else None,
        power_max_w=max(powers) if powers else None,
        current_a=_mean(rows, "current_a"),
        voltage_v=_mean(rows, "voltage_v"),
        soc_percent=_last(rows, "soc_percent"),
        temperature_c=_mean(rows, "temperature_c"),
    )


def _known(rows: Sequence[dict[str, Any]], name: str) -> list[Any]:
    return [row[name] for row in rows if row[name] is not None]


def _mean(rows: Sequence[dict[str, Any]], name: str) -> float | None:
    known = _known(rows, name)
    return fmean(known) if known else None


def _last(rows: Sequence[dict[str, Any]], name: str) -> Any:  # a column's value
    return next((row[name] for row in reversed(rows) if row[name] is not None), None)
