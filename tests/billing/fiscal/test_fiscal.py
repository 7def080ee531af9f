"""Fiscal devices: every document signed once, in order, under contiguous numbers, whatever the line does."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import select

from billing.fiscal.fake_ebm import FakeEbm
from billing.invoices.trade import GROSS, Trade, credit_of, record, terms
from ingufu.billing.fiscal.ebm.record import tax_of
from ingufu.billing.fiscal.model import (
    Device,
    DeviceKind,
    DeviceSettings,
    DeviceState,
    ItemCode,
    ReceiptState,
    TaxLabel,
)
from ingufu.billing.fiscal.service import Fiscal
from ingufu.billing.fiscal.tables import fiscal_receipts
from ingufu.billing.invoices.model import Document, DocumentState, Standing
from ingufu.billing.invoices.parties import Automatic, CustomerKind
from ingufu.billing.invoices.rendering.sheet import sheet
from ingufu.billing.invoices.service import Archive
from ingufu.billing.invoices.tables import documents
from ingufu.core.clock import FrozenClock
from ingufu.core.errors import InvalidInput
from ingufu.core.ids import IdMaker
from ingufu.infra.storage.database import Database
from ingufu.infra.vault import Vault

RWF = terms("RWF", "350", parking="1500", **GROSS)
LABELS = (
    TaxLabel(label="A", category="E"), TaxLabel(label="B", category="S", percent=Decimal(18)),
    TaxLabel(label="C", category="Z"), TaxLabel(label="D", category="O"),
)  # fmt: skip
ITEMS = {
    name: ItemCode(code=f"RW3NTXU000000{number}", class_code="5020230100")
    for number, name in enumerate(("energy", "time", "parking", "flat", "reservation"), 1)
}


def settings(url: str, **fields: Any) -> DeviceSettings:
    given = {"url": url, "tin": "102345678", "allows_private": True, "labels": LABELS, "items": ITEMS, "timeout_s": 15,
             "read_back_path": "/trnsSales/selectSale"}  # fmt: skip
    return DeviceSettings(**given | fields)


class Shop:
    """A seller whose documents need a device's signature."""

    def __init__(self, database: Database, clock: FrozenClock, ids: IdMaker, folder: Path) -> None:
        self.database = database
        self.clock = clock
        self.folder = folder
        self.ids = ids
        self.fiscal = self.process()
        self.trade = Trade(database, clock, ids, self.fiscal)

    def process(self) -> Fiscal:
        """Return the service as another process has it."""
        return Fiscal(self.database, self.clock, self.ids, Vault(self.folder / "key"), Archive(self.database))

    async def device(self, ebm: FakeEbm, kind: DeviceKind = DeviceKind.EBM_VSDC, **fields: Any) -> Device:
        async with self.database.work() as work:
            made = self.fiscal.create(
                work, organisation_id="org", kind=kind, name="Till", settings=settings(ebm.url, **fields)
            )
        await self.trade.seller(fiscal_device_id=made.id)
        return made

    async def sell(self, *numbers: int, **fields: Any) -> list[Document]:
        made = [
            record(f"r{number:03}", RWF, kwh=f"{number}.345", idle_min=number % 3 * 10, **fields) for number in numbers
        ]
        await self.trade.issue(*(msgspec.structs.replace(one, issued_at=self.clock.now()) for one in made))
        await self.trade.invoicing.sweep()
        return await self.all()

    async def all(self) -> list[Document]:
        rows = await self.database.select(select(documents.c.id).order_by(documents.c.sequence, documents.c.kind))
        return [await self.trade.documents.get(row["id"]) for row in rows]

    async def receipts(self) -> list[dict[str, Any]]:
        return await self.database.select(select(fiscal_receipts).order_by(fiscal_receipts.c.place))


@pytest.fixture
async def shop(database: Database, clock: FrozenClock, ids: IdMaker, tmp_path: Path) -> Shop:
    return Shop(database, clock, ids, tmp_path)


@pytest.fixture
async def ebm() -> AsyncIterator[FakeEbm]:
    async with FakeEbm() as running:
        yield running


async def test_no_receipt_without_reply_then_it_carries_what_the_device_said(shop: Shop, ebm: FakeEbm) -> None:
    device = await shop.device(ebm)
    [receipt] = await shop.sell(5)
    known = await shop.trade.documents.known(receipt.id)
    assert known.stamp is not None
    assert known.stamp.is_awaited
    assert "Awaiting" in sheet(receipt, stamp=known.stamp).warning
    assert await shop.fiscal.due() == [device.id]
    assert await shop.fiscal.drain(device.id) == 1
    stamp = (await shop.trade.documents.known(receipt.id)).stamp
    assert stamp is not None
    assert (stamp.receipt_number, stamp.receipt_kind, stamp.device_id) == ("1/1", "NS", "SDC010000001")
    assert stamp.qr == "01032026#140000#SDC010000001#1#VTE6JDBTWRE2NYB3Z7QNFIRDLE#V249J39CFPT40001"
    assert sheet(receipt, stamp=stamp).warning == ""
    assert await shop.fiscal.due() == []


async def test_francs_are_told_with_two_decimals_of_tax(shop: Shop, ebm: FakeEbm) -> None:
    device = await shop.device(ebm)
    [receipt] = await shop.sell(5)  # 5.345 kWh at 350 and 20 minutes at 1500: 1,871 + 500 francs
    await shop.fiscal.drain(device.id)
    sale = ebm.sales[1]
    assert receipt.gross == 2371
    assert (sale["totAmt"], sale["taxblAmtB"], sale["taxAmtB"], sale["totTaxAmt"]) == tuple(
        Decimal(text) for text in ("2371.00", "2371.00", "361.68", "361.68")
    )
    assert [item["taxAmt"] for item in sale["itemList"]] == [Decimal("285.41"), Decimal("76.27")]
    assert tax_of(Decimal(118), Decimal(18)) == Decimal("18.00")
    assert (sale["salesTyCd"], sale["rcptTyCd"], sale["salesDt"], sale["orgInvcNo"]) == ("N", "S", "20260301", 0)


async def test_outage_queues_and_drains_in_order(shop: Shop, ebm: FakeEbm) -> None:
    device = await shop.device(ebm)
    ebm.is_out = True
    made = await shop.sell(1, 2, 3, 4)
    for _ in range(3):
        assert await shop.fiscal.drain(device.id) == 0
        shop.clock.advance(60)
    waiting = await shop.fiscal.get(device.id)
    assert (waiting.state, waiting.tries) == (DeviceState.WAITING, 3)
    assert "894" in waiting.problem
    assert len(ebm.asked) == 4  # once initialised, and one sale a try
    ebm.is_out = False
    shop.clock.advance(600)
    assert await shop.fiscal.drain(device.id) == 4
    assert [sale["remark"] for sale in ebm.sales.values()] == [one.number for one in made]
    assert list(ebm.sales) == [1, 2, 3, 4]
    assert (await shop.fiscal.get(device.id)).state is DeviceState.READY


async def test_waits_grow_and_a_device_is_not_asked_before(shop: Shop, ebm: FakeEbm) -> None:
    device = await shop.device(ebm)
    ebm.is_out = True
    await shop.sell(1)
    waits = []
    for _ in range(6):
        await shop.fiscal.drain(device.id)
        known = await shop.fiscal.get(device.id)
        waits.append((known.try_at - shop.clock.now()).total_seconds())
        assert await shop.fiscal.due() == []
        shop.clock.set(known.try_at)
        assert await shop.fiscal.due() == [device.id]
    assert waits == [2, 4, 8, 16, 32, 64]


async def test_lost_answer_is_read_back_and_counts_once(shop: Shop, ebm: FakeEbm) -> None:
    device = await shop.device(ebm)
    ebm.loses = 1
    first, second = await shop.sell(1, 2)
    assert await shop.fiscal.drain(device.id) == 0
    assert list(ebm.sales) == [1]  # it has signed, and nobody heard it
    shop.clock.advance(60)
    assert await shop.fiscal.drain(device.id) == 2
    assert [ebm.sales[number]["remark"] for number in (1, 2)] == [first.number, second.number]
    stamps = await shop.fiscal.stamps([first.id, second.id])
    assert [stamps[one.id].signature for one in (first, second)] == ["V249J39CFPT40001", "V249J39CFPT40002"]


class Desk:
    """Somebody who touches a device while it is asked for something."""

    def __init__(self, shop: Shop, device: Device) -> None:
        self.shop = shop
        self.device = device

    async def resume(self) -> None:
        async with self.shop.database.work() as work:
            await self.shop.fiscal.resume(work, self.device.id)

    async def rename(self) -> None:
        async with self.shop.database.work() as work:
            await self.shop.fiscal.update(work, self.device.id, name="Front till")

    async def move(self) -> None:
        """Say that the device is another one, which has to be initialised."""
        moved = msgspec.structs.replace(self.device.settings, serial="another")
        async with self.shop.database.work() as work:
            await self.shop.fiscal.update(work, self.device.id, settings=moved)

    async def probe(self) -> None:
        await self.shop.process().probe(self.device.id)


@pytest.mark.parametrize("touch", [Desk.resume, Desk.rename, Desk.move, Desk.probe])
async def test_signature_is_kept_though_somebody_touches_the_device_meanwhile(
    shop: Shop, ebm: FakeEbm, touch: Callable[[Desk], Awaitable[None]]
) -> None:
    device = await shop.device(ebm, read_back_path="")
    await shop.sell(1)
    await shop.fiscal.drain(device.id)
    first, second, third = await shop.sell(2, 3)
    ebm.meanwhile = lambda: touch(Desk(shop, device))
    assert await shop.fiscal.drain(device.id) == 2
    sales = [body["invcNo"] for path, body in ebm.asked if path == "/trnsSales/saveSales"]
    assert sales == [1, 2, 3]  # each was asked for once
    stamps = await shop.fiscal.stamps([first.id, second.id, third.id])
    assert [one.signature[-1] for one in stamps.values()] == ["1", "2", "3"]
    known = await shop.fiscal.get(device.id)
    assert (known.state, known.next_number) == (DeviceState.READY, 4)
    assert known.name == ("Front till" if touch is Desk.rename else "Till")
    assert known.settings.serial == ("another" if touch is Desk.move else "")


async def test_refusal_and_outage_are_kept_though_somebody_touches_the_device_meanwhile(
    shop: Shop, ebm: FakeEbm
) -> None:
    device = await shop.device(ebm)
    await shop.fiscal.probe(device.id)
    desk = Desk(shop, device)
    await shop.sell(1)
    ebm.is_out, ebm.meanwhile = True, desk.rename
    assert await shop.fiscal.drain(device.id) == 0
    waiting = await shop.fiscal.get(device.id)
    assert (waiting.state, waiting.name) == (DeviceState.WAITING, "Front till")
    shop.clock.advance(60)
    ebm.is_out, ebm.code, ebm.meanwhile = False, "881", desk.resume
    assert await shop.fiscal.drain(device.id) == 0
    stopped = await shop.fiscal.get(device.id)
    assert stopped.state is DeviceState.STOPPED
    assert "881" in stopped.problem


async def test_what_an_address_said_does_not_stop_the_next_one(shop: Shop, ebm: FakeEbm) -> None:
    device = await shop.device(ebm)
    await shop.fiscal.probe(device.id)
    [receipt] = await shop.sell(1)
    ebm.code, ebm.meanwhile = "881", Desk(shop, device).move
    assert await shop.fiscal.drain(device.id) == 0
    assert (await shop.fiscal.get(device.id)).state is DeviceState.NEW
    ebm.code = None
    assert await shop.fiscal.drain(device.id) == 1
    assert ebm.sales[1]["remark"] == receipt.number


async def test_key_of_an_on_line_device_is_kept_though_somebody_touches_it_meanwhile(shop: Shop) -> None:
    async with FakeEbm(key="very-secret") as ebm:
        device = await shop.device(ebm, DeviceKind.EBM_OSDC)
        await shop.sell(1)
        ebm.meanwhile = Desk(shop, device).rename
        assert await shop.fiscal.drain(device.id) == 1
        assert [path for path, _ in ebm.asked] == ["/selectInitOsdcInfo", "/saveTrnsSalesOsdc"]
        assert (await shop.fiscal.get(device.id)).name == "Front till"


async def test_what_another_address_said_of_itself_is_not_kept(shop: Shop, ebm: FakeEbm) -> None:
    device = await shop.device(ebm)
    ebm.last = 41
    ebm.meanwhile = Desk(shop, device).move
    known = await shop.fiscal.probe(device.id)
    assert (known.state, known.next_number, known.settings.serial) == (DeviceState.NEW, 1, "another")


async def test_number_that_a_device_expects_is_kept_though_somebody_touches_it_meanwhile(
    shop: Shop, ebm: FakeEbm
) -> None:
    device = await shop.device(ebm)
    await shop.fiscal.probe(device.id)
    [receipt] = await shop.sell(1)
    ebm.last = 45  # somebody else used it
    ebm.sales[1] = {"data": {"rcptSign": "NOT-OURS", "rcptNo": 1}, "totAmt": 1, "rcptTyCd": "S"}
    ebm.meanwhile = Desk(shop, device).rename
    assert await shop.fiscal.drain(device.id) == 1
    assert ebm.sales[46]["remark"] == receipt.number


async def test_kill_between_sending_and_storing_sends_the_same_again(shop: Shop, ebm: FakeEbm) -> None:
    device = await shop.device(ebm)
    first, second = await shop.sell(1, 2)
    killed = shop.process()

    async def die(*_: object) -> bool:
        raise asyncio.CancelledError

    killed._settle = die  # type: ignore[method-assign]
    with pytest.raises(asyncio.CancelledError):
        await killed.drain(device.id)
    [sent, queued] = await shop.receipts()
    assert (sent["state"], queued["state"]) == ("sent", "queued")
    shop.clock.advance(300)  # what the dead process had taken hold of is free again
    assert await shop.process().drain(device.id) == 2
    sales = [body for path, body in ebm.asked if path == "/trnsSales/saveSales"]
    assert sales[0] == sales[1]
    assert [ebm.sales[number]["remark"] for number in (1, 2)] == [first.number, second.number]


async def test_two_processes_never_talk_to_a_device_at_once(shop: Shop, ebm: FakeEbm) -> None:
    device = await shop.device(ebm)
    await shop.sell(*range(1, 9))
    counts = await asyncio.gather(*(shop.process().drain(device.id) for _ in range(3)))
    while (await shop.fiscal.lengths()).get(device.id):
        await shop.fiscal.drain(device.id)
    assert max(counts) <= 8
    sales = [body["invcNo"] for path, body in ebm.asked if path == "/trnsSales/saveSales"]
    assert sales == list(range(1, 9))


async def test_sequence_trouble_goes_on_where_the_device_is(shop: Shop, ebm: FakeEbm) -> None:
    ebm.last = 41  # used before by something else
    device = await shop.device(ebm)
    await shop.sell(1)
    assert await shop.fiscal.drain(device.id) == 1
    assert list(ebm.sales) == [42]
    ebm.last = 45  # somebody else used three numbers
    ebm.sales[43] = {"data": {"rcptSign": "NOT-OURS", "rcptNo": 43}, "totAmt": 1, "rcptTyCd": "S"}
    await shop.sell(2)
    assert await shop.fiscal.drain(device.id) == 1
    assert max(ebm.sales) == 46
    ebm.last = 44  # it expects a number that is gone, as after a restore of an old copy
    await shop.sell(3)
    assert await shop.fiscal.drain(device.id) == 1
    ebm.last = 41
    await shop.sell(4)
    assert await shop.fiscal.drain(device.id) == 0
    assert (await shop.fiscal.get(device.id)).state is DeviceState.STOPPED


async def test_a_refusal_stops_the_queue_until_somebody_has_looked(shop: Shop, ebm: FakeEbm) -> None:
    device = await shop.device(ebm)
    ebm.code = "881"
    made = await shop.sell(1, 2)
    assert await shop.fiscal.drain(device.id) == 0
    stopped = await shop.fiscal.get(device.id)
    assert (stopped.state, await shop.fiscal.due()) == (DeviceState.STOPPED, [])
    assert "881" in stopped.problem
    shop.clock.advance(6000)
    assert await shop.fiscal.drain(device.id) == 0
    ebm.code = None
    async with shop.database.work() as work:
        await shop.fiscal.resume(work, device.id)
    assert await shop.fiscal.drain(device.id) == 2
    assert [sale["remark"] for sale in ebm.sales.values()] == [one.number for one in made]


async def test_refund_names_the_number_of_its_original_and_is_told_once(shop: Shop, ebm: FakeEbm) -> None:
    device = await shop.device(ebm)
    original = record("r1", RWF, idle_min=20)
    await shop.trade.issue(original)
    await shop.trade.invoicing.sweep()
    [receipt] = await shop.all()
    await shop.trade.issue(credit_of(original, "c1", issued_at=shop.clock.now()))
    await shop.trade.invoicing.sweep()
    assert await shop.fiscal.drain(device.id) == 2  # both were queued before the device was heard of
    sale, refund = ebm.sales[1], ebm.sales[2]
    assert (refund["rcptTyCd"], refund["orgInvcNo"], refund["totAmt"]) == ("R", 1, sale["totAmt"])
    [note] = (await shop.trade.documents.known(receipt.id)).credits
    stamp = (await shop.fiscal.stamps([note.id]))[note.id]
    assert stamp.receipt_kind == "NR"


async def test_second_refund_of_a_receipt_is_refused_before_it_has_a_number(shop: Shop, ebm: FakeEbm) -> None:
    await shop.device(ebm)
    [receipt] = await shop.sell(2)  # two lines
    await shop.trade.documents.credit(receipt.id, reason="energy", positions=[1])
    with pytest.raises(InvalidInput, match="one refund"):
        await shop.trade.documents.credit(receipt.id, reason="parking", positions=[2])


async def test_credit_of_a_record_that_the_device_refuses_stays_a_draft(shop: Shop, ebm: FakeEbm) -> None:
    device = await shop.device(ebm)
    await shop.trade.customer(automatic=Automatic.MONTHLY)
    made = [record(f"r{number}", RWF, kwh=f"{number}", driver_id="driver-1") for number in (1, 2, 3)]
    await shop.trade.issue(*made)
    await shop.trade.invoicing.sweep()
    [statement] = await shop.trade.invoicing.make_due_statements()
    for one in made[:2]:
        shop.clock.advance(60)
        await shop.trade.issue(credit_of(one, f"c-{one.id}", issued_at=shop.clock.now()))
        for _ in range(3):
            await shop.trade.invoicing.sweep()
    known = await shop.trade.documents.known(statement.id)
    assert [(note.state, note.payable) for note in known.credits] == [
        (DocumentState.FINALISED, made[0].gross),
        (DocumentState.DRAFT, made[1].gross),
    ]
    assert "one refund" in known.credits[1].problem
    assert (known.standing, known.credited_positions) == (Standing.OPEN, {1, 2})
    assert await shop.trade.invoicing.sweep() == 0
    assert await shop.fiscal.drain(device.id) == 2
    with pytest.raises(InvalidInput, match="one refund"):
        await shop.trade.invoicing.finalise(known.credits[1].id)
    await shop.trade.documents.void(known.credits[1].id)
    await shop.trade.invoicing.sweep()
    again = await shop.trade.documents.known(statement.id)
    assert (len(again.credits), again.credited_positions) == (1, {1})


async def test_session_that_was_corrected_within_its_month_does_not_keep_the_month_a_draft(
    shop: Shop, ebm: FakeEbm
) -> None:
    device = await shop.device(ebm)
    await shop.trade.customer(automatic=Automatic.MONTHLY)
    first, second = (record(f"r{number}", RWF, kwh=f"{number}", driver_id="driver-1") for number in (1, 2))
    await shop.trade.issue(first, second, credit_of(first, "c1"))
    await shop.trade.invoicing.sweep()
    [statement] = await shop.trade.invoicing.make_due_statements()
    assert (statement.state, statement.payable) == (DocumentState.FINALISED, second.gross)
    await shop.trade.invoicing.sweep()
    assert len(await shop.all()) == 1
    assert await shop.fiscal.drain(device.id) == 1


async def test_what_the_device_cannot_take_stays_a_draft(shop: Shop, ebm: FakeEbm) -> None:
    await shop.device(ebm)
    await shop.trade.issue(record("r1", terms("RWF", "350", percent="5")))
    await shop.trade.invoicing.sweep()
    assert await shop.receipts() == []
    assert [one.number for one in await shop.all()] == [""]
    assert "no label" in (await shop.all())[0].problem


@pytest.mark.parametrize(
    "says",
    [
        b"",
        b"<html>",
        b"[]",
        b"null",
        b'{"resultCd": 0}',
        b'{"resultCd": "000", "data": {"rcptSign": ["x"]}}',
        b"\xff" * 100,
    ],
)
async def test_nonsense_from_the_device_never_becomes_a_signature(shop: Shop, ebm: FakeEbm, says: bytes) -> None:
    device = await shop.device(ebm)
    await shop.fiscal.probe(device.id)
    await shop.sell(1)
    ebm.says = says
    assert await shop.fiscal.drain(device.id) == 0
    assert [one["state"] for one in await shop.receipts()] != [ReceiptState.SIGNED.value]


async def test_on_line_device_is_given_its_key_which_is_kept_sealed(shop: Shop) -> None:
    async with FakeEbm(key="very-secret") as ebm:
        device = await shop.device(ebm, DeviceKind.EBM_OSDC)
        await shop.sell(1)
        assert await shop.fiscal.drain(device.id) == 1
        assert {path for path, _ in ebm.asked} == {"/selectInitOsdcInfo", "/saveTrnsSalesOsdc"}
        known = await shop.fiscal.get(device.id)
        assert "very-secret" not in known.sealed
        assert known.sealed


async def test_buyer_is_named_only_with_their_purchase_code(shop: Shop, ebm: FakeEbm) -> None:
    device = await shop.device(ebm)
    fleet = await shop.trade.customer(kind=CustomerKind.BUSINESS, tax_id="108765432")
    seller = (await shop.trade.entities.all())[0]
    for number, code in ((1, ""), (2, "P-77")):
        one = record(f"r{number}", RWF)
        await shop.trade.issue(one)
        draft = await shop.trade.invoicing.draft(
            legal_entity_id=seller.id, record_ids=[one.id], customer_id=fleet.id, purchase_code=code
        )
        await shop.trade.documents.finalise(draft.id)
    await shop.fiscal.drain(device.id)
    assert [(sale["custTin"], sale["prcOrdCd"]) for sale in ebm.sales.values()] == [(None, None), ("108765432", "P-77")]


async def test_private_addresses_are_asked_only_where_that_is_said(shop: Shop, ebm: FakeEbm) -> None:
    device = await shop.device(ebm, allows_private=False)
    await shop.sell(1)
    assert await shop.fiscal.drain(device.id) == 0
    known = await shop.fiscal.get(device.id)
    assert "private network" in known.problem
    assert ebm.asked == []
    async with shop.database.work() as work:
        await shop.fiscal.update(work, device.id, settings=msgspec.structs.replace(known.settings, allows_private=True))
        # a device that stopped is tried again when somebody says so
    async with shop.database.work() as work:
        await shop.fiscal.resume(work, device.id)
    assert await shop.fiscal.drain(device.id) == 1
    assert shop.clock.now() < known.try_at + timedelta(days=1)
