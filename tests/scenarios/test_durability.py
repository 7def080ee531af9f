"""The reply is a receipt: nothing is acknowledged before it is on disk, whatever storage does."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ingufu.app.settings import OcppSettings
from ingufu.core.clock import Clock
from ingufu.core.errors import Unavailable
from ingufu.core.ids import IdMaker
from ingufu.infra.storage.database import Database
from ingufu.infra.storage.opening import open_database
from ingufu.infra.storage.targets import StorageUrl
from running import Running, running_gateway
from scenarios.door import basic, knock
from scenarios.gated import GatedEngine
from scenarios.line import BOOTS, line
from scenarios.records import events, only, readings, rows, stations, transaction_events, transactions

START = {"connectorId": 1, "idTag": "A", "meterStart": 1000, "timestamp": "2026-03-01T12:00:00Z"}
VALUES = {
    "connectorId": 1, "meterValue": [{"timestamp": "2026-03-01T12:00:00Z", "sampledValue": [{"value": "1000"}]}]
}  # fmt: skip
STATUS = {"connectorId": 1, "errorCode": "NoError", "status": "Charging"}
EVENT: dict[str, Any] = {
    "eventType": "Started", "timestamp": "2026-03-01T12:00:00Z", "triggerReason": "Authorized", "seqNo": 0,
    "transactionInfo": {"transactionId": "TX-1"}, "evse": {"id": 1},
}  # fmt: skip


@pytest.fixture
async def engine(storage_url: StorageUrl) -> AsyncIterator[GatedEngine]:
    database = await open_database(storage_url)
    yield GatedEngine(database.engine)
    await database.engine.close()


@pytest.fixture
async def house(engine: GatedEngine, clock: Clock, ids: IdMaker) -> AsyncIterator[Running]:
    database = Database(engine)
    ocpp = OcppSettings(drain_s=0.0, messages_per_s=100_000.0)
    async with running_gateway(database, clock, ids, ocpp=ocpp) as running:
        yield running
        engine.refusal = engine.read_failure = None
        engine.gate.set()
    await database.writer.close()


async def test_no_reply_leaves_before_its_commit(house: Running, engine: GatedEngine):
    await house.add_station("ONE")
    await house.add_station("OTHER")
    async with line(house, "ONE") as one, line(house, "OTHER") as other:
        await one.boot()
        await other.boot()
        engine.shut()
        await one.say([2, "start", "StartTransaction", START])
        await engine.arrived.wait()
        assert house.gateway.counters is not None
        sent = house.gateway.counters.messages_sent
        for _ in range(5):  # what needs no storage is answered meanwhile, of others
            await other.get("Heartbeat", {})
        assert house.gateway.counters.messages_sent == sent + 5
        engine.gate.set()
        answer = await one.hear()
        assert answer[:2] == [3, "start"]
    assert (await only(house, transactions))["number"] == answer[2]["transactionId"]


@pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)
async def test_without_storage_money_stays_with_the_station_and_everything_else_hears_of_it(
    house: Running, engine: GatedEngine
):
    station_id = await house.add_station("CS")
    async with line(house, "CS") as station:
        await station.boot()
        await rows(house, stations)
        engine.refusal = Unavailable("The disk is full.")
        for action, payload in (
            ("StatusNotification", STATUS),
            ("Authorize", {"idTag": "A"}),
            ("BootNotification", BOOTS["1.6"]),
            ("FirmwareStatusNotification", {"status": "Idle"}),
        ):
            answer = await station.ask(action, payload)
            assert answer[2:4] == ["InternalError", "Something failed here; nothing was changed."]
        assert (await station.get("Heartbeat", {})).keys() == {"currentTime"}
        await station.say([2, "start", "StartTransaction", START])
        await station.say(
            [2, "stop", "StopTransaction", {"transactionId": 1, "meterStop": 1, "timestamp": START["timestamp"]}]
        )
        await station.say([2, "values", "MeterValues", VALUES])
        assert (await station.get("Heartbeat", {})).keys() == {"currentTime"}  # nothing before it: silence
        engine.refusal = None
        again = await station.ask("StartTransaction", START, message_id="start")
        assert again[0] == 3
        assert await station.get("StatusNotification", STATUS) == {}
    assert len(await rows(house, transactions, station_id=station_id)) == 1
    assert not await rows(house, readings)


@pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
async def test_without_storage_a_transaction_event_is_left_unanswered(
    house: Running, engine: GatedEngine, version: str
):
    await house.add_station("CS")
    async with line(house, "CS", version) as station:
        await station.boot()
        engine.refusal = Unavailable("The disk is full.")
        await station.say([2, "event", "TransactionEvent", EVENT])
        assert (await station.get("Heartbeat", {})).keys() == {"currentTime"}
        engine.refusal = None
        assert (await station.ask("TransactionEvent", EVENT, message_id="event"))[:2] == [3, "event"]
    assert len(await rows(house, transaction_events)) == 1


@pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("failing", "invented"), [("refusal", None), ("read_failure", 700123)])
async def test_a_stop_that_could_not_be_stored_ends_its_own_where_the_station_may_invent_numbers(
    house: Running, engine: GatedEngine, failing: str, invented: int | None
):
    await house.add_station("CS")
    async with line(house, "CS") as station:
        await station.get("BootNotification", BOOTS["1.6"] | {"chargePointVendor": "Etrel"})
    async with line(house, "CS") as station:
        one, other = [
            (await station.get("StartTransaction", START | {"connectorId": connector}))["transactionId"]
            for connector in (1, 2)
        ]
        stop = {"transactionId": one, "meterStop": 3000, "timestamp": START["timestamp"]}
        setattr(engine, failing, Unavailable("The disk is full."))
        await station.say([2, "stop", "StopTransaction", stop | {"transactionId": invented or one}])
        assert (await station.get("Heartbeat", {})).keys() == {"currentTime"}  # nothing before it: silence
        setattr(engine, failing, None)
        assert (await station.ask("StopTransaction", stop, message_id="again"))[0] == 3
    kept = {row["number"]: row["is_open"] for row in await rows(house, transactions)}
    assert kept == {one: False, other: True}


@pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)
async def test_storage_that_cannot_be_read_is_like_one_that_cannot_be_written(house: Running, engine: GatedEngine):
    await house.add_station("CS")
    async with line(house, "CS") as station:
        await station.boot()
        engine.read_failure = Unavailable("No connection.")
        assert (await station.ask("Authorize", {"idTag": "A"}))[2] == "InternalError"
        await station.say(
            [2, "stop", "StopTransaction", {"transactionId": 9, "meterStop": 1, "timestamp": START["timestamp"]}]
        )
        assert (await station.get("Heartbeat", {})).keys() == {"currentTime"}
        assert (await knock(house, "/ocpp/CS", authorization=basic("CS"))).status == 503


@pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)
async def test_a_conflict_is_tried_again_with_what_is_stored_now(house: Running, engine: GatedEngine):
    await house.add_station("CS")
    async with line(house, "CS") as station:
        await station.boot()
        await station.get("StartTransaction", START | {"connectorId": 2})  # a block of numbers is taken
        await rows(house, stations)
        engine.conflicts, before = 1, engine.tries
        assert (await station.ask("StartTransaction", START))[0] == 3
        assert engine.tries == before + 2
        engine.conflicts = 1
        assert await station.get("StatusNotification", STATUS) == {}
    assert len(await rows(house, transactions)) == 2
    assert len(await rows(house, events, kind="TransactionStarted")) == 2


@pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)
async def test_conflicts_without_end_leave_money_unanswered_and_refuse_the_rest(house: Running, engine: GatedEngine):
    await house.add_station("CS")
    async with line(house, "CS") as station:
        await station.boot()
        await station.get("StartTransaction", START | {"connectorId": 2})
        engine.conflicts = 1000
        await station.say([2, "start", "StartTransaction", START])
        assert (await station.ask("StatusNotification", STATUS))[2] == "InternalError"
        engine.conflicts = 0
        assert (await station.ask("StartTransaction", START, message_id="start"))[0] == 3


@pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)
async def test_a_fault_of_ours_is_an_internal_error_and_the_conversation_goes_on(
    house: Running, engine: GatedEngine, logs: list[dict[str, Any]]
):
    await house.add_station("CS")
    async with line(house, "CS") as station:
        await station.boot()
        engine.read_failure = RuntimeError("a bug")
        for action, payload in (("Authorize", {"idTag": "A"}), ("StartTransaction", START), ("MeterValues", VALUES)):
            answer = await station.ask(action, payload)
            assert (answer[0], answer[2]) == (4, "InternalError")
            assert "bug" not in answer[3]
            logged = [entry for entry in logs if entry["event"] == "ocpp.handler_failed"]
            assert logged[-1]["action"] == action
        assert len(logged) == 3
        engine.read_failure = None
        assert (await station.ask("StartTransaction", START))[0] == 3


@pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)
async def test_an_end_that_could_not_be_stored_is_stored_later(house: Running, engine: GatedEngine, monkeypatch):
    monkeypatch.setattr("ingufu.gateway.gateway.STORE_AGAIN_S", 0.01)
    station_id = await house.add_station("CS")
    async with line(house, "CS") as station:
        await station.boot()
        engine.refusal = Unavailable("The disk is full.")
    tries = engine.tries
    async with asyncio.timeout(5):
        while engine.tries < tries + 3:
            await asyncio.sleep(0.001)
    engine.refusal = None
    assert (await only(house, stations, id=station_id))["is_online"] is False


@pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)
async def test_stopping_answers_what_is_in_hand_and_then_says_goodbye(house: Running, engine: GatedEngine):
    await house.add_station("BUSY")
    await house.add_station("IDLE")
    async with line(house, "BUSY") as busy, line(house, "IDLE") as idle:
        await busy.boot()
        await idle.boot()
        engine.shut()
        await busy.say([2, "start", "StartTransaction", START])
        await busy.say([2, "more", "Heartbeat", {}])
        await engine.arrived.wait()
        stopping = asyncio.create_task(house.gateway.stop())
        assert await idle.hear_end() == (1001, "going away")
        assert (await knock(house, "/ocpp/BUSY", authorization=basic("BUSY"))).status == 503
        assert not stopping.done()
        engine.gate.set()
        assert (await busy.hear())[:2] == [3, "start"]
        assert (await busy.hear())[:2] == [3, "more"]
        assert await busy.hear_end() == (1001, "going away")
        await stopping
    assert len(await rows(house, transactions)) == 1
    assert {row["is_online"] for row in await rows(house, stations)} == {False}


@pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)
async def test_a_message_in_hand_is_finished_when_its_station_comes_back_by_a_new_connection(
    house: Running, engine: GatedEngine
):
    station_id = await house.add_station("CS")
    async with line(house, "CS") as older:
        await older.boot()
        engine.shut()
        await older.say([2, "start", "StartTransaction", START])
        await engine.arrived.wait()
        async with line(house, "CS") as newer:
            assert (await older.hear_end())[0] == 4001
            await newer.say([2, "start", "StartTransaction", START])
            await newer.say([2, "beat", "Heartbeat", {}])
            engine.gate.set()
            answer = await newer.hear()
            assert answer[:2] == [3, "start"]
            assert (await newer.hear())[:2] == [3, "beat"]
    transaction = await only(house, transactions, station_id=station_id)
    assert transaction["number"] == answer[2]["transactionId"]
    assert len(await rows(house, events, kind="TransactionStarted")) == 1
