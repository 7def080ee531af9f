"""What a driver has subscribed to prices their sessions: by the plan that they had when it began."""

from datetime import UTC, datetime, timedelta

from billing.records.world import World, element, per_kwh, reading, terms
from ingufu.authorization.model import DriverDetails, GroupDetails, TokenDetails
from ingufu.billing.records.model import ChargeRecord
from ingufu.tariffs.model import Dimension, ReservationPart, Restrictions
from ingufu.tariffs.situations import Target, Where

NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


async def priced(world: World) -> None:
    """Give the station, and the plan Gold, a price of their own."""
    station = Where(target=Target.STATION, target_id=world.station_id)
    await world.tariff(per_kwh("300", vat=None), name="Station", where=station)
    await world.tariff(per_kwh("100", vat=None), name="Members", where=Where(target=Target.PLAN, target_id="Gold"))


async def subscribe(world: World, plan: str | None) -> None:
    async with world.database.work() as work:
        await world.services.authorization.update_driver(work, world.driver_id, DriverDetails(name="Aline", plan=plan))
    world.clock.advance(1)


async def billed(world: World, session: str) -> ChargeRecord:
    await world.rate()
    (record,) = await world.issued(session)
    return record


async def test_plan_prices_a_session_before_the_station_and_after_the_group(world: World) -> None:
    await priced(world)
    record = await billed(world, await world.session(wh=10_000))
    assert (record.tariffs[0].name, record.gross) == ("Station", 3000)
    await subscribe(world, " Gold ")
    record = await billed(world, await world.session(wh=10_000))
    assert (record.tariffs[0].name, record.gross) == ("Members", 1000)
    assert (await world.records.choice_of(str(record.transaction_id))).applied is not None
    people = world.services.authorization
    card = await people.find_token("CARD")
    assert card is not None
    async with world.database.work() as work:
        group = await people.create_group(work, GroupDetails(value="TAXIS"), organisation_id=world.organisation_id)
    async with world.database.work() as work:
        details = TokenDetails(value="CARD", driver_id=world.driver_id, group_id=group.id)
        await people.update_token(work, card.id, details)
    await world.tariff(per_kwh("50", vat=None), name="Taxis", where=Where(target=Target.GROUP, target_id=group.id))
    record = await billed(world, await world.session(wh=10_000))
    assert (record.tariffs[0].name, record.gross) == ("Taxis", 500)


async def test_name_of_a_plan_is_compared_as_it_is_written(world: World) -> None:
    await priced(world)
    await subscribe(world, "gold")
    assert (await billed(world, await world.session(wh=10_000))).gross == 3000


async def test_session_that_began_before_the_plan_is_not_priced_by_it(world: World) -> None:
    await priced(world)
    station = world.station()
    session = (await station.start(register_wh=0, token="CARD")).transaction
    world.clock.advance(60)
    await subscribe(world, "Gold")
    running = await world.records.running(session.id)
    assert [one.name for one in running.tariffs] == ["Station"]
    await station.end(reference=session.reference, register_wh=10_000, at=world.clock.now())
    assert (await billed(world, session.id)).gross == 3000


async def test_session_keeps_the_plan_that_ends_while_it_runs(world: World) -> None:
    await priced(world)
    await subscribe(world, "Gold")
    station = world.station()
    session = (await station.start(register_wh=0, token="CARD")).transaction
    world.clock.advance(60)
    await subscribe(world, "Silver")
    await subscribe(world, None)
    running = await world.records.running(session.id)
    assert [one.name for one in running.tariffs] == ["Members"]
    await station.end(reference=session.reference, register_wh=10_000, at=world.clock.now())
    assert (await billed(world, session.id)).gross == 1000
    assert (await billed(world, await world.session(wh=10_000))).gross == 3000


async def test_card_that_comes_late_is_priced_by_the_plan_of_that_time(world: World) -> None:
    await priced(world)
    await subscribe(world, "Gold")
    world.clock.set(NINE + 60 * MINUTE)
    station = world.station("2.0.1")
    first = (reading(NINE, 0, context="Transaction.Begin"),)
    await station.start(reference="tx", seq=0, at=NINE, readings=first)
    end = NINE + 60 * MINUTE
    last = (reading(end, 10_000, context="Transaction.End"),)
    session = (await station.end(reference="tx", seq=2, at=end, readings=last)).transaction.id
    assert (await billed(world, session)).gross == 3000
    await subscribe(world, None)
    await station.update(reference="tx", seq=1, at=NINE + MINUTE, token="CARD")
    await world.rate()
    record = (await world.issued(session))[-1]
    assert (record.snapshot.driver_id, record.gross) == (world.driver_id, 1000)


async def test_place_kept_in_vain_is_billed_by_the_plan_of_its_beginning(world: World) -> None:
    held = Restrictions(reservation=ReservationPart.RESERVATION_EXPIRES)
    for price, where in (("900", None), ("400", Where(target=Target.PLAN, target_id="Gold"))):
        vain = element(Dimension.FLAT, price, vat=None, restrictions=held)
        await world.tariff(terms("RWF", vain), name=f"In vain {price}", where=where)
    await subscribe(world, "Gold")
    await world.reserved(minutes=15)
    await subscribe(world, None)
    await world.services.reservations.expire()
    await world.rate()
    (row,) = await world.ratings()
    assert (await world.records.get(row["record_id"])).gross == 400
