"""Availability that was asked for is kept: scheduled, shown, and told again to a station that does otherwise."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from ingufu.core.ids import IdMaker
from ingufu.infra.storage.database import Database
from ingufu.stations.availability.model import Wish, WishState
from ingufu.stations.availability.service import command_of
from ingufu.stations.model import BootAnswer
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


async def until(house: Running, station_id: str, is_so: Callable[[Wish], bool], evse: int | None = None) -> Wish:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            wishes = await house.services.stations.wishes.of(station_id)
            (found,) = [one for one in wishes if evse in (None, one.evse)]
            if is_so(found):
                return found
            await asyncio.sleep(0.01)


async def hear_told(station: Line, evse: int | None, *, is_operative: bool, answer: str = "Accepted") -> None:
    """Hear the station being told, and let it answer."""
    _, message_id, action, payload = await station.hear()
    assert (action, payload) == ("ChangeAvailability", asked(station.version, evse, is_operative=is_operative))
    await station.say([3, message_id, {"status": answer}])


async def hear_nothing(station: Line) -> None:
    """Nothing was said to the station: what it hears next is the answer to what it asks."""
    await asyncio.sleep(0.15)
    assert "currentTime" in await station.get("Heartbeat", {})


async def take_out(house: Running, station: Line, station_id: str, evse: int) -> None:
    """Have an EVSE out of service, as it was asked."""
    await tell(house, station, await wish(house, station_id, is_operative=False, evse=evse), "Accepted")
    await house.gateway.attendant.look()
    await report(station, "Unavailable", evse)
    await until(house, station_id, is_kept, evse)


def is_kept(one: Wish) -> bool:
    return one.state is WishState.KEPT


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


async def test_a_connector_that_is_out_is_told_again_when_its_station_is_put_into_service_as_a_whole(house: Running):
    """1.6: connector 0 is all of them."""
    station_id = await house.add_station("CS")
    async with line(house, "CS") as station:
        await station.boot()
        await report(station, "Available", 1)
        await report(station, "Available", 2)
        await take_out(house, station, station_id, 2)
        await tell(house, station, await wish(house, station_id, is_operative=False), "Accepted")
        await report(station, "Unavailable", 1)
        await tell(house, station, await wish(house, station_id, is_operative=True), "Accepted")
        await hear_told(station, 2, is_operative=False)
        await report(station, "Available", 1)
        await report(station, "Available", 2)
        await until(house, station_id, lambda one: one.state is WishState.ACCEPTED, 2)
        await report(station, "Unavailable", 2)
        assert (await until(house, station_id, is_kept, 2)).attempts == 2
        await until(house, station_id, is_kept, 0)
        await hear_nothing(station)
    assert "AvailabilityRepeated" in await kinds(house, station_id)


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
async def test_an_evse_that_is_out_stays_so_by_itself_when_its_station_is_put_into_service(
    house: Running, version: str
):
    """From 2.x on a station keeps apart what it is told of itself and of its EVSEs (G03, G04)."""
    station_id = await house.add_station("CS")
    async with line(house, "CS", version) as station:
        await station.boot()
        await report(station, "Available", 1)
        await take_out(house, station, station_id, 2)
        await tell(house, station, await wish(house, station_id, is_operative=False), "Accepted")
        await report(station, "Unavailable", 1)
        await tell(house, station, await wish(house, station_id, is_operative=True), "Accepted")
        await report(station, "Available", 1)
        await house.gateway.attendant.look()
        await hear_nothing(station)
    assert is_kept(await until(house, station_id, lambda one: True, 2))


@ALL
async def test_a_station_that_is_here_and_does_otherwise_is_told_again_but_not_for_ever(
    house: Running, clock: StandingClock, version: str
):
    station_id = await house.add_station("CS")
    async with line(house, "CS", version) as station:
        await station.boot()
        await report(station, "Available", 1)
        await take_out(house, station, station_id, 2)
        clock.advance(7200)
        await report(station, "Available", 2)
        found = await until(house, station_id, lambda one: not is_kept(one))
        assert (found.state, found.kept_at) == (WishState.ACCEPTED, None)
        await house.gateway.attendant.look()
        await hear_nothing(station)  # it may be for a moment only
        for wait_s in (15, 60, 4 * 60, 16 * 60, 64 * 60):
            clock.advance(wait_s - 1)
            await house.gateway.attendant.look()
            await hear_nothing(station)
            clock.advance(1)
            await house.gateway.attendant.look()
            await hear_told(station, 2, is_operative=False)
            attempts = found.attempts + 1
            found = await until(house, station_id, lambda one, attempts=attempts: one.attempts == attempts)  # type: ignore[misc]
        clock.advance(24 * 3600)
        await report(station, "Available", 2)
        await house.gateway.attendant.look()
        await hear_nothing(station)
        await report(station, "Unavailable", 2)
        await until(house, station_id, is_kept)
        clock.advance(7200)  # what was so for long, and is no longer, is another matter
        await report(station, "Available", 2)
        await until(house, station_id, lambda one: not is_kept(one))
        clock.advance(15)
        await house.gateway.attendant.look()
        await hear_told(station, 2, is_operative=False)


async def test_what_shows_for_a_moment_only_is_told_to_nobody(house: Running, clock: StandingClock):
    station_id = await house.add_station("CS")
    async with line(house, "CS") as station:
        await station.boot()
        await report(station, "Available", 1)
        await take_out(house, station, station_id, 2)
        clock.advance(7200)
        for _ in range(2):
            await report(station, "Available", 2)
            await until(house, station_id, lambda one: not is_kept(one))
            clock.advance(10)
            await report(station, "Unavailable", 2)
            await until(house, station_id, is_kept)
            clock.advance(10)
            await house.gateway.attendant.look()
            await hear_nothing(station)


async def test_who_comes_back_is_told_of_its_connectors_after_the_whole(
    database: Database, clock: StandingClock, ids: IdMaker
):
    async with running_gateway(database, clock, ids) as house:
        station_id = await house.add_station("CS")
        async with line(house, "CS") as station:
            await station.boot()
            await report(station, "Available", 1)
            await take_out(house, station, station_id, 2)
        await wish(house, station_id, is_operative=True)
        async with line(house, "CS") as station:
            await station.boot()
            await report(station, "Available", 1)
            await report(station, "Unavailable", 2)
            greeting = greet(house, station_id)
            await hear_told(station, None, is_operative=True)
            await hear_told(station, 2, is_operative=False)
            await greeting


@ALL
async def test_a_station_that_is_accepted_later_is_told_then(
    database: Database, clock: StandingClock, ids: IdMaker, version: str
):
    async with running_gateway(database, clock, ids, greeting_delay_s=0.1) as house:
        station_id = await house.add_station("CS", boot_answer=BootAnswer.PENDING)
        await wish(house, station_id, is_operative=False)
        async with line(house, "CS", version) as station:
            assert (await station.boot())["status"] == "Pending"
            await asyncio.sleep(0.5)  # it is greeted, and not to be asked for anything yet
            async with house.services.database.work() as work:
                await house.services.stations.update(work, station_id, boot_answer=BootAnswer.ACCEPTED)
            await house.link.reload(station_id)
            assert (await station.boot())["status"] == "Accepted"
            await report(station, "Available")
            await hear_told(station, None, is_operative=False)
            found = await until(house, station_id, lambda one: one.attempts == 1)
            assert found.state is WishState.ACCEPTED
