"""However a connection ends, it is known at once and on record."""

import asyncio
from typing import Any

import pytest

from ingufu.app.settings import OcppSettings
from ingufu.core.clock import Clock
from ingufu.core.ids import IdMaker
from ingufu.infra.storage.database import Database
from running import Running, running_gateway
from scenarios.line import line
from scenarios.records import (
    attempts,
    only,
    rows,
    stations,
)

pytestmark = pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)


@pytest.mark.parametrize("way", ["closed", "cut", "not text", "disconnected", "replaced and closed"])
async def test_a_station_is_offline_as_soon_as_its_connection_ended_in_whatever_way(house: Running, way: str):
    station_id = await house.add_station("CS")
    async with line(house, "CS") as station:
        await station.boot()
        assert (await only(house, stations))["is_online"] is True
        match way:
            case "closed":
                await station.socket.close(1001, "reboot")
            case "cut":
                station.socket.transport.abort()
            case "not text":
                await station.socket.send(b"\xff\xfe", text=True)
                await station.hear_end()
            case "disconnected":
                await house.link.disconnect(station_id, "enough")
                await station.hear_end()
            case _:
                async with line(house, "CS") as newer:
                    await newer.get("Heartbeat", {})
                    assert (await station.hear_end())[0] == 4001
                    assert (await only(house, stations))["is_online"] is True
        await gone(house, station_id)
    kept = await only(house, stations)
    assert (kept["is_online"], kept["connection_id"]) == (False, None)
    code = {"closed": 1001, "cut": 1006, "not text": 1007, "disconnected": 4000}.get(way)
    first, *others = await rows(house, attempts)
    if code is None:
        assert ([first["close_code"]], [row["close_code"] for row in others]) == ([4001], [1000])
    else:
        assert first["close_code"] == code
    assert first["closed_at"] is not None


async def test_a_half_open_connection_is_found_by_its_silence(database: Database, clock: Clock, ids: IdMaker):
    ocpp = OcppSettings(drain_s=0.0, ping_interval_s=0.1, silent_intervals=1)
    async with running_gateway(database, clock, ids, ocpp=ocpp) as house:
        station_id = await house.add_station("CS")
        async with line(house, "CS", close_timeout=0.1) as station:
            station.socket.transport.pause_reading()  # so that no ping is ever answered
            await gone(house, station_id)
        kept = await only(house, attempts)
        assert kept["close_code"] == 1006
        assert kept["close_reason"].startswith("half-open")


async def gone(house: Running, station_id: str) -> None:
    """Wait until the gateway has let go of the station's connection."""
    async with asyncio.timeout(10):
        while house.link.get(station_id) is not None:
            await asyncio.sleep(0.001)


async def test_when_it_was_last_seen_is_known(house: Running, clock: Any):
    await house.add_station("CS")
    async with line(house, "CS") as station:
        await station.boot()
        clock.advance(600)
        await station.get("Heartbeat", {})
        await station.get("Heartbeat", {})
        assert (await only(house, stations))["last_seen_at"] == clock.now()
