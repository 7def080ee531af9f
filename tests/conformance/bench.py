"""The bench of a scenario: a gateway on a real port, the REST API as a person uses it, and stations that connect."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import websockets

from conformance.counterpart import Counterpart
from conformance.judging import Judge, parse
from ingufu.simulator.script import Script, simulated
from ingufu.simulator.spec import spec
from ingufu.simulator.timeline import VirtualTimeline
from running import PASSWORD, Running
from scenarios.foreign import SUBPROTOCOLS, headers


@dataclass
class Bench:
    """What a scenario works with. Its stations have the identity CS unless told otherwise."""

    house: Running
    api: httpx.AsyncClient
    timeline: VirtualTimeline
    version: str
    judge: Judge = field(default_factory=Judge)
    is_without_frames: bool = False  # a scenario that ends before any frame says so

    async def add_station(self, identity: str = "CS", **fields: Any) -> str:
        return await self.house.add_station(identity, **fields)

    @asynccontextmanager
    async def connected(
        self, identity: str = "CS", *, boots: bool = True, version: str | None = None
    ) -> AsyncIterator[Counterpart]:
        """Connect a raw station of the version, booted unless told otherwise."""
        version = version or self.version
        async with websockets.connect(
            self.house.url(identity), subprotocols=[SUBPROTOCOLS[version]], additional_headers=headers(identity)
        ) as socket:
            station = Counterpart(socket, version, self.judge, self.timeline.now)
            listening = asyncio.create_task(station.listen())
            try:
                if boots:
                    await station.boot()
                yield station
            finally:
                listening.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await listening

    @asynccontextmanager
    async def simulated(self, identity: str = "CS", **changes: Any) -> AsyncIterator[Script]:
        """Give a simulated station of the version, switched off; every frame that it hears is judged."""
        what = spec(identity, self.version, password=PASSWORD, **changes)
        async with simulated(what, self.house.url(), timeline=self.timeline) as script:
            try:
                yield script
            finally:
                for frame in script.received:
                    self.judge.hear(self.version, parse(frame.raw), frame.action)

    async def pass_time(self, seconds: float) -> None:
        """Let the date of everybody move on, and have done what is due then."""
        until_s = self.timeline.monotonic() + seconds
        while self.timeline.run_next(until_s):
            await asyncio.sleep(0)
        await self.house.gateway.attendant.look()

    async def call(self, method: str, path: str, body: Any = None, *, expects: int | None = None) -> Any:
        """Ask the API; what is not expected to fail succeeds."""
        await self.settle()
        answer = await self.api.request(method, f"/api/v1{path}", json=body)
        assert answer.is_success if expects is None else answer.status_code == expects, (path, answer.text)
        return answer.json() if answer.content else None

    async def get(self, path: str) -> Any:
        return await self.call("GET", path)

    async def post(self, path: str, body: Any = None, *, expects: int | None = None) -> Any:
        return await self.call("POST", path, {} if body is None else body, expects=expects)

    async def put(self, path: str, body: Any, *, expects: int | None = None) -> Any:
        return await self.call("PUT", path, body, expects=expects)

    async def token(self, value: str, **fields: Any) -> Any:
        """Register an id token."""
        return await self.post("/tokens", {"value": value} | fields)

    async def group(self, value: str, **fields: Any) -> str:
        """Make a group of tokens and return its id."""
        return str((await self.post("/groups", {"value": value} | fields))["id"])

    async def transactions(self) -> list[Any]:
        """Return all transactions, the newest first."""
        return [await self.get(f"/transactions/{one['id']}") for one in (await self.get("/transactions"))["items"]]

    async def transaction(self) -> Any:
        """Return the only transaction there is."""
        (found,) = await self.transactions()
        return found

    async def status(self, evse: int = 1, connector: int = 1) -> str:
        """Return the status of a connector, in the station's own word, as the API tells it."""
        told = await self.get(f"/stations/CS/evses/{evse}")
        (found,) = [one for one in told["connectors"] if one["number"] == connector]
        return str(found["raw_status"])

    async def settle(self) -> None:
        """Have stored what waits to be."""
        house = self.house
        if house.gateway._tasks:
            await asyncio.wait(house.gateway._tasks, timeout=5)
        house.gateway.flush()
        await house.services.database.writer.flush()
