"""Charge records as others use them: read, taken back, corrected; and what a session costs now, or would cost."""

from datetime import datetime
from decimal import Decimal

import msgspec

from ingufu.billing.evidence.model import EnergyVerdict
from ingufu.billing.evidence.service import Evidence
from ingufu.billing.records import decide, store
from ingufu.billing.records.model import (
    ChargeRecord,
    Rating,
    RatingReason,
    RatingState,
    RecordKind,
    RecordRules,
    SessionPrice,
)
from ingufu.billing.records.service.costs import Costs
from ingufu.billing.records.service.entering import Entering
from ingufu.billing.records.service.issuing import Draft, Issuing, subject_of
from ingufu.billing.records.service.making import Making, Place, RoundingOf, round_as_usual
from ingufu.billing.records.service.rating import Rater
from ingufu.charging.model import Transaction, TransactionReport
from ingufu.charging.service import Charging
from ingufu.core.clock import Clock
from ingufu.core.errors import Conflict, InvalidInput, NotFound
from ingufu.core.ids import IdMaker
from ingufu.core.texts import plain
from ingufu.infra.storage.database import Database, Work
from ingufu.ledger.service import Ledger
from ingufu.reservations.service import Reservations
from ingufu.tariffs.model import AppliedTariff
from ingufu.tariffs.price import price
from ingufu.tariffs.service import Tariffs
from ingufu.tariffs.situations import Choice

REASON_MAX = 400
replace = msgspec.structs.replace


class ChargeRecords:
    """A correction is a unit of work of the caller's: of two at once, the second ends with Conflict at its commit."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        ids: IdMaker,
        charging: Charging,
        reservations: Reservations,
        evidence: Evidence,
        tariffs: Tariffs,
        ledger: Ledger,
        rules: RecordRules = RecordRules(),  # noqa: B008 - frozen
        *,
        rounding: RoundingOf = round_as_usual,
    ) -> None:
        self._database = database
        self._clock = clock
        self._charging = charging
        self._evidence = evidence
        self._tariffs = tariffs
        self._making = Making(database, charging, tariffs, rounding)
        self._issuing = Issuing(database, clock, ids, ledger, tariffs)
        self.rules = rules
        self.costs = Costs(database, clock, self)
        self.entering = Entering(self._making, self._issuing, rules)
        self.rater = Rater(database, clock, charging, reservations, evidence, self._making, self._issuing, rules)

    async def get(self, record_id: str) -> ChargeRecord:
        """Return the record. Raises NotFound."""
        found = await store.find(self._database, record_id)
        if found is None:
            raise NotFound("There is no such charge record.")
        return found

    async def of_transaction(self, transaction_id: str) -> list[ChargeRecord]:
        """Return all records of a transaction and their credits, in the order in which they were issued."""
        return await store.find_of_transaction(self._database, transaction_id)

    async def chain_of(self, record: ChargeRecord) -> list[ChargeRecord]:
        """Return what was issued for the same session, in order: records, their credits, and what replaced them."""
        return await store.find_of_subject(self._database, subject_of(record))

    async def rating_of(self, transaction_id: str) -> Rating | None:
        """Return how far a transaction is on its way to a record; None: it has not ended, or only just."""
        return await store.find_rating(self._database, transaction_id)

    # What it costs

    async def running(self, transaction_id: str) -> SessionPrice:
        """Return what a session costs by what is known now: its record if it has one, else as if it ended now.

        Raises NotFound.
        """
        transaction = await self._charging.get(transaction_id)
        rating = await self.rating_of(transaction_id)
        if rating is not None and rating.record_id is not None:
            record = await self.get(rating.record_id)
            return SessionPrice(
                price=record.price, usage=record.usage, tariffs=record.tariffs, record_id=record.id, rating=rating
            )
        place = await self._making.place(transaction.station_id)
        tariffs = await self._making.tariffs(transaction, place)
        if not tariffs:
            return SessionPrice(rating=rating)
        found = await self._priced(transaction, tariffs)
        return replace(found, rating=rating)

    async def choice_of(self, transaction_id: str) -> Choice:
        """Return which tariff the session began with, and every step of the choice. Raises NotFound."""
        transaction = await self._charging.get(transaction_id)
        return await self._making.choose(transaction, await self._making.place(transaction.station_id))

    async def as_known(
        self, transaction_id: str, at: datetime, tariffs: tuple[AppliedTariff, ...] = ()
    ) -> SessionPrice | None:
        """Return what a session cost by what we knew at an instant, or by other tariffs; None: nothing was known.

        By its record if there was one by then and no other tariffs are named, else as if it had ended at that instant,
        with the energy it was judged to have by then. Raises NotFound, InvalidInput.
        """
        known = await self._charging.as_known(transaction_id, at)
        return None if known is None else await self.of_known(known.transaction, at, tariffs)

    async def of_known(
        self, transaction: Transaction, at: datetime, tariffs: tuple[AppliedTariff, ...] = ()
    ) -> SessionPrice:
        """Return what a session cost which is as it was known at that instant; otherwise as `as_known`."""
        transaction_id = transaction.id
        issued = [record for record in await self.of_transaction(transaction_id) if record.issued_at <= at]
        standing = decide.standing_of(issued)
        if standing is not None and not tariffs:
            return SessionPrice(
                price=standing.price, usage=standing.usage, tariffs=standing.tariffs, record_id=standing.id
            )
        place = await self._making.place(transaction.station_id)
        own = tariffs or tuple(
            one
            for one in await self._making.tariffs(transaction, place)
            if one.from_at is None or one.from_at <= max(at, transaction.started_at)
        )
        if not own:
            return SessionPrice(is_running=transaction.is_open)
        judged = [one for one in await self._evidence.verdicts_of(transaction_id) if one.judged_at <= at]
        energy_wh = judged[-1].energy_wh if judged and not transaction.is_open else transaction.energy_wh
        until = max(at, transaction.started_at) if transaction.is_open else None
        usage = await self._making.usage(transaction, energy_wh, place, own, until=until, known_at=at)
        priced = price(usage, own, rounding=place.rounding)
        return SessionPrice(price=priced, usage=usage, tariffs=own, is_running=transaction.is_open)

    async def total_of(self, transaction: Transaction, told: TransactionReport) -> Decimal | None:
        """Return what a session that ends with this report costs, taxes included; None: no tariff applies.

        By the station's own words: a person, or late data, may still decide otherwise.
        """
        place = await self._making.place(transaction.station_id)
        tariffs = await self._making.tariffs(transaction, place)
        if not tariffs or decide.is_too_short(transaction, transaction.energy_wh, self.rules):
            return None
        usage = await self._making.usage(transaction, transaction.energy_wh, place, tariffs, told=told)
        return price(usage, tariffs, rounding=place.rounding).billed.gross

    async def what_if(
        self, transaction_id: str, tariffs: tuple[AppliedTariff, ...], *, beside: SessionPrice | None = None
    ) -> SessionPrice:
        """Return what a session would cost by other tariffs; nothing is stored. Raises NotFound, InvalidInput.

        `beside` is what it costs by its own, as `running` has just said: what was used need not be found out again.
        """
        if beside is not None and beside.is_running and beside.usage and not decide.needs_current(tariffs):
            transaction = await self._charging.get(transaction_id)
            place = await self._making.place(transaction.station_id)
            return replace(
                beside, price=price(beside.usage, tariffs, rounding=place.rounding), tariffs=tariffs, rating=None
            )
        return await self._priced(await self._charging.get(transaction_id), tariffs)

    async def tariff_at(self, tariff_id: str, at: datetime, *, until: datetime | None = None) -> AppliedTariff:
        """Return a tariff as a session that begins at `at` would be priced by it; by its first version before that.

        Raises NotFound.
        """
        tariff = await self._tariffs.get(tariff_id)
        version = await self._tariffs.version_at(tariff_id, at)
        if version is None:
            version = (await self._tariffs.versions(tariff_id))[0]
        applied = AppliedTariff(tariff_id=tariff_id, version=version.number, name=tariff.name, terms=version.terms)
        return await self._tariffs.applied_span(applied, at, until)

    # Corrections

    async def credit(self, work: Work, record_id: str, *, reason: str) -> ChargeRecord:
        """Take a record back for good, and return the credit: its session is not billed any more.

        Raises NotFound, InvalidInput without a reason, and Conflict if it does not stand any more.
        """
        record, rating = await self._standing(record_id)
        reason = _reason(reason)
        credit = await self._issuing.credit(work, record, reason=reason)
        after = replace(
            rating,
            state=RatingState.NOT_BILLED,
            reason=RatingReason.CREDITED,
            detail=reason,
            due_at=None,
            record_id=None,
            updated_at=credit.issued_at,
        )
        store.save_rating(work, rating, after)
        return credit

    async def correct(self, work: Work, record_id: str, *, reason: str, tariff: AppliedTariff | None = None) -> Rating:
        """Take a record back and issue a new one: by what is known now, and by another tariff if one is given.

        Raises NotFound, InvalidInput without a reason, and Conflict if it does not stand any more, is of a reservation,
        cannot be billed as things are, or would come out the same.
        """
        record, rating = await self._standing(record_id)
        reason = _reason(reason)
        if record.transaction_id is None:
            raise Conflict("A reservation that nobody came for is not priced anew: take its record back instead.")
        transaction = decide.as_first_known(record, await self._charging.get(record.transaction_id))
        verdict = await self._evidence.judge(transaction.id)
        refused = decide.refuse(transaction, verdict, self.rules)
        if refused is not None:
            raise Conflict(f"The session cannot be billed as it is now: {refused.reason.value}.")
        place = await self._making.place(transaction.station_id)
        own = (tariff,) if tariff is not None else await self._making.tariffs_anew(transaction, place, record)
        draft = await self._draft(transaction, verdict, place, await self._priced(transaction, own), record)
        if decide.is_same_bill(record, draft.price, draft.usage, draft.snapshot):
            raise Conflict("It would come out the same: nothing is corrected.")
        draft = replace(draft, is_tariff_by_hand=tariff is not None or record.is_tariff_by_hand)
        return await self._issuing.issue_in(work, rating, draft, replaces=record, reason=reason)

    async def bill(self, work: Work, transaction_id: str, tariff: AppliedTariff) -> Rating:
        """Issue the record of an ended session by this tariff, where none applied to it.

        Raises NotFound, and Conflict while it runs, if it has a record, or if it cannot be billed as things are.
        """
        transaction = await self._charging.get(transaction_id)
        verdict = await self._evidence.judge(transaction_id)
        refused = decide.refuse(transaction, verdict, self.rules)
        if refused is not None:
            raise Conflict(f"The session cannot be billed as it is now: {refused.reason.value}.")
        rating = await self.rating_of(transaction_id)
        if rating is None:
            raise Conflict("The session has only just ended. Try again in a few seconds.")
        if rating.record_id is not None:
            raise Conflict("The session has a charge record: correct that one.")
        place = await self._making.place(transaction.station_id)
        draft = await self._draft(transaction, verdict, place, await self._priced(transaction, (tariff,)))
        return await self._issuing.issue_in(work, rating, replace(draft, is_tariff_by_hand=True))

    async def rate_again(self, work: Work, transaction_id: str) -> Rating:
        """Have a session be looked at anew, as soon as the rater comes to it. Raises NotFound, Conflict while it runs.

        One whose record an operator took back is billed again by this, if it can be.
        """
        transaction = await self._charging.get(transaction_id)
        if transaction.is_open:
            raise Conflict("The session is still running.")
        now = self._clock.now()
        rating = await self.rating_of(transaction_id)
        if rating is None:
            after = Rating(
                subject=transaction_id,
                transaction_id=transaction_id,
                station_id=transaction.station_id,
                due_at=now,
                updated_at=now,
            )
            store.insert_rating(work, after)
            return after
        after = _woken(rating, now)
        store.save_rating(work, rating, after)
        return after

    async def rate_unpriced(self, work: Work, station_ids: frozenset[str] | None = None) -> int:
        """Have all that waits for a tariff be looked at anew, and return how many they are."""
        now = self._clock.now()
        found = [
            one
            for one in await store.find_unpriced(self._database)
            if station_ids is None or one.station_id in station_ids
        ]
        for rating in found:
            store.save_rating(work, rating, _woken(rating, now))
        return len(found)

    async def _draft(
        self,
        transaction: Transaction,
        verdict: EnergyVerdict,
        place: Place,
        priced: SessionPrice,
        standing: ChargeRecord | None = None,
    ) -> Draft:
        assert priced.price is not None and priced.usage is not None  # noqa: S101, PT018 - there are tariffs
        return Draft(
            organisation_id=place.organisation_id,
            transaction_id=transaction.id,
            verdict_number=verdict.number,
            energy_wh=verdict.energy_wh,
            confidence=verdict.confidence,
            signature=verdict.signature,
            snapshot=await self._making.snapshot(transaction, place, names=decide.names_of(standing)),
            usage=priced.usage,
            tariffs=priced.tariffs,
            price=priced.price,
        )

    async def _standing(self, record_id: str) -> tuple[ChargeRecord, Rating]:
        record = await self.get(record_id)
        rating = await store.find_rating(self._database, subject_of(record))
        if record.kind is RecordKind.CREDIT or rating is None or rating.record_id != record.id:
            raise Conflict("This record does not stand any more: it was taken back already, or is itself a credit.")
        return record, rating

    async def _priced(self, transaction: Transaction, tariffs: tuple[AppliedTariff, ...]) -> SessionPrice:
        place = await self._making.place(transaction.station_id)
        verdict = await self._evidence.verdict_of(transaction.id) if not transaction.is_open else None
        energy_wh = transaction.energy_wh if verdict is None else verdict.energy_wh
        until = self._clock.now() if transaction.is_open else None
        usage = await self._making.usage(transaction, energy_wh, place, tariffs, until=until)
        priced = price(usage, tariffs, rounding=place.rounding)
        return SessionPrice(price=priced, usage=usage, tariffs=tariffs, is_running=transaction.is_open)


def _woken(rating: Rating, now: datetime) -> Rating:
    reason = RatingReason.NONE if rating.reason is RatingReason.CREDITED else rating.reason
    return replace(rating, reason=reason, due_at=now, attempts=0, updated_at=now)


def _reason(text: str) -> str:
    reason = plain(text, REASON_MAX).strip()
    if not reason:
        raise InvalidInput("Say why: it stands on the credit.", field="reason")
    return reason
