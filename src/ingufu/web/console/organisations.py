"""Organisations in the console: the operator, hosts with their sites, fleets with their drivers."""

from collections.abc import Sequence
from typing import Any

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from ingufu.accounts.model import OrganisationKind, Principal, Scope
from ingufu.core.errors import Conflict, InvalidInput
from ingufu.views import console_sites
from ingufu.views import organisations as views
from ingufu.views.organisations import OrganisationRow
from ingufu.web.api import organisations as api
from ingufu.web.console import present
from ingufu.web.console.pages import Pages, Toast, action, page, path_of
from ingufu.web.context import WebContext
from ingufu.web.exchange import Asked
from ingufu.web.forms import Form
from ingufu.web.routes import function_of

_PROBLEMS = (InvalidInput, Conflict)


@page("/organisations", scope=Scope.USERS_READ, is_for_network=True)
async def show_organisations(web: WebContext, pages: Pages, principal: Principal, request: Asked) -> Response[str]:
    """Show the organisations"""
    return await pages.show(
        request,
        "pages/organisations/list.html",
        rows=await views.list_organisations(web.services.database),
        may_change=Scope.USERS_WRITE in principal.scopes,
    )


@page("/organisations/new", scope=Scope.USERS_WRITE, is_for_network=True)
async def show_new_organisation(web: WebContext, pages: Pages, request: Asked) -> Response[str]:
    """Show the form of a new organisation"""
    return await _show(web, pages, request, None, present.Entered({"kind": "host"}))


@action("/organisations/new", scope=Scope.USERS_WRITE, is_for_network=True)
async def add_organisation(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, form: Form
) -> Response[Any]:
    """Enter an organisation"""
    kind = OrganisationKind.FLEET if form.text("kind") == "fleet" else OrganisationKind.HOST
    try:
        given = api.NewOrganisation(name=form.text("name")[:100], kind=kind)
        made = await function_of(api.create_organisation)(web, principal, given)
    except _PROBLEMS as error:
        entered = present.Entered({"name": form.text("name")[:100], "kind": kind.value})
        return await _show(web, pages, request, None, entered, [("name", error.message)])
    toast = Toast(message=pages.text(request, "The organisation is entered"), detail=made.name)
    return pages.go(request, path_of("organisations", made.id), toast)


@page("/organisations/{organisation_id:str}", scope=Scope.USERS_READ, is_for_network=True)
async def show_organisation(web: WebContext, pages: Pages, request: Asked, organisation_id: str) -> Response[str]:
    """Show an organisation"""
    it = await views.get_organisation(web.services.database, organisation_id)
    return await _show(web, pages, request, it, present.Entered({"name": it.name, "kind": it.kind.value}))


@action("/organisations/{organisation_id:str}", scope=Scope.USERS_WRITE, is_for_network=True)
async def change_organisation(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, organisation_id: str, form: Form
) -> Response[Any]:
    """Change an organisation, and which sites it owns"""
    it = await views.get_organisation(web.services.database, organisation_id)
    ended = 0
    try:
        given = api.Rename(name=form.text("name")[:100])
        await function_of(api.rename_organisation)(web, principal, organisation_id, given)
        if it.kind is OrganisationKind.HOST:
            owned = api.OwnedSites(site_ids=tuple(dict.fromkeys(form.texts("sites")[:1000])))
            after: api.Ownership = await function_of(api.set_owned_sites)(web, principal, organisation_id, owned)
            ended = len(after.ended_agreement_ids)
    except _PROBLEMS as error:
        field = error.field if isinstance(error, InvalidInput) else None
        entered = present.Entered({"name": form.text("name")[:100], "kind": it.kind.value})
        return await _show(web, pages, request, it, entered, [(field or "name", error.message)])
    detail = pages.text(request, "What was agreed with the former host has ended: agree anew.") if ended else ""
    toast = Toast(message=pages.text(request, "Saved"), detail=detail)
    return pages.go(request, path_of("organisations", organisation_id), toast)


@action("/organisations/{organisation_id:str}/delete", scope=Scope.USERS_WRITE, is_for_network=True)
async def delete_organisation(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, organisation_id: str
) -> Response[Any]:
    """Delete an organisation"""
    await function_of(api.delete_organisation)(web, principal, organisation_id)
    return pages.leave(request, path_of("organisations"), Toast(message=pages.text(request, "Deleted")))


async def _show(
    web: WebContext,
    pages: Pages,
    request: Asked,
    it: OrganisationRow | None,
    form: present.Entered,
    errors: Sequence[tuple[str, str]] = (),
) -> Response[str]:
    principal: Principal = request.scope["user"]
    places = await console_sites.list_places(web.services.database, None)
    others = {
        site.id: one.name
        for one in await views.list_organisations(web.services.database)
        if one.kind is OrganisationKind.HOST and (it is None or one.id != it.id)
        for site in one.sites
    }
    return await pages.show(
        request,
        "pages/organisations/organisation.html",
        status=422 if errors else 200,
        it=it,
        form=form,
        errors=list(errors),
        places=[(place.id, place.name) for place in places if place.id not in others],
        owned=frozenset(site.id for site in it.sites) if it is not None else frozenset(),
        may_change=Scope.USERS_WRITE in principal.scopes,
    )


ROUTES: tuple[HTTPRouteHandler, ...] = (
    show_organisations, show_new_organisation, add_organisation, show_organisation, change_organisation,
    delete_organisation,
)  # fmt: skip
