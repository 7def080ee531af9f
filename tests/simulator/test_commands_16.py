"""What a simulated 1.6 station answers to the CALLs of a CSMS, and what it does next."""

from datetime import UTC, datetime

import pytest

from ingufu.simulator.script import simulated
from ingufu.simulator.spec import ac, spec
from ingufu.simulator.timeline import VirtualTimeline
from simulator.csms import running
from simulator.pki import authority
from simulator.running import on_loop

START = datetime(2025, 6, 1, 8, 0, tzinfo=UTC)
STATION = spec("CP1", evses=(ac(1), ac(2)))


def profile(limit, *, purpose="TxDefaultProfile", unit="A", periods=None, **more):
    return {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Absolute",
        "chargingSchedule": {
            "startSchedule": "2025-06-01T07:59:00Z",
            "chargingRateUnit": unit,
            "chargingSchedulePeriod": periods or [{"startPeriod": 0, "limit": limit}],
        },
    } | more


@on_loop
async def test_remote_start_and_stop():
    async with running() as csms, simulated(STATION, csms.url) as station:
        await station.boot()
        csms_side = csms.connections["CP1"]
        plug = await station.plug_in(2)
        assert await csms_side.call("RemoteStartTransaction", {"idTag": "APP", "connectorId": 2}) == {
            "status": "Accepted"
        }
        await station.wait_for_sent("StartTransaction")
        assert station.calls("StartTransaction")[0].payload["idTag"] == "APP"
        assert not station.calls("Authorize")
        await station.charge(2, seconds=100)
        assert await csms_side.call("RemoteStopTransaction", {"transactionId": 999}) == {"status": "Rejected"}
        reply = await csms_side.call("RemoteStopTransaction", {"transactionId": int(plug.name)})
        assert reply == {"status": "Accepted"}
        stop = await station.wait_for_sent("StopTransaction")
        assert stop.payload["reason"] == "Remote"


@on_loop
async def test_remote_start_asks_first_when_configured_so():
    async with running() as csms, simulated(STATION, csms.url) as station:
        await station.boot()
        csms_side = csms.connections["CP1"]
        await csms_side.call("ChangeConfiguration", {"key": "authorizeremotetxrequests", "value": "true"})
        await station.plug_in(1)
        await csms_side.call("RemoteStartTransaction", {"idTag": "APP"})
        await station.wait_for_sent("StartTransaction")
        assert station.calls("Authorize")[0].payload == {"idTag": "APP"}


@pytest.mark.parametrize(("kind", "reason"), [("Hard", "HardReset"), ("Soft", "SoftReset")])
def test_reset_ends_what_runs_and_boots_again(kind, reason):
    @on_loop
    async def run():
        async with running() as csms, simulated(STATION, csms.url) as station:
            await station.boot()
            await station.plug_in(1)
            await station.present("TOKEN")
            assert await csms.connections["CP1"].call("Reset", {"type": kind}) == {"status": "Accepted"}
            await station.settle()
            await station.advance(30)
            await station.until(lambda: len(station.calls("BootNotification")) == 2)
            await station.settle()
            assert station.calls("StopTransaction")[0].payload["reason"] == reason
            assert station.calls("StatusNotification")[-2].payload["status"] == "Preparing"

    run()


@on_loop
async def test_configuration_is_read_and_changed():
    async with running() as csms, simulated(STATION, csms.url) as station:
        await station.boot()
        csms_side = csms.connections["CP1"]
        everything = (await csms_side.call("GetConfiguration", {}))["configurationKey"]
        names = {key["key"] for key in everything}
        assert {"HeartbeatInterval", "NumberOfConnectors", "SupportedFeatureProfiles"} <= names
        assert "AuthorizationKey" not in names
        some = await csms_side.call("GetConfiguration", {"key": ["numberofconnectors", "Nonsense"]})
        assert some["configurationKey"][0]["value"] == "2"
        assert some["unknownKey"] == ["Nonsense"]
        verdicts = {}
        for key, value in (
            ("NumberOfConnectors", "3"),
            ("MeterValueSampleInterval", "15"),
            ("MeterValueSampleInterval", "often"),
            ("MeterValuesSampledData", "Voltage,Nonsense"),
            ("Nonsense", "1"),
            ("LocalAuthListEnabled", "false"),
        ):
            reply = await csms_side.call("ChangeConfiguration", {"key": key, "value": value})
            verdicts[key, value] = reply["status"]
        assert list(verdicts.values()) == [
            "Rejected", "Accepted", "Rejected", "Rejected", "NotSupported", "RebootRequired",
        ]  # fmt: skip
        await station.plug_in(1)
        await station.present("TOKEN")
        await station.charge(seconds=150)
        assert len(station.calls("MeterValues")) == 10


@on_loop
async def test_clock_aligned_values_come_at_multiples_of_the_interval():
    async with (
        running() as csms,
        simulated(STATION, csms.url, timeline=VirtualTimeline(START.replace(minute=7))) as station,
    ):
        await station.boot()
        await csms.connections["CP1"].call("ChangeConfiguration", {"key": "ClockAlignedDataInterval", "value": "900"})
        await station.advance(1800)
        values = [f.payload for f in station.calls("MeterValues")]
        assert [v["connectorId"] for v in values] == [1, 2, 1, 2]
        assert [v["meterValue"][0]["timestamp"][11:16] for v in values] == ["08:15", "08:15", "08:30", "08:30"]
        assert values[0]["meterValue"][0]["sampledValue"][0]["context"] == "Sample.Clock"


@on_loop
async def test_limits_are_followed_and_reported_as_a_composite_schedule():
    async with (
        running() as csms,
        simulated(STATION, csms.url, timeline=VirtualTimeline(START)) as station,
    ):
        await station.boot()
        csms_side = csms.connections["CP1"]
        steps = [{"startPeriod": 0, "limit": 10}, {"startPeriod": 660, "limit": 0}, {"startPeriod": 1260, "limit": 8}]
        sent = {"connectorId": 1, "csChargingProfiles": profile(0, periods=steps)}
        assert await csms_side.call("SetChargingProfile", sent) == {"status": "Accepted"}
        schedule = await csms_side.call(
            "GetCompositeSchedule", {"connectorId": 1, "duration": 3600, "chargingRateUnit": "A"}
        )
        assert schedule["chargingSchedule"]["chargingSchedulePeriod"] == [
            {"startPeriod": 0, "limit": 10.0}, {"startPeriod": 600, "limit": 0.0}, {"startPeriod": 1200, "limit": 8.0},
        ]  # fmt: skip
        await station.plug_in(1)
        await station.present("TOKEN")
        await station.charge(seconds=1800)
        amps = [
            float(sample["value"])
            for frame in station.calls("MeterValues")
            for sample in frame.payload["meterValue"][0]["sampledValue"]
            if sample["measurand"] == "Current.Import"
        ]
        assert max(amps) <= 10
        assert amps[12] == 0.0
        assert 7 < amps[-1] <= 8
        shown = [f.payload["status"] for f in station.calls("StatusNotification") if f.payload["connectorId"] == 1]
        assert shown[-3:] == ["Charging", "SuspendedEVSE", "Charging"]
        assert await csms_side.call("ClearChargingProfile", {"id": 1}) == {"status": "Accepted"}
        assert await csms_side.call("ClearChargingProfile", {"id": 1}) == {"status": "Unknown"}


@on_loop
async def test_a_tx_profile_needs_a_running_transaction():
    async with running() as csms, simulated(STATION, csms.url, timeline=VirtualTimeline(START)) as station:
        await station.boot()
        csms_side = csms.connections["CP1"]
        sent = {"connectorId": 1, "csChargingProfiles": profile(6000, purpose="TxProfile", unit="W")}
        assert await csms_side.call("SetChargingProfile", sent) == {"status": "Rejected"}
        await station.plug_in(1)
        await station.present("TOKEN")
        assert await csms_side.call("SetChargingProfile", sent) == {"status": "Accepted"}
        await station.charge(seconds=600)
        assert 5500 < station.evse(1).meter.power_w <= 6000
        await station.stop(1)
        assert not station.station.profiles.all()


@on_loop
async def test_availability_waits_for_the_transaction():
    async with running() as csms, simulated(STATION, csms.url) as station:
        await station.boot()
        csms_side = csms.connections["CP1"]
        await station.plug_in(1)
        await station.present("TOKEN")
        for connector, status in ((1, "Scheduled"), (2, "Accepted"), (3, "Rejected")):
            reply = await csms_side.call("ChangeAvailability", {"connectorId": connector, "type": "Inoperative"})
            assert reply == {"status": status}
        await station.stop(1)
        last = {f.payload["connectorId"]: f.payload["status"] for f in station.calls("StatusNotification")}
        assert last[1] == last[2] == "Unavailable"
        await csms_side.call("ChangeAvailability", {"connectorId": 0, "type": "Operative"})
        await station.unplug(1)
        last = {f.payload["connectorId"]: f.payload["status"] for f in station.calls("StatusNotification")}
        assert last[1] == last[2] == "Available"


@on_loop
async def test_a_reservation_keeps_others_out_and_expires():
    async with running() as csms, simulated(STATION, csms.url, timeline=VirtualTimeline(START)) as station:
        await station.boot()
        csms_side = csms.connections["CP1"]
        wanted = {"connectorId": 1, "expiryDate": "2025-06-01T08:15:00Z", "idTag": "MINE", "reservationId": 5}
        assert await csms_side.call("ReserveNow", wanted) == {"status": "Accepted"}
        await station.settle()
        assert station.calls("StatusNotification")[-1].payload["status"] == "Reserved"
        assert await csms_side.call("ReserveNow", wanted | {"reservationId": 6}) == {"status": "Occupied"}
        await station.plug_in(1)
        await station.present("OTHER")
        assert not station.calls("StartTransaction")
        await station.present("MINE")
        assert station.calls("StartTransaction")[0].payload["reservationId"] == 5
        await csms_side.call("ReserveNow", wanted | {"connectorId": 2, "reservationId": 7})
        assert await csms_side.call("CancelReservation", {"reservationId": 7}) == {"status": "Accepted"}
        assert await csms_side.call("CancelReservation", {"reservationId": 7}) == {"status": "Rejected"}
        await csms_side.call("ReserveNow", wanted | {"connectorId": 2, "reservationId": 8})
        await station.advance(901)
        last = {f.payload["connectorId"]: f.payload["status"] for f in station.calls("StatusNotification")}
        assert last[2] == "Available"


@on_loop
async def test_the_local_list_decides_offline():
    async with running() as csms, simulated(STATION, csms.url) as station:
        await station.boot()
        csms_side = csms.connections["CP1"]
        assert await csms_side.call("GetLocalListVersion", {}) == {"listVersion": 0}
        entries = [
            {"idTag": "FRIEND", "idTagInfo": {"status": "Accepted"}},
            {"idTag": "FOE", "idTagInfo": {"status": "Blocked"}},
        ]
        full = {"listVersion": 3, "updateType": "Full", "localAuthorizationList": entries}
        assert await csms_side.call("SendLocalList", full) == {"status": "Accepted"}
        older = {"listVersion": 2, "updateType": "Differential"}
        assert await csms_side.call("SendLocalList", older) == {"status": "VersionMismatch"}
        assert await csms_side.call("GetLocalListVersion", {}) == {"listVersion": 3}
        await station.go_offline()
        await station.plug_in(1)
        for token in ("FOE", "STRANGER", "friend"):
            await station.present(token)
        await station.come_back()
        assert [f.payload["idTag"] for f in station.calls("StartTransaction")] == ["friend"]


@on_loop
async def test_firmware_is_installed_with_a_reboot_and_shown_in_the_boot():
    async with running() as csms, simulated(STATION, csms.url, timeline=VirtualTimeline(START)) as station:
        await station.boot()
        wish = {"location": "https://files.example/v9.9.bin", "retrieveDate": "2025-06-01T08:01:00Z"}
        assert await csms.connections["CP1"].call("UpdateFirmware", wish) == {}
        await station.advance(59)
        assert not station.calls("FirmwareStatusNotification")
        await station.advance(60)
        await station.until(lambda: len(station.calls("FirmwareStatusNotification")) == 4)
        await station.settle()
        told = [f.payload["status"] for f in station.calls("FirmwareStatusNotification")]
        assert told == ["Downloading", "Downloaded", "Installing", "Installed"]
        assert station.calls("BootNotification")[-1].payload["firmwareVersion"] == "v9.9"


@on_loop
async def test_diagnostics_and_logs_are_reported_step_by_step():
    async with running() as csms, simulated(STATION, csms.url) as station:
        await station.boot()
        csms_side = csms.connections["CP1"]
        reply = await csms_side.call("GetDiagnostics", {"location": "ftp://files.example/up"})
        assert reply["fileName"].endswith(".zip")
        await station.advance(20)
        assert [f.payload["status"] for f in station.calls("DiagnosticsStatusNotification")] == [
            "Uploading",
            "Uploaded",
        ]
        log = {"logType": "SecurityLog", "requestId": 4, "log": {"remoteLocation": "https://invalid.example/"}}
        assert (await csms_side.call("GetLog", log))["status"] == "Accepted"
        assert (await csms_side.call("GetLog", log | {"requestId": 5}))["status"] == "AcceptedCanceled"
        await station.advance(20)
        told = [(f.payload["status"], f.payload.get("requestId")) for f in station.calls("LogStatusNotification")]
        assert told == [("Uploading", 5), ("UploadFailure", 5)]


@on_loop
async def test_triggered_messages_follow_the_answer():
    async with running() as csms, simulated(STATION, csms.url) as station:
        await station.boot()
        csms_side = csms.connections["CP1"]
        told = len(station.calls())
        for message in (
            "Heartbeat",
            "StatusNotification",
            "MeterValues",
            "FirmwareStatusNotification",
            "BootNotification",
        ):
            wanted = {"requestedMessage": message, "connectorId": 1}
            assert await csms_side.call("TriggerMessage", wanted) == {"status": "Accepted"}
            await station.settle()
        assert [f.action for f in station.calls()[told:]][:5] == [
            "Heartbeat", "StatusNotification", "MeterValues", "FirmwareStatusNotification", "BootNotification",
        ]  # fmt: skip
        reply = await csms_side.call("TriggerMessage", {"requestedMessage": "StatusNotification", "connectorId": 9})
        assert reply == {"status": "Rejected"}


@on_loop
async def test_certificates_are_requested_installed_listed_and_deleted():
    async with running() as csms, simulated(STATION, csms.url) as station:
        await station.boot()
        csms_side = csms.connections["CP1"]
        ca = authority()
        kind = {"certificateType": "CentralSystemRootCertificate"}
        assert await csms_side.call("GetInstalledCertificateIds", kind) == {"status": "NotFound"}
        assert await csms_side.call("InstallCertificate", kind | {"certificate": "none"}) == {"status": "Rejected"}
        assert await csms_side.call("InstallCertificate", kind | {"certificate": ca.pem}) == {"status": "Accepted"}
        listed = (await csms_side.call("GetInstalledCertificateIds", kind))["certificateHashData"]
        assert await csms_side.call("DeleteCertificate", {"certificateHashData": listed[0]}) == {"status": "Accepted"}
        assert await csms_side.call("DeleteCertificate", {"certificateHashData": listed[0]}) == {"status": "NotFound"}
        await csms_side.call("ExtendedTriggerMessage", {"requestedMessage": "SignChargePointCertificate"})
        csr = (await station.wait_for_sent("SignCertificate")).payload["csr"]
        foreign = {"certificateChain": ca.pem}
        assert await csms_side.call("CertificateSigned", foreign) == {"status": "Rejected"}
        event = await station.wait_for_sent("SecurityEventNotification")
        assert event.payload["type"] == "InvalidChargePointCertificate"
        assert await csms_side.call("CertificateSigned", {"certificateChain": ca.sign(csr)}) == {"status": "Accepted"}


@on_loop
async def test_the_rest_is_answered_sensibly():
    async with running() as csms, simulated(STATION, csms.url) as station:
        await station.boot()
        csms_side = csms.connections["CP1"]
        assert await csms_side.call("ClearCache", {}) == {"status": "Accepted"}
        assert await csms_side.call("DataTransfer", {"vendorId": "other"}) == {"status": "UnknownVendorId"}
        echo = {"vendorId": "Plain", "messageId": "Echo", "data": "hi"}
        assert await csms_side.call("DataTransfer", echo) == {"status": "Accepted", "data": "hi"}
        assert await csms_side.call("UnlockConnector", {"connectorId": 1}) == {"status": "Unlocked"}
        assert await csms_side.call("UnlockConnector", {"connectorId": 7}) == {"status": "NotSupported"}
        assert (await csms_side.call_unchecked("Fly", {}))[2] == "NotImplemented"
        assert (await csms_side.call_unchecked("Reset", {}))[2] == "FormationViolation"


@on_loop
async def test_a_new_password_is_used_at_once():
    async with running() as csms, simulated(spec("CP1", password="ab" * 20), csms.url) as station:
        await station.boot()
        first = csms.headers["CP1"]["Authorization"]
        reply = await csms.connections["CP1"].call(
            "ChangeConfiguration", {"key": "AuthorizationKey", "value": "cd" * 20}
        )
        assert reply == {"status": "Accepted"}
        await station.settle()
        csms.headers.clear()
        await station.advance(2)
        await station.until(lambda: station.station.is_connected)
        assert csms.headers["CP1"]["Authorization"] != first


@on_loop
async def test_a_script_may_answer_in_the_stations_place():
    async with running() as csms, simulated(STATION, csms.url) as station:
        await station.boot()
        station.on("UnlockConnector", {"status": "UnlockFailed"})
        station.on("Reset", lambda payload: {"status": "Rejected"} if payload["type"] == "Hard" else None)
        csms_side = csms.connections["CP1"]
        assert await csms_side.call("UnlockConnector", {"connectorId": 1}) == {"status": "UnlockFailed"}
        assert await csms_side.call("Reset", {"type": "Hard"}) == {"status": "Rejected"}
        assert await csms_side.call("Reset", {"type": "Soft"}) == {"status": "Accepted"}
