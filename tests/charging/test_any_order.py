"""Whatever the order in which a session's messages come, and however often: the same transaction."""

from decimal import Decimal
from itertools import accumulate, count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from charging.stations import Station, reading
from ingufu.charging.model import ChargingState, ReportKind

FIELDS = (
    "is_open",
    "is_estimated",
    "state",
    "started_at",
    "ended_at",
    "start_wh",
    "end_wh",
    "energy_wh",
    "energy_source",
    "last_reading_at",
    "last_wh",
    "power_w",
    "soc_percent",
    "stop_reason",
    "evse",
    "token_value",
    "verdict",
    "stop_token_value",
    "last_seq",
    "seq_count",
)
pytestmark = pytest.mark.anyio

numbers = count()

forgotten = st.sets(st.integers(0, 9), max_size=3)  # before which messages the memory is lost
resets = st.sets(st.integers(1, 6), max_size=1)
states = st.sampled_from([None, *ChargingState])
slowly = settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@st.composite
def orders(draw, least=2):
    """Draw how much a register rises at each message, and an order of the messages in which some come again."""
    steps = draw(st.lists(st.integers(0, 3000), min_size=least, max_size=7))
    indices = list(range(len(steps)))
    mixed = draw(st.permutations([*indices, *draw(st.lists(st.sampled_from(indices), max_size=4))]))
    return steps, mixed


def registers(steps, reset_at):
    """Return register values that rise by the steps and fall to nothing where they are reset."""
    values, value = [], 20_000
    for index, step in enumerate(steps):
        value = step if index in reset_at else value + step
        values.append(value)
    return values


def messages(s, steps, reset_at, silent, kept_states, told_once):
    """Return the messages of a 2.x session: kind and values of each."""
    values = registers(steps, reset_at)
    last = len(values) - 1
    for seq, wh in enumerate(values):
        context = {0: "Transaction.Begin", last: "Transaction.End"}.get(seq)
        kind = {0: ReportKind.STARTED, last: ReportKind.ENDED}.get(seq, ReportKind.UPDATED)
        yield (
            kind,
            {
                "reference": "T1",
                "seq": seq,
                "minute": seq,
                "received_at": s.at(seq),
                "state": kept_states[seq % len(kept_states)],
                "evse": 1 if seq == told_once % (last + 1) else None,
                "token": "CAFE01" if seq in (told_once % (last + 1), last) else None,
                "token_kind": "ISO14443",
                "stop_reason": "EVDisconnected" if seq == last else None,
                "readings": ()
                if seq in silent
                else (reading(s.at(seq), wh, context=context, power=str(1000 * seq), soc=str(seq)),),
            },
        )


async def outcome(s, sent, forgetting=()):
    """Send messages, forgetting the station before some, and return what became of it."""
    for index, (kind, values) in enumerate(sent):
        if index in forgetting:
            s.charging.forget(s.id)
        recorded = await s.report(kind, **values)
        assert recorded.transaction.energy_wh >= 0
    rows = await s.rows()
    assert len(rows) == 1
    kept = await s.readings()
    return {name: rows[0][name] for name in FIELDS}, [(row["at"], row["energy_wh"]) for row in kept]


@slowly
@given(
    orders(), resets, st.sets(st.integers(0, 6)), st.lists(states, min_size=1, max_size=4), st.integers(0, 9), forgotten
)
async def test_messages_in_any_order_and_number_make_the_same_transaction(
    database, charging, clock, order, reset_at, silent, kept_states, told_once, forgetting
):
    def fresh():
        return Station(database, charging, clock, f"station-{next(numbers)}", "2.0.1")

    steps, mixed = order
    s = fresh()
    sent = list(messages(s, steps, reset_at, silent, kept_states, told_once))
    expected = await outcome(s, sent)
    assert await outcome(fresh(), [sent[index] for index in mixed], forgetting) == expected


@slowly
@given(orders(), resets, forgotten)
async def test_readings_and_stop_of_1_6_in_any_order_and_number_make_the_same_transaction(
    database, charging, clock, order, reset_at, forgetting
):
    async def run(sent, forgetting=()):
        s = Station(database, charging, clock, f"station-{next(numbers)}", "1.6")
        number = str((await s.start(token="A", register_wh=20_000, minute=0)).transaction.number)
        values = registers(steps, reset_at)
        for place, index in enumerate(sent):
            if place in forgetting:
                charging.forget(s.id)
            if index == len(values) - 1:
                await s.end(reference=number, minute=index + 1, register_wh=values[index], token="A")
            else:
                await s.read(reading(s.at(index + 1), values[index], power="100"), reference=number)
        rows = await s.rows()
        assert len(rows) == 1
        assert rows[0]["energy_wh"] >= 0
        return {name: rows[0][name] for name in FIELDS}, [(row["at"], row["energy_wh"]) for row in await s.readings()]

    steps, mixed = order
    assert await run(mixed, forgetting) == await run(range(len(steps)))


@slowly
@given(orders(least=1))
async def test_energy_of_a_rising_register_is_its_rise_whatever_the_order(database, charging, clock, order):
    steps, mixed = order
    s = Station(database, charging, clock, f"station-{next(numbers)}", "2.1")
    values = list(accumulate(steps))
    for index in mixed:
        await s.update(reference="T1", seq=index, minute=index, readings=(reading(s.at(index), values[index]),))
    assert (await s.row("T1")).energy_wh == Decimal(values[-1] - values[0])


@pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)
async def test_every_second_event_late_leaves_no_gap(station):
    s = station("2.0.1")
    await s.start(reference="T1", seq=0, minute=0)
    for seq in [*range(2, 41, 2), *range(1, 41, 2)]:
        await s.update(reference="T1", seq=seq, minute=seq)
    row = await s.row("T1")
    assert (row.seq_count, row.last_seq, row.anomaly_count) == (41, 40, 0)
