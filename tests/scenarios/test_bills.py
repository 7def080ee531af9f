"""From the plug to the charge record, over a real socket: exact to the smallest unit, and told to the driver meanwhile."""

from collections.abc import AsyncIterator
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal
from typing import Any

import msgspec
import pytest

from ingufu.billing.records.jobs import CostKeeper, RecordKeeper
from ingufu.billing.records.model import ChargeRecord, RecordRules
from ingufu.billing.records.service import ChargeRecords
from ingufu.charging.control.model import TransactionLimit
from ingufu.core.ids import IdMaker
from ingufu.infra.storage.database import Database
from ingufu.simulator.script import Answer, Script, simulated
from ingufu.simulator.spec import StationSpec, spec
from ingufu.simulator.timeline import VirtualTimeline
from ingufu.tariffs.model import Dimension, Element, PriceComponent, Tax, Terms
from ingufu.tariffs.service import NewTariff
from ingufu.tariffs.situations import Target, Where
from running import PASSWORD, Running, running_gateway
from scenarios.records import add_token, only, transactions
from scenarios.virtual import START, FollowingClock

pytestmark = pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)

EACH = pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
COSTS = "org.openchargealliance.costmsg"


@pytest.fixture
def timeline() -> VirtualTimeline:
    return VirtualTimeline(START)


@pytest.fixture
def clock(timeline: VirtualTimeline) -> FollowingClock:
    return FollowingClock(timeline)


@pytest.fixture
async def house(database: Database, clock: FollowingClock, ids: IdMaker) -> AsyncIterator[Running]:
    async with running_gateway(database, clock, ids) as running:
        async with database.work() as work:
            await running.services.accounts.ensure_operator(work, "Operator")
        await add_token(running, "CARD", concurrent_limit=None)
        yield running


def station(house: Running, timeline: VirtualTimeline, version: str, **changes: Any) -> Any:
    given: StationSpec = spec("CS", version, password=PASSWORD, **changes)
    return simulated(given, house.url(), timeline=timeline)


async def price(house: Running, currency: str, per_kwh: str, flat: str = "0") -> None:
    """Have energy cost this everywhere, with 18 % tax."""
    vat = (Tax(percent=Decimal(18)),)
    components = (
        PriceComponent(dimension=Dimension.ENERGY, price=Decimal(per_kwh), taxes=vat),
        PriceComponent(dimension=Dimension.FLAT, price=Decimal(flat), taxes=vat),
    )
    services = house.services
    async with services.database.work() as work:
        operator = await services.accounts.ensure_operator(work, "Operator")
    new = NewTariff(
        organisation_id=operator.id,
        name="Day",
        terms=Terms(currency=currency, elements=(Element(components=components),)),
    )
    async with services.database.work() as work:
        tariff, _ = await services.tariffs.create(work, new, by="test")
    async with services.database.work() as work:
        await services.tariffs.assign(work, tariff.id, Where(target=Target.EVERYONE), by="test")


def records_of(house: Running) -> ChargeRecords:
    return house.services.charge_records


async def billed(house: Running, script: Script, transaction_id: str) -> ChargeRecord:
    """Return the one record of a session, once the grace is over."""
    keeper = RecordKeeper(records_of(house), house.services.clock)
    await keeper.step()
    await script.advance(RecordRules().grace_s + 1)
    for _ in range(4):
        await keeper.step()
    found = await records_of(house).of_transaction(transaction_id)
    assert len(found) == 1, await records_of(house).rating_of(transaction_id)
    return found[0]


@EACH
@pytest.mark.parametrize(("currency", "per_kwh", "places"), [("RWF", "250", 0), ("KWD", "0.0125", 3)])
async def test_session_becomes_a_record_exact_to_the_smallest_unit(
    house: Running, timeline: VirtualTimeline, version: str, currency: str, per_kwh: str, places: int
) -> None:
    await price(house, currency, per_kwh)
    station_id = await house.add_station("CS")
    async with station(house, timeline, version) as script:
        await script.boot()
        await script.plug_in(1)
        await script.present("CARD")
        await script.charge(seconds=1800)
        await script.unplug(1)
        await script.advance(60)
        kept = await only(house, transactions, station_id=station_id)
        record = await billed(house, script, kept["id"])
    assert record.energy_wh == kept["energy_wh"]
    unit = Decimal(1).scaleb(-places)
    steps = kept["energy_wh"].to_integral_value(ROUND_CEILING)  # the tariff's step is a watt-hour
    net = (steps / 1000 * Decimal(per_kwh)).quantize(unit, ROUND_HALF_UP)
    assert (record.currency, record.net) == (currency, net)
    assert record.gross == (net + (net * Decimal("0.18")).quantize(unit, ROUND_HALF_UP))
    assert record.gross > 0


def costs_told(script: Script, action: str) -> list[Any]:
    return [frame.payload for frame in script.received if frame.kind == 2 and frame.action == action]


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
async def test_station_hears_its_running_cost_and_in_the_end_the_total(
    house: Running, timeline: VirtualTimeline, version: str
) -> None:
    await price(house, "RWF", "250", flat="100")
    station_id = await house.add_station("CS")
    keeper = CostKeeper(records_of(house), house.services.control, house.link)
    async with station(house, timeline, version) as script:
        await script.boot()
        await script.plug_in(1)
        await script.present("CARD")
        for _ in range(3):
            await script.charge(seconds=120)
            await keeper.step()
            await script.settle()
        kept = await only(house, transactions, station_id=station_id)
        told = costs_told(script, "CostUpdated")
        assert [one["transactionId"] for one in told] == [kept["reference"]] * 3
        assert 100 < told[0]["totalCost"] < told[1]["totalCost"] < told[2]["totalCost"]
        await script.unplug(1)
        await script.advance(60)
        totals = [
            frame.payload["totalCost"]
            for frame in script.received
            if frame.action == "TransactionEvent" and "totalCost" in frame.payload
        ]
        record = await billed(house, script, kept["id"])
    assert [Decimal(str(one)) for one in totals] == [record.gross]


async def test_station_of_16_that_knows_the_messages_for_costs_hears_them(
    house: Running, timeline: VirtualTimeline
) -> None:
    await price(house, "RWF", "250")
    await house.add_station("CS")
    keeper = CostKeeper(records_of(house), house.services.control, house.link)
    async with station(house, timeline, "1.6") as script:
        script.on("DataTransfer", {"status": "Accepted"})
        await script.boot()
        await script.plug_in(1)
        await script.present("CARD")
        await script.charge(seconds=600)
        await keeper.step()
        await script.settle()
        (told,) = costs_told(script, "DataTransfer")
        await script.unplug(1)
        kept = await only(house, transactions)
        record = await billed(house, script, kept["id"])
        await keeper.step()
        await script.settle()
        final = costs_told(script, "DataTransfer")[1:]
    assert [one["messageId"] for one in final] == ["FinalCost"]
    said = msgspec.json.decode(final[0]["data"])
    assert (str(said["transactionId"]), said["cost"]) == (kept["reference"], record.gross)
    assert said["priceText"] == f"{record.gross} RWF"
    assert (told["vendorId"], told["messageId"]) == (COSTS, "RunningCost")
    data = msgspec.json.decode(told["data"])
    assert (data["state"], data["cost"] > 0) == ("Charging", True)


@EACH
async def test_station_that_does_not_know_costs_is_told_once(
    house: Running, timeline: VirtualTimeline, version: str
) -> None:
    await price(house, "RWF", "250")
    await house.add_station("CS")
    keeper = CostKeeper(records_of(house), house.services.control, house.link)
    action = "DataTransfer" if version == "1.6" else "CostUpdated"
    async with station(house, timeline, version) as script:
        if version != "1.6":  # the simulated 1.6 station knows its own vendor only
            script.on("CostUpdated", lambda _: Answer(error="NotImplemented"))
        await script.boot()
        await script.plug_in(1)
        await script.present("CARD")
        for _ in range(3):
            await script.charge(seconds=120)
            await keeper.step()
            await script.settle()
        assert len(costs_told(script, action)) == 1


@EACH
async def test_session_is_stopped_when_it_has_cost_as_much_as_it_may(
    house: Running, timeline: VirtualTimeline, version: str
) -> None:
    await price(house, "RWF", "250")
    station_id = await house.add_station("CS")
    keeper = CostKeeper(records_of(house), house.services.control, house.link)
    services = house.services
    async with station(house, timeline, version) as script:
        await script.boot()
        await script.plug_in(1)
        await script.present("CARD")
        await script.charge(seconds=60)
        kept = await only(house, transactions, station_id=station_id)
        transaction = await services.charging.get(kept["id"])
        async with services.database.work() as work:
            await services.control.set_limit(work, transaction, TransactionLimit(max_cost=Decimal(500)), actor="test")
        await keeper.step()
        before = await services.control.of(kept["id"])
        assert before is not None
        assert before.reached is None
        await script.charge(seconds=3600)
        await keeper.step()
        after = await services.control.of(kept["id"])
        assert after is not None
        assert after.reached == "cost"
        await house.gateway.attendant.look()
        await script.advance(90)  # one that keeps to the limit by itself is given time to
        await house.gateway.attendant.look()
        await script.settle()
        stopped = costs_told(script, "RemoteStopTransaction" if version == "1.6" else "RequestStopTransaction")
        assert len(stopped) == 1
