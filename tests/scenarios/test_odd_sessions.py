"""Sessions as no standard has them: kept as they came, marked, and every message of them answered."""

from decimal import Decimal
from typing import Any

import pytest

from running import Running, StandingClock
from scenarios.line import line
from scenarios.records import anomalies, only, readings, rows, transaction_events, transactions

pytestmark = pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)

AT = "2026-03-01T12:00:00Z"
LATER = "2026-03-01T12:30:00Z"
BOTH = pytest.mark.parametrize("version", ["2.0.1", "2.1"])


def start(**changes: Any) -> dict[str, Any]:
    return {"connectorId": 1, "idTag": "A", "meterStart": 1000, "timestamp": AT} | changes


def stop(number: int, **changes: Any) -> dict[str, Any]:
    return {"transactionId": number, "meterStop": 3000, "timestamp": LATER} | changes


def event(kind: str, seq: int, **changes: Any) -> dict[str, Any]:
    return {
        "eventType": kind, "timestamp": AT, "triggerReason": "MeterValuePeriodic", "seqNo": seq,
        "transactionInfo": {"transactionId": "TX-1"}, "evse": {"id": 1},
    } | changes  # fmt: skip


def measured(wh: float, at: str = AT, **sample: Any) -> list[dict[str, Any]]:
    return [{"timestamp": at, "sampledValue": [{"value": wh} | sample]}]


async def odd(house: Running) -> set[str]:
    return {row["kind"] for row in await rows(house, anomalies)}


# 1.6


async def test_a_second_stop_changes_nothing_and_hears_the_same(house: Running, clock: StandingClock):
    await house.add_station("CS")
    async with line(house, "CS") as station:
        await station.boot()
        number = (await station.get("StartTransaction", start()))["transactionId"]
        clock.advance(1800)
        first = await station.get("StopTransaction", stop(number, idTag="A"))
        assert await station.get("StopTransaction", stop(number, idTag="A")) == first
        assert await station.get("StopTransaction", stop(number, idTag="A", meterStop=9000)) == first
    kept = await only(house, transactions)
    assert (kept["energy_wh"], kept["is_open"]) == (2000, False)
    assert "second-end" in await odd(house)


@pytest.mark.parametrize("number", [-1, 0])
async def test_a_station_that_never_learnt_its_number_ends_its_session_all_the_same(
    house: Running, clock: StandingClock, number: int
):
    await house.add_station("CS")
    async with line(house, "CS") as station:
        await station.boot()
        await station.get("StartTransaction", start())
        clock.advance(1800)
        values = {"connectorId": 1, "transactionId": number, "meterValue": measured("2000", LATER)}
        assert await station.get("MeterValues", values) == {}
        assert await station.get("StopTransaction", stop(number, idTag="A")) == {"idTagInfo": {"status": "Invalid"}}
    kept = await only(house, transactions)
    assert (kept["energy_wh"], kept["is_open"]) == (2000, False)
    assert (await only(house, readings))["transaction_id"] == kept["id"]


async def test_a_stop_without_a_start_is_kept_and_finds_its_start_later(house: Running, clock: StandingClock):
    await house.add_station("CS")
    clock.advance(3600)
    async with line(house, "CS") as station:
        await station.boot()
        assert await station.get("StopTransaction", stop(-1, idTag="A")) == {"idTagInfo": {"status": "Invalid"}}
        orphan = await only(house, transactions)
        assert (orphan["is_open"], orphan["end_wh"]) == (False, 3000)
        answer = await station.get("StartTransaction", start())
    kept = await only(house, transactions)
    assert (kept["number"], kept["energy_wh"], kept["is_open"]) == (answer["transactionId"], 2000, False)
    assert "end-before-start" in await odd(house)


async def test_a_new_start_ends_what_still_ran_on_its_connector_by_estimate(house: Running, clock: StandingClock):
    await house.add_station("CS")
    async with line(house, "CS") as station:
        await station.boot()
        first = (await station.get("StartTransaction", start()))["transactionId"]
        clock.advance(1800)
        values = {"connectorId": 1, "transactionId": first, "meterValue": measured("1800", LATER)}
        await station.get("MeterValues", values)
        second = (await station.get("StartTransaction", start(timestamp=LATER, meterStart=1800)))["transactionId"]
        assert second != first
        await station.get("StopTransaction", stop(first, meterStop=1810))
    one, two = sorted(await rows(house, transactions), key=lambda row: row["number"])
    assert (one["is_open"], one["energy_wh"], one["is_estimated"]) == (False, 810, False)
    assert two["is_open"] is True
    assert "lost-end" in await odd(house)


async def test_a_clock_that_was_never_set_is_marked_and_the_session_lasts_as_long_as_it_says(
    house: Running, clock: StandingClock
):
    await house.add_station("CS")
    async with line(house, "CS") as station:
        await station.boot()
        number = (await station.get("StartTransaction", start(timestamp="1970-01-01T00:00:10Z")))["transactionId"]
        clock.advance(1800)
        assert await station.get("StopTransaction", stop(number, timestamp="1970-01-01T00:30:10Z")) == {}
    kept = await only(house, transactions)
    assert (kept["ended_at"] - kept["started_at"]).total_seconds() == 1800
    assert kept["ended_at"] == clock.now()
    assert kept["started_at_station"] == "1970-01-01T00:00:10+00:00"
    assert "clock-unset" in await odd(house)


async def test_a_register_that_was_reset_counts_on_from_there(house: Running, clock: StandingClock):
    await house.add_station("CS")
    async with line(house, "CS") as station:
        await station.boot()
        number = (await station.get("StartTransaction", start(meterStart=500_000)))["transactionId"]
        for minute, value in ((5, "501000"), (10, "502000"), (15, "0"), (20, "700"), (25, "1400")):
            clock.advance(300)
            at = f"2026-03-01T12:{minute:02}:00Z"
            values = {"connectorId": 1, "transactionId": number, "meterValue": measured(value, at)}
            await station.get("MeterValues", values)
        clock.advance(300)
        await station.get("StopTransaction", stop(number, meterStop=2000))
    kept = await only(house, transactions)
    assert (kept["energy_wh"], kept["energy_source"]) == (4000, "deltas")
    assert "register-reset" in await odd(house)


@pytest.mark.parametrize(
    ("action", "field"),
    [
        ("StartTransaction", "connectorId"),
        ("StartTransaction", "idTag"),
        ("StartTransaction", "meterStart"),
        ("StartTransaction", "timestamp"),
        ("StopTransaction", "meterStop"),
        ("StopTransaction", "timestamp"),
        ("StopTransaction", "transactionId"),
    ],
)
@pytest.mark.parametrize("unusable", [None, [], {"a": 1}])
async def test_what_a_16_session_lacks_is_noted_and_the_session_kept(
    house: Running, clock: StandingClock, action: str, field: str, unusable: Any
):
    await house.add_station("CS")
    async with line(house, "CS") as station:
        await station.boot()
        begin = start() | ({field: unusable} if action == "StartTransaction" else {})
        number = (await station.get("StartTransaction", begin))["transactionId"]
        clock.advance(1800)
        end = stop(number) | ({field: unusable} if action == "StopTransaction" else {})
        assert await station.get("StopTransaction", end) == {}
    kept = await only(house, transactions)
    assert (kept["number"], kept["is_open"]) == (number, False)
    assert kept["energy_wh"] == (0 if field in {"meterStart", "meterStop"} else 2000)
    noted = [row["detail"] for row in await rows(house, anomalies) if row["kind"] == "unreadable-value"]
    assert any(detail.startswith(f"{field}: ") for detail in noted)


async def test_a_strict_station_is_refused_what_a_lenient_one_may_leave_out(house: Running):
    await house.add_station("CS", is_strict=True)
    async with line(house, "CS") as station:
        await station.boot()
        payload = start()
        del payload["timestamp"]
        assert (await station.ask("StartTransaction", payload))[2] == "OccurenceConstraintViolation"
    assert not await rows(house, transactions)


async def test_measurands_that_no_schema_knows_are_kept(house: Running):
    await house.add_station("CS")
    sample = [
        {"value": "1200", "measurand": "Energy.Active.Import.Register", "unit": "Wh"},
        {"value": "49.9", "measurand": "Frequency", "unit": "Hz"},
        {"value": "7", "measurand": "Vendor.Fan.Speed", "unit": "rpm"},
        {"value": "21", "measurand": "Temperature", "unit": "Celcius"},
    ]
    async with line(house, "CS") as station:
        await station.boot()
        values = {"connectorId": 1, "meterValue": [{"timestamp": AT, "sampledValue": sample}]}
        assert await station.get("MeterValues", values) == {}
    kept = await only(house, readings)
    assert (kept["energy_wh"], kept["temperature_c"]) == (1200, 21.0)
    for word in ("Frequency", "49.9", "Vendor.Fan.Speed", "rpm"):
        assert word in kept["samples"]


async def test_readings_beyond_repair_are_acknowledged_and_kept_as_text(house: Running):
    await house.add_station("CS")
    async with line(house, "CS") as station:
        await station.boot()
        for values in (
            {"connectorId": 1, "meterValue": "?"},
            {"connectorId": 1},
            {"meterValue": [{"sampledValue": 7}]},
        ):
            assert await station.get("MeterValues", values) == {}
    assert not await rows(house, readings)


# 2.x


@BOTH
async def test_events_in_the_wrong_order_make_the_same_session(house: Running, clock: StandingClock, version: str):
    await house.add_station("CS")
    clock.advance(3600)
    async with line(house, "CS", version) as station:
        await station.boot()
        for kind, seq, minute, wh in (("Updated", 1, 10, 2000), ("Ended", 3, 30, 4000), ("Started", 0, 0, 1000)):
            at = f"2026-03-01T12:{minute:02}:00Z"
            payload = event(kind, seq, timestamp=at, meterValue=measured(wh, at))
            assert await station.get("TransactionEvent", payload) == {}
    kept = await only(house, transactions)
    assert (kept["is_open"], kept["energy_wh"], kept["seq_count"], kept["last_seq"]) == (False, 3000, 3, 3)
    assert {"update-before-start", "sequence-gap"} <= await odd(house)


@BOTH
async def test_an_event_told_twice_is_kept_once_and_its_token_judged_anew(house: Running, version: str):
    await house.add_station("CS")
    token = {"idToken": "UNKNOWN", "type": "ISO14443"}
    async with line(house, "CS", version) as station:
        await station.boot()
        answers = [await station.get("TransactionEvent", event("Started", 0, idToken=token)) for _ in range(3)]
        assert [answer["idTokenInfo"]["status"] for answer in answers] == ["Unknown"] * 3
        other = event("Updated", 0, triggerReason="CablePluggedIn")
        assert await station.get("TransactionEvent", other) == {}  # another event under a number that is taken
    assert len(await rows(house, transaction_events)) == 2
    assert "sequence-reused" in await odd(house)


@BOTH
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("triggerReason", "SomethingNew"),
        ("triggerReason", None),
        ("seqNo", None),
        ("seqNo", "many"),
        ("timestamp", "yesterday"),
        ("eventType", "Continued"),
    ],
)
async def test_what_an_event_lacks_is_noted_and_the_event_kept(house: Running, version: str, field: str, value: Any):
    await house.add_station("CS")
    async with line(house, "CS", version) as station:
        await station.boot()
        await station.get("TransactionEvent", event("Started", 0, meterValue=measured(1000)))
        payload = event("Updated", 1, meterValue=measured(1500)) | {field: value}
        assert await station.get("TransactionEvent", payload) == {}
    kept = await only(house, transactions)
    assert (kept["energy_wh"], kept["is_open"]) == (500, True)
    noted = [row["detail"] for row in await rows(house, anomalies) if row["kind"] == "unreadable-value"]
    assert noted[0].startswith(f"{field}: ")


@BOTH
async def test_an_event_that_names_no_transaction_is_refused_with_the_place(house: Running, version: str):
    await house.add_station("CS")
    async with line(house, "CS", version) as station:
        await station.boot()
        answer = await station.ask("TransactionEvent", event("Started", 0) | {"transactionInfo": {}})
        assert (answer[2], answer[3].split(":")[0]) == (
            "OccurrenceConstraintViolation", "$.transactionInfo.transactionId",
        )  # fmt: skip


@BOTH
async def test_values_of_every_kind_are_kept_to_the_last_digit(house: Running, version: str):
    await house.add_station("CS")
    sampled = [
        {"value": 1234567.890123, "measurand": "Energy.Active.Import.Register"},
        {"value": 11.0405, "measurand": "Power.Active.Import", "unitOfMeasure": {"unit": "kW"}},
        {"value": 5, "measurand": "Power.Active.Import", "phase": "L1", "unitOfMeasure": {"unit": "W", "multiplier": 2}},
        {"value": 16.5, "measurand": "Current.Import", "phase": "L1-N"},
        {"value": -3.5, "measurand": "Power.Reactive.Export", "unitOfMeasure": {"unit": "furlong"}},
        {"value": 55.5, "measurand": "SoC", "location": "EV"},
        {
            "value": 1234567.9,
            "measurand": "Energy.Active.Import.Register",
            "context": "Transaction.Begin",
            "signedMeterValue": {
                "signedMeterData": "T0NNRnx7fXx7fQ==", "encodingMethod": "OCMF", "signingMethod": "", "publicKey": "",
            },
        },
    ]  # fmt: skip
    async with line(house, "CS", version) as station:
        await station.boot()
        values = [{"timestamp": AT, "sampledValue": sampled}]
        assert await station.get("TransactionEvent", event("Started", 0, meterValue=values)) == {}
    kept = {row["context"]: row for row in await rows(house, readings)}
    periodic = kept["Sample.Periodic"]
    assert periodic["energy_wh"] == Decimal("1234567.890123")
    assert (periodic["power_w"], periodic["soc_percent"]) == (11040.5, 55.5)
    assert "furlong" in periodic["samples"]
    assert "T0NNRnx7fXx7fQ==" in kept["Transaction.Begin"]["samples"]


@BOTH
async def test_what_an_event_says_besides_is_kept_with_it(house: Running, version: str):
    await house.add_station("CS")
    more = {
        "numberOfPhasesUsed": 3, "cableMaxCurrent": 32, "customData": {"vendorId": "v", "a": [1, 0.25, 1e300, None]},
    }  # fmt: skip
    info = {"transactionId": "TX-1", "timeSpentCharging": 77}
    async with line(house, "CS", version) as station:
        await station.boot()
        assert await station.get("TransactionEvent", event("Started", 0, transactionInfo=info, **more)) == {}
    message = (await only(house, transaction_events))["details"]["message"]
    assert (message["numberOfPhasesUsed"], message["cableMaxCurrent"], message["timeSpentCharging"]) == (3, 32, 77)
    assert message["customData"]["vendorId"] == "v"
    assert Decimal(str(message["customData"]["a"][1])) == Decimal("0.25")


async def test_no_contract_certificate_is_vouched_for(house: Running):
    await house.add_station("CS")
    hashes = {
        "hashAlgorithm": "SHA256", "issuerNameHash": "a", "issuerKeyHash": "b", "serialNumber": "1",
        "responderURL": "http://x",
    }  # fmt: skip
    token = {"idToken": "DE8EMP12345678", "type": "eMAID"}
    async with line(house, "CS", "2.0.1") as station:
        await station.boot()
        plain = await station.get("Authorize", {"idToken": token})
        assert plain == {"idTokenInfo": {"status": "Unknown"}}
        asked = await station.get("Authorize", {"idToken": token, "iso15118CertificateHashData": [hashes]})
        assert asked["certificateStatus"] == "CertChainError"
