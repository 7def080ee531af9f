"""What the database itself does not let happen, whoever asks it: raw SQL on both of them."""

import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing

import asyncpg
import pytest

from ingufu.core.clock import FrozenClock
from ingufu.infra.storage import sqlite
from ingufu.infra.storage.database import Database
from ingufu.infra.storage.targets import StorageUrl
from ingufu.ledger.service import Ledger
from ledger_entries import Post, charge

Raw = Callable[[str], Awaitable[None]]
REFUSED = (sqlite3.IntegrityError, asyncpg.IntegrityConstraintViolationError)


@pytest.fixture
async def raw(database: Database, storage_url: StorageUrl) -> Raw:
    """Run statements past the program."""

    async def run(sql: str) -> None:
        if storage_url.path is not None:
            with closing(sqlite.connect(storage_url.path)) as connection:
                connection.execute(sql)
            return
        connection = await asyncpg.connect(storage_url.dsn)
        try:
            await connection.execute(sql)
        finally:
            await connection.close()

    return run


@pytest.fixture
async def entry_id(post: Post, clock: FrozenClock) -> str:
    posted = await post(charge(11800, reference="charge-record:1", at=clock.now()))
    await post(charge(500, reference="charge-record:2", at=clock.now()))
    assert posted is not None
    return posted.entry_id


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE ledger_entries SET text = 'other'",
        "UPDATE ledger_entries SET number = number + 10",
        "UPDATE ledger_postings SET amount = amount + 1",
        "UPDATE ledger_postings SET credit_id = debit_id",
        "DELETE FROM ledger_postings",
        "DELETE FROM ledger_entries",
        "DELETE FROM ledger_accounts",
        "UPDATE ledger_accounts SET currency = 'EUR'",
        "UPDATE ledger_accounts SET kind = 'bank'",
        "UPDATE ledger_accounts SET owner = 'mallory'",
    ],
)
async def test_what_is_booked_is_neither_changed_nor_deleted(ledger: Ledger, raw: Raw, entry_id: str, sql: str) -> None:
    before = [await ledger.entry("operator", entry_id), *await ledger.accounts("operator")]
    with pytest.raises(REFUSED):
        await raw(sql)
    assert [await ledger.entry("operator", entry_id), *await ledger.accounts("operator")] == before
    assert await ledger.verify() == []


POSTING = (
    "INSERT INTO ledger_postings (entry_id, line, lines, organisation_id, debit_id, credit_id, amount, currency) "
    "SELECT {entry}, {line}, {lines}, organisation_id, {debit}, {credit}, {amount}, {currency} "
    "FROM ledger_postings WHERE line = 1 AND entry_id = (SELECT id FROM ledger_entries WHERE number = 1)"
)


@pytest.mark.parametrize(
    "change",
    [
        {"line": "3"},  # beyond what the entry has
        {"line": "3", "lines": "3"},  # which says 2
        {"line": "2"},  # is taken
        {"line": "0"},
        {"amount": "0"},
        {"amount": "-5"},
        {"debit": "credit_id"},
        {"currency": "'EUR'"},
        {"debit": "'no account'"},
        {"entry": "'no entry'"},
    ],
)
async def test_nothing_is_added_to_what_is_booked(
    ledger: Ledger, raw: Raw, entry_id: str, change: dict[str, str]
) -> None:
    values = {
        "entry": "entry_id", "line": "1", "lines": "lines", "debit": "debit_id", "credit": "credit_id",
        "amount": "amount", "currency": "currency",
    }  # fmt: skip
    with pytest.raises(REFUSED):
        await raw(POSTING.format(**(values | change)))
    assert await ledger.verify() == []


@pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "sql",
    [
        (
            "INSERT OR REPLACE INTO ledger_postings SELECT entry_id, line, lines, organisation_id, debit_id, credit_id, "
            "amount + 1, currency FROM ledger_postings"
        ),
        (
            "INSERT OR REPLACE INTO ledger_entries SELECT id, organisation_id, number, kind, reference, "
            "provider_reference, at, entered_at, entered_by, 'other', lines, reverses_id FROM ledger_entries"
        ),
        (
            "INSERT OR REPLACE INTO ledger_entries SELECT id || 'x', organisation_id, number, kind, reference, "
            "provider_reference, at, entered_at, entered_by, 'other', lines, reverses_id FROM ledger_entries"
        ),
        "UPDATE OR REPLACE ledger_entries SET reference = 'other'",
    ],
)
async def test_replacing_is_no_way_around_it(ledger: Ledger, raw: Raw, entry_id: str, sql: str) -> None:
    with pytest.raises(REFUSED):
        await raw(sql)
    assert (await ledger.entry("operator", entry_id)).text == ""
    assert await ledger.verify() == []


@pytest.mark.parametrize("storage_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("table", ["ledger_postings", "ledger_entries"])
async def test_truncating_is_no_way_around_it(ledger: Ledger, raw: Raw, entry_id: str, table: str) -> None:
    with pytest.raises(REFUSED):
        await raw(f"TRUNCATE {table} CASCADE")
    assert await ledger.verify() == []


async def test_wallet_cannot_be_overdrawn_by_hand(ledger: Ledger, raw: Raw, entry_id: str) -> None:
    with pytest.raises(REFUSED):
        await raw(
            "INSERT INTO ledger_accounts (id, organisation_id, kind, owner, currency, balance, ceiling, version, "
            "opened_at) SELECT 'w', organisation_id, 'wallet', 'eve', currency, 1, 0, 0, opened_at "
            "FROM ledger_accounts WHERE kind = 'tax'"
        )


async def test_verification_finds_a_balance_that_is_not_what_was_posted(
    ledger: Ledger, raw: Raw, entry_id: str
) -> None:
    await raw("UPDATE ledger_accounts SET balance = balance + 1 WHERE kind = 'receivable'")
    await raw("UPDATE ledger_counters SET last = 7")
    found = await ledger.verify()
    assert {one.rule for one in found} == {"balance", "trial-balance", "numbers"}
