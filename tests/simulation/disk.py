"""Storage in the simulation: SQLite's own engine, whose commits become durable at one moment drawn from the seed.

What has not become durable when the server dies is gone. Between that moment and the answer to who waits lies time, too:
a crash may find data that nobody was told of. The units are run by the very function of the real engine.
"""

import sqlite3
from collections.abc import Callable, Sequence
from functools import cache
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


class Disk:
    """What survives a crash of the server."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.connection = _wiped()
        self.kind = "well"  # or that of the outage there is
        self.commits = 0
        self.around_commit: Callable[[float], None] = _nothing  # told how long the commit will take

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
        self._disk = disk
        self._chance = disk.world.dice(f"disk/{disk.world.loop.owner.name}")
        self._pause = disk.world.loop.pause
        self._read_s = read_s
        self._commit_s = commit_s

    async def open(self) -> None:
        """There is nothing to open."""

    async def close(self) -> None:
        """There is nothing to close."""

    async def fetch(self, prepared: Prepared, values: Values) -> list[Any]:
        is_early = self._chance.random() < 0.5  # a network lies before the reading, and after it
        if self._read_s and not is_early:
            await self._pause(self._read_s * self._chance.random())
        if self._disk.kind == "down":
            raise Unavailable("The simulated disk cannot be read.")
        rows = self._disk.connection.execute(prepared.sql, values).fetchall()
        if self._read_s and is_early:
            await self._pause(self._read_s * self._chance.random())
        return rows

    async def commit(self, units: Sequence[Unit], series: Sequence[Series]) -> Committed:
        disk = self._disk
        commit_s = SLOW_S if disk.kind == "slow" else self._commit_s
        before_s, after_s = commit_s * self._chance.random(), commit_s * self._chance.random()
        disk.around_commit(before_s + after_s)
        await self._pause(before_s)
        if disk.kind == "down" or self.failure is not None:
            raise Unavailable(self.failure or "The simulated disk cannot be written.")
        done = sqlite._commit(disk.connection.cursor(), units, series)
        disk.commits += 1
        disk.world.trace.note("disk", "durable", len(units))
        await self._pause(after_s)
        if disk.kind == "mute":
            raise Unavailable("It is not known what became of the simulated commit.")
        return done

    async def shrink(self) -> int:
        return 0


def _nothing(_: float) -> None:
    """Do nothing around a commit."""


@cache
def _database() -> tuple[sqlite3.Connection, str]:
    """Return one database in memory with all tables, and what empties it.

    It has keys and no other indexes: its tables are short, and to keep indexes would cost more than they save.
    """
    connection = sqlite3.connect(":memory:", isolation_level=None, cached_statements=512)
    connection.execute("PRAGMA foreign_keys=ON")
    tables = [table for metadata in METADATA for table in metadata.sorted_tables]
    for table in tables:
        connection.execute(str(CreateTable(table).compile(dialect=STATEMENTS.dialect)))
        for index in table.indexes:
            if index.unique:
                connection.execute(str(CreateIndex(index).compile(dialect=STATEMENTS.dialect)))
    return connection, ";".join(f"DELETE FROM {table.name}" for table in reversed(tables))


def _wiped() -> sqlite3.Connection:
    connection, wipe = _database()
    if connection.in_transaction:
        connection.execute("ROLLBACK")
    connection.executescript(wipe)
    return connection
