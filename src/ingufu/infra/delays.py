"""Waits of one length for many keys, with one timer for all: a timer of the loop for each costs a thousand bytes."""

import asyncio
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

RESOLUTION_S = 0.02  # calls come up to this much late, never early

Key = TypeVar("Key", bound=Hashable)


class Delays(Generic[Key]):
    """Calls `due` with each key once its wait is over. Lives in one event loop."""

    def __init__(self, delay_s: float, due: Callable[[Key], None]) -> None:
        self._delay_s = delay_s
        self._due = due
        self._due_at: dict[Key, float] = {}  # by the time of the loop; as all wait equally long, the first is due first
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._due_at)

    def __contains__(self, key: object) -> bool:
        return key in self._due_at

    def put(self, key: Key) -> None:
        """Have the key wait from now on, also if it waited already."""
        loop = asyncio.get_running_loop()
        self._due_at.pop(key, None)
        self._due_at[key] = loop.time() + self._delay_s
        if self._timer is None:
            self._timer = loop.call_later(self._delay_s, self._call)

    def drop(self, key: Key) -> None:
        """Let the key wait no longer."""
        self._due_at.pop(key, None)

    def close(self) -> None:
        """Let none wait any longer."""
        self._due_at.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _call(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = None
        now = loop.time()
        due: list[Key] = []
        for key, due_at in self._due_at.items():
            if due_at > now:
                self._timer = loop.call_later(max(due_at - now, RESOLUTION_S), self._call)
                break
            due.append(key)
        for key in due:
            if self._due_at.pop(key, None) is not None:  # one that is called may drop another
                self._due(key)
