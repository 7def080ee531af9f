"""What meters told beside transactions, signed values, and periodic event streams, as lists and pages show them."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from sqlalchemy import and_, func, select

from ingufu.charging.model import Sample, SignedValue
from ingufu.charging.signatures import read_public_key
from ingufu.charging.tables import readings
from ingufu.infra.storage.database import Database
from ingufu.stations.streams.tables import values as stream_values
from ingufu.views.paging import Order, Page, cut, ordered
from ingufu.views.personal import as_seen, hides_drivers
from ingufu.views.session import ReadingRow
from ingufu.views.stations import Cursor, Limit, SiteIds
from ingufu.views.transactions import Instant

MAX_SIGNED = 5000  # values of one transaction
_samples = msgspec.json.Decoder(tuple[Sample, ...]).decode


class IdleReadingQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which readings outside of transactions, the newest first."""

    evse: Annotated[int, Meta(ge=0, lt=2**31, description="Of this EVSE; 0: of the station's own meter.")] | None = None
    context: Annotated[str, Meta(max_length=60, description="For instance `Sample.Clock`.")] | None = None
    since: Annotated[Instant | None, Meta(description="At this instant or later.")] = None
    until: Annotated[Instant | None, Meta(description="Before this instant.")] = None
    limit: Limit = 50
    cursor: Cursor | None = None


class SignedRow(msgspec.Struct, frozen=True, kw_only=True):
    """A signed value, byte for byte as the station sent it."""

    at: datetime
    at_station: str | None = None
    evse: int | None = None
    context: str
    measurand: str
    data: str
    method: str | None = None
    encoding: str | None = None
    public_key: str | None = None
    public_key_der_hex: Annotated[str | None, Meta(description="The public key, if its form is known.")] = None
    container: Annotated[str | None, Meta(description="Of OCPP 1.6: the whole text in which data and key came.")] = None


class StreamValueQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which values of the stream, the newest first."""

    limit: Limit = 100
    cursor: Cursor | None = None


class StreamValueRow(msgspec.Struct, frozen=True, kw_only=True):
    """One value of a stream, at the time that the station took it."""

    id: int
    at: datetime
    received_at: datetime
    value: str


_READING = [readings.c[name] for name in ReadingRow.__struct_fields__]


async def list_idle_readings(
    database: Database, station_id: str, query: IdleReadingQuery, site_ids: SiteIds
) -> Page[ReadingRow]:
    """Return one page of the readings of a station that belong to no transaction."""
    order = Order(readings.c.at, datetime, readings.c.id, tie_kind=int, name="at", is_descending=True)
    statement = select(*_READING).where(readings.c.station_id == station_id, readings.c.transaction_id.is_(None))
    if query.evse is not None:
        statement = statement.where(readings.c.evse.is_(None) if query.evse == 0 else readings.c.evse == query.evse)
    if query.context is not None:
        statement = statement.where(readings.c.context == query.context)
    if query.since is not None:
        statement = statement.where(readings.c.at >= query.since)
    if query.until is not None:
        statement = statement.where(readings.c.at < query.until)
    rows = await database.select(ordered(statement, order, cursor=query.cursor, limit=query.limit))
    rows, cursor = cut(rows, order, query.limit)
    return Page(items=as_seen(site_ids, tuple(_reading(row) for row in rows)), next=cursor)


async def last_idle_readings(database: Database, station_id: str) -> list[ReadingRow]:
    """Return the newest reading outside of transactions of each EVSE, and of the station's own meter, by EVSE."""
    is_idle = and_(readings.c.station_id == station_id, readings.c.transaction_id.is_(None))
    newest = select(readings.c.evse, func.max(readings.c.id).label("id")).where(is_idle).group_by(readings.c.evse)
    ids = [row["id"] for row in await database.select(newest)]
    if not ids:
        return []
    rows = await database.select(select(*_READING).where(readings.c.id.in_(ids)))
    return [_reading(row) for row in sorted(rows, key=lambda row: row["evse"] or 0)]


async def list_signed(database: Database, transaction_id: str, site_ids: SiteIds) -> list[SignedRow]:
    """Return the signed values of a transaction in the order of time; to a host none, as they may name the card."""
    if hides_drivers(site_ids):
        return []
    statement = (
        select(readings.c.at, readings.c.at_station, readings.c.evse, readings.c.samples)
        .where(readings.c.transaction_id == transaction_id, readings.c.samples.contains('"signed":'))
        .order_by(readings.c.at, readings.c.id)
        .limit(MAX_SIGNED)
    )
    found: list[SignedRow] = []
    for row in await database.select(statement):
        found += [
            _signed(row, sample, sample.signed) for sample in _samples(row["samples"]) if sample.signed is not None
        ]
    return found


async def list_stream_values(
    database: Database, station_id: str, number: int, query: StreamValueQuery
) -> Page[StreamValueRow]:
    """Return one page of the values of a stream."""
    table = stream_values
    order = Order(table.c.at, datetime, table.c.id, tie_kind=int, name="at", is_descending=True)
    chosen = [table.c[name] for name in StreamValueRow.__struct_fields__]
    statement = select(*chosen).where(table.c.station_id == station_id, table.c.stream == number)
    rows = await database.select(ordered(statement, order, cursor=query.cursor, limit=query.limit))
    rows, cursor = cut(rows, order, query.limit)
    return Page(items=tuple(msgspec.convert(row, StreamValueRow) for row in rows), next=cursor)


def _signed(row: dict[str, Any], sample: Sample, value: SignedValue) -> SignedRow:
    key = read_public_key(value.public_key)
    return SignedRow(
        at=row["at"],
        at_station=row["at_station"],
        evse=row["evse"],
        context=sample.context,
        measurand=sample.measurand,
        data=value.data,
        method=value.method,
        encoding=value.encoding,
        public_key=value.public_key,
        public_key_der_hex=None if key is None else key.der_hex,
        container=None if sample.raw_value == value.data or sample.value is not None else sample.raw_value,
    )


def _reading(row: dict[str, Any]) -> ReadingRow:
    return msgspec.convert({**row, "samples": msgspec.Raw(row["samples"])}, ReadingRow)
