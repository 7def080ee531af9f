"""Rows that are durable before they are in their table: a commit keeps them as one entry, and they are put away later.

An index over transactions or stations is touched in another place by every row. A commit of a hundred messages would
write a hundred pages for it; one entry is written in a few, and thousands of rows put away together, sorted, share
their pages. Only SQLite does so: PostgreSQL's log writes rows, not pages.
"""

from collections.abc import Mapping, Sequence

import msgspec
from sqlalchemy import Column, LargeBinary, MetaData, Table, bindparam, delete, select

from ingufu.infra.storage.columns import BigId
from ingufu.infra.storage.engine import Outcome, Series, Unit, Values
from ingufu.infra.storage.statements import PlainSql, Prepared

metadata = MetaData()

journal = Table(
    "journal",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("entry", LargeBinary, nullable=False),
)

ENTRIES = select(journal.c.id, journal.c.entry).order_by(journal.c.id)
FORGET = delete(journal).where(journal.c.id >= bindparam("first"), journal.c.id <= bindparam("last"))

Rows = Mapping[Prepared, Sequence[Values]]


class Kept(msgspec.Struct, frozen=True, array_like=True):
    """The rows of one table in an entry, in the form of the database's own values."""

    table: str
    columns: tuple[str, ...]
    rows: Sequence[Values]


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(list[Kept])


def gather(units: Sequence[Unit], outcomes: Sequence[Outcome]) -> dict[Prepared, list[Values]]:
    """Return the deferred rows of the units that were not undone, by statement, in their order."""
    rows: dict[Prepared, list[Values]] = {}
    for unit, outcome in zip(units, outcomes, strict=True):
        if outcome is not None:
            continue
        for write in unit:
            if write.is_deferred:
                if write.prepared in rows:
                    rows[write.prepared].append(write.values)
                else:
                    rows[write.prepared] = [write.values]
    return rows


def encode(rows: Rows) -> bytes:
    """Return an entry that keeps these rows."""
    return _ENCODER.encode([Kept(prepared.table, prepared.inserted, some) for prepared, some in rows.items()])


def decode(entry: bytes) -> list[Kept]:
    """Return what an entry keeps."""
    return _DECODER.decode(entry)


def put_away(table: str, columns: Sequence[str], rows: Sequence[Values]) -> Series:
    """Return rows for SQLite such that those which are in their table already are left out."""
    names = (table, *columns)
    if not all(name.isidentifier() for name in names):
        raise ValueError(f"The journal names a table or column that cannot be: {names}")
    listed = ", ".join(columns)
    marks = ", ".join("?" * len(columns))
    same = " AND ".join(f"{name} IS ?" for name in columns)
    sql = (
        f"INSERT OR IGNORE INTO {table} ({listed}) SELECT {marks} "  # noqa: S608 - names, checked above
        f"WHERE NOT EXISTS (SELECT 1 FROM {table} WHERE {same})"
    )
    return Series(PlainSql(sql), [(*row, *row) for row in rows])
