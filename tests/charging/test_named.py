"""Transactions of 2.x stations, which name them and count their events: in order, out of order, and oddly."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from charging.stations import reading
from ingufu.authorization.model import VerdictReason, VerdictStatus
from ingufu.authorization.tables import decisions
from ingufu.charging.figures import sample_from_number
from ingufu.charging.model import (
    AnomalyKind,
    ChargingState,
    EnergySource,
    MeterReading,
)

CARD = {"token": "CAFE01", "token_kind": "ISO14443"}


async def test_ordinary_session_is_recorded(station, register):
    token = await register("CAFE01")
    s = station("2.0.1")
    started = await s.start(
        reference="T1",
        seq=0,
        minute=0,
        trigger="Authorized",
        state=ChargingState.EV_CONNECTED,
        readings=(reading(s.at(0), 1000, context="Transaction.Begin"),),
        remote_start_id=7,
        **CARD,
    )
    assert started.verdict.is_accepted
    updated = await s.update(
        reference="T1",
        seq=1,
        minute=1,
        trigger="ChargingStateChanged",
        state=ChargingState.CHARGING,
        readings=(reading(s.at(1), 1200, power="11000", soc="55.5"),),
    )
    assert updated.verdict is None
    assert updated.transaction.energy_wh == 200
    ended = await s.end(
        reference="T1",
        seq=2,
        minute=2,
        trigger="EVDeparted",
        stop_reason="EVDisconnected",
        readings=(reading(s.at(2), 1400, context="Transaction.End"),),
        **CARD,
    )
    assert ended.verdict.reason is VerdictReason.SAME_TOKEN_STOPS
    row = await s.row("T1")
    assert row == ended.transaction
    assert (row.energy_wh, row.energy_source, row.start_wh, row.end_wh) == (400, EnergySource.REGISTERS, 1000, 1400)
    assert (row.last_seq, row.seq_count, row.number, row.remote_start_id) == (2, 3, None, 7)
    assert (row.token_id, row.soc_percent, row.state) == (token.id, 55.5, ChargingState.ENDED)
    assert await s.anomalies() == []
    assert await s.told() == ["TransactionStarted", "TransactionEnded"]
    assert [event["event_key"] for event in await s.events()] == ["0", "1", "2"]


async def test_repeated_messages_have_the_same_answer_and_no_second_row(station, register):
    await register("CAFE01")
    s = station("2.0.1")
    for _ in range(2):
        started = await s.start(reference="T1", seq=0, minute=0, **CARD)
        assert started.verdict.is_accepted
    assert started.is_repeat
    for _ in range(3):
        updated = await s.update(reference="T1", seq=1, minute=1, readings=(reading(s.at(1), 100),))
    assert updated.is_repeat
    for _ in range(2):
        ended = await s.end(reference="T1", seq=2, minute=2, readings=(reading(s.at(2), 300),), **CARD)
        assert ended.verdict.is_accepted
    assert ended.is_repeat
    again = await s.update(reference="T1", seq=1, minute=1, readings=(reading(s.at(1), 100),))
    assert (again.is_repeat, again.transaction) == (True, ended.transaction)
    assert len(await s.readings()) == 2
    assert len(await s.events()) == 3
    assert await s.told() == ["TransactionStarted", "TransactionEnded"]
    assert await s.anomalies() == []


async def test_repeat_is_known_after_the_memory_is_gone(station, charging):
    s = station("2.1")
    await s.start(reference="T1", seq=0, minute=0)
    charging.forget(s.id)
    assert (await s.start(reference="T1", seq=0, minute=0)).is_repeat
    assert len(await s.rows()) == 1


async def test_two_different_events_with_one_number_are_both_kept_and_marked(station):
    s = station("2.0.1")
    await s.start(reference="T1", seq=0, minute=0)
    for _ in range(2):
        await s.update(reference="T1", seq=0, minute=1, state=ChargingState.CHARGING)
        await s.update(reference="T1", seq=0, minute=2, state=ChargingState.SUSPENDED_EV)
    await s.end(reference="T1", seq=0, minute=3)
    row = await s.row("T1")
    assert (row.is_open, row.ended_at, row.state) == (False, s.at(3), ChargingState.ENDED)
    keys = [event["event_key"] for event in await s.events()]
    assert keys[0] == "0"
    assert len(keys) == len(set(keys)) == 4
    assert await s.anomalies() == [AnomalyKind.SEQUENCE_REUSED]


async def test_update_before_the_start_makes_the_transaction_and_the_start_fills_it_in(station, register):
    token = await register("CAFE01")
    s = station("2.0.1")
    await s.update(reference="T1", seq=1, minute=1, state=ChargingState.CHARGING, readings=(reading(s.at(1), 500),))
    row = await s.row("T1")
    assert (row.is_open, row.started_at, row.anomaly_count) == (True, s.at(1), 1)
    await s.start(
        reference="T1", seq=0, minute=0, readings=(reading(s.at(0), 100, context="Transaction.Begin"),), **CARD
    )
    row = await s.row("T1")
    assert (row.started_at, row.token_id, row.start_wh, row.energy_wh) == (s.at(0), token.id, 100, 400)
    assert (row.state, row.anomaly_count) == (ChargingState.CHARGING, 0)
    assert await s.anomalies() == [AnomalyKind.UPDATE_BEFORE_START]
    assert await s.told() == ["TransactionStarted"]


async def test_end_before_the_start_makes_the_transaction_and_the_start_fills_it_in(station):
    s = station("2.0.1")
    await s.end(reference="T1", seq=5, minute=9, readings=(reading(s.at(9), 900, context="Transaction.End"),))
    assert not (await s.row("T1")).is_open
    await s.start(reference="T1", seq=0, minute=0, readings=(reading(s.at(0), 100, context="Transaction.Begin"),))
    row = await s.row("T1")
    assert (row.is_open, row.started_at, row.ended_at, row.energy_wh) == (False, s.at(0), s.at(9), 800)
    assert AnomalyKind.END_BEFORE_START in await s.anomalies()
    assert (await s.told())[-1] == "TransactionCorrected"


async def test_gap_is_marked_once_and_stands_no_more_when_the_late_one_comes(station):
    s = station("2.0.1")
    await s.start(reference="T1", seq=0, minute=0)
    for seq in (2, 3, 5):
        await s.update(reference="T1", seq=seq, minute=seq)
    assert await s.anomalies() == [AnomalyKind.SEQUENCE_GAP]
    assert (await s.row("T1")).anomaly_count == 1
    for seq in (1, 4):
        await s.update(reference="T1", seq=seq, minute=seq)
    row = await s.row("T1")
    assert (row.anomaly_count, row.last_seq, row.seq_count) == (0, 5, 6)
    assert await s.anomalies() == [AnomalyKind.SEQUENCE_GAP]


async def test_counter_that_runs_on_from_the_last_transaction_is_no_gap(station):
    s = station("2.0.1")
    await s.start(reference="T1", seq=17, minute=0)
    await s.end(reference="T1", seq=18, minute=1)
    assert await s.anomalies() == []


async def test_older_event_turns_back_neither_state_nor_register(station):
    s = station("2.0.1")
    await s.start(reference="T1", seq=0, minute=0, readings=(reading(s.at(0), 0, context="Transaction.Begin"),))
    newer = (reading(s.at(3), 300, power="3000"),)
    await s.update(reference="T1", seq=3, minute=3, state=ChargingState.SUSPENDED_EVSE, readings=newer)
    older = (reading(s.at(2), 200, power="9000"),)
    await s.update(reference="T1", seq=2, minute=2, state=ChargingState.CHARGING, readings=older)
    row = await s.row("T1")
    assert (row.state, row.energy_wh, row.last_wh) == (ChargingState.SUSPENDED_EVSE, 300, 300)
    assert (row.last_reading_at, row.power_w) == (s.at(3), 0.0)
    assert len(await s.readings()) == 3


async def test_late_event_after_the_end_corrects_it(station):
    s = station("2.0.1")
    await s.start(reference="T1", seq=0, minute=0)
    await s.end(reference="T1", seq=2, minute=2)
    assert (await s.row("T1")).energy_wh == 0
    await s.update(reference="T1", seq=1, minute=1, readings=(reading(s.at(0.5), 100), reading(s.at(1), 900)))
    row = await s.row("T1")
    assert (row.energy_wh, row.energy_source, row.is_open) == (800, EnergySource.READINGS, False)
    assert AnomalyKind.LATE_EVENT in await s.anomalies()
    assert (await s.told())[-1] == "TransactionCorrected"


async def test_event_that_goes_on_after_the_end_is_kept_and_marked(station):
    s = station("2.0.1")
    await s.start(reference="T1", seq=0, minute=0)
    await s.end(reference="T1", seq=1, minute=1)
    await s.update(reference="T1", seq=2, minute=2, state=ChargingState.CHARGING)
    row = await s.row("T1")
    assert (row.is_open, row.state) == (False, ChargingState.ENDED)
    assert await s.anomalies() == [AnomalyKind.AFTER_END]


async def test_second_start_and_second_end_are_kept_and_the_first_counts(station):
    s = station("2.0.1")
    await s.start(reference="T1", seq=0, minute=0)
    await s.start(reference="T1", seq=1, minute=1)
    await s.end(reference="T1", seq=2, minute=2)
    await s.end(reference="T1", seq=3, minute=3)
    row = await s.row("T1")
    assert (row.started_at, row.ended_at) == (s.at(0), s.at(2))
    assert await s.anomalies() == [AnomalyKind.SECOND_START, AnomalyKind.SECOND_END]


async def test_what_is_said_once_is_kept(station, register):
    token = await register("CAFE01")
    s = station("2.0.1")
    await s.start(reference="T1", seq=0, minute=0, evse=None, connector=None)
    await s.update(reference="T1", seq=1, minute=1, evse=2, connector=1)
    await s.update(reference="T1", seq=2, minute=2, trigger="Authorized", reservation_id=5, remote_start_id=9, **CARD)
    await s.update(reference="T1", seq=3, minute=3)
    row = await s.row("T1")
    assert (row.evse, row.connector, row.token_id, row.verdict) == (2, 1, token.id, "Accepted")
    assert (row.reservation_id, row.remote_start_id) == (5, 9)


async def test_second_card_replaces_a_refused_one(station, register):
    token = await register("CAFE01")
    s = station("2.0.1")
    await s.start(reference="T1", seq=0, minute=0, token="NOBODY", token_kind="ISO14443")
    updated = await s.update(reference="T1", seq=1, minute=1, trigger="Authorized", **CARD)
    assert updated.verdict.reason is VerdictReason.KNOWN_TOKEN
    assert (await s.row("T1")).token_id == token.id


async def test_key_code_is_kept_nowhere(station, database):
    s = station("2.0.1")
    await s.start(reference="T1", seq=0, token="4711-secret", token_kind="KeyCode")
    everything = [*await s.rows(), *await s.events(), *await database.select(decisions.select())]
    everything += [*await s.anomalies()]
    assert "4711-secret" not in str(everything)


async def test_new_transaction_on_an_evse_closes_the_open_one(station):
    s = station("2.0.1")
    await s.start(reference="T1", seq=0, minute=0, evse=1, readings=(reading(s.at(0), 0),))
    await s.update(reference="T1", seq=1, minute=10, readings=(reading(s.at(9), 700),))
    await s.start(reference="T2", seq=0, minute=60, evse=1)
    row = await s.row("T1")
    assert (row.is_open, row.is_estimated, row.energy_wh, row.ended_at) == (False, True, 700, s.at(10))
    assert AnomalyKind.LOST_END in await s.anomalies()
    await s.end(reference="T1", seq=2, minute=50, readings=(reading(s.at(50), 800, context="Transaction.End"),))
    row = await s.row("T1")
    assert (row.is_estimated, row.energy_wh, row.ended_at, row.anomaly_count) == (False, 800, s.at(50), 0)
    assert (await s.row("T2")).is_open


@pytest.mark.parametrize("is_told_late", [False, True])
async def test_driver_is_accepted_again_where_the_end_of_the_last_charge_was_lost(station, register, is_told_late):
    await register("CARD")
    s = station("2.0.1")
    await s.start(reference="T1", seq=0, minute=0, evse=1, token="CARD")
    if is_told_late:
        await s.start(reference="T2", seq=0, minute=60, evse=None, connector=None)
        again = await s.update(reference="T2", seq=1, minute=61, evse=1, token="CARD")
    else:
        again = await s.start(reference="T2", seq=0, minute=60, evse=1, token="CARD")
    assert again.verdict.status is VerdictStatus.ACCEPTED
    assert not (await s.row("T1")).is_open
    other = await s.start(reference="T3", seq=0, minute=62, evse=2, token="CARD")
    assert other.verdict.status is VerdictStatus.CONCURRENT_TX


async def test_evse_told_late_closes_the_open_one_then(station):
    s = station("2.0.1")
    await s.start(reference="T1", seq=0, minute=0, evse=1)
    await s.start(reference="T2", seq=0, minute=60, evse=None)
    assert (await s.row("T1")).is_open
    await s.update(reference="T2", seq=1, minute=61, evse=1)
    assert not (await s.row("T1")).is_open


async def test_old_transaction_from_the_queue_does_not_close_the_one_that_runs(station):
    s = station("2.0.1")
    await s.start(reference="NOW", seq=0, minute=0, evse=1)
    await s.start(reference="OLD", seq=0, minute=-600, evse=1, is_offline=True, received_at=s.at(1))
    assert (await s.row("NOW")).is_open
    assert not (await s.row("OLD")).is_open
    await s.update(reference="OLD", seq=1, minute=-590, readings=(reading(s.at(-590), 5), reading(s.at(-580), 9)))
    await s.end(reference="OLD", seq=2, minute=-500)
    row = await s.row("OLD")
    assert (row.is_estimated, row.ended_at, row.energy_wh, row.anomaly_count) == (False, s.at(-500), 4, 0)


async def test_same_name_at_two_stations_is_two_transactions(station):
    one, two = station("2.0.1", "one"), station("2.0.1", "two")
    await one.start(reference="T1", seq=0, minute=0)
    await two.start(reference="T1", seq=0, minute=0)
    await one.end(reference="T1", seq=1, minute=1)
    assert (await two.row("T1")).is_open


async def test_offline_session_with_an_unknown_token_is_kept_and_marked(station):
    s = station("2.0.1")
    started = await s.start(reference="T1", seq=0, minute=-600, is_offline=True, received_at=s.at(0), **CARD)
    assert started.verdict.status is VerdictStatus.UNKNOWN
    await s.end(reference="T1", seq=1, minute=-500, is_offline=True, received_at=s.at(0))
    assert (await s.row("T1")).is_offline_start
    assert await s.anomalies() == [AnomalyKind.UNKNOWN_TOKEN_OFFLINE]


async def test_clock_in_1970_is_mended(station):
    s = station("2.0.1")
    born = datetime(1970, 1, 1, tzinfo=UTC)
    await s.start(reference="T1", seq=0, at=born, received_at=s.at(0))
    assert (await s.start(reference="T1", seq=0, at=born, received_at=s.at(1))).is_repeat
    assert (await s.row("T1")).started_at == s.at(0)
    assert await s.anomalies() == [AnomalyKind.CLOCK_UNSET]


async def test_power_of_both_directions_and_energy_of_every_unit_are_exact(station):
    s = station("2.1")
    begin = MeterReading(
        at=s.at(0), samples=(sample_from_number(Decimal("1.000001"), unit="kWh", context="Transaction.Begin"),)
    )
    end = MeterReading(
        at=s.at(9), samples=(sample_from_number(Decimal("0.3"), unit="Wh", multiplier=4, context="Transaction.End"),)
    )
    await s.start(reference="T1", seq=0, minute=0, readings=(begin,))
    await s.end(reference="T1", seq=1, minute=9, readings=(end,))
    assert (await s.row("T1")).energy_wh == Decimal("1999.999")


async def test_meter_values_beside_the_transaction_join_it(station):
    s = station("2.0.1")
    await s.start(reference="T1", seq=0, minute=0, readings=(reading(s.at(0), 0, context="Transaction.Begin"),))
    await s.read(reading(s.at(15), 1500, context="Sample.Clock"), evse=1)
    row = await s.row("T1")
    assert (row.energy_wh, row.seq_count) == (1500, 1)
