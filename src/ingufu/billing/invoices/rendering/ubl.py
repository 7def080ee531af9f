"""Documents as e-invoices: EN 16931 in the syntax of UBL 2.1 (Invoice, CreditNote).

Elements stand in the order of the UBL schema's sequences; BT and BG are the business terms of EN 16931-1.
Receipts are simplified invoices without a buyer and are no e-invoices: `is_possible` says so.
"""

import re
from collections.abc import Iterable
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from xml.etree.ElementTree import Element, SubElement, indent, register_namespace, tostring

from ingufu.billing.invoices.amounts import PRECISION
from ingufu.billing.invoices.compose import local_date
from ingufu.billing.invoices.model import Document, DocumentKind, DocumentLine, DocumentState, TaxCategory
from ingufu.billing.invoices.parties import Address, Customer, LegalEntity
from ingufu.billing.invoices.rendering.words import Words
from ingufu.core.money import decimals

CUSTOMIZATION = "urn:cen.eu:en16931:2017"  # BT-24: the core, without rules of a country or network on top
INVOICE = "urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"
CREDIT_NOTE = "urn:oasis:names:specification:ubl:schema:xsd:CreditNote-2"
CAC = "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"
CBC = "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"
_UNITS = {"kWh": "KWH", "h": "HUR", "session": "C62"}  # UN/ECE recommendation 20
_NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_EXEMPT = frozenset({TaxCategory.EXEMPT, TaxCategory.REVERSE_CHARGE, TaxCategory.OUTSIDE})
_CREDIT_TRANSFER, _UNKNOWN_MEANS = "30", "1"  # UNCL 4461

register_namespace("invoice", INVOICE)
register_namespace("note", CREDIT_NOTE)
register_namespace("cac", CAC)
register_namespace("cbc", CBC)


def is_possible(document: Document) -> bool:
    """Return whether the document can be an e-invoice: issued, and with a buyer (EN 16931 BG-7)."""
    return document.state is DocumentState.FINALISED and document.buyer is not None


def ubl(document: Document) -> bytes:
    """Return the document as UBL. It is finalised and has a buyer."""
    buyer, issued_on = document.buyer, document.issued_on
    if buyer is None or issued_on is None:
        raise ValueError("Only an issued document with a buyer is an e-invoice.")
    is_credit = document.kind is DocumentKind.CREDIT_NOTE
    root = Element(f"{{{CREDIT_NOTE if is_credit else INVOICE}}}{'CreditNote' if is_credit else 'Invoice'}")
    _head(root, document, buyer, issued_on, is_credit=is_credit)
    _seller(_in(root, "AccountingSupplierParty"), document.seller, document)
    _buyer(_in(root, "AccountingCustomerParty"), buyer, document)
    if document.supplied_until is not None:
        place = _in(root, "Delivery")
        _put(place, "ActualDeliveryDate", _day(document.supplied_until, document.time_zone))  # BT-72
    _payment(root, document)
    _taxes(root, document)
    _totals(root, document)
    for line in document.lines:
        _line(root, line, document, is_credit=is_credit)
    indent(root)
    written: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return written


def _head(root: Element, document: Document, buyer: Customer, issued_on: date, *, is_credit: bool) -> None:
    _put(root, "CustomizationID", CUSTOMIZATION)  # BT-24
    _put(root, "ID", document.number)  # BT-1
    _put(root, "IssueDate", issued_on.isoformat())  # BT-2
    if document.due_on is not None and not is_credit:
        _put(root, "DueDate", document.due_on.isoformat())  # BT-9
    _put(root, "CreditNoteTypeCode" if is_credit else "InvoiceTypeCode", "381" if is_credit else "380")  # BT-3
    for note in _notes(document):
        _put(root, "Note", note)  # BT-22
    _put(root, "DocumentCurrencyCode", document.currency)  # BT-5
    if document.national is not None:
        _put(root, "TaxCurrencyCode", document.national.currency)  # BT-6
    if buyer.reference:
        _put(root, "BuyerReference", buyer.reference)  # BT-10
    if document.supplied_from is not None and document.supplied_until is not None:
        period = _in(root, "InvoicePeriod")  # BG-14
        _put(period, "StartDate", _day(document.supplied_from, document.time_zone))
        _put(period, "EndDate", _day(document.supplied_until, document.time_zone))
    if document.corrects is not None:
        original = _in(_in(root, "BillingReference"), "InvoiceDocumentReference")  # BG-3
        _put(original, "ID", document.corrects.number)
        _put(original, "IssueDate", document.corrects.issued_on.isoformat())


def _notes(document: Document) -> Iterable[str]:
    if document.reason:
        yield Words(document.language)("correction") if document.reason == "correction" else document.reason
    texts = document.seller.texts.get(document.language)
    if texts and texts.head:
        yield texts.head


def _seller(role: Element, seller: LegalEntity, document: Document) -> None:
    party = _in(role, "Party")
    if seller.trading_name:
        _put(_in(party, "PartyName"), "Name", seller.trading_name)  # BT-28
    _address(party, seller.address)
    if seller.tax_id and not _is_outside(document):  # BR-O-02: outside of the tax no number of it stands
        _tax_scheme(party, _with_country(seller.tax_id, seller.address.country), "VAT")  # BT-31
    legal = _in(party, "PartyLegalEntity")
    _put(legal, "RegistrationName", seller.name)  # BT-27
    if seller.register_number or seller.tax_id:
        _put(legal, "CompanyID", seller.register_number or seller.tax_id)  # BT-30: BR-CO-26 wants one of them
    _contact(party, seller.name, seller.phone, seller.email)


def _buyer(role: Element, buyer: Customer, document: Document) -> None:
    party = _in(role, "Party")
    _address(party, buyer.address)
    if buyer.tax_id and not _is_outside(document):
        _tax_scheme(party, _with_country(buyer.tax_id, buyer.address.country), "VAT")  # BT-48
    legal = _in(party, "PartyLegalEntity")
    _put(legal, "RegistrationName", buyer.name)  # BT-44
    if buyer.tax_id:
        _put(legal, "CompanyID", buyer.tax_id)  # BT-47: BR-AE-02 is content with it
    if buyer.email:
        _contact(party, "", "", buyer.email)


def _address(party: Element, address: Address) -> None:
    place = _in(party, "PostalAddress")  # BG-5, BG-8
    _put(place, "StreetName", address.street)
    _put(place, "AdditionalStreetName", address.more)
    _put(place, "CityName", address.city)
    _put(place, "PostalZone", address.postal_code)
    _put(place, "CountrySubentity", address.region)
    _put(_in(place, "Country"), "IdentificationCode", address.country)  # BT-40, BT-55


def _tax_scheme(party: Element, number: str, scheme: str) -> None:
    told = _in(party, "PartyTaxScheme")
    _put(told, "CompanyID", number)
    _put(_in(told, "TaxScheme"), "ID", scheme)


def _contact(party: Element, name: str, phone: str, email: str) -> None:
    if not (phone or email):
        return
    contact = _in(party, "Contact")
    _put(contact, "Name", name)
    _put(contact, "Telephone", phone)
    _put(contact, "ElectronicMail", email)


def _payment(root: Element, document: Document) -> None:
    bank, texts = document.seller.bank, document.seller.texts.get(document.language)
    means = _in(root, "PaymentMeans")  # BG-16
    _put(means, "PaymentMeansCode", _CREDIT_TRANSFER if bank.account else _UNKNOWN_MEANS)
    if bank.account:
        account = _in(means, "PayeeFinancialAccount")  # BG-17
        _put(account, "ID", bank.account)
        _put(account, "Name", bank.holder)
        if bank.bic:
            _put(_in(account, "FinancialInstitutionBranch"), "ID", bank.bic)
    is_owed = document.payable > 0 and document.kind is not DocumentKind.CREDIT_NOTE
    terms = texts.payment if texts else ""
    if terms or (is_owed and document.due_on is None):  # BR-CO-25: a date or terms
        _put(_in(root, "PaymentTerms"), "Note", terms or Words(document.language)("payable"))


def _taxes(root: Element, document: Document) -> None:
    currency = document.currency
    total = _in(root, "TaxTotal")  # BG-22
    _amount(total, "TaxAmount", document.tax, currency)  # BT-110
    for group in document.taxes:  # BG-23
        part = _in(total, "TaxSubtotal")
        _amount(part, "TaxableAmount", group.taxable, currency)  # BT-116
        _amount(part, "TaxAmount", group.tax, currency)  # BT-117
        category = _category(part, "TaxCategory", group.category, group.percent)
        if group.category in _EXEMPT:
            reason = group.reason or Words(document.language)(_WORDS[group.category])
            told = Element(f"{{{CBC}}}TaxExemptionReason")  # BT-120, before the scheme
            told.text = _clean(reason)
            category.insert(len(category) - 1, told)
    if document.national is not None:
        other = _in(root, "TaxTotal")
        _amount(other, "TaxAmount", document.national.tax, document.national.currency)  # BT-111


_WORDS = {
    TaxCategory.EXEMPT: "exempt",
    TaxCategory.REVERSE_CHARGE: "reverse_charge",
    TaxCategory.OUTSIDE: "outside",
}


def _totals(root: Element, document: Document) -> None:
    currency = document.currency
    total = _in(root, "LegalMonetaryTotal")  # BG-22
    _amount(total, "LineExtensionAmount", sum((line.net for line in document.lines), Decimal(0)), currency)  # BT-106
    _amount(total, "TaxExclusiveAmount", document.net, currency)  # BT-109
    _amount(total, "TaxInclusiveAmount", document.gross, currency)  # BT-112
    if document.rounding:
        _amount(total, "PayableRoundingAmount", document.rounding, currency)  # BT-114
    _amount(total, "PayableAmount", document.payable, currency)  # BT-115


def _line(root: Element, line: DocumentLine, document: Document, *, is_credit: bool) -> None:
    currency, unit = document.currency, _UNITS.get(line.unit, "C62")
    made = _in(root, "CreditNoteLine" if is_credit else "InvoiceLine")  # BG-25
    _put(made, "ID", str(line.position))
    _put(made, "CreditedQuantity" if is_credit else "InvoicedQuantity", f"{line.quantity:f}", unitCode=unit)  # BT-129
    _amount(made, "LineExtensionAmount", line.net, currency)  # BT-131
    if line.started_at is not None and line.ended_at is not None:
        period = _in(made, "InvoicePeriod")  # BG-26
        _put(period, "StartDate", _day(line.started_at, line.time_zone))
        _put(period, "EndDate", _day(line.ended_at, line.time_zone))
    _difference(made, line, document)
    item = _in(made, "Item")  # BG-31
    words = Words(document.language)
    place = " ".join(part for part in (line.site_name, line.station_identity) if part)
    _put(item, "Description", place)  # BT-154
    _put(item, "Name", words(line.dimension) if line.dimension != "text" else line.text)  # BT-153
    _category(item, "ClassifiedTaxCategory", line.category, line.percent)  # BG-30
    price = _in(made, "Price")  # BG-29
    _put(price, "PriceAmount", f"{abs(line.unit_price):f}", currencyID=currency)  # BT-146, never negative (BR-27)


def _difference(made: Element, line: DocumentLine, document: Document) -> None:
    """Tell what a bound of the tariff, or rounding, adds to quantity times price (BG-27, BG-28)."""
    smallest = Decimal(1).scaleb(-decimals(document.currency))
    product = PRECISION.multiply(line.quantity, line.unit_price).quantize(smallest, ROUND_HALF_UP, context=PRECISION)
    difference = line.net - product
    if not difference:
        return
    words = Words(document.language)
    told = _in(made, "AllowanceCharge")
    _put(told, "ChargeIndicator", "true" if difference > 0 else "false")
    _put(told, "AllowanceChargeReason", words(line.limit) if line.limit else words("rounding"))
    _amount(told, "Amount", abs(difference), document.currency)


def _category(parent: Element, name: str, category: TaxCategory, percent: Decimal) -> Element:
    made = _in(parent, name)
    _put(made, "ID", category.value)
    if category is not TaxCategory.OUTSIDE:  # BR-O-05: no rate
        _put(made, "Percent", f"{percent:f}")
    _put(_in(made, "TaxScheme"), "ID", "VAT")
    return made


def _is_outside(document: Document) -> bool:
    return any(group.category is TaxCategory.OUTSIDE for group in document.taxes)


def _with_country(number: str, country: str) -> str:
    """Return the number with its country before it, as the EU writes them (BR-CO-09)."""
    return number if number[:2].isalpha() or not country else f"{country}{number}"


def _day(at: datetime, time_zone: str) -> str:
    return local_date(at, time_zone).isoformat()


def _amount(parent: Element, name: str, amount: Decimal, currency: str) -> None:
    places = decimals(currency)
    _put(parent, name, f"{amount.quantize(Decimal(1).scaleb(-places)):f}", currencyID=currency)


def _put(parent: Element, name: str, text: str, **attributes: str) -> None:
    """Add a value; what is empty is left out, for empty elements are forbidden (BR-01 and those after it)."""
    clean = _clean(text).strip()
    if clean:
        SubElement(parent, f"{{{CBC}}}{name}", attributes).text = clean


def _in(parent: Element, name: str) -> Element:
    return SubElement(parent, f"{{{CAC}}}{name}")


def _clean(text: str) -> str:
    """Return the text without what XML 1.0 cannot hold."""
    return _NO_XML.sub("\N{REPLACEMENT CHARACTER}", text)
