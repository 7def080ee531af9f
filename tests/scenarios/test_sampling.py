"""Sampling as it is asked for: a refused list is tried one by one, what sticks is desired, what does not is remembered."""

import asyncio
from typing import Any

import pytest

from ingufu.charging.sampling.model import MEASURANDS, Occasion, Sampling, SamplingState
from ingufu.configuration.model import OwnerKind
from ingufu.configuration.service import Reading
from ingufu.core.errors import StationOffline
from running import Running, StandingClock
from scenarios.line import Line, line
from scenarios.quirks.odd import id_of, odd_station

pytestmark = pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)

PATIENCE_S = 20.0
ALL = pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
ENERGY, POWER, SOC, RPM = "Energy.Active.Import.Register", "Power.Active.Import", "SoC", "RPM"


class Meter:
    """Answers for one list of a station that takes some measurands only."""

    def __init__(self, station: Line, takes: set[str], value: str) -> None:
        self.station = station
        self.takes = takes
        self.value = value
        self.tried: list[str] = []

    async def answer(self) -> None:
        """Answer whatever is asked, until cancelled."""
        while True:
            _, message_id, action, payload = await self.station.hear()
            said = self._said(action, payload)
            await self.station.say([3, message_id, said])

    def _said(self, action: str, payload: Any) -> Any:
        match action:
            case "GetConfiguration":
                return {"configurationKey": [{"key": payload["key"][0], "readonly": False, "value": self.value}]}
            case "GetVariables":
                (asked,) = payload["getVariableData"]
                return {"getVariableResult": [asked | {"attributeStatus": "Accepted", "attributeValue": self.value}]}
            case "ChangeConfiguration":
                return {"status": self._set(payload["value"])}
            case "SetVariables":
                (asked,) = payload["setVariableData"]
                place = {name: asked[name] for name in ("component", "variable")}
                status = self._set(asked["attributeValue"])
                return {"setVariableResult": [place | {"attributeStatus": status}]}
        raise AssertionError(action)

    def _set(self, value: str) -> str:
        self.tried.append(value)
        if set(value.split(",")) <= self.takes:
            self.value = value
            return "Accepted"
        return "Rejected"


async def ask(house: Running, station_id: str, *measurands: str, tries_again: bool = False) -> None:
    async with house.services.database.work() as work:
        await house.services.samplings.ask(
            work, station_id, Occasion.UPDATED, measurands=measurands, interval_s=None, tries_again=tries_again
        )


async def settled(house: Running, station_id: str, meter: Meter) -> Sampling:
    answering = asyncio.create_task(meter.answer())
    try:
        await house.gateway.attendant.look()
        async with asyncio.timeout(PATIENCE_S):
            while True:
                (found,) = await house.services.samplings.of(station_id)
                if found.state is not SamplingState.WAITING and not house.gateway._tasks:
                    return found
                await asyncio.sleep(0.01)
    finally:
        answering.cancel()


@ALL
async def test_a_list_that_is_taken_whole_is_set_at_once(house: Running, version: str):
    station_id = await house.add_station("CS")
    async with line(house, "CS", version) as station:
        await station.boot()
        meter = Meter(station, {ENERGY, POWER, SOC}, ENERGY)
        await ask(house, station_id, ENERGY, POWER, SOC)
        found = await settled(house, station_id, meter)
    assert (found.state, found.taken, found.refused) == (SamplingState.TAKEN, (ENERGY, POWER, SOC), ())
    assert meter.tried == [f"{ENERGY},{POWER},{SOC}"]


@ALL
async def test_a_refused_list_is_tried_one_by_one_and_remembered(house: Running, version: str):
    station_id = await house.add_station("CS")
    async with line(house, "CS", version) as station:
        await station.boot()
        meter = Meter(station, {ENERGY, POWER}, ENERGY)
        await ask(house, station_id, ENERGY, SOC, POWER, RPM)
        found = await settled(house, station_id, meter)
        assert (found.state, found.taken, found.refused) == (SamplingState.PARTLY, (ENERGY, POWER), (SOC, RPM))
        assert meter.tried == [
            f"{ENERGY},{SOC},{POWER},{RPM}",
            f"{ENERGY},{SOC}",
            f"{ENERGY},{POWER}",
            f"{ENERGY},{POWER},{RPM}",
        ]
        assert meter.value == f"{ENERGY},{POWER}"
        wanted = await house.services.configuration.wishes.wishes_of(OwnerKind.STATION, station_id)
        assert [(one.key, one.value) for one in wanted] == [(MEASURANDS[Occasion.UPDATED].key, meter.value)]
        meter.tried.clear()
        await ask(house, station_id, POWER, SOC)
        found = await settled(house, station_id, meter)
        assert (meter.tried, found.taken, found.refused) == ([POWER], (POWER,), (SOC,))  # it need not say no again
        meter.tried.clear()
        meter.takes.add(SOC)
        await ask(house, station_id, POWER, SOC, tries_again=True)
        found = await settled(house, station_id, meter)
        assert (meter.tried, found.state) == ([f"{POWER},{SOC}"], SamplingState.TAKEN)


async def test_a_station_that_takes_nothing_of_it_keeps_what_it_has(house: Running):
    station_id = await house.add_station("CS")
    async with line(house, "CS") as station:
        await station.boot()
        meter = Meter(station, {ENERGY}, ENERGY)
        await ask(house, station_id, SOC, RPM)
        found = await settled(house, station_id, meter)
    assert (found.state, found.taken, meter.value) == (SamplingState.REFUSED, (), ENERGY)


async def test_a_station_without_such_a_list_is_said_to_have_none(house: Running):
    station_id = await house.add_station("CS")
    async with line(house, "CS", "2.0.1") as station:
        await station.boot()
        await ask(house, station_id, SOC)
        looking = asyncio.create_task(house.gateway.attendant.look())
        _, message_id, action, payload = await station.hear()
        assert action == "GetVariables"
        (asked,) = payload["getVariableData"]
        result = asked | {"attributeStatus": "UnknownVariable"}
        await station.say([3, message_id, {"getVariableResult": [result]}])
        await looking
        async with asyncio.timeout(PATIENCE_S):
            while (found := (await house.services.samplings.of(station_id))[0]).state is SamplingState.WAITING:
                await asyncio.sleep(0.01)
    assert (found.state, found.detail) == (SamplingState.FAILED, "UnknownVariable")


async def test_what_is_asked_while_the_station_is_away_waits_for_it(house: Running):
    station_id = await house.add_station("CS")
    await ask(house, station_id, ENERGY)
    await house.gateway.attendant.look()
    async with line(house, "CS") as station:
        await station.boot()
        found = await settled(house, station_id, Meter(station, {ENERGY}, POWER))
    assert found.state is SamplingState.TAKEN


async def look(house: Running) -> None:
    """Have the attendant look, and what it began come to its end."""
    await house.gateway.attendant.look()
    async with asyncio.timeout(PATIENCE_S):
        while house.gateway.attendant._sampler._at_work:
            await asyncio.sleep(0.01)


async def by_occasion(house: Running, station_id: str) -> dict[Occasion, Sampling]:
    return {one.occasion: one for one in await house.services.samplings.of(station_id)}


class Odd(Meter):
    """Does not take the requests for one list as others do, and counts them."""

    def __init__(self, station: Line, list_name: str, code: str | None) -> None:
        super().__init__(station, {ENERGY, POWER}, ENERGY)
        self.list_name = list_name
        self.code = code  # of its CALLERROR; None: it says nothing
        self.asked = 0

    async def answer(self) -> None:
        while True:
            _, message_id, action, payload = await self.station.hear()
            if self.list_name not in str(payload):
                await self.station.say([3, message_id, self._said(action, payload)])
                continue
            self.asked += 1
            if self.code is not None:
                await self.station.say([4, message_id, self.code, "", {}])


async def ask_two(house: Running, station_id: str) -> None:
    """Ask for what the odd ones do not take, and for what they do; the former comes first."""
    async with house.services.database.work() as work:
        for occasion in (Occasion.ALIGNED, Occasion.UPDATED):
            await house.services.samplings.ask(work, station_id, occasion, measurands=[ENERGY, POWER], interval_s=None)


@pytest.mark.parametrize("code", ["NotSupported", "NotImplemented"])
@pytest.mark.parametrize(("version", "list_name"), [("1.6", "MeterValuesAlignedData"), ("2.0.1", "AlignedDataCtrlr")])
async def test_a_list_that_a_station_cannot_be_asked_for_has_failed_and_the_next_is_settled(
    house: Running, version: str, list_name: str, code: str
):
    station_id = await house.add_station("CS")
    async with line(house, "CS", version) as station:
        await station.boot()
        meter = Odd(station, list_name, code)
        answering = asyncio.create_task(meter.answer())
        await ask_two(house, station_id)
        for _ in range(3):
            await look(house)
        answering.cancel()
    found = await by_occasion(house, station_id)
    assert found[Occasion.UPDATED].state is SamplingState.TAKEN
    aligned = found[Occasion.ALIGNED]
    assert (aligned.state, aligned.detail) == (
        SamplingState.FAILED, f"The station answered {code}: no reason given.",
    )  # fmt: skip
    assert meter.asked == 1


async def test_a_list_that_a_quirk_keeps_from_being_asked_for_has_failed(house: Running):
    async with odd_station(house, "ABB", "Terra AC") as station:
        station_id = await id_of(house)
        answering = asyncio.create_task(Odd(station, "AlignedData", None).answer())
        await ask_two(house, station_id)
        for _ in range(3):
            await look(house)
        answering.cancel()
        found = await by_occasion(house, station_id)
        assert {one.state for one in found.values()} == {SamplingState.FAILED}
        assert "quirk 20" in found[Occasion.ALIGNED].detail


async def test_a_station_that_does_not_answer_about_a_list_is_asked_again_later_each_time(
    house: Running, clock: StandingClock
):
    house.gateway.attendant.stop()
    station_id = await house.add_station("CS")
    async with line(house, "CS") as station:
        await station.boot()
        meter = Odd(station, "MeterValuesAlignedData", None)
        answering = asyncio.create_task(meter.answer())
        await ask_two(house, station_id)
        by = Reading(link=house.link, timeout_s=0.2)
        settle = house.services.samplings.settle
        for _ in range(3):
            await settle(by, station_id)
        found = await by_occasion(house, station_id)
        assert (found[Occasion.ALIGNED].state, meter.asked) == (SamplingState.WAITING, 1)
        assert found[Occasion.UPDATED].state is SamplingState.TAKEN
        for passed, asked in ((60, 2), (60, 2), (60, 3), (120, 3), (120, 4)):
            clock.advance(passed)
            await settle(by, station_id)
            assert meter.asked == asked
        await ask_two(house, station_id)  # anew: at once
        await settle(by, station_id)
        assert meter.asked == 5
        answering.cancel()


async def test_a_list_at_which_a_station_leaves_waits_when_it_is_back_and_the_next_does_not(
    house: Running, clock: StandingClock
):
    house.gateway.attendant.stop()
    station_id = await house.add_station("CS")
    await ask_two(house, station_id)
    async with line(house, "CS") as station:
        await station.boot()
        settling = asyncio.create_task(house.services.samplings.settle(Reading(link=house.link), station_id))
        assert "MeterValuesAlignedData" in str(await station.hear())
        await station.socket.close()
        with pytest.raises(StationOffline):
            await settling
    async with line(house, "CS") as station:
        await station.boot()
        meter = Meter(station, {ENERGY, POWER}, ENERGY)
        answering = asyncio.create_task(meter.answer())
        await look(house)
        found = await by_occasion(house, station_id)
        assert found[Occasion.ALIGNED].state is SamplingState.WAITING
        assert found[Occasion.UPDATED].state is SamplingState.TAKEN
        clock.advance(60)
        await look(house)
        answering.cancel()
        assert (await by_occasion(house, station_id))[Occasion.ALIGNED].state is SamplingState.TAKEN


async def test_a_list_that_is_too_long_for_a_message_is_tried_one_by_one(house: Running):
    station_id = await house.add_station("CS")
    names = [f"{letter * 60}" for letter in "ABCDEFGHI"]
    async with line(house, "CS") as station:
        await station.boot()
        meter = Meter(station, set(names), "")
        await ask(house, station_id, *names)
        found = await settled(house, station_id, meter)
    assert (found.state, found.taken, found.refused) == (SamplingState.PARTLY, tuple(names[:8]), (names[8],))
