"""Customers: who is named on documents, for whom they pay, and their invoice of a month."""

from typing import Annotated, Any
from urllib.parse import urlencode

import msgspec
from litestar import Response
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from ingufu.accounts.model import Principal, Scope
from ingufu.billing.invoices.compose import month_before, month_of
from ingufu.billing.invoices.parties import Address, Automatic, Customer, CustomerKind
from ingufu.core.errors import Conflict, InvalidInput, NotFound
from ingufu.views import invoices as views
from ingufu.views import tokens
from ingufu.views.invoices import CustomerQuery
from ingufu.views.tokens import DriverQuery, GroupQuery
from ingufu.web.api import invoices as invoices_api
from ingufu.web.api import legal_entities as api
from ingufu.web.console import present
from ingufu.web.console.pages import Pages, Toast, action, page, path_of
from ingufu.web.console.sellers import LANGUAGES
from ingufu.web.context import WebContext
from ingufu.web.exchange import Asked
from ingufu.web.forms import Form
from ingufu.web.routes import function_of

ROWS, OFFERED = 50, 500
_PLACE = ("street", "postal_code", "city", "country")
_TEXTS = ("name", "tax_id", "email", "language", "reference")


class ListQuery(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The list as its address has it."""

    q: Annotated[str, Meta(max_length=100)] = ""
    cursor: Annotated[str, Meta(max_length=1000)] = ""


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """For whom a customer pays, as ticked."""

    drivers: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()


@page("/customers", scope=Scope.MONEY_READ, is_for_network=True, query=ListQuery)
async def show_customers(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, criteria: ListQuery
) -> Response[str]:
    """Show the customers"""
    query = CustomerQuery(q=criteria.q.strip() or None, limit=ROWS, cursor=criteria.cursor or None)
    found = await views.list_customers(web.services.database, query)
    asked = {"q": criteria.q} if criteria.q else {}
    return await pages.show(
        request,
        "pages/invoices/customers.html",
        rows=[msgspec.convert(row, Customer) for row in found.items],
        query=criteria,
        may_change=Scope.MONEY_WRITE in principal.scopes,
        next_href=_href(asked | {"cursor": found.next}) if found.next else None,
        first_href=_href(asked) if criteria.cursor else None,
    )


@page("/customers/new", scope=Scope.MONEY_WRITE, is_for_network=True)
async def show_new_customer(web: WebContext, pages: Pages, request: Asked) -> Response[str]:
    """Show the form of a new customer"""
    return await _show(web, pages, request, None, present.Entered({"kind": "business"}), Chosen())


@action("/customers/new", scope=Scope.MONEY_WRITE, is_for_network=True)
async def add_customer(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, form: Form
) -> Response[Any]:
    """Enter a customer"""
    try:
        made = await function_of(api.create_customer)(web, principal, api.NewCustomer(**_fields(form)))
    except (InvalidInput, Conflict) as error:
        return await _show(web, pages, request, None, _entered(form), _chosen(form), _problem(pages, request, error))
    toast = Toast(message=pages.text(request, "The customer is entered"), detail=made.name)
    return pages.go(request, path_of("customers", made.id), toast)


@page("/customers/{customer_id:str}", scope=Scope.MONEY_READ, is_for_network=True)
async def show_customer(web: WebContext, pages: Pages, request: Asked, customer_id: str) -> Response[str]:
    """Show a customer"""
    it = await web.services.money.customers.get(customer_id)
    return await _show(web, pages, request, it, _as_entered(it), _as_chosen(it))


@action("/customers/{customer_id:str}", scope=Scope.MONEY_WRITE, is_for_network=True)
async def change_customer(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, customer_id: str, form: Form
) -> Response[Any]:
    """Change a customer"""
    it = await web.services.money.customers.get(customer_id)
    try:
        await function_of(api.update_customer)(web, principal, customer_id, api.CustomerFields(**_fields(form)))
    except (InvalidInput, Conflict) as error:
        return await _show(web, pages, request, it, _entered(form), _chosen(form), _problem(pages, request, error))
    return pages.go(request, path_of("customers", customer_id), Toast(message=pages.text(request, "Saved")))


@action("/customers/{customer_id:str}/statement", scope=Scope.MONEY_WRITE, is_for_network=True)
async def make_statement(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, customer_id: str, form: Form
) -> Response[Any]:
    """Make the invoice of a month"""
    it = await web.services.money.customers.get(customer_id)
    wanted = invoices_api.NewStatement(
        legal_entity_id=form.text("seller")[:100],
        customer_id=customer_id,
        period=form.text("period")[:7],
        currency=form.text("currency").upper()[:3],
    )
    try:
        made = await function_of(invoices_api.make_statement)(web, principal, wanted)
    except (InvalidInput, Conflict, NotFound) as error:
        field = error.field if isinstance(error, InvalidInput) else None
        entered = present.Entered(_as_entered(it) | {"currency": wanted.currency, "period": wanted.period})
        return await _show(web, pages, request, it, entered, _as_chosen(it), (field or "period", error.message))
    toast = Toast(message=pages.text(request, "The invoice is made"), detail=made.document.number)
    return pages.go(request, path_of("invoices", made.document.id), toast)


async def _show(
    web: WebContext,
    pages: Pages,
    request: Asked,
    it: Customer | None,
    form: present.Entered,
    chosen: Chosen,
    error: tuple[str, str] | None = None,
) -> Response[str]:
    principal: Principal = request.scope["user"]
    sellers = [one for one in await web.services.money.entities.all() if one.retired_at is None]
    words = pages.environment(request).get_template("parts/document.html").module
    zone = sellers[0].time_zone if sellers else "UTC"
    return await pages.show(
        request,
        "pages/invoices/customer.html",
        status=422 if error else 200,
        it=it,
        form=form,
        errors=[error] if error else [],
        drivers=await _drivers(web, chosen.drivers),
        groups=await _groups(web, chosen.groups),
        chosen_drivers=chosen.drivers,
        chosen_groups=chosen.groups,
        modes=[(mode.value, str(words.automatic_word(mode.value)).strip()) for mode in Automatic],  # type: ignore[attr-defined]  # a macro
        tongues=LANGUAGES,
        sellers=[(one.id, one.name) for one in sellers],
        month=form["period"] or month_before(month_of(web.services.clock.now(), zone)),
        may_change=Scope.MONEY_WRITE in principal.scopes,
    )


async def _drivers(web: WebContext, chosen: frozenset[str]) -> list[tuple[str, str]]:
    """Return the drivers to choose from, with those for whom the customer pays: saving would drop them otherwise."""
    found = await tokens.list_drivers(web.services.database, DriverQuery(limit=OFFERED))
    offered = {row.id: row.name for row in found.items}
    if beyond := sorted(chosen - offered.keys()):
        offered |= await tokens.choose_drivers(web.services.database, beyond, None, most=len(beyond))
    return list(offered.items())


async def _groups(web: WebContext, chosen: frozenset[str]) -> list[tuple[str, str]]:
    """Return the groups to choose from, with those for which the customer pays."""
    found = await tokens.list_groups(web.services.database, GroupQuery(limit=OFFERED))
    offered = {row.id: row.name or row.value for row in found.items}
    if beyond := sorted(chosen - offered.keys()):
        offered |= await tokens.choose_groups(web.services.database, beyond)
    return list(offered.items())


def _fields(form: Form) -> dict[str, Any]:
    """Return what the form says. Raises InvalidInput."""
    fields: dict[str, Any] = {name: form.text(name)[:254] for name in _TEXTS}
    fields["kind"] = CustomerKind.BUSINESS if form.text("kind") == "business" else CustomerKind.CONSUMER
    place = {name: form.text(name)[:200] for name in _PLACE}
    fields["address"] = Address(**place | {"country": place["country"].upper()[:2]})
    mode = form.text("automatic")
    fields["automatic"] = Automatic(mode) if mode in set(Automatic) else None
    fields["payment_days"] = form.integer("payment_days", low=0, high=365)
    fields["is_reverse_charge"] = form.is_on("is_reverse_charge")
    fields["driver_ids"] = tuple(dict.fromkeys(form.texts("drivers")))
    fields["group_ids"] = tuple(dict.fromkeys(form.texts("groups")))
    return fields


def _as_entered(it: Customer) -> present.Entered:
    """Return a customer as their form has them."""
    texts = {name: getattr(it, name) for name in _TEXTS} | {name: getattr(it.address, name) for name in _PLACE}
    texts |= {"kind": it.kind.value, "automatic": it.automatic.value if it.automatic else ""}
    texts["payment_days"] = "" if it.payment_days is None else str(it.payment_days)
    texts["is_reverse_charge"] = "true" if it.is_reverse_charge else ""
    return present.Entered(texts)


def _as_chosen(it: Customer) -> Chosen:
    return Chosen(drivers=frozenset(it.driver_ids), groups=frozenset(it.group_ids))


def _chosen(form: Form) -> Chosen:
    return Chosen(drivers=frozenset(form.texts("drivers")), groups=frozenset(form.texts("groups")))


def _entered(form: Form) -> present.Entered:
    return present.Entered({name: value[:4000] for name, value in form.pairs})


def _problem(pages: Pages, request: Asked, error: InvalidInput | Conflict) -> tuple[str, str]:
    if isinstance(error, Conflict):
        return "name", pages.text(request, "Somebody else pays for one of these drivers or groups.")
    return error.field or "name", error.message


def _href(asked: dict[str, Any]) -> str:
    query = urlencode(asked)
    return path_of("customers") + (f"?{query}" if query else "")


ROUTES: tuple[HTTPRouteHandler, ...] = (
    show_customers, show_new_customer, add_customer, show_customer, change_customer, make_statement,
)  # fmt: skip
