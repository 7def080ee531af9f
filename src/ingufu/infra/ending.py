"""Tasks brought to their end, also where a cancellation is lost on the way."""

import asyncio
from typing import Any

AGAIN_S = 5.0  # after which a task that goes on is told again


async def end(*tasks: asyncio.Task[Any]) -> None:
    """Cancel the tasks and return when all have ended, however they did.

    A cancellation that comes in the moment in which something waited for is done may be lost in what waits for it
    (`asyncio.wait_for` before Python 3.12, which libraries of ours use): then the task goes on, and is told again.
    """
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=AGAIN_S)
    for task in tasks:
        if not task.cancelled():
            task.exception()  # seen: whoever ends a task no longer asks for its result
