"""Group commit with natural batching: whatever arrives while one commit runs goes into the next."""

import asyncio
from collections import deque
from collections.abc import Sequence

import structlog

from ingufu.core.errors import Unavailable
from ingufu.infra.storage.engine import Engine, Unit, Write

MAX_UNITS = 4000  # a bound on how long one commit may make the others wait
MAX_BEHIND = 200_000  # rows that may wait without anyone waiting for them; beyond it they are counted as lost
BEHIND_DELAY_S = 0.5  # how long such a row may wait for a commit to join

log = structlog.get_logger(__name__)


class GroupCommit:
    """The one writer of this process.

    `submit` is for units whose durability someone waits for; `behind` for rows that may be lost in a crash
    (raw frames, last-seen marks) and therefore never cause a flush of their own while traffic flows.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._waiting: deque[tuple[Unit, asyncio.Future[None]]] = deque()
        self._behind: list[Write] = []
        self._runner: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._is_closed = False
        self.commits = 0
        self.units = 0
        self.lost_behind = 0

    def submit(self, unit: Unit) -> asyncio.Future[None]:
        """Return a future that is done when `unit` is on disk, or fails with why it is not."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._is_closed:
            future.set_exception(Unavailable("The database is closed."))
            return future
        self._waiting.append((unit, future))
        self._wake()
        return future

    def behind(self, writes: Sequence[Write]) -> None:
        """Let `writes` join a commit soon. They may be lost in a crash."""
        if self._is_closed or len(self._behind) + len(writes) > MAX_BEHIND:
            self.lost_behind += len(writes)
            return
        self._behind.extend(writes)
        if self._timer is None and self._runner is None:
            self._timer = asyncio.get_running_loop().call_later(BEHIND_DELAY_S, self._wake)

    async def flush(self) -> None:
        """Return when everything submitted before now has been tried."""
        while self._waiting or self._behind or self._runner is not None:
            self._wake()
            if self._runner is not None:
                await asyncio.wait([self._runner])

    async def close(self) -> None:
        await self.flush()
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()

    @property
    def backlog(self) -> int:
        """Units that wait for their commit."""
        return len(self._waiting)

    def _wake(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._runner is None and (self._waiting or self._behind):
            self._runner = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        try:
            while self._waiting or self._behind:
                await self._commit_once()
        finally:
            self._runner = None

    async def _commit_once(self) -> None:
        taken = [self._waiting.popleft() for _ in range(min(len(self._waiting), MAX_UNITS))]
        behind, self._behind = self._behind, []
        units: list[Unit] = [unit for unit, _ in taken]
        if behind:
            units.append(behind)
        try:
            outcomes = await self._engine.commit(units)
        except Unavailable as error:
            self._lose(behind, error)
            for _, future in taken:
                _settle(future, error)
            return
        except Exception as error:
            log.exception("storage.commit_failed", units=len(units))
            self._lose(behind, error)
            for _, future in taken:
                _settle(future, Unavailable("The database could not be written."))
            return
        self.commits += 1
        self.units += len(taken)
        if behind and (failure := outcomes[-1]) is not None:
            self._lose(behind, failure)
        for (_, future), outcome in zip(taken, outcomes, strict=False):
            _settle(future, outcome)

    def _lose(self, behind: Sequence[Write], error: Exception) -> None:
        if behind:
            self.lost_behind += len(behind)
            log.warning("storage.behind_lost", rows=len(behind), error=str(error))


def _settle(future: asyncio.Future[None], outcome: Exception | None) -> None:
    if future.done():  # whoever waited was cancelled; the data is safe all the same
        return
    if outcome is None:
        future.set_result(None)
    else:
        future.set_exception(outcome)
