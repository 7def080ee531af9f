"""Where the buyer owes the tax, the ledger says what the document says: nothing stays owed, and no tax is due."""

from decimal import Decimal
from typing import Any

from billing.invoices.trade import GROSS, Trade, credit_of, record, terms
from ingufu.billing.invoices.model import Document, DocumentKind, Standing
from ingufu.billing.invoices.parties import Automatic, CustomerKind
from ingufu.billing.records.booking import entry_of
from ingufu.billing.records.model import ChargeRecord
from ingufu.ledger.model import AccountKind
from ingufu.tariffs.model import Dimension, Element, PriceComponent, Tax, Terms

RWF = terms("RWF", "350", parking="1000", **GROSS)
CANADA = terms("CAD", "0.41", percent="5")
TWO_TAXES = Terms(
    currency="CAD",
    elements=(
        Element(
            components=(
                PriceComponent(
                    dimension=Dimension.ENERGY,
                    price=Decimal("0.417"),
                    taxes=(Tax(name="GST", percent=Decimal(5)), Tax(name="QST", percent=Decimal("9.975"))),
                ),
                PriceComponent(dimension=Dimension.PARKING_TIME, price=Decimal(3), taxes=(Tax(percent=Decimal(5)),)),
            )
        ),
    ),
)


async def fleet(trade: Trade, **seller: Any) -> None:
    """Have a company buy that owes the tax itself."""
    await trade.seller(**seller)
    await trade.customer(
        kind=CustomerKind.BUSINESS, tax_id="108765432", is_reverse_charge=True, driver_ids=("driver-1", "driver-2")
    )


async def booked(trade: Trade, *records: ChargeRecord) -> None:
    """Have charge records be issued and booked."""
    await trade.issue(*records)
    for one in records:
        entry = entry_of(one)
        assert entry is not None
        async with trade.database.work() as work:
            await trade.ledger.post(work, entry)


async def owed(trade: Trade, owner: str = "driver-1", currency: str = "RWF") -> Decimal:
    return await trade.ledger.balance("org", AccountKind.RECEIVABLE, owner, currency=currency)


async def tax_due(trade: Trade, currency: str = "RWF", *names: str) -> list[Decimal]:
    taxes = names or ("VAT 18",)
    return [await trade.ledger.balance("org", AccountKind.TAX, name, currency=currency) for name in taxes]


async def billed(trade: Trade, one: ChargeRecord) -> Document:
    await booked(trade, one)
    document = await trade.invoicing.bill(one)
    assert document is not None
    return document


async def pay(trade: Trade, document: Document) -> None:
    async with trade.database.work() as work:
        await trade.documents.settle(
            work, document.id, amount=document.payable, reference="bank-1", paid_at=trade.clock.now()
        )


async def test_invoice_without_tax_leaves_nothing_owed_once_it_is_paid(trade: Trade) -> None:
    await fleet(trade)
    one = record("r1", RWF, idle_min=7, driver_id="driver-1")
    await booked(trade, one)
    assert (await owed(trade), await tax_due(trade)) == (one.gross, [-one.tax])
    document = await trade.invoicing.bill(one)
    assert document is not None
    assert (document.payable, await owed(trade), await tax_due(trade)) == (one.net, one.net, [0])
    assert await trade.invoicing.bill(one) is None
    assert await trade.documents.finalise(document.id) == document
    await pay(trade, document)
    assert (await trade.documents.known(document.id)).standing is Standing.PAID
    assert (await owed(trade), await tax_due(trade)) == (0, [0])
    assert await trade.ledger.verify() == []


async def test_every_tax_is_taken_off_its_own_account(trade: Trade) -> None:
    await fleet(trade)
    one = record("r1", TWO_TAXES, idle_min=13, kwh="12.345", driver_id="driver-1")
    document = await billed(trade, one)
    assert await owed(trade, currency="CAD") == document.payable == one.net
    assert await tax_due(trade, "CAD", "GST 5", "QST 9.975", "VAT 5") == [0, 0, 0]


async def test_credit_note_books_the_tax_again_and_the_credit_takes_it_back(trade: Trade) -> None:
    await fleet(trade)
    one = record("r1", RWF, driver_id="driver-1")
    await billed(trade, one)
    back = credit_of(one, "c1")
    await booked(trade, back)
    note = await trade.invoicing.bill(back)
    assert note is not None
    assert note.kind is DocumentKind.CREDIT_NOTE
    assert (await owed(trade), await tax_due(trade)) == (0, [0])


async def test_lines_taken_back_one_by_one_come_to_all_of_it(trade: Trade) -> None:
    await fleet(trade)
    one = record("r1", TWO_TAXES, idle_min=13, kwh="12.345", driver_id="driver-1")
    document = await billed(trade, one)
    for line in document.lines:
        await trade.documents.credit(document.id, reason="By hand.", positions=[line.position])
    assert await owed(trade, currency="CAD") == one.gross  # as charged: a credit note alone takes back no charge
    back = credit_of(one, "c1")
    await booked(trade, back)
    assert await trade.invoicing.bill(back) is None
    assert await owed(trade, currency="CAD") == 0
    assert await tax_due(trade, "CAD", "GST 5", "QST 9.975", "VAT 5") == [0, 0, 0]


async def test_statement_takes_the_tax_off_every_driver(trade: Trade) -> None:
    await fleet(trade, automatic=Automatic.MONTHLY)
    one, two = record("r1", RWF, driver_id="driver-1"), record("r2", RWF, kwh="3.333", driver_id="driver-2")
    gone = record("r3", RWF, kwh="7.1", driver_id="driver-2")
    await booked(trade, one, two, gone, credit_of(gone, "c3"))
    await trade.invoicing.sweep()
    [statement] = await trade.invoicing.make_due_statements()
    assert statement.payable == one.net + two.net
    assert (await owed(trade), await owed(trade, "driver-2"), await tax_due(trade)) == (one.net, two.net, [0])
    await pay(trade, statement)
    assert (await owed(trade), await owed(trade, "driver-2")) == (0, 0)


async def test_nothing_is_booked_for_who_pays_the_tax_with_the_price(trade: Trade) -> None:
    await trade.seller()
    await trade.customer(kind=CustomerKind.BUSINESS, tax_id="108765432")
    one = record("r1", CANADA, driver_id="driver-1")
    document = await billed(trade, one)
    assert await owed(trade, currency="CAD") == document.payable == one.gross
    assert await tax_due(trade, "CAD", "VAT 5") == [-one.tax]
