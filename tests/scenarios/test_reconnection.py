"""A second connection of one station: the newest wins, and nothing is lost between the two."""

import asyncio
import gc

import pytest

from ingufu.core.commands import ReplyKind
from running import Running
from scenarios.line import line
from scenarios.records import attempts, events, only, rows, stations, transactions

pytestmark = pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)

START = {"connectorId": 1, "idTag": "A", "meterStart": 1000, "timestamp": "2026-03-01T12:00:00Z"}


async def test_the_newest_connection_wins_and_the_older_one_is_told_why(house: Running):
    station_id = await house.add_station("CS")
    async with line(house, "CS") as older:
        await older.boot()
        async with line(house, "cs") as newer:  # the same station, in another spelling
            assert await older.hear_end() == (4001, "a newer connection of this station took over")
            assert (await newer.get("Heartbeat", {})).keys() == {"currentTime"}
            asking = asyncio.create_task(house.link.call_raw(station_id, "Reset", b'{"type":"Soft"}'))
            asked = await newer.hear()
            await newer.say([3, asked[1], {"status": "Accepted"}])
            assert (await asking).kind is ReplyKind.RESULT
            kept = await only(house, stations, id=station_id)
            first, second = await rows(house, attempts)
            assert (kept["is_online"], kept["connection_id"]) == (True, second["id"])
            assert first["close_code"] == 4001
            assert second["closed_at"] is None
    assert (await only(house, stations, id=station_id))["is_online"] is False
    ended = await rows(house, events, station_id=station_id, kind="StationDisconnected")
    assert [row["details"]["connection_id"] for row in ended] == [second["id"]]


async def test_a_command_that_was_sent_on_the_older_connection_ends_there_and_the_next_go_to_the_new_one(
    house: Running,
):
    station_id = await house.add_station("CS")
    async with line(house, "CS") as older:
        await older.boot()
        asking = [
            asyncio.create_task(house.link.call_raw(station_id, "Reset", b'{"type":"Soft"}', message_id=f"c{number}"))
            for number in range(3)
        ]
        assert (await older.hear())[1] == "c0"
        async with line(house, "CS") as newer:
            async with asyncio.timeout(5):
                assert (await asking[0]).kind is ReplyKind.OFFLINE
            for number in (1, 2):
                assert (await newer.hear())[1] == f"c{number}"
                await newer.say([3, f"c{number}", {"status": "Accepted"}])
                assert (await asking[number]).kind is ReplyKind.RESULT


async def test_a_command_is_not_carried_over_to_a_connection_of_another_version(house: Running):
    station_id = await house.add_station("CS")
    async with line(house, "CS") as older:
        await older.boot()
        asking = [
            asyncio.create_task(house.link.call_raw(station_id, "Reset", b'{"type":"Soft"}', message_id=f"c{number}"))
            for number in range(2)
        ]
        await older.hear()
        async with line(house, "CS", "2.0.1") as newer:
            assert [(await reply).kind for reply in asking] == [ReplyKind.OFFLINE] * 2
            assert (await newer.get("Heartbeat", {})).keys() == {"currentTime"}
    assert (await only(house, stations))["ocpp_version"] == "2.0.1"


async def test_a_reply_that_was_lost_with_its_connection_is_given_again_on_the_next(house: Running):
    station_id = await house.add_station("CS")
    async with line(house, "CS") as station:
        await station.boot()
        first = await station.ask("StartTransaction", START, message_id="s")
        station.socket.transport.abort()
    async with line(house, "CS") as station:
        assert await station.ask("StartTransaction", START, message_id="s") == first
        assert (await station.ask("StartTransaction", START, message_id="t"))[2] == first[2]
    assert len(await rows(house, transactions, station_id=station_id)) == 1
    assert len(await rows(house, events, kind="TransactionStarted")) == 1


async def test_stations_that_come_and_go_leave_nothing_behind_in_memory(house: Running):
    ids = [await house.add_station(f"CS-{number}") for number in range(5)]
    for number in range(5):
        async with line(house, f"CS-{number}") as older, line(house, f"CS-{number}") as newer:
            await older.hear_end()
            await newer.boot()
    await rows(house, stations)
    assert len(house.link) == 0
    assert not house.gateway._tasks
    assert not [id_ for id_ in ids if house.link.get(id_)]
    gc.collect()
    assert not house.link._lanes
