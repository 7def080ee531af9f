"""Fiscal devices: what is finalised waits in its device's queue, and is signed in that order, each once."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import TypedDict, Unpack

import msgspec
import structlog

from ingufu.billing.fiscal import decide, store
from ingufu.billing.fiscal.ebm import record
from ingufu.billing.fiscal.ebm.client import Ebm
from ingufu.billing.fiscal.events import FiscalDeviceStopped, ReceiptSigned
from ingufu.billing.fiscal.model import (
    Answer,
    AnswerKind,
    Device,
    DeviceKind,
    DeviceSettings,
    DeviceState,
    Receipt,
    ReceiptState,
    Told,
)
from ingufu.billing.fiscal.ports import FiscalDevice
from ingufu.billing.invoices.model import Document, DocumentKind, FiscalStamp
from ingufu.billing.invoices.ports import DocumentSource
from ingufu.core.clock import Clock
from ingufu.core.errors import Conflict, InvalidInput, NotFound
from ingufu.core.ids import IdMaker
from ingufu.infra.storage.database import Database, Work
from ingufu.infra.vault import Vault

LEASE_SPARE_S = 30.0  # beyond what the device may take to answer
QUEUE_SHOWN = 200
REUSED = "The device wants a number that it has signed before. If it was installed anew, enter it as a new device."

log = structlog.get_logger(__name__)
replace = msgspec.structs.replace


class DeviceFields(TypedDict, total=False):
    """What people enter about a device."""

    name: str
    settings: DeviceSettings


class Fiscal:
    """Implements `billing.invoices.ports.Signing`."""

    def __init__(self, database: Database, clock: Clock, ids: IdMaker, vault: Vault, documents: DocumentSource) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._vault = vault
        self._documents = documents
        self._holder = ids.new()  # this process, among those that might talk to a device

    async def devices(self) -> list[Device]:
        return await store.find_devices(self._database)

    async def get(self, device_id: str) -> Device:
        """Raises NotFound."""
        found = await store.find_device(self._database, device_id)
        if found is None:
            raise NotFound("There is no such fiscal device.")
        return found

    async def queue(self, device_id: str) -> list[Receipt]:
        """Return what waits to be signed, the next first."""
        return await store.find_queue(self._database, device_id, QUEUE_SHOWN)

    async def lengths(self) -> dict[str, int]:
        """Return how many documents wait, by device."""
        return await store.find_lengths(self._database)

    def create(
        self, work: Work, *, organisation_id: str, kind: DeviceKind, name: str, settings: DeviceSettings
    ) -> Device:
        """Return the new device; it is initialised before it signs its first receipt. Raises InvalidInput."""
        now = self._clock.now()
        device = Device(
            id=self._ids.new(),
            organisation_id=organisation_id,
            kind=kind,
            name=name.strip()[:100],
            settings=settings,
            try_at=now,
            told=Told(),
            created_at=now,
            updated_at=now,
        )
        decide.check(device)
        store.add_device(work, device)
        return device

    async def update(self, work: Work, device_id: str, **fields: Unpack[DeviceFields]) -> Device:
        """Return the device with what changed; one whose address or number changed is initialised anew.

        Raises NotFound, InvalidInput; Conflict at the commit.
        """
        before = await self.get(device_id)
        after = replace(before, updated_at=self._clock.now(), **fields)
        decide.check(after)
        if decide.place(before.settings) != decide.place(after.settings):
            after = replace(after, state=DeviceState.NEW, sealed="", problem="")
        store.change_device(work, after)
        return after

    async def resume(self, work: Work, device_id: str) -> Device:
        """Have a device that stopped be tried again, with what is queued made anew from its settings.

        Raises NotFound; Conflict at the commit.
        """
        before = await self.get(device_id)
        state = before.state if before.state is DeviceState.NEW else DeviceState.READY
        after = replace(before, state=state, problem="", tries=0, try_at=self._clock.now())
        store.change_device(work, after)
        return after

    # What finalised documents need (`Signing`)

    async def submit(self, work: Work, document: Document) -> None:
        """Queue the document, if its seller has a device. Raises InvalidInput if the device could not take it."""
        device_id = document.seller.fiscal_device_id
        device = await store.find_device(self._database, device_id) if device_id else None
        if device is None:
            return
        if document.kind is DocumentKind.CREDIT_NOTE and not await self._can_refund(document, device):
            return
        record.check(document, device.settings)
        place = await store.find_last_place(self._database, device.id) + 1
        receipt = Receipt(document_id=document.id, device_id=device.id, place=place, queued_at=self._clock.now())
        store.add(work, receipt)

    async def stamps(self, document_ids: Sequence[str]) -> Mapping[str, FiscalStamp]:
        """Return what was answered, or is awaited."""
        if not document_ids:
            return {}
        found = await store.find_receipts(self._database, document_ids)
        return {
            one.document_id: one.stamp or FiscalStamp(device=one.device_id, is_awaited=True, problem=one.problem)
            for one in found
        }

    # The queues

    async def due(self) -> list[str]:
        """Return the devices that have something to sign, or to be initialised for, and may be tried now."""
        now, lengths = self._clock.now(), await self.lengths()
        return [
            device.id
            for device in await self.devices()
            if device.state is not DeviceState.STOPPED
            and device.try_at <= now
            and (lengths.get(device.id, 0) or device.state is DeviceState.NEW)
        ]

    async def drain(self, device_id: str) -> int:
        """Have what is queued signed, until nothing is left or the device cannot; return how many were.

        If another process talks to the device, nothing is done.
        """
        if not await self._lease(await self.get(device_id)):
            return 0
        count = 0
        try:
            while await self._step(device_id):
                count += 1
        finally:
            async with self._database.work() as work:
                store.release(work, device_id, self._holder, self._clock.now())
        return count

    async def probe(self, device_id: str) -> Device:
        """Ask the device whether it is there, and keep what it says of itself. Raises NotFound."""
        device = await self.get(device_id)
        answer = await self._adapter(device).status()
        return await self._initialised(device, answer)

    async def _step(self, device_id: str) -> bool:
        """Sign the head of the queue; False if there is none, or the device cannot now."""
        device = await self.get(device_id)
        if device.state is DeviceState.STOPPED or device.try_at > self._clock.now():
            return False
        if device.state is DeviceState.NEW:
            device = await self._initialised(device, await self._adapter(device).init())
            if device.state is not DeviceState.READY:
                return False
        head = await store.find_head(self._database, device_id)
        if head is None or not await self._lease(device):
            return False
        if head.state is ReceiptState.QUEUED:
            head = await self._write(device, head)
            if head is None:
                return False
        return await self._settle(device, head, await self._adapter(device).issue(head.request or ""))

    async def _write(self, device: Device, head: Receipt) -> Receipt | None:
        """Keep what is going to be sent, with its number, before it is: whoever comes after a crash sends the same."""
        document = await self._documents.get(head.document_id)
        original = None
        if document.corrects is not None:
            signed = await store.find_receipt(self._database, document.corrects.document_id)
            original = signed.number if signed else None
        try:
            record.check(document, device.settings)
            request = record.write(
                document,
                device.settings,
                number=device.next_number,
                original=original,
                key=self._key(device),
                now=self._clock.now(),
            )
        except InvalidInput as error:
            await self._stop(device, head, error.message)
            return None
        written = replace(head, number=device.next_number, request=request, state=ReceiptState.SENT)
        work = self._database.work()
        store.change(work, written)
        try:
            await work.commit()
        except Conflict:
            await self._stop(device, head, REUSED)
            return None
        return written

    async def _settle(self, device: Device, head: Receipt, answer: Answer) -> bool:
        """Do what the answer asks for; True if the receipt is signed."""
        if answer.kind is AnswerKind.SIGNED and answer.stamp is not None:
            return await self._sign(device, head, answer.stamp)
        if answer.kind is AnswerKind.DUPLICATE:
            return await self._take_back(device, head, answer)
        if answer.kind is AnswerKind.SEQUENCE:
            return await self._renumber(device, head, answer)
        if answer.kind is AnswerKind.UNREACHABLE:
            await self._wait(device, head, answer.message)
            return False
        await self._stop(device, head, answer.message)
        return False

    async def _sign(self, device: Device, head: Receipt, stamp: FiscalStamp) -> bool:
        document = await self._documents.get(head.document_id)
        now = self._clock.now()
        number = head.number or device.next_number
        signed = replace(
            head,
            state=ReceiptState.SIGNED,
            stamp=replace(stamp, receipt_kind=record.kind_of(document)),
            problem="",
            signed_at=now,
        )

        def write(work: Work, current: Device) -> None:
            store.change(work, signed)
            store.change_device(work, decide.signed(current, number, now))
            work.emit(ReceiptSigned(occurred_at=now, document=head.document_id, device=device.id, number=number))

        await self._keep(device, write)
        log.info("fiscal.signed", document=head.document_id, device=device.id, number=number)
        return True

    async def _take_back(self, device: Device, head: Receipt, answer: Answer) -> bool:
        """Read what the device has under our number: ours, if the answer to it was lost; else the number is taken."""
        number = head.number or device.next_number
        read = await self._adapter(device).read_back(number)
        if read.kind is AnswerKind.SIGNED and read.stamp is not None:
            document = await self._documents.get(head.document_id)
            if read.total is None or read.total == sum(line.gross for line in document.lines):
                return await self._sign(device, head, read.stamp)
            return await self._renumber(device, head, answer)
        if read.kind is AnswerKind.UNREACHABLE:
            await self._wait(device, head, read.message)
            return False
        await self._stop(device, head, f"{answer.message}; {read.message}")
        return False

    async def _renumber(self, device: Device, head: Receipt, answer: Answer) -> bool:
        """Go on with the number that the device expects, which it tells when it is initialised."""
        told = await self._adapter(device).init()
        last = told.told.last_number if told.told else None
        if told.kind is AnswerKind.UNREACHABLE:
            await self._wait(device, head, told.message)
            return False
        if last is None or last + 1 == head.number:
            await self._stop(device, head, answer.message)
            return False
        if head.number is not None and head.number <= last and answer.kind is AnswerKind.SEQUENCE:
            return await self._take_back(device, head, Answer(kind=AnswerKind.DUPLICATE, message=answer.message))
        now = self._clock.now()

        def write(work: Work, current: Device) -> None:
            store.change(work, replace(head, state=ReceiptState.QUEUED, number=None, request=None))
            store.change_device(work, replace(current, next_number=last + 1, updated_at=now))

        await self._keep(device, write)
        log.warning("fiscal.renumbered", device=device.id, before=head.number, after=last + 1)
        return await self._step(device.id)

    async def _wait(self, device: Device, head: Receipt, why: str) -> None:
        now = self._clock.now()

        def write(work: Work, current: Device) -> None:
            store.change(work, replace(head, problem=why))
            if decide.is_open(current):
                store.change_device(work, replace(decide.waiting(current, why, now), state=DeviceState.WAITING))

        await self._keep(device, write)
        log.warning("fiscal.waiting", device=device.id, why=why, seconds=decide.wait_s(device))

    async def _stop(self, device: Device, head: Receipt, why: str) -> None:
        """Send nothing more until a person has looked; what was refused gets the same number when it goes again."""
        now = self._clock.now()

        def write(work: Work, current: Device) -> None:
            store.change(work, replace(head, state=ReceiptState.QUEUED, number=None, request=None, problem=why))
            if decide.is_open(current):
                store.change_device(work, replace(current, state=DeviceState.STOPPED, problem=why, updated_at=now))
                work.emit(FiscalDeviceStopped(occurred_at=now, device=device.id, problem=why))

        await self._keep(device, write)
        log.error("fiscal.stopped", device=device.id, why=why)

    async def _initialised(self, device: Device, answer: Answer) -> Device:
        now = self._clock.now()
        sealed = self._vault.seal(answer.key, device.id) if answer.key else ""

        def write(work: Work, current: Device) -> None:
            if decide.place(current.settings) == decide.place(device.settings):  # else another one was asked
                store.change_device(work, decide.initialised(current, answer, sealed, now))

        await self._keep(device, write)
        return await self.get(device.id)

    async def _keep(self, device: Device, write: Callable[[Work, Device], None]) -> None:
        """Store what the device answered, which it says once: on what stands now, if somebody changed it meanwhile.

        Raises Conflict if it is the receipt that has changed.
        """
        while True:
            work = self._database.work()
            write(work, device)
            try:
                await work.commit()
            except Conflict:
                current = await self.get(device.id)
                if current.version == device.version:
                    raise
                device = current
            else:
                return

    async def _can_refund(self, document: Document, device: Device) -> bool:
        """Return whether the device knows the original. Raises InvalidInput if it was refunded before."""
        original = document.corrects.document_id if document.corrects else ""
        known = await store.find_receipt(self._database, original)
        if known is None or known.device_id != device.id:
            return False  # it was never told to this device
        notes = await self._documents.credits_of(original)
        if any(one.id != document.id for one in notes) and await store.find_receipts(
            self._database, [one.id for one in notes if one.id != document.id]
        ):
            raise InvalidInput("The fiscal device takes one refund of a receipt, and has it.", field="lines")
        return True

    async def _lease(self, device: Device) -> bool:
        now = self._clock.now()
        until = now + timedelta(seconds=device.settings.timeout_s * 3 + LEASE_SPARE_S)
        work = self._database.work()
        store.lease(work, device.id, self._holder, now, until)
        try:
            await work.commit()
        except Conflict:
            return False
        return True

    def _adapter(self, device: Device) -> FiscalDevice:
        return Ebm(device.id, device.kind, device.settings, device.told, self._key(device))

    def _key(self, device: Device) -> str:
        return self._vault.open(device.sealed, device.id) if device.sealed else ""
