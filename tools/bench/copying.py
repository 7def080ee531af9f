"""Rows copied within a SQLite file: each table's own columns, but for those whose values a copy has otherwise."""

# ruff: noqa: S608 - every part of these statements is ours

import sqlite3
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
WEEK_US = 7 * DAY_US


def fresh_id(at: str, old: str, copy: str) -> str:
    """Return the SQL of an id (UUIDv7) of that time, other than that of the original and of its other copies.

    The counter in it begins with f, as none that the product gives does: it counts from below 800 (hexadecimal).
    """
    at_ms = f"({at}) / 1000"
    return f"printf('%08x-%04x-7f%s%04x', {at_ms} >> 16, {at_ms} & 65535, substr({old}, 17, 16), {copy} & 65535)"


def numbers(most: int, name: str = "n") -> str:
    """Return the SQL of a table `name` with the numbers from 0 to `most` - 1, for the head of a statement."""
    return f"WITH RECURSIVE {name}(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM {name} WHERE i + 1 < {most})"


class Copier:
    """One file that nobody else has open, and that can be made anew: nothing in it is durable before the end."""

    def __init__(self, database: sqlite3.Connection, *, is_told: bool = False) -> None:
        self._database = database
        self._is_told = is_told

    def run(self, sql: str, values: Mapping[str, object] | Sequence[object] = ()) -> None:
        """Run a statement, and tell how long it took if that is wanted."""
        began = time.perf_counter()
        changed = self._database.execute(sql, values).rowcount
        if self._is_told:
            print(f"{time.perf_counter() - began:7.2f} s {changed:>9,} {sql[:110]!r}", file=sys.stderr, flush=True)

    def one(self, sql: str) -> int:
        """Return the number that a query finds."""
        found: int = self._database.execute(sql).fetchone()[0]
        return found

    def rows(self, sql: str) -> list[tuple[str, ...]]:
        return self._database.execute(sql).fetchall()

    def add(self, sql: str, rows: Iterator[tuple[object, ...]]) -> None:
        """Run a statement for each of the rows."""
        self._database.executemany(sql, rows)

    def copy(
        self, table: str, changes: Mapping[str, str], *, joined: str, where: str = "1", order: str = "", head: str = ""
    ) -> None:
        """Add rows of `table`, there called `o`, joined with what says how often, with these columns changed.

        A column that counts up by itself does so. Raises ValueError for a change of a column that there is not.
        """
        into, taken = self._columns(table, changes)
        ordered = f" ORDER BY {order}" if order else ""
        self.run(f"{head} INSERT INTO {table} ({into}) SELECT {taken} FROM {joined} WHERE {where}{ordered}")

    def copy_in_order(
        self, table: str, changes: Mapping[str, str], *, joined: str, order: str, where: str = "1", head: str = ""
    ) -> None:
        """Do as `copy` where ids count up with time: originals and copies are put in together, in that order."""
        into, taken = self._columns(table, changes)
        self.run(f"CREATE TEMP TABLE staged AS SELECT {into} FROM {table}")
        self.run(f"{head} INSERT INTO staged ({into}) SELECT {taken} FROM {joined} WHERE {where}")
        self.run(f"DELETE FROM {table}")
        self.run(f"INSERT INTO {table} ({into}) SELECT {into} FROM staged ORDER BY {order}")
        self.run("DROP TABLE staged")

    def _columns(self, table: str, changes: Mapping[str, str]) -> tuple[str, str]:
        found = self._database.execute(f"PRAGMA table_info({table})").fetchall()
        counted = [name for _, name, kind, _, _, key in found if key and kind == "INTEGER" and name == "id"]
        columns = [name for _, name, *_ in found if name not in counted or name in changes]
        unknown = changes.keys() - set(columns)
        if unknown:
            raise ValueError(f"The table {table} has no column {', '.join(sorted(unknown))}.")
        return ", ".join(columns), ", ".join(changes.get(name, f"o.{name}") for name in columns)

    @contextmanager
    def without_indexes(self) -> Iterator[None]:
        """Let indexes and triggers be away while the block runs: made at its end, they cost a tenth."""
        kept = self.rows(
            "SELECT type, name, sql FROM sqlite_master WHERE type IN ('index', 'trigger') AND sql IS NOT NULL"
        )
        for kind, name, _ in kept:
            self.run(f"DROP {kind} {name}")
        yield
        for _, _, sql in sorted(kept):
            self.run(sql)


@contextmanager
def opened(path: str) -> Iterator[sqlite3.Connection]:
    """Have the file open for copying, and leave it whole on the disk, in the mode in which the server opens it."""
    database = sqlite3.connect(path, isolation_level=None)
    try:
        for pragma in chain(("journal_mode=OFF", "synchronous=OFF", "cache_size=-600000", "locking_mode=EXCLUSIVE")):
            database.execute(f"PRAGMA {pragma}")
        database.execute("BEGIN")
        yield database
        database.execute("COMMIT")
        database.execute("PRAGMA locking_mode=NORMAL")
        database.execute("PRAGMA journal_mode=WAL")
    finally:
        database.close()
