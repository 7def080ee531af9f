"""A thread that does one thing after the other for an event loop, handed over at a tenth of an executor's price."""

import asyncio
import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")
_Job = tuple[Callable[[], Any], asyncio.Future[Any]]  # any result


class Worker:
    """One thread with a queue, and the futures of those who wait for what it does.

    With a `niceness` above 0 other threads go first where the core is one for all, if the system can do so.
    """

    def __init__(self, name: str, *, niceness: int = 0) -> None:
        self._niceness = niceness
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def run(self, do: Callable[[], T]) -> asyncio.Future[T]:
        """Return a future of what `do` returns or raises in the thread, when its turn has come."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._jobs.put((do, future))
        return future

    def stop(self) -> None:
        """Return when all is done that was given before, and the thread has ended."""
        self._jobs.put(None)
        self._thread.join()

    def _work(self) -> None:
        if self._niceness and sys.platform == "linux":  # elsewhere threads have no niceness of their own
            thread = threading.get_native_id()
            with suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + self._niceness)
        while (job := self._jobs.get()) is not None:
            _do(*job)
            del job  # what it holds must not live until the next comes


def _do(do: Callable[[], Any], future: asyncio.Future[Any]) -> None:
    result, error = None, None
    try:
        result = do()
    except BaseException as caught:  # noqa: BLE001 - whoever waits hears of it
        error = caught
    with suppress(RuntimeError):  # the loop has ended, and with it who waited
        future.get_loop().call_soon_threadsafe(_settle, future, result, error)


def _settle(future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if future.done():  # whoever waited has gone away
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
