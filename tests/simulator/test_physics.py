"""The physics of a simulated EVSE: energy, limits and batteries keep their laws whatever happens."""

import random
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from ingufu.simulator.meter import NOISE, STEP_S, Meter
from ingufu.simulator.spec import EvseSpec
from ingufu.simulator.vehicle import AC_EFFICIENCY, DC_EFFICIENCY, MODELS, Vehicle, arrive, cold_factor

NOW = datetime(2025, 6, 1, tzinfo=UTC)
EVSES = st.sampled_from(
    [
        EvseSpec(max_power_w=7_400, phases=1),
        EvseSpec(max_power_w=11_000, phases=3),
        EvseSpec(max_power_w=22_000, phases=3),
        EvseSpec(max_power_w=50_000, phases=0),
        EvseSpec(max_power_w=300_000, phases=0),
    ]
)
LIMITS = st.lists(st.tuples(st.floats(0.1, 1800), st.one_of(st.none(), st.floats(0, 400_000))), min_size=1, max_size=8)


@st.composite
def vehicles(draw):
    soc = draw(st.floats(0, 100))
    return Vehicle(
        draw(st.sampled_from(MODELS)),
        soc=soc,
        target_soc=draw(st.floats(soc, 100)),
        ambient_c=draw(st.floats(-30, 45)),
        shrink=draw(st.sampled_from([1.0, 20.0])),
        refuses=draw(st.booleans()),
    )


@given(EVSES, vehicles(), LIMITS, st.integers(0, 2**32))
@settings(max_examples=150, deadline=None)
def test_register_rises_power_keeps_the_limit_and_charge_stays_in_bounds(spec, vehicle, stretches, seed):
    meter = Meter(spec, random.Random(seed), ambient_c=20.0)
    soc, register = vehicle.soc, meter.register_tenths
    for seconds, limit_w in stretches:
        meter.pass_time(seconds, vehicle, limit_w, ambient_c=20.0)
        assert meter.register_tenths >= register
        assert soc - 1e-9 <= vehicle.soc <= 100.0
        assert 0.0 <= meter.power_w <= min(spec.max_power_w, limit_w or 0.0)
        assert meter.register_tenths - register <= (min(spec.max_power_w, limit_w or 0.0) * seconds / 360) + 1
        soc, register = vehicle.soc, meter.register_tenths


@given(EVSES, vehicles(), st.integers(1, 400), st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_energy_is_the_integral_of_power(spec, vehicle, steps, seed):
    meter = Meter(spec, random.Random(seed), ambient_c=20.0)
    before, integral_wh, last_w = meter.register_tenths, 0.0, 0.0
    for _ in range(steps):
        meter.pass_time(STEP_S, vehicle, spec.max_power_w, ambient_c=20.0)
        last_w = meter.power_w
        integral_wh += last_w * STEP_S / 3600
    energy_wh = (meter.register_tenths - before) / 10
    assert integral_wh - spec.max_power_w * STEP_S / 3600 - 0.1 <= energy_wh <= integral_wh + 0.1  # full within a step


@given(EVSES, vehicles(), st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_what_the_meter_counts_arrives_in_the_battery_less_the_losses(spec, vehicle, seed):
    meter = Meter(spec, random.Random(seed), ambient_c=20.0)
    soc, before = vehicle.soc, meter.register_tenths
    meter.pass_time(5 * 3600, vehicle, spec.max_power_w, ambient_c=20.0)
    stored_wh = (vehicle.soc - soc) / 100 * vehicle.capacity_wh
    efficiency = DC_EFFICIENCY if spec.is_dc else AC_EFFICIENCY
    assert abs((meter.register_tenths - before) / 10 * efficiency - stored_wh) < 0.2


@given(EVSES, vehicles(), st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_a_reading_is_consistent(spec, vehicle, seed):
    meter = Meter(spec, random.Random(seed), ambient_c=20.0)
    meter.pass_time(60, vehicle, spec.max_power_w, ambient_c=20.0)
    reading = meter.read(NOW, vehicle, spec.max_power_w)
    assert len(reading.currents_a) == len(reading.voltages_v) == (spec.phases or 1)
    power_w = sum(a * v for a, v in zip(reading.currents_a, reading.voltages_v, strict=True))
    assert abs(power_w - reading.power_w) <= max(5.0, 0.002 * reading.power_w)
    assert reading.interval_tenths == reading.energy_tenths - spec.register_tenths
    assert (reading.soc is None) is not spec.is_dc
    assert sum(a > 0 for a in reading.currents_a) in (0, vehicle.used_phases(spec.phases) or 1)


def test_power_falls_towards_the_end_of_a_dc_charge_and_in_the_cold():
    model = MODELS[3]
    powers = [Vehicle(model, soc=soc).wanted_power_w(phases=0) for soc in (20, 55, 70, 85, 99)]
    assert powers[0] == powers[1] == model.dc_power_w
    assert powers[1] > powers[2] > powers[3] > powers[4] > 0
    assert Vehicle(model, soc=20, ambient_c=-15).wanted_power_w(phases=0) < 0.6 * model.dc_power_w
    assert cold_factor(25) == 1.0 > cold_factor(0) > cold_factor(-25) > 0.4


def test_ac_power_depends_on_phases_of_both_sides():
    hybrid, hatchback = MODELS[6], MODELS[1]
    assert Vehicle(hybrid, soc=20).wanted_power_w(phases=3) == 3_600
    assert Vehicle(hatchback, soc=20).wanted_power_w(phases=3) == 11_000
    assert round(Vehicle(hatchback, soc=20).wanted_power_w(phases=1)) == round(11_000 / 3)


def test_below_the_minimum_current_nothing_flows():
    spec = EvseSpec(max_power_w=11_000, phases=3)
    meter = Meter(spec, random.Random(0), ambient_c=20.0)
    vehicle = Vehicle(MODELS[1], soc=20)
    minimum_w = meter.minimum_w(vehicle)
    meter.pass_time(60, vehicle, minimum_w - 1, ambient_c=20.0)
    assert meter.register_tenths == 0
    meter.pass_time(60, vehicle, minimum_w, ambient_c=20.0)
    assert minimum_w * (1 - NOISE) <= meter.power_w <= minimum_w


def test_vehicles_that_arrive_are_believable():
    rng = random.Random(7)
    came = [arrive(rng, is_dc=True) for _ in range(500)]
    assert all(vehicle.model.dc_power_w > 0 for vehicle in came)
    assert all(4 <= vehicle.soc <= 88 and vehicle.soc < vehicle.target_soc <= 100 for vehicle in came)
    assert len({vehicle.model.name for vehicle in came}) == 6
