"""One timer for all sockets: calls are gathered in slots, so thousands of waits cost one wake-up."""

from __future__ import annotations

from asyncio import AbstractEventLoop, TimerHandle
from collections.abc import Callable
from heapq import heappop, heappush
from math import ceil

RESOLUTION_S = 0.02  # calls come up to this much late, never early


class Timer:
    """A planned call; it is told to nobody else, so forgetting it is the same as cancelling."""

    __slots__ = ("_callback", "_slot")

    def __init__(self, slot: int, callback: Callable[[], None]) -> None:
        self._slot = slot
        self._callback = callback


class Wheel:
    """Planned calls by slot; asks the loop for one wake-up, that of the nearest slot."""

    def __init__(
        self, loop: AbstractEventLoop, monotonic: Callable[[], float], resolution_s: float = RESOLUTION_S
    ) -> None:
        self._loop = loop
        self._monotonic = monotonic
        self._resolution_s = resolution_s
        self._slots: dict[int, dict[Timer, None]] = {}
        self._order: list[int] = []
        self._wake_up: TimerHandle | None = None
        self._armed_for: int | None = None

    def schedule(self, delay_s: float, callback: Callable[[], None]) -> Timer:
        """Plan one call, not before `delay_s` seconds have passed."""
        slot = ceil((self._monotonic() + delay_s) / self._resolution_s)
        timers = self._slots.get(slot)
        if timers is None:
            timers = self._slots[slot] = {}
            heappush(self._order, slot)
            self._arm()
        timer = Timer(slot, callback)
        timers[timer] = None
        return timer

    def cancel(self, timer: Timer | None) -> None:
        """Drop a planned call; one that has been made, or None, is no mistake."""
        if timer is not None:
            timers = self._slots.get(timer._slot)  # noqa: SLF001 - the two classes are one
            if timers is not None:
                timers.pop(timer, None)

    def close(self) -> None:
        """Drop everything."""
        self._slots.clear()
        self._order.clear()
        if self._wake_up is not None:
            self._wake_up.cancel()

    def _arm(self) -> None:
        if not self._order or self._armed_for == self._order[0]:
            return
        if self._wake_up is not None:
            self._wake_up.cancel()
        self._armed_for = self._order[0]
        delay_s = self._armed_for * self._resolution_s - self._monotonic()
        self._wake_up = self._loop.call_later(max(delay_s, 0.0), self._run)

    def _run(self) -> None:
        self._wake_up = self._armed_for = None
        now_slot = self._monotonic() / self._resolution_s
        while self._order and self._order[0] <= now_slot:
            self._call_all(heappop(self._order))
        self._arm()

    def _call_all(self, slot: int) -> None:
        timers = self._slots[slot]
        while timers:  # a call may cancel a later one of the same slot
            timer = next(iter(timers))
            del timers[timer]
            try:
                timer._callback()  # noqa: SLF001 - the two classes are one
            except Exception as failure:  # noqa: BLE001 - one socket's bug must not stop the others' timers
                self._loop.call_exception_handler({"message": "A planned call failed.", "exception": failure})
        del self._slots[slot]
