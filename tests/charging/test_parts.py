"""The small parts of charging: sequence sets, clocks, number blocks, matching."""

import asyncio
import itertools
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingufu.charging import clocks, intake, matching, sequence
from ingufu.charging.model import AnomalyKind, ChargingRules, MeterReading, ReportKind, Sample, TransactionReport
from ingufu.charging.numbers import BLOCK, NUMBER_MAX
from ingufu.charging.service import Charging
from ingufu.core.errors import Unavailable

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@given(st.lists(st.integers(-5, 30), max_size=40))
def test_ranges_are_a_set(numbers):
    ranges = ()
    for number in numbers:
        ranges = sequence.add(ranges, number)
    assert sequence.count(ranges) == len(set(numbers))
    assert [n for n in range(-6, 32) if sequence.contains(ranges, n)] == sorted(set(numbers))
    whole = len(set(numbers)) in (0, max(numbers, default=0) - min(numbers, default=0) + 1)
    assert sequence.has_gap(ranges) is not whole
    assert all(later[0] > earlier[1] + 1 for earlier, later in itertools.pairwise(ranges))


def test_a_day_of_updates_is_one_range():
    ranges = ()
    for number in range(1440):
        ranges = sequence.add(ranges, number)
    assert ranges == ((0, 1439),)


@pytest.mark.parametrize(
    ("at", "fault"),
    [
        (NOW, None),
        (NOW - timedelta(days=1000), None),
        (NOW + timedelta(seconds=299), None),
        (NOW + timedelta(seconds=301), AnomalyKind.CLOCK_AHEAD),
        (datetime(1970, 1, 1, tzinfo=UTC), AnomalyKind.CLOCK_UNSET),
        (datetime(2000, 1, 1, tzinfo=UTC), AnomalyKind.CLOCK_UNSET),
        (datetime(1, 1, 1, tzinfo=UTC), AnomalyKind.CLOCK_UNSET),
        (datetime(9999, 12, 31, tzinfo=UTC), AnomalyKind.CLOCK_AHEAD),
    ],
)
def test_clock_is_judged_by_when_we_heard(at, fault):
    assert clocks.find_fault(at, NOW, 300) is fault


@given(st.lists(st.datetimes(timezones=st.just(UTC)), max_size=8))
def test_mended_readings_are_possible_and_in_their_order(times):
    readings = tuple(MeterReading(at=at, samples=()) for at in times)
    mended, faults = clocks.mend_readings(readings, NOW, 300)
    assert all(clocks.find_fault(reading.at, NOW, 300) is None for reading in mended)
    assert bool(faults) == any(clocks.find_fault(at, NOW, 300) for at in times)


def test_readings_of_an_unset_clock_keep_their_distances():
    born = datetime(1970, 1, 1, tzinfo=UTC)
    readings = tuple(MeterReading(at=born + timedelta(minutes=minute), samples=()) for minute in (0, 5, 15))
    mended, faults = clocks.mend_readings(readings, NOW, 300)
    assert [reading.at for reading in mended] == [NOW - timedelta(minutes=minutes) for minutes in (15, 10, 0)]
    assert (mended[0].at_station, faults) == ("1970-01-01T00:00:00+00:00", {AnomalyKind.CLOCK_UNSET})


def test_samples_of_one_instant_and_context_are_one_reading():
    def sample(measurand, context="Sample.Periodic"):
        return Sample(measurand=measurand, value=Decimal(5), raw_value="5", context=context)

    readings = (
        MeterReading(at=NOW, samples=(sample("Energy.Active.Import.Register"),)),
        MeterReading(at=NOW, samples=(sample("SoC"), sample("Voltage", "Sample.Clock"))),
        MeterReading(at=NOW + timedelta(seconds=1), samples=()),
    )
    first, second = intake.merge(readings)
    assert (first.figures.energy_wh, first.figures.soc_percent, len(first.samples)) == (5, 5.0, 2)
    assert second.figures.context == "Sample.Clock"


def test_reservation_zero_is_none():
    report = TransactionReport(
        kind=ReportKind.STARTED, station_id="s", version="1.6", at=NOW, received_at=NOW, reservation_id=0
    )
    assert intake.clean(report, ChargingRules()).report.reservation_id is None


@pytest.mark.parametrize(
    ("reference", "number"),
    [("7", 7), (" 7 ", 7), ("007", 7), ("0", None), ("-1", None), ("", None), (None, None), ("x", None), ("٣", None)],
)
def test_number_of_a_reference(reference, number):
    assert matching.parse_number(reference) == number


async def test_numbers_of_all_processes_differ(database, clock, ids, authorization):
    processes = [Charging(database, clock, ids, authorization) for _ in range(4)]
    numbers = await asyncio.gather(*(process.next_number() for process in processes for _ in range(300)))
    assert len(set(numbers)) == 1200
    assert all(0 < number <= NUMBER_MAX for number in numbers)


async def test_numbers_go_on_after_a_restart_and_a_block(database, clock, ids, authorization):
    charging = Charging(database, clock, ids, authorization)
    first = [await charging.next_number() for _ in range(BLOCK + 5)]
    second = [await Charging(database, clock, ids, authorization).next_number() for _ in range(3)]
    assert len(set(first + second)) == BLOCK + 8


async def test_numbers_end_rather_than_begin_again(database, charging):
    from ingufu.charging import store

    async with database.work() as work:
        store.take_numbers(work, seen=None, following=NUMBER_MAX - 10)
    with pytest.raises(Unavailable):
        await charging.next_number()
