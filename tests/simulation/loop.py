"""An event loop on virtual time: nothing waits, and every choice that a real loop leaves open is drawn from a seed."""

import asyncio
import heapq
import random
from asyncio import events
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, copy_context
from typing import Any, TypeVar

T = TypeVar("T")

EXECUTOR_S = 0.002  # about what a thread takes to pick up work and to hand it back


class ComesToNoRestError(Exception):
    """The simulation ran out of steps or of things to do before its main task ended."""


class Owner:
    """Who runs something and with whom it ends: a process of the server, a station, the world around them."""

    __slots__ = ("is_dead", "is_ending", "name", "tasks")

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_dead = False
        self.is_ending = False  # it stops gently
        self.tasks: list[asyncio.Task[Any]] = []

    @property
    def unfinished(self) -> list[asyncio.Task[Any]]:
        return [task for task in self.tasks if not task.done()]


class OwnedTask(asyncio.Task[Any]):
    """A task that belongs to its owner, whoever wakes it."""

    owner: Owner


class Scheduled:
    """A planned call; what asyncio takes for its handle."""

    __slots__ = ("args", "callback", "context", "due_s", "is_cancelled", "owner")

    def __init__(
        self, callback: Callable[..., object], args: tuple[Any, ...], context: Context, owner: Owner, due_s: float
    ) -> None:
        self.callback: Callable[..., object] | None = callback
        self.args = args
        self.context = context
        self.owner = owner
        self.due_s = due_s
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True
        self.callback, self.args = None, ()

    def cancelled(self) -> bool:
        return self.is_cancelled

    def when(self) -> float:
        return self.due_s


class VirtualLoop(asyncio.AbstractEventLoop):
    """Runs what is ready, then jumps to the next timer.

    `disorder` is how often, of several things that are ready, another than the first is run: 0 keeps asyncio's own
    order. Timers of one instant run in any order if there is disorder at all. `kill` ends an owner as a crash does.
    """

    def __init__(self, chance: random.Random, *, disorder: float = 0.0, most_steps: int = 300_000) -> None:
        self._chance = chance
        self._disorder = disorder
        self._steps_left = most_steps
        self._now_s = 0.0
        self._ready: deque[Scheduled] = deque()
        self._timers: list[tuple[float, float, int, Scheduled]] = []
        self._made = 0
        self._is_running = False
        self._context = copy_context()  # of what brings none: a copy for each would cost more than most calls
        self.world = Owner("world")
        self.owner = self.world
        self.failures: list[str] = []
        self.turns = 0  # how often another than the first was run

    # What asyncio asks of a loop; mypy knows handles of its own classes only

    def time(self) -> float:
        return self._now_s

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return self._is_running

    def is_closed(self) -> bool:
        return False

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> Any:
        task = getattr(callback, "__self__", None)  # of a task's next step; others wake it, on whose behalf it is not
        owner = task.owner if isinstance(task, OwnedTask) else self.owner
        event = Scheduled(callback, args, context or self._context, owner, self._now_s)
        self._ready.append(event)
        return event

    def call_soon_threadsafe(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> Any:
        return self.call_soon(callback, *args, context=context)

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> Any:
        return self.call_at(self._now_s + delay, callback, *args, context=context)

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> Any:
        return self._plan(self.owner, when, callback, args, context)

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(self, coro: Any, *, name: str | None = None, context: Context | None = None) -> asyncio.Task[Any]:
        task = OwnedTask.__new__(OwnedTask)
        task.owner = self.owner  # before it plans its first step
        OwnedTask.__init__(task, coro, loop=self, name=name or "task", context=context)
        tasks = self.owner.tasks
        tasks.append(task)
        if len(tasks) > 200:
            self.owner.tasks = self.owner.unfinished
        return task

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        """Run `func` in one piece, a moment later."""
        future = self.create_future()

        def run() -> None:
            if future.cancelled():
                return
            try:
                future.set_result(func(*args))
            except Exception as error:  # noqa: BLE001 - whoever waits is told
                future.set_exception(error)

        self.call_later(EXECUTOR_S * (0.5 + self._chance.random()), run)
        return future

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Keep what nobody handled: any of it makes the seed fail."""
        if not self.owner.is_dead:
            self.failures.append(f"{context.get('message')}: {context.get('exception')!r}")

    # What the simulation asks of it

    def at_for(self, owner: Owner, when: float, callback: Callable[..., object], *args: Any) -> Scheduled:
        """Plan a call on behalf of someone else."""
        return self._plan(owner, when, callback, args, None)

    def pause(self, for_s: float) -> asyncio.Future[None]:
        """Return what is done after a while: `asyncio.sleep` at half its cost."""
        future: asyncio.Future[None] = asyncio.Future(loop=self)
        self._plan(self.owner, self._now_s + for_s, _finish, (future,), None)
        return future

    def spawn(self, owner: Owner, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Begin a task on behalf of someone else."""
        was, self.owner = self.owner, owner
        try:
            return self.create_task(work)
        finally:
            self.owner = was

    def kill(self, owner: Owner) -> None:
        """End everything of this owner where it stands: nothing of it runs any more, nothing it planned happens."""
        owner.is_dead = True
        was, self.owner = self.owner, owner
        try:
            for task in owner.unfinished:
                task._log_destroy_pending = False  # type: ignore[attr-defined]
                task.get_coro().close()
        finally:
            self.owner = was
            owner.tasks.clear()

    def planned(self, owner: Owner) -> list[Scheduled]:
        """Return what this owner still has to run."""
        events_ = [*self._ready, *(entry[3] for entry in self._timers)]
        return [event for event in events_ if event.owner is owner and not event.is_cancelled]

    def has_ready(self, owner: Owner) -> bool:
        """Return whether something of this owner is to be run at this very moment."""
        return any(event.owner is owner and not event.is_cancelled for event in self._ready)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run until `work` is done. Raises ComesToNoRestError."""
        events._set_running_loop(self)
        self._is_running = True
        try:
            task = self.spawn(self.world, work)
            while not task.done():
                self._step()
            return task.result()
        finally:
            self._is_running = False
            events._set_running_loop(None)
            for one in self.world.unfinished:
                one._log_destroy_pending = False  # type: ignore[attr-defined]
            self.kill(self.world)

    def _plan(
        self,
        owner: Owner,
        when: float,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        context: Context | None,
    ) -> Scheduled:
        due_s = when if when > self._now_s else self._now_s  # noqa: FURB136 - a third of the cost of max
        event = Scheduled(callback, args, context or self._context, owner, due_s)
        self._made += 1
        tie = self._chance.random() if self._disorder else 0.0
        heapq.heappush(self._timers, (due_s, tie, self._made, event))
        return event

    def _step(self) -> None:
        ready = self._ready
        if not ready:
            self._advance()
        if self._disorder and len(ready) > 1 and self._chance.random() < self._disorder:
            turn = int(self._chance.random() * len(ready))
            self.turns += turn > 0
            ready.rotate(-turn)
            event = ready.popleft()
            ready.rotate(turn)
        else:
            event = ready.popleft()
        if event.callback is None or event.owner.is_dead:
            return
        self._steps_left -= 1
        if self._steps_left < 0:
            raise ComesToNoRestError(f"Too many steps, at {self._now_s:.0f} s.")
        self.owner = event.owner
        try:
            event.context.run(event.callback, *event.args)
        except Exception as error:  # noqa: BLE001 - the seed fails, and tells why
            self.call_exception_handler({"message": f"A callback of {event.owner.name} failed", "exception": error})
        self.owner = self.world

    def _advance(self) -> None:
        timers, ready = self._timers, self._ready
        while timers and (timers[0][3].callback is None or timers[0][3].owner.is_dead):
            heapq.heappop(timers)
        if not timers:
            raise ComesToNoRestError(f"Nothing is left to happen, at {self._now_s:.0f} s.")
        self._now_s = now_s = timers[0][0]
        while timers and timers[0][0] <= now_s:
            ready.append(heapq.heappop(timers)[3])


def _finish(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
