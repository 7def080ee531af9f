"""Records of a past that is entered in bulk, by the same rules: who calls gives all that a session is made of."""

from collections.abc import Iterable
from datetime import datetime

from ingufu.billing.evidence.model import EnergyVerdict
from ingufu.billing.records import decide, store
from ingufu.billing.records.folding import Reading, usage_of
from ingufu.billing.records.model import Rating, RecordRules
from ingufu.billing.records.service.issuing import Draft, Issuing
from ingufu.billing.records.service.making import Making, Place
from ingufu.charging.model import Transaction, TransactionEvent
from ingufu.infra.storage.database import Work
from ingufu.tariffs.price import price


class Entering:
    """Issues records of sessions that were never rated. What a station has in common is read once."""

    def __init__(self, making: Making, issuing: Issuing, rules: RecordRules) -> None:
        self._making = making
        self._issuing = issuing
        self._rules = rules
        self._places: dict[str, Place] = {}
        self._names: dict[str, str] = {}

    async def enter(
        self,
        work: Work,
        transaction: Transaction,
        verdict: EnergyVerdict,
        events: Iterable[TransactionEvent],
        readings: Iterable[Reading],
        at: datetime,
    ) -> bool:
        """Issue the record as of `at`, and return whether there is one; what has none is left to the rater."""
        place = await self._place(transaction.station_id)
        choice = await self._making.choose(transaction, place)
        tariffs = () if choice.applied is None else (choice.applied,)
        rating = Rating(
            subject=transaction.id,
            transaction_id=transaction.id,
            station_id=transaction.station_id,
            due_at=at,
            updated_at=at,
        )
        if not tariffs or decide.refuse(transaction, verdict, self._rules) is not None:
            store.insert_rating(work, rating)
            return False
        usage = usage_of(transaction, events, readings, verdict.energy_wh, time_zone=place.time_zone)
        draft = Draft(
            organisation_id=place.organisation_id,
            transaction_id=transaction.id,
            verdict_number=verdict.number,
            energy_wh=verdict.energy_wh,
            confidence=verdict.confidence,
            signature=verdict.signature,
            snapshot=await self._making.snapshot(transaction, place, names=self._names),
            usage=usage,
            tariffs=tariffs,
            price=price(usage, tariffs, rounding=place.rounding),
        )
        await self._issuing.enter_in(work, rating, draft)
        return True

    async def _place(self, station_id: str) -> Place:
        if station_id not in self._places:
            self._places[station_id] = await self._making.place(station_id)
        return self._places[station_id]
