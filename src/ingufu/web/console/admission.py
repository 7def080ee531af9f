"""Who may charge, and what stations know of it by themselves: rules, local lists, caches, trusted authorities."""

from typing import Any

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from ingufu.accounts.model import Principal, Scope
from ingufu.authorization.model import AdmissionRule, ListMode, RuleScope
from ingufu.certificates.model import Purpose
from ingufu.core.errors import Conflict, InvalidInput, StationUnavailable, Unavailable
from ingufu.views import console_sites, reservations, sites, tokens
from ingufu.views.reservations import ReservationQuery
from ingufu.views.tokens import GroupQuery
from ingufu.web.api import authorities as api_authorities
from ingufu.web.api import local_lists as api
from ingufu.web.api.local_lists import RuleFields
from ingufu.web.console.pages import Pages, Toast, action, page, path_of
from ingufu.web.console.reservations import shown
from ingufu.web.console.station import see
from ingufu.web.context import WebContext
from ingufu.web.exchange import Asked
from ingufu.web.forms import Form
from ingufu.web.routes import function_of

GROUPS_OFFERED = 200
SITES_SHOWN = 500
ROWS = 20
_FREE = {"": None, "yes": True, "no": False}


@page("/stations/{station:str}/admission", scope=Scope.STATIONS_READ)
async def show_station_admission(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, station: str
) -> Response[str]:
    """Show who may charge at a station"""
    seen = await see(web, principal, station)
    query = ReservationQuery(station=seen.station.id, limit=ROWS)
    kept = await reservations.list_reservations(web.services.database, query, principal.site_ids)
    rule = await web.services.admitting.rule(RuleScope.STATION, seen.station.id)
    return await pages.show(
        request,
        "pages/station/admission.html",
        **seen.frame("admission"),
        rows=shown(kept.items),
        local_list=await api.view(web, seen.station.id),
        rule=rule,
        holds=await web.services.admitting.admission(seen.station.id),
        groups=await _groups(web, principal, rule),
    )


@action("/stations/{station:str}/local-list", scope=Scope.STATIONS_COMMAND)
async def send_list(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, station: str, form: Form
) -> Response[Any]:
    """Send a station its local list"""
    seen = await see(web, principal, station)
    given = api.SendList(is_full=form.is_on("is_full"))
    try:
        after = await function_of(api.send_local_list)(web, principal, seen.station.id, given)
    except Conflict as error:
        toast = Toast(message=pages.text(request, "It is being sent already"), detail=error.message, tone="wait")
    else:
        word = pages.macro(request, "pages/station/admission_parts.html", "list_word", after.state.value)
        is_good = after.state.value in ("in-step", "unused")
        toast = Toast(message=word, detail=after.detail, tone="ok" if is_good else "bad")
    return pages.done(request, toast, to=path_of("stations", seen.station.id, "admission"))


@action("/stations/{station:str}/clear-cache", scope=Scope.STATIONS_COMMAND)
async def clear_cache(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, station: str
) -> Response[Any]:
    """Have a station forget what it was told of cards"""
    seen = await see(web, principal, station)
    try:
        outcome = await function_of(api.clear_cache)(web, principal, seen.station.id)
    except (StationUnavailable, Unavailable) as error:
        word = pages.macro(request, "parts/words.html", "error_word", error.code)
        toast = Toast(message=word, detail=seen.station.identity, tone="bad")
    else:
        message = pages.text(request, "Clear the cache: %(answer)s", answer=outcome.status)
        toast = Toast(message=message, detail=seen.station.identity, tone="ok" if outcome.is_accepted else "wait")
    return pages.done(request, toast, to=path_of("stations", seen.station.id, "admission"))


@action("/stations/{station:str}/admission", scope=Scope.STATIONS_WRITE)
async def set_station_rule(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, station: str, form: Form
) -> Response[Any]:
    """Set who may charge at a station"""
    seen = await see(web, principal, station)
    await api.set_rule(web, principal, RuleScope.STATION, seen.station.id, _rule(form))
    toast = Toast(message=pages.text(request, "Saved"))
    return pages.go(request, path_of("stations", seen.station.id, "admission"), toast)


@page("/admission", scope=Scope.STATIONS_READ, is_for_network=True)
async def show_admission(web: WebContext, pages: Pages, principal: Principal, request: Asked) -> Response[str]:
    """Show who may charge in the network"""
    return await _show(web, pages, principal, request)


@action("/admission", scope=Scope.STATIONS_WRITE, is_for_network=True)
async def set_network_rule(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, form: Form
) -> Response[Any]:
    """Set who may charge in the network"""
    await api.set_rule(web, principal, RuleScope.NETWORK, "", _rule(form))
    return pages.go(request, path_of("admission"), Toast(message=pages.text(request, "Saved")))


@page("/admission/sites/{site_id:str}", scope=Scope.STATIONS_READ)
async def show_site_admission(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, site_id: str
) -> Response[str]:
    """Show who may charge at a site"""
    site = await sites.get_site(web.services.database, site_id, principal.site_ids)
    rule = await web.services.admitting.rule(RuleScope.SITE, site.id)
    return await pages.show(
        request,
        "pages/admission/site.html",
        site=site,
        rule=rule,
        groups=await _groups(web, principal, rule),
    )


@action("/admission/sites/{site_id:str}", scope=Scope.STATIONS_WRITE)
async def set_site_rule(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, site_id: str, form: Form
) -> Response[Any]:
    """Set who may charge at a site"""
    site = await sites.get_site(web.services.database, site_id, principal.site_ids)
    await api.set_rule(web, principal, RuleScope.SITE, site.id, _rule(form))
    return pages.go(request, path_of("admission", "sites", site.id), Toast(message=pages.text(request, "Saved")))


@action("/admission/authorities", scope=Scope.ADMIN, is_for_network=True)
async def add_authorities(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, form: Form
) -> Response[Any]:
    """Trust authorities"""
    try:
        purpose = Purpose(form.text("purpose") or Purpose.CONTRACT)
        given = api_authorities.NewAuthorities(pem=form.text("pem"), purpose=purpose, note=form.text("note")[:400])
        entered = await function_of(api_authorities.add_authorities)(web, principal, given)
    except ValueError as error:
        raise InvalidInput("Contract or V2G.", field="purpose") from error
    except InvalidInput as error:
        return await _show(web, pages, principal, request, (error.field or "pem", error.message))
    toast = Toast(
        message=pages.text(request, "Trusted from now on"), detail=", ".join(one.name for one in entered)[:200]
    )
    return pages.go(request, path_of("admission"), toast)


@action("/admission/authorities/{authority_id:str}/remove", scope=Scope.ADMIN, is_for_network=True)
async def remove_authority(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, authority_id: str
) -> Response[Any]:
    """Trust an authority no longer"""
    await function_of(api_authorities.remove_authority)(web, principal, authority_id)
    return pages.go(request, path_of("admission"), Toast(message=pages.text(request, "Trusted no longer")))


async def _show(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, error: tuple[str, str] | None = None
) -> Response[str]:
    rule = await web.services.admitting.rule(RuleScope.NETWORK)
    return await pages.show(
        request,
        "pages/admission/network.html",
        status=422 if error else 200,
        rule=rule,
        groups=await _groups(web, principal, rule),
        places=await _places(web),
        authorities=await web.services.authorities.all(),
        may_trust=Scope.ADMIN in principal.scopes,
        errors=[error] if error else [],
        today=web.services.clock.now(),
    )


async def _places(web: WebContext) -> list[tuple[str, str, bool]]:
    """Return the sites, each with whether it has a rule of its own."""
    known = await web.services.admitting.rules()
    ruled = {scope_id for (scope, scope_id), rule in known.items() if scope is RuleScope.SITE and _says_anything(rule)}
    found = await console_sites.list_places(web.services.database, None)
    return [(one.id, one.name, one.id in ruled) for one in found[:SITES_SHOWN]]


def _says_anything(rule: AdmissionRule) -> bool:
    return rule.allows_free is not None or rule.list_mode is not None


async def _groups(web: WebContext, principal: Principal, rule: AdmissionRule) -> list[tuple[str, str]]:
    """Return the groups to choose from; they are the network's: those tied to sites keep what was chosen there."""
    if Scope.TOKENS_READ not in principal.scopes:
        return []
    offered: dict[str, str] = {}
    if principal.site_ids is None:
        found = await tokens.list_groups(web.services.database, GroupQuery(limit=GROUPS_OFFERED))
        offered = {row.id: row.name for row in found.items}
    if beyond := sorted(set(rule.list_groups) - offered.keys()):
        offered |= await tokens.choose_groups(web.services.database, beyond)
    return list(offered.items())


def _rule(form: Form) -> RuleFields:
    """Return what was chosen. Raises InvalidInput."""
    mode = form.text("list_mode")
    try:
        chosen = ListMode(mode) if mode else None
    except ValueError as error:
        raise InvalidInput("None, all or groups.", field="list_mode") from error
    groups = tuple(one for one in form.texts("list_groups") if one) if chosen is ListMode.GROUPS else ()
    return RuleFields(allows_free=_FREE.get(form.text("allows_free")), list_mode=chosen, list_groups=groups)


ROUTES: tuple[HTTPRouteHandler, ...] = (
    show_station_admission, send_list, clear_cache, set_station_rule,
    show_admission, set_network_rule, show_site_admission, set_site_rule, add_authorities, remove_authority,
)  # fmt: skip
