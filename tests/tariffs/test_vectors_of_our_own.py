"""What OCPI leaves out of its examples, and everybody meets: clocks, months, odd registers, small units; all exact."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest

from ingufu.core.errors import InvalidInput
from ingufu.tariffs.model import Dimension, TaxBasis, Weekday
from ingufu.tariffs.price import price
from ingufu.tariffs.usage import ReservedTime, Stretch, Usage
from price_samples import (
    MONDAY,
    V1,
    V2,
    V12,
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
    terms,
    time_,
    usage,
)

D = Decimal


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
