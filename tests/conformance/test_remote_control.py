"""Remote control: starts, unlocking, and messages that are asked for."""

from typing import Any

from conformance.bench import Bench
from conformance.cases import case
from conformance.counterpart import Counterpart, Refusal
from conformance.transacting import CARD, Session

TWO = ("2.0.1", "2.1")


async def ask_start(bench: Bench, station: Counterpart, **answer: Any) -> dict[str, Any]:
    """Start at EVSE 1 for the card, and return what was sent; every field of it is as it must be."""
    station.answer("RequestStartTransaction", {"status": "Accepted"} | answer)
    told = await bench.post("/stations/CS/start", {"token": CARD, "evse": 1})
    assert told["is_accepted"]
    (sent,) = station.payloads("RequestStartTransaction")
    assert sent["idToken"] == {"idToken": CARD, "type": "ISO14443"}
    assert (sent["evseId"], sent["remoteStartId"]) == (1, told["remote_start_id"])
    assert "chargingProfile" not in sent
    return sent


async def awaited(bench: Bench) -> tuple[str, str | None]:
    """Return what came of the remote start: its state, and its transaction."""
    (found,) = (await bench.get("/stations/CS/starts"))["items"]
    return found["state"], found["transaction_id"]


async def prepare(bench: Bench) -> None:
    await bench.add_station()
    await bench.token(CARD)


@case("TC_F_01", "A remote start when the cable is in: the running transaction becomes the one asked for", *TWO)
async def test_tc_f_01_cable_first(bench: Bench):
    await prepare(bench)
    async with bench.connected() as station:
        session = Session(station)
        await station.report("Occupied")
        await session.tell("Started", "CablePluggedIn", "EVConnected", has_evse=True, context="Transaction.Begin")
        sent = await ask_start(bench, station, transactionId=session.name)
        about = {"remoteStartId": sent["remoteStartId"]}
        said = await session.update("RemoteStart", "EVConnected", token=CARD, info=about)
        assert said["idTokenInfo"]["status"] == "Accepted"
        await session.update("ChargingStateChanged", "Charging")
    kept = await bench.transaction()
    assert (kept["state"], kept["token_value"], kept["remote_start_id"]) == ("Charging", CARD, about["remoteStartId"])
    assert await awaited(bench) == ("started", kept["id"])


async def remote_first(bench: Bench, *, asks: bool) -> None:
    await prepare(bench)
    async with bench.connected() as station:
        sent = await ask_start(bench, station)
        if asks:
            assert (await station.authorize(CARD))["status"] == "Accepted"
        session = Session(station)
        about = {"remoteStartId": sent["remoteStartId"]}
        said = await session.tell("Started", "RemoteStart", "Idle", token=CARD, has_evse=True, info=about)
        assert said["idTokenInfo"]["status"] == "Accepted"
        await station.report("Occupied")
        await session.update("CablePluggedIn", "EVConnected")
        await session.update("ChargingStateChanged", "Charging")
    kept = await bench.transaction()
    assert await awaited(bench) == ("started", kept["id"])


@case("TC_F_02", "A remote start before the cable; the station asks about the token first", *TWO)
async def test_tc_f_02_remote_first_and_authorized(bench: Bench):
    await remote_first(bench, asks=True)


@case("TC_F_03", "A remote start before the cable; the station does not ask about the token", *TWO)
async def test_tc_f_03_remote_first(bench: Bench):
    await remote_first(bench, asks=False)


@case("TC_F_04", "A remote start, and no cable in time: the transaction that began ends by itself", *TWO)
async def test_tc_f_04_no_cable(bench: Bench):
    await prepare(bench)
    async with bench.connected() as station:
        sent = await ask_start(bench, station)
        session = Session(station)
        about = {"remoteStartId": sent["remoteStartId"]}
        await session.tell(
            "Started", "RemoteStart", "Idle", token=CARD, has_evse=True, info=about, context="Transaction.Begin"
        )
        await session.end("EVConnectTimeout", "Timeout", "Idle")
    kept = await bench.transaction()
    assert (kept["is_open"], kept["stop_reason"]) == (False, "Timeout")


@case("TC_F_06", "A connector is unlocked while nothing charges", *TWO)
async def test_tc_f_06_unlock(bench: Bench):
    await bench.add_station()
    async with bench.connected() as station:
        told = await bench.post("/stations/CS/unlock", {"evse": 1, "connector": 1})
        assert (told["status"], told["is_accepted"]) == ("Unlocked", True)
        assert station.payloads("UnlockConnector") == [{"evseId": 1, "connectorId": 1}]


async def ask_for(bench: Bench, station: Counterpart, what: str, message: str, evse: dict[str, int] | None) -> None:
    """Ask for a message; the EVSE is in what is sent exactly if it was given."""
    asked = {"trigger": what} | ({} if evse is None else {"evse": evse["id"]})
    if evse is not None and "connectorId" in evse:
        asked["connector"] = evse["connectorId"]
    told = await bench.post("/stations/CS/trigger", asked)
    assert told["is_accepted"]
    sent = {"requestedMessage": message} | ({} if evse is None else {"evse": evse})
    assert station.payloads("TriggerMessage") == [sent]


async def measure(station: Counterpart, evse: int) -> None:
    values = [{"timestamp": station.time, "sampledValue": [{"value": 1000, "context": "Trigger"}]}]
    assert await station.get("MeterValues", {"evseId": evse, "meterValue": values}) == {}


@case("TC_F_11", "Meter values of one EVSE are asked for", *TWO)
async def test_tc_f_11_meter_values_of_one(bench: Bench):
    await bench.add_station()
    async with bench.connected() as station:
        await ask_for(bench, station, "meter-values", "MeterValues", {"id": 1})
        await measure(station, 1)
    assert len((await bench.get("/stations/CS/readings"))["items"]) == 1


@case("TC_F_12", "Meter values of all EVSEs are asked for", *TWO)
async def test_tc_f_12_meter_values_of_all(bench: Bench):
    await bench.add_station()
    async with bench.connected() as station:
        await ask_for(bench, station, "meter-values", "MeterValues", None)
        for evse in (1, 2):
            await measure(station, evse)
    assert len((await bench.get("/stations/CS/readings"))["items"]) == 2


@case("TC_F_13", "The transaction of one EVSE is asked for", *TWO)
async def test_tc_f_13_transaction_of_one(bench: Bench):
    await prepare(bench)
    async with bench.connected() as station:
        session = Session(station)
        await session.start()
        await ask_for(bench, station, "transaction", "TransactionEvent", {"id": 1})
        assert await session.update("Trigger", "Charging", context="Trigger") == {}
    assert (await bench.transaction())["seq_count"] == 3


@case("TC_F_14", "The transactions of all EVSEs are asked for", *TWO)
async def test_tc_f_14_transactions_of_all(bench: Bench):
    await prepare(bench)
    await bench.token("OTHER")
    async with bench.connected() as station:
        sessions = [Session(station, "TX-1", 1), Session(station, "TX-2", 2)]
        for session, token in zip(sessions, (CARD, "OTHER"), strict=True):
            await session.start(token)
        await ask_for(bench, station, "transaction", "TransactionEvent", None)
        for session in sessions:
            assert await session.update("Trigger", "Charging", context="Trigger") == {}
    assert [one["seq_count"] for one in await bench.transactions()] == [3, 3]


@case("TC_F_15", "The state of an upload of logs is asked for", *TWO)
async def test_tc_f_15_log_status(bench: Bench):
    await bench.add_station()
    async with bench.connected() as station:
        await ask_for(bench, station, "log-status", "LogStatusNotification", None)
        assert await station.get("LogStatusNotification", {"status": "Idle"}) == {}


@case("TC_F_18", "The state of an update of the firmware is asked for", *TWO)
async def test_tc_f_18_firmware_status(bench: Bench):
    await bench.add_station()
    async with bench.connected() as station:
        await ask_for(bench, station, "firmware-status", "FirmwareStatusNotification", None)
        assert await station.get("FirmwareStatusNotification", {"status": "Idle"}) == {}


@case("TC_F_20", "A heartbeat is asked for", *TWO)
async def test_tc_f_20_heartbeat(bench: Bench):
    await bench.add_station()
    async with bench.connected() as station:
        await ask_for(bench, station, "heartbeat", "Heartbeat", None)
        assert await station.get("Heartbeat")


async def ask_status(bench: Bench, status: str) -> None:
    await bench.add_station()
    async with bench.connected() as station:
        await ask_for(bench, station, "status", "StatusNotification", {"id": 1, "connectorId": 1})
        await station.report(status)
    assert await bench.status() == status


@case("TC_F_23", "The status of a connector is asked for: available", *TWO)
async def test_tc_f_23_available(bench: Bench):
    await ask_status(bench, "Available")


@case("TC_F_24", "The status of a connector is asked for: occupied", *TWO)
async def test_tc_f_24_occupied(bench: Bench):
    await ask_status(bench, "Occupied")


@case("TC_F_27", "A station that cannot send what is asked for says NotImplemented, and is shown so", *TWO)
async def test_tc_f_27_not_implemented(bench: Bench):
    await bench.add_station()
    async with bench.connected() as station:
        station.answer("TriggerMessage", {"status": "NotImplemented"})
        told = await bench.post("/stations/CS/trigger", {"trigger": "log-status"})
        assert (told["status"], told["is_accepted"]) == ("NotImplemented", False)
        station.answer("TriggerMessage", Refusal("NotImplemented"))
        told = await bench.post("/stations/CS/trigger", {"trigger": "log-status"}, expects=422)
        assert "NotImplemented" in told["detail"]
        assert await station.get("Heartbeat")


@case("TC_F_100", "A message of the vendor's own is asked for", "2.1")
async def test_tc_f_100_custom(bench: Bench):
    await bench.add_station()
    async with bench.connected() as station:
        told = await bench.post("/stations/CS/trigger", {"trigger": "custom", "custom": "LampState"})
        assert told["is_accepted"]
        sent = {"requestedMessage": "CustomTrigger", "customTrigger": "LampState"}
        assert station.payloads("TriggerMessage") == [sent]


@case("TC_017_1", "A connector is unlocked while nothing charges", "1.6")
async def test_tc_017_1_unlock(bench: Bench):
    await unlock(bench, "Unlocked")


@case("TC_017_2", "A station with a fixed cable unlocks nothing, and is shown so", "1.6")
async def test_tc_017_2_fixed_cable(bench: Bench):
    await unlock(bench, "NotSupported")


@case("TC_030", "A connector that does not unlock is shown so", "1.6")
async def test_tc_030_unlock_fails(bench: Bench):
    await unlock(bench, "UnlockFailed")


@case("TC_031", "A connector that the station does not have is asked for all the same, and told so", "1.6")
async def test_tc_031_unknown_connector(bench: Bench):
    await unlock(bench, "NotSupported", connector=99)


async def unlock(bench: Bench, answer: str, connector: int = 1) -> None:
    await bench.add_station()
    async with bench.connected() as station:
        station.answer("UnlockConnector", {"status": answer})
        told = await bench.post("/stations/CS/unlock", {"evse": connector})
        assert (told["status"], told["is_accepted"]) == (answer, answer == "Unlocked")
        assert station.payloads("UnlockConnector") == [{"connectorId": connector}]


@case("TC_054", "Each message that can be asked for, with a connector and without", "1.6")
async def test_tc_054_triggers(bench: Bench):
    await bench.add_station()
    asked = [
        ("meter-values", "MeterValues", 1), ("heartbeat", "Heartbeat", None), ("status", "StatusNotification", 1),
        ("diagnostics-status", "DiagnosticsStatusNotification", None), ("boot", "BootNotification", None),
        ("firmware-status", "FirmwareStatusNotification", None), ("status", "StatusNotification", None),
    ]  # fmt: skip
    async with bench.connected() as station:
        for what, message, connector in asked:
            told = await bench.post(
                "/stations/CS/trigger", {"trigger": what} | ({} if connector is None else {"evse": connector})
            )
            assert told["is_accepted"]
            sent = {"requestedMessage": message} | ({} if connector is None else {"connectorId": connector})
            assert station.payloads("TriggerMessage")[-1] == sent
        values = [{"timestamp": station.time, "sampledValue": [{"value": "1000", "context": "Trigger"}]}]
        assert await station.get("MeterValues", {"connectorId": 1, "meterValue": values}) == {}
        assert await station.get("Heartbeat")
        await station.report("Available")
        assert await station.get("DiagnosticsStatusNotification", {"status": "Idle"}) == {}
        assert await station.get("FirmwareStatusNotification", {"status": "Idle"}) == {}


@case("TC_055", "A message that the station does not send is told so", "1.6")
async def test_tc_055_trigger_is_rejected(bench: Bench):
    await bench.add_station()
    async with bench.connected() as station:
        station.answer("TriggerMessage", {"status": "Rejected"})
        told = await bench.post("/stations/CS/trigger", {"trigger": "meter-values", "evse": 99})
        assert (told["status"], told["is_accepted"]) == ("Rejected", False)
        assert station.payloads("TriggerMessage") == [{"requestedMessage": "MeterValues", "connectorId": 99}]
