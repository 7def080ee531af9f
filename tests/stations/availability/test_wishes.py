"""What was asked of availability, compared with what stations report."""

from typing import Any

import pytest

from ingufu.core.clock import FrozenClock
from ingufu.core.commands import Outcome
from ingufu.core.errors import Conflict, InvalidInput
from ingufu.infra.storage.database import Database
from ingufu.stations.availability import decide
from ingufu.stations.availability.model import Wish, WishState
from ingufu.stations.availability.service import Wishes, command_of
from ingufu.stations.model import Connector, ConnectorStatus, Station, StatusReport
from ingufu.stations.service import Stations

AVAILABLE, OCCUPIED, OUT, FAULTED = (
    ConnectorStatus.AVAILABLE, ConnectorStatus.OCCUPIED, ConnectorStatus.UNAVAILABLE, ConnectorStatus.FAULTED,
)  # fmt: skip


def wish(clock: FrozenClock, *, is_operative: bool, evse: int = 0, connector: int = 0, **changes: Any) -> Wish:
    fields: dict[str, Any] = {"station_id": "s", "evse": evse, "connector": connector, "asked_at": clock.now()}
    return Wish(is_operative=is_operative, **fields | changes)


def reporting(*statuses: ConnectorStatus) -> list[Connector]:
    return [
        Connector(station_id="s", evse=number, number=1, status=status) for number, status in enumerate(statuses, 1)
    ]


@pytest.mark.parametrize(
    ("is_operative", "evse", "statuses", "is_shown", "is_contradicted"),
    [
        (False, 0, (OUT, OUT), True, False),
        (False, 0, (OUT, OCCUPIED), False, False),  # it charges to its end
        (False, 0, (OUT, AVAILABLE), False, True),
        (False, 2, (AVAILABLE, OUT), True, False),
        (False, 1, (FAULTED,), False, False),
        (True, 1, (OUT,), False, True),
        (True, 1, (OCCUPIED,), True, False),
        (True, 3, (OUT,), False, False),  # nothing is known of it
    ],
)
def test_what_stations_report_shows_or_contradicts_it(
    clock: FrozenClock,
    is_operative: bool,
    evse: int,
    statuses: tuple[ConnectorStatus, ...],
    is_shown: bool,
    is_contradicted: bool,
):
    one = wish(clock, is_operative=is_operative, evse=evse)
    assert decide.is_shown(one, [one], reporting(*statuses)) is is_shown
    assert decide.is_contradicted(one, [one], reporting(*statuses)) is is_contradicted


def test_an_evse_that_is_out_by_its_own_wish_does_not_contradict_a_station_in_service(clock: FrozenClock):
    station, evse = wish(clock, is_operative=True), wish(clock, is_operative=False, evse=2)
    connectors = reporting(AVAILABLE, OUT)
    assert decide.is_shown(station, [station, evse], connectors)
    assert decide.is_shown(evse, [station, evse], connectors)
    assert decide.expected([station, evse], connectors[1]) is False
    assert decide.expected([], connectors[1]) is None


async def test_the_last_wish_for_a_place_counts(database: Database, clock: FrozenClock):
    wishes = Wishes(database, clock)
    async with database.work() as work:
        first = wishes.ask(work, "s", is_operative=False, evse=1, actor="Keza")
    clock.advance(1)
    async with database.work() as work:
        wishes.ask(work, "s", is_operative=True, evse=1)
    async with database.work() as work:
        wishes.note_answer(work, first, Outcome(status="Scheduled", is_accepted=True))  # comes late
    (kept,) = await wishes.of("s")
    assert (kept.is_operative, kept.state, kept.answer) == (True, WishState.WANTED, None)
    assert await wishes.stations_asked() == {"s"}


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        (Outcome(status="Accepted", is_accepted=True), WishState.ACCEPTED),
        (Outcome(status="Scheduled", is_accepted=True), WishState.SCHEDULED),
        (Outcome(status="Rejected", is_accepted=False), WishState.REFUSED),
    ],
)
async def test_the_answer_is_kept(database: Database, clock: FrozenClock, outcome: Outcome, state: WishState):
    wishes = Wishes(database, clock)
    async with database.work() as work:
        one = wishes.ask(work, "s", is_operative=False, evse=1, connector=2)
    async with database.work() as work:
        wishes.note_answer(work, one, outcome)
    (kept,) = await wishes.of("s")
    assert (kept.state, kept.answer, kept.attempts, kept.told_at) == (state, outcome.status, 1, clock.now())
    command = command_of(kept)
    assert (command.evse, command.connector) == (1, 2)


async def test_a_connector_is_named_with_its_evse(database: Database, clock: FrozenClock):
    with pytest.raises(InvalidInput):
        Wishes(database, clock).ask(database.work(), "s", is_operative=True, connector=1)


async def test_what_could_not_be_told_waits(database: Database, clock: FrozenClock):
    wishes = Wishes(database, clock)
    async with database.work() as work:
        one = wishes.ask(work, "s", is_operative=False)
    async with database.work() as work:
        wishes.note_failure(work, one, "station-offline")
    work = database.work()
    (due,) = await wishes.compare(work, "s")
    await work.commit()
    assert (due.state, due.answer) == (WishState.WANTED, "station-offline")


@pytest.mark.parametrize(
    ("version", "accepts", "undone"), [("1.6", True, {2, 3}), ("1.6", False, set()), ("2.0.1", True, set())]
)
async def test_what_a_whole_station_in_service_undoes_is_told_again(
    database: Database,
    clock: FrozenClock,
    stations: Stations,
    station: Station,
    version: str,
    accepts: bool,
    undone: set[int],
):
    async with database.work() as work:
        await stations.connected(
            work, station.id, connection_id="c", version=version, address="a", security_profile=1, at=clock.now()
        )
    wishes = Wishes(database, clock)
    for evse, status in ((1, None), (2, "Accepted"), (3, "Scheduled"), (4, "Rejected")):
        async with database.work() as work:
            one = wishes.ask(work, station.id, is_operative=evse == 1, evse=evse)
        if status is not None:
            async with database.work() as work:
                wishes.note_answer(work, one, Outcome(status=status, is_accepted=status != "Rejected"))
    async with database.work() as work:
        whole = wishes.ask(work, station.id, is_operative=True)
    async with database.work() as work:
        wishes.note_answer(work, whole, Outcome(status="Accepted" if accepts else "Rejected", is_accepted=accepts))
    assert {one.evse for one in await wishes.of(station.id) if decide.is_undone(one)} == undone


async def test_what_a_station_shows_while_it_is_told_takes_nothing_of_its_answer_away(
    database: Database, clock: FrozenClock, stations: Stations, station: Station
):
    async def shows(status: ConnectorStatus) -> None:
        report = StatusReport(evse=1, connector=1, status=status, raw_status=status.value)
        async with database.work() as work:
            await stations.report_status(work, station.id, report, clock.now())

    wishes, accepted = stations.wishes, Outcome(status="Accepted", is_accepted=True)
    async with database.work() as work:
        asked = wishes.ask(work, station.id, is_operative=False)
    async with database.work() as work:
        wishes.note_answer(work, asked, accepted)
    await shows(OUT)
    async with database.work() as work:
        await wishes.compare(work, station.id)
    (kept,) = await wishes.of(station.id)
    await shows(AVAILABLE)
    slow = database.work()
    await wishes.compare(slow, station.id)
    async with database.work() as work:
        wishes.note_repeat(work, kept, accepted)
    with pytest.raises(Conflict):
        await slow.commit()
    (told,) = await wishes.of(station.id)
    assert (kept.state, told.state, told.attempts) == (WishState.KEPT, WishState.ACCEPTED, 2)
