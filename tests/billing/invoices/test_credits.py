"""Charge records that are taken back before their document is issued: nobody pays for them in the end."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from billing.invoices.trade import GROSS, Trade, credit_of, record, terms
from ingufu.billing.invoices.model import Document, DocumentKind, DocumentState, Standing
from ingufu.billing.invoices.parties import Address, Automatic, LegalEntity
from ingufu.billing.invoices.tables import documents
from ingufu.core.errors import Conflict, IngufuError, InvalidInput

RWF = terms("RWF", "350", **GROSS)
FIRST = record("r1", RWF, driver_id="driver-1")


async def every(trade: Trade) -> list[Document]:
    rows = await trade.database.select(select(documents.c.id).order_by(documents.c.created_at, documents.c.id))
    return [await trade.documents.get(row["id"]) for row in rows]


async def draft(trade: Trade, seller: LegalEntity, *record_ids: str) -> Document:
    return await trade.invoicing.draft(legal_entity_id=seller.id, record_ids=record_ids, kind=DocumentKind.RECEIPT)


async def take_back(trade: Trade) -> None:
    await trade.issue(credit_of(FIRST, "c1", issued_at=trade.clock.now()))
    await trade.invoicing.sweep()


async def credited_in_full(trade: Trade, document: Document) -> bool:
    """Return whether the credit note is there after some more looks, and only once."""
    for _ in range(3):
        trade.clock.advance(3)
        await trade.again().invoicing.sweep()
    known = await trade.documents.known(document.id)
    return len(known.credits) == 1 and known.standing is Standing.CREDITED


async def test_draft_of_a_record_that_was_taken_back_is_not_finalised(trade: Trade) -> None:
    seller = await trade.seller(automatic=Automatic.NONE)
    await trade.issue(FIRST)
    await trade.invoicing.sweep()
    made = await draft(trade, seller, "r1")
    await take_back(trade)
    with pytest.raises(Conflict, match="taken back"):
        await trade.invoicing.finalise(made.id)
    await trade.documents.void(made.id)
    with pytest.raises(InvalidInput, match="taken back"):
        await draft(trade, seller, "r1")
    await trade.invoicing.sweep()
    assert [one.state for one in await every(trade)] == [DocumentState.VOID]


@pytest.mark.parametrize("automatic", [Automatic.NONE, Automatic.MONTHLY])
async def test_credit_that_came_while_a_draft_was_finalised_follows_it(trade: Trade, automatic: Automatic) -> None:
    seller = await trade.seller(automatic=automatic)
    await trade.customer()
    await trade.issue(FIRST)
    await trade.invoicing.sweep()
    made = await draft(trade, seller, "r1")
    await take_back(trade)
    done = await trade.documents.finalise(made.id)  # without a look at its records, as if they came at once
    assert await credited_in_full(trade, done)


async def test_credit_of_a_record_on_a_draft_is_not_on_the_next_statement(trade: Trade) -> None:
    seller = await trade.seller(automatic=Automatic.MONTHLY)
    await trade.customer()
    await trade.issue(FIRST)
    await trade.invoicing.sweep()
    await draft(trade, seller, "r1")
    await take_back(trade)
    assert await trade.invoicing.make_due_statements() == []


async def test_credit_that_came_when_nobody_sold_follows_what_was_sold(trade: Trade) -> None:
    seller = await trade.seller()
    await trade.issue(FIRST)
    await trade.invoicing.sweep()
    [receipt] = await every(trade)
    async with trade.database.work() as work:
        await trade.entities.retire(work, seller.id)
    await take_back(trade)
    assert await credited_in_full(trade, receipt)


async def test_record_that_nobody_sold_is_not_drafted_once_it_was_taken_back(trade: Trade) -> None:
    await trade.issue(FIRST, credit_of(FIRST, "c1"))
    await trade.invoicing.sweep()
    seller = await trade.seller()
    with pytest.raises(InvalidInput, match="taken back"):
        await draft(trade, seller, "r1")
    assert await every(trade) == []


async def test_credit_that_was_seen_before_its_record_follows_it(trade: Trade, monkeypatch: pytest.MonkeyPatch) -> None:
    await trade.seller()
    await trade.issue(FIRST, credit_of(FIRST, "c1"))
    find_for = trade.customers.find_for

    async def fail_once(*_: object) -> None:
        monkeypatch.setattr(trade.customers, "find_for", find_for)
        raise IngufuError("Not now.")

    monkeypatch.setattr(trade.customers, "find_for", fail_once)
    await trade.invoicing.sweep()
    await trade.invoicing.sweep()
    receipt = (await every(trade))[0]
    assert receipt.kind is DocumentKind.RECEIPT
    assert await credited_in_full(trade, receipt)


async def test_statement_that_waited_as_a_draft_is_finalised_and_the_credit_follows(trade: Trade) -> None:
    seller = await trade.seller(automatic=Automatic.MONTHLY)
    buyer = await trade.customer(address=Address(country="RW"))
    other = record("r2", RWF, driver_id="driver-1", started_at=FIRST.started_at + timedelta(hours=2))
    await trade.issue(FIRST, other)
    await trade.invoicing.sweep()
    [made] = await trade.invoicing.make_due_statements()
    await take_back(trade)
    async with trade.database.work() as work:
        await trade.customers.update(work, buyer.id, name=buyer.name, address=seller.address)
    done = await trade.invoicing.finalise(made.id)
    await trade.invoicing.sweep()
    [note] = (await trade.documents.known(done.id)).credits
    assert (note.payable, done.payable) == (FIRST.gross, FIRST.gross + other.gross)
