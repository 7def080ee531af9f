"""What a fiscal device is, what it is asked to sign, and what it answers."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

import msgspec

from ingufu.billing.invoices.model import FiscalStamp


class DeviceKind(StrEnum):
    """Which protocol it speaks."""

    EBM_VSDC = "ebm-vsdc"  # Rwanda: a service on a machine of one's own, which works off line for a while
    EBM_OSDC = "ebm-osdc"  # Rwanda: the authority's own, on line


class DeviceState(StrEnum):
    NEW = "new"  # it has to be initialised first
    READY = "ready"
    WAITING = "waiting"  # it cannot be reached, or has no line to the authority: it is tried again
    STOPPED = "stopped"  # it refused something, and a person has to look


class ReceiptState(StrEnum):
    QUEUED = "queued"
    SENT = "sent"  # with its number; what came of it is known only by the answer
    SIGNED = "signed"


class TaxLabel(msgspec.Struct, frozen=True, kw_only=True):
    """Which label of the authority stands for a category (EN 16931) and rate of tax."""

    label: str  # A, B, C, D
    category: str
    percent: Decimal = Decimal(0)


class ItemCode(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How the authority's register names what is sold."""

    code: str
    class_code: str
    package_unit: str = "NT"
    quantity_unit: str = "U"


class DeviceSettings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is entered about a device; nothing of it is fixed in the program."""

    url: str
    tin: str
    branch: str = "00"
    serial: str = ""
    time_zone: str = "Africa/Kigali"
    currency: str = "RWF"
    allows_private: bool = False  # a VSDC stands in one's own network
    timeout_s: float = 20.0
    labels: tuple[TaxLabel, ...] = ()
    items: dict[str, ItemCode] = {}  # by dimension: energy, time, parking, flat, reservation
    payment_code: str = "06"  # of the authority's table of payments
    read_back_path: str = ""  # by which a sale that was sent is read again; empty: the device has none
    routes: dict[str, str] = {}  # where a version of the interface names them otherwise: init, sale


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """A device with its queue's head."""

    id: str
    organisation_id: str
    kind: DeviceKind
    name: str
    settings: DeviceSettings
    sealed: str = ""
    state: DeviceState = DeviceState.NEW
    problem: str = ""
    next_number: int = 1
    tries: int = 0
    try_at: datetime
    lease: str | None = None
    lease_until: datetime | None = None
    told: "Told"
    version: int = 1
    created_at: datetime
    updated_at: datetime


class Told(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a device says of itself when it is initialised."""

    device_id: str = ""
    machine_number: str = ""
    taxpayer: str = ""
    last_number: int | None = None  # of the last sale that it has


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """A document on its way to be signed."""

    document_id: str
    device_id: str
    place: int
    number: int | None = None
    state: ReceiptState = ReceiptState.QUEUED
    request: str | None = None  # the very bytes that are sent
    stamp: FiscalStamp | None = None
    problem: str = ""
    queued_at: datetime
    signed_at: datetime | None = None


class AnswerKind(StrEnum):
    """What an answer means for the queue."""

    SIGNED = "signed"
    DUPLICATE = "duplicate"  # the device has a sale of this number already
    SEQUENCE = "sequence"  # it expects another number
    UNREACHABLE = "unreachable"  # no answer, or no line to the authority: the outcome is not known
    REFUSED = "refused"  # it will not have it: a person has to look
    NOTHING = "nothing"  # it has no such sale


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a device answered."""

    kind: AnswerKind
    message: str = ""
    stamp: FiscalStamp | None = None
    total: Decimal | None = None  # of the sale, where it was read back
    told: Told | None = None
    key: str = ""  # for the communication that follows; to be kept secret
