"""Rules of prices one by one: taxes, bounds, rounding, what lines say, reserved time, and what is refused."""

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise
from zoneinfo import ZoneInfo

import msgspec
import pytest

from ingufu.core.errors import InvalidInput
from ingufu.core.money import Rounding
from ingufu.tariffs.model import (
    AppliedTariff,
    ReservationPart,
    Tax,
    TaxBasis,
    Weekday,
)
from ingufu.tariffs.priced import Price, RoundingPolicy
from ingufu.tariffs.usage import Stretch, Usage
from price_samples import (
    IDLE,
    MONDAY,
    applied,
    charging,
    element,
    energy,
    flat,
    limit,
    minutes,
    parked,
    priced,
    rule,
    terms,
    time_,
    usage,
)

D = Decimal


# taxes


def taxed(basis, *taxes, amount="100"):
    what = energy(amount)
    return terms(element(msgspec.structs.replace(what, taxes=taxes)), basis=basis)


GST, QST = Tax(name="GST", percent=D(5)), Tax(name="QST", percent=D("9.975"))
STACKED = Tax(name="Levy", percent=D(10), is_compound=True)


def test_several_taxes_lie_on_the_net_price():
    found = priced(taxed(TaxBasis.EXCLUDED, GST, QST), usage(charging(60, "1")))
    assert [(tax.name, tax.base, tax.amount) for tax in found.taxes] == [("GST", 100, 5), ("QST", 100, D("9.975"))]
    assert (found.gross, found.billed.tax, found.billed.gross) == (D("114.975"), D("14.98"), D("114.98"))


def test_compound_tax_lies_on_those_before_it():
    found = priced(taxed(TaxBasis.EXCLUDED, GST, STACKED), usage(charging(60, "1")))
    assert [(tax.base, tax.amount) for tax in found.taxes] == [(100, 5), (105, D("10.5"))]
    assert [(tax.base, tax.amount) for tax in found.billed.taxes] == [(100, 5), (105, D("10.5"))]


def test_compound_tax_is_taken_out_of_a_price_that_holds_it():
    found = priced(taxed(TaxBasis.INCLUDED, GST, STACKED, amount="115.5"), usage(charging(60, "1")))
    assert (found.net, found.gross) == (100, D("115.5"))
    assert [tax.amount for tax in found.billed.taxes] == [5, D("10.5")]


def test_tax_of_nothing_is_not_an_unknown_tax():
    zero = priced(taxed(TaxBasis.EXCLUDED, Tax(percent=D(0))), usage(charging(60, "1")))
    none = priced(taxed(TaxBasis.EXCLUDED), usage(charging(60, "1")))
    unknown = priced(terms(element(energy("100"))), usage(charging(60, "1")))
    assert [one.is_tax_known for one in (zero, none, unknown)] == [True, True, False]
    assert [(tax.percent, tax.base, tax.amount) for tax in zero.billed.taxes] == [(0, 100, 0)]
    assert none.billed.taxes == unknown.billed.taxes == ()


def test_tariff_to_which_no_tax_applies_has_none():
    found = priced(taxed(TaxBasis.NONE, GST), usage(charging(60, "1")))
    assert (found.gross, found.is_tax_known, found.lines[0].taxes) == (100, True, ())


@pytest.mark.parametrize("least", [limit("2", None), limit(None, "2.36")])
def test_bound_that_is_not_given_follows_the_other(least):
    what = terms(element(energy("1", "18")), least=least)
    found = priced(what, usage(charging(60, "1")))
    assert (found.net, found.gross) == (2, D("2.36"))
    assert len(found.limits) == 1


@pytest.mark.parametrize("least", [limit("2", None), limit(None, "2.36"), limit("2", "2.36")])
def test_least_price_of_nothing_is_taxed_as_the_tariff_says(least):
    found = priced(terms(element(energy("1", "18")), least=least), usage(charging(60)))
    assert (found.net, found.gross) == (2, D("2.36"))
    assert [(line.quantity, line.net) for line in found.lines] == [(0, 0)]
    assert (found.billed.line_net, found.billed.line_gross) == ((2,), (D("2.36"),))
    assert [(tax.percent, tax.base, tax.amount) for tax in found.billed.taxes] == [(18, 2, D("0.36"))]


def test_least_price_is_not_owed_where_nobody_charged():
    what = terms(
        element(time_("2"), reservation=ReservationPart.RESERVATION), element(energy("1")), least=limit("5", "5")
    )
    assert priced(what, usage(reserved_min=30, is_expired=True)).net == 1
    assert priced(what, usage(charging(1), reserved_min=30)).net == 5


def test_most_price_covers_the_reservation_too():
    what = terms(
        element(time_("2"), reservation=ReservationPart.RESERVATION), element(energy("1")), most=limit("5", "5")
    )
    assert priced(what, usage(charging(60, "4.5"), reserved_min=60)).net == 5


def test_nothing_used_costs_nothing():
    assert priced(terms(element(flat("1")), least=limit("5", "5")), Usage()) == Price(
        currency="EUR", billed=priced(terms(element(flat("1"))), Usage()).billed
    )


# rounding

THREE = terms(element(flat("0.333", "20")), element(energy("0.333", "20")), element(time_("0.333", "20")))


@pytest.mark.parametrize(
    ("policy", "net", "tax", "gross"),
    [(RoundingPolicy.LINE, "0.99", "0.21", "1.20"), (RoundingPolicy.TAX_GROUP, "1.00", "0.20", "1.20")],
)
def test_lines_and_groups_round_differently(policy, net, tax, gross):
    found = priced(THREE, usage(charging(60, "1")), rounding=rule(policy)).billed
    assert (found.net, found.tax, found.gross) == (D(net), D(tax), D(gross))


def test_total_is_rounded_once():
    what = terms(element(flat("0.333", "20")), element(energy("0.333", "10")), element(time_("0.333", "0")))
    found = priced(what, usage(charging(60, "1")), rounding=rule(RoundingPolicy.TOTAL)).billed
    assert (found.net, found.gross) == (D("1.00"), D("1.10"))  # 0.999 and 1.0989
    assert sum(tax.amount for tax in found.taxes) == found.tax == D("0.10")


@pytest.mark.parametrize(("rounding", "gross"), [(Rounding.HALF_UP, "3"), (Rounding.HALF_EVEN, "2")])
def test_half_of_a_unit(rounding, gross):
    what = terms(element(energy("2.5")), currency="RWF")
    for policy in RoundingPolicy:
        assert priced(what, usage(charging(60, "1")), rounding=rule(policy, rounding)).billed.gross == D(gross)


def test_third_of_a_franc_is_given_to_the_largest_remainder():
    what = terms(element(flat("100.4")), element(energy("100.6")), element(time_("100.1")), currency="RWF")
    found = priced(what, usage(charging(60, "1")))
    assert found.net == D("301.1")
    assert found.billed.line_net == (100, 101, 100)


def test_line_of_a_tax_group_never_has_a_negative_tax():
    what = terms(element(flat("0.4", "18")), element(energy("0.4", "18")), currency="RWF", basis=TaxBasis.INCLUDED)
    found = priced(what, usage(charging(60, "1"))).billed
    assert all(gross >= net >= 0 for net, gross in zip(found.line_net, found.line_gross, strict=True))
    assert found.gross == 1


def test_rounding_each_group_never_passes_the_most_that_a_session_costs():
    what = terms(element(flat("0.505", "0")), element(energy("0.494", "5")), most=limit("1.00", "1.02"))
    found = priced(what, usage(charging(60, "1.0")))
    assert (found.net, found.gross) == (D("0.999"), D("1.0237") if not found.limits else D("1.02"))
    assert found.billed.net <= 1
    assert found.billed.gross <= D("1.02")


# lines


def test_line_says_why():
    what = terms(
        element(energy("9"), max_duration_s=1), element(energy("1"), start_time=time(6), days_of_week=(Weekday.MONDAY,))
    )
    line = priced(what, usage(charging(60, "3600"))).lines[1]
    assert (line.element, line.restrictions) == (1, what.elements[1].restrictions)
    assert (line.quantity, line.unit, line.unit_price) == (3599, "kWh", 1)
    assert (line.started_at, line.ended_at) == (MONDAY + timedelta(seconds=1), MONDAY + minutes(60))


def test_equal_components_of_separate_times_are_one_line():
    what = terms(element(energy("1"), start_time=time(10), end_time=time(11)), element(energy("2")))
    found = priced(what, usage(charging(150, "5")))
    assert [(line.unit_price, line.quantity, line.started_at) for line in found.lines] == [
        (2, 3, MONDAY),
        (1, 2, MONDAY + minutes(30)),
    ]
    assert len(found.periods) == 3


def test_periods_tell_the_powers_that_were_measured():
    found = priced(
        IDLE, usage(charging(10, "1", power_w=D(7000)), charging(10, "1", power_w=D(11_000)), charging(10, "1"))
    )
    assert [(one.min_power_kw, one.max_power_kw) for one in found.periods] == [(7, 11)]


def test_energy_taken_in_idle_time_is_energy():
    found = priced(IDLE, usage(charging(60, "10"), parked(10, "0.5")))
    assert found.lines[0].quantity == D("10.5")


# reservations


def test_elements_of_a_reservation_never_price_charging_and_the_others_never_price_it():
    what = terms(
        element(time_("7"), flat("9"), reservation=ReservationPart.RESERVATION), element(flat("3"), time_("1"))
    )
    assert priced(what, usage(charging(60))).net == 4
    assert priced(what, usage(reserved_min=60)).net == 16


def test_step_of_reserved_time_is_a_family_of_its_own():
    what = terms(
        element(time_("60", step_size=600), reservation=ReservationPart.RESERVATION),
        element(time_("60", step_size=900)),
    )
    found = priced(what, usage(charging(16), reserved_min=11))
    assert [line.net for line in found.lines] == [20, 30]


def test_reserved_time_is_held_against_the_clock_of_the_site():
    what = terms(
        element(time_("60"), reservation=ReservationPart.RESERVATION, start_time=time(11), end_time=time(12)),
        element(time_("120"), reservation=ReservationPart.RESERVATION),
    )
    used = usage(charging(1), reserved_min=60, zone="Africa/Kigali")  # 10:30 until 11:30 there
    assert priced(what, used).net == 60 + 30


# what is refused


def stretch(begin, end, wh="0"):
    return Stretch(started_at=MONDAY + minutes(begin), ended_at=MONDAY + minutes(end), energy_wh=D(wh))


@pytest.mark.parametrize(
    "stretches",
    [
        (stretch(0, 10), stretch(11, 20)),
        (stretch(0, 10), stretch(9, 20)),
        (stretch(0, 10), stretch(0, 10)),
        (stretch(10, 0),),
    ],
    ids=["gap", "overlap", "twice", "backwards"],
)
def test_stretches_that_do_not_follow_each_other_are_refused(stretches):
    with pytest.raises(InvalidInput):
        priced(IDLE, Usage(stretches=stretches))


@pytest.mark.parametrize("zone", ["Nowhere/None", "../../etc/passwd", "", "Africa", "a\0b"])
def test_zone_that_is_none_is_refused_where_the_clock_counts(zone):
    with pytest.raises(InvalidInput):
        priced(terms(element(energy("1"), start_time=time(9))), usage(charging(60), zone=zone))


@pytest.mark.parametrize("at", [datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)])
def test_session_of_a_clock_that_was_never_set_is_refused(at):
    with pytest.raises(InvalidInput):
        priced(terms(element(energy("1"), start_time=time(9))), usage(charging(1), at=at, zone="Asia/Kathmandu"))


def test_session_of_a_hundred_years_is_refused():
    with pytest.raises(InvalidInput):
        priced(IDLE, usage(charging(60 * 24 * 36_500)))


@pytest.mark.parametrize(
    "wh", ["1E-90", "1.00000000000000000000000000000000000000000000000000000000000000000000000000000000001"]
)
def test_more_digits_than_can_be_kept_are_refused(wh):
    with pytest.raises(InvalidInput):
        priced(IDLE, Usage(stretches=(stretch(0, 10, "5000"), stretch(10, 20, wh))))


def test_instants_of_any_zone_are_instants():
    berlin = ZoneInfo("Europe/Berlin")
    at = datetime(2026, 10, 24, 23, 30, tzinfo=UTC)
    parts = [(at + minutes(30 * number)).astimezone(berlin) for number in range(5)]
    local = tuple(Stretch(started_at=begin, ended_at=end, energy_wh=D(1000)) for begin, end in pairwise(parts))
    what = terms(element(energy("1"), start_time=time(2), end_time=time(3)), element(energy("10")))
    plain = usage(charging(120, "4"), at=at, zone="Europe/Berlin")
    assert priced(what, Usage(stretches=local, time_zone="Europe/Berlin")) == priced(what, plain)


def test_price_survives_the_way_through_json():
    found = priced(THREE, usage(charging(61, "1.234"), parked(3)))
    assert msgspec.json.decode(msgspec.json.encode(found), type=Price) == found
    assert msgspec.json.decode(msgspec.json.encode(applied(THREE)), type=AppliedTariff) == applied(THREE)
