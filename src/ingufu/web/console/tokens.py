"""Cards: who may charge, where and when; the list, and the form of one."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

import msgspec
from litestar import Response
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from ingufu.accounts.model import Principal, Scope
from ingufu.authorization.decide import MASK, is_secret
from ingufu.authorization.model import Token, TokenKind, TokenLimits
from ingufu.core.errors import Conflict, InvalidInput, NotFound
from ingufu.views import console_sites, decisions, tokens
from ingufu.views import stations as station_views
from ingufu.views.decisions import DecisionQuery, DecisionRow
from ingufu.views.tokens import DriverQuery, TokenQuery
from ingufu.web.api import tokens as api
from ingufu.web.console import present, token_limits
from ingufu.web.console.drivers import groups_offered, href
from ingufu.web.console.pages import Pages, Toast, action, page, path_of
from ingufu.web.console.station import PLUGS
from ingufu.web.console.stations import offered as offered_sites
from ingufu.web.context import WebContext
from ingufu.web.exchange import Asked
from ingufu.web.forms import Form
from ingufu.web.routes import function_of

ROWS, SHORT = 50, 8
OFFERED = 200  # groups, drivers and sites that a form has to choose from
_TEXTS = ("value", "kind", "group_id", "driver_id", "valid_from", "expires_at", "concurrent_limit", "charging_priority",
          "language", "second_language", "message", "note", "stations", "evses", "hours")  # fmt: skip


class ListQuery(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The list as its address has it."""

    q: Annotated[str, Meta(max_length=200)] = ""
    state: Literal["valid", "blocked", "expired", "unused"] | None = None
    blocked: Literal["yes", "no"] | None = None  # addresses of old
    kind: Annotated[str, Meta(max_length=20)] = ""
    group: Annotated[str, Meta(max_length=100)] = ""
    driver: Annotated[str, Meta(max_length=100)] = ""
    sort: Literal["value", "-value", "created_at", "-created_at"] = "value"
    cursor: Annotated[str, Meta(max_length=1000)] = ""


class NewQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What is known already of a card that is to be registered."""

    driver: Annotated[str, Meta(max_length=100)] = ""
    group: Annotated[str, Meta(max_length=100)] = ""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in the form of a card: texts by field, and what is chosen of sites and plugs."""

    texts: present.Entered
    sites: tuple[str, ...] = ()
    plugs: tuple[str, ...] = ()
    has_credit: bool = True


@page("/tokens", scope=Scope.TOKENS_READ, is_for_network=True, is_for_fleets=True, query=ListQuery)
async def show_tokens(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, criteria: ListQuery
) -> Response[str]:
    """Show the cards"""
    query = msgspec.structs.replace(wanted(criteria), limit=ROWS, cursor=criteria.cursor or None)
    now = web.services.clock.now()
    found = await tokens.list_tokens(web.services.database, query, principal.fleet_id, now=now)
    asked: dict[str, str] = msgspec.to_builtins(criteria)
    asked.pop("cursor", None)
    return await pages.show(
        request,
        "pages/tokens/list.html",
        rows=found.items,
        query=criteria,
        asked=asked,
        kinds=[(kind.value, kind.value) for kind in TokenKind if kind is not TokenKind.NO_AUTHORIZATION],
        groups=await groups_offered(web, principal),
        is_filtered=bool(asked.keys() - {"sort"}),
        may_change=Scope.TOKENS_WRITE in principal.scopes,
        today=now,
        next_href=href("tokens", asked, cursor=found.next) if found.next else None,
        first_href=href("tokens", asked) if criteria.cursor else None,
        sort_href=lambda key: href("tokens", asked, sort=key),
        export_query=_export_query(query),
    )


@page("/tokens/new", scope=Scope.TOKENS_WRITE, is_for_network=True, is_for_fleets=True, query=NewQuery)
async def show_new_token(web: WebContext, pages: Pages, request: Asked, criteria: NewQuery) -> Response[str]:
    """Show the form of a new card"""
    texts = present.Entered({"kind": TokenKind.ISO14443.value, "concurrent_limit": "1"})
    texts |= {"driver_id": criteria.driver, "group_id": criteria.group}
    return await _show(web, pages, request, None, Entry(texts=texts))


@action("/tokens/new", scope=Scope.TOKENS_WRITE, is_for_network=True, is_for_fleets=True)
async def add_token(web: WebContext, pages: Pages, principal: Principal, request: Asked, form: Form) -> Response[Any]:
    """Register a card"""
    try:
        given = api.NewToken(value=form.text("value")[:255], **await _fields(web, form))
        made = await function_of(api.create_token)(web, principal, given)
    except (InvalidInput, Conflict) as error:
        return await _show(web, pages, request, None, _entered(form), _problem(error))
    toast = Toast(message=pages.text(request, "The card is registered"), detail=made.value)
    return pages.go(request, path_of("tokens", made.id), toast)


@page("/tokens/{token_id:str}", scope=Scope.TOKENS_READ, is_for_network=True, is_for_fleets=True)
async def show_token(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, token_id: str
) -> Response[str]:
    """Show a card"""
    token = await api.token_of(web, principal, token_id)
    return await _show(web, pages, request, token, await _entry(web, token))


@action("/tokens/{token_id:str}", scope=Scope.TOKENS_WRITE, is_for_network=True, is_for_fleets=True)
async def change_token(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, token_id: str, form: Form
) -> Response[Any]:
    """Change a card"""
    token = await api.token_of(web, principal, token_id)
    try:
        fields = await _fields(web, form)
        value = form.text("value")[:255]
        if value and not (is_secret(token.kind) and value == MASK):
            fields["value"] = value
        await function_of(api.update_token)(web, principal, token_id, api.TokenFields(**fields))
    except (InvalidInput, Conflict) as error:
        return await _show(web, pages, request, token, _entered(form), _problem(error))
    return pages.go(request, path_of("tokens", token_id), Toast(message=pages.text(request, "Saved")))


@action("/tokens/{token_id:str}/block", scope=Scope.TOKENS_WRITE, is_for_network=True, is_for_fleets=True)
async def block_token(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, token_id: str, form: Form
) -> Response[Any]:
    """Block a card, or lift its block"""
    if form.is_on("lift"):
        await function_of(api.unblock_token)(web, principal, token_id)
        message = pages.text(request, "The card may be used again")
    else:
        await function_of(api.block_token)(web, principal, token_id, api.Block(reason=form.text("reason")[:400]))
        message = pages.text(request, "The card is refused from now on")
    return pages.go(request, path_of("tokens", token_id), Toast(message=message))


@action("/tokens/{token_id:str}/delete", scope=Scope.TOKENS_WRITE, is_for_network=True, is_for_fleets=True)
async def delete_token(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, token_id: str
) -> Response[Any]:
    """Delete a card that was never used"""
    token = await api.token_of(web, principal, token_id)
    try:
        await function_of(api.delete_token)(web, principal, token_id)
    except Conflict as error:
        return await _show(web, pages, request, token, await _entry(web, token), ("value", error.message))
    return pages.go(request, path_of("tokens"), Toast(message=pages.text(request, "The card is deleted")))


async def _show(
    web: WebContext,
    pages: Pages,
    request: Asked,
    token: Token | None,
    entry: Entry,
    error: tuple[str, str] | None = None,
) -> Response[str]:
    principal: Principal = request.scope["user"]
    places = await console_sites.list_places(web.services.database, None)
    shown = None if token is None else await tokens.get_token(web.services.database, token.id)
    drivers = await tokens.list_drivers(web.services.database, DriverQuery(limit=OFFERED), principal.fleet_id)
    offered = {row.id: row.name for row in drivers.items}
    groups = dict(await groups_offered(web, principal, entry.texts["group_id"]))
    if shown is not None:  # what a fleet's card was given by the operator stays, though it is not the fleet's own
        if shown.driver_id is not None:
            offered.setdefault(shown.driver_id, shown.driver_name or shown.driver_id)
        if shown.group_id is not None:
            groups.setdefault(shown.group_id, shown.group_name or shown.group_id)
    if entry.texts.get("driver_id") and entry.texts["driver_id"] not in offered:  # beyond those that are offered
        chosen = await tokens.get_driver(web.services.database, entry.texts["driver_id"], principal.fleet_id)
        offered[chosen.id] = chosen.name
    refusals = None if token is None else await _refusals(web, principal, token.id)
    return await pages.show(
        request,
        "pages/tokens/token.html",
        status=422 if error else 200,
        token=shown,
        entry=entry,
        form=entry.texts,
        errors=[error] if error else [],
        kinds=[(kind.value, kind.value) for kind in TokenKind if kind is not TokenKind.NO_AUTHORIZATION],
        groups=list(groups.items()),
        drivers=list(offered.items()),
        refusals=refusals,
        # fleets are told of no sites, and keep what the operator chose
        places=offered_sites(places, entry.sites, most=OFFERED if principal.fleet_id is None else 0),
        plugs=sorted(PLUGS.items(), key=lambda one: one[1]),
        may_change=Scope.TOKENS_WRITE in principal.scopes,
    )


async def _refusals(web: WebContext, principal: Principal, token_id: str) -> tuple[DecisionRow, ...]:
    query = DecisionQuery(token_id=token_id, is_refused=True, limit=SHORT)
    found = await decisions.list_decisions(web.services.database, query, principal.site_ids, principal.fleet_id)
    return found.items


async def _entry(web: WebContext, token: Token) -> Entry:
    """Return a card as its form has it, stations by name."""
    limits = token.limits or TokenLimits()
    ids = {*limits.stations, *(one.station_id for one in limits.evses)}
    names = {station_id: await _identity(web, station_id) for station_id in ids}
    shown = MASK if is_secret(token.kind) else token.value
    texts = {
        "value": shown,
        "valid_from": _instant_text(token.valid_from),
        "expires_at": _instant_text(token.expires_at),
        "stations": " ".join(names[one] for one in limits.stations),
        "evses": " ".join(f"{names[one.station_id]}:{one.evse}" for one in limits.evses),
        "hours": token_limits.write_hours(limits.hours),
    }
    for name in _TEXTS:
        if name not in texts:
            value = getattr(token, name)
            texts[name] = "" if value is None else str(value)
    return Entry(texts=present.Entered(texts), sites=limits.sites, plugs=limits.plugs, has_credit=token.has_credit)


async def _identity(web: WebContext, station_id: str) -> str:
    try:
        return (await web.services.stations.get(station_id)).identity
    except NotFound:
        return station_id


async def _fields(web: WebContext, form: Form) -> dict[str, Any]:
    """Return what was entered, as the API takes it, without the value. Raises InvalidInput."""
    named = token_limits.split_names(form.text("stations"))
    ids = await _station_ids(web, [*named, *token_limits.station_names(form.text("evses"))])
    limits = TokenLimits(
        sites=tuple(one for one in form.texts("sites") if one),
        stations=tuple(ids[name] for name in named),
        evses=token_limits.read_evses(form.text("evses"), ids),
        plugs=tuple(one[:20] for one in form.texts("plugs") if one),
        hours=token_limits.read_hours(form.text("hours")),
    )
    return {
        "kind": form.text("kind")[:20] or TokenKind.ISO14443.value,
        "group_id": form.text("group_id") or None,
        "driver_id": form.text("driver_id") or None,
        "valid_from": _instant(form, "valid_from"),
        "expires_at": _instant(form, "expires_at"),
        "concurrent_limit": form.integer("concurrent_limit", low=0, high=10_000),
        "charging_priority": form.integer("charging_priority", low=-9, high=9),
        "language": form.text("language") or None,
        "second_language": form.text("second_language") or None,
        "message": form.text("message") or None,
        "has_credit": form.is_on("has_credit"),
        "limits": None if limits.is_empty else limits,
        "note": form.text("note"),
    }


async def _station_ids(web: WebContext, names: list[str]) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for name in names[:OFFERED]:
        try:
            found[name] = await station_views.station_id_of(web.services.database, name, None)
        except NotFound as error:
            raise InvalidInput(f"There is no station {name[:60]!r}.", field="stations") from error
    return found


def _instant(form: Form, name: str) -> datetime | None:
    text = form.text(name)
    if not text:
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError as error:
        raise InvalidInput("That is no date and time.", field=name) from error


def _instant_text(at: datetime | None) -> str:
    return "" if at is None else at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M")


def _entered(form: Form) -> Entry:
    return Entry(
        texts=present.Entered({name: form.text(name) for name in _TEXTS}),
        sites=tuple(form.texts("sites")),
        plugs=tuple(form.texts("plugs")),
        has_credit=form.is_on("has_credit"),
    )


def _problem(error: InvalidInput | Conflict) -> tuple[str, str]:
    field = error.field if isinstance(error, InvalidInput) else None
    return (field or "value", error.message)


def wanted(criteria: ListQuery) -> TokenQuery:
    """Return what a list in the console asks for, without its page."""
    is_blocked = {"valid": False, "blocked": True}.get(criteria.state or "")
    if criteria.blocked is not None:
        is_blocked = criteria.blocked == "yes"
    return TokenQuery(
        q=criteria.q,
        kind=criteria.kind or None,
        group_id=criteria.group or None,
        driver_id=criteria.driver or None,
        is_blocked=is_blocked,
        is_expired={"valid": False, "expired": True}.get(criteria.state or ""),
        is_used=False if criteria.state == "unused" else None,
        sort=criteria.sort,
    )


def _export_query(query: TokenQuery) -> str:
    given = {"q": query.q, "kind": query.kind, "group_id": query.group_id, "driver_id": query.driver_id}
    flags = {"is_blocked": query.is_blocked, "is_expired": query.is_expired, "is_used": query.is_used}
    texts = given | {name: None if value is None else str(value).lower() for name, value in flags.items()}
    return urlencode({name: value for name, value in texts.items() if value})


ROUTES: tuple[HTTPRouteHandler, ...] = (
    show_tokens, show_new_token, add_token, show_token, change_token, block_token, delete_token,
)  # fmt: skip
