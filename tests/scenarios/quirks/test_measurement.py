"""Quirks 50 to 64: meter values, times and status texts, over a real socket."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from ingufu.stations.quirks.model import Does, Group, Match, Quirk
from ingufu.views.session import get_series
from ingufu.views.stations import get_station
from running import Running, StandingClock
from scenarios.line import Line, line
from scenarios.quirks.odd import AT, LATER, any_station, met, odd_station
from scenarios.records import anomalies, connectors, only, readings, rows, transactions

pytestmark = pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)


def sample(value: Any, measurand: str | None = None, **more: Any) -> dict[str, Any]:
    return {"value": value} | ({} if measurand is None else {"measurand": measurand}) | more


async def charge(station: Line, clock: StandingClock, **changes: Any) -> int:
    """Start half an hour ago and return the number."""
    begun = {"connectorId": 1, "idTag": "A", "meterStart": 1000, "timestamp": AT} | changes
    number = int((await station.get("StartTransaction", begun))["transactionId"])
    clock.advance(1800)
    return number


async def measure(station: Line, number: int | None, *samples: Any, at: str = LATER) -> None:
    values: dict[str, Any] = {"connectorId": 1, "meterValue": [{"timestamp": at, "sampledValue": list(samples)}]}
    if number is not None:
        values["transactionId"] = number
    assert await station.get("MeterValues", values) == {}


async def stop(station: Line, number: int, register: int, **changes: Any) -> None:
    assert isinstance(
        await station.get(
            "StopTransaction", {"transactionId": number, "meterStop": register, "timestamp": LATER} | changes
        ),
        dict,
    )


async def samples_of(house: Running) -> list[dict[str, Any]]:
    """Return the stored samples of all readings."""
    return [one for row in await rows(house, readings) for one in msgspec.json.decode(row["samples"])]


async def test_quirk_50_import_that_is_called_export_is_import(house: Running, clock: StandingClock):
    async with odd_station(house, "United Chargers", "Grizzl-E") as station:
        await measure(station, await charge(station, clock), sample("16.0", "Current.Export", unit="A"))
    assert [one["measurand"] for one in await samples_of(house)] == ["Current.Import"]
    assert (await only(house, readings))["current_a"] == 16.0
    assert await met(house, 50) == 1


async def test_quirk_51_an_object_for_a_list_a_beginning_in_kwh_and_always_transaction_1(
    house: Running, clock: StandingClock
):
    async with odd_station(house, "HUAWEI", "SCharger-7KS-S0", identity="CS") as station:
        await charge(station, clock, meterStart=10, connectorId=3)
        await charge(station, clock, meterStart=5_123_456)
        begin = sample("5123.5", "Energy.Active.Import.Register", unit="Wh", context="Transaction.Begin")
        values = {"connectorId": 1, "transactionId": 999, "meterValue": {"timestamp": AT, "sampledValue": begin}}
        assert await station.get("MeterValues", values) == {}
        await stop(station, 999, 5_125_456, idTag="A")
    kept = next(row for row in await rows(house, transactions) if row["start_wh"] == 5_123_456)
    assert (kept["is_open"], kept["energy_wh"]) == (False, 2000)
    reading = await only(house, readings)
    assert (reading["transaction_id"], reading["energy_wh"]) == (kept["id"], Decimal(5_123_500))
    assert await met(house, 51) >= 3


async def test_quirk_52_a_start_that_is_higher_than_the_first_value_is_kept_and_marked(
    house: Running, clock: StandingClock
):
    async with any_station(house) as station:
        number = await charge(station, clock, meterStart=1010)
        await measure(station, number, sample("1000"), sample("9.0", "Current.Import", unit="A"))
        await stop(station, number, 3000)
    kept = await only(house, transactions)
    assert kept["is_open"] is False
    assert kept["energy_wh"] == 2000
    assert (await only(house, readings))["current_a"] == 9.0
    assert {row["kind"] for row in await rows(house, anomalies)} & {"register-backwards", "register-reset"}


async def test_quirk_53_a_unit_that_no_schema_knows_is_kept(house: Running, clock: StandingClock):
    async with any_station(house) as station:
        await measure(station, await charge(station, clock), sample("49.98", "Frequency", unit="Hz"), sample("1500"))
    kept = {one.get("measurand", ""): one for one in await samples_of(house)}
    assert Decimal(str(kept["Frequency"]["value"])) == Decimal("49.98")
    assert kept["Frequency"]["raw_unit"] == "Hz"
    assert await met(house, 53) == 1


async def test_quirk_54_registers_have_64_bits_and_each_measurand_may_come_alone(house: Running, clock: StandingClock):
    large = 2**32 + 12_345
    async with any_station(house) as station:
        number = await charge(station, clock, meterStart=large)
        values = [
            {"timestamp": LATER, "sampledValue": [one]}
            for one in (sample(str(large + 500)), sample("7.4", "Power.Active.Import", unit="kW"), sample("80", "SoC"))
        ]
        whole = {"connectorId": 0, "meterValue": [{"timestamp": LATER, "sampledValue": [sample(str(large + 9))]}]}
        assert await station.get("MeterValues", whole) == {}
        payload = {"connectorId": 1, "transactionId": number, "meterValue": values}
        assert await station.get("MeterValues", payload) == {}
        await stop(station, number, large + 1000)
    kept = await only(house, transactions)
    assert (kept["start_wh"], kept["energy_wh"]) == (large, 1000)
    series = await get_series(house.services.database, kept["id"], 10)
    told = {(point.at, name) for point in series.points for name in ("energy_wh", "power_w", "soc_percent")
            if getattr(point, name) is not None}  # fmt: skip
    at = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
    assert {(at, "energy_wh"), (at, "power_w")} <= told


async def test_quirk_55_what_cannot_be_is_marked_and_an_own_file_gives_the_factor(house: Running, clock: StandingClock):
    async with any_station(house) as station:
        number = await charge(station, clock)
        await measure(station, number, sample("900000", "Energy.Active.Import.Register", unit="kWh"))
    assert "implausible-value" in {row["kind"] for row in await rows(house, anomalies)}
    own = Quirk(
        number=1001, group=Group.MEASUREMENT, title="kW labelled W", who="ours", odd="o", cope="c", reference="r",
        match=(Match(identity="CS"),), does=Does(scales={"Power.Active.Import": Decimal(1000)}),
    )  # fmt: skip
    house.services.stations.quirks.__init__(house.services.database, clock, (own,))  # type: ignore[misc]
    async with line(house, "CS") as station:
        await measure(station, number, sample("7.4", "Power.Active.Import", unit="W"), at="2026-03-01T12:29:00Z")
    assert 7400.0 in [row["power_w"] for row in await rows(house, readings)]
    assert await met(house, 1001) == 1


async def test_quirk_56_place_and_phase_are_taken_out_of_the_measurands_name(house: Running, clock: StandingClock):
    async with odd_station(house, "Amperfied", "connect.home") as station:
        await measure(
            station,
            await charge(station, clock),
            sample("16", "Current.Import.Inlet.L1", unit="A"),
            sample("55", "SoC", unit="V"),
        )
    kept = {one.get("measurand", ""): one for one in await samples_of(house)}
    assert (kept["Current.Import"]["location"], kept["Current.Import"]["phase"]) == ("Inlet", "L1")
    assert (await only(house, readings))["soc_percent"] == 55
    assert await met(house, 56) == 1


async def test_quirk_57_a_register_that_begins_anew_counts_on(house: Running, clock: StandingClock):
    async with any_station(house) as station:
        number = await charge(station, clock, meterStart=500_000)
        for minute, wh in ((5, "501000"), (10, "0"), (15, "700"), (20, "1400")):
            await measure(station, number, sample(wh), at=f"2026-03-01T12:{minute:02}:00Z")
        await stop(station, number, 2000)
    kept = await only(house, transactions)
    assert kept["energy_wh"] == 3000
    assert "register-reset" in {row["kind"] for row in await rows(house, anomalies)}


async def test_quirk_58_a_status_that_is_not_charging_sets_the_power_to_nothing(house: Running, clock: StandingClock):
    async with any_station(house) as station:
        number = await charge(station, clock)
        await measure(station, number, sample("7400", "Power.Active.Import", unit="W"))
        clock.advance(60)
        status = {
            "connectorId": 1, "status": "SuspendedEV", "errorCode": "NoError", "timestamp": "2026-03-01T12:31:00Z",
        }  # fmt: skip
        await station.get("StatusNotification", status)
    kept = await only(house, transactions)
    view = await get_station(house.services.database, kept["station_id"], None)
    running = next(evse.transaction for evse in view.evses if evse.transaction is not None)
    assert running.power_w == 0.0


async def test_quirk_59_odd_phases_make_a_total(house: Running, clock: StandingClock):
    async with any_station(house) as station:
        number = await charge(station, clock)
        await measure(
            station,
            number,
            *(sample("2300", "Power.Active.Import", unit="W", phase=phase) for phase in ("L1", "L2", "L3")),
            *(sample(str(amps), "Current.Import", unit="A", phase=f"L{amps - 9}-N") for amps in (10, 11, 12)),
            sample("0.4", "Current.Import", unit="A", phase="N"),
        )
    reading = await only(house, readings)
    assert reading["power_w"] == 6900.0
    assert reading["current_a"] == 12.0


async def test_quirk_60_clock_aligned_values_are_used_like_periodic_ones(house: Running, clock: StandingClock):
    async with any_station(house) as station:
        number = await charge(station, clock)
        await measure(station, number, sample("2500", context="Sample.Clock"))
    kept = await only(house, transactions)
    assert (await only(house, readings))["transaction_id"] == kept["id"]
    assert kept["energy_wh"] == 1500


async def test_quirk_61_times_without_a_zone_are_those_of_its_place(house: Running):
    async with odd_station(house, "Growatt", "THOR") as station:
        status = {"connectorId": 1, "status": "Preparing", "errorCode": "NoError", "timestamp": "2026-03-01T20:00:05"}
        await station.get("StatusNotification", status)
        begun = {"connectorId": 1, "idTag": "A", "meterStart": 0, "timestamp": "2026-03-01T19:55:00"}
        await station.get("StartTransaction", begun)
    assert (await only(house, transactions))["started_at"] == datetime(2026, 3, 1, 11, 55, tzinfo=UTC)
    assert await met(house, 61) == 2


async def test_quirk_61_a_station_that_is_merely_late_is_not_moved(house: Running):
    async with odd_station(house, "Growatt", "THOR") as station:
        begun = {"connectorId": 1, "idTag": "A", "meterStart": 0, "timestamp": "2026-03-01T11:20:00"}
        await station.get("StartTransaction", begun)
    assert (await only(house, transactions))["started_at"] == datetime(2026, 3, 1, 11, 20, tzinfo=UTC)


async def test_quirk_62_times_that_are_none_are_understood(house: Running):
    async with any_station(house) as station:
        begun = {"connectorId": 1, "idTag": "A", "meterStart": 0, "timestamp": "1970-01-01T00:00:09Z"}
        await station.get("StartTransaction", begun)
        begun = {"connectorId": 2, "idTag": "B", "meterStart": 0, "timestamp": "2026-03-01T13:50:00+02"}
        await station.get("StartTransaction", begun)
    times = {row["evse"]: row["started_at"] for row in await rows(house, transactions)}
    assert times == {1: datetime(2026, 3, 1, 12, tzinfo=UTC), 2: datetime(2026, 3, 1, 11, 50, tzinfo=UTC)}
    assert "clock-unset" in {row["kind"] for row in await rows(house, anomalies)}
    assert await met(house, 62) == 1


async def test_quirk_63_an_error_code_that_does_not_exist_is_another_error(house: Running):
    async with any_station(house) as station:
        status = {"connectorId": 1, "status": "Faulted", "errorCode": "Error", "vendorErrorCode": "E7"}
        assert await station.get("StatusNotification", status) == {}
    kept = await only(house, connectors)
    assert (kept["error_code"], kept["vendor_error_code"]) == ("OtherError", "E7")
    assert await met(house, 63) == 1


async def test_quirk_64_texts_that_say_null_are_absent(house: Running):
    async with any_station(house) as station:
        status = {"connectorId": 1, "status": "Finishing", "errorCode": "GroundFailure", "info": "null"}
        assert await station.get("StatusNotification", status) == {}
    kept = await only(house, connectors)
    assert (kept["error_info"], kept["error_code"], kept["status"]) == (None, "GroundFailure", "occupied")
    assert await met(house, 64) == 1
