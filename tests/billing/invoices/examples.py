"""Documents to look at: four currencies, four languages, all that can stand on one."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from billing.invoices.trade import GROSS, KIGALI, START, record, terms
from ingufu.billing.invoices import compose
from ingufu.billing.invoices.compose import Draft
from ingufu.billing.invoices.model import Document, DocumentKind, FiscalStamp, Registers
from ingufu.billing.invoices.parties import Address, BankAccount, Customer, CustomerKind, LegalEntity, Texts
from ingufu.billing.records.model import ChargeRecord

AT = datetime(2026, 3, 1, 12, 30, 5, tzinfo=UTC)
CODE = "0f1e2d3c4b5a69788796a5b4"
URL = f"https://ingufu.example/check/0195/{CODE}"
STAMP = FiscalStamp(
    device="ebm", receipt_number="12/34", receipt_kind="NS", internal_data="VTE6JDBTWRE2NYB3Z7QNFIRDLE",
    signature="V249J39CFPT48XA7", device_id="SDC010000001", machine_number="WIS01006230", signed_at="20260301143005",
    qr="01032026#143005#SDC010000001#12/34#VTE6-JDBT-WRE2-NYB3-Z7QN-FIRD-LE#V249-J39C-FPT4-8XA7",
)  # fmt: skip


def seller(**fields: Any) -> LegalEntity:
    given: dict[str, Any] = {
        "id": "le-1", "organisation_id": "org", "key": "KGL", "name": "Ingufu Charging Ltd", "address": KIGALI,
        "tax_id": "102345678", "tax_id_name": "TIN", "time_zone": "Africa/Kigali", "phone": "+250 788 000 000",
        "email": "billing@ingufu.example", "website": "ingufu.example", "register_number": "11223344",
        "bank": BankAccount(bank="Bank of Kigali", holder="Ingufu Charging Ltd", account="00040-06912345-67", bic="BKIGRWRW"),
        "texts": {"en": Texts(foot="Thank you for charging with us. Electricity from Nyabarongo and the sun.")},
        "created_at": AT, "updated_at": AT,
    }  # fmt: skip
    return LegalEntity(**given | fields)


def buyer(**fields: Any) -> Customer:
    given: dict[str, Any] = {"id": "c-1", "organisation_id": "org", "kind": CustomerKind.BUSINESS, "name": "Moto Fleet Ltd",
                             "address": Address(street="KK 15 Rd 7", city="Kigali", country="RW"), "tax_id": "108765432",
                             "email": "accounts@moto.example", "created_at": AT, "updated_at": AT}  # fmt: skip
    return Customer(**given | fields)


def document(
    *records: ChargeRecord, kind: DocumentKind = DocumentKind.RECEIPT, sells: LegalEntity | None = None,
    buys: Customer | None = None, number: str = "KGL-R-2026-000001", is_final: bool = True, **fields: Any,
) -> Document:  # fmt: skip
    registers = {
        one.transaction_id or "": Registers(begin_wh=Decimal(1000000), end_wh=Decimal(1000000) + one.energy_wh)
        for one in records
    }
    draft = Draft(
        id="0195", kind=kind, seller=sells or seller(), buyer=buys, records=records, registers=registers, code=CODE,
        at=AT, **fields,
    )  # fmt: skip
    composed = compose.compose(draft)
    if not is_final:
        return composed
    compose.check_complete(composed)
    return compose.finalised(composed, number=number, year=2026, sequence=1, at=AT)


def receipt_rwf() -> Document:
    return document(record("r1", terms("RWF", "350", parking="1500", **GROSS), idle_min=25, kwh="34.567"))


def invoice_kes() -> Document:
    sells = seller(
        name="Ingufu Kenya Ltd", key="NBO", address=Address(street="Ngong Road 120", city="Nairobi", country="KE"),
        tax_id="P051234567M", tax_id_name="PIN", time_zone="Africa/Nairobi", language="sw",
    )  # fmt: skip
    buys = buyer(
        name="Matatu Express Co-operative Society Ltd",
        address=Address(street="Moi Avenue 3", city="Nairobi", country="KE"),
        tax_id="P052345678N",
    )
    place = {
        "site_name": "Westlands Mall",
        "station_identity": "NBO-07",
        "country": "KE",
        "time_zone": "Africa/Nairobi",
    }
    return document(
        record("r1", terms("KES", "40", percent="16", parking="120"), idle_min=40, kwh="41.337", **place),
        kind=DocumentKind.INVOICE, sells=sells, buys=buys, number="NBO-2026-000042",
    )  # fmt: skip


def statement_eur(count: int = 45) -> Document:
    sells = seller(
        name="Ingufu Belgique SA", key="BRU", address=Address(street="Rue de la Loi 16", postal_code="1000", city="Bruxelles", country="BE"),
        tax_id="0123456749", tax_id_name="TVA BE", register_name="RPM Bruxelles", time_zone="Europe/Brussels", language="fr",
        texts={"fr": Texts(head="Merci de votre confiance.", payment="Merci de mentionner le numéro de la facture.", foot="")},
        bank=BankAccount(bank="Banque", account="BE71 0961 2345 6769", bic="GKCCBEBB"),
    )  # fmt: skip
    buys = buyer(
        name="Société de Livraison Rapide et Écologique du Brabant Wallon SPRL",
        address=Address(street="Chaussée de Bruxelles 1234", postal_code="1300", city="Wavre", country="BE"),
        tax_id="0417497106",
        reference="PO-2026-778",
    )
    place = {
        "site_name": "Wavre Nord",
        "station_identity": "BE-WAV-03",
        "country": "BE",
        "time_zone": "Europe/Brussels",
    }
    records = [
        record(
            f"r{number:03}", terms("EUR", "0.42", percent="21", parking="3.60"), kwh=f"{10 + number % 30}.{number:03}",
            idle_min=7 * (number % 3), started_at=START + timedelta(hours=9 * number), **place,
        )
        for number in range(count)
    ]  # fmt: skip
    return document(
        *records, kind=DocumentKind.STATEMENT, sells=sells, buys=buys, number="BRU-M-2026-000007", period="2026-02"
    )


def invoice_kwd() -> Document:
    sells = seller(
        name="Ingufu Gulf W.L.L.", key="KWI", address=Address(street="Al Soor Street, Block 2", city="Kuwait City", country="KW"),
        tax_id="", time_zone="Asia/Kuwait", untaxed_category="O", outside="No value added tax is levied in Kuwait.", language="rw",
    )  # fmt: skip
    buys = buyer(name="Desert Logistics", address=Address(city="Kuwait City", country="KW"), tax_id="")
    place = {"site_name": "Avenues Mall", "station_identity": "KWI-001", "country": "KW", "time_zone": "Asia/Kuwait"}
    return document(
        record("r1", terms("KWD", "0.0455", percent=None), kwh="27.333", **place), kind=DocumentKind.INVOICE, sells=sells,
        buys=buys, number="KWI-2026-000003",
    )  # fmt: skip


EXAMPLES = {"RWF": receipt_rwf, "KES": invoice_kes, "EUR": statement_eur, "KWD": invoice_kwd}
