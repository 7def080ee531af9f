"""What changes on a page while somebody looks at it: texts, parts and new entries of lists, as server-sent events.

A page names its stream in `data-live`. The stream tells at once how everything is now, which closes the gap since the
page was made or the connection was lost, and then whatever changes, a burst of events in one message.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import msgspec
import structlog
from litestar.response import Stream

from ingufu.accounts.model import Principal
from ingufu.core.errors import IngufuError
from ingufu.views.timeline import EventFilter
from ingufu.web import auth
from ingufu.web.declared import route_of
from ingufu.web.exchange import Asked
from ingufu.web.live import HEARTBEAT_S, RECHECK_S, LiveEvent, LiveHub

GATHER_S = 0.25  # events of one moment are told together
FRESH_S = 0.2  # what was read for another reader so short ago has the events in it that were waited for
SILENCE = b": heartbeat\n\n"
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}

log = structlog.get_logger(__name__)


class Change(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a page is to change. Markup comes from our templates, so everything in it is escaped."""

    figures: dict[str, str] = {}  # by element id: its text
    parts: dict[str, str] = {}  # by element id: the element anew
    entries: dict[str, str] = {}  # by element id of a list: entries for its top
    is_stale: bool = False  # the page is to ask for its list anew


Tell = Callable[[Sequence[LiveEvent] | None], Awaitable[Change]]  # None: everything, as it is now


def stream(
    request: Asked,
    hub: LiveHub,
    principal: Principal,
    wanted: EventFilter,
    tell: Tell,
    *,
    gather_s: float = GATHER_S,
    every_s: float | None = None,
) -> Stream:
    """Return the stream of a page: it tells when events come that are wanted, and every `every_s` if that is given.

    Events of `gather_s` are told together. `tell` may use what others read at most FRESH_S ago, which is less: the
    events are in it.
    """
    frames = _frames(request, hub, principal, wanted, tell, gather_s, every_s)
    return Stream(frames, media_type="text/event-stream", headers=HEADERS)


async def _frames(  # all that the stream is made of
    request: Asked,
    hub: LiveHub,
    principal: Principal,
    wanted: EventFilter,
    tell: Tell,
    gather_s: float,
    every_s: float | None,
) -> AsyncIterator[bytes]:
    clock = request.app.state["web"].services.clock
    checked_s = clock.monotonic()
    yield b"retry: 2000\n: welcome\n\n"
    listener = await hub.listen(wanted)
    try:
        yield encode(await tell(None))
        while not listener.is_closed:
            events = await hub.next_events(listener, every_s or HEARTBEAT_S)
            if events and not listener.is_closed:
                await asyncio.sleep(gather_s)
                events = [*events, *await hub.next_events(listener, 0)]
            yield encode(await tell(events)) if events or every_s else SILENCE
            if clock.monotonic() - checked_s >= RECHECK_S:
                checked_s = clock.monotonic()
                if not await may_still(request, principal):
                    return
    except IngufuError as error:
        log.info("live.ended", error=error.message)
    finally:
        hub.leave(listener)


async def may_still(request: Asked, principal: Principal) -> bool:
    """Return whether the reader of a stream may go on reading it."""
    try:
        current = await auth.find_principal(auth.Connection(request.scope))
    except IngufuError:
        return False
    declared = route_of(request.scope)
    is_same = current is not None and current.site_ids == principal.site_ids
    return is_same and current is not None and declared is not None and auth.refusal(current, declared) is None


def encode(change: Change) -> bytes:
    """Return a change as one message of a stream; nothing but a comment if there is none."""
    if not (change.figures or change.parts or change.entries or change.is_stale):
        return SILENCE
    return b"event: change\ndata: " + msgspec.json.encode(change) + b"\n\n"
