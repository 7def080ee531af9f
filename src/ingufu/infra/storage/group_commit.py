"""Group commit with natural batching: whatever arrives while one commit runs goes into the next."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import structlog

from ingufu.core.errors import Unavailable
from ingufu.infra.storage.engine import Committed, Engine, Outcome, Series, Unit, Values
from ingufu.infra.storage.journal import ENTRIES
from ingufu.infra.storage.lagging import Lagging, Portion
from ingufu.infra.storage.statements import Prepared, Statements

PACE_S = 0.002  # between the beginnings of two commits while many come: each commit has its price, however small it is
PACED_FROM = (
    4  # units of a commit after which the next one is paced; who writes alone, one after the other, never waits
)
MAX_PACED = 64  # of them that wait: so many are worth a commit at once
MAX_UNITS = 4000  # a bound on how long one commit may make the others wait
BEHIND_PORTION = 200  # plain rows of those below that one commit takes along at least: 2 ms longer for who waits for it
BEHIND_ALONE = 1000  # of them, if nobody waits for the commit; someone may come meanwhile
MAX_BEHIND = 200_000  # of them may wait without anyone waiting for them; beyond it they are counted as lost
BEHIND_DELAY_S = 0.5  # how long such a row may wait for a commit to join
LAG_S = 0.5  # how long what may lag behind gathers before it is put away
HELD_PORTION = 6  # units that were held back, in one commit: about as long for who waits as a portion of what lags
HELD_ALONE = 100  # if nobody waits for the commit

log = structlog.get_logger(__name__)


class Waiter(Protocol):
    """A unit, and who is told what became of it."""

    @property
    def unit(self) -> Unit: ...

    def settle(self, outcome: Outcome) -> None:
        """Hear that the unit is on disk (None), or why it is not. Must not raise."""
        ...


class Source(Protocol):
    """Who holds back units of figures that can be made again."""

    table: str  # that they change

    def leave(self) -> None:
        """Let what is held back now go out with the next commits."""
        ...

    def take(self, most: int) -> Sequence[Waiter]:
        """Return the next of those that go out; fewer than asked for if they are the last."""
        ...


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


def _nothing() -> None:
    """Follow a unit that is only waited for."""


class GroupCommit:
    """The one writer of this process.

    `submit` is for units whose durability someone waits for; `behind` for rows that may be lost in a crash
    (raw frames, last-seen marks) and therefore never cause a flush of their own while traffic flows. What may lag
    (`lagging`) is put away between them.
    """

    def __init__(self, engine: Engine, statements: Statements) -> None:
        self._engine = engine
        self._waiting: deque[Waiter] = deque()
        self.lagging = Lagging(statements)
        self._entries = statements.constant(ENTRIES)
        self._lag_timer: asyncio.TimerHandle | None = None
        self._settling: list[asyncio.Future[None]] = []
        self.sources: list[Source] = []  # of units that are held back for a while
        self.is_stirred = False  # something that sources hold back is not on disk
        self._is_held = False  # they hold something back that does not go out yet
        self._is_leaving = False  # what they held back goes out
        self._takes_all = False  # of it, with the next commit
        self._behind: deque[tuple[Prepared, Values, int]] = deque()
        self._behind_cost = 0  # of all that is in it
        self._is_rush = False
        self._runner: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._is_closed = False
        self._began_s = 0.0  # the latest commit, by the loop's clock
        self._together = 0  # units that it took
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

    def submit_for(self, waiter: Waiter) -> bool:
        """Have a unit committed and its waiter told; False if the database is closed. The cheapest way in."""
        if self._is_closed:
            return False
        self._waiting.append(waiter)
        if self._runner is None:
            self._start()
        return True

    def lags(self, prepared: Prepared) -> bool:
        """Return whether a statement reads a table that is not as this process knows it."""
        if self.is_stirred and any(source.table in prepared.sql for source in self.sources):
            return True
        return bool(self.lagging) and self.lagging.concerns(prepared)

    def wake(self) -> None:
        """See to it that what lags is put away before long."""
        if self._lag_timer is None and not self._is_closed:
            self._lag_timer = asyncio.get_running_loop().call_later(LAG_S, self._put_away)

    async def settle(self) -> None:
        """Return when all that lags now is in its tables, whatever comes meanwhile. Raises Unavailable."""
        if self.lagging.is_in_doubt:
            await self.submit((), _nothing)  # the next commit that succeeds dispels it
        batches = 2 if self.lagging.has_portions else 1  # what is on its way first, then the rest
        for _ in range(batches):
            self._collect_all()
            await self.submit((), _nothing)  # what sources had held back is written when this is
            if self.lagging.has_portions:
                emptied: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                self._settling.append(emptied)
                self._start(is_forced=True)
                await emptied

    def behind(self, prepared: Prepared, rows: Sequence[Values], *, cost: int = 1) -> None:
        """Let rows join a commit soon. They may be lost in a crash. `cost`: how many plain rows each is as large as."""
        if self._is_closed or self._behind_cost + cost * len(rows) > MAX_BEHIND:
            self._lose(len(rows), "too many are waiting" if not self._is_closed else "the database is closed")
            return
        self._behind.extend((prepared, values, cost) for values in rows)
        self._behind_cost += cost * len(rows)
        self._set_timer()

    def rush(self, *, is_on: bool) -> None:
        """Let rows that nobody waits for wait as well until a rush of those that somebody waits for is over."""
        self._is_rush = is_on
        if self._behind and not is_on:
            self._set_timer()

    async def flush(self) -> None:
        """Return when everything submitted before now has been tried."""
        is_tried = False
        while self._waiting or self._behind or self._runner is not None or (self._has_leftovers and not is_tried):
            self._start(is_forced=True)
            if self._runner is not None:
                await asyncio.wait([self._runner])
                is_tried = self.refusal is not None

    async def close(self) -> None:
        """Take nothing more, and return when what was taken has been tried."""
        self._is_closed = True
        for _ in range(2):  # what is in hand may leave something that lags
            self._collect_all()
            await self.flush()
        self._stop_timer()
        if self._lag_timer is not None:
            self._lag_timer.cancel()

    @property
    def backlog(self) -> int:
        """Units that wait for their commit."""
        return len(self._waiting)

    def _set_timer(self) -> None:
        if self._timer is None and self._runner is None and not self._is_rush:
            self._timer = asyncio.get_running_loop().call_later(BEHIND_DELAY_S, lambda: self._start(is_forced=True))

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _start(self, *, is_forced: bool = False) -> None:
        self._stop_timer()
        if self._runner is None and (
            self._waiting or (is_forced and (self._behind or self._has_leftovers or self.lagging.is_in_doubt))
        ):
            self._runner = asyncio.get_running_loop().create_task(self._run(is_forced=is_forced))

    async def _run(self, *, is_forced: bool) -> None:
        try:
            is_tried = not is_forced
            while (
                self._waiting
                or (is_forced and self._behind)
                or (self._has_leftovers and (self.refusal is None or not is_tried))
                or (self.lagging.is_in_doubt and not is_tried)
            ):
                if self._together >= PACED_FROM:
                    await self._pace()
                await self._commit_once()
                is_tried = True
        finally:
            self._tell_settled()
            self._runner = None
            if self._behind:
                self._set_timer()
            if self.lagging or self.is_stirred:
                self.wake()

    async def _pace(self) -> None:
        """Give more units the time to come along, if the latest commit took many and began just now."""
        early_s = self._began_s + PACE_S - asyncio.get_running_loop().time()
        if early_s > 0 and len(self._waiting) < MAX_PACED and not self._is_closed:
            await asyncio.sleep(early_s)

    async def _commit_once(self) -> None:
        self._began_s = asyncio.get_running_loop().time()
        waiting = self._take_waiting()
        self._together = len(waiting)
        series = self._take_behind(len(waiting))
        portion = self.lagging.take()
        try:
            done = await self._commit([one.unit for one in waiting], series, portion)
        except Exception as error:
            if not isinstance(error, Unavailable):
                log.exception("storage.commit_failed", units=len(waiting))
            self._refuse(error, waiting, sum(len(rows) for _, rows in series))
            return
        self._note_refusal(None)
        self.lagging.done()
        if done.deferral is not None:
            self.lagging.defer(done.deferral)
        if self.lagging.is_in_doubt:
            await self._dispel_doubt()
        if self._settling:
            self._tell_settled()
        self.commits += 1
        self.units += len(waiting)
        for one, outcome in zip(waiting, done.outcomes, strict=False):  # one more is that of the portion
            one.settle(outcome)
        self.is_stirred = self._is_held or self._is_leaving
        if self.lagging.is_due:
            self._collect()
        elif done.deferral is not None:
            self.wake()
        if done.failures:
            self._lose(len(done.failures), str(done.failures[0]))

    def _refuse(self, error: Exception, waiting: list[Waiter], rows: int) -> None:
        """Tell everyone that a commit failed, and keep what must be tried again."""
        self.lagging.give_back()
        self.lagging.is_in_doubt = self._engine.defers
        self.is_stirred = self._is_held or self._is_leaving
        reason = str(error) if isinstance(error, Unavailable) else "The database could not be written."
        self._note_refusal(reason)
        self._lose(rows, reason)
        for one in waiting:
            one.settle(Unavailable(reason))  # an error for each: raised ones collect traces

    async def _dispel_doubt(self) -> None:
        """Look for entries of commits that were said to have failed, and were written all the same.

        Only between commits: the entry of one that runs is not known yet.
        """
        try:
            entries = await self._engine.fetch(self._entries, ())
        except Unavailable:
            return
        adopted = self.lagging.adopt((row[0], row[1]) for row in entries)
        if adopted:
            log.warning("storage.journal_adopted", entries=adopted)
            self.wake()

    async def _commit(self, units: list[Unit], series: list[Series], portion: Portion | None) -> Committed:
        if portion is not None:
            series = [*series, portion.series]
            if portion.unit:
                units = [*units, portion.unit]
        return await self._engine.commit(units, series)

    def stir(self) -> None:
        """See to it that what sources hold back goes out before long."""
        self.is_stirred = self._is_held = True
        self.wake()

    @property
    def _has_leftovers(self) -> bool:
        """Whether something is on its way that nobody waits for, and that is not to wait any longer."""
        return self._is_leaving or self.lagging.has_portions

    def _collect(self) -> None:
        """Make ready what lags to be put away, and what sources hold back to go out."""
        self._leave()
        self.lagging.gather()

    def _collect_all(self) -> None:
        """Have all that sources hold back go out with the next commit, and what lags be put away after it.

        It is taken from them only then: the commit that runs now may write the same rows.
        """
        self._collect()
        self._takes_all = self._is_leaving

    def _leave(self) -> None:
        if self._is_held and not self._is_leaving:
            self._is_held, self._is_leaving = False, True
            for source in self.sources:
                source.leave()

    def _take_waiting(self) -> list[Waiter]:
        """Return the units of the next commit: what was held back goes before those that wait.

        After the one that ends a transaction, what was held back of it would find another row than it was made for,
        and all would be undone and done again in parts.
        """
        held = self._take_all_held() if self._takes_all else []
        waiting = [self._waiting.popleft() for _ in range(min(len(self._waiting), MAX_UNITS - len(held)))]
        if self._is_leaving and not self._takes_all:
            held += self._take_held(HELD_PORTION if waiting else HELD_ALONE)
        return held + waiting

    def _take_all_held(self) -> list[Waiter]:
        found: list[Waiter] = []
        while (self._is_leaving or self._is_held) and len(found) < MAX_UNITS:
            self._leave()
            found += self._take_held(MAX_UNITS - len(found))
        self._takes_all = self._is_leaving or self._is_held
        return found

    def _take_held(self, most: int) -> list[Waiter]:
        found: list[Waiter] = []
        for source in self.sources:
            found += source.take(most - len(found))
        self._is_leaving = len(found) >= most
        return found

    def _tell_settled(self) -> None:
        """Tell those who wait for what lagged, if all of it is put away or cannot be."""
        if self._settling and (self.refusal is not None or not self.lagging.has_portions):
            settling, self._settling = self._settling, []
            for emptied in settling:
                if not emptied.done() and self.refusal is not None:
                    emptied.set_exception(Unavailable(self.refusal))
                elif not emptied.done():
                    emptied.set_result(None)

    def _put_away(self) -> None:
        self._lag_timer = None
        self._collect()
        self._start(is_forced=True)

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
        if self._is_rush and waiting and self._behind_cost < MAX_BEHIND // 2:
            return []
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
