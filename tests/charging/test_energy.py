"""Energy from registers: the cases stations are known for, and what holds for any."""

import itertools
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingufu.charging.energy import LEAP_WH, Limits, Place, Point, Track, follow, measure
from ingufu.charging.model import AnomalyKind, EnergySource

ZERO = datetime(2026, 3, 1, 12, tzinfo=UTC)
LIMITS = Limits()


def track(*values, start=None, stop=None, step_minutes=15):
    """Follow registers: that of the start, the samples, and that of the stop."""
    points = [] if start is None else [Point(Place.START_REGISTER, ZERO, Decimal(start))]
    points += [
        Point(Place.WITHIN, ZERO + timedelta(minutes=step_minutes * (index + 1)), Decimal(value))
        for index, value in enumerate(values)
    ]
    if stop is not None:
        points.append(
            Point(Place.STOP_REGISTER, ZERO + timedelta(minutes=step_minutes * (len(values) + 1)), Decimal(stop))
        )
    made = Track()
    for point in points:
        made = follow(made, point, LIMITS)
    return made


def outcome(*values, **ends):
    measured = measure(track(*values, **ends), is_over=True)
    return measured.energy_wh, measured.source


@pytest.mark.parametrize(
    ("values", "ends", "energy", "source"),
    [
        pytest.param([], {"start": 100, "stop": 900}, 800, EnergySource.REGISTERS, id="two registers"),
        pytest.param([200, 500], {"start": 100, "stop": 900}, 800, EnergySource.REGISTERS, id="with samples"),
        pytest.param([], {"start": 100, "stop": 100}, 0, EnergySource.REGISTERS, id="nothing taken"),
        pytest.param([200, 500], {"start": 100}, 400, EnergySource.READINGS, id="no stop register"),
        pytest.param([200, 500], {"stop": 900}, 700, EnergySource.READINGS, id="no start register"),
        pytest.param([200], {}, 0, EnergySource.READINGS, id="one sample"),
        pytest.param([], {}, 0, EnergySource.NOTHING, id="no register at all"),
        pytest.param([3000], {"start": 1000, "stop": 0}, 2000, EnergySource.READINGS, id="stop register 0"),
        pytest.param([], {"start": 1000, "stop": 0}, 0, EnergySource.READINGS, id="stop register 0, no sample"),
        pytest.param([], {"start": 0, "stop": 0}, 0, EnergySource.REGISTERS, id="both 0"),
        pytest.param([20_000], {"start": 10_000, "stop": 500}, 10_000, EnergySource.DELTAS, id="reset at the end"),
        pytest.param([20_000, 0, 700], {"start": 10_000, "stop": 900}, 10_900, EnergySource.DELTAS, id="reset midway"),
        pytest.param([990, 1050], {"start": 1000, "stop": 2000}, 1010, EnergySource.REGISTERS, id="start ahead"),
        pytest.param([0, 60, 120], {"start": 900_000, "stop": 180}, 180, EnergySource.DELTAS, id="session samples"),
        pytest.param(
            [5_000_000, 5_000_060, 5_000_090], {"start": 0, "stop": 5_000_100}, 100, EnergySource.DELTAS,
            id="start register always 0",
        ),
        pytest.param([1000, 12, 1050], {"start": 900, "stop": 1100}, 200, EnergySource.REGISTERS, id="dip"),
        pytest.param([1000, 5_000_000, 1050], {"start": 900, "stop": 1100}, 200, EnergySource.REGISTERS, id="spike"),
        pytest.param([1500], {"start": 900, "stop": 1_700_000_000}, 600, EnergySource.READINGS, id="stop in mWh"),
        pytest.param([2000], {"start": 900, "stop": 1999}, 1099, EnergySource.REGISTERS, id="stop rounded down"),
        pytest.param([-5, 2000], {"start": 900, "stop": 2100}, 1200, EnergySource.REGISTERS, id="negative sample"),
        pytest.param([2**32], {"start": 2**32 - 50, "stop": 2**32 + 50}, 100, EnergySource.REGISTERS, id="above 32 bits"),
    ],
)  # fmt: skip
def test_energy_of(values, ends, energy, source):
    assert outcome(*values, **ends) == (energy, source)


def test_leap_without_samples_stands_but_is_marked():
    leaped = track(start=0, stop=50_000_000)
    assert measure(leaped, is_over=True).energy_wh == 50_000_000
    assert AnomalyKind.IMPLAUSIBLE_VALUE in leaped.flags


def test_absurd_leap_counts_nothing_and_is_marked():
    leaped = track(start=0, stop=LEAP_WH + 1)
    assert measure(leaped, is_over=True).energy_wh == 0
    assert AnomalyKind.IMPLAUSIBLE_VALUE in leaped.flags


def test_quick_session_of_a_test_bench_is_believed():
    assert outcome(start=0, stop=60_000, step_minutes=0) == (60_000, EnergySource.REGISTERS)


def test_reset_and_slip_are_told_apart():
    assert track(20_000, 0, start=0).flags == {AnomalyKind.REGISTER_RESET}
    assert track(20_000, 19_999, start=0).flags == {AnomalyKind.REGISTER_BACKWARDS}
    assert track(1, 2, 3, start=0, stop=3).flags == frozenset()


registers = st.decimals(-(10**6), 10**13, places=6)


@given(st.lists(registers, max_size=12), st.none() | registers, st.none() | registers, st.booleans())
def test_energy_is_never_negative(values, start, stop, is_over):
    assert measure(track(*values, start=start, stop=stop), is_over=is_over).energy_wh >= 0


@given(st.lists(st.decimals(0, 10_000, places=6), min_size=1, max_size=20))
def test_energy_of_a_rising_register_is_exactly_its_rise(rises):
    values = [sum(rises[: index + 1], Decimal(0)) for index in range(len(rises))]
    assert outcome(*values, start=0)[0] == values[-1]


@given(st.lists(registers, max_size=12))
def test_energy_never_exceeds_the_sum_of_all_rises(values):
    rises = sum((max(b - a, Decimal(0)) for a, b in itertools.pairwise(values)), Decimal(0))
    spread = max(values, default=Decimal(0)) - min(values, default=Decimal(0))
    assert measure(track(*values), is_over=True).energy_wh <= max(rises, spread)
