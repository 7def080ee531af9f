"""Frames: the message log of stations, by station, time, transaction and connection."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from sqlalchemy import ColumnElement, Select, func, select

from ingufu.charging.tables import transactions
from ingufu.core.errors import InvalidInput, NotFound
from ingufu.infra.storage.database import Database
from ingufu.stations.tables import attempts, frames, stations
from ingufu.views.paging import Order, Page, cut, ordered
from ingufu.views.stations import Cursor, Limit, SiteIds, named, seen
from ingufu.views.transactions import Instant

EARLIEST = datetime(2, 1, 1, tzinfo=UTC)  # beyond these, times cannot be reckoned with
LATEST = datetime(9998, 1, 1, tzinfo=UTC)
DISORDER = timedelta(minutes=5)  # frames are written nearly, not wholly, in order of their time


class FrameQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which frames, the newest first. All filters but the times need a station, a transaction or a connection."""

    station: Annotated[str, Meta(max_length=100, description="Id or identity of the station.")] | None = None
    connection_id: Annotated[str, Meta(max_length=100, description="Id of the connection attempt.")] | None = None
    transaction_id: (
        Annotated[str, Meta(max_length=100, description="Frames that name this transaction (our id of it).")] | None
    ) = None
    action: Annotated[str, Meta(max_length=50, description="Of the CALL, also of its answer.")] | None = None
    message_id: Annotated[str, Meta(max_length=100)] | None = None
    is_inbound: Annotated[bool | None, Meta(description="Whether the station sent it.")] = None
    evse: Annotated[int, Meta(ge=0, lt=2**31)] | None = None
    q: Annotated[str, Meta(max_length=200, description="Part of the text.")] = ""
    since: Annotated[Instant | None, Meta(description="At this instant or later.")] = None
    until: Annotated[Instant | None, Meta(description="Before this instant.")] = None
    limit: Limit = 50
    cursor: Cursor | None = None


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """One frame as it went over the wire, its secrets taken out."""

    id: int
    at: datetime
    station_id: str
    station_identity: str | None = None
    connection_id: str
    is_inbound: bool
    message_type: Annotated[int | None, Meta(description="2 CALL, 3 CALLRESULT, 4 CALLERROR, 5, 6; null: unreadable")]
    message_id: str | None = None
    action: str | None = None
    evse: int | None = None
    transaction: Annotated[str | None, Meta(description="The station's word for it.")] = None
    text: str
    size: Annotated[int, Meta(description="Bytes on the wire, before the text was cut, if it was.")]


_NARROW = ("connection_id", "action", "message_id", "evse", "q")  # filters that may find nothing for very long


async def list_frames(database: Database, query: FrameQuery, site_ids: SiteIds) -> Page[Frame]:
    """Return one page of the frames that one may see.

    Raises NotFound for a transaction that is not one's to see, InvalidInput for a search through all stations: there
    are too many frames for that.
    """
    order = Order(frames.c.id, int, frames.c.id, tie_kind=int, name="id", is_descending=True)
    places = await _places(database, query)
    if not places and any(getattr(query, name) not in {None, ""} for name in _NARROW):
        raise InvalidInput("Searching in frames needs a station, a transaction or a known connection.", field="station")
    if query.transaction_id is not None:
        places += await _of_transaction(database, query.transaction_id, site_ids)
    statement = _rows().where(*places, *_conditions(query), *await _between(database, query))
    if site_ids is not None:
        statement = statement.where(seen(site_ids))
    rows = await database.select(ordered(statement, order, cursor=query.cursor, limit=query.limit))
    rows, cursor = cut(rows, order, query.limit)
    return Page(items=tuple(msgspec.convert(row, Frame) for row in rows), next=cursor)


async def _places(database: Database, query: FrameQuery) -> list[ColumnElement[bool]]:
    """Return the condition on the station, where one is named, be it by its connection."""
    if query.station is not None:
        ids = select(stations.c.id).where(named(query.station))
    elif query.connection_id is not None:
        ids = select(attempts.c.station_id.label("id")).where(attempts.c.id == query.connection_id)
    elif query.transaction_id is not None:
        ids = select(transactions.c.station_id.label("id")).where(transactions.c.id == query.transaction_id)
    else:
        return []
    return [frames.c.station_id.in_([row["id"] for row in await database.select(ids)])]


def _rows() -> Select[Any]:
    return select(*frames.columns, stations.c.identity.label("station_identity")).select_from(
        frames.outerjoin(stations, stations.c.id == frames.c.station_id)
    )


def _conditions(query: FrameQuery) -> list[ColumnElement[bool]]:
    exact = {
        frames.c.connection_id: query.connection_id,
        frames.c.action: query.action,
        frames.c.message_id: query.message_id,
        frames.c.evse: query.evse,
    }
    found: list[ColumnElement[bool]] = [column == value for column, value in exact.items() if value is not None]
    if query.is_inbound is not None:
        found.append(frames.c.is_inbound.is_(query.is_inbound))
    if query.q:
        found.append(func.lower(frames.c.text).contains(query.q.lower(), autoescape=True))
    if query.since is not None:
        found.append(frames.c.at >= query.since)
    if query.until is not None:
        found.append(frames.c.at < query.until)
    return found


async def _between(database: Database, query: FrameQuery) -> list[ColumnElement[bool]]:
    """Return the ids between which the wanted times surely lie, so that the log is entered there, not at its end."""
    found: list[ColumnElement[bool]] = []
    if query.since is not None and query.since > EARLIEST:
        before = select(frames.c.id).where(frames.c.at < query.since - DISORDER).order_by(frames.c.at.desc()).limit(1)
        found += [frames.c.id > row["id"] for row in await database.select(before)]
    if query.until is not None and query.until < LATEST:
        after = select(frames.c.id).where(frames.c.at >= query.until + DISORDER).order_by(frames.c.at).limit(1)
        found += [frames.c.id < row["id"] for row in await database.select(after)]
    return found


async def _of_transaction(database: Database, transaction_id: str, site_ids: SiteIds) -> list[ColumnElement[bool]]:
    statement = (
        select(transactions.c.station_id, transactions.c.reference)
        .select_from(transactions.outerjoin(stations, stations.c.id == transactions.c.station_id))
        .where(transactions.c.id == transaction_id)
    )
    if site_ids is not None:
        statement = statement.where(seen(site_ids))
    rows = await database.select(statement)
    if not rows:
        raise NotFound("There is no such transaction.")
    row = rows[0]
    return [frames.c.station_id == row["station_id"], frames.c.transaction == row["reference"]]
