"""Connection attempts as the operator looks through them."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from sqlalchemy import ColumnElement, func, select

from ingufu.infra.storage.database import Database
from ingufu.sites.tables import sites
from ingufu.stations.model import AttemptOutcome
from ingufu.stations.tables import attempts, stations
from ingufu.views.paging import Order, Page, cut, ordered
from ingufu.views.stations import Cursor, Limit, SiteIds, contains, named, seen
from ingufu.views.transactions import Instant


class AttemptQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which attempts, in which order."""

    station: Annotated[str, Meta(max_length=100, description="Id or identity of the station.")] | None = None
    identity: Annotated[str, Meta(max_length=200, description="Part of what it called itself.")] | None = None
    outcome: Annotated[tuple[AttemptOutcome, ...], Meta(max_length=30)] = ()
    is_refused: Annotated[bool | None, Meta(description="All but the successful ones, or only those.")] = None
    address: Annotated[str, Meta(max_length=100)] | None = None
    since: Annotated[Instant | None, Meta(description="At this instant or later.")] = None
    until: Annotated[Instant | None, Meta(description="Before this instant.")] = None
    sort: Literal["at", "-at"] = "-at"
    limit: Limit = 50
    cursor: Cursor | None = None


class AttemptRow(msgspec.Struct, frozen=True, kw_only=True):
    """One connection attempt, or several equal refusals within a short time."""

    id: str
    at: datetime
    listener: str
    address: str
    path: str
    identity: str | None = None
    station_id: str | None = None
    station_identity: str | None = None
    site_id: str | None = None
    time_zone: Annotated[str, Meta(description="Of the station's site.")] = "UTC"
    offered: tuple[str, ...] = ()  # subprotocols
    version: str | None = None
    tls_version: str | None = None
    certificate_name: str | None = None
    user_agent: str | None = None
    outcome: AttemptOutcome
    http_status: int | None = None
    detail: str
    count: Annotated[int, Meta(description="How many times, until `last_at`.")]
    last_at: datetime
    closed_at: datetime | None = None
    close_code: int | None = None
    close_reason: str | None = None


async def list_attempts(database: Database, query: AttemptQuery, site_ids: SiteIds) -> Page[AttemptRow]:
    """Return one page of the attempts that one may see: tied to sites, only those of known stations there."""
    order = Order(attempts.c.at, datetime, attempts.c.id, name="at", is_descending=query.sort.startswith("-"))
    statement = (
        select(
            *attempts.columns,
            stations.c.identity.label("station_identity"),
            stations.c.site_id,
            func.coalesce(sites.c.time_zone, "UTC").label("time_zone"),
        )
        .select_from(
            attempts.outerjoin(stations, stations.c.id == attempts.c.station_id).outerjoin(
                sites, sites.c.id == stations.c.site_id
            )
        )
        .where(*_conditions(query))
    )
    if query.station is not None:
        ids = select(stations.c.id).where(named(query.station))
        statement = statement.where(attempts.c.station_id.in_([row["id"] for row in await database.select(ids)]))
    if site_ids is not None:
        statement = statement.where(seen(site_ids))
    rows = await database.select(ordered(statement, order, cursor=query.cursor, limit=query.limit))
    rows, cursor = cut(rows, order, query.limit)
    return Page(items=tuple(msgspec.convert(row, AttemptRow) for row in rows), next=cursor)


async def count_refused(database: Database, since: datetime) -> int:
    """Return how many kinds of refusal there were since then, for the mark beside the menu."""
    statement = select(func.count().label("number")).where(
        attempts.c.at >= since, attempts.c.outcome != AttemptOutcome.CONNECTED.value
    )
    return int((await database.select(statement))[0]["number"])


def _conditions(query: AttemptQuery) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if query.identity:
        found.append(contains(func.coalesce(attempts.c.identity, ""), query.identity))
    if query.outcome:
        found.append(attempts.c.outcome.in_([one.value for one in query.outcome]))
    if query.is_refused is not None:
        connected = attempts.c.outcome == AttemptOutcome.CONNECTED.value
        found.append(~connected if query.is_refused else connected)
    if query.address is not None:
        found.append(attempts.c.address == query.address)
    if query.since is not None:
        found.append(attempts.c.at >= query.since)
    if query.until is not None:
        found.append(attempts.c.at < query.until)
    return found
