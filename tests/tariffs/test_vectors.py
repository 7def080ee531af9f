"""Every worked example of OCPI's tariffs that holds when it is computed again, and our own; all exact."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest

from ingufu.core.errors import InvalidInput
from ingufu.tariffs.model import Dimension, ReservationPart, TaxBasis, Weekday
from ingufu.tariffs.price import price
from ingufu.tariffs.priced import LimitKind
from ingufu.tariffs.usage import ReservedTime, Stretch, Usage
from price_samples import (
    MONDAY,
    applied,
    as_shown,
    charging,
    cost,
    element,
    energy,
    flat,
    limit,
    parked,
    parking,
    priced,
    terms,
    time_,
    usage,
)

D = Decimal
WEEKDAYS = tuple(Weekday)[:5]
WEEKEND = tuple(Weekday)[5:]
SATURDAY = datetime(2026, 3, 7, 13, 30, tzinfo=UTC)

V1 = terms(element(energy("0.25", "10")))
V2 = terms(element(flat("0.50", "20")), element(energy("0.25", "10")))
V3 = terms(*V2.elements, element(parking("2.00", "20", step_size=900)))
V4 = terms(*V1.elements, least=limit("0.50", "0.55"))
V5 = terms(*V2.elements, most=limit("10", "11"))
V9 = terms(
    element(flat("2.50", "15")),
    element(time_("1.00", "20", step_size=900), max_current_a=D(32)),
    element(time_("2.00", "20", step_size=600), min_current_a=D(32), days_of_week=WEEKDAYS),
    element(time_("1.25", "20", step_size=600), min_current_a=D(32), days_of_week=WEEKEND),
    element(parking("5.00", "10", step_size=300), days_of_week=WEEKDAYS, start_time=time(9), end_time=time(18)),
    element(
        parking("6.00", "10", step_size=300),
        days_of_week=(Weekday.SATURDAY,),
        start_time=time(10),
        end_time=time(17),
    ),
)
RESERVED = ReservationPart.RESERVATION
EXPIRES = ReservationPart.RESERVATION_EXPIRES


def reservable(*elements):
    return terms(*elements, element(flat("0.50", "20")), element(energy("0.25", "10")))


V10 = reservable(element(time_("5", "20", step_size=60), reservation=RESERVED))
V11 = reservable(element(flat("2.00", "20"), time_("5", "20", step_size=300), reservation=RESERVED))
V12 = reservable(
    element(time_("2", "20", step_size=600), reservation=RESERVED), element(flat("4.00", "20"), reservation=EXPIRES)
)
V13 = reservable(
    element(time_("3", "20", step_size=600), reservation=RESERVED),
    element(time_("6", "20", step_size=600), reservation=EXPIRES),
)
V15 = terms(
    element(time_("1.20", step_size=1800), start_time=time(0), end_time=time(17)),
    element(time_("2.40", step_size=900), start_time=time(17), end_time=time(0)),
    element(parking("1.00", step_size=900), end_time=time(20)),
)
V16 = terms(
    element(energy("0.20"), max_power_kw=D(16)),
    element(energy("0.35"), max_power_kw=D(32)),
    element(energy("0.50")),
)
V17 = terms(
    element(energy("0"), max_duration_s=1800),
    element(energy("0.25"), max_duration_s=3600),
    element(energy("0.40")),
)


def line_of(found, dimension):
    return next(line for line in found.lines if line.dimension is dimension and line.reservation is None)


def test_v1_energy():
    assert cost(V1, usage(charging(60, "20"))) == (D("5.00"), D("5.50"))


def test_v2_start_fee_with_another_tax():
    assert cost(V2, usage(charging(60, "20"))) == (D("5.50"), D("6.10"))


def test_v3_parking_is_rounded_up_to_its_step():
    found = priced(V3, usage(charging(60, "20"), parked(40)))
    assert (found.net, found.gross) == (D("7.00"), D("7.90"))
    line = line_of(found, Dimension.PARKING_TIME)
    assert (line.quantity, line.measured, line.unit) == (D("0.75"), as_shown(Fraction(40, 60)), "h")


@pytest.mark.parametrize("kwh", ["0", "0.1", "1.999"])
def test_v4_minimum_price_lifts_both_totals(kwh):
    found = priced(V4, usage(charging(60, kwh)))
    assert (found.net, found.gross) == (D("0.50"), D("0.55"))
    assert [(one.kind, one.is_net, one.after) for one in found.limits] == [
        (LimitKind.MIN_PRICE, True, D("0.50")),
        (LimitKind.MIN_PRICE, False, D("0.55")),
    ]


def test_v4_minimum_price_is_no_start_fee():
    assert cost(V4, usage(charging(60, "20"))) == (D("5.00"), D("5.50"))


def test_v5_maximum_price_holds_both_totals():
    found = priced(V5, usage(charging(60, "50")))
    assert (found.net, found.gross) == (D("10"), D("11"))
    assert [(one.before, one.after) for one in found.limits] == [(D("13.00"), D("10")), (D("14.35"), D("11"))]


def test_v5_below_the_maximum_nothing_is_changed():
    assert cost(V5, usage(charging(60, "30"))) == (D("8.00"), D("8.85"))


def test_v6_charging_time():
    assert cost(terms(element(time_("2.00", "10", step_size=60))), usage(charging(150, "20"))) == (D("5"), D("5.50"))


def test_v6_idle_time_is_not_charging_time():
    found = cost(terms(element(time_("2.00", "10", step_size=60))), usage(charging(150, "20"), parked(500)))
    assert found == (D("5"), D("5.50"))


def test_v8_tax_with_decimals():
    what = terms(element(time_("1.90", "5.2", step_size=300)))
    assert cost(what, usage(charging(150))) == (D("4.75"), D("4.997"))


def test_v9_monday_below_32_a():
    used = usage(charging(165, "20", current_a=D(16)), parked(42, current_a=D(0)))
    found = priced(V9, used)
    assert (found.net, found.gross) == (D("9.00"), D("10.30"))
    assert line_of(found, Dimension.TIME).quantity == D("2.75")
    assert line_of(found, Dimension.PARKING_TIME).quantity == D("0.75")


def test_v9_saturday_from_32_a_on():
    """The page prints 2.28 for 114 minutes at 1.25 per hour; it is 2.375."""
    found = priced(V9, usage(charging(114, "60", current_a=D(43)), parked(71), at=SATURDAY))
    assert line_of(found, Dimension.TIME).net == D("2.375")
    assert line_of(found, Dimension.PARKING_TIME).net == D("7.50")
    assert (found.net, found.gross) == (D("12.375"), D("13.975"))


def test_v9_monday_from_32_a_on():
    found = priced(V9, usage(charging(60, "60", current_a=D(32)), parked(42)))
    assert line_of(found, Dimension.TIME).net == D("2.00")
    assert (found.net, found.gross) == (D("8.25"), D("9.40"))


def test_v9_current_that_changes_changes_the_price():
    found = priced(V9, usage(charging(30, current_a=D(31)), charging(31, current_a=D(32))))
    assert [line.quantity for line in found.lines[1:]] == [D("0.5"), as_shown(Fraction(40, 60))]
    assert found.net == as_shown(Fraction(5, 2) + Fraction(1, 2) + 2 * Fraction(40, 60))


def test_v9_sunday_parking_is_free():
    found = priced(V9, usage(charging(60, current_a=D(10)), parked(600), at=SATURDAY + timedelta(days=1)))
    assert (found.net, found.gross) == (D("3.50"), D("4.075"))


def test_v9_where_the_current_is_not_known_its_bounds_are_held_to_be_met():
    found = priced(V9, usage(charging(60)))
    assert line_of(found, Dimension.TIME).element == 1


def test_v10_reservation():
    found = priced(V10, usage(charging(60, "20"), reserved_min=15))
    assert (found.net, found.gross) == (D("6.75"), D("7.60"))
    assert found.reservation_h == D("0.25")
    assert found.time_h == 1


def test_v11_reservation_with_a_fee():
    assert cost(V11, usage(charging(60, "20"), reserved_min=13)) == (D("8.75"), D("10.00"))


def test_v12_reservation_that_was_used_bears_no_fee_of_expiry():
    assert cost(V12, usage(charging(60, "20"), reserved_min=22)) == (D("6.50"), D("7.30"))


def test_v12b_expired_reservation_bears_its_fee_and_the_time():
    found = priced(V12, usage(reserved_min=60, is_expired=True))
    assert (found.net, found.gross) == (D("6.00"), D("7.20"))
    assert [line.reservation for line in found.lines] == [EXPIRES, RESERVED]


def test_v13_reservation_time_of_a_used_reservation():
    assert cost(V13, usage(charging(60, "20"), reserved_min=22)) == (D("7.00"), D("7.90"))


def test_v13_time_of_an_expired_reservation_is_priced_by_what_is_meant_for_it():
    assert cost(V13, usage(reserved_min=22, is_expired=True)) == (D("3.00"), D("3.60"))


@pytest.mark.parametrize(
    ("step", "billed_kwh", "net"), [(1, "0.116", "0.029"), (25, "0.125", "0.03125"), (500, "0.5", "0.125")]
)
def test_v14_steps_of_energy(step, billed_kwh, net):
    found = priced(terms(element(energy("0.25", step_size=step))), usage(charging(10, "0.1152")))
    assert (found.lines[0].measured, found.lines[0].quantity) == (D("0.1152"), D(billed_kwh))
    assert found.net == D(net)


def test_v15_step_of_parking_leaves_charging_time_exact():
    found = priced(V15, usage(charging(10), parked(2), at=MONDAY.replace(hour=16, minute=55)))
    assert found.net == D("0.55")
    assert [line.net for line in found.lines] == [D("0.10"), D("0.20"), D("0.25")]


def test_v15b_what_the_step_adds_is_priced_as_the_last_period():
    found = priced(V15, usage(charging(35), at=MONDAY.replace(hour=16, minute=35)))
    assert found.net == D("1.30")
    assert [line.net for line in found.lines] == [D("0.50"), D("0.80")]


def test_v16_energy_by_power():
    used = usage(charging(10, "1"), charging(50, "40"), charging("7.5", "0.5"))
    assert cost(V16, used) == (D("20.30"), D("20.30"))


def test_v16_power_as_measured_goes_before_energy_by_time():
    used = usage(
        charging(1, "1", power_w=D(6000)), charging(1, "40", power_w=D(48_000)), charging(1, "0.5", power_w=D(4000))
    )
    assert cost(V16, used) == (D("20.30"), D("20.30"))


def test_v16_bound_of_power_is_exclusive_above_and_inclusive_below():
    assert cost(V16, usage(charging(60, "16")))[0] == D("16") * D("0.35")
    assert cost(V16, usage(charging(60, "32")))[0] == D("32") * D("0.50")


def test_v17_energy_by_duration():
    assert cost(V17, usage(charging(30, "5"), charging(15, "1.2")))[0] == D("0.30")


def test_v17_a_stretch_over_the_bounds_is_cut_by_interpolation():
    assert cost(V17, usage(charging(90, "9")))[0] == 3 * D("0.25") + 3 * D("0.40")


def test_v20_step_of_the_pair_rounds_only_parking():
    what = terms(element(time_("1", step_size=600)), element(parking("2", step_size=600)))
    found = priced(what, usage(charging(21), parked(16)))
    assert found.net == as_shown(Fraction(61, 60))
    assert found.billed.net == D("1.02")


def test_v21_time_is_rounded_up_to_its_step():
    what = terms(element(time_("2", "10", step_size=300)))
    assert cost(what, usage(charging(D(7103) / 60))) == (D("4.00"), D("4.40"))


def test_v21_an_exact_multiple_stays():
    what = terms(element(time_("2", "10", step_size=300)))
    assert cost(what, usage(charging(120))) == (D("4.00"), D("4.40"))


def test_v22_tax_comes_at_the_invoice():
    found = priced(terms(element(time_("2.00")), currency="CAD"), usage(charging(150)))
    assert (found.net, found.gross, found.is_tax_known) == (D("5.00"), D("5.00"), False)


def test_v23_price_with_its_tax():
    found = priced(terms(element(time_("2.10")), currency="CAD", basis=TaxBasis.INCLUDED), usage(charging(150)))
    assert (found.gross, found.is_tax_known) == (D("5.25"), False)
    assert found.billed.gross == D("5.25")


def test_three_per_hour_and_five_parked():
    what = terms(element(time_("3", "10", step_size=60)), element(parking("5", "20", step_size=300)))
    assert cost(what, usage(charging(150), parked(42))) == (D("11.25"), D("12.75"))


def test_first_kwh_and_first_hour_free():
    what = terms(
        element(energy("0"), max_kwh=D(1)),
        element(energy("0.20"), min_kwh=D(1)),
        element(parking("0"), max_duration_s=3600),
        element(parking("2.00", step_size=60), min_duration_s=3600, max_duration_s=4 * 3600),
        element(parking("3.00", step_size=60), min_duration_s=4 * 3600),
    )
    found = priced(what, usage(charging(60, "20"), parked(D("165"))))
    assert found.net == D("3.80") + D("5.50")


def test_energy_by_steps_of_100_wh():
    what = terms(element(energy("0.25", "10", step_size=100)), element(flat("0.50", "22.5")))
    assert cost(what, usage(charging(60, "20.45"))) == (D("5.625"), D("6.25"))


# What OCPI leaves out, and everybody meets


def day_and_night(zone_kwargs=None):
    return terms(
        element(time_("6"), start_time=time(22), end_time=time(6)),
        element(time_("60")),
        currency="EUR",
    )


@pytest.mark.parametrize(
    ("at", "hours_of_night"),
    [
        (datetime(2026, 3, 28, 12, tzinfo=UTC), 7),  # clocks of Berlin go forward at 01:00 UTC on the 29th
        (datetime(2026, 10, 24, 12, tzinfo=UTC), 9),  # and back at 01:00 UTC on the 25th
        (datetime(2026, 6, 1, 12, tzinfo=UTC), 8),
    ],
)
def test_night_of_the_day_on_which_clocks_change(at, hours_of_night):
    found = priced(day_and_night(), usage(charging(24 * 60), at=at, zone="Europe/Berlin"))
    assert found.net == 6 * hours_of_night + 60 * (24 - hours_of_night)


@pytest.mark.parametrize(("at", "hours"), [((2026, 3, 28, 23), 23), ((2026, 10, 24, 22), 25)])
def test_day_of_23_or_25_hours_is_one_day(at, hours):
    what = terms(
        element(time_("1"), days_of_week=(Weekday.SUNDAY,)), element(time_("1000"), days_of_week=(Weekday.MONDAY,))
    )
    used = usage(charging(hours * 60), charging(60), at=datetime(*at, tzinfo=UTC), zone="Europe/Berlin")
    assert priced(what, used).net == hours + 1000


def test_hour_that_the_clock_shows_twice_counts_twice():
    what = terms(element(time_("1"), start_time=time(2), end_time=time(3)))
    used = usage(charging(24 * 60), at=datetime(2026, 10, 24, 22, tzinfo=UTC), zone="Europe/Berlin")
    assert priced(what, used).net == 2


def test_hour_that_the_clock_leaves_out_does_not_count():
    what = terms(element(time_("1"), start_time=time(2), end_time=time(3)), element(time_("0")))
    used = usage(charging(24 * 60), at=datetime(2026, 3, 28, 23, tzinfo=UTC), zone="Europe/Berlin")
    assert priced(what, used).net == 0


def test_start_that_the_clock_leaves_out_is_when_it_was_put_forward():
    what = terms(element(time_("1"), start_time=time(2, 30), end_time=time(4)))
    used = usage(charging(24 * 60), at=datetime(2026, 3, 28, 23, tzinfo=UTC), zone="Europe/Berlin")
    assert priced(what, used).net == 1
    assert priced(what, used).lines[0].started_at == datetime(2026, 3, 29, 1, tzinfo=UTC)


def test_wrapped_midnight_is_priced_on_both_sides():
    used = usage(charging(12 * 60), at=datetime(2026, 3, 2, 18, tzinfo=UTC), zone="Africa/Kigali")
    found = priced(day_and_night(), used)  # 20:00 until 08:00 in Kigali
    assert found.net == 8 * 6 + 4 * 60
    assert [(line.unit_price, line.quantity) for line in found.lines] == [(60, 4), (6, 8)]


def test_end_of_day_is_midnight():
    what = terms(element(time_("1"), start_time=time(20), end_time=time(0)), element(time_("0")))
    assert priced(what, usage(charging(24 * 60), at=MONDAY.replace(hour=0, minute=0))).net == 4


def test_whole_day_from_midnight_to_midnight():
    what = terms(element(time_("1"), start_time=time(0), end_time=time(0)))
    assert priced(what, usage(charging(48 * 60))).net == 48


def test_session_across_the_end_of_a_month():
    what = terms(
        element(energy("100"), end_date=date(2026, 2, 1)),
        element(energy("200"), start_date=date(2026, 2, 1)),
        currency="RWF",
    )
    used = usage(charging(120, "12"), at=datetime(2026, 1, 31, 21, 30, tzinfo=UTC), zone="Africa/Kigali")
    found = priced(what, used)  # it is midnight in Kigali after half an hour
    assert [(line.quantity, line.unit_price) for line in found.lines] == [(3, 100), (9, 200)]
    assert found.billed.gross == 2100


def test_session_without_energy_bears_only_its_start_fee():
    found = priced(V2, usage(charging(60)))
    assert (found.net, found.gross) == (D("0.50"), D("0.60"))
    assert [line.dimension for line in found.lines] == [Dimension.FLAT]


def test_session_without_time_or_energy_bears_its_start_fee():
    assert priced(V2, usage(charging(0))).net == D("0.50")


@pytest.mark.parametrize("wh", ["-1", "-0.000001", "NaN", "Infinity", "1E+20"])
def test_energy_of_a_register_that_ran_backwards_is_not_priced(wh):
    with pytest.raises(InvalidInput):
        priced(V1, usage((10, {"energy_wh": D(wh)})))


def test_energy_with_three_decimals_of_a_kwh_in_francs():
    found = priced(terms(element(energy("213")), currency="RWF"), usage(charging(60, "12.347")))
    assert found.net == D("2629.911")
    assert found.billed.gross == D("2630")


def test_francs_with_their_tax():
    what = terms(element(energy("250", "18")), currency="RWF", basis=TaxBasis.INCLUDED)
    found = priced(what, usage(charging(60, "12.4")))
    assert (found.billed.net, found.billed.tax, found.billed.gross) == (2627, 473, 3100)
    assert found.gross == 3100
    assert found.net == as_shown(Fraction(310_000, 118))


def test_dinars_have_three_decimals():
    found = priced(terms(element(energy("0.0251", "5")), currency="KWD"), usage(charging(60, "12.347")))
    assert found.net == D("0.3099097")
    assert (found.billed.net, found.billed.tax, found.billed.gross) == (D("0.310"), D("0.016"), D("0.326"))


def test_shillings_have_two_decimals():
    found = priced(terms(element(energy("58.5", "16")), currency="KES"), usage(charging(60, "12.347")))
    assert found.net == D("722.2995")
    assert (found.billed.net, found.billed.tax, found.billed.gross) == (D("722.30"), D("115.57"), D("837.87"))


def test_station_that_gives_no_power_costs_no_idle_fee():
    """SuspendedEVSE for 30 minutes: the vehicle wants power, so that it is charging time."""
    what = terms(element(energy("100")), element(parking("600")), currency="RWF")
    found = priced(what, usage(charging(30, "5"), charging(30), charging(30, "5")))
    assert found.parking_h == 0
    assert [line.dimension for line in found.lines] == [Dimension.ENERGY]


def test_tax_included_with_several_rates():
    what = terms(
        element(flat("120", "20")), element(energy("110", "10")), element(parking("50")), basis=TaxBasis.INCLUDED
    )
    found = priced(what, usage(charging(60, "2"), parked(60)))
    assert (found.net, found.gross) == (D(350), D(390))
    assert found.is_tax_known is False
    assert [(tax.percent, tax.base, tax.amount) for tax in found.taxes] == [(20, 100, 20), (10, 200, 20)]


def test_maximum_that_only_the_gross_total_reaches():
    what = terms(*V2.elements, most=limit("14", "14"))
    found = priced(what, usage(charging(60, "50")))
    assert (found.net, found.gross) == (D("13.00"), D("14"))
    assert [one.is_net for one in found.limits] == [False]
    assert found.billed.net + found.billed.tax == found.billed.gross == D("14.00")
    assert sum(found.billed.line_gross) == D("14.00")


def test_maximum_that_only_the_net_total_reaches():
    what = terms(*V2.elements, most=limit("12", "20"))
    found = priced(what, usage(charging(60, "50")))
    assert (found.net, found.gross) == (D("12"), D("14.35"))
    assert (found.billed.net, found.billed.tax, found.billed.gross) == (D("12.00"), D("2.35"), D("14.35"))


def test_restriction_of_energy_cuts_inside_a_stretch():
    what = terms(element(energy("1"), max_kwh=D("3.3")), element(energy("10")))
    found = priced(what, usage(charging(60, "10")))
    assert found.net == D("3.3") + 67
    assert found.lines[1].started_at == MONDAY + timedelta(seconds=1188)


def test_time_restricted_by_energy_is_cut_at_the_exact_instant():
    what = terms(element(time_("60"), max_kwh=D(1)), element(time_("0")))
    found = priced(what, usage(charging(70, "3")))
    assert found.net == as_shown(Fraction(1400, 60))  # 23 min 20 s are whole seconds


def test_no_element_that_applies_means_free():
    what = terms(element(energy("1"), min_kwh=D(5)), element(energy("2"), max_kwh=D(2)))
    assert priced(what, usage(charging(60, "10"))).net == 5 + 4


def test_dimensions_are_supplied_by_different_elements():
    what = terms(element(energy("1"), start_time=time(9), end_time=time(10)), element(energy("9"), time_("3")))
    found = priced(what, usage(charging(30, "10")))
    assert [(line.dimension, line.element) for line in found.lines] == [(Dimension.ENERGY, 0), (Dimension.TIME, 1)]


def test_reservation_that_was_used_and_one_that_expired_differ():
    used = ReservedTime(started_at=MONDAY - timedelta(hours=1), ended_at=MONDAY)
    found = price(Usage(reservation=used), (applied(V12),))
    assert (found.net, found.gross) == (D(2), D("2.40"))


def test_stretch_that_is_not_aware_is_refused():
    naive = Stretch(started_at=MONDAY.replace(tzinfo=None), ended_at=MONDAY.replace(tzinfo=None, hour=12))
    with pytest.raises(InvalidInput):
        priced(V1, Usage(stretches=(naive,)))
