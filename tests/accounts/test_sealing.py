"""The audit trail broken on purpose, by someone who has the database and drops its triggers, and noticed."""

import asyncio
import contextlib
import sqlite3
from datetime import timedelta

import asyncpg
import pytest
from sqlalchemy import delete, update

from ingufu.accounts import chain, tables, trail_store
from ingufu.accounts.jobs import AuditKeeper
from ingufu.accounts.model import ActorKind, Principal
from ingufu.accounts.service import Accounts
from ingufu.core.errors import IngufuError, InvalidInput
from ingufu.core.ids import IdMaker
from ingufu.infra.ending import end
from ingufu.infra.storage.opening import open_database
from ingufu.infra.witness import Witness

AMINA = Principal(kind=ActorKind.USER, id="u1", name="Amina", address="192.0.2.1")
KEY = b"k" * 32


@pytest.fixture
def witness(tmp_path):
    return Witness(tmp_path / "audit.head")


@pytest.fixture
def accounts(database, clock, ids, witness):
    return Accounts(database, clock, ids, trail_key=lambda: KEY, witness=witness)


async def note(database, accounts, *objects, clock=None):
    for one in objects:
        async with database.work() as work:
            accounts.audit(work, AMINA, "tariff.change", object_kind="tariff", object_id=one, details={"x": 1.5e22})
        if clock is not None:
            clock.advance(60)


async def attack(storage_url, *statements):
    """Write past the program and past the triggers, as someone with the file or the server would."""
    target = storage_url
    if target.path is not None:
        with contextlib.closing(sqlite3.connect(target.path, timeout=15)) as connection, connection:
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
                connection.execute(f"DROP TRIGGER {name}")
            for statement in statements:
                connection.execute(statement)
        return
    connection = await asyncpg.connect(target.dsn)
    try:
        async with connection.transaction():
            await connection.execute("ALTER TABLE audit DISABLE TRIGGER USER")
            await connection.execute("ALTER TABLE audit_seals DISABLE TRIGGER USER")
            for statement in statements:
                await connection.execute(statement)
    finally:
        await connection.close()


def kinds(found):
    return [(flaw.kind.value, flaw.number, flaw.entry_id) for flaw in found.flaws]


async def test_untouched_trail_is_whole_sealed_or_not(database, accounts):
    assert (await accounts.verify_audit()).is_whole
    await note(database, accounts, "a", "b", "c")
    found = await accounts.verify_audit()
    assert (found.is_whole, found.entries, found.unsealed) == (True, 3, 3)
    assert await accounts.seal_audit() == 3
    assert await accounts.seal_audit() == 0
    await note(database, accounts, "d")
    found = await accounts.verify_audit()
    assert (found.is_whole, found.entries, found.unsealed, found.head_number) == (True, 4, 1, 3)
    assert [entry.number for entry in await accounts.audit_trail()] == [None, 3, 2, 1]


COPY = (
    "INSERT INTO audit (at, actor_kind, actor_id, actor_name, address, action, object_kind, object_id, is_refused, "
    "details, changes, door, request_id, nonce, mark) SELECT at, actor_kind, actor_id, actor_name, address, action, "
    "object_kind, 'forged', is_refused, details, changes, door, request_id, 'new', mark FROM audit WHERE id = 2"
)
SWAP = "UPDATE audit SET id = {} WHERE id = {}"


@pytest.mark.parametrize(
    ("attacks", "noticed"),
    [
        (["UPDATE audit SET actor_name = 'Baraka' WHERE id = 2"], [("changed", 2, 2)]),
        (["UPDATE audit SET details = '{}' WHERE id = 3"], [("changed", 3, 3)]),
        (["UPDATE audit SET details = 'nothing of note' WHERE id = 3"], [("changed", 3, 3)]),
        (["UPDATE audit SET changes = '' WHERE id = 1"], [("changed", 1, 1)]),
        (["UPDATE audit SET mark = 'é' WHERE id = 2"], [("changed", 2, 2), ("order", 2, 2)]),
        (["DELETE FROM audit WHERE id = 2"], [("missing", 2, 2)]),
        (
            ["DELETE FROM audit WHERE id = 2", "DELETE FROM audit_seals WHERE number = 2"],
            [("missing", 2, None)],
        ),
        (
            [SWAP.format(-2, 2), SWAP.format(2, 3), SWAP.format(3, -2)],
            [("order", 2, 2), ("order", 3, 3)],
        ),
        (
            [
                "UPDATE audit_seals SET entry_id = 105 - entry_id WHERE number IN (2, 3)",
                "UPDATE audit_seals SET entry_id = entry_id - 100 WHERE number IN (2, 3)",
            ],
            [("order", 2, 3), ("order", 3, 2)],
        ),
        ([COPY], [("forged", None, 5)]),
        (
            [
                COPY,
                "UPDATE audit SET nonce = 'other' WHERE id = 5",
                "INSERT INTO audit_seals VALUES (5, 5, 'f00d')",
            ],
            [("forged", 5, None)],
        ),
        (
            ["DELETE FROM audit WHERE id = 4", "DELETE FROM audit_seals WHERE number = 4"],
            [("cut", 4, None)],
        ),
        (
            [
                "DELETE FROM audit WHERE id > 2",
                "DELETE FROM audit_seals WHERE number > 2",
                "UPDATE audit_chain SET head_number = 2, head_seal = (SELECT seal FROM audit_seals WHERE number = 2)",
            ],
            [("head", 2, None), ("cut", 3, None)],
        ),
        (["DELETE FROM audit", "DELETE FROM audit_seals", "DELETE FROM audit_chain"], [("cut", 1, None)]),
        (
            [
                "UPDATE audit_chain SET first_number = 2, first_seal = (SELECT seal FROM audit_seals WHERE number = 2)",
                "DELETE FROM audit WHERE id <= 2",
                "DELETE FROM audit_seals WHERE number <= 2",
            ],
            [("head", 4, None)],
        ),
    ],
    ids=[
        "changed", "details-emptied", "details-no-json", "changes-no-json", "mark-no-hash", "deleted", "deleted-with-seal", "swapped", "seals-swapped", "inserted",
        "inserted-with-seal", "cut", "cut-with-head", "all-gone", "pruned-without-key",
    ],
)  # fmt: skip
async def test_broken_trail_is_noticed(database, storage_url, accounts, attacks, noticed):
    await note(database, accounts, "a", "b", "c", "d")
    await accounts.seal_audit()
    assert (await accounts.verify_audit()).is_whole
    await attack(storage_url, *attacks)
    found = await accounts.verify_audit()
    assert not found.is_whole
    assert kinds(found) == noticed


async def test_entry_that_cannot_be_read_is_noticed_before_it_is_sealed_too(database, storage_url, accounts):
    await note(database, accounts, "a", "b", "c")
    await attack(storage_url, "UPDATE audit SET details = '[' WHERE id = 2")
    found = await accounts.verify_audit()
    assert (kinds(found), found.unsealed) == ([("forged", None, 2)], 3)


async def test_entry_whose_text_rotted_is_noticed(database, storage_url, accounts):
    if storage_url.path is None:
        pytest.skip("PostgreSQL keeps text that is none out")
    await note(database, accounts, "a", "b", "c")
    await accounts.seal_audit()
    await attack(storage_url, "UPDATE audit SET actor_name = CAST(x'ff' AS TEXT), is_refused = 'x' WHERE id = 2")
    found = await accounts.verify_audit()
    assert (kinds(found), found.entries) == ([("changed", 2, 2)], 3)


async def test_entry_that_cannot_be_read_is_listed_as_it_stands(database, storage_url, accounts):
    await note(database, accounts, "a", "b", "c")
    await attack(storage_url, "UPDATE audit SET details = 'not JSON', changes = '[]' WHERE id = 2")
    listed = await accounts.audit_trail()
    assert [entry.object_id for entry in listed] == ["c", "b", "a"]
    assert listed[1].details == listed[1].changes | {"unreadable": {"after": "not JSON"}}
    assert [entry.id for entry in await accounts.audit_trail(q="not json")] == [2]
    assert (await accounts.audit_entry(2)).details == listed[1].details


async def test_hashes_rewritten_without_the_key_are_noticed(database, storage_url, accounts, clock, ids):
    await note(database, accounts, "a", "b", "c")
    await accounts.seal_audit()
    rows = await trail_store.sealed(database, 0, 10)
    wrong, seal, writes = b"w" * 32, chain.FIRST_SEAL, []
    for row in rows:
        forged = row | {"actor_name": "Baraka"}
        mark = chain.mark(wrong, forged)
        seal = chain.seal(wrong, seal, row["number"], row["entry_id"], mark)
        writes.append(f"UPDATE audit SET actor_name = 'Baraka', mark = '{mark}' WHERE id = {row['entry_id']}")
        writes.append(f"UPDATE audit_seals SET seal = '{seal}' WHERE number = {row['number']}")
    writes.append(f"UPDATE audit_chain SET head_seal = '{seal}'")
    await attack(storage_url, *writes)
    found = await accounts.verify_audit()
    assert kinds(found)[:2] == [("changed", 1, 1), ("order", 1, 1)]
    assert not found.is_whole


async def test_older_head_put_back_with_the_tail_cut_is_noticed_by_the_file_beside_the_key(
    database, storage_url, accounts
):
    await note(database, accounts, "a", "b")
    await accounts.seal_audit()
    old = await accounts.audit_head()
    await note(database, accounts, "c")
    await accounts.seal_audit()
    await attack(
        storage_url,
        "DELETE FROM audit WHERE id = 3",
        "DELETE FROM audit_seals WHERE number = 3",
        f"UPDATE audit_chain SET head_number = 2, head_seal = '{old.head_seal}', mac = '{old.mac}'",
    )
    assert not (await accounts.verify_audit()).is_whole
    await note(database, accounts, "d", "e")
    await accounts.seal_audit()  # and the trail going on does not cover it
    assert not (await accounts.verify_audit()).is_whole


async def test_seal_written_down_elsewhere_is_compared(database, accounts):
    await note(database, accounts, "a", "b")
    await accounts.seal_audit()
    head = await accounts.audit_head()
    await note(database, accounts, "c")
    await accounts.seal_audit()
    assert (await accounts.verify_audit((head.head_number, head.head_seal.upper()))).is_whole
    assert kinds(await accounts.verify_audit((1, head.head_seal))) == [("order", 1, None)]
    assert kinds(await accounts.verify_audit((9, head.head_seal))) == [("cut", 9, None)]


async def test_another_key_is_said_to_be_one(database, accounts, clock, ids):
    await note(database, accounts, "a", "b")
    await accounts.seal_audit()
    elsewhere = Accounts(database, clock, ids, trail_key=lambda: b"o" * 32)
    assert kinds(await elsewhere.verify_audit()) == [("key", 1, None)]
    await note(database, elsewhere, "c")
    assert await elsewhere.seal_audit() == 0  # what was sealed stays as evidence


async def test_trail_is_begun_anew_by_someone_who_says_why(database, storage_url, accounts):
    await note(database, accounts, "a", "b", "c")
    await accounts.seal_audit()
    await attack(storage_url, "DELETE FROM audit WHERE id = 2")
    await note(database, accounts, "d")
    with pytest.raises(InvalidInput):
        await accounts.begin_audit_anew(database.work(), AMINA, "  ")
    async with database.work() as work:
        await accounts.begin_audit_anew(work, AMINA, "A backup of Monday was put back.")
    await accounts.seal_audit()
    found = await accounts.verify_audit()
    assert (found.is_whole, found.first_number, found.head_number) == (True, 4, 5)
    [entry, *_] = await accounts.audit_trail()
    assert (entry.action, entry.details["reason"]) == ("audit.begin-anew", "A backup of Monday was put back.")


async def test_program_itself_cannot_change_an_entry(database, accounts):
    await note(database, accounts, "a")
    await accounts.seal_audit()
    for statement in (
        update(tables.audit).values(actor_name="x"),
        delete(tables.audit),
        update(tables.audit_seals).values(seal="x"),
        delete(tables.audit_seals),
    ):
        work = database.work()
        work.execute_once(statement)
        with pytest.raises(IngufuError):
            await work.commit()
    assert (await accounts.verify_audit()).is_whole


async def test_oldest_entries_are_pruned_and_the_rest_still_verifies(database, accounts, clock):
    await note(database, accounts, "a", "b", "c", clock=clock)
    await accounts.seal_audit()
    assert await accounts.prune_audit(clock.now() - timedelta(seconds=90)) == 2
    await accounts.seal_audit()
    assert [entry.object_id for entry in await accounts.audit_trail()] == ["", "c"]
    found = await accounts.verify_audit()
    assert (found.is_whole, found.first_number, found.head_number) == (True, 2, 4)
    assert await accounts.prune_audit(clock.now() - timedelta(days=1)) == 0
    await accounts.seal_audit()
    clock.advance(60)
    assert await accounts.prune_audit(clock.now()) == 1  # the newest stays
    assert (await accounts.verify_audit()).is_whole


async def test_many_processes_that_write_and_seal_at_once_make_one_chain(storage_url, database, clock, ids, witness):
    del database
    databases = [await open_database(storage_url) for _ in range(3)]
    try:
        several = [Accounts(one, clock, IdMaker(clock), trail_key=lambda: KEY, witness=witness) for one in databases]

        async def work(number):
            for step in range(20):
                await note(databases[number], several[number], f"{number}-{step}")
                await several[number].seal_audit()

        await asyncio.gather(*map(work, range(3)))
        await several[0].seal_audit()
        found = await several[1].verify_audit()
        assert (found.is_whole, found.head_number, found.unsealed) == (True, 60, 0), found.flaws
    finally:
        for one in databases:
            await one.close()


async def test_keeper_seals_soon_after_an_entry_and_once_more_when_it_ends(database, accounts, clock):
    keeper = AuditKeeper(accounts, clock)
    task = asyncio.create_task(keeper.run_sealing())
    try:
        await note(database, accounts, "a")
        async with asyncio.timeout(15):
            while (head := await accounts.audit_head()) is None or head.head_number < 1:
                await asyncio.sleep(0.01)
        await note(database, accounts, "b")
    finally:
        await end(task)
    assert (await accounts.audit_head()).head_number == 2
    assert (await accounts.verify_audit()).is_whole


async def test_keeper_lets_go_what_is_too_old_and_checks_the_rest(database, accounts, clock):
    await note(database, accounts, "a", "b")
    clock.advance(3 * 86_400)
    await note(database, accounts, "c")
    task = asyncio.create_task(AuditKeeper(accounts, clock, kept_days=2).run_verifying(first_s=0))
    try:
        async with asyncio.timeout(15):
            while accounts.verification is None:
                await asyncio.sleep(0.01)
    finally:
        await end(task)
    assert accounts.verification.is_whole
    assert [entry.object_id for entry in await accounts.audit_trail(object_kind="tariff")] == ["c"]


async def test_keeper_reports_an_entry_that_cannot_be_read_and_goes_on(database, storage_url, accounts, clock):
    await note(database, accounts, "a", "b")
    await accounts.seal_audit()
    await attack(storage_url, "UPDATE audit SET details = 'not JSON' WHERE id = 2")
    task = asyncio.create_task(AuditKeeper(accounts, clock, kept_days=2, verify_every_s=0).run_verifying(first_s=0))
    try:
        async with asyncio.timeout(15):
            while accounts.verification is None:
                await asyncio.sleep(0.01)
            accounts.verification = None
            while accounts.verification is None:
                await asyncio.sleep(0.01)
    finally:
        await end(task)
    assert kinds(accounts.verification) == [("changed", 2, 2)]


async def test_keeper_survives_what_nobody_thought_of(accounts, clock, monkeypatch):
    tries = []

    async def prune(before):
        tries.append(before)
        raise RuntimeError

    monkeypatch.setattr(accounts, "prune_audit", prune)
    task = asyncio.create_task(AuditKeeper(accounts, clock, kept_days=2, verify_every_s=0).run_verifying(first_s=0))
    try:
        async with asyncio.timeout(15):
            while len(tries) < 2:
                await asyncio.sleep(0.01)
    finally:
        await end(task)
