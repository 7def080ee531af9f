"""Issuing: a charge record, its booking and the word of it in one unit of work, and the credit of another before it."""

from decimal import Decimal

import msgspec

from ingufu.billing.evidence.model import Confidence, SignatureState
from ingufu.billing.records import decide, store
from ingufu.billing.records.booking import earned_of, entry_of
from ingufu.billing.records.events import ChargeRecordIssued
from ingufu.billing.records.model import (
    ChargeRecord,
    Rating,
    RatingReason,
    RatingState,
    Snapshot,
)
from ingufu.billing.records.service.making import first_instant, last_instant
from ingufu.core.clock import Clock
from ingufu.core.ids import IdMaker
from ingufu.infra.storage.database import Database, Work
from ingufu.ledger.service import Ledger
from ingufu.tariffs.model import AppliedTariff
from ingufu.tariffs.priced import Price
from ingufu.tariffs.service import Tariffs
from ingufu.tariffs.usage import Usage

replace = msgspec.structs.replace


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What a charge record is to say."""

    organisation_id: str
    transaction_id: str | None = None
    reservation_id: int | None = None
    verdict_number: int = 0
    energy_wh: Decimal = Decimal(0)
    confidence: Confidence = Confidence.SURE
    signature: SignatureState = SignatureState.NONE
    snapshot: Snapshot
    usage: Usage
    tariffs: tuple[AppliedTariff, ...]
    is_tariff_by_hand: bool = False
    price: Price


class Issuing:
    """Writes charge records. What it writes is never changed."""

    def __init__(self, database: Database, clock: Clock, ids: IdMaker, ledger: Ledger, tariffs: Tariffs) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._ledger = ledger
        self._tariffs = tariffs

    async def issue(
        self, rating: Rating, draft: Draft, *, replaces: ChargeRecord | None = None, reason: str = ""
    ) -> Rating:
        """Issue the record, with the credit of the one it replaces, in a unit of work; return how the rating stands.

        Raises Conflict if somebody else has rated it in the same moment: then nothing is issued by this call.
        """
        async with self._database.work() as work:
            return await self.issue_in(work, rating, draft, replaces=replaces, reason=reason)

    async def issue_in(
        self, work: Work, rating: Rating, draft: Draft, *, replaces: ChargeRecord | None = None, reason: str = ""
    ) -> Rating:
        """As `issue`, in a unit of work of the caller's."""
        if replaces is not None:
            await self.credit(work, replaces, reason=reason)
        record = self._record(rating, draft, replaces, reason)
        await self._add(work, record, rating.subject)
        for applied in record.tariffs:
            self._tariffs.note_use(work, applied)
        after = _issued(rating, record)
        store.save_rating(work, rating, after)
        return after

    async def enter_in(self, work: Work, rating: Rating, draft: Draft) -> None:
        """As `issue_in`, for a session that was never rated."""
        record = self._record(rating, draft, None, "")
        await self._add(work, record, rating.subject)
        store.insert_rating(work, _issued(rating, record))

    async def credit(self, work: Work, record: ChargeRecord, *, reason: str) -> ChargeRecord:
        """Take a record back. Raises Conflict on commit if it was taken back before."""
        credit = decide.credit_of(record, id_=self._ids.new(), reason=reason, at=self._clock.now())
        await self._add(work, credit, subject_of(record))
        return credit

    async def _add(self, work: Work, record: ChargeRecord, subject: str) -> None:
        store.add(work, record, subject)
        entry = entry_of(record)
        if entry is not None:
            await self._ledger.post(work, entry)
        earned = earned_of(record)
        if earned is not None:
            await self._ledger.share(work, earned)
        work.emit(
            ChargeRecordIssued(
                occurred_at=record.issued_at,
                station_id=record.snapshot.station_id,
                transaction_id=record.transaction_id,
                record=record.id,
                record_kind=record.kind.value,
                corrects=record.corrects_id,
                organisation_id=record.organisation_id,
                driver_id=record.snapshot.driver_id,
                currency=record.currency,
                net=record.net,
                gross=record.gross,
                energy_wh=record.energy_wh,
            )
        )

    def _record(self, rating: Rating, draft: Draft, replaces: ChargeRecord | None, reason: str) -> ChargeRecord:
        now = self._clock.now()
        billed = draft.price.billed
        return ChargeRecord(
            id=self._ids.new(),
            corrects_id=None if replaces is None else replaces.id,
            revision=rating.revision,
            reason=reason,
            transaction_id=draft.transaction_id,
            reservation_id=draft.reservation_id,
            verdict_number=draft.verdict_number,
            organisation_id=draft.organisation_id,
            started_at=first_instant(draft.usage) or now,
            ended_at=last_instant(draft.usage) or now,
            energy_wh=draft.energy_wh,
            currency=draft.price.currency,
            net=billed.net,
            tax=billed.tax,
            gross=billed.gross,
            snapshot=draft.snapshot,
            usage=draft.usage,
            tariffs=draft.tariffs,
            price=draft.price,
            confidence=draft.confidence,
            signature=draft.signature,
            is_tariff_by_hand=draft.is_tariff_by_hand,
            engine=decide.ENGINE,
            issued_at=now,
        )


def _issued(rating: Rating, record: ChargeRecord) -> Rating:
    return replace(
        rating,
        state=RatingState.ISSUED,
        reason=RatingReason.NONE,
        detail="",
        due_at=None,
        attempts=0,
        record_id=record.id,
        revision=rating.revision + 1,
        verdict_number=record.verdict_number,
        updated_at=record.issued_at,
    )


def subject_of(record: ChargeRecord) -> str:
    """Return what is rated by the record."""
    return record.transaction_id or f"reservation:{record.reservation_id}"
