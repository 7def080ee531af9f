"""What we allow a station: its settings, its answer at the start, its connectors."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from ingufu.accounts.model import Principal, Scope
from ingufu.core.errors import Conflict, InvalidInput
from ingufu.stations.model import BootAnswer
from ingufu.views import console_sites
from ingufu.views.stations import StationView
from ingufu.web.api import stations as api
from ingufu.web.console import present
from ingufu.web.console.numbers import read_within
from ingufu.web.console.pages import Pages, Toast, action, page, path_of
from ingufu.web.console.station import PLUGS, see
from ingufu.web.console.stations import offered
from ingufu.web.context import WebContext
from ingufu.web.exchange import Asked
from ingufu.web.forms import Form
from ingufu.web.routes import function_of

_TEXTS = ("name", "site_id", "note", "security_profile", "certificate_name", "assumed_version", "ping_interval_s")
_BOXES = ("is_strict", "is_silent", "allows_compression")


@page("/stations/{station:str}/settings", scope=Scope.STATIONS_WRITE)
async def show_settings(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, station: str
) -> Response[str]:
    """Show the settings of a station"""
    return await _show(web, pages, principal, request, station)


@action("/stations/{station:str}/settings", scope=Scope.STATIONS_WRITE)
async def change_settings(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, station: str, form: Form
) -> Response[Any]:
    """Change the settings of a station"""
    try:
        given = api.StationFields(
            name=form.text("name"),
            site_id=form.text("site_id") or None,
            note=form.text("note"),
            security_profile=form.integer("security_profile", low=0, high=3) or 0,
            certificate_name=form.text("certificate_name") or None,
            assumed_version=form.text("assumed_version") or None,
            ping_interval_s=form.integer("ping_interval_s", low=0, high=3600),
            is_strict=form.is_on("is_strict"),
            is_silent=form.is_on("is_silent"),
            allows_compression=form.is_on("allows_compression"),
        )
        await function_of(api.update_station)(web, principal, station, given)
    except (InvalidInput, Conflict) as error:
        field = error.field if isinstance(error, InvalidInput) and error.field else "name"
        entered = present.Entered({name: form.text(name) for name in (*_TEXTS, *_BOXES)})
        return await _show(web, pages, principal, request, station, entered, [(field, error.message)])
    return _saved(pages, request, station)


@action("/stations/{station:str}/boot-answer", scope=Scope.STATIONS_WRITE)
async def change_boot_answer(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, station: str, form: Form
) -> Response[Any]:
    """Change what a station hears when it starts up"""
    try:
        wanted = BootAnswer(form.text("boot_answer"))
    except ValueError as error:
        raise InvalidInput("Accepted, Pending or Rejected.", field="boot_answer") from error
    done = await function_of(api.set_boot_answer)(web, principal, station, api.SetBootAnswer(boot_answer=wanted))
    detail = ""
    if done.trigger is not None:
        word = pages.macro(request, "parts/words.html", "error_word", done.trigger)
        detail = pages.text(request, "It was asked to start up anew: %(answer)s", answer=word)
    return _saved(pages, request, station, detail)


@action("/stations/{station:str}/connectors", scope=Scope.STATIONS_WRITE)
async def change_connector(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, station: str, form: Form
) -> Response[Any]:
    """Enter the plug and power of a connector"""
    power_kw = read_within(pages, request, form, "max_power_kw", low=Decimal("0.001"), high=10_000)
    given = api.SetConnector(
        kind=form.text("kind")[:50] or None, max_power_w=None if power_kw is None else float(power_kw * 1000)
    )
    evse = form.integer("evse", low=0, high=2**31 - 1) or 0
    connector = form.integer("connector", low=1, high=2**31 - 1) or 1
    await function_of(api.set_connector)(web, principal, station, evse, connector, given)
    return _saved(pages, request, station)


async def _show(  # the page, as it is or with what is wrong
    web: WebContext,
    pages: Pages,
    principal: Principal,
    request: Asked,
    station: str,
    entered: present.Entered | None = None,
    errors: Sequence[tuple[str, str]] = (),
) -> Response[str]:
    seen = await see(web, principal, station)
    places = await console_sites.list_places(web.services.database, principal.site_ids)
    form = entered or _entered(seen.station)
    return await pages.show(
        request,
        "pages/station/settings.html",
        status=422 if errors else 200,
        **seen.frame("settings"),
        form=form,
        errors=list(errors),
        places=offered(places, {form["site_id"]}),
        plugs=[("", pages.text(request, "plug not known")), *sorted(PLUGS.items(), key=lambda one: one[1])],
        addresses=web.settings.ocpp_addresses,
    )


def _entered(station: StationView) -> present.Entered:
    texts = {name: getattr(station, name) for name in _TEXTS}
    boxes = {name: "true" if getattr(station, name) else "" for name in _BOXES}
    return present.Entered({name: "" if value is None else str(value) for name, value in texts.items()} | boxes)


def _saved(pages: Pages, request: Asked, station: str, detail: str = "") -> Response[Any]:
    toast = Toast(message=pages.text(request, "Saved"), detail=detail)
    return pages.go(request, path_of("stations", station, "settings"), toast)


ROUTES: tuple[HTTPRouteHandler, ...] = (show_settings, change_settings, change_boot_answer, change_connector)
