"""The bills of the demo's past: by the rules, without the detour over each message."""

from datetime import timedelta

import msgspec

from ingufu.app.demonstration import loading
from ingufu.app.demonstration.past import Told
from ingufu.billing.evidence.facts import gather
from ingufu.billing.evidence.model import EnergyVerdict, EvidenceRules, Finding, MeterKey, SignedReading, Standing
from ingufu.billing.evidence.reconcile import reconcile
from ingufu.billing.evidence.signed import Place, distinct, examine
from ingufu.billing.records.folding import Reading
from ingufu.charging.fold import Glance
from ingufu.charging.model import Sample, Transaction
from ingufu.core.clock import FrozenClock
from ingufu.infra.storage.database import Work
from ingufu.services import Services

BILLED_AFTER = timedelta(seconds=12)


class Biller:
    """Judges and bills sessions of the past, as of a few seconds after their end."""

    def __init__(self, services: Services, clock: FrozenClock) -> None:
        self._entering = services.charge_records.entering
        self._evidence = services.evidence
        self._keys: dict[str, list[MeterKey]] = {}
        self._clock = clock

    async def bill(self, work: Work, told: Told) -> None:
        """Bill a session; what has to be looked at by a person waits for the review queue."""
        transaction = told.transaction
        if transaction is None or transaction.ended_at is None:
            return
        readings = [Reading(**{name: row[name] for name in _READING}) for row in told.readings]
        finding = await self._check(transaction, told)
        outcome = reconcile(gather(transaction, told.reports, readings, signed=finding), _RULES)
        at = (transaction.end_received_at or transaction.ended_at) + BILLED_AFTER
        self._clock.set(at)
        verdict = EnergyVerdict(
            transaction_id=transaction.id,
            number=1,
            standing=outcome.standing,
            energy_wh=outcome.energy_wh,
            confidence=outcome.confidence,
            signature=outcome.signature,
            reasons=outcome.reasons,
            judged_at=at,
        )
        if verdict.standing is not Standing.REVIEW:
            loading.add_verdict(work, verdict, transaction.station_id, finding)
        await self._entering.enter(work, transaction, verdict, told.reports, readings, at)

    async def _check(self, transaction: Transaction, told: Told) -> Finding:
        """Return what the signed readings prove, if there are any, with the keys that are registered."""
        values = [
            SignedReading(
                at=row["at"],
                context=sample.context,
                data=sample.signed.data,
                method=sample.signed.method,
                encoding=sample.signed.encoding,
                public_key=sample.signed.public_key,
            )
            for row in told.readings
            if '"signed":' in row["samples"]
            for sample in _samples(row["samples"])
            if sample.signed is not None
        ]
        if not values:
            return Finding()
        station_id = transaction.station_id
        if station_id not in self._keys:
            self._keys[station_id] = await self._evidence.keys_of(station_id)
        place = Place(
            evse=transaction.evse,
            connector=transaction.connector,
            started_at=transaction.started_at,
            ended_at=transaction.ended_at or transaction.started_at,
        )
        return examine(distinct(values), self._keys[station_id], place)


_RULES = EvidenceRules()
_samples = msgspec.json.Decoder(tuple[Sample, ...]).decode
_READING = Glance.__struct_fields__
