"""The figures of each site on each day, as rows of a file."""

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from datetime import date, datetime
from typing import Any

import msgspec
from sqlalchemy import select

from ingufu.core.sheet import Column, Sheet, own
from ingufu.infra.storage.database import Database
from ingufu.reports.days import ONE
from ingufu.reports.tables import taking_totals, totals
from ingufu.sites.tables import sites
from ingufu.views.report_capacity import find_capacity
from ingufu.views.report_periods import period_of
from ingufu.views.reports import EARNED, SUMS, USE_COLUMNS, DaysQuery, Use, on_days_at, sum_by, use_of
from ingufu.views.stations import SiteIds

DAYS_AT_ONCE = 31


class DayUse(msgspec.Struct, frozen=True, kw_only=True):
    """A site on a day, as one row of a file."""

    day: date
    site_id: str | None = None
    site: str = ""
    time_zone: str = "UTC"
    use: Use


SHEET: Sheet[DayUse] = Sheet(
    "report-days",
    (
        Column("day", "day", lambda row: row.day),
        *own("text", "site_id", "site", "time_zone"),
        *USE_COLUMNS,
    ),
)


async def list_days(
    database: Database, query: DaysQuery, site_ids: SiteIds, *, now: datetime, with_money: bool
) -> AsyncIterator[Sequence[DayUse]]:
    """Yield each site on each day that has figures, a month of days at a time. Raises InvalidInput."""
    since, until = period_of(query.since, query.until, now)
    capacity = await find_capacity(database, query.site_id, site_ids, now)
    named = {row["id"]: row for row in await database.select(select(sites.c.id, sites.c.name, sites.c.time_zone))}
    while since <= until:
        last = min(since + (DAYS_AT_ONCE - 1) * ONE, until)
        at = on_days_at(totals, query.site_id, site_ids, since, last)
        rows = await database.select(sum_by(totals, SUMS, "place", "period").where(at))
        taken: defaultdict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
        if with_money:
            at = on_days_at(taking_totals, query.site_id, site_ids, since, last)
            statement = sum_by(taking_totals, EARNED, "place", "period", "currency")
            for row in await database.select(statement.where(at)):
                taken[row["place"], row["period"]].append(row)
        found = {(row["place"], row["period"]): row for row in rows}
        yield [
            DayUse(
                day=date.fromisoformat(day),
                site_id=place or None,
                site=named[place]["name"] if place in named else "",
                time_zone=named[place]["time_zone"] if place in named else "UTC",
                use=use_of(
                    [found[place, day]] if (place, day) in found else [],
                    taken.get((place, day), []),
                    capacity.seconds(date.fromisoformat(day), date.fromisoformat(day), place),
                ),
            )
            for place, day in sorted({*found, *taken}, key=lambda key: (key[1], key[0]))
        ]
        since = last + ONE
