"""The keeper rates what ended, by itself and in turns."""

import asyncio

from billing.records.world import World, per_kwh
from ingufu.billing.records.jobs import BREATH_S, LOOK_S, RecordKeeper
from ingufu.infra.storage.journal import journal


async def test_keeper_rates_until_nothing_is_due(world: World) -> None:
    await world.tariff(per_kwh("250"))
    sessions = [await world.session(start_wh=1000 + index * 100_000) for index in range(3)]
    keeper = RecordKeeper(world.records, world.clock)
    assert await keeper.step() == BREATH_S
    while await keeper.step() == BREATH_S:
        pass
    assert [len(await world.issued(one)) for one in sessions] == [1, 1, 1]
    assert await keeper.step() == LOOK_S


async def test_keeper_waits_for_what_may_still_come(world: World) -> None:
    late = World(world.database, world.clock, world.ids, "unused", grace_s=10.0)
    await world.tariff(per_kwh("250"))
    transaction_id = await world.session()
    keeper = RecordKeeper(late.records, world.clock)
    await keeper.step()
    await keeper.step()
    assert await world.issued(transaction_id) == []
    world.clock.advance(11)
    await keeper.step()
    assert len(await world.issued(transaction_id)) == 1


async def test_keeper_that_is_told_looks_at_once(world: World) -> None:
    await world.tariff(per_kwh("250"))
    keeper = RecordKeeper(world.records, world.clock)
    running = asyncio.create_task(keeper.run())
    try:
        transaction_id = await world.session()
        keeper.something_happened()
        async with asyncio.timeout(20):
            while not await world.issued(transaction_id):
                await asyncio.sleep(0.02)
    finally:
        running.cancel()
    assert len(await world.issued(transaction_id)) == 1


async def test_session_is_rated_only_when_its_readings_are_in_their_table(world: World) -> None:
    """On SQLite the stations' process may still hold readings back, above all when it was killed."""
    await world.tariff(per_kwh("250"))
    transaction_id = await world.session()
    async with world.database.work() as work:
        work.execute_once(journal.insert().values(id=5, entry=b"held back"))
    await world.rater.collect()
    assert await world.rater.rate_due() == 0
    assert await world.issued(transaction_id) == []
    async with world.database.work() as work:
        work.execute_once(journal.delete())
        work.execute_once(journal.insert().values(id=6, entry=b"of something later"))
    assert await world.rater.rate_due() == 1
    assert len(await world.issued(transaction_id)) == 1
