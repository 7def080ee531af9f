"""What is entered about legal entities and customers, held against the rules. Pure."""

import base64
import binascii
import re
from decimal import Decimal
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from ingufu.billing.invoices import numbering, tax_numbers
from ingufu.billing.invoices.parties import Address, Customer, CustomerKind, LegalEntity
from ingufu.core.errors import InvalidInput
from ingufu.core.money import decimals
from ingufu.core.texts import plain
from ingufu.sites.countries import COUNTRIES

LOGO_MAX_BYTES = 65_536
LANGUAGES = ("en", "fr", "rw", "sw")
_LONGEST = {"name": 200, "trading_name": 200, "tax_id_name": 20, "register_number": 80, "register_name": 200,
            "email": 254, "phone": 40, "website": 200, "exemption": 300, "outside": 300, "reference": 100}  # fmt: skip
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]{0,30}(?:/[A-Za-z0-9_+-]{1,30}){0,2}")
_MAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_KINDS = {b"\x89PNG": "image/png", b"<svg": "image/svg+xml", b"<?xm": "image/svg+xml"}
RATE_MAX = Decimal(1_000_000)
PartyT = TypeVar("PartyT", LegalEntity, Customer)


def checked_entity(entity: LegalEntity) -> LegalEntity:
    """Return the entity with its texts tidied. Raises InvalidInput, naming the field."""
    numbering.check_key(entity.key)
    numbering.check_templates(entity.numbers, entity.key)
    address = _address(entity.address)
    _check_texts(entity)
    _check_language(entity.language)
    _check_mail(entity.email)
    if _ZONE.fullmatch(entity.time_zone) is None or not _is_zone(entity.time_zone):
        raise InvalidInput("There is no such time zone.", field="time_zone")
    if entity.zero_category not in {"Z", "E"}:
        raise InvalidInput("A rate of 0 % is Z (zero rated) or E (exempt).", field="zero_category")
    if entity.untaxed_category not in {"O", "E", "Z"}:
        raise InvalidInput("A price without tax is O (outside the tax), E (exempt) or Z.", field="untaxed_category")
    if entity.tax_currency:
        decimals(entity.tax_currency)
    for currency, rate in entity.exchange_rates.items():
        decimals(currency)
        if not rate.is_finite() or not 0 < rate <= RATE_MAX:
            raise InvalidInput("A rate is a positive number.", field="exchange_rates")
    if not 0 <= entity.payment_days <= 365:
        raise InvalidInput("Documents are due within 0 to 365 days.", field="payment_days")
    if not 1 <= entity.retention_years <= 50:
        raise InvalidInput("Documents are kept for 1 to 50 years.", field="retention_years")
    limit = entity.receipt_limit
    if limit is not None and not (limit.is_finite() and limit >= 0):
        raise InvalidInput("The limit is a number, and not negative.", field="receipt_limit")
    tax_id = tax_numbers.checked(entity.tax_id, address.country)
    return _tidied(entity, address=address, tax_id=tax_id)


def checked_customer(customer: Customer) -> Customer:
    """Return the customer with their texts tidied. Raises InvalidInput, naming the field."""
    address = _address(customer.address)
    if customer.language:
        _check_language(customer.language)
    _check_mail(customer.email)
    if customer.payment_days is not None and not 0 <= customer.payment_days <= 365:
        raise InvalidInput("Documents are due within 0 to 365 days.", field="payment_days")
    tax_id = tax_numbers.checked(customer.tax_id, address.country)
    if customer.is_reverse_charge and (customer.kind is not CustomerKind.BUSINESS or not tax_id):
        raise InvalidInput("Only a business with a tax number can owe the tax itself.", field="is_reverse_charge")
    return _tidied(customer, address=address, tax_id=tax_id)


def read_logo(content: str) -> tuple[str, bytes]:
    """Return media type and bytes of a logo given as base64. Raises InvalidInput."""
    try:
        raw = base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidInput("A logo is given as base64.", field="logo") from error
    media_type = _KINDS.get(raw[:4])
    if media_type is None or len(raw) > LOGO_MAX_BYTES:
        raise InvalidInput(f"A logo is a PNG or SVG of at most {LOGO_MAX_BYTES // 1024} KiB.", field="logo")
    if media_type == "image/svg+xml" and re.search(
        rb"<!DOCTYPE|<!ENTITY|<script|href\s*=\s*[\"'](?!#|data:)", raw, re.IGNORECASE
    ):
        raise InvalidInput("The SVG refers to something outside of itself.", field="logo")
    return media_type, raw


def _tidied(party: PartyT, **fields: Any) -> PartyT:
    texts = {name: plain(getattr(party, name).strip(), longest) for name, longest in _LONGEST.items()
             if hasattr(party, name)}  # fmt: skip
    if not texts["name"]:
        raise InvalidInput("Give a name.", field="name")
    return type(party)(**{name: getattr(party, name) for name in party.__struct_fields__} | texts | fields)


def _address(address: Address) -> Address:
    country = address.country.strip().upper()
    if country and country not in COUNTRIES:
        raise InvalidInput("The country is given by its two letters, for instance RW.", field="address")
    parts = {name: plain(getattr(address, name).strip(), 200) for name in Address.__struct_fields__}
    return Address(**parts | {"country": country})


def _check_texts(entity: LegalEntity) -> None:
    for language, texts in entity.texts.items():
        _check_language(language, "texts")
        if max(len(texts.head), len(texts.payment), len(texts.foot)) > 2000:
            raise InvalidInput("A text has at most 2000 characters.", field="texts")


def _check_language(language: str, field: str = "language") -> None:
    if language not in LANGUAGES:
        raise InvalidInput(f"Documents are written in {', '.join(LANGUAGES)}.", field=field)


def _check_mail(email: str) -> None:
    if email and _MAIL.fullmatch(email.strip()) is None:
        raise InvalidInput("This is no e-mail address.", field="email")


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True
