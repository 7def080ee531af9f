"""Who sells says how amounts are rounded: the record, the running cost and the receipt agree on it to the last unit."""

from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from billing.records.world import World, per_kwh
from ingufu.billing.invoices.parties import Address, LegalEntity, TaxRounding
from ingufu.billing.invoices.tables import documents
from ingufu.core.money import Rounding
from ingufu.tariffs.priced import RoundingPolicy

EUR = per_kwh("1.00", "EUR")  # 12.345 kWh: a half of a cent, before taxes


async def sell(world: World, **fields: Any) -> LegalEntity:
    given = {
        "key": "KGL",
        "name": "Ingufu Charging Ltd",
        "address": Address(street="KN 3 Avenue", city="Kigali", country="RW"),
        "tax_id": "102345678",
        "tax_id_name": "TIN",
        "time_zone": "Africa/Kigali",
    }
    async with world.database.work() as work:
        return await world.services.money.entities.create(
            work, organisation_id=world.organisation_id, **(given | fields)
        )


async def billed(world: World) -> Any:
    await world.services.money.invoicing.sweep()
    [row] = await world.database.select(select(documents.c.id))
    return await world.services.money.documents.get(row["id"])


async def test_record_and_receipt_are_rounded_as_the_seller_of_the_site_says(world: World) -> None:
    await sell(world, key="ALL", is_default=True)
    await sell(world, site_ids=(world.site_id,), tax_rounding=TaxRounding.TOTAL, rounding=Rounding.HALF_EVEN)
    await world.tariff(EUR)
    session = await world.session()
    await world.rate()
    [record] = await world.issued(session)
    assert (record.price.billed.policy, record.price.billed.rounding) == (RoundingPolicy.TOTAL, Rounding.HALF_EVEN)
    assert (record.net, record.tax, record.gross) == (Decimal("12.34"), Decimal("2.23"), Decimal("14.57"))
    receipt = await billed(world)
    assert (receipt.net, receipt.tax, receipt.gross) == (record.net, record.tax, record.gross)
    assert (receipt.rounding, receipt.payable) == (0, record.gross)


@pytest.mark.parametrize("rule", list(TaxRounding))
async def test_receipt_of_a_session_needs_no_rounding_by_any_rule(world: World, rule: TaxRounding) -> None:
    await sell(world, is_default=True, tax_rounding=rule)
    await world.tariff(EUR)
    session = await world.session()
    await world.rate()
    [record] = await world.issued(session)
    assert record.price.billed.policy.value == rule.value
    receipt = await billed(world)
    assert (receipt.tax, receipt.rounding, receipt.payable) == (record.tax, 0, record.gross)


async def test_without_a_seller_amounts_are_rounded_as_usual(world: World) -> None:
    retired = await sell(world, is_default=True, tax_rounding=TaxRounding.TOTAL, rounding=Rounding.HALF_EVEN)
    async with world.database.work() as work:
        await world.services.money.entities.retire(work, retired.id)
    await world.tariff(EUR)
    session = await world.session()
    await world.rate()
    [record] = await world.issued(session)
    assert (record.price.billed.policy, record.net) == (RoundingPolicy.TAX_GROUP, Decimal("12.35"))


async def test_running_cost_and_what_if_are_rounded_as_the_record_will_be(world: World) -> None:
    await sell(world, is_default=True, tax_rounding=TaxRounding.TOTAL, rounding=Rounding.HALF_EVEN)
    tariff_id = await world.tariff(EUR)
    station = world.station()
    started = await station.start(register_wh=0, token="CARD")
    world.clock.advance(60)
    running = await world.records.running(started.transaction.id)
    assert running.price is not None
    assert (running.price.billed.policy, running.price.billed.rounding) == (RoundingPolicy.TOTAL, Rounding.HALF_EVEN)
    world.clock.advance(3600)
    await station.end(reference=started.transaction.reference, register_wh=12_345, at=world.clock.now())
    await world.rate()
    applied = await world.records.tariff_at(tariff_id, world.clock.now())
    other = await world.records.what_if(started.transaction.id, (applied,))
    [record] = await world.issued(started.transaction.id)
    assert other.price is not None
    assert other.price.billed == record.price.billed


async def test_seller_that_rounds_otherwise_later_changes_no_record(world: World) -> None:
    seller = await sell(world, is_default=True, tax_rounding=TaxRounding.TOTAL, rounding=Rounding.HALF_EVEN)
    await world.tariff(EUR)
    session = await world.session()
    await world.rate()
    async with world.database.work() as work:
        await world.services.money.entities.update(
            work, seller.id, tax_rounding=TaxRounding.LINE, rounding=Rounding.HALF_UP
        )
    async with world.database.work() as work:
        await world.records.rate_again(work, session)
    await world.rate()
    [record] = await world.issued(session)
    assert record.price.billed.policy is RoundingPolicy.TOTAL
