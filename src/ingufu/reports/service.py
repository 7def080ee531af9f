"""Use cases of figures: following what happens, gathering the past, doing it all again."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta

import msgspec
import structlog

from ingufu.core.clock import Clock
from ingufu.core.errors import Conflict
from ingufu.infra.storage.database import Database, Row, Work
from ingufu.reports import places, store
from ingufu.reports.days import ONE, day_of, days_between, month_ends
from ingufu.reports.gathering import NOBODY, Day
from ingufu.reports.model import Dirty, State
from ingufu.reports.portions import Portions
from ingufu.reports.spreading import LONGEST
from ingufu.reports.tables import cells, taking_cells, taking_totals, totals

EVENTS_AT_ONCE = 2000
DECISIONS_AT_ONCE = 5000
PLACES_AT_ONCE = 300  # EVSEs that are entered in one unit
GAP_S = 30.0  # a number that is missing for so long belongs to nothing: its unit was undone
OVERLAP = 2000  # events followed once more when the past is gathered: some may have been on their way
DECISIONS_AGAIN = 100
FURTHEST = LONGEST + timedelta(days=1)

log = structlog.get_logger(__name__)
replace = msgspec.structs.replace


class Reports:
    """Keeps figures in step with sessions and charge records. One process at a time: of two units, one is undone."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._handled: set[int] = set()  # of the events after the position
        self._gap: tuple[int, float] | None = None
        self._fence: tuple[int, int] | None = None  # events up to the first wait for what lags up to the second

    async def state(self) -> State | None:
        """Return how far the figures are gathered; None before the first time."""
        return await store.find_state(self._database)

    async def rebuild(self, work: Work | None = None) -> State:
        """Have all figures gathered anew, day by day from the first one on; old ones stay until their day is done."""
        known = await self._known()
        first = await self._first_day()
        after = replace(
            known, first_day=first.isoformat(), next_day=first.isoformat(), rebuilt_at=self._clock.now(),
            gathered_at=self._clock.now(),
        )  # fmt: skip
        if work is None:
            async with self._database.work() as own:
                self._begin_again(own, known, after)
        else:
            self._begin_again(work, known, after)
        return after

    async def gather_past(self) -> bool:
        """Gather one day of the past, and return whether there are more."""
        known = await self._known()
        if known.next_day is None:
            return False
        if known.rebuilt_at is not None and known.next_day == known.first_day:
            await self._enter_all(known.first_day)
        day, today = date.fromisoformat(known.next_day), self._today()
        is_last = day >= today
        following = None if is_last else (day + ONE).isoformat()
        out = Portions(self._database, self._clock, known)
        whole = Day(self._database, day, stations=None, sites=None)
        await whole.gather(out, with_month=is_last or month_ends(day))
        await out.close(replace(known, next_day=following))
        return following is not None

    async def follow(self) -> int:
        """Gather anew what has changed since the last time, and return how many events and decisions said so."""
        known = await self._known()
        ids = await store.event_ids(self._database, known.position, EVENTS_AT_ONCE)
        decided = await self._decided(known)
        if not ids and not decided:
            return await self._begin_anew(known)
        if ids and not await self._is_settled(ids):
            return 0
        reached = self._reached(known.position, ids) if ids else known.position
        rows = await store.events_between(self._database, known.position, ids[-1]) if ids else []
        fresh = [row for row in rows if row["id"] not in self._handled]
        dirty = await self._dirty(fresh, decided)
        last = max([known.decision_id, *(row["id"] for row in decided)])
        try:
            await self._gather(known, dirty, replace(known, position=reached, decision_id=last))
        except Conflict:  # another process has gathered meanwhile
            return 0
        self._handled = {row["id"] for row in rows if row["id"] > reached}
        return len(fresh) + len(decided)

    async def refresh_open(self) -> int:
        """Gather today anew for stations that charge now, whose sessions grow without a word that is stored."""
        known = await self._known()
        found: defaultdict[date, set[str]] = defaultdict(set)
        spots = await store.places_of(self._database, None)
        now = self._clock.now()
        for row in await store.open_sessions(self._database):
            place = spots.get(row["station_id"])
            if place is not None and now - row["started_at"] < LONGEST:
                today = day_of(now, place.time_zone)
                first = max(day_of(row["started_at"], place.time_zone), today - ONE)
                for day in days_between(first, max(first, today)):
                    found[day].add(row["station_id"])
        await self._gather(known, Dirty({day: frozenset(ids) for day, ids in found.items()}), known)
        return len(found)

    async def follow_places(self) -> int:
        """Enter new EVSEs, and gather anew what stations did that stand elsewhere now, or by another clock."""
        moved = await places.find_moved(self._database)
        for station_id in sorted({one.station_id for one in moved if one.is_known}):
            known = await self._known()
            days = _around(await places.days_of(self._database, station_id))
            await self._gather(known, Dirty({day: frozenset({station_id}) for day in days}), known)
        for site_id in sorted({one.site_id for one in moved if one.has_other_clock}):
            known = await self._known()
            days = _around(await places.earning_days_of(self._database, site_id))
            await self._gather(known, Dirty(takings={day: frozenset({site_id}) for day in days}), known)
        await self._enter(moved, await places.first_days(self._database) if moved else {})
        if await places.are_gone(self._database):
            async with self._database.work() as work:
                places.forget_gone(work)
        return len(moved)

    # In detail

    async def _known(self) -> State:
        known = await store.find_state(self._database)
        if known is not None:
            return known
        event, decision = await store.last_ids(self._database)
        first = (await self._first_day()).isoformat()
        fresh = State(
            position=max(0, event - OVERLAP), decision_id=decision, first_day=first, next_day=first, version=0,
            gathered_at=self._clock.now(),
        )  # fmt: skip
        async with self._database.work() as work:
            store.add_state(work, fresh)
        return fresh

    async def _first_day(self) -> date:
        first = await store.first_instant(self._database)
        return self._clock.now().date() - ONE if first is None else first.date() - ONE

    def _today(self) -> date:
        """Return the day that is today, where it is the latest."""
        return (self._clock.now() + timedelta(hours=14)).date()

    def _begin_again(self, work: Work, known: State, after: State) -> None:
        latest = (self._today() + FURTHEST).isoformat()
        for table in (cells, taking_cells):
            store.drop(work, table, (table.c.day < after.first_day) | (table.c.day > latest))
        for table in (totals, taking_totals):
            is_out = (table.c.period < after.first_day[:7]) | (table.c.period > latest)
            store.drop(work, table, is_out)
        self._save(work, known, after)

    async def _enter_all(self, first_day: str) -> None:
        """Have the EVSEs entered that stand now, as they do, and no others."""
        standing = await places.find_standing(self._database)
        await self._enter(standing, await places.first_days(self._database, since=first_day))
        async with self._database.work() as work:
            places.forget_others(work)

    async def _enter(self, found: Sequence[places.Moved], first: Mapping[tuple[str, int], str]) -> None:
        for place in range(0, len(found), PLACES_AT_ONCE):
            async with self._database.work() as work:
                places.enter(work, found[place : place + PLACES_AT_ONCE], first)

    def _save(self, work: Work, before: State, after: State) -> None:
        store.save_state(work, before, replace(after, gathered_at=self._clock.now()))

    async def _begin_anew(self, known: State) -> int:
        """Follow from the start where events or decisions are counted anew: all before were deleted for their age."""
        event, decision = await store.last_ids(self._database)
        if event < known.position or decision < known.decision_id:
            async with self._database.work() as work:
                again = replace(
                    known, position=min(known.position, event), decision_id=min(known.decision_id, decision)
                )
                self._save(work, known, again)
        return 0

    async def _decided(self, known: State) -> list[Row]:
        """Return the decisions since the last time, and some before them, which may have been on their way."""
        after = max(0, known.decision_id - DECISIONS_AGAIN)
        rows = await store.decisions_after(self._database, after, DECISIONS_AT_ONCE)
        return rows if rows and rows[-1]["id"] > known.decision_id else []

    async def _is_settled(self, ids: list[int]) -> bool:
        """Whether all that lagged when these events were first seen is in its tables by now; only they stay listed."""
        if self._fence is None:
            self._fence = (ids[-1], (await store.lagging(self._database))[0])
        first_seen, lagged_until = self._fence
        _, lags_from = await store.lagging(self._database)
        if lags_from is not None and lags_from <= lagged_until:
            return False
        self._fence = None
        ids[:] = [one for one in ids if one <= first_seen] or ids
        return True

    def _reached(self, position: int, ids: list[int]) -> int:
        """Return up to where the events are complete: a number that is missing may be about to be committed."""
        now, expected = self._clock.monotonic(), position + 1
        for found in ids:
            if found != expected:
                if self._gap is None or self._gap[0] != expected:
                    self._gap = (expected, now)
                if now - self._gap[1] < GAP_S:
                    return expected - 1
            expected = found + 1
        return ids[-1]

    async def _dirty(self, events: Sequence[Row], decided: Sequence[Row]) -> Dirty:
        sessions = {row["transaction_id"] for row in events if row["kind"] in store.OF_SESSIONS} - {None}
        issued = {row["details"]["record"] for row in events if row["kind"] == "ChargeRecordIssued"}
        began = await store.starts_of(self._database, sessions)
        refused = [row for row in decided if row["status"] != store.ACCEPTED]
        stations = {row["station_id"] for row in (*began, *refused)}
        spots = await store.places_of(self._database, stations) if stations else {}
        found: defaultdict[date, set[str]] = defaultdict(set)
        for station_id in {row["station_id"] for row in events if _is_move(row)}:
            for day in _around(await places.days_of(self._database, station_id)):
                found[day].add(station_id)
        for row in began:
            if (place := spots.get(row["station_id"])) is not None:
                for day in self._days(row["started_at"], row["ended_at"], place.time_zone):
                    found[day].add(row["station_id"])
        for row in refused:
            if (place := spots.get(row["station_id"])) is not None:
                found[day_of(row["at"], place.time_zone)].add(row["station_id"])
        takings: defaultdict[date, set[str]] = defaultdict(set)
        zones = await store.zones(self._database) if issued else {}
        for row in await store.issues_of(self._database, issued):
            site_id = row["site_id"] or ""
            takings[day_of(row["issued_at"], zones.get(site_id, "UTC"))].add(site_id)
        return Dirty(
            {day: frozenset(ids) for day, ids in found.items()}, {day: frozenset(ids) for day, ids in takings.items()}
        )

    def _days(self, started_at: datetime, ended_at: datetime | None, zone: str) -> list[date]:
        """Return the days that a session touches, or touched before its end was corrected."""
        until = max(self._clock.now(), ended_at or started_at)
        last = min(until, started_at + FURTHEST)
        return days_between(day_of(started_at, zone), day_of(last, zone))

    async def _gather(self, known: State, dirty: Dirty, after: State) -> None:
        """Gather these days one after the other; what is written last keeps how far we came. Raises Conflict."""
        out = Portions(self._database, self._clock, known)
        days = sorted({*dirty.sessions, *dirty.takings})
        for day in days:
            await out.flush()  # the sum of a month is made of days as they are stored
            whole = Day(
                self._database, day, stations=dirty.sessions.get(day, NOBODY), sites=dirty.takings.get(day, NOBODY)
            )
            await whole.gather(out)
        if days or after != known:
            await out.close(after)


def _around(days: Iterable[str]) -> set[date]:
    """Return days that there are figures for, and those for which there may be by another clock."""
    return {date.fromisoformat(day) + shift * ONE for day in days for shift in (-1, 0, 1)}


def _is_move(event: Row) -> bool:
    """Whether a station stands elsewhere now. It may be back before all places are looked at."""
    return event["kind"] == "StationChanged" and "site_id" in event["details"]["changed"]
