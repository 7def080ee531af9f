"""Runs added up: what each component counts in a session, with the rest that a step size rounds up to."""

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from ingufu.tariffs.cutting import PARTS_PER_WH, Exact, Run
from ingufu.tariffs.model import Dimension
from ingufu.tariffs.plan import Slot
from ingufu.tariffs.timeline import Phase

_US_PER_S = 1_000_000
_TIMES = (Dimension.TIME, Dimension.PARKING_TIME)


class Count(msgspec.Struct, kw_only=True, eq=False, gc=False):
    """What one component counts at one price: parts of energy, microseconds, or 1."""

    phase: Phase
    slot: Slot
    price: Decimal
    feed_price: Decimal | None = None
    measured: Exact = 0
    billed: Exact = 0
    from_us: Exact = 0
    until_us: Exact = 0


def counted(runs: Iterable[Run]) -> list[Count]:
    """Return what each component counts in a session or in a reservation, in the order of its beginning."""
    counts = _Counts()
    counts.take(runs)
    counts.round_up()
    return list(counts.by_component.values())


class _Counts:
    """What is counted of one session, or of one reservation; steps are taken of each by itself."""

    def __init__(self) -> None:
        self.by_component: dict[tuple[int, int, Decimal | None], Count] = {}
        self._last: dict[Dimension, Count] = {}
        self._last_timed: Dimension | None = None
        self._has_flat = False

    def take(self, runs: Iterable[Run]) -> None:
        """Count runs, oldest first."""
        for run in runs:
            choice, start, end = run.choice, run.start, run.end
            if choice.flat is not None and not self._has_flat:
                self._has_flat = True
                self._add(run, choice.flat, 1)
            if choice.energy is not None and end.energy != start.energy:
                self._add(run, choice.energy, end.energy - start.energy)
            if choice.time is not None and end.us != start.us:
                self._add(run, choice.time, end.us - start.us)

    def round_up(self) -> None:
        """Round up by the steps that count.

        Of a dimension the step of the component priced last counts, on the total of the dimension; what it adds is
        priced by that component. Charging and idle time are one family: only the one priced last is rounded up.
        Spec: OCPI 2.3.0 mod_cdrs, step_size.
        """
        for dimension in (Dimension.ENERGY, self._last_timed):
            last = None if dimension is None else self._last.get(dimension)
            if last is not None:
                step = last.slot.component.step_size
                last.billed += -self._total(last.slot.component.dimension) % (step * _unit(last.slot))

    def _add(self, run: Run, slot: Slot, amount: Exact) -> None:
        phase = run.moment.phase
        price, feed_price = _price_of(run, slot)
        key = (id(phase), id(slot), feed_price)
        count = self.by_component.get(key)
        if count is None:
            count = self.by_component[key] = Count(
                phase=phase, slot=slot, price=price, feed_price=feed_price, from_us=run.start.us
            )
        count.measured += amount
        count.until_us = run.start.us if slot is run.choice.flat else run.end.us
        dimension = slot.component.dimension
        if run.is_free and dimension is Dimension.PARKING_TIME:
            return
        count.billed += amount
        self._last[dimension] = count
        if dimension in _TIMES:
            self._last_timed = dimension

    def _total(self, dimension: Dimension) -> Exact:
        counts = self.by_component.values()
        total: Exact = 0
        for count in counts:
            if count.slot.component.dimension is dimension:
                total += count.billed
        return total


def _unit(slot: Slot) -> int:
    return PARTS_PER_WH if slot.component.dimension is Dimension.ENERGY else _US_PER_S


def _price_of(run: Run, slot: Slot) -> tuple[Decimal, Decimal | None]:
    """Return the price of a unit, and what the feed said if the component follows one that did."""
    component = slot.component
    feed = component.feed
    if feed is None:
        return component.price, None
    said = run.moment.feed_prices[run.moment.phase.plan.feed_ids.index(feed.feed_id)]
    price = component.price if said is None else component.price + feed.factor * said
    if feed.floor is not None:
        price = max(price, feed.floor)
    if feed.ceiling is not None:
        price = min(price, feed.ceiling)
    return price, said
