"""A scripted 2.0.1 or 2.1 station against a small CSMS: order and content of what it sends."""

from datetime import UTC, datetime

import pytest

from ingufu.simulator.script import Script, simulated
from ingufu.simulator.spec import ac, dc, spec
from ingufu.simulator.timeline import VirtualTimeline
from ingufu.simulator.vendors import PLAIN
from simulator.csms import at, running
from simulator.running import on_loop

START = datetime(2025, 6, 1, 8, 0, tzinfo=UTC)
BOTH = pytest.mark.parametrize("version", ["2.0.1", "2.1"])


def manners(**changes):
    return PLAIN.__class__(**{name: getattr(PLAIN, name) for name in PLAIN.__struct_fields__} | changes)


def events(script: Script) -> list[dict]:
    return [frame.payload for frame in script.calls("TransactionEvent")]


def told(script: Script) -> list[tuple[str, str]]:
    return [(e["eventType"], e["triggerReason"]) for e in events(script) if "MeterValue" not in e["triggerReason"]]


@BOTH
def test_boot_says_why_and_reports_each_connector(version):
    @on_loop
    async def run():
        async with running() as csms, simulated(spec("S1", version, evses=(ac(1), ac(2))), csms.url) as station:
            assert (await station.boot())["status"] == "Accepted"
            assert [f.action for f in station.calls()] == ["BootNotification", *["StatusNotification"] * 2]
            assert station.calls()[0].payload["reason"] == "PowerUp"

    run()


@BOTH
def test_a_session_plugged_first_follows_the_order_of_the_specification(version):
    @on_loop
    async def run():
        async with running() as csms, simulated(spec("S1", version), csms.url) as station:
            await station.boot()
            plug = await station.plug_in(1)
            await station.present("TOKEN")
            await station.charge(seconds=190)
            await station.present("TOKEN")
            await station.unplug(1)
            assert told(station) == [
                ("Started", "CablePluggedIn"),
                ("Updated", "Authorized"),
                ("Updated", "StopAuthorized"),
                ("Ended", "EVDeparted"),
            ]
            said = events(station)
            assert [e["seqNo"] for e in said] == list(range(len(said)))
            assert {e["transactionInfo"]["transactionId"] for e in said} == {plug.name}
            assert [("evse" in e) for e in said].count(True) == 1
            assert said[0]["evse"] == {"id": 1, "connectorId": 1}
            assert [e["triggerReason"] for e in said if "idToken" in e] == ["Authorized", "StopAuthorized"]
            assert [e["transactionInfo"]["chargingState"] for e in said if e["triggerReason"] == "MeterValuePeriodic"]
            states = [e["transactionInfo"]["chargingState"] for e in said]
            assert (states[0], states[1], states[-2], states[-1]) == ("EVConnected", "Charging", "EVConnected", "Idle")
            assert "stoppedReason" not in said[-1]["transactionInfo"]  # Local is the default
            values = said[-1]["meterValue"]
            contexts = [v["sampledValue"][0]["context"] for v in values]
            assert contexts == ["Transaction.Begin", "Transaction.End"]
            assert not any("offline" in e for e in said)
            shown = [f.payload["connectorStatus"] for f in station.calls("StatusNotification")]
            assert shown == ["Available", "Occupied", "Available"]

    run()


@on_loop
async def test_start_and_stop_points_decide_where_a_transaction_lies():
    manner = manners(start_points=("PowerPathClosed",), stop_points=("EVConnected", "Authorized"))
    async with running() as csms, simulated(spec("S1", "2.0.1", manner=manner), csms.url) as station:
        await station.boot()
        await station.present("TOKEN")
        await station.plug_in(1)
        await station.charge(seconds=100)
        await station.present("TOKEN")
        await station.unplug(1)
        assert told(station) == [("Started", "CablePluggedIn"), ("Ended", "StopAuthorized")]
        assert events(station)[0]["idToken"]["idToken"] == "TOKEN"
        await station.plug_in(1)
        assert len(told(station)) == 2


@on_loop
async def test_authorized_first_without_a_vehicle_ends_by_time_out():
    manner = manners(start_points=("Authorized",), stop_points=("Authorized",))
    async with running() as csms, simulated(spec("S1", "2.1", manner=manner), csms.url) as station:
        await station.boot()
        await station.present("TOKEN")
        await station.advance(61)
        assert told(station) == [("Started", "Authorized"), ("Ended", "EVConnectTimeout")]
        assert events(station)[-1]["transactionInfo"]["stoppedReason"] == "Timeout"
        assert "evse" not in events(station)[0]


@BOTH
def test_remote_start_names_its_id_and_remote_stop_its_reason(version):
    @on_loop
    async def run():
        async with running() as csms, simulated(spec("S1", version), csms.url) as station:
            await station.boot()
            csms_side = csms.connections["S1"]
            plug = await station.plug_in(1)
            wanted = {"remoteStartId": 42, "idToken": {"idToken": "APP", "type": "Central"}, "evseId": 1}
            reply = await csms_side.call("RequestStartTransaction", wanted)
            assert reply == {"status": "Accepted", "transactionId": plug.name}
            await station.charge(seconds=100)
            assert await csms_side.call("RequestStopTransaction", {"transactionId": "?"}) == {"status": "Rejected"}
            reply = await csms_side.call("RequestStopTransaction", {"transactionId": plug.name})
            assert reply == {"status": "Accepted"}
            await station.settle()
            await station.unplug(1)
            assert told(station)[1:] == [
                ("Updated", "RemoteStart"), ("Updated", "RemoteStop"), ("Ended", "EVDeparted"),
            ]  # fmt: skip
            started = next(e for e in events(station) if e["triggerReason"] == "RemoteStart")
            assert started["transactionInfo"]["remoteStartId"] == 42
            assert started["idToken"] == {"idToken": "APP", "type": "Central"}
            assert events(station)[-1]["transactionInfo"]["stoppedReason"] == "Remote"

    run()


@BOTH
def test_offline_events_are_marked_and_keep_order_and_time(version):
    @on_loop
    async def run():
        async with (
            running() as csms,
            simulated(spec("S1", version), csms.url, timeline=VirtualTimeline(START)) as station,
        ):
            await station.boot()
            await station.plug_in(1)
            await station.present("TOKEN")
            await station.charge(seconds=100)
            await station.go_offline()
            await station.charge(seconds=200)
            await station.stop(1)
            await station.unplug(1)
            await station.advance(7200)
            before = len(events(station))
            reply_before = len(csms.calls["S1"])
            await station.come_back()
            late = events(station)[before:]
            assert all(e["offline"] for e in late)
            assert not any("offline" in e for e in events(station)[:before])
            assert late[-1]["eventType"] == "Ended"
            assert [e["seqNo"] for e in events(station)] == list(range(len(events(station))))
            assert (at(late[-1]["timestamp"]) - START).total_seconds() == 300
            assert [a for a, _ in csms.calls["S1"][reply_before:]].count("BootNotification") == 0

    run()


@BOTH
def test_a_token_refused_in_the_event_ends_it(version):
    @on_loop
    async def run():
        async with running() as csms, simulated(spec("S1", version), csms.url) as station:
            csms.answers["TransactionEvent"] = lambda p: (
                {"idTokenInfo": {"status": "Blocked"}} if "idToken" in p else {}
            )
            await station.boot()
            await station.plug_in(1)
            await station.present("TOKEN")
            assert told(station)[-1] == ("Ended", "Deauthorized")
            assert events(station)[-1]["transactionInfo"]["stoppedReason"] == "DeAuthorized"

    run()


@on_loop
async def test_a_refused_token_may_only_stop_the_energy():
    async with running() as csms, simulated(spec("S1", "2.0.1"), csms.url) as station:
        csms.answers["TransactionEvent"] = lambda p: {"idTokenInfo": {"status": "Blocked"}} if "idToken" in p else {}
        await station.boot()
        variable = {
            "component": {"name": "TxCtrlr"},
            "variable": {"name": "StopTxOnInvalidId"},
            "attributeValue": "false",
        }
        await csms.connections["S1"].call("SetVariables", {"setVariableData": [variable]})
        await station.plug_in(1)
        await station.present("TOKEN")
        assert told(station)[-1] == ("Updated", "Deauthorized")
        assert events(station)[-1]["transactionInfo"]["chargingState"] == "SuspendedEVSE"
        before = station.evse(1).meter.register_tenths
        await station.advance(600)
        assert station.evse(1).meter.register_tenths == before


@BOTH
def test_full_vehicle_fault_and_power_loss(version):
    @on_loop
    async def run():
        async with running() as csms, simulated(spec("S1", version, evses=(dc(1), dc(2))), csms.url) as station:
            await station.boot()
            plug = await station.plug_in(1)
            plug.vehicle.target_soc = 31.0
            await station.present("A")
            await station.charge(1)
            assert told(station)[-1] == ("Updated", "ChargingStateChanged")
            assert events(station)[-1]["transactionInfo"]["chargingState"] == "SuspendedEV"
            await station.fail("GroundFailure", 1)
            assert told(station)[-1] == ("Ended", "AbnormalCondition")
            assert events(station)[-1]["transactionInfo"]["stoppedReason"] == "GroundFault"
            await station.plug_in(2)
            await station.present("B", 2)
            await station.power_cut(60)
            assert told(station)[-1] == ("Ended", "AbnormalCondition")
            last = events(station)[-1]
            assert last["transactionInfo"]["stoppedReason"] == "PowerLoss"
            assert last["offline"] is True

    run()


@on_loop
async def test_limits_of_a_transaction_end_it():
    async with running() as csms, simulated(spec("S1", "2.1"), csms.url) as station:
        csms.answers["TransactionEvent"] = lambda p: {"transactionLimit": {"maxEnergy": 300}} if p["seqNo"] == 0 else {}
        await station.boot()
        await station.plug_in(1)
        await station.present("TOKEN")
        charged_wh = await station.charge()
        assert told(station)[-1] == ("Ended", "EnergyLimitReached")
        confirmed = next(e for e in events(station) if e["triggerReason"] == "LimitSet")
        assert confirmed["transactionInfo"]["transactionLimit"] == {"maxEnergy": 300}
        assert 300 <= charged_wh < 300 + 11000 / 3600 * 10 + 1


@on_loop
async def test_a_lost_reply_repeats_the_event_with_the_same_number():
    async with running() as csms, simulated(spec("S1", "2.0.1"), csms.url) as station:
        await station.boot()
        station.lose_reply("TransactionEvent")
        await station.plug_in(1)
        await station.advance(61)
        assert [e["seqNo"] for e in events(station)] == [0, 0, 1]


@on_loop
async def test_a_vendor_of_21_tells_availability_by_event():
    manner = manners(status_by_event=True)
    async with running() as csms, simulated(spec("S1", "2.1", manner=manner), csms.url) as station:
        await station.boot()
        await station.plug_in(1)
        await station.fail("OtherError", info="latch broken")
        said = [f.payload["eventData"][0] for f in station.calls("NotifyEvent")]
        assert [e["actualValue"] for e in said] == ["Available", "Occupied", "Faulted"]
        assert said[-1]["component"] == {"name": "Connector", "evse": {"id": 1, "connectorId": 1}}
        assert said[-1]["techInfo"] == "latch broken"
        assert not station.calls("StatusNotification")


@on_loop
async def test_after_a_long_time_offline_every_status_is_told_anew():
    async with running() as csms, simulated(spec("S1", "2.0.1", evses=(ac(1), ac(2))), csms.url) as station:
        await station.boot()
        for seconds, expected in ((100, 2), (400, 4)):
            await station.go_offline()
            await station.advance(seconds)
            await station.come_back()
            assert len(station.calls("StatusNotification")) == expected
