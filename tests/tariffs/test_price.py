"""Rules of prices one by one: grace, tariffs that change, and feeds."""

from datetime import time, timedelta
from decimal import Decimal
from fractions import Fraction

import msgspec
import pytest

from ingufu.core.errors import InvalidInput
from ingufu.tariffs.model import (
    Dimension,
    FeedPrice,
    PriceFeed,
)
from ingufu.tariffs.price import price
from price_samples import (
    IDLE,
    MONDAY,
    applied,
    as_shown,
    charging,
    element,
    energy,
    flat,
    limit,
    minutes,
    parked,
    parking,
    priced,
    terms,
    time_,
    usage,
)

D = Decimal


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
