"""F16, F17, F18: whatever order messages come in, however often, whoever restarts or is gone, the bill is the same."""

import itertools
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from faults.fleet import identity
from faults.gateways import gateway, wired
from faults.length import PATIENCE_S, by_length
from faults.wire import Wire
from ingufu.app.housekeeping import close_abandoned
from ingufu.app.settings import ChargingSettings
from ingufu.charging.service import Charging
from ingufu.charging.tables import anomalies, readings, transaction_events, transactions
from ingufu.core.clock import FrozenClock
from ingufu.infra.storage.database import Database
from ingufu.infra.storage.outbox import events

pytestmark = pytest.mark.timeout(by_length(300, 900))

BEGAN_AT = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
FINAL = (
    "evse", "connector", "token_value", "verdict", "state", "is_open", "started_at", "ended_at", "start_wh", "end_wh",
    "energy_wh", "energy_source", "last_reading_at", "last_wh", "stop_reason", "is_estimated", "last_seq", "seq_count",
)  # fmt: skip


def at(minute: int) -> str:
    return (BEGAN_AT + timedelta(minutes=minute)).isoformat().replace("+00:00", "Z")


def event(reference: str, seq: int, last: int) -> dict[str, Any]:
    """Return the event number `seq` of a history of 2.0.1 that ends with number `last`."""
    kind = {0: "Started", last: "Ended"}.get(seq, "Updated")
    info: dict[str, Any] = {"transactionId": reference, "chargingState": "Idle" if seq == last else "Charging"}
    payload = {
        "eventType": kind,
        "timestamp": at(seq),
        "triggerReason": {"Started": "Authorized", "Ended": "StopAuthorized"}.get(kind, "MeterValuePeriodic"),
        "seqNo": seq,
        "transactionInfo": info,
        "offline": True,
        "meterValue": [{"timestamp": at(seq), "sampledValue": [{"value": 1000 + 250 * seq}]}],
    }
    if kind == "Started":
        payload |= {"idToken": {"idToken": "T1", "type": "ISO14443"}, "evse": {"id": 1, "connectorId": 1}}
    if kind == "Ended":
        info["stoppedReason"] = "EVDisconnected"
    return payload


async def say(wire: Wire, action: str, payload: Any) -> Any:
    """Return the payload of the answer, which must be no error."""
    answer = await wire.call(action, payload, timeout_s=PATIENCE_S)
    assert answer[0] == 3, (action, payload, answer)
    return answer[2]


async def rows(database: Database, table: Any, **where: Any) -> list[dict[str, Any]]:
    await database.writer.flush()
    statement = select(table).order_by(*table.primary_key.columns)
    for name, value in where.items():
        statement = statement.where(table.c[name] == value)
    return await database.select(statement)


async def final_state(database: Database, reference: str) -> tuple[Any, ...]:
    """Return what a transaction has become, and show that nothing of it is double."""
    (row,) = await rows(database, transactions, reference=reference)
    told = await rows(database, transaction_events, transaction_id=row["id"])
    measured = await rows(database, readings, transaction_id=row["id"])
    kinds = [one["kind"] for one in await rows(database, events, transaction_id=row["id"])]
    assert kinds.count("TransactionStarted") == 1
    assert len(told) == len({one["event_key"] for one in told})
    open_marks = row["anomaly_count"]
    return (
        tuple(row[name] for name in FINAL),
        open_marks,
        sorted((one["seq"], one["kind"], one["at"]) for one in told),
        sorted((one["at"], one["energy_wh"]) for one in measured),
    )


async def test_f16_every_order_of_a_history_of_events_makes_the_same_transaction(database: Database):
    """Criterion: the final state equals that of the ordered history for every permutation, with repeats thrown in."""
    length = by_length(4, 6)
    orders = list(itertools.permutations(range(length)))
    chance = random.Random(41)
    async with gateway(database, len(orders)) as house:
        expected = None
        for number, order in enumerate(orders):
            reference = f"TX-{number}"
            async with wired(house.url().rstrip("/"), number, "2.0.1") as wire:
                for seq in order:
                    for _ in range(chance.choice((1, 1, 2))):
                        await say(wire, "TransactionEvent", event(reference, seq, length - 1))
                for seq in chance.sample(range(length), 2):
                    await say(wire, "TransactionEvent", event(reference, seq, length - 1))
            state = await final_state(database, reference)
            expected = expected or state
            marks = state[1]
            assert state[0] == expected[0], order
            assert state[2:] == expected[2:], order
            # that it was late or came after the end stays on record; a gap that was filled does not
            lasting = {"late-event", "update-before-start", "end-before-start", "after-end"}
            (row,) = await rows(database, transactions, reference=reference)
            kinds = {one["kind"] for one in await rows(database, anomalies, transaction_id=row["id"])}
            assert kinds <= lasting | {"sequence-gap"}, (order, kinds)
            assert marks == 0 or order != tuple(range(length)), order


async def test_f16_a_missing_event_is_reported_as_a_gap_and_its_coming_heals_it(database: Database):
    """Criterion: gaps are reported."""
    async with gateway(database, 1) as house, wired(house.url().rstrip("/"), 0, "2.0.1") as wire:
        for seq in (0, 1, 3):
            await say(wire, "TransactionEvent", event("TX", seq, 3))
        (row,) = await rows(database, transactions)
        assert row["anomaly_count"] == 1
        (gap,) = await rows(database, anomalies)
        assert gap["kind"] == "sequence-gap"
        await say(wire, "TransactionEvent", event("TX", 2, 3))
        (row,) = await rows(database, transactions)
        assert (row["seq_count"], row["energy_wh"], row["is_open"]) == (4, Decimal(750), False)
        late = {one["kind"] for one in await rows(database, anomalies)}
        assert row["anomaly_count"] == len(late - {"sequence-gap"})


def start(minute: int = 0, register: int = 1000) -> dict[str, Any]:
    return {"connectorId": 1, "idTag": "T1", "meterStart": register, "timestamp": at(minute)}


def stop(number: int, minute: int = 9, register: int = 4000) -> dict[str, Any]:
    return {"transactionId": number, "meterStop": register, "timestamp": at(minute), "reason": "Local"}


def values(number: int | None, minute: int, register: int) -> dict[str, Any]:
    value = {"timestamp": at(minute), "sampledValue": [{"value": str(register)}]}
    return {"connectorId": 1, "meterValue": [value]} | ({} if number is None else {"transactionId": number})


async def test_f16_a_16_start_repeated_with_another_message_id_keeps_its_number(database: Database):
    """Criterion: a second start with the same connector, tag, time and meter gives the same id, after a restart too."""
    numbers: list[int] = []
    async with gateway(database, 1) as house, wired(house.url().rstrip("/")) as wire:
        numbers += [(await say(wire, "StartTransaction", start()))["transactionId"] for _ in range(3)]
    async with gateway(database) as house, wired(house.url().rstrip("/")) as wire:
        numbers += [(await say(wire, "StartTransaction", start()))["transactionId"]]
        await say(wire, "StopTransaction", stop(numbers[0]))
        numbers += [(await say(wire, "StartTransaction", start()))["transactionId"]]
        other = (await say(wire, "StartTransaction", start(20, 4000)))["transactionId"]
    assert len(set(numbers)) == 1
    assert other != numbers[0]
    assert [row["number"] for row in await rows(database, transactions)] == [numbers[0], other]
    assert [row["is_open"] for row in await rows(database, transactions)] == [False, True]


@pytest.mark.parametrize("unknown", [-1, 0])
async def test_f16_a_16_station_that_never_learnt_its_number_is_understood(database: Database, unknown: int):
    """Criterion: transactionId -1 or 0 in readings and stop ends in the one transaction that is meant."""
    async with gateway(database, 1) as house, wired(house.url().rstrip("/")) as wire:
        await say(wire, "StartTransaction", start())
        for _ in range(2):
            await say(wire, "MeterValues", values(unknown, 3, 2000))
        for _ in range(2):
            await say(wire, "StopTransaction", stop(unknown))
    (row,) = await rows(database, transactions)
    assert (row["is_open"], row["energy_wh"], row["is_estimated"]) == (False, Decimal(3000), False)
    assert len(await rows(database, readings, transaction_id=row["id"])) == 1


async def test_f16_a_16_stop_before_its_start_is_one_transaction_when_the_start_comes(database: Database):
    """Criterion: both orders give one transaction with the same bill."""
    async with gateway(database, 1) as house, wired(house.url().rstrip("/")) as wire:
        await say(wire, "StopTransaction", stop(-1))
        (orphan,) = await rows(database, transactions)
        assert orphan["number"] is None
        number = (await say(wire, "StartTransaction", start()))["transactionId"]
        await say(wire, "StopTransaction", stop(-1))
    found = await rows(database, transactions)
    assert [(row["number"], row["is_open"], row["energy_wh"]) for row in found] == [(number, False, Decimal(3000))]


@pytest.mark.parametrize("who", ["gateway", "station", "both"])
@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
async def test_f17_restarts_in_the_middle_leave_one_transaction_with_one_bill(
    database: Database, version: str, who: str
):
    """Criterion: one transaction, one bill, none open whose end was reported (I3), wherever the restart falls."""
    number = 0
    for cut in range(1, 4):
        async with gateway(database, 0 if cut > 1 else 4) as house:
            async with wired(house.url().rstrip("/"), cut, version) as wire:
                number = await tell(wire, version, cut, range(cut), number)
            if who == "station":
                async with wired(house.url().rstrip("/"), cut, version) as wire:
                    await reboot(wire, version)
                    number = await tell(wire, version, cut, range(cut - 1, 4), number)
                continue
        async with gateway(database) as house, wired(house.url().rstrip("/"), cut, version, boots=False) as wire:
            if who == "both":
                await reboot(wire, version)
            number = await tell(wire, version, cut, range(cut - 1, 4), number)  # what may not have been heard, again
    found = await rows(database, transactions)
    assert [(row["energy_wh"], row["is_open"], row["is_estimated"]) for row in found] == [
        (Decimal(3000), False, False)
    ] * 3
    assert [row["anomaly_count"] for row in found] == [0] * 3
    for row in found:
        told = await rows(database, transaction_events, transaction_id=row["id"])
        seqs = [one["seq"] for one in told if one["trigger"] != "StatusNotification"]
        assert seqs == ([None, None] if version == "1.6" else [0, 1, 2, 3])


async def reboot(wire: Wire, version: str) -> None:
    """Say what a station says that lost its power while charging and goes on."""
    if version == "1.6":
        await say(wire, "BootNotification", {"chargePointVendor": "V", "chargePointModel": "M"})
        await say(
            wire,
            "StatusNotification",
            {"connectorId": 1, "errorCode": "NoError", "status": "Charging", "timestamp": at(1)},
        )
        return
    await say(wire, "BootNotification", {"reason": "PowerUp", "chargingStation": {"model": "M", "vendorName": "V"}})
    status = {"timestamp": at(1), "connectorStatus": "Occupied", "evseId": 1, "connectorId": 1}
    await say(wire, "StatusNotification", status)


async def tell(wire: Wire, version: str, cut: int, steps: range, number: int) -> int:
    """Say these steps of a history of four; return the number that 1.6 calls it by."""
    for step in steps:
        if version != "1.6":
            payload = event(f"{identity(cut)}-1", step, 3)
            payload["meterValue"][0]["sampledValue"][0]["value"] = 1000 + 1000 * step
            await say(wire, "TransactionEvent", payload)
        elif step == 0:
            number = (await say(wire, "StartTransaction", start()))["transactionId"]
        elif step == 3:
            await say(wire, "StopTransaction", stop(number))
        else:
            await say(wire, "MeterValues", values(number, step, 1000 + 1000 * step))
    return number


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
async def test_f17_a_station_that_forgot_its_transaction_in_a_reboot_leaves_none_open(database: Database, version: str):
    """Criterion: what it never ends is closed by estimate when the next begins on the EVSE, at the last known meter."""
    async with gateway(database, 2) as house:
        async with wired(house.url().rstrip("/"), 1, version) as wire:
            await tell(wire, version, 1, range(3), await tell(wire, version, 1, range(1), 0))
        async with wired(house.url().rstrip("/"), 1, version) as wire:
            if version == "1.6":
                await say(wire, "StartTransaction", start(30, 3100))
            else:
                payload = event("another", 0, 3) | {"timestamp": at(30)}
                await say(wire, "TransactionEvent", payload)
    first, second = await rows(database, transactions)
    assert (first["is_open"], first["is_estimated"], first["energy_wh"]) == (False, True, Decimal(2000))
    assert (second["is_open"], second["is_estimated"]) == (True, False)


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
async def test_f18_a_station_that_never_comes_back_is_billed_by_estimate_until_it_does(
    database: Database, version: str
):
    """Criterion: after 30 days closed by rule with the last known meter, marked estimated, and corrected by the truth."""
    async with gateway(database, 3) as house:
        for number in (0, 1):
            async with wired(house.url().rstrip("/"), number, version) as wire:
                await tell(wire, version, number, range(1, 3), await tell(wire, version, number, range(1), 0))
        async with wired(house.url().rstrip("/"), 1, version):  # this one is heard of to the end
            services = house.services
            settings = ChargingSettings()
            for days, is_closed in ((29, False), (31, True)):
                later = FrozenClock(services.clock.now() + timedelta(days=days))
                charging = Charging(database, later, services.ids, services.authorization)
                await close_abandoned(replace(services, clock=later, charging=charging), settings)
                lost, heard = await rows(database, transactions)
                assert (lost["is_open"], lost["is_estimated"]) == (not is_closed, is_closed)
                assert heard["is_open"]
        assert lost["energy_wh"] == Decimal(2000)
        assert "lost-end" in {one["kind"] for one in await rows(database, anomalies, transaction_id=lost["id"])}
        async with wired(house.url().rstrip("/"), 0, version) as wire:
            await tell(wire, version, 0, range(3, 4), lost["number"])
    lost, heard = await rows(database, transactions)
    assert (lost["is_open"], lost["is_estimated"], lost["energy_wh"]) == (False, False, Decimal(3000))
    assert heard["is_open"]
