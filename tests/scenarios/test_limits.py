"""Limits of transactions: told to stations of 2.1, kept by us for all others, and shown when they are reached."""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

import ocpp_schemas
from ingufu.charging.control.model import LimitKind, Message, TransactionControl, TransactionLimit
from ingufu.charging.model import Transaction
from running import Running, StandingClock
from scenarios.line import Line, line
from scenarios.records import events, only, rows, transactions

pytestmark = pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)

AT = "2026-03-01T12:00:00Z"
PATIENCE_S = 20.0
BOTH = pytest.mark.parametrize("version", ["2.0.1", "2.1"])


def event(kind: str, seq: int, **changes: Any) -> dict[str, Any]:
    info = {"transactionId": "TX-1", "chargingState": "Charging"} | changes.pop("info", {})
    return {
        "eventType": kind, "timestamp": AT, "triggerReason": "MeterValuePeriodic", "seqNo": seq, "transactionInfo": info,
    } | changes  # fmt: skip


def values(wh: float, **more: Any) -> dict[str, Any]:
    samples = [{"value": wh}]
    if "soc" in more:
        samples.append({"value": more["soc"], "measurand": "SoC", "unitOfMeasure": {"unit": "Percent"}})
    return {"meterValue": [{"timestamp": AT, "sampledValue": samples}]}


async def the_transaction(house: Running) -> Transaction:
    return await house.services.charging.get((await only(house, transactions))["id"])


async def limit(house: Running, **fields: Any) -> None:
    """Have an operator in another process limit the only transaction."""
    transaction = await the_transaction(house)
    async with house.services.database.work() as work:
        await house.services.control.set_limit(work, transaction, TransactionLimit(**fields), actor="Keza")
    await house.link.reload(transaction.station_id)


async def control(house: Running) -> TransactionControl:
    found = await house.services.control.of((await only(house, transactions))["id"])
    assert found is not None
    return found


async def until(house: Running, is_so: Callable[[TransactionControl], bool]) -> TransactionControl:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            found = await control(house)
            if is_so(found):
                return found
            await house.gateway.attendant.look()
            await asyncio.sleep(0.01)


async def hear_stop(station: Line, action: str) -> dict[str, Any]:
    kind, message_id, heard, payload = await station.hear()
    assert (kind, heard) == (2, action)
    await station.say([3, message_id, {"status": "Accepted"}])
    return dict(payload)


# 1.6: we keep the limit


async def test_a_station_of_16_is_told_to_stop_once_when_the_energy_is_reached(house: Running):
    await house.add_station("CS")
    async with line(house, "CS") as station:
        await station.boot()
        start = {"connectorId": 1, "idTag": "A", "meterStart": 1000, "timestamp": AT}
        number = (await station.get("StartTransaction", start))["transactionId"]
        await limit(house, max_energy_wh=Decimal(2000))
        for wh in ("2000", "3000"):
            sampled = {"connectorId": 1, "transactionId": number}
            await station.get(
                "MeterValues", sampled | {"meterValue": [{"timestamp": AT, "sampledValue": [{"value": wh}]}]}
            )
        assert await hear_stop(station, "RemoteStopTransaction") == {"transactionId": number}
        told = await until(house, lambda one: one.stop_answer is not None)
        assert (told.reached, told.reached_by_station, told.stop_answer) == (LimitKind.ENERGY, False, "Accepted")
        await house.gateway.attendant.look()
        stop = {"transactionId": number, "meterStop": 3000, "timestamp": AT, "reason": "Remote"}
        assert await station.get("StopTransaction", stop) == {}  # and nothing else was asked meanwhile
    assert (await only(house, transactions))["stop_reason"] == "Remote"
    reached = await only(house, events, kind="LimitReached")
    assert reached["details"] == {"limit": "energy", "by_station": False}


async def test_a_limit_of_time_needs_no_message_of_the_station(house: Running, clock: StandingClock):
    await house.add_station("CS")
    async with line(house, "CS") as station:
        await station.boot()
        start = {"connectorId": 1, "idTag": "A", "meterStart": 0, "timestamp": AT}
        number = (await station.get("StartTransaction", start))["transactionId"]
        await limit(house, max_time_s=1800)
        await house.gateway.attendant.look()
        clock.advance(1801)
        looking = asyncio.create_task(house.gateway.attendant.look())
        assert await hear_stop(station, "RemoteStopTransaction") == {"transactionId": number}
        await looking
    assert (await control(house)).reached is LimitKind.TIME


@BOTH
async def test_a_limit_of_the_battery_is_kept_by_us_where_the_station_does_not(house: Running, version: str):
    await house.add_station("CS")
    async with line(house, "CS", version) as station:
        await station.boot()
        await station.get("TransactionEvent", event("Started", 0, evse={"id": 1}, **values(0, soc=50)))
        await limit(house, max_soc_percent=80)
        answer = await station.get("TransactionEvent", event("Updated", 1, offline=True, **values(100, soc=80)))
        assert answer == {}  # nothing is told in answer to what happened offline
        stop = await hear_stop(station, "RequestStopTransaction")
        assert stop == {"transactionId": "TX-1"}
        told = await until(house, lambda one: one.stop_answer is not None)
    assert told.reached is LimitKind.SOC


async def test_a_stop_that_is_rejected_is_asked_again_later_and_not_at_once(house: Running, clock: StandingClock):
    await house.add_station("CS")
    async with line(house, "CS") as station:
        await station.boot()
        await station.get("StartTransaction", {"connectorId": 1, "idTag": "A", "meterStart": 0, "timestamp": AT})
        await limit(house, max_time_s=60)
        clock.advance(61)
        looking = asyncio.create_task(house.gateway.attendant.look())
        _, message_id, *_ = await station.hear()
        await station.say([3, message_id, {"status": "Rejected"}])
        await looking
        assert (await control(house)).stop_answer == "Rejected"
        await house.gateway.attendant.look()
        assert (await control(house)).stop_attempts == 1
        clock.advance(61)
        looking = asyncio.create_task(house.gateway.attendant.look())
        await hear_stop(station, "RemoteStopTransaction")
        await looking
    assert (await control(house)).stop_attempts == 2


async def test_a_limit_reached_while_the_station_is_away_is_enforced_when_it_is_back(
    house: Running, clock: StandingClock
):
    await house.add_station("CS")
    async with line(house, "CS") as station:
        await station.boot()
        await station.get("StartTransaction", {"connectorId": 1, "idTag": "A", "meterStart": 0, "timestamp": AT})
        await limit(house, max_time_s=60)
    clock.advance(3600)
    await house.gateway.attendant.look()
    assert (await control(house)).reached is LimitKind.TIME
    assert (await control(house)).stop_attempts == 0
    async with line(house, "CS") as station:
        await station.boot()
        looking = asyncio.create_task(house.gateway.attendant.look())
        await hear_stop(station, "RemoteStopTransaction")
        await looking
    assert (await control(house)).stop_answer == "Accepted"


# 2.1: the station keeps it


async def test_a_station_of_21_is_told_the_limit_exactly_once(house: Running):
    await house.add_station("CS")
    async with line(house, "CS", "2.1") as station:
        await station.boot()
        assert await station.get("TransactionEvent", event("Started", 0, evse={"id": 1})) == {}
        await limit(house, max_energy_wh=Decimal(20_000), max_time_s=3600, max_soc_percent=80, max_cost=Decimal("12.5"))
        answer = await station.ask("TransactionEvent", event("Updated", 1), message_id="one")
        assert answer[2] == {"transactionLimit": {"maxCost": 12.5, "maxEnergy": 20000, "maxTime": 3600, "maxSoC": 80}}
        message = ocpp_schemas.message("2.1", "TransactionEvent", "response")
        assert ocpp_schemas.oracle(message, answer[2]) is None
        assert await station.ask("TransactionEvent", event("Updated", 1), message_id="two") == [3, "two", answer[2]]
        confirmed = event("Updated", 2, triggerReason="LimitSet", info={"transactionLimit": {"maxEnergy": 20000}})
        assert await station.get("TransactionEvent", confirmed) == {}
        assert await station.get("TransactionEvent", event("Updated", 3)) == {}
        assert await station.get("TransactionEvent", event("Updated", 1)) == answer[2]  # its answer may have been lost
    kept = await control(house)
    assert kept.limit_sent_in == "1"
    assert kept.limit_confirmed_at is not None
    assert kept.reported.max_energy_wh == 20_000


async def test_a_limit_that_was_raised_is_told_anew(house: Running):
    await house.add_station("CS")
    async with line(house, "CS", "2.1") as station:
        await station.boot()
        await station.get("TransactionEvent", event("Started", 0, evse={"id": 1}))
        await limit(house, max_energy_wh=Decimal(1000))
        assert (await station.get("TransactionEvent", event("Updated", 1)))["transactionLimit"] == {"maxEnergy": 1000}
        await limit(house, max_energy_wh=Decimal(5000))
        assert (await station.get("TransactionEvent", event("Updated", 2)))["transactionLimit"] == {"maxEnergy": 5000}
        assert await station.get("TransactionEvent", event("Updated", 3)) == {}


async def test_a_limit_that_the_station_undercuts_already_is_not_sent(house: Running):
    await house.add_station("CS")
    async with line(house, "CS", "2.1") as station:
        await station.boot()
        said = {"transactionLimit": {"maxEnergy": 500, "maxCost": 3.5}}
        await station.get("TransactionEvent", event("Started", 0, evse={"id": 1}, triggerReason="LimitSet", info=said))
        await limit(house, max_energy_wh=Decimal(1000), max_time_s=600)
        answer = await station.get("TransactionEvent", event("Updated", 1))
        assert answer == {"transactionLimit": {"maxTime": 600}}
    kept = await control(house)
    assert (kept.reported.max_energy_wh, kept.reported.max_cost) == (500, Decimal("3.5"))


@pytest.mark.parametrize(
    ("trigger", "kind"),
    [
        ("CostLimitReached", LimitKind.COST),
        ("EnergyLimitReached", LimitKind.ENERGY),
        ("TimeLimitReached", LimitKind.TIME),
        ("SoCLimitReached", LimitKind.SOC),
    ],
)
async def test_a_limit_that_the_station_says_is_reached_needs_no_stop_of_ours(
    house: Running, trigger: str, kind: LimitKind
):
    await house.add_station("CS")
    async with line(house, "CS", "2.1") as station:
        await station.boot()
        await station.get("TransactionEvent", event("Started", 0, evse={"id": 1}))
        await limit(house, max_energy_wh=Decimal(1000))
        await station.get("TransactionEvent", event("Updated", 1))
        await station.get("TransactionEvent", event("Updated", 2, triggerReason=trigger, **values(1500)))
        await house.gateway.attendant.look()
        assert await station.get("Heartbeat", {})
    kept = await control(house)
    assert (kept.reached, kept.reached_by_station, kept.stop_attempts) == (kind, True, 0)
    assert (await only(house, events, kind="LimitReached"))["details"] == {"limit": kind.value, "by_station": True}


async def test_a_station_that_does_not_keep_its_word_is_stopped_after_a_grace(house: Running, clock: StandingClock):
    await house.add_station("CS")
    async with line(house, "CS", "2.1") as station:
        await station.boot()
        await station.get("TransactionEvent", event("Started", 0, evse={"id": 1}, **values(0)))
        await limit(house, max_energy_wh=Decimal(1000))
        await station.get("TransactionEvent", event("Updated", 1))
        said = {"transactionLimit": {"maxEnergy": 1000}}
        await station.get("TransactionEvent", event("Updated", 2, triggerReason="LimitSet", info=said))
        await station.get("TransactionEvent", event("Updated", 3, **values(1100)))
        await until(house, lambda one: one.reached is LimitKind.ENERGY)
        await house.gateway.attendant.look()
        assert (await control(house)).stop_attempts == 0
        clock.advance(61)
        looking = asyncio.create_task(house.gateway.attendant.look())
        assert await hear_stop(station, "RequestStopTransaction") == {"transactionId": "TX-1"}
        await looking


# Messages and priority


@BOTH
async def test_a_message_and_a_priority_go_with_the_next_answer_once(house: Running, version: str):
    await house.add_station("CS")
    async with line(house, "CS", version) as station:
        await station.boot()
        await station.get("TransactionEvent", event("Started", 0, evse={"id": 1}))
        transaction = await the_transaction(house)
        for change in ("message", "priority"):
            async with house.services.database.work() as work:
                if change == "message":
                    said = Message(content="Murakaza neza", language="rw")
                    await house.services.control.set_message(work, transaction, said)
                else:
                    await house.services.control.set_priority(work, transaction, 5)
        await house.link.reload(transaction.station_id)
        answer = await station.get("TransactionEvent", event("Updated", 1))
        message = {"format": "UTF8", "language": "rw", "content": "Murakaza neza"}
        assert answer == {"chargingPriority": 5, "updatedPersonalMessage": message}
        assert ocpp_schemas.oracle(ocpp_schemas.message(version, "TransactionEvent", "response"), answer) is None
        assert await station.get("TransactionEvent", event("Updated", 2)) == {}


async def test_priority_charging_that_a_driver_asks_for_is_kept(house: Running):
    await house.add_station("CS")
    async with line(house, "CS", "2.1") as station:
        await station.boot()
        await station.get("TransactionEvent", event("Started", 0, evse={"id": 1}))
        for is_active in (True, False):
            told = {"transactionId": "TX-1", "activated": is_active}
            assert await station.get("NotifyPriorityCharging", told) == {}
            assert (await control(house)).has_priority is is_active
        assert await station.get("NotifyPriorityCharging", {"transactionId": "TX-9", "activated": True}) == {}
    assert len(await rows(house, events, kind="PriorityChanged")) == 2
    assert (await only(house, events, kind="NoticeReceived"))["details"]["action"] == "NotifyPriorityCharging"
