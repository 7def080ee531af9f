"""Wallets and vouchers as lists show them."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select

from ingufu.authorization.tables import drivers
from ingufu.infra.storage.columns import Exact
from ingufu.infra.storage.database import Database
from ingufu.ledger.model import AccountKind, HoldStatus
from ingufu.ledger.tables import ledger_accounts, ledger_holds, ledger_voucher_uses, ledger_vouchers
from ingufu.views.ledger import Currency, Id
from ingufu.views.paging import Order, Page, cut, ordered
from ingufu.views.stations import Cursor, Limit

_HOLDS = ledger_accounts.alias("holds")


class WalletQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which wallets, the latest opened first."""

    driver_id: Id | None = None
    q: Annotated[str, Meta(max_length=100, description="A part of the driver's name.")] | None = None
    currency: Currency | None = None
    limit: Limit = 50
    cursor: Cursor | None = None


class WalletRow(msgspec.Struct, frozen=True, kw_only=True):
    """A wallet with its driver."""

    account_id: str
    driver_id: str
    driver_name: str | None = None
    currency: str
    balance: Annotated[Decimal, Meta(description="What is in it; less than nothing: it is overdrawn.")]
    held: Annotated[Decimal, Meta(description="What is set aside besides, for sessions that run.")]
    limit: Annotated[Decimal, Meta(description="By how much it may be overdrawn.")]
    opened_at: datetime

    @property
    def available(self) -> Decimal:
        return self.balance + self.limit


class HoldRow(msgspec.Struct, frozen=True, kw_only=True):
    """Money set aside of a wallet."""

    id: str
    driver_id: str
    currency: str
    amount: Decimal
    captured: Decimal
    status: HoldStatus
    reference: str
    created_at: datetime
    expires_at: datetime | None = None
    ended_at: datetime | None = None


class VoucherState(StrEnum):
    OPEN = "open"
    USED_UP = "used-up"
    ENDED = "ended"  # expired or withdrawn


class VoucherQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which vouchers, the last issued first."""

    state: VoucherState | None = None
    currency: Currency | None = None
    limit: Limit = 50
    cursor: Cursor | None = None


class VoucherRow(msgspec.Struct, frozen=True, kw_only=True):
    """A voucher. Its code is not known to us."""

    id: str
    hint: Annotated[str, Meta(description="How its code ends.")]
    state: VoucherState
    amount: Annotated[Decimal, Meta(description="Of each use.")]
    currency: str
    uses: int
    used: int
    text: str = ""
    provider: Annotated[str, Meta(description="Through whom it was sold; empty: it was given away.")] = ""
    issued_at: datetime
    issued_by: str = ""
    expires_at: datetime
    ended_at: datetime | None = None


class VoucherUseRow(msgspec.Struct, frozen=True, kw_only=True):
    """One use of a voucher."""

    number: int
    driver_id: str
    driver_name: str | None = None
    amount: Decimal
    at: datetime
    entry_id: str


async def list_wallets(database: Database, books: str, query: WalletQuery) -> Page[WalletRow]:
    """Return one page of the wallets."""
    order = Order(ledger_accounts.c.opened_at, datetime, ledger_accounts.c.id, name="opened_at", is_descending=True)
    statement = _wallets(books)
    if query.driver_id is not None:
        statement = statement.where(ledger_accounts.c.owner == query.driver_id)
    if query.q is not None:
        statement = statement.where(func.lower(drivers.c.name).contains(query.q.strip().lower(), autoescape=True))
    if query.currency is not None:
        statement = statement.where(ledger_accounts.c.currency == query.currency)
    rows = await database.select(ordered(statement, order, cursor=query.cursor, limit=query.limit))
    rows, cursor = cut(rows, order, query.limit)
    return Page(items=tuple(msgspec.convert(row, WalletRow) for row in rows), next=cursor)


async def list_holds(database: Database, books: str, driver_id: str) -> tuple[HoldRow, ...]:
    """Return the driver's last holds, newest first."""
    rows = await database.select(
        select(*(ledger_holds.c[name] for name in HoldRow.__struct_fields__))
        .where(ledger_holds.c.organisation_id == books, ledger_holds.c.driver_id == driver_id)
        .order_by(ledger_holds.c.id.desc())
        .limit(100)
    )
    return tuple(msgspec.convert(row, HoldRow) for row in rows)


async def list_vouchers(database: Database, books: str, query: VoucherQuery) -> Page[VoucherRow]:
    """Return one page of the vouchers."""
    order = Order(ledger_vouchers.c.id, str, ledger_vouchers.c.id, name="id", is_descending=True)  # they rise
    statement = _vouchers(books)
    if query.state is not None:
        statement = statement.where(_state() == query.state.value)
    if query.currency is not None:
        statement = statement.where(ledger_vouchers.c.currency == query.currency)
    rows = await database.select(ordered(statement, order, cursor=query.cursor, limit=query.limit))
    rows, cursor = cut(rows, order, query.limit)
    return Page(items=tuple(msgspec.convert(row, VoucherRow) for row in rows), next=cursor)


async def find_voucher(database: Database, books: str, voucher_id: str) -> VoucherRow | None:
    """Return the voucher."""
    rows = await database.select(_vouchers(books).where(ledger_vouchers.c.id == voucher_id))
    return msgspec.convert(rows[0], VoucherRow) if rows else None


async def list_uses(database: Database, voucher_id: str) -> tuple[VoucherUseRow, ...]:
    """Return the uses of a voucher, the first first."""
    uses = ledger_voucher_uses.c
    rows = await database.select(
        select(uses.number, uses.driver_id, drivers.c.name.label("driver_name"), uses.amount, uses.at, uses.entry_id)
        .select_from(ledger_voucher_uses.outerjoin(drivers, drivers.c.id == uses.driver_id))
        .where(uses.voucher_id == voucher_id)
        .order_by(uses.number)
        .limit(1000)
    )
    return tuple(msgspec.convert(row, VoucherUseRow) for row in rows)


def _wallets(books: str) -> Select[Any]:
    accounts = ledger_accounts.c
    is_hold_of = and_(
        _HOLDS.c.organisation_id == accounts.organisation_id,
        _HOLDS.c.kind == AccountKind.HOLD.value,
        _HOLDS.c.owner == accounts.owner,
        _HOLDS.c.currency == accounts.currency,
    )
    return (
        select(
            accounts.id.label("account_id"),
            accounts.owner.label("driver_id"),
            drivers.c.name.label("driver_name"),
            accounts.currency,
            _negated(accounts.balance, "balance"),
            _negated(_HOLDS.c.balance, "held"),
            func.coalesce(accounts.ceiling, Decimal(0), type_=Exact).label("limit"),
            accounts.opened_at,
        )
        .select_from(ledger_accounts.outerjoin(_HOLDS, is_hold_of).outerjoin(drivers, drivers.c.id == accounts.owner))
        .where(accounts.organisation_id == books, accounts.kind == AccountKind.WALLET.value)
    )


def _negated(column: Any, name: str) -> Any:
    return func.coalesce(-column, Decimal(0), type_=Exact).label(name)


def _vouchers(books: str) -> Select[Any]:
    vouchers = ledger_vouchers.c
    own = [vouchers[name] for name in VoucherRow.__struct_fields__ if name in ledger_vouchers.columns]
    return select(*own, _state().label("state")).where(vouchers.organisation_id == books)


def _state() -> ColumnElement[str]:
    vouchers = ledger_vouchers.c
    return case(
        (vouchers.used >= vouchers.uses, VoucherState.USED_UP.value),
        (or_(vouchers.ended_at.is_not(None)), VoucherState.ENDED.value),
        else_=VoucherState.OPEN.value,
    )
