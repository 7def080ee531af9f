"""Answers that many readers share for some seconds, so that a crowd before one page costs one query."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, NamedTuple, TypeVar

from ingufu.core.clock import Clock

MAX_KEPT = 500  # answers kept at once; the oldest goes

Answer = TypeVar("Answer")


class _Kept(NamedTuple):
    made_s: float
    answer: Any


class Memo:
    """Keeps what functions returned, by key. While one reader waits for an answer, the others wait for the same."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()
        self._making: dict[Hashable, asyncio.Future[Any]] = {}

    async def of(self, key: Hashable, max_age_s: float, make: Callable[[], Awaitable[Answer]]) -> Answer:
        """Return what `make` returned for this key at most `max_age_s` ago, or returns now.

        What it raises reaches every reader that waits for it, and is not kept.
        """
        kept = self._kept.get(key)
        if kept is not None and self._clock.monotonic() - kept.made_s <= max_age_s:
            answer: Answer = kept.answer  # of the type that `make` of this key returns
            return answer
        making = self._making.get(key)
        if making is None:
            making = self._making[key] = asyncio.ensure_future(make())
            making.add_done_callback(lambda done: self._keep(key, done))
        made: Answer = await asyncio.shield(making)
        return made

    def _keep(self, key: Hashable, done: "asyncio.Future[Any]") -> None:
        self._making.pop(key, None)
        if done.cancelled() or done.exception() is not None:
            return
        self._kept[key] = _Kept(self._clock.monotonic(), done.result())
        self._kept.move_to_end(key)
        while len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)
