"""Periodic event streams of 2.1: opened, filled by messages that nobody answers, adjusted and closed."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select

import ocpp_schemas
from ingufu.stations.streams.model import Stream, StreamState
from ingufu.stations.streams.tables import values
from running import Running
from scenarios.line import Line, line
from scenarios.records import kinds

pytestmark = pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)

PATIENCE_S = 20.0


def opening(number: int, monitor: int = 7, **params: int) -> dict[str, Any]:
    return {"constantStreamData": {"id": number, "params": params, "variableMonitoringId": monitor}}


def sending(number: int, *data: tuple[float, str], pending: int = 0) -> list[Any]:
    payload = {
        "id": number, "pending": pending, "basetime": "2026-03-01T11:59:00Z",
        "data": [{"t": offset, "v": value} for offset, value in data],
    }  # fmt: skip
    return [6, f"s{number}-{len(data)}", "NotifyPeriodicEventStream", payload]


async def streams(house: Running, station_id: str, count: int = 1) -> list[Stream]:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            found = await house.services.stations.streams.of(station_id)
            if len(found) >= count:
                return found
            await asyncio.sleep(0.01)


async def heartbeat(station: Line) -> None:
    """What was said before this is handled when it is answered."""
    await station.get("Heartbeat", {})


async def test_values_are_kept_at_their_times_and_never_answered(house: Running):
    station_id = await house.add_station("CS")
    async with line(house, "CS", "2.1") as station:
        await station.boot()
        assert await station.get("OpenPeriodicEventStream", opening(3, interval=5, values=2)) == {"status": "Accepted"}
        await station.say(sending(3, (0.5, "11.2"), (5.25, "11.4")))
        await station.say(sending(3, (10.5, "11.5")))
        await heartbeat(station)
    (stream,) = await streams(house, station_id)
    assert (stream.monitor, stream.interval_s, stream.batch, stream.value_count) == (7, 5, 2, 3)
    assert (stream.last_value, stream.last_at) == ("11.5", datetime(2026, 3, 1, 11, 59, 10, 500_000, tzinfo=UTC))
    rows = await house.services.database.select(select(values.c.at, values.c.value).order_by(values.c.at))
    assert [(row["at"].second, row["at"].microsecond, row["value"]) for row in rows] == [
        (0, 500_000, "11.2"),
        (5, 250_000, "11.4"),
        (10, 500_000, "11.5"),
    ]
    assert "StreamOpened" in await kinds(house, station_id)


async def test_the_variable_of_a_stream_is_learnt_from_an_event_of_its_monitor(house: Running):
    station_id = await house.add_station("CS")
    async with line(house, "CS", "2.1") as station:
        await station.boot()
        await station.get("OpenPeriodicEventStream", opening(3, interval=5))
        event = {
            "eventId": 1, "timestamp": "2026-03-01T12:00:00Z", "trigger": "Periodic", "actualValue": "11.2",
            "component": {"name": "EVSE"}, "variable": {"name": "Power"}, "variableMonitoringId": 7,
            "eventNotificationType": "CustomMonitor",
        }  # fmt: skip
        said = {"generatedAt": "2026-03-01T12:00:00Z", "seqNo": 0, "eventData": [event]}
        assert await station.get("NotifyEvent", said) == {}
    (stream,) = await streams(house, station_id)
    assert (stream.component, stream.variable) == ("EVSE", "Power")


async def test_a_closed_stream_is_closed_and_one_nobody_knows_too(house: Running):
    station_id = await house.add_station("CS")
    async with line(house, "CS", "2.1") as station:
        await station.boot()
        await station.get("OpenPeriodicEventStream", opening(3, interval=5))
        assert await station.get("ClosePeriodicEventStream", {"id": 3}) == {}
        assert await station.get("ClosePeriodicEventStream", {"id": 99}) == {}
    (stream,) = await streams(house, station_id)
    assert stream.state is StreamState.CLOSED


async def test_a_station_is_asked_once_for_its_streams_when_one_is_unknown(house: Running):
    station_id = await house.add_station("CS")
    async with line(house, "CS", "2.1") as station:
        await station.boot()
        await station.say(sending(9, (0, "230")))
        kind, message_id, action, payload = await station.hear()
        assert (kind, action, payload) == (2, "GetPeriodicEventStream", {})
        assert ocpp_schemas.oracle(ocpp_schemas.message("2.1", action), payload) is None
        (unknown,) = await streams(house, station_id)
        assert (unknown.state, unknown.value_count) == (StreamState.UNKNOWN, 1)
        told = {"constantStreamData": [{"id": 9, "params": {"interval": 60}, "variableMonitoringId": 12}]}
        await station.say([3, message_id, told])
        async with asyncio.timeout(PATIENCE_S):
            while (await streams(house, station_id))[0].state is not StreamState.OPEN:
                await asyncio.sleep(0.01)
        await station.say(sending(10, (0, "1")))
        await heartbeat(station)  # and no second request comes before its answer
    known = {stream.number: stream for stream in await streams(house, station_id, 2)}
    assert (known[9].monitor, known[9].interval_s, known[10].state) == (12, 60, StreamState.UNKNOWN)


async def test_a_station_that_falls_behind_is_told_to_send_more_at_once(house: Running):
    station_id = await house.add_station("CS")
    async with line(house, "CS", "2.1") as station:
        await station.boot()
        await station.get("OpenPeriodicEventStream", opening(3, interval=1, values=5))
        await station.say(sending(3, (0, "1"), pending=40))
        _, message_id, action, payload = await station.hear()
        assert (action, payload) == ("AdjustPeriodicEventStream", {"id": 3, "params": {"values": 40}})
        assert ocpp_schemas.oracle(ocpp_schemas.message("2.1", action), payload) is None
        await station.say([3, message_id, {"status": "Accepted"}])
        async with asyncio.timeout(PATIENCE_S):
            while (await streams(house, station_id))[0].batch != 40:
                await asyncio.sleep(0.01)


@pytest.mark.parametrize("offset", [1e300, -1e300, 1e12])
async def test_an_impossible_offset_makes_a_value_as_old_as_its_message(house: Running, offset: float):
    station_id = await house.add_station("CS")
    async with line(house, "CS", "2.1") as station:
        await station.boot()
        await station.get("OpenPeriodicEventStream", opening(3, interval=1))
        await station.say(sending(3, (offset, "1")))
        await heartbeat(station)
    (stream,) = await streams(house, station_id)
    assert stream.last_at == datetime(2026, 3, 1, 12, tzinfo=UTC)


async def test_a_station_of_201_knows_no_streams(house: Running):
    await house.add_station("CS")
    async with line(house, "CS", "2.0.1") as station:
        await station.boot()
        answer = await station.ask("OpenPeriodicEventStream", opening(3))
        assert (answer[0], answer[2]) == (4, "NotImplemented")
