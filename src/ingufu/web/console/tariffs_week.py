"""A tariff laid over a week of wall clock time: which price counts when, for a session that begins then. Pure."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from itertools import pairwise

import msgspec

from ingufu.tariffs.model import Dimension, Element, FeedPrice, PriceComponent, Restrictions, Terms, Weekday

DAYS = tuple(Weekday)
DAY_S = 86_400
_MOST_CUTS = 200  # of one day: a feed that changes more often is drawn by the hour
_HOUR_S = 3600
_QUARTER_S = 900  # clocks change at a quarter of an hour, everywhere

Feeds = Mapping[str, Sequence[FeedPrice]]


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """A component that may count at some time of the week; further restrictions are those of the session itself."""

    element: int
    component: PriceComponent
    restrictions: Restrictions
    price: Decimal | None  # None: by a feed that says nothing about then

    @property
    def is_sure(self) -> bool:
        """Whether nothing of the session can make another component count."""
        return not depends_on_session(self.restrictions)


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of one day in which the same offers stand. Seconds of wall clock time since midnight."""

    day: int  # 0 is the week's first
    start_s: int
    end_s: int
    offers: dict[Dimension, tuple[Offer, ...]]

    def first(self, dimension: Dimension) -> Offer | None:
        """Return what counts when a session begins: the first offer that is for 0 kWh and 0 s."""
        for offer in self.offers.get(dimension, ()):
            if _holds_at_start(offer.restrictions):
                return offer
        return None


class Shift(msgspec.Struct, frozen=True, kw_only=True):
    """That clocks are changed: at this time of day by so many seconds, forward or (negative) back."""

    day: int
    at_s: int
    by_s: int


class Week(msgspec.Struct, frozen=True, kw_only=True):
    """Seven days of a tariff."""

    begins: date
    spans: tuple[Span, ...]
    shifts: tuple[Shift, ...] = ()

    def days(self) -> list[list[Span]]:
        """Return the spans of each day."""
        return [[span for span in self.spans if span.day == day] for day in range(len(DAYS))]

    def prices(self, dimension: Dimension) -> list[Decimal]:
        """Return the different prices that count when sessions begin, the lowest first."""
        found = {offer.price for span in self.spans if (offer := span.first(dimension)) and offer.price is not None}
        return sorted(found)


def week_of(terms: Terms, begins: date, zone: tzinfo, feeds: Feeds | None = None) -> Week:
    """Return the seven days from `begins` on as terms price them, by the wall clock of a zone."""
    elements = [(place, one) for place, one in enumerate(terms.elements) if one.restrictions.reservation is None]
    known = {name: sorted(prices, key=lambda one: one.from_at) for name, prices in (feeds or {}).items()}
    spans: list[Span] = []
    for day in range(len(DAYS)):
        here = begins + timedelta(days=day)
        cuts = _cuts((element for _, element in elements), here, zone, known)
        for start_s, end_s in pairwise(cuts):
            offers = _offers(elements, here, start_s, zone, known)
            last = spans[-1] if spans else None
            if last is not None and last.day == day and last.offers == offers:
                spans[-1] = msgspec.structs.replace(last, end_s=end_s)
            else:
                spans.append(Span(day=day, start_s=start_s, end_s=end_s, offers=offers))
    return Week(begins=begins, spans=tuple(spans), shifts=_shifts(begins, zone))


def monday_of(day: date) -> date:
    """Return the first day of the week that a day is in."""
    return day - timedelta(days=day.weekday())


def instant_of(day: date, at_s: int, zone: tzinfo) -> datetime:
    """Return the instant of a wall clock time; the first of two where clocks go back."""
    return (datetime.combine(day, time(0)) + timedelta(seconds=at_s)).replace(tzinfo=zone)


def depends_on_session(it: Restrictions) -> bool:
    """Return whether something of the session, not of the calendar, decides whether they hold."""
    bounds = (it.min_kwh, it.max_kwh, it.min_current_a, it.max_current_a, it.min_power_kw, it.max_power_kw,
              it.min_duration_s, it.max_duration_s)  # fmt: skip
    return any(bound is not None for bound in bounds)


def holds_on(it: Restrictions, day: date, at_s: int) -> bool:
    """Return whether the restrictions of the calendar hold at a wall clock time."""
    if it.days_of_week and DAYS[day.weekday()] not in it.days_of_week:
        return False
    if it.start_date is not None and day < it.start_date:
        return False
    if it.end_date is not None and day >= it.end_date:
        return False
    return _holds_by_clock(it.start_time, it.end_time, at_s)


def price_of(component: PriceComponent, at: datetime, feeds: Feeds) -> Decimal | None:
    """Return what a unit costs at an instant, by its feed (oldest first); None if that says nothing of then."""
    feed = component.feed
    if feed is None:
        return component.price
    told = feeds.get(feed.feed_id, ())
    place = bisect_right(told, at, key=lambda one: one.from_at)
    if not place:
        return None
    price = component.price + feed.factor * told[place - 1].price
    if feed.floor is not None:
        price = max(price, feed.floor)
    return min(price, feed.ceiling) if feed.ceiling is not None else price


def _holds_by_clock(start: time | None, end: time | None, at_s: int) -> bool:
    if start is None and end is None:
        return True
    start_s = 0 if start is None else _seconds(start)
    end_s = DAY_S if end is None or _seconds(end) == 0 else _seconds(end)
    if end_s < start_s:
        return at_s >= start_s or at_s < end_s
    return start_s <= at_s < end_s


def _holds_at_start(it: Restrictions) -> bool:
    """Whether a session that begins is within the bounds of energy and duration; its power is not known then."""
    return not it.min_kwh and not it.min_duration_s and it.max_kwh != 0 and it.max_duration_s != 0


def _offers(
    elements: Sequence[tuple[int, Element]], day: date, at_s: int, zone: tzinfo, feeds: Feeds
) -> dict[Dimension, tuple[Offer, ...]]:
    found: dict[Dimension, list[Offer]] = {}
    settled: set[Dimension] = set()
    for place, element in elements:
        if not holds_on(element.restrictions, day, at_s):
            continue
        for component in element.components:
            dimension = component.dimension
            if dimension in settled or any(one.element == place for one in found.get(dimension, ())):
                continue
            price = price_of(component, instant_of(day, at_s, zone), feeds)
            offer = Offer(element=place, component=component, restrictions=element.restrictions, price=price)
            found.setdefault(dimension, []).append(offer)
            if offer.is_sure:
                settled.add(dimension)
    return {dimension: tuple(offers) for dimension, offers in found.items()}


def _cuts(elements: Iterable[Element], day: date, zone: tzinfo, feeds: Feeds) -> list[int]:
    """Return the seconds of a day at which something may change, from midnight to midnight."""
    cuts = {0, DAY_S}
    used: set[str] = set()
    for element in elements:
        for bound in (element.restrictions.start_time, element.restrictions.end_time):
            if bound is not None:
                cuts.add(_seconds(bound))
        used.update(one.feed.feed_id for one in element.components if one.feed is not None)
    told = {
        _seconds(local.time())
        for name in used
        for one in feeds.get(name, ())
        if (local := one.from_at.astimezone(zone)).date() == day
    }
    cuts |= told if len(told) <= _MOST_CUTS else set(range(0, DAY_S, _HOUR_S))
    return sorted(cuts)


def _shifts(begins: date, zone: tzinfo) -> tuple[Shift, ...]:
    """Return when clocks are changed in the week, by the wall clock before the change."""
    found: list[Shift] = []
    at = instant_of(begins, 0, zone).astimezone(UTC)
    end = instant_of(begins + timedelta(days=len(DAYS)), 0, zone).astimezone(UTC)
    while at < end:
        after = at + timedelta(seconds=_QUARTER_S)
        by = _offset(after, zone) - _offset(at, zone)
        if by:
            local = at.astimezone(zone).replace(tzinfo=None) + timedelta(seconds=_QUARTER_S)
            day = (local.date() - begins).days
            found.append(Shift(day=day, at_s=_seconds(local.time()), by_s=int(by.total_seconds())))
        at = after
    return tuple(found)


def _offset(at: datetime, zone: tzinfo) -> timedelta:
    return at.astimezone(zone).utcoffset() or timedelta()


def _seconds(at: time) -> int:
    return at.hour * _HOUR_S + at.minute * 60 + at.second
