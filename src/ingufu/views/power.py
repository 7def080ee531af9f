"""The power of the whole network over a day, in slices; finished slices are kept, so that each is read once."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from sqlalchemy import ColumnElement, Integer, Select, Subquery, and_, bindparam, case, func, literal, select

from ingufu.charging.tables import readings
from ingufu.core.clock import Clock
from ingufu.core.tenures import Span
from ingufu.infra.storage.database import Database
from ingufu.stations.tables import stations
from ingufu.views.buckets import Slice, begin_of, number_of
from ingufu.views.stations import SiteIds
from ingufu.views.tenures import now_of, spans_of

WIDTH_S = 900  # 15 minutes: what stations report in, and grid operators reckon with
DAY = 96  # slices
LATE = 2  # slices that may still change, for stations report late
MOST_WH = Decimal(
    4_000_000 * WIDTH_S // 3600
)  # no outlet delivers more in a slice: a register that leaps is not believed
WEEK = timedelta(days=7)
SPAN = 8  # slices read at once: a long read keeps other readers waiting


class PowerPoint(msgspec.Struct, frozen=True, kw_only=True):
    """The mean power within one slice."""

    at: Annotated[datetime, Meta(description="When the slice begins.")]
    power_w: float


class PowerCurve:
    """Mean power by slice and site. One for the process."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._finished: dict[int, dict[str | None, float]] = {}  # by slice: W by site
        self._lock = asyncio.Lock()

    async def last_day(self, site_ids: SiteIds) -> list[PowerPoint]:
        """Return the mean power of each slice of the last 24 hours, the last one so far, at the sites one may see."""
        now = self._clock.now()
        async with self._lock:
            slices = await self._slices(now)
            newest = max(slices)
            elapsed_s = max((now - begin_of(newest, WIDTH_S)).total_seconds(), 60.0)
            slices[newest] = {site_id: power * WIDTH_S / elapsed_s for site_id, power in slices[newest].items()}
        return _points(slices, site_ids)

    async def week_before(self, site_ids: SiteIds) -> list[PowerPoint]:
        """Return the same for the same 24 hours a week before."""
        async with self._lock:
            slices = await self._slices(self._clock.now() - WEEK)
        return _points(slices, site_ids)

    async def warm(self) -> None:
        """Have read both days, so that the first who asks does not wait for it."""
        await self.last_day(None)
        await self.week_before(None)

    async def _slices(self, until: datetime) -> dict[int, dict[str | None, float]]:
        newest = number_of(until, WIDTH_S)
        oldest = newest - DAY + 1
        known = {number: self._finished[number] for number in range(oldest, newest + 1) if number in self._finished}
        missing = [number for number in range(oldest, newest + 1) if number not in known]
        for begin in range(0, len(missing), SPAN):
            part = missing[begin : begin + SPAN]
            found = await self._read(part[0], part[-1])
            known |= {number: found.get(number, {}) for number in part}
        self._keep(known)
        return known

    def _keep(self, known: dict[int, dict[str | None, float]]) -> None:
        """Keep what is finished of the two days that are asked for, and nothing else."""
        now = number_of(self._clock.now(), WIDTH_S)
        before = number_of(self._clock.now() - WEEK, WIDTH_S)
        wanted = {*range(now - DAY + 1, now - LATE + 1), *range(before - DAY + 1, before + 1)}
        self._finished = {number: sums for number, sums in (self._finished | known).items() if number in wanted}

    async def _read(self, first: int, last: int) -> dict[int, dict[str | None, float]]:
        """Return watts by slice and site: from the rise of each register, where there is one, else from its power."""
        params = {
            "since": begin_of(first - 1, WIDTH_S),  # one before, for the register at its end
            "before": begin_of(last + 1, WIDTH_S),
            "first": first,
        }
        found: defaultdict[int, dict[str | None, float]] = defaultdict(dict)
        for row in await self._database.fetch_all(_SUMS, params):
            metered_w = float(row["energy_wh"] or 0) * 3600 / WIDTH_S
            found[row["number"]][row["site_id"]] = metered_w + float(row["power_w"] or 0)
        return found


def _points(slices: dict[int, dict[str | None, float]], site_ids: SiteIds) -> list[PowerPoint]:
    own = None if site_ids is None else spans_of(now_of(site_ids))
    return [
        PowerPoint(at=(at := begin_of(number, WIDTH_S)), power_w=_power(by_site, at, own))
        for number, by_site in sorted(slices.items())
    ]


def _power(by_site: Mapping[str | None, float], at: datetime, own: Sequence[Span] | None) -> float:
    """Return the power of a slice that begins then at the sites that were one's own."""
    if own is None:
        return sum(by_site.values())
    seen = (one for one in own if (one.since is None or one.since <= at) and (one.until is None or at < one.until))
    return sum(by_site[site_id] for one in seen for site_id in one.site_ids & by_site.keys())


def _by_transaction() -> Subquery:
    number: ColumnElement[int] = Slice(readings.c.at, WIDTH_S)
    return (
        select(
            readings.c.transaction_id,
            readings.c.station_id,
            number.label("number"),
            func.min(readings.c.energy_wh).label("low"),
            func.max(readings.c.energy_wh).label("high"),
            func.avg(readings.c.power_w).label("power_w"),
        )
        .where(
            readings.c.at >= bindparam("since"),
            readings.c.at < bindparam("before"),
            readings.c.transaction_id.is_not(None),
        )
        .group_by(readings.c.transaction_id, readings.c.station_id, number)
        .subquery()
    )


def _sums() -> Select[Any]:
    """Return energy by slice and site where registers tell it, and power where there are none."""
    part = _by_transaction().c
    along: dict[str, Any] = {"partition_by": part.transaction_id, "order_by": part.number}
    steps = select(
        *part,
        func.lag(part.high, type_=readings.c.energy_wh.type).over(**along).label("before"),
        func.lag(part.number, type_=Integer()).over(**along).label("before_number"),
    ).subquery()
    step = steps.c
    follows = and_(step.before_number == step.number - 1, step.high >= step.before)
    told = case((follows, step.high - step.before), else_=step.high - step.low)
    rise = case(
        (told <= literal(MOST_WH, readings.c.energy_wh.type), told), else_=literal(0, readings.c.energy_wh.type)
    )
    return (
        select(
            step.number,
            stations.c.site_id,
            func.sum(rise, type_=readings.c.energy_wh.type).label("energy_wh"),
            func.sum(case((step.high.is_(None), step.power_w), else_=0.0)).label("power_w"),
        )
        .select_from(steps.outerjoin(stations, stations.c.id == step.station_id))
        .where(step.number >= bindparam("first"))
        .group_by(step.number, stations.c.site_id)
    )


_SUMS = _sums()
