"""The timeline: stored events, and live ones as server-sent events."""

from typing import Annotated

import msgspec
from litestar.handlers import HTTPRouteHandler
from litestar.response import Stream
from msgspec import Meta

from ingufu.accounts.model import Principal, Scope
from ingufu.core import errors
from ingufu.core.errors import IngufuError, InvalidInput
from ingufu.views import attempts as attempt_views
from ingufu.views import stations as station_views
from ingufu.views import timeline as views
from ingufu.views.attempts import AttemptQuery, AttemptRow
from ingufu.views.paging import Page
from ingufu.views.timeline import EventFilter, EventQuery, EventRow, Kinds
from ingufu.web import auth, live
from ingufu.web.context import WebContext
from ingufu.web.declared import route_of
from ingufu.web.exchange import Asked
from ingufu.web.live import LiveHub
from ingufu.web.routes import route


class LiveQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which live events."""

    station: Annotated[
        tuple[Annotated[str, Meta(max_length=100)], ...],
        Meta(max_length=100, description="Only of these stations, by id or identity."),
    ] = ()
    kind: Kinds = ()
    last_event_id: (
        Annotated[int, Meta(ge=0, le=2**63 - 1, description="As the header Last-Event-ID, where none can be set.")]
        | None
    ) = None


@route("GET", "/events", scope=Scope.EVENTS_READ, query=EventQuery)
async def list_events(web: WebContext, principal: Principal, criteria: EventQuery) -> Page[EventRow]:
    """List events

    What happened to stations, transactions and tokens, in the order in which we heard of it, the newest first.
    """
    return await views.list_events(web.services.database, criteria, principal.site_ids)


@route(
    "GET",
    "/live",
    scope=Scope.EVENTS_READ,
    query=LiveQuery,
    result=live.LiveEvent,
    media_type="text/event-stream",
    raises=(errors.NotFound, errors.InvalidInput, errors.TooManyRequests),
)
async def listen(web: WebContext, hub: LiveHub, principal: Principal, request: Asked, criteria: LiveQuery) -> Stream:
    """Listen to live events

    Server-sent events: the name of each is its kind, its data the event as JSON. Stored events carry an id; who comes
    back with the header `Last-Event-ID` hears first what was stored meanwhile. `TransactionUpdated` and
    `ConnectionRefused` are told live only: a reader that is too slow misses some of them, and is told how many by an
    event named `lost`. Silence is filled with comments, every 15 s.
    """
    station_ids = None
    if criteria.station:
        database = web.services.database
        found = [await station_views.station_id_of(database, one, principal.site_ids) for one in criteria.station]
        station_ids = frozenset(found)
    wanted = EventFilter(station_ids=station_ids, kinds=frozenset(criteria.kind), site_ids=principal.site_ids)
    listener = await hub.listen(wanted, last_id=_last_id(request, criteria))
    declared = route_of(request.scope)

    async def may_listen() -> bool:
        try:
            current = await auth.find_principal(auth.Connection(request.scope))
        except IngufuError:
            return False
        assert declared is not None  # noqa: S101 - the guard lets no other in
        is_same = current is not None and current.site_ids == principal.site_ids
        return current is not None and is_same and auth.refusal(current, declared) is None

    return Stream(
        live.stream(hub, listener, web.services.clock, may_listen),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


@route("GET", "/connection-attempts", scope=Scope.STATIONS_READ, query=AttemptQuery)
async def list_attempts(web: WebContext, principal: Principal, criteria: AttemptQuery) -> Page[AttemptRow]:
    """List connection attempts

    Every attempt of a station to connect, with its cause if it was refused. Equal refusals within a short time share
    a row and are counted.
    """
    return await attempt_views.list_attempts(web.services.database, criteria, principal.site_ids)


def _last_id(request: Asked, criteria: LiveQuery) -> int | None:
    header = request.headers.get("last-event-id")
    if header is None:
        return criteria.last_event_id
    if not (header.isascii() and header.isdigit() and len(header) < 19):  # 64 bits
        raise InvalidInput("Last-Event-ID is the id of an event.", field="Last-Event-ID")
    return int(header)


ROUTES: tuple[HTTPRouteHandler, ...] = (list_events, listen, list_attempts)
