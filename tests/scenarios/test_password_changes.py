"""A password that is changed over the air: whatever is lost on the way, the station gets in with the one it holds."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from ingufu.app.settings import ConfigurationSettings
from ingufu.configuration.service import Reading
from ingufu.core.clock import Clock
from ingufu.core.configuration import WriteItem
from ingufu.core.errors import IngufuError, StationOffline, StationTimeout, Unavailable
from ingufu.core.ids import IdMaker
from ingufu.core.variables import parse
from ingufu.infra.storage.database import Database
from ingufu.infra.storage.opening import open_database
from ingufu.infra.storage.targets import StorageUrl
from running import PASSWORD, Running, running_gateway
from scenarios.door import basic, knock
from scenarios.foreign import SUBPROTOCOLS
from scenarios.line import Line, line

pytestmark = pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)
EACH = pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])

NEW, NEWER = "00112233445566778899aabbccddeeff00112233", "ffeeddccbbaa99887766554433221100ffeeddcc"
NAME = parse("SecurityCtrlr.BasicAuthPassword")
CALM = ConfigurationSettings(takes_inventory=False, applies_desired=False, repairs_drift=False)


@pytest.fixture
async def house(database: Database, clock: Clock, ids: IdMaker) -> AsyncIterator[Running]:
    async with running_gateway(database, clock, ids, configuration=CALM) as running:
        yield running


async def send(house: Running, station_id: str, password: str, *, timeout_s: float = 10.0) -> str:
    at = await house.services.stations.get(station_id)
    by = Reading(link=house.link, actor="keza", timeout_s=timeout_s)
    (outcome,) = await house.services.configuration.asking.write(by, at, [WriteItem(name=NAME, value=password)])
    return outcome.status


async def opens(house: Running, password: str, version: str) -> bool:
    answer = await knock(house, "/ocpp/CS", authorization=basic("CS", password), subprotocols=SUBPROTOCOLS[version])
    assert answer.status in {101, 401}
    await house.services.database.writer.flush()
    return answer.status == 101


def answer_to(frame: list, status: str) -> list:
    """Return the answer to the message in which the password came."""
    if frame[2] == "ChangeConfiguration":
        return [3, frame[1], {"status": status}]
    one = frame[3]["setVariableData"][0]
    said = {"component": one["component"], "variable": one["variable"], "attributeStatus": status}
    return [3, frame[1], {"setVariableResult": [said]}]


async def lose(house: Running, station: Line, station_id: str, password: str) -> None:
    """Send a password whose answer is lost with the connection."""
    sending = asyncio.create_task(send(house, station_id, password))
    await station.hear()
    await station.socket.close()
    with pytest.raises(StationOffline):
        await sending


@EACH
async def test_a_station_that_took_the_password_and_whose_answer_was_lost_comes_in_with_it(
    house: Running, version: str
):
    station_id = await house.add_station("CS")
    async with line(house, "CS", version) as station:
        await station.boot()
        await lose(house, station, station_id, NEW)
    assert await opens(house, NEW, version)
    assert not await opens(house, PASSWORD, version)  # now it is known which one holds
    assert await opens(house, NEW, version)


@EACH
async def test_a_station_that_did_not_take_it_comes_in_with_the_old_one_and_is_given_it_again(
    house: Running, version: str
):
    station_id = await house.add_station("CS")
    async with line(house, "CS", version) as station:
        await station.boot()
        await lose(house, station, station_id, NEW)
    async with line(house, "CS", version) as station:
        await station.boot()
        sending = asyncio.create_task(send(house, station_id, NEW))
        await station.say(answer_to(await station.hear(), "Accepted"))
        assert await sending == "Accepted"
    assert not await opens(house, PASSWORD, version)
    assert await opens(house, NEW, version)


@EACH
async def test_a_password_that_the_station_refuses_opens_nothing(house: Running, version: str):
    station_id = await house.add_station("CS")
    async with line(house, "CS", version) as station:
        await station.boot()
        sending = asyncio.create_task(send(house, station_id, NEW))
        await station.say(answer_to(await station.hear(), "Rejected"))
        assert await sending == "Rejected"
    assert not await opens(house, NEW, version)
    assert await opens(house, PASSWORD, version)


async def test_a_refusal_of_the_second_try_says_nothing_of_the_first(house: Running):
    station_id = await house.add_station("CS")
    async with line(house, "CS") as station:
        await station.boot()
        with pytest.raises(StationTimeout):
            await send(house, station_id, NEW, timeout_s=0.2)
        await station.hear()
        sending = asyncio.create_task(send(house, station_id, NEW))
        await station.say(answer_to(await station.hear(), "Rejected"))  # as it has it already
        assert await sending == "Rejected"
    assert await opens(house, NEW, "1.6")


async def test_of_two_passwords_without_an_answer_each_opens_until_one_is_used(house: Running):
    station_id = await house.add_station("CS")
    async with line(house, "CS") as station:
        await station.boot()
        for password in (NEW, NEWER):
            with pytest.raises(StationTimeout):
                await send(house, station_id, password, timeout_s=0.2)
            await station.hear()
    assert await opens(house, PASSWORD, "1.6")
    assert await opens(house, NEWER, "1.6")
    assert not await opens(house, NEW, "1.6")
    assert not await opens(house, PASSWORD, "1.6")


async def test_a_password_set_by_hand_ends_all_that_were_sent(house: Running):
    station_id = await house.add_station("CS")
    async with line(house, "CS") as station:
        await station.boot()
        await lose(house, station, station_id, NEW)
    async with house.services.database.work() as work:
        await house.services.stations.set_password(work, station_id, NEWER)
    assert [await opens(house, one, "1.6") for one in (NEW, PASSWORD, NEWER)] == [False, False, True]


async def test_an_answer_that_could_not_be_stored_locks_nobody_out(house: Running, monkeypatch: pytest.MonkeyPatch):
    station_id = await house.add_station("CS")
    async with line(house, "CS") as station:
        await station.boot()
        sending = asyncio.create_task(send(house, station_id, NEW))
        frame = await station.hear()

        async def fail(*_: object) -> None:
            raise Unavailable("The disk is full.")

        monkeypatch.setattr(house.services.configuration.asking, "_keep_written", fail)
        await station.say(answer_to(frame, "Accepted"))
        with pytest.raises(Unavailable):
            await sending
    assert await opens(house, NEW, "1.6")
    assert not await opens(house, PASSWORD, "1.6")


@pytest.mark.parametrize("held", [NEW, PASSWORD])
async def test_a_process_that_dies_before_the_answer_lets_the_station_in_after_its_start(
    storage_url: StorageUrl, clock: Clock, ids: IdMaker, held: str
):
    database = await open_database(storage_url)
    async with running_gateway(database, clock, ids, configuration=CALM) as house:
        station_id = await house.add_station("CS")
        async with line(house, "CS") as station:
            await station.boot()
            sending = asyncio.create_task(send(house, station_id, NEW))
            await station.hear()
            sending.cancel()  # nothing of what follows the answer is done
    await asyncio.gather(sending, return_exceptions=True)
    await database.close()
    database = await open_database(storage_url)
    async with running_gateway(database, clock, ids, configuration=CALM) as house:
        assert await opens(house, held, "1.6")
        assert await opens(house, PASSWORD, "1.6") == (held == PASSWORD)
    await database.close()


async def test_a_password_is_not_sent_before_it_is_stored(house: Running, monkeypatch: pytest.MonkeyPatch):
    station_id = await house.add_station("CS")
    async with line(house, "CS") as station:
        await station.boot()

        async def fail(*_: object, **__: object) -> None:
            raise Unavailable("The disk is full.")

        monkeypatch.setattr(house.services.stations, "offer_password", fail, raising=False)
        with pytest.raises(IngufuError, match="The disk is full"):
            await send(house, station_id, NEW, timeout_s=0.2)
    assert not await opens(house, NEW, "1.6")
