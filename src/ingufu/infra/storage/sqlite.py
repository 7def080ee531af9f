"""SQLite as storage engine: WAL, full sync, one writer thread, readers beside it."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import structlog

from ingufu.core.errors import Conflict, IngufuError, InvalidInput, Unavailable
from ingufu.infra.storage import file_locks, journal
from ingufu.infra.storage.engine import (
    Committed,
    Deferral,
    Outcome,
    Series,
    Unit,
    alone,
    changed_meanwhile,
    committed,
    grouped,
)
from ingufu.infra.storage.folding import Folded, Folding
from ingufu.infra.storage.statements import Prepared, sqlite_dialect
from ingufu.infra.storage.threads import Worker

BUSY_TIMEOUT_S = 15.0  # another process of ours may hold the write lock for the length of its own batch
CHECKPOINT_PAGES = 32_000  # about 128 MB of log that cannot begin anew for readers: each commit folds it, until it can
LOG_KEPT_BYTES = 160 * 1024 * 1024  # a log that a long reader lets grow beyond is cut back to this
LOG_CUT_BYTES = 8 * 1024 * 1024  # at a time, some milliseconds
WRITER_CACHE_KB = 16 * 1024
STATEMENT_CACHE = 512
READS_A_TURN = 32  # inline, some milliseconds: a job that reads on and on lets stations be heard meanwhile
SHRINK_PAGES = 500  # cut off in one step, some milliseconds
FREE_SHARE = 0.2  # of the file may be free pages, to be used again

# The disk or the file is at fault, not what was to be written
_DISK = frozenset({
    sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_INTERRUPT,
    sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_MISUSE,
})  # fmt: skip
# After these nobody knows what the disk holds; going on could acknowledge what a power cut then takes away
_FATAL = frozenset({
    sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_IOERR_DIR_FSYNC, sqlite3.SQLITE_IOERR_WRITE,
    sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB,
})  # fmt: skip
_TAKEN = frozenset({
    sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_ROWID,
    sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY,
})  # fmt: skip

_NOTHING = Folded(0, 0)

T = TypeVar("T")
log = structlog.get_logger(__name__)


class SqliteEngine:
    """One file. Commits run in a thread of their own, so that the flush blocks nobody.

    With `inline_reads` the short reads of the station side run where they are asked, without a hop to a thread:
    only for a process whose every read goes through an index. With `defers` writes may be deferred to the journal, if
    no other process does so; what one that died has left there is put away first.
    """

    def __init__(self, path: Path, *, inline_reads: bool = False, defers: bool = False, readers: int = 4) -> None:
        self.dialect = sqlite_dialect()
        self.failure: str | None = None
        self.defers = False
        self._wants_to_defer = defers
        self._path = path
        self._inline_reads = inline_reads
        self._is_closed = False
        self._reads = 0  # inline, in this turn of the event loop
        self._writer: sqlite3.Connection | None = None
        self._turn: file_locks.Turn | None = None
        self._presence: file_locks.FileLock | None = None
        self._journal: file_locks.FileLock | None = None
        self._folder: file_locks.FileLock | None = None
        self._may_fold = False
        self._write_thread = Worker("sqlite-writer")
        self._read_threads = ThreadPoolExecutor(readers, thread_name_prefix="sqlite-reader")
        self._local = threading.local()
        self._reading: list[sqlite3.Connection] = []
        self._entries = count(1)  # numbers of the journal: none is given twice, whatever became of its commit
        self.folding = Folding(self._fold_beside, self._fold_by_writer)

    async def open(self) -> None:
        """Open the file, which must exist with its tables made. Raises Unavailable."""
        try:
            await self._write_thread.run(self._open_writer)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        await self.folding.close()
        await asyncio.get_running_loop().run_in_executor(None, self._read_threads.shutdown)
        while self._reading:
            self._reading.pop().close()
        await self._write_thread.run(self._close_writer)
        self._write_thread.stop()

    async def fetch(self, prepared: Prepared, values: tuple[Any, ...]) -> list[Any]:
        if self._is_closed:
            raise Unavailable("The database is closed.")
        loop = asyncio.get_running_loop()
        if self._inline_reads:
            if not self._reads:
                loop.call_soon(self._begin_turn)
            self._reads += 1
            if not self._reads % READS_A_TURN:
                await asyncio.sleep(0)
            return self._fetch(prepared.sql, values)
        return await loop.run_in_executor(self._read_threads, self._fetch, prepared.sql, values)

    def _begin_turn(self) -> None:
        self._reads = 0

    async def commit(self, units: Sequence[Unit], series: Sequence[Series]) -> Committed:
        done = await self._write_thread.run(lambda: self._commit(units, series))
        self.folding.note_commit(sum(map(len, units)) + sum(len(one.rows) for one in series))
        return done

    def _fold_beside(self) -> Folded:
        """Fold the log, unless another process does so."""
        self._may_fold = self._may_fold or (self._folder is not None and self._folder.try_acquire())
        return _fold(self._reader()) if self._may_fold else _NOTHING

    async def _fold_by_writer(self) -> None:
        await self._write_thread.run(lambda: self._write(self._fold_and_cut))

    def _fold_and_cut(self, writer: sqlite3.Connection) -> None:
        """Fold the log, and give some of a very long one back to the disk."""
        done = _fold(writer)
        size = log_of(self._path).stat().st_size
        if size > LOG_KEPT_BYTES and not done.left:
            _cut(writer, max(size - LOG_CUT_BYTES, LOG_KEPT_BYTES))

    async def shrink(self) -> int:
        return await self._write_thread.run(self._shrink)

    def _open_writer(self) -> None:
        if not self._path.exists():
            raise Unavailable(f"There is no database at {self._path}.")
        try:
            self._presence = file_locks.presence(self._path)
            if not self._presence.try_acquire(is_shared=True):
                raise Unavailable(f"The database {self._path} is being restored.")
            self._folder = file_locks.folder(self._path)
            self._may_fold = self._folder.try_acquire()
            self._turn = file_locks.Turn(self._path, BUSY_TIMEOUT_S)
            with self._turn:
                self._writer = connect(self._path)
                self._writer.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
                self._writer.execute(f"PRAGMA cache_size=-{WRITER_CACHE_KB}")
                if self._wants_to_defer:
                    self._take_journal(self._writer)
        except (sqlite3.Error, OSError) as error:
            raise Unavailable(f"The database {self._path} cannot be opened: {error}") from error

    def _take_journal(self, writer: sqlite3.Connection) -> None:
        self._journal = file_locks.journal(self._path)
        self.defers = self._journal.try_acquire()
        if self.defers and has_journal(writer):
            writer.execute("BEGIN IMMEDIATE")
            found = empty_journal(writer.cursor())
            writer.execute("COMMIT")
            if found:
                log.info("storage.journal_emptied", entries=found)

    def _close_writer(self) -> None:
        writer, self._writer = self._writer, None
        if self._turn is not None:
            with suppress(TimeoutError), self._turn:
                if writer is not None:
                    writer.close()  # the last process to do so folds the log back
            self._turn.close()
            self._turn = None
        for lock in (self._folder, self._journal, self._presence):
            if lock is not None:
                lock.close()
        self._folder = self._journal = self._presence = None

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
            if not _is_of_disk(error):
                raise
            raise Unavailable(f"The database could not be read: {error}") from error

    def _commit(self, units: Sequence[Unit], series: Sequence[Series]) -> Committed:
        return self._write(lambda writer: _commit(writer.cursor(), units, series, self._entries))

    def _shrink(self) -> int:
        return self._write(_shrink)

    def _write(self, do: Callable[[sqlite3.Connection], T]) -> T:
        """Return what `do` does with the writer when it is our turn. Raises Unavailable."""
        if self.failure is not None:
            raise Unavailable(self.failure)
        if self._writer is None or self._turn is None:
            raise Unavailable("The database is closed.")
        try:
            with self._turn:
                return do(self._writer)
        except TimeoutError as error:
            raise Unavailable("Another process keeps the database to itself.") from error
        except sqlite3.Error as error:
            if error.sqlite_errorcode in _FATAL:
                self.failure = f"The disk failed while writing ({error}); restart after the disk has been looked at."
                log.critical("storage.disk_failed", error=str(error), code=error.sqlite_errorname)
            raise Unavailable(f"The database could not be written: {error}") from error


def log_of(path: Path) -> Path:
    """Return where SQLite keeps the log of a file."""
    return path.with_name(f"{path.name}-wal")


def _fold(connection: sqlite3.Connection) -> Folded:
    """Bring what the log holds into the file, as far as nobody reads it from there."""
    _, pages, folded = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    return Folded(pages, pages - folded)


def _cut(writer: sqlite3.Connection, size: int) -> None:
    """Cut the log, all of which is in the file, to `size` bytes, unless somebody reads from it now.

    SQLite cuts when a write begins the log anew, as the next one does. It is this one, and changes nothing.
    """
    writer.execute(f"PRAGMA journal_size_limit={size}")
    (version,) = writer.execute("PRAGMA user_version").fetchone()
    writer.execute(f"PRAGMA user_version={version}")
    writer.execute("PRAGMA journal_size_limit=-1")


def connect(path: Path) -> sqlite3.Connection:
    """Return a connection that survives a power cut with all it has acknowledged (WAL and full sync).

    Of a new file, free pages can be given back later.
    """
    is_new = path.stat().st_size == 0
    connection = sqlite3.connect(
        path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False, cached_statements=STATEMENT_CACHE
    )
    try:
        if is_new:  # later it would be a write at every start, and change nothing
            connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA secure_delete=FAST")  # distributions turn it on whole: freed pages are written anew
        connection.execute("PRAGMA foreign_keys=ON")
    except BaseException:
        connection.close()
        raise
    return connection


def _commit(
    cursor: sqlite3.Cursor, units: Sequence[Unit], series: Sequence[Series], entries: Iterator[int]
) -> Committed:
    """Commit units and series; raises sqlite3.Error with nothing written if the disk will not have them.

    `entries` has the journal's next number. SQLite would give that of an entry which the same commit forgets, and who
    does not know whether the commit was made would then forget the new one.
    """
    cursor.execute("BEGIN IMMEDIATE")
    try:
        done = _run(cursor, units, series)
        if rows := journal.gather(units, done.outcomes):
            entry = next(entries)
            cursor.execute("INSERT INTO journal (id, entry) VALUES (?, ?)", (entry, journal.encode(rows)))
            done = done._replace(deferral=Deferral(entry, rows))
        cursor.execute("COMMIT")
    except BaseException:
        if cursor.connection.in_transaction:  # SQLite itself rolls back after some errors
            cursor.execute("ROLLBACK")
        raise
    return done


def has_journal(connection: sqlite3.Connection) -> bool:
    """Return whether the database has the journal's table, which one before its first migration lacks."""
    found = connection.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'journal'")
    return found.fetchone() is not None


def empty_journal(cursor: sqlite3.Cursor) -> int:
    """Put all rows of the journal into their tables, unless they are there, and return how many entries it had.

    Rows are put away in portions, and an entry is forgotten with its last: some may be there already.
    """
    entries = cursor.execute("SELECT entry FROM journal ORDER BY id").fetchall()
    for (entry,) in entries:
        for kept in journal.decode(entry):
            prepared, rows = journal.put_away(kept.table, kept.columns, kept.rows)
            cursor.executemany(prepared.sql, rows)
    cursor.execute("DELETE FROM journal")
    return len(entries)


def _run(cursor: sqlite3.Cursor, units: Sequence[Unit], series: Sequence[Series]) -> Committed:
    """Run all together, without the price of a savepoint; if something fails, again and in parts."""
    try:
        _run_together(cursor, units, series)
    except Exception as error:
        if _is_of_disk(error):
            raise
        cursor.execute("ROLLBACK")
        cursor.execute("BEGIN IMMEDIATE")
        return committed(_run_halves(cursor, [*units, *alone(series)], error), len(units))
    return Committed([None] * len(units), [])


def _run_halves(cursor: sqlite3.Cursor, units: Sequence[Unit], error: Exception) -> list[Outcome]:
    """Run units that failed together, halving until those that fail stand alone; each half behind a savepoint."""
    if len(units) == 1:
        return [_reason(error)]
    middle = len(units) // 2
    return [outcome for half in (units[:middle], units[middle:]) for outcome in _run_part(cursor, half)]


def _run_part(cursor: sqlite3.Cursor, units: Sequence[Unit]) -> list[Outcome]:
    cursor.execute("SAVEPOINT part")
    try:
        _run_together(cursor, units, ())
        outcomes: list[Outcome] = [None] * len(units)
    except Exception as error:
        if _is_of_disk(error):
            raise
        cursor.execute("ROLLBACK TO part")
        outcomes = _run_halves(cursor, units, error)
    cursor.execute("RELEASE part")
    return outcomes


def _run_together(cursor: sqlite3.Cursor, units: Sequence[Unit], series: Sequence[Series]) -> None:
    for group in grouped(units, series):
        if len(group.rows) == 1:
            cursor.execute(group.prepared.sql, group.rows[0])
        else:
            cursor.executemany(group.prepared.sql, group.rows)
        if group.expect is not None and cursor.rowcount != group.expected:
            raise changed_meanwhile(group, cursor.rowcount)


def _shrink(writer: sqlite3.Connection) -> int:
    """Cut free pages off the file while there are more than it will soon use again."""
    free = int(writer.execute("PRAGMA freelist_count").fetchone()[0])
    pages = int(writer.execute("PRAGMA page_count").fetchone()[0])
    if free - SHRINK_PAGES < pages * FREE_SHARE:
        return 0
    writer.executescript(f"PRAGMA incremental_vacuum({SHRINK_PAGES})")  # execute would stop after the first page
    return free - int(writer.execute("PRAGMA freelist_count").fetchone()[0])


def _is_of_disk(error: Exception) -> bool:
    code = getattr(error, "sqlite_errorcode", None)  # only what SQLite itself said has one
    return code is not None and code & 0xFF in _DISK


def _reason(error: Exception) -> Outcome:
    """Return why one unit was undone."""
    if isinstance(error, IngufuError):
        return error
    if isinstance(error, sqlite3.IntegrityError):
        if error.sqlite_errorcode in _TAKEN:
            return Conflict(f"It exists already, or what it refers to does not: {error}")
        return InvalidInput(f"It cannot be stored: {error}")
    log.error("storage.unit_failed", exc_info=error)
    return error
