"""Every query of the books: accounts, entries and their postings."""

from collections.abc import Collection, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import Select, and_, bindparam, func, or_, select, true, update

from ingufu.infra.storage.columns import Exact
from ingufu.infra.storage.database import Database, Row, Work
from ingufu.infra.storage.statements import insert, insert_or_ignore
from ingufu.ledger.decide import AccountKey, Pair, account_id, ceiling_of, postings_of
from ingufu.ledger.model import Account, AccountKind, Entry, EntryKind
from ingufu.ledger.tables import ledger_accounts, ledger_counters, ledger_entries, ledger_postings

_ACCOUNT = [ledger_accounts.c[name] for name in Account.__struct_fields__]
_DEBITED = ledger_accounts.alias("debited")
_CREDITED = ledger_accounts.alias("credited")
_OF_BOOKS = or_(bindparam("organisation_id") == "", ledger_accounts.c.organisation_id == bindparam("organisation_id"))

_BY_ID = select(ledger_entries).where(ledger_entries.c.id == bindparam("id_"))
_BY_REFERENCE = select(ledger_entries).where(
    ledger_entries.c.organisation_id == bindparam("organisation_id"),
    ledger_entries.c.reference == bindparam("reference"),
)
_REVERSAL_OF = select(ledger_entries).where(ledger_entries.c.reverses_id == bindparam("id_"))
_PAIRS = (
    select(
        _DEBITED.c.kind.label("debit_kind"),
        _DEBITED.c.owner.label("debit_owner"),
        _CREDITED.c.kind.label("credit_kind"),
        _CREDITED.c.owner.label("credit_owner"),
        ledger_postings.c.amount,
        ledger_postings.c.currency,
    )
    .join_from(ledger_postings, _DEBITED, _DEBITED.c.id == ledger_postings.c.debit_id)
    .join(_CREDITED, _CREDITED.c.id == ledger_postings.c.credit_id)
    .where(ledger_postings.c.entry_id == bindparam("id_"))
    .order_by(ledger_postings.c.line)
)
_ACCOUNT_BY_ID = select(*_ACCOUNT).where(ledger_accounts.c.id == bindparam("id_"))

_OPEN = insert_or_ignore(ledger_accounts)
_BEGIN_COUNT = insert_or_ignore(ledger_counters)
_COUNT = (
    update(ledger_counters)
    .where(ledger_counters.c.organisation_id == bindparam("books"))
    .values(last=ledger_counters.c.last + 1)
)
_ADD_ENTRY = insert(ledger_entries).values(
    {
        **{column.name: bindparam(column.name) for column in ledger_entries.columns if column.name != "number"},
        "number": select(ledger_counters.c.last)
        .where(ledger_counters.c.organisation_id == bindparam("books"))
        .scalar_subquery(),
    }
)
_ADD_POSTING = insert(ledger_postings)
_DELTA = bindparam("delta", type_=Exact)
_MOVE = (
    update(ledger_accounts)
    .where(
        ledger_accounts.c.id == bindparam("account"),
        or_(ledger_accounts.c.ceiling.is_(None), ledger_accounts.c.balance + _DELTA <= ledger_accounts.c.ceiling),
    )
    .values(balance=ledger_accounts.c.balance + _DELTA, version=ledger_accounts.c.version + 1)
)
_LIMIT = (
    update(ledger_accounts)
    .where(
        ledger_accounts.c.id == bindparam("account"), ledger_accounts.c.balance <= bindparam("ceiling_", type_=Exact)
    )
    .values(ceiling=bindparam("ceiling_", type_=Exact))
)
_BALANCES = (
    select(*_ACCOUNT)
    .where(_OF_BOOKS)
    .order_by(ledger_accounts.c.currency, ledger_accounts.c.kind, ledger_accounts.c.owner)
)


async def find(database: Database, entry_id: str) -> Entry | None:
    """Return the entry."""
    return await _entry(database, await database.fetch_one(_BY_ID, {"id_": entry_id}))


async def find_by_reference(database: Database, organisation_id: str, reference: str) -> Entry | None:
    """Return the entry that was made under the reference."""
    found = await database.fetch_one(_BY_REFERENCE, {"organisation_id": organisation_id, "reference": reference})
    return await _entry(database, found)


async def find_reversal(database: Database, entry_id: str) -> Entry | None:
    """Return the entry that takes this one back."""
    return await _entry(database, await database.fetch_one(_REVERSAL_OF, {"id_": entry_id}))


async def find_account(database: Database, account: str) -> Account | None:
    """Return the account of this id."""
    row = await database.fetch_one(_ACCOUNT_BY_ID, {"id_": account})
    return _account(row) if row else None


async def find_accounts(database: Database, accounts: Collection[str]) -> dict[str, Account]:
    """Return those of the accounts that have been opened, by id."""
    if not accounts:
        return {}
    rows = await database.select(select(*_ACCOUNT).where(ledger_accounts.c.id.in_(accounts)))
    return {row["id"]: _account(row) for row in rows}


async def all_accounts(database: Database, organisation_id: str = "") -> list[Account]:
    """Return the accounts of the organisation, or of all, by currency and kind."""
    return [_account(row) for row in await database.fetch_all(_BALANCES, {"organisation_id": organisation_id})]


def open_accounts(work: Work, organisation_id: str, keys: Sequence[AccountKey], now: datetime) -> None:
    """Have the accounts be there."""
    for key in keys:
        row = {
            "id": account_id(organisation_id, key),
            "organisation_id": organisation_id,
            "kind": key.kind.value,
            "owner": key.owner,
            "currency": key.currency,
            "balance": Decimal(0),
            "ceiling": ceiling_of(key.kind),
            "version": 0,
            "opened_at": now,
        }
        work.execute(_OPEN, row)


def add(work: Work, entry: Entry, pairs: Sequence[Pair]) -> None:
    """Store an entry whose accounts are there; its number is counted when it is written (that of `entry` is not used).

    Conflict at the commit if its reference is taken, or if an account would rise above its ceiling.
    """
    books = entry.organisation_id
    work.execute(_BEGIN_COUNT, {"organisation_id": books, "last": 0})
    work.execute(_COUNT, {"books": books}, expect=1)
    row = {name: getattr(entry, name) for name in Entry.__struct_fields__ if name not in {"postings", "number"}}
    work.execute(_ADD_ENTRY, row | {"books": books, "lines": len(pairs)})
    for line, pair in enumerate(pairs, start=1):
        posting = {
            "entry_id": entry.id,
            "line": line,
            "lines": len(pairs),
            "organisation_id": books,
            "debit_id": account_id(books, pair.debit),
            "credit_id": account_id(books, pair.credit),
            "amount": pair.amount,
            "currency": pair.currency,
        }
        work.execute(_ADD_POSTING, posting)
    moves = {account_id(books, AccountKey(p.account, p.owner, p.currency)): p.amount for p in entry.postings}
    for account in sorted(moves):
        work.execute(_MOVE, {"account": account, "delta": moves[account]}, expect=1)


def set_ceiling(work: Work, account: str, ceiling: Decimal) -> None:
    """Let the account's balance rise so far; Conflict at the commit if it stands higher already."""
    work.execute(_LIMIT, {"account": account, "ceiling_": ceiling}, expect=1)


async def sums(database: Database, organisation_id: str = "", at: datetime | None = None) -> dict[str, Decimal]:
    """Return what the postings up to and at the instant come to, by account; computed from the postings alone."""
    found: dict[str, Decimal] = {}
    for side, sign in ((ledger_postings.c.debit_id, 1), (ledger_postings.c.credit_id, -1)):
        for row in await database.select(_side(side, organisation_id, at)):
            found[row["account"]] = found.get(row["account"], Decimal(0)) + sign * row["total"]
    return found


def _side(side: Any, organisation_id: str, at: datetime | None) -> Select[Any]:
    total = func.sum(ledger_postings.c.amount, type_=Exact).label("total")
    entry = and_(
        ledger_entries.c.id == ledger_postings.c.entry_id,
        ledger_entries.c.at <= at if at is not None else true(),
    )
    found = select(side.label("account"), total).join_from(ledger_postings, ledger_entries, entry).group_by(side)
    return found.where(ledger_postings.c.organisation_id == organisation_id) if organisation_id else found


async def incomplete(database: Database) -> list[Row]:
    """Return the entries whose postings are not as many as they say."""
    count = func.count(ledger_postings.c.line)
    return await database.select(
        select(ledger_entries.c.id, ledger_entries.c.lines, count.label("found"))
        .join_from(ledger_entries, ledger_postings, ledger_postings.c.entry_id == ledger_entries.c.id, isouter=True)
        .group_by(ledger_entries.c.id, ledger_entries.c.lines)
        .having(count != ledger_entries.c.lines)
        .limit(100)
    )


async def numbering(database: Database) -> list[Row]:
    """Return by organisation how many entries there are, the highest number, and what its counter says."""
    return await database.select(
        select(
            ledger_entries.c.organisation_id,
            func.count(ledger_entries.c.id).label("entries"),
            func.max(ledger_entries.c.number).label("highest"),
            ledger_counters.c.last,
        )
        .join_from(
            ledger_entries,
            ledger_counters,
            ledger_counters.c.organisation_id == ledger_entries.c.organisation_id,
            isouter=True,
        )
        .group_by(ledger_entries.c.organisation_id, ledger_counters.c.last)
    )


async def _entry(database: Database, row: Row | None) -> Entry | None:
    if row is None:
        return None
    values = {name: row[name] for name in Entry.__struct_fields__ if name in row}
    pairs = [_pair(found) for found in await database.fetch_all(_PAIRS, {"id_": row["id"]})]
    return Entry(**{**values, "kind": EntryKind(row["kind"]), "postings": postings_of(pairs)})


def _pair(row: Row) -> Pair:
    return Pair(
        AccountKey(AccountKind(row["debit_kind"]), row["debit_owner"], row["currency"]),
        AccountKey(AccountKind(row["credit_kind"]), row["credit_owner"], row["currency"]),
        row["amount"],
    )


def _account(row: Row) -> Account:
    return msgspec.convert({**row, "kind": AccountKind(row["kind"])}, Account)
