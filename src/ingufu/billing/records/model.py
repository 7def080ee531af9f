"""What a charge record is: OCPI 2.3.0 mod_cdrs in our words, with everything frozen that it was made from."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

import msgspec

from ingufu.billing.evidence.model import Confidence, SignatureState
from ingufu.tariffs.model import AppliedTariff
from ingufu.tariffs.priced import Price
from ingufu.tariffs.usage import Usage


class RecordKind(StrEnum):
    CHARGE = "charge"
    CREDIT = "credit"  # takes back another record: the same, with its amounts negated (OCPI credit CDR)


class Snapshot(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who, where and with what, as it was when the session began: names may change later, the record does not."""

    site_id: str | None = None
    site_name: str = ""
    address: str = ""
    city: str = ""
    country: str = ""  # ISO 3166-1 alpha-2
    time_zone: str = "UTC"
    latitude: float | None = None
    longitude: float | None = None
    station_id: str
    station_identity: str
    evse: int | None = None
    connector: int | None = None
    plug: str | None = None  # OCPP ConnectorEnumType
    token_value: str | None = None  # masked where it is a secret
    token_kind: str | None = None
    token_id: str | None = None
    driver_id: str | None = None
    driver_name: str = ""
    group_id: str | None = None
    meter_serial: str | None = None
    auth_method: str = "AUTH_REQUEST"  # OCPI AuthMethod
    reference: str = ""  # the station's own name of the transaction


class ChargeRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What one session came to. Immutable: a correction is a credit and a new record."""

    id: str  # UUIDv7; a credit has its own
    kind: RecordKind = RecordKind.CHARGE
    corrects_id: str | None = None  # of a credit: the record that it takes back; of a new one: the one it replaces
    revision: int = 0  # counts the records of a session: a correction's new record is one on
    reason: str = ""  # why it corrects another one, for people
    transaction_id: str | None = None  # None: a reservation that nobody came for
    reservation_id: int | None = None  # the one that nobody came for
    verdict_number: int = 0  # the energy verdict that it rests on
    organisation_id: str  # whose revenue it is
    legal_entity_id: str | None = None
    started_at: datetime
    ended_at: datetime
    energy_wh: Decimal
    currency: str
    net: Decimal  # whole smallest units, negative in a credit
    tax: Decimal
    gross: Decimal
    snapshot: Snapshot
    usage: Usage
    tariffs: tuple[AppliedTariff, ...]
    price: Price
    confidence: Confidence
    signature: SignatureState = SignatureState.NONE
    is_tariff_by_hand: bool = False  # a person chose it: what comes late chooses no other
    engine: str  # the version of the rules it was priced by
    issued_at: datetime


class RatingState(StrEnum):
    """How far a session is on its way to a charge record."""

    WAITING = "waiting"  # to be looked at when it is due
    ISSUED = "issued"  # its charge record stands
    UNPRICED = "unpriced"  # no tariff applies: an operator gives it one
    REVIEW = "review"  # a person decides on its energy first
    NOT_BILLED = "not-billed"  # decided so, or by a rule
    FAILED = "failed"  # something is wrong; it is tried again, ever less often


class RatingReason(StrEnum):
    """Why a session has no charge record. Stable: translations and programs rely on it."""

    NONE = ""
    NO_TARIFF = "no-tariff"
    IN_REVIEW = "in-review"
    NOT_BILLABLE = "not-billable"
    TOO_SHORT = "too-short"
    NO_RESERVATION_PRICE = "no-reservation-price"
    CREDITED = "credited"  # an operator took its record back for good
    GONE = "gone"  # the transaction is not there any more
    ERROR = "error"


class Rating(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of rating one session, or one reservation that nobody came for."""

    subject: str  # the transaction's id, or "reservation:<number>"
    transaction_id: str | None = None
    reservation_id: int | None = None
    station_id: str | None = None
    state: RatingState = RatingState.WAITING
    reason: RatingReason = RatingReason.NONE
    detail: str = ""
    due_at: datetime | None = None  # when to look at it; None: when something happens
    fence: int = 0  # all that lags up to here has to be in its tables first
    attempts: int = 0
    record_id: str | None = None  # the record that stands
    revision: int = 0  # of the next record
    verdict_number: int = 0
    version: int = 0  # counts the changes, so that none is lost
    updated_at: datetime


class RecordRules(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator may set of billing sessions."""

    grace_s: float = 10.0  # after the end, so that what an online station still has to tell is there
    shortest_s: float = 60.0  # a session below it that took nothing is not billed
    cost_interval_s: float = 60.0  # between two running costs told to a station; 0: none
    batch: int = 50  # sessions rated before anybody else in the process has a turn


class SessionPrice(msgspec.Struct, frozen=True, kw_only=True):
    """What a session costs by what is known of it now."""

    price: Price | None = None  # None: no tariff applies
    usage: Usage | None = None
    tariffs: tuple[AppliedTariff, ...] = ()
    is_running: bool = False
    record_id: str | None = None  # the charge record that it is from
    rating: Rating | None = None
