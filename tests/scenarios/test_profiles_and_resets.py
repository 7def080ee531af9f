"""Passwords, network profiles and resets of simulated stations, and reports that make no sense."""

import pytest

from ingufu.configuration.model import (
    ResetState,
    WishState,
)
from ingufu.core.commands import ResetKind
from ingufu.core.configuration import NetworkProfile
from ingufu.core.errors import Conflict, InvalidInput
from ingufu.core.variables import parse
from ingufu.simulator.script import Script
from ingufu.simulator.timeline import VirtualTimeline
from running import PASSWORD, Running
from scenarios.configuring import (
    EACH,
    NEWER,
    by,
    caring,
    desire,
    house,
    known,
    read,
    sent,
    statuses,
    timeline,
    wanted,
)
from scenarios.virtual import station

__all__ = ["caring", "house", "timeline"]
pytestmark = pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)


@EACH
async def test_a_password_is_sealed_set_and_used_at_once(house: Running, timeline: VirtualTimeline, version: str):
    station_id = await house.add_station("CS")
    password = "00112233445566778899aabbccddeeff00112233"
    await desire(house, station_id, {"SecurityCtrlr.BasicAuthPassword": password})
    async with station(house, timeline, version) as script:
        await script.boot()
        outcomes = await house.services.configuration.care.apply(by(house), station_id)
        assert statuses(outcomes) == ["Accepted"]
        at = await house.services.stations.get(station_id)
        assert house.services.stations.password_matches(at, password.encode())
        assert not house.services.stations.password_matches(at, PASSWORD.encode())
        found = (await wanted(house, station_id))["SecurityCtrlr.BasicAuthPassword"]
        assert (found.state, found.value, found.is_secret) == (WishState.IN_STEP, None, True)
        assert password not in str(await known(house, station_id))
        assert password not in (found.sealed or "")


@NEWER
async def test_network_profiles_are_kept_with_the_answer_and_never_lower_security(
    house: Running, timeline: VirtualTimeline, version: str
):
    station_id = await house.add_station("CS")
    network = house.services.configuration.network
    async with station(house, timeline, version) as script:
        await script.boot()
        at = await house.services.stations.get(station_id)
        with pytest.raises(InvalidInput, match="slot 2"):
            await network.prioritise(by(house), at, [2, 1])
        safe = NetworkProfile(url="wss://csms.example/ocpp", security_profile=2)
        kept = await network.send(by(house), at, 2, safe)
        assert kept.status == "Accepted"
        assert (await network.send(by(house), at, 9, safe)).status == "Rejected"
        with pytest.raises(Conflict, match="security profile 1"):
            await network.send(by(house), at, 3, NetworkProfile(url="ws://csms.example/ocpp", security_profile=0))
        await read(
            house, station_id, "OCPPCommCtrlr.ActiveNetworkProfile", "OCPPCommCtrlr.NetworkConfigurationPriority"
        )
        with pytest.raises(Conflict, match="uses slot 1"):
            await network.send(by(house), at, 1, safe)
        with pytest.raises(InvalidInput):
            await network.send(by(house), at, 2, NetworkProfile(url="http://x", security_profile=2))
        outcome = await network.prioritise(by(house), at, [2, 1])
        assert outcome.status == "RebootRequired"
        assert (await house.services.configuration.state(station_id)).reboot_needed_since is not None
        assert [(one.slot, one.status) for one in await network.profiles(station_id)] == [
            (2, "Accepted"), (9, "Rejected"),
        ]  # fmt: skip
        first = sent(script, "SetNetworkProfile")[0]["connectionData"]
        assert (first["ocppVersion"], first["ocppTransport"], first["securityProfile"]) == ("OCPP20", "JSON", 2)


async def boot_as_asked(script: Script) -> None:
    """Say the boot once more because it was asked for, without a restart."""
    before = len(script.calls("BootNotification"))
    script.station.send_boot("Triggered")
    await script.until(lambda: len(script.calls("BootNotification")) > before)
    await script.settle()


@NEWER
async def test_what_waits_for_a_restart_waits_on_when_the_boot_was_only_asked_for(
    house: Running, timeline: VirtualTimeline, version: str
):
    station_id = await house.add_station("CS")
    configuration = house.services.configuration
    await desire(house, station_id, {"SampledDataCtrlr.TxUpdatedInterval": "30"})
    async with station(house, timeline, version) as script:
        await script.boot()
        started = await house.services.stations.get(station_id)
        answer = {"component": {"name": "SampledDataCtrlr"}, "variable": {"name": "TxUpdatedInterval"}}
        script.on("SetVariables", {"setVariableResult": [answer | {"attributeStatus": "RebootRequired"}]})
        assert statuses(await configuration.care.apply(by(house), station_id)) == ["RebootRequired"]
        await script.advance(5.0)
        await boot_as_asked(script)
        assert (await configuration.state(station_id)).reboot_needed_since is not None
        await configuration.care.look_after(by(house), station_id)
        assert [one.state for one in (await wanted(house, station_id)).values()] == [WishState.NEEDS_REBOOT]
        now = await house.services.stations.get(station_id)
        assert (now.last_boot_at, now.boot_reason) == (started.last_boot_at, "PowerUp")
        held = house.link.get(station_id)
        assert held is not None
        assert (held.session.station.last_boot_at, held.session.has_restarted) == (started.last_boot_at, False)
        await script.power_cut(5.0)
        await script.boot()
        assert (await configuration.state(station_id)).reboot_needed_since is None


@EACH
async def test_a_scheduled_reset_stays_pending_until_the_station_boots(
    house: Running, timeline: VirtualTimeline, version: str
):
    station_id = await house.add_station("CS")
    resetting = house.services.configuration.resetting
    async with station(house, timeline, version) as script:
        await script.boot()
        script.on("Reset", {"status": "Accepted" if version == "1.6" else "Scheduled"})
        outcome = await resetting.reset(by(house), station_id, ResetKind.ON_IDLE)
        assert outcome.is_accepted
        (record,) = await resetting.resets(station_id)
        assert record.state is (ResetState.ACCEPTED if version == "1.6" else ResetState.SCHEDULED)
        await resetting.settle_open()
        if version != "1.6":
            await boot_as_asked(script)
        assert (await resetting.resets(station_id))[0].ended_at is None
        await script.power_cut(5.0)
        await script.boot()
        (record,) = await resetting.resets(station_id)
        assert (record.state, record.asked_by) == (ResetState.DONE, "keza")
        script.on("Reset", {"status": "Rejected"})
        assert not (await resetting.reset(by(house), station_id, ResetKind.IMMEDIATE)).is_accepted
        assert (await resetting.resets(station_id))[0].state is ResetState.REFUSED
        kinds = ["Soft", "Hard"] if version == "1.6" else ["OnIdle", "Immediate"]
        assert [one["type"] for one in sent(script, "Reset")] == kinds


async def test_a_reset_of_an_evse_ends_when_the_evse_is_back_and_one_that_does_not_show_is_told(
    house: Running, timeline: VirtualTimeline
):
    station_id = await house.add_station("CS")
    resetting = house.services.configuration.resetting
    async with station(house, timeline, "2.1") as script:
        await script.boot()
        await script.advance(30.0)
        await resetting.reset(by(house), station_id, ResetKind.RESUME, 1)
        await script.advance(30.0)
        await script.settle()
        await resetting.settle_open()
        (record,) = await resetting.resets(station_id)
        assert (record.state, record.evse, record.kind) == (ResetState.DONE, 1, "immediate-and-resume")
        script.on("Reset", {"status": "Accepted"})
        await resetting.reset(by(house), station_id, ResetKind.IMMEDIATE)
        await script.advance(3600.0)
        await resetting.settle_open()
        assert (await resetting.resets(station_id))[0].state is ResetState.NOT_SEEN


@NEWER
async def test_absurd_reports_are_taken_without_harm(house: Running, timeline: VirtualTimeline, version: str):
    station_id = await house.add_station("CS")
    odd = ["", " ", ".", "a.b[c]@1:2", "%2E_", "\u0000x", "<b>", "ß" * 50, "'; DROP TABLE variables;--"]
    data = [
        {
            "component": {"name": name, "instance": name, "evse": {"id": 2**31 - 1, "connectorId": 2**31 - 1}},
            "variable": {"name": name, "instance": name},
            "variableAttribute": [{"value": "x" * 1000}, {"type": "Target"}, {"type": "MinSet", "value": ""}],
            "variableCharacteristics": {
                "dataType": "decimal", "supportsMonitoring": True, "minLimit": -1e307, "maxLimit": 1e307,
            },
        }
        for name in odd
    ]  # fmt: skip
    async with station(house, timeline, version) as script:
        await script.boot()
        for number in (0, 0, 2**31 - 1):
            said = {
                "requestId": -(2**31), "generatedAt": "0001-01-01T00:00:00Z", "seqNo": number, "tbc": False,
                "reportData": data,
            }  # fmt: skip
            assert await script.call("NotifyReport", said) == {}
        assert (
            await script.call("NotifyReport", {"requestId": 7, "generatedAt": "2026-03-01T08:00:00Z", "seqNo": 0}) == {}
        )
        found = await known(house, station_id)
        assert len(found) == len(odd) - 2  # one key each; those without letters are left out
        for text, one in found.items():
            assert parse(text) == one.name
