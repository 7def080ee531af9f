"""What a session used: stretches that sum up to what is billed, idle only where the vehicle asks for no power."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingufu.billing.records.folding import Fault, Reading, faults_of, usage_of
from ingufu.charging.model import ChargingState, EventFacts, ReportKind, Transaction, TransactionEvent
from ingufu.tariffs.usage import Activity, Usage

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def transaction(minutes: float = 60, **changes: Any) -> Transaction:
    values: dict[str, Any] = {
        "id": "t",
        "station_id": "s",
        "reference": "r",
        "version": "2.0.1",
        "started_at": START,
        "ended_at": START + minutes * MINUTE,
        "is_open": False,
        "start_received_at": START,
        "updated_at": START,
    }
    return Transaction(**(values | changes))


def state(minutes: float, what: ChargingState, seq: int | None = None) -> TransactionEvent:
    at = START + minutes * MINUTE
    key = str(seq) if seq is not None else f"state/{at.isoformat()}/{what.value}"
    return TransactionEvent(key=key, kind=ReportKind.UPDATED, seq=seq, at=at, received_at=at, state=what)


def register(kind: ReportKind, minutes: float, wh: int) -> TransactionEvent:
    at = START + minutes * MINUTE
    facts = EventFacts(register_wh=Decimal(wh))
    return TransactionEvent(key=kind.value, kind=kind, at=at, received_at=at, facts=facts)


def reading(minutes: float, wh: int | None = None, power_w: float | None = None, amperes: int | None = None) -> Reading:
    return Reading(
        at=START + minutes * MINUTE,
        context="Sample.Periodic",
        energy_wh=None if wh is None else Decimal(wh),
        power_w=power_w,
        current_a=None if amperes is None else Decimal(amperes),
    )


def total(usage: Usage) -> Decimal:
    return sum((one.energy_wh for one in usage.stretches), Decimal(0))


def parked(usage: Usage) -> timedelta:
    rests = (one.ended_at - one.started_at for one in usage.stretches if one.activity is Activity.PARKED)
    return sum(rests, timedelta())


def check_whole(usage: Usage, of: Transaction) -> None:
    """Stretches follow each other from the start to the end, and hold no energy below nothing."""
    assert usage.stretches[0].started_at == of.started_at
    assert usage.stretches[-1].ended_at == of.ended_at
    for before, after in zip(usage.stretches, usage.stretches[1:], strict=False):
        assert before.ended_at == after.started_at
    assert all(one.energy_wh >= 0 for one in usage.stretches)


def test_no_readings_make_one_stretch_with_all_the_energy() -> None:
    usage = usage_of(transaction(), [], [], Decimal(12345))
    (one,) = usage.stretches
    assert (one.energy_wh, one.activity) == (Decimal(12345), Activity.CHARGING)
    check_whole(usage, transaction())


def test_zero_energy_is_one_stretch_without_energy() -> None:
    usage = usage_of(transaction(), [], [reading(0, 500), reading(30, 500), reading(60, 500)], Decimal(0))
    assert total(usage) == 0
    check_whole(usage, transaction())


def test_a_session_without_length_keeps_its_energy() -> None:
    of = transaction(0)
    usage = usage_of(of, [], [], Decimal(7))
    assert [one.energy_wh for one in usage.stretches] == [Decimal(7)]
    check_whole(usage, of)


def test_registers_say_when_the_energy_flowed() -> None:
    readings = [reading(0, 1000), reading(30, 9000), reading(60, 11000)]
    usage = usage_of(transaction(), [], readings, Decimal(10000))
    assert [one.energy_wh for one in usage.stretches] == [Decimal(8000), Decimal(2000)]
    check_whole(usage, transaction())


def test_numbered_registers_of_start_and_stop_bound_the_readings_between() -> None:
    events = [register(ReportKind.STARTED, 0, 1000), register(ReportKind.ENDED, 60, 11000)]
    usage = usage_of(transaction(), events, [reading(15, 7000)], Decimal(10000))
    assert [one.energy_wh for one in usage.stretches] == [Decimal(6000), Decimal(4000)]


@pytest.mark.parametrize("billed", ["9000", "11000", "10000.000001", "0.000001", "9999.9999999"])
def test_energy_of_stretches_sums_up_to_what_is_billed(billed: str) -> None:
    readings = [reading(0, 1000), reading(17, 4000), reading(30, 9000), reading(60, 11000)]
    usage = usage_of(transaction(), [], readings, Decimal(billed))
    assert total(usage) == Decimal(billed)
    check_whole(usage, transaction())


def test_a_register_that_is_reset_or_negative_takes_no_energy_away() -> None:
    readings = [reading(0, 90000), reading(10, 95000), reading(20, 10), reading(30, 5010), reading(40, -7)]
    usage = usage_of(transaction(), [], readings, Decimal(10000))
    assert total(usage) == 10000
    check_whole(usage, transaction())


def test_power_says_when_it_flowed_where_there_are_no_registers() -> None:
    readings = [reading(0, power_w=10000), reading(30, power_w=10000), reading(31, power_w=0), reading(60, power_w=0)]
    usage = usage_of(transaction(), [], readings, Decimal(5000))
    late = sum((one.energy_wh for one in usage.stretches if one.started_at >= START + 31 * MINUTE), Decimal(0))
    assert (total(usage), late) == (Decimal(5000), Decimal(0))


def test_vehicle_that_asks_for_no_power_is_parked() -> None:
    events = [state(1, ChargingState.CHARGING, 1), state(40, ChargingState.SUSPENDED_EV, 2)]
    usage = usage_of(transaction(), events, [reading(0, 0), reading(60, 6000)], Decimal(6000))
    assert parked(usage) == 20 * MINUTE
    energies = [one.energy_wh for one in usage.stretches if one.activity is Activity.PARKED]
    assert energies == [Decimal(0)]  # it flowed while the vehicle asked for it


@pytest.mark.parametrize("what", [ChargingState.SUSPENDED_EVSE, ChargingState.UNKNOWN, ChargingState.CHARGING])
def test_what_the_station_does_is_never_idle(what: ChargingState) -> None:
    events = [state(1, ChargingState.CHARGING, 1), state(20, what, 2)]
    assert parked(usage_of(transaction(), events, [], Decimal(100))) == timedelta()


def test_connected_is_idle_after_charging_and_not_before() -> None:
    before = [state(0, ChargingState.EV_CONNECTED, 0), state(20, ChargingState.CHARGING, 1)]
    assert parked(usage_of(transaction(), before, [], Decimal(100))) == timedelta()
    after = [*before, state(45, ChargingState.EV_CONNECTED, 2)]
    assert parked(usage_of(transaction(), after, [], Decimal(100))) == 15 * MINUTE


def test_finishing_is_idle_where_only_registers_tell_of_charging() -> None:
    events = [state(45, ChargingState.EV_CONNECTED)]  # what a 1.6 status Finishing is kept as
    readings = [reading(0, 0), reading(30, 4000)]
    assert parked(usage_of(transaction(), events, readings, Decimal(4000))) == 15 * MINUTE


def test_fault_ends_idle_time_for_as_long_as_it_lasts() -> None:
    events = [state(1, ChargingState.CHARGING, 1), state(20, ChargingState.SUSPENDED_EV, 2)]
    faults = [Fault(START + 30 * MINUTE, START + 40 * MINUTE)]
    usage = usage_of(transaction(), events, [], Decimal(100), faults=faults)
    assert parked(usage) == 30 * MINUTE
    check_whole(usage, transaction())


def test_faults_are_spans_between_out_of_order_and_in_order() -> None:
    told = [(START + 40 * MINUTE, False), (START + 30 * MINUTE, True), (START + 31 * MINUTE, True)]
    assert faults_of(told, START + HOUR) == (Fault(START + 30 * MINUTE, START + 40 * MINUTE),)
    assert faults_of(told[1:], START + HOUR) == (Fault(START + 30 * MINUTE, START + HOUR),)


def test_running_session_is_looked_at_until_now() -> None:
    running = transaction(ended_at=None, is_open=True)
    usage = usage_of(running, [], [reading(0, 0), reading(10, 2000)], Decimal(2000), until=START + 12 * MINUTE)
    assert usage.stretches[-1].ended_at == START + 12 * MINUTE
    assert total(usage) == 2000


def test_current_is_held_until_the_next_is_told() -> None:
    readings = [reading(0, 0, amperes=48), reading(30, 3000, amperes=10), reading(60, 4000)]
    usage = usage_of(transaction(), [], readings, Decimal(4000))
    assert [one.current_a for one in usage.stretches] == [Decimal(48), Decimal(10)]


def test_readings_without_end_make_stretches_within_bounds() -> None:
    readings = [reading(index / 10, index * index) for index in range(20_000)]
    of = transaction(2000)
    usage = usage_of(of, [], readings, Decimal(123456))
    assert len(usage.stretches) <= 1501
    assert total(usage) == 123456
    check_whole(usage, of)


STATES = st.builds(state, st.integers(-5, 70), st.sampled_from(list(ChargingState)), st.integers(0, 30))
READINGS = st.builds(
    reading, st.integers(-5, 70), st.none() | st.integers(-10, 20_000), st.none() | st.floats(0, 1e6), st.none()
)


@given(
    st.lists(STATES, max_size=8, unique_by=lambda one: one.seq),
    st.lists(READINGS, max_size=12),
    st.decimals(0, 50_000, places=3),
    st.randoms(use_true_random=False),
)
def test_order_and_repetition_of_messages_never_change_what_was_used(
    events: list[TransactionEvent], readings: list[Reading], billed: Decimal, chance: Any
) -> None:
    of = transaction()
    usage = usage_of(of, events, readings, billed)
    assert total(usage) == billed
    check_whole(usage, of)
    shuffled = [*readings, *readings[:3]]
    chance.shuffle(shuffled)
    events = [*events, *events[:2]]
    chance.shuffle(events)
    assert usage_of(of, events, shuffled, billed) == usage
