"""Finds where a time begins in a table without an index by time, whose ids are counted up as time goes on."""

from datetime import datetime
from typing import Any

from sqlalchemy import Column, Table, bindparam, select

from ingufu.infra.storage.database import Database


class Seek:
    """Halves the ids until it has the place; a constant of its module, as its statements are."""

    def __init__(self, table: Table, at: Column[Any]) -> None:
        counted = table.c.id
        self._last = select(counted).where(counted > 0).order_by(counted.desc()).limit(1)
        self._from = select(counted, at.label("at")).where(counted >= bindparam("lowest")).order_by(counted).limit(1)

    async def first_since(self, database: Database, instant: datetime) -> int:
        """Return the least id from which on rows are of this instant or later; beyond the last if there is none.

        Rows that stand a little out of order are somewhere near: whoever asks allows for it. It takes some 30 reads
        of one row by its key in a table of a billion.
        """
        first, last = await database.fetch_one(self._from, {"lowest": 0}), await database.fetch_one(self._last)
        if first is None or last is None:
            return 0
        low, high = int(first["id"]), int(last["id"]) + 1
        while low < high:
            middle = (low + high) // 2
            row = await database.fetch_one(self._from, {"lowest": middle})
            if row is not None and row["at"] < instant:
                low = int(row["id"]) + 1
            else:
                high = middle
        return low
