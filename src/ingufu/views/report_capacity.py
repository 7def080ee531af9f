"""How much EVSE time there was: what utilisation is a part of."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime
from itertools import accumulate
from typing import Any

from sqlalchemy import func, select

from ingufu.accounts.model import Held
from ingufu.infra.storage.database import Database
from ingufu.reports.days import ONE, bounds
from ingufu.reports.tables import evses
from ingufu.views.stations import SiteIds
from ingufu.views.tenures import sites_of


class _Growth:
    """How many EVSEs there were under one zone's clock, by the day since which they count."""

    def __init__(self, numbers: dict[date, int]) -> None:
        self._since = sorted(numbers)
        self._numbers = [numbers[day] for day in self._since]
        self._counts = [0, *accumulate(self._numbers)]

    def until(self, day: date) -> int:
        """Return how many there were on a day."""
        return self._counts[bisect_right(self._since, day)]

    def seconds(self, first: date, last: date, zone: str, now: datetime) -> float:
        """Return the EVSE seconds from the first day to the last; the future is not counted."""
        ends_at = min(bounds(last, zone)[1], now)

        def lasted(begin: date) -> float:
            return max(0.0, (ends_at - bounds(begin, zone)[0]).total_seconds())

        low, high = bisect_right(self._since, first), bisect_right(self._since, last)
        later = zip(self._since[low:high], self._numbers[low:high], strict=True)
        return self._counts[low] * lasted(first) + sum(number * lasted(day) for day, number in later)


class Capacity:
    """How much EVSE time there was, by day and site. Asked for each day and each site: it counts nothing twice."""

    def __init__(self, rows: Iterable[dict[str, Any]], now: datetime) -> None:
        whole: defaultdict[str, defaultdict[date, int]] = defaultdict(lambda: defaultdict(int))
        sites: defaultdict[str, defaultdict[str, dict[date, int]]] = defaultdict(lambda: defaultdict(dict))
        for row in rows:
            since = date.fromisoformat(row["since"])
            whole[row["time_zone"]][since] += row["number"]
            known = sites[row["site_id"]][row["time_zone"]]
            known[since] = known.get(since, 0) + row["number"]
        self._whole = {zone: _Growth(numbers) for zone, numbers in whole.items()}
        self._sites = {
            site_id: {zone: _Growth(numbers) for zone, numbers in zones.items()} for site_id, zones in sites.items()
        }
        self._now = now

    def seconds(self, first: date, last: date, site_id: str | None = None) -> int:
        """Return the seconds from the first day to the last, of one site or of all; the future is not counted."""
        known = self._whole if site_id is None else self._sites.get(site_id, {})
        return round(sum(growth.seconds(first, last, zone, self._now) for zone, growth in known.items()))

    def evses(self, site_id: str, last: date) -> int:
        """Return how many EVSEs a site had on a day."""
        return sum(growth.until(last) for growth in self._sites.get(site_id, {}).values())


async def find_capacity(database: Database, site_id: str | None, site_ids: SiteIds, now: datetime) -> Capacity:
    """Return the EVSE time at the sites that one may see, or at one of them."""
    columns = (evses.c.site_id, evses.c.time_zone, evses.c.since)
    statement = select(*columns, func.count().label("number")).group_by(*columns)
    if site_ids is not None:
        statement = statement.where(evses.c.site_id.in_(sorted(sites_of(site_ids))))
    if site_id is not None:
        statement = statement.where(evses.c.site_id == site_id)
    return Capacity(in_own_days(await database.select(statement), site_ids), now)


def in_own_days(rows: Iterable[dict[str, Any]], site_ids: SiteIds) -> list[dict[str, Any]]:
    """Return EVSEs by the days on which they stood at sites of one's own: as many less once another has a site."""
    if not isinstance(site_ids, Held):
        return list(rows)
    days: defaultdict[str, list[tuple[str, str | None]]] = defaultdict(list)
    for one in site_ids.tenures:
        begins = "" if one.first_day is None else one.first_day.isoformat()
        days[one.site_id].append((begins, None if one.last_day is None else (one.last_day + ONE).isoformat()))
    found: list[dict[str, Any]] = []
    for row in rows:
        for begins, ends in days[row["site_id"]]:
            first = max(row["since"], begins)
            if ends is None or first < ends:
                found.append({**row, "since": first})
            if ends is not None and first < ends:
                found.append({**row, "since": ends, "number": -row["number"]})
    return found
