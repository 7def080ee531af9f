"""What a tax document is: who sells, who buys, what, for how much, at which tax; and what it was made from."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

import msgspec

from ingufu.billing.evidence.model import Confidence, SignatureState
from ingufu.billing.invoices.parties import Customer, LegalEntity, TaxRounding
from ingufu.core.money import Rounding
from ingufu.tariffs.model import Tax


class DocumentKind(StrEnum):
    RECEIPT = "receipt"  # a simplified invoice (Directive 2006/112 art. 226b): nobody has to be named
    INVOICE = "invoice"
    CREDIT_NOTE = "credit-note"
    STATEMENT = "statement"  # a collective invoice over a calendar month


class DocumentState(StrEnum):
    """What is stored of a document. Once finalised, neither it nor its lines change any more."""

    DRAFT = "draft"
    FINALISED = "finalised"
    VOID = "void"  # a draft that was given up; it never had a number


class Standing(StrEnum):
    """What a document is now, as its state, its settlements and its credit notes tell."""

    DRAFT = "draft"
    VOID = "void"
    OPEN = "open"
    OVERDUE = "overdue"
    PARTIALLY_PAID = "partially-paid"
    PAID = "paid"
    CREDITED = "credited"  # taken back in full
    SETTLED = "settled"  # a credit note, or nothing to pay


class TaxCategory(StrEnum):
    """UNCL 5305, as far as EN 16931 uses it here."""

    STANDARD = "S"
    ZERO = "Z"
    EXEMPT = "E"
    REVERSE_CHARGE = "AE"
    OUTSIDE = "O"


class Document(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A receipt, invoice, credit note or statement, with everything on it frozen.

    Amounts are in whole smallest units of the currency. Those of a credit note are what it gives back: positive.
    """

    id: str
    kind: DocumentKind
    state: DocumentState = DocumentState.DRAFT
    seller: LegalEntity
    buyer: Customer | None = None
    purchase_code: str = ""  # a buyer's leave for a fiscal device to name them (Rwanda)
    language: str = "en"
    time_zone: str = "UTC"
    currency: str
    number: str = ""
    year: int = 0
    sequence: int = 0
    issued_at: datetime | None = None
    issued_on: date | None = None  # in the seller's time zone
    due_on: date | None = None
    supplied_from: datetime | None = None
    supplied_until: datetime | None = None
    period: str = ""  # of a statement: "2026-03"
    part: int = 1  # of a month whose charge records do not all fit on one statement
    is_continued: bool = False  # the next part has the rest
    corrects: "Reference | None" = None
    reason: str = ""  # why a credit note was made
    lines: tuple["DocumentLine", ...] = ()
    taxes: tuple["TaxGroup", ...] = ()
    net: Decimal = Decimal(0)
    tax: Decimal = Decimal(0)
    gross: Decimal = Decimal(0)
    rounding: Decimal = Decimal(0)  # between `gross` and what is to be paid (EN 16931 BT-114)
    payable: Decimal = Decimal(0)
    national: "NationalTax | None" = None
    proofs: tuple["EnergyProof", ...] = ()
    code: str = ""  # what the address of the check page carries beside the id; nobody can guess it
    problem: str = ""  # why a draft was not finalised by itself
    created_at: datetime
    created_by: str = ""


class Reference(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Another document, as a document names it."""

    document_id: str
    number: str
    issued_on: date


class DocumentLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A quantity at a price. `net` may differ from their product where a limit of the tariff changed the total."""

    position: int  # from 1
    record_id: str | None = None
    site_id: str | None = None
    site_name: str = ""
    station_identity: str = ""
    evse: int | None = None
    dimension: str  # energy, time, parking, flat, reservation or text
    text: str = ""  # what is said of it beside its dimension
    limit: str = ""  # min_price or max_price: the bound of the tariff that changed the amount
    started_at: datetime | None = None
    ended_at: datetime | None = None
    time_zone: str = "UTC"
    quantity: Decimal
    unit: str  # kWh, h or session
    unit_price: Decimal  # net, exact as far as decimals go
    price_shown: Decimal  # as the tariff has it, which may hold the tax
    is_gross_priced: bool = False
    category: TaxCategory
    percent: Decimal = Decimal(0)  # of all its taxes together
    taxes: tuple[Tax, ...] = ()
    buyer_taxes: tuple["TaxPart", ...] = ()  # reverse charge: what the ledger booked as taxes and the buyer owes now
    net: Decimal
    gross: Decimal


class TaxGroup(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All lines of one rate."""

    category: TaxCategory
    percent: Decimal
    taxable: Decimal
    tax: Decimal
    parts: tuple["TaxPart", ...] = ()
    reason: str = ""  # why there is no tax, in the words of the seller


class TaxPart(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One tax of a group or a line: where several are laid on the same, they are told apart here."""

    name: str
    percent: Decimal
    amount: Decimal


class NationalTax(msgspec.Struct, frozen=True, kw_only=True):
    """The tax in the currency of the tax office (Directive 2006/112 art. 230)."""

    currency: str
    rate: Decimal  # of one unit of the document's currency
    tax: Decimal


class EnergyProof(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """From where to where a meter counted, and what its signatures are worth."""

    record_id: str
    transaction_id: str | None = None
    reference: str = ""
    station_identity: str
    evse: int | None = None
    meter_serial: str = ""
    started_at: datetime
    ended_at: datetime
    time_zone: str = "UTC"
    register_begin_wh: Decimal | None = None
    register_end_wh: Decimal | None = None
    energy_wh: Decimal
    debtor: str = ""  # whose receivable the ledger booked it on
    signature: SignatureState = SignatureState.NONE
    confidence: Confidence = Confidence.SURE
    verdict_number: int = 0


class Registers(msgspec.Struct, frozen=True, kw_only=True):
    """A meter's register at both ends of a session, as far as it is known."""

    begin_wh: Decimal | None = None
    end_wh: Decimal | None = None


class FiscalStamp(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a fiscal device answered: printed on the document, which is none before that where a device is needed."""

    device: str
    is_awaited: bool = False  # the device has not answered yet
    receipt_number: str = ""
    receipt_kind: str = ""  # NS, NR
    internal_data: str = ""
    signature: str = ""
    device_id: str = ""
    machine_number: str = ""
    signed_at: str = ""  # yyyymmddhhmmss, as the device writes it
    qr: str = ""
    problem: str = ""


class Settlement(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A payment on a document."""

    id: str
    document_id: str
    amount: Decimal
    currency: str
    reference: str  # of the payment, unique for the document
    paid_at: datetime
    entered_at: datetime
    entered_by: str = ""


class Priced(msgspec.Struct, frozen=True, kw_only=True):
    """How taxes and sums of a document are rounded."""

    currency: str
    rounding: Rounding
    tax_rounding: TaxRounding
