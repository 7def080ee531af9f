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
    station_id: str
    station_identity: str
    evse: int | None = None
    connector: int | None = None
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
    transaction_id: str | None = None  # None: a reservation that nobody came for
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
    engine: str  # the version of the rules it was priced by
    issued_at: datetime
