"""Passwords that stations were sent: they open until it is known which one the station holds."""

import pytest

from ingufu.core.errors import Conflict
from ingufu.stations import passwords
from ingufu.stations.service import StationRules, Stations

OLD, NEW, NEWER = "a-key-of-16-chars", "another-key-of-16", "one-more-key-of-16"


async def offer(database, stations, station, *given):
    for password in given:
        async with database.work() as work:
            await stations.offer_password(work, station.id, password)


async def opening(stations, station):
    """Return which passwords open for the station now."""
    known = await stations.get(station.id)
    return {password for password in (OLD, NEW, NEWER) if stations.password_matches(known, password.encode())}


async def come(database, stations, station, password):
    known = await stations.get(station.id)
    async with database.work() as work:
        stations.came_with_password(work, known, stations.right_password(known, password.encode()))


async def test_station_that_comes_with_what_it_was_sent_ends_the_old_one(database, stations, station):
    await offer(database, stations, station, NEW)
    await come(database, stations, station, OLD)
    assert await opening(stations, station) == {OLD, NEW}
    await come(database, stations, station, NEW)
    assert await opening(stations, station) == {NEW}


async def test_what_was_sent_after_the_one_it_comes_with_may_still_be_taken(database, stations, station):
    await offer(database, stations, station, NEW, NEWER)
    await come(database, stations, station, NEW)
    assert await opening(stations, station) == {NEW, NEWER}
    async with database.work() as work:
        await stations.took_password(work, station.id, NEWER)
    assert await opening(stations, station) == {NEWER}


async def test_refusal_ends_what_was_refused_alone(database, stations, station):
    await offer(database, stations, station, NEW, NEWER)
    async with database.work() as work:
        await stations.refused_password(work, station.id, NEWER)
    assert await opening(stations, station) == {OLD, NEW}


async def test_two_passwords_sent_at_once_are_both_kept_or_one_is_not_sent(database, stations, station):
    first, second = database.work(), database.work()
    await stations.offer_password(first, station.id, NEW)
    await stations.offer_password(second, station.id, NEWER)
    await first.commit()
    with pytest.raises(Conflict):
        await second.commit()
    assert await opening(stations, station) == {OLD, NEW}


async def test_password_set_by_hand_while_the_station_comes_with_another_stands(database, stations, station):
    await offer(database, stations, station, NEW)
    known = await stations.get(station.id)
    async with database.work() as work:
        await stations.set_password(work, station.id, NEWER)
    async with database.work() as work:
        stations.came_with_password(work, known, stations.right_password(known, NEW.encode()))
    assert await opening(stations, station) == {NEWER}


async def test_password_that_was_never_used_opens_no_more_after_a_season(database, stations, station, clock):
    await offer(database, stations, station, NEW)
    clock.advance(passwords.OFFERED_FOR.total_seconds() - 1)
    assert await opening(stations, station) == {OLD, NEW}
    clock.advance(1)
    assert await opening(stations, station) == {OLD}
    await come(database, stations, station, NEW)
    assert await opening(stations, station) == {OLD}


async def test_password_sent_again_takes_no_place_of_another(database, stations, station):
    await offer(database, stations, station, NEWER, *[NEW] * 9)
    assert await opening(stations, station) == {OLD, NEW, NEWER}


async def test_few_passwords_without_an_answer_open_at_once(database, stations, station):
    await offer(database, stations, station, NEW, *[f"key-number-{number}-of-9" for number in range(9)])
    assert await opening(stations, station) == {OLD}


async def test_old_password_opens_for_the_time_granted_after_the_station_came_with_the_new_one(
    database, stations, station, clock, ids
):
    lenient = Stations(database, clock, ids, StationRules(password_grace_s=120))
    await offer(database, lenient, station, NEW)
    await come(database, lenient, station, NEW)
    assert await opening(lenient, station) == {OLD, NEW}
    clock.advance(120)
    assert await opening(lenient, station) == {NEW}


async def test_retired_station_has_no_password_at_all(database, stations, station):
    await offer(database, stations, station, NEW)
    async with database.work() as work:
        await stations.delete(work, station.id, has_charged=True)
    assert await opening(stations, station) == set()
