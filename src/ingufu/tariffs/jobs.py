"""What is done about tariffs beside requests: price feeds are fetched when they are due."""

import asyncio
import contextlib
from collections.abc import Callable

import structlog

from ingufu.core.clock import Clock
from ingufu.core.errors import IngufuError
from ingufu.tariffs.service import PriceFeeds

LOOK_S = 30.0  # at the latest: feeds may be made by other processes
SOON_S = 1.0  # at the earliest, whatever is due

log = structlog.get_logger(__name__)


class FeedKeeper:
    """Runs in every web process: who takes the lease of a feed fetches it, the others leave it alone."""

    def __init__(self, feeds: PriceFeeds, clock: Clock, uniform: Callable[[], float]) -> None:
        self._feeds = feeds
        self._clock = clock
        self._uniform = uniform

    async def run(self) -> None:
        """Fetch what is due until cancelled. What goes wrong is logged and tried again."""
        while True:
            wait_s = LOOK_S
            try:
                wait_s = await self.step()
            except IngufuError as error:
                log.warning("feeds.not_fetched", error=error.message)
            except Exception:
                log.exception("feeds.not_fetched")
            with contextlib.suppress(TimeoutError):  # spread, so that processes do not look all at once
                async with asyncio.timeout(wait_s + self._uniform()):
                    await self._feeds.stirred.wait()

    async def step(self) -> float:
        """Fetch what is due, and return after how many seconds to look again."""
        self._feeds.stirred.clear()
        due_at = await self._feeds.fetch_due()
        if due_at is None:
            return LOOK_S
        return min(max((due_at - self._clock.now()).total_seconds(), SOON_S), LOOK_S)
