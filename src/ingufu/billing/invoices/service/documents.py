"""Documents: drafts, numbers without gaps, credit notes, payments."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from decimal import Decimal

import msgspec
import structlog

from ingufu.billing.invoices import compose, numbering, reverse_charge
from ingufu.billing.invoices.events import DocumentDrafted, DocumentFinalised, DocumentSettled, DocumentVoided
from ingufu.billing.invoices.model import (
    Document,
    DocumentKind,
    DocumentState,
    FiscalStamp,
    Settlement,
    Standing,
)
from ingufu.billing.invoices.ports import Signing
from ingufu.billing.invoices.store import documents as store
from ingufu.core.clock import Clock
from ingufu.core.errors import Conflict, InvalidInput, NotFound
from ingufu.core.ids import IdMaker, RandomBytes
from ingufu.core.money import rounded
from ingufu.core.texts import plain
from ingufu.infra.storage.columns import EXACT_LIMIT
from ingufu.infra.storage.database import Database, Work
from ingufu.ledger.model import AccountKind, EntryKind, NewEntry, Posting
from ingufu.ledger.service import Ledger

CODE_BYTES = 12  # nobody guesses 96 bits
TRIES = 200  # at a number that another process took in the same moment
OTHER_TRIES = 5  # at a conflict that is not about the number
REASON_MAX = 500

log = structlog.get_logger(__name__)
replace = msgspec.structs.replace
Prepare = Callable[[Work], None]


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """A document with what happened to it since it was issued."""

    document: Document
    standing: Standing
    stamp: FiscalStamp | None = None
    settlements: tuple[Settlement, ...] = ()
    credits: tuple[Document, ...] = ()
    credited_positions: frozenset[int] = frozenset()


class Documents:
    """Once finalised a document is only read: a mistake is taken back by a credit note."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        ids: IdMaker,
        random_bytes: RandomBytes,
        signing: Signing,
        ledger: Ledger,
    ) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._random_bytes = random_bytes
        self._signing = signing
        self._ledger = ledger
        self._turns: dict[tuple[str, DocumentKind], asyncio.Lock] = {}

    def new_code(self) -> str:
        """Return what the address of a check page carries."""
        return self._random_bytes(CODE_BYTES).hex()

    async def get(self, document_id: str) -> Document:
        """Raises NotFound."""
        found = await store.find(self._database, document_id)
        if found is None:
            raise NotFound("There is no such document.")
        return found

    async def known(self, document_id: str) -> Known:
        """Return the document with its payments, its credit notes and its fiscal signature. Raises NotFound."""
        document = await self.get(document_id)
        settled = await store.find_settlements(self._database, document_id)
        notes = await store.find_credits(self._database, document_id)
        stamps = await self._signing.stamps([document_id])
        today = compose.local_date(self._clock.now(), document.seller.time_zone)
        return Known(
            document=document,
            standing=compose.standing(document, settled, store.total_credited(notes), today),
            stamp=stamps.get(document_id),
            settlements=tuple(settled),
            credits=tuple(notes),
            credited_positions=await store.find_credited(self._database, document_id),
        )

    def keep(self, work: Work, document: Document) -> None:
        """Store a draft with the unit of work, and tell of it."""
        store.add(work, document)
        work.emit(
            DocumentDrafted(
                occurred_at=document.created_at,
                document=document.id,
                document_kind=document.kind.value,
                problem=document.problem,
            )
        )

    async def finalise(self, document_id: str) -> Document:
        """Return the document with its number, given now if it has none yet.

        Raises NotFound; Conflict if it was given up; InvalidInput if the law wants more on it.
        """
        document = await self.get(document_id)
        if document.state is DocumentState.FINALISED:
            return document
        if document.state is DocumentState.VOID:
            raise Conflict("The draft was given up.")
        return await self.issue(document, lambda _: None)

    async def issue(self, document: Document, prepare: Prepare) -> Document:
        """Return the document finalised, in one unit of work with what `prepare` adds: the draft itself, claims.

        The number is taken in the same unit: whatever breaks, there is no number without a document, and none twice.
        Raises InvalidInput; Conflict if what `prepare` adds cannot be.
        """
        compose.check_complete(document)
        turn = self._turns.setdefault((document.seller.id, document.kind), asyncio.Lock())
        async with turn:  # others of this process wait instead of failing; other processes are met at the commit
            others = 0
            for _ in range(TRIES):
                at = self._clock.now()
                year = compose.local_date(at, document.seller.time_zone).year
                last = await store.find_last_number(self._database, document.seller.id, document.kind, year)
                try:
                    return await self._issue(document, prepare, at, year, last)
                except Conflict:
                    now = await store.find_last_number(self._database, document.seller.id, document.kind, year)
                    others += now == last
                    if others >= OTHER_TRIES or not await self._is_draft(document):
                        raise
        raise Conflict("Too many documents are issued at once. Try again.")

    async def _issue(self, document: Document, prepare: Prepare, at: datetime, year: int, last: int) -> Document:
        seller, sequence = document.seller, last + 1
        text = numbering.number(seller.numbers[document.kind.value], entity=seller.key, year=year, sequence=sequence)
        done = compose.finalised(document, number=text, year=year, sequence=sequence, at=at)
        work = self._database.work()
        prepare(work)
        store.take_number(work, seller.id, document.kind, year, last)
        store.change(work, done)
        await self._signing.submit(work, done)
        entry = reverse_charge.entry_of(done)
        if entry is not None:
            await self._ledger.post(work, entry, by=done.created_by)
        work.emit(
            DocumentFinalised(
                occurred_at=at,
                document=done.id,
                document_kind=done.kind.value,
                number=text,
                legal_entity=seller.id,
                payable=f"{done.payable:f}",
                currency=done.currency,
            )
        )
        await work.commit()
        log.info("document.finalised", document=done.id, number=text)
        return done

    async def _is_draft(self, document: Document) -> bool:
        found = await store.find(self._database, document.id)
        return found is None or found.state is DocumentState.DRAFT

    async def void(self, document_id: str) -> Document:
        """Give up a draft: its charge records can be billed otherwise. Raises NotFound, Conflict."""
        document = await self.get(document_id)
        if document.state is DocumentState.VOID:
            return document
        if document.state is not DocumentState.DRAFT:
            raise Conflict("It has its number already: write a credit note.")
        done = replace(document, state=DocumentState.VOID)
        async with self._database.work() as work:
            store.change(work, done)
            store.release(work, document_id)
            work.emit(
                DocumentVoided(occurred_at=self._clock.now(), document=document_id, document_kind=document.kind.value)
            )
        return done

    async def credit(
        self,
        document_id: str,
        *,
        reason: str,
        positions: Sequence[int] | None = None,
        by: str = "",
        also: Callable[[Work, str], None] = lambda _work, _credit_id: None,
        keeps_draft: bool = False,
    ) -> Document:
        """Return the credit note, finalised, that takes lines back: all that are left, or those at `positions`.

        `also` adds to its unit of work, given its id. If the law or a fiscal device refuses it, it stays a draft that
        says why where `keeps_draft`. Raises NotFound, InvalidInput, and Conflict if a line was taken back already.
        """
        original = await self.get(document_id)
        if not reason.strip():
            raise InvalidInput("Say why it is taken back: the reason stands on the credit note.", field="reason")
        taken = await store.find_credited(self._database, document_id)
        wanted = (
            [line.position for line in original.lines if line.position not in taken] if positions is None else positions
        )
        lines = [line for line in original.lines if line.position in set(wanted)]
        if len(lines) != len(set(wanted)) or len(wanted) != len(set(wanted)):
            raise InvalidInput("There is no such line.", field="lines")
        if not lines or taken & set(wanted):
            raise Conflict("That was credited already.")
        note = compose.credit(
            original,
            lines,
            new_id=self._ids.new(),
            code=self.new_code(),
            at=self._clock.now(),
            by=by,
            reason=plain(reason.strip(), REASON_MAX),
        )

        def take(work: Work) -> None:
            for position in wanted:
                store.credit_line(work, document_id, position, note.id)
            also(work, note.id)

        return await self.make(note, take, keeps_draft=keeps_draft)

    async def make(self, document: Document, take: Prepare, *, keeps_draft: bool) -> Document:
        """Return a new document, finalised; as a draft that says why if that is refused, where `keeps_draft`.

        `take` adds to either unit of work what the document lays claim to. Raises as `issue`.
        """

        def prepare(work: Work) -> None:
            store.add(work, document)
            take(work)

        try:
            return await self.issue(document, prepare)
        except InvalidInput as error:  # of the law, or of the fiscal device
            if not keeps_draft:
                raise
            draft = replace(document, problem=error.message)
        async with self._database.work() as work:
            self.keep(work, draft)
            take(work)
        return draft

    async def settle(
        self, work: Work, document_id: str, *, amount: Decimal, reference: str, paid_at: datetime, by: str = ""
    ) -> Settlement:
        """Enter a payment on a document, and book it: bank against what is owed. The same reference counts once.

        Raises NotFound, InvalidInput, Conflict.
        """
        known = await self.known(document_id)
        document = known.document
        before = await store.find_settlement(self._database, document_id, reference)
        if before is not None:
            if before.amount != amount:
                raise Conflict(f"A payment {reference!r} of another amount is entered already.")
            return before
        _check_payment(known, amount, reference)
        now = self._clock.now()
        settlement = Settlement(
            id=self._ids.new(),
            document_id=document_id,
            amount=amount,
            currency=document.currency,
            reference=reference,
            paid_at=paid_at,
            entered_at=now,
            entered_by=by,
        )
        store.settle(work, settlement)
        gone = await store.find_owed_no_more(self._database, document_id)
        paid = sum((one.amount for one in known.settlements), Decimal(0))
        entry = _payment(document, settlement, paid, gone)
        await self._ledger.post(work, entry, by=by)
        work.emit(
            DocumentSettled(
                occurred_at=now,
                document=document_id,
                amount=f"{amount:f}",
                currency=document.currency,
                reference=reference,
            )
        )
        return settlement


def _check_payment(known: Known, amount: Decimal, reference: str) -> None:
    document = known.document
    if known.standing not in {Standing.OPEN, Standing.OVERDUE, Standing.PARTIALLY_PAID}:
        raise Conflict("There is nothing to pay on it.")
    if not reference.strip() or len(reference) > 200:
        raise InvalidInput("Give the reference of the payment.", field="reference")
    is_sensible = amount.is_finite() and 0 < amount <= EXACT_LIMIT
    if not is_sensible or rounded(amount, document.currency) != amount:
        raise InvalidInput(f"Give a positive amount in whole units of {document.currency}.", field="amount")
    paid = sum((one.amount for one in known.settlements), Decimal(0))
    left = document.payable - paid - store.total_credited(known.credits)
    if amount > left:
        raise InvalidInput(f"Only {left:f} {document.currency} are left to pay.", field="amount")


def _payment(document: Document, settlement: Settlement, paid: Decimal, gone: Collection[int]) -> NewEntry:
    """Return the entry of a payment: what each debtor owes, in the order of their charge records.

    `gone` are the lines of which the ledger holds nothing any more.
    """
    owed: dict[str, Decimal] = {}
    debtors = {proof.record_id: proof.debtor for proof in document.proofs}
    standing = [line for line in document.lines if line.position not in gone]
    for line in standing or document.lines:  # a rest of rounding alone is somebody's, too
        owner = debtors.get(line.record_id or "", "")
        owed[owner] = owed.get(owner, Decimal(0)) + line.gross
    left, skipped = settlement.amount, paid
    postings = [Posting(account=AccountKind.BANK, amount=settlement.amount, currency=document.currency)]
    for owner, amount in owed.items():
        due = max(amount - skipped, Decimal(0))
        skipped = max(skipped - amount, Decimal(0))
        part = min(due, left)
        left -= part
        if part > 0:
            postings.append(_owed(owner, part, document))
    if left:  # rounding between the lines and what is to be paid
        postings.append(_owed(next(reversed(owed)), left, document))
    return NewEntry(
        organisation_id=document.seller.organisation_id,
        kind=EntryKind.PAYMENT,
        reference=f"document-payment:{document.id}:{settlement.reference}",
        at=settlement.paid_at,
        text=document.number,
        postings=tuple(postings),
    )


def _owed(owner: str, amount: Decimal, document: Document) -> Posting:
    return Posting(account=AccountKind.RECEIVABLE, owner=owner, amount=-amount, currency=document.currency)
