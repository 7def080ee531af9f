"""What is done about charge records by itself: sessions that ended are rated, a few at a time, until nothing is due."""

import asyncio
import contextlib

import structlog

from ingufu.billing.records.service import ChargeRecords
from ingufu.charging.control.service import Control
from ingufu.core.clock import Clock
from ingufu.core.commands import StationLink
from ingufu.core.errors import IngufuError

LOOK_S = 2.0  # at the latest; another process tells of what happens through the database alone
BREATH_S = 0.02  # between two batches, so that pages are served meanwhile
SWEEP_S = 3600.0
COSTS_LOOK_S = 5.0

log = structlog.get_logger(__name__)


class RecordKeeper:
    """Runs beside the web pages, never where stations are served. What a crash lets it forget, the database knows."""

    def __init__(self, records: ChargeRecords, clock: Clock) -> None:
        self._rater = records.rater
        self._clock = clock
        self._wake = asyncio.Event()
        self._sweep_at = 0.0

    def something_happened(self) -> None:
        """Look at once."""
        self._wake.set()

    async def run(self) -> None:
        """Rate until cancelled. What goes wrong is logged and tried again."""
        while True:
            wait_s = LOOK_S
            try:
                wait_s = await self.step()
            except IngufuError as error:
                log.warning("records.not_kept", error=error.message)
            except Exception:
                log.exception("records.not_kept")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._wake.wait()

    async def step(self) -> float:
        """Do one batch of what is due, and return after how many seconds to look again."""
        self._wake.clear()
        if self._clock.monotonic() >= self._sweep_at:
            found = await self._rater.sweep()
            if found:
                log.info("records.swept", sessions=found)
            self._sweep_at = self._clock.monotonic() + SWEEP_S
        collected = await self._rater.collect()
        rated = await self._rater.rate_due()
        if collected or rated:
            return BREATH_S
        due_at = await self._rater.next_due()
        if due_at is None:
            return LOOK_S
        return min(max((due_at - self._clock.now()).total_seconds(), 0.25), LOOK_S)


class CostKeeper:
    """Tells stations their running costs, and watches limits of cost, until cancelled."""

    def __init__(self, records: ChargeRecords, control: Control, link: StationLink) -> None:
        self._costs = records.costs
        self._interval_s = records.rules.cost_interval_s
        self._control = control
        self._link = link

    async def run(self) -> None:
        """Look at running sessions every few seconds. What goes wrong is logged and tried again."""
        while True:
            try:
                await self.step()
            except IngufuError as error:
                log.warning("costs.not_told", error=error.message)
            except Exception:
                log.exception("costs.not_told")
            await asyncio.sleep(COSTS_LOOK_S)

    async def step(self) -> None:
        """Do what is due."""
        await self._costs.enforce(self._control)
        if self._interval_s > 0:
            await self._costs.tell(self._link, interval_s=self._interval_s)
