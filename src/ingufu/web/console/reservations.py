"""Reservations: the list of all, and the forms that reserve a place at a station or give one up."""

from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import urlencode

import msgspec
from litestar import Response
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from ingufu.accounts.model import Principal, Scope
from ingufu.core.errors import Conflict, InvalidInput, StationUnavailable, Unavailable
from ingufu.reservations.model import ReservationStatus
from ingufu.views import reservations as views
from ingufu.views import tokens
from ingufu.views.reservations import ReservationQuery, ReservationRow
from ingufu.views.tokens import TokenQuery
from ingufu.web.api import reservations as api
from ingufu.web.console import present
from ingufu.web.console.pages import Pages, Toast, action, page, path_of
from ingufu.web.console.station import PLUGS, Seen, see
from ingufu.web.context import WebContext
from ingufu.web.exchange import Asked
from ingufu.web.forms import Form
from ingufu.web.routes import function_of
from ingufu.web.spreadsheets import export_hrefs

ROWS = 50
TOKENS_OFFERED = 50
MINUTES = 30  # what is offered: time enough to drive there
MINUTES_MAX = 44_640  # 31 days
_FIELDS = ("token", "evse", "plug", "minutes")


class ListQuery(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The list as its address has it."""

    q: Annotated[str, Meta(max_length=100)] = ""
    status: ReservationStatus | None = None
    cursor: Annotated[str, Meta(max_length=1000)] = ""


class Shown(msgspec.Struct, frozen=True):
    """A reservation as a row, in the time of its site."""

    it: ReservationRow
    zone: Any  # tzinfo
    cancel_href: str


@page("/reservations", scope=Scope.STATIONS_READ, query=ListQuery)
async def show_reservations(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, criteria: ListQuery
) -> Response[str]:
    """Show all reservations"""
    query = ReservationQuery(
        station=criteria.q.strip() or None, status=criteria.status, limit=ROWS, cursor=criteria.cursor or None
    )
    found = await views.list_reservations(web.services.database, query, principal.site_ids)
    asked = {"q": criteria.q, "status": criteria.status.value if criteria.status else ""}
    asked = {name: value for name, value in asked.items() if value}
    words = pages.environment(request).get_template("parts/reservation.html").module
    return await pages.show(
        request,
        "pages/reservations/list.html",
        rows=shown(found.items),
        query=criteria,
        statuses=[(one.value, str(words.reservation_word(one))) for one in ReservationStatus],  # type: ignore[attr-defined]  # a macro
        is_filtered=bool(asked),
        export_hrefs=export_hrefs("/reservations", query),
        next_href=_href(asked, found.next) if found.next else None,
        first_href=_href(asked, None) if criteria.cursor else None,
    )


@page("/stations/{station:str}/reserve", scope=Scope.STATIONS_COMMAND)
async def show_reserving(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, station: str
) -> Response[Any]:
    """Show the form that reserves a place"""
    seen = await see(web, principal, station)
    entered = present.Entered({"minutes": str(MINUTES), "evse": request.query_params.get("evse", "")[:10]})
    return await _show(web, pages, principal, request, seen, entered)


@action("/stations/{station:str}/reserve", scope=Scope.STATIONS_COMMAND)
async def do_reserve(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, station: str, form: Form
) -> Response[Any]:
    """Reserve a place"""
    seen = await see(web, principal, station)
    try:
        token = _card(pages, request, form)
        minutes = form.integer("minutes", low=1, high=MINUTES_MAX) or MINUTES
        known = await web.services.authorization.find_token(token)
        given = api.NewReservation(
            token=token,
            token_kind=known.kind if known is not None else "ISO14443",
            expires_at=web.services.clock.now() + timedelta(minutes=minutes),
            evse=form.integer("evse", low=1, high=2**31 - 1),
            plug=form.text("plug")[:20] or None,
        )
        made = await function_of(api.reserve)(web, principal, seen.station.id, given)
    except InvalidInput as error:
        return await _show(web, pages, principal, request, seen, _entered(form), (error.field or "evse", error.message))
    except Conflict as error:
        return await _show(web, pages, principal, request, seen, _entered(form), ("", error.message))
    except (StationUnavailable, Unavailable) as error:
        words = pages.macro(request, "parts/words.html", "error_word", error.code)
        return pages.done(
            request, Toast(message=words, detail=seen.station.identity, tone="bad"), to=_back(seen.station.id)
        )
    is_kept = made.status is ReservationStatus.KEPT
    message = pages.text(request, "The place is kept") if is_kept else pages.text(request, "The place is not kept")
    toast = Toast(message=message, detail=made.detail or seen.station.identity, tone="ok" if is_kept else "wait")
    return pages.done(request, toast, to=_back(seen.station.id))


@action("/reservations/{reservation_id:str}/cancel", scope=Scope.STATIONS_COMMAND)
async def do_cancel(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, reservation_id: str, form: Form
) -> Response[Any]:
    """Give up a reservation"""
    given = api.CancelReservation(reason=form.text("reason")[:400])
    try:
        ended = await function_of(api.cancel_reservation)(web, principal, reservation_id, given)
    except Conflict as error:
        toast = Toast(message=pages.text(request, "It has ended already"), detail=error.message, tone="wait")
    else:
        given_up = pages.text(request, "The reservation is given up")
        later = pages.text(request, "The station is told when it is back")
        message = later if ended.status is ReservationStatus.CANCELLING else given_up
        toast = Toast(message=message, detail=ended.station_identity or "")
    back = form.text("back")
    return pages.done(request, toast, to=path_of("stations", back, "admission") if back else path_of("reservations"))


def shown(rows: tuple[ReservationRow, ...]) -> list[Shown]:
    """Return reservations as rows of a list."""
    return [Shown(row, present.zone(row.time_zone), path_of("reservations", row.id, "cancel")) for row in rows]


async def _show(  # the form, as it is or with what is wrong
    web: WebContext,
    pages: Pages,
    principal: Principal,
    request: Asked,
    seen: Seen,
    entered: present.Entered,
    error: tuple[str, str] | None = None,
) -> Response[Any]:
    offered: list[tuple[str, str]] = []
    if Scope.TOKENS_READ in principal.scopes and principal.site_ids is None:  # cards are the network's
        found = await tokens.list_tokens(web.services.database, TokenQuery(is_blocked=False, limit=TOKENS_OFFERED))
        offered = [(row.value, row.driver_name or row.note) for row in found.items]
    kinds = sorted({plug.kind for evse in seen.station.evses for plug in evse.connectors if plug.kind})
    values: dict[str, Any] = {
        "station": seen.station,
        "form": entered,
        "errors": [error] if error else [],
        "tokens": offered,
        "evses": [(str(evse.number), f"EVSE {evse.number}") for evse in seen.station.evses],
        "plugs": [(kind, PLUGS.get(kind, kind)) for kind in kinds],
        "minutes_max": MINUTES_MAX,
    }
    status = 422 if error else 200
    if request.headers.get("x-dialog") or request.headers.get("hx-request"):
        return pages.part(request, "pages/reservations/sheet.html", status=status, **values)
    return await pages.show(request, "pages/reservations/reserve.html", status=status, **values)


def _card(pages: Pages, request: Asked, form: Form) -> str:
    """Return the card that was entered. Raises InvalidInput if none was."""
    token = form.text("token")
    if not token:
        raise InvalidInput(pages.text(request, "Which card?"), field="token")
    return token[:255]


def _entered(form: Form) -> present.Entered:
    return present.Entered({name: form.text(name) for name in _FIELDS})


def _back(station_id: str) -> str:
    return path_of("stations", station_id, "admission")


def _href(asked: dict[str, str], cursor: str | None) -> str:
    query = urlencode(asked | ({"cursor": cursor} if cursor else {}))
    return path_of("reservations") + (f"?{query}" if query else "")


ROUTES: tuple[HTTPRouteHandler, ...] = (show_reservations, show_reserving, do_reserve, do_cancel)
