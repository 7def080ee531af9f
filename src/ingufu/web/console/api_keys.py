"""API keys in the console: secrets for programs, with permissions, sites and an end."""

from collections.abc import Sequence
from datetime import UTC, datetime, time
from typing import Any

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from ingufu.accounts.model import Principal, Scope
from ingufu.core.errors import Conflict, Forbidden, InvalidInput, NotFound
from ingufu.views import console_sites
from ingufu.web import access
from ingufu.web.api import api_keys as api
from ingufu.web.api.organisations import seen_organisations
from ingufu.web.console import present
from ingufu.web.console.pages import Pages, Toast, action, page, path_of
from ingufu.web.console.roles import scopes_of
from ingufu.web.context import WebContext
from ingufu.web.exchange import Asked
from ingufu.web.forms import Form
from ingufu.web.routes import function_of

_OPEN: dict[str, bool] = {"is_for_network": True, "is_for_organisations": True}
_PROBLEMS = (InvalidInput, Conflict, Forbidden, NotFound)
_TEXTS = ("name", "organisation_id", "expires_on", "where")


@page("/api-keys", scope=Scope.USERS_READ, **_OPEN)
async def show_keys(web: WebContext, pages: Pages, principal: Principal, request: Asked) -> Response[str]:
    """Show the API keys"""
    owners = await seen_organisations(web, principal)
    places = await console_sites.list_places(web.services.database, principal.site_ids)
    keys = await function_of(api.list_keys)(web, principal)
    return await pages.show(
        request,
        "pages/api_keys/list.html",
        rows=sorted(keys, key=lambda key: (key.revoked_at is not None, key.created_at)),
        owners={one.id: one.name for one in owners},
        places={place.id: place.name for place in places},
        may_change=Scope.USERS_WRITE in principal.scopes,
    )


@page("/api-keys/new", scope=Scope.USERS_WRITE, **_OPEN)
async def show_new_key(web: WebContext, pages: Pages, request: Asked) -> Response[str]:
    """Show the form of a new API key"""
    return await _show(web, pages, request, present.Entered({"where": "everywhere"}))


@action("/api-keys/new", scope=Scope.USERS_WRITE, **_OPEN)
async def add_key(web: WebContext, pages: Pages, principal: Principal, request: Asked, form: Form) -> Response[Any]:
    """Make an API key"""
    try:
        sites = tuple(dict.fromkeys(form.texts("sites")[:100])) if form.text("where") == "sites" else None
        if sites == ():
            raise InvalidInput("Tick the sites, or choose everywhere.", field="where")
        given = api.NewKey(
            name=form.text("name")[:100],
            scopes=scopes_of(form),
            site_ids=sites,
            expires_at=_end_of(form.text("expires_on")),
            organisation_id=form.text("organisation_id") or None,
        )
        made = await function_of(api.create_key)(web, principal, given)
    except _PROBLEMS as error:
        field = error.field if isinstance(error, InvalidInput) else None
        entered = present.Entered({name: form.text(name)[:100] for name in _TEXTS})
        chosen = frozenset(form.texts("scopes")), frozenset(form.texts("sites"))
        return await _show(web, pages, request, entered, *chosen, errors=[(field or "name", error.message)])
    return await pages.show(request, "pages/api_keys/made.html", key=made)


@action("/api-keys/{key_id:str}/revoke", scope=Scope.USERS_WRITE, **_OPEN)
async def revoke_key(web: WebContext, pages: Pages, principal: Principal, request: Asked, key_id: str) -> Response[Any]:
    """Revoke an API key"""
    key = await access.key_of(web, principal, key_id)
    await function_of(api.revoke_key)(web, principal, key_id)
    toast = Toast(message=pages.text(request, "The key is good no longer"), detail=key.name)
    return pages.done(request, toast, to=path_of("api-keys"))


async def _show(
    web: WebContext,
    pages: Pages,
    request: Asked,
    form: present.Entered,
    chosen: frozenset[str] = frozenset(),
    chosen_sites: frozenset[str] = frozenset(),
    errors: Sequence[tuple[str, str]] = (),
) -> Response[str]:
    principal: Principal = request.scope["user"]
    owners = await seen_organisations(web, principal)
    places = await console_sites.list_places(web.services.database, principal.site_ids)
    return await pages.show(
        request,
        "pages/api_keys/new.html",
        status=422 if errors else 200,
        form=form,
        errors=list(errors),
        scopes=[scope for scope in Scope if scope in principal.scopes],
        chosen=chosen,
        owners=[(one.id, one.name) for one in owners],
        places=[(place.id, place.name) for place in places],
        chosen_sites=chosen_sites,
    )


def _end_of(day: str) -> datetime | None:
    """Return when a day is over in UTC, or None if none is named. Raises InvalidInput."""
    if not day:
        return None
    try:
        return datetime.combine(datetime.fromisoformat(day).date(), time.max, UTC).replace(microsecond=0)
    except ValueError as error:
        raise InvalidInput("Write a day as 2026-12-31.", field="expires_on") from error


ROUTES: tuple[HTTPRouteHandler, ...] = (show_keys, show_new_key, add_key, revoke_key)
