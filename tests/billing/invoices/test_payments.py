"""Payments on documents for several drivers: booked on whoever owes, as the ledger has it."""

from decimal import Decimal

import pytest

from billing.invoices.trade import GROSS, Trade, credit_of, record, terms
from ingufu.billing.invoices.model import Document
from ingufu.billing.invoices.parties import Automatic
from ingufu.billing.records.booking import entry_of
from ingufu.billing.records.model import ChargeRecord
from ingufu.ledger.model import AccountKind

RWF = terms("RWF", "100", **GROSS)
ANNE, BEN = (record(f"r-{who}", RWF, kwh=kwh, driver_id=who) for who, kwh in (("anne", "1"), ("ben", "2")))


async def charge(trade: Trade, *records: ChargeRecord) -> None:
    """Have charge records issued, booked and looked at."""
    await trade.issue(*records)
    for one in records:
        entry = entry_of(one)
        assert entry is not None
        async with trade.database.work() as work:
            await trade.ledger.post(work, entry)
    await trade.invoicing.sweep()


async def pay(trade: Trade, document: Document, amount: int) -> None:
    async with trade.database.work() as work:
        await trade.documents.settle(
            work, document.id, amount=Decimal(amount), reference=f"bank-{amount}", paid_at=trade.clock.now()
        )


async def owed(trade: Trade) -> list[Decimal]:
    """Return what Anne and Ben owe."""
    kind = AccountKind.RECEIVABLE
    return [await trade.ledger.balance("org", kind, who, currency="RWF") for who in ("anne", "ben")]


@pytest.fixture
async def statement(trade: Trade) -> Document:
    await trade.seller(automatic=Automatic.MONTHLY)
    await trade.customer(driver_ids=("anne", "ben"))
    await charge(trade, ANNE, BEN)
    [made] = await trade.invoicing.make_due_statements()
    assert await owed(trade) == [100, 200]
    return made


async def test_payment_after_a_credit_is_for_those_who_still_owe(trade: Trade, statement: Document) -> None:
    await charge(trade, credit_of(ANNE, "c1", issued_at=trade.clock.now()))
    assert await owed(trade) == [0, 200]
    await pay(trade, statement, 150)
    assert await owed(trade) == [0, 50]
    await pay(trade, statement, 50)
    assert await owed(trade) == [0, 0]


async def test_record_that_a_person_credited_before_counts_no_more_once_the_ledger_took_it_back(
    trade: Trade, statement: Document
) -> None:
    await trade.documents.credit(statement.id, reason="a wrong session", positions=[1])
    await charge(trade, credit_of(ANNE, "c1", issued_at=trade.clock.now()))
    await pay(trade, statement, 200)
    assert await owed(trade) == [0, 0]


async def test_credit_note_alone_leaves_who_owes_as_it_was(trade: Trade, statement: Document) -> None:
    await trade.documents.credit(statement.id, reason="goodwill", positions=[1])
    assert await owed(trade) == [100, 200]
    await pay(trade, statement, 200)
    assert await owed(trade) == [0, 100]


async def test_payment_before_the_credit_note_is_written_is_for_all(trade: Trade, statement: Document) -> None:
    await trade.issue(credit_of(ANNE, "c1", issued_at=trade.clock.now()))
    await pay(trade, statement, 300)
    assert await owed(trade) == [0, 0]
