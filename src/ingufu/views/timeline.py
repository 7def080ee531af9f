"""Events: the timeline of stations and transactions, with the site each belongs to."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from sqlalchemy import ColumnElement, Select, func, or_, select

from ingufu.infra.storage.database import Database
from ingufu.infra.storage.outbox import events
from ingufu.stations.tables import stations
from ingufu.views.paging import Order, Page, cut, ordered
from ingufu.views.personal import as_seen, hides_drivers, masked_detail
from ingufu.views.stations import Cursor, Limit, SiteIds, named
from ingufu.views.tenures import held_now
from ingufu.views.transactions import Instant

Kinds = Annotated[
    tuple[Annotated[str, Meta(max_length=60)], ...],
    Meta(max_length=50, description="Only of these kinds, for instance `StatusChanged`."),
]


class EventQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which events, the newest first."""

    station: Annotated[str, Meta(max_length=100, description="Id or identity of the station.")] | None = None
    transaction_id: Annotated[str, Meta(max_length=100)] | None = None
    kind: Kinds = ()
    since: Annotated[Instant | None, Meta(description="At this instant or later.")] = None
    until: Annotated[Instant | None, Meta(description="Before this instant.")] = None
    limit: Limit = 50
    cursor: Cursor | None = None


class EventRow(msgspec.Struct, frozen=True, kw_only=True):
    """A fact that happened. `details` are particular to its kind."""

    id: int
    kind: str
    occurred_at: datetime
    station_id: str | None = None
    station_identity: str | None = None
    site_id: str | None = None
    transaction_id: str | None = None
    details: dict[str, Any]


class EventFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which events a listener wants and may see."""

    station_ids: frozenset[str] | None = None  # None: all
    kinds: frozenset[str] = frozenset()  # empty: all
    site_ids: SiteIds = None
    transaction_ids: frozenset[str] = frozenset()  # sessions that one may see though not their sites, as fleets do

    def admits(self, kind: str, station_id: str | None, site_id: str | None, transaction_id: str | None = None) -> bool:
        """Return whether an event passes."""
        if self.kinds and kind not in self.kinds:
            return False
        if self.station_ids is not None and station_id not in self.station_ids:
            return False
        return self.site_ids is None or site_id in self.site_ids or transaction_id in self.transaction_ids


async def list_events(database: Database, query: EventQuery, site_ids: SiteIds) -> Page[EventRow]:
    """Return one page of the events that one may see."""
    order = Order(events.c.id, int, events.c.id, tie_kind=int, name="id", is_descending=True)
    statement = _rows().where(*_conditions(query))
    if query.station is not None:
        ids = select(stations.c.id).where(named(query.station))
        statement = statement.where(events.c.station_id.in_([row["id"] for row in await database.select(ids)]))
    if site_ids is not None:
        statement = statement.where(held_now(site_ids, stations.c.site_id, events.c.occurred_at))
    rows = await database.select(ordered(statement, order, cursor=query.cursor, limit=query.limit))
    rows, cursor = cut(rows, order, query.limit)
    return Page(items=tuple(event_row(row, site_ids) for row in rows), next=cursor)


async def events_after(database: Database, last_id: int, wanted: EventFilter, *, limit: int) -> list[EventRow]:
    """Return the stored events after this id, in order, that pass the filter."""
    statement = _rows().where(events.c.id > last_id)
    if wanted.kinds:
        statement = statement.where(events.c.kind.in_(sorted(wanted.kinds)))
    if wanted.station_ids is not None:
        statement = statement.where(events.c.station_id.in_(sorted(wanted.station_ids)))
    if wanted.site_ids is not None:
        of_sessions = events.c.transaction_id.in_(sorted(wanted.transaction_ids))
        is_seen = held_now(wanted.site_ids, stations.c.site_id, events.c.occurred_at)
        statement = statement.where(or_(is_seen, of_sessions) if wanted.transaction_ids else is_seen)
    rows = await database.select(statement.order_by(events.c.id).limit(limit))
    return [event_row(row, wanted.site_ids) for row in rows]


def event_row(row: dict[str, Any], site_ids: SiteIds) -> EventRow:
    """Return a stored event as those may see it who see these sites."""
    return msgspec.convert({**row, "details": details_seen(site_ids, row["details"])}, EventRow)


def details_seen(site_ids: SiteIds, details: dict[str, Any]) -> dict[str, Any]:
    """Return what is particular to an event as those may see it who see these sites."""
    if hides_drivers(site_ids) and "anomaly" in details:
        details = {**details, "detail": masked_detail(details["anomaly"], str(details.get("detail", "")))}
    return as_seen(site_ids, details)


_LAST = select(func.max(events.c.id).label("last"))


async def last_event_id(database: Database) -> int:
    """Return the id of the newest event; 0 if there is none."""
    row = await database.fetch_one(_LAST)
    return 0 if row is None or row["last"] is None else int(row["last"])


async def identities_of(database: Database, station_ids: Sequence[str]) -> dict[str, tuple[str, str | None]]:
    """Return identity and site of each station."""
    statement = select(stations.c.id, stations.c.identity, stations.c.site_id).where(stations.c.id.in_(station_ids))
    return {row["id"]: (row["identity"], row["site_id"]) for row in await database.select(statement)}


def _rows() -> Select[Any]:
    return select(
        events.c.id,
        events.c.kind,
        events.c.occurred_at,
        events.c.station_id,
        events.c.transaction_id,
        events.c.details,
        stations.c.identity.label("station_identity"),
        stations.c.site_id,
    ).select_from(events.outerjoin(stations, stations.c.id == events.c.station_id))


def _conditions(query: EventQuery) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if query.transaction_id is not None:
        found.append(events.c.transaction_id == query.transaction_id)
    if query.kind:
        found.append(or_(*(events.c.kind == kind for kind in query.kind)))
    if query.since is not None:
        found.append(events.c.occurred_at >= query.since)
    if query.until is not None:
        found.append(events.c.occurred_at < query.until)
    return found
