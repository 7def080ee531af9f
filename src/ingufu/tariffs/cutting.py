"""A session cut where its price changes: runs in which the same components count, with exact time and energy."""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import TypeAlias

import msgspec

from ingufu.tariffs.plan import Choice, Plan
from ingufu.tariffs.timeline import Moment
from ingufu.tariffs.usage import Activity, Stretch

Exact: TypeAlias = int | Fraction
PARTS_PER_WH = 3600 * 10**12  # energy is counted in these: parts of it by seconds stay whole, and so are quick
US_PER_HOUR = 3_600_000_000
US = timedelta(microseconds=1)
_ENDLESS = Decimal("Infinity")
_PAST = datetime.min.replace(tzinfo=UTC)
_FUTURE = datetime.max.replace(tzinfo=UTC)
_Part: TypeAlias = tuple[Exact, Exact]
_END: _Part = (1, 1)
_FREE = Choice(flat=None, energy=None, time=None)


class Place(msgspec.Struct, eq=False, gc=False):
    """A point of a session: microseconds since its start, and energy since its start."""

    us: Exact
    energy: Exact


class Run(msgspec.Struct, kw_only=True, eq=False, gc=False):
    """From one place to another the same components count."""

    moment: Moment
    choice: Choice
    activity: Activity
    is_free: bool  # idle time within its grace
    start: Place
    end: Place
    least_w: Decimal | None = None
    most_w: Decimal | None = None


def cut(stretches: Sequence[Stretch], moments: tuple[Moment, ...], started_at: datetime) -> list[Run]:
    """Return the runs of stretches that follow each other. Where a stretch is divided does not change the answer."""
    if not stretches:
        return []
    walk = _Walk(moments, started_at, stretches[0].activity)
    for stretch in stretches:
        walk.take(stretch)
    return walk.finish(stretches[0])


def micros(time: timedelta) -> int:
    return (time.days * 86_400 + time.seconds) * 1_000_000 + time.microseconds


def parts(energy_wh: Decimal | Fraction) -> Exact:
    scaled = energy_wh * PARTS_PER_WH
    whole = int(scaled)
    return whole if whole == scaled else Fraction(scaled)


class _Walk:
    """Goes along a session and closes a run wherever what counts changes."""

    def __init__(self, moments: tuple[Moment, ...], started_at: datetime, activity: Activity) -> None:
        self._moments = moments
        self._started_at = started_at
        self._next = 0  # moment
        self._runs: list[Run] = []
        self._open: Run | None = None
        self._at = started_at
        self._energy_wh = Decimal(0)
        self._activity = activity
        self._parked_at = started_at
        self._choice = _FREE
        self._quiet_until = _PAST  # until then nothing changes but by energy and by what the vehicle does
        self._least_w = self._most_w = _ENDLESS
        self._free_until = _PAST
        self._pass_moment(self._energy_wh)

    def take(self, stretch: Stretch) -> None:
        """Go to the end of the next stretch: at once if nothing can change before it."""
        ended_at, after_wh = stretch.ended_at, self._energy_wh + stretch.energy_wh
        if ended_at < self._quiet_until and after_wh < self._limit and stretch.activity is self._activity:
            power_w = stretch.power_w
            if power_w is not None and not self._least_w <= power_w <= self._most_w:
                self._load(power_w)
        elif after_wh != self._energy_wh or ended_at != self._at:
            self._go(stretch, after_wh)
        self._at, self._energy_wh = ended_at, after_wh

    def _go(self, stretch: Stretch, after_wh: Decimal) -> None:
        started_at, ended_at = stretch.started_at, stretch.ended_at
        while started_at >= self._until:
            self._pass_moment(self._energy_wh)
        if self._energy_wh >= self._limit:
            self._pass_bound(self._energy_wh)
        if stretch.activity is not self._activity:
            self._activity, self._parked_at = stretch.activity, started_at
        self._choose(stretch)
        is_free = started_at < self._free_until
        if ended_at > self._until or after_wh > self._limit or (is_free and ended_at > self._free_until):
            self._cut(stretch, after_wh)
        elif self._open is None or self._is_new(self._open, is_free=is_free):
            self._begin(Place(micros(started_at - self._started_at), parts(self._energy_wh)), is_free=is_free)
        self._quiet_until = _PAST if self._plan.is_by_load else self._until
        if ended_at <= self._free_until:
            self._quiet_until = min(self._quiet_until, self._free_until)
        if stretch.power_w is not None:
            self._load(stretch.power_w)

    def finish(self, first: Stretch) -> list[Run]:
        """Return the runs; of a session without any time or energy one, that of its start."""
        if self._open is None:
            self._choose(first)
            self._begin(Place(0, 0), is_free=False)
        if self._open is not None:
            self._open.end = Place(micros(self._at - self._started_at), parts(self._energy_wh))
        return self._runs

    def _cut(self, stretch: Stretch, after_wh: Decimal) -> None:
        """Go through a stretch in which something changes: from each change to the next, in parts of the stretch.

        A part is a pair, numerator and denominator: most are whole microseconds, for which fractions would be slow.
        """
        began_us, length_us = (
            micros(stretch.started_at - self._started_at),
            micros(stretch.ended_at - stretch.started_at),
        )
        began_with, energy = parts(self._energy_wh), parts(stretch.energy_wh)
        done: _Part = (0, 1)
        while True:
            self._choose(stretch)
            free_to = self._part_of_time(stretch, self._free_until, length_us)
            is_free = _is_before(done, free_to)
            if self._open is None or self._is_new(self._open, is_free=is_free):
                self._begin(
                    Place(began_us + _times(length_us, done), began_with + _times(energy, done)), is_free=is_free
                )
            if stretch.power_w is not None:
                self._load(stretch.power_w)
            to_moment, to_bound = self._part_of_time(stretch, self._until, length_us), _END
            if after_wh > self._limit:
                to_bound = (parts(self._limit) - began_with, energy)
            nearest = to_bound if _is_before(to_bound, to_moment) else to_moment
            if is_free and _is_before(free_to, nearest):
                done = free_to
                continue
            if not _is_before(nearest, _END):
                return
            done = nearest
            here = Fraction(began_with + _times(energy, done)) / PARTS_PER_WH
            if not _is_before(done, to_moment):
                self._pass_moment(here)
            else:
                self._pass_bound(here)

    def _part_of_time(self, stretch: Stretch, at: datetime, length_us: int) -> "_Part":
        """Return in which part of the stretch an instant lies; its end if it is not before that."""
        if at <= stretch.started_at:
            return (0, 1)
        return _END if at >= stretch.ended_at else (micros(at - stretch.started_at), length_us)

    def _pass_moment(self, here_wh: Decimal | Fraction) -> None:
        moment = self._moments[self._next]
        self._next += 1
        self._until = self._moments[self._next].at if self._next < len(self._moments) else _FUTURE
        self._moment = moment
        self._plan: Plan = moment.phase.plan
        self._pass_bound(here_wh)

    def _pass_bound(self, here_wh: Decimal | Fraction) -> None:
        bounds = self._plan.energy.bounds
        band = bisect_right(bounds, here_wh)
        self._limit = bounds[band] if band < len(bounds) else _ENDLESS
        self._mask = self._moment.mask & self._plan.energy.masks[band]

    def _choose(self, stretch: Stretch) -> None:
        mask = self._mask
        if self._plan.is_by_load:
            mask &= self._plan.load_mask(_power_of(stretch), stretch.current_a)
        self._choice = self._plan.choose(mask, stretch.activity)
        self._free_until = _PAST
        timed = self._choice.time
        if stretch.activity is Activity.PARKED and timed is not None and timed.grace:
            self._free_until = self._parked_at + timed.grace

    def _is_new(self, run: Run, *, is_free: bool) -> bool:
        """Return whether the run ends here: components, grace, activity, tariff or the word of its feeds are others."""
        moment = self._moment
        return (
            run.choice is not self._choice
            or run.is_free is not is_free
            or run.activity is not self._activity
            or (
                run.moment is not moment
                and (run.moment.phase is not moment.phase or run.moment.feed_prices != moment.feed_prices)
            )
        )

    def _begin(self, place: Place, *, is_free: bool) -> None:
        if self._open is not None:
            self._open.end = place
        self._open = Run(
            moment=self._moment,
            choice=self._choice,
            activity=self._activity,
            is_free=is_free,
            start=place,
            end=place,
        )
        self._runs.append(self._open)
        self._least_w = self._most_w = _ENDLESS

    def _load(self, power_w: Decimal) -> None:
        """Keep the least and the most power of the run."""
        run = self._open
        if run is not None:
            run.least_w = power_w if run.least_w is None else min(run.least_w, power_w)
            run.most_w = power_w if run.most_w is None else max(run.most_w, power_w)
            self._least_w, self._most_w = run.least_w, run.most_w


def _power_of(stretch: Stretch) -> Decimal | Fraction | None:
    """Return the power as measured, else energy by time; none for energy in no time."""
    if stretch.power_w is not None:
        return stretch.power_w
    length_us = micros(stretch.ended_at - stretch.started_at)
    return Fraction(stretch.energy_wh) * US_PER_HOUR / length_us if length_us else None


def _is_before(one: _Part, other: _Part) -> bool:
    return one[0] * other[1] < other[0] * one[1]


def _times(quantity: Exact, part: _Part) -> Exact:
    numerator = quantity * part[0]
    return Fraction(numerator) / part[1] if numerator % part[1] else numerator // part[1]
