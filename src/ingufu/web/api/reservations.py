"""Reservations: places that stations keep for somebody."""

from datetime import datetime
from typing import Annotated

import msgspec
from litestar.handlers import HTTPRouteHandler
from msgspec import UNSET, Meta, UnsetType

from ingufu.accounts.model import Principal, Scope
from ingufu.core import errors
from ingufu.core.errors import NotFound
from ingufu.reservations.model import Wanted
from ingufu.views import reservations as views
from ingufu.views.paging import Page
from ingufu.views.reservations import ReservationQuery, ReservationRow
from ingufu.web import access
from ingufu.web.context import WebContext
from ingufu.web.routes import route

Instant = Annotated[datetime, Meta(tz=True)]
Token = Annotated[str, Meta(min_length=1, max_length=255, description="The value of the id token it is for.")]
ASKS = (
    errors.NotFound,
    errors.InvalidInput,
    errors.Conflict,
    errors.StationUnavailable,
    errors.Unavailable,
)
_LARGEST = 2**31 - 1


class NewReservation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A place to keep."""

    token: Token
    token_kind: Annotated[str, Meta(min_length=1, max_length=20, description="OCPP IdTokenEnumType.")] = "ISO14443"
    expires_at: Annotated[Instant, Meta(description="Until when it is kept; at most a month ahead.")]
    evse: Annotated[
        Annotated[int, Meta(ge=1, le=_LARGEST)] | None,
        Meta(description="null: any, or any with the kind of plug, if the station can."),
    ] = None
    plug: Annotated[str, Meta(min_length=1, max_length=20, description="OCPP ConnectorEnumType (2.x).")] | None = None


class ReservationFields(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What changes of a reservation; the station is told."""

    token: Token | UnsetType = UNSET
    expires_at: Instant | UnsetType = UNSET


class CancelReservation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why."""

    reason: Annotated[str, Meta(max_length=400)] = ""


@route("GET", "/reservations", scope=Scope.STATIONS_READ, query=ReservationQuery)
async def list_reservations(web: WebContext, principal: Principal, criteria: ReservationQuery) -> Page[ReservationRow]:
    """List reservations

    With filters, the newest first.
    """
    return await views.list_reservations(web.services.database, criteria, principal.site_ids)


@route("GET", "/reservations/{reservation_id:str}", scope=Scope.STATIONS_READ, raises=(errors.NotFound,))
async def get_reservation(web: WebContext, principal: Principal, reservation_id: str) -> ReservationRow:
    """Get a reservation

    With its state and the reason for it.
    """
    return await views.get_reservation(web.services.database, number(reservation_id), principal.site_ids)


@route(
    "POST",
    "/stations/{station:str}/reservations",
    scope=Scope.STATIONS_COMMAND,
    body=NewReservation,
    raises=ASKS,
)
async def reserve(web: WebContext, principal: Principal, station: str, given: NewReservation) -> ReservationRow:
    """Reserve a place at a station

    The station is asked, and its answer is the `status`: `kept`, or `refused` with the reason in `detail`. What
    overlaps with another reservation is not asked for and is a conflict. A station that does not answer in time is told
    to give the place up as soon as it is heard of again.
    """
    known = await access.station_of(web, principal, station)
    wanted = Wanted(
        station_id=known.id,
        token_value=given.token,
        token_kind=given.token_kind,
        expires_at=given.expires_at,
        evse=given.evse,
        plug=given.plug,
    )
    made = await web.services.reservations.reserve(web.link, wanted, by=principal.name)
    async with web.services.database.work() as work:
        access.note(web, work, principal, "reservation.create", str(made.id), {"station": known.id}, after=made)
    return await views.get_reservation(web.services.database, made.id, principal.site_ids)


@route(
    "PATCH",
    "/reservations/{reservation_id:str}",
    scope=Scope.STATIONS_COMMAND,
    body=ReservationFields,
    raises=ASKS,
)
async def update_reservation(
    web: WebContext, principal: Principal, reservation_id: str, given: ReservationFields
) -> ReservationRow:
    """Change a reservation

    The station is asked to keep the place longer, shorter or for another token, under the same number. If it refuses,
    nothing changes and the answer is a conflict.
    """
    found = await views.get_reservation(web.services.database, number(reservation_id), principal.site_ids)
    fields = access.given_fields(given)
    if fields:
        before = await web.services.reservations.get(found.id)
        after = await web.services.reservations.change(web.link, found.id, **fields)
        async with web.services.database.work() as work:
            access.note(web, work, principal, "reservation.update", str(found.id), before=before, after=after)
    return await views.get_reservation(web.services.database, found.id, principal.site_ids)


@route(
    "POST",
    "/reservations/{reservation_id:str}/cancel",
    status=200,
    scope=Scope.STATIONS_COMMAND,
    body=CancelReservation,
    raises=ASKS,
)
async def cancel_reservation(
    web: WebContext, principal: Principal, reservation_id: str, given: CancelReservation
) -> ReservationRow:
    """Cancel a reservation

    A station that is away is told when it comes back; until then the reservation is `cancelling`.
    """
    found = await views.get_reservation(web.services.database, number(reservation_id), principal.site_ids)
    before = await web.services.reservations.get(found.id)
    after = await web.services.reservations.cancel(web.link, found.id, why=given.reason)
    async with web.services.database.work() as work:
        details = {"reason": given.reason}
        access.note(web, work, principal, "reservation.cancel", str(found.id), details, before=before, after=after)
    return await views.get_reservation(web.services.database, found.id, principal.site_ids)


def number(text: str) -> int:
    """Return the number that an address names. Raises NotFound if it is none."""
    value = int(text) if text.isascii() and text.isdigit() and len(text) <= 10 else 0
    if not 0 < value <= _LARGEST:
        raise NotFound("There is no such reservation.")
    return value


ROUTES: tuple[HTTPRouteHandler, ...] = (
    list_reservations, get_reservation, reserve, update_reservation, cancel_reservation,
)  # fmt: skip
