"""Passwords that stations were sent: they open until it is known which one the station holds."""

import pytest

from ingufu.core.errors import Conflict
from ingufu.stations import passwords
from ingufu.stations.service import StationRules, Stations

OLD, NEW, NEWER = "a-key-of-16-chars", "another-key-of-16", "one-more-key-of-16"


async def offer(database, stations, station, *given, slot=None):
    for password in given:
        async with database.work() as work:
            await stations.offer_password(work, station.id, password, slot=slot)


async def take(database, stations, station, password, *, slot=None, needs_reset=False):
    async with database.work() as work:
        if slot is not None:
            await stations.took_password_of_profile(work, station.id, slot, password)
        else:
            await stations.took_password(work, station.id, password, needs_reset=needs_reset)


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


async def test_profile_that_is_not_used_for_a_season_opens_no_more(database, stations, station, clock):
    await offer(database, stations, station, NEW, slot="2")
    clock.advance(passwords.OFFERED_FOR.total_seconds() - 1)
    assert await opening(stations, station) == {OLD, NEW}
    await offer(database, stations, station, NEWER, slot="3")  # prolongs none but itself
    clock.advance(1)
    assert await opening(stations, station) == {OLD, NEWER}
    await come(database, stations, station, NEW)
    assert await opening(stations, station) == {OLD, NEWER}


async def test_profile_to_which_a_station_falls_back_opens_for_a_season_after_each_use(
    database, stations, station, clock
):
    await offer(database, stations, station, NEW, slot="2")
    for password in (NEW, OLD, NEW):
        clock.advance(passwords.OFFERED_FOR.total_seconds() - 1)
        await come(database, stations, station, password)
        assert await opening(stations, station) == {OLD, NEW}
    clock.advance(passwords.OFFERED_FOR.total_seconds())
    assert await opening(stations, station) == {NEW}  # what it came with last is its own


async def test_password_of_the_profile_in_use_ends_with_the_station_s_own(database, stations, station):
    await offer(database, stations, station, NEW, slot="2")
    await come(database, stations, station, NEW)
    await take(database, stations, station, NEWER)
    assert await opening(stations, station) == {OLD, NEWER}


async def test_password_sent_to_a_slot_stays_though_it_was_the_station_s_own(database, stations, station):
    await offer(database, stations, station, OLD, slot="2")
    await take(database, stations, station, NEW)
    assert await opening(stations, station) == {OLD, NEW}
    await come(database, stations, station, OLD)
    await come(database, stations, station, NEW)
    assert await opening(stations, station) == {OLD, NEW}


async def test_passwords_offered_for_the_station_take_no_place_of_those_of_profiles(database, stations, station):
    await offer(database, stations, station, NEW, slot="2")
    await offer(database, stations, station, *[f"key-number-{number}-of-9" for number in range(9)])
    assert await opening(stations, station) == {OLD, NEW}


async def test_as_many_passwords_of_profiles_open_as_stations_have_slots(database, stations, station):
    for number in range(passwords.MOST_OF_PROFILES):
        await offer(database, stations, station, NEW if number == 0 else f"key-number-{number}-of-9", slot=str(number))
    assert await opening(stations, station) == {OLD, NEW}
    await offer(database, stations, station, NEWER, slot="2")
    assert await opening(stations, station) == {OLD, NEWER}


async def test_refusal_of_a_profile_ends_it_in_that_slot_alone(database, stations, station):
    await offer(database, stations, station, NEW, NEWER, slot="2")
    await offer(database, stations, station, NEWER, slot="3")
    async with database.work() as work:
        await stations.refused_password(work, station.id, NEWER, slot="2")
    assert await opening(stations, station) == {OLD, NEW, NEWER}
    async with database.work() as work:
        await stations.refused_password(work, station.id, NEWER, slot="3")
    assert await opening(stations, station) == {OLD, NEW}


async def test_profiles_sent_at_once_are_both_kept_or_one_is_not_sent(database, stations, station):
    await offer(database, stations, station, "a-key-for-slot-one", slot="1")
    first, second = database.work(), database.work()
    await stations.offer_password(first, station.id, NEW, slot="2")
    await stations.offer_password(second, station.id, NEWER, slot="3")
    await first.commit()
    with pytest.raises(Conflict):
        await second.commit()
    assert await opening(stations, station) == {OLD, NEW}


async def test_password_set_by_hand_while_the_station_comes_by_another_profile_stands(database, stations, station):
    await offer(database, stations, station, NEW, slot="2")
    known = await stations.get(station.id)
    async with database.work() as work:
        await stations.set_password(work, station.id, NEWER)
    async with database.work() as work:
        stations.came_with_password(work, known, stations.right_password(known, NEW.encode()))
    assert await opening(stations, station) == {NEWER}


async def test_old_password_opens_until_the_station_was_reset_and_comes_with_the_new_one(
    database, stations, station, clock
):
    await take(database, stations, station, NEW, needs_reset=True)
    clock.advance(passwords.OFFERED_FOR.total_seconds() - 1)
    await come(database, stations, station, OLD)
    assert await opening(stations, station) == {OLD, NEW}
    await come(database, stations, station, NEW)
    assert await opening(stations, station) == {NEW}


async def test_old_password_opens_though_the_new_one_is_changed_before_the_reset(database, stations, station):
    await take(database, stations, station, NEW, needs_reset=True)
    await take(database, stations, station, NEWER, needs_reset=True)
    assert await opening(stations, station) == {OLD, NEWER}
    await come(database, stations, station, NEWER)
    await take(database, stations, station, NEW, needs_reset=True)
    assert await opening(stations, station) == {NEWER, NEW}


async def test_old_password_opens_for_the_time_granted_after_the_reset(database, station, clock, ids):
    lenient = Stations(database, clock, ids, StationRules(password_grace_s=120))
    await take(database, lenient, station, NEW, needs_reset=True)
    clock.advance(1000)
    await come(database, lenient, station, NEW)
    assert await opening(lenient, station) == {OLD, NEW}
    clock.advance(120)
    assert await opening(lenient, station) == {NEW}


async def test_station_that_waits_for_a_reset_may_change_its_profile_first(database, stations, station):
    await take(database, stations, station, NEW, needs_reset=True)
    await offer(database, stations, station, NEWER, slot="2")
    for password in (NEWER, NEWER, OLD, NEW):
        await come(database, stations, station, password)
        assert await opening(stations, station) == {OLD, NEW, NEWER}


async def test_retired_station_has_no_password_at_all(database, stations, station):
    await offer(database, stations, station, NEW)
    await offer(database, stations, station, NEWER, slot="2")
    async with database.work() as work:
        await stations.delete(work, station.id, has_charged=True)
    assert await opening(stations, station) == set()
