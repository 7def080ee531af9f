"""The books as people look at them: what each kind of account comes to, accounts, entries with their postings."""

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from sqlalchemy import ColumnElement, Select, case, exists, func, or_, select, union

from ingufu.accounts.tables import organisations
from ingufu.authorization.tables import drivers
from ingufu.core.errors import NotFound
from ingufu.infra.storage.columns import Exact
from ingufu.infra.storage.database import Database
from ingufu.ledger.model import GROWS_BY_DEBIT, AccountKind, EntryKind
from ingufu.ledger.sharing import BY_NAME
from ingufu.ledger.tables import ledger_accounts, ledger_entries, ledger_postings, ledger_refunds, ledger_vouchers
from ingufu.sites.tables import sites
from ingufu.views.paging import Order, Page, cut, ordered
from ingufu.views.stations import Cursor, Limit
from ingufu.views.transactions import Instant

FEW_POSTINGS = 2000  # up to here the entries of an account are found by it
EXPORTED_AT_ONCE = 500
ID_LENGTH = 36  # of a site, before the host in the owner of what is due (`sharing.payable_of`)
Id = Annotated[str, Meta(max_length=100)]
Currency = Annotated[str, Meta(pattern="^[A-Z]{3}$", description="ISO 4217.")]


class AccountQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which accounts, by kind and owner."""

    kind: AccountKind | None = None
    currency: Currency | None = None
    owner: Annotated[str, Meta(max_length=240)] | None = None
    is_open: Annotated[bool | None, Meta(description="Whether its balance is other than zero.")] = None
    limit: Limit = 50
    cursor: Cursor | None = None


class AccountRow(msgspec.Struct, frozen=True, kw_only=True):
    """An account with what is on it."""

    id: str
    kind: AccountKind
    owner: str
    owner_name: Annotated[
        str | None, Meta(description="Of a driver, a site or a host at a site; of a voucher how its code ends.")
    ] = None
    currency: str
    balance: Annotated[Decimal, Meta(description="Debit is positive.")]
    ceiling: Annotated[Decimal | None, Meta(description="Above which the balance never rises.")] = None
    entries: Annotated[int, Meta(description="How many entries there are on it.")]
    opened_at: datetime

    @property
    def shown(self) -> Decimal:
        """On the side on which the account grows."""
        return self.balance if self.kind in GROWS_BY_DEBIT else -self.balance


class KindSum(msgspec.Struct, frozen=True, kw_only=True):
    """What all accounts of a kind come to in a currency."""

    kind: AccountKind
    currency: str
    balance: Annotated[Decimal, Meta(description="Debit is positive.")]
    accounts: int

    @property
    def shown(self) -> Decimal:
        """On the side on which accounts of this kind grow."""
        return self.balance if self.kind in GROWS_BY_DEBIT else -self.balance


class Total(msgspec.Struct, frozen=True, kw_only=True):
    """Both sides of the books in a currency: the same amount, at any time."""

    currency: str
    debit: Decimal
    credit: Decimal


class TrialBalance(msgspec.Struct, frozen=True, kw_only=True):
    """Every kind of account with what it comes to, and the proof that all of it is balanced."""

    at: Annotated[datetime | None, Meta(description="null: now.")] = None
    kinds: tuple[KindSum, ...]
    totals: tuple[Total, ...]

    @property
    def is_balanced(self) -> bool:
        return all(total.debit == total.credit for total in self.totals)


class EntryQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which entries, the last booked first."""

    kind: EntryKind | None = None
    account: Annotated[str, Meta(max_length=100, description="Id of an account that it is on.")] | None = None
    reference: Annotated[str, Meta(max_length=200, description="Ours, or the provider's.")] | None = None
    since: Annotated[Instant | None, Meta(description="Of this instant or later.")] = None
    until: Annotated[Instant | None, Meta(description="Before this instant.")] = None
    limit: Limit = 50
    cursor: Cursor | None = None


class PostingRow(msgspec.Struct, frozen=True, kw_only=True):
    """What an entry does to an account."""

    account_id: str
    kind: AccountKind
    owner: str
    owner_name: str | None = None
    amount: Annotated[Decimal, Meta(description="Debit is positive.")]
    currency: str


class EntryRow(msgspec.Struct, frozen=True, kw_only=True):
    """An entry with its postings."""

    id: str
    number: int
    kind: EntryKind
    reference: str
    provider_reference: str = ""
    at: Annotated[datetime, Meta(description="When it happened.")]
    entered_at: Annotated[datetime, Meta(description="When it was booked.")]
    entered_by: str = ""
    text: str = ""
    reverses_id: str | None = None
    reversed_by_id: str | None = None
    postings: tuple[PostingRow, ...] = ()

    @property
    def amounts(self) -> dict[str, Decimal]:
        """How much it moves, by currency."""
        found: dict[str, Decimal] = defaultdict(Decimal)
        for posting in self.postings:
            found[posting.currency] += max(posting.amount, Decimal(0))
        return dict(found)


class RefundRow(msgspec.Struct, frozen=True, kw_only=True):
    """What was given back of an entry."""

    id: str
    amount: Decimal
    currency: str
    reason: str
    at: datetime
    by: str


_OWNERS = {
    AccountKind.RECEIVABLE: drivers.c.name,
    AccountKind.WALLET: drivers.c.name,
    AccountKind.HOLD: drivers.c.name,
    AccountKind.PAYABLE: case(
        (organisations.c.name.is_not(None), sites.c.name.concat(" · ").concat(organisations.c.name)),
        (
            func.substr(ledger_accounts.c.owner, ID_LENGTH + 1, len(BY_NAME)) == BY_NAME,
            sites.c.name.concat(" · ").concat(func.substr(ledger_accounts.c.owner, ID_LENGTH + len(BY_NAME) + 1)),
        ),
        else_=sites.c.name,
    ),
    AccountKind.HOST_SHARE: sites.c.name,
    AccountKind.VOUCHER: "…" + ledger_vouchers.c.hint,
}
_KIND_ORDER = {kind: place for place, kind in enumerate(AccountKind)}
_REVERSALS = ledger_entries.alias("reversals")


async def trial_balance(database: Database, books: str, *, at: datetime | None = None) -> TrialBalance:
    """Return what each kind of account comes to, now or after all that is of an instant and before."""
    rows = await (_sums_now(database, books) if at is None else _sums_at(database, books, at))
    kinds = sorted(rows, key=lambda one: (one.currency, _KIND_ORDER[one.kind]))
    totals = tuple(
        Total(
            currency=currency,
            debit=sum((max(one.balance, Decimal(0)) for one in kinds if one.currency == currency), Decimal(0)),
            credit=-sum((min(one.balance, Decimal(0)) for one in kinds if one.currency == currency), Decimal(0)),
        )
        for currency in dict.fromkeys(one.currency for one in kinds)
    )
    return TrialBalance(at=at, kinds=tuple(kinds), totals=totals)


async def list_accounts(database: Database, books: str, query: AccountQuery) -> Page[AccountRow]:
    """Return one page of the accounts, by kind, the latest opened first."""
    order = Order(ledger_accounts.c.opened_at, datetime, ledger_accounts.c.id, name="opened_at", is_descending=True)
    conditions: list[ColumnElement[bool]] = []
    if query.kind is not None:
        conditions.append(ledger_accounts.c.kind == query.kind.value)
    if query.currency is not None:
        conditions.append(ledger_accounts.c.currency == query.currency)
    if query.owner is not None:
        conditions.append(ledger_accounts.c.owner == query.owner)
    if query.is_open is not None:
        zero = ledger_accounts.c.balance == Decimal(0)
        conditions.append(~zero if query.is_open else zero)
    statement = _accounts(books).where(*conditions)
    rows = await database.select(ordered(statement, order, cursor=query.cursor, limit=query.limit))
    rows, cursor = cut(rows, order, query.limit)
    return Page(items=tuple(msgspec.convert(row, AccountRow) for row in rows), next=cursor)


async def get_account(database: Database, books: str, account_id: str) -> AccountRow:
    """Return the account. Raises NotFound."""
    rows = await database.select(_accounts(books).where(ledger_accounts.c.id == account_id))
    if not rows:
        raise NotFound("There is no such account.")
    return msgspec.convert(rows[0], AccountRow)


async def list_entries(database: Database, books: str, query: EntryQuery) -> Page[EntryRow]:
    """Return one page of the entries with their postings, the last booked first."""
    order = Order(ledger_entries.c.number, int, ledger_entries.c.id, name="number", is_descending=True)
    is_busy = query.account is not None and await _is_busy(database, query.account)
    entries = _entries(books, query, is_busy=is_busy)
    rows = await database.select(ordered(entries, order, cursor=query.cursor, limit=query.limit))
    rows, cursor = cut(rows, order, query.limit)
    return Page(items=await _with_postings(database, rows), next=cursor)


async def get_entry(database: Database, books: str, entry_id: str) -> EntryRow:
    """Return the entry. Raises NotFound."""
    rows = await database.select(_entries(books, EntryQuery()).where(ledger_entries.c.id == entry_id))
    if not rows:
        raise NotFound("There is no such entry.")
    return (await _with_postings(database, rows))[0]


async def list_refunds(database: Database, entry_id: str) -> tuple[RefundRow, ...]:
    """Return what was given back of an entry, oldest first."""
    names = RefundRow.__struct_fields__
    rows = await database.select(
        select(*(ledger_refunds.c[name] for name in names))
        .where(ledger_refunds.c.entry_id == entry_id)
        .order_by(ledger_refunds.c.at)
    )
    return tuple(msgspec.convert(row, RefundRow) for row in rows)


async def export_entries(database: Database, books: str, query: EntryQuery) -> AsyncIterator[Sequence[EntryRow]]:
    """Yield all entries that fit, some at a time, the first booked first."""
    order = Order(ledger_entries.c.number, int, ledger_entries.c.id, name="number")
    cursor: str | None = None
    while True:
        statement = ordered(_entries(books, query), order, cursor=cursor, limit=EXPORTED_AT_ONCE)
        rows, cursor = cut(await database.select(statement), order, EXPORTED_AT_ONCE)
        yield await _with_postings(database, rows)
        if cursor is None:
            return


def _accounts(books: str) -> Select[Any]:
    shown = [ledger_accounts.c[name] for name in ("id", "kind", "owner", "currency", "balance", "ceiling", "opened_at")]
    return (
        select(*shown, ledger_accounts.c.version.label("entries"), _owner_name(ledger_accounts).label("owner_name"))
        .select_from(_named(ledger_accounts, ledger_accounts))
        .where(ledger_accounts.c.organisation_id == books)
    )


def _named(source: Any, accounts: Any) -> Any:
    """Return the source with the names of those whom accounts belong to."""
    return (
        source.outerjoin(drivers, drivers.c.id == accounts.c.owner)
        .outerjoin(sites, sites.c.id == func.substr(accounts.c.owner, 1, ID_LENGTH))
        .outerjoin(organisations, organisations.c.id == func.substr(accounts.c.owner, ID_LENGTH + 2))
        .outerjoin(ledger_vouchers, ledger_vouchers.c.id == accounts.c.owner)
    )


def _owner_name(accounts: Any) -> Any:
    return case(*((accounts.c.kind == kind.value, name) for kind, name in _OWNERS.items()))


async def _is_busy(database: Database, account_id: str) -> bool:
    """Return whether so much was booked on an account that its entries are met soon enough in their own order."""
    of_account = select(ledger_postings.c.entry_id).where(_is_on(account_id)).limit(FEW_POSTINGS + 1)
    rows = await database.select(select(func.count().label("number")).select_from(of_account.subquery()))
    return int(rows[0]["number"]) > FEW_POSTINGS


def _is_on(account_id: str) -> ColumnElement[bool]:
    return or_(ledger_postings.c.debit_id == account_id, ledger_postings.c.credit_id == account_id)


def _entries(books: str, query: EntryQuery, *, is_busy: bool = False) -> Select[Any]:
    entries = ledger_entries.c
    own = [entries[name] for name in EntryRow.__struct_fields__ if name in ledger_entries.columns]
    is_by_id = query.reference is not None or (query.account is not None and not is_busy)
    organisation = entries.organisation_id.concat("") if is_by_id else entries.organisation_id  # its index has all
    statement = (
        select(*own, _REVERSALS.c.id.label("reversed_by_id"))
        .select_from(ledger_entries.outerjoin(_REVERSALS, _REVERSALS.c.reverses_id == entries.id))
        .where(organisation == books)
    )
    if query.kind is not None:
        statement = statement.where(entries.kind == query.kind.value)
    if query.account is not None:
        on = _is_on(query.account)
        its = entries.id.in_(select(ledger_postings.c.entry_id).where(on))
        statement = statement.where(exists().where(ledger_postings.c.entry_id == entries.id, on) if is_busy else its)
    if query.reference is not None:
        columns = (entries.reference, entries.provider_reference)  # each has an index of its own
        named = (select(entries.id).where(entries.organisation_id == books, one == query.reference) for one in columns)
        statement = statement.where(entries.id.in_(union(*named)))
    if query.since is not None:
        statement = statement.where(entries.at >= query.since)
    if query.until is not None:
        statement = statement.where(entries.at < query.until)
    return statement


async def _with_postings(database: Database, rows: Sequence[dict[str, Any]]) -> tuple[EntryRow, ...]:
    found: dict[str, dict[str, PostingRow]] = defaultdict(dict)
    ids = [row["id"] for row in rows]
    for side, sign in (("debit_id", 1), ("credit_id", -1)) if ids else ():
        joined = ledger_postings.join(ledger_accounts, ledger_accounts.c.id == ledger_postings.c[side])
        statement = (
            select(
                ledger_postings.c.entry_id,
                ledger_postings.c.amount,
                ledger_postings.c.currency,
                ledger_accounts.c.id.label("account_id"),
                ledger_accounts.c.kind,
                ledger_accounts.c.owner,
                _owner_name(ledger_accounts).label("owner_name"),
            )
            .select_from(_named(joined, ledger_accounts))
            .where(ledger_postings.c.entry_id.in_(ids))
            .order_by(ledger_postings.c.entry_id, ledger_postings.c.line)
        )
        for row in await database.select(statement):
            known = found[row["entry_id"]]
            amount = sign * row["amount"]
            if row["account_id"] in known:
                amount += known[row["account_id"]].amount
            known[row["account_id"]] = msgspec.convert({**row, "amount": amount}, PostingRow)
    return tuple(
        msgspec.convert({**row, "postings": tuple(found[row["id"]].values())}, EntryRow, from_attributes=True)
        for row in rows
    )


async def _sums_now(database: Database, books: str) -> list[KindSum]:
    accounts = ledger_accounts.c
    rows = await database.select(
        select(
            accounts.kind,
            accounts.currency,
            func.sum(accounts.balance, type_=Exact).label("balance"),
            func.count(accounts.id).label("accounts"),
        )
        .where(accounts.organisation_id == books)
        .group_by(accounts.kind, accounts.currency)
    )
    return [msgspec.convert(row, KindSum) for row in rows]


async def _sums_at(database: Database, books: str, at: datetime) -> list[KindSum]:
    sums: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    accounts: dict[tuple[str, str], set[str]] = defaultdict(set)
    for side, sign in (("debit_id", 1), ("credit_id", -1)):
        column = ledger_postings.c[side]
        statement = (
            select(
                ledger_accounts.c.id,
                ledger_accounts.c.kind,
                ledger_accounts.c.currency,
                func.sum(ledger_postings.c.amount, type_=Exact).label("total"),
            )
            .join_from(ledger_postings, ledger_accounts, ledger_accounts.c.id == column)
            .join(ledger_entries, ledger_entries.c.id == ledger_postings.c.entry_id)
            .where(ledger_postings.c.organisation_id == books, ledger_entries.c.at <= at)
            .group_by(ledger_accounts.c.id, ledger_accounts.c.kind, ledger_accounts.c.currency)
        )
        for row in await database.select(statement):
            key = row["kind"], row["currency"]
            sums[key] += sign * row["total"]
            accounts[key].add(row["id"])
    return [
        KindSum(kind=AccountKind(kind), currency=currency, balance=total, accounts=len(accounts[kind, currency]))
        for (kind, currency), total in sums.items()
    ]
