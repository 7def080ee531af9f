"""Passwords in network profiles of 2.1: a station comes back with that of any slot that it may use."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path
from typing import Any

import pytest

from ingufu.app.settings import ConfigurationSettings
from ingufu.configuration.service import Reading
from ingufu.core.clock import Clock, FrozenClock
from ingufu.core.configuration import NetworkProfile, WriteItem
from ingufu.core.errors import IngufuError, InvalidInput, StationOffline, StationTimeout, Unavailable
from ingufu.core.ids import IdMaker
from ingufu.core.variables import parse
from ingufu.infra.storage.database import Database
from ingufu.infra.storage.opening import open_database
from ingufu.infra.storage.targets import StorageUrl
from ingufu.stations.passwords import OFFERED_FOR
from running import PASSWORD, Running, running_gateway
from scenarios.door import basic, knock
from scenarios.foreign import SUBPROTOCOLS
from scenarios.line import Line, line

NEW, NEWER, NEWEST = "00112233445566778899aabbccddeeff00112233", "another-horse-battery", "one-more-key-of-16"
THIRD = "a-key-for-slot-three"
SLOT = parse("NetworkConfiguration[2].BasicAuthPassword")
OWN = parse("SecurityCtrlr.BasicAuthPassword")
CALM = ConfigurationSettings(takes_inventory=False, applies_desired=False, repairs_drift=False)


@pytest.fixture
async def house(database: Database, clock: Clock, ids: IdMaker, tmp_path: Path) -> AsyncIterator[Running]:
    async with running_gateway(database, clock, ids, configuration=CALM, data=str(tmp_path)) as running:
        yield running


@pytest.fixture
async def station_id(house: Running) -> str:
    return await house.add_station("CS")


async def send(
    house: Running, station_id: str, password: str, *, slot: int = 2, is_forced: bool = False, timeout_s: float = 10.0
) -> str:
    """Send a profile with this password, and return what the station answers."""
    at = await house.services.stations.get(station_id)
    by = Reading(link=house.link, actor="keza", timeout_s=timeout_s)
    profile = NetworkProfile(url="ws://csms.example/ocpp", security_profile=1, password=password)
    kept = await house.services.configuration.network.send(by, at, slot, profile, is_forced=is_forced)
    assert password not in str(kept)
    return kept.status


async def write(house: Running, station_id: str, password: str, name: Any = SLOT) -> str:
    at = await house.services.stations.get(station_id)
    by = Reading(link=house.link, actor="keza")
    (outcome,) = await house.services.configuration.asking.write(by, at, [WriteItem(name=name, value=password)])
    return outcome.status


async def answered(station: Line, sending: Awaitable[str], status: str) -> str:
    """Let the station answer so to what is sent."""
    task = asyncio.ensure_future(sending)
    frame = await station.hear()
    answer: dict[str, Any] = {"status": status}
    if frame[2] == "SetVariables":
        one = frame[3]["setVariableData"][0]
        said = {"component": one["component"], "variable": one["variable"], "attributeStatus": status}
        answer = {"setVariableResult": [said]}
    await station.say([3, frame[1], answer])
    return await task


async def opens(house: Running, password: str) -> bool:
    answer = await knock(house, "/ocpp/CS", authorization=basic("CS", password), subprotocols=SUBPROTOCOLS["2.1"])
    assert answer.status in {101, 401}
    await house.services.database.writer.flush()
    return answer.status == 101


async def test_a_station_comes_with_the_password_of_its_new_profile_and_falls_back_to_the_old_one(
    house: Running, station_id: str
):
    async with line(house, "CS", "2.1") as station:
        await station.boot()
        assert await answered(station, send(house, station_id, NEW), "Accepted") == "Accepted"
        at = await house.services.stations.get(station_id)
        assert house.services.stations.password_matches(at, NEW.encode())
    for password in (PASSWORD, NEW, PASSWORD, NEW):
        assert await opens(house, password)


@pytest.mark.parametrize("status", ["Rejected", "Failed"])
async def test_the_password_of_a_profile_that_was_not_kept_opens_nothing(house: Running, station_id: str, status: str):
    async with line(house, "CS", "2.1") as station:
        await station.boot()
        assert await answered(station, send(house, station_id, NEW), status) == status
    assert not await opens(house, NEW)
    assert await opens(house, PASSWORD)


async def test_a_refusal_of_the_second_try_says_nothing_of_the_first_profile(house: Running, station_id: str):
    async with line(house, "CS", "2.1") as station:
        await station.boot()
        with pytest.raises(StationTimeout):
            await send(house, station_id, NEW, timeout_s=0.2)
        await station.hear()
        assert await answered(station, send(house, station_id, NEW), "Rejected") == "Rejected"
    assert await opens(house, NEW)


async def test_a_profile_whose_answer_was_lost_locks_nobody_out(house: Running, station_id: str):
    async with line(house, "CS", "2.1") as station:
        await station.boot()
        sending = asyncio.create_task(send(house, station_id, NEW))
        await station.hear()
        await station.socket.close()
        with pytest.raises(StationOffline):
            await sending
    for password in (PASSWORD, NEW, PASSWORD):
        assert await opens(house, password)


async def test_profiles_of_two_slots_open_with_their_passwords(house: Running, station_id: str):
    async with line(house, "CS", "2.1") as station:
        await station.boot()
        await answered(station, send(house, station_id, NEW, slot=2), "Accepted")
        await answered(station, send(house, station_id, NEWER, slot=3), "Accepted")
    for password in (PASSWORD, NEWER, NEW, PASSWORD):
        assert await opens(house, password)


async def test_a_profile_that_is_written_over_takes_its_password_with_it(house: Running, station_id: str):
    async with line(house, "CS", "2.1") as station:
        await station.boot()
        await answered(station, send(house, station_id, NEW), "Accepted")
        await answered(station, send(house, station_id, NEWER), "Accepted")
    assert [await opens(house, one) for one in (NEW, NEWER, PASSWORD)] == [False, True, True]


async def test_a_new_password_of_the_station_ends_its_old_one_and_not_those_of_profiles(
    house: Running, station_id: str
):
    async with line(house, "CS", "2.1") as station:
        await station.boot()
        await answered(station, send(house, station_id, NEW), "Accepted")
        assert await answered(station, write(house, station_id, NEWER, OWN), "Accepted") == "Accepted"
    assert [await opens(house, one) for one in (PASSWORD, NEWER, NEW)] == [False, True, True]
    async with line(house, "CS", "2.1", additional_headers={"Authorization": basic("CS", NEW)}) as station:
        await station.boot()
        assert await answered(station, write(house, station_id, NEWEST, OWN), "Accepted") == "Accepted"
    assert [await opens(house, one) for one in (NEW, NEWEST, NEWER)] == [False, True, True]


async def test_a_password_set_by_hand_ends_those_of_profiles(house: Running, station_id: str):
    async with line(house, "CS", "2.1") as station:
        await station.boot()
        await answered(station, send(house, station_id, NEW), "Accepted")
    async with house.services.database.work() as work:
        await house.services.stations.set_password(work, station_id, NEWER)
    assert [await opens(house, one) for one in (NEW, PASSWORD, NEWER)] == [False, False, True]


@pytest.mark.parametrize(("status", "is_open"), [("Accepted", True), ("RebootRequired", True), ("Rejected", False)])
async def test_the_password_of_a_profile_may_be_written_as_a_variable(
    house: Running, station_id: str, status: str, is_open: bool
):
    async with line(house, "CS", "2.1") as station:
        await station.boot()
        assert await answered(station, write(house, station_id, NEW), status) == status
    assert await opens(house, PASSWORD)
    assert await opens(house, NEW) is is_open
    assert await opens(house, PASSWORD)


async def test_each_password_of_several_profiles_in_one_message_is_judged_by_its_own_answer(
    house: Running, station_id: str
):
    async with line(house, "CS", "2.1") as station:
        await station.boot()
        await answered(station, write(house, station_id, NEWEST), "Accepted")
        names = (OWN, SLOT, parse("NetworkConfiguration[3].BasicAuthPassword"))
        items = [WriteItem(name=name, value=value) for name, value in zip(names, (NEWER, NEW, THIRD), strict=True)]
        at = await house.services.stations.get(station_id)
        by = Reading(link=house.link, actor="keza")
        writing = asyncio.create_task(house.services.configuration.asking.write(by, at, items))
        frame = await station.hear()
        statuses = ("Accepted", "Accepted", "Rejected")
        said = [
            {"component": one["component"], "variable": one["variable"], "attributeStatus": status}
            for one, status in zip(frame[3]["setVariableData"], statuses, strict=True)
        ]
        await station.say([3, frame[1], {"setVariableResult": said}])
        assert [one.status for one in await writing] == list(statuses)
    assert [await opens(house, one) for one in (PASSWORD, NEWEST, THIRD)] == [False, False, False]
    assert [await opens(house, one) for one in (NEWER, NEW)] == [True, True]


async def test_a_password_that_opens_no_door_is_sent_in_no_profile(house: Running, station_id: str):
    async with line(house, "CS", "2.1") as station:
        await station.boot()
        for weak in ("", "short", "a" * 20, "x1y2z" * 13):
            with pytest.raises(InvalidInput, match="password has") as refused:
                await send(house, station_id, weak, is_forced=True)
            assert refused.value.field == "password"
            assert await write(house, station_id, weak) == "NotSent"


async def test_a_profile_is_not_sent_before_its_password_is_stored(
    house: Running, station_id: str, monkeypatch: pytest.MonkeyPatch
):
    async with line(house, "CS", "2.1") as station:
        await station.boot()

        async def fail(*_: object, **__: object) -> None:
            raise Unavailable("The disk is full.")

        monkeypatch.setattr(house.services.stations, "offer_password", fail)
        with pytest.raises(IngufuError, match="The disk is full"):
            await send(house, station_id, NEW, timeout_s=0.2)
    assert not await opens(house, NEW)


@pytest.mark.parametrize("held", [NEW, PASSWORD])
async def test_a_process_that_dies_before_the_answer_lets_the_station_in_by_either_profile(
    storage_url: StorageUrl, clock: Clock, ids: IdMaker, held: str, tmp_path: Path
):
    database = await open_database(storage_url)
    async with running_gateway(database, clock, ids, configuration=CALM, data=str(tmp_path)) as house:
        station_id = await house.add_station("CS")
        async with line(house, "CS", "2.1") as station:
            await station.boot()
            sending = asyncio.create_task(send(house, station_id, NEW))
            await station.hear()
            sending.cancel()  # nothing of what follows the answer is done
    await asyncio.gather(sending, return_exceptions=True)
    await database.close()
    database = await open_database(storage_url)
    async with running_gateway(database, clock, ids, configuration=CALM, data=str(tmp_path)) as house:
        assert await opens(house, held)
        assert await opens(house, PASSWORD)
    await database.close()


async def test_a_station_of_2_0_1_is_sent_no_password_in_a_profile(house: Running, station_id: str):
    async with line(house, "CS", "2.0.1") as station:
        await station.boot()
        with pytest.raises(InvalidInput):
            await send(house, station_id, NEW)
    assert not await opens(house, NEW)


async def test_a_station_that_is_not_reset_for_weeks_keeps_its_old_password_until_it_is(
    house: Running, station_id: str, clock: FrozenClock
):
    async with line(house, "CS", "2.1") as station:
        await station.boot()
        status = await answered(station, write(house, station_id, NEW, OWN), "RebootRequired")
        assert status == "RebootRequired"
    clock.advance(OFFERED_FOR.total_seconds() - 60)
    assert await opens(house, PASSWORD)
    assert await opens(house, NEW)
    assert not await opens(house, PASSWORD)
