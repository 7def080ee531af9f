"""The editor's fields read as terms: what they say, or what is wrong with each and what to try. Pure."""

import re
from collections.abc import Callable, Mapping
from datetime import date, time
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from ingufu.core.errors import InvalidInput
from ingufu.core.money import decimals
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
from ingufu.web.console.price_words import Speech, text
from ingufu.web.console.tariffs_draft import BOUNDS, CHARGING, PRICES, SPANS, Draft

T = TypeVar("T")
_NUMBER = re.compile(r"-?(\d{1,12})(?:([.,])(\d{1,40}))?")
_SPAN = re.compile(r"(?:(\d{1,6})\s*h)?\s*(?:(\d{1,8})\s*min)?\s*(?:(\d{1,9})\s*s)?", re.IGNORECASE)
_THOUSANDS = 3
PLACES = 10  # digits after the point, at most
_BOUND_FIELDS = ("min_kwh", "max_kwh", "min_power_kw", "max_power_kw", "min_current_a", "max_current_a")
_RESERVABLE = frozenset({Dimension.FLAT, Dimension.TIME})
_PLACES = 6
MAX_SPAN_S = 366 * 86_400


class Read(msgspec.Struct, frozen=True, kw_only=True):
    """What the fields say. Terms are there if nothing is wrong."""

    terms: Terms | None = None
    seen: Terms | None = None  # what can be drawn of it while something is wrong; the same if nothing is
    problems: tuple[tuple[str, str], ...] = ()  # the field, and what is wrong with it


def read(draft: Draft, speech: Speech) -> Read:
    """Return the terms that the fields say; every field that is wrong with what to try."""
    return _Reader(draft, speech).read()


def read_json(source: str, speech: Speech) -> Read:
    """Return terms written as JSON; what is wrong with it otherwise."""
    try:
        terms = msgspec.json.decode(source.encode(), type=Terms)
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError) as error:
        said = text(speech, "This cannot be read as terms: %(error)s", error=str(error)[:300])
        return Read(problems=(("json", said),))
    return Read(terms=terms, seen=terms)


def json_of(terms: Terms) -> str:
    """Return terms as JSON, over several lines."""
    return msgspec.json.format(msgspec.json.encode(terms), indent=2).decode()


class Wrong(ValueError):
    """A field cannot be read; the text says what to try."""


class _Reader:
    def __init__(self, draft: Draft, speech: Speech) -> None:
        self.draft, self.speech = draft, speech
        self.problems: list[tuple[str, str]] = []
        self.taxes: dict[str, Tax] = {}

    def read(self) -> Read:
        currency = self._currency()
        basis = self._enum("basis", TaxBasis, TaxBasis.EXCLUDED)
        for name in self.draft.taxes:
            self.taxes[name] = self._tax(name)
        low, high = self._limit("min"), self._limit("max")
        elements = [self._element(f"r{name}") for name in self.draft.rules]
        if not elements:
            self._wrong("add-rule", text(self.speech, "Add a price rule: without one nothing has a price."))
        terms = Terms(currency=currency, elements=tuple(elements), tax_basis=basis, min_price=low, max_price=high)
        if self.problems:
            return Read(seen=terms, problems=tuple(self.problems))
        return Read(terms=terms, seen=terms)

    # ---- parts -----------------------------------------------------------------------------------------------------
    def _currency(self) -> str:
        typed = self.draft.text("currency").upper()
        try:
            decimals(typed)
        except InvalidInput:
            self._wrong("currency", text(self.speech, "Give the three letters of a currency, as in RWF, KES or EUR."))
        return typed

    def _tax(self, name: str) -> Tax:
        percent = self._number(f"tax-{name}-percent", low=Decimal(0), high=Decimal(1000))
        if percent is None and not self._is_wrong(f"tax-{name}-percent"):
            self._wrong(f"tax-{name}-percent", text(self.speech, "Enter the rate, 0 if it is 0 %, or remove this tax."))
        title = self.draft.text(f"tax-{name}-name")
        if not title:
            self._wrong(f"tax-{name}-name", text(self.speech, "Name the tax as the receipt shall call it."))
        return Tax(name=title, percent=percent or Decimal(0), is_compound=bool(self.draft.text(f"tax-{name}-on-top")))

    def _limit(self, name: str) -> PriceLimit | None:
        net = self._number(f"{name}-net", low=Decimal(0))
        gross = self._number(f"{name}-gross", low=Decimal(0))
        return None if net is None and gross is None else PriceLimit(before_taxes=net, after_taxes=gross)

    def _element(self, key: str) -> Element:
        restrictions = self._restrictions(key)
        components = [
            found
            for price, dimension in PRICES.items()
            if (found := self._component(f"{key}-{price}", dimension)) is not None
        ]
        if not components and not any(field.startswith(f"{key}-") for field, _ in self.problems):
            self._wrong(f"{key}-energy-price", text(self.speech, "Enter a price in this rule, or remove the rule."))
        if restrictions.reservation is not None:
            for price, dimension in PRICES.items():
                if dimension not in _RESERVABLE and self._is_used(f"{key}-{price}"):
                    said = text(self.speech, "A reservation can cost by time or once. Empty this price.")
                    self._wrong(f"{key}-{price}-price", said)
        self._check_dates(key, restrictions)
        return Element(components=tuple(components), restrictions=restrictions)

    def _component(self, key: str, dimension: Dimension) -> PriceComponent | None:
        price = self._number(f"{key}-price", places=_PLACES)
        feed = self._feed(key) if dimension is Dimension.ENERGY else None
        if price is None and feed is None:
            if self._is_used(key) and not self._is_wrong(f"{key}-price"):
                self._wrong(f"{key}-price", text(self.speech, "Enter the price, or empty what stands beside it."))
            return None
        is_taxed = bool(self.draft.text(f"{key}-taxed"))
        chosen = set(self.draft.texts(f"{key}-tax"))
        step = self._step(f"{key}-step", dimension)
        grace_s = self._span(f"{key}-grace") if dimension is Dimension.PARKING_TIME else None
        return PriceComponent(
            dimension=dimension,
            price=price if price is not None else Decimal(0),
            taxes=tuple(tax for name, tax in self.taxes.items() if name in chosen) if is_taxed else None,
            step_size=step or 1,
            grace_s=grace_s or 0,
            feed=feed,
        )

    def _feed(self, key: str) -> PriceFeed | None:
        feed_id = self.draft.text(f"{key}-feed")
        if not feed_id:
            return None
        factor = self._number(f"{key}-factor")
        floor, ceiling = self._number(f"{key}-floor"), self._number(f"{key}-ceiling")
        if floor is not None and ceiling is not None and ceiling < floor:
            self._wrong(f"{key}-ceiling", text(self.speech, "The most is below the least. Exchange them."))
        return PriceFeed(feed_id=feed_id, factor=Decimal(1) if factor is None else factor, floor=floor, ceiling=ceiling)

    def _restrictions(self, key: str) -> Restrictions:
        wanted = self.draft.text(f"{key}-for") or CHARGING
        part = None if wanted == CHARGING else self._enum(f"{key}-for", ReservationPart, ReservationPart.RESERVATION)
        days = self._read(f"{key}-day", lambda: tuple(Weekday(day) for day in self.draft.texts(f"{key}-day")))
        fields: dict[str, Any] = {
            field: self._number(f"{key}-{bound}", low=Decimal(0))
            for field, bound in zip(_BOUND_FIELDS, BOUNDS, strict=True)
        }
        least, most = (self._span(f"{key}-{bound}") for bound in SPANS)
        it = Restrictions(
            start_time=self._time(f"{key}-start"),
            end_time=self._time(f"{key}-end"),
            start_date=self._date(f"{key}-start-date"),
            end_date=self._date(f"{key}-end-date"),
            days_of_week=days or (),
            min_duration_s=least,
            max_duration_s=most,
            reservation=part,
            **fields,
        )
        for low, high, field in (
            *(
                (fields[_BOUND_FIELDS[place]], fields[_BOUND_FIELDS[place + 1]], BOUNDS[place + 1])
                for place in (0, 2, 4)
            ),
            (least, most, SPANS[1]),
        ):
            if low is not None and high is not None and high <= low:
                said = text(self.speech, "This is not above where the range begins, so the rule would never count.")
                self._wrong(f"{key}-{field}", said)
        return it

    def _check_dates(self, key: str, it: Restrictions) -> None:
        if it.start_date is not None and it.end_date is not None and it.end_date <= it.start_date:
            said = text(self.speech, "The last day is left out, so this must be after the first day.")
            self._wrong(f"{key}-end-date", said)
        if it.start_time is not None and it.start_time == it.end_time and it.start_time != time(0):
            said = text(self.speech, "Begin and end are the same. Empty both for the whole day.")
            self._wrong(f"{key}-end", said)

    # ---- one field -------------------------------------------------------------------------------------------------
    def _number(
        self, name: str, *, low: Decimal | None = None, high: Decimal | None = None, places: int | None = None
    ) -> Decimal | None:
        number = self._read(name, lambda: number_of(self.draft.text(name), self.speech))
        if number is None:
            return None
        if low is not None and number < low:
            self._wrong(name, text(self.speech, "This must be at least %(least)s.", least=low))
        if high is not None and number > high:
            self._wrong(name, text(self.speech, "This must be at most %(most)s.", most=high))
        exponent = number.as_tuple().exponent
        if places is not None and isinstance(exponent, int) and -exponent > places:
            self._wrong(name, text(self.speech, "Six digits after the point are the most."))
        return number

    def _span(self, name: str) -> int | None:
        return self._read(name, lambda: span_of(self.draft.text(name), self.speech))

    def _step(self, name: str, dimension: Dimension) -> int | None:
        if dimension is Dimension.FLAT:
            return None
        if dimension is not Dimension.ENERGY:
            return self._span(name)
        number = self._number(name, low=Decimal(1), high=Decimal(1_000_000))
        if number is not None and number != number.to_integral_value():
            self._wrong(name, text(self.speech, "A step is a whole number of Wh."))
            return None
        return None if number is None else int(number)

    def _time(self, name: str) -> time | None:
        def parse() -> time | None:
            typed = self.draft.text(name)
            if typed in {"24:00", "24"}:
                return time(0)
            try:
                return time.fromisoformat(typed) if typed else None
            except ValueError as error:
                raise Wrong(text(self.speech, "Write the time as hours and minutes, as in 18:30.")) from error

        return self._read(name, parse)

    def _date(self, name: str) -> date | None:
        def parse() -> date | None:
            typed = self.draft.text(name)
            try:
                return date.fromisoformat(typed) if typed else None
            except ValueError as error:
                raise Wrong(text(self.speech, "Write the date as year, month and day, as in 2026-12-31.")) from error

        return self._read(name, parse)

    def _enum(self, name: str, kind: Callable[[str], T], default: T) -> T:
        typed = self.draft.text(name)
        return (self._read(name, lambda: kind(typed)) or default) if typed else default

    def _read(self, name: str, parse: Callable[[], T]) -> T | None:
        try:
            return parse()
        except Wrong as wrong:
            self._wrong(name, str(wrong))
        except ValueError:
            self._wrong(name, text(self.speech, "Choose one of what is offered."))
        return None

    def _is_used(self, key: str) -> bool:
        """Whether something stands in the fields of a price, taxes aside."""
        return any(self.draft.text(f"{key}-{field}") for field in ("price", "step", "grace", "feed"))

    def _is_wrong(self, name: str) -> bool:
        return any(field == name for field, _ in self.problems)

    def _wrong(self, name: str, said: str) -> None:
        if not self._is_wrong(name):
            self.problems.append((name, said))


def number_of(typed: str, speech: Speech, *, places: int = PLACES) -> Decimal | None:
    """Return a number as people write it, with a point or a comma. Raises `Wrong` where it could mean two things."""
    squeezed = typed.replace("\u00a0", "").replace("\u202f", "").replace(" ", "")
    if not squeezed:
        return None
    found = _NUMBER.fullmatch(squeezed)
    if found is None or len(found[3] or "") > places:
        raise Wrong(text(speech, "Write a plain number, as in 1250 or 0.25."))
    whole, sign, rest = found.groups()
    if sign == "," and len(rest) == _THOUSANDS and whole.strip("0"):
        thousand, fraction = f"{whole}{rest}", f"{whole}.{rest}"
        raise Wrong(text(speech, "Is that %(first)s or %(second)s? Write it so.", first=thousand, second=fraction))
    return Decimal(squeezed.replace(",", "."))


def span_of(typed: str, speech: Speech) -> int | None:
    """Return seconds of a time as people write it: minutes if it has no unit, else as in 1 h 30 min or 45 s."""
    if not typed:
        return None
    found = _SPAN.fullmatch(f"{typed} min" if typed.isdecimal() else typed)
    if found is None or not any(found.groups()):
        raise Wrong(text(speech, "Write minutes, as in 90, or with units, as in 1 h 30 min or 45 s."))
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    total_s = hours * 3600 + minutes * 60 + seconds
    if total_s > MAX_SPAN_S:
        raise Wrong(text(speech, "A year is the most."))
    return total_s


def place_of(field: str, draft: Draft) -> int | None:
    """Return which element of the terms a field is of, from 0; None if it is of none."""
    found: Mapping[str, int] = {f"r{name}": place for place, name in enumerate(draft.rules)}
    return found.get(field.partition("-")[0])
