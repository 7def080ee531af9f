"""What prices mean, in words: when they count, what they come to, and why a line is on a bill."""

from datetime import date, time
from decimal import Decimal

import pytest
from babel import Locale

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
from ingufu.web.console import translations
from ingufu.web.console.price_words import PriceWords, Speech

ENGLISH = PriceWords(Speech(str, Locale.parse("en_GB")))
FRENCH = PriceWords(Speech(translations.load("fr").gettext, Locale.parse("fr")))
WEEKDAYS = tuple(Weekday)[:5]


def plain(text: str) -> str:
    return text.replace("\u00a0", " ").replace("\u202f", " ").replace("\N{EN DASH}", "-")


@pytest.mark.parametrize(
    ("restrictions", "said"),
    [
        (Restrictions(), "always"),
        (Restrictions(days_of_week=WEEKDAYS), "Mon-Fri"),
        (Restrictions(days_of_week=tuple(Weekday)), "always"),
        (Restrictions(days_of_week=(Weekday.SUNDAY, Weekday.SATURDAY, Weekday.MONDAY)), "Mon, Sat, Sun"),
        (Restrictions(start_time=time(22), end_time=time(6, 30)), "22:00-06:30"),
        (Restrictions(start_time=time(18)), "18:00-24:00"),
        (Restrictions(end_time=time(0)), "00:00-24:00"),
        (Restrictions(start_date=date(2026, 3, 1)), "from 1 Mar 2026"),
        (
            Restrictions(start_date=date(2026, 3, 1), end_date=date(2026, 4, 1)),
            "from 1 Mar 2026 until before 1 Apr 2026",
        ),
        (Restrictions(min_kwh=Decimal(10), max_kwh=Decimal("20.5")), "10-20.5 kWh in the session"),
        (Restrictions(min_power_kw=Decimal(22)), "from 22 kW of power"),
        (Restrictions(max_current_a=Decimal(32)), "below 32 A of current"),
        (Restrictions(min_duration_s=3600), "from 1 h after the start"),
        (Restrictions(max_duration_s=1800), "in the first 30 min"),
        (Restrictions(min_duration_s=60, max_duration_s=90), "from 1 min until 1 min 30 s after the start"),
        (Restrictions(reservation=ReservationPart.RESERVATION), "while a place is reserved"),
        (
            Restrictions(days_of_week=(Weekday.SATURDAY,), start_time=time(10), end_time=time(17)),
            "Sat, 10:00-17:00",
        ),
    ],
)
def test_restrictions_are_said_in_words(restrictions: Restrictions, said: str) -> None:
    assert plain(ENGLISH.when(restrictions)) == said


def component(dimension: Dimension, price: str, **more: object) -> PriceComponent:
    return PriceComponent(dimension=dimension, price=Decimal(price), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("priced", "said"),
    [
        (component(Dimension.ENERGY, "250"), "Energy: RWF 250 per kWh"),
        (
            component(Dimension.PARKING_TIME, "1500", grace_s=600),
            "Idle time: RWF 1,500 per hour, the first 10 min free",
        ),
        (component(Dimension.FLAT, "500", step_size=300), "Start fee: RWF 500 once"),
        (
            component(Dimension.TIME, "600", step_size=900),
            "Charging time: RWF 600 per hour, rounded up to the next 15 min",
        ),
        (
            component(Dimension.ENERGY, "20", feed=PriceFeed(feed_id="f", factor=Decimal("1.2"), floor=Decimal(0))),
            "Energy: 1.2 \N{MULTIPLICATION SIGN} price of the feed + RWF 20 per kWh, at least RWF 0",
        ),
    ],
)
def test_component_is_said_with_its_unit(priced: PriceComponent, said: str) -> None:
    assert plain(ENGLISH.component(priced, "RWF")) == said


def test_terms_are_summed_up_in_one_line() -> None:
    night = Element(components=(component(Dimension.ENERGY, "200"),), restrictions=Restrictions(start_time=time(22)))
    rest = Element(
        components=(
            component(Dimension.ENERGY, "300"),
            component(Dimension.PARKING_TIME, "1500", grace_s=600),
            component(Dimension.FLAT, "100"),
        )
    )
    terms = Terms(currency="RWF", elements=(night, rest))
    assert plain(ENGLISH.summary(terms)) == (
        "RWF 200-300 per kWh + RWF 100 once + RWF 1,500 per hour idle after 10 min"
    )
    assert plain(FRENCH.summary(terms)).startswith("200-300 RWF")
    free = Terms(currency="RWF", elements=(Element(components=(component(Dimension.FLAT, "0"),)),))
    assert ENGLISH.summary(free) == "free"


def test_taxes_say_whether_they_are_in_the_price() -> None:
    taxes = (Tax(percent=Decimal(18)), Tax(name="Levy", percent=Decimal("1.5"), is_compound=True))
    assert plain(ENGLISH.taxes(taxes, TaxBasis.INCLUDED)) == (
        "VAT 18% and Levy 1.5% on top of the taxes before it included"
    )
    assert plain(ENGLISH.taxes(taxes[:1], TaxBasis.EXCLUDED)) == "plus VAT 18%"
    assert ENGLISH.taxes(None, TaxBasis.INCLUDED) == "tax not stated"
    assert ENGLISH.taxes((), TaxBasis.INCLUDED) == "without tax"
    assert ENGLISH.taxes(taxes, TaxBasis.NONE) == "no tax applies"


def line(dimension: Dimension, quantity: str, measured: str, **more: object) -> Line:
    return Line(
        dimension=dimension, quantity=Decimal(quantity), measured=Decimal(measured), unit="h", unit_price=Decimal(2),
        tariff_id="t", version=1, element=0, net=Decimal(1), gross=Decimal(1), **more,  # type: ignore[arg-type]
    )  # fmt: skip


def test_line_says_why_it_costs_what_it_does() -> None:
    idle = line(
        Dimension.PARKING_TIME, "0.75", "0.7", step_size=900, grace_s=600, restrictions=Restrictions(days_of_week=WEEKDAYS)
    )  # fmt: skip
    assert plain(ENGLISH.quantity(idle)) == "45 min"
    assert [plain(one) for one in ENGLISH.reasons(idle)] == [
        "Mon-Fri", "the first 10 min free", "42 min measured, rounded up to the next 15 min",
    ]  # fmt: skip
    assert plain(ENGLISH.quantity(line(Dimension.ENERGY, "12.4", "12.4"))) == "12.4 kWh"
    assert plain(ENGLISH.unit_price(idle, "KWD")) == "KWD 2.000 per hour"
    reserved = line(
        Dimension.TIME, "0.25", "0.25", reservation=ReservationPart.RESERVATION,
        restrictions=Restrictions(reservation=ReservationPart.RESERVATION),
    )  # fmt: skip
    assert (ENGLISH.line(reserved), ENGLISH.reasons(reserved)) == ("Reserved time", [])


def test_bounds_say_what_they_did() -> None:
    cut = Limited(kind=LimitKind.MAX_PRICE, is_net=False, before=Decimal(13), after=Decimal(10))
    assert plain(ENGLISH.limited(cut, "EUR")) == "Cut to the highest price: from €13.00 to €10.00"
    assert plain(ENGLISH.limit(PriceLimit(before_taxes=Decimal(1)), "RWF")) == "RWF 1 before taxes"


def test_french_reader_reads_french() -> None:
    assert plain(FRENCH.when(Restrictions(days_of_week=WEEKDAYS))).startswith("lun.-ven.")
