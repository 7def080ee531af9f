"""A fleet that comes back all at once: everybody is judged, let in and answered, and nobody leaves a trace in memory."""

import asyncio
import gc
from collections.abc import AsyncIterator

import pytest

from ingufu.app.settings import OcppSettings
from ingufu.core.clock import Clock
from ingufu.core.ids import IdMaker
from ingufu.gateway import gateway
from ingufu.gateway.connection import StationConnection
from ingufu.infra.storage.opening import open_database
from ingufu.infra.storage.targets import StorageUrl
from ingufu.stations.model import BootAnswer
from running import Running, running_gateway
from scenarios.door import basic, knock
from scenarios.line import line
from scenarios.records import events, only, rows, stations

pytestmark = pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)

FLEET = 20
STATUS = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}


@pytest.fixture(params=[True, False], ids=["reads at once", "reads in threads"])
async def house(
    request: pytest.FixtureRequest, storage_url: StorageUrl, clock: Clock, ids: IdMaker
) -> AsyncIterator[Running]:
    database = await open_database(storage_url, inline_reads=request.param)
    database.reads_at_once = True  # what has to wait after all goes on in a task
    ocpp = OcppSettings(drain_s=0.0, messages_per_s=100_000.0)
    async with running_gateway(database, clock, ids, ocpp=ocpp) as running:
        yield running
    await database.close()


async def test_more_messages_than_are_taken_in_hand_are_all_answered(
    house: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway, "AT_WORK", 2)
    ids = [await house.add_station(f"CS-{number}") for number in range(FLEET)]

    async def come(number: int) -> None:
        async with line(house, f"CS-{number}") as station:
            await station.boot()
            assert await station.get("StatusNotification", STATUS) == {}
            assert (await station.get("Heartbeat", {})).keys() == {"currentTime"}

    await asyncio.gather(*(come(number) for number in range(FLEET)))
    for station_id in ids:
        told = [row["kind"] for row in await rows(house, events, station_id=station_id)]
        assert told.count("StationBooted") == told.count("StationConnected") == 1


async def test_what_a_boot_tells_holds_for_the_connection_and_is_stored(house: Running) -> None:
    station_id = await house.add_station("CS")
    async with line(house, "CS") as station:
        await station.boot()
        connection = house.link.get(station_id)
        assert connection is not None
        held, stored = connection.session.station, await house.services.stations.get(station_id)
        assert (held.vendor, held.model, held.firmware_version) == (
            stored.vendor, stored.model, stored.firmware_version,
        )  # fmt: skip
        assert held.vendor
        assert held.boot_status is stored.boot_status is BootAnswer.ACCEPTED
        assert held.last_boot_at == stored.last_boot_at
        assert stored.is_online


async def test_password_that_was_changed_opens_no_more_at_once(house: Running) -> None:
    station_id = await house.add_station("CS")
    assert (await knock(house, "/ocpp/CS", authorization=basic("CS"))).status == 101
    async with house.services.database.work() as work:
        await house.services.stations.set_password(work, station_id, "another-password-1")
    assert (await knock(house, "/ocpp/CS", authorization=basic("CS"))).status == 401
    assert (await knock(house, "/ocpp/CS", authorization=basic("CS", "another-password-1"))).status == 101
    assert (await knock(house, "/ocpp/NOBODY", authorization=basic("NOBODY"))).status == 404


async def test_connection_that_has_ended_is_forgotten_without_a_collection(house: Running) -> None:
    station_id = await house.add_station("CS")
    gc.collect()
    gc.disable()
    try:
        async with line(house, "CS") as station:
            await station.boot()
            assert house.link.get(station_id) is not None
        assert (await only(house, stations, id=station_id))["is_online"] is False
        async with asyncio.timeout(15):
            while [one for one in gc.get_objects() if type(one) is StationConnection]:
                await asyncio.sleep(0.05)
        assert not house.link._lanes
    finally:
        gc.enable()
