"""From charge records to a document: lines, sums, proofs, and whether it has all that the law wants. Pure."""

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

import msgspec

from ingufu.billing.invoices import amounts, reverse_charge
from ingufu.billing.invoices.model import (
    Document,
    DocumentKind,
    DocumentLine,
    DocumentState,
    EnergyProof,
    NationalTax,
    Priced,
    Reference,
    Registers,
    Settlement,
    Standing,
    TaxCategory,
)
from ingufu.billing.invoices.parties import Automatic, Customer, CustomerKind, LegalEntity, TaxRounding
from ingufu.billing.records import decide as record_rules
from ingufu.billing.records.booking import debtor
from ingufu.billing.records.model import ChargeRecord, RecordKind
from ingufu.core.errors import InvalidInput
from ingufu.core.money import rounded
from ingufu.tariffs.model import Dimension, Tax, TaxBasis
from ingufu.tariffs.priced import Line, RoundingPolicy, RoundingRule

MAX_RECORDS = 5000  # on one document
replace = msgspec.structs.replace
_MONTH = re.compile(r"2[01]\d\d-\d\d")
_DIMENSIONS = {
    Dimension.ENERGY: "energy",
    Dimension.TIME: "time",
    Dimension.PARKING_TIME: "parking",
    Dimension.FLAT: "flat",
}
_SERIES_WITH_TERMS = (DocumentKind.INVOICE, DocumentKind.STATEMENT)


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What a document is made of."""

    id: str
    kind: DocumentKind
    seller: LegalEntity
    buyer: Customer | None = None
    records: tuple[ChargeRecord, ...]
    registers: Mapping[str, Registers] = {}  # by transaction
    period: str = ""
    purchase_code: str = ""
    code: str
    at: datetime
    by: str = ""


def automatic(seller: LegalEntity, buyer: Customer | None) -> Automatic:
    """Return what becomes of a charge record by itself. Who is no customer cannot be sent a statement."""
    if buyer is None:
        return Automatic.RECEIPT if seller.automatic is Automatic.MONTHLY else seller.automatic
    return buyer.automatic or seller.automatic


def kind_for(buyer: Customer | None) -> DocumentKind:
    """Return what is written at once for somebody: businesses want an invoice."""
    is_business = buyer is not None and buyer.kind is CustomerKind.BUSINESS
    return DocumentKind.INVOICE if is_business else DocumentKind.RECEIPT


def compose(draft: Draft) -> Document:
    """Return the document of these charge records. Raises InvalidInput if they do not belong on one."""
    records = draft.records
    if not 0 < len(records) <= MAX_RECORDS:
        raise InvalidInput(f"A document has 1 to {MAX_RECORDS} charge records.", field="charge_record_ids")
    currencies = {record.currency for record in records}
    if len(currencies) > 1:
        raise InvalidInput("A document has one currency.", field="charge_record_ids")
    ordered = sorted(records, key=lambda record: (record.started_at, record.id))
    lines: list[DocumentLine] = []
    for record in ordered:
        lines += _lines(record, draft.seller, draft.buyer, len(lines) + 1)
    zones = {record.snapshot.time_zone for record in records}
    document = Document(
        id=draft.id,
        kind=draft.kind,
        seller=draft.seller,
        buyer=draft.buyer,
        purchase_code=draft.purchase_code,
        language=_language(draft),
        time_zone=zones.pop() if len(zones) == 1 else draft.seller.time_zone,
        currency=currencies.pop(),
        supplied_from=min(record.started_at for record in records),
        supplied_until=max(record.ended_at for record in records),
        period=draft.period,
        proofs=tuple(_proof(record, draft.registers) for record in ordered),
        code=draft.code,
        created_at=draft.at,
        created_by=draft.by,
    )
    return summed(document, lines, is_rounded=_is_rounded(records, draft.seller))


def rounding_of(seller: LegalEntity) -> RoundingRule:
    """Return how the seller rounds what a session costs."""
    return RoundingRule(policy=RoundingPolicy(seller.tax_rounding.value), rounding=seller.rounding)


def summed(document: Document, lines: Sequence[DocumentLine], *, is_rounded: bool = False) -> Document:
    """Return the document with these lines and what they come to; `is_rounded`: by the rule of the seller already."""
    seller = document.seller
    tax_rounding = TaxRounding.LINE if is_rounded else seller.tax_rounding  # LINE: the amounts as they are
    rules = Priced(currency=document.currency, rounding=seller.rounding, tax_rounding=tax_rounding)
    why = {TaxCategory.EXEMPT: seller.exemption, TaxCategory.OUTSIDE: seller.outside}
    sums = amounts.total(lines, rules, why)
    return replace(
        document,
        lines=sums.lines,
        taxes=sums.taxes,
        net=sums.net,
        tax=sums.tax,
        gross=sums.gross,
        rounding=sums.rounding,
        payable=sums.payable,
        national=_national(seller, document.currency, sums.tax),
    )


def credit(
    original: Document, lines: Sequence[DocumentLine], *, new_id: str, code: str, at: datetime, by: str, reason: str
) -> Document:
    """Return the draft of a credit note that takes back these lines of a finalised document."""
    if original.state is not DocumentState.FINALISED or original.issued_on is None:
        raise InvalidInput("Only a document that has its number can be credited; a draft can be given up.")
    if original.kind is DocumentKind.CREDIT_NOTE:
        raise InvalidInput("A credit note cannot be credited.")
    taken = {line.record_id for line in lines}
    document = replace(
        original,
        id=new_id,
        kind=DocumentKind.CREDIT_NOTE,
        state=DocumentState.DRAFT,
        number="",
        year=0,
        sequence=0,
        issued_at=None,
        issued_on=None,
        due_on=None,
        period="",
        part=1,
        is_continued=False,
        corrects=Reference(document_id=original.id, number=original.number, issued_on=original.issued_on),
        reason=reason,
        proofs=tuple(proof for proof in original.proofs if proof.record_id in taken),
        code=code,
        problem="",
        created_at=at,
        created_by=by,
    )
    is_whole = len(lines) == len(original.lines)
    found = summed(document, [replace(line, position=place) for place, line in enumerate(lines, 1)])
    if not is_whole:
        return found
    # The whole of it is taken back: sums, taxes and rounding are those of the original to the last unit.
    same = {name: getattr(original, name) for name in ("taxes", "net", "tax", "gross", "rounding", "payable")}
    return replace(found, **same, national=original.national)


def finalised(document: Document, *, number: str, year: int, sequence: int, at: datetime) -> Document:
    """Return the document as it is issued. It was checked."""
    issued_on = local_date(at, document.seller.time_zone)
    due_on = None
    if document.kind in _SERIES_WITH_TERMS:
        given = document.buyer.payment_days if document.buyer else None
        due_on = issued_on + timedelta(days=document.seller.payment_days if given is None else given)
    return replace(
        document,
        state=DocumentState.FINALISED,
        number=number,
        year=year,
        sequence=sequence,
        issued_at=at,
        issued_on=issued_on,
        due_on=due_on,
        problem="",
    )


def check_complete(document: Document) -> None:
    """Raise InvalidInput, naming the field, if the law wants more on it (Directive 2006/112 art. 226 and 226b)."""
    seller, buyer = document.seller, document.buyer
    taxed = [group for group in document.taxes if group.category in {TaxCategory.STANDARD, TaxCategory.REVERSE_CHARGE}]
    if not seller.name or not seller.address.city or not seller.address.country:
        raise InvalidInput("The seller needs a name, a city and a country.", field="seller")
    if taxed and not seller.tax_id:
        raise InvalidInput("The seller needs a tax number: tax is on the document.", field="seller")
    if any(group.category is TaxCategory.EXEMPT and not group.reason for group in document.taxes):
        raise InvalidInput("The seller has not said by which article no tax is due.", field="seller")
    if document.kind in _SERIES_WITH_TERMS and (
        buyer is None or not buyer.name or not buyer.address.city or not buyer.address.country
    ):
        raise InvalidInput("The buyer needs a name, a city and a country.", field="buyer")
    limit = seller.receipt_limit
    if document.kind is DocumentKind.RECEIPT and limit is not None and document.payable > limit:
        raise InvalidInput(f"Above {limit:f} {document.currency} the buyer has to be named.", field="buyer")
    is_reverse = any(group.category is TaxCategory.REVERSE_CHARGE for group in document.taxes)
    if is_reverse and (buyer is None or not buyer.tax_id):
        raise InvalidInput("Where the buyer owes the tax, their tax number stands on the document.", field="buyer")
    if seller.tax_currency not in {"", document.currency} and document.tax and document.national is None:
        raise InvalidInput(
            f"The tax has to be told in {seller.tax_currency}: no rate for {document.currency} is entered.",
            field="exchange_rates",
        )


def standing(document: Document, settled: Sequence[Settlement], credited: Decimal, today: date) -> Standing:
    """Return what a document is now; `credited` is what credit notes gave back of it."""
    if document.state is not DocumentState.FINALISED:
        return Standing(document.state.value)
    return standing_of(
        document.kind,
        document.payable,
        sum((one.amount for one in settled), Decimal(0)),
        credited,
        document.due_on,
        today,
    )


def standing_of(
    kind: DocumentKind, payable: Decimal, settled: Decimal, credited: Decimal, due_on: date | None, today: date
) -> Standing:
    """Return what a finalised document is now."""
    if kind is DocumentKind.CREDIT_NOTE or payable <= 0:
        return Standing.SETTLED
    if credited >= payable:
        return Standing.CREDITED
    if settled + credited >= payable:
        return Standing.PAID
    if due_on is not None and due_on < today:
        return Standing.OVERDUE
    return Standing.PARTIALLY_PAID if settled > 0 else Standing.OPEN


def kept_until(document: Document) -> date | None:
    """Return until when the document has to be kept: whole years after the end of the year of issue."""
    issued_on = document.issued_on
    return None if issued_on is None else date(issued_on.year + document.seller.retention_years, 12, 31)


def month_of(at: datetime, time_zone: str) -> str:
    """Return the calendar month, as in "2026-03"."""
    return at.astimezone(ZoneInfo(time_zone)).strftime("%Y-%m")


def month_end(period: str, time_zone: str) -> datetime:
    """Return the instant at which the month is over. Raises InvalidInput for what is no month."""
    try:
        first = datetime.strptime(period, "%Y-%m").date() if _MONTH.fullmatch(period) else None  # noqa: DTZ007
    except ValueError:
        first = None
    if first is None:
        raise InvalidInput("A month is written as in 2026-03.", field="period")
    after = (first + timedelta(days=32)).replace(day=1)
    return datetime(after.year, after.month, after.day, tzinfo=ZoneInfo(time_zone))


def month_before(period: str) -> str:
    year, month = (int(part) for part in period.split("-"))
    return f"{year - 1:04d}-12" if month == 1 else f"{year:04d}-{month - 1:02d}"


def local_date(at: datetime, time_zone: str) -> date:
    return at.astimezone(ZoneInfo(time_zone)).date()


def _is_rounded(records: Sequence[ChargeRecord], seller: LegalEntity) -> bool:
    """Return whether a single session was priced by the rule of the seller: nothing is left to be rounded."""
    return len(records) == 1 and record_rules.rounding_of(records[0]) == rounding_of(seller)


def _language(draft: Draft) -> str:
    own = draft.buyer.language if draft.buyer else ""
    return own or draft.seller.language


def _lines(record: ChargeRecord, seller: LegalEntity, buyer: Customer | None, first: int) -> list[DocumentLine]:
    priced = record.price.lines
    nets, grosses = _recorded(record)
    bases = {(one.tariff_id, one.version): one.terms.tax_basis for one in record.tariffs}
    limit = record.price.limits[-1].kind.value if record.price.limits else ""
    is_reverse = buyer is not None and buyer.is_reverse_charge
    shown = [
        (line, net, gross)
        for line, net, gross in zip(priced, nets, grosses, strict=True)
        if net or gross or line.quantity
    ]
    left = reverse_charge.taxes_of(record, [(line, net) for line, net, _ in shown]) if is_reverse else [()] * len(shown)
    made: list[DocumentLine] = []
    for (line, net, gross), buyer_taxes in zip(shown, left, strict=True):
        taxes: tuple[Tax, ...] = line.taxes or ()
        is_gross = bases.get((line.tariff_id, line.version)) is TaxBasis.INCLUDED
        unit_price = amounts.net_price(line.unit_price, taxes, is_gross=is_gross)
        made.append(
            DocumentLine(
                position=first + len(made),
                record_id=record.id,
                site_id=record.snapshot.site_id,
                site_name=record.snapshot.site_name,
                station_identity=record.snapshot.station_identity,
                evse=record.snapshot.evse,
                dimension="reservation" if line.reservation else _DIMENSIONS[line.dimension],
                limit=limit,
                started_at=line.started_at or record.started_at,
                ended_at=line.ended_at or record.ended_at,
                time_zone=record.snapshot.time_zone,
                quantity=-abs(line.quantity) if record.kind is RecordKind.CREDIT else line.quantity,
                unit=line.unit,
                unit_price=unit_price,
                price_shown=unit_price if is_reverse else line.unit_price,
                is_gross_priced=is_gross and not is_reverse,
                category=TaxCategory.REVERSE_CHARGE if is_reverse else _category(line, seller),
                percent=Decimal(0) if is_reverse else amounts.percent(taxes),
                taxes=() if is_reverse else taxes,
                buyer_taxes=buyer_taxes,
                net=net,
                gross=net if is_reverse else gross,
            )
        )
    return made


def _recorded(record: ChargeRecord) -> tuple[Sequence[Decimal], Sequence[Decimal]]:
    """Return what each line of the record came to, in whole smallest units that sum up to the record."""
    lines, billed = record.price.lines, record.price.billed
    sign = -1 if record.net < 0 or record.gross < 0 else 1
    if len(billed.line_net) == len(lines) == len(billed.line_gross):
        nets, grosses = billed.line_net, billed.line_gross
        if abs(sum(nets)) == abs(record.net) and abs(sum(grosses)) == abs(record.gross):
            same = 1 if sum(grosses) == record.gross and sum(nets) == record.net else -1
            return [same * one for one in nets], [same * one for one in grosses]
    weights = [Fraction(abs(line.net)) for line in lines]
    nets = tuple(amounts.share(abs(record.net), weights, record.currency))
    taxes = amounts.share(abs(record.tax), weights, record.currency)
    return [sign * one for one in nets], [sign * (net + tax) for net, tax in zip(nets, taxes, strict=True)]


def _category(line: Line, seller: LegalEntity) -> TaxCategory:
    if not line.taxes:
        return TaxCategory(seller.untaxed_category)
    return TaxCategory.STANDARD if amounts.percent(line.taxes) else TaxCategory(seller.zero_category)


def _proof(record: ChargeRecord, registers: Mapping[str, Registers]) -> EnergyProof:
    known = registers.get(record.transaction_id or "", Registers())
    snapshot = record.snapshot
    return EnergyProof(
        record_id=record.id,
        transaction_id=record.transaction_id,
        reference=snapshot.reference,
        station_identity=snapshot.station_identity,
        evse=snapshot.evse,
        meter_serial=snapshot.meter_serial or "",
        started_at=record.started_at,
        ended_at=record.ended_at,
        time_zone=snapshot.time_zone,
        register_begin_wh=known.begin_wh,
        register_end_wh=known.end_wh,
        energy_wh=record.energy_wh,
        debtor=debtor(record),
        signature=record.signature,
        confidence=record.confidence,
        verdict_number=record.verdict_number,
    )


def _national(seller: LegalEntity, currency: str, tax: Decimal) -> NationalTax | None:
    rate = seller.exchange_rates.get(currency)
    if seller.tax_currency in {"", currency} or rate is None:
        return None
    with_rate = rounded(tax * rate, seller.tax_currency, seller.rounding)
    return NationalTax(currency=seller.tax_currency, rate=rate, tax=with_rate)
