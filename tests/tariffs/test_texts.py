"""Prices in plain words: right in four languages, in ASCII where displays need it, and never too long."""

from datetime import UTC, date, datetime, time
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingufu.tariffs.model import (
    Dimension,
    PriceComponent,
    PriceFeed,
    ReservationPart,
    Tariff,
    Tax,
    TaxBasis,
    Weekday,
)
from ingufu.tariffs.texts import LANGUAGES, TEXT_MAX, ascii_of, text, text_of, texts
from price_samples import element, energy, flat, limit, parking, terms, time_

T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)
WEEK = tuple(Weekday)
KIGALI = terms(
    element(energy("250", "18"), parking("1200", "18", grace_s=600)),
    currency="RWF",
    basis=TaxBasis.INCLUDED,
    least=limit(None, "500"),
)
NAIROBI = terms(
    element(energy("16", "16"), start_time=time(6), end_time=time(22), days_of_week=WEEK[:5]),
    element(energy("8.5", "16")),
    element(flat("50", "16")),
    currency="KES",
)


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "250 RWF/kWh, idle 20 RWF/min after 10 min; at least 500 RWF; incl. VAT 18%"),
        (
            "fr",
            "250 RWF/kWh, stationnement sans charge 20 RWF/min après 10 min; minimum 500 RWF; TVA 18\u00a0% comprise",
        ),
        (
            "rw",
            (
                "250 RWF kuri kWh, guparika utagisharija 20 RWF ku munota nyuma y'iminota 10; nibura 500 RWF; "
                "TVA 18% irimo"
            ),
        ),
        (
            "sw",
            (
                "250 RWF kwa kWh, kuegesha bila kuchaji 20 RWF kwa dakika baada ya dakika 10; angalau 500 RWF; "
                "pamoja na VAT 18%"
            ),
        ),
    ],
)
def test_energy_and_idle_time_are_said_in_each_language(language, said):
    assert text(KIGALI, language) == said


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "Mon-Fri, 06:00-22:00: 16 KES/kWh; otherwise: 8.50 KES/kWh; 50 KES per session; plus VAT 16%"),
        ("fr", "lun-ven, 06:00-22:00: 16 KES/kWh; sinon: 8,50 KES/kWh; 50 KES par session; hors TVA 16\u00a0%"),
        (
            "rw",
            (
                "Mbe-Gnu, 06:00-22:00: 16 KES kuri kWh; ibindi bihe: 8,50 KES kuri kWh; 50 KES kuri buri nshuro; "
                "TVA 16% itarimo"
            ),
        ),
        (
            "sw",
            (
                "Jtt-Ijm, 06:00-22:00: 16 KES kwa kWh; nyakati nyingine: 8.50 KES kwa kWh; 50 KES kwa kila kipindi; "
                "bila VAT 16%"
            ),
        ),
    ],
)
def test_times_of_day_are_said_in_each_language(language, said):
    assert text(NAIROBI, language) == said


@pytest.mark.parametrize(
    ("what", "said"),
    [
        (terms(element(energy("0.2512")), currency="KWD"), "0.2512 KWD/kWh"),
        (terms(element(energy("0.25")), currency="EUR"), "0.25 EUR/kWh"),
        (terms(element(energy("1234567.5")), currency="KES"), "1,234,567.50 KES/kWh"),
        (terms(element(time_("5"))), "charging time 5 EUR/h"),
        (terms(element(time_("6"))), "charging time 0.10 EUR/min"),
        (terms(element(energy("0"))), "kWh: free"),
        (terms(element(flat("0"))), "free"),
        (terms(element(energy("0.1", feed=PriceFeed(feed_id="x")))), "EUR/kWh: price varies with the time"),
        (
            terms(
                element(time_("6"), flat("2"), reservation=ReservationPart.RESERVATION),
                element(flat("4"), reservation=ReservationPart.RESERVATION_EXPIRES),
                element(energy("1")),
            ),
            "1 EUR/kWh; reservation: 0.10 EUR/min, 2 EUR; missed reservation: 4 EUR",
        ),
        (
            terms(element(energy("1"), max_kwh=Decimal("1.5"), min_power_kw=Decimal(50), max_duration_s=1800)),
            "up to 1.5 kWh, from 50 kW, first 30 min: 1 EUR/kWh",
        ),
        (
            terms(element(energy("1"), start_time=time(18), end_time=time(0), end_date=date(2027, 1, 1))),
            "18:00-24:00, until before 2027-01-01: 1 EUR/kWh",
        ),
        (
            terms(element(energy("1"), days_of_week=(WEEK[6], WEEK[0], WEEK[1], WEEK[2], WEEK[5]))),
            "Mon-Wed, Sat, Sun: 1 EUR/kWh",
        ),
        (terms(element(energy("1", "10")), element(energy("9", "10"))), "1 EUR/kWh; plus VAT 10%"),
        (terms(element(energy("1", "10"), flat("1", "20"))), "1 EUR/kWh, 1 EUR per session; plus VAT"),
        (
            terms(
                element(
                    PriceComponent(
                        dimension=Dimension.ENERGY,
                        price=Decimal(1),
                        taxes=(Tax(percent=Decimal(18)), Tax(name="Levy", percent=Decimal("1.5"))),
                    )
                )
            ),
            "1 EUR/kWh; plus VAT 18% + Levy 1.5%",
        ),
        (terms(element(energy("1", "0"))), "1 EUR/kWh"),
        (terms(element(energy("1")), most=limit("10", "12"), basis=TaxBasis.INCLUDED), "1 EUR/kWh; at most 12 EUR"),
    ],
)
def test_each_part_of_a_tariff_has_its_words(what, said):
    assert text(what, "en") == said


@pytest.mark.parametrize("language", LANGUAGES)
def test_ascii_is_ascii_and_says_the_same_numbers(language):
    for what in (KIGALI, NAIROBI):
        plain = text(what, language, is_ascii=True)
        assert plain.isascii()
        assert "?" not in plain
        assert [sign for sign in plain if sign.isdigit()] == [sign for sign in text(what, language) if sign.isdigit()]
    assert (
        ascii_of("Igiciro cy\u2019amashanyarazi \u2013 5\u202f000 \u20ac, après…")
        == "Igiciro cy'amashanyarazi - 5 000 EUR, apres..."
    )


def test_other_languages_are_english_and_regions_are_let_go():
    assert text(KIGALI, "de") == text(KIGALI, "en") == text(KIGALI, "en-GB")
    assert text(KIGALI, "rw-RW") == text(KIGALI, "rw")


def test_the_operators_own_words_go_first():
    tariff = Tariff(
        id="t", organisation_id="o", name="Day", texts={"rw": "Umuriro n\u2019umwuka"}, created_at=T0, updated_at=T0
    )
    assert text_of(tariff, KIGALI, "rw-RW") == "Umuriro n\u2019umwuka"
    assert text_of(tariff, KIGALI, "rw", is_ascii=True) == "Umuriro n'umwuka"
    said = texts(tariff, KIGALI)
    assert list(said) == ["en", "fr", "rw", "sw"]
    assert said["sw"] == text(KIGALI, "sw")
    assert text_of(msgspec.structs.replace(tariff, texts={}), KIGALI, "rw") == text(KIGALI, "rw")


@given(
    count=st.integers(1, 60),
    language=st.sampled_from(LANGUAGES),
    size=st.sampled_from([40, 255, TEXT_MAX]),
    is_ascii=st.booleans(),
)
def test_no_text_is_longer_than_its_room_and_dots_say_what_is_missing(count, language, size, is_ascii):
    what = terms(*(element(energy("0.25"), parking("6"), max_kwh=Decimal(index + 1)) for index in range(count)))
    said = text(what, language, limit=size, is_ascii=is_ascii)
    assert len(said) <= size
    whole = text(what, language, limit=100_000, is_ascii=is_ascii)
    assert said == whole or (said.endswith("...") and whole.startswith(said.removesuffix("; ...").removesuffix("...")))
