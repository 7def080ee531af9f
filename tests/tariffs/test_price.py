"""Rules of prices one by one: grace, tariffs that change, feeds, taxes, rounding, and what is refused."""

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from zoneinfo import ZoneInfo

import msgspec
import pytest

from ingufu.core.errors import InvalidInput
from ingufu.core.money import Rounding
from ingufu.tariffs.model import (
    AppliedTariff,
    Dimension,
    FeedPrice,
    PriceFeed,
    ReservationPart,
    Tax,
    TaxBasis,
    Weekday,
)
from ingufu.tariffs.price import price
from ingufu.tariffs.priced import Price, RoundingPolicy
from ingufu.tariffs.usage import Stretch, Usage
from price_samples import (
    MONDAY,
    applied,
    as_shown,
    charging,
    element,
    energy,
    flat,
    limit,
    parked,
    parking,
    priced,
    rule,
    terms,
    time_,
    usage,
)

D = Decimal
IDLE = terms(element(energy("1")), element(parking("60", grace_s=900)))


def minutes(count):
    return timedelta(minutes=count)


def idle_cost(used, what=IDLE):
    found = priced(what, used)
    return sum(line.net for line in found.lines if line.dimension is Dimension.PARKING_TIME)


# grace


def test_idle_time_within_its_grace_is_free_and_said():
    found = priced(IDLE, usage(charging(60, "10"), parked(15)))
    line = found.lines[-1]
    assert (line.dimension, line.quantity, line.measured, line.grace_s) == (Dimension.PARKING_TIME, 0, D("0.25"), 900)
    assert found.net == 10


def test_idle_time_beyond_its_grace_costs_what_is_beyond():
    assert idle_cost(usage(charging(60, "10"), parked(20))) == 5


def test_grace_is_counted_from_when_the_vehicle_stopped_asking_not_from_the_start():
    assert idle_cost(usage(charging(600, "10"), parked(10), parked(8))) == 3


def test_grace_that_ends_where_a_stretch_ends_is_over():
    assert idle_cost(usage(charging(60, "10"), parked(15), parked(5), parked(1))) == 6


def test_grace_begins_anew_when_the_vehicle_asked_again():
    assert idle_cost(usage(charging(60, "10"), parked(14), charging(1, "1"), parked(14))) == 0


def test_station_that_gives_nothing_in_between_uses_up_no_grace():
    """Thirty minutes in which the station suspends are charging time, and the grace after them is whole."""
    assert idle_cost(usage(charging(60, "10"), charging(30), parked(16))) == 1


def test_vehicle_that_never_asked_has_its_grace_from_the_start():
    assert idle_cost(usage(parked(20))) == 5


def test_grace_ends_inside_of_a_stretch_that_wall_clock_cuts_too():
    what = terms(element(parking("60", grace_s=900), end_time=time(9, 40)), element(parking("120", grace_s=900)))
    assert idle_cost(usage(parked(20)), what) == 10  # 09:30 until 09:50: free until 09:45, then the dearer one


def test_grace_that_differs_by_the_hour_is_counted_from_the_same_instant():
    what = terms(element(parking("60", grace_s=0), end_time=time(9, 40)), element(parking("120", grace_s=1200)))
    found = priced(what, usage(parked(30)))
    assert [(line.quantity, line.measured) for line in found.lines] == [
        (as_shown(Fraction(1, 6)), as_shown(Fraction(1, 6))),
        (as_shown(Fraction(1, 6)), as_shown(Fraction(1, 3))),
    ]


def test_grace_does_not_make_its_component_the_last_priced_one():
    what = terms(element(time_("60", step_size=900)), element(parking("60", grace_s=900, step_size=900)))
    assert priced(what, usage(charging(22), parked(5))).net == 30
    assert priced(what, usage(charging(22), parked(16))).net == 22 + 15


def test_grace_goes_on_under_the_tariff_that_comes_in_between():
    later = applied(terms(element(parking("120", grace_s=1200))), "later", from_at=MONDAY + minutes(10))
    found = price(usage(parked(30)), (applied(IDLE), later))
    assert found.net == 20


def test_time_in_grace_makes_a_period_of_its_own():
    found = priced(IDLE, usage(charging(60, "10"), parked(20)))
    assert [one.started_at for one in found.periods] == [MONDAY, MONDAY + minutes(60), MONDAY + minutes(75)]


# tariffs that change


def test_each_tariff_prices_its_own_time_and_the_start_fee_comes_once():
    old = applied(terms(element(flat("3")), element(energy("1")), element(time_("60"))), "old")
    new = applied(
        terms(element(flat("5")), element(energy("2")), element(time_("120"))), "new", from_at=MONDAY + minutes(20)
    )
    found = price(usage(charging(60, "6")), (old, new))
    assert found.net == 3 + 2 * 1 + 4 * 2 + 20 + 80
    assert [(line.dimension, line.tariff_id) for line in found.lines] == [
        (Dimension.FLAT, "old"),
        (Dimension.ENERGY, "old"),
        (Dimension.TIME, "old"),
        (Dimension.ENERGY, "new"),
        (Dimension.TIME, "new"),
    ]
    assert [one.tariff_id for one in found.periods] == ["old", "new"]


def test_start_fee_is_that_of_the_first_tariff_that_has_one():
    old = applied(terms(element(energy("1"))), "old")
    new = applied(terms(element(flat("5"))), "new", from_at=MONDAY + minutes(20))
    assert price(usage(charging(60, "6")), (old, new)).net == 2 + 5


def test_step_is_that_of_the_tariff_priced_last():
    old = applied(terms(element(energy("1", step_size=1000))), "old")
    new = applied(terms(element(energy("10", step_size=500))), "new", from_at=MONDAY + minutes(30))
    found = price(usage(charging(60, "6.2")), (old, new))
    assert [(line.quantity, line.measured) for line in found.lines] == [(D("3.1"), D("3.1")), (D("3.4"), D("3.1"))]


def test_energy_so_far_counts_from_the_start_of_the_session_under_the_second_tariff_too():
    old = applied(terms(element(energy("1"))), "old")
    tiers = terms(element(energy("10"), max_kwh=D(4)), element(energy("100")))
    new = applied(tiers, "new", from_at=MONDAY + minutes(30))
    assert price(usage(charging(60, "6")), (old, new)).net == 3 + 10 + 200


def test_tariff_that_comes_after_the_end_changes_nothing():
    first = applied(terms(element(energy("1"))))
    later = applied(terms(element(flat("9"))), "later", from_at=MONDAY + minutes(60))
    used = usage(charging(60, "6"))
    assert price(used, (first, later)) == price(used, (first,))


def test_tariff_that_was_replaced_before_the_start_does_not_count():
    old = applied(terms(element(energy("1"))), "old")
    new = applied(terms(element(energy("2"))), "new", from_at=MONDAY - minutes(1))
    assert price(usage(charging(60, "6")), (new, old)).net == 12


def test_time_before_the_first_tariff_is_free():
    only = applied(terms(element(energy("1"))), from_at=MONDAY + minutes(30))
    found = price(usage(charging(60, "6")), (only,))
    assert found.net == 3
    assert [one.tariff_id for one in found.periods] == ["", "tariff"]


def test_bounds_are_those_promised_at_the_start():
    old = applied(terms(element(energy("1")), most=limit("5", "5")), "old")
    new = applied(terms(element(energy("2")), most=limit("1", "1")), "new", from_at=MONDAY + minutes(30))
    assert price(usage(charging(60, "6")), (old, new)).net == 5


def test_two_tariffs_from_the_same_instant_are_refused():
    first = applied(terms(element(energy("1"))))
    with pytest.raises(InvalidInput):
        price(usage(charging(60)), (first, msgspec.structs.replace(first, tariff_id="other")))


def test_two_currencies_are_refused():
    first = applied(terms(element(energy("1"))))
    other = applied(terms(element(energy("1")), currency="RWF"), from_at=MONDAY + minutes(1))
    with pytest.raises(InvalidInput):
        price(usage(charging(60)), (first, other))


def test_no_tariff_is_refused():
    with pytest.raises(InvalidInput):
        price(usage(charging(60)), ())


# feeds


def spot(price_, *hours, floor=None, ceiling=None, factor="1"):
    """Return a tariff on a feed, of which hour after hour is given from the session's start on."""
    feed = PriceFeed(
        feed_id="spot",
        factor=D(factor),
        floor=None if floor is None else D(floor),
        ceiling=None if ceiling is None else D(ceiling),
    )
    said = tuple(FeedPrice(MONDAY + timedelta(hours=number), D(one)) for number, one in enumerate(hours))
    return applied(terms(element(energy(price_, "18", feed=feed))), feeds={"spot": said})


def test_energy_is_cut_where_the_feed_changes():
    found = price(usage(charging(150, "5")), (spot("0.05", "0.10", "0.20", "0.40", factor="1.1"),))
    assert [(line.quantity, line.unit_price, line.feed_price) for line in found.lines] == [
        (2, D("0.16"), D("0.10")),
        (2, D("0.27"), D("0.20")),
        (1, D("0.49"), D("0.40")),
    ]
    assert found.net == D("1.35")
    assert all(line.feed_id == "spot" for line in found.lines)


def test_equal_prices_of_a_feed_make_one_line():
    found = price(usage(charging(180, "6")), (spot("0", "0.1", "0.3", "0.1"),))
    assert [(line.quantity, line.unit_price) for line in found.lines] == [(4, D("0.1")), (2, D("0.3"))]


def test_floor_and_ceiling_hold_what_a_feed_says():
    found = price(usage(charging(180, "3")), (spot("0.02", "-0.50", "0.10", "4.00", floor="0.05", ceiling="0.60"),))
    assert [line.unit_price for line in found.lines] == [D("0.05"), D("0.12"), D("0.60")]


def test_negative_price_of_a_feed_is_paid_out_where_no_floor_forbids_it():
    found = price(usage(charging(60, "3")), (spot("0.02", "-0.50"),))
    assert (found.net, found.billed.net, found.billed.gross) == (D("-1.44"), D("-1.44"), D("-1.70"))


def test_time_for_which_the_feed_says_nothing_costs_the_price_alone_and_says_so():
    late = spot("0.05", "0.10")
    late = msgspec.structs.replace(late, feeds={"spot": (FeedPrice(MONDAY + timedelta(hours=1), D("0.10")),)})
    found = price(usage(charging(120, "4")), (late,))
    assert [(line.quantity, line.unit_price, line.feed_price) for line in found.lines] == [
        (2, D("0.05"), None),
        (2, D("0.15"), D("0.10")),
    ]


def test_feed_that_is_not_there_costs_the_price_alone():
    found = price(usage(charging(120, "4")), (msgspec.structs.replace(spot("0.05"), feeds={}),))
    assert (found.lines[0].unit_price, found.lines[0].feed_id, found.lines[0].feed_price) == (D("0.05"), "spot", None)


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
