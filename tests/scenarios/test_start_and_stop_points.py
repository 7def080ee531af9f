"""Transactions of 2.x by every start and stop point: one record each, with who, where and how much, and nothing odd."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import pytest

from ingufu.authorization.model import GroupDetails
from running import Running, StandingClock
from scenarios.line import Line, line
from scenarios.records import add_token, anomalies, only, rows, transactions

pytestmark = pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)

BOTH = pytest.mark.parametrize("version", ["2.0.1", "2.1"])
CARD = {"idToken": "04AA", "type": "ISO14443"}
BEGAN = datetime(2026, 3, 1, 12, tzinfo=UTC)
KINDS = {"S": "Started", "U": "Updated", "E": "Ended"}


class Step(NamedTuple):
    """An event of a transaction: its kind (S, U, E), trigger, charging state, and what else it says."""

    kind: str
    trigger: str
    state: str | None = None
    says: frozenset[str] = frozenset()  # token, evse, wh (at the beginning 1000, at the end 3500), signed
    reason: str | None = None


def step(kind: str, trigger: str, state: str | None = None, *says: str, reason: str | None = None) -> Step:
    return Step(kind, trigger, state, frozenset(says), reason)


CHARGES = step("U", "ChargingStateChanged", "Charging", "wh")
GOES_ON = step("U", "MeterValuePeriodic", "Charging", "wh")

SEQUENCES: dict[str, list[Step]] = {
    "plug first, start EVConnected, stop EVConnected": [
        step("S", "CablePluggedIn", "EVConnected", "evse", "wh"),
        step("U", "Authorized", "EVConnected", "token"),
        CHARGES,
        GOES_ON,
        step("U", "StopAuthorized", "EVConnected", "token"),
        step("E", "EVCommunicationLost", "Idle", "wh", reason="EVDisconnected"),
    ],
    "card first, start Authorized, stop Authorized": [
        step("S", "Authorized", "Idle", "token"),
        step("U", "CablePluggedIn", "EVConnected", "evse", "wh"),
        CHARGES,
        step("E", "StopAuthorized", "EVConnected", "token", "wh", reason="Local"),
    ],
    "remote first, start Authorized": [
        step("S", "RemoteStart", "Idle", "token"),
        step("U", "CablePluggedIn", "EVConnected", "evse", "wh"),
        CHARGES,
        step("U", "RemoteStop", "EVConnected"),
        step("E", "EVDeparted", "Idle", "wh", reason="Remote"),
    ],
    "remote after the plug, start EVConnected": [
        step("S", "CablePluggedIn", "EVConnected", "evse", "wh"),
        step("U", "RemoteStart", "EVConnected", "token"),
        CHARGES,
        step("E", "RemoteStop", "EVConnected", "wh", reason="Remote"),
    ],
    "start and stop ParkingBayOccupancy": [
        step("S", "EVDetected", "Idle", "evse", "wh"),
        step("U", "CablePluggedIn", "EVConnected"),
        step("U", "Authorized", "EVConnected", "token"),
        CHARGES,
        step("U", "StopAuthorized", "EVConnected", "token"),
        step("U", "EVCommunicationLost", "Idle"),
        step("E", "EVDeparted", "Idle", "wh", reason="Local"),
    ],
    "start DataSigned": [
        step("S", "SignedDataReceived", "EVConnected", "evse", "token", "wh", "signed"),
        CHARGES,
        step("E", "StopAuthorized", "EVConnected", "token", "wh", "signed", reason="Local"),
    ],
    "start and stop PowerPathClosed": [
        step("S", "Authorized", "EVConnected", "evse", "token", "wh"),
        CHARGES,
        step("E", "StopAuthorized", "EVConnected", "token", "wh", reason="Local"),
    ],
    "start and stop EnergyTransfer": [
        step("S", "ChargingStateChanged", "Charging", "evse", "token", "wh"),
        GOES_ON,
        step("E", "ChargingStateChanged", "SuspendedEV", "wh", reason="StoppedByEV"),
    ],
    "start PowerPathClosed, stop EVConnected and Authorized": [
        step("S", "ChargingStateChanged", "Charging", "evse", "token", "wh"),
        step("U", "ChargingStateChanged", "SuspendedEVSE"),
        step("U", "ChargingStateChanged", "SuspendedEV"),
        CHARGES,
        step("E", "EVCommunicationLost", "Idle", "wh", reason="EVDisconnected"),
    ],
    "nobody plugs in": [
        step("S", "Authorized", "Idle", "token", "evse", "wh"),
        step("E", "EVConnectTimeout", "Idle", "wh", reason="Timeout"),
    ],
    "the EVSE comes late, with the first register": [
        step("S", "RemoteStart", None, "token"),
        step("U", "Authorized", None),
        step("U", "CablePluggedIn", "EVConnected", "evse", "wh"),
        CHARGES,
        step("E", "EVDeparted", "Idle", "wh", reason="EVDisconnected"),
    ],
    "nobody shows a card": [
        step("S", "CablePluggedIn", "EVConnected", "evse", "wh"),
        step("E", "EVDeparted", "Idle", "wh", reason="EVDisconnected"),
    ],
    "reset at once": [
        step("S", "Authorized", "EVConnected", "evse", "token", "wh"),
        CHARGES,
        step("E", "ResetCommand", "EVConnected", "wh", reason="ImmediateReset"),
    ],
    "unlocked": [
        step("S", "Authorized", "EVConnected", "evse", "token", "wh"),
        CHARGES,
        step("E", "UnlockCommand", "EVConnected", "wh", reason="Other"),
    ],
    "power lost": [
        step("S", "Authorized", "EVConnected", "evse", "token", "wh"),
        CHARGES,
        step("E", "AbnormalCondition", "EVConnected", "wh", reason="PowerLoss"),
    ],
}


class Teller:
    """Says the steps of a transaction, a minute apart, counting its events."""

    def __init__(self, station: Line, clock: StandingClock, *, first_seq: int = 0) -> None:
        self.station = station
        self.clock = clock
        self.seq = first_seq
        self.wh = 1000
        self.sent: list[dict[str, Any]] = []

    def make(self, one: Step, **changes: Any) -> dict[str, Any]:
        at = self.clock.now().isoformat().replace("+00:00", "Z")
        info: dict[str, Any] = {"transactionId": "TX-1"}
        info |= {} if one.state is None else {"chargingState": one.state}
        info |= {} if one.reason is None or one.reason == "Local" else {"stoppedReason": one.reason}
        said: dict[str, Any] = {
            "eventType": KINDS[one.kind], "timestamp": at, "triggerReason": one.trigger, "seqNo": self.seq,
            "transactionInfo": info,
        }  # fmt: skip
        self.seq += 1
        if "evse" in one.says:
            said["evse"] = {"id": 2, "connectorId": 1}
        if "token" in one.says:
            said["idToken"] = CARD
        if "wh" in one.says:
            value: dict[str, Any] = {"value": self.wh}
            if "signed" in one.says:
                value["signedMeterValue"] = {
                    "signedMeterData": "T0NNRnx7fQ==", "signingMethod": "", "encodingMethod": "OCMF", "publicKey": "",
                }  # fmt: skip
            said["meterValue"] = [{"timestamp": at, "sampledValue": [value]}]
            self.wh += 500
        return said | changes

    async def say(self, one: Step, **changes: Any) -> dict[str, Any]:
        said = self.make(one, **changes)
        self.sent.append(said)
        answer = await self.station.get("TransactionEvent", said)
        assert ("idTokenInfo" in answer) is ("idToken" in said)
        self.clock.advance(60)
        return answer


@BOTH
@pytest.mark.parametrize("name", SEQUENCES)
async def test_every_sequence_makes_one_transaction(house: Running, clock: StandingClock, name: str, version: str):
    await house.add_station("CS")
    token_id = await add_token(house, "04AA")
    steps = SEQUENCES[name]
    async with line(house, "CS", version) as station:
        await station.boot()
        teller = Teller(station, clock)
        for one in steps:
            await teller.say(one)
            kept = await only(house, transactions)
            assert kept["is_open"] is (one.kind != "E")
    counted = sum("wh" in one.says for one in steps)
    has_card = any("token" in one.says for one in steps)
    assert (kept["evse"], kept["energy_wh"]) == (2, 500 * (counted - 1))
    assert kept["token_id"] == (token_id if has_card else None)
    assert kept["stop_reason"] == steps[-1].reason
    assert (kept["started_at"], kept["ended_at"]) == (BEGAN, BEGAN + timedelta(minutes=len(steps) - 1))
    assert await rows(house, anomalies) == []


@BOTH
async def test_a_sequence_told_afterwards_makes_the_same_transaction(
    house: Running, clock: StandingClock, version: str
):
    """Everything happened without a connection, and comes at once (E04, E12)."""
    await house.add_station("CS")
    await add_token(house, "04AA")
    steps = SEQUENCES["card first, start Authorized, stop Authorized"]
    async with line(house, "CS", version) as station:
        await station.boot()
        teller = Teller(station, clock)
        said = []
        for one in steps:
            said.append(teller.make(one, offline=True))
            clock.advance(60)
        clock.advance(7200)
        for event in reversed(said):
            await station.get("TransactionEvent", event)
    kept = await only(house, transactions)
    assert (kept["evse"], kept["energy_wh"], kept["is_open"]) == (2, 1000, False)
    assert (kept["started_at"], kept["is_offline_start"]) == (BEGAN, True)


@BOTH
async def test_a_transaction_goes_on_over_a_reset_that_lets_it(house: Running, clock: StandingClock, version: str):
    """2.1 ImmediateAndResume: the station boots and tells TxResumed; 2.0.1 stations do so by other triggers."""
    await house.add_station("CS")
    await add_token(house, "04AA")
    resumes = "TxResumed" if version == "2.1" else "ChargingStateChanged"
    async with line(house, "CS", version) as station:
        await station.boot()
        teller = Teller(station, clock)
        await teller.say(step("S", "Authorized", "EVConnected", "evse", "token", "wh"))
        await teller.say(CHARGES)
    async with line(house, "CS", version) as station:
        await station.boot()
        assert (await only(house, transactions))["is_open"]
        teller.station = station
        await teller.say(step("U", resumes, "Charging", "wh"))
        kept = await only(house, transactions)
        assert (kept["is_open"], kept["state"]) == (True, "Charging")
        await teller.say(step("E", "StopAuthorized", "EVConnected", "token", "wh", reason="Local"))
    kept = await only(house, transactions)
    assert (kept["energy_wh"], kept["is_open"]) == (1500, False)
    assert await rows(house, anomalies) == []


@BOTH
async def test_a_card_of_the_group_stops_what_another_started(house: Running, clock: StandingClock, version: str):
    await house.add_station("CS")
    async with house.services.database.work() as work:
        group = await house.services.authorization.create_group(
            work, GroupDetails(value="FAMILY"), organisation_id="operator"
        )
    await add_token(house, "04AA", group_id=group.id)
    await add_token(house, "04BB", group_id=group.id)
    async with line(house, "CS", version) as station:
        await station.boot()
        teller = Teller(station, clock)
        first = await teller.say(step("S", "Authorized", "EVConnected", "evse", "token", "wh"))
        assert first["idTokenInfo"]["groupIdToken"]["idToken"] == "FAMILY"
        ending = step("E", "StopAuthorized", "EVConnected", "token", "wh", reason="Local")
        last = await teller.say(ending, idToken={"idToken": "04BB", "type": "ISO14443"})
        assert last["idTokenInfo"]["status"] == "Accepted"
        assert last["idTokenInfo"]["groupIdToken"]["idToken"] == "FAMILY"
    kept = await only(house, transactions)
    assert (kept["token_value"], kept["stop_token_value"]) == ("04AA", "04BB")
    assert await rows(house, anomalies) == []


@BOTH
@pytest.mark.parametrize("ends", [True, False])
async def test_a_card_that_is_refused_after_the_start_deauthorizes(
    house: Running, clock: StandingClock, version: str, ends: bool
):
    """StopTxOnInvalidId decides whether the station ends it, or only stops the energy (E05)."""
    await house.add_station("CS")
    async with line(house, "CS", version) as station:
        await station.boot()
        teller = Teller(station, clock)
        said = await teller.say(step("S", "Authorized", "EVConnected", "evse", "token", "wh"))
        assert said["idTokenInfo"]["status"] in ("Invalid", "Unknown")
        if not ends:
            await teller.say(step("U", "Deauthorized", "SuspendedEVSE"))
            assert (await only(house, transactions))["state"] == "SuspendedEVSE"
        await teller.say(step("E", "Deauthorized", "EVConnected", "wh", reason="DeAuthorized"))
    kept = await only(house, transactions)
    assert (kept["is_open"], kept["stop_reason"], kept["verdict_reason"]) == (False, "DeAuthorized", "unknown-token")
    assert [row["kind"] for row in await rows(house, anomalies)] == ["refused-token"]


@BOTH
async def test_events_after_the_end_are_kept_and_change_no_end(house: Running, clock: StandingClock, version: str):
    await house.add_station("CS")
    await add_token(house, "04AA")
    async with line(house, "CS", version) as station:
        await station.boot()
        teller = Teller(station, clock)
        for one in SEQUENCES["start and stop PowerPathClosed"]:
            await teller.say(one)
        ended = await only(house, transactions)
        await teller.say(step("U", "MeterValuePeriodic", "EVConnected"))
        await teller.say(step("U", "EVDeparted", "Idle"))
    kept = await only(house, transactions)
    assert (kept["is_open"], kept["ended_at"], kept["energy_wh"]) == (False, ended["ended_at"], Decimal(1000))
    assert "after-end" in {row["kind"] for row in await rows(house, anomalies)}


@BOTH
async def test_counting_may_go_on_from_one_transaction_to_the_next(house: Running, clock: StandingClock, version: str):
    """A station may count per EVSE (E01.FR.07 wants 0 at each start; both are met with)."""
    await house.add_station("CS")
    await add_token(house, "04AA")
    async with line(house, "CS", version) as station:
        await station.boot()
        for number, first in enumerate((0, 17, 40)):
            teller = Teller(station, clock, first_seq=first)
            for one in SEQUENCES["start and stop PowerPathClosed"]:
                said = teller.make(one)
                said["transactionInfo"]["transactionId"] = f"TX-{number}"
                await station.get("TransactionEvent", said)
                clock.advance(60)
    kept = await rows(house, transactions)
    assert [row["energy_wh"] for row in kept] == [1000, 1000, 1000]
    assert await rows(house, anomalies) == []


@BOTH
async def test_a_new_start_on_the_evse_ends_what_was_never_ended(house: Running, clock: StandingClock, version: str):
    await house.add_station("CS")
    await add_token(house, "04AA")
    async with line(house, "CS", version) as station:
        await station.boot()
        teller = Teller(station, clock)
        await teller.say(step("S", "Authorized", "EVConnected", "evse", "token", "wh"))
        await teller.say(CHARGES)
        other = teller.make(step("S", "CablePluggedIn", "EVConnected", "evse", "wh"), seqNo=0)
        other["transactionInfo"]["transactionId"] = "TX-2"
        await station.get("TransactionEvent", other)
    first, second = sorted(await rows(house, transactions), key=lambda row: row["reference"])
    assert (first["is_open"], first["is_estimated"], first["energy_wh"]) == (False, True, 500)
    assert second["is_open"]
