"""SQLite as storage engine: WAL, full sync, one writer thread, readers beside it."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from ingufu.core.errors import Conflict, Unavailable
from ingufu.infra.storage.engine import Outcome, Unit, Write, changed_meanwhile
from ingufu.infra.storage.statements import Prepared, sqlite_dialect

BUSY_TIMEOUT_S = 15.0  # another process of ours may hold the write lock for the length of its own batch
CHECKPOINT_PAGES = 8000  # about 32 MB of log, then it is folded back into the file
STATEMENT_CACHE = 512

T = TypeVar("T")


class SqliteEngine:
    """One file. Commits run in a thread of their own, so that the flush blocks nobody.

    With `inline_reads` the short reads of the station side run where they are asked, without a hop to a thread:
    only for a process whose every read goes through an index.
    """

    def __init__(self, path: Path, *, inline_reads: bool = False, readers: int = 4) -> None:
        self.dialect = sqlite_dialect()
        self._path = path
        self._inline_reads = inline_reads
        self._writer: sqlite3.Connection | None = None
        self._write_thread = ThreadPoolExecutor(1, thread_name_prefix="sqlite-writer")
        self._read_threads = ThreadPoolExecutor(readers, thread_name_prefix="sqlite-reader")
        self._local = threading.local()
        self._reading: list[sqlite3.Connection] = []

    async def open(self) -> None:
        """Open the file, which must exist with its tables made. Raises Unavailable."""
        await self._in(self._write_thread, self._open_writer)

    async def close(self) -> None:
        await self._in(self._write_thread, self._close_writer)
        self._write_thread.shutdown()
        self._read_threads.shutdown()
        for connection in self._reading:
            connection.close()

    async def fetch(self, prepared: Prepared, values: tuple[Any, ...]) -> list[Any]:
        if self._inline_reads:
            return self._fetch(prepared.sql, values)
        return await self._in(self._read_threads, lambda: self._fetch(prepared.sql, values))

    async def commit(self, units: Sequence[Unit]) -> list[Outcome]:
        return await self._in(self._write_thread, lambda: self._commit(units))

    async def copy_to(self, target: Path) -> None:
        """Write a consistent copy of the database while it is in use."""
        await self._in(self._read_threads, lambda: self._copy(target))

    @staticmethod
    async def _in(threads: ThreadPoolExecutor, do: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(threads, do)

    def _open_writer(self) -> None:
        try:
            self._writer = connect(self._path)
            self._writer.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
        except sqlite3.Error as error:
            raise Unavailable(f"The database {self._path} cannot be opened: {error}") from error

    def _close_writer(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _reader(self) -> sqlite3.Connection:
        reader: sqlite3.Connection | None = getattr(self._local, "reader", None)
        if reader is None:
            reader = connect(self._path)
            reader.execute("PRAGMA query_only=ON")
            self._local.reader = reader
            self._reading.append(reader)
        return reader

    def _fetch(self, sql: str, values: tuple[Any, ...]) -> list[Any]:
        try:
            return self._reader().execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise Unavailable(f"The database could not be read: {error}") from error

    def _copy(self, target: Path) -> None:
        with sqlite3.connect(target) as copy:
            self._reader().backup(copy, pages=1024)
        copy.close()

    def _commit(self, units: Sequence[Unit]) -> list[Outcome]:
        writer = self._writer
        if writer is None:
            raise Unavailable("The database is closed.")
        try:
            try:
                writer.execute("BEGIN IMMEDIATE")
                _run_together(writer, units)
                writer.execute("COMMIT")
            except (sqlite3.IntegrityError, sqlite3.ProgrammingError, OverflowError, Conflict):
                writer.execute("ROLLBACK")
                return _commit_singly(writer, units)
        except sqlite3.Error as error:
            if writer.in_transaction:
                writer.execute("ROLLBACK")
            raise Unavailable(f"The database could not be written: {error}") from error
        return [None] * len(units)


def connect(path: Path) -> sqlite3.Connection:
    """Return a connection that survives a power cut with all it has acknowledged (WAL and full sync)."""
    connection = sqlite3.connect(
        path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False, cached_statements=STATEMENT_CACHE
    )
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")
    return connection


def _run_together(writer: sqlite3.Connection, units: Sequence[Unit]) -> None:
    bulk: dict[str, list[tuple[Any, ...]]] = {}
    for unit in units:
        for write in unit:
            if write.is_bulk:
                bulk.setdefault(write.prepared.sql, []).append(write.values)
            else:
                _run(writer, write)
    for sql, rows in bulk.items():
        writer.executemany(sql, rows)


def _run(writer: sqlite3.Connection, write: Write) -> None:
    touched = writer.execute(write.prepared.sql, write.values).rowcount
    if write.expect is not None and touched != write.expect:
        raise changed_meanwhile(write, touched)


def _commit_singly(writer: sqlite3.Connection, units: Sequence[Unit]) -> list[Outcome]:
    """Commit all units that can be, each behind a savepoint of its own, and say which could not."""
    outcomes: list[Outcome] = []
    writer.execute("BEGIN IMMEDIATE")
    for unit in units:
        writer.execute("SAVEPOINT unit")
        try:
            for write in unit:
                _run(writer, write)
        except sqlite3.IntegrityError as error:
            outcomes.append(Conflict(f"It exists already, or what it refers to does not: {error}"))
            writer.execute("ROLLBACK TO unit")
        except Conflict as error:
            outcomes.append(error)
            writer.execute("ROLLBACK TO unit")
        except (sqlite3.ProgrammingError, OverflowError) as error:  # a value of ours that SQLite cannot hold
            outcomes.append(error)
            writer.execute("ROLLBACK TO unit")
        else:
            outcomes.append(None)
        writer.execute("RELEASE unit")
    writer.execute("COMMIT")
    return outcomes
