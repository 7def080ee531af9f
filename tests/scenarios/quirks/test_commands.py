"""Quirks 12 to 32: boots, configuration and what is asked of stations, over a real socket."""

import asyncio
import json
from typing import Any

import msgspec
import pytest

from ingufu.core.commands import ReplyKind
from ingufu.core.errors import StationUnsupported
from ingufu.ocpp import wire
from ingufu.ocpp.quirk_requests import KNOWN_KEYS
from ingufu.ocpp.v16 import types
from running import Running, StandingClock
from scenarios.line import Line, line
from scenarios.quirks.odd import AT, Asked, any_station, id_of, met, odd_station, switch, with_does
from scenarios.records import only, readings, stations

pytestmark = pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)


def key(name: str, value: Any = "1") -> dict[str, Any]:
    return {"key": name, "readonly": False, "value": value}


async def play(station: Line, asked: Asked, answer: Any) -> list[Any]:
    """Answer every CALL by what `answer(payload)` says until nothing more is asked; return what was asked."""
    heard: list[Any] = []

    async def listen() -> None:
        while True:
            call = json.loads(await station.socket.recv())
            heard.append(call[3])
            await station.say([3, call[1], answer(call[3])])

    listening = asyncio.create_task(listen())
    try:
        await asked.comes_of_it()
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
    return heard


async def test_quirk_12_nothing_is_asked_before_the_boot(house: Running):
    async with (
        odd_station(house, "Wall Box Chargers", "Pulsar Plus") as station,
        Asked(house, station, "ClearCache", {}) as asked,
    ):
        boot = {"chargePointVendor": "Wall Box Chargers", "chargePointModel": "Pulsar Plus"}
        await station.say([2, "b", "BootNotification", boot])
        assert (await station.hear())[:2] == [3, "b"]
        assert (await asked.answer({"status": "Accepted"}))[2] == "ClearCache"
        assert await asked.payload() == {"status": "Accepted"}
    assert await met(house, 12) == 1


async def test_quirk_12_without_a_boot_it_is_asked_after_a_while(house: Running):
    house.services.stations.quirks.catalogue = (with_does(12, waits_for_boot_s=0.3),)
    async with odd_station(house, "Wall Box Chargers") as station, Asked(house, station, "ClearCache", {}) as asked:
        await asked.answer({"status": "Accepted"})
        assert await asked.payload() == {"status": "Accepted"}


async def test_quirk_13_keys_are_asked_for_by_name_where_none_are_told(house: Running):
    async with (
        odd_station(house, "Growatt", "THOR-11AS") as station,
        Asked(house, station, "GetConfiguration", {}) as asked,
    ):
        heard = await play(
            station,
            asked,
            lambda payload: {"configurationKey": [key(name) for name in payload.get("key", ())]},
        )
        told = {one["key"] for one in (await asked.payload())["configurationKey"]}
    assert heard[0] == {}
    assert told == set(KNOWN_KEYS)
    assert await met(house, 13) == 1


async def test_quirk_14_what_is_whole_of_a_cut_answer_is_used_and_keys_are_asked_for_one_by_one(house: Running):
    async with (
        odd_station(house, "United Chargers", "Grizzl-E", "5.5.2") as station,
        Asked(house, station, "GetConfiguration", {"key": ["A", "B"]}) as asked,
    ):
        call = await asked.hears()
        assert call[3] == {"key": ["A"]}
        cut = '[3,"%s",{"configurationKey":[{"key":"A","readonly":false,"value":"12"},{"key":"Z","readonly":fal'
        await station.say(cut % call[1])
        assert (await asked.answer({"configurationKey": [key("B")]}))[3] == {"key": ["B"]}
        told = (await asked.payload())["configurationKey"]
    assert told == [{"key": "A", "readonly": False, "value": "12"}, {"key": "Z"}, key("B")]
    assert await met(house, 14) >= 2


async def test_quirk_14_is_not_chosen_for_another_firmware(house: Running):
    async with odd_station(house, "United Chargers", "Grizzl-E", "5.6.1") as station:
        connection = house.link.get(await id_of(house))
        assert connection is not None
        assert connection.session.coping is not None
        assert not connection.session.coping.does.salvages_json
        assert await station.get("Heartbeat", {})


async def test_quirk_15_one_key_at_a_time_and_an_error_of_four_elements_is_understood(house: Running):
    async with odd_station(house, "United Chargers", "Grizzl-E", "6.0") as station:
        async with Asked(house, station, "GetConfiguration", {"key": ["A", "B"]}) as asked:
            await asked.answer({"configurationKey": [key("A")]})
            call = await asked.hears()
            await station.say([4, call[1], "FormationViolation", {}])
            assert (await asked.payload())["configurationKey"] == [key("A")]
        async with Asked(house, station, "ClearCache", {}) as asked:
            await station.say([4, (await asked.hears())[1], "FormationViolation", {}])
            reply = await asked.comes_of_it()
    assert (reply.kind, reply.error_code) == (ReplyKind.ERROR, "FormationViolation")
    assert await met(house, 15) == 1


async def test_quirk_16_boot_texts_that_are_too_long_are_cut(house: Running):
    await house.add_station("CS")
    async with line(house, "CS") as station:
        boot = {"chargePointVendor": "United Chargers", "chargePointModel": "Grizzl-E Smart Connect 40A",
                "chargePointSerialNumber": "S" * 26, "chargeBoxSerialNumber": "B" * 34}  # fmt: skip
        assert (await station.get("BootNotification", boot))["status"] == "Accepted"
    kept = await only(house, stations)
    assert kept["model"] == "Grizzl-E Smart Conn…"
    assert kept["serial_number"] == "S" * 24 + "…"
    assert await met(house, 16) == 1


async def test_quirk_17_an_empty_vendor_is_taken(house: Running):
    await house.add_station("CS")
    async with line(house, "CS") as station:
        boot = {"chargePointVendor": "", "chargePointModel": "SCharger-22KT-S0"}
        assert (await station.get("BootNotification", boot))["status"] == "Accepted"
    assert (await only(house, stations))["model"] == "SCharger-22KT-S0"
    assert await met(house, 17) == 1


async def test_quirk_18_numbers_and_nulls_in_the_configuration_are_read(house: Running):
    odd = {
        "configurationKey": [
            {"key": "HeartbeatInterval", "readonly": False, "value": 300},
            {"key": "AuthorizeRemoteTxRequests", "readonly": True, "value": True},
            {"key": "MaxEnergyOnInvalidId", "readonly": False, "value": None},
        ],
        "unknownKey": None,
    }
    async with any_station(house) as station, Asked(house, station, "GetConfiguration", {}) as asked:
        await asked.answer(odd)
        reply = await asked.comes_of_it()
    assert reply.payload is not None
    read, repairs = wire.decode_lenient(types.GetConfigurationResponse, reply.payload)
    assert repairs
    told = {one.key: one.value for one in read.configuration_key}
    assert told == {
        "HeartbeatInterval": "300", "AuthorizeRemoteTxRequests": "true", "MaxEnergyOnInvalidId": msgspec.UNSET,
    }  # fmt: skip


async def test_quirk_19_a_shifted_configuration_is_not_believed_and_zeros_stand_for_none(house: Running):
    async with odd_station(house, "Amperfied", "connect.business") as station:
        async with Asked(house, station, "GetConfiguration", {}) as asked:
            await asked.answer({"configurationKey": [key("HeartbeatInterval", "true"), key("", "300")]})
            assert await asked.payload() == {"configurationKey": [], "unknownKey": ["HeartbeatInterval"]}
        sample = {"timestamp": AT, "sampledValue": [{"value": "230", "measurand": "Voltage"}]}
        values = {"connectorId": 0, "transactionId": 0, "meterValue": [sample]}
        assert await station.get("MeterValues", values) == {}
    kept = await only(house, readings)
    assert (kept["evse"], kept["transaction_id"]) == (None, None)
    assert (await met(house, 19), await met(house, 33)) == (1, 1)


async def test_quirk_20_measurands_are_neither_read_nor_written(house: Running):
    async with odd_station(house, "ABB", "Terra AC W22-T-R-0") as station:
        for action, payload in (
            ("ChangeConfiguration", {"key": "MeterValuesSampledData", "value": "Voltage"}),
            ("GetConfiguration", {"key": ["MeterValuesSampledData"]}),
        ):
            async with Asked(house, station, action, payload) as asked:
                with pytest.raises(StationUnsupported, match="quirk 20"):
                    await asked.comes_of_it()
        async with Asked(house, station, "GetConfiguration", {"key": ["StopTxnSampledData", "A"]}) as asked:
            assert (await asked.answer({"configurationKey": [key("A")]}))[3] == {"key": ["A"]}
            await asked.payload()
        assert await met(house, 20) == 3
        await switch(house, 20, is_on=False)
        async with Asked(house, station, "ChangeConfiguration", {"key": "StopTxnSampledData", "value": ""}) as asked:
            await asked.answer({"status": "Accepted"})
            assert await asked.payload() == {"status": "Accepted"}


async def test_quirk_21_an_untidy_configuration_is_tidied(house: Running):
    async with odd_station(house, "Daheimladen", "DaheimLader Touch") as station:
        async with Asked(house, station, "GetConfiguration", {}) as asked:
            await asked.answer({"configurationKey": [key("SupportedFeatureProfiles", "Core , SmartCharging ")]})
            told = {one["key"]: one["value"] for one in (await asked.payload())["configurationKey"]}
        assert told == {
            "SupportedFeatureProfiles": "Core,SmartCharging", "ChargingScheduleAllowedChargingRateUnit": "Current",
        }  # fmt: skip
        async with Asked(house, station, "GetConfiguration", {}) as asked:
            await asked.answer({"configurationKey": [key("ChargingScheduleAllowedChargingRateUnit", "W")]})
            assert (await asked.payload())["configurationKey"][0]["value"] == "Power"
    assert await met(house, 21) == 2


async def test_quirk_22_a_list_that_is_rejected_is_shortened(house: Running):
    async with odd_station(house, "Wall Box Chargers", "Copper SB") as station:
        boot = {"chargePointVendor": "Wall Box Chargers", "chargePointModel": "Copper SB"}
        await station.get("BootNotification", boot)
        wanted = {"key": "MeterValuesSampledData", "value": "Energy.Active.Import.Register,Current.Import,Voltage,SoC"}
        async with Asked(house, station, "ChangeConfiguration", wanted) as asked:
            heard = await play(
                station, asked, lambda it: {"status": "Accepted" if it["value"].count(",") < 2 else "Rejected"}
            )
            assert await asked.payload() == {"status": "Accepted"}
    assert [one["value"].count(",") for one in heard] == [3, 2, 1]
    assert await met(house, 22) == 2


async def test_quirk_23_a_profile_for_the_whole_station_is_sent_as_a_default(house: Running):
    async with odd_station(house, "EV-BOX", "Elvi") as station:
        profile = {
            "chargingProfileId": 1, "stackLevel": 0, "chargingProfilePurpose": "ChargePointMaxProfile",
            "chargingProfileKind": "Absolute",
            "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 10}]},
        }  # fmt: skip
        async with Asked(
            house, station, "SetChargingProfile", {"connectorId": 0, "csChargingProfiles": profile}
        ) as asked:
            heard = await play(
                station,
                asked,
                lambda it: {
                    "status": "Accepted"
                    if it["csChargingProfiles"]["chargingProfilePurpose"] == "TxDefaultProfile"
                    else "Rejected"
                },
            )
            assert await asked.payload() == {"status": "Accepted"}
    assert len(heard) == 2
    assert await met(house, 23) == 1


@pytest.mark.parametrize(("number", "vendor"), [(24, "go-e"), (25, "SyncEV")])
async def test_quirk_24_25_values_are_asked_for_while_it_charges(house: Running, number: int, vendor: str):
    house.services.stations.quirks.catalogue = (with_does(number, polls_meter_values_s=0.3),)
    async with odd_station(house, vendor) as station:
        started = {"connectorId": 2, "idTag": "A", "meterStart": 0, "timestamp": AT}
        await station.get("StartTransaction", started)
        call = await station.hear()
        assert call[2:] == ["TriggerMessage", {"requestedMessage": "MeterValues", "connectorId": 2}]
        await station.say([3, call[1], {"status": "Accepted"}])
        async with asyncio.timeout(15):
            while not await met(house, number):
                await asyncio.sleep(0.05)


async def test_quirk_24_is_left_in_peace_when_nothing_charges(house: Running):
    house.services.stations.quirks.catalogue = (with_does(24, polls_meter_values_s=0.2),)
    async with odd_station(house, "Fronius", "Wattpilot") as station:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.0):
                await station.socket.recv()
        with pytest.raises(StationUnsupported, match="quirk 24"):
            async with Asked(
                house, station, "ChangeConfiguration", {"key": "MeterValuesSampledData", "value": "SoC"}
            ) as it:
                await it.comes_of_it()


async def test_quirk_26_no_shorter_interval_than_it_takes_is_asked_for(house: Running):
    async with odd_station(house, "Easee", "Home") as station:
        for value, sent in (("10", "60"), ("0", "0"), ("300", "300")):
            wanted = {"key": "MeterValueSampleInterval", "value": value}
            async with Asked(house, station, "ChangeConfiguration", wanted) as asked:
                assert (await asked.answer({"status": "Accepted"}))[3]["value"] == sent
                await asked.payload()
    assert await met(house, 26) == 1


async def test_quirk_27_a_key_that_cannot_be_changed_is_left_alone(house: Running):
    async with odd_station(house, "Morek", "M1") as station:
        wanted = {"key": "ClockAlignedDataInterval", "value": "900"}
        async with Asked(house, station, "ChangeConfiguration", wanted) as asked:
            with pytest.raises(StationUnsupported, match="quirk 27"):
                await asked.comes_of_it()
        async with Asked(house, station, "ChangeConfiguration", {"key": "A", "value": "1"}) as asked:
            await asked.answer({"status": "Accepted"})
            assert await asked.payload() == {"status": "Accepted"}


async def test_quirk_28_availability_of_the_whole_is_asked_for_the_only_connector(house: Running):
    async with any_station(house) as station:
        async with Asked(house, station, "ChangeAvailability", {"connectorId": 0, "type": "Inoperative"}) as asked:
            heard = await play(
                station, asked, lambda it: {"status": "Accepted" if it["connectorId"] == 1 else "Rejected"}
            )
            assert await asked.payload() == {"status": "Accepted"}
        assert heard == [{"connectorId": 0, "type": "Inoperative"}, {"connectorId": 1, "type": "Inoperative"}]
        for connector in (1, 2):
            status = {"connectorId": connector, "status": "Available", "errorCode": "NoError"}
            await station.get("StatusNotification", status)
        async with Asked(house, station, "ChangeAvailability", {"connectorId": 0, "type": "Operative"}) as asked:
            await asked.answer({"status": "Rejected"})
            assert await asked.payload() == {"status": "Rejected"}
    assert await met(house, 28) == 1


async def test_quirk_29_it_is_never_asked_to_boot(house: Running):
    async with any_station(house) as station:
        await switch(house, 29, is_on=True)
        async with Asked(house, station, "TriggerMessage", {"requestedMessage": "BootNotification"}) as asked:
            with pytest.raises(StationUnsupported, match="quirk 29"):
                await asked.comes_of_it()
        async with Asked(house, station, "TriggerMessage", {"requestedMessage": "Heartbeat"}) as asked:
            await asked.answer({"status": "Accepted"})
            assert await asked.payload() == {"status": "Accepted"}


async def test_quirk_30_its_configuration_is_left_as_it_is_and_broken_messages_are_used(house: Running):
    async with odd_station(house, "Teison", "Smart Mini") as station:
        async with Asked(house, station, "ChangeConfiguration", {"key": "Anything", "value": "1"}) as asked:
            with pytest.raises(StationUnsupported, match="quirk 30"):
                await asked.comes_of_it()
        async with Asked(house, station, "GetConfiguration", {"key": ["A"]}) as asked:
            await asked.answer({"configurationKey": [key("A")]})
            assert await asked.payload() == {"configurationKey": [key("A")]}
        await station.say('[2,"h","Heartbeat",{,}]')
        assert (await station.hear())[:2] == [3, "h"]


async def test_quirk_31_invalid_json_is_salvaged_or_passed_over_and_the_socket_stays(
    house: Running, clock: StandingClock
):
    clock.advance(1)
    async with odd_station(house, "ZJ BENY", "BCP-A2N") as station:
        await station.say(
            '[2,"s","StatusNotification",{"connectorId":1,"status":Charging,"errorCode":"NoError",,"info":,}]'
        )
        assert await station.hear() == [3, "s", {}]
        await station.say("[2,,{{{")
        await station.say('[2,"cut","StopTransaction",{"transactionId":1,"meterStop":12')
        assert (await station.hear())[:3] == [4, "cut", "FormationViolation"]
        assert await station.get("Heartbeat", {})
    assert await met(house, 31) == 1
    async with line(house, "CS") as station:
        await switch(house, 31, is_on=False)
        await station.say('[2,"s","StatusNotification",{"connectorId":1,"status":Charging,"errorCode":"NoError"}]')
        assert (await station.hear())[:2] == [4, "s"]
        assert await station.get("Heartbeat", {})


async def test_quirk_32_times_are_such_that_it_can_read_them_and_its_mangled_error_is_passed_over(
    house: Running, clock: StandingClock
):
    clock.advance(0.25)
    await house.add_station("CS")
    async with line(house, "CS") as station:
        boot = {"chargePointVendor": "Phihong", "chargePointModel": "AX32"}
        assert (await station.get("BootNotification", boot))["currentTime"] == "2026-03-01T12:00:00.250Z"
    async with line(house, "CS") as station:
        assert (await station.get("BootNotification", boot))["currentTime"] == "2026-03-01T12:00:00Z"
        await station.say([4, "\u0001garbled", "GenericError", "", {}])
        assert (await station.get("Heartbeat", {}))["currentTime"] == "2026-03-01T12:00:00Z"
    assert await met(house, 32) == 2
