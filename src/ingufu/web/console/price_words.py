"""The words for prices: what a component costs, when it counts, why a line is on a bill; in the reader's language."""

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import date, time
from decimal import Decimal
from typing import NamedTuple

from babel import Locale
from babel.lists import format_list
from babel.numbers import format_decimal

from ingufu.tariffs.model import (
    Dimension,
    Element,
    PriceComponent,
    PriceFeed,
    PriceLimit,
    ReservationPart,
    Restrictions,
    Tax,
    TaxBasis,
    Terms,
    Weekday,
)
from ingufu.tariffs.priced import Limited, LimitKind, Line
from ingufu.web.console import formats

DASH = "\N{EN DASH}"
TIMES = "\N{MULTIPLICATION SIGN}"
_DAYS = tuple(Weekday)
_RUN = 3  # so many days in a row are told by the first and the last
_HOUR_S = 3600
_FIGURE = re.compile(r"\d(?:[\d.,\s]*\d)?")  # in an amount of money: digits with what groups them


class Speech(NamedTuple):
    """A language: its texts and how it writes numbers."""

    translate: Callable[[str], str]
    locale: Locale


def text(speech: Speech, message: str, **values: object) -> str:
    """Return a text of ours in the language of `speech`, with its places filled in."""
    translated = speech.translate(message)
    return translated % values if values else translated


class PriceWords:
    """Says in one language what terms and lines mean. Nothing here is escaped: it is text, for templates to escape."""

    def __init__(self, speech: Speech) -> None:
        self.speech = speech
        self.locale = speech.locale

    # ---- names -----------------------------------------------------------------------------------------------------
    def dimension(self, dimension: Dimension, reservation: ReservationPart | None = None) -> str:
        """Return what is paid for: energy, time, idle time, the start, or a reservation."""
        if reservation is not None:
            return self._reserved(dimension, reservation)
        names = {
            Dimension.ENERGY: text(self.speech, "Energy"),
            Dimension.TIME: text(self.speech, "Charging time"),
            Dimension.PARKING_TIME: text(self.speech, "Idle time"),
            Dimension.FLAT: text(self.speech, "Start fee"),
        }
        return names[dimension]

    def _reserved(self, dimension: Dimension, part: ReservationPart) -> str:
        if part is ReservationPart.RESERVATION_EXPIRES:
            if dimension is Dimension.FLAT:
                return text(self.speech, "Fee for a reservation that was not used")
            return text(self.speech, "Reserved time that was not used")
        if dimension is Dimension.FLAT:
            return text(self.speech, "Reservation fee")
        return text(self.speech, "Reserved time")

    def tax(self, tax: Tax) -> str:
        """Return a tax with its rate: "VAT 18 %"."""
        rate = formats.percent(tax.percent / 100, self.locale, _places(tax.percent))
        words = f"{tax.name} {rate}"
        return text(self.speech, "%(tax)s on top of the taxes before it", tax=words) if tax.is_compound else words

    def taxes(self, taxes: Sequence[Tax] | None, basis: TaxBasis) -> str:
        """Return what a price says of its taxes."""
        if basis is TaxBasis.NONE:
            return text(self.speech, "no tax applies")
        if taxes is None:
            return text(self.speech, "tax not stated")
        if not taxes:
            return text(self.speech, "without tax")
        listed = self._and(self.tax(one) for one in taxes)
        if basis is TaxBasis.INCLUDED:
            return text(self.speech, "%(taxes)s included", taxes=listed)
        return text(self.speech, "plus %(taxes)s", taxes=listed)

    # ---- when ------------------------------------------------------------------------------------------------------
    def when(self, restrictions: Restrictions) -> str:
        """Return when a price counts, in one line; "always" where nothing restricts it."""
        said = self.restrictions(restrictions)
        return ", ".join(said) if said else text(self.speech, "always")

    def restrictions(self, it: Restrictions) -> list[str]:
        """Return one phrase for each thing that restricts a price."""
        phrases = [
            self._reservation(it.reservation),
            self.days(it.days_of_week),
            self._times(it.start_time, it.end_time),
            self._dates(it.start_date, it.end_date),
            self._range(it.min_kwh, it.max_kwh, "kWh", text(self.speech, "in the session")),
            self._range(it.min_power_kw, it.max_power_kw, "kW", text(self.speech, "of power")),
            self._range(it.min_current_a, it.max_current_a, "A", text(self.speech, "of current")),
            self._durations(it.min_duration_s, it.max_duration_s),
        ]
        return [phrase for phrase in phrases if phrase]

    def days(self, days: Sequence[Weekday]) -> str:
        """Return days of the week; three and more in a row by the first and the last."""
        names = self.locale.days["format"]["abbreviated"]
        chosen = sorted({_DAYS.index(day) for day in days})
        if not chosen or len(chosen) == len(_DAYS):
            return ""
        runs: list[list[int]] = []
        for place in chosen:
            if runs and runs[-1][-1] == place - 1:
                runs[-1].append(place)
            else:
                runs.append([place])
        said: list[str] = []
        for run in runs:
            is_long = len(run) >= _RUN
            said += [f"{names[run[0]]}{DASH}{names[run[-1]]}"] if is_long else [names[one] for one in run]
        return ", ".join(said)

    def _times(self, start: time | None, end: time | None) -> str:
        if start is None and end is None:
            return ""
        last = "24:00" if end in {None, time(0)} else f"{end:%H:%M}"
        return f"{start or time(0):%H:%M}{DASH}{last}"

    def _dates(self, start: date | None, end: date | None) -> str:
        if start is not None and end is not None:
            return text(
                self.speech, "from %(start)s until before %(end)s", start=self._date(start), end=self._date(end)
            )
        if start is not None:
            return text(self.speech, "from %(start)s", start=self._date(start))
        return text(self.speech, "until before %(end)s", end=self._date(end)) if end is not None else ""

    def _date(self, day: date) -> str:
        return formats.day(day, self.locale)

    def _range(self, low: Decimal | None, high: Decimal | None, unit: str, of_what: str) -> str:
        if low is not None and high is not None:
            span = f"{self.number(low)}{DASH}{self.number(high)}{formats.NO_BREAK}{unit}"
            return f"{span} {of_what}"
        if low is not None:
            amount = f"{self.number(low)}{formats.NO_BREAK}{unit}"
            return text(self.speech, "from %(amount)s %(of_what)s", amount=amount, of_what=of_what)
        if high is not None:
            amount = f"{self.number(high)}{formats.NO_BREAK}{unit}"
            return text(self.speech, "below %(amount)s %(of_what)s", amount=amount, of_what=of_what)
        return ""

    def _durations(self, low_s: int | None, high_s: int | None) -> str:
        low = formats.duration(low_s, self.locale)
        high = formats.duration(high_s, self.locale)
        if low_s is not None and high_s is not None:
            return text(self.speech, "from %(low)s until %(high)s after the start", low=low, high=high)
        if low_s is not None:
            return text(self.speech, "from %(low)s after the start", low=low)
        return text(self.speech, "in the first %(high)s", high=high) if high_s is not None else ""

    def _reservation(self, part: ReservationPart | None) -> str:
        if part is None:
            return ""
        if part is ReservationPart.RESERVATION:
            return text(self.speech, "while a place is reserved")
        return text(self.speech, "when a reservation is not used")

    # ---- what it costs ---------------------------------------------------------------------------------------------
    def amount(self, component: PriceComponent, currency: str) -> str:
        """Return a price with what it is for: "RWF 250 per kWh", "RWF 1,500 per hour"."""
        if component.feed is not None:
            return self._by_feed(component.feed, component.price, currency)
        return self._per(component.dimension, formats.price(component.price, currency, self.locale))

    def component(self, component: PriceComponent, currency: str, reservation: ReservationPart | None = None) -> str:
        """Return what a component costs, with its name, grace and step: "Idle time RWF 1,500 per hour after 10 min"."""
        said = f"{self.dimension(component.dimension, reservation)}: {self.amount(component, currency)}"
        more = [self.grace(component.grace_s), self.step(component.dimension, component.step_size)]
        return ", ".join([said, *(one for one in more if one)])

    def grace(self, grace_s: int) -> str:
        """Return the free time before idle time costs; empty if there is none."""
        if not grace_s:
            return ""
        return text(self.speech, "the first %(time)s free", time=formats.duration(grace_s, self.locale))

    def step(self, dimension: Dimension, step_size: int) -> str:
        """Return what the total is rounded up to; empty if it is billed as it is."""
        if step_size <= 1 or dimension is Dimension.FLAT:
            return ""
        if dimension is Dimension.ENERGY:
            step = f"{self.number(Decimal(step_size))}{formats.NO_BREAK}Wh"
        else:
            step = formats.duration(step_size, self.locale)
        return text(self.speech, "rounded up to the next %(step)s", step=step)

    def limit(self, limit: PriceLimit, currency: str) -> str:
        """Return a least or highest price, before and with taxes as far as it is set."""
        net, gross = limit.before_taxes, limit.after_taxes
        said = [
            text(self.speech, "%(amount)s before taxes", amount=formats.money(net, currency, self.locale))
            if net is not None
            else "",
            text(self.speech, "%(amount)s with taxes", amount=formats.money(gross, currency, self.locale))
            if gross is not None
            else "",
        ]
        return ", ".join(one for one in said if one)

    def summary(self, terms: Terms) -> str:
        """Return what terms cost in one line: the range of each dimension, as a list of tariffs shows it."""
        said: list[str] = []
        for dimension in (Dimension.ENERGY, Dimension.TIME, Dimension.FLAT, Dimension.PARKING_TIME):
            found = [
                component
                for element in terms.elements
                if element.restrictions.reservation is None
                for component in element.components
                if component.dimension is dimension
            ]
            if found:
                said.append(self._range_of(dimension, found, terms.currency))
        if any(element.restrictions.reservation is not None for element in terms.elements):
            said.append(text(self.speech, "reservations cost"))
        said = [one for one in said if one]
        return " + ".join(said) if said else text(self.speech, "free")

    def element(self, element: Element, currency: str) -> list[str]:
        """Return the components of an element, one phrase each."""
        part = element.restrictions.reservation
        return [self.component(one, currency, part) for one in element.components]

    # ---- lines of a price ------------------------------------------------------------------------------------------
    def line(self, line: Line) -> str:
        """Return what a line of a price is for."""
        return self.dimension(line.dimension, line.reservation)

    def quantity(self, line: Line) -> str:
        """Return how much is billed, with its unit."""
        return self._much(line, line.quantity)

    def unit_price(self, line: Line, currency: str) -> str:
        """Return the price of one unit of a line."""
        return self._per(line.dimension, formats.price(line.unit_price, currency, self.locale))

    def reasons(self, line: Line) -> list[str]:
        """Return why a line costs what it does: when its price counts, its grace, and what its step added."""
        part = Restrictions() if line.reservation is None else Restrictions(reservation=line.reservation)
        said = [phrase for phrase in self.restrictions(line.restrictions) if phrase not in self.restrictions(part)]
        if line.dimension is Dimension.PARKING_TIME and line.grace_s:
            said.append(self.grace(line.grace_s))
        if line.quantity > line.measured and line.dimension is not Dimension.FLAT:
            step = self.step(line.dimension, line.step_size)
            measured = self._much(line, line.measured)
            said.append(
                text(self.speech, "%(measured)s measured, %(step)s", measured=measured, step=step) if step else ""
            )
        return [one for one in said if one]

    def limited(self, limited: Limited, currency: str) -> str:
        """Return what a least or highest price did to the total."""
        before = formats.money(limited.before, currency, self.locale)
        after = formats.money(limited.after, currency, self.locale)
        if limited.kind is LimitKind.MIN_PRICE:
            if limited.is_net:
                return text(
                    self.speech,
                    "Raised to the least price before taxes: from %(before)s to %(after)s",
                    before=before,
                    after=after,
                )
            return text(
                self.speech, "Raised to the least price: from %(before)s to %(after)s", before=before, after=after
            )
        if limited.is_net:
            return text(
                self.speech,
                "Cut to the highest price before taxes: from %(before)s to %(after)s",
                before=before,
                after=after,
            )
        return text(self.speech, "Cut to the highest price: from %(before)s to %(after)s", before=before, after=after)

    # ---- pieces ----------------------------------------------------------------------------------------------------
    def number(self, number: Decimal) -> str:
        """Return a number with the digits that it has, up to six."""
        return format_decimal(number, "#,##0.######", locale=self.locale)

    def _much(self, line: Line, quantity: Decimal) -> str:
        if line.dimension is Dimension.FLAT:
            return f"{self.number(quantity)}{formats.NO_BREAK}{TIMES}"
        if line.dimension is Dimension.ENERGY:
            return f"{format_decimal(quantity, '#,##0.###', locale=self.locale)}{formats.NO_BREAK}kWh"
        return _span(quantity, self.locale)

    def _per(self, dimension: Dimension, amount: str) -> str:
        if dimension is Dimension.ENERGY:
            return text(self.speech, "%(amount)s per kWh", amount=amount)
        if dimension is Dimension.FLAT:
            return text(self.speech, "%(amount)s once", amount=amount)
        return text(self.speech, "%(amount)s per hour", amount=amount)

    def _by_feed(self, feed: PriceFeed, markup: Decimal, currency: str) -> str:
        said = text(self.speech, "price of the feed")
        if feed.factor != 1:
            said = f"{self.number(feed.factor)} {TIMES} {said}"
        if markup:
            said = f"{said} + {formats.price(markup, currency, self.locale)}"
        said = text(self.speech, "%(amount)s per kWh", amount=said)
        if feed.floor is not None:
            said += ", " + text(
                self.speech, "at least %(amount)s", amount=formats.price(feed.floor, currency, self.locale)
            )
        if feed.ceiling is not None:
            said += ", " + text(
                self.speech, "at most %(amount)s", amount=formats.price(feed.ceiling, currency, self.locale)
            )
        return said

    def _range_of(self, dimension: Dimension, found: Sequence[PriceComponent], currency: str) -> str:
        if any(one.feed is not None for one in found):
            return text(self.speech, "energy by a price feed")
        low, high = min(one.price for one in found), max(one.price for one in found)
        if not high:
            return ""
        amount = formats.price(high, currency, self.locale)
        if low != high:
            first = _FIGURE.search(formats.price(low, currency, self.locale))
            amount = _FIGURE.sub(lambda last: f"{first[0] if first else low}{DASH}{last[0]}", amount, count=1)
        said = self._per(dimension, amount)
        if dimension is Dimension.TIME:
            return text(self.speech, "%(amount)s charging", amount=said)
        if dimension is Dimension.PARKING_TIME:
            said = text(self.speech, "%(amount)s idle", amount=said)
            graces = {one.grace_s for one in found if one.price}
            if len(graces) == 1 and (grace_s := graces.pop()):
                return text(
                    self.speech, "%(amount)s after %(time)s", amount=said, time=formats.duration(grace_s, self.locale)
                )
        return said

    def _and(self, said: Iterable[str]) -> str:
        return format_list(list(said), locale=self.locale)


def _span(hours: Decimal, locale: Locale) -> str:
    """Return hours as hours, minutes and seconds: what is billed by the second is told by the second."""
    total_s = int((hours * _HOUR_S).to_integral_value())
    whole, left = divmod(total_s, _HOUR_S)
    minutes, seconds = divmod(left, 60)
    parts = ((whole, "h"), (minutes, "min"), (seconds, "s"))
    said = [f"{format_decimal(size, locale=locale)}{formats.NO_BREAK}{unit}" for size, unit in parts if size]
    return " ".join(said) or f"0{formats.NO_BREAK}min"


def _places(percent: Decimal) -> int:
    exponent = percent.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
