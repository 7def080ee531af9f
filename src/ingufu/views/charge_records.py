"""Charge records as lists show and exports tell them, and the sessions that have none yet."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta
from sqlalchemy import ColumnElement, Select, false, func, literal_column, select

from ingufu.accounts.model import OfFleet
from ingufu.authorization.tables import drivers
from ingufu.billing.evidence.model import Confidence, SignatureState
from ingufu.billing.records.documents import read_document
from ingufu.billing.records.model import ChargeRecord, RatingReason, RatingState, RecordKind
from ingufu.billing.records.tables import ratings, records
from ingufu.charging.tables import transactions
from ingufu.core.errors import NotFound
from ingufu.core.tenures import Span
from ingufu.infra.storage.database import Database
from ingufu.sites.tables import sites
from ingufu.stations.tables import stations
from ingufu.views.fleets import of_fleet
from ingufu.views.paging import Order, Page, cut, ordered
from ingufu.views.personal import as_seen
from ingufu.views.stations import Cursor, Limit, SiteIds, named
from ingufu.views.tenures import held, held_now, narrowed, spans_of
from ingufu.views.transactions import Instant

EXPORTED_AT_ONCE = 500
FEW_SITES = 12  # up to here the records of each site are looked for by its index

Id = Annotated[str, Meta(max_length=100)]


class RecordQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which charge records, in which order."""

    station: Annotated[str, Meta(max_length=100, description="Id or identity of the station.")] | None = None
    site_id: Annotated[tuple[Id, ...], Meta(max_length=100)] = ()
    transaction_id: Id | None = None
    driver_id: Id | None = None
    token_id: Id | None = None
    tariff_id: Id | None = None
    kind: RecordKind | None = None
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$", description="ISO 4217.")] | None = None
    since: Annotated[Instant | None, Meta(description="Issued at this instant or later.")] = None
    until: Annotated[Instant | None, Meta(description="Issued before this instant.")] = None
    started_since: Annotated[Instant | None, Meta(description="Of sessions that began then or later.")] = None
    started_until: Annotated[Instant | None, Meta(description="Of sessions that began before.")] = None
    sort: Literal["issued_at", "-issued_at"] = "-issued_at"
    limit: Limit = 50
    cursor: Cursor | None = None


class RecordRow(msgspec.Struct, frozen=True, kw_only=True):
    """A charge record in a list. Amounts are in whole smallest units of the currency, negative in a credit."""

    id: str
    kind: RecordKind
    corrects_id: str | None = None
    transaction_id: str | None = None
    organisation_id: str
    site_id: str | None = None
    site_name: str | None = None
    time_zone: str = "UTC"
    station_id: str
    station_identity: str | None = None
    driver_id: str | None = None
    driver_name: str | None = None
    token_id: str | None = None
    tariff_id: str | None = None
    started_at: datetime
    ended_at: datetime
    energy_wh: Decimal
    currency: str
    net: Decimal
    tax: Decimal
    gross: Decimal
    confidence: Confidence
    signature: SignatureState
    issued_at: datetime


class RatingQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which ended sessions, by how far they are on their way to a charge record."""

    state: RatingState | None = None
    station: Annotated[str, Meta(max_length=100, description="Id or identity of the station.")] | None = None
    site_id: Annotated[str, Meta(max_length=100)] | None = None
    limit: Limit = 50
    cursor: Cursor | None = None


class RatingRow(msgspec.Struct, frozen=True, kw_only=True):
    """An ended session, or a reservation that nobody came for, on its way to a charge record."""

    subject: str
    state: RatingState
    reason: Annotated[RatingReason, Meta(description="Why there is no charge record.")]
    detail: str = ""
    transaction_id: str | None = None
    reservation_id: int | None = None
    record_id: str | None = None
    station_id: str | None = None
    station_identity: str | None = None
    site_id: str | None = None
    site_name: str | None = None
    time_zone: str = "UTC"
    started_at: datetime | None = None
    ended_at: datetime | None = None
    energy_wh: Decimal | None = None
    due_at: datetime | None = None
    attempts: int = 0
    updated_at: datetime


class Sum(msgspec.Struct, frozen=True, kw_only=True):
    """What charge records come to in one currency, credits taken off."""

    currency: str
    count: int
    energy_wh: Decimal
    net: Decimal
    tax: Decimal
    gross: Decimal


async def list_records(database: Database, query: RecordQuery, site_ids: SiteIds) -> Page[RecordRow]:
    """Return one page of the charge records that one may see. They are too many to be counted."""
    order = _order(query)
    found: list[dict[str, Any]] = []
    for some in _apart(query, site_ids):
        statement = _rows().where(*await _all_conditions(database, some, site_ids))
        found += await database.select(ordered(statement, order, cursor=query.cursor, limit=query.limit))
    found.sort(key=lambda row: (row["order_value"], row["order_tie"]), reverse=order.is_descending)
    rows, cursor = cut(found[: query.limit + 1], order, query.limit)
    return Page(items=as_seen(site_ids, tuple(_row(row) for row in rows)), next=cursor)


async def get_record(database: Database, record_id: str, site_ids: SiteIds) -> ChargeRecord:
    """Return the record. Raises NotFound, also if it is not one's to see."""
    statement = select(records.c.document).where(records.c.id == record_id, seen_records(site_ids))
    rows = await database.select(statement)
    if not rows:
        raise NotFound("There is no such charge record.")
    return as_seen(site_ids, read_document(rows[0]["document"]))


async def list_chain(database: Database, record: ChargeRecord, site_ids: SiteIds) -> tuple[RecordRow, ...]:
    """Return what was issued for the session of a record, in order."""
    subject = record.transaction_id or f"reservation:{record.reservation_id}"
    issued = _rows().where(records.c.subject == subject, seen_records(site_ids))
    statement = issued.order_by(records.c.issued_at, records.c.id)
    return as_seen(site_ids, tuple(_row(row) for row in await database.select(statement)))


async def export_records(
    database: Database, query: RecordQuery, site_ids: SiteIds
) -> AsyncIterator[Sequence[ChargeRecord]]:
    """Yield all charge records that fit and that one may see, whole, some at a time, the first issued first."""
    query = msgspec.structs.replace(query, sort="issued_at", limit=EXPORTED_AT_ONCE, cursor=None)
    order = _order(query)
    conditions = await _all_conditions(database, query, site_ids)
    chosen = select(records.c.document).select_from(_JOINED).where(*conditions)
    while True:
        rows = await database.select(ordered(chosen, order, cursor=query.cursor, limit=query.limit))
        rows, cursor = cut(rows, order, query.limit)
        yield as_seen(site_ids, [read_document(row["document"]) for row in rows])
        if cursor is None:
            return
        query = msgspec.structs.replace(query, cursor=cursor)


async def sum_records(database: Database, query: RecordQuery, site_ids: SiteIds) -> tuple[Sum, ...]:
    """Return what the charge records that fit come to, by currency."""
    return await _sum(database, _AMOUNTS.where(*await _all_conditions(database, query, site_ids)))


async def sum_newest(
    database: Database, query: RecordQuery, site_ids: SiteIds, *, most: int
) -> tuple[tuple[Sum, ...], bool]:
    """Return what the charge records that fit come to, the newest of them if they are more; and whether they are."""
    statement = _AMOUNTS.where(*await _all_conditions(database, query, site_ids))
    newest = statement.order_by(records.c.issued_at.desc(), records.c.id.desc())
    sums = await _sum(database, newest.limit(most))
    has_all = sum(one.count for one in sums) < most or not await database.select(newest.offset(most).limit(1))
    return sums, not has_all


async def _sum(database: Database, amounts: Select[Any]) -> tuple[Sum, ...]:
    inner = amounts.subquery()
    is_charge = inner.c.kind == RecordKind.CHARGE.value
    statement = (
        select(
            inner.c.currency,
            func.count().label("number"),
            func.sum(inner.c.energy_wh).filter(is_charge).label("charged_wh"),
            func.sum(inner.c.energy_wh).filter(~is_charge).label("credited_wh"),
            *(func.sum(inner.c[name]).label(name) for name in ("net", "tax", "gross")),
        )
        .select_from(inner)
        .group_by(inner.c.currency)
        .order_by(inner.c.currency)
    )
    return tuple(
        Sum(
            currency=row["currency"],
            count=row["number"],
            energy_wh=(row["charged_wh"] or Decimal(0)) - (row["credited_wh"] or Decimal(0)),
            net=row["net"],
            tax=row["tax"],
            gross=row["gross"],
        )
        for row in await database.select(statement)
    )


async def list_ratings(database: Database, query: RatingQuery, site_ids: SiteIds) -> Page[RatingRow]:
    """Return one page of what is on its way to a charge record, what changed last first."""
    order = Order(ratings.c.updated_at, datetime, ratings.c.subject, name="updated_at", is_descending=True)
    statement = _rating_rows() if site_ids is None else _rating_rows().where(_seen_rating(site_ids))
    if query.station is not None:
        statement = statement.where(named(query.station))
    if query.site_id is not None:
        statement = statement.where(stations.c.site_id == query.site_id)
    found: list[dict[str, Any]] = []
    for state in RatingState if query.state is None else (query.state,):  # each by the index, which begins with it
        of_state = statement.where(ratings.c.state == state.value)
        found += await database.select(ordered(of_state, order, cursor=query.cursor, limit=query.limit))
    found.sort(key=lambda row: (row["order_value"], row["order_tie"]), reverse=True)
    rows, cursor = cut(found[: query.limit + 1], order, query.limit)
    return Page(items=tuple(_rating(row) for row in rows), next=cursor)


async def count_ratings(database: Database, state: RatingState, site_ids: SiteIds, *, most: int = 1000) -> int:
    """Return how many sessions are in a state, of at most so many."""
    source = ratings.outerjoin(stations, stations.c.id == ratings.c.station_id)
    if site_ids is not None:
        source = source.outerjoin(transactions, transactions.c.id == ratings.c.transaction_id)
    inner = select(ratings.c.subject).select_from(source).where(ratings.c.state == state.value)
    if site_ids is not None:
        inner = inner.where(_seen_rating(site_ids))
    rows = await database.select(select(func.count().label("number")).select_from(inner.limit(most).subquery()))
    return int(rows[0]["number"])


_JOINED = (
    records.outerjoin(stations, stations.c.id == records.c.station_id)
    .outerjoin(sites, sites.c.id == records.c.site_id)
    .outerjoin(drivers, drivers.c.id == records.c.driver_id)
)


_AMOUNTS = select(*(records.c[name] for name in ("currency", "kind", "energy_wh", "net", "tax", "gross")))


def _rows() -> Select[Any]:
    own = [records.c[name] for name in RecordRow.__struct_fields__ if name in records.columns]
    return select(
        *own,
        stations.c.identity.label("station_identity"),
        sites.c.name.label("site_name"),
        sites.c.time_zone,
        drivers.c.name.label("driver_name"),
    ).select_from(_JOINED)


def _rating_rows() -> Select[Any]:
    own = [ratings.c[name] for name in RatingRow.__struct_fields__ if name in ratings.columns]
    return select(
        *own,
        stations.c.identity.label("station_identity"),
        stations.c.site_id,
        sites.c.name.label("site_name"),
        sites.c.time_zone,
        transactions.c.started_at,
        transactions.c.ended_at,
        transactions.c.energy_wh,
    ).select_from(
        ratings.outerjoin(stations, stations.c.id == ratings.c.station_id)
        .outerjoin(sites, sites.c.id == stations.c.site_id)
        .outerjoin(transactions, transactions.c.id == ratings.c.transaction_id)
    )


def _seen_rating(site_ids: SiteIds) -> ColumnElement[bool]:
    began = func.coalesce(transactions.c.started_at, ratings.c.updated_at)  # a reservation has no session
    return held_now(site_ids, stations.c.site_id, began)


def _row(row: dict[str, Any]) -> RecordRow:
    return msgspec.convert({**row, "time_zone": row["time_zone"] or "UTC"}, RecordRow)


def _rating(row: dict[str, Any]) -> RatingRow:
    return msgspec.convert({**row, "time_zone": row["time_zone"] or "UTC"}, RatingRow)


def _order(query: RecordQuery) -> Order:
    is_descending = query.sort.startswith("-")
    return Order(records.c.issued_at, datetime, records.c.id, name="issued_at", is_descending=is_descending)


def seen_records(site_ids: SiteIds, *, is_by_site: bool = True) -> ColumnElement[bool]:
    """Return the condition that a record is of a site that one may see, and of one's own time there.

    It is the site that stood in it when it was made.
    """
    if site_ids is None:
        return records.c.id.is_not(None)
    if isinstance(site_ids, OfFleet):
        return of_fleet(site_ids.fleet_id, records.c.driver_id, records.c.token_id)
    return held(site_ids, _site(is_by_site=is_by_site), records.c.issued_at)


def _site(*, is_by_site: bool) -> ColumnElement[Any]:
    """Return the site of a record, worded so that the database begins with it, or does not."""
    return records.c.site_id if is_by_site else records.c.site_id.concat("")


def _apart(query: RecordQuery, site_ids: SiteIds) -> list[RecordQuery]:
    """Return one query for each of a few sites, so that each is answered in order by its index; else the query.

    Each asks for the time alone that is one's own at its site, so that the index begins and ends there.
    """
    if isinstance(site_ids, OfFleet) or query.station is not None or query.transaction_id is not None:
        return [query]
    if query.kind is RecordKind.CREDIT:  # an index has those of all sites, in order: they are few
        return [query]
    wanted = set(query.site_id) if query.site_id else None
    if site_ids is None:
        known: tuple[Span, ...] = () if wanted is None else (Span(frozenset(wanted)),)
    else:
        known = spans_of(site_ids)
        if wanted is not None:
            known = tuple(one._replace(site_ids=one.site_ids & wanted) for one in known)
    if not 1 <= sum(len(one.site_ids) for one in known) <= FEW_SITES:
        return [query]
    found = []
    for span in known:
        since, until = narrowed(span, query.since, query.until)
        found += [
            msgspec.structs.replace(query, site_id=(one,), since=since, until=until) for one in sorted(span.site_ids)
        ]
    return found


async def _all_conditions(database: Database, query: RecordQuery, site_ids: SiteIds) -> list[ColumnElement[bool]]:
    """Return what the records must meet; the station is looked up first, so that they are found by its index."""
    found = _conditions(query, site_ids)
    if query.station is None:
        return found
    rows = await database.select(select(stations.c.id).where(named(query.station)))
    return [*found, records.c.station_id.in_([row["id"] for row in rows]) if rows else false()]


def _conditions(query: RecordQuery, site_ids: SiteIds) -> list[ColumnElement[bool]]:
    exact = {
        records.c.transaction_id: query.transaction_id,
        records.c.driver_id: query.driver_id,
        records.c.token_id: query.token_id,
        records.c.tariff_id: query.tariff_id,
        records.c.currency: query.currency,
    }
    found: list[ColumnElement[bool]] = [column == value for column, value in exact.items() if value is not None]
    is_credit = query.kind is RecordKind.CREDIT
    if site_ids is not None:
        found.append(seen_records(site_ids, is_by_site=not is_credit))
    if query.kind is not None:  # in the words of the partial index: credits are few
        charge: ColumnElement[str] = literal_column("'charge'")
        found.append(records.c.kind != charge if is_credit else records.c.kind == charge)
    if query.site_id:
        found.append(_site(is_by_site=not is_credit).in_(query.site_id))
    bounds = (
        (records.c.issued_at, query.since, query.until),
        (records.c.started_at, query.started_since, query.started_until),
    )
    for column, since, until in bounds:
        if since is not None:
            found.append(column >= since)
        if until is not None:
            found.append(column < until)
    return found
