"""Configuration of simulated stations of all versions: read, set, reported, desired, and in step again."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

import ocpp_schemas
from ingufu.app.settings import ConfigurationSettings
from ingufu.configuration.model import (
    DesiredChange,
    ItemOutcome,
    Reach,
    Report,
    ReportState,
    ResetState,
    TemplateFields,
    Variable,
    Wanted,
    WishState,
)
from ingufu.configuration.service import Reading, ReportWish
from ingufu.core.commands import ResetKind
from ingufu.core.configuration import Criterion, NetworkProfile, Place, ReadItem, ReportBase, WriteItem
from ingufu.core.errors import Conflict, InvalidInput, StationUnsupported
from ingufu.core.ids import IdMaker
from ingufu.core.variables import parse
from ingufu.infra.storage.database import Database
from ingufu.simulator.dialect import Answer
from ingufu.simulator.script import Script
from ingufu.simulator.timeline import VirtualTimeline
from running import PASSWORD, Running
from scenarios.virtual import START, station, virtual_house

pytestmark = pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)
EACH = pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
NEWER = pytest.mark.parametrize("version", ["2.0.1", "2.1"])
PATIENCE_S = 20.0
SAMPLES = parse("SampledDataCtrlr.TxUpdatedInterval")
OFFLINE = parse("AuthCtrlr.LocalAuthorizeOffline")
OURS = ("GetConfiguration", "ChangeConfiguration", "GetVariables", "SetVariables", "GetBaseReport", "GetReport",
        "SetNetworkProfile", "Reset", "GetMonitoringReport")  # fmt: skip


@pytest.fixture
def timeline() -> VirtualTimeline:
    return VirtualTimeline(START)


@pytest.fixture
async def house(database: Database, timeline: VirtualTimeline, ids: IdMaker, tmp_path: Path) -> AsyncIterator[Running]:
    """A gateway that does nothing by itself."""
    calm = ConfigurationSettings(takes_inventory=False, applies_desired=False, repairs_drift=False)
    async with virtual_house(database, timeline, ids, configuration=calm, data=str(tmp_path)) as running:
        yield running


@pytest.fixture
async def caring(database: Database, timeline: VirtualTimeline, ids: IdMaker, tmp_path: Path) -> AsyncIterator[Running]:
    """A gateway that looks after stations at once."""
    eager = ConfigurationSettings(quiet_s=0.0, spread_s=0.0)
    options = {"configuration": eager, "data": str(tmp_path), "provisioning_round_s": 0.05}
    async with virtual_house(database, timeline, ids, **options) as running:
        yield running


async def until(happened: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await happened():
            await asyncio.sleep(0.02)  # what is waited for is written in the background


def by(house: Running) -> Reading:
    return Reading(link=house.link, actor="keza", timeout_s=10.0)


async def known(house: Running, station_id: str) -> dict[str, Variable]:
    return {one.name.text: one for one in await house.services.configuration.variables(station_id)}


async def read(house: Running, station_id: str, *names: str) -> list[ItemOutcome]:
    at = await house.services.stations.get(station_id)
    items = [ReadItem(name=parse(name)) for name in names]
    return await house.services.configuration.asking.read(by(house), at, items)


async def write(house: Running, station_id: str, values: dict[str, str], **how: Any) -> list[ItemOutcome]:
    at = await house.services.stations.get(station_id)
    items = [WriteItem(name=parse(name), value=value) for name, value in values.items()]
    return await house.services.configuration.asking.write(by(house), at, items, **how)


async def report(house: Running, station_id: str, **wish: Any) -> Report:
    at = await house.services.stations.get(station_id)
    return await house.services.configuration.reporting.request(by(house), at, ReportWish(**wish))


async def desire(house: Running, station_id: str, values: dict[str, str | None]) -> None:
    changes = [DesiredChange(name=parse(name), value=value) for name, value in values.items()]
    async with house.services.database.work() as work:
        await house.services.configuration.desire(work, station_id, changes, actor="keza")


async def wanted(house: Running, station_id: str) -> dict[str, Wanted]:
    return {one.name.text: one for one in await house.services.configuration.wishes.wanted(station_id)}


def statuses(outcomes: list[ItemOutcome]) -> list[str]:
    return [one.status for one in outcomes]


def sent(script: Script, *actions: str) -> list[Any]:
    """Return what was asked of the station; each is valid by the standard's own schema."""
    version = script.station.spec.version.value
    frames = [frame for frame in script.calls_received() if frame.action in (actions or OURS)]
    for frame in frames:
        assert ocpp_schemas.oracle(ocpp_schemas.message(version, frame.action), frame.payload) is None, frame
    return [frame.payload for frame in frames]


@EACH
async def test_values_are_read_by_one_name_in_all_versions(house: Running, timeline: VirtualTimeline, version: str):
    station_id = await house.add_station("CS")
    async with station(house, timeline, version) as script:
        await script.boot()
        outcomes = await read(
            house, station_id, "SampledDataCtrlr.TxUpdatedInterval", "SecurityCtrlr.BasicAuthPassword"
        )
        assert outcomes[0].is_accepted
        assert int(outcomes[0].value or "") > 0
        assert not outcomes[1].is_accepted
        kept = (await known(house, station_id))["SampledDataCtrlr.TxUpdatedInterval"]
        assert (kept.value, kept.actor) == (outcomes[0].value, "keza")
        assert kept.native_key == ("MeterValueSampleInterval" if version == "1.6" else None)
        sent(script)


async def test_all_keys_of_a_16_station_are_read_and_unknown_ones_are_told(house: Running, timeline: VirtualTimeline):
    station_id = await house.add_station("CS")
    async with station(house, timeline, "1.6") as script:
        await script.boot()
        done = await report(house, station_id, base=ReportBase.FULL)
        found = await known(house, station_id)
        assert (done.state, done.items) == (ReportState.COMPLETE, len(found))
        assert found["ConfigurationKey.NumberOfConnectors"].mutability == "ReadOnly"
        assert found["AuthCtrlr.LocalAuthorizeOffline"].value == "true"
        outcomes = await read(house, station_id, "ConfigurationKey.NoSuchKey", "OCPPCommCtrlr.OfflineThreshold")
        assert statuses(outcomes) == ["UnknownVariable", "NotSupported"]
        assert sent(script) == [{}, {"key": ["NoSuchKey"]}]
        with pytest.raises(StationUnsupported):
            await report(house, station_id, base=ReportBase.SUMMARY)


async def test_a_16_station_that_tells_nothing_is_asked_key_by_key(house: Running, timeline: VirtualTimeline):
    station_id = await house.add_station("CS")
    asked: list[int] = []

    def answer(payload: dict[str, Any]) -> Any:
        keys = payload.get("key")
        if keys is None:
            return {}  # quirk 13
        asked.append(len(keys))
        if len(keys) > 3:  # quirk 15
            return Answer(error="FormationViolation", description="too many")
        return {"configurationKey": [{"key": key, "readonly": False, "value": "1"} for key in keys]}

    async with station(house, timeline, "1.6") as script:
        script.on("GetConfiguration", answer)
        await script.boot()
        done = await report(house, station_id, base=ReportBase.FULL)
        assert done.state is ReportState.COMPLETE
        assert done.items == len(await known(house, station_id)) > 40
        assert max(asked) == 10
        assert {1, 2, 3} & set(asked)


@pytest.mark.parametrize("status", ["Accepted", "Rejected", "RebootRequired", "NotSupported"])
async def test_each_answer_to_a_16_key_is_kept(house: Running, timeline: VirtualTimeline, status: str):
    station_id = await house.add_station("CS")
    async with station(house, timeline, "1.6") as script:
        await script.boot()
        script.on("ChangeConfiguration", {"status": status})
        outcomes = await write(house, station_id, {"SampledDataCtrlr.TxUpdatedInterval": "30"})
        assert statuses(outcomes) == [status]
        assert outcomes[0].is_accepted is (status in ("Accepted", "RebootRequired"))
        state = await house.services.configuration.state(station_id)
        assert (state.reboot_needed_since is not None) is (status == "RebootRequired")
        value = (await known(house, station_id)).get("SampledDataCtrlr.TxUpdatedInterval")
        assert (value is not None and value.value == "30") is (status == "Accepted")
        assert sent(script) == [{"key": "MeterValueSampleInterval", "value": "30"}]


@EACH
async def test_what_does_not_fit_or_is_dangerous_is_not_sent(house: Running, timeline: VirtualTimeline, version: str):
    station_id = await house.add_station("CS")
    async with station(house, timeline, version) as script:
        await script.boot()
        wrong = {"SampledDataCtrlr.TxUpdatedInterval": "soon", "AuthCtrlr.LocalAuthorizeOffline": "maybe"}
        if version != "1.6":
            wrong |= {"TxCtrlr.TxStopPoint": "", "OCPPCommCtrlr.NetworkConfigurationPriority": "2"}
        outcomes = await write(house, station_id, wrong)
        assert statuses(outcomes) == ["NotSent"] * len(wrong)
        assert all(one.reason and one.part == 0 for one in outcomes)
        assert sent(script) == []
        forced = await write(house, station_id, {"AuthCtrlr.LocalAuthorizeOffline": "maybe"}, is_forced=True)
        assert statuses(forced) == ["Rejected"]


@NEWER
async def test_tc_b_08_five_values_go_in_two_messages_to_a_station_that_takes_four(
    house: Running, timeline: VirtualTimeline, version: str
):
    station_id = await house.add_station("CS")
    names = ["SampledDataCtrlr.TxUpdatedInterval", "AuthCtrlr.LocalAuthorizeOffline", "AuthCtrlr.LocalPreAuthorize",
             "TxCtrlr.EVConnectionTimeOut", "OCPPCommCtrlr.OfflineThreshold"]  # fmt: skip
    async with station(house, timeline, version) as script:
        await script.boot()
        limits = ("GetVariables", "SetVariables")
        four = [
            {
                "component": {"name": "DeviceDataCtrlr"},
                "variable": {"name": "ItemsPerMessage", "instance": one},
                "attributeStatus": "Accepted",
                "attributeValue": "4",
            }
            for one in limits
        ]
        script.on("GetVariables", {"getVariableResult": four})
        assert all(
            one.is_accepted
            for one in await read(house, station_id, *(f"DeviceDataCtrlr.ItemsPerMessage[{one}]" for one in limits))
        )
        script.station.hooks.clear()
        outcomes = await read(house, station_id, *names)
        assert [one.part for one in outcomes] == [1, 1, 1, 1, 2]
        assert all(one.is_accepted for one in outcomes)
        values = {one.name.text: one.value or "" for one in outcomes}
        assert statuses(await write(house, station_id, values)) == ["Accepted"] * 5
        assert [len(one["getVariableData"]) for one in sent(script, "GetVariables")] == [2, 4, 1]
        assert [len(one["setVariableData"]) for one in sent(script, "SetVariables")] == [4, 1]


@NEWER
async def test_a_batch_that_is_too_large_is_halved_and_one_that_fails_says_which(
    house: Running, timeline: VirtualTimeline, version: str
):
    station_id = await house.add_station("CS")

    def answer(payload: dict[str, Any]) -> Any:
        wanted = payload["getVariableData"]
        if len(wanted) > 2:
            return Answer(error="OccurrenceConstraintViolation", description="at most 2")
        if any(one["variable"]["name"] == "LocalPreAuthorize" for one in wanted):
            return Answer(error="InternalError", description="no")
        return None

    async with station(house, timeline, version) as script:
        await script.boot()
        script.on("GetVariables", answer)
        outcomes = await read(
            house, station_id, "AuthCtrlr.LocalAuthorizeOffline", "AuthCtrlr.LocalPreAuthorize",
            "TxCtrlr.EVConnectionTimeOut", "TxCtrlr.StopTxOnInvalidId",
        )  # fmt: skip
        by_name = {one.name.variable: one for one in outcomes}
        assert by_name.pop("LocalPreAuthorize").status == "NoAnswer"
        assert all(one.is_accepted for one in by_name.values())


@NEWER
@pytest.mark.parametrize("base", list(ReportBase))
async def test_a_base_report_is_put_together_from_its_parts(
    house: Running, timeline: VirtualTimeline, version: str, base: ReportBase
):
    station_id = await house.add_station("CS")
    async with station(house, timeline, version) as script:
        await script.boot()
        asked = await report(house, station_id, base=base)
        assert asked.state in (ReportState.ASKED, ReportState.RECEIVING, ReportState.COMPLETE)
        done = await ended(house, station_id, asked)
        found = await known(house, station_id)
        assert (done.state, done.items) == (ReportState.COMPLETE, len(found))
        assert done.parts == tuple(range(len(done.parts)))
        if base is ReportBase.FULL:
            assert len(done.parts) > 3
            interval = found["SampledDataCtrlr.TxUpdatedInterval"]
            assert (interval.data_type, interval.unit, interval.min_limit) == ("integer", "s", 0.0)
            assert found["Connector@1:1.ConnectorType"].value == "cType2"
            assert found["SecurityCtrlr.BasicAuthPassword"].value is None
            assert found["TxCtrlr.TxStartPoint"].values_list is not None
        elif base is ReportBase.CONFIGURATION:
            assert all(one.mutability != "ReadOnly" for one in found.values())
        sent(script)


async def ended(house: Running, station_id: str, asked: Report) -> Report:
    from ingufu.configuration import store

    async def is_over() -> bool:
        found = await store.report_of(house.services.database, station_id, asked.request_id)
        return found is not None and found.ended_at is not None

    await until(is_over)
    found = await store.report_of(house.services.database, station_id, asked.request_id)
    assert found is not None
    return found


@NEWER
async def test_a_report_of_our_choice_names_components_and_criteria(
    house: Running, timeline: VirtualTimeline, version: str
):
    station_id = await house.add_station("CS")
    async with station(house, timeline, version) as script:
        await script.boot()
        places = (Place(component="EVSE", evse=1, variable="AvailabilityState"),)
        problem = await report(house, station_id, criteria=(Criterion.PROBLEM,), places=places)
        assert problem.state is ReportState.EMPTY
        asked = await report(house, station_id, criteria=(Criterion.AVAILABLE,), places=places)
        assert (await ended(house, station_id, asked)).items == 1
        assert list(await known(house, station_id)) == ["EVSE@1.AvailabilityState"]
        first, second = sent(script, "GetReport")
        wanted_place = {"component": {"name": "EVSE", "evse": {"id": 1}}, "variable": {"name": "AvailabilityState"}}
        assert (first["componentCriteria"], first["componentVariable"]) == (["Problem"], [wanted_place])
        assert first["requestId"] != second["requestId"]


@NEWER
async def test_a_lost_part_of_a_report_times_out_and_says_so_and_a_late_one_completes_it(
    house: Running, timeline: VirtualTimeline, version: str
):
    station_id = await house.add_station("CS")
    async with station(house, timeline, version) as script:
        await script.boot()
        script.on("GetBaseReport", {"status": "Accepted"})
        asked = await report(house, station_id, base=ReportBase.FULL)

        async def part(number: int, name: str, *, is_last: bool) -> None:
            data = {
                "component": {"name": "Custom"},
                "variable": {"name": name},
                "variableAttribute": [{"value": "1"}],
            }
            said = {
                "requestId": asked.request_id,
                "generatedAt": "2026-03-01T08:00:00Z",
                "seqNo": number,
                "tbc": not is_last,
                "reportData": [data],
            }
            assert await script.call("NotifyReport", said) == {}

        await part(0, "A", is_last=False)
        await part(2, "C", is_last=True)
        await part(2, "C", is_last=True)  # again
        with pytest.raises(Conflict):
            await report(house, station_id, base=ReportBase.FULL)
        await script.advance(100.0)
        await house.services.configuration.care.end_silent_reports()
        lost = await ended(house, station_id, asked)
        assert (lost.state, lost.parts, lost.missing, lost.items) == (ReportState.INCOMPLETE, (0, 2), (1,), 2)
        assert "part 1" in lost.detail
        await part(1, "B", is_last=False)
        whole = await ended(house, station_id, asked)
        assert (whole.state, whole.missing, whole.detail) == (ReportState.COMPLETE, (), "")
        assert set(await known(house, station_id)) == {"Custom.A", "Custom.B", "Custom.C"}


@NEWER
async def test_monitors_are_kept_with_their_variables(house: Running, timeline: VirtualTimeline, version: str):
    station_id = await house.add_station("CS")
    async with station(house, timeline, version) as script:
        await script.boot()
        monitor = {
            "value": 5, "type": "UpperThreshold", "severity": 4,
            "component": {"name": "EVSE", "evse": {"id": 1}}, "variable": {"name": "Power"},
        }  # fmt: skip
        payload = json.dumps({"setMonitoringData": [monitor]}).encode()
        await house.link.call_raw(station_id, "SetVariableMonitoring", payload)
        at = await house.services.stations.get(station_id)
        asked = await house.services.configuration.reporting.request_monitors(by(house), at)
        assert (await ended(house, station_id, asked)).items == 1
        (kept,) = await house.services.configuration.monitors(station_id)
        assert (kept.key, kept.kind, kept.value, kept.severity) == ("evse@1.power", "UpperThreshold", 5.0, 4)
        sent(script)


@EACH
async def test_desired_values_are_set_after_a_boot_and_shown_as_in_step(
    caring: Running, timeline: VirtualTimeline, version: str
):
    station_id = await caring.add_station("CS")
    async with caring.services.database.work() as work:
        template = await caring.services.configuration.wishes.create_template(
            work, TemplateFields(name="All", reach=Reach.EVERYONE)
        )
    async with caring.services.database.work() as work:
        values = [
            DesiredChange(name=SAMPLES, value="45"),
            DesiredChange(name=OFFLINE, value="FALSE"),
            DesiredChange(name=parse("SampledDataCtrlr.TxStartedMeasurands"), value="Energy.Active.Import.Register"),
        ]
        await caring.services.configuration.wishes.desire_of_template(work, template.id, values)
    await desire(caring, station_id, {"SampledDataCtrlr.TxUpdatedInterval": "40"})
    async with station(caring, timeline, version) as script:
        await script.boot()

        async def is_in_step() -> bool:
            state = await caring.services.configuration.state(station_id)
            return state.looked_at is not None and state.inventory_at is not None

        await until(is_in_step)
        found = await wanted(caring, station_id)
        interval = found["SampledDataCtrlr.TxUpdatedInterval"]
        assert (interval.state, interval.reported, interval.source_kind) == (WishState.IN_STEP, "40", "station")
        assert "'45' of All" in interval.why
        assert found["AuthCtrlr.LocalAuthorizeOffline"].state is WishState.IN_STEP
        started = found["SampledDataCtrlr.TxStartedMeasurands"]
        assert started.state is (WishState.NOT_FITTING if version == "1.6" else WishState.IN_STEP)
        assert script.station.dialect.settings().sample_s == 40.0
        count = len(sent(script, "SetVariables", "ChangeConfiguration"))
        assert count == (2 if version == "1.6" else 1)
        await script.power_cut(5.0)
        await script.boot()
        looked_at = (await caring.services.configuration.state(station_id)).looked_at

        async def looked_again() -> bool:
            return (await caring.services.configuration.state(station_id)).looked_at != looked_at

        await until(looked_again)
        assert len(sent(script, "SetVariables", "ChangeConfiguration")) == count  # once is enough
        inventories = sent(script, "GetBaseReport") or [one for one in sent(script, "GetConfiguration") if not one]
        assert len(inventories) == 1


@EACH
async def test_a_refused_value_says_why_and_is_asked_once(caring: Running, timeline: VirtualTimeline, version: str):
    station_id = await caring.add_station("CS")
    await desire(caring, station_id, {"SampledDataCtrlr.TxUpdatedInterval": "40"})
    async with station(caring, timeline, version) as script:
        if version == "1.6":
            script.on("ChangeConfiguration", {"status": "Rejected"})
        else:
            script.on(
                "SetVariables",
                lambda payload: {
                    "setVariableResult": [
                        {
                            "component": one["component"],
                            "variable": one["variable"],
                            "attributeStatus": "Rejected",
                            "attributeStatusInfo": {"reasonCode": "TooSmall", "additionalInfo": "at least 60"},
                        }
                        for one in payload["setVariableData"]
                    ]
                },
            )
        await script.boot()

        async def is_refused() -> bool:
            found = (await wanted(caring, station_id)).get("SampledDataCtrlr.TxUpdatedInterval")
            return found is not None and found.state is WishState.REFUSED

        await until(is_refused)
        found = (await wanted(caring, station_id))["SampledDataCtrlr.TxUpdatedInterval"]
        assert found.status == "Rejected"
        assert found.reason == ("" if version == "1.6" else "TooSmall: at least 60")
        for _ in range(3):
            await caring.services.configuration.care.look_after(by(caring), station_id)
        assert len(sent(script, "SetVariables", "ChangeConfiguration")) == 1
        assert (await caring.services.configuration.state(station_id)).drift == 1
        await caring.services.configuration.care.apply(by(caring), station_id, tries_again=True)
        assert len(sent(script, "SetVariables", "ChangeConfiguration")) == 2


async def test_a_value_that_is_taken_and_clamped_is_given_up_after_some_tries(
    house: Running, timeline: VirtualTimeline
):
    station_id = await house.add_station("CS")
    await desire(house, station_id, {"SampledDataCtrlr.TxUpdatedInterval": "10"})
    async with station(house, timeline, "1.6") as script:
        await script.boot()
        script.on("ChangeConfiguration", {"status": "Accepted"})  # quirk 26: it keeps what it has
        for _ in range(6):
            await house.services.configuration.care.apply(by(house), station_id)
            await script.advance(3 * 3600.0)
        found = (await wanted(house, station_id))["SampledDataCtrlr.TxUpdatedInterval"]
        assert (found.state, found.tries) == (WishState.REFUSED, 3)
        assert "keeps" in found.reason
        assert len(sent(script, "ChangeConfiguration")) == 3


@EACH
async def test_a_change_at_the_station_is_seen_and_repaired(caring: Running, timeline: VirtualTimeline, version: str):
    station_id = await caring.add_station("CS")
    await desire(caring, station_id, {"AuthCtrlr.LocalAuthorizeOffline": "false"})
    async with station(caring, timeline, version) as script:
        await script.boot()

        async def is_in_step() -> bool:
            found = (await wanted(caring, station_id)).get("AuthCtrlr.LocalAuthorizeOffline")
            return found is not None and found.state is WishState.IN_STEP

        await until(is_in_step)
        if version == "1.6":
            script.station.dialect._memory.configuration.put("LocalAuthorizeOffline", "true")
        else:
            script.station.dialect._memory.device_model.put("AuthCtrlr", "LocalAuthorizeOffline", "true")
        await read(caring, station_id, "AuthCtrlr.LocalAuthorizeOffline")
        state = await caring.services.configuration.wishes.reassess(station_id)
        assert state.drift == 1
        await until(is_in_step)
        assert (await caring.services.configuration.state(station_id)).drift == 0


@EACH
async def test_the_heartbeat_that_is_desired_is_the_one_that_a_boot_is_answered(
    house: Running, timeline: VirtualTimeline, version: str
):
    station_id = await house.add_station("CS")
    await desire(house, station_id, {"OCPPCommCtrlr.HeartbeatInterval": "777"})
    await house.services.configuration.wishes.reassess(station_id)
    async with station(house, timeline, version) as script:
        assert (await script.boot())["interval"] == 777


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
