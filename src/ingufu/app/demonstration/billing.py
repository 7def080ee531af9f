"""The bills of the demo's past: by the rules, without the detour over each message."""

from datetime import timedelta

from ingufu.app.demonstration import loading
from ingufu.app.demonstration.past import Told
from ingufu.billing.evidence.facts import gather
from ingufu.billing.evidence.model import EnergyVerdict, EvidenceRules, Standing
from ingufu.billing.evidence.reconcile import reconcile
from ingufu.billing.records.folding import Reading
from ingufu.charging.fold import Glance
from ingufu.core.clock import FrozenClock
from ingufu.infra.storage.database import Work
from ingufu.services import Services

BILLED_AFTER = timedelta(seconds=12)


class Biller:
    """Judges and bills sessions of the past, as of a few seconds after their end."""

    def __init__(self, services: Services, clock: FrozenClock) -> None:
        self._entering = services.charge_records.entering
        self._clock = clock

    async def bill(self, work: Work, told: Told) -> None:
        """Bill a session; what has to be looked at by a person waits for the review queue."""
        transaction = told.transaction
        if transaction is None or transaction.ended_at is None:
            return
        readings = [Reading(**{name: row[name] for name in _READING}) for row in told.readings]
        outcome = reconcile(gather(transaction, told.reports, readings), _RULES)
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
            loading.add_verdict(work, verdict, transaction.station_id)
        await self._entering.enter(work, transaction, verdict, told.reports, readings, at)


_RULES = EvidenceRules()
_READING = Glance.__struct_fields__
