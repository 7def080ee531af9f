"""A station's configuration: what it is set to, what it should be set to, and how to bring the two together."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

import msgspec
from litestar import Response
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from ingufu.accounts.model import Principal, Scope
from ingufu.configuration import standard
from ingufu.configuration.model import DataType, KeptProfile
from ingufu.core import variables
from ingufu.core.configuration import ReportBase
from ingufu.core.errors import Conflict, InvalidInput, StationUnavailable, Unavailable
from ingufu.views import configuration as views
from ingufu.views.configuration import VariableQuery, VariableRow
from ingufu.web.api import configuration as api
from ingufu.web.api import network as api_network
from ingufu.web.console import present
from ingufu.web.console.pages import Pages, Toast, action, page, path_of
from ingufu.web.console.station import Seen, see
from ingufu.web.context import WebContext
from ingufu.web.exchange import Asked
from ingufu.web.forms import Form
from ingufu.web.routes import function_of

ROWS = 100
RESETS = 5
INTERFACES = ("Wired0", "Wired1", "Wired2", "Wired3", "Wireless0", "Wireless1", "Wireless2", "Wireless3")
_PROFILE_FIELDS = ("slot", "url", "security_profile", "interface", "message_timeout_s", "identity")

Word = Annotated[str, Meta(max_length=200)]


class ListQuery(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The variables as their address has them."""

    q: Word = ""
    component: Word = ""
    show: Literal["drift", "desired", "writable"] | None = None
    cursor: Annotated[str, Meta(max_length=2000)] = ""


class EditQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which variable is to be set."""

    variable: Annotated[str, Meta(max_length=variables.TEXT_LONGEST)] = ""


class Widget(msgspec.Struct, frozen=True, kw_only=True):
    """How a value is entered."""

    kind: str  # flag, choice, members, number, secret or text
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    step: str = "any"
    unit: str = ""


@page("/stations/{station:str}/configuration", scope=Scope.STATIONS_READ, query=ListQuery)
async def show_configuration(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, station: str, criteria: ListQuery
) -> Response[str]:
    """Show what a station is set to and should be set to"""
    seen = await see(web, principal, station)
    database, station_id = web.services.database, seen.station.id
    await web.services.configuration.wishes.reassess(station_id)
    found = await views.list_variables(database, station_id, _wanted(criteria))
    base, asked = path_of("stations", station_id, "configuration"), msgspec.to_builtins(criteria)
    reports = await views.list_reports(database, station_id)
    resets = await web.services.configuration.resetting.resets(station_id)
    profiles = await web.services.configuration.network.profiles(station_id)
    return await pages.show(
        request,
        "pages/station/configuration.html",
        **seen.frame("configuration"),
        page=found,
        query=criteria,
        components=await views.components_of(database, station_id),
        wishes=await views.list_wishes(database, station_id),
        state=await web.services.configuration.state(station_id),
        report=reports[0] if reports else None,
        resets=resets[:RESETS],
        profiles=[_hidden(one) for one in profiles],
        is_filtered=bool(asked.keys() - {"cursor"}),
        next_href=f"{base}?{urlencode({**asked, 'cursor': found.next})}" if found.next else None,
        first_href=f"{base}?{urlencode({**asked, 'cursor': ''})}" if criteria.cursor else None,
    )


@page("/stations/{station:str}/configuration/progress", scope=Scope.STATIONS_READ)
async def show_progress(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, station: str
) -> Response[Any]:
    """Show how far a report is, for the page that asks for it again and again"""
    seen = await see(web, principal, station)
    reports = await views.list_reports(web.services.database, seen.station.id, 1)
    if not reports or reports[0].ended_at is not None:
        return Response(None, status_code=200, headers={"HX-Refresh": "true"})
    base = path_of("stations", seen.station.id)
    return pages.fragment(
        pages.macro(request, "pages/station/configuration_parts.html", "report_progress", reports[0], base)
    )


@action("/stations/{station:str}/configuration/report", scope=Scope.STATIONS_COMMAND)
async def read_everything(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, station: str
) -> Response[Any]:
    """Ask a station for all its variables"""
    seen = await see(web, principal, station)
    try:
        await function_of(api.request_report)(web, principal, seen.station.id, api.ToReport(base=ReportBase.FULL))
    except (StationUnavailable, Unavailable, Conflict) as error:
        return _back(pages, request, seen, _failure(pages, request, error))
    return _back(pages, request, seen, Toast(message=pages.text(request, "The station was asked for everything")))


@action("/stations/{station:str}/configuration/apply", scope=Scope.STATIONS_COMMAND)
async def apply_desired(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, station: str, form: Form
) -> Response[Any]:
    """Set what is desired now"""
    seen = await see(web, principal, station)
    only = tuple(form.texts("variable"))
    try:
        done = await function_of(api.apply_desired)(web, principal, seen.station.id, api.ToApply(variables=only))
    except (StationUnavailable, Unavailable, Conflict) as error:
        return _back(pages, request, seen, _failure(pages, request, error))
    return _back(pages, request, seen, _told(pages, request, done))


@page("/stations/{station:str}/configuration/edit", scope=Scope.STATIONS_WRITE, query=EditQuery)
async def show_edit(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, station: str, criteria: EditQuery
) -> Response[Any]:
    """Show the form for one variable"""
    seen = await see(web, principal, station)
    return await _edit(web, pages, request, seen, criteria.variable, {})


@action("/stations/{station:str}/configuration/edit", scope=Scope.STATIONS_WRITE)
async def edit(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, station: str, form: Form
) -> Response[Any]:
    """Set a variable: now, from now on, or no longer"""
    seen = await see(web, principal, station)
    text, how = form.text("variable"), form.text("how")
    value = ",".join(form.texts("value")) if form.is_on("is_list") else form.exact("value")
    try:
        if how == "once":
            done = await _set_once(web, principal, seen, text, value, is_forced=form.is_on("force"))
            return _done(pages, request, seen, _told(pages, request, done))
        wish = api.Wish(variable=text, value=None if how == "forget" else value)
        await function_of(api.desire)(web, principal, seen.station.id, api.Wishes(values=(wish,)))
    except InvalidInput as error:
        entered = {"value": value, "how": how}
        return await _edit(web, pages, request, seen, text, entered, [("value", error.message)])
    except (StationUnavailable, Unavailable) as error:
        return _done(pages, request, seen, _failure(pages, request, error))
    gone, kept = pages.text(request, "No longer desired"), pages.text(request, "Desired from now on")
    return _done(pages, request, seen, Toast(message=gone if how == "forget" else kept, detail=text))


@page("/stations/{station:str}/configuration/network", scope=Scope.STATIONS_COMMAND)
async def show_network(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, station: str
) -> Response[Any]:
    """Show the form for a network profile"""
    seen = await see(web, principal, station)
    profile = max(seen.station.used_security_profile or 0, seen.station.security_profile)
    entered = {"slot": "2", "security_profile": str(profile), "interface": INTERFACES[0], "message_timeout_s": "30"}
    if web.settings.ocpp_addresses:
        entered["url"] = web.settings.ocpp_addresses[-1]
    return await _network(pages, request, seen, entered)


@action("/stations/{station:str}/configuration/network", scope=Scope.STATIONS_COMMAND)
async def send_network(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, station: str, form: Form
) -> Response[Any]:
    """Send a network profile to a slot"""
    seen = await see(web, principal, station)
    try:
        slot = form.integer("slot", low=0, high=2**31 - 1)
        given = api_network.ProfileToSend(
            url=form.text("url"),
            security_profile=form.integer("security_profile", low=0, high=3) or 0,
            interface=form.text("interface") if form.text("interface") in INTERFACES else INTERFACES[0],
            message_timeout_s=form.integer("message_timeout_s", low=1, high=3600) or 30,
            identity=form.text("identity")[:48] or None,
            password=form.exact("password") or None,
            force=form.is_on("force"),
        )
        kept = await function_of(api_network.send_network_profile)(
            web, principal, seen.station.id, 0 if slot is None else slot, given
        )
    except InvalidInput as error:
        entered = {name: form.text(name) for name in _PROFILE_FIELDS}
        return await _network(pages, request, seen, entered, [(error.field or "url", error.message)])
    except Conflict as error:
        entered = {name: form.text(name) for name in _PROFILE_FIELDS}
        return await _network(pages, request, seen, entered, [("force", error.message)])
    except (StationUnavailable, Unavailable) as error:
        return _done(pages, request, seen, _failure(pages, request, error))
    tone = "ok" if kept.status == "Accepted" else "wait"
    return _done(pages, request, seen, Toast(message=kept.status, detail=kept.reason, tone=tone))


async def _set_once(
    web: WebContext, principal: Principal, seen: Seen, text: str, value: str, *, is_forced: bool
) -> list[api.ItemResult]:
    """Return what the station answers. Raises InvalidInput if the value was not sent, or is not one's to send."""
    if Scope.STATIONS_COMMAND not in principal.scopes:
        raise InvalidInput("You may desire values, and not set them at once.", field="value")
    given = api.ToSet(values=(api.Given(variable=text, value=value),), force=is_forced, verify=True)
    done: list[api.ItemResult] = await function_of(api.set_variables)(web, principal, seen.station.id, given)
    unsent = [one.reason for one in done if one.part == 0 and one.reason]
    if unsent:
        raise InvalidInput(unsent[0], field="value")
    return done


async def _edit(
    web: WebContext,
    pages: Pages,
    request: Asked,
    seen: Seen,
    text: str,
    entered: dict[str, str],
    errors: Sequence[tuple[str, str]] = (),
) -> Response[Any]:
    """Show the form of a variable, in a dialog or as a page."""
    row, name = await _row(web, seen, text), None
    if text:
        try:
            name = variables.parse(text)
        except InvalidInput as error:
            errors = [*errors, ("variable", error.message)]
    watched = await web.services.configuration.monitors(seen.station.id)
    wishes = await views.list_wishes(web.services.database, seen.station.id)
    wish = next((one for one in wishes if name is not None and one.variable == name.text), None)
    changes = await views.list_changes(web.services.database, seen.station.id, name.key, 8) if name else ()
    value = entered.get("value", (wish.value if wish and wish.value is not None else row.value if row else "") or "")
    values = {
        "station": seen.station,
        "tzinfo": present.zone(seen.zone),
        "variable": text,
        "row": row,
        "meaning": "" if name is None else standard.meaning(name),
        "wish": wish,
        "widget": widget_of(text, row),
        "value": "" if row is not None and row.is_secret else value,
        "how": entered.get("how", "keep"),
        "changes": changes,
        "monitors": [one for one in watched if name is not None and one.key == name.key],
        "names": sorted(one.name.text for one in standard.STANDARD.values()) if not text else [],
        "errors": list(errors),
        "base": path_of("stations", seen.station.id),
    }
    return await _sheet(pages, request, "pages/station/variable", values, is_wrong=bool(errors))


async def _network(
    pages: Pages, request: Asked, seen: Seen, entered: dict[str, str], errors: Sequence[tuple[str, str]] = ()
) -> Response[Any]:
    values = {
        "station": seen.station,
        "form": present.Entered(entered),
        "interfaces": [(one, one) for one in INTERFACES],
        "errors": list(errors),
        "base": path_of("stations", seen.station.id),
    }
    return await _sheet(pages, request, "pages/station/network", values, is_wrong=bool(errors))


async def _sheet(
    pages: Pages, request: Asked, template: str, values: dict[str, Any], *, is_wrong: bool
) -> Response[Any]:
    status = 422 if is_wrong else 200
    if request.headers.get("x-dialog") or request.headers.get("hx-request"):
        return pages.part(request, f"{template}_sheet.html", status=status, **values)
    return await pages.show(request, f"{template}_page.html", status=status, **values)


async def _row(web: WebContext, seen: Seen, text: str) -> VariableRow | None:
    """Return the actual value of the variable as the station told it."""
    if not text:
        return None
    try:
        key = variables.parse(text).key
    except InvalidInput:
        return None
    found = await views.list_variables(web.services.database, seen.station.id, VariableQuery(q=key, limit=500))
    return next((one for one in found.items if one.name.key == key and one.attribute == "Actual"), None)


def widget_of(text: str, row: VariableRow | None) -> Widget:
    """Return how a value of this variable is entered, by what the station told of it or the standard says."""
    try:
        name = variables.parse(text)
    except InvalidInput:
        return Widget(kind="text")
    defined = standard.of(name)
    kind = row.data_type if row is not None and row.data_type is not None else defined and defined.data_type
    unit = (row.unit if row is not None else None) or (defined.unit if defined is not None else None) or ""
    choices = tuple(part.strip() for part in (row.values_list or "").split(",") if part.strip()) if row else ()
    if standard.is_secret(name):
        return Widget(kind="secret")
    if kind is DataType.BOOLEAN:
        return Widget(kind="flag")
    if kind in (DataType.INTEGER, DataType.DECIMAL):
        low = row.min_limit if row is not None else None
        high = row.max_limit if row is not None else None
        step = "1" if kind is DataType.INTEGER else "any"
        return Widget(kind="number", low=low, high=high, step=step, unit=unit)
    if choices and kind is DataType.OPTION_LIST:
        return Widget(kind="choice", choices=choices)
    if choices and kind is DataType.MEMBER_LIST:
        return Widget(kind="members", choices=choices)
    return Widget(kind="text", choices=choices, unit=unit)


def _wanted(criteria: ListQuery) -> VariableQuery:
    return VariableQuery(
        q=criteria.q,
        component=criteria.component or None,
        is_writable=True if criteria.show == "writable" else None,
        has_wish=True if criteria.show == "desired" else None,
        is_drifted=True if criteria.show == "drift" else None,
        limit=ROWS,
        cursor=criteria.cursor or None,
    )


def _told(pages: Pages, request: Asked, done: Sequence[api.ItemResult]) -> Toast:
    """Return in a toast what the station said to each value."""
    if not done:
        return Toast(message=pages.text(request, "Everything is as desired"))
    accepted = sum(one.is_accepted for one in done)
    detail = "; ".join(f"{one.variable}: {one.status}{f' ({one.reason})' if one.reason else ''}" for one in done[:4])
    message = pages.text(request, "%(accepted)s of %(number)s accepted", accepted=accepted, number=len(done))
    return Toast(message=message, detail=detail[:400], tone="ok" if accepted == len(done) else "wait")


def _failure(pages: Pages, request: Asked, error: StationUnavailable | Unavailable | Conflict) -> Toast:
    words = pages.macro(request, "parts/words.html", "error_word", error.code)
    return Toast(message=words, detail=error.message, tone="bad")


def _back(pages: Pages, request: Asked, seen: Seen, toast: Toast) -> Response[Any]:
    return pages.go(request, path_of("stations", seen.station.id, "configuration"), toast)


def _done(pages: Pages, request: Asked, seen: Seen, toast: Toast) -> Response[Any]:
    """Go back to the list; a dialog has its page loaded anew, for the list is another one now."""
    return pages.leave(request, path_of("stations", seen.station.id, "configuration"), toast)


def _hidden(kept: KeptProfile) -> KeptProfile:
    return api_network.hidden(kept)


ROUTES: tuple[HTTPRouteHandler, ...] = (
    show_configuration, show_progress, read_everything, apply_desired, show_edit, edit, show_network, send_network,
)  # fmt: skip
