"""SQLite's log folded back into its file beside commits: often, a little at a time, and never for long."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import structlog

from ingufu.core.errors import Unavailable
from ingufu.infra.storage.threads import Worker

COMMITS, ROWS = 500, 500  # after so many of either it is time
PAUSE_S = 0.05  # from one folding to the next: a page that changes often is copied less often
REST = 4  # times as long as the last one took nothing is folded: a slow disk is for commits first
NICENESS = 10  # of the thread that folds: it copies for milliseconds, and a commit needs the core for less
LONG_PAGES = 4000  # from so large a log on, the writer folds the rest itself, so that the log begins anew
LEFT_PAGES = 1000  # so many that are left are of somebody who reads for long: the log cannot begin anew
WRITER_PAUSE_S = 1.0  # from one folding by the writer to the next

log = structlog.get_logger(__name__)


class Folded(NamedTuple):
    """What became of a folding."""

    pages: int  # that the log has
    left: int  # of them, that are not in the file yet, as somebody reads what was there before


class Folding:
    """When the log is folded, and by whom.

    `fold` does it in a thread of this class; `fold_by_writer` does it while nobody writes.
    """

    def __init__(self, fold: Callable[[], Folded], fold_by_writer: Callable[[], Awaitable[object]]) -> None:
        self._fold = fold
        self._fold_by_writer = fold_by_writer
        self._thread = Worker("sqlite-folder", niceness=NICENESS)
        self._commits = self._rows = 0  # that are not folded
        self._from_s = self._by_writer_from_s = 0.0  # by the loop's clock
        self._is_closed = False
        self.task: asyncio.Task[None] | None = None

    def note_commit(self, rows: int) -> None:
        """Hear of a commit, and begin to fold if it is time."""
        self._commits += 1
        self._rows += rows
        if (self._commits < COMMITS and self._rows < ROWS) or self.task is not None or self._is_closed:
            return
        loop = asyncio.get_running_loop()
        if loop.time() >= self._from_s:
            self._commits = self._rows = 0
            self.task = loop.create_task(self._run())

    async def close(self) -> None:
        """Begin no more, and return when what is in hand is over."""
        self._is_closed = True
        if self.task is not None:
            await self.task
        self._thread.stop()

    async def _run(self) -> None:
        """Fold while others write; the writer stops only for what came meanwhile.

        What fails is tried again later: nothing is taken from the log that is not in the file.
        """
        began_s = asyncio.get_running_loop().time()
        try:
            done = await self._beside(began_s)
            is_worth_it = done.pages >= LONG_PAGES and done.left < LEFT_PAGES
            if is_worth_it and began_s >= self._by_writer_from_s:
                self._by_writer_from_s = began_s + WRITER_PAUSE_S
                await self._fold_by_writer()
        except (Unavailable, sqlite3.Error) as error:
            log.warning("storage.not_folded", error=str(error))
        finally:
            self.task = None

    async def _beside(self, began_s: float) -> Folded:
        try:
            return await self._thread.run(self._fold)
        finally:
            took_s = asyncio.get_running_loop().time() - began_s
            self._from_s = began_s + max(PAUSE_S, took_s + REST * took_s)
