"""Reverse charge: a session is booked with its taxes; a document by which the buyer owes them takes them off. Pure."""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

from ingufu.billing.invoices import amounts
from ingufu.billing.invoices.model import Document, DocumentKind, TaxPart
from ingufu.billing.records.booking import tax_owner
from ingufu.billing.records.model import ChargeRecord, RecordKind
from ingufu.ledger.model import AccountKind, EntryKind, NewEntry, Posting
from ingufu.tariffs.priced import Line


def taxes_of(record: ChargeRecord, lines: Sequence[tuple[Line, Decimal]]) -> list[tuple[TaxPart, ...]]:
    """Return by line what was booked as taxes of the record: to the last unit, so that nothing of it stays owed.

    `lines` are those of the record that are on the document, with what they come to before taxes.
    """
    sign = -1 if record.kind is RecordKind.CREDIT else 1
    found: list[list[TaxPart]] = [[] for _ in lines]
    for tax in record.price.billed.taxes:
        key = (tax.name, tax.percent)
        bears = [any((one.name, one.percent) == key for one in line.taxes or ()) for line, _ in lines]
        weights = [Fraction(abs(net)) if is_its else Fraction(0) for (_, net), is_its in zip(lines, bears, strict=True)]
        parts = amounts.share(sign * tax.amount, weights, record.currency)
        for place, amount in enumerate(parts):
            if amount:
                found[place].append(TaxPart(name=tax.name, percent=tax.percent, amount=amount))
    return [tuple(one) for one in found]


def entry_of(document: Document) -> NewEntry | None:
    """Return what a finalised document books, None if its seller owes the taxes: a credit note books the opposite."""
    is_credit = document.kind is DocumentKind.CREDIT_NOTE
    debtors = {proof.record_id: proof.debtor for proof in document.proofs}
    booked: dict[tuple[AccountKind, str], Decimal] = {}

    def add(account: AccountKind, owner: str, amount: Decimal) -> None:
        booked[account, owner] = booked.get((account, owner), Decimal(0)) + (-amount if is_credit else amount)

    for line in document.lines:
        for tax in line.buyer_taxes:
            add(AccountKind.RECEIVABLE, debtors.get(line.record_id or "", ""), -tax.amount)
            add(AccountKind.TAX, tax_owner(tax.name, tax.percent), tax.amount)
    postings = tuple(
        Posting(account=account, owner=owner, amount=amount, currency=document.currency)
        for (account, owner), amount in booked.items()
        if amount
    )
    if not postings:
        return None
    return NewEntry(
        organisation_id=document.seller.organisation_id,
        kind=EntryKind.CHARGE if is_credit else EntryKind.CREDIT,
        reference=f"document-reverse-charge:{document.id}",
        at=document.issued_at or document.created_at,
        text=document.number,
        postings=postings,
    )
