"""Configuration of simulated stations of all versions: read, set, and reported."""

import json
from typing import Any

import pytest

from ingufu.configuration.model import (
    Report,
    ReportState,
)
from ingufu.core.configuration import Criterion, Place, ReportBase
from ingufu.core.errors import Conflict, StationUnsupported
from ingufu.simulator.dialect import Answer
from ingufu.simulator.timeline import VirtualTimeline
from running import Running
from scenarios.configuring import (
    EACH,
    NEWER,
    by,
    caring,
    house,
    known,
    read,
    report,
    sent,
    statuses,
    timeline,
    until,
    write,
)
from scenarios.virtual import station

__all__ = ["caring", "house", "timeline"]
pytestmark = pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)


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
