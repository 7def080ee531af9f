"""PostgreSQL that goes away and comes back, and what becomes of units meanwhile."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

import asyncpg
import pytest
from sqlalchemy import select

import postgresql
from ingufu.core.errors import Conflict, Unavailable
from ingufu.infra.storage.database import Database
from ingufu.infra.storage.migrate import migrate
from ingufu.infra.storage.opening import open_database
from ingufu.infra.storage.postgresql import PostgresqlEngine
from ingufu.infra.storage.targets import StorageUrl
from storage_samples import ALL, APPEND, INSERT, SET_NUMBER, sample, samples, series, step


@pytest.fixture
def own_server() -> Iterator[postgresql.Server]:
    with postgresql.Server(postgresql.require_binaries(), is_safe=True) as server:
        yield server


@pytest.fixture
def storage_url(own_server: postgresql.Server) -> StorageUrl:
    return StorageUrl(dsn=own_server.dsn("postgres"))


@pytest.fixture
async def database(storage_url: StorageUrl) -> AsyncIterator[Database]:
    await migrate(storage_url)
    database = await open_database(storage_url)
    yield database
    await database.close()


class Writers:
    """Write units without end and remember what they were told of each."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.acknowledged: set[str] = set()
        self.refused: dict[str, str] = {}
        self.is_ending = False

    async def write(self, name: str) -> None:
        number = 0
        while not self.is_ending:
            number += 1
            unit = f"{name}-{number}"
            work = self.database.work()
            work.execute(INSERT, sample(unit))
            work.append(APPEND, step(name, number, key=unit))
            try:
                await work.commit()
            except Unavailable as error:
                self.refused[unit] = error.message
                await asyncio.sleep(0.01)
            else:
                self.acknowledged.add(unit)

    async def wait_for(self, more: int) -> None:
        until = len(self.acknowledged) + more
        async with asyncio.timeout(60):
            while len(self.acknowledged) < until:
                await asyncio.sleep(0.01)


async def test_restarts_under_load_lose_nothing_and_heal(sampled: Database, own_server: postgresql.Server) -> None:
    writers = Writers(sampled)
    running = [asyncio.create_task(writers.write(f"w{number}")) for number in range(16)]
    for how in (signal.SIGINT, signal.SIGQUIT, signal.SIGINT, signal.SIGQUIT):
        await writers.wait_for(200)
        await asyncio.to_thread(own_server.stop, how)
        await asyncio.to_thread(own_server.start)
    await writers.wait_for(200)
    writers.is_ending = True
    await asyncio.gather(*running)
    stored = {row["id"] for row in await sampled.fetch_all(ALL)}
    assert sorted(row["key"] for row in await sampled.select(select(series.c.key))) == sorted(stored)
    assert writers.refused
    unknown = {unit for unit, reason in writers.refused.items() if "not known" in reason}
    assert writers.acknowledged <= stored  # nothing lost
    assert stored - writers.acknowledged <= unknown  # and nothing written that was refused, unless it was said so


async def test_reads_heal_after_a_restart(sampled: Database, own_server: postgresql.Server) -> None:
    assert await sampled.fetch_all(ALL) == []
    await asyncio.to_thread(own_server.stop)
    with pytest.raises(Unavailable):
        await sampled.fetch_all(ALL)
    await asyncio.to_thread(own_server.start)
    assert await sampled.fetch_all(ALL) == []


async def test_server_that_is_not_there_is_unavailable(own_server: postgresql.Server) -> None:
    url = StorageUrl(dsn=own_server.dsn("nowhere"))
    with pytest.raises(Unavailable):
        await open_database(url)
    with pytest.raises(Unavailable):
        await migrate(url)
    await asyncio.to_thread(own_server.stop)
    with pytest.raises(Unavailable):
        await open_database(url)
    with pytest.raises(Unavailable):
        await migrate(url)


async def test_lost_answer_to_a_commit_is_looked_up(sampled: Database, own_server: postgresql.Server) -> None:
    """The writer's connection is cut while the server commits, which it does slowly for a synchronous standby."""
    admin = await asyncpg.connect(own_server.dsn("postgres"))
    await admin.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
    await admin.execute("SELECT pg_reload_conf()")
    work = sampled.work()
    work.execute(INSERT, sample("a"))
    committing = asyncio.create_task(work.commit())
    waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
    async with asyncio.timeout(20):
        while (pid := await admin.fetchval(waiting)) is None:
            await asyncio.sleep(0.02)
    await admin.execute("ALTER SYSTEM RESET synchronous_standby_names")
    engine = sampled.engine
    assert isinstance(engine, PostgresqlEngine)
    assert engine._writer is not None
    engine._writer.terminate()
    await admin.execute("SELECT pg_terminate_backend($1)", pid)
    await admin.execute("SELECT pg_reload_conf()")
    await asyncio.wait_for(committing, 20)
    assert [row["id"] for row in await sampled.fetch_all(ALL)] == ["a"]
    await admin.close()


async def test_batches_of_two_processes_that_cross_are_tried_again(sampled: Database, storage_url: StorageUrl) -> None:
    other = await open_database(storage_url)
    async with sampled.work() as work:
        for name in "ab":
            work.execute(INSERT, sample(name, number=0))

    def change(database: Database, names: str, number: int) -> asyncio.Task[None]:
        work = database.work()
        for name in names:
            work.execute(SET_NUMBER, {"wanted": name, "seen": number, "new": number + 1}, expect=1)
        return asyncio.create_task(work.commit())

    for number in range(20):
        tasks = [change(sampled, "ab", number), change(other, "ba", number)]
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert sorted(type(result).__name__ for result in results) == [Conflict.__name__, "NoneType"]
    assert [row["number"] for row in await sampled.fetch_all(ALL)] == [20, 20]
    await other.close()


async def test_readers_cannot_write(sampled: Database) -> None:
    engine = sampled.engine
    assert isinstance(engine, PostgresqlEngine)
    assert engine._pool is not None
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        await engine._pool.execute("DELETE FROM samples")


async def test_time_zone_of_the_server_does_not_matter(sampled: Database, storage_url: StorageUrl) -> None:
    at = datetime(2026, 7, 1, 12, 30, tzinfo=UTC)
    admin = await asyncpg.connect(storage_url.dsn)
    await admin.execute("ALTER DATABASE postgres SET timezone = 'Asia/Kathmandu'")
    await admin.close()
    other = await open_database(storage_url)
    for database, name in ((sampled, "a"), (other, "b")):
        async with database.work() as work:
            work.execute(INSERT, sample(name, at=at))
    for database in (sampled, other):
        assert [row["at"] for row in await database.fetch_all(ALL)] == [at, at]
    await other.close()


async def test_many_different_questions_do_not_fill_the_server(sampled: Database) -> None:
    for number in range(300):
        await sampled.select(select(samples.c.id.label(f"name_{number}")).limit(1))
    engine = sampled.engine
    assert isinstance(engine, PostgresqlEngine)
    assert engine._pool is not None
    async with engine._pool.acquire() as reader:
        assert await reader.fetchval("SELECT count(*) FROM pg_prepared_statements") <= 110
