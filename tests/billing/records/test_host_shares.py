"""The host of a site has a share of each charge record, booked with it, and a correction corrects it."""

from decimal import Decimal

from billing.records.world import World, per_kwh, reading
from ingufu.ledger.model import AccountKind, ShareBase


async def agree(world: World, **terms: object) -> None:
    async with world.database.work() as work:
        await world.services.hosts.agree(
            work,
            world.organisation_id,
            world.site_id,
            host_name="Heights Ltd",
            currency="RWF",
            valid_from=world.clock.now(),
            **terms,
        )


async def due(world: World) -> Decimal:
    return await world.services.hosts.due(world.organisation_id, world.site_id, "RWF")


async def test_record_is_shared_with_the_host_of_its_site(world: World) -> None:
    await world.tariff(per_kwh("250"))
    await agree(world, percent=Decimal(10), per_kwh=Decimal(2), per_session=Decimal(5))
    await world.session(wh=12_345)  # 3086 francs net, 3641 gross
    await world.rate()
    await world.rate()
    assert await due(world) == 338  # 308.6 + 24.69 + 5
    cost = await world.services.ledger.balance(
        world.organisation_id, AccountKind.HOST_SHARE, world.site_id, currency="RWF"
    )
    assert cost == 338
    assert await world.services.ledger.verify() == []


async def test_late_energy_takes_the_share_back_and_books_the_right_one(world: World) -> None:
    await world.tariff(per_kwh("250"))
    await agree(world, percent=Decimal(50), base=ShareBase.GROSS)
    station = world.station("2.0.1")
    begin = reading(world.clock.now(), 1000, context="Transaction.Begin")
    await station.start(reference="tx", seq=0, token="CARD", readings=(begin,))
    world.clock.advance(600)
    now = world.clock.now()
    await station.end(reference="tx", seq=1, at=now, readings=(reading(now, 11_000),), is_offline=False)
    await world.rate()
    assert await due(world) == 1475  # half of 2500 and 450
    await station.read(reading(now, 13_000, context="Transaction.End"), reference="tx")
    await world.rate()
    assert await due(world) == 1770
    assert await world.services.ledger.verify() == []


async def test_late_energy_of_a_session_before_the_site_changed_hands_is_the_former_hosts(world: World) -> None:
    await world.tariff(per_kwh("250"))
    await agree(world, percent=Decimal(50), base=ShareBase.GROSS, host_id="old")
    station = world.station("2.0.1")
    begin = reading(world.clock.now(), 1000, context="Transaction.Begin")
    await station.start(reference="tx", seq=0, token="CARD", readings=(begin,))
    world.clock.advance(600)
    now = world.clock.now()
    await station.end(reference="tx", seq=1, at=now, readings=(reading(now, 11_000),), is_offline=False)
    await world.rate()
    hosts, books = world.services.hosts, world.organisation_id
    async with world.database.work() as work:
        await hosts.change_hands(work, books, world.site_id, host_id="new")
    await agree(world, percent=Decimal(10), host_id="new")
    await station.read(reading(now, 13_000, context="Transaction.End"), reference="tx")
    await world.rate()
    assert [await hosts.due(books, world.site_id, "RWF", host) for host in ("old", "new")] == [1770, 0]
    await world.session(wh=10_000)
    await world.rate()
    assert [await hosts.due(books, world.site_id, "RWF", host) for host in ("old", "new")] == [1770, 250]
    assert await world.services.ledger.verify() == []
