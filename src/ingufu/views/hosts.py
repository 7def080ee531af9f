"""What hosts of sites have and get: what is due, their shares, payouts. A host sees its own, wherever it had a site."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import Meta
from sqlalchemy import Column, ColumnElement, Select, and_, case, false, func, select, true

from ingufu.accounts.model import OrganisationKind, Principal
from ingufu.core.errors import NotFound
from ingufu.infra.storage.columns import Exact
from ingufu.infra.storage.database import Database
from ingufu.ledger.model import AccountKind, PayoutStatus, ShareBase
from ingufu.ledger.sharing import BY_NAME, OF_HOST
from ingufu.ledger.tables import ledger_accounts, ledger_agreements, ledger_payouts, ledger_shares
from ingufu.sites.tables import sites
from ingufu.views.ledger import Currency, Id
from ingufu.views.paging import Order, Page, cut, ordered
from ingufu.views.stations import Cursor, Limit, SiteIds
from ingufu.views.transactions import Instant

HostId = Annotated[str | None, Meta(description="The host's organisation; null: a name is all that is known.")]


class Sight(NamedTuple):
    """Whose money one may see: of these sites (None: of all), and of this host alone (None: of all).

    `host_name`: of the host that is known by this name alone.
    """

    site_ids: SiteIds = None
    host_id: str | None = None
    host_name: str | None = None


class AgreementRow(msgspec.Struct, frozen=True, kw_only=True):
    """What the host of a site has of what is charged there."""

    id: str
    site_id: str
    site_name: str | None = None
    number: Annotated[int, Meta(description="Of the site's agreements, from 1.")]
    host_id: HostId = None
    host_name: str
    bank_account: str = ""
    currency: str
    percent: Decimal
    base: ShareBase
    per_kwh: Decimal
    per_session: Decimal
    bears_fees: bool
    valid_from: datetime
    valid_until: datetime | None = None
    created_at: datetime
    created_by: str = ""


class PayableRow(msgspec.Struct, frozen=True, kw_only=True):
    """What is due to a host at a site."""

    site_id: str
    site_name: str | None = None
    host_id: HostId = None
    host_name: str = ""
    currency: str
    due: Annotated[Decimal, Meta(description="Less than nothing: credits came after it was paid out.")]


class ShareQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which shares, the latest first."""

    site_id: Id | None = None
    currency: Currency | None = None
    since: Annotated[Instant | None, Meta(description="Of this instant or later.")] = None
    until: Annotated[Instant | None, Meta(description="Before this instant.")] = None
    limit: Limit = 50
    cursor: Cursor | None = None


class ShareRow(msgspec.Struct, frozen=True, kw_only=True):
    """What a host has of one charge record."""

    entry_id: str
    record_id: str
    agreement_id: str
    site_id: str
    site_name: str | None = None
    host_id: HostId = None
    at: datetime
    energy_wh: Decimal
    based_on: Annotated[Decimal, Meta(description="What the percentage is of.")]
    amount: Decimal
    currency: str
    parts: Annotated[dict[str, str], Meta(description="percent, kwh, session: they sum up to the amount.")]


class PayoutQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which payouts, the last made first."""

    site_id: Id | None = None
    status: PayoutStatus | None = None
    limit: Limit = 50
    cursor: Cursor | None = None


class PayoutRow(msgspec.Struct, frozen=True, kw_only=True):
    """Money paid out to a host."""

    id: str
    site_id: str
    site_name: str | None = None
    host_id: HostId = None
    host_name: str
    bank_account: str = ""
    currency: str
    amount: Decimal
    status: PayoutStatus
    bank_reference: str = ""
    text: str = ""
    made_at: datetime
    made_by: str = ""
    ended_at: datetime | None = None
    ended_by: str = ""
    made_entry_id: str
    ended_entry_id: str | None = None


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """What a host had in a time."""

    site_id: str
    host_id: Annotated[str | None, Meta(description="null: whoever had the site.")] = None
    host_name: Annotated[str | None, Meta(description="Of a host that is known by name alone.")] = None
    currency: str
    since: datetime
    until: datetime
    records: Annotated[int, Meta(description="Charge records and credits.")]
    energy_wh: Decimal
    based_on: Decimal
    shared: Decimal
    paid: Annotated[Decimal, Meta(description="Payouts made in this time, without cancelled ones.")]
    due: Annotated[Decimal, Meta(description="Now.")]


def sight_of(principal: Principal) -> Sight:
    """Return whose money the principal sees: a host's people that of their organisation, of sites it had before too."""
    if principal.organisation_kind is OrganisationKind.HOST:
        return Sight(principal.granted_site_ids or None, principal.organisation_id)
    return Sight(principal.site_ids)


async def list_agreements(database: Database, books: str, sight: Sight) -> tuple[AgreementRow, ...]:
    """Return the agreements that one may see, by site, the latest first."""
    own = [ledger_agreements.c[name] for name in AgreementRow.__struct_fields__ if name in ledger_agreements.columns]
    rows = await database.select(
        _of(ledger_agreements, own, books, sight).order_by(
            sites.c.name_key, ledger_agreements.c.site_id, ledger_agreements.c.number.desc()
        )
    )
    return tuple(msgspec.convert(row, AgreementRow) for row in rows)


async def list_payables(database: Database, books: str, sight: Sight) -> tuple[PayableRow, ...]:
    """Return what is due to each host at each site, as far as one may see it."""
    accounts, agreements = ledger_accounts.c, ledger_agreements.c
    payable = case(  # as `sharing.payable_of`
        (agreements.host_id.is_(None), agreements.site_id.concat(BY_NAME).concat(agreements.host_name)),
        else_=agreements.site_id.concat(OF_HOST).concat(agreements.host_id),
    )
    agreed = (
        select(agreements.site_id, agreements.host_id, payable.label("payable"))
        .where(agreements.organisation_id == books)
        .distinct()
        .subquery("agreed")
    )
    site_id = func.coalesce(agreed.c.site_id, accounts.owner)  # booked by hand: the site's
    latest = (
        select(agreements.host_name)
        .where(payable == accounts.owner, agreements.currency == accounts.currency)
        .order_by(agreements.number.desc())
        .limit(1)
        .scalar_subquery()
    )
    rows = await database.select(
        select(
            site_id.label("site_id"),
            sites.c.name.label("site_name"),
            agreed.c.host_id,
            func.coalesce(latest, "").label("host_name"),
            accounts.currency,
            func.coalesce(-accounts.balance, Decimal(0), type_=Exact).label("due"),
        )
        .select_from(
            ledger_accounts.outerjoin(agreed, agreed.c.payable == accounts.owner).outerjoin(
                sites, sites.c.id == site_id
            )
        )
        .where(
            accounts.organisation_id == books,
            accounts.kind == AccountKind.PAYABLE.value,
            _visible(site_id, agreed.c.host_id, sight),
        )
        .order_by(sites.c.name_key, accounts.currency, accounts.owner)
    )
    return tuple(msgspec.convert(row, PayableRow) for row in rows)


async def list_shares(database: Database, books: str, query: ShareQuery, sight: Sight) -> Page[ShareRow]:
    """Return one page of the shares."""
    shares = ledger_shares.c
    own = [shares[name] for name in ShareRow.__struct_fields__ if name in ledger_shares.columns]
    order = Order(shares.at, datetime, shares.entry_id, name="at", is_descending=True)
    statement = _of(ledger_shares, own, books, sight)
    if query.site_id is not None:
        statement = statement.where(shares.site_id == query.site_id)
    if query.currency is not None:
        statement = statement.where(shares.currency == query.currency)
    if query.since is not None:
        statement = statement.where(shares.at >= query.since)
    if query.until is not None:
        statement = statement.where(shares.at < query.until)
    rows = await database.select(ordered(statement, order, cursor=query.cursor, limit=query.limit))
    rows, cursor = cut(rows, order, query.limit)
    return Page(items=tuple(msgspec.convert(row, ShareRow) for row in rows), next=cursor)


async def list_payouts(database: Database, books: str, query: PayoutQuery, sight: Sight) -> Page[PayoutRow]:
    """Return one page of the payouts."""
    order = Order(ledger_payouts.c.id, str, ledger_payouts.c.id, name="id", is_descending=True)  # they rise
    statement = _payouts(books, sight)
    if query.site_id is not None:
        statement = statement.where(ledger_payouts.c.site_id == query.site_id)
    if query.status is not None:
        statement = statement.where(ledger_payouts.c.status == query.status.value)
    rows = await database.select(ordered(statement, order, cursor=query.cursor, limit=query.limit))
    rows, cursor = cut(rows, order, query.limit)
    return Page(items=tuple(msgspec.convert(row, PayoutRow) for row in rows), next=cursor)


async def get_payout(database: Database, books: str, payout_id: str, sight: Sight) -> PayoutRow:
    """Return the payout. Raises NotFound, also if it is not one's to see."""
    rows = await database.select(_payouts(books, sight).where(ledger_payouts.c.id == payout_id))
    if not rows:
        raise NotFound("There is no such payout.")
    return msgspec.convert(rows[0], PayoutRow)


async def get_statement(
    database: Database,
    books: str,
    site_id: str,
    currency: str,
    since: datetime,
    until: datetime,
    sight: Sight,
) -> Statement:
    """Return what the host in sight had at a site in a time; without a host, whoever had the site."""
    shares, payouts, agreements = ledger_shares.c, ledger_payouts.c, ledger_agreements.c
    shared_by_name: ColumnElement[bool] = true()
    paid_by_name: ColumnElement[bool] = true()
    if sight.host_name is not None:
        by_name = (agreements.site_id == site_id, *_named(agreements, sight.host_name))
        shared_by_name = shares.agreement_id.in_(select(agreements.id).where(*by_name))
        paid_by_name = and_(*_named(payouts, sight.host_name))
    found = await database.select(
        select(
            func.count(shares.entry_id).label("records"),
            _total(shares.energy_wh, "energy_wh"),
            _total(shares.based_on, "based_on"),
            _total(shares.amount, "shared"),
        ).where(
            shares.organisation_id == books,
            _visible(shares.site_id, shares.host_id, sight),
            shared_by_name,
            shares.currency == currency,
            shares.at >= since,
            shares.at < until,
        )
    )
    paid = await database.select(
        select(_total(payouts.amount, "paid")).where(
            payouts.organisation_id == books,
            _visible(payouts.site_id, payouts.host_id, sight),
            paid_by_name,
            payouts.currency == currency,
            payouts.status != PayoutStatus.CANCELLED.value,
            payouts.made_at >= since,
            payouts.made_at < until,
        )
    )
    payables = [
        one
        for one in await list_payables(database, books, sight)
        if sight.host_name is None or (one.host_id, one.host_name) == (None, sight.host_name)
    ]
    return Statement(
        site_id=site_id,
        host_id=sight.host_id,
        host_name=sight.host_name,
        currency=currency,
        since=since,
        until=until,
        due=sum((one.due for one in payables if one.currency == currency), Decimal(0)),
        paid=paid[0]["paid"],
        **found[0],
    )


def _of(table: Any, own: list[Column[Any]], books: str, sight: Sight) -> Select[Any]:
    return (
        select(*own, sites.c.name.label("site_name"))
        .select_from(table.outerjoin(sites, sites.c.id == table.c.site_id))
        .where(table.c.organisation_id == books, _visible(table.c.site_id, table.c.host_id, sight))
    )


def _payouts(books: str, sight: Sight) -> Select[Any]:
    own = [ledger_payouts.c[name] for name in PayoutRow.__struct_fields__ if name in ledger_payouts.columns]
    return _of(ledger_payouts, own, books, sight)


def _visible(site_id: Any, host_id: Any, sight: Sight) -> ColumnElement[bool]:
    of_host = true() if sight.host_id is None else host_id == sight.host_id
    if sight.site_ids is None:
        return of_host
    return and_(of_host, site_id.in_(sorted(sight.site_ids))) if sight.site_ids else false()


def _named(columns: Any, host_name: str) -> tuple[ColumnElement[bool], ...]:
    return (columns.host_id.is_(None), columns.host_name == host_name)


def _total(column: Any, name: str) -> Any:
    return func.coalesce(func.sum(column, type_=Exact), Decimal(0), type_=Exact).label(name)
