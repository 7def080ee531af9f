"""How much of a time the EVSEs of a station could be used, and when they could not: from its timeline."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import Meta
from sqlalchemy import Text, and_, func, or_, select, type_coerce

from ingufu.core.errors import InvalidInput
from ingufu.infra.storage.database import Database
from ingufu.infra.storage.outbox import events
from ingufu.stations import outages
from ingufu.stations.decide import EARLIEST
from ingufu.stations.model import ConnectorStatus
from ingufu.stations.outages import Beginning, Cause, Change, Condition, Link, LinkChange, Place, Span
from ingufu.stations.tables import connectors, evses
from ingufu.views.stations import StationView
from ingufu.views.transactions import Instant

DAYS = 30  # if nobody says how many
MOST_DAYS = 400
MOST_CHANGES = 20_000  # of a station that changes more often, the latest are looked at
MOST_OUTAGES = 500  # that are listed, the latest
_RETURNS_LOOKED_AT = 50
_CAME, _LEFT, _STATUS, _WISH = "StationConnected", "StationDisconnected", "StatusChanged", "AvailabilityAsked"
_GOING_AWAY = 1001  # we stopped: RFC 6455 7.4.1


class UptimeQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of which time."""

    since: Annotated[Instant | None, Meta(description="At this instant or later; else 30 days before `until`.")] = None
    until: Annotated[Instant | None, Meta(description="Before this instant; else now.")] = None


class Outage(msgspec.Struct, frozen=True, kw_only=True):
    """A time in which an EVSE could not be used."""

    evse: int
    began_at: Annotated[datetime, Meta(description="Not before `since`, even if it is older.")]
    ended_at: Annotated[datetime | None, Meta(description="null: it lasts.")] = None
    lasted_s: float
    is_planned: Annotated[bool, Meta(description="It was asked to be out of service.")]
    cause: Annotated[Cause | None, Meta(description="At its beginning; null: it was planned.")] = None
    error_code: Annotated[str | None, Meta(description="Of the fault, in the station's words.")] = None


class Stretch(msgspec.Struct, frozen=True, kw_only=True):
    """Since when an EVSE was in a condition, until the next one begins."""

    began_at: datetime
    condition: Condition


class EvseUptime(msgspec.Struct, frozen=True, kw_only=True):
    """How much of the time an EVSE could be used. docs/reference/reports.md defines each figure."""

    evse: int
    uptime: Annotated[float | None, Meta(description="Part of 1; null: nothing is known.")] = None
    up_s: float = 0.0
    down_s: float = 0.0
    planned_s: float = 0.0
    unknown_s: float = 0.0
    failures: int = 0
    mtbf_s: Annotated[float | None, Meta(description="Mean time between failures; null: none.")] = None
    mttr_s: Annotated[float | None, Meta(description="Mean time to repair; null: nothing was repaired.")] = None
    stretches: tuple[Stretch, ...] = ()


class StationUptime(msgspec.Struct, frozen=True, kw_only=True):
    """How much of the time the EVSEs of a station could be used, and when not, the latest first."""

    since: datetime
    until: datetime
    evses: tuple[EvseUptime, ...]
    outages: tuple[Outage, ...]
    outage_count: Annotated[int, Meta(description="Of all; the latest 500 are listed.")]


async def get_uptime(database: Database, station: StationView, query: UptimeQuery, *, now: datetime) -> StationUptime:
    """Return the uptime of each EVSE of a station. Raises InvalidInput for an odd time."""
    since, until = _time_of(query, now)
    told = await _told(database, station.id, since, now)
    link, link_changes = await _links(database, station, told, since, now)
    statuses, status_changes = await _statuses(database, station, told)
    wishes, wish_changes = await _wishes(database, station.id, since)
    changes: list[Change] = sorted([*link_changes, *status_changes, *wish_changes], key=lambda one: one.at)
    places = await _places(database, station.id)
    beginning = Beginning(link, statuses, wishes)
    found = await asyncio.to_thread(outages.spans, places, beginning, changes, since, until)  # of a year: a while
    listed = [_outage(evse, one, until) for evse, parts in found.items() for one in outages.outages(parts)]
    listed.sort(key=lambda one: (one.began_at, -one.evse), reverse=True)
    return StationUptime(
        since=since,
        until=until,
        evses=tuple(_evse(evse, parts, until) for evse, parts in sorted(found.items())),
        outages=tuple(listed[:MOST_OUTAGES]),
        outage_count=len(listed),
    )


def _time_of(query: UptimeQuery, now: datetime) -> tuple[datetime, datetime]:
    until = min(query.until or now, now)
    if until < EARLIEST:
        raise InvalidInput(f"Ask for a time from {EARLIEST:%Y} on, not before there were stations.", field="until")
    until = until.astimezone(UTC)
    if query.since is None:
        return until - timedelta(days=DAYS), until
    if query.since >= until:
        raise InvalidInput("The time ends before it begins, or lies in the future.", field="since")
    if until - query.since > timedelta(days=MOST_DAYS):
        raise InvalidInput(f"Ask for {MOST_DAYS} days at most.", field="since")
    return query.since.astimezone(UTC), until


def _outage(evse: int, span: Span, until: datetime) -> Outage:
    return Outage(
        evse=evse,
        began_at=span.began_at,
        ended_at=span.ended_at if span.ended_at < until else None,
        lasted_s=span.lasted.total_seconds(),
        is_planned=span.condition is Condition.PLANNED,
        cause=span.cause,
        error_code=span.code,
    )


def _evse(evse: int, parts: Sequence[Span], until: datetime) -> EvseUptime:
    sums = outages.figures(parts, until)
    return EvseUptime(
        evse=evse,
        uptime=sums.uptime,
        up_s=sums.up_s,
        down_s=sums.down_s,
        planned_s=sums.planned_s,
        unknown_s=sums.unknown_s,
        failures=sums.failures,
        mtbf_s=sums.mtbf_s,
        mttr_s=sums.mttr_s,
        stretches=_stretches(parts),
    )


def _stretches(parts: Sequence[Span]) -> tuple[Stretch, ...]:
    """Return where the condition changes; another cause of the same is no change."""
    found: list[Stretch] = []
    for part in parts:
        if not found or found[-1].condition is not part.condition:
            found.append(Stretch(began_at=part.began_at, condition=part.condition))
    return tuple(found)


# What the timeline holds


class _Told(NamedTuple):
    """The connections and statuses of a station, in the order in which they were heard, all since an instant."""

    rows: list[dict[str, Any]]
    since: datetime


_DETAILS = type_coerce(events.c.details, Text)
_TELLS = or_(*(_DETAILS.contains(word) for word in ("faulted", "unavailable", "unknown", '"before":null')))


async def _told(database: Database, station_id: str, since: datetime, now: datetime) -> _Told:
    """Return all of it up to now: what comes after the time asked for tells how things stood before.

    Of statuses, those that may make an EVSE usable or take it out of use: nearly all others tell of sessions.
    """
    columns = (events.c.id, events.c.occurred_at, events.c.kind, events.c.details)
    statement = (
        select(*columns)
        .where(
            events.c.station_id == station_id,
            or_(events.c.kind.in_((_CAME, _LEFT)), and_(events.c.kind == _STATUS, _TELLS)),
            events.c.occurred_at >= since,
            events.c.occurred_at <= now,
        )
        .order_by(events.c.id.desc())
        .limit(MOST_CHANGES)
    )
    rows = list(reversed(await database.select(statement)))
    return _Told(rows, max(since, rows[0]["occurred_at"]) if len(rows) == MOST_CHANGES else since)


async def _places(database: Database, station_id: str) -> dict[int, list[int]]:
    """Return the EVSEs with their connectors."""
    own = (
        select(evses.c.number.label("evse"), connectors.c.number)
        .select_from(
            evses.outerjoin(
                connectors, and_(connectors.c.station_id == evses.c.station_id, connectors.c.evse == evses.c.number)
            )
        )
        .where(evses.c.station_id == station_id)
    )
    found: dict[int, list[int]] = {}
    for row in await database.select(own):
        plugs = found.setdefault(row["evse"], [])
        if row["number"] is not None:
            plugs.append(row["number"])
    return found


# Connections


async def _links(
    database: Database, station: StationView, told: _Told, since: datetime, now: datetime
) -> tuple[Link, list[LinkChange]]:
    """Return whether the station was connected at first, and when that changed."""
    rows = [row for row in told.rows if row["kind"] in (_CAME, _LEFT)]
    before = await _last_before(database, station.id, told.since)
    known_since = max(told.since, min(station.created_at, now))
    changes = [LinkChange(since, Link.UNKNOWN)]
    if before is not None:
        changes = [*changes, LinkChange(known_since, Link.ONLINE if before["kind"] == _CAME else Link.OFFLINE)]
    elif rows and rows[0]["kind"] == _LEFT:  # how it came has been deleted for its age
        changes = [*changes, LinkChange(known_since, Link.ONLINE)]
    elif not rows and station.is_online:
        changes = [*changes, LinkChange(max(station.online_changed_at or known_since, known_since), Link.ONLINE)]
    if len(changes) > 1 and changes[1].at == since:
        del changes[0]
    lasting = outages.links([*changes, *await _moves(database, rows, now)], now)
    return lasting[0].link, lasting[1:]


async def _last_before(database: Database, station_id: str, since: datetime) -> dict[str, Any] | None:
    statement = (
        select(events.c.kind)
        .where(events.c.station_id == station_id, events.c.kind.in_((_CAME, _LEFT)), events.c.occurred_at < since)
        .order_by(events.c.id.desc())
        .limit(1)
    )
    rows = await database.select(statement)
    return rows[0] if rows else None


async def _moves(database: Database, rows: Sequence[Mapping[str, Any]], now: datetime) -> list[LinkChange]:
    """Return when the station came and left. While we had stopped, nobody knows whether it could have come."""
    found: list[LinkChange] = []
    looked_at = 0
    for place, row in enumerate(rows):
        at = row["occurred_at"]
        if row["kind"] == _CAME:
            found.append(LinkChange(at, Link.ONLINE))
            continue
        gone_until = rows[place + 1]["occurred_at"] if place + 1 < len(rows) else now
        is_ours = row["details"].get("code") == _GOING_AWAY and gone_until - at > outages.GRACE
        if not is_ours or looked_at == _RETURNS_LOOKED_AT:
            found.append(LinkChange(at, Link.OFFLINE))
            continue
        looked_at += 1
        found.append(LinkChange(at, Link.UNKNOWN))
        returned_at = await _first_return(database, row["id"])
        if returned_at is not None and returned_at < gone_until:
            found.append(LinkChange(returned_at, Link.OFFLINE))
    return found


async def _first_return(database: Database, event_id: int) -> datetime | None:
    """Return when any station came after an event: from then on, all could."""
    first = select(func.min(events.c.id)).where(events.c.kind == _CAME, events.c.id > event_id).scalar_subquery()
    rows = await database.select(select(events.c.occurred_at).where(events.c.id == first))
    return rows[0]["occurred_at"] if rows else None


# Statuses


_Statuses = dict[Place, tuple[ConnectorStatus, str | None]]


async def _statuses(
    database: Database, station: StationView, told: _Told
) -> tuple[_Statuses, list[outages.StatusChange]]:
    """Return the statuses at first, and how they changed."""
    changes: list[outages.StatusChange] = []
    before: dict[Place, str | None] = {}
    for row, at in _heard_at(told.rows):
        details = row["details"]
        place = (details["evse"], details["connector"])
        before.setdefault(place, details.get("before"))
        status = ConnectorStatus(details["after"])
        code = details.get("error_code") if status is ConnectorStatus.FAULTED else None
        changes.append(outages.StatusChange(at, place, status, code))
    now = {
        place: one
        for place, one in (await _statuses_now(database, station)).items()
        if place not in before and one[0] is not ConnectorStatus.UNKNOWN
    }
    first = {place: (ConnectorStatus(status), None) for place, status in before.items() if status is not None}
    return now | first, changes


def _heard_at(rows: Sequence[Mapping[str, Any]]) -> list[tuple[Mapping[str, Any], datetime]]:
    """Return the reports of a status, each with its time, but not before the connection on which it was heard."""
    found, came_at = [], None
    for row in rows:
        if row["kind"] == _STATUS:
            found.append((row, row["occurred_at"] if came_at is None else max(row["occurred_at"], came_at)))
        elif row["kind"] == _CAME:
            came_at = row["occurred_at"]
    return found


async def _statuses_now(database: Database, station: StationView) -> _Statuses:
    columns = (connectors.c.evse, connectors.c.number, connectors.c.status, connectors.c.error_code)
    rows = await database.select(select(*columns).where(connectors.c.station_id == station.id))
    found = {(row["evse"], row["number"]): (ConnectorStatus(row["status"]), row["error_code"]) for row in rows}
    if station.status is not None:
        found[0, 0] = (station.status, station.error_code)
    return found


# What was asked for


async def _wishes(
    database: Database, station_id: str, since: datetime
) -> tuple[dict[Place, bool], list[outages.WishChange]]:
    """Return what was to serve at first, and how that changed."""
    statement = (
        select(events.c.occurred_at, events.c.details)
        .where(events.c.station_id == station_id, events.c.kind == _WISH)
        .order_by(events.c.id.desc())
        .limit(MOST_CHANGES)
    )
    first: dict[Place, bool] = {}
    changes = []
    for row in reversed(await database.select(statement)):
        details = row["details"]
        place = (details["evse"], details["connector"])
        if row["occurred_at"] < since:
            first[place] = details["is_operative"]
        else:
            changes.append(outages.WishChange(row["occurred_at"], place, details["is_operative"]))
    return first, changes
