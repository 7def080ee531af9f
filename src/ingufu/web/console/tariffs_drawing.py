"""A week of a tariff as a picture: blocks, labels and their words, in parts of a hundred of whatever room it gets."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal

import msgspec
from babel.dates import format_date

from ingufu.tariffs.model import Dimension, Restrictions, Terms
from ingufu.web.console import formats
from ingufu.web.console.price_words import DASH, PriceWords, text
from ingufu.web.console.tariffs_week import DAY_S, DAYS, Feeds, Offer, Span, Week, monday_of, week_of

LEVELS = 7  # shades, from the lowest price to the highest
BANDS = (Dimension.TIME, Dimension.PARKING_TIME, Dimension.FLAT)
_AXIS = 7.0  # per cent of the width that the hours take
_HEAD = 9.0  # per cent of the height that the days' names take
_GAP = 0.5  # between two days
_BAND = 0.14  # of a day's width
_MOST_SAID = 6  # prices of one kind at one time; the terms have them all
_TALL = 4.0  # a block must be this high to hold a label


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """A rectangle. All in per cent; `kind` is the name of its look; `words` is what it says when pointed at."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    words: str
    label: str = ""
    short: str = ""  # the label where there is little room


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """A line across a day."""

    x: float
    y: float
    width: float
    kind: str
    words: str


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of the legend."""

    kind: str
    words: str


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the table that says the same."""

    days: str
    times: str
    prices: tuple[str, ...]


class Drawing(msgspec.Struct, frozen=True, kw_only=True):
    """The picture and its table."""

    days: tuple[tuple[float, str, str], ...]  # where, its name, its date
    hours: tuple[tuple[float, str], ...]
    lines: tuple[float, ...]  # across all days, at each of the hours
    blocks: tuple[Block, ...]
    bands: tuple[Block, ...]
    marks: tuple[Mark, ...]
    keys: tuple[Key, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...]
    left: float = _AXIS


def draw(  # everything of one picture
    terms: Terms,
    words: PriceWords,
    *,
    zone: tzinfo,
    at: datetime,
    now: datetime | None = None,
    feeds: Feeds | None = None,
) -> Drawing:
    """Return the week that holds the instant `at`, by the wall clock of `zone`; `now` is marked if it is in it."""
    week = week_of(terms, monday_of(at.astimezone(zone).date()), zone, feeds)
    pen = _Pen(week, terms, words)
    return Drawing(
        days=pen.heads(),
        hours=tuple((pen.y(hour * 3600), f"{hour:02d}:00") for hour in range(0, 25, 6)),
        lines=tuple(pen.y(hour * 3600) for hour in range(3, 24, 3)),
        blocks=tuple(pen.energy(span) for span in week.spans),
        bands=tuple(pen.bands()),
        marks=tuple(pen.marks(zone, now)),
        keys=tuple(pen.keys()),
        rows=tuple(pen.rows()),
        notes=tuple(pen.notes()),
    )


class _Pen:
    """Draws one week."""

    def __init__(self, week: Week, terms: Terms, words: PriceWords) -> None:
        self.week, self.currency, self.words = week, terms.currency, words
        self.levels = _levels(week.prices(Dimension.ENERGY))
        self.present = [dimension for dimension in BANDS if any(dimension in span.offers for span in week.spans)]
        self.width = (100 - _AXIS) / len(DAYS)
        self._offers: dict[Offer, str] = {}  # words that many spans share

    def x(self, day: int) -> float:
        return round(_AXIS + day * self.width, 3)

    def y(self, at_s: int) -> float:
        return round(_HEAD + (100 - _HEAD - 1) * at_s / DAY_S, 3)

    def heads(self) -> tuple[tuple[float, str, str], ...]:
        names = self.words.locale.days["format"]["abbreviated"]
        dates = [self.week.begins + timedelta(days=day) for day in range(len(DAYS))]
        middle = self.width / 2
        return tuple(
            (round(self.x(day) + middle, 3), names[day], format_date(date, "d MMM", locale=self.words.locale))
            for day, date in enumerate(dates)
        )

    def energy(self, span: Span) -> Block:
        offers = span.offers.get(Dimension.ENERGY, ())
        label, short = self._labels(span, offers)
        height = self.y(span.end_s) - self.y(span.start_s)
        room = self.width - _GAP - len(self.present) * _BAND * self.width
        return Block(
            x=self.x(span.day), y=self.y(span.start_s), width=round(room, 3), height=round(height, 3),
            kind=self._kind(span), words=self._said(span), label=label if height >= _TALL else "",
            short=short if height >= _TALL else "",
        )  # fmt: skip

    def bands(self) -> Iterable[Block]:
        for place, dimension in enumerate(self.present):
            for day, spans in enumerate(self.week.days()):
                x = self.x(day + 1) - _GAP - (len(self.present) - place) * _BAND * self.width
                for first, last in _runs(spans, dimension):
                    yield Block(
                        x=round(x + 0.1, 3), y=self.y(first.start_s), width=round(_BAND * self.width - 0.1, 3),
                        height=round(self.y(last.end_s) - self.y(first.start_s), 3),
                        kind=_name(dimension), words=self._said(first, last.end_s, (dimension,)),
                    )  # fmt: skip

    def marks(self, zone: tzinfo, now: datetime | None) -> Iterable[Mark]:
        for shift in self.week.shifts:
            yield Mark(x=self.x(shift.day), y=self.y(shift.at_s), width=self.width - _GAP, kind="shift",
                       words=self._shift(shift.day, shift.at_s, shift.by_s))  # fmt: skip
        if now is not None:
            local = now.astimezone(zone)
            day = (local.date() - self.week.begins).days
            if 0 <= day < len(DAYS):
                at_s = local.hour * 3600 + local.minute * 60
                yield Mark(x=self.x(day), y=self.y(at_s), width=self.width - _GAP, kind="now",
                           words=text(self.words.speech, "now"))  # fmt: skip

    def keys(self) -> Iterable[Key]:
        for price, level in self.levels.items() if len(self.levels) <= LEVELS else ():
            shown = formats.price(price, self.currency, self.words.locale)
            yield Key(kind=_shade(price, level), words=text(self.words.speech, "%(amount)s per kWh", amount=shown))
        for dimension in self.present:
            said = list(
                dict.fromkeys(
                    self._offer(offer) for span in self.week.spans for offer in span.offers.get(dimension, ())
                )
            )
            yield Key(kind=_name(dimension), words=f"{self.words.dimension(dimension)}: {'; '.join(said[:_MOST_SAID])}")

    def rows(self) -> Iterable[Row]:
        alike: list[tuple[list[int], list[Span]]] = []
        for day, spans in enumerate(self.week.days()):
            same = next((days for days, others in alike if _is_same(others, spans)), None)
            if same is None:
                alike.append(([day], spans))
            else:
                same.append(day)
        for days, spans in alike:
            named = self.words.days([DAYS[day] for day in days]) or text(self.words.speech, "every day")
            for span in spans:
                yield Row(days=named, times=_times(span.start_s, span.end_s), prices=tuple(self._prices(span)))

    def notes(self) -> Iterable[str]:
        for shift in self.week.shifts:
            yield self._shift(shift.day, shift.at_s, shift.by_s)
        if any(len(offers) > 1 for span in self.week.spans for offers in span.offers.values()):
            yield text(
                self.words.speech,
                "Coloured by the price with which a session begins; energy, power or time in the session change it.",
            )

    def _shift(self, day: int, at_s: int, by_s: int) -> str:
        date = format_date(self.week.begins + timedelta(days=day), "EEEE d MMMM", locale=self.words.locale)
        at, by = _clock(at_s), formats.duration(abs(by_s), self.words.locale)
        if by_s > 0:
            return text(
                self.words.speech, "Clocks go forward on %(day)s at %(time)s by %(span)s: that time is not there.",
                day=date, time=at, span=by,
            )  # fmt: skip
        return text(
            self.words.speech, "Clocks go back on %(day)s at %(time)s by %(span)s: that time is there twice.",
            day=date, time=at, span=by,
        )  # fmt: skip

    def _kind(self, span: Span) -> str:
        offer = span.first(Dimension.ENERGY)
        if offer is None:
            return "none" if Dimension.ENERGY not in span.offers else "later"
        return "feed" if offer.price is None else _shade(offer.price, self.levels.get(offer.price, 0))

    def _labels(self, span: Span, offers: Sequence[Offer]) -> tuple[str, str]:
        first = span.first(Dimension.ENERGY)
        if first is None or first.price is None:
            return ("", "") if not offers else ("?", "?")
        prices = sorted({offer.price for offer in offers if offer.price is not None})
        least, most = self.words.number(prices[0]), self.words.number(prices[-1])
        short = self.words.number(first.price)
        return (f"{least}{DASH}{most}", f"{short}\N{HORIZONTAL ELLIPSIS}") if len(prices) > 1 else (short, short)

    def _said(self, span: Span, end_s: int | None = None, dimensions: Sequence[Dimension] | None = None) -> str:
        name = self.words.locale.days["format"]["wide"][span.day]
        times = _times(span.start_s, span.end_s if end_s is None else end_s)
        return f"{name} {times}: " + "; ".join(self._prices(span, dimensions))

    def _prices(self, span: Span, dimensions: Sequence[Dimension] | None = None) -> Iterable[str]:
        for dimension in dimensions or (Dimension.ENERGY, *BANDS):
            offers = span.offers.get(dimension, ())
            if offers:
                said = "; ".join(self._offer(offer) for offer in offers[:_MOST_SAID])
                if len(offers) > _MOST_SAID:
                    said += "; " + text(self.words.speech, "%(count)s more", count=len(offers) - _MOST_SAID)
                yield f"{self.words.dimension(dimension)}: {said}"
            elif dimension is Dimension.ENERGY:
                yield text(self.words.speech, "Energy: no price")

    def _offer(self, offer: Offer) -> str:
        known = self._offers.get(offer)
        if known is None:
            known = self._offers[offer] = self._worded(offer)
        return known

    def _worded(self, offer: Offer) -> str:
        component = offer.component
        if component.feed is not None and offer.price is not None:
            component = msgspec.structs.replace(component, price=offer.price, feed=None)
        said = [self.words.amount(component, self.currency), self.words.grace(component.grace_s)]
        inside = self.words.restrictions(_of_session(offer.restrictions))
        conditions = f" ({', '.join(inside)})" if inside else ""
        return ", ".join(one for one in said if one) + conditions


def _of_session(it: Restrictions) -> Restrictions:
    """Return the restrictions without those of the calendar: what the picture shows by place need not be said."""
    return msgspec.structs.replace(
        it, start_time=None, end_time=None, start_date=None, end_date=None, days_of_week=(), reservation=None
    )


def _levels(prices: Sequence[Decimal]) -> dict[Decimal, int]:
    """Return a shade for each price: by rank while there are few, else by size."""
    above = [price for price in prices if price > 0]
    if not above:
        return dict.fromkeys(prices, 0)
    if len(above) <= LEVELS:
        spread = (LEVELS - 1) / max(1, len(above) - 1)
        shades = {price: 2 if len(above) == 1 else round(place * spread) for place, price in enumerate(above)}
    else:
        low, width = above[0], above[-1] - above[0]
        shades = {price: min(LEVELS - 1, int((price - low) / width * LEVELS)) for price in above}
    return {price: shades.get(price, 0) for price in prices}


def _shade(price: Decimal, level: int) -> str:
    return "free" if price <= 0 else f"price-{level}"


def _name(dimension: Dimension) -> str:
    return {Dimension.TIME: "time", Dimension.PARKING_TIME: "idle", Dimension.FLAT: "flat"}[dimension]


def _runs(spans: Sequence[Span], dimension: Dimension) -> Iterable[tuple[Span, Span]]:
    """Return the first and last of spans in a row with the same offers for a dimension, where it has any."""
    first: Span | None = None
    last: Span | None = None
    for span in spans:
        if first is not None and last is not None and span.offers.get(dimension) == first.offers.get(dimension):
            last = span
            continue
        if first is not None and last is not None and dimension in first.offers:
            yield first, last
        first = last = span
    if first is not None and last is not None and dimension in first.offers:
        yield first, last


def _is_same(one: Sequence[Span], other: Sequence[Span]) -> bool:
    return [(span.start_s, span.end_s, span.offers) for span in one] == [
        (span.start_s, span.end_s, span.offers) for span in other
    ]


def _times(start_s: int, end_s: int) -> str:
    return f"{_clock(start_s)}{DASH}{_clock(end_s)}"


def _clock(at_s: int) -> str:
    hours, left = divmod(at_s, 3600)
    seconds = f":{left % 60:02d}" if left % 60 else ""
    return f"{hours:02d}:{left // 60:02d}{seconds}"
