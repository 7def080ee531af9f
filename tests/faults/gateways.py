"""A gateway in the test's own process, with stations that need no password, for faults that kill nobody."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from faults import ledger
from faults.fleet import TOKENS, Fleet, identity
from faults.length import PATIENCE_S
from faults.wire import Wire, connect
from ingufu.app.settings import OcppSettings
from ingufu.authorization.model import TokenDetails
from ingufu.core.clock import SystemClock
from ingufu.core.ids import IdMaker
from ingufu.infra.storage.database import Database
from running import Running, running_gateway

BOOTS = {
    "1.6": {"chargePointVendor": "V", "chargePointModel": "M"},
    "2.0.1": {"reason": "PowerUp", "chargingStation": {"model": "M", "vendorName": "V"}},
}


@asynccontextmanager
async def gateway(database: Database, stations: int = 0, **settings: object) -> AsyncIterator[Running]:
    """Run a gateway with the settings; `stations` makes so many stations, and the tokens of a fleet."""
    clock = SystemClock()
    ocpp = OcppSettings(**{"drain_s": 0.0, "messages_per_s": 100_000.0, **settings})  # type: ignore[arg-type]
    async with running_gateway(database, clock, IdMaker(clock), ocpp=ocpp) as running:
        if stations:
            await fill(running, stations)
        yield running


async def fill(running: Running, stations: int) -> None:
    """Make stations and tokens as a fleet needs them."""
    services = running.services
    async with services.database.work() as work:
        for number in range(stations):
            await services.stations.create(work, identity(number), security_profile=0, is_silent=True)
    async with services.database.work() as work:
        for number in range(TOKENS):
            details = TokenDetails(value=f"T{number}", concurrent_limit=None)
            await services.authorization.put_token(work, details, organisation_id="operator")


@asynccontextmanager
async def wired(url: str, number: int = 0, version: str = "1.6", *, boots: bool = True) -> AsyncIterator[Wire]:
    """Connect a station, cut off with the block."""
    wire = await connect(f"{url}/{identity(number)}", version)
    try:
        if boots:
            answer = await wire.call("BootNotification", BOOTS[version], timeout_s=PATIENCE_S)
            assert answer[2]["status"] == "Accepted", answer
        yield wire
    finally:
        wire.cut()


async def judge(running: Running, fleet: Fleet) -> None:
    """Compare what the stations wrote down with the database."""
    await running.services.database.writer.flush()
    books = await ledger.read_books(running.services.database)
    assert ledger.compare(books, fleet.notebooks) == []


class Heart:
    """A station that says nothing but heartbeats, each of which must be answered; how long each took."""

    def __init__(self, number: int, *, every_s: float = 0.02) -> None:
        self.took_s: list[float] = []
        self._number = number
        self._every_s = every_s

    @asynccontextmanager
    async def beating(self, url: str) -> AsyncIterator[None]:
        async with wired(url, self._number) as wire:

            async def beat() -> None:
                loop = asyncio.get_running_loop()
                while True:
                    began = loop.time()
                    assert (await wire.call("Heartbeat", {}, timeout_s=PATIENCE_S))[0] == 3
                    self.took_s.append(loop.time() - began)
                    await asyncio.sleep(self._every_s)

            self._task = asyncio.create_task(beat())
            try:
                yield
            finally:
                self._task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await self._task

    async def beats(self, times: int) -> None:
        """Return when it has beaten so often from now on."""
        until = len(self.took_s) + times
        async with asyncio.timeout(PATIENCE_S):
            while len(self.took_s) < until:
                if self._task.done():
                    await self._task
                await asyncio.sleep(0.01)


@asynccontextmanager
async def charging(fleet: Fleet) -> AsyncIterator[Fleet]:
    """Have the fleet charge during the block, then end and deliver everything."""
    fleet.start()
    try:
        yield fleet
        await fleet.finish(timeout_s=PATIENCE_S)
    finally:
        with contextlib.suppress(Exception):
            await fleet.stop()
