"""Drivers, cards and groups from a long file: some rows at a time are judged and written, each is told of."""

from collections.abc import Sequence

import msgspec

from ingufu.core.errors import Conflict, InvalidInput, NotFound
from ingufu.importing.columns import COLUMNS
from ingufu.importing.model import Effect, Kind, Row, RowError
from ingufu.importing.ports import Desk
from ingufu.importing.register import Register
from ingufu.importing.writing import note_import
from ingufu.importing.wrong import Twins, row_error

KINDS = (Kind.TOKENS, Kind.DRIVERS, Kind.GROUPS)  # what can be imported so
ROWS_AT_ONCE = 200  # few enough that stations in the same process are not kept waiting


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one row, or (in a trial) would."""

    line: int
    name: str = ""  # what it is about, as people call it
    effect: Effect | None = None  # None: it is wrong
    object_id: str = ""
    field: str = ""
    reason: str = ""


class Batches:
    """One import, to which the rows are given some at a time.

    What is wrong with one row does not touch the others. A crash leaves whole parts: the same file again does the
    rest, for a row says how a thing is to be. In a trial nothing is written.
    """

    def __init__(self, desk: Desk, *, is_trial: bool, makes_missing: bool = False) -> None:
        self._desk = desk
        self._is_trial = is_trial
        self._makes_missing = makes_missing
        self._twins = Twins()
        self._register = Register(desk, makes_missing=makes_missing)

    async def take(self, rows: Sequence[Row | RowError]) -> list[Outcome]:
        """Return what became of each row, in their order. Raises Unavailable."""
        found: dict[int, Outcome] = {}
        good: list[tuple[int, Row]] = []
        for place, row in enumerate(rows):
            wrong = row if isinstance(row, RowError) else self._twins.find(row)
            if wrong is not None:
                found[place] = _wrong(row, wrong)
            elif isinstance(row, Row):
                good.append((place, row))
        await self._register.look(row for _, row in good)
        found.update(await self._write(good))
        return [found[place] for place in range(len(rows))]

    async def _write(self, good: Sequence[tuple[int, Row]]) -> dict[int, Outcome]:
        """Write all in one unit of work; if somebody changed one of them meanwhile, each in one of its own."""
        before = {kind: dict(names) for kind, names in self._register.made().items()}
        try:
            return await self._write_together(good)
        except (Conflict, InvalidInput, NotFound) as error:
            if len(good) == 1:
                place, row = good[0]
                return {place: _wrong(row, row_error(row, error))}
        found: dict[int, Outcome] = {}
        self._register = Register(self._desk, makes_missing=self._makes_missing)
        self._register.remember(before)
        for one in good:
            await self._register.look([one[1]])
            found.update(await self._write([one]))
        return found

    async def _write_together(self, good: Sequence[tuple[int, Row]]) -> dict[int, Outcome]:
        found: dict[int, Outcome] = {}
        work = self._desk.work()
        for place, row in good:
            try:
                put = await self._register.put(work, row.kind, row.values)
            except (InvalidInput, Conflict, NotFound) as error:
                found[place] = _wrong(row, row_error(row, error))
                continue
            self._register.promise(row.kind, row.values, put)
            found[place] = Outcome(line=row.line, name=_name(row), effect=put.effect, object_id=put.id)
            if put.effect is not Effect.SAME:
                note_import(self._desk, work, row, put)
        if not self._is_trial:
            await work.commit()
        return found


def _name(row: Row) -> str:
    return str(row.values.get(COLUMNS[row.kind][0].name) or "")


def _wrong(row: Row | RowError, error: RowError) -> Outcome:
    name = _name(row) if isinstance(row, Row) else ""
    return Outcome(line=error.line, name=name, field=error.field, reason=error.reason)
