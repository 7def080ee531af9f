"""The time of simulated stations and everything they do later: one heap of timers for all of them, live or virtual."""

import asyncio
import heapq
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

from ingufu.core.clock import Clock

MAX_TIMERS_PER_TURN = 256  # then the sockets get a turn, however much is due
COMPACT_FROM = 512  # cancelled timers tolerated before the heap is rebuilt


class Timer:
    """Something to be done later, unless cancelled first."""

    __slots__ = ("_heap", "callback", "due_s")

    def __init__(self, due_s: float, callback: Callable[[], None], heap: "TimerHeap") -> None:
        self.due_s = due_s
        self.callback: Callable[[], None] | None = callback
        self._heap = heap

    def cancel(self) -> None:
        """Forget the callback; harmless if it has run."""
        if self.callback is not None:
            self.callback = None
            self._heap.count_cancelled()


class TimerHeap:
    """Timers by due time, then by the order in which they were made."""

    def __init__(self) -> None:
        self._entries: list[tuple[float, int, Timer]] = []
        self._made = 0
        self._cancelled = 0

    def push(self, due_s: float, callback: Callable[[], None]) -> Timer:
        timer = Timer(due_s, callback, self)
        self._made += 1
        heapq.heappush(self._entries, (due_s, self._made, timer))
        return timer

    def next_due_s(self) -> float | None:
        """Return when the first live timer is due."""
        while self._entries and self._entries[0][2].callback is None:
            heapq.heappop(self._entries)
            self._cancelled -= 1
        return self._entries[0][0] if self._entries else None

    def pop(self) -> Callable[[], None]:
        """Take the first live timer's callback; call only when `next_due_s` gave a time."""
        timer = heapq.heappop(self._entries)[2]
        callback, timer.callback = timer.callback, None
        assert callback is not None, "next_due_s leaves a live timer in front"  # noqa: S101
        return callback

    def count_cancelled(self) -> None:
        self._cancelled += 1
        if self._cancelled >= COMPACT_FROM and self._cancelled * 2 > len(self._entries):
            self._entries = [entry for entry in self._entries if entry[2].callback is not None]
            heapq.heapify(self._entries)
            self._cancelled = 0

    def __len__(self) -> int:
        return len(self._entries) - self._cancelled


class Timeline(Protocol):
    """A clock on which things can be put for later."""

    def now(self) -> datetime:
        """Return the instant, aware and in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds since some fixed moment."""
        ...

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Timer:
        """Run `callback` once `delay_s` have passed."""
        ...


class LiveTimeline:
    """Time as the passed clock shows it, `factor` times as fast; one timer of the event loop serves all stations."""

    def __init__(self, clock: Clock, *, factor: float = 1.0) -> None:
        self._clock = clock
        self._factor = factor
        self._began_at = clock.now()
        self._began_s = clock.monotonic()
        self._heap = TimerHeap()
        self._handle: asyncio.TimerHandle | None = None
        self._armed_for_s = float("inf")
        self._is_closed = False

    def now(self) -> datetime:
        if self._factor == 1.0:
            return self._clock.now()
        return self._began_at + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return (self._clock.monotonic() - self._began_s) * self._factor

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Timer:
        timer = self._heap.push(self.monotonic() + max(0.0, delay_s), callback)
        if timer.due_s < self._armed_for_s:
            self._arm()
        return timer

    def close(self) -> None:
        """Run nothing any more."""
        self._is_closed = True
        if self._handle is not None:
            self._handle.cancel()

    def _arm(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        due_s = self._heap.next_due_s()
        self._armed_for_s = float("inf") if due_s is None else due_s
        if due_s is None or self._is_closed:
            return
        wait_s = max(0.0, due_s - self.monotonic()) / self._factor
        self._handle = asyncio.get_running_loop().call_later(wait_s, self._run_due)

    def _run_due(self) -> None:
        self._handle = None
        self._armed_for_s = float("-inf")  # while running, a new timer need not re-arm
        now_s = self.monotonic()
        try:
            for _ in range(MAX_TIMERS_PER_TURN):
                due_s = self._heap.next_due_s()
                if due_s is None or due_s > now_s or self._is_closed:
                    break
                self._heap.pop()()
        finally:
            self._arm()


class VirtualTimeline:
    """Time that passes only when told to, so that hours of charging take milliseconds and every run is the same."""

    def __init__(self, start_at: datetime) -> None:
        self._start_at = start_at
        self._now_s = 0.0
        self._heap = TimerHeap()

    def now(self) -> datetime:
        return self._start_at + timedelta(seconds=self._now_s)

    def monotonic(self) -> float:
        return self._now_s

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Timer:
        return self._heap.push(self._now_s + max(0.0, delay_s), callback)

    def run_next(self, until_s: float) -> bool:
        """Move to the next timer due by `until_s` and run it; with none left, move to `until_s` and return False."""
        due_s = self._heap.next_due_s()
        if due_s is None or due_s > until_s:
            self._now_s = max(self._now_s, until_s)
            return False
        self._now_s = max(self._now_s, due_s)
        self._heap.pop()()
        return True
