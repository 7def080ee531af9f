"""Readings told with a time that cannot be right: kept once however often they come, and in the order they came."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest

from charging import stations
from ingufu.charging.model import EnergySource

HOUR = timedelta(hours=1)


def reading(at, wh, **values):
    """Return a reading as the versions' adapters make it: with the station's words for its time."""
    return msgspec.structs.replace(stations.reading(at, wh, **values), at_station=at.isoformat())


async def begin(station, version, at):
    s = station(version)
    taken = reading(at, 1000, context="Transaction.Begin")
    if version == "1.6":
        started = await s.start(token="A", register_wh=1000, at=at, received_at=s.at(0))
        return s, started.transaction.reference
    await s.start(reference="T", seq=0, at=at, received_at=s.at(0), readings=(taken,))
    return s, "T"


async def finish(s, version, reference, at, received_at, readings):
    if version == "1.6":
        await s.end(reference=reference, register_wh=5000, at=at, received_at=received_at, readings=readings)
    else:
        end = reading(at, 5000, context="Transaction.End")
        await s.end(reference=reference, seq=9, at=at, received_at=received_at, readings=(*readings, end))


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
@pytest.mark.parametrize("born", [datetime(1970, 1, 1, tzinfo=UTC), datetime(2026, 3, 1, 13, 30, tzinfo=UTC)])
async def test_readings_of_a_wrong_clock_that_come_again_count_once(station, version, born):
    s, reference = await begin(station, version, born)
    taken = [reading(born + timedelta(minutes=minute), 1000 + 100 * minute) for minute in (5, 10, 20)]
    for one in taken:  # all at once, minutes later: the line was broken
        await s.read(one, reference=reference, received_at=s.at(30))
    await s.read(taken[1], reference=reference, received_at=s.at(31))  # the reply was lost
    await finish(s, version, reference, born + timedelta(minutes=40), s.at(40), tuple(taken))
    row = await s.row(reference)
    assert (row.energy_wh, row.energy_source) == (Decimal(4000), EnergySource.REGISTERS)
    assert [int(kept["energy_wh"]) for kept in await s.readings()].count(1500) == 1
    assert len(await s.readings()) == (3 if version == "1.6" else 5)


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
async def test_clock_of_ours_that_is_set_back_changes_no_bill(station, version):
    s, reference = await begin(station, version, station().at(0))
    for minute in (5, 10):
        await s.read(reading(s.at(minute), 1000 + 100 * minute), reference=reference, received_at=s.at(minute))
    for minute in (15, 20, 25):
        taken = reading(s.at(minute), 1000 + 100 * minute)
        await s.read(taken, reference=reference, received_at=s.at(minute) - HOUR)
    again = tuple(reading(s.at(minute), 1000 + 100 * minute) for minute in (5, 10, 15, 20, 25))
    await finish(s, version, reference, s.at(40), s.at(40), again)  # our clock is right again
    row = await s.row(reference)
    assert (row.energy_wh, row.energy_source) == (Decimal(4000), EnergySource.REGISTERS)
    assert len(await s.readings()) == (5 if version == "1.6" else 7)


@pytest.mark.parametrize("born", [datetime(1970, 1, 1, tzinfo=UTC), datetime(2026, 3, 1, 13, 30, tzinfo=UTC)])
async def test_start_of_a_wrong_clock_told_again_after_an_estimate_is_the_same(station, charging, database, born):
    s = station()
    started = await s.start(token="A", register_wh=1000, at=born, received_at=s.at(0))
    async with database.work() as work:
        await charging.end_by_estimate(work, started.transaction.id)
    again = await s.start(token="A", register_wh=1000, at=born, received_at=s.at(5))
    assert (again.is_repeat, again.transaction.number) == (True, started.transaction.number)
    await s.end(reference=str(again.transaction.number), register_wh=3000, at=born + HOUR, received_at=s.at(60))
    (row,) = await s.rows()
    assert (row["energy_wh"], row["is_estimated"]) == (Decimal(2000), False)


async def test_start_of_a_clock_ahead_told_again_after_its_end_is_the_same(station):
    s = station()
    ahead = s.at(0) + HOUR
    started = await s.start(token="A", register_wh=1000, at=ahead, received_at=s.at(0))
    await s.end(reference=str(started.transaction.number), register_wh=3000, at=ahead + HOUR, received_at=s.at(60))
    again = await s.start(token="A", register_wh=1000, at=ahead, received_at=s.at(61))
    assert (again.is_repeat, again.transaction.number) == (True, started.transaction.number)


async def test_start_of_an_unset_clock_told_again_after_its_end_is_the_same_if_the_register_has_risen(station):
    s, unset = station(), datetime(1970, 1, 1, tzinfo=UTC)
    started = await s.start(token="A", register_wh=1000, at=unset, received_at=s.at(0))
    await s.end(reference=str(started.transaction.number), register_wh=3000, at=unset + HOUR, received_at=s.at(60))
    again = await s.start(token="A", register_wh=1000, at=unset, received_at=s.at(61))
    assert (again.is_repeat, again.transaction.number) == (True, started.transaction.number)
    assert len(await s.rows()) == 1


async def test_start_of_an_unset_clock_from_a_register_that_begins_anew_each_time_is_another(station):
    s, unset = station(), datetime(1970, 1, 1, tzinfo=UTC)
    first = await s.start(token="A", register_wh=0, at=unset, received_at=s.at(0))
    await s.end(reference=str(first.transaction.number), register_wh=3000, at=unset + HOUR, received_at=s.at(60))
    second = await s.start(token="A", register_wh=0, at=unset, received_at=s.at(100))
    assert not second.is_repeat
    assert len(await s.rows()) == 2


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
async def test_clock_of_the_station_that_is_set_back_changes_no_bill(station, version):
    s, reference = await begin(station, version, station().at(0))
    for minute, told in ((5, s.at(5)), (10, s.at(10)), (15, s.at(15) - 24 * HOUR), (20, s.at(20) - 24 * HOUR)):
        await s.read(reading(told, 1000 + 100 * minute), reference=reference, received_at=s.at(minute))
    await finish(s, version, reference, s.at(40) - 24 * HOUR, s.at(40), ())
    row = await s.row(reference)
    assert (row.energy_wh, row.energy_source) == (Decimal(4000), EnergySource.REGISTERS)


async def test_readings_of_a_wrong_clock_in_any_order_change_no_bill(station):
    born = datetime(1970, 1, 1, tzinfo=UTC)
    s, reference = await begin(station, "2.0.1", born)
    for minute in (20, 5, 15, 10):
        taken = reading(born + timedelta(minutes=minute), 1000 + 100 * minute)
        await s.read(taken, reference=reference, received_at=s.at(30))
    await finish(s, "2.0.1", reference, born + timedelta(minutes=40), s.at(40), ())
    row = await s.row(reference)
    assert (row.energy_wh, row.energy_source) == (Decimal(4000), EnergySource.REGISTERS)


async def test_register_that_was_reset_is_still_counted_on(station):
    s, reference = await begin(station, "1.6", station().at(0))
    for minute, wh in ((5, 1500), (10, 2000), (15, 100), (20, 600)):
        await s.read(reading(s.at(minute), wh), reference=reference, received_at=s.at(minute))
    await finish(s, "1.6", reference, s.at(40), s.at(40), ())
    row = await s.row(reference)
    assert (row.energy_wh, row.energy_source) == (Decimal(1000 + 500 + 4400), EnergySource.DELTAS)


async def test_end_that_seems_to_lie_before_a_reading_is_believed(station):
    s, reference = await begin(station, "1.6", station().at(0))
    await s.read(reading(s.at(30), 80_000), reference=reference, received_at=s.at(30))
    ended_at = s.at(70)  # ours was set back by an hour meanwhile
    await s.end(reference=reference, register_wh=181_000, at=ended_at, received_at=ended_at - HOUR)
    assert (await s.row(reference)).energy_wh == Decimal(180_000)


async def test_end_with_its_reading_is_believed_although_our_day_was_set_back(station):
    s, reference = await begin(station, "2.0.1", station().at(0))
    await s.read(reading(s.at(30), 80_000), reference=reference, received_at=s.at(30))
    ended_at = s.at(70)
    received_at = ended_at - timedelta(days=1)  # ours was set back meanwhile: the station's clock seems to be ahead
    end = reading(ended_at, 181_000, context="Transaction.End")
    await s.end(reference=reference, seq=9, at=ended_at, received_at=received_at, readings=(end,))
    row = await s.row(reference)
    assert (row.energy_wh, row.end_wh) == (Decimal(180_000), Decimal(181_000))


async def test_two_wrong_times_that_are_mended_to_one_stay_two_readings(station):
    """Seed 532232: our day was set back while the station's clock was set for the first time."""
    s = station("1.6")
    started = await s.start(token="A", register_wh=1000)
    unset = reading(datetime(1970, 1, 1, 0, 5, 20, tzinfo=UTC), 1500)
    ahead = reading(s.at(0) + 24 * HOUR, 1700)
    await s.end(
        reference=started.transaction.reference, register_wh=2000, at=s.at(30), received_at=s.at(30),
        readings=(unset, ahead),
    )  # fmt: skip
    kept = {(row["at_station"], row["energy_wh"]) for row in await s.readings()}
    assert kept == {(unset.at_station, 1500), (ahead.at_station, 1700)}


async def test_end_after_an_estimate_is_believed_although_no_time_passed_by_our_clock(station, charging, database):
    """Seed 3200745: with the estimate all is folded anew, and once more at each look from then on."""
    s, reference = await begin(station, "2.0.1", station().at(0) + HOUR)  # the station's clock is ahead
    taken = reading(s.at(30) + HOUR, 104_000)
    await s.read(taken, reference=reference, received_at=s.at(30))
    async with database.work() as work:
        await charging.end_by_estimate(work, (await s.row(reference)).id)
    ended_at, received_at = s.at(70) + HOUR, s.at(70) - HOUR  # ours was set back meanwhile
    end = reading(ended_at, 210_000, context="Transaction.End")
    await s.end(reference=reference, seq=9, at=ended_at, received_at=received_at, readings=(taken, end))
    row = await s.row(reference)
    assert (row.energy_wh, row.end_wh, row.is_estimated) == (Decimal(209_000), Decimal(210_000), False)
    known = await charging.as_known(row.id, s.at(90))
    assert (known.is_whole, known.transaction.energy_wh) == (True, Decimal(209_000))


async def test_leap_at_one_instant_is_doubted_where_the_clock_is_right(station):
    s, reference = await begin(station, "2.0.1", station().at(0))
    await s.read(reading(s.at(30), 4000), reference=reference, received_at=s.at(30))
    await s.read(reading(s.at(30), 4_000_000, context="Sample.Clock"), reference=reference, received_at=s.at(30))
    assert (await s.row(reference)).energy_wh == Decimal(3000)
    await finish(s, "2.0.1", reference, s.at(40), s.at(40), ())
    assert (await s.row(reference)).energy_wh == Decimal(4000)
