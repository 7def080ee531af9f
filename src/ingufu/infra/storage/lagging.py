"""Rows of the journal on their way into their tables: collected, sorted, handed out in portions."""

from collections import deque
from collections.abc import Iterable
from operator import itemgetter
from typing import NamedTuple

from ingufu.infra.storage.engine import Deferral, Series, Unit, Values, Write
from ingufu.infra.storage.journal import FORGET, decode, put_away
from ingufu.infra.storage.statements import Prepared, Statements

PORTION_MIN, PORTION_MAX = 25, 400  # rows put away with one commit: 0.3 to 2 ms longer for who waits for it
PORTIONS = 100  # into which a batch is cut, within these bounds
ROWS_DUE = 4000  # so many rows are put away without waiting longer
_first = itemgetter(0)


def portion_size(rows: int) -> int:
    """Return how many rows of a table one commit puts away of so many."""
    return min(max(rows // PORTIONS, PORTION_MIN), PORTION_MAX)


def unbroken(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Return first and last of each run of numbers, each one more than that before it."""
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return runs


class Portion(NamedTuple):
    """What one commit puts away: rows of a table, and with the last of a batch the entries that had them."""

    table: str
    series: Series
    unit: Unit = ()
    entries: tuple[int, ...] = ()  # of the journal that `unit` forgets


class Lagging:
    """What a process still has to put away. It is nobody's loss if a portion has to be tried again."""

    def __init__(self, statements: Statements) -> None:
        self._forget = statements.constant(FORGET)
        self._deferred: list[Deferral] = []
        self._rows = 0
        self._tables: set[str] = set()  # of what was deferred: they are asked for with each read
        self._portions: deque[Portion] = deque()
        self._in_hand: Portion | None = None
        self.is_in_doubt = False  # a commit failed, and its entry of the journal may be there all the same

    def __bool__(self) -> bool:
        return bool(self._deferred or self.is_in_doubt or self.has_portions)

    @property
    def has_portions(self) -> bool:
        """Whether a batch is on its way."""
        return bool(self._portions) or self._in_hand is not None

    @property
    def is_due(self) -> bool:
        """Whether so much has gathered that it should not wait."""
        return self._rows >= ROWS_DUE

    def defer(self, deferral: Deferral) -> None:
        """Take over the rows of an entry of the journal."""
        self._deferred.append(deferral)
        for prepared, rows in deferral.rows.items():
            self._tables.add(prepared.table)
            self._rows += len(rows)

    def concerns(self, prepared: Prepared) -> bool:
        """Return whether a statement reads a table into which something has still to be put."""
        if self.is_in_doubt or any(name in prepared.sql for name in self._tables):
            return True
        if self._in_hand is not None and self._in_hand.table in prepared.sql:
            return True
        return any(portion.table in prepared.sql for portion in self._portions)

    def gather(self) -> None:
        """Make a batch of what has gathered, unless one is on its way."""
        if self.has_portions or not self._deferred:
            return
        deferred, self._deferred, self._rows = self._deferred, [], 0
        self._tables.clear()
        rows: dict[Prepared, list[Values]] = {}
        for deferral in deferred:
            for prepared, some in deferral.rows.items():
                rows.setdefault(prepared, []).extend(some)
        for prepared, some in rows.items():
            some.sort(key=_first)  # neighbours share pages; the sort is stable, so that those of one station keep order
            size = portion_size(len(some))
            for start in range(0, len(some), size):
                self._portions.append(Portion(prepared.table, Series(prepared, some[start : start + size])))
        self._finish(tuple(deferral.entry for deferral in deferred))

    def take(self) -> Portion | None:
        """Return the next portion, which then is in hand: `done` or `give_back` must follow."""
        self._in_hand = self._portions.popleft() if self._portions else None
        return self._in_hand

    def done(self) -> None:
        """Forget the portion in hand: it is put away."""
        self._in_hand = None

    def give_back(self) -> None:
        """Take the portion in hand again. Its commit failed, or did not: what is there already must not be twice."""
        portion, self._in_hand = self._in_hand, None
        if portion is None:
            return
        if portion.series.prepared.inserted:
            prepared, rows = portion.series
            portion = portion._replace(series=put_away(prepared.table, prepared.inserted, rows))
        self._portions.appendleft(portion)

    def adopt(self, entries: Iterable[tuple[int, bytes]]) -> int:
        """Take over entries of the journal that were written though their commit was said to have failed.

        Carefully: nobody can say how far they were put away.
        """
        self.is_in_doubt = False
        mine = {deferral.entry for deferral in self._deferred}
        mine.update(entry for portion in self._portions for entry in portion.entries)
        strange = [(number, entry) for number, entry in entries if number not in mine]
        for number, entry in strange:
            for kept in decode(entry):
                self._portions.append(Portion(kept.table, put_away(kept.table, kept.columns, kept.rows)))
            self._finish((number,))
        return len(strange)

    def _finish(self, entries: tuple[int, ...]) -> None:
        """Have the last portion forget the entries whose rows it completes."""
        spans = [{"first": first, "last": last} for first, last in unbroken(entries)]
        forget = tuple(Write(self._forget, self._forget.bind(span)) for span in spans)
        self._portions.append(self._portions.pop()._replace(unit=forget, entries=entries))
