"""Months with more charge records than one document holds: all of them are billed, each once."""

import asyncio
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from sqlalchemy import select

from billing.invoices.trade import GROSS, START, Trade, record, terms
from ingufu.billing.invoices import compose
from ingufu.billing.invoices.model import Document, DocumentState
from ingufu.billing.invoices.parties import Address, Automatic
from ingufu.billing.invoices.service import Documents
from ingufu.billing.invoices.tables import documents

RWF = terms("RWF", "350", **GROSS)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compose, "MAX_RECORDS", 3)


async def charge(trade: Trade, count: int, **fields: object) -> None:
    """Have so many sessions of February be noted for the statement; it is March."""
    await trade.seller(automatic=Automatic.MONTHLY)
    await trade.customer(**fields)
    starts = (START + timedelta(hours=number) for number in range(count))
    await trade.issue(
        *(record(f"r{number}", RWF, started_at=at, driver_id="driver-1") for number, at in enumerate(starts))
    )
    await trade.invoicing.sweep()


async def stated(trade: Trade) -> list[tuple[str, list[str | None]]]:
    """Return the statements with what each of them bills, in their order."""
    rows = await trade.database.select(select(documents.c.id).order_by(documents.c.sequence))
    made = [await trade.documents.get(row["id"]) for row in rows]
    return [(one.period, [line.record_id for line in one.lines]) for one in made]


async def test_all_of_a_month_is_billed_however_many_they_are(trade: Trade) -> None:
    await charge(trade, 8)
    made = await trade.invoicing.make_due_statements()
    assert [one.number for one in made] == [f"KGL-M-2026-00000{number}" for number in (1, 2, 3)]
    expected = [
        ("2026-02", ["r0", "r1", "r2"]),
        ("2026-02", ["r3", "r4", "r5"]),
        ("2026-02", ["r6", "r7"]),
    ]
    assert await stated(trade) == expected
    assert await trade.again().invoicing.make_due_statements() == []
    assert await stated(trade) == expected


async def test_statement_that_is_asked_for_is_the_first_of_its_month(trade: Trade) -> None:
    await charge(trade, 5)
    [seller] = await trade.entities.all()
    buyer = await trade.customers.find_for("driver-1", None)
    assert buyer is not None
    wanted = {"legal_entity_id": seller.id, "customer_id": buyer.id, "period": "2026-02", "currency": "RWF"}
    first = await trade.invoicing.statement(**wanted)
    assert first == await trade.invoicing.statement(**wanted)
    assert (first.number, first.part, first.is_continued) == ("KGL-M-2026-000001", 1, True)
    assert [billed for _, billed in await stated(trade)] == [["r0", "r1", "r2"], ["r3", "r4"]]


@pytest.mark.parametrize("count", [3, 8])
async def test_what_came_late_for_a_complete_month_is_on_the_next(trade: Trade, count: int) -> None:
    await charge(trade, count)
    before = await trade.invoicing.make_due_statements()
    late = record("late", RWF, started_at=START + timedelta(days=3), driver_id="driver-1")
    await trade.issue(msgspec.structs.replace(late, issued_at=trade.clock.now()))
    await trade.invoicing.sweep()
    assert await trade.invoicing.make_due_statements() == []
    trade.clock.set(datetime(2026, 4, 2, tzinfo=UTC))
    [after] = await trade.invoicing.make_due_statements()
    assert (len(before), after.period) == ((count + 2) // 3, "2026-03")
    assert [line.record_id for line in after.lines] == ["late"]


async def test_processes_at_once_make_each_part_once(trade: Trade) -> None:
    await charge(trade, 14)
    await asyncio.gather(*(trade.again().invoicing.make_due_statements() for _ in range(4)))
    await trade.invoicing.make_due_statements()
    billed = [record_id for _, several in await stated(trade) for record_id in several]
    assert billed == [f"r{number}" for number in sorted(range(14))]
    assert len(await stated(trade)) == 5


async def test_rest_of_a_month_is_made_after_a_kill_between_two_parts(
    trade: Trade, monkeypatch: pytest.MonkeyPatch
) -> None:
    await charge(trade, 8)
    issue = Documents.issue

    class Killed(BaseException): ...

    async def die_after(self: Documents, document: Document, prepare: object) -> Document:
        await issue(self, document, prepare)  # type: ignore[arg-type]
        raise Killed

    monkeypatch.setattr(Documents, "issue", die_after)
    with pytest.raises(Killed):
        await trade.again().invoicing.make_due_statements()
    monkeypatch.undo()
    monkeypatch.setattr(compose, "MAX_RECORDS", 3)
    assert len(await trade.invoicing.make_due_statements()) == 2
    assert [len(billed) for _, billed in await stated(trade)] == [3, 3, 2]


async def test_parts_that_stay_drafts_are_finalised_as_they_are(trade: Trade) -> None:
    await charge(trade, 5, address=Address(country="RW"))
    drafts = await trade.invoicing.make_due_statements()
    assert [one.state for one in drafts] == [DocumentState.DRAFT] * 2
    [seller] = await trade.entities.all()
    async with trade.database.work() as work:
        buyer = drafts[0].buyer
        assert buyer is not None
        await trade.customers.update(work, buyer.id, name=buyer.name, address=seller.address)
    done = [await trade.invoicing.finalise(one.id) for one in drafts]
    assert [(one.part, one.is_continued, len(one.proofs)) for one in done] == [(1, True, 3), (2, False, 2)]
    assert await trade.invoicing.make_due_statements() == []
