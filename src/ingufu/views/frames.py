"""Frames: the message log of stations, by station, time, transaction and connection."""

from datetime import datetime, timedelta
from typing import Annotated

import msgspec
from msgspec import Meta
from sqlalchemy import select

from ingufu.charging.tables import transactions
from ingufu.core.errors import InvalidInput, NotFound
from ingufu.infra.storage.database import Database
from ingufu.stations.frames import FrameFilter, FrameRow
from ingufu.stations.store import frames as frame_store
from ingufu.stations.tables import attempts, frame_chunks, stations
from ingufu.views.paging import Order, Page, cursor_at, place_of
from ingufu.views.stations import Cursor, Limit, SiteIds, named, seen
from ingufu.views.transactions import Instant


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
_ORDER = Order(frame_chunks.c.id, int, frame_chunks.c.id, tie_kind=int, name="id", is_descending=True)
_AFTERWARDS = timedelta(days=1)  # after the last change of a transaction that ended, something may still name it


class _Bounds(msgspec.Struct, frozen=True):
    """Where frames can be: whose, and when; None: at any station, at any time."""

    station_ids: frozenset[str] | None = None
    since: datetime | None = None
    until: datetime | None = None
    transaction: str | None = None  # the station's word for it


async def list_frames(database: Database, query: FrameQuery, site_ids: SiteIds) -> Page[Frame]:
    """Return one page of the frames that one may see.

    It may be short, even empty, though there is a next one: where little fits, one page looks through a part of the
    log and the next goes on. Raises NotFound for a transaction that is not one's to see, InvalidInput for a search
    through all stations: there are too many frames for that.
    """
    bounds = await _bounds(database, query, site_ids)
    if bounds.station_ids is None and any(getattr(query, name) not in {None, ""} for name in _NARROW):
        raise InvalidInput("Searching in frames needs a station, a transaction or a known connection.", field="station")
    wanted = FrameFilter(
        connection_id=query.connection_id,
        transaction=bounds.transaction,
        action=query.action,
        message_id=query.message_id,
        is_inbound=query.is_inbound,
        evse=query.evse,
        part=query.q,
        since=bounds.since,
        until=bounds.until,
    )
    conditions = [] if site_ids is None else [seen(site_ids)]
    if bounds.station_ids is not None:
        conditions.append(frame_chunks.c.station_id.in_(sorted(bounds.station_ids)))
    before_id = None if query.cursor is None else int(place_of(_ORDER, query.cursor))
    found = await frame_store.find(database, wanted, conditions, before_id=before_id, limit=query.limit)
    cursor = None if found.before_id is None else cursor_at(_ORDER, found.before_id, found.before_id)
    names = await _identities(database, {row.station_id for row in found.rows})
    return Page(items=tuple(shown(row, names.get(row.station_id)) for row in found.rows), next=cursor)


def shown(row: FrameRow, identity: str | None = None) -> Frame:
    """Return a frame as people see it."""
    return Frame(**msgspec.structs.asdict(row), station_identity=identity)


async def _bounds(database: Database, query: FrameQuery, site_ids: SiteIds) -> _Bounds:
    """Return where frames are looked for, by all that the query says of it."""
    all_bounds = [_Bounds(since=query.since, until=query.until)]
    if query.station is not None:
        rows = await database.select(select(stations.c.id).where(named(query.station)))
        all_bounds.append(_Bounds(frozenset(row["id"] for row in rows)))
    if query.connection_id is not None:
        all_bounds.append(await _of_connection(database, query.connection_id))
    if query.transaction_id is not None:
        all_bounds.append(await _of_transaction(database, query.transaction_id, site_ids))
    places = [one.station_ids for one in all_bounds if one.station_ids is not None]
    return _Bounds(
        frozenset.intersection(*places) if places else None,
        max((one.since for one in all_bounds if one.since is not None), default=None),
        min((one.until for one in all_bounds if one.until is not None), default=None),
        next((one.transaction for one in all_bounds if one.transaction is not None), None),
    )


async def _of_connection(database: Database, connection_id: str) -> _Bounds:
    statement = select(attempts.c.station_id, attempts.c.at, attempts.c.closed_at).where(attempts.c.id == connection_id)
    rows = await database.select(statement)
    if not rows:
        return _Bounds(frozenset())
    row = rows[0]
    since, until = row["at"] - frame_store.DISORDER, row["closed_at"]
    return _Bounds(
        frozenset(() if row["station_id"] is None else (row["station_id"],)),
        since,
        None if until is None else until + frame_store.DISORDER,
    )


async def _of_transaction(database: Database, transaction_id: str, site_ids: SiteIds) -> _Bounds:
    chosen = [
        transactions.c[name] for name in ("station_id", "reference", "start_received_at", "is_open", "updated_at")
    ]
    statement = (
        select(*chosen)
        .select_from(transactions.outerjoin(stations, stations.c.id == transactions.c.station_id))
        .where(transactions.c.id == transaction_id)
    )
    if site_ids is not None:
        statement = statement.where(seen(site_ids))
    rows = await database.select(statement)
    if not rows:
        raise NotFound("There is no such transaction.")
    row = rows[0]
    until = None if row["is_open"] else row["updated_at"] + _AFTERWARDS
    since = row["start_received_at"] - frame_store.DISORDER
    return _Bounds(frozenset({row["station_id"]}), since, until, row["reference"])


async def _identities(database: Database, station_ids: set[str]) -> dict[str, str]:
    rows = await database.select(
        select(stations.c.id, stations.c.identity).where(stations.c.id.in_(sorted(station_ids)))
    )
    return {row["id"]: row["identity"] for row in rows}
