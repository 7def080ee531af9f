"""What a storage engine does: reads, and commits of many units of work at once."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Protocol

from sqlalchemy import Dialect

from ingufu.core.errors import Conflict
from ingufu.infra.storage.statements import Prepared

Values = tuple[Any, ...]
Outcome = Exception | None


class Write(NamedTuple):
    """One execution of a prepared statement."""

    prepared: Prepared
    values: Values
    expect: int | None = None  # rows that must be touched, and never more, else the unit is undone
    is_bulk: bool = False  # may run after the other writes of its unit, together with its like
    is_deferred: bool = False  # durable with its unit, and put into its table a little later (see `journal`)


Unit = Sequence[Write]


class Series(NamedTuple):
    """Rows for one statement that nobody waits for: if one of them is bad, only that one is lost."""

    prepared: Prepared
    rows: Sequence[Values]


class Deferral(NamedTuple):
    """Rows that a commit made durable as an entry of the journal, and which still have to be put into their tables."""

    entry: int
    rows: dict[Prepared, list[Values]]


class Committed(NamedTuple):
    """What became of a commit: unit by unit None or why it was undone, and why rows of series were."""

    outcomes: list[Outcome]
    failures: list[Exception]
    deferral: Deferral | None = None


class Group(NamedTuple):
    """Writes by one statement, which a driver takes in one go."""

    prepared: Prepared
    rows: list[Values]
    expect: int | None  # of each row

    @property
    def expected(self) -> int | None:
        """Rows that must be touched by all of them."""
        return None if self.expect is None else self.expect * len(self.rows)


class Engine(Protocol):
    """A database with one writer and many readers."""

    dialect: Dialect
    failure: str | None  # why nothing can be written any more until the process is started anew
    defers: bool  # whether writes may be deferred: it keeps a journal, and this process is the one that empties it

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def fetch(self, prepared: Prepared, values: Values) -> list[Any]:
        """Return the raw rows of committed data. Raises Unavailable."""
        ...

    async def commit(self, units: Sequence[Unit], series: Sequence[Series]) -> Committed:
        """Make units and series durable in one commit.

        A unit that fails takes no other with it: Conflict if a key exists or an expected row had changed, InvalidInput
        if a value cannot be stored. Raises Unavailable if nothing could be written at all.
        """
        ...

    async def shrink(self) -> int:
        """Give some unused space back to the disk, in a few milliseconds; return how much (in pages), 0 if enough."""
        ...


def grouped(units: Iterable[Unit], series: Iterable[Series]) -> list[Group]:
    """Return all writes in their order, neighbours by one statement as one group; then the bulk, each statement once.

    The updates of a hundred stations are neighbours nearly always: one call of the driver instead of a hundred.
    """
    groups: list[Group] = []
    bulk: dict[Prepared, list[Values]] = {}
    for prepared, more in series:
        bulk.setdefault(prepared, []).extend(more)
    latest, latest_expect, rows = None, None, list[Values]()
    for unit in units:
        for prepared, values, expect, is_bulk, is_deferred in unit:
            if is_deferred:
                continue
            if is_bulk:
                if prepared in bulk:
                    bulk[prepared].append(values)
                else:
                    bulk[prepared] = [values]
            elif prepared is latest and expect == latest_expect:
                rows.append(values)
            else:
                latest, latest_expect, rows = prepared, expect, [values]
                groups.append(Group(prepared, rows, expect))
    return [*groups, *(Group(prepared, rows, None) for prepared, rows in bulk.items())]


def alone(series: Iterable[Series]) -> list[Unit]:
    """Return each row as a unit of its own, to find out which of them cannot be stored."""
    return [(Write(prepared, values, is_bulk=True),) for prepared, rows in series for values in rows]


def committed(outcomes: Sequence[Outcome], units: int) -> Committed:
    """Return what became of so many units, and of what was run after them."""
    return Committed(list(outcomes[:units]), [outcome for outcome in outcomes[units:] if outcome is not None])


def changed_meanwhile(group: Group, touched: int) -> Conflict:
    """Return the error of a write that did not find the row as its reader had seen it."""
    return Conflict(f"Expected {group.expected} row(s) to change and {touched} did: someone else was faster.")
