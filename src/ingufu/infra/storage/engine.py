"""What a storage engine does: reads, and commits of many units of work at once."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from sqlalchemy import Dialect

from ingufu.core.errors import Conflict
from ingufu.infra.storage.statements import Prepared


class Write(NamedTuple):
    """One execution of a prepared statement."""

    prepared: Prepared
    values: tuple[Any, ...]
    expect: int | None = None  # rows that must be touched, else the unit is undone
    is_bulk: bool = False  # may run after the other writes of its unit, together with its like


Unit = Sequence[Write]
Outcome = Exception | None


class Engine(Protocol):
    """A database with one writer and many readers."""

    dialect: Dialect
    failure: str | None  # why nothing can be written any more until the process is started anew

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def fetch(self, prepared: Prepared, values: tuple[Any, ...]) -> list[Any]:
        """Return the raw rows of committed data. Raises Unavailable."""
        ...

    async def commit(self, units: Sequence[Unit]) -> list[Outcome]:
        """Make the units durable in one commit and return, unit by unit, None or why it was undone.

        A unit that fails takes no other with it: Conflict if a key exists or an expected row had changed, InvalidInput
        if a value cannot be stored. Raises Unavailable if nothing could be written at all.
        """
        ...

    async def shrink(self) -> int:
        """Give some unused space back to the disk, in a few milliseconds; return how much (in pages), 0 if enough."""
        ...


def changed_meanwhile(write: Write, touched: int) -> Conflict:
    """Return the error of a write that did not find the row as its reader had seen it."""
    return Conflict(f"Expected {write.expect} row(s) to change and {touched} did: someone else was faster.")
