"""Receipts, invoices, credit notes and statements: listed, read in every form, finalised, credited, paid."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec
from litestar import Response
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from ingufu.accounts.model import Principal, Scope
from ingufu.billing.invoices.compose import kept_until
from ingufu.billing.invoices.model import Document, DocumentKind, FiscalStamp, Settlement, Standing
from ingufu.billing.invoices.rendering import page, ubl
from ingufu.billing.invoices.rendering.sheet import RENDERER
from ingufu.billing.invoices.service.documents import Known
from ingufu.core import errors
from ingufu.core.errors import Conflict
from ingufu.ledger.service import retried
from ingufu.views import invoices as views
from ingufu.views.invoices import DocumentQuery, DocumentRow
from ingufu.views.paging import Page
from ingufu.views.personal import as_seen, hides_drivers
from ingufu.web import access, papers
from ingufu.web.context import WebContext
from ingufu.web.exchange import Asked
from ingufu.web.routes import route
from ingufu.web.spreadsheets import Batches, Sheet, exports, own

PDF, XML, HTML = "application/pdf", "application/xml", "text/html"
CHANGES = (errors.NotFound, errors.InvalidInput, errors.Conflict)
Id = Annotated[str, Meta(max_length=100)]
Instant = Annotated[datetime, Meta(tz=True)]
Period = Annotated[str, Meta(pattern=r"^\d{4}-\d{2}$", description="A calendar month, as in 2026-03.")]
Currency = Annotated[str, Meta(pattern="^[A-Z]{3}$", description="ISO 4217.")]
_SHEET: Sheet[DocumentRow] = Sheet(
    "invoices",
    (
        *own("text", "number", "kind", "standing", "issued_on", "due_on", "period"),
        *own("text", "legal_entity_name", "customer_name", "currency"),
        *own("exact", "net", "tax", "gross", "payable", "settled", "credited"),
        *own("flag", "awaits_signature"),
        *own("text", "problem"),
        *own("instant", "created_at"),
        *own("text", "id", "legal_entity_id", "customer_id", "corrects_id"),
    ),
)


class DocumentView(msgspec.Struct, frozen=True, kw_only=True):
    """A document with what happened to it since."""

    document: Document
    standing: Standing
    stamp: Annotated[FiscalStamp | None, Meta(description="Of a fiscal device; null where none is needed.")] = None
    settlements: tuple[Settlement, ...] = ()
    credit_notes: tuple[DocumentRow, ...] = ()
    open_positions: Annotated[tuple[int, ...], Meta(description="Lines that no credit note took back.")] = ()
    check_url: Annotated[str, Meta(description="Where anybody finds out whether it is genuine.")] = ""
    kept_until: Annotated[date | None, Meta(description="Until when the law wants it kept.")] = None


class NewDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a draft is made of."""

    legal_entity_id: Id
    charge_record_ids: Annotated[tuple[Id, ...], Meta(min_length=1, max_length=5000)]
    customer_id: Annotated[Id | None, Meta(description="null: nobody is named, as on a receipt.")] = None
    kind: Literal["invoice", "receipt"] = "invoice"
    purchase_code: Annotated[str, Meta(max_length=20, description="Of the buyer, for a fiscal device (EBM).")] = ""


class Credit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is taken back, and why."""

    reason: Annotated[str, Meta(min_length=1, max_length=500, description="It stands on the credit note.")]
    positions: Annotated[
        Annotated[tuple[Annotated[int, Meta(ge=1)], ...], Meta(max_length=50_000)] | None,
        Meta(description="Lines; null: all that were not taken back yet."),
    ] = None


class Payment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A payment that came to the bank."""

    amount: Annotated[Decimal, Meta(description="In whole smallest units of the currency, as text: `12.34`.")]
    reference: Annotated[str, Meta(min_length=1, max_length=200, description="The same one again counts once.")]
    paid_at: Annotated[Instant | None, Meta(description="null: now.")] = None


class NewStatement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose statement, of which month."""

    legal_entity_id: Id
    customer_id: Id
    period: Period
    currency: Currency


@route("GET", "/invoices", scope=Scope.MONEY_READ, is_for_fleets=True, query=DocumentQuery)
async def list_invoices(web: WebContext, principal: Principal, criteria: DocumentQuery) -> Page[DocumentRow]:
    """List documents

    Receipts, invoices, credit notes and statements, the newest first. Who sees only some sites sees the documents of
    which every line is of these.
    """
    return await views.list_documents(web.services.database, criteria, principal.site_ids, web.services.clock.now())


@route(
    "POST",
    "/invoices",
    scope=Scope.MONEY_WRITE,
    is_for_network=True,
    body=NewDocument,
    raises=(errors.NotFound, errors.InvalidInput, errors.Conflict),
)
async def create_invoice(web: WebContext, principal: Principal, given: NewDocument) -> DocumentView:
    """Draft a document

    Over charge records that no other document bills. It gets its number when it is finalised; until then it can be
    given up.
    """
    made = await web.services.money.invoicing.draft(
        legal_entity_id=given.legal_entity_id,
        record_ids=given.charge_record_ids,
        customer_id=given.customer_id,
        kind=DocumentKind(given.kind),
        purchase_code=given.purchase_code,
        by=principal.name,
    )
    await _note(web, principal, "invoice.create", made.id, {"records": len(given.charge_record_ids)})
    return await view_of(web, principal, made.id)


@route("GET", "/invoices/{document_id:str}", scope=Scope.MONEY_READ, is_for_fleets=True, raises=(errors.NotFound,))
async def get_invoice(web: WebContext, principal: Principal, document_id: str) -> DocumentView:
    """Get a document

    With everything on it, its payments, its credit notes and what a fiscal device said.
    """
    await _check(web, principal, document_id)
    return await view_of(web, principal, document_id)


@route(
    "GET",
    "/invoices/{document_id:str}/pdf",
    scope=Scope.MONEY_READ,
    is_for_fleets=True,
    raises=(errors.NotFound,),
    result=bytes,
    media_type=PDF,
)
async def get_invoice_pdf(web: WebContext, principal: Principal, document_id: str, request: Asked) -> Response[bytes]:
    """Get a document as PDF

    The same document gives the same bytes; one with a buyer is PDF/A-3 and carries its e-invoice (EN 16931) within.
    """
    await _check(web, principal, document_id)
    known = await _known(web, principal, document_id)
    whose = "-host" if hides_drivers(principal.site_ids) else ""
    tag = f'"{document_id}{whose}-{RENDERER}-{known.document.state}-{known.stamp.signature if known.stamp else ""}"'
    headers = {"ETag": tag, "Content-Disposition": f'inline; filename="{papers.file_name(known.document)}.pdf"'}
    if request.headers.get("if-none-match") == tag:
        return Response(b"", status_code=304, headers=headers, media_type=PDF)
    attached = ubl.ubl(known.document) if ubl.is_possible(known.document) else b""
    drawn = await web.services.money.printer.pdf(await papers.laid_out(web, request, known), attached=attached)
    return Response(drawn, headers=headers, media_type=PDF)


@route(
    "GET",
    "/invoices/{document_id:str}/html",
    scope=Scope.MONEY_READ,
    is_for_fleets=True,
    raises=(errors.NotFound,),
    result=str,
    media_type=HTML,
)
async def get_invoice_html(web: WebContext, principal: Principal, document_id: str, request: Asked) -> Response[str]:
    """Get a document as a web page

    It stands alone, loads nothing, and prints.
    """
    await _check(web, principal, document_id)
    known = await _known(web, principal, document_id)
    return Response(
        page.html(await papers.laid_out(web, request, known)),
        media_type=HTML,
        headers={"Content-Security-Policy": page.policy(), "X-Frame-Options": "SAMEORIGIN"},
    )


@route(
    "GET",
    "/invoices/{document_id:str}/ubl",
    scope=Scope.MONEY_READ,
    is_for_fleets=True,
    raises=(errors.NotFound, errors.Conflict),
    result=bytes,
    media_type=XML,
)
async def get_invoice_ubl(web: WebContext, principal: Principal, document_id: str) -> Response[bytes]:
    """Get a document as e-invoice

    EN 16931 in the syntax of UBL 2.1. A draft is none yet, and a receipt without a buyer is none at all.
    """
    await _check(web, principal, document_id)
    document = as_seen(principal.site_ids, await web.services.money.documents.get(document_id))
    if not ubl.is_possible(document):
        raise Conflict("Only an issued document with a buyer is an e-invoice.")
    headers = {"Content-Disposition": f'attachment; filename="{papers.file_name(document)}.xml"'}
    return Response(ubl.ubl(document), media_type=XML, headers=headers)


@route("POST", "/invoices/{document_id:str}/finalise", status=200, scope=Scope.MONEY_WRITE, raises=CHANGES)
async def finalise_invoice(web: WebContext, principal: Principal, document_id: str) -> DocumentView:
    """Finalise a draft

    It is made anew with the seller and the buyer as they are now, gets the next number of its series, and does not
    change any more. Finalising it again changes nothing.
    """
    await _check(web, principal, document_id)
    done = await web.services.money.invoicing.finalise(document_id)
    await _note(web, principal, "invoice.finalise", document_id, {"number": done.number})
    return await view_of(web, principal, document_id)


@route("POST", "/invoices/{document_id:str}/void", status=200, scope=Scope.MONEY_WRITE, raises=CHANGES)
async def void_invoice(web: WebContext, principal: Principal, document_id: str) -> DocumentView:
    """Give up a draft

    What it would have billed can be billed by another document. What has a number is credited instead.
    """
    await _check(web, principal, document_id)
    await web.services.money.documents.void(document_id)
    await _note(web, principal, "invoice.void", document_id, {})
    return await view_of(web, principal, document_id)


@route("POST", "/invoices/{document_id:str}/credit", scope=Scope.MONEY_WRITE, body=Credit, raises=CHANGES)
async def credit_invoice(web: WebContext, principal: Principal, document_id: str, given: Credit) -> DocumentView:
    """Credit a document

    A credit note with a number of its own takes back all of it, or some lines. What the ledger holds of the charge
    records stays as it is: credit a charge record to have both.
    """
    await _check(web, principal, document_id)
    note = await web.services.money.documents.credit(
        document_id, reason=given.reason, positions=given.positions, by=principal.name
    )
    await _note(web, principal, "invoice.credit", document_id, {"credit_note": note.id, "reason": given.reason})
    return await view_of(web, principal, note.id)


@route("POST", "/invoices/{document_id:str}/payments", scope=Scope.MONEY_WRITE, body=Payment, raises=CHANGES)
async def pay_invoice(web: WebContext, principal: Principal, document_id: str, given: Payment) -> DocumentView:
    """Enter a payment

    It is booked in the ledger, bank against what is owed, in the same unit of work. The same reference counts once.
    """
    await _check(web, principal, document_id)

    async def settle(work: Any) -> None:  # a unit of work
        await web.services.money.documents.settle(
            work,
            document_id,
            amount=given.amount,
            reference=given.reference.strip(),
            paid_at=given.paid_at or web.services.clock.now(),
            by=principal.name,
        )
        access.note(web, work, principal, "invoice.pay", document_id, {"reference": given.reference})

    await retried(web.services.database, settle)
    return await view_of(web, principal, document_id)


@route("GET", "/statements", scope=Scope.MONEY_READ, is_for_fleets=True, query=DocumentQuery)
async def list_statements(web: WebContext, principal: Principal, criteria: DocumentQuery) -> Page[DocumentRow]:
    """List statements

    The collective invoices of months; the same as documents of this kind.
    """
    wanted = msgspec.structs.replace(criteria, kind=DocumentKind.STATEMENT)
    return await views.list_documents(web.services.database, wanted, principal.site_ids, web.services.clock.now())


@route(
    "POST",
    "/statements",
    scope=Scope.MONEY_WRITE,
    is_for_network=True,
    body=NewStatement,
    raises=(errors.NotFound, errors.InvalidInput, errors.Conflict),
)
async def make_statement(web: WebContext, principal: Principal, given: NewStatement) -> DocumentView:
    """Make a statement

    Over all that was charged to the customer until the end of the month, in the seller's time zone, and is not billed
    yet. Asked again, the answer is the same. More than 5,000 charge records are split into several, made together; the
    answer is the first.
    """
    made = await web.services.money.invoicing.statement(
        legal_entity_id=given.legal_entity_id,
        customer_id=given.customer_id,
        period=given.period,
        currency=given.currency,
        by=principal.name,
    )
    await _note(web, principal, "invoice.statement", made.id, {"period": given.period})
    return await view_of(web, principal, made.id)


async def view_of(web: WebContext, principal: Principal, document_id: str) -> DocumentView:
    """Return a document with what happened to it since. Raises NotFound."""
    known = await web.services.money.documents.known(document_id)
    now = web.services.clock.now()
    notes = [
        await views.find_document(web.services.database, note.id, now, principal.site_ids) for note in known.credits
    ]
    return DocumentView(
        document=as_seen(principal.site_ids, known.document),
        standing=known.standing,
        stamp=known.stamp,
        settlements=known.settlements,
        credit_notes=tuple(note for note in notes if note is not None),
        open_positions=tuple(
            line.position for line in known.document.lines if line.position not in known.credited_positions
        ),
        check_url=papers.check_url(web, known.document),
        kept_until=kept_until(known.document),
    )


async def _known(web: WebContext, principal: Principal, document_id: str) -> Known:
    """Return a document as it is to be drawn for the principal: to a host it does not say for whom it is."""
    known = await web.services.money.documents.known(document_id)
    return msgspec.structs.replace(known, document=as_seen(principal.site_ids, known.document))


async def _check(web: WebContext, principal: Principal, document_id: str) -> None:
    """Raise NotFound for a document that does not exist or is not the principal's to see."""
    await views.check_seen(web.services.database, document_id, principal.site_ids)


async def _note(web: WebContext, principal: Principal, action: str, document_id: str, details: dict[str, Any]) -> None:
    async with web.services.database.work() as work:
        access.note(web, work, principal, action, document_id, details)


def _listed(web: WebContext, principal: Principal, query: DocumentQuery) -> Batches[DocumentRow]:
    return views.export_documents(web.services.database, query, principal.site_ids, web.services.clock.now())


ROUTES: tuple[HTTPRouteHandler, ...] = (
    list_invoices,
    *exports(
        "/invoices", _SHEET, "documents", _listed,
        scope=Scope.MONEY_READ, is_for_fleets=True, query=DocumentQuery,
    ),
    create_invoice, get_invoice, get_invoice_pdf,
    get_invoice_html, get_invoice_ubl, finalise_invoice, void_invoice, credit_invoice, pay_invoice, list_statements,
    make_statement,
)  # fmt: skip
