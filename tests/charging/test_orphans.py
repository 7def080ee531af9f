"""Messages of 1.6 stations that name no transaction of theirs: bound to the one they mean, or kept as orphans."""

from datetime import UTC, datetime

import pytest

from charging.stations import reading
from ingufu.charging.model import AnomalyKind, EnergySource
from ingufu.core.errors import Conflict


async def test_stop_of_an_unknown_number_is_kept_as_an_orphan(station):
    s = station()
    ended = await s.end(reference="4711", register_wh=5000, minute=10, token="A", stop_reason="PowerLoss")
    row = await s.row("4711")
    assert row == ended.transaction
    assert (row.number, row.is_open, row.end_wh, row.stop_reason) == (None, False, 5000, "PowerLoss")
    assert (row.energy_wh, row.stop_token_value) == (0, "A")
    assert AnomalyKind.UNKNOWN_TRANSACTION in await s.anomalies()
    again = await s.end(reference="4711", register_wh=5000, minute=10, token="A", stop_reason="PowerLoss")
    assert again.is_repeat
    assert len(await s.rows()) == 1


async def test_orphan_takes_its_start_from_the_data_of_its_stop(station):
    s = station()
    await s.end(
        reference="4711",
        register_wh=5000,
        minute=10,
        readings=(
            reading(s.at(0), 1000, context="Transaction.Begin"),
            reading(s.at(10), 5000, context="Transaction.End"),
        ),
    )
    row = await s.row("4711")
    assert (row.started_at, row.start_wh, row.energy_wh, row.energy_source) == (
        s.at(0),
        1000,
        4000,
        EnergySource.REGISTERS,
    )


@pytest.mark.parametrize("reference", ["-1", "0", None])
async def test_stop_without_a_number_ends_the_open_transaction_that_fits(station, reference):
    s = station()
    number = (await s.start(token="A", register_wh=100, minute=0, evse=1)).transaction.number
    other = (await s.start(token="B", register_wh=100, minute=1, evse=2)).transaction.number
    await s.end(reference=reference, register_wh=600, minute=10, token="a")
    assert (await s.row(number)).energy_wh == 500
    assert (await s.row(other)).is_open


async def test_stop_without_a_number_and_token_is_matched_by_register(station):
    s = station()
    low = (await s.start(token="A", register_wh=100, minute=0, evse=1)).transaction.number
    high = (await s.start(token="B", register_wh=90_000, minute=1, evse=2)).transaction.number
    await s.end(reference="-1", register_wh=600, minute=10)
    assert not (await s.row(low)).is_open
    assert (await s.row(high)).is_open


async def test_stop_without_a_number_reaches_one_that_had_lost_its_end(station):
    s = station()
    lost = (await s.start(token="A", register_wh=0, minute=0)).transaction.number
    current = (await s.start(token="B", register_wh=900, minute=60)).transaction.number
    await s.end(reference="-1", register_wh=800, minute=50, token="A")
    row = await s.row(lost)
    assert (row.is_estimated, row.energy_wh, row.ended_at) == (False, 800, s.at(50))
    assert (await s.row(current)).is_open


async def test_repeated_stop_without_a_number_changes_nothing(station):
    s = station()
    number = (await s.start(token="A", register_wh=0, minute=0)).transaction.number
    await s.end(reference="-1", register_wh=800, minute=50, token="A")
    again = await s.end(reference="-1", register_wh=800, minute=50, token="A")
    assert again.is_repeat
    assert again.transaction.number == number
    assert len(await s.rows()) == 1


@pytest.mark.parametrize("is_clock_unset", [False, True])
@pytest.mark.parametrize("is_restarted", [False, True])
async def test_repeated_stop_without_a_number_ends_no_other_transaction(
    station, charging, is_clock_unset, is_restarted
):
    s = station()
    first = (await s.start(token="A", register_wh=100, minute=0, evse=1)).transaction.number
    second = (await s.start(token="B", register_wh=200, minute=5, evse=2)).transaction.number
    for evse in range(3, 10):
        await s.start(token=f"C{evse}", register_wh=90_000, minute=evse + 3, evse=evse)
    told = {"at": datetime(1970, 1, 1, tzinfo=UTC)} if is_clock_unset else {"minute": 20}
    for minute in (20, 21, 25):
        await s.end(reference="-1", register_wh=600, received_at=s.at(minute), **told)
        if is_restarted:
            charging.forget(s.id)
    assert (await s.row(second)).energy_wh == 400
    assert (await s.row(first)).is_open
    await s.end(reference=str(first), register_wh=5100, minute=60)
    row = await s.row(first)
    assert (row.energy_wh, row.ended_at) == (5000, s.at(60))
    assert AnomalyKind.SECOND_END not in await s.anomalies()


async def test_stops_without_a_number_of_one_moment_are_told_apart_by_their_cards(station):
    s = station()
    numbers = [
        (await s.start(token=token, register_wh=0, minute=evse, evse=evse)).transaction.number
        for evse, token in ((1, "A"), (2, "B"))
    ]
    for token in ("A", "B"):
        await s.end(reference="-1", register_wh=700, minute=10, token=token)
    assert [(await s.row(number)).is_open for number in numbers] == [False, False]


async def test_repeated_stop_of_which_the_register_was_not_believed_ends_no_other_transaction(station):
    s = station()
    first = (await s.start(token="A", register_wh=0, minute=0, evse=1)).transaction.number
    second = (await s.start(token="B", register_wh=0, minute=5, evse=2)).transaction.number
    await s.read(reading(s.at(8), 300), evse=2, reference=second)
    for _ in range(2):
        await s.end(reference="-1", register_wh=0, minute=10)
    assert (await s.row(second)).energy_wh == 300
    assert (await s.row(first)).is_open


async def test_stops_without_a_number_that_fit_nothing_are_kept_once_each(station):
    s = station()
    for minute in (10, 20, 10):
        await s.end(reference="-1", register_wh=5000, minute=minute, token="A")
    rows = await s.rows()
    assert [row["ended_at"] for row in rows] == [s.at(10), s.at(20)]
    assert all(row["number"] is None for row in rows)


async def test_start_that_comes_after_its_stop_fills_it_in(station):
    s = station()
    await s.end(reference="-1", register_wh=5000, minute=30, token="A")
    started = await s.start(token="A", register_wh=1000, minute=0, received_at=s.at(31))
    rows = await s.rows()
    assert len(rows) == 1
    row = await s.row(started.transaction.number)
    assert (row.number, row.energy_wh, row.started_at, row.ended_at) == (
        started.transaction.number,
        4000,
        s.at(0),
        s.at(30),
    )
    again = await s.start(token="A", register_wh=1000, minute=0, received_at=s.at(32))
    assert (again.is_repeat, again.transaction.number) == (True, row.number)


async def test_number_of_another_station_never_touches_its_transaction(station):
    victim, other = station(id_="victim"), station(id_="other")
    number = (await victim.start(token="A", register_wh=0, minute=0)).transaction.number
    before = await victim.row(number)
    await other.end(reference=str(number), register_wh=77_000, minute=5)
    await other.read(reading(other.at(6), 99_000), reference=number)
    assert await victim.row(number) == before
    assert await victim.readings() == []
    orphan = await other.row(number)
    assert (orphan.station_id, orphan.number, orphan.is_open) == ("other", None, False)
    assert AnomalyKind.FOREIGN_TRANSACTION in await other.anomalies()
    assert await victim.anomalies() == [AnomalyKind.REFUSED_TOKEN]


async def test_readings_with_the_number_of_another_station_make_an_orphan(station):
    victim, other = station(id_="victim"), station(id_="other")
    number = (await victim.start(token="A", register_wh=0, minute=0)).transaction.number
    await other.read(reading(other.at(6), 99_000), reference=number)
    orphan = await other.row(number)
    assert (orphan.is_open, orphan.last_wh, orphan.started_at) == (True, 99_000, other.at(6))
    assert AnomalyKind.FOREIGN_TRANSACTION in await other.anomalies()
    assert (await victim.row(number)).last_reading_at is None


async def test_number_that_an_orphan_has_taken_is_passed_over(station, database, charging):
    s = station()
    following = await charging.next_number() + 1
    await s.end(reference=str(following), register_wh=1, minute=1)
    with pytest.raises(Conflict):
        await s.start(token="A", register_wh=1, minute=5)
    started = await s.start(token="A", register_wh=1, minute=5)
    assert started.transaction.number == following + 1


async def test_readings_without_a_number_join_what_runs_on_their_connector(station):
    s = station()
    number = (await s.start(token="A", register_wh=0, minute=0, evse=2)).transaction.number
    await s.read(reading(s.at(1), 10), evse=2)
    await s.read(reading(s.at(2), 20), evse=2, reference=-1)
    await s.read(reading(s.at(3), 30), evse=2, reference=999)
    await s.read(reading(s.at(4), 40), evse=1)
    await s.read(reading(s.at(5), 50_000), evse=0)
    row = await s.row(number)
    assert (row.energy_wh, row.last_reading_at) == (30, s.at(3))
    assert [kept["transaction_id"] == row.id for kept in await s.readings()] == [True, True, True, False, False]


async def test_readings_of_an_unknown_number_begin_a_transaction(station):
    s = station()
    await s.read(reading(s.at(1), 1000), reference=4711)
    await s.read(reading(s.at(2), 1500), reference=4711)
    await s.end(reference="4711", register_wh=1700, minute=3)
    row = await s.row(4711)
    assert (row.started_at, row.energy_wh, row.evse) == (s.at(1), 700, 1)
    assert len(await s.rows()) == 1
    assert (await s.anomalies()).count(AnomalyKind.UNKNOWN_TRANSACTION) == 1


async def test_old_readings_of_an_unknown_number_leave_no_ghost(station):
    s = station()
    await s.read(reading(s.at(-60 * 24 * 30), 1000), reference=4711, received_at=s.at(0))
    row = await s.row(4711)
    assert (row.is_open, row.is_estimated) == (False, True)


async def test_old_readings_do_not_join_what_runs_now(station):
    s = station()
    number = (await s.start(token="A", register_wh=0, minute=0)).transaction.number
    await s.read(reading(s.at(-1000), 10), received_at=s.at(1))
    assert (await s.row(number)).last_reading_at is None
