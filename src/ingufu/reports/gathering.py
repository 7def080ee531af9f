"""Gathering one day: its figures by EVSE, and what they are together by site, for the network and for the month.

A day is always made whole again from what is stored, never added to. So it does not matter in which order things
arrive, how often a day is gathered, or where a process was killed in between. A long day is written in portions, its
totals first: what was kept of its EVSEs tells whose totals change, thus must last until these have.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy import Table, true

from ingufu.infra.storage.database import Database
from ingufu.reports import store
from ingufu.reports.counting import EvseKey, TakingKey, figures_of, takings_of
from ingufu.reports.days import day_of, month_of
from ingufu.reports.model import DAY, MONTH, NETWORK, Figures, Place, SessionFacts, Takings
from ingufu.reports.portions import Portions
from ingufu.reports.spreading import Reading
from ingufu.reports.tables import cells, evses, taking_cells, taking_totals, totals

SESSIONS_AT_ONCE = 2000  # whose readings are held at a time
AT_ONCE = 100  # stations or sites whose figures go into a portion together
NOBODY: frozenset[str] = frozenset()


class Day:
    """One day to be gathered: all of it (None), or what these stations did and what these sites earned."""

    def __init__(
        self, database: Database, day: date, *, stations: frozenset[str] | None, sites: frozenset[str] | None
    ) -> None:
        self._database = database
        self._day = day
        self._text = day.isoformat()
        self._stations = stations
        self._sites = sites

    async def gather(self, out: Portions, *, with_month: bool = True) -> None:
        """Write the day, but for what the last portion still holds. `with_month`: the month's totals, too."""
        if self._stations is None or self._stations:
            await self._gather_sessions(out, with_month=with_month)
        if self._sites is None or self._sites:
            await self._gather_takings(out, with_month=with_month)

    # Sessions

    async def _gather_sessions(self, out: Portions, *, with_month: bool) -> None:
        places = await store.places_of(self._database, self._stations)
        found = await self._count(places)
        before = await self._before()
        touched = {row["site_id"] for row in before} | {places[key[0]].site_id for key in found}
        await self._sum_sites(out, found, places, touched, with_month=with_month)
        by_station: defaultdict[str, dict[EvseKey, Figures]] = defaultdict(dict)
        for key, figures in found.items():
            by_station[key[0]][key] = figures
        for part in store.parts_of({*by_station, *(row["station_id"] for row in before)}, AT_ONCE):
            work = await out.room(len(part) + sum(len(by_station[one]) for one in part if one in by_station))
            store.drop(work, cells, cells.c.day == self._text, cells.c.station_id.in_(part))
            for station_id in part:
                store.add_cells(work, self._day, by_station.get(station_id, {}), places)
            if used := [one for one in part if one in by_station]:
                later = evses.c.since > self._text  # an EVSE counts from the day of its first session on
                work.execute_once(evses.update().where(evses.c.station_id.in_(used), later).values(since=self._text))

    async def _count(self, places: Mapping[str, Place]) -> dict[EvseKey, Figures]:
        sessions = [
            one
            for one in await store.sessions_on(self._database, self._day, self._stations)
            if one.station_id in places
        ]
        by_station: defaultdict[str, list[SessionFacts]] = defaultdict(list)
        for session in sessions:
            by_station[session.station_id].append(session)
        found: dict[EvseKey, Figures] = {}
        portion: list[SessionFacts] = []
        for members in by_station.values():
            portion += members
            if len(portion) >= SESSIONS_AT_ONCE:
                found |= await self._figures(portion, places)
                portion = []
        found |= await self._figures(portion, places)
        for row in await store.refusals_on(self._database, self._day, self._stations):
            place = places.get(row["station_id"])
            if place is not None and day_of(row["at"], place.time_zone) == self._day:
                found.setdefault((row["station_id"], row["evse"]), Figures()).refused += 1
        return found

    async def _figures(self, sessions: list[SessionFacts], places: Mapping[str, Place]) -> dict[EvseKey, Figures]:
        if not sessions:
            return {}
        readings: dict[str, list[Reading]] = await store.readings_of(self._database, [one.id for one in sessions])
        return await asyncio.to_thread(figures_of, self._day, sessions, readings, places)

    async def _before(self) -> list[dict[str, str]]:
        """Return what was gathered of these stations for this day."""
        if self._stations is None:
            return await store.cells_of_day(self._database, self._day)
        rows = []
        for part in store.parts_of(self._stations):
            rows += await store.cells_of_day(self._database, self._day, cells.c.station_id.in_(part))
        return rows

    async def _sum_sites(
        self,
        out: Portions,
        found: Mapping[EvseKey, Figures],
        places: Mapping[str, Place],
        touched: set[str],
        *,
        with_month: bool,
    ) -> None:
        sums = await self._of_sites(found, places, touched)
        whole = Figures()
        for figures in sums.values():
            whole.add(figures)
        of = None if self._stations is None else {*touched, NETWORK}
        if of is not None:
            for row in await store.rows_of(self._database, totals, DAY, (self._text, self._text), None):
                if row["place"] not in of:
                    whole.add(store.figures_in(row))
        sums |= {NETWORK: whole} if sums or _has_any(whole) else {}
        await self._replace(out, totals, DAY, self._text, {place: {place: one} for place, one in sums.items()}, of)
        if with_month:
            await self._sum_months(out, sums, of)

    async def _of_sites(
        self, found: Mapping[EvseKey, Figures], places: Mapping[str, Place], touched: set[str]
    ) -> dict[str, Figures]:
        """Return what each touched site comes to: what was counted now, and what was known of its other stations."""
        sums: dict[str, Figures] = {}
        for key, figures in found.items():
            sums.setdefault(places[key[0]].site_id, Figures()).add(figures)
        for part in store.parts_of(touched) if self._stations is not None else ():
            for row in await store.cells_of_day(self._database, self._day, cells.c.site_id.in_(part)):
                if self._stations is not None and row["station_id"] not in self._stations:
                    sums.setdefault(row["site_id"], Figures()).add(store.figures_in(row))
        return sums

    async def _sum_months(self, out: Portions, today: Mapping[str, Figures], places: set[str] | None) -> None:
        month = month_of(self._day)
        sums = {place: Figures() for place in today}
        for place, figures in today.items():
            sums[place].add(figures)
        for row in await store.rows_of(self._database, totals, DAY, (f"{month}-01", f"{month}-31"), places):
            if row["period"] != self._text:
                sums.setdefault(row["place"], Figures()).add(store.figures_in(row))
        for figures in sums.values():
            figures.hours = {}  # an hour of which weekday, a month does not know
        await self._replace(out, totals, MONTH, month, {place: {place: one} for place, one in sums.items()}, places)

    # Money

    async def _gather_takings(self, out: Portions, *, with_month: bool) -> None:
        rows = await store.records_on(self._database, self._day)
        found = takings_of(self._day, rows, await store.zones(self._database), self._sites)
        by_station: defaultdict[str, dict[TakingKey, Takings]] = defaultdict(dict)
        for key, one in found.items():
            by_station[key[1]][key] = one
        for sites in [None] if self._sites is None else store.parts_of(self._sites):
            here = true() if sites is None else taking_cells.c.site_id.in_(sites)
            earners = await store.earners_of_day(self._database, self._day, here)
            earners |= {key[1] for key in found if sites is None or key[0] in sites}
            for part in store.parts_of(earners, AT_ONCE):
                known = {key: one for station_id in part for key, one in by_station.get(station_id, {}).items()}
                work = await out.room(len(part) + len(known))
                store.drop(
                    work, taking_cells, taking_cells.c.day == self._text, taking_cells.c.station_id.in_(part), here
                )
                store.add_taking_cells(
                    work, self._day, {key: one for key, one in known.items() if sites is None or key[0] in sites}
                )
        sums = _by_place(found)
        of = None if self._sites is None else {*self._sites, NETWORK}
        if of is not None:
            for row in await store.rows_of(self._database, taking_totals, DAY, (self._text, self._text), None):
                if row["place"] not in of:
                    sums.setdefault((NETWORK, row["currency"]), Takings()).add(store.takings_in(row))
        await self._replace(out, taking_totals, DAY, self._text, _apart(sums), of)
        if with_month:
            await self._sum_taking_months(out, sums, of)

    async def _sum_taking_months(
        self, out: Portions, today: Mapping[tuple[str, str], Takings], places: set[str] | None
    ) -> None:
        month = month_of(self._day)
        sums: dict[tuple[str, str], Takings] = {}
        for key, one in today.items():
            sums.setdefault(key, Takings()).add(one)
        for row in await store.rows_of(self._database, taking_totals, DAY, (f"{month}-01", f"{month}-31"), places):
            if row["period"] != self._text:
                sums.setdefault((row["place"], row["currency"]), Takings()).add(store.takings_in(row))
        await self._replace(out, taking_totals, MONTH, month, _apart(sums), places)

    async def _replace(
        self, out: Portions, table: Table, grain: str, period: str, sums: Mapping[str, Any], places: set[str] | None
    ) -> None:
        """Write totals, given by place, instead of those that are kept of these places (None: of all)."""
        if places is None:
            places = await store.places_with(self._database, table, grain, period)
        add = store.add_totals if table is totals else store.add_taking_totals
        known = table.c
        for part in store.parts_of({*places, *sums}, AT_ONCE):
            work = await out.room(2 * len(part))
            store.drop(work, table, known.grain == grain, known.period == period, known.place.in_(part))
            for place in part:
                add(work, grain, period, sums.get(place, {}))


def _apart(sums: Mapping[tuple[str, str], Takings]) -> dict[str, dict[tuple[str, str], Takings]]:
    """Return the totals of each place."""
    found: defaultdict[str, dict[tuple[str, str], Takings]] = defaultdict(dict)
    for key, one in sums.items():
        found[key[0]][key] = one
    return found


def _by_place(found: Mapping[TakingKey, Takings]) -> dict[tuple[str, str], Takings]:
    sums: dict[tuple[str, str], Takings] = {}
    for (site_id, _, currency), one in found.items():
        for place in (site_id, NETWORK):
            sums.setdefault((place, currency), Takings()).add(one)
    return sums


def _has_any(figures: Figures) -> bool:
    return figures != Figures()
