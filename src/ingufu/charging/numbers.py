"""Transaction numbers for 1.6: positive, never 0, never given twice by any process, taken in blocks."""

import asyncio
from collections.abc import Awaitable, Callable

from ingufu.core.errors import Conflict, Unavailable

BLOCK = 1000  # a restart may waste so many of two thousand million
NUMBER_MAX = 2**31 - 1  # 1.6 transactionId is an integer, and stations hold it in 32 bits
ATTEMPTS = 100  # processes that start together contend for their first block


class Numbers:
    """Gives out the numbers of durable blocks.

    `reserve(count)` returns the first of a block that is ours on disk, or raises Conflict if another was faster.
    """

    def __init__(self, reserve: Callable[[int], Awaitable[int]]) -> None:
        self._reserve = reserve
        self._next = 0
        self._end = 0
        self._lock = asyncio.Lock()

    async def next(self) -> int:
        """Return a number that was never returned before. Raises Unavailable if there is none."""
        if self._next >= self._end:
            async with self._lock:
                if self._next >= self._end:  # whoever waited finds the block of the one before
                    await self._take_block()
        number = self._next
        self._next += 1
        return number

    async def _take_block(self) -> None:
        for _ in range(ATTEMPTS):
            try:
                first = await self._reserve(BLOCK)
            except Conflict:
                continue
            self._next, self._end = first, first + BLOCK
            return
        raise Unavailable("No transaction number could be taken.")
