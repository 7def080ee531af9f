"""What is said of a session's energy before it is billed."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

import msgspec


class Standing(StrEnum):
    """What becomes of the energy."""

    BILLABLE = "billable"
    REVIEW = "review"  # a person has to decide; nothing is billed until then
    DECIDED = "decided"  # a person has decided: `energy_wh` is theirs
    NOT_BILLABLE = "not-billable"  # a person, or the rule of the site, says that nothing is billed


class Confidence(StrEnum):
    """How sure the energy is."""

    PROVEN = "proven"  # signed readings at both ends, verified with the key that is registered for the meter
    SURE = "sure"  # registers at both ends, and nothing speaks against them
    FAIR = "fair"  # from readings in between; what is missing is small
    DOUBTFUL = "doubtful"


class SignatureState(StrEnum):
    """What the signed readings of a session are worth."""

    NONE = "none"  # none came
    VERIFIED = "verified"
    NO_KEY = "no-key"  # no key is registered for the meter: what came with the reading itself proves nothing
    UNSUPPORTED = "unsupported"  # a curve or format that cannot be checked here
    INCOMPLETE = "incomplete"  # one end is missing, pages are missing, or the meter says that something is wrong
    INVALID = "invalid"  # forged, damaged, or signed by another key


class Reason(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that speaks for or against the energy. `code` is stable; the detail is for people who look closely."""

    code: str  # for instance "register-reset", "differs-from-signed", "lost-end"
    is_doubt: bool = True
    detail: str = ""


class EnergyVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """What a session's energy is. A new verdict follows the former one when late data changes what is known."""

    transaction_id: str
    number: int  # from 1; the last one counts
    standing: Standing
    energy_wh: Decimal  # what is billed if the standing allows; in review: the proposal
    confidence: Confidence
    signature: SignatureState = SignatureState.NONE
    reasons: tuple[Reason, ...] = ()
    judged_at: datetime
    decided_by: str | None = None  # who decided, where a person did
    note: str = ""
