"""Makes a large network of a small one: its stations and transactions copied within the database, in some seconds."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from types import MappingProxyType

HOUR_US = 3_600_000_000
_COPIED_ID = (  # version 4 in place of 7: the id of no original
    "substr({0}, 1, 14) || '4' || substr({0}, 16, length({0}) - 19) || printf('%04x', :copy)"
)
_EARLIER = f"{{0}} - :copy * {HOUR_US}"
_STATION = {"station_id": _COPIED_ID}
_ITS_STATION = _COPIED_ID.replace(":copy", ":station")
# What differs in a copy, by table and column; `{0}` is the column itself. All the rest is as it was.
_CHANGES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "stations": {
            "id": _COPIED_ID,
            "identity": "{0} || '-' || :copy",
            "identity_key": "{0} || '-' || :copy",
            "connection_id": "NULL",
        },
        "evses": _STATION,
        "connectors": _STATION,
        "transactions": {
            "id": _COPIED_ID,
            "station_id": _ITS_STATION,
            "number": "{0} + :copy * 1000000",
            "reference": "{0} || '-' || :copy",
            "start_key": "NULL",
            **dict.fromkeys(("started_at", "start_received_at", "ended_at", "end_received_at", "updated_at"), _EARLIER),
            "last_reading_at": _EARLIER,
        },
    }
)


def multiply(path: Path, *, stations: int, transactions: int) -> tuple[int, int]:
    """Copy the demo's until there are as many stations and transactions as asked for; return how many there are.

    Statistics for the planner (ANALYZE) are not made, as the product makes none.
    """
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode=OFF")  # nobody else has it open, and it can be made anew
        database.execute("PRAGMA synchronous=OFF")
        database.execute("PRAGMA cache_size=-400000")
        database.execute("CREATE TEMP TABLE originals AS SELECT id FROM stations WHERE identity NOT LIKE 'BENCH%'")
        copies = max(2, -(-stations // _count(database, "originals")))
        for copy in range(1, copies):
            for table in ("stations", "evses", "connectors"):
                _copy(database, table, copy, copy)
        for copy in range(1, -(-transactions // max(1, _count(database, "transactions")))):
            _copy(database, "transactions", copy, (copy - 1) % (copies - 1) + 1)
        made = (_count(database, "stations"), _count(database, "transactions"))
        database.commit()
        database.execute("PRAGMA journal_mode=WAL")
    return made


def _copy(database: sqlite3.Connection, table: str, copy: int, station: int) -> None:
    """Add the originals' rows once more, with the ids of that copy, of that copy of their station."""
    columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
    changes = _CHANGES[table]
    values = [changes.get(column, "{0}").format(column) for column in columns]
    key = "id" if table == "stations" else "station_id"
    into, taken = f"{table} ({', '.join(columns)})", ", ".join(values)
    sql = f"INSERT INTO {into} SELECT {taken} FROM {table} WHERE {key} IN (SELECT id FROM originals)"  # noqa: S608 - ours
    database.execute(sql, {"copy": copy, "station": station})


def _count(database: sqlite3.Connection, table: str) -> int:
    found: int = database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608 - names of ours
    return found
