"""The power of the network over a day, from what meters told, for the curve on the overview."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select

from ingufu.charging.tables import readings, transactions
from ingufu.infra.storage.database import Database
from ingufu.stations.tables import stations
from ingufu.views.buckets import Slice, begin_of, number_of
from ingufu.views.stations import SiteIds, seen

SLICE_S = 900  # a quarter of an hour, as grid operators reckon
LONGEST = timedelta(days=3)  # a session that began earlier than this before the curve is left out


async def get_curve(
    database: Database, site_ids: SiteIds, *, since: datetime, until: datetime
) -> list[tuple[datetime, float]]:
    """Return the mean power in W of each quarter of an hour between two instants, by when it began.

    A session counts for as much of a slice as it lasted in it: with the mean of what its meter told there, or, where
    it told nothing, with the mean of the whole session.
    """
    first, last = number_of(since, SLICE_S), number_of(until, SLICE_S)
    told = await _told(database, site_ids, since, until)
    totals = dict.fromkeys(range(first, last + 1), 0.0)
    for session in await _sessions(database, site_ids, since, until):
        began_at = max(session["started_at"], since)
        ended_at = min(session["ended_at"] or until, until)
        mean_w = _mean_w(session, until)
        for number in range(number_of(began_at, SLICE_S), number_of(ended_at, SLICE_S) + 1):
            power_w = told.get((session["id"], number), mean_w)
            if number in totals and power_w:
                totals[number] += power_w * _share(number, began_at, ended_at)
    return [(begin_of(number, SLICE_S), totals[number] / _known_share(number, until)) for number in sorted(totals)]


async def _told(
    database: Database, site_ids: SiteIds, since: datetime, until: datetime
) -> dict[tuple[str, int], float]:
    number = Slice(readings.c.at, SLICE_S)
    statement = (
        select(readings.c.transaction_id, number.label("slice"), func.avg(readings.c.power_w).label("power_w"))
        .where(
            readings.c.at >= since,
            readings.c.at < until,
            readings.c.transaction_id.is_not(None),
            readings.c.power_w.is_not(None),
            *_at_sites(readings.c.station_id, site_ids),
        )
        .group_by(readings.c.transaction_id, number)
    )
    return {(row["transaction_id"], row["slice"]): row["power_w"] for row in await database.select(statement)}


async def _sessions(
    database: Database, site_ids: SiteIds, since: datetime, until: datetime
) -> Iterable[dict[str, Any]]:
    chosen = ("id", "started_at", "ended_at", "energy_wh", "is_open", "last_reading_at")
    statement = select(*(transactions.c[name] for name in chosen)).where(
        transactions.c.started_at >= since - LONGEST,
        transactions.c.started_at < until,
        or_(transactions.c.ended_at.is_(None), transactions.c.ended_at >= since),
        *_at_sites(transactions.c.station_id, site_ids),
    )
    return await database.select(statement)


def _at_sites(column: ColumnElement[Any], site_ids: SiteIds) -> tuple[ColumnElement[bool], ...]:
    return () if site_ids is None else (column.in_(select(stations.c.id).where(seen(site_ids))),)


def _mean_w(session: dict[str, Any], until: datetime) -> float:
    ended_at = session["ended_at"] or min(session["last_reading_at"] or until, until)
    lasted_s = (ended_at - session["started_at"]).total_seconds()
    return float(session["energy_wh"]) * 3600 / lasted_s if lasted_s > 0 else 0.0


def _share(number: int, began_at: datetime, ended_at: datetime) -> float:
    begin = begin_of(number, SLICE_S)
    end = begin + timedelta(seconds=SLICE_S)
    return max(0.0, (min(ended_at, end) - max(began_at, begin)).total_seconds()) / SLICE_S


def _known_share(number: int, until: datetime) -> float:
    """Return how much of a slice is over by `until`: the last one is not to look like a drop."""
    return max(0.05, min(1.0, (until - begin_of(number, SLICE_S)).total_seconds() / SLICE_S))
