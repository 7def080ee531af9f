"""A place that was kept for somebody who did not come is billed where the tariff says so."""

from decimal import Decimal

from billing.records.world import World, element, per_kwh, terms
from ingufu.authorization.model import GroupDetails, TokenDetails
from ingufu.tariffs.model import Dimension, ReservationPart, Restrictions
from ingufu.tariffs.situations import Target, Where

HELD = Restrictions(reservation=ReservationPart.RESERVATION_EXPIRES)


async def test_place_kept_in_vain_is_billed_where_the_tariff_says_so(world: World) -> None:
    await world.tariff(
        terms("RWF", element(Dimension.FLAT, "1000", restrictions=HELD), element(Dimension.ENERGY, "250"))
    )
    kept = await world.reserved(minutes=15)
    await world.services.reservations.expire()
    await world.rate()
    (row,) = await world.ratings()
    record = await world.records.get(row["record_id"])
    assert (record.transaction_id, record.reservation_id) == (None, kept)
    assert (record.net, record.gross) == (Decimal(1000), Decimal(1180))
    assert await world.owed(world.driver_id) == Decimal(1180)
    await world.rate()
    assert await world.count() == 1


async def test_place_kept_in_vain_costs_nothing_without_a_price_for_it(world: World) -> None:
    await world.tariff(per_kwh("250"))
    await world.reserved(minutes=15)
    await world.services.reservations.expire()
    await world.rate()
    assert await world.count() == 0
    (row,) = await world.ratings()
    assert (row["state"], row["reason"]) == ("not-billed", "no-reservation-price")


async def test_place_kept_in_vain_has_the_price_of_the_cards_group(world: World) -> None:
    authorization = world.services.authorization
    card = await authorization.find_token("CARD")
    assert card is not None
    async with world.database.work() as work:
        group = await authorization.create_group(
            work, GroupDetails(value="FLEET", name="Fleet"), organisation_id=world.organisation_id
        )
    async with world.database.work() as work:
        details = TokenDetails(value="CARD", driver_id=world.driver_id, group_id=group.id)
        await authorization.update_token(work, card.id, details)
    await world.tariff(terms("RWF", element(Dimension.FLAT, "1000", restrictions=HELD)))
    where = Where(target=Target.GROUP, target_id=group.id)
    await world.tariff(terms("RWF", element(Dimension.FLAT, "300", restrictions=HELD)), name="Fleet", where=where)
    await world.reserved(minutes=15)
    await world.services.reservations.expire()
    await world.rate()
    (row,) = await world.ratings()
    record = await world.records.get(row["record_id"])
    assert record.net == Decimal(300)
    assert record.snapshot.group_id == group.id  # by it the company that pays is found
