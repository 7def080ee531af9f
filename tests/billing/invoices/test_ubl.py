"""E-invoices: the arithmetic of EN 16931, and the order of elements that the UBL schema wants."""

from decimal import ROUND_HALF_UP, Decimal
from xml.etree import ElementTree as ET
from xml.etree.ElementTree import Element

import pytest

from billing.invoices import examples
from billing.invoices.examples import buyer, document, seller
from billing.invoices.trade import GROSS, MINIMUM, credit_of, record, terms
from ingufu.billing.invoices import compose
from ingufu.billing.invoices.model import Document, DocumentKind
from ingufu.billing.invoices.parties import Address, TaxRounding
from ingufu.billing.invoices.rendering import ubl

CBC, CAC = f"{{{ubl.CBC}}}", f"{{{ubl.CAC}}}"
# The sequences of UBL 2.1 (maindoc and common aggregate components), as far as we write them.
ORDER = {
    "Invoice": "CustomizationID ProfileID ID IssueDate DueDate InvoiceTypeCode Note TaxPointDate DocumentCurrencyCode TaxCurrencyCode "
    "AccountingCost BuyerReference InvoicePeriod OrderReference BillingReference AccountingSupplierParty AccountingCustomerParty "
    "PayeeParty TaxRepresentativeParty Delivery PaymentMeans PaymentTerms AllowanceCharge TaxTotal LegalMonetaryTotal InvoiceLine",
    "CreditNote": "CustomizationID ProfileID ID IssueDate TaxPointDate CreditNoteTypeCode Note DocumentCurrencyCode TaxCurrencyCode "
    "AccountingCost BuyerReference InvoicePeriod OrderReference BillingReference AccountingSupplierParty AccountingCustomerParty "
    "PayeeParty TaxRepresentativeParty Delivery PaymentMeans PaymentTerms AllowanceCharge TaxTotal LegalMonetaryTotal CreditNoteLine",
    "Party": "EndpointID PartyIdentification PartyName PostalAddress PartyTaxScheme PartyLegalEntity Contact",
    "PostalAddress": "StreetName AdditionalStreetName CityName PostalZone CountrySubentity AddressLine Country",
    "PartyTaxScheme": "CompanyID TaxScheme",
    "PartyLegalEntity": "RegistrationName CompanyID CompanyLegalForm",
    "Contact": "Name Telephone ElectronicMail",
    "PaymentMeans": "PaymentMeansCode PaymentID PayeeFinancialAccount",
    "PayeeFinancialAccount": "ID Name FinancialInstitutionBranch",
    "TaxTotal": "TaxAmount TaxSubtotal",
    "TaxSubtotal": "TaxableAmount TaxAmount TaxCategory",
    "TaxCategory": "ID Percent TaxExemptionReasonCode TaxExemptionReason TaxScheme",
    "ClassifiedTaxCategory": "ID Percent TaxScheme",
    "LegalMonetaryTotal": "LineExtensionAmount TaxExclusiveAmount TaxInclusiveAmount AllowanceTotalAmount ChargeTotalAmount "
    "PrepaidAmount PayableRoundingAmount PayableAmount",
    "InvoiceLine": "ID Note InvoicedQuantity LineExtensionAmount AccountingCost InvoicePeriod OrderLineReference AllowanceCharge Item Price",
    "CreditNoteLine": "ID Note CreditedQuantity LineExtensionAmount AccountingCost InvoicePeriod AllowanceCharge Item Price",
    "AllowanceCharge": "ChargeIndicator AllowanceChargeReasonCode AllowanceChargeReason Amount BaseAmount",
    "Item": "Description Name ClassifiedTaxCategory",
    "Price": "PriceAmount BaseQuantity",
}


def invoice(*records: object, sells: object = None, **fields: object) -> Document:
    return document(*records, kind=DocumentKind.INVOICE, sells=sells, buys=buyer(**fields), number="KGL-2026-000001")


def mixed(rule: TaxRounding = TaxRounding.LINE) -> Document:
    at = {"tax_rounding": rule}
    return invoice(
        *(record(f"a{number}", terms("EUR", "0.4137", percent="21"), kwh=f"{number}.777") for number in range(1, 9)),
        *(record(f"b{number}", terms("EUR", "0.3333", percent="6", parking="1.111"), idle_min=17, kwh=f"{number}.123") for number in range(1, 6)),
        record("z", terms("EUR", "0.10", percent="0"), kwh="3"),
        sells=seller(**at),
    )  # fmt: skip


CASES = {
    "kes": examples.invoice_kes,
    "eur": examples.statement_eur,
    "kwd": examples.invoice_kwd,
    "rwf gross": lambda: invoice(record("r", terms("RWF", "350", parking="1500", **GROSS), idle_min=25, kwh="34.567")),
    "eur gross": lambda: invoice(record("r", terms("EUR", "0.59", parking="3.60", **GROSS), idle_min=25, kwh="34.567")),
    "minimum": lambda: invoice(record("r", terms("EUR", "0.40", **MINIMUM), kwh="2.345")),
    "mixed by line": mixed,
    "mixed by group": lambda: mixed(TaxRounding.TAX_GROUP),
    "mixed by total": lambda: mixed(TaxRounding.TOTAL),
    "reverse charge": lambda: invoice(record("r", terms("EUR", "0.50", percent="21"), kwh="12.345"), is_reverse_charge=True),
    "exempt": lambda: invoice(record("r", terms("EUR", "0.50", percent="0")), sells=seller(zero_category="E", exemption="Art. 44")),
    "with credit": lambda: invoice(
        record("r", terms("EUR", "0.50", percent="21"), kwh="40"),
        credit_of(record("q", terms("EUR", "0.50", percent="21"), kwh="12.345"), "cq"),
    ),
    "national": lambda: invoice(
        record("r", terms("EUR", "0.50"), kwh="12"), sells=seller(tax_currency="RWF", exchange_rates={"EUR": Decimal("1612.5")})
    ),
}  # fmt: skip


def read(made: Document) -> Element:
    return ET.fromstring(ubl.ubl(made))


def value(parent: Element, path: str) -> Decimal:
    found = parent.find(path.replace("cac:", CAC).replace("cbc:", CBC))
    return Decimal(found.text or "0") if found is not None else Decimal(0)


def every(parent: Element, path: str) -> list[Element]:
    return parent.findall(path.replace("cac:", CAC).replace("cbc:", CBC))


@pytest.mark.parametrize("case", CASES)
def test_sums_follow_the_rules_of_en_16931(case: str) -> None:
    made = CASES[case]()
    root, cent = (
        read(made),
        Decimal("0.001") if made.currency == "KWD" else Decimal(1) if made.currency == "RWF" else Decimal("0.01"),
    )
    total, lines = "cac:LegalMonetaryTotal/", every(root, "cac:InvoiceLine")
    net = sum(value(line, "cbc:LineExtensionAmount") for line in lines)
    assert value(root, f"{total}cbc:LineExtensionAmount") == net  # BR-CO-10
    assert value(root, f"{total}cbc:TaxExclusiveAmount") == net  # BR-CO-13, without allowances
    tax = value(root, "cac:TaxTotal/cbc:TaxAmount")
    groups = every(root, "cac:TaxTotal/cac:TaxSubtotal")
    assert tax == sum(value(group, "cbc:TaxAmount") for group in groups)  # BR-CO-14
    assert value(root, f"{total}cbc:TaxInclusiveAmount") == net + tax  # BR-CO-15
    payable = value(root, f"{total}cbc:PayableAmount")
    assert payable == net + tax + value(root, f"{total}cbc:PayableRoundingAmount")  # BR-CO-16
    assert payable == made.payable
    for group in groups:
        kind, rate = group.find(f"{CAC}TaxCategory/{CBC}ID").text, value(group, "cac:TaxCategory/cbc:Percent")
        of_it = [
            line for line in lines
            if line.find(f"{CAC}Item/{CAC}ClassifiedTaxCategory/{CBC}ID").text == kind
            and value(line, "cac:Item/cac:ClassifiedTaxCategory/cbc:Percent") == rate
        ]  # fmt: skip
        taxable = value(group, "cbc:TaxableAmount")
        assert taxable == sum(value(line, "cbc:LineExtensionAmount") for line in of_it)  # BR-S-08 and its like
        exact = taxable * rate / 100
        slack = max(len(of_it), 1) * cent if made.seller.tax_rounding is TaxRounding.LINE else cent
        assert abs(value(group, "cbc:TaxAmount") - exact) <= min(slack, 100 * cent)  # BR-CO-17, BR-S-09
        if kind in {"AE", "E", "O", "Z"}:
            assert value(group, "cbc:TaxAmount") == 0  # BR-AE-09, BR-E-09, BR-O-09, BR-Z-09
    for line in lines:  # quantity by price and what is told as a difference make the line
        quantity, price = value(line, "cbc:InvoicedQuantity"), value(line, "cac:Price/cbc:PriceAmount")
        told = sum(
            value(one, "cbc:Amount") * (1 if one.find(f"{CBC}ChargeIndicator").text == "true" else -1)
            for one in every(line, "cac:AllowanceCharge")
        )
        assert price >= 0  # BR-27
        assert (quantity * price).quantize(cent, ROUND_HALF_UP) + told == value(line, "cbc:LineExtensionAmount")


@pytest.mark.parametrize("case", [*CASES, "credit note"])
def test_elements_stand_in_the_order_of_the_schema_and_none_is_empty(case: str) -> None:
    made = credit_note() if case == "credit note" else CASES[case]()
    for element in read(made).iter():
        name = element.tag.partition("}")[2]
        children = [child.tag.partition("}")[2] for child in element]
        if children and name in ORDER:
            order = ORDER[name].split()
            assert children == sorted(children, key=order.index), name
        assert children or (element.text or "").strip(), name


def credit_note() -> Document:
    original = CASES["mixed by group"]()
    note = compose.credit(original, original.lines, new_id="c", code="x", at=examples.AT, by="", reason="Wrong tariff.")
    return compose.finalised(note, number="KGL-C-2026-000001", year=2026, sequence=1, at=examples.AT)


def test_credit_note_names_its_original_and_has_its_sums() -> None:
    root, original = read(credit_note()), read(CASES["mixed by group"]())
    assert root.tag == f"{{{ubl.CREDIT_NOTE}}}CreditNote"
    assert root.find(f"{CBC}CreditNoteTypeCode").text == "381"
    assert root.find(f"{CAC}BillingReference/{CAC}InvoiceDocumentReference/{CBC}ID").text == "KGL-2026-000001"
    for name in ("LineExtensionAmount", "TaxInclusiveAmount", "PayableAmount"):
        path = f"cac:LegalMonetaryTotal/cbc:{name}"
        assert value(root, path) == value(original, path) > 0


def test_tax_of_another_currency_is_told_in_that_of_the_tax_office() -> None:
    root = read(CASES["national"]())
    assert root.find(f"{CBC}TaxCurrencyCode").text == "RWF"
    amounts = {
        one.find(f"{CBC}TaxAmount").get("currencyID"): value(one, "cbc:TaxAmount")
        for one in every(root, "cac:TaxTotal")
    }
    assert amounts == {"EUR": Decimal("1.08"), "RWF": Decimal(1742)}  # 1741.50, half up


def test_reverse_charge_says_why_there_is_no_tax() -> None:
    root = read(CASES["reverse charge"]())
    category = root.find(f"{CAC}TaxTotal/{CAC}TaxSubtotal/{CAC}TaxCategory")
    assert category.find(f"{CBC}ID").text == "AE"
    assert "Reverse charge" in category.find(f"{CBC}TaxExemptionReason").text


def test_what_is_outside_of_the_tax_has_neither_rate_nor_tax_numbers() -> None:
    text = ubl.ubl(CASES["kwd"]()).decode()
    assert "cbc:Percent" not in text  # BR-O-05
    assert "PartyTaxScheme" not in text  # BR-O-02


def test_nothing_from_outside_breaks_the_xml() -> None:
    name = "A & B <Ltd> ]]> \x00\x0b\ud800\ufffe " + "🚗"
    made = invoice(
        record("r", terms("EUR", "0.50"), site_name=name),
        name=name,
        address=Address(street=name, city="X", country="RW"),
    )
    root = read(made)
    shown = root.find(f"{CAC}AccountingCustomerParty/{CAC}Party/{CAC}PartyLegalEntity/{CBC}RegistrationName").text
    assert shown == "A & B <Ltd> ]]> \ufffd\ufffd\ufffd\ufffd 🚗"


def test_a_receipt_without_buyer_is_no_e_invoice() -> None:
    assert not ubl.is_possible(examples.receipt_rwf())
    with pytest.raises(ValueError, match="buyer"):
        ubl.ubl(examples.receipt_rwf())
