"""What tests of quirks share: a station of a make that is known to be odd, and what was counted of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self

import msgspec

from ingufu.core.commands import RawReply
from ingufu.infra.ending import end
from ingufu.stations.quirks import reading
from ingufu.stations.quirks.model import Does, Quirk
from ingufu.stations.tables import meetings
from running import Running
from scenarios.line import Line, line
from scenarios.records import rows

AT = "2026-03-01T12:00:00Z"
LATER = "2026-03-01T12:30:00Z"


@asynccontextmanager
async def odd_station(
    house: Running, vendor: str, model: str = "M", firmware: str = "1.0", *, identity: str = "CS", **fields: Any
) -> AsyncIterator[Line]:
    """Connect a 1.6 station whose make is known from its boot some time before."""
    await house.add_station(identity, **fields)
    boot = {"chargePointVendor": vendor, "chargePointModel": model, "firmwareVersion": firmware}
    async with line(house, identity) as station:
        await station.get("BootNotification", boot)
    async with line(house, identity) as station:
        yield station


@asynccontextmanager
async def any_station(house: Running, version: str = "1.6", **fields: Any) -> AsyncIterator[Line]:
    """Connect a station of no known make, which has booted."""
    await house.add_station("CS", **fields)
    async with line(house, "CS", version) as station:
        await station.boot()
        yield station


async def id_of(house: Running, identity: str = "CS") -> str:
    station = await house.services.stations.find_by_identity(identity)
    assert station is not None
    return station.id


async def met(house: Running, number: int, identity: str = "CS") -> int:
    """Return how often the station was counted to show a quirk, as stored."""
    found = await rows(house, meetings, station_id=await id_of(house, identity), number=number)
    return found[0]["count"] if found else 0


async def switch(house: Running, number: int, *, is_on: bool | None, identity: str = "CS") -> None:
    """Switch a quirk for a station, as an operator does."""
    station_id = await id_of(house, identity)
    async with house.services.database.work() as work:
        await house.services.stations.switch_quirk(work, station_id, number, is_on=is_on)
    await house.link.reload(station_id)


class Asked:
    """Something that we ask of the station, while the station's side is played by the test."""

    def __init__(self, house: Running, station: Line, action: str, payload: Any, timeout_s: float = 20.0) -> None:
        self._house = house
        self._station = station
        self._arguments = (action, msgspec.json.encode(payload), timeout_s)

    async def __aenter__(self) -> Self:
        action, payload, timeout_s = self._arguments
        station_id = await id_of(self._house)
        self.task = asyncio.create_task(
            self._house.link.call_raw(station_id, action, payload, validate=False, timeout_s=timeout_s)
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await end(self.task)

    async def hears(self) -> list[Any]:
        """Return the CALL that reached the station."""
        call = await self._station.hear()
        assert call[0] == 2, call
        return call

    async def answer(self, payload: Any) -> list[Any]:
        """Have the station answer the next CALL with this, and return the CALL."""
        call = await self.hears()
        await self._station.say([3, call[1], payload])
        return call

    async def comes_of_it(self) -> RawReply:
        async with asyncio.timeout(15):
            return await self.task

    async def payload(self) -> Any:
        reply = await self.comes_of_it()
        assert reply.payload is not None, reply
        return msgspec.json.decode(reply.payload)


def quirk(number: int) -> Quirk:
    return next(one for one in reading.shipped() if one.number == number)


def with_does(number: int, **does: Any) -> Quirk:
    """Return a shipped quirk that does something else, so that a test need not wait for minutes."""
    shipped = quirk(number)
    kept = {name: getattr(shipped.does, name) for name in Does.__struct_fields__}
    return msgspec.structs.replace(shipped, does=Does(**{**kept, **does}))
