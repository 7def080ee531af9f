"""What is done about figures by itself: they follow what happens, and the past is gathered day by day."""

import asyncio

import structlog

from ingufu.core.clock import Clock
from ingufu.core.errors import Conflict, IngufuError
from ingufu.reports.service import Reports

LOOK_S = 3.0
BREATH_S = 0.05  # between two batches, so that pages are served meanwhile
PLACES_S, PLACES_AT_MOST_S = 60.0, 600.0
PLACES_REST = 300  # times as long as it took: on a large network, to look at all EVSEs takes a second
OPEN_S = 300.0

log = structlog.get_logger(__name__)


class ReportKeeper:
    """Runs beside the web pages, never where stations are served. What a crash lets it forget, the database knows."""

    def __init__(self, reports: Reports, clock: Clock) -> None:
        self._reports = reports
        self._clock = clock
        self._places_at = 0.0
        self._open_at = clock.monotonic() + OPEN_S

    async def run(self) -> None:
        """Gather until cancelled. What goes wrong is logged and tried again."""
        while True:
            wait_s = LOOK_S
            try:
                wait_s = await self.step()
            except Conflict:
                log.info("reports.gathered_elsewhere")
            except IngufuError as error:
                log.warning("reports.not_gathered", error=error.message)
            except Exception:
                log.exception("reports.not_gathered")
            await asyncio.sleep(wait_s)

    async def step(self) -> float:
        """Do the next piece, and return after how many seconds to go on."""
        now = self._clock.monotonic()
        if now >= self._places_at:
            await self._reports.follow_places()
            took_s = self._clock.monotonic() - now
            self._places_at = now + min(max(PLACES_S, PLACES_REST * took_s), PLACES_AT_MOST_S)
        if now >= self._open_at:
            await self._reports.refresh_open()
            self._open_at = now + OPEN_S
        followed = await self._reports.follow()
        has_more = await self._reports.gather_past()
        return BREATH_S if followed or has_more else LOOK_S
