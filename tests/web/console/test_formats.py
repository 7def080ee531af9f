"""Numbers carry units, times carry zones, in the reader's language."""

from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

import pytest
from babel import Locale
from babel.dates import format_datetime
from babel.numbers import format_currency, format_decimal

from ingufu.core.money import decimals
from ingufu.web.console import formats, spans

ENGLISH = Locale.parse("en_GB")
FRENCH = Locale.parse("fr")
AT = datetime(2026, 3, 29, 0, 59, 58, tzinfo=UTC)


def plain(text: object) -> str:
    """Blanks of any width as ordinary ones."""
    return str(text).replace("\u00a0", " ").replace("\u202f", " ")


@pytest.mark.parametrize(
    ("energy_wh", "text"),
    [
        (Decimal(0), "0.00 kWh"),
        (Decimal("21412.5"), "21.41 kWh"),
        (Decimal(412_300), "412.3 kWh"),
        (Decimal(9_999_949), "9,999.9 kWh"),
        (Decimal(128_440_230), "128.44 MWh"),
        (-1500, "-1.50 kWh"),
        (None, "\N{EN DASH}"),
    ],
)
def test_energy_has_the_digits_that_matter(energy_wh: Decimal | None, text: str) -> None:
    assert plain(formats.energy(energy_wh, ENGLISH)) == text


@pytest.mark.parametrize(
    ("energy_wh", "text"),
    [
        (Decimal(12_345), "12.345 kWh"),
        (Decimal(0), "0.000 kWh"),
        (Decimal(12_345_678), "12,345.678 kWh"),
        (Decimal("928.5"), "0.929 kWh"),  # halves go up, as on the bill
        (Decimal("1e26"), "100,000,000,000,000,000,000,000.000 kWh"),
        (None, "\N{EN DASH}"),
    ],
)
def test_billed_energy_is_told_to_the_watt_hour(energy_wh: Decimal | None, text: str) -> None:
    assert plain(formats.billed_energy(energy_wh, ENGLISH)) == text


@pytest.mark.parametrize("language", ["en_GB", "fr", "rw", "sw", "ar", "de"])
@pytest.mark.parametrize("currency", ["RWF", "EUR", "KWD"])
@pytest.mark.parametrize("amount", ["0", "0.4", "7.005", "1234.5", "-1234.5", "98765432109.125"])
def test_amount_is_written_as_the_language_has_it(language: str, currency: str, amount: str) -> None:
    locale, value = Locale.parse(language), Decimal(amount)
    places = decimals(currency)
    rounded = value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP) + 0
    expected = format_currency(rounded, currency, locale=locale, currency_digits=True)
    blanks = str.maketrans({"\u00a0": None, "\u202f": None, " ": None})
    assert formats.money(value, currency, locale).translate(blanks) == expected.translate(blanks)


@pytest.mark.parametrize(
    ("power_w", "text"), [(48_310, "48.3 kW"), (0, "0.0 kW"), (Decimal(12_400_000), "12.40 MW"), (None, "\N{EN DASH}")]
)
def test_power_is_in_kilowatts_until_it_is_large(power_w: float | None, text: str) -> None:
    assert plain(formats.power(power_w, ENGLISH)) == text


@pytest.mark.parametrize(
    ("amount", "currency", "english", "french"),
    [
        ("1250", "RWF", "RWF 1,250", "1 250 RWF"),
        ("12.5", "KES", "KES 12.50", "12,50 KES"),
        ("0.125", "EUR", "€0.13", "0,13 €"),
        ("-3", "KWD", "-KWD 3.000", "-3,000 KWD"),
        ("0.0005", "KWD", "KWD 0.001", "0,001 KWD"),
        ("1234567.5", "USD", "US$1,234,567.50", "1 234 567,50 $US"),
        ("-0", "RWF", "RWF 0", "0 RWF"),
    ],
)
def test_money_has_the_decimals_of_its_currency(amount: str, currency: str, english: str, french: str) -> None:
    assert plain(formats.money(Decimal(amount), currency, ENGLISH)) == english
    assert plain(formats.money(Decimal(amount), currency, FRENCH)) == french


def test_price_of_a_unit_keeps_the_digits_that_it_has() -> None:
    assert plain(formats.price(Decimal("0.2545"), "EUR", ENGLISH)) == "€0.2545"
    assert plain(formats.price(Decimal("250.5"), "RWF", ENGLISH)) == "RWF 250.5"
    assert plain(formats.price(Decimal(250), "RWF", FRENCH)) == "250 RWF"
    assert plain(formats.price(Decimal("0.25"), "E", ENGLISH)) == "E 0.25"
    assert formats.money(None, "EUR", ENGLISH) == "\N{EN DASH}"


def test_french_reader_sees_french_numbers() -> None:
    assert plain(formats.energy(Decimal(9_999_949), FRENCH)) == "9 999,9 kWh"
    assert plain(formats.percent(0.63, FRENCH)) == "63 %"
    assert plain(formats.count(1284, FRENCH)) == "1 284"


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (40, "40 s"),
        (125, "2 min 5 s"),
        (120, "2 min"),
        (timedelta(hours=1, minutes=24, seconds=59), "1 h 24 min"),
        (timedelta(days=3, hours=4), "3 d 4 h"),
        (-90, "-1 min 30 s"),
        (0, "0 s"),
        (None, "\N{EN DASH}"),
    ],
)
def test_duration_is_told_in_two_units(span: timedelta | float | None, text: str) -> None:
    assert plain(formats.duration(span, ENGLISH)) == text


def test_instant_is_told_in_the_zone_with_its_name() -> None:
    assert plain(formats.instant(AT, ZoneInfo("Africa/Kigali"), ENGLISH)) == "29 Mar 2026, 02:59:58 CAT"
    paris = ZoneInfo("Europe/Paris")
    assert plain(formats.instant(AT, paris, ENGLISH)).endswith("01:59:58 CET")
    assert plain(formats.instant(AT + timedelta(seconds=2), paris, ENGLISH)).endswith("03:00:00 CEST")


def test_relative_time_tells_both_directions() -> None:
    now = AT + timedelta(minutes=3)
    assert formats.relative(AT, now, ENGLISH) == "3 minutes ago"
    assert formats.relative(now, AT, ENGLISH) == "in 3 minutes"


def test_registers_are_told_to_the_hundredth_of_a_kilowatt_hour_whatever_their_size() -> None:
    assert plain(formats.register(Decimal(289470120), ENGLISH)) == "289,470.12 kWh"
    assert plain(formats.register(None, ENGLISH)) == "\N{EN DASH}"


@pytest.mark.parametrize(
    ("span_s", "text"), [(0.0142, "14 ms"), (0.9999, "1,000 ms"), (1.25, "1.2 s"), (59.4, "59.4 s"), (61, "1 min 1 s")]
)
def test_answers_are_timed_in_the_unit_that_fits(span_s: float, text: str) -> None:
    assert plain(formats.seconds(span_s, ENGLISH)) == text


def test_quantities_and_days_speak_the_language() -> None:
    assert plain(formats.quantity(378.84, "V", FRENCH)) == "378,8 V"
    assert plain(formats.quantity(None, "A", FRENCH)) == "\N{EN DASH}"
    assert formats.weekday(AT, FRENCH) == "dimanche"


@pytest.mark.parametrize(
    ("away", "text"),
    [
        (timedelta(seconds=-1), "hashize isegonda 1"),
        (timedelta(seconds=-70), "hashize amasegonda 70"),
        (timedelta(minutes=-5), "hashize iminota 5"),
        (timedelta(hours=-3), "hashize amasaha 3"),
        (timedelta(days=-40), "hashize ukwezi 1"),
        (timedelta(days=2), "mu minsi 2"),
        (timedelta(days=400), "mu mezi 13"),
    ],
)
def test_time_away_is_said_in_kinyarwanda_for_which_babel_has_no_words(away: timedelta, text: str) -> None:
    assert formats.relative(AT + away, AT, Locale.parse("rw")) == text


def test_dates_and_numbers_are_written_as_in_rwanda_and_east_africa() -> None:
    kinyarwanda, swahili = Locale.parse("rw"), Locale.parse("sw")
    kigali, nairobi = ZoneInfo("Africa/Kigali"), ZoneInfo("Africa/Nairobi")
    assert plain(formats.instant(AT, kigali, kinyarwanda)) == "29 wer. 2026 02:59:58 CAT"
    assert plain(formats.day(AT.date(), kinyarwanda)) == "29 wer. 2026"
    assert plain(formats.energy(Decimal(1_234_567), kinyarwanda)) == "1.234,6 kWh"
    assert plain(formats.money(Decimal(12_345), "RWF", kinyarwanda)) == "RF 12.345"
    assert plain(formats.instant(AT, nairobi, swahili)) == "29 Mac 2026 03:59:58 EAT"
    assert plain(formats.energy(Decimal(1_234_567), swahili)) == "1,234.6 kWh"
    assert plain(formats.relative(AT - timedelta(hours=3), AT, swahili)) == "saa 3 zilizopita"


@pytest.mark.parametrize("code", ["en_GB", "en", "fr", "rw", "sw", "ar", "fa"])
def test_an_instant_is_written_as_its_language_writes_it_at_any_hour(code: str) -> None:
    locale = Locale.parse(code)
    zone = ZoneInfo("America/New_York")
    for hours in range(0, 24 * 400, 7):
        at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=hours, seconds=hours)
        local = at.astimezone(zone)
        pattern = spans.DATES.get(locale.language)
        whole = format_datetime(local, f"{pattern} HH:mm:ss" if pattern else "medium", locale=locale)
        assert formats.instant(at, zone, locale) == f"{whole} {local.tzname()}"
        assert formats.time_of_day(at, zone) == format_datetime(local, "HH:mm:ss", locale=locale)


@pytest.mark.parametrize("code", ["en_GB", "fr", "rw", "sw", "ar", "fa", "de_CH"])
def test_quantities_are_written_as_their_language_writes_numbers(code: str) -> None:
    locale = Locale.parse(code)
    for exponent in range(-3, 11):
        for digits in (0, 5, 15, 25, 12345, 99995, 99999, 123455, -12345):
            value = Decimal(digits).scaleb(exponent)
            rounded = (value / 1000).quantize(Decimal("0.01"), ROUND_HALF_UP)
            shown = format_decimal(rounded, "#,##0.00", locale=locale)
            assert formats.register(value, locale).number == shown
            assert formats.register(float(value), locale).number == shown
