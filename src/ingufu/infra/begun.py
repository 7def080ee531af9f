"""A coroutine begun without a task, which costs more than most coroutines do: for those that seldom have to wait."""

from collections.abc import Awaitable, Coroutine, Generator
from typing import Any, Generic, TypeVar

T = TypeVar("T")


def begin(work: Coroutine[Any, Any, T]) -> "T | Begun[T]":
    """Return what the coroutine returns if it never has to wait, else what is awaited for the rest of it.

    Up to its first wait it runs in no task, and must not ask for one (`asyncio.timeout` does).
    """
    try:
        waits_for = work.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    return Begun(work, waits_for)


class Begun(Awaitable[T], Generic[T]):
    """The rest of a coroutine that waits."""

    def __init__(self, work: Coroutine[Any, Any, T], waits_for: object) -> None:
        self._work = work
        self._waits_for = waits_for

    def __await__(self) -> Generator[Any, Any, T]:
        waits_for = self._waits_for
        try:
            while True:
                try:
                    yield waits_for
                except GeneratorExit:
                    self._work.close()
                    raise
                except BaseException as error:  # noqa: BLE001 - the coroutine's to deal with
                    waits_for = self._work.throw(error)
                else:
                    waits_for = self._work.send(None)
        except StopIteration as end:
            result: T = end.value
            return result
