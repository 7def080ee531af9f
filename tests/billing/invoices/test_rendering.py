"""Documents on paper and on screen: right figures in every currency, nothing of a name taken for markup, always the same."""

import struct
from decimal import Decimal

import msgspec
import pytest

from billing.invoices import examples
from billing.invoices.examples import URL, buyer, document, seller
from billing.invoices.trade import GROSS, record, terms
from ingufu.billing.invoices import compose
from ingufu.billing.invoices.model import DocumentKind, FiscalStamp
from ingufu.billing.invoices.parties import Address
from ingufu.billing.invoices.rendering import page, pdf, words
from ingufu.billing.invoices.rendering.printing import Printer
from ingufu.billing.invoices.rendering.sheet import Sheet, sheet

HOSTILE = '#panic("x") *bold* _it_ $1/0$ <b>&amp; "q" \\ `raw` @ref // no /* no */ #import "@preview/x:1.0.0"'
TEXTS = {
    "RWF": ["12,098", "625", "10,782\xa0RWF", "1,941\xa0RWF", "12,723\xa0RWF", "Receipt", "TIN 102345678", "34.567\xa0kWh"],
    "KES": ["1,653.48", "80.00", "1,733.48\xa0KES", "277.36\xa0KES", "2,010.84\xa0KES", "Ankara", "16\xa0%"],
    "EUR": ["435,12\xa0EUR", "91,38\xa0EUR", "526,50\xa0EUR", "Facture mensuelle", "février 2026", "21\xa0%"],
    "KWD": ["1,244\xa0KWD", "0,0455", "27,333\xa0kWh", "Inyemezabuguzi", "No value added tax is levied in Kuwait."],
}  # fmt: skip


def laid_out(currency: str, **fields: object) -> Sheet:
    stamp = examples.STAMP if currency == "RWF" else None
    return sheet(examples.EXAMPLES[currency](), stamp=stamp, check_url=URL, **fields)


@pytest.mark.parametrize("currency", ["RWF", "KES", "EUR", "KWD"])
def test_every_currency_goes_all_the_way_to_the_paper(currency: str) -> None:
    shown = laid_out(currency)
    texts = msgspec.json.encode(shown).decode()
    web = page.html(shown).replace("&#39;", "'")
    for text in TEXTS[currency]:
        assert text in texts
        assert text in web
    drawn = pdf.draw(shown)
    assert drawn.startswith(b"%PDF-1.7")
    assert drawn == pdf.draw(shown)
    assert f"/Type/Pages/Count {len(pdf.pictures(shown, dots_per_inch=20))}/".encode() in drawn


def test_same_document_gives_the_same_bytes_and_another_one_does_not() -> None:
    one, other = laid_out("KES"), msgspec.structs.replace(laid_out("KES"), number="NBO-2026-000043")
    assert pdf.draw(one) == pdf.draw(laid_out("KES")) != pdf.draw(other)


@pytest.mark.parametrize("language", ["en", "fr", "rw", "sw"])
def test_every_language_has_every_word_and_fits(language: str) -> None:
    assert set(words.languages()[language]) == set(words.languages()["en"])
    made = document(
        record("r1", terms("RWF", "350", parking="1500"), idle_min=20), kind=DocumentKind.INVOICE,
        sells=seller(language=language), buys=buyer(),
    )  # fmt: skip
    shown = sheet(made, stamp=FiscalStamp(device="x", is_awaited=True), check_url=URL)
    assert shown.language == language
    assert shown.warning == words.Words(language)("awaiting")
    assert len(pdf.pictures(shown, dots_per_inch=20)) == 1


def test_names_are_text_whatever_stands_in_them() -> None:
    hostile = {"name": HOSTILE, "address": Address(street=HOSTILE, city=HOSTILE, country="RW")}
    place = {"site_name": HOSTILE, "station_identity": HOSTILE, "meter_serial": HOSTILE}
    made = document(
        record("r1", terms("RWF", "350"), **place), kind=DocumentKind.INVOICE,
        sells=seller(**hostile, email="", website=HOSTILE), buys=buyer(**hostile, reference=HOSTILE),
    )  # fmt: skip
    shown = sheet(made, check_url=URL)
    assert pdf.draw(shown).startswith(b"%PDF")
    web = page.html(shown)
    assert "<b>" not in web
    assert "&lt;b&gt;&amp;amp;" in web
    assert "<script" not in web


def test_control_characters_and_other_scripts_are_drawn_somehow() -> None:
    made = document(
        record("r1", terms("RWF", "350")),
        kind=DocumentKind.INVOICE,
        buys=buyer(name="\x07\x1b株式会社 شركة \ufffe🚗 " * 5),
    )
    assert pdf.draw(sheet(made)).startswith(b"%PDF")
    assert "株式会社" in page.html(sheet(made))


def test_long_names_without_blanks_stay_on_the_page() -> None:
    made = document(
        record("r1", terms("RWF", "350"), site_name="S" * 300), kind=DocumentKind.INVOICE, buys=buyer(name="N" * 300)
    )
    assert len(pdf.pictures(sheet(made, check_url=URL + "x" * 300), dots_per_inch=30)) <= 2


def test_a_statement_of_many_sessions_goes_over_numbered_pages() -> None:
    shown = sheet(examples.statement_eur(400), check_url=URL)
    assert len(shown.sections) == 400
    drawn = pdf.pictures(shown, dots_per_inch=10)
    assert len(drawn) > 20
    width, height = struct.unpack(">II", drawn[0][16:24])
    assert round(height / width, 1) == 1.4  # A4, upright


async def test_drawing_does_not_hold_up_the_loop() -> None:
    printer = Printer()
    assert await printer.pdf(laid_out("KWD")) == pdf.draw(laid_out("KWD"))


def test_e_invoice_travels_within_the_pdf() -> None:
    drawn = pdf.draw(laid_out("KES"), attached=b"<Invoice>\xc3\xa9</Invoice>")
    assert b"invoice.xml" in drawn
    assert b"pdfaid" in drawn


def test_drafts_and_given_up_ones_say_so() -> None:
    draft = document(record("r1", terms("RWF", "350")), is_final=False)
    shown = sheet(draft, check_url=URL)
    assert "Draft" in shown.warning
    assert shown.check is None
    assert "Draft" in page.html(shown)


def test_fiscal_block_is_printed_in_groups_of_four() -> None:
    shown = laid_out("RWF")
    assert shown.fiscal is not None
    pairs = dict(shown.fiscal.pairs)
    assert pairs["SDC date and time"] == "01/03/2026 14:30:05"
    assert pairs["Internal data"] == "VTE6-JDBT-WRE2-NYB3-Z7QN-FIRD-LE"
    assert pairs["Receipt signature"] == "V249-J39C-FPT4-8XA7"
    assert "<svg" in shown.fiscal.qr


def test_credit_note_names_what_it_corrects_and_shows_what_is_given_back() -> None:
    original = document(record("r1", terms("RWF", "350", **GROSS)), number="KGL-R-2026-000007")
    note = compose.credit(original, original.lines, new_id="c", code="x", at=examples.AT, by="", reason="correction")
    done = compose.finalised(note, number="KGL-C-2026-000001", year=2026, sequence=1, at=examples.AT)
    shown = sheet(done, check_url=URL)
    assert ("Corrects", "KGL-R-2026-000007 of 1 March 2026") in shown.facts
    assert ("Reason", "Correction of the charge record") in shown.facts
    assert shown.totals[-1].label == "Credited"
    assert done.payable == original.payable > 0


def test_proof_shows_both_registers_and_what_the_signature_is_worth() -> None:
    shown = laid_out("RWF")
    assert shown.proof is not None
    [row] = shown.proof.rows
    assert row[0] == "KGL-01 · 1"
    assert row[2] == "10 Feb 2026 10:00\n1,000.000\xa0kWh"
    assert row[3] == "10 Feb 2026 11:25\n1,034.567\xa0kWh"
    assert row[5] == "signed and verified"


def test_limit_of_the_tariff_is_told_where_it_changed_the_amount() -> None:
    from billing.invoices.trade import MINIMUM

    made = document(record("r1", terms("EUR", "0.40", **MINIMUM), kwh="2"))
    shown = sheet(made)
    assert shown.sections[0].rows[0].sub == "to the least price of the tariff"
    assert made.gross == Decimal("5.90")
