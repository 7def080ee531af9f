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


class DeliveredKey(StrEnum):
    """How the key that came with a signed reading stands to the one that is registered for the meter."""

    NONE = "none"  # none came
    SAME = "same"
    OTHER = "other"
    UNREADABLE = "unreadable"


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What the facts of a session make of its energy."""

    standing: Standing
    energy_wh: Decimal
    confidence: Confidence
    signature: SignatureState = SignatureState.NONE
    reasons: tuple[Reason, ...] = ()


class EvidenceRules(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator may set of the judgement of energy."""

    tolerance_wh: Decimal = Decimal(50)  # registers and signed readings may differ by this,
    tolerance_percent: Decimal = Decimal("0.5")  # or by this part of the energy, whichever is more
    max_power_w: Decimal = Decimal(500_000)  # where nothing is entered for the connector
    max_hours: Decimal = Decimal(48)  # a session that is longer is looked at
    max_gap_s: int = 900  # between readings, where they are all there is
    small_wh: Decimal = Decimal(0)  # a session that can be no more than this is billed without a look; 0: never
    reviews_unset_clocks: bool = True


class MeterKey(msgspec.Struct, frozen=True, kw_only=True):
    """The public key of a meter, as it was registered: what comes with a reading is never trusted."""

    id: str
    station_id: str
    evse: int | None = None  # None: of every EVSE of the station
    connector: int | None = None
    meter_serial: str | None = None  # None: whatever serial number the readings name
    der_hex: str  # SubjectPublicKeyInfo
    curve: str
    fingerprint: str  # SHA-256 of the DER
    valid_from: datetime | None = None  # None: always
    valid_until: datetime | None = None  # None: until further notice
    note: str = ""
    created_at: datetime
    created_by: str = ""


class SignedReading(msgspec.Struct, frozen=True, kw_only=True):
    """A signed value in its place, byte for byte as the station sent it."""

    at: datetime
    context: str
    data: str
    method: str | None = None
    encoding: str | None = None
    public_key: str | None = None


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """What came of looking at one signed value."""

    sha256: str  # the name of the signed value: of what is signed, whatever it came wrapped in
    at: datetime
    context: str
    format: str
    algorithm: str = ""
    state: SignatureState
    detail: str = ""
    meter_serial: str | None = None
    page: str | None = None
    begin_wh: Decimal | None = None
    end_wh: Decimal | None = None
    key_fingerprint: str | None = None  # of the registered key that it was verified with
    delivered: DeliveredKey = DeliveredKey.NONE
    delivered_fingerprint: str | None = None


class SignatureCheck(Check, frozen=True, kw_only=True):
    """A check as it is kept, with the verdict that it was made for."""

    transaction_id: str
    number: int  # of the verdict
    position: int  # among the signed values of the session
    software: str  # and its version, that checked
    checked_at: datetime


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What all signed readings of a session come to."""

    state: SignatureState = SignatureState.NONE
    detail: str = ""
    begin_wh: Decimal | None = None
    end_wh: Decimal | None = None
    checks: tuple[Check, ...] = ()
    notes: tuple[Reason, ...] = ()

    @property
    def energy_wh(self) -> Decimal | None:
        if self.begin_wh is None or self.end_wh is None:
            return None
        return self.end_wh - self.begin_wh


class Choice(StrEnum):
    """What a person decides."""

    BILL_PROPOSED = "bill-proposed"
    BILL_OTHER = "bill-other"
    DO_NOT_BILL = "do-not-bill"


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """A decision on a session that waits for one."""

    choice: Choice
    number: int  # the verdict that was looked at: a newer one makes it a conflict
    energy_wh: Decimal | None = None  # of BILL_OTHER
    note: str = ""


class ReviewItem(msgspec.Struct, frozen=True, kw_only=True):
    """A session that waits for a person, or did."""

    transaction_id: str
    station_id: str
    number: int
    proposed_wh: Decimal
    reasons: tuple[str, ...]
    opened_at: datetime
    updated_at: datetime
    closed_at: datetime | None = None
    closed_by: str | None = None


class SiteEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """What a site asks of the evidence."""

    site_id: str
    demands_signatures: bool = False
    since: datetime | None = None  # sessions that began before are not held to it


class NewMeterKey(msgspec.Struct, frozen=True, kw_only=True):
    """A meter's key to be registered, in whatever form its maker prints it."""

    station_id: str
    public_key: str
    curve: str | None = None  # of a bare point that does not say it
    evse: int | None = None
    connector: int | None = None
    meter_serial: str | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    note: str = ""
