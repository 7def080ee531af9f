"""Ended sessions become charge records: once each, corrected by credits, never edited."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from billing.records.world import World, element, per_kwh, reading, terms
from ingufu.billing.records.model import RatingReason, RatingState, RecordKind
from ingufu.billing.records.tables import cursors
from ingufu.core.clock import FrozenClock
from ingufu.core.errors import Conflict
from ingufu.core.ids import IdMaker
from ingufu.infra.storage.database import Database
from ingufu.infra.storage.opening import open_database
from ingufu.infra.storage.targets import StorageUrl
from ingufu.tariffs.model import Dimension

MINUTE = timedelta(minutes=1)


async def test_ended_session_becomes_a_record_booked_to_the_unit(world: World) -> None:
    await world.tariff(per_kwh("250"))
    transaction_id = await world.session(wh=12_345)
    await world.rate()
    (record,) = await world.issued(transaction_id)
    # 12.345 kWh at 250 RWF are 3086.25, thus 3086 francs net, and 18 % of these are 555.48
    assert (record.currency, record.net, record.tax, record.gross) == (
        "RWF",
        Decimal(3086),
        Decimal(555),
        Decimal(3641),
    )
    assert record.energy_wh == 12_345
    assert (record.snapshot.site_name, record.snapshot.driver_name) == ("Kigali Heights", "Aline")
    assert record.snapshot.token_value == "CARD"
    assert record.tariffs[0].terms.currency == "RWF"
    assert await world.owed(world.driver_id) == Decimal(3641)
    assert (await world.rating(transaction_id)).state is RatingState.ISSUED


@pytest.mark.parametrize(
    ("currency", "price", "net", "gross"),
    [
        ("RWF", "250", "3086", "3641"),
        ("KES", "50.50", "623.42", "735.64"),
        ("EUR", "0.39", "4.81", "5.68"),
        ("KWD", "0.0125", "0.154", "0.182"),
    ],
)
async def test_every_currency_is_billed_in_its_own_smallest_units(
    world: World, currency: str, price: str, net: str, gross: str
) -> None:
    await world.tariff(per_kwh(price, currency))
    transaction_id = await world.session(wh=12_345)
    await world.rate()
    (record,) = await world.issued(transaction_id)
    assert (record.net, record.gross) == (Decimal(net), Decimal(gross))
    assert await world.owed(world.driver_id, currency) == Decimal(gross)


async def test_second_rating_changes_nothing(world: World) -> None:
    await world.tariff(per_kwh("250"))
    transaction_id = await world.session()
    await world.rate()
    for _ in range(3):
        await world.rater.rate(transaction_id)
        await world.rate()
    assert len(await world.issued(transaction_id)) == 1
    assert await world.owed(world.driver_id) == Decimal(3641)


async def test_cursor_that_is_put_back_bills_nothing_twice(world: World, database: Database) -> None:
    """A crash after the records and before the cursor moved: all events are followed again."""
    await world.tariff(per_kwh("250"))
    first, second = await world.session(), await world.session(start_wh=90_000)
    await world.rate()
    async with database.work() as work:
        work.execute_once(cursors.update().values(position=0))
    again = World(database, world.clock, world.ids, "unused")
    await again.rate()
    assert [len(await world.issued(one)) for one in (first, second)] == [1, 1]
    assert await world.count() == 2


async def test_two_raters_at_once_issue_one_record(
    world: World, storage_url: StorageUrl, clock: FrozenClock, tmp_path: Path
) -> None:
    await world.tariff(per_kwh("250"))
    sessions = [await world.session(start_wh=1000 + index * 100_000) for index in range(5)]
    await world.rater.collect()
    await world.database.settle()
    other_database = await open_database(storage_url)
    try:
        other = World(other_database, clock, IdMaker(clock), str(tmp_path))
        both = [one.rater.rate(subject) for subject in sessions for one in (world, other)]
        await asyncio.gather(*both)
        await asyncio.gather(world.rate(), other.rate())
    finally:
        await other_database.close()
    assert [len(await world.issued(one)) for one in sessions] == [1] * 5
    assert await world.owed(world.driver_id) == Decimal(5 * 3641)


async def test_late_data_makes_a_credit_and_a_new_record(world: World) -> None:
    await world.tariff(per_kwh("250"))
    station = world.station("2.0.1")
    began_at = world.clock.now()
    await station.start(
        reference="tx", seq=0, token="CARD", readings=(reading(began_at, 1000, context="Transaction.Begin"),)
    )
    world.clock.advance(600)
    ended = await station.end(
        reference="tx", seq=1, at=world.clock.now(), readings=(reading(world.clock.now(), 11_000),), is_offline=False
    )
    transaction_id = ended.transaction.id
    await world.rate()
    (first,) = await world.issued(transaction_id)
    await station.read(reading(world.clock.now(), 13_000, context="Transaction.End"), reference="tx")
    await world.rate()
    first_again, credit, second = await world.issued(transaction_id)
    assert first_again == first
    assert (credit.kind, credit.corrects_id, credit.gross) == (RecordKind.CREDIT, first.id, -first.gross)
    assert (second.kind, second.corrects_id, second.energy_wh) == (RecordKind.CHARGE, first.id, Decimal(12_000))
    assert await world.owed(world.driver_id) == second.gross


async def test_late_data_that_changes_nothing_billed_changes_no_record(world: World) -> None:
    await world.tariff(per_kwh("250"))
    transaction_id = await world.session()
    await world.rate()
    transaction = await world.services.charging.get(transaction_id)
    half_way = transaction.started_at + timedelta(minutes=30)
    await world.station().read(reading(half_way, 7000), reference=transaction.reference)
    await world.rate()
    assert len(await world.issued(transaction_id)) == 1


async def test_session_without_tariff_is_unpriced_until_it_has_one(world: World) -> None:
    transaction_id = await world.session()
    await world.rate()
    rating = await world.rating(transaction_id)
    assert (rating.state, rating.reason) == (RatingState.UNPRICED, RatingReason.NO_TARIFF)
    assert await world.issued(transaction_id) == []
    assert "SessionUnpriced" in await world.station().told()
    tariff_id = await world.tariff(per_kwh("250"))
    transaction = await world.services.charging.get(transaction_id)
    applied = await world.records.tariff_at(tariff_id, transaction.started_at)
    async with world.database.work() as work:
        await world.records.bill(work, transaction_id, applied)
    await world.rate()
    (record,) = await world.issued(transaction_id)
    assert record.gross == Decimal(3641)


async def test_session_too_short_to_have_charged_is_not_billed(world: World) -> None:
    await world.tariff(terms("RWF", element(Dimension.FLAT, "500")))
    transaction_id = await world.session(wh=0, minutes=0.5)
    longer = await world.session(wh=0, minutes=5)
    await world.rate()
    rating = await world.rating(transaction_id)
    assert (rating.state, rating.reason) == (RatingState.NOT_BILLED, RatingReason.TOO_SHORT)
    assert await world.issued(transaction_id) == []
    assert len(await world.issued(longer)) == 1


async def test_tariff_of_the_beginning_prices_the_whole_session(world: World) -> None:
    tariff_id = await world.tariff(per_kwh("250"))
    station = world.station()
    began_at = world.clock.now()
    started = await station.start(register_wh=0, token="CARD")
    world.clock.advance(600)
    async with world.database.work() as work:
        await world.services.tariffs.change(work, tariff_id, per_kwh("900"), by="test")
    world.clock.advance(600)
    await station.end(reference=started.transaction.reference, register_wh=10_000, at=began_at + 20 * MINUTE)
    await world.rate()
    (record,) = await world.issued(started.transaction.id)
    assert record.net == Decimal(2500)


async def test_correction_by_hand_credits_and_issues_by_another_tariff(world: World) -> None:
    await world.tariff(per_kwh("250"))
    transaction_id = await world.session(wh=10_000)
    await world.rate()
    (first,) = await world.issued(transaction_id)
    cheaper = await world.tariff(per_kwh("100"), name="Staff")
    applied = await world.records.tariff_at(cheaper, first.started_at)
    async with world.database.work() as work:
        await world.records.correct(work, first.id, reason="A colleague.", tariff=applied)
    _, credit, second = await world.issued(transaction_id)
    assert (credit.gross, second.net) == (-first.gross, Decimal(1000))
    assert second.reason == "A colleague."
    with pytest.raises(Conflict):
        async with world.database.work() as work:
            await world.records.credit(work, first.id, reason="Twice.")
    await world.rate()
    assert len(await world.issued(transaction_id)) == 3
    assert await world.owed(world.driver_id) == second.gross


async def test_record_taken_back_stays_so_until_it_is_rated_again(world: World) -> None:
    await world.tariff(per_kwh("250"))
    transaction_id = await world.session()
    await world.rate()
    (record,) = await world.issued(transaction_id)
    async with world.database.work() as work:
        await world.records.credit(work, record.id, reason="Goodwill.")
    await world.rater.rate(transaction_id)
    assert [one.kind for one in await world.issued(transaction_id)] == [RecordKind.CHARGE, RecordKind.CREDIT]
    assert await world.owed(world.driver_id) == Decimal(0)
    async with world.database.work() as work:
        await world.records.rate_again(work, transaction_id)
    await world.rate()
    assert len(await world.issued(transaction_id)) == 3
    assert await world.owed(world.driver_id) == record.gross


async def test_two_corrections_at_once_make_one(world: World) -> None:
    await world.tariff(per_kwh("250"))
    transaction_id = await world.session()
    await world.rate()
    (record,) = await world.issued(transaction_id)
    works = [world.database.work() for _ in range(2)]
    for work in works:
        await world.records.credit(work, record.id, reason="Goodwill.")
    results = await asyncio.gather(*(work.commit() for work in works), return_exceptions=True)
    assert sum(isinstance(one, Conflict) for one in results) == 1
    assert await world.owed(world.driver_id) == Decimal(0)


async def test_session_that_nothing_was_heard_of_is_found_by_the_sweep(world: World) -> None:
    await world.tariff(per_kwh("250"))
    transaction_id = await world.session()
    async with world.database.work() as work:
        work.execute_once(cursors.insert().values(name="rating", position=10_000))
    assert await world.rater.sweep() == 1
    assert await world.rater.sweep() == 0
    await world.rater.rate_due()
    assert len(await world.issued(transaction_id)) == 1


async def test_running_price_is_that_of_the_record_in_the_end(world: World) -> None:
    await world.tariff(terms("RWF", element(Dimension.ENERGY, "250"), element(Dimension.FLAT, "100")))
    station = world.station()
    began_at = world.clock.now()
    started = await station.start(register_wh=0, token="CARD")
    transaction_id = started.transaction.id
    world.clock.advance(600)
    await station.read(reading(world.clock.now(), 4000), reference=started.transaction.reference)
    running = await world.records.running(transaction_id)
    assert running.price is not None
    assert (running.is_running, running.price.billed.net) == (True, Decimal(1100))
    world.clock.advance(600)
    await station.end(reference=started.transaction.reference, register_wh=8000, at=began_at + 20 * MINUTE)
    before = await world.records.running(transaction_id)
    await world.rate()
    after = await world.records.running(transaction_id)
    assert before.price is not None
    assert after.price is not None
    assert before.price.billed == after.price.billed
    assert after.price.billed.net == Decimal(2100)
    assert after.record_id is not None


async def test_what_if_stores_nothing(world: World) -> None:
    await world.tariff(per_kwh("250"))
    transaction_id = await world.session(wh=10_000)
    await world.rate()
    other = await world.tariff(per_kwh("1"), name="Other")
    before = await world.count()
    transaction = await world.services.charging.get(transaction_id)
    applied = await world.records.tariff_at(other, transaction.started_at)
    found = await world.records.what_if(transaction_id, (applied,))
    assert found.price is not None
    assert found.price.billed.net == Decimal(10)
    assert await world.count() == before
