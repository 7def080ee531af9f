"""Storage in the simulation: SQLite's own engine, whose commits become durable at one moment drawn from the seed.

What has not become durable when the server dies is gone. Between that moment and the answer to who waits lies time, too:
a crash may find data that nobody was told of. The units are run by the very function of the real engine.
"""

import sqlite3
from collections.abc import Callable, Sequence
from functools import cache
from itertools import count
from typing import Any

from sqlalchemy.schema import CreateIndex, CreateTable

from ingufu.app.schema import METADATA
from ingufu.core.errors import Unavailable
from ingufu.infra.storage import sqlite
from ingufu.infra.storage.engine import Committed, Series, Unit, Values
from ingufu.infra.storage.statements import Prepared, Statements, sqlite_dialect
from simulation.world import World

STATEMENTS = Statements(sqlite_dialect())  # compiled once for all simulations: they hold no state
SLOW_S = 4.0
SMALL_PAGES = 512  # bytes: a disk that is full is soon felt by everything that grows
FLAKY_CHANCE = 0.4  # that a commit fails
UNBOUNDED = 0xFFFFFFFE  # pages


class Disk:
    """What survives a crash of the server."""

    def __init__(self, world: World) -> None:
        self.world = world
        is_fillable = any(outage.kind == "full" for outage in world.plan.outages)
        self.connection = _new(SMALL_PAGES)[0] if is_fillable else _wiped()
        self._is_own = is_fillable
        self.commits = 0
        self.around_commit: Callable[[float, bool], None] = _nothing  # told how long it takes, and if it puts off rows
        self._kind = "well"

    def close(self) -> None:
        """Let go of a database that no other simulation uses."""
        if self._is_own:
            self.connection.close()

    @property
    def kind(self) -> str:
        """Return "well", or the kind of the outage that there is."""
        return self._kind

    @kind.setter
    def kind(self, kind: str) -> None:
        self._kind = kind
        self.connection.execute(f"PRAGMA max_page_count={1 if kind == 'full' else UNBOUNDED}")  # 1: no more than now

    def rows(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        """Return the rows of a plain query, for checks."""
        cursor = self.connection.execute(sql, values)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor]


class SimulatedEngine:
    """One process' way to the disk; see `ingufu.infra.storage.engine.Engine`."""

    def __init__(self, disk: Disk, *, read_s: float, commit_s: float) -> None:
        self.dialect = STATEMENTS.dialect
        self.failure: str | None = None
        self.defers = False  # the process that holds the stations does
        self.stage = ""  # of the commit that runs, if any
        self._entries = count(1)
        self._disk = disk
        self._chance = disk.world.dice(f"disk/{disk.world.loop.owner.name}")
        self._pause = disk.world.loop.pause
        self._read_s = read_s
        self._commit_s = commit_s

    async def open(self) -> None:
        """Put away what the incarnation before has left in the journal."""
        if not self.defers:
            return
        await self._pause(self._commit_s * self._chance.random())
        if self._disk.kind == "down":
            raise Unavailable("The simulated disk cannot be opened.")
        cursor = self._disk.connection.cursor()
        cursor.execute("BEGIN IMMEDIATE")
        try:
            found = sqlite.empty_journal(cursor)
            cursor.execute("COMMIT")
        except sqlite3.Error as error:
            if cursor.connection.in_transaction:
                cursor.execute("ROLLBACK")
            raise Unavailable(f"The simulated disk cannot be opened: {error}") from error
        self._disk.world.counts["a journal was found at the start"] += found > 0

    async def close(self) -> None:
        """There is nothing to close."""

    async def fetch(self, prepared: Prepared, values: Values) -> list[Any]:
        is_early = self._chance.random() < 0.5  # a network lies before the reading, and after it
        if self._read_s and not is_early:
            await self._pause(self._read_s * self._chance.random())
        if self._disk.kind == "down":
            self._disk.world.count("a read failed")
            raise Unavailable("The simulated disk cannot be read.")
        rows = self._disk.connection.execute(prepared.sql, values).fetchall()
        if self._read_s and is_early:
            await self._pause(self._read_s * self._chance.random())
        return rows

    async def commit(self, units: Sequence[Unit], series: Sequence[Series]) -> Committed:
        disk = self._disk
        commit_s = SLOW_S if disk.kind == "slow" else self._commit_s
        before_s, after_s = commit_s * self._chance.random(), commit_s * self._chance.random()
        disk.around_commit(before_s + after_s, any(write.is_deferred for unit in units for write in unit))
        self.stage = "before" if units else ""
        await self._pause(before_s)
        fails = self._fails()
        if fails == "down" or self.failure is not None:
            raise self._failed("a commit failed", self.failure or "The simulated disk cannot be written.")
        try:
            done = sqlite._commit(disk.connection.cursor(), units, series, self._entries)
        except sqlite3.Error as error:  # it is full
            raise self._failed(
                "a commit found the disk full", f"The simulated disk cannot be written: {error}"
            ) from error
        disk.commits += 1
        disk.world.trace.note("disk", "durable", len(units))
        disk.world.counts["units shared a commit"] += len(units) > 1
        disk.world.counts["a unit was undone"] += any(outcome is not None for outcome in done.outcomes)
        disk.world.counts["a commit was slow"] += disk.kind == "slow"
        self.stage = "after" if units else ""
        await self._pause(after_s)
        if fails == "mute":
            raise self._failed("a commit was made and not confirmed", "It is not known what became of a commit.")
        self.stage = ""
        return done

    def _fails(self) -> str:
        """Return in which way this commit is to fail, if any."""
        kind = self._disk.kind
        if kind != "flaky":
            return kind
        return self._chance.choice(("down", "mute")) if self._chance.random() < FLAKY_CHANCE else ""

    def _failed(self, what: str, why: str) -> Unavailable:
        self.stage = ""
        self._disk.world.count(what)
        return Unavailable(why)

    async def shrink(self) -> int:
        return 0


def _nothing(_lasts_s: float, _is_put_off: bool) -> None:
    """Do nothing around a commit."""


def _new(page_size: int) -> tuple[sqlite3.Connection, str]:
    """Return a new database in memory with all tables, and what empties it.

    It has keys and no other indexes: its tables are short, and to keep indexes would cost more than they save.
    """
    connection = sqlite3.connect(":memory:", isolation_level=None, cached_statements=512)
    connection.execute(f"PRAGMA page_size={page_size}")
    connection.execute("PRAGMA foreign_keys=ON")
    tables = [table for metadata in METADATA for table in metadata.sorted_tables]
    for statement in _DDL:
        connection.execute(statement)
    return connection, ";".join(f"DELETE FROM {table.name}" for table in reversed(tables))


def _definitions() -> list[str]:
    tables = [table for metadata in METADATA for table in metadata.sorted_tables]
    unique = [index for table in tables for index in table.indexes if index.unique]
    definitions = [*(CreateTable(table) for table in tables), *(CreateIndex(index) for index in unique)]
    return [str(definition.compile(dialect=STATEMENTS.dialect)) for definition in definitions]


_DDL = _definitions()  # as compiling takes longer than running them


@cache
def _database() -> tuple[sqlite3.Connection, str]:
    """Return the one database of all simulations that need no disk of their own."""
    return _new(4096)


def _wiped() -> sqlite3.Connection:
    connection, wipe = _database()
    if connection.in_transaction:
        connection.execute("ROLLBACK")
    connection.executescript(wipe)
    return connection
