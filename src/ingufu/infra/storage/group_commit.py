"""Group commit with natural batching: whatever arrives while one commit runs goes into the next."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

import structlog

from ingufu.core.errors import Unavailable
from ingufu.infra.storage.engine import Engine, Outcome, Series, Unit, Values
from ingufu.infra.storage.statements import Prepared

MAX_UNITS = 4000  # a bound on how long one commit may make the others wait
BEHIND_PORTION = 200  # plain rows of those below that one commit takes along at least: some 2 ms longer for who waits for it
BEHIND_ALONE = 1000  # of them, if nobody waits for the commit; someone may come meanwhile
MAX_BEHIND = 200_000  # of them may wait without anyone waiting for them; beyond it they are counted as lost
BEHIND_DELAY_S = 0.5  # how long such a row may wait for a commit to join

log = structlog.get_logger(__name__)


class _Waiting(NamedTuple):
    """A unit, who waits for it, and what follows it."""

    unit: Unit
    future: asyncio.Future[None]
    follow: Callable[[], None]

    def settle(self, outcome: Outcome) -> None:
        """Tell what became of the unit. Whoever waited may have gone away; what follows happens all the same."""
        if outcome is None:
            self.follow()
            if not self.future.done():
                self.future.set_result(None)
        elif not self.future.done():
            self.future.set_exception(outcome)


class GroupCommit:
    """The one writer of this process.

    `submit` is for units whose durability someone waits for; `behind` for rows that may be lost in a crash
    (raw frames, last-seen marks) and therefore never cause a flush of their own while traffic flows.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._waiting: deque[_Waiting] = deque()
        self._behind: deque[tuple[Prepared, Values, int]] = deque()
        self._behind_cost = 0  # of all that is in it
        self._runner: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._is_closed = False
        self.commits = 0
        self.units = 0
        self.lost_behind = 0
        self.refusal: str | None = None  # why the latest commit failed; None once one has not

    def submit(self, unit: Unit, follow: Callable[[], None]) -> asyncio.Future[None]:
        """Return a future that is done when `unit` is on disk, or fails with why it is not.

        `follow` is called when it is on disk, before those who wait go on, and also if nobody waits any more.
        """
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._is_closed:
            future.set_exception(Unavailable("The database is closed."))
            return future
        self._waiting.append(_Waiting(unit, future, follow))
        self._start()
        return future

    def behind(self, prepared: Prepared, rows: Sequence[Values], *, cost: int = 1) -> None:
        """Let rows join a commit soon. They may be lost in a crash. `cost`: how many plain rows each is as large as."""
        if self._is_closed or self._behind_cost + cost * len(rows) > MAX_BEHIND:
            self._lose(len(rows), "too many are waiting" if not self._is_closed else "the database is closed")
            return
        self._behind.extend((prepared, values, cost) for values in rows)
        self._behind_cost += cost * len(rows)
        self._set_timer()

    async def flush(self) -> None:
        """Return when everything submitted before now has been tried."""
        while self._waiting or self._behind or self._runner is not None:
            self._start(is_forced=True)
            if self._runner is not None:
                await asyncio.wait([self._runner])

    async def close(self) -> None:
        """Take nothing more, and return when what was taken has been tried."""
        self._is_closed = True
        await self.flush()
        self._stop_timer()

    @property
    def backlog(self) -> int:
        """Units that wait for their commit."""
        return len(self._waiting)

    def _set_timer(self) -> None:
        if self._timer is None and self._runner is None:
            self._timer = asyncio.get_running_loop().call_later(BEHIND_DELAY_S, lambda: self._start(is_forced=True))

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _start(self, *, is_forced: bool = False) -> None:
        self._stop_timer()
        if self._runner is None and (self._waiting or (is_forced and self._behind)):
            self._runner = asyncio.get_running_loop().create_task(self._run(is_forced=is_forced))

    async def _run(self, *, is_forced: bool) -> None:
        try:
            while self._waiting or (self._behind and is_forced):
                await self._commit_once()
        finally:
            self._runner = None
            if self._behind:
                self._set_timer()

    async def _commit_once(self) -> None:
        waiting = [self._waiting.popleft() for _ in range(min(len(self._waiting), MAX_UNITS))]
        series = self._take_behind(len(waiting))
        try:
            done = await self._engine.commit([one.unit for one in waiting], series)
        except Exception as error:
            if not isinstance(error, Unavailable):
                log.exception("storage.commit_failed", units=len(waiting))
            reason = str(error) if isinstance(error, Unavailable) else "The database could not be written."
            self._note_refusal(reason)
            self._lose(sum(len(rows) for _, rows in series), reason)
            for one in waiting:
                one.settle(Unavailable(reason))  # an error for each: raised ones collect traces
            return
        self._note_refusal(None)
        self.commits += 1
        self.units += len(waiting)
        for one, outcome in zip(waiting, done.outcomes, strict=True):
            one.settle(outcome)
        if done.failures:
            self._lose(len(done.failures), str(done.failures[0]))

    def _note_refusal(self, reason: str | None) -> None:
        """Say once that nothing can be written, and once that it can again."""
        if reason is not None and self.refusal is None:
            log.error("storage.not_writable", reason=reason)
        elif reason is None and self.refusal is not None:
            log.warning("storage.writable_again", was=self.refusal)
        self.refusal = reason

    def _take_behind(self, waiting: int) -> list[Series]:
        """Return a portion of the rows that nobody waits for, such that who waits does not wait much longer for it.

        The more have gathered the larger it is, so that they do not gather without end.
        """
        portion = max(BEHIND_PORTION, 4 * waiting, self._behind_cost // 10) if waiting else BEHIND_ALONE
        rest = max(self._behind_cost - portion, 0)
        found: dict[Prepared, list[Values]] = {}
        while self._behind and self._behind_cost > rest:
            prepared, values, cost = self._behind.popleft()
            self._behind_cost -= cost
            if prepared in found:
                found[prepared].append(values)
            else:
                found[prepared] = [values]
        return [Series(prepared, rows) for prepared, rows in found.items()]

    def _lose(self, rows: int, reason: str) -> None:
        if rows:
            self.lost_behind += rows
            log.warning("storage.behind_lost", rows=rows, reason=reason)
