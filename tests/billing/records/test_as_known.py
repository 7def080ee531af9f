"""What a session cost by what was known at an instant: while it ran, when it ended, once it was billed and corrected."""

from datetime import timedelta
from decimal import Decimal

from billing.records.world import World, element, per_kwh, reading, terms
from ingufu.tariffs.model import Dimension


async def gross(world: World, session: str, at: object, *tariffs: object) -> Decimal | None:
    found = await world.records.as_known(session, at, tariffs)  # type: ignore[arg-type]
    return None if found is None or found.price is None else found.price.billed.gross


async def test_price_grows_with_what_comes_in_and_is_the_bill_in_the_end(world: World) -> None:
    await world.tariff(
        terms("RWF", element(Dimension.ENERGY, "300", vat=None), element(Dimension.FLAT, "100", vat=None))
    )
    station, began_at = world.station(), world.clock.now()
    started = await station.start(register_wh=1000, token="CARD")
    session = started.transaction.id
    for minute in (10, 20, 30):
        world.clock.advance(600)
        await station.read(
            reading(began_at + timedelta(minutes=minute), 1000 + 100 * minute), reference=started.transaction.reference
        )
    world.clock.advance(600)
    await station.end(reference=started.transaction.reference, register_wh=5000)
    world.clock.advance(60)
    await world.rate()
    seen = [
        await gross(world, session, began_at + timedelta(minutes=minute, seconds=30))
        for minute in (-1, 0, 10, 20, 30, 40)
    ]
    assert seen == [None, *map(Decimal, (100, 400, 700, 1000, 1300))]
    billed = await world.records.as_known(session, world.clock.now())
    assert billed is not None
    assert billed.record_id == (await world.issued(session))[0].id


async def test_another_tariff_is_tried_at_any_instant_and_nothing_is_stored(world: World) -> None:
    await world.tariff(per_kwh("300", vat=None))
    session = await world.session(wh=10_000)
    ended_at = world.clock.now()
    world.clock.advance(60)
    await world.rate()
    staff = await world.tariff(per_kwh("100", vat=None), name="Staff")
    other = await world.records.tariff_at(staff, ended_at)
    assert await gross(world, session, world.clock.now(), other) == 1000
    assert await gross(world, session, world.clock.now()) == 3000
    assert [record.gross for record in await world.issued(session)] == [3000]


async def test_corrected_bill_is_seen_as_it_was_before_and_after(world: World) -> None:
    await world.tariff(per_kwh("300", vat=None))
    session = await world.session(wh=10_000)
    world.clock.advance(60)
    await world.rate()
    first_at = world.clock.now()
    staff = await world.tariff(per_kwh("100", vat=None), name="Staff")
    world.clock.advance(3600)
    record = (await world.issued(session))[0]
    async with world.database.work() as work:
        await world.records.correct(
            work, record.id, reason="Staff", tariff=await world.records.tariff_at(staff, first_at)
        )
    assert await gross(world, session, first_at) == 3000
    assert await gross(world, session, world.clock.now()) == 1000
    choice = await world.records.choice_of(session)
    assert choice.applied is not None
    assert [step.code.value for step in choice.steps].count("wins") == 1
