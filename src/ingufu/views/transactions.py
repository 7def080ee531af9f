"""Transactions as lists and pages show them: with their station, site and driver."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta
from sqlalchemy import ColumnElement, Select, and_, false, func, literal_column, or_, select, true

from ingufu.accounts.model import OfFleet
from ingufu.authorization.decide import MASK, is_secret
from ingufu.authorization.tables import drivers
from ingufu.charging.model import ChargingState, EnergySource
from ingufu.charging.tables import transactions
from ingufu.core.errors import InvalidInput, NotFound
from ingufu.infra.storage.database import Database
from ingufu.sites.tables import sites
from ingufu.stations.tables import stations
from ingufu.views.fleets import of_fleet
from ingufu.views.paging import Order, Page, cut, ordered
from ingufu.views.personal import as_seen
from ingufu.views.stations import Cursor, Limit, SiteIds, named, seen
from ingufu.views.tenures import held_now, hull, now_of, spans_of, within

FEW_TRANSACTIONS = 2000  # up to here those of many stations are found by station, too
FEW_STATIONS = 50  # up to here a site's transactions are found by station; beyond, by time
Instant = Annotated[datetime, Meta(tz=True, description="With its zone, for instance 2026-03-01T12:00:00Z.")]


class TransactionQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which transactions, in which order."""

    station: Annotated[str, Meta(max_length=100, description="Id or identity of the station.")] | None = None
    evse: Annotated[int, Meta(ge=0, lt=2**31, description="At this EVSE of the station.")] | None = None
    site_id: Annotated[tuple[str, ...], Meta(max_length=100)] = ()
    token_id: Annotated[str, Meta(max_length=100)] | None = None
    driver_id: Annotated[str, Meta(max_length=100)] | None = None
    is_open: Annotated[bool | None, Meta(description="Whether it still runs.")] = None
    has_anomalies: Annotated[bool | None, Meta(description="Whether something about it is odd.")] = None
    since: Annotated[Instant | None, Meta(description="Started at this instant or later.")] = None
    until: Annotated[Instant | None, Meta(description="Started before this instant.")] = None
    sort: Literal["started_at", "-started_at"] = "-started_at"
    limit: Limit = 50
    cursor: Cursor | None = None


class TransactionRow(msgspec.Struct, frozen=True, kw_only=True):
    """A transaction in a list."""

    id: str
    number: int | None = None  # the integer id of OCPP 1.6
    reference: str  # how the station names it
    version: str
    station_id: str
    station_identity: str | None = None
    station_name: str | None = None
    site_id: str | None = None
    site_name: str | None = None
    time_zone: Annotated[str, Meta(description="Of its site.")] = "UTC"
    evse: int | None = None
    connector: int | None = None
    token_id: str | None = None
    token_value: str | None = None  # masked where it is itself a secret
    token_kind: str | None = None
    driver_id: str | None = None
    driver_name: str | None = None
    group_id: str | None = None
    verdict: str | None = None
    verdict_reason: str | None = None
    state: ChargingState
    is_open: bool
    started_at: datetime
    ended_at: datetime | None = None
    energy_wh: Decimal
    energy_source: EnergySource
    power_w: float | None = None
    soc_percent: float | None = None
    last_reading_at: datetime | None = None
    stop_reason: str | None = None
    is_offline_start: bool
    is_estimated: bool
    anomaly_count: int


class TransactionView(TransactionRow, frozen=True, kw_only=True):
    """All about one transaction."""

    started_at_station: str | None = None  # as the station wrote it
    start_received_at: datetime
    ended_at_station: str | None = None
    end_received_at: datetime | None = None
    start_wh: Decimal | None = None
    end_wh: Decimal | None = None
    last_wh: Decimal | None = None
    stop_token_value: str | None = None
    remote_start_id: int | None = None
    reservation_id: int | None = None
    last_seq: int | None = None
    seq_count: int
    updated_at: datetime


_KEYS = select(transactions.c.id)


async def list_transactions(database: Database, query: TransactionQuery, site_ids: SiteIds) -> Page[TransactionRow]:
    """Return one page of the transactions that one may see. They are too many to be counted."""
    order = Order(
        transactions.c.started_at,
        datetime,
        transactions.c.id,
        name="started_at",
        is_descending=query.sort.startswith("-"),
    )
    places = await _at_stations(database, query, site_ids)
    keys = _KEYS.where(*places, *_conditions(query))
    found = await database.select(ordered(keys, order, cursor=query.cursor, limit=query.limit))
    page, cursor = cut(found, order, query.limit)
    if not page:
        return Page(items=())
    ids = [row["order_tie"] for row in page]
    rows = {row["id"]: row for row in await database.select(_rows(TransactionRow).where(transactions.c.id.in_(ids)))}
    items = tuple(msgspec.convert(_masked(rows[key]), TransactionRow) for key in ids)
    return Page(items=as_seen(site_ids, items), next=cursor)


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """What a word that somebody looks for may mean: some stations, or some id tokens."""

    station_ids: tuple[str, ...] = ()
    token_ids: tuple[str, ...] = ()


class Sum(msgspec.Struct, frozen=True, kw_only=True):
    """How many transactions fit, and their energy; cut off where counting would take long."""

    count: int
    energy_wh: Decimal
    is_cut: bool


async def list_by_ids(database: Database, ids: Sequence[str], site_ids: SiteIds) -> tuple[TransactionRow, ...]:
    """Return those of these transactions that one may see, the newest first."""
    if not ids:
        return ()
    statement = _rows(TransactionRow).where(
        transactions.c.id.in_(ids), *([] if site_ids is None else [seen_session(site_ids)])
    )
    rows = await database.select(statement.order_by(transactions.c.started_at.desc()))
    return as_seen(site_ids, tuple(msgspec.convert(_masked(row), TransactionRow) for row in rows))


async def list_matching(
    database: Database, query: TransactionQuery, match: Match, site_ids: SiteIds
) -> Page[TransactionRow]:
    """Return one page of the transactions at these stations or with these tokens, the newest first."""
    order = Order(transactions.c.started_at, datetime, transactions.c.id, name="started_at", is_descending=True)
    places = await _at_stations(database, query, site_ids)
    found: dict[str, dict[str, Any]] = {}
    at_stations = transactions.c.station_id.in_(match.station_ids)
    is_in_order = len(match.station_ids) > FEW_STATIONS and await _are_many(database, at_stations)
    for is_it in _matches(match, is_in_order=is_in_order):  # each by its own index
        keys = _KEYS.where(is_it, *places, *_conditions(query))
        rows = await database.select(ordered(keys, order, cursor=query.cursor, limit=query.limit))
        found |= {row["order_tie"]: row for row in rows}
    latest = sorted(found.values(), key=lambda row: (row["order_value"], row["order_tie"]), reverse=True)
    page, cursor = cut(latest[: query.limit + 1], order, query.limit)
    ids = [row["order_tie"] for row in page]
    rows_by_id = {row.id: row for row in await list_by_ids(database, ids, None)}
    return Page(items=as_seen(site_ids, tuple(rows_by_id[key] for key in ids)), next=cursor)


async def sum_transactions(
    database: Database, query: TransactionQuery, match: Match | None, site_ids: SiteIds, *, most: int
) -> Sum:
    """Return how many transactions fit and what they charged, of at most so many."""
    places = await _at_stations(database, query, site_ids, is_in_order=False)
    is_it = or_(*_matches(match), false()) if match is not None else true()
    inner = select(transactions.c.energy_wh).where(is_it, *places, *_conditions(query)).limit(most + 1).subquery()
    statement = select(func.count().label("number"), func.sum(inner.c.energy_wh).label("energy_wh"))
    row = (await database.select(statement.select_from(inner)))[0]
    is_cut = row["number"] > most
    return Sum(count=min(row["number"], most), energy_wh=row["energy_wh"] or Decimal(0), is_cut=is_cut)


def _matches(match: Match, *, is_in_order: bool = False) -> list[ColumnElement[bool]]:
    """Return the conditions; those of many stations are met soon enough in order of time, as in `_at_stations`."""
    station = transactions.c.station_id.concat("") if is_in_order else transactions.c.station_id
    columns = ((station, match.station_ids), (transactions.c.token_id, match.token_ids))
    return [column.in_(ids) for column, ids in columns if ids]


async def get_transaction(database: Database, transaction_id: str, site_ids: SiteIds) -> TransactionView:
    """Return the transaction. Raises NotFound, also if it is not one's to see."""
    statement = _rows(TransactionView).where(transactions.c.id == transaction_id)
    if site_ids is not None:
        statement = statement.where(seen_session(site_ids))
    rows = await database.select(statement)
    if not rows:
        raise NotFound("There is no such transaction.")
    return as_seen(site_ids, msgspec.convert(_masked(rows[0]), TransactionView))


def seen_session(site_ids: SiteIds) -> ColumnElement[bool]:
    """Return the condition that a transaction, with its station, is one's to see."""
    if isinstance(site_ids, OfFleet):
        return of_fleet(site_ids.fleet_id, transactions.c.driver_id, transactions.c.token_id)
    return held_now(site_ids, stations.c.site_id, transactions.c.started_at)


async def find_at_station(database: Database, station_id: str, name: str) -> TransactionView:
    """Return the station's transaction of this id, of the station's own name for it, or of its 1.6 number."""
    is_it = (transactions.c.id == name) | (transactions.c.reference == name)
    rows = await database.select(_rows(TransactionView).where(transactions.c.station_id == station_id, is_it))
    if not rows:
        raise NotFound("The station has no such transaction.")
    return msgspec.convert(_masked(rows[0]), TransactionView)


async def has_charged(database: Database, station_id: str) -> bool:
    """Return whether any transaction names the station."""
    one = select(transactions.c.id).where(transactions.c.station_id == station_id).limit(1)
    return bool(await database.select(one))


def _rows(kind: type[msgspec.Struct]) -> Select[Any]:
    chosen = [transactions.c[name] for name in kind.__struct_fields__ if name in transactions.columns]
    return select(
        *chosen,
        stations.c.identity.label("station_identity"),
        stations.c.name.label("station_name"),
        stations.c.site_id,
        sites.c.name.label("site_name"),
        func.coalesce(sites.c.time_zone, "UTC").label("time_zone"),
        drivers.c.name.label("driver_name"),
    ).select_from(
        transactions.outerjoin(stations, stations.c.id == transactions.c.station_id)
        .outerjoin(sites, sites.c.id == stations.c.site_id)
        .outerjoin(drivers, drivers.c.id == transactions.c.driver_id)
    )


def _masked(row: dict[str, Any]) -> dict[str, Any]:
    if not is_secret(row["token_kind"]):
        return row
    masks = {name: MASK for name in ("token_value", "stop_token_value") if row.get(name)}
    return {**row, **masks}


async def _at_stations(
    database: Database, query: TransactionQuery, site_ids: SiteIds, *, is_in_order: bool = True
) -> list[ColumnElement[bool]]:
    """Return the condition on the station, worded so that the database begins at the right end.

    A few stations' transactions are found by station and sorted; those of many are met soon enough in order of time,
    unless they are wanted in no order.
    """
    is_fleet = isinstance(site_ids, OfFleet)
    own = [seen_session(site_ids)] if is_fleet else []
    limits: list[ColumnElement[bool]] = []
    if site_ids is not None and not is_fleet:
        limits.append(seen(site_ids))
        own += in_own_time(site_ids)
    if query.station is not None:
        limits.append(named(query.station))
    if query.site_id:
        limits.append(stations.c.site_id.in_(query.site_id))
    if not limits:
        return own
    rows = await database.select(select(stations.c.id).where(*limits).limit(FEW_STATIONS + 1))
    if not rows:
        return [false()]
    if len(rows) <= FEW_STATIONS:
        ids = [row["id"] for row in rows]
        return [*own, transactions.c.station_id == ids[0] if len(ids) == 1 else transactions.c.station_id.in_(ids)]
    places = select(stations.c.id).where(*limits)
    its = transactions.c.station_id.in_(places)
    is_by_time = is_in_order and await _are_many(database, its)
    return [*own, transactions.c.station_id.concat("").in_(places) if is_by_time else its]


def in_own_time(site_ids: SiteIds) -> list[ColumnElement[bool]]:
    """Return the conditions that leave out what began at a site when it was another's."""
    parts = () if site_ids is None else spans_of(now_of(site_ids))
    found = within(transactions.c.started_at, *hull(parts))
    if len(parts) <= 1:
        return found
    its = (
        and_(
            transactions.c.station_id.in_(select(stations.c.id).where(stations.c.site_id.in_(sorted(one.site_ids)))),
            *within(transactions.c.started_at, one.since, one.until),
        )
        for one in parts
    )
    return [*found, or_(*its)]


async def _are_many(database: Database, condition: ColumnElement[bool]) -> bool:
    """Return whether so many transactions meet the condition on their station that time leads to them soon."""
    some = select(transactions.c.station_id).where(condition).limit(FEW_TRANSACTIONS + 1).subquery()
    rows = await database.select(select(func.count().label("number")).select_from(some))
    return int(rows[0]["number"]) > FEW_TRANSACTIONS


def _conditions(query: TransactionQuery) -> list[ColumnElement[bool]]:
    if query.evse is not None and query.station is None:
        raise InvalidInput("An EVSE is looked for at a station: name it, too.", field="evse")
    exact = {
        transactions.c.evse: query.evse,
        transactions.c.token_id: query.token_id,
        transactions.c.driver_id: query.driver_id,
    }
    found: list[ColumnElement[bool]] = [column == value for column, value in exact.items() if value is not None]
    if query.is_open is True:
        found.append(transactions.c.is_open.is_(True))
    elif query.is_open is False:  # nearly all are closed: the index of the open ones must not lead here
        found.append(func.coalesce(transactions.c.is_open, false()).is_(False))
    if query.has_anomalies is not None:  # in the words of the partial index
        count: ColumnElement[int] = transactions.c.anomaly_count
        nothing: ColumnElement[int] = literal_column("0")
        found.append(count > nothing if query.has_anomalies else count == nothing)
    if query.since is not None:
        found.append(transactions.c.started_at >= query.since)
    if query.until is not None:
        found.append(transactions.c.started_at < query.until)
    return found
