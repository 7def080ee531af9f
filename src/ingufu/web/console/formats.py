"""How the console writes quantities, money and times: a number, a unit, a zone, in the reader's language."""

import copy
import re
from datetime import date, datetime, time, timedelta, tzinfo
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import NamedTuple

from babel import Locale
from babel.dates import format_date, format_datetime, format_timedelta
from babel.numbers import format_decimal, format_percent, get_decimal_symbol, get_group_symbol

from ingufu.core.errors import InvalidInput
from ingufu.core.money import decimals
from ingufu.web.console import spans

NO_BREAK = "\N{NO-BREAK SPACE}"
MISSING = "\N{EN DASH}"
_KILO = 1000
_MEGA = 1_000_000
_MINUTE_S = 60
_HOUR_S = 3600
_DAY_S = 86_400
_PRICE_PLACES = 6  # a price per kWh is finer than the money that pays it
_QUANTA = tuple(Decimal(1).scaleb(-places) for places in range(_PRICE_PLACES + 1))
_ASTRONOMIC = Decimal("1e18")  # no decimals matter then
_AT_NIGHT, _BY_DAY = time(3, 57, 46), time(13, 57, 46)
_TOUCHING = re.compile(r"(?<=[^\W\d_])(?=\d)")  # a letter before a digit: RWF250


class Figure(NamedTuple):
    """A number as text and its unit, apart, so that a page can set them in different sizes."""

    number: str
    unit: str

    def __str__(self) -> str:
        return f"{self.number}{NO_BREAK}{self.unit}" if self.unit else self.number


def energy(energy_wh: Decimal | float | None, locale: Locale) -> Figure:
    """Return an energy in kWh or MWh with the digits that matter at its size."""
    if energy_wh is None:
        return Figure(MISSING, "")
    size_wh = abs(Decimal(str(energy_wh)))
    if size_wh >= 10 * _MEGA:
        return Figure(_decimal(energy_wh, _MEGA, 2, locale), "MWh")
    places = 2 if size_wh < 100 * _KILO else 1
    return Figure(_decimal(energy_wh, _KILO, places, locale), "kWh")


def register(energy_wh: Decimal | float | None, locale: Locale) -> Figure:
    """Return a meter's register in kWh whatever its size: what counts is how two of them differ."""
    return Figure(MISSING, "") if energy_wh is None else Figure(_decimal(energy_wh, _KILO, 2, locale), "kWh")


def billed_energy(energy_wh: Decimal | float | None, locale: Locale) -> Figure:
    """Return an energy in kWh to the Wh whatever its size: what is paid for is shown as it is counted."""
    return Figure(MISSING, "") if energy_wh is None else Figure(_decimal(energy_wh, _KILO, 3, locale), "kWh")


def power(power_w: Decimal | float | None, locale: Locale) -> Figure:
    """Return a power in kW or MW; a station's meter is not better than 0.1 kW."""
    if power_w is None:
        return Figure(MISSING, "")
    if abs(Decimal(str(power_w))) >= 10 * _MEGA:
        return Figure(_decimal(power_w, _MEGA, 2, locale), "MW")
    return Figure(_decimal(power_w, _KILO, 1, locale), "kW")


def count(number: float | None, locale: Locale) -> str:
    """Return a whole number with the language's grouping."""
    return MISSING if number is None else _whole(round(number), locale)


def money(amount: Decimal | None, currency: str, locale: Locale) -> str:
    """Return an amount with its currency, with the decimals of ISO 4217: none for RWF, two for EUR, three for KWD.

    What has more digits is rounded for the eye, halves away from zero; what is owed is rounded long before.
    """
    return _money(amount, currency, locale, 0)


def price(amount: Decimal | None, currency: str, locale: Locale) -> str:
    """Return what a unit costs: as `money`, with as many more digits as it has, up to six."""
    return _money(amount, currency, locale, _PRICE_PLACES)


def _money(amount: Decimal | None, currency: str, locale: Locale, most: int) -> str:
    return MISSING if amount is None else _written(Decimal(str(amount)), currency, locale, most)


@lru_cache(maxsize=5000)  # a page writes many of its amounts more than once
def _written(amount: Decimal, currency: str, locale: Locale, most: int) -> str:
    try:
        places = decimals(currency)
    except InvalidInput:  # a form that is being filled in
        places = 2
    shown = amount.quantize(Decimal(1).scaleb(-max(places, most)), ROUND_HALF_UP) + 0
    if shown >= 0 and most <= places:  # as nearly all are
        before, after = _around_amount(currency, locale, places)
        return f"{before}{_grouped(shown, places, locale)}{after}"
    return _by_pattern(shown, currency, locale, (places, max(places, most)))


@lru_cache(maxsize=500)
def _around_amount(currency: str, locale: Locale, places: int) -> tuple[str, str]:
    """Return what the language writes before and after an amount that is not negative."""
    nothing = _by_pattern(Decimal(0), currency, locale, (places, places))
    before, _, after = nothing.partition(_grouped(Decimal(0), places, locale))
    return before, after


def _by_pattern(amount: Decimal, currency: str, locale: Locale, places: tuple[int, int]) -> str:
    pattern = copy.copy(locale.currency_formats["standard"])
    pattern.frac_prec = places
    written: str = pattern.apply(amount, locale, currency=currency, currency_digits=False)
    return _TOUCHING.sub(NO_BREAK, written)


def percent(fraction: Decimal | float | None, locale: Locale, places: int = 0) -> str:
    """Return a fraction (1 is the whole) as per cent."""
    if fraction is None:
        return MISSING
    pattern = "#,##0." + "0" * places + "%" if places else None
    return format_percent(fraction, pattern, locale=locale)


def duration(span: timedelta | float | None, locale: Locale) -> str:
    """Return a span in its two largest units: 3 d 4 h, 1 h 24 min, 2 min 5 s, 40 s."""
    if span is None:
        return MISSING
    seconds = int(span.total_seconds() if isinstance(span, timedelta) else span)
    for size, unit, rest, rest_unit in (
        (_DAY_S, "d", _HOUR_S, "h"),
        (_HOUR_S, "h", _MINUTE_S, "min"),
        (_MINUTE_S, "min", 1, "s"),
    ):
        if abs(seconds) >= size:
            whole, left = divmod(abs(seconds), size)
            sign = "-" if seconds < 0 else ""
            first = f"{sign}{_whole(whole, locale)}{NO_BREAK}{unit}"
            return f"{first} {left // rest}{NO_BREAK}{rest_unit}" if left // rest else first
    return f"{seconds}{NO_BREAK}s"


def seconds(span_s: float | None, locale: Locale) -> str:
    """Return how long an answer took: milliseconds below a second, then seconds, then as `duration` has it."""
    if span_s is None:
        return MISSING
    if span_s < 1:
        return f"{format_decimal(round(span_s * 1000), locale=locale)}{NO_BREAK}ms"
    if span_s < _MINUTE_S:
        return f"{format_decimal(round(span_s, 1), locale=locale)}{NO_BREAK}s"
    return duration(span_s, locale)


def quantity(value: float | None, unit: str, locale: Locale) -> str:
    """Return a measured value with its unit, to one decimal place."""
    return MISSING if value is None else f"{format_decimal(round(value, 1), locale=locale)}{NO_BREAK}{unit}"


def instant(at: datetime | None, zone: tzinfo, locale: Locale) -> str:
    """Return the date, the time to the second and the zone's name, as seen in `zone`."""
    if at is None:
        return MISSING
    local = at.astimezone(zone)
    before, shown, after = _around_time(local.date(), locale)
    if shown:
        return f"{before}{local:%H:%M:%S}{after} {local.tzname()}"
    return f"{_date_and_time(local, locale)} {local.tzname()}"


@lru_cache(maxsize=2000)
def _around_time(of: date, locale: Locale) -> tuple[str, str, str]:
    """Return what the language writes before and after the time of day: rows of a list share few dates.

    Where it does not write the time as HH:mm:ss, there is nothing in the middle.
    """
    night, day_time = (_date_and_time(datetime.combine(of, one), locale) for one in (_AT_NIGHT, _BY_DAY))
    before, shown, after = night.partition(f"{_AT_NIGHT:%H:%M:%S}")
    is_plain = day_time == f"{before}{_BY_DAY:%H:%M:%S}{after}"
    return before, shown if is_plain else "", after


def _date_and_time(local: datetime, locale: Locale) -> str:
    pattern = spans.DATES.get(locale.language)
    return format_datetime(local, f"{pattern} HH:mm:ss" if pattern else "medium", locale=locale)


def day(of: date | str, locale: Locale) -> str:
    """Return a date with the month's short name; as text it is that of ISO 8601."""
    return _day(date.fromisoformat(of) if isinstance(of, str) else of, locale)


@lru_cache(maxsize=5000)
def _day(of: date, locale: Locale) -> str:
    return format_date(of, spans.DATES.get(locale.language, "medium"), locale=locale)


def time_of_day(at: datetime | None, zone: tzinfo) -> str:
    """Return hours, minutes and seconds in `zone`, for lists under a heading that names day and zone."""
    return MISSING if at is None else f"{at.astimezone(zone):%H:%M:%S}"


def weekday(local: datetime, locale: Locale) -> str:
    """Return the name of the day of the week."""
    return format_datetime(local, "EEEE", locale=locale)


def relative(at: datetime, now: datetime, locale: Locale) -> str:
    """Return how long ago or in how long `at` is, seen from `now`."""
    if locale.language in spans.WORDS:
        return spans.relative(at - now, locale.language)
    return format_timedelta(at - now, add_direction=True, threshold=1.2, locale=locale)


def _whole(number: int, locale: Locale) -> str:
    if number >= 0:
        return str(number) if number < _KILO else _grouped(Decimal(number), 0, locale)
    return str(format_decimal(number, locale=locale))


def _decimal(value: Decimal | float, divisor: int, places: int, locale: Locale) -> str:
    number = Decimal(str(value)) / divisor
    if number.is_finite() and abs(number) < _ASTRONOMIC:
        number = number.quantize(_QUANTA[places], ROUND_HALF_UP)  # as on bills
    if number.is_finite() and number >= 0:  # as nearly all are: the same digits, without a detour by patterns
        return _grouped(number, places, locale)
    return str(format_decimal(number, "#,##0." + "0" * places, locale=locale))


def _grouped(number: Decimal, places: int, locale: Locale) -> str:
    """Return a number that is not negative with the signs of the language."""
    group, point = _signs(locale)
    return f"{number:,.{places}f}".replace(",", "\0").replace(".", point).replace("\0", group)


@lru_cache
def _signs(locale: Locale) -> tuple[str, str]:
    """Return what stands between thousands, and before decimals."""
    return get_group_symbol(locale), get_decimal_symbol(locale)
