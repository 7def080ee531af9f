"""Coroutines begun without a task."""

import asyncio

import pytest

from ingufu.infra.begun import Begun, begin


async def test_coroutine_that_never_waits_has_its_result_at_once() -> None:
    async def work() -> int:
        return 7

    assert begin(work()) == 7


async def test_error_before_the_first_wait_is_raised_at_once() -> None:
    async def work() -> int:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        begin(work())


async def test_coroutine_that_waits_is_awaited_for_the_rest() -> None:
    loop = asyncio.get_running_loop()
    first: asyncio.Future[int] = loop.create_future()

    async def work() -> int:
        found = await first
        await asyncio.sleep(0)
        return found + 1

    begun = begin(work())
    assert isinstance(begun, Begun)
    loop.call_soon(first.set_result, 1)
    assert await begun == 2


async def test_error_of_what_it_waits_for_reaches_the_coroutine() -> None:
    first: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def work() -> str:
        try:
            await first
        except ValueError as error:
            return str(error)
        return "nothing"

    begun = begin(work())
    assert isinstance(begun, Begun)
    first.set_exception(ValueError("broken"))
    assert await begun == "broken"


async def test_cancelled_waiting_ends_the_coroutine() -> None:
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            ended.set()

    begun = begin(work())
    assert isinstance(begun, Begun)

    async def wait() -> None:
        await begun

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()
