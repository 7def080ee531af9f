"""Quirks 33 to 49: transactions and cards, over a real socket."""

import asyncio
from typing import Any

import pytest

from ingufu.core.errors import StationUnsupported
from running import Running, StandingClock
from scenarios.line import Line, line
from scenarios.quirks.odd import AT, LATER, Asked, any_station, id_of, met, odd_station, switch, with_does
from scenarios.records import add_token, anomalies, connectors, only, readings, rows, transactions

pytestmark = pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)


def start(**changes: Any) -> dict[str, Any]:
    return {"connectorId": 1, "idTag": "A", "meterStart": 1000, "timestamp": AT} | changes


def stop(number: int, **changes: Any) -> dict[str, Any]:
    return {"transactionId": number, "meterStop": 3000, "timestamp": LATER} | changes


def measured(wh: str, at: str = LATER, **sample: Any) -> list[dict[str, Any]]:
    return [{"timestamp": at, "sampledValue": [{"value": wh} | sample]}]


async def charge(station: Line, clock: StandingClock, **changes: Any) -> int:
    """Start half an hour ago and return the number."""
    number = int((await station.get("StartTransaction", start(**changes)))["transactionId"])
    clock.advance(1800)
    return number


@pytest.mark.parametrize("odd", [-1, 0])
async def test_quirk_33_a_number_that_the_station_never_learnt_is_found(house: Running, clock: StandingClock, odd: int):
    async with any_station(house) as station:
        await charge(station, clock)
        values = {"connectorId": 1, "transactionId": odd, "meterValue": measured("2000")}
        assert await station.get("MeterValues", values) == {}
        await station.get("StopTransaction", stop(odd, idTag="A"))
    kept = await only(house, transactions)
    assert (kept["is_open"], kept["energy_wh"]) == (False, 2000)
    assert (await only(house, readings))["transaction_id"] == kept["id"]
    assert await met(house, 33) == 2


async def test_quirk_34_a_start_told_twice_is_one(house: Running):
    async with any_station(house) as station:
        first = await station.ask("StartTransaction", start(), message_id="s")
        same_id = await station.ask("StartTransaction", start(), message_id="s")
        new_id = await station.ask("StartTransaction", start(), message_id="t")
    assert first[2] == same_id[2] == new_id[2]
    assert len(await rows(house, transactions)) == 1


async def test_quirk_35_of_stops_that_differ_the_first_counts(house: Running, clock: StandingClock):
    async with any_station(house) as station:
        number = await charge(station, clock)
        first = await station.get("StopTransaction", stop(number))
        assert await station.get("StopTransaction", stop(number, meterStop=9000)) == first
    assert (await only(house, transactions))["energy_wh"] == 2000
    assert "second-end" in {row["kind"] for row in await rows(house, anomalies)}


async def test_quirk_36_a_refused_start_ended_by_minus_one_is_put_together_and_no_number_is_zero(
    house: Running, clock: StandingClock
):
    await add_token(house, "A")
    async with any_station(house) as station:
        await station.get("StartTransaction", start(connectorId=2, meterStart=10, timestamp="2026-03-01T11:50:00Z"))
        answer = await station.get("StartTransaction", start())
        assert answer["idTagInfo"]["status"] == "ConcurrentTx"
        assert answer["transactionId"] > 0
        again = await station.get("StartTransaction", start())  # its own repetition charges nowhere else
        assert again["transactionId"] == answer["transactionId"]
        clock.advance(60)
        ended = stop(-1, idTag="A", meterStop=1000, timestamp="2026-03-01T12:01:00Z")
        assert await station.get("StopTransaction", ended)
    by_number = {row["number"]: row for row in await rows(house, transactions)}
    assert len(by_number) == 2
    assert min(by_number) >= 1
    assert by_number[answer["transactionId"]]["is_open"] is False


async def test_quirk_37_a_card_that_comes_back_longer_is_the_one_asked_for_and_late_values_are_kept(
    house: Running, clock: StandingClock
):
    await add_token(house, "0123456789ABCDEF")
    async with odd_station(house, "Ocular", "IQ") as station:
        async with Asked(house, station, "RemoteStartTransaction", {"idTag": "0123456789ABCDEFGHIJ"}) as asked:
            with pytest.raises(StationUnsupported, match="quirk 37"):
                await asked.comes_of_it()
        async with Asked(house, station, "RemoteStartTransaction", {"idTag": "0123456789ABCDEF"}) as asked:
            await asked.answer({"status": "Accepted"})
            await asked.payload()
        echo = start(idTag="0123456789ABCDEF\x7f\x01garbage")
        assert (await station.get("StartTransaction", echo))["idTagInfo"]["status"] == "Accepted"
        number = (await only(house, transactions))["number"]
        clock.advance(1800)
        await station.get("StopTransaction", stop(number))
        values = {"connectorId": 1, "transactionId": number, "meterValue": measured("2990", "2026-03-01T12:29:00Z")}
        assert await station.get("MeterValues", values) == {}
    kept = await only(house, transactions)
    assert kept["token_value"] == "0123456789ABCDEF"
    assert (await only(house, readings))["transaction_id"] == kept["id"]
    assert await met(house, 37) == 2


async def test_quirk_38_a_limit_below_the_least_current_is_nothing(house: Running):
    async with odd_station(house, "EN+", "Caro") as station:
        periods = [{"startPeriod": at, "limit": limit} for at, limit in ((0, 16), (60, 5.9), (120, 0), (180, 6))]
        profile = {
            "chargingProfileId": 1, "stackLevel": 0, "chargingProfilePurpose": "TxDefaultProfile",
            "chargingProfileKind": "Absolute",
            "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": periods},
        }  # fmt: skip
        async with Asked(
            house, station, "SetChargingProfile", {"connectorId": 1, "csChargingProfiles": profile}
        ) as asked:
            sent = (await asked.answer({"status": "Accepted"}))[3]
            await asked.payload()
    limits = [one["limit"] for one in sent["csChargingProfiles"]["chargingSchedule"]["chargingSchedulePeriod"]]
    assert limits == [16, 0, 0, 6]
    assert await met(house, 38) == 1


async def test_quirk_39_a_station_that_stays_finishing_is_asked_to_start_all_the_same(house: Running):
    async with any_station(house) as station:
        status = {"connectorId": 1, "status": "Finishing", "errorCode": "NoError"}
        await station.get("StatusNotification", status)
        async with Asked(house, station, "RemoteStartTransaction", {"idTag": "A", "connectorId": 1}) as asked:
            await asked.answer({"status": "Accepted"})
            assert await asked.payload() == {"status": "Accepted"}
        assert (await station.get("StartTransaction", start()))["transactionId"] > 0
    assert (await only(house, transactions))["is_open"] is True


async def test_quirk_40_starts_and_stops_keep_their_distance(house: Running):
    house.services.stations.quirks.catalogue = (with_does(40, command_gap_s=0.6),)
    async with odd_station(house, "FoxESS", "A022") as station:
        began = asyncio.get_running_loop().time()
        for action, payload in (
            ("RemoteStartTransaction", {"idTag": "A"}),
            ("RemoteStopTransaction", {"transactionId": 1}),
        ):
            async with Asked(house, station, action, payload) as asked:
                await asked.answer({"status": "Accepted"})
                await asked.payload()
        assert asyncio.get_running_loop().time() - began >= 0.55
        status = {"connectorId": 1, "status": "Available", "errorCode": "NoError"}
        assert await station.get("StatusNotification", status) == {}
    assert await met(house, 40) == 1


async def test_quirk_41_years_of_values_are_acknowledged_and_cards_are_hexadecimal(house: Running):
    async with odd_station(house, "Alfen BV", "NG910") as station:
        for year in range(2016, 2026):
            values = measured("1", f"{year}-03-01T12:00:00Z", context="Sample.Ages")
            assert await station.get("MeterValues", {"connectorId": 1, "meterValue": values}) == {}
        async with Asked(house, station, "RemoteStartTransaction", {"idTag": "driver-7"}) as asked:
            with pytest.raises(StationUnsupported, match="quirk 41"):
                await asked.comes_of_it()
        async with Asked(house, station, "RemoteStartTransaction", {"idTag": "04A1b2"}) as asked:
            await asked.answer({"status": "Accepted"})
            await asked.payload()
    assert [row["at"].year for row in await rows(house, readings)] == list(range(2016, 2026))
    assert await met(house, 41) == 11


async def test_quirk_42_its_own_card_for_free_charging_is_accepted_from_it_and_from_no_other(house: Running):
    async with odd_station(house, "Webasto", "Next") as station:
        free = start(idTag="#FreeCharging")
        assert (await station.get("StartTransaction", free))["idTagInfo"]["status"] == "Accepted"
        other = start(connectorId=2, idTag="#Other")
        assert (await station.get("StartTransaction", other))["idTagInfo"]["status"] == "Invalid"
    assert await met(house, 42) == 1
    await house.add_station("OTHER")
    async with line(house, "OTHER") as station:
        await station.boot()
        assert (await station.get("StartTransaction", free))["idTagInfo"]["status"] == "Invalid"


async def test_quirk_43_a_card_may_hold_any_signs(house: Running):
    await add_token(house, "VID:00B0D063C226")
    async with any_station(house) as station:
        answer = await station.get("StartTransaction", start(idTag="VID:00B0D063C226"))
        assert answer["idTagInfo"]["status"] == "Accepted"
    assert (await only(house, transactions))["token_value"] == "VID:00B0D063C226"


@pytest.mark.parametrize("odd", [{"idTag": ""}, {"idTag": None}, {}])
async def test_quirk_44_a_start_without_a_card_is_kept_and_accepted_where_that_is_meant(
    house: Running, odd: dict[str, Any]
):
    without = {name: value for name, value in start().items() if name != "idTag"} | odd
    async with any_station(house) as station:
        assert (await station.get("StartTransaction", without))["idTagInfo"]["status"] == "Invalid"
        await switch(house, 44, is_on=True)
        later = without | {"connectorId": 2}
        assert (await station.get("StartTransaction", later))["idTagInfo"]["status"] == "Accepted"
    assert len(await rows(house, transactions)) == 2
    assert await met(house, 44) >= 1


@pytest.mark.parametrize("sent", ["04A1B2C3-17612345", "04A1B2C317612345", "04A1B2C3"])
async def test_quirk_45_the_serial_number_behind_a_card_is_cut_off(house: Running, sent: str):
    await add_token(house, "04A1B2C3")
    async with odd_station(house, "Keba AG", "KC-P30") as station:
        assert (await station.get("Authorize", {"idTag": sent}))["idTagInfo"]["status"] == "Accepted"
        assert (await station.get("StartTransaction", start(idTag=sent, connectorId=3)))["transactionId"] > 0
    kept = await only(house, transactions)
    assert (kept["token_value"], kept["evse"]) == ("04A1B2C3", 3)
    assert await met(house, 45) == (0 if sent == "04A1B2C3" else 2)


async def test_quirk_46_reservation_0_is_none(house: Running):
    async with any_station(house) as station:
        assert (await station.get("StartTransaction", start(reservationId=0)))["transactionId"] > 0
    assert (await only(house, transactions))["reservation_id"] is None
    assert await met(house, 46) == 1


async def test_quirk_47_a_number_that_it_invented_is_bound_by_the_connector(house: Running, clock: StandingClock):
    async with odd_station(house, "Etrel", "INCH") as station:
        number = await charge(station, clock)
        values = {"connectorId": 1, "transactionId": 700123, "meterValue": measured("2000")}
        await station.get("MeterValues", values)
        await station.get("StopTransaction", stop(700123, idTag="A"))
        assert number != 700123
    kept = await only(house, transactions)
    assert (kept["is_open"], kept["energy_wh"]) == (False, 2000)
    assert (await only(house, readings))["transaction_id"] == kept["id"]
    assert await met(house, 47) == 2


async def charge_two(station: Line, clock: StandingClock) -> tuple[int, int]:
    """Start on two connectors and return the numbers; the second one's register is lower."""
    first = int((await station.get("StartTransaction", start()))["transactionId"])
    second = await charge(station, clock, connectorId=2, idTag="B", meterStart=500, timestamp="2026-03-01T12:01:00Z")
    return first, second


async def energies(house: Running) -> dict[int, Any]:
    """Return by number what the transactions brought, None of those that run."""
    found = await rows(house, transactions)
    return {row["number"]: None if row["is_open"] else row["energy_wh"] for row in found}


@pytest.mark.parametrize("vendor", ["Etrel", "HUAWEI"])
async def test_quirk_47_a_stop_with_our_number_that_comes_again_ends_no_other(
    house: Running, clock: StandingClock, vendor: str
):
    async with odd_station(house, vendor) as station:
        first, second = await charge_two(station, clock)
        for message_id in ("a", "b"):
            await station.ask("StopTransaction", stop(first), message_id=message_id)
        assert await energies(house) == {first: 2000, second: None}
        await station.get("StopTransaction", stop(second))
    assert await energies(house) == {first: 2000, second: 2500}
    assert "second-end" not in {row["kind"] for row in await rows(house, anomalies)}


@pytest.mark.parametrize("vendor", ["Etrel", "HUAWEI"])
async def test_quirk_47_our_number_is_known_after_a_reconnection(house: Running, clock: StandingClock, vendor: str):
    async with odd_station(house, vendor) as station:
        first, second = await charge_two(station, clock)
    async with line(house, "CS") as station:
        values = {"connectorId": 1, "transactionId": first, "meterValue": measured("2000")}
        await station.get("MeterValues", values)
        await station.get("StopTransaction", stop(first))
        assert await energies(house) == {first: 2000, second: None}
    async with line(house, "CS") as station:
        await station.get("StopTransaction", stop(first))
    assert await energies(house) == {first: 2000, second: None}
    assert await met(house, 47 if vendor == "Etrel" else 51) == 0


@pytest.mark.parametrize("is_reconnected", [False, True])
async def test_quirk_47_a_stop_with_an_invented_number_that_comes_again_ends_no_other(
    house: Running, clock: StandingClock, is_reconnected: bool
):
    async with odd_station(house, "Etrel") as station:
        first, second = await charge_two(station, clock)
        await station.get("MeterValues", {"connectorId": 1, "transactionId": 700123, "meterValue": measured("2000")})
        await station.get("StopTransaction", stop(700123))
        if not is_reconnected:
            await station.get("StopTransaction", stop(700123))
    if is_reconnected:
        async with line(house, "CS") as station:
            await station.get("StopTransaction", stop(700123))
    assert await energies(house) == {first: 2000, second: None}


async def test_quirk_51_the_number_that_it_always_names_means_what_runs_now_though_we_once_gave_it(
    house: Running, clock: StandingClock
):
    async with odd_station(house, "HUAWEI") as station:
        first = await charge(station, clock)
        await station.get("StopTransaction", stop(first))
        second = await charge(station, clock, meterStart=3000, timestamp="2026-03-01T12:31:00Z")
        values = measured("4000", "2026-03-01T12:45:00Z")
        await station.get("MeterValues", {"connectorId": 1, "transactionId": first, "meterValue": values})
        await station.get("StopTransaction", stop(first, meterStop=5000, timestamp="2026-03-01T13:00:00Z"))
    assert await energies(house) == {first: 2000, second: 2000}
    kept = {row["id"]: row["number"] for row in await rows(house, transactions)}
    assert kept[(await only(house, readings))["transaction_id"]] == second


async def test_quirk_48_a_property_that_no_schema_knows_is_left_out(house: Running):
    await add_token(house, "A")
    async with any_station(house) as station:
        answer = await station.get("Authorize", {"idTag": "A", "connectorId": 1})
        assert answer["idTagInfo"]["status"] == "Accepted"
    assert await met(house, 48) == 1


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
async def test_quirk_49_loose_messages_of_2x_are_understood(house: Running, clock: StandingClock, version: str):
    def event(kind: str, seq: int, **changes: Any) -> dict[str, Any]:
        return {
            "eventType": kind, "timestamp": AT, "triggerReason": "CablePluggedIn", "seqNo": seq,
            "transactionInfo": {"transactionId": "TX-1"}, "evse": {"id": 1, "connectorId": 1},
        } | changes  # fmt: skip

    async with any_station(house, version) as station:
        status = {"timestamp": AT, "connectorStatus": "Available", "evseId": 0, "connectorId": 0}
        assert await station.get("StatusNotification", status) == {}
        clock.advance(60)
        without_reason = {key: value for key, value in event("Updated", 1).items() if key != "triggerReason"}
        for replayed in (event("Ended", 2), event("Started", 0, offline=True), without_reason, without_reason):
            assert isinstance(await station.get("TransactionEvent", replayed), dict)
    kept = await only(house, transactions)
    assert (kept["is_open"], kept["evse"]) == (False, 1)
    assert await met(house, 49) == 2
    assert {row["evse"] for row in await rows(house, connectors)} <= {1}
    assert await id_of(house)
