"""What a simulated 2.0.1 or 2.1 station answers to the CALLs of a CSMS, and what it does next."""

from datetime import UTC, datetime

import pytest

from ingufu.simulator.script import simulated
from ingufu.simulator.spec import ac, dc, spec
from ingufu.simulator.timeline import VirtualTimeline
from simulator.csms import running
from simulator.pki import authority
from simulator.running import on_loop

START = datetime(2025, 6, 1, 8, 0, tzinfo=UTC)
BOTH = pytest.mark.parametrize("version", ["2.0.1", "2.1"])


def station_of(version):
    return spec("S1", version, evses=(ac(1), dc(2)))


def variable(component, name, **more):
    return {"component": {"name": component}, "variable": {"name": name}} | more


def profile(limit, *, purpose="TxDefaultProfile", number=1, **more):
    schedule = {
        "id": 1, "startSchedule": "2025-06-01T07:59:00Z", "chargingRateUnit": "W",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}],
    }  # fmt: skip
    return {
        "id": number, "stackLevel": 0, "chargingProfilePurpose": purpose, "chargingProfileKind": "Absolute",
        "chargingSchedule": [schedule],
    } | more  # fmt: skip


@BOTH
def test_variables_are_read_and_written(version):
    @on_loop
    async def run():
        async with running() as csms, simulated(station_of(version), csms.url) as station:
            await station.boot()
            csms_side = csms.connections["S1"]
            asked = [
                variable("ocppcommctrlr", "HEARTBEATINTERVAL"),
                variable("SecurityCtrlr", "BasicAuthPassword"),
                variable("TxCtrlr", "Nonsense"),
                variable("Nonsense", "Nonsense"),
                variable("TxCtrlr", "TxStopPoint", attributeType="Target"),
            ]
            got = (await csms_side.call("GetVariables", {"getVariableData": asked}))["getVariableResult"]
            assert [r["attributeStatus"] for r in got] == [
                "Accepted", "Rejected", "UnknownVariable", "UnknownComponent", "NotSupportedAttributeType",
            ]  # fmt: skip
            assert got[0]["attributeValue"] == "300"
            asked = [
                variable("SampledDataCtrlr", "TxUpdatedInterval", attributeValue="10"),
                variable("SampledDataCtrlr", "TxUpdatedInterval", attributeValue="-1"),
                variable("AuthCtrlr", "AuthorizeRemoteStart", attributeValue="maybe"),
                variable("DeviceDataCtrlr", "ItemsPerMessage", attributeValue="9"),
                variable("SampledDataCtrlr", "TxUpdatedMeasurands", attributeValue="Voltage,Nonsense"),
            ]
            put = (await csms_side.call("SetVariables", {"setVariableData": asked}))["setVariableResult"]
            assert [r["attributeStatus"] for r in put] == [
                "Accepted", "Rejected", "Rejected", "UnknownVariable", "Rejected",
            ]  # fmt: skip
            await station.plug_in(1)
            await station.charge(seconds=100)
            assert len(station.calls("TransactionEvent")) == 1 + 10
            too_many = {"getVariableData": [variable("TxCtrlr", "TxStopPoint")] * 21}
            assert (await csms_side.call("GetVariables", too_many))[2] == "OccurrenceConstraintViolation"

    run()


@BOTH
def test_reports_come_in_parts_after_the_answer(version):
    @on_loop
    async def run():
        async with running() as csms, simulated(station_of(version), csms.url) as station:
            await station.boot()
            csms_side = csms.connections["S1"]
            for number, base in enumerate(("FullInventory", "ConfigurationInventory", "SummaryInventory")):
                reply = await csms_side.call("GetBaseReport", {"requestId": number, "reportBase": base})
                assert reply == {"status": "Accepted"}
                await station.settle()
            parts = [f.payload for f in station.calls("NotifyReport")]
            full = [p for p in parts if p["requestId"] == 0]
            assert [p["seqNo"] for p in full] == list(range(len(full)))
            assert [p["tbc"] for p in full] == [True] * (len(full) - 1) + [False]
            names = {(d["component"]["name"], d["variable"]["name"]) for p in full for d in p["reportData"]}
            assert {("EVSE", "Power"), ("Connector", "ConnectorType"), ("TxCtrlr", "TxStartPoint")} <= names
            assert len(full) > 3
            wanted = {"requestId": 9, "componentVariable": [{"component": {"name": "EVSE", "evse": {"id": 2}}}]}
            assert await csms_side.call("GetReport", wanted) == {"status": "Accepted"}
            await station.settle()
            one = next(p for p in station.calls("NotifyReport") if p.payload["requestId"] == 9).payload
            assert {d["component"]["evse"]["id"] for d in one["reportData"]} == {2}
            problem = {"requestId": 10, "componentCriteria": ["Problem"]}
            assert await csms_side.call("GetReport", problem) == {"status": "EmptyResultSet"}

    run()


@BOTH
def test_reset_waits_for_idle_or_does_not(version):
    @on_loop
    async def run():
        async with running() as csms, simulated(station_of(version), csms.url) as station:
            await station.boot()
            csms_side = csms.connections["S1"]
            await station.plug_in(1)
            await station.present("TOKEN")
            assert await csms_side.call("Reset", {"type": "OnIdle"}) == {"status": "Scheduled"}
            await station.advance(100)
            assert len(station.calls("BootNotification")) == 1
            await station.unplug(1)
            await station.advance(30)
            await station.until(lambda: len(station.calls("BootNotification")) == 2)
            assert station.calls("BootNotification")[1].payload["reason"] == "RemoteReset"
            await station.settle()
            await station.plug_in(1)
            await station.present("TOKEN")
            assert await csms.connections["S1"].call("Reset", {"type": "Immediate"}) == {"status": "Accepted"}
            await station.settle()
            ended = station.calls("TransactionEvent")[-1].payload
            assert ended["triggerReason"] == "ResetCommand"
            assert ended["transactionInfo"]["stoppedReason"] == "ImmediateReset"

    run()


@BOTH
def test_profiles_are_installed_reported_followed_and_cleared(version):
    @on_loop
    async def run():
        async with (
            running() as csms,
            simulated(station_of(version), csms.url, timeline=VirtualTimeline(START)) as station,
        ):
            await station.boot()
            csms_side = csms.connections["S1"]
            external = profile(5000, purpose="ChargingStationExternalConstraints")
            for sent, status in (
                ({"evseId": 2, "chargingProfile": profile(20_000)}, "Accepted"),
                (
                    {"evseId": 0, "chargingProfile": profile(15_000, purpose="ChargingStationMaxProfile", number=2)},
                    "Accepted",
                ),
                ({"evseId": 0, "chargingProfile": external}, "Rejected"),
                (
                    {"evseId": 2, "chargingProfile": profile(9000, purpose="TxProfile", number=3, transactionId="?")},
                    "Rejected",
                ),
                ({"evseId": 7, "chargingProfile": profile(9000, number=3)}, "Rejected"),
            ):
                assert (await csms_side.call("SetChargingProfile", sent))["status"] == status
            await station.plug_in(2)
            await station.present("TOKEN", 2)
            await station.charge(2, seconds=300)
            assert 14_000 < station.evse(2).meter.power_w <= 15_000
            wanted = {"requestId": 3, "chargingProfile": {"chargingProfilePurpose": "TxDefaultProfile"}}
            assert await csms_side.call("GetChargingProfiles", wanted) == {"status": "Accepted"}
            reported = (await station.wait_for_sent("ReportChargingProfiles")).payload
            assert reported["evseId"] == 2
            assert reported["chargingProfile"] == [profile(20_000)]
            schedule = await csms_side.call(
                "GetCompositeSchedule", {"evseId": 2, "duration": 600, "chargingRateUnit": "W"}
            )
            assert schedule["schedule"]["chargingSchedulePeriod"] == [{"startPeriod": 0, "limit": 15_000}]
            assert await csms_side.call("ClearChargingProfile", {"chargingProfileId": 2}) == {"status": "Accepted"}
            criteria = {"chargingProfileCriteria": {"chargingProfilePurpose": "TxDefaultProfile", "evseId": 2}}
            assert await csms_side.call("ClearChargingProfile", criteria) == {"status": "Accepted"}
            assert await csms_side.call("ClearChargingProfile", criteria) == {"status": "Unknown"}
            await station.charge(2, seconds=60)
            assert station.evse(2).meter.power_w > 40_000

    run()


@BOTH
def test_triggers(version):
    @on_loop
    async def run():
        async with running() as csms, simulated(station_of(version), csms.url) as station:
            await station.boot()
            csms_side = csms.connections["S1"]
            await station.plug_in(1)
            told = len(station.calls())
            for message in (
                "Heartbeat",
                "StatusNotification",
                "MeterValues",
                "TransactionEvent",
                "LogStatusNotification",
            ):
                wanted = {"requestedMessage": message, "evse": {"id": 1, "connectorId": 1}}
                assert await csms_side.call("TriggerMessage", wanted) == {"status": "Accepted"}
                await station.settle()
            assert [f.action for f in station.calls()[told:]] == [
                "Heartbeat", "StatusNotification", "MeterValues", "TransactionEvent", "LogStatusNotification",
            ]  # fmt: skip
            for message, status in (
                ("BootNotification", "Rejected"),
                ("PublishFirmwareStatusNotification", "NotImplemented"),
            ):
                assert await csms_side.call("TriggerMessage", {"requestedMessage": message}) == {"status": status}

    run()


@BOTH
def test_triggered_boot_ends_pending(version):
    @on_loop
    async def run():
        async with running() as csms, simulated(station_of(version), csms.url) as station:
            verdicts = iter(["Pending", "Accepted"])
            csms.answers["BootNotification"] = lambda _: {
                "status": next(verdicts), "currentTime": "2025-06-01T08:00:00Z", "interval": 600,
            }  # fmt: skip
            await station.boot()
            csms_side = csms.connections["S1"]
            wanted = {"remoteStartId": 1, "idToken": {"idToken": "APP", "type": "Central"}}
            assert await csms_side.call("RequestStartTransaction", wanted) == {"status": "Rejected"}
            await csms_side.call("GetBaseReport", {"requestId": 1, "reportBase": "SummaryInventory"})
            await station.wait_for_sent("NotifyReport")
            assert not station.calls("StatusNotification")
            await csms_side.call("TriggerMessage", {"requestedMessage": "BootNotification"})
            await station.wait_for_sent("StatusNotification", 2)
            assert station.calls("BootNotification")[1].payload["reason"] == "Triggered"

    run()


@BOTH
def test_firmware_and_logs(version):
    @on_loop
    async def run():
        async with (
            running() as csms,
            simulated(station_of(version), csms.url, timeline=VirtualTimeline(START)) as station,
        ):
            await station.boot()
            csms_side = csms.connections["S1"]
            firmware = {"location": "https://files.example/v7.bin", "retrieveDateTime": "2025-06-01T08:00:00Z"}
            signed = firmware | {"signingCertificate": authority().pem, "signature": "c2ln"}
            bad = firmware | {"signingCertificate": "nonsense", "signature": "c2ln"}
            reply = await csms_side.call("UpdateFirmware", {"requestId": 1, "firmware": bad})
            assert reply == {"status": "InvalidCertificate"}
            reply = await csms_side.call("UpdateFirmware", {"requestId": 2, "firmware": signed})
            assert reply == {"status": "Accepted"}
            await station.advance(60)
            await station.until(lambda: len(station.calls("FirmwareStatusNotification")) == 6)
            await station.settle()
            told = [f.payload["status"] for f in station.calls("FirmwareStatusNotification")]
            assert told == [
                "Downloading", "Downloaded", "SignatureVerified", "Installing", "InstallRebooting", "Installed",
            ]  # fmt: skip
            assert {f.payload["requestId"] for f in station.calls("FirmwareStatusNotification")} == {2}
            boot = station.calls("BootNotification")[-1].payload
            assert boot["chargingStation"]["firmwareVersion"] == "v7"
            assert boot["reason"] == "FirmwareUpdate"
            log = {"logType": "DiagnosticsLog", "requestId": 4, "log": {"remoteLocation": "https://files.example/up"}}
            csms_side = csms.connections["S1"]
            assert (await csms_side.call("GetLog", log))["status"] == "Accepted"
            await station.advance(10)
            assert [f.payload["status"] for f in station.calls("LogStatusNotification")] == ["Uploading", "Uploaded"]

    run()


@BOTH
def test_certificates(version):
    @on_loop
    async def run():
        async with running() as csms, simulated(station_of(version), csms.url) as station:
            await station.boot()
            csms_side = csms.connections["S1"]
            ca = authority()
            root = {"certificateType": "CSMSRootCertificate", "certificate": ca.pem}
            assert await csms_side.call("InstallCertificate", root) == {"status": "Accepted"}
            listed = (await csms_side.call("GetInstalledCertificateIds", {}))["certificateHashDataChain"]
            assert listed[0]["certificateType"] == "CSMSRootCertificate"
            wanted = {"certificateHashData": listed[0]["certificateHashData"]}
            assert await csms_side.call("DeleteCertificate", wanted) == {"status": "Accepted"}
            assert await csms_side.call("GetInstalledCertificateIds", {}) == {"status": "NotFound"}
            await csms_side.call("TriggerMessage", {"requestedMessage": "SignChargingStationCertificate"})
            csr = (await station.wait_for_sent("SignCertificate")).payload["csr"]
            assert await csms_side.call("CertificateSigned", {"certificateChain": ca.sign(csr)}) == {
                "status": "Accepted"
            }
            assert (await csms_side.call("CertificateSigned", {"certificateChain": ca.pem}))["status"] == "Rejected"

    run()


@BOTH
def test_availability_reservation_unlock_and_transaction_status(version):
    @on_loop
    async def run():
        async with (
            running() as csms,
            simulated(station_of(version), csms.url, timeline=VirtualTimeline(START)) as station,
        ):
            await station.boot()
            csms_side = csms.connections["S1"]
            plug = await station.plug_in(1)
            await station.present("TOKEN")
            place = {"operationalStatus": "Inoperative", "evse": {"id": 1}}
            assert await csms_side.call("ChangeAvailability", place) == {"status": "Scheduled"}
            unlock = {"evseId": 1, "connectorId": 1}
            assert await csms_side.call("UnlockConnector", unlock) == {"status": "OngoingAuthorizedTransaction"}
            assert await csms_side.call("UnlockConnector", {"evseId": 5, "connectorId": 1}) == {
                "status": "UnknownConnector"
            }
            status = await csms_side.call("GetTransactionStatus", {"transactionId": plug.name})
            assert status == {"ongoingIndicator": True, "messagesInQueue": False}
            assert await csms_side.call("GetTransactionStatus", {}) == {"messagesInQueue": False}
            await station.unplug(1)
            assert station.calls("StatusNotification")[-1].payload["connectorStatus"] == "Unavailable"
            wanted = {
                "id": 3, "expiryDateTime": "2025-06-01T08:05:00Z", "evseId": 2,
                "idToken": {"idToken": "MINE", "type": "ISO14443"},
            }  # fmt: skip
            assert await csms_side.call("ReserveNow", wanted | {"evseId": 1}) == {"status": "Unavailable"}
            assert await csms_side.call("ReserveNow", wanted) == {"status": "Accepted"}
            await station.advance(301)
            update = await station.wait_for_sent("ReservationStatusUpdate")
            assert update.payload == {"reservationId": 3, "reservationUpdateStatus": "Expired"}
            assert await csms_side.call("CancelReservation", {"reservationId": 3}) == {"status": "Rejected"}

    run()


@BOTH
def test_a_station_out_of_service_and_back_leaves_its_parts_as_they_were_told(version):
    """G03, G04: the states of station, EVSE and connector are kept apart."""

    @on_loop
    async def run():
        async with running() as csms, simulated(station_of(version), csms.url) as station:
            await station.boot()
            csms_side = csms.connections["S1"]

            async def change(word, evse=None, connector=None, answer="Accepted"):
                plug = {} if connector is None else {"connectorId": connector}
                place = {} if evse is None else {"evse": {"id": evse} | plug}
                said = {"operationalStatus": word} | place
                assert await csms_side.call("ChangeAvailability", said) == {"status": answer}
                await station.settle()

            def shown():
                told = [one.payload for one in station.calls("StatusNotification")]
                return [[one for one in told if one["evseId"] == evse][-1]["connectorStatus"] for evse in (1, 2)]

            await change("Inoperative", 1)
            assert shown() == ["Unavailable", "Available"]
            wanted = {
                "id": 3, "expiryDateTime": "2025-06-01T08:05:00Z", "evseId": 2,
                "idToken": {"idToken": "MINE", "type": "ISO14443"},
            }  # fmt: skip
            assert await csms_side.call("ReserveNow", wanted) == {"status": "Accepted"}
            await change("Inoperative")
            assert shown() == ["Unavailable", "Unavailable"]
            assert await csms_side.call("ReserveNow", wanted) == {"status": "Unavailable"}
            await change("Operative", 2)
            assert shown() == ["Unavailable", "Unavailable"]
            await change("Operative")
            assert shown() == ["Unavailable", "Available"]
            await change("Operative", 1)
            assert shown() == ["Available", "Available"]
            await station.plug_in(2)
            await station.present("TOKEN", 2)
            await change("Inoperative", answer="Scheduled")
            assert shown() == ["Unavailable", "Occupied"]
            await station.unplug(2)
            assert shown() == ["Unavailable", "Unavailable"]
            await change("Operative")
            assert shown() == ["Available", "Available"]
            await change("Inoperative", 1, 1)
            await change("Inoperative", 1)
            await change("Operative", 1)
            assert shown() == ["Unavailable", "Available"]
            await change("Operative", 1, 1)
            assert shown() == ["Available", "Available"]

    run()


@BOTH
def test_network_profiles_go_to_slots_and_never_lower_security(version):
    @on_loop
    async def run():
        async with running() as csms, simulated(station_of(version), csms.url) as station:
            await station.boot()
            csms_side = csms.connections["S1"]

            async def send(slot, profile, url="wss://csms.example"):
                data = {
                    "ocppVersion": "OCPP20", "ocppInterface": "Wired0", "ocppTransport": "JSON", "messageTimeout": 30,
                    "ocppCsmsUrl": url, "securityProfile": profile,
                }  # fmt: skip
                answer = await csms_side.call("SetNetworkProfile", {"configurationSlot": slot, "connectionData": data})
                return answer["status"]

            assert await send(2, 2) == "Accepted"
            assert await send(9, 2) == "Rejected"
            assert await send(2, 2, "http://csms.example") == "Rejected"
            priority = variable("OCPPCommCtrlr", "NetworkConfigurationPriority", attributeValue="2,1")
            done = await csms_side.call("SetVariables", {"setVariableData": [priority]})
            assert done["setVariableResult"][0]["attributeStatus"] == "RebootRequired"
            wrong = variable("OCPPCommCtrlr", "NetworkConfigurationPriority", attributeValue="7")
            done = await csms_side.call("SetVariables", {"setVariableData": [wrong]})
            assert done["setVariableResult"][0]["attributeStatus"] == "Rejected"

    run()


@BOTH
def test_a_reset_of_an_evse_waits_for_its_transaction_alone(version):
    @on_loop
    async def run():
        async with running() as csms, simulated(station_of(version), csms.url) as station:
            await station.boot()
            csms_side = csms.connections["S1"]
            assert await csms_side.call("Reset", {"type": "OnIdle", "evseId": 9}) == {"status": "Rejected"}
            await station.plug_in(1)
            await station.present("TOKEN")
            assert await csms_side.call("Reset", {"type": "OnIdle", "evseId": 1}) == {"status": "Scheduled"}
            assert await csms_side.call("Reset", {"type": "OnIdle", "evseId": 2}) == {"status": "Accepted"}
            await station.advance(30)
            assert station.evse(1).transaction is not None
            await station.unplug(1)
            told = len(station.calls("StatusNotification"))
            await station.advance(30)
            assert len(station.calls("StatusNotification")) > told
            assert len(station.calls("BootNotification")) == 1

    run()
