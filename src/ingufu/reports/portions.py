"""Writing figures in units so short that nobody at a station waits for one: storage has one writer at a time."""

import msgspec

from ingufu.core.clock import Clock
from ingufu.infra.storage.database import Database, Work
from ingufu.reports import store
from ingufu.reports.model import State

replace = msgspec.structs.replace

MOST = 300  # rows of a unit: some milliseconds


class Portions:
    """Units of work one after the other; the last one of them keeps how far we came.

    Each counts the state's version on. So a process that gathers beside this one is noticed by whichever of the two
    writes next: its unit is undone with Conflict, what it has read may be old, and it begins again.
    """

    def __init__(self, database: Database, clock: Clock, known: State) -> None:
        self.known = known
        self._database = database
        self._clock = clock
        self._work = database.work()
        self._rows = 0

    async def room(self, rows: int) -> Work:
        """Return the unit that so many rows go into, when those before them are durable if it would become too long."""
        if self._rows and self._rows + rows > MOST:
            await self.flush()
        self._rows += max(rows, 1)
        return self._work

    async def flush(self) -> None:
        """Return when all of it is durable. Raises Conflict."""
        if self._rows:
            await self._commit(self.known)

    async def close(self, after: State) -> None:
        """Write the rest, and how far we came. Raises Conflict."""
        await self._commit(replace(after, gathered_at=self._clock.now()))

    async def _commit(self, after: State) -> None:
        work, self._work, self._rows = self._work, self._database.work(), 0
        store.save_state(work, self.known, after)
        await work.commit()
        self.known = replace(after, version=self.known.version + 1)
