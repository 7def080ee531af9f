"""Sites in the console: the places where stations stand, entered, changed and given up."""

from collections.abc import Sequence
from typing import Annotated, Any
from urllib.parse import urlencode

import msgspec
from litestar import Response
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from ingufu.accounts.model import Principal, Scope
from ingufu.core.errors import Conflict, InvalidInput
from ingufu.views import sites as views
from ingufu.views.sites import SiteQuery, SiteRow
from ingufu.web.api import sites as api
from ingufu.web.console import present
from ingufu.web.console.pages import Pages, Toast, action, page, path_of
from ingufu.web.context import WebContext
from ingufu.web.exchange import Asked
from ingufu.web.forms import Form
from ingufu.web.routes import function_of

ROWS = 50
_TEXTS = ("name", "address", "city", "country", "time_zone", "latitude", "longitude")
_PROBLEMS = (InvalidInput, Conflict)


class ListQuery(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The list as its address has it."""

    q: Annotated[str, Meta(max_length=100)] = ""
    cursor: Annotated[str, Meta(max_length=1000)] = ""


@page("/sites", scope=Scope.STATIONS_READ, query=ListQuery)
async def show_sites(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, criteria: ListQuery
) -> Response[str]:
    """Show the sites"""
    query = SiteQuery(q=criteria.q.strip(), limit=ROWS, cursor=criteria.cursor or None)
    found = await views.list_sites(web.services.database, query, principal.site_ids)
    asked = {"q": criteria.q} if criteria.q else {}
    return await pages.show(
        request,
        "pages/sites/list.html",
        rows=found.items,
        query=criteria,
        may_add=Scope.STATIONS_WRITE in principal.scopes and principal.site_ids is None,
        next_href=_href(asked | {"cursor": found.next}) if found.next else None,
        first_href=_href(asked) if criteria.cursor else None,
    )


@page("/sites/new", scope=Scope.STATIONS_WRITE, is_for_network=True)
async def show_new_site(web: WebContext, pages: Pages, request: Asked) -> Response[str]:
    """Show the form of a new site"""
    query = SiteQuery(sort="-created_at", limit=1)
    before = (await views.list_sites(web.services.database, query, None)).items
    usual = {"time_zone": before[0].time_zone, "country": before[0].country} if before else {"time_zone": "UTC"}
    return await _show(pages, request, None, present.Entered(usual))


@action("/sites/new", scope=Scope.STATIONS_WRITE, is_for_network=True)
async def add_site(web: WebContext, pages: Pages, principal: Principal, request: Asked, form: Form) -> Response[Any]:
    """Enter a site"""
    try:
        made = await function_of(api.create_site)(web, principal, api.NewSite(**_fields(form)))
    except _PROBLEMS as error:
        return await _show(pages, request, None, _entered(form), [_problem(error)])
    toast = Toast(message=pages.text(request, "The site is entered"), detail=made.name)
    return pages.go(request, path_of("sites", made.id), toast)


@page("/sites/{site_id:str}", scope=Scope.STATIONS_READ)
async def show_site(web: WebContext, pages: Pages, principal: Principal, request: Asked, site_id: str) -> Response[str]:
    """Show a site"""
    it = await views.get_site(web.services.database, site_id, principal.site_ids)
    return await _show(pages, request, it, _as_entered(it))


@action("/sites/{site_id:str}", scope=Scope.STATIONS_WRITE)
async def change_site(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, site_id: str, form: Form
) -> Response[Any]:
    """Change a site"""
    it = await views.get_site(web.services.database, site_id, principal.site_ids)
    try:
        await function_of(api.update_site)(web, principal, site_id, api.SiteFields(**_fields(form)))
    except _PROBLEMS as error:
        return await _show(pages, request, it, _entered(form), [_problem(error)])
    return pages.go(request, path_of("sites", site_id), Toast(message=pages.text(request, "Saved")))


@action("/sites/{site_id:str}/delete", scope=Scope.STATIONS_WRITE, is_for_network=True)
async def delete_site(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, site_id: str
) -> Response[Any]:
    """Delete a site"""
    await function_of(api.delete_site)(web, principal, site_id)
    return pages.leave(request, path_of("sites"), Toast(message=pages.text(request, "Deleted")))


async def _show(
    pages: Pages,
    request: Asked,
    it: SiteRow | None,
    form: present.Entered,
    errors: Sequence[tuple[str, str]] = (),
) -> Response[str]:
    principal: Principal = request.scope["user"]
    return await pages.show(
        request,
        "pages/sites/site.html",
        status=422 if errors else 200,
        it=it,
        form=form,
        errors=list(errors),
        may_change=Scope.STATIONS_WRITE in principal.scopes,
        may_delete=Scope.STATIONS_WRITE in principal.scopes and principal.site_ids is None,
        see_money=Scope.MONEY_READ in principal.scopes,
    )


def _fields(form: Form) -> dict[str, Any]:
    """Return what the form says. Raises InvalidInput."""
    name, latitude = form.text("name")[:100], form.number("latitude", low=-90, high=90)
    longitude = form.number("longitude", low=-180, high=180)
    if not name:
        raise InvalidInput("A site has a name.", field="name")
    if (latitude is None) != (longitude is None):
        raise InvalidInput("A place on the map has both, latitude and longitude.", field="latitude")
    return {
        "name": name,
        "address": form.text("address")[:200],
        "city": form.text("city")[:100],
        "country": form.text("country").upper()[:2],
        "time_zone": form.text("time_zone")[:60],
        "latitude": latitude,
        "longitude": longitude,
    }


def _entered(form: Form) -> present.Entered:
    return present.Entered({name: form.text(name)[:200] for name in _TEXTS})


def _as_entered(it: SiteRow) -> present.Entered:
    values = {name: getattr(it, name) for name in _TEXTS}
    return present.Entered({name: "" if value is None else str(value) for name, value in values.items()})


def _problem(error: InvalidInput | Conflict) -> tuple[str, str]:
    field = error.field if isinstance(error, InvalidInput) else None
    return field or "name", error.message


def _href(asked: dict[str, str]) -> str:
    return f"{path_of('sites')}?{urlencode(asked)}" if asked else path_of("sites")


ROUTES: tuple[HTTPRouteHandler, ...] = (show_sites, show_new_site, add_site, show_site, change_site, delete_site)
