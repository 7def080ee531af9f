"""Transactions of 1.6 stations, which know them by numbers of ours: the ordinary one, and the many others."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from charging.stations import reading
from ingufu.authorization.model import GroupDetails, VerdictReason, VerdictStatus
from ingufu.charging.model import AnomalyKind, ChargingState, EnergySource


async def test_ordinary_session_is_recorded(station, register):
    token = await register("CAFE01")
    s = station()
    started = await s.start(token="CAFE01", register_wh=1000)
    number = started.transaction.number
    assert started.verdict.is_accepted
    assert number > 0
    await s.read(reading(s.at(1), 1200, power="7000", soc="40"), reference=number)
    running = await s.row(number)
    assert (running.energy_wh, running.power_w, running.soc_percent) == (200, 7000.0, 40.0)
    ended = await s.end(reference=str(number), minute=2, register_wh=1400, token="CAFE01", stop_reason="EVDisconnected")
    assert ended.verdict.is_accepted
    row = await s.row(number)
    assert row == ended.transaction
    assert (row.start_wh, row.end_wh, row.energy_wh, row.energy_source) == (1000, 1400, 400, EnergySource.REGISTERS)
    assert (row.started_at, row.ended_at, row.stop_reason) == (s.at(0), s.at(2), "EVDisconnected")
    assert (row.token_id, row.token_value, row.verdict) == (token.id, "CAFE01", "Accepted")
    assert (row.state, row.is_open, row.is_estimated, row.power_w) == (ChargingState.ENDED, False, False, 0.0)
    assert await s.anomalies() == []
    assert await s.told() == ["TransactionStarted", "TransactionEnded"]
    (kept,) = await s.readings()
    assert (kept["transaction_id"], kept["energy_wh"], kept["evse"]) == (row.id, Decimal(1200), 1)


async def test_repeated_start_has_the_same_number_a_fresh_verdict_and_no_second_row(
    station, register, authorization, database
):
    token = await register("CAFE01")
    s = station()
    first = await s.start(token="CAFE01", register_wh=1000, minute=0)
    again = await s.start(token="CAFE01", register_wh=1000, minute=0, received_at=s.at(5))
    assert again.is_repeat
    assert again.transaction.number == first.transaction.number
    assert again.verdict.status is VerdictStatus.ACCEPTED, "its own transaction is not a concurrent one"
    async with database.work() as work:
        await authorization.block_token(work, token.id)
    blocked = await s.start(token="CAFE01", register_wh=1000, minute=0)
    assert (blocked.verdict.status, blocked.transaction.verdict) == (VerdictStatus.BLOCKED, "Accepted")
    assert len(await s.rows()) == 1
    assert await s.told() == ["TransactionStarted"]
    assert len(await s.events()) == 1


async def test_repeated_start_is_known_after_the_memory_is_gone_and_after_the_end(station, charging):
    s = station()
    number = (await s.start(token="A", register_wh=1000, minute=0)).transaction.number
    charging.forget(s.id)
    assert (await s.start(token="A", register_wh=1000, minute=0)).transaction.number == number
    await s.end(reference=str(number), minute=9, register_wh=2000)
    again = await s.start(token="A", register_wh=1000, minute=0)
    assert (again.transaction.number, again.is_repeat, again.transaction.is_open) == (number, True, False)
    assert len(await s.rows()) == 1


async def test_start_at_the_same_time_on_another_connector_is_another_one(station):
    s = station()
    first = await s.start(token="A", register_wh=0, minute=0, evse=1)
    second = await s.start(token="A", register_wh=0, minute=0, evse=2)
    assert first.transaction.number != second.transaction.number
    assert [row["is_open"] for row in await s.rows()] == [True, True]


async def test_refused_token_still_has_its_transaction(station, register):
    await register("OLD", expires_at=datetime(2020, 1, 1, tzinfo=UTC))
    s = station()
    started = await s.start(token="OLD", register_wh=0)
    assert started.verdict.status is VerdictStatus.EXPIRED
    assert started.transaction.number > 0
    assert await s.anomalies() == [AnomalyKind.REFUSED_TOKEN]
    assert started.transaction.anomaly_count == 1


async def test_unknown_token_started_offline_is_kept_and_marked(station):
    s = station()
    started = await s.start(token="NOBODY", register_wh=0, minute=-300, received_at=s.at(0))
    assert (started.verdict.status, started.transaction.is_offline_start) == (VerdictStatus.UNKNOWN, True)
    assert (started.transaction.token_value, started.transaction.started_at) == ("NOBODY", s.at(-300))
    assert await s.anomalies() == [AnomalyKind.UNKNOWN_TOKEN_OFFLINE]


@pytest.mark.parametrize("token", [None, "", "   "])
async def test_start_without_a_token_is_answered(station, token):
    s = station()
    started = await s.start(token=token, register_wh=0)
    assert started.verdict.reason is VerdictReason.EMPTY_TOKEN
    assert started.transaction.number > 0


async def test_token_in_use_elsewhere_is_concurrent_and_kept(station, register):
    await register("CAFE01")
    await station(id_="one").start(token="CAFE01", register_wh=0)
    started = await station(id_="two").start(token="CAFE01", register_wh=0)
    assert started.verdict.status is VerdictStatus.CONCURRENT_TX
    assert started.transaction.is_open


async def test_ended_transaction_is_no_concurrent_one(station, register):
    await register("CAFE01")
    one = station(id_="one")
    number = (await one.start(token="CAFE01", register_wh=0)).transaction.number
    await one.end(reference=str(number), register_wh=10)
    assert (await station(id_="two").start(token="CAFE01", register_wh=0)).verdict.is_accepted


async def test_driver_is_accepted_again_where_the_end_of_the_last_charge_was_lost(station, register):
    await register("CAFE01")
    s = station()
    lost = await s.start(token="CAFE01", register_wh=1000, minute=0)
    again = await s.start(token="CAFE01", register_wh=1000, minute=30)
    assert (again.verdict.status, again.transaction.verdict) == (VerdictStatus.ACCEPTED, "Accepted")
    assert not (await s.row(lost.transaction.number)).is_open
    assert "refused-token" not in await s.anomalies()
    elsewhere = await s.start(token="CAFE01", register_wh=0, minute=31, evse=2, connector=2)
    assert elsewhere.verdict.status is VerdictStatus.CONCURRENT_TX, "one is still running beside it"


async def test_token_that_charges_elsewhere_too_is_concurrent_though_its_lost_charge_is_closed(station, register):
    await register("CAFE01", concurrent_limit=2)
    s = station()
    await s.start(token="CAFE01", register_wh=0, minute=0)
    await station(id_="two").start(token="CAFE01", register_wh=0)
    assert (await s.start(token="CAFE01", register_wh=0, minute=5)).verdict.is_accepted
    third = await station(id_="three").start(token="CAFE01", register_wh=0)
    assert third.verdict.status is VerdictStatus.CONCURRENT_TX


async def test_group_stops_and_stranger_is_marked(station, register, authorization, database):
    async with database.work() as work:
        group = await authorization.create_group(work, GroupDetails(value="FLEET"), organisation_id="org")
    await register("ONE", group_id=group.id)
    await register("TWO", group_id=group.id)
    await register("STRANGER")
    s = station()
    first = (await s.start(token="ONE", register_wh=0, minute=0)).transaction.number
    stopped = await s.end(reference=str(first), token="TWO", register_wh=10, minute=1)
    assert stopped.verdict.reason is VerdictReason.SAME_GROUP_STOPS
    assert stopped.transaction.stop_token_value == "TWO"
    second = (await s.start(token="ONE", register_wh=10, minute=2)).transaction.number
    stopped = await s.end(reference=str(second), token="STRANGER", register_wh=20, minute=3)
    assert stopped.verdict.reason is VerdictReason.NOT_THE_ONE_WHO_STARTED
    assert not stopped.transaction.is_open
    assert await s.anomalies() == [AnomalyKind.STRANGER_STOPPED]


async def test_second_end_keeps_first_bill(station):
    s = station()
    number = str((await s.start(token="A", register_wh=0, minute=0)).transaction.number)
    await s.end(reference=number, register_wh=5000, minute=10)
    again = await s.end(reference=number, register_wh=5000, minute=10)
    assert again.is_repeat
    higher = await s.end(reference=number, register_wh=5100, minute=10)
    assert not higher.is_repeat
    repeated = await s.end(reference=number, register_wh=5100, minute=10)
    assert repeated.is_repeat
    assert (await s.row(number)).energy_wh == 5000
    assert len(await s.events()) == 3
    assert await s.anomalies() == [AnomalyKind.REFUSED_TOKEN, AnomalyKind.SECOND_END]
    assert await s.told() == ["TransactionStarted", "TransactionEnded", "TransactionDetailed"]


async def test_new_start_closes_the_open_transaction_of_its_connector_at_the_newest_register(station):
    s = station()
    lost = (await s.start(token="A", register_wh=0, minute=0)).transaction.number
    await s.read(reading(s.at(10), 4000), reference=lost)
    await s.start(token="B", register_wh=4500, minute=60)
    row = await s.row(lost)
    assert (row.is_open, row.is_estimated, row.end_wh, row.energy_wh) == (False, True, 4000, 4000)
    assert (row.ended_at, row.state, row.stop_reason) == (s.at(10), ChargingState.ENDED, None)
    assert AnomalyKind.LOST_END in await s.anomalies()
    assert await s.told() == ["TransactionStarted", "TransactionStarted", "TransactionEnded"]


async def test_the_real_end_corrects_an_estimate(station):
    s = station()
    lost = (await s.start(token="A", register_wh=0, minute=0)).transaction.number
    await s.read(reading(s.at(10), 4000), reference=lost)
    await s.start(token="B", register_wh=4500, minute=60)
    marked = (await s.row(lost)).anomaly_count
    await s.end(reference=str(lost), register_wh=4400, minute=50)
    row = await s.row(lost)
    assert (row.is_open, row.is_estimated, row.end_wh, row.energy_wh) == (False, False, 4400, 4400)
    assert (row.ended_at, row.energy_source) == (s.at(50), EnergySource.REGISTERS)
    assert row.anomaly_count == marked - 1, "that its end was lost does not stand any more"
    assert (await s.told())[-1] == "TransactionEnded"


async def test_late_readings_improve_an_estimate(station):
    s = station()
    lost = (await s.start(token="A", register_wh=0, minute=0)).transaction.number
    await s.start(token="B", register_wh=4500, minute=60)
    assert (await s.row(lost)).energy_wh == 0
    await s.read(reading(s.at(10), 2000), reading(s.at(20), 4000), reference=lost)
    row = await s.row(lost)
    assert (row.is_estimated, row.energy_wh, row.ended_at) == (True, 4000, s.at(20))
    assert (await s.told())[-1] == "TransactionCorrected"


async def test_readings_repeated_after_a_lost_reply_are_kept_once(station, charging):
    s = station()
    number = (await s.start(token="A", register_wh=0, minute=0)).transaction.number
    await s.read(reading(s.at(1), 10), reference=number)
    await s.read(reading(s.at(1), 10), reference=number)
    await s.read(reading(s.at(1), power="500"), reference=number)
    await s.read(reading(s.at(2), 20), reference=number)
    await s.read(reading(s.at(1), 10), reference=number)
    charging.forget(s.id)
    await s.read(reading(s.at(2), 20), reference=number)
    await s.end(reference=str(number), register_wh=20, minute=3, readings=(reading(s.at(1), 10), reading(s.at(2), 20)))
    assert [kept["at"] for kept in await s.readings()] == [s.at(1), s.at(1), s.at(2)]


async def test_closing_readings_after_the_stop_are_kept_and_change_nothing(station):
    s = station()
    number = (await s.start(token="A", register_wh=0, minute=0)).transaction.number
    await s.end(reference=str(number), register_wh=500, minute=3)
    await s.read(reading(s.at(3.1), 500), reference=number)
    row = await s.row(number)
    assert (row.energy_wh, row.ended_at, row.is_open) == (500, s.at(3), False)
    assert (await s.readings())[0]["transaction_id"] == row.id


async def test_end_register_of_zero_after_progress_is_not_believed(station):
    s = station()
    number = (await s.start(token="A", register_wh=1000, minute=0)).transaction.number
    await s.read(reading(s.at(5), 3000), reference=number)
    await s.end(reference=str(number), register_wh=0, minute=6)
    row = await s.row(number)
    assert (row.energy_wh, row.end_wh) == (2000, 3000)
    assert AnomalyKind.IMPLAUSIBLE_VALUE in await s.anomalies()


async def test_register_reset_is_bridged_by_deltas(station):
    s = station()
    number = (await s.start(token="A", register_wh=10_000, minute=0)).transaction.number
    for minute, wh in ((1, 12_000), (2, 0), (3, 500), (4, 900)):
        await s.read(reading(s.at(minute), wh), reference=number)
    await s.end(reference=str(number), register_wh=1000, minute=5)
    row = await s.row(number)
    assert (row.energy_wh, row.energy_source) == (3000, EnergySource.DELTAS)
    assert AnomalyKind.REGISTER_RESET in await s.anomalies()


async def test_offline_queue_is_recorded_at_the_times_it_tells(station):
    s = station()
    now = s.at(0)
    for day in (90, 60, 30):
        at = now - timedelta(days=day)
        started = await s.start(token="A", register_wh=day * 10, at=at, received_at=now)
        number = str(started.transaction.number)
        await s.read(reading(at + timedelta(minutes=5), day * 10 + 5), reference=number, received_at=now)
        await s.end(reference=number, register_wh=day * 10 + 9, at=at + timedelta(hours=1), received_at=now)
    rows = await s.rows()
    assert [row["started_at"] for row in rows] == [now - timedelta(days=day) for day in (90, 60, 30)]
    assert [row["energy_wh"] for row in rows] == [9, 9, 9]
    assert all(row["is_offline_start"] and not row["is_estimated"] for row in rows)


async def test_clock_in_1970_is_mended_and_the_raw_time_kept(station):
    s = station()
    born = datetime(1970, 1, 1, 0, 0, 30, tzinfo=UTC)
    started = await s.start(token="A", register_wh=0, at=born, at_station="1970-01-01T00:00:30Z", received_at=s.at(0))
    number = str(started.transaction.number)
    await s.read(reading(born + timedelta(minutes=10), 10), reference=number, received_at=s.at(10))
    await s.end(reference=number, register_wh=20, at=born + timedelta(minutes=20), received_at=s.at(20))
    row = await s.row(number)
    assert (row.started_at, row.ended_at, row.started_at_station) == (s.at(0), s.at(20), "1970-01-01T00:00:30Z")
    assert (row.last_reading_at, row.energy_wh) == (s.at(10), 20)
    assert (await s.anomalies()).count(AnomalyKind.CLOCK_UNSET) == 1


async def test_session_offline_with_an_unset_clock_keeps_its_length(station):
    s = station()
    born = datetime(1970, 1, 1, tzinfo=UTC)
    number = str((await s.start(token="A", register_wh=0, at=born, received_at=s.at(0))).transaction.number)
    await s.end(reference=number, register_wh=20, at=born + timedelta(hours=3), received_at=s.at(0.1))
    row = await s.row(number)
    assert row.ended_at - row.started_at == timedelta(hours=3)
    assert row.ended_at == s.at(0.1)


async def test_clock_ahead_is_mended(station):
    s = station()
    future = s.at(60 * 24 * 365)
    started = await s.start(token="A", register_wh=0, at=future, received_at=s.at(0))
    assert started.transaction.started_at == s.at(0)
    assert AnomalyKind.CLOCK_AHEAD in await s.anomalies()


async def test_reboots_with_an_unset_clock_make_separate_transactions(station):
    s = station()
    born = datetime(1970, 1, 1, 0, 0, 30, tzinfo=UTC)
    first = await s.start(token="A", register_wh=0, at=born, received_at=s.at(0))
    await s.end(reference=str(first.transaction.number), register_wh=0, at=born, received_at=s.at(5))
    second = await s.start(token="A", register_wh=0, at=born, received_at=s.at(100))
    assert not second.is_repeat
    assert second.transaction.number != first.transaction.number
    repeated = await s.start(token="A", register_wh=0, at=born, received_at=s.at(101))
    assert (repeated.is_repeat, repeated.transaction.number) == (True, second.transaction.number)
    assert len(await s.rows()) == 2


async def test_end_before_its_start_has_no_negative_length(station):
    s = station()
    number = str((await s.start(token="A", register_wh=0, minute=10)).transaction.number)
    await s.end(reference=number, register_wh=5, minute=0)
    row = await s.row(number)
    assert row.ended_at >= row.started_at
    assert AnomalyKind.END_BEFORE_ITS_START in await s.anomalies()


async def test_status_says_what_the_vehicle_does(station, charging, database):
    s = station()
    number = (await s.start(token="A", register_wh=0, minute=0)).transaction.number
    await s.read(reading(s.at(1), 10, power="7000"), reference=number)
    for _ in range(2):
        async with database.work() as work:
            await charging.note_state(work, s.id, 1, ChargingState.SUSPENDED_EV, s.at(2))
    row = await s.row(number)
    assert (row.state, row.power_w) == (ChargingState.SUSPENDED_EV, 0.0), "some never send that the power is gone"
    assert len(await s.events()) == 2
    async with database.work() as work:
        await charging.note_state(work, s.id, 2, ChargingState.CHARGING, s.at(3))
        await charging.note_state(work, "nobody", None, ChargingState.CHARGING, s.at(3))
    assert (await s.row(number)).state is ChargingState.SUSPENDED_EV


async def test_status_older_than_the_newest_does_not_turn_back_the_state(station, charging, database):
    s = station()
    number = (await s.start(token="A", register_wh=0, minute=0)).transaction.number
    for state, minute in ((ChargingState.SUSPENDED_EV, 1.5), (ChargingState.CHARGING, 1)):
        async with database.work() as work:
            s.clock.set(s.at(3))
            await charging.note_state(work, s.id, 1, state, s.at(minute))
    assert (await s.row(number)).state is ChargingState.SUSPENDED_EV


async def test_two_stations_at_the_same_time_do_not_interfere(station):
    one, two = station(id_="one"), station(id_="two")
    first = (await one.start(token="A", register_wh=0, minute=0)).transaction
    second = (await two.start(token="A", register_wh=0, minute=0)).transaction
    assert first.number != second.number
    await one.end(reference=str(first.number), register_wh=10, minute=1)
    assert (await two.row(second.number)).is_open
