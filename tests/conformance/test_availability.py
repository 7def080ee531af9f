"""Availability: what stations report, and what is taken into and out of service."""

from typing import Any

from conformance.bench import Bench
from conformance.cases import case
from conformance.transacting import CARD, Session

TWO = ("2.0.1", "2.1")
WHOLE: dict[str, int] = {}
EVSE = {"id": 1}
CONNECTOR = {"id": 1, "connectorId": 1}


def body(place: dict[str, int], *, is_operative: bool) -> dict[str, Any]:
    """Return what a person asks of the API for a place as OCPP writes it."""
    asked: dict[str, Any] = {"availability": "operative" if is_operative else "inoperative"}
    names = {"id": "evse", "connectorId": "connector"}
    return asked | {names[key]: value for key, value in place.items()}


def sent(place: dict[str, int], *, is_operative: bool) -> dict[str, Any]:
    """Return what the station is to hear: the EVSE and the connector only where they were given."""
    told = {"operationalStatus": "Operative" if is_operative else "Inoperative"}
    return told | ({"evse": place} if place else {})


async def change(bench: Bench, place: dict[str, int], *, is_operative: bool) -> None:
    """Change a place of a station that follows at once and reports it."""
    await bench.add_station()
    before, after = ("Unavailable", "Available") if is_operative else ("Available", "Unavailable")
    async with bench.connected() as station:
        await station.report(before)
        told = await bench.post("/stations/CS/availability", body(place, is_operative=is_operative))
        assert (told["status"], told["is_accepted"]) == ("Accepted", True)
        assert station.payloads("ChangeAvailability") == [sent(place, is_operative=is_operative)]
        await station.report(after)
    assert await bench.status() == after
    (wish,) = await bench.get("/stations/CS/availability")
    assert wish["is_operative"] is is_operative


async def schedule(bench: Bench, place: dict[str, int]) -> None:
    """Take a place out of service while it charges: it follows when the transaction is over."""
    await bench.add_station()
    await bench.token(CARD)
    async with bench.connected() as station:
        session = Session(station)
        await station.report("Occupied")
        await session.start()
        station.answer("ChangeAvailability", {"status": "Scheduled"})
        told = await bench.post("/stations/CS/availability", body(place, is_operative=False))
        assert (told["status"], told["is_accepted"]) == ("Scheduled", True)
        assert station.payloads("ChangeAvailability") == [sent(place, is_operative=False)]
        (wish,) = await bench.get("/stations/CS/availability")
        assert wish["state"] == "scheduled"
        assert (await bench.transaction())["is_open"]
        await session.end("StopAuthorized", "Local", token=CARD)
        await station.report("Unavailable")
    assert await bench.status() == "Unavailable"
    assert not (await bench.transaction())["is_open"]


@case("TC_G_01", "A connector is reported available, then occupied", *TWO)
async def test_tc_g_01_status(bench: Bench):
    await bench.add_station()
    async with bench.connected() as station:
        for status in ("Available", "Occupied"):
            await station.report(status)
            assert await bench.status() == status


@case("TC_G_03", "An EVSE is taken out of service: no connector is named", *TWO)
async def test_tc_g_03_evse_out(bench: Bench):
    await change(bench, EVSE, is_operative=False)


@case("TC_G_04", "An EVSE is taken into service: no connector is named", *TWO)
async def test_tc_g_04_evse_in(bench: Bench):
    await change(bench, EVSE, is_operative=True)


@case("TC_G_05", "A station is taken out of service: no EVSE is named", *TWO)
async def test_tc_g_05_station_out(bench: Bench):
    await change(bench, WHOLE, is_operative=False)


@case("TC_G_06", "A station is taken into service: no EVSE is named", *TWO)
async def test_tc_g_06_station_in(bench: Bench):
    await change(bench, WHOLE, is_operative=True)


@case("TC_G_07", "A connector is taken out of service", *TWO)
async def test_tc_g_07_connector_out(bench: Bench):
    await change(bench, CONNECTOR, is_operative=False)


@case("TC_G_08", "A connector is taken into service", *TWO)
async def test_tc_g_08_connector_in(bench: Bench):
    await change(bench, CONNECTOR, is_operative=True)


@case("TC_G_11", "An EVSE that charges is out of service when it has ended", *TWO)
async def test_tc_g_11_evse_that_charges(bench: Bench):
    await schedule(bench, EVSE)


@case("TC_G_14", "A station that charges is out of service when it has ended", *TWO)
async def test_tc_g_14_station_that_charges(bench: Bench):
    await schedule(bench, WHOLE)


@case("TC_G_17", "A connector that charges is out of service when it has ended", *TWO)
async def test_tc_g_17_connector_that_charges(bench: Bench):
    await schedule(bench, CONNECTOR)


@case("TC_G_20", "The lock of a connector fails: the event is taken, and shown", *TWO)
async def test_tc_g_20_lock_failure(bench: Bench):
    await bench.add_station()
    async with bench.connected() as station:
        event = {
            "eventId": 1, "timestamp": station.time, "trigger": "Alerting", "actualValue": "true",
            "eventNotificationType": "HardWiredNotification", "variable": {"name": "Problem"},
            "component": {"name": "ConnectorPlugRetentionLock", "evse": CONNECTOR},
        }  # fmt: skip
        said = {"generatedAt": station.time, "seqNo": 0, "eventData": [event]}
        assert await station.get("NotifyEvent", said) == {}
        assert await station.get("Heartbeat")
    told = (await bench.get("/events?station=CS"))["items"]
    assert "ConnectorPlugRetentionLock" in str(told)
