"""What holds whatever a station sends and however often a process falls: bounds, memory, conflicts, history."""

import pytest

from charging.stations import reading
from ingufu.charging.figures import sample_from_text
from ingufu.charging.model import (
    AnomalyKind,
    MeterReading,
    ReportKind,
    TransactionReport,
)
from ingufu.charging.service import Charging
from ingufu.charging.tables import readings
from ingufu.core.errors import Conflict, NotFound

CARD = {"token": "CAFE01", "token_kind": "ISO14443"}


async def test_hostile_values_are_kept_within_bounds(station):
    s = station("2.1")
    texts = ("1e9999", "NaN", "-Infinity", "9" * 10_000, "", "\x00", "1e15", "-1", "0x10")
    samples = tuple(sample_from_text(text, measurand=m) for text in texts for m in (None, "Voltage", "SoC", "\x00"))
    started = await s.start(
        reference="T\x00" + "x" * 1000,
        seq=10**30,
        minute=0,
        evse=10**20,
        connector=-(10**20),
        remote_start_id=2**31,
        reservation_id=2**40,
        trigger="\x00" * 500,
        stop_reason="\ud800",
        at_station="\x00",
        register_wh="1e400",
        token="\x00",
        token_kind="\x00",
        readings=(MeterReading(at=s.at(0), at_station="\x00" * 100, samples=samples),),
        details={"custom": {"\x00": "\x00"}, "n": 10**18},
        oddities=((AnomalyKind.UNREADABLE_VALUE, "\x00" * 2000),),
    )
    assert started.transaction.evse is None
    assert (await s.charging.get(started.transaction.id)).energy_wh >= 0
    assert AnomalyKind.UNREADABLE_VALUE in await s.anomalies()
    assert len(await s.readings()) == 1


async def test_unit_that_failed_leaves_nothing_and_the_message_can_be_run_again(station, database, charging):
    s = station("2.0.1")
    await s.start(reference="T1", seq=0, minute=0)
    report = TransactionReport(
        kind=ReportKind.UPDATED,
        station_id=s.id,
        version="2.0.1",
        reference="T1",
        seq=1,
        at=s.at(1),
        received_at=s.at(1),
    )
    abandoned = database.work()
    await charging.record(abandoned, report)
    async with database.work() as work:
        assert not (await charging.record(work, report)).is_repeat
    assert (await s.row("T1")).seq_count == 2


async def test_process_with_an_old_memory_meets_a_conflict_and_then_succeeds(
    station, database, charging, clock, ids, authorization
):
    s = station("2.0.1")
    await s.start(reference="T1", seq=0, minute=0)
    other = Charging(database, clock, ids, authorization)
    elsewhere = type(s)(database, other, clock, s.id, "2.0.1")
    clock.advance(1)
    await elsewhere.update(reference="T1", seq=1, minute=1)
    clock.advance(1)
    with pytest.raises(Conflict):
        await s.update(reference="T1", seq=2, minute=2)
    await s.update(reference="T1", seq=2, minute=2)
    assert (await s.row("T1")).seq_count == 3


async def test_two_processes_recording_one_new_transaction_leave_one_row(
    station, database, charging, clock, ids, authorization
):
    s = station("2.0.1")
    other = Charging(database, clock, ids, authorization)
    report = TransactionReport(
        kind=ReportKind.STARTED,
        station_id=s.id,
        version="2.0.1",
        reference="T1",
        seq=0,
        at=s.at(0),
        received_at=s.at(0),
    )
    here, there = database.work(), database.work()
    await charging.record(here, report)
    await other.record(there, report)
    await here.commit()
    with pytest.raises(Conflict):
        await there.commit()
    async with database.work() as work:
        assert (await other.record(work, report)).is_repeat
    assert len(await s.rows()) == len(await s.events()) == 1


async def test_running_transaction_is_updated_without_a_read(station, database, charging):
    s = station("2.0.1")
    numbered = station("1.6", "numbered")
    await s.start(reference="T1", seq=0, minute=0, readings=(reading(s.at(0), 0),))
    number = (await numbered.start(token="A", register_wh=0, minute=0)).transaction.number
    engine = database.engine
    fetch, reads = engine.fetch, []

    async def counted(prepared, values):
        reads.append(prepared.sql)
        return await fetch(prepared, values)

    engine.fetch = counted
    try:
        for minute in range(1, 4):
            await s.update(reference="T1", seq=minute, minute=minute, readings=(reading(s.at(minute), minute * 100),))
            await numbered.read(reading(s.at(minute), minute * 100, power="6000"), reference=number)
    finally:
        engine.fetch = fetch
    assert reads == []
    assert (await s.row("T1")).energy_wh == 300
    assert (await numbered.row(number)).energy_wh == 300


async def test_pruned_readings_do_not_take_energy_from_an_old_transaction(station, database, charging):
    s = station("2.0.1")
    await s.start(reference="T1", seq=0, minute=0, readings=(reading(s.at(0), 100),))
    await s.update(reference="T1", seq=1, minute=1, readings=(reading(s.at(1), 900),))
    await s.end(reference="T1", seq=3, minute=3)
    async with database.work() as work:
        work.execute_once(readings.delete())
    charging.forget(s.id)
    await s.update(reference="T1", seq=2, minute=2, readings=(reading(s.at(2), 950),))
    row = await s.row("T1")
    assert (row.energy_wh, row.is_open) == (850, False)


async def test_long_queue_of_a_closed_transaction_is_read_back_once(station, database, charging):
    s = station("2.0.1")
    await s.start(reference="T1", seq=0, minute=0)
    await s.end(reference="T1", seq=100, minute=100)
    engine = database.engine
    fetch, reads = engine.fetch, []

    async def counted(prepared, values):
        reads.append(prepared.sql)
        return await fetch(prepared, values)

    engine.fetch = counted
    try:
        for minute in range(101, 121):
            await s.read(reading(s.at(minute), minute * 10), reference="T1")
    finally:
        engine.fetch = fetch
    assert len(reads) < 10
    assert (await s.row("T1")).energy_wh == 190


async def test_operator_ends_what_a_station_never_ended_and_the_real_end_corrects_it(station, database, charging):
    s = station("2.0.1")
    started = await s.start(reference="T1", seq=0, minute=0, readings=(reading(s.at(0), 0), reading(s.at(5), 500)))
    for _ in range(2):
        async with database.work() as work:
            ended = await charging.end_by_estimate(work, started.transaction.id)
        assert (ended.is_open, ended.is_estimated, ended.energy_wh, ended.ended_at) == (False, True, 500, s.at(5))
    await s.end(reference="T1", seq=1, minute=9, readings=(reading(s.at(9), 900, context="Transaction.End"),))
    row = await s.row("T1")
    assert (row.is_estimated, row.energy_wh, row.anomaly_count) == (False, 900, 0)


async def test_what_is_not_there_is_not_found(charging):
    with pytest.raises(NotFound):
        await charging.get("nothing")
    assert await charging.find("nowhere", "nothing") is None
    assert await charging.open_on("nowhere") == []
