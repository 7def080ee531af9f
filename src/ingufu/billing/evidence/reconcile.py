"""What a session's energy is, from registers, readings and signed readings held against each other. Pure.

The facts are what the session is made of, not how its messages came: in whatever order, the outcome is the same.
"""

from decimal import ROUND_FLOOR, Decimal

import msgspec

from ingufu.billing.evidence import doubts
from ingufu.billing.evidence.facts import Facts
from ingufu.billing.evidence.model import Confidence, EvidenceRules, Outcome, Reason, SignatureState, Standing
from ingufu.charging.model import EnergySource

QUANTUM = Decimal("0.000001")  # as it is kept


def reconcile(facts: Facts, rules: EvidenceRules) -> Outcome:
    """Return the energy, how sure it is and why, and whether it may be billed.

    The energy is never negative; in review it is a proposal. Verified signed readings at both ends are the energy,
    whatever else was told; what differs from them is looked at.
    """
    facts = msgspec.structs.replace(facts, readings=tuple(sorted(set(facts.readings))))
    if facts.signed.state is SignatureState.VERIFIED and facts.signed.energy_wh is not None:
        return _prove(facts, facts.signed.energy_wh, rules)
    energy, reasons = doubts.examine(facts, rules)
    signature = _judge_signature(facts)
    reasons = [*reasons, *signature, *(facts.signed.notes if signature else ())]
    is_doubtful = any(reason.is_doubt for reason in reasons)
    if not is_doubtful:
        reasons += _confirm(facts, energy, rules)
    confidence = _grade(facts, is_doubtful=is_doubtful)
    may_pass = is_doubtful and _is_small(facts, energy, rules)
    if may_pass:
        detail = f"It is no more than {rules.small_wh} Wh, whatever is true."
        reasons = [*reasons, Reason(code="small", is_doubt=False, detail=detail)]
    return Outcome(
        standing=Standing.REVIEW if is_doubtful and not may_pass else Standing.BILLABLE,
        energy_wh=_kept(energy),
        confidence=confidence,
        signature=facts.signed.state,
        reasons=tuple(reasons),
    )


def _prove(facts: Facts, energy: Decimal, rules: EvidenceRules) -> Outcome:
    """Return the outcome where signed readings say the energy: registers that disagree are looked at, no more."""
    energy = _kept(energy)
    told, _ = doubts.follow_registers(facts, rules)
    _, found = doubts.examine(facts, rules)
    found = [reason for reason in found if reason.code not in doubts.TOO_MUCH]
    kept = [reason for reason in found if reason.code in doubts.OF_THE_SESSION]
    reasons = [Reason(code="signed-verified", is_doubt=False, detail=f"{energy} Wh by signed readings.")]
    is_told = facts.source is not EnergySource.NOTHING
    if is_told and not doubts.is_near(energy, told, rules):
        detail = f"{told} Wh by registers, {energy} Wh by signed readings."
        reasons.append(Reason(code="differs-from-signed", detail=detail))
    others = [reason for reason in found if reason.code not in doubts.OF_THE_SESSION and reason.is_doubt]
    reasons += [*kept, *(msgspec.structs.replace(reason, is_doubt=False) for reason in others), *facts.signed.notes]
    reasons += doubts.find_too_much(facts, energy, rules)
    is_doubtful = any(reason.is_doubt for reason in reasons)
    return Outcome(
        standing=Standing.REVIEW if is_doubtful else Standing.BILLABLE,
        energy_wh=energy,
        confidence=Confidence.PROVEN,
        signature=SignatureState.VERIFIED,
        reasons=tuple(reasons),
    )


def _judge_signature(facts: Facts) -> list[Reason]:
    """Return what signed readings speak against the session: forged ones always, others where they are demanded."""
    state, detail = facts.signed.state, facts.signed.detail
    is_demanded = facts.demands_signatures
    if state is SignatureState.NONE:
        return [Reason(code="signature-missing", detail="No signed reading came.")] if is_demanded else []
    is_doubt = is_demanded or state is SignatureState.INVALID
    return [Reason(code=f"signature-{state.value}", is_doubt=is_doubt, detail=detail)]


def _confirm(facts: Facts, energy: Decimal, rules: EvidenceRules) -> list[Reason]:
    if facts.source is not EnergySource.REGISTERS:
        return []
    found = [Reason(code="registers-complete", is_doubt=False, detail=f"{facts.start_wh} to {facts.end_wh} Wh.")]
    if facts.readings:
        text = f"{len(facts.readings)} readings between lie between them."
        found.append(Reason(code="readings-agree", is_doubt=False, detail=text))
    if facts.power_wh is not None and doubts.is_near(energy, facts.power_wh, rules, loosely=True):
        text = f"The measured power comes to {facts.power_wh:.0f} Wh."
        found.append(Reason(code="power-agrees", is_doubt=False, detail=text))
    return found


def _grade(facts: Facts, *, is_doubtful: bool) -> Confidence:
    if is_doubtful:
        return Confidence.DOUBTFUL
    return Confidence.SURE if facts.source is EnergySource.REGISTERS else Confidence.FAIR


def _is_small(facts: Facts, energy: Decimal, rules: EvidenceRules) -> bool:
    """Return whether a doubtful session is too small to look at, whatever is true of it; forged ones never are."""
    if facts.demands_signatures or facts.signed.state is SignatureState.INVALID or rules.small_wh <= 0:
        return False
    most = doubts.most_of(facts)
    return most is not None and max(most, energy) <= rules.small_wh


def _kept(energy: Decimal) -> Decimal:
    """Return the energy as it is kept: six places without trailing zeros, nothing rounded up, never negative."""
    kept = max(energy, Decimal(0)).quantize(QUANTUM, ROUND_FLOOR)
    return kept.quantize(Decimal(1)) if kept == kept.to_integral_value() else kept.normalize()
