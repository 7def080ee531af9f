"""One history of the schema for both databases."""

import asyncio
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, create_engine, inspect
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

import postgresql
from ingufu.app.schema import METADATA
from ingufu.core.errors import SchemaMismatch, Unavailable
from ingufu.infra.storage import migrate as migration
from ingufu.infra.storage import sqlite
from ingufu.infra.storage.migrate import check_version, head, migrate
from ingufu.infra.storage.opening import open_database
from ingufu.infra.storage.targets import StorageUrl

SQLITE = pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)


async def on_connection(url: StorageUrl, do: object) -> object:
    """Return what `do` returns, given SQLAlchemy's connection to the database."""
    if url.path is not None:
        engine = create_engine("sqlite://", creator=lambda: sqlite.connect(url.path), poolclass=NullPool)
        with engine.connect() as connection:
            return do(connection)
    server = create_async_engine(
        "postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(url.dsn), poolclass=NullPool
    )
    async with server.connect() as connection:
        return await connection.run_sync(do)


def differences(connection: Connection) -> list[object]:
    options = {"compare_type": True, "compare_server_default": True}
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), list(METADATA)))


def keys(connection: Connection) -> dict[str, object]:
    """Return what the comparison of Alembic leaves out: primary keys, and what deleting a row does to others."""
    found = inspect(connection)
    return {
        table.name: (
            found.get_pk_constraint(table.name)["constrained_columns"],
            sorted((tuple(k["constrained_columns"]), k["options"].get("ondelete")) for k in found.get_foreign_keys(table.name)),
        )
        for metadata in METADATA
        for table in metadata.sorted_tables
    }  # fmt: skip


async def test_migrated_schema_is_what_the_tables_say(storage_url: StorageUrl) -> None:
    assert await on_connection(storage_url, differences) == []
    declared = {
        table.name: (
            [column.name for column in table.primary_key],
            sorted((tuple(key.column_keys), key.ondelete) for key in table.foreign_key_constraints),
        )
        for metadata in METADATA
        for table in metadata.sorted_tables
    }
    assert await on_connection(storage_url, keys) == declared


async def test_migrated_database_is_of_our_version(storage_url: StorageUrl) -> None:
    await check_version(storage_url)
    await migrate(storage_url)
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


async def test_newer_database_is_refused_and_left_alone(storage_url: StorageUrl) -> None:
    await set_version(storage_url, "2099_new")
    for refuse in (migrate, check_version):
        with pytest.raises(SchemaMismatch, match=rf"newer version \(schema 2099_new\).*schema {head()}"):
            await refuse(storage_url)


async def test_older_database_is_refused_when_not_to_be_migrated(storage_url: StorageUrl) -> None:
    await set_version(storage_url, "0001")
    with pytest.raises(SchemaMismatch, match=r"older version.*ingufu migrate"):
        await check_version(storage_url)


@pytest.mark.parametrize("storage_url", ["postgresql"], indirect=True)
async def test_migration_does_not_wait_for_ever_for_one_whose_host_has_gone(storage_url, monkeypatch, capsys):
    monkeypatch.setattr(migration, "LOCK_TIMEOUT_S", 0.5)
    gone = await asyncpg.connect(storage_url.dsn)
    try:
        await gone.execute(f"SELECT pg_advisory_lock({migration._LOCK_KEY})")
        async with asyncio.timeout(30):
            with pytest.raises(Unavailable, match=r"another process has been migrating it") as refused:
                await migrate(storage_url)
        assert storage_url.dsn not in str(refused.value)
        logged = capsys.readouterr()
        assert "storage.migration_waits" in logged.out + logged.err
        waiting = asyncio.create_task(migrate(storage_url))
        await gone.execute(f"SELECT pg_advisory_unlock({migration._LOCK_KEY})")
        await waiting
    finally:
        await gone.close()


@pytest.fixture
async def empty_url(storage_url: StorageUrl, tmp_path: Path) -> StorageUrl:
    """A place where nothing is yet."""
    if storage_url.path is not None:
        return StorageUrl.parse(None, tmp_path / "new" / "data")
    connection = await asyncpg.connect(storage_url.dsn)
    await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    await connection.close()
    return storage_url


async def test_empty_database_is_refused_when_not_to_be_migrated(empty_url: StorageUrl) -> None:
    with pytest.raises(SchemaMismatch, match="ingufu migrate"):
        await check_version(empty_url)


async def test_new_file_is_for_its_owner_only(empty_url: StorageUrl) -> None:
    await migrate(empty_url)
    if empty_url.path is not None:
        assert empty_url.path.stat().st_mode & 0o777 == 0o600
        assert empty_url.path.parent.stat().st_mode & 0o777 == 0o700


async def test_many_starts_at_once_migrate_once(empty_url: StorageUrl) -> None:
    await asyncio.gather(*(migrate(empty_url) for _ in range(8)))
    await check_version(empty_url)
    assert await on_connection(empty_url, differences) == []


async def test_several_processes_start_at_once(empty_url: StorageUrl, tmp_path: Path) -> None:
    script = "import asyncio, sys\nfrom pathlib import Path\n"
    script += "from ingufu.infra.storage.migrate import migrate\nfrom ingufu.infra.storage.targets import StorageUrl\n"
    script += "asyncio.run(migrate(StorageUrl.parse(sys.argv[1], Path())))"
    where = empty_url.dsn or str(empty_url)
    processes = [
        await asyncio.create_subprocess_exec(sys.executable, "-W", "error", "-c", script, where) for _ in range(3)
    ]
    assert await asyncio.gather(*(process.wait() for process in processes)) == [0, 0, 0]
    await check_version(empty_url)


async def test_half_a_migration_is_none(empty_url: StorageUrl) -> None:
    """A table in the way makes the second migration fail; the first, in the same start, is undone with it."""
    obstacle = "CREATE TABLE sequences (name TEXT)"
    if empty_url.path is None:
        connection = await asyncpg.connect(empty_url.dsn)
        await connection.execute(obstacle)
        await connection.close()
    else:
        empty_url.path.parent.mkdir(parents=True)
        file = await asyncio.to_thread(sqlite3.connect, empty_url.path, check_same_thread=False)
        file.execute(obstacle)
        file.close()
    with pytest.raises(Unavailable, match="sequences"):
        await migrate(empty_url)
    names = await on_connection(empty_url, lambda connection: inspect(connection).get_table_names())
    assert names == ["sequences"]


@SQLITE
async def test_file_that_is_no_database_is_unavailable(storage_url: StorageUrl, tmp_path: Path) -> None:
    path = tmp_path / "letter"
    path.write_text("this is a letter to my aunt" * 100)
    for do in (migrate, check_version, open_database):
        with pytest.raises(Unavailable, match="letter"):
            await do(StorageUrl(path=path))


@SQLITE
async def test_missing_file_is_not_made_by_opening(storage_url: StorageUrl, tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        await open_database(StorageUrl(path=tmp_path / "none.sqlite"))
    with pytest.raises(SchemaMismatch):
        await check_version(StorageUrl(path=tmp_path / "none.sqlite"))
    assert not (tmp_path / "none.sqlite").exists()


def test_migrations_are_found_without_the_source_tree(tmp_path: Path) -> None:
    """The package is copied, as an installation does, and run from elsewhere."""
    package = Path(sys.modules["ingufu"].__path__[0])
    target = tmp_path / "site"
    shutil.copytree(package, target / "ingufu", ignore=shutil.ignore_patterns("__pycache__", "static"))
    script = "import asyncio, sys\nfrom pathlib import Path\nimport ingufu\n"
    script += "from ingufu.infra.storage.migrate import migrate\nfrom ingufu.infra.storage.targets import StorageUrl\n"
    script += "asyncio.run(migrate(StorageUrl.parse(None, Path(sys.argv[1])))); print(ingufu.__path__[0])"
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], check=True, capture_output=True, text=True,
        cwd=tmp_path, env={"PYTHONPATH": str(target)},
    )  # fmt: skip
    assert Path(done.stdout.strip()) == target / "ingufu"
    assert (tmp_path / "ingufu.sqlite").exists()


def test_server_of_the_tests_is_removed(tmp_path: Path) -> None:
    with postgresql.Server(postgresql.require_binaries()) as server:
        folder = server._folder
        assert folder.exists()
    assert not folder.exists()
