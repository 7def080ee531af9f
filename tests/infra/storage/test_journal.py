"""Rows of the journal: durable with their unit, found by who wrote them, and in their table once, whatever happens."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import func, select

from ingufu.core.errors import Unavailable
from ingufu.infra.storage import sqlite
from ingufu.infra.storage.database import Database
from ingufu.infra.storage.engine import Committed, Series, Unit
from ingufu.infra.storage.journal import journal, put_away
from ingufu.infra.storage.lagging import PORTION_MIN as PORTION  # of a batch as small as these
from ingufu.infra.storage.lagging import unbroken
from ingufu.infra.storage.opening import open_database
from ingufu.infra.storage.sqlite import SqliteEngine
from ingufu.infra.storage.targets import StorageUrl
from storage_samples import APPEND, INSERT, SERIES, sample, samples, series, step

ON_SQLITE = pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)

COUNT = select(func.count().label("count")).select_from(series)
ENTRIES = select(func.count().label("count")).select_from(journal)


async def deferring(url: StorageUrl) -> Database:
    """Return the database as the process of the stations has it."""
    return await open_database(url, inline_reads=True, defers=True)


async def defer(database: Database, *numbers: int) -> None:
    async with database.work() as work:
        for number in numbers:
            work.defer(APPEND, step("u", number))


def on_disk(url: StorageUrl) -> tuple[int, int]:
    """Return how many rows and entries another program finds in the file."""
    assert url.path is not None
    connection = sqlite.connect(url.path)
    try:
        rows = connection.execute("SELECT count(*) FROM series").fetchone()[0]
        return rows, connection.execute("SELECT count(*) FROM journal").fetchone()[0]
    finally:
        connection.close()


async def abandon(database: Database) -> None:
    """Let the process go as a kill would: nothing is put away, and its locks are free."""
    database.writer._is_closed = True
    if database.writer._lag_timer is not None:
        database.writer._lag_timer.cancel()
    await database.engine.close()


@ON_SQLITE
async def test_row_is_durable_with_its_unit_and_read_by_who_wrote_it(
    sampled: Database, storage_url: StorageUrl
) -> None:
    database = await deferring(storage_url)
    await defer(database, 1, 2)
    assert on_disk(storage_url) == (0, 1)
    assert await database.fetch_all(SERIES, may_lag=True) == []
    assert [row["step"] for row in await database.fetch_all(SERIES)] == [1, 2]
    assert on_disk(storage_url) == (2, 0)
    await database.close()


@ON_SQLITE
async def test_what_a_dead_process_left_is_put_away_first(sampled: Database, storage_url: StorageUrl) -> None:
    database = await deferring(storage_url)
    await defer(database, 1)
    await defer(database, 2)
    await abandon(database)
    assert on_disk(storage_url) == (0, 2)
    again = await deferring(storage_url)
    assert on_disk(storage_url) == (2, 0)
    await again.close()


@ON_SQLITE
async def test_death_halfway_through_a_batch_doubles_nothing(sampled: Database, storage_url: StorageUrl) -> None:
    database = await deferring(storage_url)
    rows = 2 * PORTION + 5
    await defer(database, *range(rows))
    database.writer._collect()
    await database.writer._commit_once()  # one portion of three
    await abandon(database)
    assert on_disk(storage_url) == (PORTION, 1)
    again = await deferring(storage_url)
    assert on_disk(storage_url) == (rows, 0)
    await again.close()


@ON_SQLITE
async def test_undone_unit_leaves_no_rows(sampled: Database, storage_url: StorageUrl) -> None:
    database = await deferring(storage_url)
    async with database.work() as work:
        work.execute(INSERT, sample("taken"))
    good, bad = database.work(), database.work()
    good.defer(APPEND, step("good", 1))
    bad.execute(INSERT, sample("taken"))
    bad.defer(APPEND, step("bad", 1))
    outcomes = await asyncio.gather(good.commit(), bad.commit(), return_exceptions=True)
    assert [type(outcome).__name__ for outcome in outcomes] == ["NoneType", "Conflict"]
    assert [row["unit"] for row in await database.fetch_all(SERIES)] == ["good"]
    await database.close()


@ON_SQLITE
async def test_commit_that_was_said_to_have_failed_is_neither_lost_nor_doubled(
    sampled: Database, storage_url: StorageUrl
) -> None:
    database = await deferring(storage_url)
    engine = database.engine
    assert isinstance(engine, SqliteEngine)
    whole = engine.commit

    async def written_but_denied(units: Sequence[Unit], behind: Sequence[Series]) -> Committed:
        await whole(units, behind)
        raise Unavailable("Nobody knows what became of it.")

    engine.commit = written_but_denied  # type: ignore[method-assign]
    with pytest.raises(Unavailable):
        await defer(database, 1)
    engine.commit = whole  # type: ignore[method-assign]
    await defer(database, 2)
    assert [row["step"] for row in await database.fetch_all(SERIES)] == [1, 2]
    await database.settle()
    assert on_disk(storage_url) == (2, 0)
    await database.close()


@ON_SQLITE
async def test_what_a_commit_in_doubt_kept_is_not_forgotten_with_what_it_put_away(
    sampled: Database, storage_url: StorageUrl
) -> None:
    database = await deferring(storage_url)
    engine = database.engine
    assert isinstance(engine, SqliteEngine)
    await defer(database, 1)
    whole = engine.commit

    async def written_but_denied(units: Sequence[Unit], behind: Sequence[Series]) -> Committed:
        await whole(units, behind)
        raise Unavailable("Nobody knows what became of it.")

    engine.commit = written_but_denied  # type: ignore[method-assign]
    database.writer._collect()  # so that the same commit forgets the first entry and makes another
    with pytest.raises(Unavailable):
        await defer(database, 2)
    engine.commit = whole  # type: ignore[method-assign]
    await database.settle()
    assert [row["step"] for row in await database.fetch_all(SERIES)] == [1, 2]
    assert on_disk(storage_url) == (2, 0)
    await database.close()


@ON_SQLITE
async def test_portion_that_was_said_to_have_failed_is_put_away_once(
    sampled: Database, storage_url: StorageUrl
) -> None:
    database = await deferring(storage_url)
    engine = database.engine
    assert isinstance(engine, SqliteEngine)
    await defer(database, *range(PORTION + 1))
    whole, denied = engine.commit, [True, True]

    async def written_but_denied(units: Sequence[Unit], behind: Sequence[Series]) -> Committed:
        done = await whole(units, behind)
        if denied:
            denied.pop()
            raise Unavailable("Nobody knows what became of it.")
        return done

    engine.commit = written_but_denied  # type: ignore[method-assign]
    for _ in range(2):
        with pytest.raises(Unavailable):
            await database.settle()
    await database.settle()
    assert on_disk(storage_url) == (PORTION + 1, 0)
    await database.close()


@ON_SQLITE
async def test_only_one_process_defers(sampled: Database, storage_url: StorageUrl) -> None:
    first, second = await deferring(storage_url), await deferring(storage_url)
    assert (first.engine.defers, second.engine.defers) == (True, False)
    await defer(second, 1)
    assert on_disk(storage_url) == (1, 0)
    await first.close()
    await second.close()


@ON_SQLITE
async def test_rows_reach_their_table_by_themselves(sampled: Database, storage_url: StorageUrl) -> None:
    database = await deferring(storage_url)
    await defer(database, 1)
    async with asyncio.timeout(15):
        while (await database.fetch_one(ENTRIES, may_lag=True) or {})["count"]:
            await asyncio.sleep(0.05)
    assert (await database.fetch_one(COUNT, may_lag=True) or {})["count"] == 1
    await database.close()


@pytest.mark.parametrize("name", ["series; DROP TABLE series", "a b", ""])
def test_journal_names_no_odd_table(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be"):
        put_away(name, ("step",), [(1,)])


def test_entries_are_forgotten_by_runs_that_hold_no_others() -> None:
    assert unbroken([]) == []
    assert unbroken([4]) == [(4, 4)]
    assert unbroken([1, 2, 3, 5, 6, 9]) == [(1, 3), (5, 6), (9, 9)]


@ON_SQLITE
async def test_entry_between_those_of_a_batch_is_not_forgotten_with_them(
    sampled: Database, storage_url: StorageUrl
) -> None:
    database = await deferring(storage_url)
    await defer(database, 1)
    next(database.engine._entries)  # that of a commit of which nobody knows whether it was made
    await defer(database, 2)
    connection = sqlite.connect(storage_url.path)
    connection.execute("INSERT INTO journal (id, entry) VALUES (2, x'90')")
    connection.close()
    assert [row["step"] for row in await database.fetch_all(SERIES)] == [1, 2]
    assert on_disk(storage_url) == (2, 1)
    await database.close()


class Holding:
    """Holds one unit back."""

    def __init__(self, database: Database, table: str) -> None:
        self.table = table
        self._database = database
        self._units = [(database.write(INSERT, sample("held")),)]
        self._stir = database.hold_back(self)

    def stir(self) -> None:
        self._stir()

    def leave(self) -> None:
        """Let it go."""

    def take(self, most: int) -> list[Any]:
        taken, self._units = self._units[:most], self._units[most:]
        return [Told(unit) for unit in taken]


class Told:
    def __init__(self, unit: Unit) -> None:
        self.unit = unit

    def settle(self, outcome: Exception | None) -> None:
        assert outcome is None


async def test_what_is_held_back_is_written_before_its_table_is_read_and_not_for_others(sampled: Database) -> None:
    others = await sampled.fetch_all(SERIES)
    held = Holding(sampled, str(samples.name))
    held.stir()
    assert await sampled.fetch_all(SERIES) == others
    assert held._units, "the read of another table does not wait for it"
    rows = await sampled.select(select(samples.c.id))
    assert "held" in {row["id"] for row in rows}
    assert not held._units
