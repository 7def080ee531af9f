"""What hosts of sites have and get: what is due, their shares, payouts; each only of the sites that one may see."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from sqlalchemy import Column, ColumnElement, Select, false, func, select, true

from ingufu.core.errors import NotFound
from ingufu.infra.storage.columns import Exact
from ingufu.infra.storage.database import Database
from ingufu.ledger.model import AccountKind, PayoutStatus, ShareBase
from ingufu.ledger.tables import ledger_accounts, ledger_agreements, ledger_payouts, ledger_shares
from ingufu.sites.tables import sites
from ingufu.views.ledger import Currency, Id
from ingufu.views.paging import Order, Page, cut, ordered
from ingufu.views.stations import Cursor, Limit, SiteIds
from ingufu.views.transactions import Instant


class AgreementRow(msgspec.Struct, frozen=True, kw_only=True):
    """What the host of a site has of what is charged there."""

    id: str
    site_id: str
    site_name: str | None = None
    number: Annotated[int, Meta(description="Of the site's agreements, from 1.")]
    host_id: str | None = None
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
    """What is due to the host of a site."""

    site_id: str
    site_name: str | None = None
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
    currency: str
    since: datetime
    until: datetime
    records: Annotated[int, Meta(description="Charge records and credits.")]
    energy_wh: Decimal
    based_on: Decimal
    shared: Decimal
    paid: Annotated[Decimal, Meta(description="Payouts made in this time, without cancelled ones.")]
    due: Annotated[Decimal, Meta(description="Now.")]


async def list_agreements(database: Database, books: str, site_ids: SiteIds) -> tuple[AgreementRow, ...]:
    """Return the agreements about the sites that one may see, by site, the latest first."""
    own = [ledger_agreements.c[name] for name in AgreementRow.__struct_fields__ if name in ledger_agreements.columns]
    rows = await database.select(
        _of(ledger_agreements, own, books, site_ids).order_by(
            sites.c.name_key, ledger_agreements.c.site_id, ledger_agreements.c.number.desc()
        )
    )
    return tuple(msgspec.convert(row, AgreementRow) for row in rows)


async def list_payables(database: Database, books: str, site_ids: SiteIds) -> tuple[PayableRow, ...]:
    """Return what is due to the host of each site that one may see."""
    accounts = ledger_accounts.c
    latest = (
        select(ledger_agreements.c.host_name)
        .where(ledger_agreements.c.site_id == accounts.owner, ledger_agreements.c.currency == accounts.currency)
        .order_by(ledger_agreements.c.number.desc())
        .limit(1)
        .scalar_subquery()
    )
    rows = await database.select(
        select(
            accounts.owner.label("site_id"),
            sites.c.name.label("site_name"),
            func.coalesce(latest, "").label("host_name"),
            accounts.currency,
            func.coalesce(-accounts.balance, Decimal(0), type_=Exact).label("due"),
        )
        .select_from(ledger_accounts.outerjoin(sites, sites.c.id == accounts.owner))
        .where(
            accounts.organisation_id == books,
            accounts.kind == AccountKind.PAYABLE.value,
            _visible(accounts.owner, site_ids),
        )
        .order_by(sites.c.name_key, accounts.currency)
    )
    return tuple(msgspec.convert(row, PayableRow) for row in rows)


async def list_shares(database: Database, books: str, query: ShareQuery, site_ids: SiteIds) -> Page[ShareRow]:
    """Return one page of the shares."""
    shares = ledger_shares.c
    own = [shares[name] for name in ShareRow.__struct_fields__ if name in ledger_shares.columns]
    order = Order(shares.at, datetime, shares.entry_id, name="at", is_descending=True)
    statement = _of(ledger_shares, own, books, site_ids)
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


async def list_payouts(database: Database, books: str, query: PayoutQuery, site_ids: SiteIds) -> Page[PayoutRow]:
    """Return one page of the payouts."""
    order = Order(ledger_payouts.c.id, str, ledger_payouts.c.id, name="id", is_descending=True)  # they rise
    statement = _payouts(books, site_ids)
    if query.site_id is not None:
        statement = statement.where(ledger_payouts.c.site_id == query.site_id)
    if query.status is not None:
        statement = statement.where(ledger_payouts.c.status == query.status.value)
    rows = await database.select(ordered(statement, order, cursor=query.cursor, limit=query.limit))
    rows, cursor = cut(rows, order, query.limit)
    return Page(items=tuple(msgspec.convert(row, PayoutRow) for row in rows), next=cursor)


async def get_payout(database: Database, books: str, payout_id: str, site_ids: SiteIds) -> PayoutRow:
    """Return the payout. Raises NotFound, also if it is not one's to see."""
    rows = await database.select(_payouts(books, site_ids).where(ledger_payouts.c.id == payout_id))
    if not rows:
        raise NotFound("There is no such payout.")
    return msgspec.convert(rows[0], PayoutRow)


async def get_statement(
    database: Database, books: str, site_id: str, currency: str, since: datetime, until: datetime
) -> Statement:
    """Return what the host of a site had in a time."""
    shares, payouts = ledger_shares.c, ledger_payouts.c
    found = await database.select(
        select(
            func.count(shares.entry_id).label("records"),
            _total(shares.energy_wh, "energy_wh"),
            _total(shares.based_on, "based_on"),
            _total(shares.amount, "shared"),
        ).where(
            shares.organisation_id == books,
            shares.site_id == site_id,
            shares.currency == currency,
            shares.at >= since,
            shares.at < until,
        )
    )
    paid = await database.select(
        select(_total(payouts.amount, "paid")).where(
            payouts.organisation_id == books,
            payouts.site_id == site_id,
            payouts.currency == currency,
            payouts.status != PayoutStatus.CANCELLED.value,
            payouts.made_at >= since,
            payouts.made_at < until,
        )
    )
    payables = await list_payables(database, books, frozenset({site_id}))
    due = next((one.due for one in payables if one.currency == currency), Decimal(0))
    return Statement(
        site_id=site_id, currency=currency, since=since, until=until, due=due, paid=paid[0]["paid"], **found[0]
    )


def _of(table: Any, own: list[Column[Any]], books: str, site_ids: SiteIds) -> Select[Any]:
    return (
        select(*own, sites.c.name.label("site_name"))
        .select_from(table.outerjoin(sites, sites.c.id == table.c.site_id))
        .where(table.c.organisation_id == books, _visible(table.c.site_id, site_ids))
    )


def _payouts(books: str, site_ids: SiteIds) -> Select[Any]:
    own = [ledger_payouts.c[name] for name in PayoutRow.__struct_fields__ if name in ledger_payouts.columns]
    return _of(ledger_payouts, own, books, site_ids)


def _visible(column: Any, site_ids: SiteIds) -> ColumnElement[bool]:
    if site_ids is None:
        return true()
    return column.in_(sorted(site_ids)) if site_ids else false()


def _total(column: Any, name: str) -> Any:
    return func.coalesce(func.sum(column, type_=Exact), Decimal(0), type_=Exact).label(name)
