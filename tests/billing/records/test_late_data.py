"""What comes after the bill: who pays, and when it was, may be known late. What changed elsewhere since is no matter."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest

from billing.records.world import World, element, per_kwh, reading
from charging.stations import Station
from ingufu.authorization.model import DriverDetails, TokenDetails
from ingufu.billing.evidence.model import Choice, Decision
from ingufu.billing.records.model import ChargeRecord, RecordKind
from ingufu.tariffs.model import Dimension, Element, PriceComponent, PriceFeed, Terms
from ingufu.tariffs.service.feeds import NewFeed
from ingufu.tariffs.situations import Target, Where

MINUTE = timedelta(minutes=1)
NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)
FLAT = element(Dimension.FLAT, "7", vat=None)
PRICES = b"from,price\n2026-03-02T08:00Z,100\n2026-03-02T09:30Z,200\n2026-03-02T10:30Z,400\n"


async def for_driver(world: World, price: str) -> str:
    where = Where(target=Target.DRIVER, target_id=world.driver_id)
    return await world.tariff(per_kwh(price, vat=None), name="Members", where=where)


async def charged(
    world: World, station: Station, *, has_start: bool = True, wh: int = 10_000, token: str | None = None
) -> str:
    """Have a session be charged and billed, from nine o'clock to ten, and return the transaction's id."""
    world.clock.set(NINE + 60 * MINUTE)
    values = {"reference": "tx", "at": NINE, "readings": (reading(NINE, 0, context="Transaction.Begin"),)}
    if has_start:
        await station.start(seq=0, **values)
    end = NINE + 60 * MINUTE
    told = (reading(end - 30 * MINUTE, wh // 2), reading(end - 15 * MINUTE, wh * 3 // 4))
    await station.update(reference="tx", seq=2, at=end - 30 * MINUTE, evse=1, token=token, readings=told)
    last = (reading(end, wh, context="Transaction.End"),)
    ended = await station.end(reference="tx", seq=3, at=end, evse=1, readings=last)
    world.clock.advance(60)
    await world.rate()
    return ended.transaction.id


async def standing(world: World, transaction_id: str) -> ChargeRecord:
    """Return the record that stands; all that were issued come to what it does."""
    records = await world.issued(transaction_id)
    credited = {one.corrects_id for one in records if one.kind is RecordKind.CREDIT}
    (found,) = [one for one in records if one.kind is RecordKind.CHARGE and one.id not in credited]
    assert sum(one.gross for one in records) == found.gross
    return found


async def test_token_that_comes_late_makes_the_driver_owe_it(world: World) -> None:
    await world.tariff(per_kwh("300", vat=None))
    station = world.station("2.0.1")
    session = await charged(world, station)
    assert await world.owed(f"transaction:{session}") == 3000
    await station.update(reference="tx", seq=1, at=NINE + MINUTE, token="CARD")
    await world.rate()
    guest, credit, record = await world.issued(session)
    assert (guest.snapshot.driver_id, credit.corrects_id, record.corrects_id) == (None, guest.id, guest.id)
    assert (record.snapshot.driver_name, record.gross) == ("Aline", 3000)
    assert (await world.owed(f"transaction:{session}"), await world.owed(world.driver_id)) == (0, 3000)
    await world.rater.rate(session)
    assert len(await world.issued(session)) == 3


async def test_token_that_comes_late_is_priced_by_the_tariff_of_its_driver(world: World) -> None:
    await world.tariff(per_kwh("300", vat=None))
    await for_driver(world, "100")
    station = world.station("2.0.1")
    session = await charged(world, station)
    await station.update(reference="tx", seq=1, at=NINE + MINUTE, token="CARD")
    await world.rate()
    assert (await standing(world, session)).gross == 1000
    assert (await world.owed(f"transaction:{session}"), await world.owed(world.driver_id)) == (0, 1000)


async def test_start_that_comes_late_with_the_token_is_priced_by_the_tariff_of_its_driver(world: World) -> None:
    await world.tariff(per_kwh("300", vat=None))
    await for_driver(world, "100")
    station = world.station("2.0.1")
    session = await charged(world, station, has_start=False)
    assert await world.owed(f"transaction:{session}") == 1500
    first = (reading(NINE, 0, context="Transaction.Begin"),)
    await station.start(reference="tx", seq=0, at=NINE, token="CARD", readings=first)
    await world.rate()
    record = await standing(world, session)
    assert (record.started_at, record.energy_wh, record.gross) == (NINE, 10_000, 1000)
    assert await world.owed(world.driver_id) == 1000


async def test_tariff_chosen_by_a_person_stays_when_the_token_comes(world: World) -> None:
    await world.tariff(per_kwh("300", vat=None))
    await for_driver(world, "100")
    cheap = await world.tariff(per_kwh("10", vat=None), name="Goodwill", where=Where(target=Target.PLAN, target_id="x"))
    station = world.station("2.0.1")
    session = await charged(world, station)
    (guest,) = await world.issued(session)
    applied = await world.records.tariff_at(cheap, guest.started_at, until=guest.ended_at)
    async with world.database.work() as work:
        await world.records.correct(work, guest.id, reason="The station was slow.", tariff=applied)
    await station.update(reference="tx", seq=1, at=NINE + MINUTE, token="CARD")
    await world.rate()
    record = await standing(world, session)
    assert (record.snapshot.driver_id, record.gross) == (world.driver_id, 100)


async def test_what_became_of_driver_card_and_tariff_since_changes_no_bill(world: World) -> None:
    """A later reading corrects the energy: by the price, and to the name, of when the session was."""
    day = await world.tariff(per_kwh("300", vat=None))
    station, people = world.station("2.0.1"), world.services.authorization
    session = await charged(world, station, token="CARD")
    card = await people.find_token("CARD")
    assert card is not None
    await for_driver(world, "100")
    async with world.database.work() as work:
        await world.services.tariffs.change(work, day, per_kwh("900", vat=None), by="test")
        await people.update_driver(work, world.driver_id, DriverDetails(name="Someone else"))
        other = await people.create_driver(work, DriverDetails(name="Eric"), organisation_id=world.organisation_id)
    async with world.database.work() as work:
        await people.update_token(work, card.id, TokenDetails(value="CARD", driver_id=other.id))
    await station.update(reference="tx", seq=1, at=NINE + MINUTE, token="CARD")  # an earlier message of the same card
    await world.rate()
    assert len(await world.issued(session)) == 1
    await station.read(reading(NINE + 60 * MINUTE, 12_000, context="Transaction.End"), reference="tx")
    await station.update(reference="tx", seq=4, at=NINE + 90 * MINUTE, readings=(reading(NINE + 90 * MINUTE, 12_000),))
    await world.rate()
    record = await standing(world, session)
    assert (record.snapshot.driver_id, record.snapshot.driver_name) == (world.driver_id, "Aline")
    assert (record.energy_wh, record.gross) == (12_000, 3600)
    assert await world.owed(other.id) == 0


async def by_feed(world: World, raw: bytes = PRICES) -> str:
    """Make a tariff that says what a feed says, and return the feed's id."""
    new = NewFeed(organisation_id=world.organisation_id, name="Spot", currency="RWF")
    async with world.database.work() as work:
        feed = await world.services.price_feeds.create(work, new)
    async with world.database.work() as work:
        await world.services.price_feeds.upload(work, feed.id, raw)
    component = PriceComponent(dimension=Dimension.ENERGY, price=Decimal(0), feed=PriceFeed(feed_id=feed.id))
    await world.tariff(Terms(currency="RWF", elements=(Element(components=(component,)),)))
    return feed.id


async def test_start_that_comes_late_is_priced_by_the_feed_of_that_time(world: World) -> None:
    await by_feed(world)
    station = world.station("2.0.1")
    session = await charged(world, station, has_start=False, token="CARD")
    assert (await standing(world, session)).gross == 5 * 200
    first = (reading(NINE, 0, context="Transaction.Begin"),)
    await station.start(reference="tx", seq=0, at=NINE, readings=first)
    await world.rate()
    assert (await standing(world, session)).gross == 5 * 100 + 5 * 200


@pytest.mark.parametrize("is_by_hand", [False, True])
async def test_end_that_comes_after_an_estimate_is_priced_by_the_feed_of_that_time(
    world: World, *, is_by_hand: bool
) -> None:
    """What was billed keeps its prices; what the feed had not for that time then, it has not now."""
    feed_id = await by_feed(world, PRICES[: PRICES.index(b"2026-03-02T09:30Z")])
    station = world.station("2.0.1")
    world.clock.set(NINE + 121 * MINUTE)
    until = NINE + 60 * MINUTE
    began = (reading(NINE, 0, context="Transaction.Begin"),)
    started = await station.start(reference="tx", seq=0, at=NINE, token="CARD", readings=began)
    session = started.transaction.id
    quarters = [NINE + 15 * quarter * MINUTE for quarter in range(1, 5)]
    told = tuple(reading(at, 2500 * (1 + number)) for number, at in enumerate(quarters))
    await station.update(reference="tx", seq=1, at=until, readings=told)
    await station.start(reference="next", seq=0, at=world.clock.now())  # whoever comes next: the first has lost its end
    await world.rate()
    async with world.database.work() as work:
        seen = (await world.services.evidence.judge(session)).number
        await world.services.evidence.decide(work, session, Decision(choice=Choice.BILL_PROPOSED, number=seen), by="me")
    await world.rate()
    first = await standing(world, session)
    assert first.gross == 10 * 100
    if is_by_hand:
        other = await world.tariff(
            msgspec.structs.replace(first.tariffs[0].terms, elements=(*first.tariffs[0].terms.elements, FLAT)),
            name="By hand",
            where=Where(target=Target.PLAN, target_id="x"),
        )
        applied = await world.records.tariff_at(other, first.started_at, until=first.ended_at)
        async with world.database.work() as work:
            await world.records.correct(work, first.id, reason="As agreed.", tariff=applied)
    async with world.database.work() as work:
        await world.services.price_feeds.upload(work, feed_id, PRICES)
    end = NINE + 120 * MINUTE
    told = (reading(NINE + 90 * MINUTE, 15_000), reading(end, 20_000, context="Transaction.End"))
    await station.end(reference="tx", seq=2, at=end, readings=told)
    await world.rate()
    record = await standing(world, session)
    assert record.ended_at == end
    assert record.gross == 15 * 100 + 5 * 400 + (7 if is_by_hand else 0)
