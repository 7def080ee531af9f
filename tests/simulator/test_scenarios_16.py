"""A scripted 1.6 station against a small CSMS: order and content of what it sends."""

from datetime import UTC, datetime

from ingufu.simulator.script import Script, simulated
from ingufu.simulator.spec import ac, dc, spec
from ingufu.simulator.timeline import VirtualTimeline
from simulator.csms import at, running
from simulator.running import on_loop

START = datetime(2025, 6, 1, 8, 0, tzinfo=UTC)


def actions(script: Script) -> list[str]:
    return [frame.action for frame in script.calls()]


def statuses(script: Script, connector: int = 1) -> list[str]:
    return [f.payload["status"] for f in script.calls("StatusNotification") if f.payload["connectorId"] == connector]


@on_loop
async def test_boot_is_followed_by_the_status_of_each_connector():
    async with running() as csms, simulated(spec("CP1", evses=(ac(1), ac(2))), csms.url) as station:
        reply = await station.boot()
        assert reply["status"] == "Accepted"
        assert actions(station) == ["BootNotification", *["StatusNotification"] * 3]
        assert [f.payload["connectorId"] for f in station.calls("StatusNotification")] == [0, 1, 2]


@on_loop
async def test_a_session_by_card_is_told_in_order():
    async with (
        running() as csms,
        simulated(spec("CP1"), csms.url, timeline=VirtualTimeline(START)) as station,
    ):
        await station.boot()
        plug = await station.plug_in(1)
        await station.present("TOKEN")
        charged_wh = await station.charge(wh=500)
        await station.present("TOKEN")
        await station.unplug(1)
        assert charged_wh >= 500
        told = actions(station)[3:]
        samples = told.count("MeterValues")
        assert samples >= 2
        assert [action for action in told if action != "MeterValues"] == [
            "StatusNotification",
            "Authorize",
            "StartTransaction",
            "StatusNotification",
            "StopTransaction",
            "StatusNotification",
            "StatusNotification",
        ]
        assert statuses(station) == ["Available", "Preparing", "Charging", "Finishing", "Available"]
        start, stop = (station.calls(a)[0].payload for a in ("StartTransaction", "StopTransaction"))
        assert stop["transactionId"] == 1 == plug.transaction.number
        assert stop["idTag"] == "TOKEN"
        assert "reason" not in stop
        assert stop["meterStop"] - start["meterStart"] >= 500
        assert at(start["timestamp"]) == START


@on_loop
async def test_meter_values_carry_all_measurands_and_rise():
    async with running() as csms, simulated(spec("CP1", evses=(dc(1),)), csms.url) as station:
        await station.boot()
        await station.plug_in(1)
        await station.present("TOKEN")
        await station.charge(seconds=600)
        values = [f.payload["meterValue"][0]["sampledValue"] for f in station.calls("MeterValues")]
        assert {sample["measurand"] for sample in values[0]} == {
            "Energy.Active.Import.Register", "Power.Active.Import", "Current.Import", "Voltage", "SoC", "Temperature",
        }  # fmt: skip
        registers = [float(sample[0]["value"]) for sample in values]
        assert registers == sorted(registers)
        socs = [float(s["value"]) for sample in values for s in sample if s["measurand"] == "SoC"]
        assert 30 < socs[0] < socs[-1] <= 100


@on_loop
async def test_a_full_vehicle_suspends_and_the_transaction_goes_on():
    async with running() as csms, simulated(spec("CP1"), csms.url) as station:
        await station.boot()
        plug = await station.plug_in(1)
        plug.vehicle.soc = 97.0
        await station.present("TOKEN")
        await station.charge()
        assert statuses(station)[-1] == "SuspendedEV"
        assert not station.calls("StopTransaction")
        await station.advance(1800)
        await station.unplug(1)
        assert station.calls("StopTransaction")[0].payload["reason"] == "EVDisconnected"


@on_loop
async def test_pending_and_rejected_boots_are_repeated_after_the_interval():
    async with running() as csms, simulated(spec("CP1"), csms.url) as station:
        verdicts = iter(["Pending", "Rejected", "Accepted"])
        csms.answers["BootNotification"] = lambda _: {
            "status": next(verdicts), "currentTime": "2025-06-01T08:00:00Z", "interval": 40,
        }  # fmt: skip
        await station.boot()
        assert not station.station.is_accepted
        assert await csms.connections["CP1"].call("RemoteStartTransaction", {"idTag": "A"}) == {"status": "Rejected"}
        await station.advance(39)
        assert actions(station) == ["BootNotification"]
        await station.advance(2)
        assert actions(station) == ["BootNotification"] * 2
        await station.advance(40)
        assert actions(station)[:4] == [*["BootNotification"] * 3, "StatusNotification"]


@on_loop
async def test_heartbeats_keep_the_interval_of_the_boot_answer():
    async with running() as csms, simulated(spec("CP1"), csms.url) as station:
        await station.boot()
        await station.advance(1000)
        assert actions(station).count("Heartbeat") == 3
        reply = await csms.connections["CP1"].call("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "100"})
        assert reply == {"status": "Accepted"}
        await station.advance(1000)
        assert actions(station).count("Heartbeat") == 3 + 10


@on_loop
async def test_offline_charging_is_told_later_in_order_with_the_old_times():
    async with (
        running() as csms,
        simulated(spec("CP1"), csms.url, timeline=VirtualTimeline(START)) as station,
    ):
        await station.boot()
        await csms.connections["CP1"].call(
            "ChangeConfiguration", {"key": "AllowOfflineTxForUnknownId", "value": "true"}
        )
        await station.go_offline()
        await station.plug_in(1)
        await station.present("TOKEN")
        await station.charge(seconds=300)
        await station.present("TOKEN")
        assert not station.calls("StartTransaction")
        await station.advance(3600)
        before = len(csms.calls["CP1"])
        await station.come_back()
        told = [call for call in csms.calls["CP1"][before:] if call[0] != "StatusNotification"]
        assert [action for action, _ in told] == ["StartTransaction", *["MeterValues"] * 5, "StopTransaction"]
        assert {payload["transactionId"] for action, payload in told[1:]} == {1}
        assert at(told[0][1]["timestamp"]) == START
        assert (at(told[-1][1]["timestamp"]) - START).total_seconds() == 300


@on_loop
async def test_a_lost_reply_makes_the_station_repeat_the_same_message():
    async with running() as csms, simulated(spec("CP1"), csms.url) as station:
        await station.boot()
        station.lose_reply("StartTransaction")
        await station.plug_in(1)
        await station.present("TOKEN")
        await station.charge(seconds=200)
        starts = station.calls("StartTransaction")
        assert len(starts) == 2
        assert starts[0].raw == starts[1].raw
        await station.stop()
        assert station.calls("StopTransaction")[0].payload["transactionId"] == 1


@on_loop
async def test_after_too_many_attempts_the_station_goes_on_with_minus_one():
    async with running() as csms, simulated(spec("CP1"), csms.url) as station:
        await station.boot()
        station.lose_reply("StartTransaction", times=9)
        await station.plug_in(1)
        await station.present("TOKEN")
        await station.charge(seconds=400)
        await station.stop()
        assert len(station.calls("StartTransaction")) == 3
        assert station.calls("StopTransaction")[0].payload["transactionId"] == -1


@on_loop
async def test_a_token_refused_at_the_start_ends_the_transaction():
    async with running() as csms, simulated(spec("CP1"), csms.url) as station:
        csms.answers["StartTransaction"] = {"transactionId": 77, "idTagInfo": {"status": "Blocked"}}
        await station.boot()
        await station.plug_in(1)
        await station.present("TOKEN")
        stop = station.calls("StopTransaction")[0].payload
        assert stop["transactionId"] == 77
        assert stop["reason"] == "DeAuthorized"


@on_loop
async def test_a_refused_card_starts_nothing():
    async with running() as csms, simulated(spec("CP1"), csms.url) as station:
        csms.answers["Authorize"] = {"idTagInfo": {"status": "Invalid"}}
        await station.boot()
        await station.plug_in(1)
        await station.present("TOKEN")
        await station.advance(300)
        assert not station.calls("StartTransaction")
        assert statuses(station)[-1] == "Preparing"


@on_loop
async def test_nobody_plugging_in_times_out():
    async with running() as csms, simulated(spec("CP1"), csms.url) as station:
        await station.boot()
        await station.present("TOKEN")
        assert statuses(station)[-1] == "Preparing"
        await station.advance(61)
        assert statuses(station)[-1] == "Available"
        assert not station.calls("StartTransaction")


@on_loop
async def test_power_loss_is_told_after_the_next_boot():
    async with running() as csms, simulated(spec("CP1"), csms.url) as station:
        await station.boot()
        await station.plug_in(1)
        await station.present("TOKEN")
        await station.charge(seconds=120)
        told = len(actions(station))
        lost_at = station.timeline.now()
        await station.power_cut(90)
        after = [action for action in actions(station)[told:] if action != "StatusNotification"]
        assert after == ["BootNotification", "StopTransaction"]
        stop = station.calls("StopTransaction")[0].payload
        assert stop["reason"] == "PowerLoss"
        assert abs((at(stop["timestamp"]) - lost_at).total_seconds()) < 1


@on_loop
async def test_emergency_stop_and_fault_end_what_runs():
    async with running() as csms, simulated(spec("CP1", evses=(ac(1), ac(2))), csms.url) as station:
        await station.boot()
        for evse in (1, 2):
            await station.plug_in(evse)
            await station.present(f"T{evse}", evse)
        await station.fail("GroundFailure", 1, info="RCD tripped")
        await station.press_emergency_stop()
        assert [f.payload["reason"] for f in station.calls("StopTransaction")] == ["Other", "EmergencyStop"]
        fault = [f.payload for f in station.calls("StatusNotification") if f.payload["status"] == "Faulted"]
        assert fault[0]["errorCode"] == "GroundFailure"
        await station.unplug(1)
        await station.recover(1)
        assert statuses(station, 1)[-1] == "Available"


@on_loop
async def test_a_plain_reconnection_brings_no_boot():
    async with running() as csms, simulated(spec("CP1"), csms.url) as station:
        await station.boot()
        await csms.connections["CP1"].socket.close(1001)
        await station.until(lambda: not station.station.is_connected)
        await station.advance(30)
        await station.until(lambda: station.station.is_connected)
        assert actions(station).count("BootNotification") == 1
        assert await station.call("Heartbeat", {}) == {"currentTime": "2025-06-01T08:00:00.000Z"}
