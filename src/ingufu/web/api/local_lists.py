"""What stations know of tokens by themselves: local lists, caches, and the rules for both."""

from datetime import datetime
from typing import Annotated

import msgspec
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from ingufu.accounts.model import Principal, Scope
from ingufu.authorization.model import AdmissionRule, ListMode, ListState, LocalList, RuleScope
from ingufu.core import errors
from ingufu.core.admission import ClearCache
from ingufu.core.commands import Outcome
from ingufu.core.errors import NotFound
from ingufu.web import access
from ingufu.web.api import commands
from ingufu.web.context import WebContext
from ingufu.web.routes import route

_SETS = (errors.NotFound, errors.InvalidInput, errors.Conflict)


class LocalListView(msgspec.Struct, frozen=True, kw_only=True):
    """The local list of a station: ours, theirs, and whether they are in step."""

    station_id: str
    state: ListState
    detail: Annotated[str, Meta(description="Why it is not in step.")] = ""
    version: Annotated[int, Meta(description="The last that the station took from us; 0: none.")]
    station_version: Annotated[int | None, Meta(description="What the station said it has; null: never asked.")] = None
    entry_count: Annotated[int, Meta(description="Tokens on the list as the station took it.")]
    wanted_count: Annotated[int, Meta(description="Tokens that belong on it now.")]
    left_out: Annotated[int, Meta(description="Tokens that belong on it and cannot stand on it.")] = 0
    mode: ListMode
    groups: tuple[str, ...] = ()
    sent_at: datetime | None = None
    checked_at: datetime | None = None


class SendList(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How."""

    is_full: Annotated[bool, Meta(description="All of it, although nothing seems to have changed.")] = False


class RuleFields(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What holds for a scope; null: as the wider scope says (station, site, network)."""

    allows_free: Annotated[
        bool | None, Meta(description="Whether charging without a token is accepted (NoAuthorization).")
    ] = None
    list_mode: Annotated[ListMode | None, Meta(description="Which tokens stand on the local list.")] = None
    list_groups: Annotated[tuple[str, ...], Meta(max_length=200, description="Ids of the chosen groups.")] = ()


@route("GET", "/stations/{station:str}/local-list", scope=Scope.STATIONS_READ, raises=(errors.NotFound,))
async def get_local_list(web: WebContext, principal: Principal, station: str) -> LocalListView:
    """Get how a station's local list stands

    Our version, the station's own, and whether they are in step, or why not.
    """
    known = await access.station_of(web, principal, station)
    return await view(web, known.id)


@route(
    "POST",
    "/stations/{station:str}/local-list/send",
    status=200,
    scope=Scope.STATIONS_COMMAND,
    body=SendList,
    raises=_SETS,
)
async def send_local_list(web: WebContext, principal: Principal, station: str, given: SendList) -> LocalListView:
    """Send a station its local list now

    Lists are kept in step by themselves; this does not wait for it. Whether it worked is told by `state`.
    """
    known = await access.station_of(web, principal, station)
    after = await web.services.local_lists.send(web.link, known.id, is_full=given.is_full)
    async with web.services.database.work() as work:
        access.note(web, work, principal, "station.send-list", known.id, {"state": after.state.value})
    return await view(web, known.id, after)


@route("POST", "/stations/{station:str}/clear-cache", status=200, scope=Scope.STATIONS_COMMAND, raises=commands.RAISES)
async def clear_cache(web: WebContext, principal: Principal, station: str) -> Outcome:
    """Clear a station's cache of tokens

    It asks for every token anew from then on.
    """
    known = await access.station_of(web, principal, station)
    return await commands.call(web, principal, known, ClearCache())


@route("GET", "/admission-rule", scope=Scope.STATIONS_READ, is_for_network=True)
async def get_network_rule(web: WebContext) -> RuleFields:
    """Get the rule of admission for the network

    It holds where no site or station says otherwise.
    """
    return _fields(await web.services.admitting.rule(RuleScope.NETWORK))


@route("PUT", "/admission-rule", scope=Scope.STATIONS_WRITE, is_for_network=True, body=RuleFields, raises=_SETS)
async def set_network_rule(web: WebContext, principal: Principal, given: RuleFields) -> RuleFields:
    """Set the rule of admission for the network

    Local lists of stations follow by themselves.
    """
    return await set_rule(web, principal, RuleScope.NETWORK, "", given)


@route("GET", "/sites/{site_id:str}/admission-rule", scope=Scope.STATIONS_READ, raises=(errors.NotFound,))
async def get_site_rule(web: WebContext, principal: Principal, site_id: str) -> RuleFields:
    """Get the rule of admission for a site

    What it leaves open is as the network's.
    """
    await _check_site(web, principal, site_id)
    return _fields(await web.services.admitting.rule(RuleScope.SITE, site_id))


@route("PUT", "/sites/{site_id:str}/admission-rule", scope=Scope.STATIONS_WRITE, body=RuleFields, raises=_SETS)
async def set_site_rule(web: WebContext, principal: Principal, site_id: str, given: RuleFields) -> RuleFields:
    """Set the rule of admission for a site

    Local lists of its stations follow by themselves.
    """
    await _check_site(web, principal, site_id)
    return await set_rule(web, principal, RuleScope.SITE, site_id, given)


@route("GET", "/stations/{station:str}/admission-rule", scope=Scope.STATIONS_READ, raises=(errors.NotFound,))
async def get_station_rule(web: WebContext, principal: Principal, station: str) -> RuleFields:
    """Get the rule of admission for a station

    What it leaves open is as its site's.
    """
    known = await access.station_of(web, principal, station)
    return _fields(await web.services.admitting.rule(RuleScope.STATION, known.id))


@route("PUT", "/stations/{station:str}/admission-rule", scope=Scope.STATIONS_WRITE, body=RuleFields, raises=_SETS)
async def set_station_rule(web: WebContext, principal: Principal, station: str, given: RuleFields) -> RuleFields:
    """Set the rule of admission for a station

    Its local list follows by itself.
    """
    known = await access.station_of(web, principal, station)
    return await set_rule(web, principal, RuleScope.STATION, known.id, given)


async def view(web: WebContext, station_id: str, known: LocalList | None = None) -> LocalListView:
    """Return how the list of a station stands, as people read it. Raises NotFound."""
    lists = web.services.local_lists
    admission = await web.services.admitting.admission(station_id)
    kept = known or await lists.get(station_id)
    wanted = await lists.wanted(station_id)
    return LocalListView(
        station_id=station_id,
        state=kept.state,
        detail=kept.detail,
        version=kept.version,
        station_version=kept.station_version,
        entry_count=kept.entry_count,
        wanted_count=len(wanted.entries),
        left_out=max(wanted.left_out, kept.left_out),
        mode=admission.list_mode,
        groups=admission.list_groups,
        sent_at=kept.sent_at,
        checked_at=kept.checked_at,
    )


async def set_rule(
    web: WebContext, principal: Principal, scope: RuleScope, scope_id: str, given: RuleFields
) -> RuleFields:
    """Have a rule be as given, with a line in the audit trail. Raises InvalidInput, NotFound."""
    rule = AdmissionRule(scope=scope, scope_id=scope_id, **msgspec.structs.asdict(given))
    known = await web.services.admitting.rule(scope, scope_id)
    async with web.services.database.work() as work:
        await web.services.admitting.set_rule(work, rule)
        details, of = {"scope": scope.value}, scope_id or scope.value
        access.note(web, work, principal, "admission-rule.set", of, details, before=known, after=rule)
    return given


def _fields(rule: AdmissionRule) -> RuleFields:
    return RuleFields(allows_free=rule.allows_free, list_mode=rule.list_mode, list_groups=rule.list_groups)


async def _check_site(web: WebContext, principal: Principal, site_id: str) -> None:
    if principal.site_ids is not None and site_id not in principal.site_ids:
        raise NotFound("There is no such site.")
    await web.services.sites.get(site_id)


ROUTES: tuple[HTTPRouteHandler, ...] = (
    get_local_list, send_local_list, clear_cache,
    get_network_rule, set_network_rule, get_site_rule, set_site_rule, get_station_rule, set_station_rule,
)  # fmt: skip
