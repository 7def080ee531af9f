"""Connections come, are replaced, end, and are remembered with every refused attempt."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from ingufu.core.errors import NotFound
from ingufu.infra.storage.outbox import events
from ingufu.stations.model import Attempt, AttemptOutcome
from ingufu.stations.tables import attempts

KINDS = select(events.c.kind).order_by(events.c.id)
ATTEMPTS = select(attempts).order_by(attempts.c.id)


async def kinds(database):
    return [row["kind"] for row in await database.fetch_all(KINDS)]


async def connect(database, stations, station, connection_id="c1", *, profile=1, at):
    async with database.work() as work:
        await stations.connected(
            work,
            station.id,
            connection_id=connection_id,
            version="ocpp2.0.1",
            address="192.0.2.1",
            security_profile=profile,
            at=at,
        )


async def disconnect(database, stations, station, connection_id="c1", *, at):
    async with database.work() as work:
        await stations.disconnected(work, station.id, connection_id=connection_id, code=1000, reason="bye", at=at)


async def test_connected_station_is_online_with_version_and_address(database, stations, station, clock):
    await connect(database, stations, station, at=clock.now())
    now = await stations.get(station.id)
    assert (now.is_online, now.connection_id, now.ocpp_version) == (True, "c1", "ocpp2.0.1")
    assert (now.address, now.online_changed_at, now.last_seen_at) == ("192.0.2.1", clock.now(), clock.now())


async def test_end_of_the_current_connection_sets_the_station_offline(database, stations, station, clock):
    await connect(database, stations, station, at=clock.now())
    later = clock.now() + timedelta(minutes=5)
    await disconnect(database, stations, station, at=later)
    now = await stations.get(station.id)
    assert (now.is_online, now.connection_id, now.online_changed_at) == (False, None, later)
    assert await kinds(database) == ["StationChanged", "StationConnected", "StationDisconnected"]


async def test_end_of_a_replaced_connection_changes_nothing(database, stations, station, clock):
    await connect(database, stations, station, "old", at=clock.now())
    await connect(database, stations, station, "new", at=clock.now() + timedelta(minutes=1))
    await disconnect(database, stations, station, "old", at=clock.now() + timedelta(minutes=2))
    now = await stations.get(station.id)
    assert (now.is_online, now.connection_id) == (True, "new")
    assert now.online_changed_at == clock.now()
    assert "StationDisconnected" not in await kinds(database)


async def test_end_that_is_committed_with_the_next_beginning_leaves_the_station_online(
    database, stations, station, clock
):
    await connect(database, stations, station, "old", at=clock.now())
    new, end = database.work(), database.work()
    facts = {"version": "ocpp1.6", "address": "192.0.2.1", "security_profile": 1, "at": clock.now()}
    await stations.connected(new, station.id, connection_id="new", **facts)
    await stations.disconnected(end, station.id, connection_id="old", code=None, reason="", at=clock.now())
    await new.commit()
    await end.commit()
    assert (await stations.get(station.id)).connection_id == "new"


@pytest.mark.parametrize(
    ("entered", "used", "lowest"), [(1, 2, 2), (1, 3, 3), (0, 1, 0), (2, 2, 2), (0, 2, 2), (3, 2, 3)]
)
async def test_profile_once_used_is_the_lowest_accepted(database, stations, station, clock, entered, used, lowest):
    async with database.work() as work:
        await stations.update(work, station.id, security_profile=entered)
    await connect(database, stations, station, profile=used, at=clock.now())
    now = await stations.get(station.id)
    assert (now.security_profile, now.used_security_profile) == (lowest, used)


async def test_nobody_cannot_connect(database, stations, clock):
    with pytest.raises(NotFound):
        await stations.connected(
            database.work(),
            "nobody",
            connection_id="c",
            version="ocpp1.6",
            address="",
            security_profile=1,
            at=clock.now(),
        )


async def test_signs_of_life_are_written_once_a_minute_with_the_last_skew(database, stations, station, clock):
    await connect(database, stations, station, at=clock.now())
    began = clock.now()
    for second in range(0, 130, 10):
        stations.seen(station.id, began + timedelta(seconds=second), -1.5 if second == 50 else None)
    await database.writer.flush()
    now = await stations.get(station.id)
    assert now.last_seen_at == began + timedelta(seconds=120)
    assert now.clock_skew_s == -1.5
    assert stations.skew_s(station.id) == -1.5


async def test_stations_of_a_dead_process_are_offline_after_the_sweep(database, stations, station, clock):
    stations.record_attempt(attempt(clock, "c1", AttemptOutcome.CONNECTED))
    await connect(database, stations, station, at=clock.now())
    later = clock.now() + timedelta(hours=1)
    async with database.work() as work:
        assert await stations.sweep_offline(work, at=later) == 1
    assert not (await stations.get(station.id)).is_online
    [row] = await database.fetch_all(ATTEMPTS)
    assert row["closed_at"] == later
    async with database.work() as work:
        assert await stations.sweep_offline(work, at=later) == 0


def attempt(clock, number, outcome, **facts):
    facts = {"identity": "NAIROBI-1", "address": "192.0.2.1", **facts}
    return Attempt(id=number, at=clock.now(), last_at=clock.now(), listener="plain", outcome=outcome, **facts)


async def test_repeated_refusals_share_a_row_and_listeners_hear_the_first(database, stations, clock):
    heard = []
    database.publish = heard.extend
    for number in range(50):
        stations.record_attempt(attempt(clock, f"a{number:02}", AttemptOutcome.WRONG_CREDENTIALS))
        clock.advance(1)
    stations.flush_attempts(is_last=True)
    await database.writer.flush()
    [row] = await database.fetch_all(ATTEMPTS)
    assert (row["id"], row["count"], row["outcome"]) == ("a00", 50, "wrong-credentials")
    assert row["last_at"] == clock.now() - timedelta(seconds=1)
    assert [event.outcome for event in heard] == ["wrong-credentials"]


async def test_closed_connection_keeps_code_and_reason_however_short_it_was(database, stations, clock):
    for number in range(3):
        stations.record_attempt(attempt(clock, f"c{number}", AttemptOutcome.CONNECTED, offered=("ocpp1.6",)))
        stations.close_attempt(f"c{number}", clock.now(), 1006, "lost")
    await database.writer.flush()
    rows = await database.fetch_all(ATTEMPTS)
    assert [(row["close_code"], row["close_reason"], row["offered"]) for row in rows] == [
        (1006, "lost", ["ocpp1.6"])
    ] * 3


async def test_connection_of_another_process_can_be_closed_too(database, stations, clock, ids):
    stations.record_attempt(attempt(clock, "c1", AttemptOutcome.CONNECTED))
    await database.writer.flush()
    stations._open.clear()
    stations.close_attempt("c1", clock.now(), 1001, "going away")
    await database.writer.flush()
    [row] = await database.fetch_all(ATTEMPTS)
    assert row["close_code"] == 1001


async def test_hostile_text_of_an_attempt_spoils_no_other_row(database, stations, clock):
    stations.record_attempt(attempt(clock, "a1", AttemptOutcome.BAD_IDENTITY, identity="a\x00b", user_agent="\ud800x"))
    stations.record_attempt(attempt(clock, "a2", AttemptOutcome.WRONG_PATH, path="/x"))
    await database.writer.flush()
    assert [row["identity"] for row in await database.fetch_all(ATTEMPTS)] == ["a\ufffdb", "NAIROBI-1"]


async def test_old_attempts_are_pruned_and_young_ones_stay(database, stations, clock):
    stations.record_attempt(attempt(clock, "a1", AttemptOutcome.WRONG_PATH))
    clock.advance(86_400)
    stations.record_attempt(attempt(clock, "a2", AttemptOutcome.WRONG_PATH))
    await database.writer.flush()
    await stations.prune_attempts(clock.now() - timedelta(hours=1))
    assert [row["id"] for row in await database.fetch_all(ATTEMPTS)] == ["a2"]


async def test_attempts_of_a_rush_are_written_a_few_at_a_time_after_it(database, stations, clock):
    stations.rush(is_on=True)
    for number in range(5):
        stations.record_attempt(attempt(clock, f"a{number}", AttemptOutcome.CONNECTED))
    stations.record_attempt(attempt(clock, "b", AttemptOutcome.BAD_IDENTITY))
    stations.flush_attempts()
    await database.writer.flush()
    assert [row["id"] for row in await database.fetch_all(ATTEMPTS)] == ["b"]
    stations.rush(is_on=False)
    assert stations.write_fresh(3)
    assert not stations.write_fresh(3)
    await database.writer.flush()
    assert sorted(row["id"] for row in await database.fetch_all(ATTEMPTS)) == ["a0", "a1", "a2", "a3", "a4", "b"]


async def test_attempt_of_a_rush_that_ends_in_it_is_written_with_its_end(database, stations, clock):
    stations.rush(is_on=True)
    stations.record_attempt(attempt(clock, "a1", AttemptOutcome.CONNECTED))
    stations.close_attempt("a1", clock.now(), 1000, "bye")
    stations.record_attempt(attempt(clock, "a2", AttemptOutcome.CONNECTED))
    stations.flush_attempts(is_last=True)
    await database.writer.flush()
    assert {row["id"]: row["close_code"] for row in await database.fetch_all(ATTEMPTS)} == {"a1": 1000, "a2": None}
