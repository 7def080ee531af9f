"""Uptime of EVSEs as the timeline tells it: what is known, since when, and what we ourselves were the cause of."""

from datetime import datetime, timedelta

import pytest

from ingufu.core.clock import FrozenClock
from ingufu.core.errors import InvalidInput
from ingufu.core.events import Event
from ingufu.infra.storage.database import Database
from ingufu.stations.availability.events import AvailabilityAsked
from ingufu.stations.events import StationConnected, StationDisconnected, StatusChanged
from ingufu.stations.outages import Cause, Condition
from ingufu.views import stations as station_views
from ingufu.views import uptime as views
from ingufu.views.uptime import StationUptime, UptimeQuery
from views.conftest import Rows

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


class Told:
    """A station with one EVSE, entered 60 days ago, and what it left in its timeline, by hours before now."""

    def __init__(self, database: Database, rows: Rows, station_id: str) -> None:
        self._database = database
        self._rows = rows
        self.now = rows.clock.now()
        self.id = station_id

    async def came(self, hours: float, of: str | None = None) -> None:
        event = StationConnected(
            occurred_at=self._at(hours), station_id=of or self.id, version="1.6", address="::1", connection_id="c"
        )
        await self._emit(event)

    async def left(self, hours: float, code: int = 1006) -> None:
        await self._emit(
            StationDisconnected(occurred_at=self._at(hours), station_id=self.id, connection_id="c", code=code)
        )

    async def said(self, hours: float, before: str | None, after: str, code: str | None = None) -> None:
        event = StatusChanged(
            occurred_at=self._at(hours), station_id=self.id, evse=1, connector=1, before=before, after=after,
            raw_status=after, error_code=code,
        )  # fmt: skip
        await self._emit(event)

    async def asked(self, hours: float, *, is_operative: bool) -> None:
        event = AvailabilityAsked(
            occurred_at=self._at(hours), station_id=self.id, evse=1, connector=0, is_operative=is_operative
        )
        await self._emit(event)

    async def uptime(self, since: float = 24.0, until: float = 0.0) -> StationUptime:
        station = await station_views.get_station(self._database, self.id, None)
        query = UptimeQuery(since=self._at(since), until=self._at(until))
        return await views.get_uptime(self._database, station, query, now=self.now)

    def _at(self, hours: float) -> datetime:
        return self.now - timedelta(hours=hours)

    async def _emit(self, event: Event) -> None:
        async with self._database.work() as work:
            work.emit(event)


@pytest.fixture
async def told(database: Database, rows: Rows) -> Told:
    created_at = rows.clock.now() - 60 * DAY
    station_id = await rows.station("CP1", created_at=created_at, online_changed_at=created_at)
    await rows.plug(station_id)
    return Told(database, rows, station_id)


def conditions(found: StationUptime) -> list[tuple[float, Condition]]:
    return [((found.until - one.began_at) / HOUR, one.condition) for one in found.evses[0].stretches]


async def test_a_fault_and_a_lost_connection_are_outages_the_latest_first(told: Told) -> None:
    await told.came(48)
    await told.said(20, "available", "faulted", "GroundFailure")
    await told.said(19, "faulted", "available")
    await told.left(6)
    await told.came(4)
    found = await told.uptime()
    [evse] = found.evses
    assert (evse.down_s, evse.up_s, evse.failures) == (3 * 3600, 21 * 3600, 2)
    assert evse.uptime == pytest.approx(1 - 3 / 24)
    assert (evse.mtbf_s, evse.mttr_s) == (10.5 * 3600, 1.5 * 3600)
    assert conditions(found) == [
        (24, Condition.UP), (20, Condition.DOWN), (19, Condition.UP), (6, Condition.DOWN), (4, Condition.UP),
    ]  # fmt: skip
    assert [(one.cause, one.error_code, one.lasted_s) for one in found.outages] == [
        (Cause.OFFLINE, None, 7200), (Cause.FAULTED, "GroundFailure", 3600),
    ]  # fmt: skip
    assert found.outage_count == 2


async def test_how_things_stood_before_is_known_by_what_changed_later(told: Told) -> None:
    await told.came(48)
    await told.said(40, "available", "faulted", "GroundFailure")
    await told.said(10, "faulted", "available")
    found = await told.uptime(since=24, until=12)
    assert conditions(found) == [(12, Condition.DOWN)]
    [outage] = found.outages
    assert (outage.ended_at, outage.began_at, outage.cause) == (None, found.since, Cause.FAULTED)
    assert found.evses[0].failures == 0  # it had failed before


async def test_a_status_that_never_changed_is_the_one_of_now(database: Database, rows: Rows) -> None:
    created_at = rows.clock.now() - 60 * DAY
    station_id = await rows.station("CP2", created_at=created_at)
    await rows.plug(station_id, status="faulted")
    told = Told(database, rows, station_id)
    await told.came(48)
    assert (await told.uptime()).evses[0].uptime == 0.0


async def test_what_was_asked_for_before_the_time_counts_in_it(told: Told) -> None:
    await told.came(48)
    await told.asked(30, is_operative=False)
    await told.said(30, "available", "unavailable")
    await told.asked(12, is_operative=True)
    await told.said(12, "unavailable", "available")
    [evse] = (await told.uptime()).evses
    assert (evse.planned_s, evse.down_s, evse.uptime) == (12 * 3600, 0.0, 1.0)


async def test_a_station_is_not_blamed_while_we_were_away(told: Told, rows: Rows) -> None:
    await told.came(48)
    await told.left(10, code=1001)
    other = await rows.station("CP2")
    await told.came(8, of=other)  # we are back, and others come
    await told.came(7)
    found = await told.uptime()
    assert conditions(found) == [
        (24, Condition.UP), (10, Condition.UNKNOWN), (8, Condition.DOWN), (7, Condition.UP),
    ]  # fmt: skip
    assert found.evses[0].down_s == 3600
    assert found.evses[0].unknown_s == 2 * 3600


async def test_a_report_of_an_old_time_counts_from_the_connection_on_which_it_came(told: Told) -> None:
    await told.came(48)
    await told.left(10)
    await told.came(8)
    await told.said(9.5, "available", "faulted")  # while it was offline
    await told.said(5, "faulted", "available")
    found = await told.uptime()
    assert conditions(found) == [(24, Condition.UP), (10, Condition.DOWN), (5, Condition.UP)]
    [outage] = found.outages
    assert (outage.cause, outage.lasted_s) == (Cause.OFFLINE, 5 * 3600)


async def test_before_a_station_was_entered_or_came_nothing_is_known(database: Database, rows: Rows) -> None:
    station_id = await rows.station("NEW", created_at=rows.clock.now() - 5 * HOUR, is_online=True)
    await rows.plug(station_id)
    told = Told(database, rows, station_id)
    await told.came(3)
    found = await told.uptime()
    assert conditions(found) == [(24, Condition.UNKNOWN), (3, Condition.UP)]
    assert found.evses[0].uptime == 1.0


async def test_without_a_word_in_the_timeline_it_is_online_since_it_says_so(told: Told) -> None:
    assert (await told.uptime()).evses[0].uptime == 1.0  # what it left was deleted for its age


async def test_of_a_station_that_changes_all_the_time_the_latest_is_looked_at(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "MOST_CHANGES", 4)
    await told.came(48)
    for hours in (20, 16, 12, 8):
        await told.left(hours)
        await told.came(hours - 1)
    found = await told.uptime()
    assert conditions(found)[0] == (24, Condition.UNKNOWN)
    assert found.evses[0].down_s == 2 * 3600
    assert found.evses[0].unknown_s == 12 * 3600


async def test_what_sessions_change_is_not_looked_at(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "MOST_CHANGES", 4)
    await told.came(48)
    await told.said(20, "available", "faulted", "GroundFailure")
    await told.said(19, "faulted", "available")
    for hours in range(18, 6, -1):
        await told.said(hours, "available", "occupied")
        await told.said(hours - 0.5, "occupied", "available")
    assert conditions(await told.uptime()) == [(24, Condition.UP), (20, Condition.DOWN), (19, Condition.UP)]


@pytest.mark.parametrize(("since", "until"), [(10, 20), (-1, -2), (401 * 24, 0)])
async def test_an_odd_time_is_refused(told: Told, clock: FrozenClock, since: float, until: float) -> None:
    with pytest.raises(InvalidInput):
        await told.uptime(since, until)
