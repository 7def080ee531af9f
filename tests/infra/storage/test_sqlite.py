"""What is particular to SQLite: safe settings, the turn to write, reads beside writes."""

import asyncio
import os
import sqlite3
import sys
import threading
from contextlib import closing
from itertools import pairwise

import pytest
from sqlalchemy import delete

from ingufu.infra.storage import folding, sqlite
from ingufu.infra.storage.database import Database
from ingufu.infra.storage.folding import Folded
from ingufu.infra.storage.opening import open_database
from ingufu.infra.storage.sqlite import READS_A_TURN, SqliteEngine
from ingufu.infra.storage.targets import StorageUrl
from storage_samples import ALL, APPEND, INSERT, sample, samples, step

pytestmark = pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)


async def test_every_connection_keeps_what_it_acknowledges(storage_url: StorageUrl) -> None:
    assert storage_url.path is not None
    connection = sqlite.connect(storage_url.path)
    found = {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")}
    assert found == {"journal_mode": "wal", "synchronous": 2}
    assert connection.execute("PRAGMA foreign_keys").fetchone()[0] == 1
    assert connection.execute("PRAGMA auto_vacuum").fetchone()[0] == 2
    connection.close()


async def test_merely_opening_writes_nothing(storage_url: StorageUrl) -> None:
    assert storage_url.path is not None
    before = storage_url.path.read_bytes()
    database = await open_database(storage_url, inline_reads=True)
    await database.close()
    assert storage_url.path.read_bytes() == before


async def test_inline_reads_see_what_was_committed_and_cannot_write(sampled: Database, storage_url: StorageUrl) -> None:
    inline = await open_database(storage_url, inline_reads=True)
    for number in range(50):
        async with inline.work() as work:
            work.execute(INSERT, sample(f"{number:02}"))
        assert len(await inline.fetch_all(ALL)) == number + 1
    assert isinstance(inline.engine, SqliteEngine)
    with pytest.raises(Exception, match="readonly"):
        inline.engine._reader().execute("DELETE FROM samples")
    await inline.close()


async def test_job_that_reads_on_and_on_lets_others_go_on(sampled: Database, storage_url: StorageUrl) -> None:
    inline = await open_database(storage_url, inline_reads=True)
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    beside = asyncio.create_task(others())
    await asyncio.sleep(0)
    for _ in range(10 * READS_A_TURN):
        await inline.fetch_all(ALL)
    assert turns >= 10
    turns = 0
    for _ in range(READS_A_TURN // 2):  # a few are read at once
        await inline.fetch_all(ALL)
    assert turns <= 1
    beside.cancel()
    await inline.close()


async def test_reads_do_not_wait_for_a_long_commit(sampled: Database) -> None:
    async with sampled.work() as work:
        work.execute(INSERT, sample("a"))
    big = sampled.work()
    for number in range(60_000):
        big.append(APPEND, step("u", number))
    committing = asyncio.create_task(big.commit())
    reads = 0
    while not committing.done():
        assert len(await sampled.fetch_all(ALL)) == 1
        reads += 1
    await committing
    assert reads >= 5


async def test_log_is_folded_back_while_running(
    sampled: Database, storage_url: StorageUrl, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = sampled.engine
    assert isinstance(engine, SqliteEngine)
    monkeypatch.setattr(folding, "PAUSE_S", 0)
    monkeypatch.setattr(folding, "REST", 0)  # on a busy machine the last one may have taken long
    text = "x" * 2000
    for number in range(60):
        async with sampled.work() as work:
            for row in range(400):
                work.execute(INSERT, sample(f"{number}-{row}", text=text))
        if engine.folding.task is not None:
            await engine.folding.task
    assert storage_url.path is not None
    assert sqlite.log_of(storage_url.path).stat().st_size < 2.5 * folding.LONG_PAGES * 4096
    assert storage_url.path.stat().st_size > 40_000_000


async def test_log_that_cannot_be_folded_back_is_folded_back_later(
    sampled: Database, storage_url: StorageUrl, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = sampled.engine
    assert isinstance(engine, SqliteEngine)
    monkeypatch.setattr(folding, "COMMITS", 1)
    monkeypatch.setattr(folding, "PAUSE_S", 0)
    monkeypatch.setattr(folding, "REST", 0)
    fold = sqlite._fold

    def failing(connection: sqlite3.Connection) -> Folded:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(sqlite, "_fold", failing)
    async with sampled.work() as work:
        work.execute(INSERT, sample("kept in the log"))
    assert engine.folding.task is not None
    await engine.folding.task
    monkeypatch.setattr(sqlite, "_fold", fold)
    async with sampled.work() as work:
        work.execute(INSERT, sample("kept too"))
    assert engine.folding.task is not None
    await engine.folding.task
    assert {row["id"] for row in await sampled.fetch_all(ALL)} == {"kept in the log", "kept too"}
    assert storage_url.path is not None
    alone = sqlite3.connect(f"file:{storage_url.path}?immutable=1", uri=True)  # the file without its log
    with closing(alone):
        assert alone.execute("SELECT count(*) FROM samples").fetchone() == (2,)


@pytest.fixture
def folds_each_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("COMMITS", 1), ("PAUSE_S", 0), ("REST", 0)):
        monkeypatch.setattr(folding, name, value)


async def write(database: Database, text: str) -> None:
    """Write a row, and return when the log has been looked after."""
    async with database.work() as work:
        work.execute(INSERT, sample(text[:100], text=text))
    assert isinstance(database.engine, SqliteEngine)
    if database.engine.folding.task is not None:
        await database.engine.folding.task


@pytest.mark.usefixtures("folds_each_commit")
@pytest.mark.parametrize(("left", "by_writer"), [(0, 1), (folding.LEFT_PAGES - 1, 1), (folding.LEFT_PAGES, 0)])
async def test_writer_does_not_fold_in_vain(
    sampled: Database, monkeypatch: pytest.MonkeyPatch, left: int, by_writer: int
) -> None:
    """Once in a while, and not while somebody reads for long: then the log cannot begin anew."""
    monkeypatch.setattr(folding, "WRITER_PAUSE_S", 30)
    folded: list[str] = []

    def fold(_connection: sqlite3.Connection) -> Folded:
        folded.append(threading.current_thread().name)
        return Folded(folding.LONG_PAGES, left)

    monkeypatch.setattr(sqlite, "_fold", fold)
    for number in range(20):
        await write(sampled, f"{number:02}")
    assert folded.count("sqlite-folder") >= 10
    assert folded.count("sqlite-writer") == by_writer


@pytest.mark.usefixtures("folds_each_commit")
async def test_one_process_alone_folds_the_log(
    sampled: Database, storage_url: StorageUrl, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before 3.51.3, SQLite may damage a file whose log two of them fold while a third connection writes."""
    real, folded = sqlite._fold, list[str]()

    def fold(connection: sqlite3.Connection) -> Folded:
        folded.append(threading.current_thread().name)
        return real(connection)

    monkeypatch.setattr(sqlite, "_fold", fold)
    other = await open_database(storage_url)
    for number in range(5):
        await write(other, f"other {number}")
    assert not folded
    await write(sampled, "first")
    assert folded == ["sqlite-folder"]
    await sampled.close()
    await write(other, "alone")
    assert len(folded) == 2
    await other.close()


@pytest.mark.usefixtures("folds_each_commit")
async def test_long_log_is_cut_a_little_at_a_time_when_nobody_reads_it_any_more(
    sampled: Database, storage_url: StorageUrl, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cutting all at once kept everybody waiting for tens of milliseconds, within the commit that began the log anew."""
    monkeypatch.setattr(folding, "WRITER_PAUSE_S", 0)
    monkeypatch.setattr(folding, "LONG_PAGES", 1)
    monkeypatch.setattr(sqlite, "LOG_KEPT_BYTES", 1_000_000)
    monkeypatch.setattr(sqlite, "LOG_CUT_BYTES", 1_500_000)
    assert storage_url.path is not None
    log = sqlite.log_of(storage_url.path)
    with closing(sqlite3.connect(storage_url.path)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM samples").fetchone()
        for number in range(12):
            await write(sampled, f"{number:02}" + "x" * 500_000)
        sizes = [log.stat().st_size]
        assert sizes[0] > 6_000_000
        reader.execute("SELECT count(*) FROM samples").fetchone()
    while sizes[-1] > 1_100_000:
        await write(sampled, f"cut {len(sizes)}")
        sizes.append(log.stat().st_size)
        assert len(sizes) < 100
    cuts = [before - after for before, after in pairwise(sizes) if before != after]
    assert len(cuts) >= 4
    assert all(0 < cut <= 1_600_000 for cut in cuts)
    for number in range(20):
        await write(sampled, f"after {number}")
    assert log.stat().st_size == sizes[-1]  # it is kept now
    assert len(await sampled.fetch_all(ALL)) == 12 + len(sizes) - 1 + 20


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no niceness of their own")
async def test_folding_gives_way_to_commits(sampled: Database) -> None:
    assert isinstance(sampled.engine, SqliteEngine)
    threads = {thread.name: thread.native_id for thread in threading.enumerate()}
    niceness = {name: os.getpriority(os.PRIO_PROCESS, threads[f"sqlite-{name}"] or 0) for name in ("writer", "folder")}
    assert niceness == {"writer": os.nice(0), "folder": min(os.nice(0) + folding.NICENESS, 19)}


async def test_what_is_deleted_is_not_written_once_more(sampled: Database, storage_url: StorageUrl) -> None:
    """Many distributions have SQLite overwrite pages that become free, which takes as much log as they had."""
    async with sampled.work() as work:
        work.execute(INSERT, sample("large", text="x" * 1_000_000))
    assert storage_url.path is not None
    with closing(sqlite3.connect(storage_url.path)) as beside:
        beside.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    log = sqlite.log_of(storage_url.path)
    assert log.stat().st_size == 0
    async with sampled.work() as work:
        work.execute(delete(samples), {})
    assert await sampled.fetch_all(ALL) == []
    assert log.stat().st_size < 100_000


async def test_lock_files_tell_nothing(database: Database, storage_url: StorageUrl) -> None:
    await database.close()
    assert storage_url.path is not None
    others = [path for path in storage_url.path.parent.iterdir() if path != storage_url.path]
    assert sorted(path.name for path in others) == [
        f"ingufu.sqlite-{name}" for name in ("folder", "next", "now", "open")
    ]
    assert all(path.stat().st_size == 0 and path.stat().st_mode & 0o777 == 0o600 for path in others)
