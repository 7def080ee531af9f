"""Stations entered, imported, discovered, approved, refused, deleted; their passwords."""

import pytest
from sqlalchemy import select

from ingufu.core.errors import Conflict, InvalidInput, NotFound, TooManyRequests
from ingufu.infra.storage.outbox import events
from ingufu.stations.model import Approval, BootAnswer
from ingufu.stations.service import StationRules, Stations

KINDS = select(events.c.kind, events.c.details).order_by(events.c.id)


async def kinds(database):
    return [row["kind"] for row in await database.fetch_all(KINDS)]


async def test_station_is_found_in_whichever_case_it_writes_itself(database, stations, station):
    assert await stations.find_by_identity("nairobi-1") == station
    assert await stations.get(station.id) == station
    assert await stations.all() == [station]
    assert await stations.find_by_identity("NAIROBI-2") is None


async def test_station_nobody_entered_is_not_found(stations):
    with pytest.raises(NotFound):
        await stations.get("no-such-id")


async def test_second_station_of_one_identity_is_a_conflict(database, stations, station):
    with pytest.raises(Conflict):
        await stations.create(database.work(), "Nairobi-1")


async def test_two_creations_at_once_make_one_station(database, stations):
    first, second = database.work(), database.work()
    await stations.create(first, "KISUMU-1")
    await stations.create(second, "KISUMU-1")
    await first.commit()
    with pytest.raises(Conflict):
        await second.commit()
    assert len(await stations.all()) == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"security_profile": 4},
        {"security_profile": -1},
        {"assumed_version": "ocpp1.2"},
        {"ping_interval_s": -5},
        {"name": "x" * 101},
        {"certificate_name": "x" * 65},
        {"password": "too-short"},
        {"password": "a" * 20},
        {"password_hash": "smuggled"},
    ],
)
async def test_what_no_station_can_have_is_refused(database, stations, fields):
    with pytest.raises(InvalidInput):
        await stations.create(database.work(), "KISUMU-1", **fields)


async def test_impossible_identity_is_refused(database, stations):
    with pytest.raises(InvalidInput) as refused:
        await stations.create(database.work(), "a:b")
    assert refused.value.field == "identity"


async def test_import_repeated_changes_nothing_and_tells_nothing(database, stations):
    entry = {"name": "Mombasa Road", "security_profile": 2, "password": "a-key-of-16-chars"}
    for _ in range(3):
        async with database.work() as work:
            made = await stations.put(work, "KISUMU-1", **entry)
    assert await stations.get(made.id) == made
    assert await kinds(database) == ["StationChanged"]
    async with database.work() as work:
        changed = await stations.put(work, "kisumu-1", name="Elsewhere")
    assert (changed.id, changed.name, changed.security_profile) == (made.id, "Elsewhere", 2)


async def test_change_writes_only_what_changed_so_two_people_do_not_undo_each_other(database, stations, station):
    first, second = database.work(), database.work()
    await stations.update(first, station.id, name="One")
    await stations.update(second, station.id, note="Two", boot_answer=BootAnswer.PENDING)
    await first.commit()
    await second.commit()
    after = await stations.get(station.id)
    assert (after.name, after.note, after.boot_answer) == ("One", "Two", BootAnswer.PENDING)
    rows = await database.fetch_all(KINDS)
    assert [row["details"]["changed"] for row in rows] == [["created"], ["name"], ["boot_answer", "note"]]


async def test_change_of_a_station_deleted_meanwhile_is_a_conflict(database, stations, station):
    late = database.work()
    await stations.update(late, station.id, name="Late")
    async with database.work() as work:
        assert await stations.delete(work, station.id, has_charged=False)
    with pytest.raises(Conflict):
        await late.commit()
    assert await stations.all() == []


async def test_station_that_charged_is_retired_not_deleted(database, stations, station):
    async with database.work() as work:
        assert not await stations.delete(work, station.id, has_charged=True)
    after = await stations.get(station.id)
    assert (after.approval, after.password_hash) == (Approval.REFUSED, None)


async def test_connected_station_is_not_deleted(database, stations, station, clock):
    async with database.work() as work:
        await stations.connected(
            work,
            station.id,
            connection_id="c",
            version="ocpp1.6",
            address="192.0.2.1",
            security_profile=1,
            at=clock.now(),
        )
    with pytest.raises(Conflict):
        await stations.delete(database.work(), station.id, has_charged=False)


async def test_unknown_station_waits_until_a_person_approves_it(database, stations):
    async with database.work() as work:
        found = await stations.discover(work, "WILD-1")
    assert found.approval is Approval.WAITING
    async with database.work() as work:
        await stations.approve(work, found.id)
    assert (await stations.get(found.id)).approval is Approval.APPROVED
    assert await kinds(database) == ["StationDiscovered", "StationChanged"]


async def test_password_of_the_first_call_counts_only_if_the_person_keeps_it(database, stations):
    async with database.work() as work:
        kept = await stations.discover(work, "WILD-1", password=b"presented-password")
        dropped = await stations.discover(work, "WILD-2", password=b"presented-password")
    async with database.work() as work:
        await stations.approve(work, kept.id, keeps_password=True)
        await stations.approve(work, dropped.id)
    assert stations.password_matches(await stations.get(kept.id), b"presented-password")
    assert not stations.password_matches(await stations.get(dropped.id), b"presented-password")


async def test_weak_password_of_a_first_call_is_never_kept(database, stations):
    for number, weak in enumerate([b"short", b"a" * 30, b"", b"x" * 500]):
        found = await stations.discover(database.work(), f"WILD-{number}", password=weak)
        assert found.password_hash is None


async def test_key_bytes_of_a_first_call_can_be_kept(database, stations):
    found = await stations.discover(database.work(), "WILD-1", password=bytes(range(236, 256)))
    assert stations.password_matches(found, bytes(range(236, 256)))


async def test_stations_that_wait_are_bounded(database, clock, ids):
    stations = Stations(database, clock, ids, StationRules(max_waiting=2))
    for number in range(2):
        async with database.work() as work:
            await stations.discover(work, f"WILD-{number}")
    with pytest.raises(TooManyRequests):
        await stations.discover(database.work(), "WILD-3")


async def test_one_address_that_fills_the_list_makes_way_for_others_up_to_their_share(database, clock, ids):
    stations = Stations(database, clock, ids, StationRules(max_waiting=4))
    for number in range(4):
        async with database.work() as work:
            await stations.discover(work, f"FAKE-{number}", address="192.0.2.66")
        clock.advance(1)
    for number in range(2):
        async with database.work() as work:
            await stations.discover(work, f"REAL-{number}", address="192.0.2.1")
    assert [one.identity for one in await stations.all()] == ["FAKE-2", "FAKE-3", "REAL-0", "REAL-1"]
    for number, address in ((2, "192.0.2.1"), (9, "192.0.2.66")):
        with pytest.raises(TooManyRequests):
            await stations.discover(database.work(), f"MORE-{number}", address=address)


async def test_one_network_of_ipv6_that_fills_the_list_makes_way_for_others(database, clock, ids):
    stations = Stations(database, clock, ids, StationRules(max_waiting=4))
    for number in range(4):
        async with database.work() as work:
            await stations.discover(work, f"FAKE-{number}", address=f"2001:db8:6:6::{number + 1:x}")
        clock.advance(1)
    for number, address in enumerate(("2001:db8:1:1::1", "::ffff:192.0.2.1")):
        async with database.work() as work:
            await stations.discover(work, f"REAL-{number}", address=address)
    assert [one.identity for one in await stations.all()] == ["FAKE-2", "FAKE-3", "REAL-0", "REAL-1"]
    for number, address in enumerate(("2001:db8:6:6::ffff", "2001:db8:1:1::2", "192.0.2.1")):
        with pytest.raises(TooManyRequests):
            await stations.discover(database.work(), f"MORE-{number}", address=address)


async def test_two_that_would_take_one_place_do_not_both(database, clock, ids):
    stations = Stations(database, clock, ids, StationRules(max_waiting=3))
    for number in range(3):
        async with database.work() as work:
            await stations.discover(work, f"FAKE-{number}", address="192.0.2.66")
    first, second = database.work(), database.work()
    await stations.discover(first, "REAL-1", address="192.0.2.1")
    await stations.discover(second, "REAL-2", address="192.0.2.2")
    await first.commit()
    with pytest.raises(Conflict):
        await second.commit()
    assert len(await stations.all()) == 3


async def test_stations_that_people_had_a_hand_in_do_not_make_way(database, clock, ids):
    stations = Stations(database, clock, ids, StationRules(max_waiting=4))
    async with database.work() as work:
        await stations.create(work, "ENTERED", approval=Approval.WAITING)
        placed = await stations.discover(work, "PLACED")
        noted = await stations.discover(work, "NOTED")
        built = await stations.discover(work, "BUILT")
        await stations.discover(work, "WILD")
    async with database.work() as work:
        await stations.update(work, placed.id, site_id="site")
        await stations.update(work, noted.id, note="Ours, I think")
        await stations.set_connector(work, built.id, 1, 1)
    clock.advance(86_400 * 400)
    await stations.prune_waiting(clock.now())
    assert {one.identity for one in await stations.all()} == {"ENTERED", "PLACED", "NOTED", "BUILT"}


async def test_station_that_waits_too_long_makes_way_unless_it_still_calls(database, stations, station, clock):
    async with database.work() as work:
        await stations.discover(work, "WILD-1")
        calling = await stations.discover(work, "WILD-2")
    clock.advance(86_400)
    stations.seen(calling.id, clock.now())
    await database.writer.flush()
    await stations.prune_waiting(clock.now())
    assert await stations.all() == [station, await stations.get(calling.id)]


async def test_import_of_a_waiting_station_approves_it(database, stations):
    async with database.work() as work:
        found = await stations.discover(work, "WILD-1", password=b"presented-password")
    async with database.work() as work:
        await stations.put(work, "WILD-1", password="entered-password-1")
    after = await stations.get(found.id)
    assert after.approval is Approval.APPROVED
    assert stations.password_matches(after, b"entered-password-1")
    assert not stations.password_matches(after, b"presented-password")


async def test_import_without_a_password_drops_the_one_a_waiting_station_called_with(database, stations):
    async with database.work() as work:
        await stations.discover(work, "WILD-9", password=b"presented-password")
    async with database.work() as work:
        station = await stations.put(work, "WILD-9")
    assert station.password_hash is None
    assert not stations.password_matches(await stations.get(station.id), b"presented-password")


async def test_refused_station_keeps_its_row(database, stations, station):
    async with database.work() as work:
        await stations.refuse(work, station.id)
    assert (await stations.get(station.id)).approval is Approval.REFUSED


async def test_new_password_ends_the_old_one_at_once(database, stations, station):
    async with database.work() as work:
        await stations.set_password(work, station.id, "another-key-of-16")
    after = await stations.get(station.id)
    assert stations.password_matches(after, b"another-key-of-16")
    assert not stations.password_matches(after, b"a-key-of-16-chars")
    assert "another-key" not in str(after)


async def test_old_password_opens_for_the_time_granted_and_no_longer(database, clock, ids):
    stations = Stations(database, clock, ids, StationRules(password_grace_s=120))
    async with database.work() as work:
        station = await stations.create(work, "KISUMU-1", password="a-key-of-16-chars")
    async with database.work() as work:
        await stations.set_password(work, station.id, "another-key-of-16")
    after = await stations.get(station.id)
    assert stations.password_matches(after, b"a-key-of-16-chars")
    assert stations.password_matches(after, b"another-key-of-16")
    clock.advance(120)
    assert not stations.password_matches(after, b"a-key-of-16-chars")


async def test_password_set_on_nobody_is_not_found(database, stations):
    with pytest.raises(NotFound):
        await stations.set_password(database.work(), "no-such-id", "a-key-of-16-chars")
