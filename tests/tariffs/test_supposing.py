"""Usages for calculators."""

from datetime import timedelta
from decimal import Decimal

import pytest

from ingufu.core.errors import InvalidInput
from ingufu.tariffs.model import ReservationPart
from ingufu.tariffs.price import price
from ingufu.tariffs.supposing import suppose
from price_samples import MONDAY, applied, element, energy, flat, parking, terms, time_

D = Decimal
ASKED = {"started_at": MONDAY, "energy_kwh": D(30), "charging_min": D(40)}
TARIFF = applied(
    terms(
        element(time_("6"), reservation=ReservationPart.RESERVATION),
        element(energy("0.30"), max_power_kw=D(50)),
        element(energy("0.60")),
        element(flat("1"), parking("12", grace_s=300)),
    )
)


def test_thirty_kwh_in_forty_minutes_and_ten_idle():
    found = price(suppose(**ASKED, idle_min=D(10)), (TARIFF,))
    assert (found.energy_kwh, found.net) == (30, 9 + 1 + 1)
    assert (found.time_h.quantize(D("0.0001")), found.parking_h.quantize(D("0.0001"))) == (D("0.8333"), D("0.1667"))


def test_power_that_is_given_decides():
    assert price(suppose(**ASKED, power_kw=D(150)), (TARIFF,)).net == 18 + 1


def test_energy_alone_can_be_asked_for():
    assert price(suppose(started_at=MONDAY, energy_kwh=D(30), charging_min=D(0)), (TARIFF,)).net == 9 + 1


def test_reserved_time_lies_before():
    used = suppose(**ASKED, reserved_min=D(20))
    assert used.reservation.ended_at == MONDAY == used.reservation.started_at + timedelta(minutes=20)
    assert price(used, (TARIFF,)).net == 2 + 9 + 1


def test_reservation_that_nobody_came_for_has_no_session():
    used = suppose(started_at=MONDAY, energy_kwh=D(0), charging_min=D(0), reserved_min=D(20), is_expired=True)
    assert used.stretches == ()
    assert price(used, (TARIFF,)).net == 2


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("energy_kwh", "-1"),
        ("charging_min", "NaN"),
        ("idle_min", "Infinity"),
        ("idle_min", "1E+30"),
        ("power_kw", "-5"),
    ],
)
def test_quantity_that_is_none_is_refused(field, value):
    with pytest.raises(InvalidInput) as refused:
        suppose(**{**ASKED, field: D(value)})
    assert refused.value.field == field


def test_time_beyond_the_calendar_is_refused():
    with pytest.raises(InvalidInput):
        suppose(**{**ASKED, "charging_min": D("5E+9")})
