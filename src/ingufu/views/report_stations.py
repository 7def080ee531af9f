"""How stations were used: figures of each in a period, the most first; and how many different cards charged."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from sqlalchemy import ColumnElement, and_, distinct, false, func, or_, select, true

from ingufu.charging.tables import transactions
from ingufu.core.sheet import Sheet, own
from ingufu.infra.storage.database import Database
from ingufu.reports.days import bounds
from ingufu.reports.tables import cells, evses, taking_cells
from ingufu.sites.tables import sites
from ingufu.stations.tables import stations
from ingufu.views.report_capacity import Capacity, in_own_days
from ingufu.views.report_periods import period_of
from ingufu.views.reports import EARNED, SUMS, USE_COLUMNS, DaysQuery, Use, use_of
from ingufu.views.stations import SiteIds
from ingufu.views.tenures import held, held_days, sites_of

MOST = 500  # stations of a list
AT_ONCE = 500  # rows of a file
_NO_CARD = ("NoAuthorization", "Central", "Local")  # kinds of id tokens that stand for no card


class StationSort(StrEnum):
    """By what stations are ranked, the most first."""

    ENERGY = "energy"
    SESSIONS = "sessions"
    UTILISATION = "utilisation"
    REFUSED = "refused"
    REVENUE = "revenue"


class StationsQuery(DaysQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which days, where, and which stations first."""

    sort: StationSort = StationSort.ENERGY
    limit: Annotated[int, Meta(ge=1, le=MOST)] = 20


class StationUse(msgspec.Struct, frozen=True, kw_only=True):
    """A station in the period."""

    station_id: str
    identity: Annotated[str | None, Meta(description="null: it is gone.")] = None
    name: str = ""
    site_id: Annotated[str | None, Meta(description="Where it stands now.")] = None
    site: str = ""
    evse_count: int = 0
    use: Use


class StationReport(msgspec.Struct, frozen=True, kw_only=True):
    """The stations with the highest figures in a period."""

    since: date
    until: date
    total: Annotated[int, Meta(description="How many stations have figures.")]
    stations: tuple[StationUse, ...]


class CardReport(msgspec.Struct, frozen=True, kw_only=True):
    """Who charged in a period."""

    since: date
    until: date
    cards: Annotated[int, Meta(description="Different cards that began a session.")]
    sessions: Annotated[int, Meta(description="Sessions that they began.")]
    without_card: Annotated[int, Meta(description="Sessions that began without a card, or by nobody that is known.")]


SHEET: Sheet[StationUse] = Sheet(
    "report-stations",
    (
        *own("text", "station_id", "identity", "name", "site_id", "site"),
        *own("integer", "evse_count"),
        *USE_COLUMNS,
    ),
)


async def list_stations(
    database: Database, query: StationsQuery, site_ids: SiteIds, *, now: datetime, with_money: bool
) -> StationReport:
    """Return the stations with the highest figures at the sites that one may see. Raises InvalidInput."""
    days = since, until = period_of(query.since, query.until, now)
    only, total = None, 0
    if query.sort in _BY_COLUMN:
        only, total = await _first(database, query, site_ids, days, with_money=with_money)
    found = await _stations(database, query, site_ids, days, now=now, with_money=with_money, only=only)
    ranked = sorted(found, key=lambda one: (-_RANKS[query.sort](one.use), one.identity or "", one.station_id))
    total = len(found) if only is None else total
    return StationReport(since=since, until=until, total=total, stations=tuple(ranked[: query.limit]))


async def all_stations(
    database: Database, query: DaysQuery, site_ids: SiteIds, *, now: datetime, with_money: bool
) -> AsyncIterator[Sequence[StationUse]]:
    """Yield every station that has figures in the period. Raises InvalidInput."""
    days = period_of(query.since, query.until, now)
    found = await _stations(database, query, site_ids, days, now=now, with_money=with_money)
    found.sort(key=lambda one: (one.identity or "", one.station_id))
    for place in range(0, len(found), AT_ONCE):
        yield found[place : place + AT_ONCE]


async def count_cards(database: Database, query: DaysQuery, site_ids: SiteIds, *, now: datetime) -> CardReport:
    """Return how many different cards began sessions at the sites that one may see. Raises InvalidInput."""
    since, until = period_of(query.since, query.until, now)
    card = func.coalesce(transactions.c.token_id, func.lower(transactions.c.token_value))
    has_card = and_(transactions.c.token_value != "", func.coalesce(transactions.c.token_kind, "").not_in(_NO_CARD))
    statement = (
        select(
            func.count(distinct(card)).filter(has_card).label("cards"),
            func.count().filter(has_card).label("sessions"),
            func.count().label("whole"),
        )
        .select_from(transactions.outerjoin(stations, stations.c.id == transactions.c.station_id))
        .where(await _began(database, query.site_id, site_ids, since, until))
    )
    [row] = await database.select(statement)
    return CardReport(
        since=since, until=until, cards=row["cards"], sessions=row["sessions"],
        without_card=row["whole"] - row["sessions"],
    )  # fmt: skip


_RANKS: dict[StationSort, Any] = {
    StationSort.ENERGY: lambda use: use.energy_wh,
    StationSort.SESSIONS: lambda use: use.ended,
    StationSort.UTILISATION: lambda use: use.utilisation or 0.0,
    StationSort.REFUSED: lambda use: use.refused,
    StationSort.REVENUE: lambda use: sum(one.gross for one in use.earned),
}


_BY_COLUMN: dict[StationSort, str] = {  # which the database itself ranks, by an index
    StationSort.ENERGY: "energy_wh",
    StationSort.SESSIONS: "ended",
    StationSort.REFUSED: "refused",
}


async def _first(
    database: Database, query: StationsQuery, site_ids: SiteIds, days: tuple[date, date], *, with_money: bool
) -> tuple[list[str], int]:
    """Return the stations with the highest figures, and how many have any."""
    figure = func.sum(cells.c[_BY_COLUMN[query.sort]]).label("figure")
    ranked = _sums(cells, (), query.site_id, site_ids, days).add_columns(figure).subquery()
    statement = (
        select(ranked.c.station_id, func.count().over().label("number"))
        .select_from(ranked.outerjoin(stations, stations.c.id == ranked.c.station_id))
        .order_by(ranked.c.figure.desc(), func.coalesce(stations.c.identity, ""), ranked.c.station_id)
        .limit(query.limit)
    )
    rows, others = await asyncio.gather(  # beside each other: either looks at all that was gathered of these days
        database.select(statement), _count_earners(database, query, site_ids, days, with_money=with_money)
    )
    ids, total = [row["station_id"] for row in rows], (rows[0]["number"] if rows else 0) + others
    if len(ids) < query.limit and len(ids) < total:
        return await _all_ids(database, query, site_ids, days), total
    return ids, total


async def _count_earners(
    database: Database, query: StationsQuery, site_ids: SiteIds, days: tuple[date, date], *, with_money: bool
) -> int:
    """Return how many stations have earned in the period, and done nothing else."""
    if not with_money:
        return 0
    earners = _sums(taking_cells, (), query.site_id, site_ids, days).subquery()
    used = _sums(cells, (), query.site_id, site_ids, days).where(cells.c.station_id == earners.c.station_id)
    others = select(func.count().label("number")).select_from(earners).where(~used.correlate(earners).exists())
    return int((await database.select(others))[0]["number"])


async def _all_ids(database: Database, query: StationsQuery, site_ids: SiteIds, days: tuple[date, date]) -> list[str]:
    rows = await database.select(_sums(cells, (), query.site_id, site_ids, days))
    rows += await database.select(_sums(taking_cells, (), query.site_id, site_ids, days))
    return sorted({row["station_id"] for row in rows})


async def _stations(  # all that a row is made of
    database: Database,
    query: DaysQuery,
    site_ids: SiteIds,
    days: tuple[date, date],
    *,
    now: datetime,
    with_money: bool,
    only: Sequence[str] | None = None,
) -> list[StationUse]:
    rows = await database.select(_of(_sums(cells, SUMS, query.site_id, site_ids, days), cells, only))
    earned: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    if with_money:
        takings = _sums(taking_cells, EARNED, query.site_id, site_ids, days, "currency")
        for row in await database.select(_of(takings, taking_cells, only)):
            earned[row["station_id"]].append(row)
    figures = {row["station_id"]: row for row in rows}
    names = _NAMES if only is None else _NAMES.where(stations.c.id.in_(only))
    known = {row["id"]: row for row in await database.select(names)}
    capacity = await _capacity(database, query.site_id, site_ids, now, only)
    found = []
    for station_id in {*figures, *earned}:
        named = known.get(station_id, _GONE)
        found.append(
            StationUse(
                station_id=station_id,
                identity=named["identity"],
                name=named["name"],
                site_id=named["site_id"],
                site=named["site"],
                evse_count=capacity.evses(station_id, days[1]),
                use=use_of(
                    [figures[station_id]] if station_id in figures else [],
                    earned.get(station_id, []),
                    capacity.seconds(*days, station_id),
                ),
            )
        )
    return found


_NAMES = select(
    stations.c.id,
    stations.c.identity,
    func.coalesce(stations.c.name, "").label("name"),
    stations.c.site_id,
    func.coalesce(sites.c.name, "").label("site"),
).select_from(stations.outerjoin(sites, sites.c.id == stations.c.site_id))
_GONE = {"identity": None, "name": "", "site_id": None, "site": ""}


def _of(statement: Any, table: Any, only: Sequence[str] | None) -> Any:
    return statement if only is None else statement.where(table.c.station_id.in_(only))


def _sums(
    table: Any, names: Iterable[str], site_id: str | None, site_ids: SiteIds, days: tuple[date, date], *by: str
) -> Any:
    keys = [table.c.station_id, *(table.c[name] for name in by)]
    return (
        select(*keys, *(func.sum(table.c[name]).label(name) for name in names))
        .where(
            table.c.day.between(days[0].isoformat(), days[1].isoformat()),
            _at(table.c.site_id, site_id, site_ids),
            true() if site_ids is None else held_days(site_ids, table.c.site_id, table.c.day),
        )
        .group_by(*keys)
    )


def _at(column: Any, site_id: str | None, site_ids: SiteIds) -> ColumnElement[bool]:
    """Return the condition on what stands at the site that is asked for, of those that one may see."""
    condition: ColumnElement[bool] = true() if site_id is None else column == site_id
    if site_ids is not None:
        condition = and_(condition, column.in_(sorted(sites_of(site_ids))))
    return condition


async def _capacity(
    database: Database, site_id: str | None, site_ids: SiteIds, now: datetime, only: Sequence[str] | None
) -> Capacity:
    """Return the EVSE time by station, wherever capacity counts it by site."""
    columns = (evses.c.station_id, evses.c.site_id, evses.c.time_zone, evses.c.since)
    statement = select(*columns, func.count().label("number")).group_by(*columns)
    statement = _of(statement.where(_at(evses.c.site_id, site_id, site_ids)), evses, only)
    rows = in_own_days(await database.select(statement), site_ids)
    return Capacity([{**row, "site_id": row["station_id"]} for row in rows], now)


async def _began(
    database: Database, site_id: str | None, site_ids: SiteIds, since: date, until: date
) -> ColumnElement[bool]:
    """Return the condition on sessions that began on these days, each by its site's clock."""
    by_zone: defaultdict[str, list[str]] = defaultdict(list)
    for row in await database.select(select(sites.c.id, sites.c.time_zone).where(_at(sites.c.id, site_id, site_ids))):
        by_zone[row["time_zone"]].append(row["id"])
    is_whole = site_id is None and site_ids is None
    own = [] if site_ids is None else [held(site_ids, stations.c.site_id, transactions.c.started_at)]
    if is_whole and set(by_zone) <= {"UTC"}:
        return _between(since, until, "UTC")
    parts = [and_(stations.c.site_id.in_(ids), _between(since, until, zone)) for zone, ids in by_zone.items()]
    if is_whole:
        parts.append(and_(stations.c.site_id.is_(None), _between(since, until, "UTC")))
    around = _between(since - timedelta(days=1), until + timedelta(days=1), "UTC")  # what the index finds
    return and_(around, or_(*parts), *own) if parts else false()


def _between(since: date, until: date, zone: str) -> ColumnElement[bool]:
    begin, end = bounds(since, zone)[0], bounds(until, zone)[1]
    return and_(transactions.c.started_at >= begin, transactions.c.started_at < end)
