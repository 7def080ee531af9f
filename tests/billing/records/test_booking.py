"""What a charge record books: the driver owes the gross, dimensions earn the net, taxes are owed; it sums to nothing."""

from decimal import Decimal

import pytest

from billing.records.world import World, element, per_kwh, terms
from ingufu.billing.records.booking import entry_of
from ingufu.billing.records.decide import credit_of
from ingufu.ledger.model import AccountKind, EntryKind
from ingufu.tariffs.model import Dimension, PriceLimit

MIXED = (
    element(Dimension.ENERGY, "250", vat="18"),
    element(Dimension.FLAT, "99.5", vat="5"),
    element(Dimension.TIME, "33.3", vat=None),
)


@pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("limits", [{}, {"max_price": PriceLimit(before_taxes=Decimal(1000))}, {"min_price": PriceLimit(after_taxes=Decimal(9999))}])  # fmt: skip
async def test_entry_of_every_record_sums_to_nothing(world: World, limits: dict[str, PriceLimit]) -> None:
    await world.tariff(terms("RWF", *MIXED, **limits))
    (record,) = await billed(world)
    entry = entry_of(record)
    assert entry is not None
    assert sum(one.amount for one in entry.postings) == 0
    owed = [one for one in entry.postings if one.account is AccountKind.RECEIVABLE]
    assert [one.amount for one in owed] == [record.gross]
    earned = -sum(one.amount for one in entry.postings if one.account is AccountKind.REVENUE)
    assert earned == record.net
    assert not [one for one in entry.postings if one.account is AccountKind.ROUNDING]


@pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)
async def test_credit_books_the_opposite(world: World) -> None:
    await world.tariff(terms("KWD", *MIXED))
    (record,) = await billed(world)
    entry = entry_of(record)
    opposite = entry_of(credit_of(record, id_="other", reason="", at=record.issued_at))
    assert entry is not None
    assert opposite is not None
    assert opposite.kind is EntryKind.CREDIT
    amounts = {(one.account, one.owner): one.amount for one in entry.postings}
    assert {(one.account, one.owner): -one.amount for one in opposite.postings} == amounts


@pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)
async def test_guest_owes_by_the_session(world: World) -> None:
    await world.tariff(per_kwh("250"))
    transaction_id = await world.session(token="STRANGER")
    await world.rate()
    (record,) = await world.issued(transaction_id)
    assert await world.owed(f"transaction:{transaction_id}") == record.gross


@pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)
async def test_free_session_has_a_record_and_books_nothing(world: World) -> None:
    await world.tariff(terms("RWF", element(Dimension.FLAT, "0")))
    (record,) = await billed(world)
    assert (record.gross, entry_of(record)) == (Decimal(0), None)


async def billed(world: World) -> list:  # type: ignore[type-arg]  # of charge records
    transaction_id = await world.session(wh=12_345, minutes=47)
    await world.rate()
    return await world.issued(transaction_id)
