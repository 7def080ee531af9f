"""Terms made ready to price by: which element applies when as bits, prices and taxes as whole numbers."""

from bisect import bisect_right
from collections.abc import Callable, Iterable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from functools import lru_cache
from math import lcm
from typing import TypeVar

import msgspec

from ingufu.tariffs.model import (
    Dimension,
    Element,
    PriceComponent,
    ReservationPart,
    Restrictions,
    Tax,
    TaxBasis,
    Terms,
    Weekday,
)
from ingufu.tariffs.usage import Activity
from ingufu.tariffs.walltime import wall_cuts

_WEEKDAYS = tuple(Weekday)
_DAY = timedelta(days=1)
_MOST_CHOICES = 4096  # remembered of one plan; far more than the bands of any sensible tariff
_NEVER = Decimal("Infinity")
Bound = TypeVar("Bound", Decimal, timedelta)


class Priced(Enum):
    """What a plan prices: each is a reading of the same terms of its own."""

    SESSION = "session"
    RESERVATION = "reservation"  # that someone came for
    EXPIRED = "expired"


class Slot(msgspec.Struct, kw_only=True, eq=False):
    """One component in its place. Of a net amount, tax number k is `shares[k] / whole`."""

    element: int
    restrictions: Restrictions
    component: PriceComponent
    taxes: tuple[Tax, ...] | None  # as they count: none where the tariff says that none apply
    shares: tuple[int, ...]
    whole: int
    gross: int  # whole and shares together
    is_gross: bool  # the price holds its taxes
    grace: timedelta


class Choice(msgspec.Struct, kw_only=True, eq=False):
    """The components that count at once: none means free."""

    flat: Slot | None
    energy: Slot | None
    time: Slot | None  # of the charging time, or of the idle time: whichever it is


class Bands(msgspec.Struct, kw_only=True, eq=False):
    """Where elements begin and cease to apply along one quantity, and which ones apply between."""

    bounds: tuple[Decimal, ...]
    masks: tuple[int, ...]  # one more than bounds

    def mask_at(self, value: Decimal | Fraction) -> int:
        return self.masks[bisect_right(self.bounds, value)]


class Plan(msgspec.Struct, kw_only=True, eq=False):
    """Terms, compiled. Bit n of a mask stands for the element of place n."""

    terms: Terms
    slots: tuple[Slot, ...]
    mask: int  # of the elements that price this at all
    energy: Bands  # Wh
    power: Bands  # W
    current: Bands  # A
    duration: tuple[tuple[timedelta, ...], tuple[int, ...]]
    calendar: tuple[tuple[int, Restrictions], ...]  # the elements that look at the clock
    walls: tuple[timedelta, ...]  # what the clock shows where one of them may begin or cease
    feed_ids: tuple[str, ...]
    is_by_load: bool  # power or current decide
    by_dimension: dict[Dimension, tuple[Slot, ...]]
    choices: dict[tuple[int, Activity], Choice] = {}
    by_slots: dict[tuple[int, int, int], Choice] = {}

    def choose(self, mask: int, activity: Activity) -> Choice:
        """Return for each dimension the component of the first element that has it and applies (OCPI mod_tariffs)."""
        found = self.choices.get((mask, activity))
        if found is None:
            if len(self.choices) >= _MOST_CHOICES:
                self.choices.clear()
            found = self.choices[mask, activity] = self._choose(mask, activity)
        return found

    def _choose(self, mask: int, activity: Activity) -> Choice:
        timed = Dimension.TIME if activity is Activity.CHARGING else Dimension.PARKING_TIME
        flat, energy, time_ = (self._first(dimension, mask) for dimension in (Dimension.FLAT, Dimension.ENERGY, timed))
        return self.by_slots.setdefault((id(flat), id(energy), id(time_)), Choice(flat=flat, energy=energy, time=time_))

    def _first(self, dimension: Dimension, mask: int) -> Slot | None:
        return next((slot for slot in self.by_dimension.get(dimension, ()) if mask >> slot.element & 1), None)

    def load_mask(self, power_w: Decimal | Fraction | None, current_a: Decimal | None) -> int:
        """Return what applies at this power and current; bounds of what is not known are held to be met."""
        mask = self.mask if power_w is None else self.power.mask_at(power_w)
        return mask if current_a is None else mask & self.current.mask_at(current_a)


@lru_cache(maxsize=1024)
def plan_of(terms: Terms, priced: Priced) -> Plan:
    """Return the terms made ready to price a session or a reservation by."""
    kept = [(place, element) for place, element in enumerate(terms.elements) if _has_part(element, priced)]
    bits = [(1 << place, element.restrictions) for place, element in kept]
    slots = tuple(
        _slot(place, element.restrictions, component, terms.tax_basis)
        for place, element in _in_order(kept, priced)
        for component in element.components
    )
    power = _bands(bits, lambda one: (_thousand(one.min_power_kw), _thousand(one.max_power_kw)))
    current = _bands(bits, lambda one: (one.min_current_a, one.max_current_a))
    calendar = tuple((bit, restrictions) for bit, restrictions in bits if _looks_at_clock(restrictions))
    return Plan(
        terms=terms,
        slots=slots,
        mask=sum(bit for bit, _ in bits),
        energy=_bands(bits, lambda one: (_thousand(one.min_kwh), _thousand(one.max_kwh))),
        power=power,
        current=current,
        duration=_banded(bits, lambda one: (_seconds(one.min_duration_s), _seconds(one.max_duration_s))),
        calendar=calendar,
        walls=_walls(restrictions for _, restrictions in calendar),
        feed_ids=tuple(dict.fromkeys(slot.component.feed.feed_id for slot in slots if slot.component.feed)),
        is_by_load=bool(power.bounds or current.bounds),
        by_dimension={
            dimension: tuple(slot for slot in slots if slot.component.dimension is dimension) for dimension in Dimension
        },
    )


@lru_cache(maxsize=8192)
def calendar_of(plan: Plan, zone: str, day: date) -> tuple[tuple[datetime, int], ...]:
    """Return from which instants of a UTC day on which elements may apply by the clock of a site in the zone."""
    parts: list[tuple[datetime, int]] = []
    for at, shown in wall_cuts(zone, day, plan.walls):
        mask = plan.mask
        for bit, restrictions in plan.calendar:
            if not holds_at(restrictions, shown):
                mask &= ~bit
        if not parts or parts[-1][1] != mask:
            parts.append((at, mask))
    return tuple(parts)


def _has_part(element: Element, priced: Priced) -> bool:
    part = element.restrictions.reservation
    if priced is Priced.SESSION:
        return part is None
    return part is ReservationPart.RESERVATION or (part is not None and priced is Priced.EXPIRED)


def _in_order(kept: list[tuple[int, Element]], priced: Priced) -> list[tuple[int, Element]]:
    """Of an expired reservation, what is priced for that goes before what is priced for any (OCPI mod_tariffs)."""
    if priced is not Priced.EXPIRED:
        return kept
    return sorted(kept, key=lambda one: one[1].restrictions.reservation is not ReservationPart.RESERVATION_EXPIRES)


def _slot(place: int, restrictions: Restrictions, component: PriceComponent, basis: TaxBasis) -> Slot:
    taxes = () if basis is TaxBasis.NONE else component.taxes
    parts = list(_shares(taxes or ()))
    whole = lcm(*(part.denominator for part in parts)) if parts else 1
    shares = tuple(part.numerator * (whole // part.denominator) for part in parts)
    return Slot(
        element=place,
        restrictions=restrictions,
        component=component,
        taxes=taxes,
        shares=shares,
        whole=whole,
        gross=whole + sum(shares),
        is_gross=basis is TaxBasis.INCLUDED,
        grace=timedelta(seconds=component.grace_s),
    )


def _shares(taxes: tuple[Tax, ...]) -> Iterable[Fraction]:
    """Yield what part of the net amount each tax is; a compound one lies on those before it too."""
    together = Fraction(1)
    for tax in taxes:
        share = Fraction(tax.percent) / 100 * (together if tax.is_compound else 1)
        together += share
        yield share


def _bands(
    bits: list[tuple[int, Restrictions]],
    limits: Callable[[Restrictions], tuple[Decimal | None, Decimal | None]],
) -> Bands:
    bounds, masks = _banded(bits, limits)
    return Bands(bounds=bounds, masks=masks)


def _banded(
    bits: list[tuple[int, Restrictions]],
    limits: Callable[[Restrictions], tuple[Bound | None, Bound | None]],
) -> tuple[tuple[Bound, ...], tuple[int, ...]]:
    """Return the bounds in order, and what applies below the first, between each two and above the last."""
    limited = [(bit, limits(one)) for bit, one in bits]
    bounds: list[Bound] = sorted({bound for _, pair in limited for bound in pair if bound is not None})
    masks = [
        sum(
            bit
            for bit, (least, most) in limited
            if (least is None or bounds.index(least) < band) and (most is None or bounds.index(most) >= band)
        )
        for band in range(len(bounds) + 1)
    ]
    return tuple(bounds), tuple(masks)


def _thousand(value: Decimal | None) -> Decimal | None:
    return None if value is None else value.scaleb(3)


def _seconds(value: int | None) -> timedelta | None:
    return None if value is None else timedelta(seconds=value)


def _looks_at_clock(one: Restrictions) -> bool:
    limits = (one.start_time, one.end_time, one.start_date, one.end_date)
    return bool(one.days_of_week) or any(limit is not None for limit in limits)


def _walls(restrictions: Iterable[Restrictions]) -> tuple[timedelta, ...]:
    times = {limit for one in restrictions for limit in (one.start_time, one.end_time) if limit is not None}
    return tuple(sorted({timedelta(0), *map(_since_midnight, times)}))


def _since_midnight(wall: time) -> timedelta:
    return timedelta(hours=wall.hour, minutes=wall.minute, seconds=wall.second, microseconds=wall.microsecond)


def holds_at(one: Restrictions, shown: datetime) -> bool:
    """Return whether the restrictions of clock and calendar hold when the site's clock shows this."""
    today = shown.date()
    return (
        (one.start_date is None or one.start_date <= today)
        and (one.end_date is None or today < one.end_date)
        and (not one.days_of_week or _WEEKDAYS[today.weekday()] in one.days_of_week)
        and _is_between(one.start_time or time(0), one.end_time or time(0), shown.time())
    )


def _is_between(start: time, end: time, shown: time) -> bool:
    """Return whether a clock shows a time between; an end that is not after the start is on the next day."""
    return start <= shown < end if start < end else shown >= start or shown < end
