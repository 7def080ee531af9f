"""From charge records to documents: once each, at the right time, whatever comes twice, late or at once."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest
from sqlalchemy import func, select

from billing.invoices.trade import GROSS, Trade, credit_of, record, terms
from ingufu.billing.invoices.model import Document, DocumentKind, DocumentState, Standing
from ingufu.billing.invoices.parties import Address, Automatic, CustomerKind, TaxRounding
from ingufu.billing.invoices.store import documents as store
from ingufu.billing.invoices.tables import documents, invoiced_records
from ingufu.core.errors import Conflict, InvalidInput
from ingufu.ledger.model import AccountKind
from ingufu.ledger.service import Ledger
from ingufu.tariffs.model import Tax, TaxBasis

RWF = terms("RWF", "350", **GROSS)
KIGALI_MARCH_END = datetime(2026, 3, 31, 22, tzinfo=UTC)


async def every(trade: Trade) -> list[Document]:
    rows = await trade.database.select(select(documents.c.id).order_by(documents.c.created_at, documents.c.id))
    return [await trade.documents.get(row["id"]) for row in rows]


async def test_receipt_is_issued_at_once_and_only_once(trade: Trade) -> None:
    await trade.seller()
    await trade.issue(record("r1", RWF, organisation_id="org"))
    assert await trade.invoicing.sweep() == 1
    assert await trade.again().invoicing.sweep() == 0
    [receipt] = await every(trade)
    assert (receipt.kind, receipt.state, receipt.number) == (
        DocumentKind.RECEIPT, DocumentState.FINALISED, "KGL-R-2026-000001",
    )  # fmt: skip
    assert receipt.gross == (await trade.get("r1")).gross
    assert receipt.proofs[0].register_end_wh == Decimal(1020500)


async def test_two_processes_that_sweep_at_once_write_each_receipt_once(trade: Trade) -> None:
    await trade.seller()
    await trade.issue(*(record(f"r{number}", RWF, kwh=f"{number}") for number in range(1, 21)))
    await asyncio.gather(*(trade.again().invoicing.sweep() for _ in range(4)))
    made = await every(trade)
    assert len(made) == 20
    assert sorted(one.sequence for one in made) == list(range(1, 21))
    billed = [line.record_id for one in made for line in one.lines]
    assert sorted(billed) == sorted({f"r{number}" for number in range(1, 21)})


async def test_record_that_comes_late_is_found_all_the_same(trade: Trade) -> None:
    await trade.seller()
    await trade.invoicing.sweep()
    late = msgspec.structs.replace(record("r1", RWF), issued_at=trade.clock.now() - timedelta(minutes=30))
    await trade.issue(late)
    assert await trade.invoicing.sweep() == 1


async def test_one_record_that_fails_does_not_keep_the_others_waiting(trade: Trade) -> None:
    await trade.seller()
    good, bad = record("r1", RWF), msgspec.structs.replace(record("r0", RWF), currency="XXX")
    await trade.issue(bad, good)
    assert await trade.invoicing.sweep() == 1
    trade.clock.advance(7200)
    assert await trade.invoicing.sweep() == 0
    assert [one.lines[0].record_id for one in await every(trade)] == ["r1"]
    seen = await trade.database.select(select(func.count().label("n")).select_from(invoiced_records))
    assert seen[0]["n"] == 1  # the other one is tried again, for ever


async def test_site_comes_before_the_organisation(trade: Trade) -> None:
    await trade.seller()
    await trade.seller(key="HUY", name="Huye Host Ltd", is_default=False, site_ids=("site-huye",), tax_id="102345679")
    await trade.issue(record("r1", RWF), record("r2", RWF, site_id="site-huye"))
    await trade.invoicing.sweep()
    assert {one.lines[0].record_id: one.seller.key for one in await every(trade)} == {"r1": "KGL", "r2": "HUY"}


async def test_nobody_sells_nothing_is_written_but_it_can_be_billed_by_hand(trade: Trade) -> None:
    await trade.issue(record("r1", RWF))
    await trade.invoicing.sweep()
    assert await every(trade) == []
    seller = await trade.seller()
    draft = await trade.invoicing.draft(legal_entity_id=seller.id, record_ids=["r1"], kind=DocumentKind.RECEIPT)
    with pytest.raises(Conflict):
        await trade.invoicing.draft(legal_entity_id=seller.id, record_ids=["r1"], kind=DocumentKind.RECEIPT)
    await trade.documents.void(draft.id)
    again = await trade.invoicing.draft(legal_entity_id=seller.id, record_ids=["r1"], kind=DocumentKind.RECEIPT)
    assert (await trade.documents.finalise(again.id)).sequence == 1


async def test_statement_has_the_month_of_the_seller_and_is_made_once(trade: Trade) -> None:
    await trade.seller(automatic=Automatic.MONTHLY)
    fleet = await trade.customer(kind=CustomerKind.BUSINESS)
    march = datetime(2026, 3, 5, 8, tzinfo=UTC)
    before_midnight = record("in", RWF, started_at=KIGALI_MARCH_END - timedelta(minutes=61), driver_id="driver-1")
    after_midnight = record("out", RWF, started_at=KIGALI_MARCH_END - timedelta(minutes=59), driver_id="driver-1")
    guest = record("guest", RWF, started_at=march)
    await trade.issue(
        *(record(f"m{day}", RWF, kwh=f"{day}.5", started_at=march + timedelta(days=day), driver_id="driver-1") for day in range(1, 9)),
        before_midnight, after_midnight, guest,
    )  # fmt: skip
    trade.clock.set(KIGALI_MARCH_END - timedelta(seconds=1))
    await trade.invoicing.sweep()
    assert await trade.invoicing.make_due_statements() == []
    assert [one.lines[0].record_id for one in await every(trade)] == ["guest"]  # a receipt: a guest is no customer
    trade.clock.set(KIGALI_MARCH_END)
    made = await asyncio.gather(*(trade.again().invoicing.make_due_statements() for _ in range(3)))
    assert await trade.invoicing.make_due_statements() == []
    [statement] = [one for one in await every(trade) if one.kind is DocumentKind.STATEMENT]
    assert {one.id for several in made for one in several} == {statement.id}
    assert (statement.period, statement.number, statement.buyer) == ("2026-03", "KGL-M-2026-000001", fleet)
    billed = {line.record_id for line in statement.lines}
    assert billed == {f"m{day}" for day in range(1, 9)} | {"in"}
    records = [await trade.get(record_id) for record_id in billed if record_id]
    assert statement.payable == sum(one.gross for one in records)
    assert statement.net + statement.tax == statement.gross


async def test_what_came_late_for_a_month_is_on_the_next_statement(trade: Trade) -> None:
    seller, fleet = await trade.seller(automatic=Automatic.MONTHLY), await trade.customer()
    await trade.issue(record("r1", RWF, driver_id="driver-1"))
    await trade.invoicing.sweep()
    [first] = await trade.invoicing.make_due_statements()  # February, for it is March
    await trade.issue(msgspec.structs.replace(record("r2", RWF, driver_id="driver-1"), issued_at=trade.clock.now()))
    await trade.invoicing.sweep()
    assert await trade.invoicing.make_due_statements() == []
    with pytest.raises(InvalidInput):
        await trade.invoicing.statement(
            legal_entity_id=seller.id, customer_id=fleet.id, period="2026-03", currency="RWF"
        )
    trade.clock.set(datetime(2026, 4, 2, tzinfo=UTC))
    [second] = await trade.invoicing.make_due_statements()
    assert [line.record_id for line in first.lines + second.lines] == ["r1", "r2"]


async def test_credit_of_a_billed_record_becomes_a_credit_note(trade: Trade) -> None:
    await trade.seller()
    original = record("r1", RWF)
    await trade.issue(original)
    await trade.invoicing.sweep()
    [receipt] = await every(trade)
    replaced = msgspec.structs.replace(
        record("r2", RWF, kwh="18"), transaction_id=original.transaction_id, revision=1, corrects_id="r1",
        issued_at=trade.clock.now(),
    )  # fmt: skip
    await trade.issue(credit_of(original, "c1", issued_at=trade.clock.now()), replaced)
    await trade.invoicing.sweep()
    await trade.again().invoicing.sweep()
    _, *later = await every(trade)
    note, anew = sorted(later, key=lambda one: one.kind.value)
    assert (note.kind, anew.kind) == (DocumentKind.CREDIT_NOTE, DocumentKind.RECEIPT)
    assert note.corrects is not None
    assert (note.corrects.number, note.payable, note.reason) == (
        receipt.number,
        receipt.payable,
        "The meter was read anew.",
    )
    assert (await trade.documents.known(receipt.id)).standing is Standing.CREDITED
    assert await trade.documents.get(receipt.id) == receipt


async def test_record_that_was_credited_before_the_statement_is_not_on_it(trade: Trade) -> None:
    await trade.seller(automatic=Automatic.MONTHLY)
    await trade.customer()
    first, second = record("r1", RWF, driver_id="driver-1"), record("r2", RWF, kwh="5", driver_id="driver-1")
    await trade.issue(first, second, credit_of(first, "c1"))
    await trade.invoicing.sweep()
    [statement] = await trade.invoicing.make_due_statements()
    assert [line.record_id for line in statement.lines] == ["r2"]
    assert statement.payable == second.gross
    await trade.invoicing.sweep()
    assert await every(trade) == [statement]


async def test_credit_of_one_session_of_a_statement_takes_back_that_alone(trade: Trade) -> None:
    await trade.seller(automatic=Automatic.MONTHLY)
    await trade.customer()
    first, second = record("r1", RWF, driver_id="driver-1"), record("r2", RWF, kwh="5", driver_id="driver-1")
    await trade.issue(first, second)
    await trade.invoicing.sweep()
    [statement] = await trade.invoicing.make_due_statements()
    await trade.issue(credit_of(first, "c1", issued_at=trade.clock.now()))
    await trade.invoicing.sweep()
    known = await trade.documents.known(statement.id)
    [note] = known.credits
    assert note.payable == first.gross
    assert known.standing is Standing.OPEN
    with pytest.raises(Conflict):
        await trade.documents.credit(statement.id, reason="again", positions=[1])
    rest = await trade.documents.credit(statement.id, reason="all of it")
    assert rest.payable == second.gross
    assert (await trade.documents.known(statement.id)).standing is Standing.CREDITED


async def test_credit_waits_for_a_draft_and_follows_it(trade: Trade) -> None:
    await trade.seller(receipt_limit=Decimal(100))
    original = record("r1", RWF)
    await trade.issue(original)
    await trade.invoicing.sweep()
    [draft] = await every(trade)
    assert draft.state is DocumentState.DRAFT
    assert "buyer" in draft.problem
    trade_entities = await trade.entities.all()
    async with trade.database.work() as work:
        await trade.entities.update(work, trade_entities[0].id, receipt_limit=None)
    await trade.documents.void(draft.id)
    again = await trade.invoicing.draft(legal_entity_id=draft.seller.id, record_ids=["r1"], kind=DocumentKind.RECEIPT)
    await trade.issue(credit_of(original, "c1", issued_at=trade.clock.now()))
    await trade.invoicing.sweep()
    done = await trade.documents.finalise(again.id)  # in the same moment
    await trade.invoicing.sweep()
    await trade.invoicing.sweep()
    [note] = (await trade.documents.known(done.id)).credits
    assert note.payable == done.payable


async def test_two_credits_of_the_same_at_once_give_back_once(trade: Trade) -> None:
    await trade.seller()
    await trade.issue(record("r1", RWF))
    await trade.invoicing.sweep()
    [receipt] = await every(trade)
    outcomes = await asyncio.gather(
        *(trade.again().documents.credit(receipt.id, reason="wrong") for _ in range(3)), return_exceptions=True
    )
    assert sum(isinstance(one, Document) for one in outcomes) == 1
    assert sum(isinstance(one, Conflict) for one in outcomes) == 2
    [note] = (await trade.documents.known(receipt.id)).credits
    assert note.payable == receipt.payable


async def test_business_gets_an_invoice_and_its_address_is_wanted(trade: Trade) -> None:
    await trade.seller()
    await trade.customer(kind=CustomerKind.BUSINESS, address=Address(country="RW"))
    await trade.issue(record("r1", RWF, driver_id="driver-1"))
    await trade.invoicing.sweep()
    [draft] = await every(trade)
    assert (draft.kind, draft.state) == (DocumentKind.INVOICE, DocumentState.DRAFT)
    assert "city" in draft.problem
    with pytest.raises(InvalidInput):
        await trade.documents.finalise(draft.id)


async def test_draft_is_finalised_with_what_was_entered_since(trade: Trade) -> None:
    seller = await trade.seller(tax_id="")
    buyer = await trade.customer(kind=CustomerKind.BUSINESS, address=Address(country="RW"))
    await trade.issue(record("r1", RWF, driver_id="driver-1"))
    await trade.invoicing.sweep()
    [draft] = await every(trade)
    with pytest.raises(InvalidInput):
        await trade.invoicing.finalise(draft.id)
    async with trade.database.work() as work:
        await trade.entities.update(work, seller.id, tax_id="102345678")
        await trade.customers.update(
            work, buyer.id, name="Moto Fleet Ltd", tax_id="108765432", is_reverse_charge=True, address=seller.address
        )
    done = await trade.invoicing.finalise(draft.id)
    assert (done.id, done.code, done.number) == (draft.id, draft.code, "KGL-2026-000001")
    assert (done.seller.tax_id, done.buyer.name, done.tax) == ("102345678", "Moto Fleet Ltd", 0)
    assert done.payable == draft.net
    assert await trade.documents.get(draft.id) == done
    assert await trade.invoicing.finalise(draft.id) == done


async def test_group_of_a_company_is_billed_to_it_and_a_driver_may_pay_alone(trade: Trade) -> None:
    await trade.seller()
    company = await trade.customer(group_ids=("g1",), driver_ids=())
    driver = await trade.customer(name="Keza", driver_ids=("keza",))
    assert await trade.customers.find_for("other", "g1") == company
    assert await trade.customers.find_for("keza", "g1") == driver
    assert await trade.customers.find_for(None, None) is None
    with pytest.raises(Conflict):
        await trade.customer(name="Rival", driver_ids=("keza",))


@pytest.mark.parametrize("rule", list(TaxRounding))
@pytest.mark.parametrize("basis", [TaxBasis.EXCLUDED, TaxBasis.INCLUDED])
@pytest.mark.parametrize("currency", ["RWF", "KES", "EUR", "KWD"])
async def test_sums_are_exact_in_every_currency_and_by_every_rule(
    trade: Trade, rule: TaxRounding, basis: TaxBasis, currency: str
) -> None:
    seller = await trade.seller(tax_rounding=rule)
    of = [
        terms(currency, "0.41377" if currency != "RWF" else "377.7", percent=percent, tax_basis=basis)
        for percent in ("18", "6", "0")
    ]
    made = [record(f"r{number}", of[number % 3], kwh=f"{number}.{number:03}") for number in range(1, 40)]
    await trade.issue(*made)
    draft = await trade.invoicing.draft(
        legal_entity_id=seller.id, record_ids=[one.id for one in made], kind=DocumentKind.RECEIPT
    )
    assert draft.payable == sum(one.gross for one in made)
    assert draft.net == sum(line.net for line in draft.lines) == sum(group.taxable for group in draft.taxes)
    assert draft.tax == sum(group.tax for group in draft.taxes) == sum(line.gross - line.net for line in draft.lines)
    assert draft.gross == draft.net + draft.tax
    assert draft.gross + draft.rounding == draft.payable
    assert [sum(part.amount for part in group.parts) for group in draft.taxes] == [group.tax for group in draft.taxes]


def test_taxes_upon_taxes_are_told_apart() -> None:
    from billing.invoices.examples import document

    of = terms("EUR", "0.5")
    taxes = (Tax(name="GST", percent=Decimal(5)), Tax(name="QST", percent=Decimal("9.975"), is_compound=True))
    part = msgspec.structs.replace(of.elements[0].components[0], taxes=taxes)
    made = document(
        record(
            "r1",
            msgspec.structs.replace(of, elements=(msgspec.structs.replace(of.elements[0], components=(part,)),)),
            kwh="100",
        )
    )
    [group] = made.taxes
    assert group.percent == Decimal("15.47375")
    assert {one.name: one.amount for one in group.parts} == {"GST": Decimal("2.50"), "QST": Decimal("5.24")}
    assert group.tax == Decimal("7.74")


async def test_payment_is_booked_once_and_changes_what_the_document_is(trade: Trade) -> None:
    seller, fleet = await trade.seller(automatic=Automatic.MONTHLY), await trade.customer()
    await trade.issue(record("r1", RWF, driver_id="driver-1"))
    await trade.invoicing.sweep()
    [statement] = await trade.invoicing.make_due_statements()
    assert seller.id == statement.seller.id
    assert fleet.id == statement.buyer.id

    async def pay(amount: str, reference: str) -> None:
        async with trade.database.work() as work:
            await trade.documents.settle(
                work, statement.id, amount=Decimal(amount), reference=reference, paid_at=trade.clock.now()
            )

    await pay("1000", "bank-1")
    await pay("1000", "bank-1")
    assert (await trade.documents.known(statement.id)).standing is Standing.PARTIALLY_PAID
    with pytest.raises(InvalidInput):
        await pay(str(statement.payable), "bank-2")
    with pytest.raises(InvalidInput):
        await pay("0.5", "bank-2")
    trade.clock.set(datetime(2026, 6, 1, tzinfo=UTC))
    assert (await trade.documents.known(statement.id)).standing is Standing.OVERDUE
    await pay(str(statement.payable - 1000), "bank-2")
    assert (await trade.documents.known(statement.id)).standing is Standing.PAID
    ledger: Ledger = trade.ledger
    bank = await ledger.balance("org", AccountKind.BANK, "", currency="RWF")
    owed = await ledger.balance("org", AccountKind.RECEIVABLE, "driver-1", currency="RWF")
    assert (bank, owed) == (statement.payable, -statement.payable)


async def test_nothing_is_lost_at_kill_between_draft_and_number(trade: Trade) -> None:
    """A unit of work is all or nothing: no draft, claim or number stays of one that was not committed."""
    await trade.seller()
    one = record("r1", RWF)
    await trade.issue(one)

    class Killed(BaseException): ...

    class Broken:
        async def submit(self, work: object, document: object) -> None:
            raise Killed

        async def stamps(self, ids: object) -> dict[str, object]:
            return {}

    with pytest.raises(Killed):
        await Trade(trade.database, trade.clock, trade.ids, Broken()).invoicing.bill(one)
    assert await every(trade) == []
    assert await store.find_record(trade.database, "r1") is None
    assert await trade.invoicing.sweep() == 1
    assert [made.sequence for made in await every(trade)] == [1]
