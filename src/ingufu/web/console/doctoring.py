"""What helps a station to come online: taking in one that called, and switching quirks."""

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from litestar import Response
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from ingufu.accounts.model import Principal, Scope
from ingufu.core.errors import Conflict, InvalidInput, NotFound
from ingufu.views import console_sites
from ingufu.web.api import diagnosis as api
from ingufu.web.api import quirks as quirks_api
from ingufu.web.console import present
from ingufu.web.console.pages import Pages, Toast, action, page, path_of
from ingufu.web.console.stations import offered
from ingufu.web.context import WebContext
from ingufu.web.exchange import Asked
from ingufu.web.forms import Form
from ingufu.web.routes import function_of

_FIELDS = ("identity", "name", "site_id", "evse_count", "secret")
_SWITCHES: dict[str, bool | None] = {"on": True, "off": False, "": None}


class AdoptQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Who is to be taken in."""

    identity: Annotated[str, Meta(max_length=200)] = ""


async def facts_of(web: WebContext, station_id: str, *, is_first: bool) -> dict[str, Any]:
    """Return what the first page of its attempts says of a station: what is wrong, and what is odd about it."""
    if not is_first:
        return {"diagnosis": None, "quirks": [], "other_quirks": []}
    known = await web.services.stations.get(station_id)
    quirks = await web.services.stations.quirks.of(known)
    shown = {one.number for one in quirks}
    others = [one for one in web.services.stations.quirks.catalogue if one.number not in shown]
    return {"diagnosis": await api.diagnosis_of(web, known), "quirks": quirks, "other_quirks": others}


@page("/attempts/adopt", scope=Scope.STATIONS_WRITE, query=AdoptQuery)
async def show_adoption(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, criteria: AdoptQuery
) -> Response[str]:
    """Show the form that takes a station in"""
    return await _show(web, pages, principal, request, present.Entered({"identity": criteria.identity}))


@action("/attempts/adopt", scope=Scope.STATIONS_WRITE)
async def adopt(web: WebContext, pages: Pages, principal: Principal, request: Asked, form: Form) -> Response[Any]:
    """Take a station in"""
    try:
        given = api.AdoptStation(
            identity=form.text("identity"),
            name=form.text("name") or None,
            site_id=form.text("site_id") or None,
            evse_count=form.integer("evse_count", low=0, high=api.MOST_EVSES) or 0,
            keeps_password=form.text("secret") == "keep",
        )
        done = await function_of(api.adopt_station)(web, principal, given)
    except (InvalidInput, Conflict) as error:
        field = error.field if isinstance(error, InvalidInput) and error.field else ""
        entered = present.Entered({name: form.text(name) for name in _FIELDS})
        return await _show(web, pages, principal, request, entered, [(field, error.message)])
    if done.password is None:
        toast = Toast(message=pages.text(request, "The station is taken in"), detail=done.station.identity)
        return pages.go(request, path_of("stations", done.station.id), toast)
    return await pages.show(
        request,
        "pages/stations/added.html",
        station=done.station,
        password=done.password,
        addresses=web.settings.ocpp_addresses,
    )


@action("/stations/{station:str}/quirks", scope=Scope.STATIONS_WRITE)
async def switch_quirk(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, station: str, form: Form
) -> Response[Any]:
    """Switch a quirk for a station"""
    number, word = form.integer("number", low=1, high=99_999), form.text("switch")
    if number is None or word not in _SWITCHES:
        raise InvalidInput("Which quirk, on or off?", field="number")
    given = quirks_api.SwitchQuirk(is_on=_SWITCHES[word])
    await function_of(quirks_api.switch_quirk)(web, principal, station, number, given)
    toast = Toast(message=pages.text(request, "Quirk %(number)s is set", number=number))
    return pages.go(request, path_of("stations", station, "attempts"), toast)


async def _show(  # the form, as it is or with what is wrong
    web: WebContext,
    pages: Pages,
    principal: Principal,
    request: Asked,
    entered: present.Entered,
    errors: Sequence[tuple[str, str]] = (),
) -> Response[str]:
    known = await web.services.stations.find_by_identity(entered["identity"])
    if not entered["identity"] or (known is not None and known.approval.value == "approved" and not errors):
        raise NotFound("There is no such station to take in.")
    places = await console_sites.list_places(web.services.database, principal.site_ids)
    return await pages.show(
        request,
        "pages/attempts/adopt.html",
        status=422 if errors else 200,
        form=entered,
        errors=list(errors),
        places=offered(places),
        has_password=known is not None and known.password_hash is not None,
    )


ROUTES: tuple[HTTPRouteHandler, ...] = (show_adoption, adopt, switch_quirk)
