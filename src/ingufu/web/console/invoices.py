"""Invoices: the list of documents, and each with how it looks, what it is now and what can be done."""

from decimal import Decimal
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

import msgspec
from litestar import Response
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from ingufu.accounts.model import Principal, Scope
from ingufu.billing.invoices.model import DocumentKind, DocumentState, Standing
from ingufu.billing.invoices.rendering import ubl
from ingufu.core.errors import Conflict, InvalidInput
from ingufu.views import invoices as views
from ingufu.views.invoices import DocumentQuery
from ingufu.web.api import invoices as api
from ingufu.web.console import present
from ingufu.web.console.numbers import read_number
from ingufu.web.console.pages import Pages, Toast, action, page, path_of
from ingufu.web.context import WebContext
from ingufu.web.exchange import Asked
from ingufu.web.forms import Form
from ingufu.web.routes import function_of

ROWS = 50
_FIELDS = ("amount", "reference", "reason")
_UNPAID = frozenset({Standing.OPEN, Standing.OVERDUE, Standing.PARTIALLY_PAID})


class ListQuery(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The list as its address has it."""

    q: Annotated[str, Meta(max_length=100)] = ""
    kind: DocumentKind | None = None
    state: Literal["draft", "finalised", "attention"] | None = None
    seller: Annotated[str, Meta(max_length=100)] = ""
    cursor: Annotated[str, Meta(max_length=1000)] = ""


@page("/invoices", scope=Scope.MONEY_READ, is_for_fleets=True, query=ListQuery)
async def show_invoices(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, criteria: ListQuery
) -> Response[str]:
    """Show all documents"""
    query = _wanted(criteria)
    now = web.services.clock.now()
    found = await views.list_documents(web.services.database, query, principal.site_ids, now)
    asked = {
        "q": criteria.q,
        "kind": criteria.kind.value if criteria.kind else "",
        "state": criteria.state or "",
        "seller": criteria.seller,
    }
    asked = {name: value for name, value in asked.items() if value}
    words = pages.environment(request).get_template("parts/document.html").module
    exported = urlencode(_exported(query))
    return await pages.show(
        request,
        "pages/invoices/list.html",
        rows=found.items,
        query=criteria,
        kinds=[(kind.value, str(words.kind_word(kind.value)).strip()) for kind in DocumentKind],  # type: ignore[attr-defined]  # a macro
        states=[
            ("finalised", pages.text(request, "has its number")),
            ("draft", pages.text(request, "draft")),
            ("attention", pages.text(request, "needs attention")),
        ],
        sellers=[(one.id, one.name) for one in await web.services.money.entities.all()],
        sees_all=principal.site_ids is None,
        is_filtered=bool(asked),
        next_href=_href(asked, found.next) if found.next else None,
        first_href=_href(asked, None) if criteria.cursor else None,
        csv_href=f"/api/v1/invoices/export.csv?{exported}",
        parquet_href=f"/api/v1/invoices/export.parquet?{exported}",
    )


@page("/invoices/{document_id:str}", scope=Scope.MONEY_READ, is_for_fleets=True)
async def show_invoice(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, document_id: str
) -> Response[Any]:
    """Show a document"""
    return await _show(web, pages, principal, request, document_id)


@action("/invoices/{document_id:str}", scope=Scope.MONEY_WRITE)
async def change_invoice(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, document_id: str, form: Form
) -> Response[Any]:
    """Finalise, give up, credit or pay a document"""
    try:
        to, message = await _do(web, pages, principal, request, document_id, form)
    except (InvalidInput, Conflict) as error:
        field = error.field if isinstance(error, InvalidInput) else None
        entered = present.Entered({name: form.text(name)[:500] for name in _FIELDS})
        return await _show(web, pages, principal, request, document_id, entered, (field or "page", error.message))
    return pages.go(request, path_of("invoices", to), Toast(message=message))


async def _do(  # what the button says
    web: WebContext, pages: Pages, principal: Principal, request: Asked, document_id: str, form: Form
) -> tuple[str, str]:
    """Return which document to show then, and what to say."""
    match form.text("do"):
        case "finalise":
            done = await function_of(api.finalise_invoice)(web, principal, document_id)
            return document_id, pages.text(request, "It has the number %(number)s", number=done.document.number)
        case "void":
            await function_of(api.void_invoice)(web, principal, document_id)
            return document_id, pages.text(request, "The draft is given up")
        case "pay":
            given = api.Payment(
                amount=_amount(pages, request, form), reference=_needed(pages, request, form, "reference")
            )
            await function_of(api.pay_invoice)(web, principal, document_id, given)
            return document_id, pages.text(request, "The payment is entered")
        case "credit":
            wanted = api.Credit(reason=_needed(pages, request, form, "reason"))
            note = await function_of(api.credit_invoice)(web, principal, document_id, wanted)
            return note.document.id, pages.text(request, "The credit note is written")
    raise InvalidInput(pages.text(request, "That cannot be done here."))


async def _show(
    web: WebContext,
    pages: Pages,
    principal: Principal,
    request: Asked,
    document_id: str,
    entered: present.Entered | None = None,
    error: tuple[str, str] | None = None,
) -> Response[Any]:
    known = await function_of(api.get_invoice)(web, principal, document_id)
    it = known.document
    paid = sum((one.amount for one in known.settlements), Decimal(0))
    credited = sum((one.payable for one in known.credit_notes if one.number), Decimal(0))
    return await pages.show(
        request,
        "pages/invoices/document.html",
        status=422 if error else 200,
        it=it,
        standing=known.standing.value,
        stamp=known.stamp,
        settlements=known.settlements,
        notes=known.credit_notes,
        open_positions=known.open_positions,
        left=it.payable - paid - credited if known.standing in _UNPAID else Decimal(0),
        has_ubl=ubl.is_possible(it),
        may_change=Scope.MONEY_WRITE in principal.scopes,
        form=entered or present.Entered(),
        errors=[error] if error else [],
        tzinfo=present.zone(it.seller.time_zone),
        kept_until=known.kept_until,
    )


def _amount(pages: Pages, request: Asked, form: Form) -> Decimal:
    amount = read_number(pages, request, form.text("amount"), "amount")
    if amount is None:
        raise InvalidInput(pages.text(request, "Which amount?"), field="amount")
    return amount


def _needed(pages: Pages, request: Asked, form: Form, name: str) -> str:
    text = form.text(name)
    if not text:
        asked = {"reference": "Which payment?", "reason": "Say why: it stands on the credit note."}
        raise InvalidInput(pages.text(request, asked[name]), field=name)
    return text[: 200 if name == "reference" else 500]


def _wanted(criteria: ListQuery) -> DocumentQuery:
    state = criteria.state
    return DocumentQuery(
        q=criteria.q.strip() or None,
        kind=criteria.kind,
        state=DocumentState(state) if state in {"draft", "finalised"} else None,
        needs_attention=True if state == "attention" else None,
        legal_entity_id=criteria.seller or None,
        limit=ROWS,
        cursor=criteria.cursor or None,
    )


def _exported(query: DocumentQuery) -> dict[str, str]:
    plain: dict[str, Any] = msgspec.to_builtins(query)
    left_out = {"limit", "cursor"}
    told = {name: value for name, value in plain.items() if value is not None and name not in left_out}
    return {name: "true" if value is True else str(value) for name, value in told.items()}


def _href(asked: dict[str, str], cursor: str | None) -> str:
    query = urlencode(asked | ({"cursor": cursor} if cursor else {}))
    return path_of("invoices") + (f"?{query}" if query else "")


ROUTES: tuple[HTTPRouteHandler, ...] = (show_invoices, show_invoice, change_invoice)
