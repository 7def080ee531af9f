"""Reservations in storage, on both engines: one a place, numbers that are never given twice, and races that one wins."""

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from ingufu.authorization.service import Authorization
from ingufu.charging.service import OpenCount
from ingufu.core.admission import CancelReservation, GetReservationSupport, ReserveNow
from ingufu.core.clock import FrozenClock
from ingufu.core.commands import Outcome
from ingufu.core.errors import Conflict, StationOffline, StationTimeout, Unavailable
from ingufu.core.ids import IdMaker
from ingufu.infra.storage.database import Database
from ingufu.reservations.jobs import ReservationKeeper
from ingufu.reservations.model import LIVE, Reservation, ReservationStatus, Use, Wanted
from ingufu.reservations.service import Reservations
from ingufu.stations.model import StationRules
from ingufu.stations.service import Stations

YES = Outcome(status="Accepted", is_accepted=True)


class Link:
    """Stations that answer what a test says."""

    def __init__(self) -> None:
        self.answers: dict[type, Any] = {}
        self.asked: list[Any] = []

    async def call(self, station_id: str, command: Any, *, timeout_s: float = 30) -> Any:
        del station_id, timeout_s
        self.asked.append(command)
        await asyncio.sleep(0)
        answer = self.answers.get(type(command), YES)
        if isinstance(answer, BaseException):
            raise answer
        return answer


@pytest.fixture
def link() -> Link:
    return Link()


@pytest.fixture
async def station(database: Database, stations: Stations) -> str:
    async with database.work() as work:
        made = await stations.create(work, "CS")
    async with database.work() as work:
        for evse in (1, 2, 3):
            await stations.set_connector(work, made.id, evse, 1, kind="cCCS2")
    return made.id


@pytest.fixture
def stations(database: Database, clock: FrozenClock, ids: IdMaker) -> Stations:
    return Stations(database, clock, ids, StationRules())


@pytest.fixture
def reservations(database: Database, clock: FrozenClock, ids: IdMaker, stations: Stations) -> Reservations:
    authorization = Authorization(database, clock, ids, OpenCount(database))
    return Reservations(database, clock, authorization, stations)


def wanted(clock: FrozenClock, station: str, **fields: Any) -> Wanted:
    given = {"token_value": "CARD", "evse": 1, "expires_at": clock.now() + timedelta(hours=1)} | fields
    return Wanted(station_id=station, **given)


async def test_of_many_who_want_one_place_one_gets_it(
    reservations: Reservations, link: Link, clock: FrozenClock, station: str
):
    asking = (reservations.reserve(link, wanted(clock, station, token_value=f"C{n}")) for n in range(8))  # type: ignore[arg-type]
    found = await asyncio.gather(*asking, return_exceptions=True)
    kept = [one for one in found if isinstance(one, Reservation)]
    assert [one.status for one in kept] == [ReservationStatus.KEPT]
    assert all(isinstance(one, Conflict) for one in found if one not in kept)
    assert Counter(type(one) for one in link.asked)[ReserveNow] == 1


async def test_numbers_are_never_given_twice(reservations: Reservations, link: Link, clock: FrozenClock, station: str):
    asking = (reservations.reserve(link, wanted(clock, station, evse=evse)) for evse in (1, 2, 3))  # type: ignore[arg-type]
    made = await asyncio.gather(*asking)
    assert sorted(one.id for one in made) == [1, 2, 3]
    await reservations.cancel(link, made[0].id)  # type: ignore[arg-type]
    again = await reservations.reserve(link, wanted(clock, station, evse=made[0].evse))  # type: ignore[arg-type]
    assert again.id == 4


async def test_a_use_and_a_cancellation_at_once_have_one_outcome(
    database: Database, reservations: Reservations, link: Link, clock: FrozenClock, station: str
):
    kept = await reservations.reserve(link, wanted(clock, station))  # type: ignore[arg-type]
    work = database.work()
    use = Use(station_id=station, evse=1, transaction_id="tx", at=clock.now(), token_key="card")
    await reservations.note_start(work, use)
    await reservations.cancel(link, kept.id)  # type: ignore[arg-type]
    with pytest.raises(Conflict):
        await work.commit()
    again = database.work()  # as the session does: the message is handled once more
    await reservations.note_start(again, use)
    await again.commit()
    assert (await reservations.get(kept.id)).status is ReservationStatus.CANCELLED


@pytest.mark.parametrize(
    ("error", "status"),
    [(StationOffline(), ReservationStatus.FAILED), (Unavailable("gone"), ReservationStatus.CANCELLING)],
)
async def test_what_could_not_be_asked_holds_no_place(
    reservations: Reservations,
    link: Link,
    clock: FrozenClock,
    station: str,
    error: Exception,
    status: ReservationStatus,
):
    link.answers[ReserveNow] = error
    with pytest.raises(type(error)):
        await reservations.reserve(link, wanted(clock, station))  # type: ignore[arg-type]
    (made,) = await reservations.of_station(station)
    assert (made.status, made.status in LIVE) == (status, False)
    link.answers.clear()
    assert (await reservations.reserve(link, wanted(clock, station))).status is ReservationStatus.KEPT  # type: ignore[arg-type]


async def heard(link: Link, count: int) -> None:
    """Wait until the station was told so often to give a reservation up."""
    async with asyncio.timeout(10.0):
        while sum(isinstance(one, CancelReservation) for one in link.asked) < count:
            await asyncio.sleep(0.01)


async def test_a_station_that_does_not_answer_is_told_again_but_not_all_the_time(
    reservations: Reservations, link: Link, clock: FrozenClock, station: str
):
    link.answers[ReserveNow] = link.answers[CancelReservation] = StationTimeout()
    with pytest.raises(StationTimeout):
        await reservations.reserve(link, wanted(clock, station))  # type: ignore[arg-type]
    patient = ReservationKeeper(reservations, link, clock)  # type: ignore[arg-type]
    for _ in range(5):
        await patient.step()
        await heard(link, 1)
        await asyncio.sleep(0.01)
    assert sum(isinstance(one, CancelReservation) for one in link.asked) == 1
    keeper = ReservationKeeper(reservations, link, clock, again_s=0.0)  # type: ignore[arg-type]
    for count in (2, 3):
        await keeper.step()
        await heard(link, count)
        await asyncio.sleep(0.01)
    (unsure,) = await reservations.of_station(station)
    assert unsure.status is ReservationStatus.CANCELLING
    link.answers.clear()
    await keeper.step()
    await heard(link, 4)
    async with asyncio.timeout(10.0):
        while await reservations.unsettled_stations():
            await asyncio.sleep(0.01)
    assert (await reservations.get(unsure.id)).status is ReservationStatus.CANCELLED
    await keeper.step()
    assert sum(isinstance(one, CancelReservation) for one in link.asked) == 4


async def test_a_request_that_died_with_its_process_is_given_up(
    reservations: Reservations, link: Link, clock: FrozenClock, station: str
):
    link.answers[ReserveNow] = asyncio.CancelledError()
    with pytest.raises(asyncio.CancelledError):
        await reservations.reserve(link, wanted(clock, station))  # type: ignore[arg-type]
    (lost,) = await reservations.of_station(station)
    keeper = ReservationKeeper(reservations, link, clock)  # type: ignore[arg-type]
    clock.advance(119)
    await keeper.step()
    assert await reservations.unsettled_stations() == []  # its answer may still come
    assert lost.status is ReservationStatus.ASKED
    clock.advance(2)
    await keeper.step()
    await heard(link, 1)
    async with asyncio.timeout(10.0):
        while (await reservations.get(lost.id)).status is not ReservationStatus.CANCELLED:
            await asyncio.sleep(0.01)


async def test_a_station_that_cannot_is_not_asked(
    reservations: Reservations, link: Link, clock: FrozenClock, station: str
):
    link.answers[GetReservationSupport] = Outcome(status="Accepted", is_accepted=True, details={"is_supported": False})
    with pytest.raises(Conflict, match="does not keep reservations"):
        await reservations.reserve(link, wanted(clock, station))  # type: ignore[arg-type]
    assert not any(isinstance(one, ReserveNow) for one in link.asked)


async def test_after_a_restart_of_ours_everything_is_as_it_was(
    database: Database,
    reservations: Reservations,
    link: Link,
    clock: FrozenClock,
    ids: IdMaker,
    stations: Stations,
    station: str,
):
    kept = await reservations.reserve(link, wanted(clock, station))  # type: ignore[arg-type]
    link.answers[CancelReservation] = StationOffline()
    other = await reservations.reserve(link, wanted(clock, station, evse=2))  # type: ignore[arg-type]
    assert (await reservations.cancel(link, other.id)).status is ReservationStatus.CANCELLING  # type: ignore[arg-type]
    anew = Reservations(database, clock, Authorization(database, clock, ids, OpenCount(database)), stations)
    assert await anew.unsettled_stations() == [station]
    assert {one.id: one.status for one in await anew.pending(station)} == {
        kept.id: ReservationStatus.KEPT,
        other.id: ReservationStatus.CANCELLING,
    }
    clock.advance(3601)
    assert await anew.expire() is None
    assert (await anew.get(kept.id)).status is ReservationStatus.EXPIRED
    assert (await anew.get(other.id)).status is ReservationStatus.CANCELLED
