"""The words that stand on documents, and how numbers and dates are written, in the language of the document."""

import tomllib
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_datetime
from babel.numbers import format_decimal

from ingufu.core.money import decimals

OTHERWISE = "en"
_LOCALES = {"en": "en_GB"}
_PRICE_PLACES = 6
_QUANTITY_PLACES = 6
_NO_BREAK = "\N{NO-BREAK SPACE}"
_TO = "\N{EN DASH}"


@cache
def languages() -> Mapping[str, Mapping[str, str]]:
    """Return the words by language."""
    return tomllib.loads(files(__package__).joinpath("words.toml").read_text(encoding="utf-8"))


class Words:
    """One language."""

    def __init__(self, language: str) -> None:
        self.language = language if language in languages() else OTHERWISE
        self._words = languages()[self.language]
        self._locale = Locale.parse(_LOCALES.get(self.language, self.language))

    def __call__(self, key: str, **values: str) -> str:
        """Return the word of this key, its places filled."""
        word = self._words[key]
        for name, value in values.items():
            word = word.replace("{" + name + "}", value)
        return word

    def day(self, day: date) -> str:
        return format_date(day, "d MMMM yyyy", locale=self._locale)

    def month(self, period: str) -> str:
        """Return the name of a month written as in 2026-03."""
        year, month = (int(part) for part in period.split("-"))
        return format_date(date(year, month, 1), "LLLL yyyy", locale=self._locale)

    def moment(self, at: datetime, zone: str) -> str:
        """Return day and time to the minute, as the clock on the wall had it."""
        return format_datetime(at.astimezone(ZoneInfo(zone)), "d MMM yyyy HH:mm", locale=self._locale)

    def time(self, at: datetime, zone: str) -> str:
        return format_datetime(at.astimezone(ZoneInfo(zone)), "HH:mm", locale=self._locale)

    def amount(self, amount: Decimal, currency: str) -> str:
        """Return an amount with the decimals of its currency (ISO 4217, whatever the language shows)."""
        places = decimals(currency)
        pattern = "#,##0." + "0" * places if places else "#,##0"
        return format_decimal(amount, pattern, locale=self._locale)

    def money(self, amount: Decimal, currency: str) -> str:
        return f"{self.amount(amount, currency)}{_NO_BREAK}{currency}"

    def price(self, price: Decimal, currency: str) -> str:
        """Return a price of one unit: as many decimals as it has, at least those of the currency."""
        places = decimals(currency)
        pattern = "#,##0." + "0" * places + "#" * (_PRICE_PLACES - places)
        return format_decimal(price, pattern, locale=self._locale)

    def number(self, number: Decimal, places: int = _QUANTITY_PLACES) -> str:
        return format_decimal(number, "#,##0." + "#" * places, locale=self._locale)

    def measured(self, number: Decimal) -> str:
        """Return a measured quantity with three decimals, so that columns stand in line."""
        return format_decimal(number, "#,##0.000", locale=self._locale)

    def span(self, first: datetime, last: datetime, zone: str) -> str:
        """Return from when to when; the day once where both are of it."""
        here = ZoneInfo(zone)
        is_same_day = first.astimezone(here).date() == last.astimezone(here).date()
        return f"{self.moment(first, zone)}{_TO}{self.time(last, zone) if is_same_day else self.moment(last, zone)}"

    def percent(self, percent: Decimal) -> str:
        return f"{self.number(percent)}{_NO_BREAK}%"
