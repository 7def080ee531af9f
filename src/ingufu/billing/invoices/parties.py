"""Who sells and who buys: legal entities with all that the law wants on a document, and customers with billing data."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

import msgspec

from ingufu.core.money import Rounding

DEFAULT_NUMBERS = {
    "receipt": "{entity}-R-{yyyy}-{seq:06d}",
    "invoice": "{entity}-{yyyy}-{seq:06d}",
    "credit-note": "{entity}-C-{yyyy}-{seq:06d}",
    "statement": "{entity}-M-{yyyy}-{seq:06d}",
}


class Automatic(StrEnum):
    """What becomes of a charge record by itself."""

    RECEIPT = "receipt"  # a receipt at once; an invoice where the customer has to be named
    MONTHLY = "monthly"  # one statement for the month; a receipt for whoever is no customer
    NONE = "none"


class TaxRounding(StrEnum):
    """Where the tax of a document is rounded: a rule of the country."""

    LINE = "line"  # as the charge records have it: their sums, nothing new
    TAX_GROUP = "tax-group"  # once for each rate
    TOTAL = "total"  # once, spread over the rates


class CustomerKind(StrEnum):
    CONSUMER = "consumer"
    BUSINESS = "business"


class Address(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where somebody is."""

    street: str = ""
    more: str = ""
    postal_code: str = ""
    city: str = ""
    region: str = ""
    country: str = ""  # ISO 3166-1 alpha-2


class BankAccount(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where to pay to."""

    bank: str = ""
    holder: str = ""
    account: str = ""  # IBAN, or as the country has it
    bic: str = ""


class Texts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What stands on documents beside the figures, in one language."""

    head: str = ""
    payment: str = ""
    foot: str = ""


class LegalEntity(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who sells. Everything that a country asks for is here, nothing of it in the program."""

    id: str
    organisation_id: str
    key: str  # short, part of numbers
    name: str
    trading_name: str = ""
    address: Address = Address()
    tax_id: str = ""  # VAT id, TIN or PIN, as the country calls it
    tax_id_name: str = "VAT"  # what it is called on documents
    register_number: str = ""
    register_name: str = ""  # the court or office that keeps the register
    email: str = ""
    phone: str = ""
    website: str = ""
    bank: BankAccount = BankAccount()
    texts: dict[str, Texts] = {}  # by language
    language: str = "en"
    time_zone: str = "UTC"
    tax_currency: str = ""  # in which the tax office counts; empty: that of each document
    exchange_rates: dict[str, Decimal] = {}  # units of the tax currency for one of each other currency
    rounding: Rounding = Rounding.HALF_UP
    tax_rounding: TaxRounding = TaxRounding.LINE
    zero_category: str = "Z"  # what a rate of 0 % means: Z or E
    untaxed_category: str = "O"  # what a price without any tax means: O, E or Z
    exemption: str = ""  # the article or the words by which no tax is due (category E)
    outside: str = ""  # the same where the sale is no subject of the tax (category O)
    numbers: dict[str, str] = msgspec.field(
        default_factory=lambda: dict(DEFAULT_NUMBERS)
    )  # template by kind of document
    automatic: Automatic = Automatic.RECEIPT
    payment_days: int = 14
    retention_years: int = 10
    receipt_limit: Decimal | None = None  # gross, above which a buyer has to be named; None: no limit
    logo: str = ""  # PNG or SVG, base64
    is_default: bool = False  # for the sites of its organisation that name no other
    site_ids: tuple[str, ...] = ()
    fiscal_device_id: str | None = None
    retired_at: datetime | None = None
    created_at: datetime
    updated_at: datetime


class Customer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who buys, as documents name them: a driver, or a company with its drivers and groups."""

    id: str
    organisation_id: str
    kind: CustomerKind = CustomerKind.CONSUMER
    name: str
    address: Address = Address()
    tax_id: str = ""
    email: str = ""
    language: str = ""  # empty: the seller's
    is_reverse_charge: bool = False  # the buyer owes the tax
    reference: str = ""  # of the buyer, wanted on invoices (EN 16931 BT-10)
    automatic: Automatic | None = None  # None: as the seller has it
    payment_days: int | None = None
    driver_ids: tuple[str, ...] = ()
    group_ids: tuple[str, ...] = ()
    created_at: datetime
    updated_at: datetime
