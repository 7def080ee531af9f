"""What a station measures: what is asked of its readings, values outside of sessions, and streams of values."""

from typing import Any

import msgspec
from litestar import Response
from litestar.handlers import HTTPRouteHandler

from ingufu.accounts.model import Principal, Scope
from ingufu.charging.sampling import decide
from ingufu.charging.sampling.model import Occasion, Sampling
from ingufu.core.errors import InvalidInput, StationUnavailable, Unavailable
from ingufu.stations.streams.model import Stream
from ingufu.views import metering as views
from ingufu.views.metering import StreamValueQuery, StreamValueRow
from ingufu.web.api import metering as api_metering
from ingufu.web.api import sampling as api
from ingufu.web.console import present
from ingufu.web.console.meter_keys import keys_of
from ingufu.web.console.pages import Pages, Toast, action, page, path_of
from ingufu.web.console.station import see
from ingufu.web.context import WebContext
from ingufu.web.exchange import Asked
from ingufu.web.forms import Form
from ingufu.web.routes import function_of

VALUES = 20  # of each stream
STREAMS = 20
FORM = "pages/station/sampling_sheet.html"
PAGE = "pages/station/sampling_page.html"


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A stream with its newest values."""

    it: Stream
    values: tuple[StreamValueRow, ...]


@page("/stations/{station:str}/metering", scope=Scope.STATIONS_READ)
async def show_metering(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, station: str
) -> Response[str]:
    """Show what a station measures"""
    seen = await see(web, principal, station)
    database, station_id = web.services.database, seen.station.id
    asked = {one.occasion: one for one in await web.services.samplings.of(station_id)}
    streams = await web.services.stations.streams.of(station_id)
    shown = [
        Shown(it=one, values=(await views.list_stream_values(database, station_id, one.number, _NEWEST)).items)
        for one in streams[:STREAMS]
    ]
    return await pages.show(
        request,
        "pages/station/metering.html",
        **seen.frame("metering"),
        occasions=[(occasion.value, asked.get(occasion)) for occasion in _occasions(seen.station.ocpp_version)],
        readings=await views.last_idle_readings(database, station_id),
        streams=shown,
        keys=await keys_of(web, principal, station_id),
        sees_keys=Scope.MONEY_READ in principal.scopes,
    )


@page("/stations/{station:str}/metering/{occasion:str}", scope=Scope.STATIONS_COMMAND)
async def show_sampling(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, station: str, occasion: str
) -> Response[Any]:
    """Show the form that asks for readings"""
    seen = await see(web, principal, station)
    known = next((one for one in await web.services.samplings.of(seen.station.id) if one.occasion == occasion), None)
    return await _form(pages, request, seen.station, _occasion(occasion), _entered(known))


@action("/stations/{station:str}/metering/{occasion:str}", scope=Scope.STATIONS_COMMAND)
async def ask_sampling(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, station: str, occasion: str, form: Form
) -> Response[Any]:
    """Ask for readings, or for the streams"""
    seen = await see(web, principal, station)
    back = path_of("stations", seen.station.id, "metering")
    if occasion == "streams":
        return await _refresh(web, pages, principal, request, seen.station.id, back)
    wanted = _occasion(occasion)
    try:
        measurands = decide.split(form.text("measurands").replace("\n", ",").replace(" ", ","))
        given = api.AskSampling(
            occasion=wanted,
            measurands=measurands or None,
            interval_s=form.integer("interval_s", low=0, high=decide.INTERVAL_MOST_S),
            tries_again=form.is_on("tries_again"),
        )
        await function_of(api.ask_sampling)(web, principal, seen.station.id, given)
    except InvalidInput as error:
        entered = present.Entered({key: form.text(key) for key in ("measurands", "interval_s", "tries_again")})
        return await _form(
            pages, request, seen.station, wanted, entered, [(error.field or "measurands", error.message)]
        )
    told = Toast(message=pages.text(request, "The station is asked"), detail=seen.station.identity)
    return pages.done(request, told, to=back)


async def _refresh(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, station_id: str, back: str
) -> Response[Any]:
    try:
        found = await function_of(api_metering.refresh_streams)(web, principal, station_id)
    except (StationUnavailable, Unavailable) as error:
        words = pages.macro(request, "parts/words.html", "error_word", error.code)
        return pages.done(request, Toast(message=words, tone="bad"), to=back)
    count = sum(one.state == "open" for one in found)
    return pages.done(request, Toast(message=pages.text(request, "Open streams: %(number)s", number=count)), to=back)


async def _form(
    pages: Pages,
    request: Asked,
    station: Any,
    occasion: Occasion,
    entered: present.Entered,
    errors: list[tuple[str, str]] | None = None,
) -> Response[Any]:
    values = {"station": station, "occasion": occasion.value, "form": entered, "errors": errors or []}
    status = 422 if errors else 200
    headers = request.headers
    if headers.get("x-dialog") or headers.get("hx-request"):
        return pages.part(request, FORM, status=status, **values)
    return await pages.show(request, PAGE, status=status, **values)


def _occasion(text: str) -> Occasion:
    """Return the occasion. Raises InvalidInput."""
    try:
        return Occasion(text)
    except ValueError as error:
        raise InvalidInput("There is no such occasion.", field="occasion") from error


def _occasions(version: str | None) -> tuple[Occasion, ...]:
    """Return the occasions that a version knows."""
    return tuple(one for one in Occasion if version != "1.6" or one is not Occasion.STARTED)


def _entered(known: Sampling | None) -> present.Entered:
    if known is None:
        return present.Entered()
    interval = "" if known.interval_s is None else str(known.interval_s)
    return present.Entered({"measurands": ", ".join(known.measurands or ()), "interval_s": interval})


_NEWEST = StreamValueQuery(limit=VALUES)
ROUTES: tuple[HTTPRouteHandler, ...] = (show_metering, show_sampling, ask_sampling)
