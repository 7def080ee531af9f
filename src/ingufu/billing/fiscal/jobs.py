"""What drains the queues of fiscal devices, for as long as the process runs."""

import asyncio
import contextlib

import structlog

from ingufu.billing.fiscal.service import Fiscal
from ingufu.core.errors import IngufuError

LOOK_S = 2.0

log = structlog.get_logger(__name__)


async def keep_signing(fiscal: Fiscal) -> None:
    """Have queued receipts signed until cancelled. Devices do not wait for each other."""
    running: dict[str, asyncio.Task[int]] = {}
    try:
        while True:
            with contextlib.suppress(IngufuError):
                for device_id in await fiscal.due():
                    if device_id not in running or running[device_id].done():
                        _report(running.pop(device_id, None))
                        running[device_id] = asyncio.create_task(fiscal.drain(device_id))
            await asyncio.sleep(LOOK_S)
    finally:
        for task in running.values():
            task.cancel()
        await asyncio.gather(*running.values(), return_exceptions=True)


def _report(task: asyncio.Task[int] | None) -> None:
    error = task.exception() if task is not None and not task.cancelled() else None
    if error is not None:
        log.warning("fiscal.not_drained", error=str(error)[:300], exc_info=not isinstance(error, IngufuError))
