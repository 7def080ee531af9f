"""The database: reachable, of this program's version, sound, and set up so that nothing acknowledged is lost."""

import sqlite3
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

import asyncpg

from ingufu.app.doctor.findings import Finding, ok, problem, warning
from ingufu.core.errors import SchemaMismatch, Unavailable
from ingufu.infra.storage import migrate, sqlite
from ingufu.infra.storage.targets import StorageUrl

WAL_WANTED = 256 * 1024**2  # bytes; a larger one means that a reader never lets go
CONNECTIONS_NEEDED = 24  # of ours, in both processes
PATIENCE_S = 5.0
# Below each version: what is wrong with it.
SQLITE_FAULTS: tuple[tuple[tuple[int, int, int], str], ...] = (
    ((3, 39, 2), "a long text can write beyond its bounds (CVE-2022-35737)"),
    ((3, 50, 2), "a query with too many aggregates can write beyond its bounds (CVE-2025-6965)"),
    ((3, 51, 3), "in a rare moment a program beside ours that folds the log can damage the file (WAL-reset bug)"),
)


async def check_database(url: StorageUrl) -> AsyncIterator[Finding]:
    """Look at the database that the settings name."""
    if url.path is not None:
        for finding in check_sqlite_library(sqlite3.sqlite_version_info):
            yield finding
        if not url.path.exists():
            yield warning("database", f"There is none at {url} yet.", "The first `ingufu serve` makes it.")
            return
        for finding in _check_file(url.path):
            yield finding
    else:
        is_there = True
        async for finding in _check_server(url):
            is_there = is_there and not (finding.check == "database" and finding.remedy)
            yield finding
        if not is_there:
            return
    try:
        await migrate.check_version(url)
    except SchemaMismatch as error:
        yield problem("schema", error.message, "Start the server, or run `ingufu migrate`; make a backup before.")
    except Unavailable as error:
        yield problem("database", error.message, "Look at the file or the server that it names.")
    else:
        yield ok("schema", f"The database has the schema of this program ({migrate.head()}).")


def check_sqlite_library(version: tuple[int, ...]) -> Iterator[Finding]:
    """Look at the version of SQLite that Python brings along."""
    shown = ".".join(map(str, version[:3]))
    faults = [what for below, what in SQLITE_FAULTS if tuple(version[:3]) < below]
    if faults:
        yield warning(
            "SQLite",
            f"Version {shown} has known faults: {'; '.join(faults)}.",
            "Update the system (distributions mend older versions too, without a new number), or use a newer Python.",
        )
    else:
        yield ok("SQLite", f"Version {shown} has no fault known here.")


def _check_file(path: Path) -> Iterator[Finding]:
    wal = sqlite.log_of(path)
    size = wal.stat().st_size if wal.exists() else 0
    if size > WAL_WANTED:
        yield warning(
            "write-ahead log",
            f"It has grown to {size / 1024**2:.0f} MiB.",
            "Look for a program that reads the database for very long; restarting the server takes it in.",
        )
    try:
        connection = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=PATIENCE_S)
        try:
            said = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
        finally:
            connection.close()
    except sqlite3.Error as error:
        yield problem("database", f"{path} cannot be read: {error}.", "Restore a backup: ingufu restore <file>")
        return
    if said != "ok":
        yield problem("database", f"{path} is damaged: {said[:200]}.", "Restore a backup: ingufu restore <file>")
    else:
        yield ok(
            "database", f"{path} is sound ({path.stat().st_size / 1024**2:.0f} MiB, log {size / 1024**2:.0f} MiB)."
        )


async def _check_server(url: StorageUrl) -> AsyncIterator[Finding]:
    try:
        connection = await asyncpg.connect(url.dsn, timeout=PATIENCE_S)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
        yield problem(
            "database",
            f"{url} cannot be reached: {type(error).__name__}.",
            "Look at its address, user, password and pg_hba.conf.",
        )
        return
    try:
        names = ("fsync", "synchronous_commit", "full_page_writes", "max_connections", "server_version")
        found = {name: str(await connection.fetchval(f"SHOW {name}")) for name in names}  # names of ours
        used = int(await connection.fetchval("SELECT count(*) FROM pg_stat_activity") or 0)
    finally:
        await connection.close()
    yield ok("database", f"{url} answers, PostgreSQL {found['server_version']}.")
    for finding in check_server_settings(found, used):
        yield finding


def check_server_settings(found: Mapping[str, str], used: int) -> Iterator[Finding]:
    """Look at the settings of PostgreSQL on which the promise rests that nothing acknowledged is lost."""
    wrong = {
        "fsync": "a power cut can destroy the database",
        "full_page_writes": "a power cut can destroy the database",
        "synchronous_commit": "a crash loses what stations were told is kept",
    }
    is_sound = True
    for name, what in wrong.items():
        if found.get(name) == "off":
            is_sound = False
            yield problem(f"PostgreSQL {name}", f"{name} is off: {what}.", f"ALTER SYSTEM SET {name} = on, and reload.")
    if is_sound:
        yield ok("PostgreSQL durability", "fsync, full_page_writes and synchronous_commit are on.")
    most = int(found.get("max_connections", "0"))
    if most - used < CONNECTIONS_NEEDED:
        yield warning(
            "PostgreSQL connections",
            f"{used} of {most} are in use; this program takes up to {CONNECTIONS_NEEDED}.",
            "Raise max_connections, or close what is not needed.",
        )
    else:
        yield ok("PostgreSQL connections", f"{used} of {most} are in use.")
