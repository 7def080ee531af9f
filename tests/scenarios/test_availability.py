"""Availability that was asked for is kept: scheduled, shown, and told again to a station that does otherwise."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from ingufu.core.ids import IdMaker
from ingufu.infra.storage.database import Database
from ingufu.stations.availability.model import Wish, WishState
from ingufu.stations.availability.service import command_of
from running import Running, StandingClock, running_gateway
from scenarios.line import Line, line
from scenarios.records import events, kinds, only

pytestmark = pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)

AT = "2026-03-01T12:00:00Z"
PATIENCE_S = 20.0
ALL = pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])


async def report(station: Line, status: str, connector: int = 1) -> None:
    if station.version == "1.6":
        said: dict[str, Any] = {"connectorId": connector, "errorCode": "NoError", "status": status}
    else:
        word = "Occupied" if status == "Charging" else status
        said = {"timestamp": AT, "connectorStatus": word, "evseId": connector, "connectorId": 1}
    assert await station.get("StatusNotification", said) == {}


def asked(version: str, evse: int | None, *, is_operative: bool) -> dict[str, Any]:
    word = "Operative" if is_operative else "Inoperative"
    if version == "1.6":
        return {"connectorId": evse or 0, "type": word}
    return {"operationalStatus": word} | ({} if evse is None else {"evse": {"id": evse}})


async def wish(house: Running, station_id: str, *, is_operative: bool, evse: int | None = None) -> Wish:
    async with house.services.database.work() as work:
        made = house.services.stations.wishes.ask(work, station_id, is_operative=is_operative, evse=evse, actor="Keza")
    await house.link.reload(station_id)
    return made


async def tell(house: Running, station: Line, made: Wish, answer: str) -> None:
    asking = asyncio.create_task(house.link.call(made.station_id, command_of(made)))
    _, message_id, action, payload = await station.hear()
    assert action == "ChangeAvailability"
    assert payload == asked(station.version, made.evse or None, is_operative=made.is_operative)
    await station.say([3, message_id, {"status": answer}])
    outcome = await asking
    async with house.services.database.work() as work:
        house.services.stations.wishes.note_answer(work, made, outcome)
    await house.link.reload(made.station_id)


async def until(house: Running, station_id: str, is_so: Callable[[Wish], bool]) -> Wish:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            (found,) = await house.services.stations.wishes.of(station_id)
            if is_so(found):
                return found
            await asyncio.sleep(0.01)


def greet(house: Running, station_id: str) -> asyncio.Task[None]:
    """Have done now what is done some seconds after a station came."""
    connection = house.link.get(station_id)
    assert connection is not None
    return asyncio.create_task(house.gateway.attendant.greet(connection))


@ALL
async def test_what_is_scheduled_is_kept_until_the_station_shows_it(house: Running, version: str):
    station_id = await house.add_station("CS")
    async with line(house, "CS", version) as station:
        await station.boot()
        await report(station, "Charging")
        made = await wish(house, station_id, is_operative=False, evse=1)
        await house.gateway.attendant.look()
        await tell(house, station, made, "Scheduled")
        assert (await until(house, station_id, lambda one: True)).state is WishState.SCHEDULED
        await report(station, "Unavailable")
        kept = await until(house, station_id, lambda one: one.state is WishState.KEPT)
    assert (kept.answer, kept.attempts) == ("Scheduled", 1)
    assert (await only(house, events, kind="AvailabilityKept"))["details"]["evse"] == 1


@ALL
async def test_a_station_that_comes_back_and_does_otherwise_is_told_again(
    database: Database, clock: StandingClock, ids: IdMaker, version: str
):
    async with running_gateway(database, clock, ids) as house:
        station_id = await house.add_station("CS")
        async with line(house, "CS", version) as station:
            await station.boot()
            await report(station, "Available")
            made = await wish(house, station_id, is_operative=False)
            await tell(house, station, made, "Accepted")
            await house.gateway.attendant.look()
            await report(station, "Unavailable")
            await until(house, station_id, lambda one: one.state is WishState.KEPT)
    async with running_gateway(database, clock, ids) as house:  # ours was started anew as well
        async with line(house, "CS", version) as station:
            await station.boot()
            await report(station, "Available")  # it forgot
            greeting = greet(house, station_id)
            _, message_id, action, payload = await station.hear()
            assert (action, payload) == ("ChangeAvailability", asked(version, None, is_operative=False))
            await station.say([3, message_id, {"status": "Accepted"}])
            await greeting
            found = await until(house, station_id, lambda one: one.attempts == 2)
            assert found.state is WishState.ACCEPTED
            await report(station, "Unavailable")
            await until(house, station_id, lambda one: one.state is WishState.KEPT)
        assert "AvailabilityRepeated" in await kinds(house, station_id)


async def test_what_was_asked_while_the_station_was_away_is_told_when_it_comes(
    database: Database, clock: StandingClock, ids: IdMaker
):
    async with running_gateway(database, clock, ids) as house:
        station_id = await house.add_station("CS")
        await wish(house, station_id, is_operative=False, evse=2)
        async with line(house, "CS") as station:
            await station.boot()
            await report(station, "Available", 2)
            greeting = greet(house, station_id)
            _, message_id, action, payload = await station.hear()
            assert (action, payload) == ("ChangeAvailability", {"connectorId": 2, "type": "Inoperative"})
            await station.say([3, message_id, {"status": "Rejected"}])
            await greeting
            found = await until(house, station_id, lambda one: one.attempts == 1)
            assert (found.state, found.answer) == (WishState.REFUSED, "Rejected")


async def test_nobody_is_told_anything_who_was_never_asked_for_it(
    database: Database, clock: StandingClock, ids: IdMaker
):
    """A station may have been taken out of service on the spot: nothing of ours contradicts it."""
    async with running_gateway(database, clock, ids) as house:
        station_id = await house.add_station("CS")
        async with line(house, "CS") as station:
            await station.boot()
            await report(station, "Unavailable")
            await greet(house, station_id)
            await report(station, "Available")  # and hears nothing but the answer
