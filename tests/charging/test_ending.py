"""What an operator ends by estimate: when it ended then, what may still run, and what the real end makes of it."""

import asyncio
from datetime import timedelta

import pytest

from charging.stations import reading
from ingufu.authorization.model import Occasion, PresentedToken
from ingufu.charging.service import Charging
from ingufu.charging.tables import anomalies
from ingufu.core.errors import Conflict, InvalidInput, NotFound

WHY = "An operator ended it: Burnt down"


async def end(database, charging, transaction_id, **how):
    async with database.work() as work:
        return await charging.end(work, transaction_id, reason="Burnt down", **how)


async def begun(station, version="2.0.1", token=None):
    """Return a station with a session of half an hour, and its transaction."""
    s = station(version)
    if version == "1.6":
        begun = await s.start(minute=0, register_wh=0, token=token)
        await s.read(reading(s.at(30), 500), reference=begun.transaction.number)
    else:
        begun = await s.start(reference="T1", seq=0, minute=0, token=token, readings=(reading(s.at(0), 0),))
        await s.read(reading(s.at(30), 500), reference="T1")
    return s, begun.transaction


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
async def test_it_ends_when_the_station_last_told_of_it_and_says_why(station, database, charging, clock, version):
    s, own = await begun(station, version)
    clock.advance(timedelta(days=2).total_seconds())
    ended = await end(database, charging, own.id)
    assert (ended.is_open, ended.is_estimated, ended.energy_wh, ended.ended_at) == (False, True, 500, s.at(30))
    assert await charging.get(own.id) == ended
    (odd,) = await database.select(anomalies.select())
    assert (odd["kind"], odd["detail"]) == ("lost-end", "An operator ended it: Burnt down")
    assert (await s.told())[-1] == "TransactionEnded"


async def test_its_driver_may_charge_again(station, database, charging, authorization, register, clock):
    await register("CARD", concurrent_limit=1)
    _, own = await begun(station, token="CARD")
    clock.advance(timedelta(hours=3).total_seconds())

    async def may_start():
        async with database.work() as work:
            verdict = await authorization.check(
                work, PresentedToken(value="CARD"), station_id="other", evse=1, at=clock.now(), occasion=Occasion.START
            )
        return verdict.is_accepted

    assert not await may_start()
    await end(database, charging, own.id)
    assert await may_start()


async def test_it_ends_when_the_operator_says_if_that_can_be(station, database, charging, clock):
    s, own = await begun(station)
    clock.advance(timedelta(hours=3).total_seconds())
    for wrong in (s.at(29), s.at(181)):
        with pytest.raises(InvalidInput) as refused:
            await end(database, charging, own.id, ended_at=wrong)
        assert refused.value.field == "ended_at"
    assert (await charging.get(own.id)).is_open
    ended = await end(database, charging, own.id, ended_at=s.at(90))
    assert (ended.ended_at, ended.energy_wh) == (s.at(90), 500)
    row = await charging.get(own.id)
    assert (row.ended_at, row.is_estimated) == (s.at(90), True)


async def test_what_was_heard_of_within_the_hour_has_to_be_forced(station, database, charging, clock):
    s, own = await begun(station)
    clock.advance(timedelta(minutes=89).total_seconds())  # 59 since its last reading
    with pytest.raises(Conflict, match="force"):
        await end(database, charging, own.id)
    assert (await charging.get(own.id)).is_open
    assert (await end(database, charging, own.id, is_sure=True)).ended_at == s.at(30)


async def test_what_has_ended_is_not_ended_again(station, database, charging, clock):
    s, own = await begun(station)
    clock.advance(timedelta(hours=3).total_seconds())
    await end(database, charging, own.id)
    with pytest.raises(Conflict, match="ended already"):
        await end(database, charging, own.id)
    with pytest.raises(NotFound):
        await end(database, charging, "nothing")
    assert await s.anomalies() == ["lost-end"]


async def test_of_two_who_end_it_at_once_one_does(station, database, charging, clock, ids, authorization):
    s, own = await begun(station)
    clock.advance(timedelta(hours=3).total_seconds())
    elsewhere = Charging(database, clock, ids, authorization)
    both = [
        end(database, charging, own.id, ended_at=s.at(60)),
        end(database, elsewhere, own.id, ended_at=s.at(70)),
    ]
    done = await asyncio.gather(*both, return_exceptions=True)
    (ended,) = [one for one in done if not isinstance(one, Exception)]
    assert [type(one) for one in done if isinstance(one, Exception)] == [Conflict]
    assert (await charging.get(own.id)).ended_at == ended.ended_at
    assert (await s.told()).count("TransactionEnded") == 1


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
@pytest.mark.parametrize("said", [None, 90, 150])  # before and after the real end, which is at 120
async def test_the_real_end_counts_whenever_it_comes(station, database, charging, clock, version, said):
    s, own = await begun(station, version)
    clock.advance(timedelta(hours=3).total_seconds())
    await end(database, charging, own.id, ended_at=None if said is None else s.at(said))
    if version == "1.6":
        await s.end(reference=str(own.number), minute=120, register_wh=9000, stop_reason="EVDisconnected")
    else:
        last = reading(s.at(120), 9000, context="Transaction.End")
        await s.end(reference="T1", seq=1, minute=120, stop_reason="EVDisconnected", readings=(last,))
    row = await charging.get(own.id)
    assert (row.is_estimated, row.ended_at, row.energy_wh) == (False, s.at(120), 9000)
    assert (row.stop_reason, row.anomaly_count) == ("EVDisconnected", 0)
    assert (await s.told()).count("TransactionEnded") == 2


async def test_the_holder_of_the_station_notices(station, database, charging, clock, ids, authorization):
    """An operator's process ends it while the station goes on telling of it: what comes is kept, it stays ended."""
    s, own = await begun(station)
    clock.advance(timedelta(minutes=60).total_seconds())
    await end(database, Charging(database, clock, ids, authorization), own.id, is_sure=True)
    clock.advance(60)
    for minute in (61, 62):
        try:
            await s.update(reference="T1", seq=minute, minute=minute, readings=(reading(s.at(minute), minute * 10),))
        except Conflict:  # what was held is forgotten, and the message handled again
            await s.update(reference="T1", seq=minute, minute=minute, readings=(reading(s.at(minute), minute * 10),))
    row = await charging.get(own.id)
    assert (row.is_open, row.is_estimated, row.energy_wh, row.ended_at) == (False, True, 620, s.at(62))
