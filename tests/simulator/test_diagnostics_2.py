"""What a simulated 2.x station answers about monitors, messages, tariffs, and what it does not support."""

import pytest

from ingufu.simulator.script import simulated
from ingufu.simulator.spec import ac, dc, spec
from simulator.csms import running
from simulator.running import on_loop

BOTH = pytest.mark.parametrize("version", ["2.0.1", "2.1"])


def station_of(version):
    return spec("S1", version, evses=(ac(1), dc(2)))


@BOTH
def test_monitors_messages_and_customers(version):
    @on_loop
    async def run():
        async with running() as csms, simulated(station_of(version), csms.url) as station:
            await station.boot()
            csms_side = csms.connections["S1"]
            place = {"component": {"name": "EVSE", "evse": {"id": 1}}, "variable": {"name": "Power"}}
            monitor = {"type": "UpperThreshold", "value": 100.0, "severity": 4} | place
            unknown = monitor | {"variable": {"name": "Nonsense"}}
            reply = await csms_side.call("SetVariableMonitoring", {"setMonitoringData": [monitor, monitor, unknown]})
            assert [r["status"] for r in reply["setMonitoringResult"]] == ["Accepted", "Duplicate", "UnknownVariable"]
            assert await csms_side.call("GetMonitoringReport", {"requestId": 1}) == {"status": "Accepted"}
            report = (await station.wait_for_sent("NotifyMonitoringReport")).payload
            assert report["monitor"][0]["variableMonitoring"][0]["id"] == 1
            cleared = await csms_side.call("ClearVariableMonitoring", {"id": [1, 2]})
            assert [r["status"] for r in cleared["clearMonitoringResult"]] == ["Accepted", "NotFound"]
            assert await csms_side.call("GetMonitoringReport", {"requestId": 1}) == {"status": "EmptyResultSet"}
            message = {"id": 8, "priority": "NormalCycle", "message": {"format": "UTF8", "content": "Murakaza neza"}}
            assert await csms_side.call("SetDisplayMessage", {"message": message}) == {"status": "Accepted"}
            odd = message | {"message": {"format": "HTML", "content": "<b>"}}
            assert await csms_side.call("SetDisplayMessage", {"message": odd}) == {
                "status": "NotSupportedMessageFormat"
            }
            assert await csms_side.call("GetDisplayMessages", {"requestId": 2}) == {"status": "Accepted"}
            shown = (await station.wait_for_sent("NotifyDisplayMessages")).payload
            assert shown["messageInfo"] == [message]
            assert await csms_side.call("ClearDisplayMessage", {"id": 8}) == {"status": "Accepted"}
            assert await csms_side.call("ClearDisplayMessage", {"id": 8}) == {"status": "Unknown"}
            who = {"requestId": 3, "report": True, "clear": True, "idToken": {"idToken": "A", "type": "ISO14443"}}
            assert await csms_side.call("CustomerInformation", who) == {"status": "Accepted"}
            assert (await station.wait_for_sent("NotifyCustomerInformation")).payload["data"] == "no data"
            assert await csms_side.call("SetMonitoringBase", {"monitoringBase": "All"}) == {"status": "Accepted"}
            assert await csms_side.call("SetMonitoringLevel", {"severity": 5}) == {"status": "Accepted"}

    run()


@on_loop
async def test_tariffs_are_kept_and_listed_in_21():
    async with running() as csms, simulated(station_of("2.1"), csms.url) as station:
        await station.boot()
        csms_side = csms.connections["S1"]
        assert await csms_side.call("GetTariffs", {"evseId": 0}) == {"status": "NoTariff"}
        tariff = {"tariffId": "T1", "currency": "EUR"}
        assert await csms_side.call("SetDefaultTariff", {"evseId": 1, "tariff": tariff}) == {"status": "Accepted"}
        listed = (await csms_side.call("GetTariffs", {"evseId": 0}))["tariffAssignments"]
        assert listed == [{"tariffId": "T1", "tariffKind": "DefaultTariff", "evseIds": [1]}]
        cleared = await csms_side.call("ClearTariffs", {})
        assert cleared == {"clearTariffsResult": [{"status": "Accepted", "tariffId": "T1"}]}


@BOTH
def test_what_is_not_supported_says_so(version):
    @on_loop
    async def run():
        async with running() as csms, simulated(station_of(version), csms.url) as station:
            await station.boot()
            csms_side = csms.connections["S1"]
            assert (await csms_side.call_unchecked("UnpublishFirmware", {"checksum": "0" * 32}))[2] == "NotSupported"
            expected = "NotSupported" if version == "2.1" else "NotImplemented"
            assert (await csms_side.call_unchecked("SetDERControl", {}))[2] == expected
            assert (await csms_side.call_unchecked("Fly", {}))[2] == "NotImplemented"
            assert (await csms_side.call_unchecked("Reset", {}))[2] == "FormatViolation"
            assert await csms_side.call("ClearCache", {}) == {"status": "Accepted"}
            assert await csms_side.call("DataTransfer", {"vendorId": "?"}) == {"status": "UnknownVendorId"}
            assert await csms_side.call("GetLocalListVersion", {}) == {"versionNumber": 0}
            await csms_side.socket.send("[not json")
            await station.until(lambda: station.sent[-1].error == "RpcFrameworkError")

    run()
