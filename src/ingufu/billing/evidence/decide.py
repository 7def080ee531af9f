"""What a person may decide on a session's energy. Pure."""

from datetime import datetime
from decimal import Decimal

import msgspec

from ingufu.billing.evidence.model import (
    Choice,
    Decision,
    EnergyVerdict,
    SignatureState,
    Standing,
)
from ingufu.core.errors import Conflict, InvalidInput
from ingufu.core.texts import plain

NOTE_MAX = 1000
ENERGY_MAX_WH = Decimal(100_000_000)  # 100 MWh: no session is larger
UNSIGNED = "A session with a bad signature is not billed where the site demands signatures."


def apply(
    judged: EnergyVerdict, last: EnergyVerdict, decision: Decision, *, demands_signatures: bool, by: str, at: datetime
) -> EnergyVerdict:
    """Return the verdict that a person's decision makes of the last one; `judged` is the last that nobody decided.

    Raises Conflict if another verdict counts meanwhile, or if the site forbids it; InvalidInput for what is missing.
    """
    if last.number != decision.number:
        raise Conflict("What is known of the session has changed meanwhile; look at it again.")
    note = plain(decision.note, NOTE_MAX).strip()
    is_waiting = last.standing is Standing.REVIEW
    if not is_waiting and decision.choice is Choice.BILL_PROPOSED and last.standing is not Standing.NOT_BILLABLE:
        raise Conflict("The session does not wait for a decision: its energy is billed as it is.")
    if not note and (decision.choice is not Choice.BILL_PROPOSED or not is_waiting):
        raise InvalidInput("Say why: it stands on the record.", field="note")
    if decision.choice is Choice.DO_NOT_BILL:
        return _decided(last, Standing.NOT_BILLABLE, judged.energy_wh, by=by, at=at, note=note)
    if demands_signatures and last.signature is not SignatureState.VERIFIED:
        raise Conflict(UNSIGNED)
    energy = _energy(judged, decision)
    if demands_signatures and energy > judged.energy_wh:
        raise Conflict("Where the site demands signatures, no more is billed than the signed readings say.")
    return _decided(last, Standing.DECIDED, energy, by=by, at=at, note=note)


def _energy(judged: EnergyVerdict, decision: Decision) -> Decimal:
    if decision.choice is Choice.BILL_PROPOSED:
        return judged.energy_wh
    energy = decision.energy_wh
    if energy is None:
        raise InvalidInput("Say how much is billed.", field="energy_wh")
    if not energy.is_finite() or not 0 <= energy <= ENERGY_MAX_WH:
        raise InvalidInput(f"The energy must be from 0 to {ENERGY_MAX_WH} Wh.", field="energy_wh")
    return energy


def _decided(
    last: EnergyVerdict, standing: Standing, energy: Decimal, *, by: str, at: datetime, note: str
) -> EnergyVerdict:
    return msgspec.structs.replace(
        last,
        number=last.number + 1,
        standing=standing,
        energy_wh=energy,
        judged_at=at,
        decided_by=by,
        note=note,
    )
