"""From charge records to documents, by themselves: receipts at once, statements when a month is over, credit notes."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
import structlog

from ingufu.billing.invoices import compose
from ingufu.billing.invoices.compose import Draft
from ingufu.billing.invoices.model import Document, DocumentKind, DocumentState
from ingufu.billing.invoices.parties import Automatic, Customer, LegalEntity
from ingufu.billing.invoices.ports import RecordSource, RegisterSource
from ingufu.billing.invoices.service.customers import Customers
from ingufu.billing.invoices.service.documents import Documents
from ingufu.billing.invoices.service.entities import LegalEntities
from ingufu.billing.invoices.store import documents as store
from ingufu.billing.records.model import ChargeRecord, RecordKind
from ingufu.core.clock import Clock
from ingufu.core.errors import Conflict, IngufuError, InvalidInput, NotFound, Unavailable
from ingufu.core.ids import IdMaker
from ingufu.infra.storage.database import Database, Work

OVERLAP = timedelta(hours=1)  # a record may be seen later than its instant says: a slow commit, a clock put right
PORTION = 200
SWEEP = "records"
CORRECTION = "correction"  # a word that each language has on documents
BACK_AT_FIRST = timedelta(days=31)  # what was charged before there was invoicing is left to people

log = structlog.get_logger(__name__)
replace = msgspec.structs.replace


class Invoicing:
    """Bills charge records: each is kept with what becomes of it, so that none is billed twice or forgotten."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        ids: IdMaker,
        *,
        records: RecordSource,
        registers: RegisterSource,
        entities: LegalEntities,
        customers: Customers,
        documents: Documents,
    ) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._records = records
        self._registers = registers
        self._entities = entities
        self._customers = customers
        self._documents = documents

    async def bill(self, record: ChargeRecord) -> Document | None:
        """Do with a charge record what its seller and customer want; once, however often it is called.

        Returns the document that was made now, finalised unless something on it is missing.
        """
        if await store.find_record(self._database, record.id) is not None:
            return None
        if record.kind is RecordKind.CREDIT:  # of whoever sold, which may be nobody by now
            return await self._take_back(record)
        seller = await self._entities.find_for(record.snapshot.site_id, record.organisation_id)
        if seller is None:
            await self._note(record, Automatic.NONE, note="no legal entity sells here")
            return None
        buyer = await self._customers.find_for(record.snapshot.driver_id, record.snapshot.group_id)
        mode = compose.automatic(seller, buyer)
        if mode is not Automatic.RECEIPT or not record.gross:
            outcome = mode if record.gross else Automatic.NONE
            await self._note(record, outcome, seller, buyer, note="" if record.gross else "nothing to pay")
            return None
        document = await self._compose((record,), seller, buyer, kind=compose.kind_for(buyer))
        return await self._documents.make(
            document,
            lambda work: store.note_record(
                work,
                record,
                outcome=Automatic.RECEIPT,
                entity_id=seller.id,
                customer_id=buyer.id if buyer else None,
                document_id=document.id,
            ),
            keeps_draft=True,
        )

    async def begin(self, at: datetime) -> None:
        """Leave to people what was issued before: only what comes from then on is billed by itself."""
        async with self._database.work() as work:
            store.reach(work, SWEEP, at + OVERLAP)

    async def draft(
        self,
        *,
        legal_entity_id: str,
        record_ids: Sequence[str],
        customer_id: str | None = None,
        kind: DocumentKind = DocumentKind.INVOICE,
        purchase_code: str = "",
        by: str = "",
    ) -> Document:
        """Return the draft of a document over charge records that none bills yet, and that still stand.

        Raises NotFound, InvalidInput, and Conflict if one of them is billed already.
        """
        if kind not in {DocumentKind.INVOICE, DocumentKind.RECEIPT}:
            raise InvalidInput("A draft is a receipt or an invoice.", field="kind")
        if len(set(record_ids)) != len(record_ids):
            raise InvalidInput("A charge record is named twice.", field="charge_record_ids")
        seller = await self._entities.get(legal_entity_id)
        buyer = await self._customers.get(customer_id) if customer_id else None
        records = [await self._records.get(record_id) for record_id in record_ids]
        if any(record.organisation_id != seller.organisation_id for record in records):
            raise InvalidInput("A charge record belongs to another organisation.", field="charge_record_ids")
        if await store.find_taken_back(self._database, record_ids):
            raise InvalidInput("A charge record was taken back.", field="charge_record_ids")
        document = await self._compose(tuple(records), seller, buyer, kind=kind, purchase_code=purchase_code, by=by)
        async with self._database.work() as work:
            self._documents.keep(work, document)
            for record in records:
                await self._claim(work, record, document, seller, buyer)
        return document

    async def finalise(self, document_id: str) -> Document:
        """Return the document with its number, given now if it has none yet.

        A draft is made anew from its charge records first, with the seller and the buyer as they are now: what was
        missing may have been entered since. Raises NotFound; Conflict if it was given up, or a record was taken back
        (of a statement the credit follows: the others on it are still owed); InvalidInput.
        """
        draft = await self._documents.get(document_id)
        if draft.state is not DocumentState.DRAFT or draft.kind is DocumentKind.CREDIT_NOTE:
            return await self._documents.finalise(document_id)
        billed = [proof.record_id for proof in draft.proofs]
        is_statement = draft.kind is DocumentKind.STATEMENT
        if not is_statement and await store.find_taken_back(self._database, billed):
            raise Conflict("A charge record on it was taken back: give up the draft.")
        fresh = await self._compose(
            tuple([await self._records.get(record_id) for record_id in billed]),
            await self._entities.get(draft.seller.id),
            await self._customers.get(draft.buyer.id) if draft.buyer else None,
            kind=draft.kind,
            period=draft.period,
            purchase_code=draft.purchase_code,
            by=draft.created_by,
        )
        same = {name: getattr(draft, name) for name in ("id", "code", "created_at", "part", "is_continued")}
        document = replace(fresh, **same)
        return await self._documents.issue(document, lambda work: store.rewrite_lines(work, document))

    async def statement(
        self, *, legal_entity_id: str, customer_id: str, period: str, currency: str, by: str = ""
    ) -> Document:
        """Return the customer's statement of a calendar month: all that was charged until its end and is not billed.

        What one document does not hold is on further ones, made with it; the first is returned. Made once: asked
        again, it is the same. Raises NotFound; InvalidInput if the month is not over; Conflict if there is nothing to
        bill.
        """
        seller, buyer = await self._entities.get(legal_entity_id), await self._customers.get(customer_id)
        await self._state_month(seller, buyer, period, currency, by=by)
        known = await store.find_statements(self._database, seller.id, buyer.id, currency, period)
        if not known:
            raise Conflict("Nothing of that time waits to be billed.")
        return await self._documents.get(known[0].id)

    async def sweep(self) -> int:
        """Bill what was issued since the last time, and what a month's end has made due. Returns how many were new.

        What fails is looked at again the next time; the others go on.
        """
        now = self._clock.now()
        since = await store.find_reached(self._database, SWEEP) or now - BACK_AT_FIRST
        reached, count, after = now, 0, since - OVERLAP
        while found := await store.find_unseen(self._database, after, PORTION):
            for row in found:
                if await self._bill_one(row["id"]):
                    count += 1
                else:
                    reached = min(reached, row["issued_at"])
            if len(found) < PORTION:
                break
            after = found[-1]["issued_at"]
            if after == found[0]["issued_at"]:  # more of one instant than fit: those that fail must not stop the rest
                after += timedelta(microseconds=1)
        await self._credit_late()
        if reached > since:
            async with self._database.work() as work:
                store.reach(work, SWEEP, reached)
        return count

    async def make_due_statements(self) -> list[Document]:
        """Make the statements of months that are over, each once."""
        made: list[Document] = []
        now = self._clock.now()
        for row in await store.find_due(self._database):
            seller = await self._entities.get(row["legal_entity_id"])
            period = compose.month_before(compose.month_of(now, seller.time_zone))
            if row["first"] >= compose.month_end(period, seller.time_zone):
                continue
            customer_id, currency = row["customer_id"], row["currency"]
            try:
                buyer = await self._customers.get(customer_id)
                made += await self._state_month(seller, buyer, period, currency)
            except (Conflict, InvalidInput, NotFound) as error:
                log.warning("statement.not_made", customer=customer_id, period=period, error=error.message)
        return made

    async def _state_month(
        self, seller: LegalEntity, buyer: Customer, period: str, currency: str, *, by: str = ""
    ) -> list[Document]:
        """Return the statements of the month that were made now, part by part until nothing of it waits.

        A part says whether another one follows: what is left by a process that ended between two is made by the next,
        and what came late for a month that is complete is not.
        """
        before, made = compose.month_end(period, seller.time_zone), list[Document]()
        while True:
            known = await store.find_statements(self._database, seller.id, buyer.id, currency, period)
            if known and not known[-1].is_continued:
                return made
            if self._clock.now() < before:
                raise InvalidInput("The month is not over.", field="period")
            limit = compose.MAX_RECORDS + 1  # one more tells whether another part follows
            found = await store.find_waiting(self._database, seller.id, buyer.id, currency, before, limit)
            if not found:
                return made
            part = known[-1].part + 1 if known else 1
            try:
                made.append(await self._state(found, seller, buyer, period=period, part=part, by=by))
            except Conflict:  # two at once: the other's counts
                others = await store.find_statements(self._database, seller.id, buyer.id, currency, period)
                if not others or others[-1].part < part:
                    raise

    async def _state(
        self, waiting: Sequence[str], seller: LegalEntity, buyer: Customer, *, period: str, part: int, by: str
    ) -> Document:
        """Return a statement over as many of the waiting charge records as one holds."""
        taken = waiting[: compose.MAX_RECORDS]
        records = tuple([await self._records.get(record_id) for record_id in taken])
        composed = await self._compose(records, seller, buyer, kind=DocumentKind.STATEMENT, period=period, by=by)
        document = replace(composed, part=part, is_continued=len(waiting) > len(taken))

        def claim(work: Work) -> None:
            for record_id in taken:
                store.claim_record(work, record_id, document.id)

        return await self._documents.make(document, claim, keeps_draft=True)

    async def _bill_one(self, record_id: str) -> bool:
        """Return whether it is kept what becomes of the record; what goes wrong is logged, and tried again."""
        try:
            await self.bill(await self._records.get(record_id))
        except Unavailable:
            raise
        except Exception as error:  # one record that cannot be billed must not keep the others from it
            if await store.find_record(self._database, record_id) is not None:
                return True  # another process was faster
            known = isinstance(error, IngufuError)
            log.warning("record.not_billed", record=record_id, error=str(error)[:300], exc_info=not known)
            return False
        return True

    async def _take_back(self, record: ChargeRecord) -> Document | None:
        """Credit what bills the record that this one takes back; as long as nothing does, let it wait.

        If its record waits for a statement, neither is on it: a fiscal device takes no negative lines.
        """
        if not record.gross:
            await self._note(record, Automatic.NONE, note="nothing to pay")
            return None
        original = await store.find_record(self._database, record.corrects_id or "") or {}
        document_id = original.get("document_id")
        billed = await store.find(self._database, document_id) if document_id else None
        if billed is not None and billed.state is DocumentState.FINALISED:
            return await self._credit(record, billed, is_new=True)
        async with self._database.work() as work:
            if billed is None and original.get("outcome") == Automatic.MONTHLY:
                store.let_go(work, original["record_id"])
            store.note_record(
                work,
                record,
                outcome=Automatic.RECEIPT,  # the credit note, as soon as a document that bills the record is issued
                entity_id=original.get("legal_entity_id"),
                customer_id=original.get("customer_id"),
            )
        return None

    async def _credit_late(self) -> None:
        """Write the credit notes of credits that came before the document of their record was issued."""
        for row in await store.find_late_credits(self._database, PORTION):
            try:
                record = await self._records.get(row["record_id"])
                await self._credit(record, await self._documents.get(row["document_id"]), is_new=False)
            except (Conflict, InvalidInput, NotFound) as error:
                log.warning("record.not_credited", record=row["record_id"], error=error.message)

    async def _credit(self, record: ChargeRecord, billed: Document, *, is_new: bool) -> Document | None:
        """Take back what a document says of the record that this one takes back; a draft if that is refused."""
        taken = await store.find_credited(self._database, billed.id)
        positions = [line.position for line in billed.lines if line.record_id == record.corrects_id]
        left = [position for position in positions if position not in taken]

        def keep(work: Work, credit_id: str | None) -> None:
            if not is_new:
                store.claim_record(work, record.id, credit_id) if credit_id else store.let_go(work, record.id)
                return
            outcome = Automatic.RECEIPT if credit_id else Automatic.NONE
            buyer_id = billed.buyer.id if billed.buyer else None
            store.note_record(
                work,
                record,
                outcome=outcome,
                entity_id=billed.seller.id,
                customer_id=buyer_id,
                document_id=credit_id,
                note="" if credit_id else "credited already",
            )

        if left:
            why = record.reason or CORRECTION
            return await self._documents.credit(billed.id, reason=why, positions=left, also=keep, keeps_draft=True)
        async with self._database.work() as work:  # a person has credited it before
            keep(work, None)
        return None

    async def _compose(
        self,
        records: tuple[ChargeRecord, ...],
        seller: LegalEntity,
        buyer: Customer | None,
        *,
        kind: DocumentKind,
        period: str = "",
        purchase_code: str = "",
        by: str = "",
    ) -> Document:
        sessions = [record.transaction_id for record in records if record.transaction_id]
        return compose.compose(
            Draft(
                id=self._ids.new(),
                kind=kind,
                seller=seller,
                buyer=buyer,
                records=records,
                registers=await self._registers.registers(sessions),
                period=period,
                purchase_code=purchase_code,
                code=self._documents.new_code(),
                at=self._clock.now(),
                by=by,
            )
        )

    async def _claim(
        self, work: Work, record: ChargeRecord, document: Document, seller: LegalEntity, buyer: Customer | None
    ) -> None:
        known = await store.find_record(self._database, record.id)
        if known is None:
            store.note_record(
                work,
                record,
                outcome=Automatic.NONE,
                entity_id=seller.id,
                customer_id=buyer.id if buyer else None,
                document_id=document.id,
            )
        elif known["document_id"] is not None:
            raise Conflict("A charge record is billed already.")
        else:
            store.claim_record(work, record.id, document.id)

    async def _note(
        self,
        record: ChargeRecord,
        outcome: Automatic,
        seller: LegalEntity | None = None,
        buyer: Customer | None = None,
        *,
        note: str = "",
    ) -> None:
        async with self._database.work() as work:
            store.note_record(
                work,
                record,
                outcome=outcome,
                entity_id=seller.id if seller else None,
                customer_id=buyer.id if buyer else None,
                note=note,
            )
