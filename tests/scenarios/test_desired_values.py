"""Values that are desired of simulated stations: set after a boot, refused, clamped, and in step again."""

import pytest

from ingufu.configuration.model import (
    DesiredChange,
    Reach,
    TemplateFields,
    WishState,
)
from ingufu.core.variables import parse
from ingufu.simulator.timeline import VirtualTimeline
from running import Running
from scenarios.configuring import (
    EACH,
    OFFLINE,
    SAMPLES,
    by,
    caring,
    desire,
    house,
    read,
    sent,
    timeline,
    until,
    wanted,
)
from scenarios.virtual import station

__all__ = ["caring", "house", "timeline"]
pytestmark = pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)


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
        looked_at = (await caring.services.configuration.state(station_id)).looked_at
        await script.power_cut(5.0)
        await script.boot()

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
