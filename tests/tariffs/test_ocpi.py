"""Tariffs to and from OCPI: what it can hold comes back the same and costs the same; the rest is refused by name."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingufu.core.errors import InvalidInput
from ingufu.tariffs.conversion import Note, Refused
from ingufu.tariffs.conversion.ocpi import Version, from_ocpi, to_ocpi
from ingufu.tariffs.model import (
    Dimension,
    PriceComponent,
    PriceFeed,
    ReservationPart,
    Tariff,
    TariffKind,
    TariffVersion,
    Tax,
    TaxBasis,
    Weekday,
)
from ingufu.tariffs.price import price
from ingufu.tariffs.supposing import suppose
from price_samples import applied, element, energy, flat, limit, parking, terms, time_

T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)
TARIFF = Tariff(
    id="019ca945-0a00-7523-b03e-61cdc4bb86c3", organisation_id="o", name="Day", kind=TariffKind.REGULAR,
    texts={"en": "Two euros", "rw": "Amayero abiri"}, created_at=T0, updated_at=T0,
)  # fmt: skip
EVERYTHING = terms(
    element(
        energy("0.2512", "10"),
        time_("1.5", "20"),
        start_time=time(22),
        end_time=time(0),
        start_date=date(2026, 1, 1),
        end_date=date(2027, 1, 1),
        min_kwh=Decimal("0.5"),
        max_kwh=Decimal(40),
        min_current_a=Decimal(6),
        max_current_a=Decimal("31.5"),
        min_power_kw=Decimal(1),
        max_power_kw=Decimal("22.5"),
        min_duration_s=60,
        max_duration_s=7200,
        days_of_week=(Weekday.SATURDAY, Weekday.SUNDAY),
    ),
    element(time_("5", "0", step_size=60), reservation=ReservationPart.RESERVATION),
    element(flat("4"), reservation=ReservationPart.RESERVATION_EXPIRES),
    element(energy("0.25", "10", step_size=10), flat("0.5", "20"), parking("2", "20", step_size=900)),
    least=limit("0.5", "0.55"),
    most=limit("10"),
)


def version(what, **fields):
    return TariffVersion(tariff_id=TARIFF.id, number=3, valid_from=T0, terms=what, created_at=T0, **fields)


def said(what, ocpi=Version.V230, tariff=TARIFF):
    return to_ocpi(tariff, version(what), ocpi, country_code="RW", party_id="ING")


def sent(tariff):
    """Return the tariff as a partner reads it."""
    return msgspec.json.Encoder(decimal_format="number").encode(tariff)


@pytest.mark.parametrize("ocpi", Version)
def test_everything_that_ocpi_knows_goes_there_and_back(ocpi):
    converted = said(EVERYTHING, ocpi)
    assert converted.refusals == ()
    back = from_ocpi(sent(converted.tariff))
    assert (back.terms, back.kind, back.texts) == (EVERYTHING, TARIFF.kind, TARIFF.texts)
    assert back.valid_from == T0


def test_the_fields_are_those_of_each_release():
    new, old = said(EVERYTHING).tariff, said(EVERYTHING, Version.V221).tariff
    assert (new["tax_included"], "tax_included" in old) == ("NO", False)
    assert new["min_price"] == {"before_taxes": Decimal("0.5"), "after_taxes": Decimal("0.55")}
    assert old["min_price"] == {"excl_vat": Decimal("0.5"), "incl_vat": Decimal("0.55")}
    assert (new["country_code"], new["party_id"], new["id"], len(new["id"])) == ("RW", "ING", TARIFF.id, 36)
    assert new["last_updated"] == "2026-03-01T12:00:00Z"
    assert new["elements"][0]["restrictions"]["end_time"] == "00:00"
    assert new["elements"][0]["restrictions"]["day_of_week"] == ["SATURDAY", "SUNDAY"]
    assert new["elements"][3]["price_components"][1] == {
        "type": "FLAT", "price": Decimal("0.5"), "step_size": 1, "vat": Decimal(20),
    }  # fmt: skip
    assert b'"price":0.2512' in sent(new)


def test_no_word_about_tax_is_not_a_tax_of_nothing():
    converted = said(terms(element(energy("0.25", "0")), element(time_("1"))))
    components = [one["price_components"][0] for one in converted.tariff["elements"]]
    assert [one.get("vat") for one in components] == [Decimal(0), None]


def test_a_gross_price_becomes_a_net_one_where_that_comes_out_even():
    gross = terms(element(energy("300", "20")), currency="RWF", basis=TaxBasis.INCLUDED)
    assert said(gross).tariff["elements"][0]["price_components"][0]["price"] == Decimal(300)
    net = said(gross, Version.V221).tariff
    assert net["elements"][0]["price_components"][0]["price"] == Decimal(250)
    back = from_ocpi(sent(net)).terms
    usage = suppose(started_at=T0, energy_kwh=Decimal("12.345"), charging_min=Decimal(40))
    ours, theirs = price(usage, (applied(gross),)), price(usage, (applied(back),))
    assert (ours.net, ours.gross) == (theirs.net, theirs.gross)


@pytest.mark.parametrize(
    ("what", "code", "field"),
    [
        (terms(element(parking("1", grace_s=60))), Refused.GRACE, "elements[0].components[0].grace_s"),
        (terms(element(energy("1", feed=PriceFeed(feed_id="x")))), Refused.FEED, "elements[0].components[0].feed"),
        (terms(element(energy("0.12345"))), Refused.DECIMALS, "elements[0].components[0].price"),
        (
            terms(element(PriceComponent(dimension=Dimension.ENERGY, price=Decimal(1), taxes=(
                Tax(percent=Decimal(18)), Tax(name="Levy", percent=Decimal(1)))))),
            Refused.SEVERAL_TAXES, "elements[0].components[0].taxes",
        ),
        (terms(element(energy("1")), most=limit(None, "9")), Refused.GROSS_LIMIT, "max_price.after_taxes"),
        (terms(element(energy("1"), start_time=time(8, 0, 30))), Refused.SECONDS, "elements[0].restrictions.start_time"),
    ],
)  # fmt: skip
def test_what_ocpi_has_no_words_for_is_refused_with_its_place(what, code, field):
    converted = said(what)
    assert converted.tariff is None
    assert [(one.code, one.field) for one in converted.refusals] == [(code, field)]


def test_2_2_1_refuses_gross_prices_that_no_net_price_equals():
    uneven = terms(element(energy("250", "18")), basis=TaxBasis.INCLUDED)
    unknown = terms(element(energy("250")), basis=TaxBasis.INCLUDED)
    assert [one.code for one in said(uneven, Version.V221).refusals] == [Refused.GROSS_PRICE]
    assert [one.code for one in said(unknown, Version.V221).refusals] == [Refused.UNKNOWN_TAX]
    assert said(uneven).refusals == ()


def test_what_is_said_a_little_differently_is_noted():
    levy = PriceComponent(dimension=Dimension.ENERGY, price=Decimal(1), taxes=(Tax(name="Levy", percent=Decimal(1)),))
    odd = msgspec.structs.replace(TARIFF, texts={"kin": "x", "en": "y"})
    converted = said(terms(element(levy)), tariff=odd)
    assert converted.notes == (Note.TAX_NAME, Note.TEXT)
    assert [one["language"] for one in converted.tariff["tariff_alt_text"]] == ["en"]


def test_an_end_of_validity_is_refused_and_a_start_is_kept():
    ended = to_ocpi(
        TARIFF, version(EVERYTHING, valid_until=T0 + timedelta(days=1)), Version.V230, country_code="RW", party_id="ING"
    )
    assert ended.tariff["end_date_time"] == "2026-03-02T12:00:00Z"
    back = from_ocpi(sent(ended.tariff))
    assert back.terms is None
    assert [one.code for one in back.refusals] == [Refused.END]


MINIMAL = {"currency": "EUR", "elements": [{"price_components": [{"type": "FLAT", "price": 0.0, "step_size": 1}]}]}


def test_what_partners_add_beside_the_price_is_let_pass():
    more = {
        "id": "12",
        "country_code": "DE",
        "party_id": "ALL",
        "last_updated": "2018-12-17T11:36:01Z",
        "energy_mix": {},
    }
    back = from_ocpi(msgspec.json.encode(MINIMAL | more | {"tariff_alt_url": "https://x"}))
    assert back.terms == terms(element(flat("0.0")))


@pytest.mark.parametrize(
    "change",
    [
        {"elements": [{"price_components": [{"type": "WATER", "price": 1, "step_size": 1}]}]},
        {"elements": [{"price_components": [{"type": "FLAT", "price": 1, "bonus": 2}]}]},
        {"elements": [{"price_components": [], "restrictions": {"min_moon": 1}}]},
        {"elements": [{"price_components": [], "restrictions": {"start_time": "25:00"}}]},
        {"elements": None},
        {"tax_included": "MAYBE"},
        {"start_date_time": "yesterday"},
        {"min_price": 0.5},
    ],
)
def test_what_would_change_the_price_and_is_not_known_is_refused(change):
    with pytest.raises(InvalidInput):
        from_ocpi(msgspec.json.encode(MINIMAL | change))


@pytest.mark.parametrize("raw", [b"", b"[]", b"\xff", b"{" * 9999])
def test_what_is_no_tariff_at_all_is_refused(raw):
    with pytest.raises(InvalidInput):
        from_ocpi(raw)


prices = st.decimals(0, 500, places=4, allow_nan=False)
vats = st.sampled_from([None, "0", "5.2", "18", "20"])


@st.composite
def simple_terms(draw):
    def one(make):
        return make(str(draw(prices)), draw(vats))

    found = [
        element(one(energy), one(time_), one(parking), max_kwh=draw(st.sampled_from([None, Decimal(10)])))
        for _ in range(draw(st.integers(1, 3)))
    ]
    basis = draw(st.sampled_from([TaxBasis.EXCLUDED, TaxBasis.INCLUDED]))
    return terms(*found, element(one(flat)), basis=basis)


@given(what=simple_terms(), kwh=st.decimals(0, 60, places=3), idle=st.integers(0, 90))
def test_the_same_usage_costs_the_same_by_the_tariff_that_came_back(what, kwh, idle):
    usage = suppose(started_at=T0, energy_kwh=kwh, charging_min=Decimal(50), idle_min=Decimal(idle))
    back = from_ocpi(sent(said(what).tariff)).terms
    ours, theirs = price(usage, (applied(what),)), price(usage, (applied(back),))
    assert (ours.net, ours.gross, ours.billed) == (theirs.net, theirs.gross, theirs.billed)
