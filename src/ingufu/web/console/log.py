"""The message log of a station: what went over the wire, decoded, as it goes."""

import json
from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

import msgspec
from litestar import Response
from litestar.handlers import HTTPRouteHandler
from litestar.response import Stream
from msgspec import Meta

from ingufu.accounts.model import Principal, Scope
from ingufu.views import console_frames
from ingufu.views import frames as views
from ingufu.views import transactions as transaction_views
from ingufu.views.frames import Frame, FrameQuery
from ingufu.views.timeline import EventFilter
from ingufu.web.console import live, present
from ingufu.web.console.pages import Pages, page, path_of
from ingufu.web.console.station import see
from ingufu.web.context import WebContext
from ingufu.web.exchange import Asked
from ingufu.web.live import LiveEvent, LiveHub

ROWS = 50
EXCERPT = 160  # characters of a message in its row
LOOK_EVERY_S = 1.0  # messages are stored a second late, so looking more often shows nothing sooner
_CALL = 2

Text = Annotated[str, Meta(max_length=200)]


class LogQuery(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The log as its address has it. Times are the site's."""

    q: Text = ""
    direction: Literal["in", "out"] | None = None
    action: Annotated[str, Meta(max_length=50)] = ""
    session: Annotated[str, Meta(max_length=100)] = ""
    since: Annotated[str, Meta(max_length=30)] = ""
    until: Annotated[str, Meta(max_length=30)] = ""
    cursor: Annotated[str, Meta(max_length=1000)] = ""


class LogRow(msgspec.Struct, frozen=True):
    """A message as a row: an excerpt, and how long its answer took if its request is near."""

    row: Frame
    excerpt: str
    took_s: float | None


@page("/stations/{station:str}/log", scope=Scope.FRAMES_READ, query=LogQuery)
async def show_log(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, station: str, criteria: LogQuery
) -> Response[str]:
    """Show the messages of a station"""
    seen = await see(web, principal, station)
    zone = present.zone(seen.zone)
    query = _wanted(criteria, seen.station.id, zone)
    found = await views.list_frames(web.services.database, query, principal.site_ids)
    asked: dict[str, str] = msgspec.to_builtins(criteria)
    base = path_of("stations", seen.station.id, "log")
    is_live = not (criteria.cursor or criteria.until)
    forms = web.catalogue.actions(seen.station.ocpp_version or "")
    return await pages.show(
        request,
        "pages/station/log.html",
        **seen.frame("log"),
        frames=rows_of(found.items),
        query=criteria,
        actions=sorted({*_REPORTED, *(form.action for form in forms)}),
        is_filtered=bool(asked.keys() - {"cursor"}),
        older_href=f"{base}?{urlencode({**asked, 'cursor': found.next})}" if found.next else None,
        live_href=f"{base}/live?{urlencode({**asked, 'after': _newest(found.items)})}" if is_live else None,
    )


class FollowQuery(LogQuery, frozen=True, kw_only=True):
    """Which messages are told as they come."""

    after: Annotated[int, Meta(ge=0)] = 0


@page("/stations/{station:str}/log/live", scope=Scope.FRAMES_READ, query=FollowQuery)
async def follow_log(  # all that a stream is made of
    web: WebContext,
    pages: Pages,
    hub: LiveHub,
    principal: Principal,
    request: Asked,
    station: str,
    criteria: FollowQuery,
) -> Stream:
    """Tell the messages of a station as they come"""
    seen = await see(web, principal, station)
    database, station_id, zone = web.services.database, seen.station.id, present.zone(seen.zone)
    base = path_of("stations", station_id)
    last_id = criteria.after or await console_frames.last_frame_id(database, station_id)
    reference = await _reference(web, principal, criteria.session)

    async def tell(events: Sequence[LiveEvent] | None) -> live.Change:
        nonlocal last_id
        del events
        found = await console_frames.frames_after(database, station_id, last_id)
        last_id = max([last_id, *(frame.id for frame in found)])
        fitting = [frame for frame in reversed(found) if _fits(frame, criteria, reference)]
        written = [
            pages.macro(request, "pages/station/frame_row.html", "frame_row", row, base, zone)
            for row in rows_of(fitting)
        ]
        return live.Change(entries={"frames": "".join(written)} if written else {})

    wanted = EventFilter(station_ids=frozenset({station_id}), kinds=frozenset({"-"}), site_ids=principal.site_ids)
    return live.stream(request, hub, principal, wanted, tell, every_s=LOOK_EVERY_S)


@page("/stations/{station:str}/log/{frame:int}", scope=Scope.FRAMES_READ)
async def show_frame(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, station: str, frame: int
) -> Response[str]:
    """Show one whole message"""
    seen = await see(web, principal, station)
    found = await console_frames.get_frame(web.services.database, seen.station.id, frame)
    if request.headers.get("hx-request"):
        content = pages.macro(
            request, "pages/station/frame_content.html", "frame_content", found, decoded(found), present.zone(seen.zone)
        )
        return pages.fragment(content)
    return await pages.show(
        request, "pages/station/frame_page.html", **seen.frame("log"), frame=found, value=decoded(found)
    )


def rows_of(frames: Sequence[Frame]) -> list[LogRow]:
    """Return messages as rows; an answer tells how long it took if its request is among them."""
    asked_at = {(frame.connection_id, frame.message_id): frame.at for frame in frames if frame.message_type == _CALL}
    return [LogRow(frame, excerpt(frame), _took_s(frame, asked_at)) for frame in frames]


def decoded(frame: Frame) -> Any:  # any JSON value; None: it cannot be read
    """Return the message as a value: the payload of a request or an answer, all of an error."""
    try:
        message = json.loads(frame.text)
    except (ValueError, RecursionError):
        return None
    if isinstance(message, list) and message and message[0] in {2, 6} and len(message) > 3:
        return message[3]
    if isinstance(message, list) and message and message[0] == 3 and len(message) > 2:
        return message[2]
    return message


def excerpt(frame: Frame) -> str:
    """Return the beginning of what a message carries."""
    text = frame.text
    for mark in (f'"{frame.action}",', f'"{frame.message_id}",'):
        _, found, rest = text.partition(mark)
        if found and not (frame.message_type not in {2, 6} and mark.startswith(f'"{frame.action}"')):
            text = rest.strip().removesuffix("]")
            break
    return text if len(text) <= EXCERPT else text[:EXCERPT] + "…"


def _took_s(frame: Frame, asked_at: dict[tuple[str, str | None], datetime]) -> float | None:
    if frame.message_type == _CALL:
        return None
    asked = asked_at.get((frame.connection_id, frame.message_id))
    return None if asked is None else max(0.0, (frame.at - asked).total_seconds())


def _wanted(criteria: LogQuery, station_id: str, zone: tzinfo) -> FrameQuery:
    return FrameQuery(
        station=station_id,
        transaction_id=criteria.session or None,
        action=criteria.action or None,
        is_inbound=None if criteria.direction is None else criteria.direction == "in",
        q=criteria.q,
        since=_instant(criteria.since, zone),
        until=_instant(criteria.until, zone),
        limit=ROWS,
        cursor=criteria.cursor or None,
    )


def _instant(text: str, zone: tzinfo) -> datetime | None:
    """Return the instant that a field of date and time means in the site's zone; None if it says nothing readable."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=zone)


def _fits(frame: Frame, criteria: LogQuery, reference: str | None) -> bool:
    if criteria.direction is not None and frame.is_inbound != (criteria.direction == "in"):
        return False
    if criteria.action and frame.action != criteria.action:
        return False
    if criteria.session and frame.transaction != reference:
        return False
    return criteria.q.lower() in frame.text.lower()


async def _reference(web: WebContext, principal: Principal, session_id: str) -> str | None:
    if not session_id:
        return None
    return (await transaction_views.get_transaction(web.services.database, session_id, principal.site_ids)).reference


def _newest(frames: Sequence[Frame]) -> int:
    return max((frame.id for frame in frames), default=0)


_REPORTED = (
    "Authorize", "BootNotification", "DataTransfer", "Heartbeat", "MeterValues", "StartTransaction",
    "StatusNotification", "StopTransaction", "TransactionEvent", "NotifyEvent", "NotifyReport",
    "FirmwareStatusNotification", "LogStatusNotification", "SecurityEventNotification",
)  # fmt: skip

ROUTES: tuple[HTTPRouteHandler, ...] = (show_log, follow_log, show_frame)
