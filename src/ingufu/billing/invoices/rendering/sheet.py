"""A document as it is laid out: every text written already, in its language. HTML and PDF draw the same sheet. Pure."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from itertools import groupby

import msgspec

from ingufu.billing.invoices.model import Document, DocumentKind, DocumentLine, DocumentState, FiscalStamp, TaxCategory
from ingufu.billing.invoices.parties import Address
from ingufu.billing.invoices.rendering import pictures
from ingufu.billing.invoices.rendering.words import Words
from ingufu.core.money import decimals

RENDERER = "1"  # rises when the same document would look otherwise
Pair = tuple[str, str]
_SPACE = "\N{NO-BREAK SPACE}"
_MISSING = "\N{EN DASH}"
_UNITS = {"kWh": "kwh", "h": "h", "session": "session"}


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the table."""

    text: str
    sub: str = ""
    quantity: str
    price: str
    tax: str
    amount: str


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """The lines of one session."""

    title: str
    rows: tuple[Row, ...]


class Total(msgspec.Struct, frozen=True, kw_only=True):
    label: str
    value: str
    is_strong: bool = False


class Table(msgspec.Struct, frozen=True, kw_only=True):
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """Labelled values, perhaps with a picture to scan."""

    title: str
    pairs: tuple[Pair, ...] = ()
    note: str = ""
    qr: str = ""  # SVG


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """All that is on the paper, in the order of reading."""

    language: str
    title: str
    number: str
    warning: str = ""
    logo: str = ""  # SVG
    seller_name: str
    seller: tuple[str, ...]
    buyer_title: str
    buyer_name: str = ""
    buyer: tuple[str, ...] = ()
    facts: tuple[Pair, ...]
    head: str = ""
    columns: tuple[str, ...]
    sections: tuple[Section, ...]
    taxes: Table
    totals: tuple[Total, ...]
    mentions: tuple[str, ...] = ()
    payment: Block | None = None
    proof: Table | None = None
    fiscal: Block | None = None
    check: Block | None = None
    foot: str = ""
    page: str  # with {page} and {pages}
    issued_at: tuple[int, ...] = ()  # year, month, day, hour, minute, second


def sheet(document: Document, *, stamp: FiscalStamp | None = None, logo: str = "", check_url: str = "") -> Sheet:
    """Return the document laid out. `logo` is SVG; `check_url` is where somebody finds out whether it is genuine."""
    words = Words(document.language)
    seller, buyer = document.seller, document.buyer
    own = seller.texts.get(words.language) or seller.texts.get(seller.language)
    is_gross = _shows_gross(document)
    kind = "gross" if is_gross else "net"
    return Sheet(
        language=words.language,
        title=words(document.kind.value),
        number=document.number,
        warning=_warning(document, stamp, words),
        logo=logo,
        seller_name=seller.trading_name or seller.name,
        seller=tuple(_seller(document, words)),
        buyer_title=words("bill_to"),
        buyer_name=buyer.name if buyer else "",
        buyer=tuple(_buyer(document)) if buyer else (),
        facts=tuple(_facts(document, words)),
        head=own.head if own else "",
        columns=(
            words("item"),
            words("quantity"),
            words(f"unit_price_{kind}"),
            words("tax_rate"),
            f"{words(f'amount_{kind}')} ({document.currency})",
        ),
        sections=tuple(_sections(document, words, is_gross=is_gross)),
        taxes=_taxes(document, words),
        totals=tuple(_totals(document, words)),
        mentions=tuple(_mentions(document, words)),
        payment=_payment(document, words, own.payment if own else ""),
        proof=_proof(document, words),
        fiscal=_fiscal(stamp, words),
        check=_check(document, check_url, words),
        foot=own.foot if own else "",
        page=words("page"),
        issued_at=_parts(document.issued_at or document.created_at),
    )


def _shows_gross(document: Document) -> bool:
    """Return whether prices stand with their tax, as on the tariff: on receipts alone, for invoices say the net."""
    is_receipt = document.kind is DocumentKind.RECEIPT or (
        document.kind is DocumentKind.CREDIT_NOTE and document.buyer is None
    )
    return is_receipt and bool(document.lines) and all(line.is_gross_priced for line in document.lines)


def _warning(document: Document, stamp: FiscalStamp | None, words: Words) -> str:
    if document.state is not DocumentState.FINALISED:
        return words(document.state.value)
    return words("awaiting") if stamp is not None and stamp.is_awaited else ""


def _seller(document: Document, words: Words) -> Iterator[str]:
    seller = document.seller
    if seller.trading_name and seller.trading_name != seller.name:
        yield seller.name
    yield from _address(seller.address)
    if seller.tax_id:
        yield f"{seller.tax_id_name} {seller.tax_id}"
    if seller.register_number:
        register = f"{seller.register_name} " if seller.register_name else f"{words('register')} "
        yield f"{register}{seller.register_number}"
    yield from (part for part in (seller.phone, seller.email, seller.website) if part)


def _buyer(document: Document) -> Iterator[str]:
    buyer = document.buyer
    if buyer is None:
        return
    yield from _address(buyer.address)
    if buyer.tax_id:
        yield f"{document.seller.tax_id_name} {buyer.tax_id}"
    if buyer.email:
        yield buyer.email


def _address(address: Address) -> Iterator[str]:
    place = " ".join(part for part in (address.postal_code, address.city) if part)
    last = ", ".join(part for part in (place, address.region, address.country) if part)
    yield from (part for part in (address.street, address.more, last) if part)


def _facts(document: Document, words: Words) -> Iterator[Pair]:
    if document.number:
        yield words("number"), document.number
    if document.issued_on is not None:
        yield words("issued_on"), words.day(document.issued_on)
    if document.period:
        yield words("period"), words.month(document.period)
    elif document.supplied_from is not None and document.supplied_until is not None:
        zone = document.time_zone
        yield words("supplied"), words.span(document.supplied_from, document.supplied_until, zone)
    if document.due_on is not None:
        yield words("due_on"), words.day(document.due_on)
    if document.corrects is not None:
        original = document.corrects
        yield words("corrects"), words("corrects_of", number=original.number, date=words.day(original.issued_on))
    if document.reason:
        yield words("reason"), words("correction") if document.reason == "correction" else document.reason
    if document.buyer and document.buyer.reference:
        yield words("reference"), document.buyer.reference


def _sections(document: Document, words: Words, *, is_gross: bool) -> Iterator[Section]:
    for _, members in groupby(document.lines, key=lambda line: line.record_id):
        lines = list(members)
        yield Section(
            title=_session(lines, words), rows=tuple(_row(document, line, words, is_gross=is_gross) for line in lines)
        )


def _session(lines: list[DocumentLine], words: Words) -> str:
    first = lines[0]
    place = " · ".join(part for part in (first.site_name, first.station_identity) if part)
    if first.evse is not None and first.station_identity:
        place += f", EVSE {first.evse}"
    started = min((line.started_at for line in lines if line.started_at), default=None)
    ended = max((line.ended_at for line in lines if line.ended_at), default=None)
    if started is None or ended is None:
        return place
    return words.span(started, ended, first.time_zone) + (f" · {place}" if place else "")


def _row(document: Document, line: DocumentLine, words: Words, *, is_gross: bool) -> Row:
    unit = words(_UNITS.get(line.unit, "session"))
    limit = words(line.limit) if line.limit and _is_off(line, document.currency) else ""
    quantity = words.number(line.quantity) if line.unit == "session" else words.measured(line.quantity)
    return Row(
        text=words(line.dimension) if line.dimension != "text" else line.text,
        sub=" · ".join(part for part in (line.text if line.dimension != "text" else "", limit) if part),
        quantity=f"{quantity}{_SPACE}{unit}",
        price=words.price(line.price_shown if is_gross else line.unit_price, document.currency),
        tax=_rate(line.category, line.percent, words),
        amount=words.amount(line.gross if is_gross else line.net, document.currency),
    )


def _is_off(line: DocumentLine, currency: str) -> bool:
    """Return whether the amount is not quantity times price, as a bound of the tariff makes it."""
    product = line.quantity * (line.price_shown if line.is_gross_priced else line.unit_price)
    smallest = Decimal(1).scaleb(-decimals(currency))
    return abs(product - (line.gross if line.is_gross_priced else line.net)) > smallest


def _rate(category: TaxCategory, percent: Decimal, words: Words) -> str:
    if category is TaxCategory.OUTSIDE:
        return words("no_tax")
    return words.percent(percent)


def _taxes(document: Document, words: Words) -> Table:
    rows: list[tuple[str, ...]] = []
    names = {
        TaxCategory.EXEMPT: words("exempt"),
        TaxCategory.ZERO: words("zero"),
        TaxCategory.OUTSIDE: words("outside"),
        TaxCategory.REVERSE_CHARGE: words("reverse_charge").partition(":")[0].rstrip("."),
    }
    for group in document.taxes:
        if group.category is TaxCategory.STANDARD and len(group.parts) == 1:
            label = f"{group.parts[0].name} {words.percent(group.percent)}"
        elif group.category is TaxCategory.STANDARD:
            label = " + ".join(f"{part.name} {words.percent(part.percent)}" for part in group.parts)
        else:
            label = names[group.category]
        rows.append((label, words.amount(group.taxable, document.currency), words.amount(group.tax, document.currency)))
        if len(group.parts) > 1:
            rows += [
                (f"  {part.name} {words.percent(part.percent)}", "", words.amount(part.amount, document.currency))
                for part in group.parts
            ]
    return Table(title=words("tax"), columns=(words("tax_rate"), words("taxable"), words("tax")), rows=tuple(rows))


def _totals(document: Document, words: Words) -> Iterator[Total]:
    currency = document.currency
    yield Total(label=words("net"), value=words.money(document.net, currency))
    yield Total(label=words("tax"), value=words.money(document.tax, currency))
    if document.rounding:
        yield Total(label=words("gross"), value=words.money(document.gross, currency))
        yield Total(label=words("rounding"), value=words.money(document.rounding, currency))
    is_credit = document.kind is DocumentKind.CREDIT_NOTE
    label = words("credited" if is_credit else "payable" if document.rounding or document.due_on else "gross")
    yield Total(label=label, value=words.money(document.payable, currency), is_strong=True)


def _mentions(document: Document, words: Words) -> Iterator[str]:
    categories = {group.category for group in document.taxes}
    if TaxCategory.REVERSE_CHARGE in categories:
        yield words("reverse_charge")
    yield from (f"{_rate_word(group.category, words)}: {group.reason}" for group in document.taxes if group.reason)
    if document.national is not None:
        told = document.national
        label = words("national", currency=told.currency, rate=words.number(told.rate), of=document.currency)
        yield f"{label}: {words.money(told.tax, told.currency)}"


def _rate_word(category: TaxCategory, words: Words) -> str:
    return words("exempt") if category is TaxCategory.EXEMPT else words("outside")


def _payment(document: Document, words: Words, text: str) -> Block | None:
    bank = document.seller.bank
    is_owed = document.kind in {DocumentKind.INVOICE, DocumentKind.STATEMENT} and document.payable > 0
    pairs = tuple(
        (words(name), getattr(bank, name)) for name in ("bank", "holder", "account", "bic") if getattr(bank, name)
    )
    if not is_owed or not (pairs or text):
        return None
    return Block(title=words("payment"), pairs=pairs, note=text)


def _proof(document: Document, words: Words) -> Table | None:
    rows = []
    for proof in document.proofs:
        station = proof.station_identity + (f" · {proof.evse}" if proof.evse is not None else "")
        rows.append(
            (
                station,
                proof.meter_serial or _MISSING,
                _reading(proof.started_at, proof.register_begin_wh, proof.time_zone, words),
                _reading(proof.ended_at, proof.register_end_wh, proof.time_zone, words),
                f"{words.measured(proof.energy_wh / 1000)}{_SPACE}kWh",
                words(f"sig_{proof.signature.value}"),
            )
        )
    if not rows:
        return None
    columns = ("station", "meter", "begin", "end", "used", "signature")
    return Table(title=words("proof"), columns=tuple(words(name) for name in columns), rows=tuple(rows))


def _reading(at: datetime, register_wh: Decimal | None, zone: str, words: Words) -> str:
    register = _MISSING if register_wh is None else f"{words.measured(register_wh / 1000)}{_SPACE}kWh"
    return f"{words.moment(at, zone)}\n{register}"


def _fiscal(stamp: FiscalStamp | None, words: Words) -> Block | None:
    if stamp is None:
        return None
    if stamp.is_awaited:
        return Block(title=words("fiscal"), note=words("awaiting"))
    pairs = (
        (words("sdc_date"), _sdc_date(stamp.signed_at)),
        (words("sdc_id"), stamp.device_id),
        (words("sdc_receipt"), f"{stamp.receipt_number} {stamp.receipt_kind}".strip()),
        (words("sdc_internal"), in_fours(stamp.internal_data)),
        (words("sdc_signature"), in_fours(stamp.signature)),
        (words("sdc_machine"), stamp.machine_number),
    )
    return Block(
        title=words("fiscal"),
        pairs=tuple(pair for pair in pairs if pair[1]),
        qr=pictures.qr(stamp.qr) if stamp.qr else "",
    )


def in_fours(text: str) -> str:
    """Return the text in groups of four, as it is printed."""
    return "-".join(text[at : at + 4] for at in range(0, len(text), 4))


def _sdc_date(text: str) -> str:
    if len(text) != 14 or not text.isdigit():
        return text
    return f"{text[6:8]}/{text[4:6]}/{text[:4]} {text[8:10]}:{text[10:12]}:{text[12:]}"


def _check(document: Document, url: str, words: Words) -> Block | None:
    if not url or document.state is not DocumentState.FINALISED:
        return None
    return Block(title=words("check"), pairs=(("", url),), note=words("check_hint"), qr=pictures.qr(url))


def _parts(at: datetime) -> tuple[int, ...]:
    return (at.year, at.month, at.day, at.hour, at.minute, at.second)
