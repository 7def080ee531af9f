"""What terms are refused, with the field, and what is warned of."""

from datetime import UTC, date, time
from decimal import Decimal

import msgspec
import pytest

from ingufu.core.errors import InvalidInput
from ingufu.tariffs.checking import MOST_ELEMENTS, Doubt, check_terms, warnings
from ingufu.tariffs.model import Dimension, Element, PriceFeed, ReservationPart, Tax, TaxBasis, Weekday
from price_samples import element, energy, flat, limit, parking, terms, time_

D = Decimal
RESERVED = ReservationPart.RESERVATION
WEEKDAYS = tuple(Weekday)[:5]


def taxed(*taxes):
    return element(msgspec.structs.replace(energy("1"), taxes=taxes))


def fed(**more):
    return element(energy("-0.01", feed=PriceFeed(**{"feed_id": "spot", **more})))


@pytest.mark.parametrize(
    ("what", "field"),
    [
        (terms(element(energy("1")), currency="ABC"), "currency"),
        (terms(element(energy("1")), currency="XAU"), "currency"),
        (terms(), "elements"),
        (terms(*[element(energy("1"))] * (MOST_ELEMENTS + 1)), "elements"),
        (terms(element(energy("1")), Element(components=())), "elements.1.components"),
        (terms(element(energy("1"), energy("2"))), "elements.0.components.1.dimension"),
        (terms(element(energy("-1"))), "elements.0.components.0.price"),
        (terms(element(energy("NaN"))), "elements.0.components.0.price"),
        (terms(element(energy("Infinity"))), "elements.0.components.0.price"),
        (terms(element(energy("0.1234567"))), "elements.0.components.0.price"),
        (terms(element(energy("1E+9"))), "elements.0.components.0.price"),
        (terms(element(energy("1"), flat("1E-1000"))), "elements.0.components.1.price"),
        (terms(element(energy("1", step_size=0))), "elements.0.components.0.step_size"),
        (terms(element(energy("1", step_size=1_000_001))), "elements.0.components.0.step_size"),
        (terms(element(time_("1", grace_s=60))), "elements.0.components.0.grace_s"),
        (terms(element(parking("1", grace_s=-1))), "elements.0.components.0.grace_s"),
        (terms(element(time_("1", feed=PriceFeed(feed_id="spot")))), "elements.0.components.0.feed"),
        (terms(fed(feed_id="")), "elements.0.components.0.feed.feed_id"),
        (terms(fed(factor=D(-1))), "elements.0.components.0.feed.factor"),
        (terms(fed(floor=D(2), ceiling=D(1))), "elements.0.components.0.feed.floor"),
        (terms(taxed(Tax(percent=D(101)))), "elements.0.components.0.taxes.0.percent"),
        (terms(taxed(Tax(percent=D(-1)))), "elements.0.components.0.taxes.0.percent"),
        (terms(taxed(Tax(percent=D("NaN")))), "elements.0.components.0.taxes.0.percent"),
        (terms(taxed(Tax(name=" ", percent=D(1)))), "elements.0.components.0.taxes.0.name"),
        (terms(taxed(Tax(percent=D(1)), Tax(percent=D(2)))), "elements.0.components.0.taxes.1.name"),
        (terms(taxed(*[Tax(name=str(one), percent=D(1)) for one in range(6)])), "elements.0.components.0.taxes"),
        (terms(taxed(Tax(percent=D(1))), basis=TaxBasis.NONE), "elements.0.components.0.taxes"),
        (terms(element(energy("1"), reservation=RESERVED)), "elements.0.components.0.dimension"),
        (terms(element(parking("1"), reservation=RESERVED)), "elements.0.components.0.dimension"),
        (terms(element(time_("1"), reservation=RESERVED, min_kwh=D(1))), "elements.0.restrictions.min_kwh"),
        (terms(element(energy("1"), min_kwh=D(2), max_kwh=D(2))), "elements.0.restrictions.max_kwh"),
        (terms(element(energy("1"), min_kwh=D(-1))), "elements.0.restrictions.min_kwh"),
        (terms(element(energy("1"), max_power_kw=D("NaN"))), "elements.0.restrictions.max_power_kw"),
        (terms(element(energy("1"), max_current_a=D("0.0000001"))), "elements.0.restrictions.max_current_a"),
        (terms(element(energy("1"), min_duration_s=9, max_duration_s=3)), "elements.0.restrictions.max_duration_s"),
        (
            terms(element(energy("1"), start_date=date(2026, 1, 2), end_date=date(2026, 1, 2))),
            "elements.0.restrictions.end_date",
        ),
        (terms(element(energy("1"), start_time=time(8), end_time=time(8))), "elements.0.restrictions.end_time"),
        (terms(element(energy("1"), start_time=time(8, tzinfo=UTC))), "elements.0.restrictions.start_time"),
        (
            terms(element(energy("1"), days_of_week=(Weekday.MONDAY, Weekday.MONDAY))),
            "elements.0.restrictions.days_of_week",
        ),
        (terms(element(energy("1")), least=limit()), "min_price"),
        (terms(element(energy("1")), least=limit("2", "1")), "min_price.after_taxes"),
        (terms(element(energy("1")), most=limit("-1")), "max_price.before_taxes"),
        (terms(element(energy("1")), most=limit("1", "2"), basis=TaxBasis.NONE), "max_price.after_taxes"),
        (terms(element(energy("1")), most=limit("100.5"), currency="RWF"), "max_price.before_taxes"),
        (terms(element(energy("1")), least=limit("3"), most=limit("2")), "min_price.before_taxes"),
        (terms(element(energy("1")), least=limit(None, "3"), most=limit(None, "2")), "min_price.after_taxes"),
    ],
)
def test_terms_that_cannot_be_priced_by_are_refused_with_the_field(what, field):
    with pytest.raises(InvalidInput) as refused:
        check_terms(what)
    assert refused.value.field == field


@pytest.mark.parametrize(
    "what",
    [
        terms(element(flat("0.00"))),
        terms(element(energy("0.123456", "18")), currency="RWF", least=limit("500", "590"), most=limit("500", "590")),
        terms(fed(floor=D("-0.5"), ceiling=D(1))),
        terms(element(time_("1"), flat("1"), reservation=RESERVED, min_duration_s=600), element(energy("1"))),
        terms(element(parking("1", grace_s=900), start_time=time(0), end_time=time(0))),
        terms(element(energy("1.500000000"), start_time=time(22), end_time=time(6))),
        terms(element(energy("1")), most=limit("10.125"), currency="KWD"),
    ],
)
def test_terms_that_can_be_priced_by_are_not_refused(what):
    check_terms(what)


def doubts(what):
    return [(one.doubt, one.field, one.dimension) for one in warnings(what)]


def test_plain_tariff_gives_no_doubt():
    assert doubts(terms(element(flat("1", "18")), element(energy("1", "18"), parking("2", "18", grace_s=900)))) == []


def test_step_that_bills_more_than_was_used_is_warned_of():
    what = terms(element(energy("1", step_size=1000), flat("1", step_size=5)))
    assert doubts(what) == [(Doubt.STEP_ROUNDS_UP, "elements.0.components.0.step_size", Dimension.ENERGY)]


def test_hours_without_a_price_are_warned_of():
    what = terms(
        element(energy("1"), start_time=time(6), end_time=time(22)),
        element(energy("2"), start_time=time(22), end_time=time(5)),
    )
    assert doubts(what) == [(Doubt.GAP_IN_WEEK, "elements", Dimension.ENERGY)]


def test_week_that_is_covered_by_parts_is_no_gap():
    what = terms(
        element(energy("1"), days_of_week=WEEKDAYS),
        element(energy("2"), days_of_week=tuple(Weekday)[5:], start_time=time(22), end_time=time(6)),
        element(energy("3"), start_time=time(6), end_time=time(22)),
    )
    assert doubts(what) == []


def test_price_that_ends_at_a_date_leaves_a_gap():
    what = terms(element(energy("1"), end_date=date(2030, 1, 1)))
    assert doubts(what) == [(Doubt.GAP_IN_WEEK, "elements", Dimension.ENERGY)]


def test_tiers_that_cover_everything_are_no_gap():
    what = terms(
        element(energy("1"), max_kwh=D(20)), element(energy("2"), min_kwh=D(20), max_power_kw=D(50)),
        element(energy("3"), min_power_kw=D(50)),
    )  # fmt: skip
    assert doubts(what) == []


def test_situation_without_a_price_is_warned_of():
    what = terms(element(energy("1"), max_kwh=D(20)), element(energy("2"), min_kwh=D(30)))
    assert doubts(what) == [(Doubt.NO_FALLBACK, "elements", Dimension.ENERGY)]


def test_element_behind_one_that_always_applies_is_warned_of():
    what = terms(element(energy("1")), element(energy("2"), start_time=time(22), end_time=time(6)))
    assert doubts(what) == [(Doubt.NEVER_REACHED, "elements.1.components.0", Dimension.ENERGY)]


def test_price_for_reservations_hides_none_for_charging():
    what = terms(element(time_("1"), reservation=RESERVED), element(time_("2")))
    assert doubts(what) == []


def test_component_without_a_tax_among_others_is_warned_of():
    what = terms(element(energy("1", "18"), flat("1")))
    assert doubts(what) == [(Doubt.TAX_UNKNOWN, "elements.0.components.1.taxes", Dimension.FLAT)]


def test_price_with_more_decimals_than_partners_see_is_warned_of():
    what = terms(element(energy("0.12345")))
    assert doubts(what) == [(Doubt.MORE_DECIMALS_THAN_OCPI, "elements.0.components.0.price", Dimension.ENERGY)]


def test_many_bands_are_judged_in_bounded_time():
    many = [element(energy("1"), min_kwh=D(one), min_power_kw=D(one), min_duration_s=one * 60) for one in range(1, 100)]
    warnings(terms(*many))
