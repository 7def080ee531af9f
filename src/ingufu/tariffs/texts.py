"""What a tariff costs in plain words, for displays and messages: in English, French, Kinyarwanda and Swahili.

A text is at most 512 characters (OCPP MessageContent of 2.0.1; personalMessage). Displays with few letters get ASCII.
"""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

from babel import Locale
from babel.numbers import format_decimal

from ingufu.core.money import decimals
from ingufu.tariffs.model import (
    Dimension,
    Element,
    PriceComponent,
    PriceLimit,
    ReservationPart,
    Restrictions,
    Tariff,
    Tax,
    TaxBasis,
    Terms,
    Weekday,
)
from ingufu.tariffs.words import DAYS, TAX_NAMES, WORDS

TEXT_MAX = 512
LANGUAGES = ("en", "fr", "rw", "sw")
_PLACES = 6  # of a price at most
_HOUR = 60


def text_of(tariff: Tariff, terms: Terms, language: str, *, is_ascii: bool = False, limit: int = TEXT_MAX) -> str:
    """Return what to show of a tariff: the operator's own text of that language, or one made of the terms."""
    own = tariff.texts.get(language) or tariff.texts.get(language[:2])
    if own is None:
        return text(terms, language, is_ascii=is_ascii, limit=limit)
    return _cut([ascii_of(own) if is_ascii else own], limit)


def text(terms: Terms, language: str, *, is_ascii: bool = False, limit: int = TEXT_MAX) -> str:
    """Return what the terms cost, for instance “250 RWF/kWh; idle 20 RWF/min after 10 min; incl. VAT 18%”.

    A language that is none of `LANGUAGES` is English. What does not fit is left out from the end, and dots say so.
    """
    saying = _Saying(terms, language[:2].lower() if language[:2].lower() in WORDS else "en")
    parts = saying.parts()
    return _cut([ascii_of(part) for part in parts] if is_ascii else parts, limit)


def texts(tariff: Tariff, terms: Terms, languages: Iterable[str] = LANGUAGES) -> dict[str, str]:
    """Return what to show of a tariff in each language."""
    return {language: text_of(tariff, terms, language) for language in languages}


def ascii_of(given: str) -> str:
    """Return the text in ASCII: letters without their marks, plain spaces, quotes and dashes."""
    plain = given.translate(_PLAIN)
    folded = unicodedata.normalize("NFKD", plain)
    return "".join(sign for sign in folded if sign.isascii() and sign.isprintable())


_PLAIN = str.maketrans(
    {"\u2019": "'", "\u2018": "'", "\u201c": '"', "\u201d": '"', "\u2013": "-", "\u2014": "-", "\u2026": "..."}
    | {"\u00a0": " ", "\u202f": " ", "\u20ac": "EUR"}
)


def _cut(parts: Sequence[str], limit: int) -> str:
    found = "; ".join(parts)
    if len(found) <= limit:
        return found
    kept = list(parts)
    while len(kept) > 1 and len("; ".join(kept)) + 5 > limit:
        kept.pop()
    short = "; ".join(kept)
    return f"{short}; ..." if len(short) + 5 <= limit else f"{short[: limit - 3]}..."


class _Saying:
    """Says the terms of one tariff in one language."""

    def __init__(self, terms: Terms, language: str) -> None:
        self._terms = terms
        self._language = language
        self._words = WORDS[language]
        self._locale = Locale.parse(self._words.locale)

    def parts(self) -> list[str]:
        """Return the phrases, the most important first."""
        elements = self._terms.elements
        seen: dict[Dimension, bool] = {}  # whether something else prices it at other times
        found: list[str] = []
        for one in elements:
            if one.restrictions.reservation is None:
                found.extend(self._charging(one, seen))
        for part, words in (
            (ReservationPart.RESERVATION, self._words.reserved),
            (ReservationPart.RESERVATION_EXPIRES, self._words.missed),
        ):
            reserved = [one for one in elements if one.restrictions.reservation is part]
            found.extend(words.format(prices=self._element(one, one.components, "")) for one in reserved)
        found += self._limits()
        return [*found, *self._taxes()]

    def _charging(self, element: Element, seen: dict[Dimension, bool]) -> Iterator[str]:
        """Say an element. What an unrestricted one before it prices already never comes to it, and is not said."""
        reached = [one for one in element.components if seen.get(one.dimension, True)]
        is_restricted = element.restrictions != Restrictions()
        later = [one for one in reached if one.dimension in seen]
        anew = [one for one in reached if one.dimension not in seen]
        seen.update({one.dimension: is_restricted for one in reached})
        groups = [(reached, "")] if is_restricted else [(later, self._words.otherwise), (anew, "")]
        yield from (self._element(element, group, rest) for group, rest in groups if group)

    def _element(self, element: Element, components: Sequence[PriceComponent], rest: str) -> str:
        prices = ", ".join(self._component(one, element.restrictions) for one in components)
        when = ", ".join(self._when(element.restrictions)) or rest
        return f"{when}: {prices}" if when else prices

    def _component(self, one: PriceComponent, restrictions: Restrictions) -> str:
        words = self._words
        if one.feed is not None:
            return f"{self._terms.currency}/kWh: {words.varies}"
        if one.dimension is Dimension.ENERGY:
            return self._or_free(one, words.energy.format(price=self._money(one.price)))
        if one.dimension is Dimension.FLAT:
            if restrictions.reservation is not None:
                return self._money(one.price)
            return self._or_free(one, words.flat.format(price=self._money(one.price)))
        timed = self._timed(one.price) if one.price else words.free
        if restrictions.reservation is not None:
            return timed
        said = (words.idle if one.dimension is Dimension.PARKING_TIME else words.time).format(price=timed)
        if one.grace_s and one.price:
            said += " " + words.free_time.format(minutes=self._number(Decimal(one.grace_s) / 60))
        return said

    def _or_free(self, one: PriceComponent, said: str) -> str:
        if one.price:
            return said
        return f"kWh: {self._words.free}" if one.dimension is Dimension.ENERGY else self._words.free

    def _timed(self, price: Decimal) -> str:
        """Return a price of time per minute where that is a plain amount of the currency, else per hour."""
        minutely = price / _HOUR
        places = decimals(self._terms.currency)
        if minutely == minutely.quantize(Decimal(1).scaleb(-places)):
            return self._words.per_minute.format(price=self._money(minutely))
        return self._words.per_hour.format(price=self._money(price))

    def _when(self, one: Restrictions) -> list[str]:
        words = self._words
        found: list[str] = []
        if one.days_of_week:
            found.append(self._days(one.days_of_week))
        if one.start_time is not None or one.end_time is not None:
            start = "00:00" if one.start_time is None else f"{one.start_time:%H:%M}"
            end = "24:00" if one.end_time is None or f"{one.end_time:%H:%M}" == "00:00" else f"{one.end_time:%H:%M}"
            found.append(f"{start}-{end}")
        if one.start_date is not None:
            found.append(words.from_date.format(date=one.start_date.isoformat()))
        if one.end_date is not None:
            found.append(words.until_date.format(date=one.end_date.isoformat()))
        for value, phrase in (
            (one.min_kwh, words.from_kwh),
            (one.max_kwh, words.up_to_kwh),
            (one.min_power_kw, words.from_power),
            (one.max_power_kw, words.below_power),
            (one.min_current_a, words.from_current),
            (one.max_current_a, words.below_current),
            (_minutes(one.max_duration_s), words.first),
            (_minutes(one.min_duration_s), words.after),
        ):
            if value is not None:
                found.append(phrase.format(n=self._number(value)))
        return found

    def _days(self, days: Sequence[Weekday]) -> str:
        names = DAYS[self._language]
        places = sorted(list(Weekday).index(day) for day in days)
        runs: list[list[int]] = []
        for place in places:
            if runs and place == runs[-1][-1] + 1:
                runs[-1].append(place)
            else:
                runs.append([place])
        return ", ".join(
            f"{names[run[0]]}-{names[run[-1]]}" if len(run) > 2 else ", ".join(names[place] for place in run)
            for run in runs
        )

    def _limits(self) -> list[str]:
        found = []
        for limit, phrase in ((self._terms.min_price, self._words.least), (self._terms.max_price, self._words.most)):
            bound = self._bound(limit)
            if bound is not None:
                found.append(phrase.format(price=self._money(bound)))
        return found

    def _bound(self, limit: PriceLimit | None) -> Decimal | None:
        """Return the bound that goes with the prices: with taxes where they hold them."""
        if limit is None:
            return None
        first, second = limit.before_taxes, limit.after_taxes
        if self._terms.tax_basis is TaxBasis.INCLUDED:
            first, second = second, first
        return first if first is not None else second

    def _taxes(self) -> list[str]:
        if self._terms.tax_basis is TaxBasis.NONE:
            return []
        stacks = [one.taxes for element in self._terms.elements for one in element.components if one.taxes]
        different = list(dict.fromkeys(tax for stack in stacks for tax in stack if tax.percent))
        if not different:
            return []
        names = list(dict.fromkeys(tax.name for tax in different))
        is_plain = len(different) == len(names)  # else its rate depends on what is paid for
        named = " + ".join(self._tax(tax) for tax in different) if is_plain else " + ".join(map(self._tax_name, names))
        phrase = self._words.included if self._terms.tax_basis is TaxBasis.INCLUDED else self._words.added
        return [phrase.format(taxes=named)]

    def _tax(self, tax: Tax) -> str:
        sign = "\u00a0%" if self._language == "fr" else "%"
        return f"{self._tax_name(tax.name)} {self._number(tax.percent)}{sign}"

    def _tax_name(self, name: str) -> str:
        return TAX_NAMES.get(name, {}).get(self._language, name)

    def _money(self, amount: Decimal) -> str:
        """Return the amount with its currency's code, which every display can show. Prices keep their digits."""
        places = decimals(self._terms.currency)
        least = 0 if amount == amount.to_integral_value() else places
        pattern = "#,##0" + ("." + "0" * least + "#" * max(_PLACES - least, 0))
        return f"{format_decimal(amount, pattern, locale=self._locale)} {self._terms.currency}"

    def _number(self, value: Decimal) -> str:
        return str(format_decimal(value, "#,##0.######", locale=self._locale))


def _minutes(seconds: int | None) -> Decimal | None:
    return None if seconds is None else Decimal(seconds) / 60
