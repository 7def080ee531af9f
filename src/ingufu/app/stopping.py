"""Until when a process serves: it is told to stop, or nothing that it would acknowledge can be kept any more."""

import asyncio
import contextlib

from ingufu.core.errors import Unavailable
from ingufu.infra.storage.database import Database

STORAGE_LOOK_S = 1.0


async def until_stopped(database: Database, stop: asyncio.Event) -> None:
    """Return when `stop` is set. Raises Unavailable when nothing can be written any more."""
    while not stop.is_set():
        if database.failure is not None:
            raise Unavailable(f"The database can no longer be written: {database.failure}")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STORAGE_LOOK_S):
                await stop.wait()
