"""Backups while writes go on, and the way back, on both databases."""

import asyncio
import os
import sqlite3
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import select

from ingufu.core.errors import Conflict, InvalidInput, SchemaMismatch, Unavailable
from ingufu.infra.storage import postgresql_backup
from ingufu.infra.storage.backup import backup, restore
from ingufu.infra.storage.database import Database
from ingufu.infra.storage.migrate import check_version, migrate
from ingufu.infra.storage.opening import open_database
from ingufu.infra.storage.targets import StorageUrl
from storage_samples import ALL, APPEND, INSERT, sample, series, step

SQLITE = pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)
POSTGRESQL = pytest.mark.parametrize("storage_url", ["postgresql"], indirect=True)


async def write(database: Database, *names: str) -> None:
    async with database.work() as work:
        for name in names:
            work.execute(INSERT, sample(name))
            work.append(APPEND, step("u", 0, key=name))


async def stored(url: StorageUrl) -> list[str]:
    database = await open_database(url)
    try:
        rows = [str(row["id"]) for row in await database.fetch_all(ALL)]
        keys = [row["key"] for row in await database.select(select(series.c.key).order_by(series.c.key))]
    finally:
        await database.close()
    assert keys == rows  # no unit was cut in two
    return rows


async def test_backup_under_load_is_one_moment_and_comes_back(
    sampled: Database, storage_url: StorageUrl, tmp_path: Path
) -> None:
    target = tmp_path / "backup"
    acknowledged: list[str] = []
    is_ending = False

    async def write_on(name: str) -> None:
        number = 0
        while not is_ending:
            number += 1
            await write(sampled, f"{name}-{number:06}", f"{name}-{number:06}b")
            acknowledged.append(f"{name}-{number:06}")

    writers = [asyncio.create_task(write_on(f"w{number}")) for number in range(4)]
    while len(acknowledged) < 50:
        await asyncio.sleep(0.005)
    before = list(acknowledged)
    await backup(storage_url, target)
    is_ending = True
    await asyncio.gather(*writers)
    await sampled.close()

    assert target.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir() if "part" in path.name] == []
    all_rows = await stored(storage_url)
    kept = await restore(storage_url, target, replaces=True)
    await check_version(storage_url)
    rows = await stored(storage_url)
    assert set(before) <= set(rows) <= set(all_rows)
    assert len(rows) % 2 == 0
    for name in ("w0", "w1", "w2", "w3"):  # each writer's units without a gap
        mine = [row for row in rows if row.startswith(name)]
        assert mine == [f"{name}-{n:06}{b}" for n in range(1, len(mine) // 2 + 1) for b in ("", "b")]
    assert kept is not None
    assert await number_kept(storage_url, kept) == len(all_rows)


async def number_kept(url: StorageUrl, kept: str) -> int:
    if url.path is not None:
        assert not Path(f"{url.path}-wal").exists()
        file = await asyncio.to_thread(sqlite3.connect, kept, check_same_thread=False)
        count = int(file.execute("SELECT count(*) FROM samples").fetchone()[0])
        file.close()
        return count
    connection = await asyncpg.connect(url.dsn)
    count = await connection.fetchval(f'SELECT count(*) FROM "{kept}".samples')
    await connection.close()
    return int(count)


async def test_existing_database_is_replaced_only_when_told(
    sampled: Database, storage_url: StorageUrl, tmp_path: Path
) -> None:
    await write(sampled, "old")
    await backup(storage_url, tmp_path / "backup")
    await write(sampled, "new")
    await sampled.close()
    with pytest.raises(Conflict, match="already"):
        await restore(storage_url, tmp_path / "backup")
    assert await stored(storage_url) == ["new", "old"]
    first = await restore(storage_url, tmp_path / "backup", replaces=True)
    second = await restore(storage_url, tmp_path / "backup", replaces=True)
    assert first != second
    assert await stored(storage_url) == ["old"]


async def test_database_in_use_is_not_replaced(sampled: Database, storage_url: StorageUrl, tmp_path: Path) -> None:
    await write(sampled, "a")
    await backup(storage_url, tmp_path / "backup")
    with pytest.raises(Conflict, match="in use"):
        await restore(storage_url, tmp_path / "backup", replaces=True)
    await write(sampled, "b")
    assert [row["id"] for row in await sampled.fetch_all(ALL)] == ["a", "b"]


async def test_earlier_backup_is_not_overwritten(database: Database, storage_url: StorageUrl, tmp_path: Path) -> None:
    target = tmp_path / "backup"
    target.write_text("mine")
    with pytest.raises(Conflict):
        await backup(storage_url, target)
    assert target.read_text() == "mine"
    with pytest.raises(InvalidInput):
        await backup(storage_url, tmp_path / "nowhere" / "backup")


async def test_damaged_backup_is_refused_and_nothing_is_changed(
    sampled: Database, storage_url: StorageUrl, tmp_path: Path
) -> None:
    whole = tmp_path / "backup"
    await write(sampled, *(f"{number:04}" for number in range(2000)))
    await backup(storage_url, whole)
    await sampled.close()
    content = whole.read_bytes()
    middle = len(content) // 2
    damaged = {
        "cut": content[:middle],
        "empty": b"",
        "text": b"this is a letter to my aunt" * 100,
        "holed": content[:middle] + os.urandom(20_000) + content[middle + 20_000 :],
    }
    for name, bad in damaged.items():
        path = tmp_path / name
        path.write_bytes(bad)
        with pytest.raises(InvalidInput):
            await restore(storage_url, path, replaces=True)
    with pytest.raises(InvalidInput):
        await restore(storage_url, tmp_path / "absent", replaces=True)
    assert len(await stored(storage_url)) == 2000
    assert [path.name for path in tmp_path.iterdir() if "restored" in path.name or "replaced" in path.name] == []


async def test_backup_of_a_newer_version_is_refused(sampled: Database, storage_url: StorageUrl, tmp_path: Path) -> None:
    await set_version(storage_url, "9999")
    await backup_without_check(storage_url, tmp_path / "backup")
    await set_version(storage_url, "0001")
    await sampled.close()
    with pytest.raises(SchemaMismatch, match="9999"):
        await restore(storage_url, tmp_path / "backup", replaces=True)
    await stored(storage_url)


async def test_backup_of_an_older_version_comes_back_and_is_migrated(storage_url: StorageUrl, tmp_path: Path) -> None:
    await set_version(storage_url, "0001")
    await backup(storage_url, tmp_path / "backup")
    await restore(storage_url, tmp_path / "backup", replaces=True)
    with pytest.raises(SchemaMismatch, match="older"):
        await check_version(storage_url)


async def set_version(url: StorageUrl, version: str) -> None:
    change = f"UPDATE alembic_version SET version_num = '{version}'"
    if url.path is None:
        connection = await asyncpg.connect(url.dsn)
        await connection.execute(change)
        await connection.close()
        return
    file = await asyncio.to_thread(sqlite3.connect, url.path, check_same_thread=False)
    with file:
        file.execute(change)
    file.close()


async def backup_without_check(url: StorageUrl, target: Path) -> None:
    """Write a backup as a program of that newer version would."""
    if url.path is None:
        await postgresql_backup._run(url.dsn, "pg_dump", "--format=custom", "--schema=public", f"--file={target}")
        return
    file = await asyncio.to_thread(sqlite3.connect, url.path, check_same_thread=False)
    file.execute("VACUUM INTO ?", (str(target),))
    file.close()


@SQLITE
async def test_backup_restores_into_an_empty_folder(sampled: Database, storage_url: StorageUrl, tmp_path: Path) -> None:
    await write(sampled, "a")
    await backup(storage_url, tmp_path / "backup")
    elsewhere = StorageUrl.parse(None, tmp_path / "another" / "data")
    assert await restore(elsewhere, tmp_path / "backup") is None
    await migrate(elsewhere)
    assert await stored(elsewhere) == ["a"]


@SQLITE
async def test_log_of_a_crashed_database_stays_with_what_is_kept(
    sampled: Database, storage_url: StorageUrl, tmp_path: Path
) -> None:
    assert storage_url.path is not None
    await backup(storage_url, tmp_path / "backup")
    await write(sampled, "in the log")
    crashed = StorageUrl(path=tmp_path / "crashed" / "ingufu.sqlite")
    assert crashed.path is not None
    crashed.path.parent.mkdir()
    for suffix in ("", "-wal"):
        Path(f"{crashed.path}{suffix}").write_bytes(Path(f"{storage_url.path}{suffix}").read_bytes())
    kept = await restore(crashed, tmp_path / "backup", replaces=True)
    assert kept is not None
    assert await stored(crashed) == []
    assert await stored(StorageUrl(path=Path(kept))) == ["in the log"]


@SQLITE
async def test_place_that_cannot_be_written_is_unavailable(
    sampled: Database, storage_url: StorageUrl, tmp_path: Path
) -> None:
    with pytest.raises(Unavailable):
        await backup(storage_url, Path("/proc/backup"))
    assert not (tmp_path / ".backup.part").exists()


@POSTGRESQL
async def test_missing_programs_are_named(
    storage_url: StorageUrl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql_backup.shutil, "which", lambda name: None)
    monkeypatch.setattr(postgresql_backup, "PROGRAM_FOLDERS", "nowhere/*/bin")
    with pytest.raises(Unavailable, match="postgresql-client"):
        await backup(storage_url, tmp_path / "backup")


@POSTGRESQL
async def test_failed_restore_puts_back_what_was_there(
    sampled: Database, storage_url: StorageUrl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await write(sampled, "a")
    await backup(storage_url, tmp_path / "backup")
    await write(sampled, "b")
    await sampled.close()
    monkeypatch.setenv("PGOPTIONS", "-c default_transaction_read_only=on")
    with pytest.raises(Unavailable):
        await postgresql_backup.restore(storage_url.dsn, tmp_path / "backup", replaces=True)
    monkeypatch.delenv("PGOPTIONS")
    assert await stored(storage_url) == ["a", "b"]
