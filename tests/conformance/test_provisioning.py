"""Provisioning: boots, variables and reports."""

from typing import Any

import pytest

from conformance.bench import Bench
from conformance.cases import case
from conformance.counterpart import Counterpart
from web.api.engines import both_engines

TWO = ("2.0.1", "2.1")
OFFLINE = "OCPPCommCtrlr.OfflineThreshold"
REMOTE = "AuthCtrlr.AuthorizeRemoteStart"
FIVE = [OFFLINE, REMOTE, "AuthCtrlr.LocalPreAuthorize", "AuthCtrlr.LocalAuthorizeOffline", "TxCtrlr.StopTxOnInvalidId"]


async def answer_boots(bench: Bench, answer: str) -> None:
    """Have every boot of the station be answered so."""
    await bench.put("/stations/CS/boot-answer", {"boot_answer": answer})


async def cold_boot(bench: Bench) -> None:
    await bench.add_station()
    async with bench.connected(boots=False) as station:
        told = await station.boot()
        assert told["status"] == "Accepted"
        assert told["interval"] > 0
        assert told["currentTime"] == "2026-03-01T12:00:00.000Z"
        if bench.version == "1.6":
            await station.report("Available", 0)
        await station.report("Available", 1)
        assert (await station.get("Heartbeat"))["currentTime"] == "2026-03-01T12:00:00.000Z"
    assert await bench.status() == "Available"


@case("TC_B_01", "A boot is accepted with time and interval; then come status and heartbeat", *TWO)
async def test_tc_b_01_cold_boot(bench: Bench):
    await cold_boot(bench)


@case("TC_001", "A boot is accepted with time and interval; then come status and heartbeat", "1.6")
async def test_tc_001_cold_boot(bench: Bench):
    await cold_boot(bench)


@case("TC_B_02", "A boot is pending; variables are read and set, and a boot that a person asks for is accepted", *TWO)
async def test_tc_b_02_pending(bench: Bench):
    await bench.add_station(is_silent=True)
    await answer_boots(bench, "Pending")
    async with bench.connected(boots=False) as station:
        told = await station.boot()
        assert (told["status"], told["interval"] > 0) == ("Pending", True)
        (value,) = await bench.post("/stations/CS/variables/read", {"variables": [{"variable": OFFLINE}]})
        assert value["is_accepted"]
        (value,) = await bench.post("/stations/CS/variables/set", {"values": [{"variable": OFFLINE, "value": "123"}]})
        assert value["is_accepted"]
        await report(bench, station, "FullInventory")
        await triggered_boot(bench, station, by_itself=False)


async def triggered_boot(bench: Bench, station: Counterpart, *, by_itself: bool) -> None:
    """Accept the station: it is asked to boot so that it hears so, by us or, if it is a silent one, by a person."""
    told = await bench.put("/stations/CS/boot-answer", {"boot_answer": "Accepted"})
    assert told["trigger"] == ("Accepted" if by_itself else None)
    if not by_itself:
        assert (await bench.post("/stations/CS/trigger", {"trigger": "boot"}))["is_accepted"]
    assert station.payloads("TriggerMessage") == [{"requestedMessage": "BootNotification"}]
    assert (await station.boot(reason="Triggered"))["status"] == "Accepted"
    await station.report("Available")
    assert await station.get("Heartbeat")


@pytest.mark.parametrize("answer", ["Pending", "Rejected"])
@case("TC_B_30", "What a station that is not accepted says unasked is answered with SecurityError", *TWO)
async def test_tc_b_30_security_error(bench: Bench, answer: str):
    await bench.add_station()
    await answer_boots(bench, answer)
    async with bench.connected(boots=False) as station:
        assert (await station.boot())["status"] == answer
        said = {"timestamp": station.time, "connectorStatus": "Available", "evseId": 1, "connectorId": 1}
        assert await station.refused("StatusNotification", said) == "SecurityError"
        assert await station.refused("Heartbeat") == "SecurityError"
        assert (await station.boot())["status"] == answer
        assert station.asked == []


@case("TC_B_31", "A pending station is asked to boot again, and accepted then", *TWO)
async def test_tc_b_31_trigger(bench: Bench):
    await bench.add_station()
    await answer_boots(bench, "Pending")
    async with bench.connected(boots=False) as station:
        assert (await station.boot())["status"] == "Pending"
        assert await station.refused("Heartbeat") == "SecurityError"
        await triggered_boot(bench, station, by_itself=True)


def places(payloads: list[dict[str, Any]], key: str) -> list[list[str]]:
    """Return the variables that were asked for, message by message."""
    return [[f"{one['component']['name']}.{one['variable']['name']}" for one in sent[key]] for sent in payloads]


def is_actual(sent: dict[str, Any]) -> bool:
    return sent.get("attributeType", "Actual") == "Actual"


async def read(bench: Bench, *names: str) -> list[Any]:
    told: list[Any] = await bench.post(
        "/stations/CS/variables/read", {"variables": [{"variable": one} for one in names]}
    )
    return told


@case("TC_B_06", "One variable is read", *TWO)
async def test_tc_b_06_one_value(bench: Bench):
    await bench.add_station()
    async with bench.connected() as station:
        (told,) = await read(bench, OFFLINE)
        assert (told["status"], told["value"]) == ("Accepted", "1000")
        (sent,) = station.payloads("GetVariables")
        assert places([sent], "getVariableData") == [[OFFLINE]]
        assert is_actual(sent["getVariableData"][0])


@case("TC_B_07", "Two variables are read by one message", *TWO)
async def test_tc_b_07_two_values(bench: Bench):
    await bench.add_station()
    async with bench.connected() as station:
        told = await read(bench, OFFLINE, REMOTE)
        assert [one["status"] for one in told] == ["Accepted", "Accepted"]
        assert places(station.payloads("GetVariables"), "getVariableData") == [[OFFLINE, REMOTE]]
        assert all(is_actual(one) for one in station.payloads("GetVariables")[0]["getVariableData"])


@case("TC_B_08", "Five variables are read of a station that takes four at a time: four, then one", *TWO)
async def test_tc_b_08_no_more_than_it_takes(bench: Bench):
    await bench.add_station()

    def answer(asked: dict[str, Any]) -> dict[str, Any]:
        assert len(asked["getVariableData"]) <= 4
        return {
            "getVariableResult": [
                {**one, "attributeStatus": "Accepted", "attributeValue": "4"} for one in asked["getVariableData"]
            ]
        }

    async with bench.connected() as station:
        station.answer("GetVariables", answer)
        await read(bench, "DeviceDataCtrlr.ItemsPerMessage[GetVariables]")
        told = await read(bench, *FIVE)
        assert [one["is_accepted"] for one in told] == [True] * 5
        assert places(station.payloads("GetVariables")[1:], "getVariableData") == [FIVE[:4], FIVE[4:]]


@case("TC_B_09", "One variable is set", *TWO)
async def test_tc_b_09_one_value_is_set(bench: Bench):
    await bench.add_station()
    async with bench.connected() as station:
        (told,) = await bench.post("/stations/CS/variables/set", {"values": [{"variable": OFFLINE, "value": "123"}]})
        assert told["status"] == "Accepted"
        (sent,) = station.payloads("SetVariables")
        assert places([sent], "setVariableData") == [[OFFLINE]]
        assert sent["setVariableData"][0]["attributeValue"] == "123"
        assert is_actual(sent["setVariableData"][0])


@case("TC_B_10", "Two variables are set by one message", *TWO)
async def test_tc_b_10_two_values_are_set(bench: Bench):
    await bench.add_station()
    values = [{"variable": OFFLINE, "value": "123"}, {"variable": REMOTE, "value": "false"}]
    async with bench.connected() as station:
        told = await bench.post("/stations/CS/variables/set", {"values": values})
        assert [one["status"] for one in told] == ["Accepted", "Accepted"]
        (sent,) = station.payloads("SetVariables")
        assert places([sent], "setVariableData") == [[OFFLINE, REMOTE]]
        assert [one["attributeValue"] for one in sent["setVariableData"]] == ["123", "false"]


async def report(bench: Bench, station: Counterpart, base: str) -> dict[str, Any]:
    """Ask for a base report that comes in two parts, and return what was asked."""
    words = {"ConfigurationInventory": "configuration", "FullInventory": "full", "SummaryInventory": "summary"}
    asked = await bench.post("/stations/CS/reports", {"base": words[base]})
    sent = station.payloads("GetBaseReport")[-1]
    assert (sent["reportBase"], sent["requestId"] >= 0) == (base, True)
    await tell(station, sent["requestId"])
    await bench.settle()
    done = await bench.get(f"/stations/CS/reports/{asked['id']}")
    assert (done["state"], done["items"]) == ("complete", 2)
    return sent


async def tell(station: Counterpart, request: int) -> None:
    """Tell two variables, each in its own part."""
    for number, name in enumerate(("Available", "AvailabilityState")):
        one = {
            "component": {"name": "EVSE", "evse": {"id": 1}}, "variable": {"name": name},
            "variableAttribute": [{"value": "Available" if number else "true", "mutability": "ReadOnly"}],
        }  # fmt: skip
        said = {"requestId": request, "generatedAt": station.time, "seqNo": number, "tbc": not number}
        assert await station.get("NotifyReport", said | {"reportData": [one]}) == {}


@case("TC_B_12", "A report of what can be configured is asked for, and taken in parts", *TWO)
async def test_tc_b_12_configuration_inventory(bench: Bench):
    await bench.add_station()
    async with bench.connected() as station:
        await report(bench, station, "ConfigurationInventory")


@both_engines
@case("TC_B_13", "A report of everything is asked for, and taken in parts", *TWO)
async def test_tc_b_13_full_inventory(bench: Bench):
    await bench.add_station()
    async with bench.connected() as station:
        await report(bench, station, "FullInventory")
    told = {one["variable"]: one["value"] for one in (await bench.get("/stations/CS/variables"))["items"]}
    assert told == {"EVSE@1.Available": "true", "EVSE@1.AvailabilityState": "Available"}


@case("TC_B_14", "A report of problems is asked for, and taken in parts", *TWO)
async def test_tc_b_14_summary_inventory(bench: Bench):
    await bench.add_station()
    async with bench.connected() as station:
        await report(bench, station, "SummaryInventory")


@case("TC_B_18", "Reports by criterion and place: what has a problem, then what is available, of one variable", *TWO)
async def test_tc_b_18_custom_report(bench: Bench):
    await bench.add_station()
    place = {"component": "EVSE", "evse": 1, "variable": "AvailabilityState"}
    async with bench.connected() as station:
        station.answer("GetReport", {"status": "EmptyResultSet"})
        await bench.post("/stations/CS/reports", {"criteria": ["Problem"], "places": [place]})
        station.answer("GetReport", {"status": "Accepted"})
        await bench.post("/stations/CS/reports", {"criteria": ["Available"], "places": [place]})
        first, second = station.payloads("GetReport")
        await tell(station, second["requestId"])
    component = {"component": {"name": "EVSE", "evse": {"id": 1}}, "variable": {"name": "AvailabilityState"}}
    assert [first["componentCriteria"], second["componentCriteria"]] == [["Problem"], ["Available"]]
    assert first["componentVariable"] == second["componentVariable"] == [component]
    assert first["requestId"] != second["requestId"]


@case("TC_019_1", "All configuration keys are read", "1.6")
async def test_tc_019_1_all_keys(bench: Bench):
    await bench.add_station()
    keys = [{"key": "HeartbeatInterval", "readonly": False, "value": "300"}]
    async with bench.connected() as station:
        station.answer("GetConfiguration", {"configurationKey": keys})
        told = await bench.post("/stations/CS/reports", {"base": "full"})
        assert (told["state"], told["items"]) == ("complete", 1)
        assert station.payloads("GetConfiguration") == [{}]


@case("TC_019_2", "One configuration key is read", "1.6")
async def test_tc_019_2_one_key(bench: Bench):
    await bench.add_station()
    async with bench.connected() as station:
        (told,) = await read(bench, "ConfigurationKey.SupportedFeatureProfiles")
        assert told["is_accepted"]
        assert station.payloads("GetConfiguration") == [{"key": ["SupportedFeatureProfiles"]}]


async def change(bench: Bench, station: Counterpart, key: str, value: str, answer: str) -> str:
    """Set a key that the station answers so, and return the status that a person sees."""
    station.answer("ChangeConfiguration", {"status": answer})
    values = [{"variable": f"ConfigurationKey.{key}", "value": value}]
    (told,) = await bench.post("/stations/CS/variables/set", {"values": values, "force": True})
    assert station.payloads("ChangeConfiguration")[-1] == {"key": key, "value": value}
    return str(told["status"])


@case("TC_021", "A configuration key is set", "1.6")
async def test_tc_021_a_key_is_set(bench: Bench):
    await bench.add_station()
    async with bench.connected() as station:
        assert await change(bench, station, "MeterValueSampleInterval", "60", "Accepted") == "Accepted"


@case("TC_040_1", "A key that the station does not know is told so", "1.6")
async def test_tc_040_1_an_unknown_key(bench: Bench):
    await bench.add_station()
    async with bench.connected() as station:
        assert await change(bench, station, "NoSuchKey", "1", "NotSupported") == "NotSupported"


@case("TC_040_2", "A value that the station refuses is told so, and can be sent all the same", "1.6")
async def test_tc_040_2_an_invalid_value(bench: Bench):
    await bench.add_station()
    async with bench.connected() as station:
        assert await change(bench, station, "MeterValueSampleInterval", "-1", "Rejected") == "Rejected"
