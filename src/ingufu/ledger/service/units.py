"""Units of work that are tried again when someone else was faster."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from ingufu.core.errors import Conflict
from ingufu.infra.storage.database import Database, Work

TRIES = 12

T = TypeVar("T")


async def retried(database: Database, do: Callable[[Work], Awaitable[T]], *, tries: int = TRIES) -> T:
    """Return what `do` returns, when the unit of work that it was given is on disk.

    A Conflict at the commit means that what `do` had read has changed: it is called again, with a new unit, and reads
    what is now. A Conflict that `do` raises itself is its answer, and is raised at once.
    """
    for _ in range(tries - 1):
        work = database.work()
        done = await do(work)
        try:
            await work.commit()
        except Conflict:
            continue
        return done
    work = database.work()
    done = await do(work)
    await work.commit()
    return done
