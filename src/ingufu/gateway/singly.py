"""Things that are done once at a time by their key, and few of them at once."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

T = TypeVar("T")
AT_ONCE = 50


class Singly(Generic[T]):
    """Who asks for what is being done already waits for that, and hears what came of it."""

    def __init__(self) -> None:
        self._doing: dict[str, asyncio.Task[T]] = {}
        self._room = asyncio.Semaphore(AT_ONCE)

    async def do(self, key: str, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Return what comes of it."""
        task = self._doing.get(key)
        if task is None:
            task = self._doing[key] = asyncio.get_running_loop().create_task(self._done(key, make))
        return await task

    async def _done(self, key: str, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        try:
            async with self._room:
                return await make()
        finally:
            del self._doing[key]
