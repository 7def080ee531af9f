"""Brings a database to the schema this program knows, and says so when it cannot."""

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from importlib.resources import as_file, files
from typing import TypeVar

import asyncpg
import structlog
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from ingufu.core.errors import SchemaMismatch, Unavailable
from ingufu.infra.storage import sqlite
from ingufu.infra.storage.file_locks import Turn
from ingufu.infra.storage.targets import StorageUrl

LOCK_TIMEOUT_S = 300.0  # another process may be migrating, which on a large database takes a while
PACKAGE = "ingufu.migrations"
_LOCK_KEY = 0x1A6F_0001  # "ingufu migrates", among PostgreSQL's advisory locks
_FAILURES = (SQLAlchemyError, sqlite3.Error, asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)

T = TypeVar("T")
log = structlog.get_logger(__name__)


async def migrate(url: StorageUrl) -> None:
    """Bring the schema at `url` up to date; an empty or missing SQLite file becomes a database.

    Several processes may call it at once: one migrates, the others wait and find nothing to do, or give up in time.
    Raises SchemaMismatch if the database is newer than the program, Unavailable if it cannot be reached.
    """
    await _run(url, _upgrade, creates=True)


async def check_version(url: StorageUrl) -> None:
    """Return if the schema at `url` is the one this program knows; raises SchemaMismatch or Unavailable."""
    await _run(url, _check, creates=False)


def head() -> str:
    """Return the revision this program knows."""
    found = _scripts().get_current_head()
    assert found is not None  # noqa: S101 - the package carries at least one
    return found


async def _run(url: StorageUrl, do: Callable[[Connection], T], *, creates: bool) -> T:
    try:
        if url.path is not None:
            return await asyncio.to_thread(_on_sqlite, url, do, creates)
        return await _on_postgresql(url, do)
    except _FAILURES as error:
        reason = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
        raise Unavailable(f"The database {url} cannot be used: {reason}") from error


def _on_sqlite(url: StorageUrl, do: Callable[[Connection], T], creates: bool) -> T:  # noqa: FBT001
    path = url.path
    assert path is not None  # noqa: S101 - the caller has looked
    if creates:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)  # it holds secrets, if only hashed
    elif not path.exists():
        raise SchemaMismatch(f"There is no database at {path} yet. Run `ingufu migrate` to create it.")
    engine = create_engine("sqlite://", creator=lambda: sqlite.connect(path), poolclass=NullPool)
    with closing(Turn(path, LOCK_TIMEOUT_S)) as turn, turn, engine.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if creates else "BEGIN")
        try:
            result = do(connection)
        except BaseException:
            connection.exec_driver_sql("ROLLBACK")
            raise
        connection.exec_driver_sql("COMMIT")
        return result


async def _on_postgresql(url: StorageUrl, do: Callable[[Connection], T]) -> T:
    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(url.dsn), poolclass=NullPool
    )
    try:
        async with engine.begin() as connection:
            await _take_turn(connection, url)
            return await connection.run_sync(do)
    finally:
        await engine.dispose()


async def _take_turn(connection: AsyncConnection, url: StorageUrl) -> None:
    """Wait for another that migrates; no lock is waited for longer then. Raises Unavailable if it does not end.

    The lock of one whose host has gone stays until the server finds out, which may take it hours.
    """
    await connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_S * 1000:.0f}ms'"))
    if (await connection.execute(text(f"SELECT pg_try_advisory_xact_lock({_LOCK_KEY})"))).scalar_one():
        return
    log.warning("storage.migration_waits", why="Another process is migrating the database.", most_s=LOCK_TIMEOUT_S)
    try:
        await connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK_KEY})"))
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != asyncpg.LockNotAvailableError.sqlstate:
            raise
        raise Unavailable(
            f"The database {url} cannot be used: another process has been migrating it for {LOCK_TIMEOUT_S:.0f} "
            "seconds. If none does any more, end its connection on the database's server."
        ) from error


def _config() -> Config:
    config = Config()
    with as_file(files(PACKAGE)) as folder:
        config.set_main_option("script_location", str(folder).replace("%", "%%"))
    return config


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def refuse_newer(found: str) -> None:
    """Raise SchemaMismatch if this program does not know the revision `found`."""
    if found not in {script.revision for script in _scripts().walk_revisions()}:
        raise SchemaMismatch(
            f"The database is of a newer version (schema {found}) than this program (schema {head()}). "
            "Install the newer Ingufu again, or restore a backup made by this version."
        )


def _found(connection: Connection) -> str | None:
    """Return the revision of the database, which this program knows."""
    found = MigrationContext.configure(connection).get_current_revision()
    if found is not None:
        refuse_newer(found)
    return found


def _upgrade(connection: Connection) -> None:
    if _found(connection) == head():
        return
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _check(connection: Connection) -> None:
    found = _found(connection)
    if found != head():
        state = f"of an older version (schema {found})" if found else "empty"
        raise SchemaMismatch(f"The database is {state}; this program needs schema {head()}. Run `ingufu migrate`.")
