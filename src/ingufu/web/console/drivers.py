"""Drivers: the list with what they charged lately, one of them with everything about them, and the forms."""

from typing import Annotated, Any, Literal
from urllib.parse import urlencode

import msgspec
from litestar import Response
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from ingufu.accounts.model import OrganisationKind, Principal, Scope
from ingufu.core.errors import Conflict, InvalidInput
from ingufu.tariffs.situations import Target
from ingufu.views import decisions, driver_figures, driver_plans, invoices, tariffs, tokens, transactions, wallets
from ingufu.views.decisions import DecisionQuery
from ingufu.views.driver_figures import Figures
from ingufu.views.invoices import DocumentQuery
from ingufu.views.tariffs import TariffQuery, TariffRow
from ingufu.views.tokens import DriverQuery, DriverRow, GroupQuery, TokenQuery
from ingufu.views.transactions import TransactionQuery
from ingufu.views.wallets import WalletQuery
from ingufu.web.api import drivers as api
from ingufu.web.api import tokens as tokens_api
from ingufu.web.api.ledger import books_of
from ingufu.web.console import present
from ingufu.web.console.pages import Pages, Toast, action, page, path_of
from ingufu.web.console.station import SessionRow
from ingufu.web.context import WebContext
from ingufu.web.exchange import Asked
from ingufu.web.forms import Form
from ingufu.web.routes import function_of

ROWS, SHORT, CARDS = 50, 8, 100
OFFERED = 200  # groups and organisations to choose from
TEXTS = ("name", "email", "phone", "language", "note", "plan")
LANGUAGES = (("en", "English"), ("fr", "Français"), ("rw", "Ikinyarwanda"), ("sw", "Kiswahili"))
_OPEN: dict[str, bool] = {"is_for_network": True, "is_for_fleets": True}

State = Literal["blocked", "free", "without-card"]


class ListQuery(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The list as its address has it."""

    q: Annotated[str, Meta(max_length=200)] = ""
    state: State | None = None
    group: Annotated[str, Meta(max_length=100)] = ""
    organisation: Annotated[str, Meta(max_length=100)] = ""
    sort: Literal["name", "-name", "created_at", "-created_at"] = "name"
    cursor: Annotated[str, Meta(max_length=1000)] = ""


class ListRow(msgspec.Struct, frozen=True):
    """A driver as a row of the list."""

    it: DriverRow
    figures: Figures


@page("/drivers", scope=Scope.TOKENS_READ, query=ListQuery, **_OPEN)
async def show_drivers(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, criteria: ListQuery
) -> Response[str]:
    """Show the drivers"""
    database = web.services.database
    query = msgspec.structs.replace(wanted(criteria), limit=ROWS, cursor=criteria.cursor or None)
    found = await tokens.list_drivers(database, query, principal.fleet_id)
    since = web.services.clock.now() - driver_figures.SPAN
    figures = await driver_figures.of_drivers(database, [row.id for row in found.items], since=since)
    asked: dict[str, str] = msgspec.to_builtins(criteria)
    asked.pop("cursor", None)
    return await pages.show(
        request,
        "pages/drivers/list.html",
        rows=[ListRow(row, figures[row.id]) for row in found.items],
        query=criteria,
        asked=asked,
        groups=await groups_offered(web, principal),
        organisations=await _organisations(web, principal),
        is_filtered=bool(asked.keys() - {"sort"}),
        may_change=Scope.TOKENS_WRITE in principal.scopes,
        may_see_money=Scope.MONEY_READ in principal.scopes,
        next_href=href("drivers", asked, cursor=found.next) if found.next else None,
        first_href=href("drivers", asked) if criteria.cursor else None,
        sort_href=lambda key: href("drivers", asked, sort=key),
        export_query=_export_query(query),
    )


@page("/drivers/new", scope=Scope.TOKENS_WRITE, **_OPEN)
async def show_new_driver(web: WebContext, pages: Pages, principal: Principal, request: Asked) -> Response[str]:
    """Show the form of a new driver"""
    return await _show_form(
        web, pages, principal, request, None, present.Entered({"language": pages.language(request)})
    )


@action("/drivers/new", scope=Scope.TOKENS_WRITE, **_OPEN)
async def add_driver(web: WebContext, pages: Pages, principal: Principal, request: Asked, form: Form) -> Response[Any]:
    """Register a driver"""
    try:
        made = await function_of(api.create_driver)(web, principal, api.NewDriver(**_fields(form)))
    except (InvalidInput, Conflict) as error:
        return await _show_form(web, pages, principal, request, None, _entered(form), problem(error))
    return pages.go(
        request, path_of("drivers", made.id), Toast(message=pages.text(request, "The driver is registered"))
    )


@page("/drivers/{driver_id:str}", scope=Scope.TOKENS_READ, **_OPEN)
async def show_driver(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, driver_id: str
) -> Response[str]:
    """Show a driver"""
    services, database = web.services, web.services.database
    driver = await tokens.get_driver(database, driver_id, principal.fleet_id)
    found = await driver_figures.of_drivers(database, [driver_id], since=services.clock.now() - driver_figures.SPAN)
    cards = await tokens.list_tokens(database, TokenQuery(driver_id=driver_id, limit=CARDS), principal.fleet_id)
    refusals = await decisions.list_decisions(
        database,
        DecisionQuery(driver_id=driver_id, is_refused=True, limit=SHORT),
        principal.site_ids,
        principal.fleet_id,
    )
    return await pages.show(
        request,
        "pages/drivers/driver.html",
        it=driver,
        tongues=dict(LANGUAGES),
        figures=found[driver_id],
        cards=cards.items,
        today=services.clock.now(),
        plans=await driver_plans.list_plans(database, driver_id),
        refusals=refusals.items,
        sessions=await _sessions(web, principal, driver_id),
        money=await _money(web, principal, driver_id),
        tariffs=await _tariffs(web, principal, driver, sorted({one.group_id for one in cards.items if one.group_id})),
        may_change=Scope.TOKENS_WRITE in principal.scopes,
        may_see_money=Scope.MONEY_READ in principal.scopes,
    )


@page("/drivers/{driver_id:str}/edit", scope=Scope.TOKENS_WRITE, **_OPEN)
async def show_driver_form(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, driver_id: str
) -> Response[str]:
    """Show the form of a driver"""
    driver = await tokens.get_driver(web.services.database, driver_id, principal.fleet_id)
    entered = present.Entered({name: getattr(driver, name) or "" for name in TEXTS})
    return await _show_form(web, pages, principal, request, driver, entered)


@action("/drivers/{driver_id:str}/edit", scope=Scope.TOKENS_WRITE, **_OPEN)
async def change_driver(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, driver_id: str, form: Form
) -> Response[Any]:
    """Change a driver"""
    driver = await tokens.get_driver(web.services.database, driver_id, principal.fleet_id)
    try:
        await function_of(api.update_driver)(web, principal, driver_id, api.DriverFields(**_fields(form)))
    except (InvalidInput, Conflict) as error:
        return await _show_form(web, pages, principal, request, driver, _entered(form), problem(error))
    return pages.go(request, path_of("drivers", driver_id), Toast(message=pages.text(request, "Saved")))


@action("/drivers/{driver_id:str}/block", scope=Scope.TOKENS_WRITE, **_OPEN)
async def block_driver(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, driver_id: str, form: Form
) -> Response[Any]:
    """Block a driver, or lift the block"""
    if form.is_on("lift"):
        await function_of(api.unblock_driver)(web, principal, driver_id)
        message = pages.text(request, "The driver may charge again")
    else:
        given = tokens_api.Block(reason=form.text("reason")[:400])
        await function_of(api.block_driver)(web, principal, driver_id, given)
        message = pages.text(request, "None of the driver's cards is accepted from now on")
    return pages.go(request, path_of("drivers", driver_id), Toast(message=message))


@page("/drivers/{driver_id:str}/delete", scope=Scope.TOKENS_WRITE, **_OPEN)
async def show_deletion(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, driver_id: str
) -> Response[str]:
    """Show what deleting a driver does, and what stays"""
    return await _show_deletion(web, pages, principal, request, driver_id)


@action("/drivers/{driver_id:str}/delete", scope=Scope.TOKENS_WRITE, **_OPEN)
async def delete_driver(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, driver_id: str, form: Form
) -> Response[Any]:
    """Delete a driver"""
    fate = api.Fate(form.text("tokens")) if form.text("tokens") in set(api.Fate) else api.Fate.REFUSE
    try:
        await function_of(api.delete_driver)(web, principal, driver_id, api.Deletion(tokens=fate))
    except Conflict as error:
        return await _show_deletion(web, pages, principal, request, driver_id, problem=error.message)
    return pages.go(request, path_of("drivers"), Toast(message=pages.text(request, "The driver is deleted")))


def wanted(criteria: ListQuery) -> DriverQuery:
    """Return what a list in the console asks for, without its page."""
    return DriverQuery(
        q=criteria.q,
        is_blocked={"blocked": True, "free": False}.get(criteria.state or ""),
        has_tokens=False if criteria.state == "without-card" else None,
        group_id=criteria.group or None,
        organisation_id=criteria.organisation or None,
        sort=criteria.sort,
    )


async def groups_offered(web: WebContext, principal: Principal, chosen: str = "") -> list[tuple[str, str]]:
    """Return the groups that a choice offers, id and name: what is chosen is among them, or saving would drop it."""
    database, fleet_id = web.services.database, principal.fleet_id
    found = await tokens.list_groups(database, GroupQuery(limit=OFFERED), fleet_id)
    offered = {row.id: row.name for row in found.items}
    if chosen and chosen not in offered:
        offered |= await tokens.choose_groups(database, [chosen], fleet_id)
    return list(offered.items())


def href(noun: str, asked: dict[str, str], **changes: str | None) -> str:
    """Return the address of a list with its filters."""
    query = urlencode({name: value for name, value in {**asked, **changes}.items() if value})
    return path_of(noun) + (f"?{query}" if query else "")


def problem(error: InvalidInput | Conflict) -> tuple[str, str]:
    """Return which field is wrong, and why."""
    field = error.field if isinstance(error, InvalidInput) else None
    return (field or "name", error.message)


async def _show_form(
    web: WebContext,
    pages: Pages,
    principal: Principal,
    request: Asked,
    driver: DriverRow | None,
    entered: present.Entered,
    error: tuple[str, str] | None = None,
) -> Response[str]:
    may_set_plan = principal.fleet_id is None
    return await pages.show(
        request,
        "pages/drivers/form.html",
        status=422 if error else 200,
        it=driver,
        form=entered,
        errors=[error] if error else [],
        tongues=_tongues(entered["language"]),
        may_set_plan=may_set_plan,
        plans=await driver_plans.names_in_use(web.services.database, most=OFFERED) if may_set_plan else [],
    )


def _tongues(language: str) -> list[tuple[str, str]]:
    """Return the languages to choose from, with that of the driver: the API and files take any."""
    other = language and language not in dict(LANGUAGES)
    return [*LANGUAGES, (language, language)] if other else [*LANGUAGES]


async def _show_deletion(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, driver_id: str, *, problem: str = ""
) -> Response[str]:
    database = web.services.database
    since = web.services.clock.now() - driver_figures.SPAN
    return await pages.show(
        request,
        "pages/drivers/delete.html",
        status=409 if problem else 200,
        it=await tokens.get_driver(database, driver_id, principal.fleet_id),
        figures=(await driver_figures.of_drivers(database, [driver_id], since=since))[driver_id],
        problem=problem,
    )


async def _sessions(web: WebContext, principal: Principal, driver_id: str) -> list[Any]:
    if Scope.TRANSACTIONS_READ not in principal.scopes:
        return []
    query = TransactionQuery(driver_id=driver_id, limit=SHORT)
    found = await transactions.list_transactions(web.services.database, query, principal.site_ids)
    return [SessionRow(row, present.zone(row.time_zone)) for row in found.items]


async def _money(web: WebContext, principal: Principal, driver_id: str) -> dict[str, Any]:
    """Return the wallets and the latest documents, for who may see money."""
    if Scope.MONEY_READ not in principal.scopes:
        return {"wallets": (), "documents": ()}
    services = web.services
    query = WalletQuery(driver_id=driver_id)
    is_network = principal.site_ids is None
    purses = await wallets.list_wallets(services.database, await books_of(web), query) if is_network else None
    asked = DocumentQuery(driver_id=driver_id, limit=SHORT)
    papers = await invoices.list_documents(services.database, asked, principal.site_ids, services.clock.now())
    return {"wallets": purses.items if purses else (), "documents": papers.items}


async def _tariffs(web: WebContext, principal: Principal, driver: DriverRow, group_ids: list[str]) -> list[TariffRow]:
    """Return the tariffs that are given to the driver, to groups of their cards, or to their plan."""
    if Scope.TARIFFS_READ not in principal.scopes or principal.site_ids is not None:
        return []
    now = web.services.clock.now()
    found: list[TariffRow] = []
    given = [(Target.DRIVER, driver.id), *((Target.GROUP, group_id) for group_id in group_ids)]
    given += [(Target.PLAN, driver.plan)] if driver.plan else []
    for target, target_id in given:
        query = TariffQuery(target=target, target_id=target_id, is_retired=False)
        found += (await tariffs.list_tariffs(web.services.database, query, None, now)).items
    return list({row.id: row for row in found}.values())


async def _organisations(web: WebContext, principal: Principal) -> list[tuple[str, str]]:
    """Return the operator and the fleets, if there is anything to choose."""
    if principal.fleet_id is not None:
        return []
    known = [one for one in await web.services.accounts.organisations() if one.kind is not OrganisationKind.HOST]
    return [(one.id, one.name) for one in known[:OFFERED]] if len(known) > 1 else []


def _fields(form: Form) -> dict[str, Any]:
    plan = {"plan": form.text("plan")[:100] or None} if form.texts("plan") else {}  # a fleet's form has none
    return plan | {
        "name": form.text("name")[:200],
        "email": form.text("email")[:254] or None,
        "phone": form.text("phone")[:40] or None,
        "language": form.text("language")[:8] or "en",
        "note": form.text("note")[:4000],
    }


def _entered(form: Form) -> present.Entered:
    return present.Entered({name: form.text(name) for name in TEXTS})


def _export_query(query: DriverQuery) -> str:
    given = {"q": query.q, "group_id": query.group_id, "organisation_id": query.organisation_id}
    flags = {"is_blocked": query.is_blocked, "has_tokens": query.has_tokens}
    texts = given | {name: None if value is None else str(value).lower() for name, value in flags.items()}
    return urlencode({name: value for name, value in texts.items() if value})


ROUTES: tuple[HTTPRouteHandler, ...] = (
    show_drivers, show_new_driver, add_driver, show_driver, show_driver_form, change_driver, block_driver,
    show_deletion, delete_driver,
)  # fmt: skip
