"""Whether a transaction still runs is asked of its station: by people, after a reconnection, and before it is closed."""

import asyncio
from typing import Any

import pytest

import ocpp_schemas
from ingufu.core.control import AskTransactionStatus, TransactionStatus
from ingufu.core.errors import StationUnsupported
from running import Running, StandingClock
from scenarios.line import Line, line
from scenarios.records import anomalies, only, rows, transactions

pytestmark = pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)

AT = "2026-03-01T12:00:00Z"
BOTH = pytest.mark.parametrize("version", ["2.0.1", "2.1"])


def event(kind: str, seq: int, **changes: Any) -> dict[str, Any]:
    return {
        "eventType": kind, "timestamp": AT, "triggerReason": "MeterValuePeriodic", "seqNo": seq,
        "transactionInfo": {"transactionId": "TX-1"}, "evse": {"id": 1},
    } | changes  # fmt: skip


async def answer(station: Line, said: dict[str, Any], *, transaction: str = "TX-1") -> None:
    _, message_id, action, payload = await station.hear()
    assert (action, payload) == ("GetTransactionStatus", {"transactionId": transaction})
    await station.say([3, message_id, said])


def greet(house: Running, station_id: str) -> asyncio.Task[None]:
    """Have done now what is done some seconds after a station came."""
    connection = house.link.get(station_id)
    assert connection is not None
    return asyncio.create_task(house.gateway.attendant.greet(connection))


@BOTH
@pytest.mark.parametrize("reference", ["TX-1", None])
async def test_it_is_asked_with_a_transaction_and_without(house: Running, version: str, reference: str | None):
    station_id = await house.add_station("CS")
    async with line(house, "CS", version) as station:
        await station.boot()
        asking = asyncio.create_task(house.link.call(station_id, AskTransactionStatus(reference=reference)))
        _, message_id, action, payload = await station.hear()
        assert payload == ({} if reference is None else {"transactionId": "TX-1"})
        assert ocpp_schemas.oracle(ocpp_schemas.message(version, action), payload) is None
        said = {"messagesInQueue": True} | ({} if reference is None else {"ongoingIndicator": True})
        await station.say([3, message_id, said])
        status = await asking
        assert isinstance(status, TransactionStatus)
        assert (status.is_ongoing, status.has_messages) == (None if reference is None else True, True)


async def test_a_station_of_16_cannot_be_asked(house: Running):
    station_id = await house.add_station("CS")
    async with line(house, "CS") as station:
        await station.boot()
        with pytest.raises(StationUnsupported):
            await house.link.call(station_id, AskTransactionStatus(reference="1"))


@BOTH
async def test_a_transaction_that_its_station_denies_twice_is_closed_at_what_was_told(
    house: Running, clock: StandingClock, version: str
):
    station_id = await house.add_station("CS")
    measured = {"meterValue": [{"timestamp": AT, "sampledValue": [{"value": 500, "context": "Transaction.Begin"}]}]}
    async with line(house, "CS", version) as station:
        await station.boot()
        await station.get("TransactionEvent", event("Started", 0, **measured))
        later = {"meterValue": [{"timestamp": "2026-03-01T12:00:00.5Z", "sampledValue": [{"value": 900}]}]}
        await station.get("TransactionEvent", event("Updated", 1, **later))
    clock.advance(600)
    async with line(house, "CS", version) as station:
        await station.boot()
        greeting = greet(house, station_id)
        await answer(station, {"ongoingIndicator": False, "messagesInQueue": False})
        await greeting
        assert (await only(house, transactions))["is_open"]
        clock.advance(301)
        looking = asyncio.create_task(house.gateway.attendant.look())
        await answer(station, {"ongoingIndicator": False, "messagesInQueue": False})
        await looking
        kept = await only(house, transactions)
        assert (kept["is_open"], kept["is_estimated"], kept["energy_wh"]) == (False, True, 400)
        assert (await only(house, anomalies))["kind"] == "lost-end"
        ended = event("Ended", 2, timestamp="2026-03-01T12:05:00Z", meterValue=[
            {"timestamp": "2026-03-01T12:05:00Z", "sampledValue": [{"value": 1200, "context": "Transaction.End"}]}
        ])  # fmt: skip
        await station.get("TransactionEvent", ended)  # the truth comes after all, and counts
    kept = await only(house, transactions)
    assert (kept["is_estimated"], kept["energy_wh"]) == (False, 700)


@BOTH
@pytest.mark.parametrize(
    "said",
    [
        {"ongoingIndicator": True, "messagesInQueue": False},
        {"ongoingIndicator": False, "messagesInQueue": True},
        {"messagesInQueue": False},
    ],
)
async def test_a_transaction_that_runs_or_has_more_to_tell_stays_open(
    house: Running, clock: StandingClock, version: str, said: dict[str, Any]
):
    station_id = await house.add_station("CS")
    async with line(house, "CS", version) as station:
        await station.boot()
        await station.get("TransactionEvent", event("Started", 0))
    clock.advance(600)
    async with line(house, "CS", version) as station:
        await station.boot()
        greeting = greet(house, station_id)
        await answer(station, said)
        await greeting
        clock.advance(301)
        await house.gateway.attendant.look()
        await station.get("Heartbeat", {})
    assert (await only(house, transactions))["is_open"]


async def test_a_transaction_that_is_silent_for_hours_is_asked_about_and_closed_if_it_is_over(
    house: Running, clock: StandingClock
):
    await house.add_station("CS")
    async with line(house, "CS", "2.0.1") as station:
        await station.boot()
        await station.get("TransactionEvent", event("Started", 0))
        await house.gateway.attendant.look_at_silent()
        clock.advance(6 * 3600 + 1)
        looking = asyncio.create_task(house.gateway.attendant.look_at_silent())
        await answer(station, {"ongoingIndicator": False, "messagesInQueue": False})
        await looking
        await house.gateway.attendant.look_at_silent()  # it was just asked
        clock.advance(301)
        looking = asyncio.create_task(house.gateway.attendant.look())
        await answer(station, {"ongoingIndicator": False, "messagesInQueue": False})
        await looking
    kept = await only(house, transactions)
    assert (kept["is_open"], kept["is_estimated"]) == (False, True)


async def test_a_transaction_that_was_told_of_since_is_not_asked_about(house: Running, clock: StandingClock):
    station_id = await house.add_station("CS")
    async with line(house, "CS", "2.0.1") as station:
        await station.boot()
        await station.get("TransactionEvent", event("Started", 0))
    clock.advance(600)
    async with line(house, "CS", "2.0.1") as station:
        await station.boot()
        clock.advance(1)
        await station.get("TransactionEvent", event("Updated", 1))
        await greet(house, station_id)
        await station.get("Heartbeat", {})
    assert len(await rows(house, transactions)) == 1


START = {"connectorId": 1, "idTag": "A", "meterStart": 500, "timestamp": AT}


def free(connector: int = 1, status: str = "Available") -> dict[str, Any]:
    return {"connectorId": connector, "errorCode": "NoError", "status": status}


async def test_a_transaction_of_16_whose_end_was_lost_is_closed_when_its_station_started_anew_and_is_free(
    house: Running, clock: StandingClock
):
    await house.add_station("CS")
    async with line(house, "CS") as station:
        await station.boot()
        number = (await station.get("StartTransaction", START))["transactionId"]
        read = {"timestamp": "2026-03-01T12:00:01Z", "sampledValue": [{"value": "900"}]}
        await station.get("MeterValues", {"connectorId": 1, "transactionId": number, "meterValue": [read]})
    clock.advance(600)
    async with line(house, "CS") as station:
        await station.boot()
        await station.get("StatusNotification", free(0))
        await station.get("StatusNotification", free())
        await house.gateway.attendant.look_at_silent()
        assert (await only(house, transactions))["is_open"], "it may have kept the end, and tell it soon"
        clock.advance(901)
        await house.gateway.attendant.look_at_silent()
        kept = await only(house, transactions)
        assert (kept["is_open"], kept["is_estimated"], kept["energy_wh"]) == (False, True, 400)
        assert "lost-end" in [one["kind"] for one in await rows(house, anomalies)]
        stop = {"transactionId": number, "meterStop": 1500, "timestamp": "2026-03-01T12:08:00Z"}
        await station.get("StopTransaction", stop)  # the truth comes after all, and counts
    kept = await only(house, transactions)
    assert (kept["is_estimated"], kept["energy_wh"], kept["end_wh"]) == (False, 1000, 1500)


@pytest.mark.parametrize("status", ["Charging", "SuspendedEV", "Preparing", "Finishing", "Faulted", None])
async def test_a_transaction_of_16_stays_open_while_its_place_is_not_free(
    house: Running, clock: StandingClock, status: str | None
):
    await house.add_station("CS")
    async with line(house, "CS") as station:
        await station.boot()
        await station.get("StatusNotification", free())
        clock.advance(1)
        await station.get("StartTransaction", START)
    clock.advance(600)
    async with line(house, "CS") as station:
        await station.boot()
        await station.get("StatusNotification", free(2))
        if status is not None:
            await station.get("StatusNotification", free())
            await station.get("StatusNotification", free(status=status))
        clock.advance(7 * 3600)
        await house.gateway.attendant.look_at_silent()
    assert (await only(house, transactions))["is_open"]


async def test_a_transaction_of_16_that_is_told_of_after_the_start_stays_open(house: Running, clock: StandingClock):
    await house.add_station("CS")
    async with line(house, "CS") as station:
        await station.boot()
        number = (await station.get("StartTransaction", START))["transactionId"]
    clock.advance(600)
    async with line(house, "CS") as station:
        await station.boot()
        await station.get("StatusNotification", free())
        clock.advance(1)
        at = "2026-03-01T12:10:01Z"
        read = {"timestamp": at, "sampledValue": [{"value": "900"}]}
        await station.get("MeterValues", {"connectorId": 1, "transactionId": number, "meterValue": [read]})
        clock.advance(3600)
        await house.gateway.attendant.look_at_silent()
    assert (await only(house, transactions))["is_open"]


async def test_a_transaction_of_16_is_closed_when_its_place_is_free_and_nothing_is_heard_of_it_for_hours(
    house: Running, clock: StandingClock
):
    await house.add_station("CS")
    async with line(house, "CS") as station:
        await station.boot()
        await station.get("StartTransaction", START)
        clock.advance(600)
        await station.get("StatusNotification", free(status="Finishing"))
        clock.advance(1)
        await station.get("StatusNotification", free())
        clock.advance(5 * 3600)
        await house.gateway.attendant.look_at_silent()
        assert (await only(house, transactions))["is_open"]
        clock.advance(3601)
        await house.gateway.attendant.look_at_silent()
    kept = await only(house, transactions)
    assert (kept["is_open"], kept["is_estimated"]) == (False, True)


async def test_a_station_that_can_be_asked_is_asked_first(house: Running, clock: StandingClock):
    await house.add_station("CS")
    async with line(house, "CS", "2.0.1") as station:
        await station.boot()
        await station.get("TransactionEvent", event("Started", 0))
    clock.advance(600)
    async with line(house, "CS", "2.0.1") as station:
        await station.boot()
        told = {"timestamp": AT, "connectorStatus": "Available", "evseId": 1, "connectorId": 1}
        await station.get("StatusNotification", told)
        clock.advance(1000)
        await house.gateway.attendant.look_at_silent()
    assert (await only(house, transactions))["is_open"]
