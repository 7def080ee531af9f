"""Tasks that are told to end."""

import asyncio

import pytest

from ingufu.infra import ending
from ingufu.infra.ending import end


async def test_task_that_loses_a_cancellation_is_told_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ending, "AGAIN_S", 0.01)
    lost = 0

    async def lose_some() -> None:
        nonlocal lost
        while True:
            try:
                await asyncio.sleep(600)
            except asyncio.CancelledError:
                if lost == 2:
                    raise
                lost += 1

    task = asyncio.create_task(lose_some())
    await asyncio.sleep(0)
    async with asyncio.timeout(30):
        await end(task)
    assert task.cancelled()
    assert lost == 2


async def test_what_ended_by_itself_or_failed_is_no_trouble() -> None:
    async def fail() -> None:
        raise RuntimeError("at once")

    async def succeed() -> int:
        return 1

    done, failed, waiting = (
        asyncio.create_task(succeed()),
        asyncio.create_task(fail()),
        asyncio.create_task(asyncio.sleep(600)),
    )
    await asyncio.sleep(0)
    await end(done, failed, waiting)
    assert done.result() == 1
    assert isinstance(failed.exception(), RuntimeError)
    assert waiting.cancelled()
    await end()
