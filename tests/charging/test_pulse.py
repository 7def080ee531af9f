"""Readings in order, by the short way: the record is that of the long one, whatever comes before, between and after."""

import asyncio
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from charging.stations import reading
from ingufu.charging import intake
from ingufu.charging.model import ChargingState
from ingufu.charging.pulse import Beat, Turn
from ingufu.charging.service import Charging
from ingufu.core.errors import Unavailable

AMONG = (
    "id",
    "number",
    "station_id",
    "reference",
    "start_key",
    "heard_at",
    "updated_at",
    "started_at_station",
    "start_received_at",
)


def beat(taken, received_at):
    (kept,) = intake.merge((taken,))
    return Beat(kept.at, kept.at_station, kept.figures, intake.written(kept.samples), received_at)


async def tell(station, taken, *, reference):
    """Tell a reading the short way if it can go it, else the long one; return whether it could."""
    received_at = max(station.clock.now(), taken.at)
    step = station.charging.pulses.step(station.id, str(reference), 1, beat(taken, received_at))
    if step is None:
        await station.read(taken, reference=reference, received_at=received_at)
        return False
    outcomes = []
    assert step.submit(outcomes.append)
    await station.database.writer.flush()
    assert outcomes == [None]
    return True


def readings_of(steps, start):
    """Return readings from (minutes, energy rise, power, soc) steps."""
    at, wh, taken = start, 0, []
    for minutes, rise, power, soc in steps:
        at, wh = at + timedelta(minutes=minutes), wh + rise
        values = {"power": str(power)} if power is not None else {}
        values |= {"soc": str(soc)} if soc is not None else {}
        taken.append(reading(at, wh, **values))
    return taken


STEPS = st.lists(
    st.tuples(
        st.integers(-2, 20),
        st.sampled_from((0, 1, 250, 5000, -1, -600, 2_000_000)),
        st.one_of(st.none(), st.integers(0, 22_000)),
        st.one_of(st.none(), st.integers(0, 100)),
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(steps=STEPS)
async def test_short_way_makes_what_the_long_way_makes(station, ids, steps):
    shown = []
    for is_short in (True, False):
        own = station(id_=ids.new())
        started = await own.start(minute=0, register_wh=0, token="CARD")
        number = started.transaction.number
        for taken in readings_of(steps, own.at(0)):
            if is_short:
                await tell(own, taken, reference=number)
            else:
                await own.read(taken, reference=number)
        (row,) = await own.rows()
        kept = sorted((one["at"], one["samples"], one["energy_wh"], one["evse"]) for one in await own.readings())
        shown.append([*((name, row[name]) for name in row if name not in AMONG), kept, sorted(await own.anomalies())])
        await own.end(minute=600, register_wh=30_000, reference=str(number))
        (row,) = await own.rows()
        shown[-1] += [row["energy_wh"], row["energy_source"], row["end_wh"]]
    for short, long in zip(*shown, strict=True):
        assert short == long


async def test_readings_in_order_go_the_short_way(station):
    own = station()
    number = (await own.start(minute=0, register_wh=0, token="CARD")).transaction.number
    assert [await tell(own, reading(own.at(minute), minute * 100, power="7000"), reference=number) for minute in (1, 2, 3)] == [
        True, True, True,
    ]  # fmt: skip
    row = await own.row(number)
    assert (row.energy_wh, row.power_w, row.last_wh) == (Decimal(300), 7000.0, Decimal(300))
    assert len(await own.readings()) == 3


async def test_repeated_reading_is_kept_once(station):
    own = station()
    number = (await own.start(minute=0, register_wh=0, token="CARD")).transaction.number
    taken = reading(own.at(1), 100)
    assert await tell(own, taken, reference=number)
    assert not await tell(own, taken, reference=number)
    assert len(await own.readings()) == 1


async def test_repeat_after_the_process_died_is_kept_once(station):
    own = station()
    number = (await own.start(minute=0, register_wh=0, token="CARD")).transaction.number
    for minute in (1, 2):
        assert await tell(own, reading(own.at(minute), minute * 100), reference=number)
    own.charging.forget(own.id)  # as a new process, whose row has not followed
    await tell(own, reading(own.at(2), 200), reference=number)
    await tell(own, reading(own.at(3), 300), reference=number)
    row = await own.row(number)
    assert (row.energy_wh, len(await own.readings())) == (Decimal(300), 3)


async def test_row_closed_by_another_process_is_noticed(station, database, clock, ids, authorization):
    own = station()
    number = (await own.start(minute=0, register_wh=0, token="CARD")).transaction.number
    assert await tell(own, reading(own.at(1), 100), reference=number)
    await database.settle()
    clock.advance(1)
    elsewhere = Charging(database, clock, ids, authorization)
    row = await own.row(number)
    async with database.work() as work:
        await elsewhere.end_by_estimate(work, row.id)
    assert await tell(own, reading(own.at(2), 200), reference=number)  # it cannot know yet
    await database.settle()
    assert not await tell(own, reading(own.at(3), 300), reference=number)
    row = await own.row(number)
    assert (row.is_estimated, row.energy_wh) == (True, Decimal(300))


async def test_reading_that_cannot_be_written_changes_nothing(station, database):
    own = station()
    number = (await own.start(minute=0, register_wh=0, token="CARD")).transaction.number
    assert await tell(own, reading(own.at(1), 100), reference=number)
    step = own.charging.pulses.step(own.id, str(number), 1, beat(reading(own.at(2), 200), own.at(2)))
    assert step is not None
    step.settle(Unavailable("The disk is full."))
    row = await own.row(number)
    assert row.energy_wh == 100
    assert await tell(own, reading(own.at(3), 300), reference=number) is False  # read anew first
    assert (await own.row(number)).energy_wh == 300


async def test_end_finds_the_row_as_it_is_whenever_what_lags_is_written(station, database, ids, monkeypatch):
    outcomes, commit = [], database.engine.commit

    async def watched(units, series):
        done = await commit(units, series)
        outcomes.extend(done.outcomes)
        return done

    monkeypatch.setattr(database.engine, "commit", watched)
    for turns in range(25):  # of the event loop between the end and who wants to know all
        own = station(id_=ids.new())
        number = (await own.start(minute=0, register_wh=0, token="CARD")).transaction.number
        assert await tell(own, reading(own.at(1), 100), reference=number)
        ending = asyncio.create_task(own.end(minute=2, register_wh=200, reference=str(number)))
        for _ in range(turns):
            await asyncio.sleep(0)
        await asyncio.gather(ending, database.settle())
        row = await own.row(number)
        assert (row.is_open, row.energy_wh) == (False, 200)
    assert outcomes == [None] * len(outcomes)


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
async def test_start_does_not_have_the_rows_of_others_written(station, database, ids, version, monkeypatch):
    own, other = station(version, ids.new()), station(id_=ids.new())
    begin, finish = (0, 100) if version == "1.6" else (None, None)

    async def start(minute, name):
        named = {} if version == "1.6" else {"reference": name, "seq": 0, "trigger": "Authorized"}
        return await own.start(minute=minute, register_wh=begin, token="CARD", **named)

    number = (await other.start(minute=0, register_wh=0, token="CARD")).transaction.number
    first = (await start(0, "first")).transaction  # what is kept of a station is read with its first message
    ending = {} if version == "1.6" else {"seq": 1, "trigger": "EVDeparted"}
    await own.end(minute=1, register_wh=finish, reference=first.reference, **ending)
    assert await tell(other, reading(other.at(1), 100), reference=number)

    async def settle():
        raise AssertionError("A start waited for rows that lag.")

    with monkeypatch.context() as watched:
        watched.setattr(database.writer, "settle", settle)
        second = (await start(2, "second")).transaction
    assert second.id != first.id
    assert (await other.row(number)).energy_wh == 100


async def test_repeated_start_of_what_has_ended_is_found_while_rows_of_others_lag(station, database, ids):
    own, other = station(id_=ids.new()), station(id_=ids.new())
    first = (await own.start(minute=0, register_wh=0, token="CARD")).transaction
    await own.end(minute=2, register_wh=200, reference=str(first.number))
    running = (await other.start(minute=0, register_wh=0, token="CARD")).transaction
    assert await tell(other, reading(other.at(1), 100), reference=running.number)
    assert database.writer.is_stirred
    again = (await own.start(minute=0, register_wh=0, token="CARD")).transaction
    assert (again.id, again.energy_wh) == (first.id, 200)


@pytest.mark.parametrize("context", ["Transaction.Begin", "Transaction.End"])
async def test_reading_that_says_where_it_belongs_goes_the_long_way(station, context):
    own = station()
    number = (await own.start(minute=0, register_wh=0, token="CARD")).transaction.number
    await tell(own, reading(own.at(1), 100), reference=number)
    assert not await tell(own, reading(own.at(2), 200, context=context), reference=number)


async def turn(station, seq, minute, *, wh=None, state=ChargingState.CHARGING, power=None):
    """Tell an update of 2.x the short way if it can go it, else the long one; return whether it could."""
    at = station.at(minute)
    taken = () if wh is None else (reading(at, wh, **({} if power is None else {"power": str(power)})),)
    short = Turn(seq, at, at.isoformat(), "MeterValuePeriodic", state, 1, 1, at)
    step = station.charging.pulses.turn(station.id, "tx", short, beat(taken[0], at) if taken else None)
    if step is None:
        await station.update(
            minute=minute, seq=seq, at_station=at.isoformat(), received_at=at, trigger="MeterValuePeriodic", state=state,
            evse=1, connector=1, reference="tx", readings=taken,
        )  # fmt: skip
        return False
    outcomes = []
    assert step.submit(outcomes.append)
    await station.database.writer.flush()
    assert outcomes == [None]
    return True


TURNS = st.lists(
    st.tuples(
        st.sampled_from((1, 1, 1, 1, 2, 0, -1)),
        st.sampled_from((1, 5, 0, -1)),
        st.one_of(st.none(), st.sampled_from((0, 250, -600, 5_000_000))),
        st.sampled_from((*[ChargingState.CHARGING] * 4, ChargingState.SUSPENDED_EV, None)),
        st.one_of(st.none(), st.integers(0, 11_000)),
    ),
    max_size=10,
)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(turns=TURNS)
async def test_short_way_of_updates_makes_what_the_long_way_makes(station, clock, ids, turns):
    shown = []
    for is_short, own in ((True, station("2.0.1", ids.new())), (False, station("2.0.1", ids.new()))):
        own.charging.pulses.turn = (
            own.charging.pulses.__class__.turn.__get__(own.charging.pulses) if is_short else never
        )
        await own.start(
            minute=0,
            seq=0,
            reference="tx",
            trigger="Authorized",
            state=ChargingState.CHARGING,
            readings=(reading(own.at(0), 0),),
        )
        seq, minute, wh = 0, 0.0, 0
        for step, minutes, rise, state, power in turns:
            seq, minute = max(seq + step, 0), minute + minutes
            wh = wh + (rise or 0)
            clock.advance(0.001)  # every write of a row has its own time
            await turn(own, seq, minute, wh=None if rise is None else wh, state=state, power=power)
        (row,) = await own.rows()
        told = [
            (one["event_key"], one["kind"], one["at"], one["state"], one["details"])
            for one in await own.events()
            if one["transaction_id"] == row["id"]
        ]
        kept = sorted((one["at"], one["samples"], one["energy_wh"]) for one in await own.readings())
        shown.append(
            [
                *((name, row[name]) for name in row if name not in AMONG),
                sorted(told, key=str),
                kept,
                sorted(await own.anomalies()),
            ]
        )
        await own.end(minute=6000, seq=seq + 1, reference="tx", trigger="EVDeparted")
        (row,) = await own.rows()
        shown[-1] += [row["energy_wh"], row["energy_source"], row["seq_count"], row["state"]]
    for short, long in zip(*shown, strict=True):
        assert short == long


def never(*_):
    """Have the short way be closed."""


async def test_updates_in_order_go_the_short_way(station, clock):
    own = station("2.0.1")
    await own.start(
        minute=0,
        seq=0,
        reference="tx",
        trigger="Authorized",
        state=ChargingState.CHARGING,
        readings=(reading(own.at(0), 0),),
        evse=1,
        connector=1,
    )
    assert [await turn(own, seq, seq, wh=seq * 100, power=7000) for seq in (1, 2, 3)] == [True, True, True]
    assert not await turn(own, 3, 3, wh=300, power=7000)  # told again
    assert not await turn(own, 5, 5, wh=500)  # one is missing
    row = await own.row("tx")
    assert (row.energy_wh, row.last_seq, row.seq_count) == (Decimal(500), 5, 5)
    assert len([one for one in await own.events() if one["transaction_id"] == row.id]) == 5
