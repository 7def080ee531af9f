"""Any request of a station's own OCPP version, filled in by a form or written as JSON, and what came of it."""

import json
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from litestar import Response
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from ingufu.accounts.model import Principal, Scope
from ingufu.core.commands import ActionForm, RawReply, ReplyKind
from ingufu.core.errors import InvalidInput, NotFound, Unavailable
from ingufu.views.stations import StationView
from ingufu.web.api import commands as api
from ingufu.web.console import payloads, present
from ingufu.web.console.pages import Pages, action, page, path_of
from ingufu.web.console.station import see
from ingufu.web.context import WebContext
from ingufu.web.errors import MalformedRequest
from ingufu.web.exchange import Asked
from ingufu.web.forms import Form

MAX_SHOWN = 200_000  # bytes of an answer that are drawn as a tree; a longer one is told by its length


class CommandsQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which request is filled in, and how."""

    action: Annotated[str, Meta(max_length=60)] = ""
    raw: Literal["yes"] | None = None


class PartQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which part of a form is wanted."""

    path: Annotated[str, Meta(max_length=500)]
    open: Literal["yes"] | None = None
    item: Literal["yes"] | None = None


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a request. `kind` is that of the reply, or "unsent"."""

    key: str
    action: str
    kind: str
    at: datetime
    duration_s: float | None = None
    sent: Any = None
    payload: Any = None
    code: str | None = None
    description: str | None = None
    field: str | None = None


@page("/stations/{station:str}/commands", scope=Scope.STATIONS_COMMAND, query=CommandsQuery)
async def show_commands(  # the page, with the request that is chosen
    web: WebContext, pages: Pages, principal: Principal, request: Asked, station: str, criteria: CommandsQuery
) -> Response[str]:
    """Show what may be asked of a station"""
    return await _show(web, pages, principal, request, station, criteria.action, is_raw=criteria.raw is not None)


@page("/stations/{station:str}/commands/{name:str}/part", scope=Scope.STATIONS_COMMAND, query=PartQuery)
async def show_part(  # a piece of the form
    web: WebContext, pages: Pages, principal: Principal, request: Asked, station: str, name: str, criteria: PartQuery
) -> Response[str]:
    """Show one more part of a request's form"""
    seen = await see(web, principal, station)
    form = _form_of(web, seen.station, name)
    field = payloads.find(form.fields, criteria.path) if form is not None else None
    if field is None:
        raise NotFound("The request has no such field.")
    return pages.part(
        request,
        "pages/station/command_part.html",
        field=field,
        path=criteria.path,
        href=path_of("stations", seen.station.id, "commands", name),
        new_key=_key_maker(web),
        how="item" if criteria.item else "open" if criteria.open else "closed",
    )


@action("/stations/{station:str}/commands/{name:str}", scope=Scope.STATIONS_COMMAND)
async def send_command(  # from the form to the answer
    web: WebContext, pages: Pages, principal: Principal, request: Asked, station: str, name: str, form: Form
) -> Response[str]:
    """Send a request, and show what came of it"""
    seen = await see(web, principal, station)
    known = _form_of(web, seen.station, name)
    if known is None:
        raise NotFound("The station's OCPP version has no such request.")
    payload = b"{}"
    try:
        payload = _payload(known, form)
        reply = await api.send_raw(web, principal, station, name, payload, validate=form.is_on("validate"))
        answer = _answer(web, name, reply, payload)
    except (InvalidInput, MalformedRequest, Unavailable) as error:
        answer = Answer(
            key=web.services.ids.new(),
            action=name,
            kind="unsent",
            at=web.services.clock.now(),
            sent=None if isinstance(error, MalformedRequest) else _shown(payload),
            code=error.code,
            description=error.message,
            field=error.field.removeprefix(payloads.PREFIX)
            if isinstance(error, InvalidInput) and error.field
            else None,
        )
    if request.headers.get("hx-request"):
        zone = present.zone(seen.zone)
        return pages.part(request, "pages/station/answer_fragment.html", answer=answer, tzinfo=zone)
    return await _show(web, pages, principal, request, station, name, is_raw=True, payload=payload, answer=answer)


async def _show(  # the page in all its states
    web: WebContext,
    pages: Pages,
    principal: Principal,
    request: Asked,
    station: str,
    name: str,
    *,
    is_raw: bool,
    payload: bytes | None = None,
    answer: Answer | None = None,
) -> Response[str]:
    seen = await see(web, principal, station)
    forms = web.catalogue.actions(seen.station.ocpp_version or "")
    chosen = next((form for form in forms if form.action == name), None)
    text = ""
    if chosen is not None and is_raw:
        text = _pretty(payload) if payload is not None else json.dumps(payloads.skeleton(chosen.fields), indent=2)
    return await pages.show(
        request,
        "pages/station/commands.html",
        **seen.frame("commands"),
        actions=[form.action for form in forms],
        action=chosen,
        raw=is_raw,
        payload=text,
        answers=[answer] if answer is not None else [],
        new_key=_key_maker(web),
    )


def _payload(known: ActionForm, form: Form) -> bytes:
    written = form.exact("payload")
    return written.encode() if written.strip() else payloads.build(known.fields, form.pairs)


def _answer(web: WebContext, name: str, reply: RawReply, sent: bytes) -> Answer:
    told = reply.payload if reply.kind is ReplyKind.RESULT else reply.error_details
    return Answer(
        key=reply.message_id or web.services.ids.new(),
        action=name,
        kind=reply.kind.value,
        at=web.services.clock.now(),
        duration_s=reply.duration_s,
        sent=_shown(sent),
        payload=None if told is None else _shown(bytes(told)),
        code=reply.error_code,
        description=reply.error_description,
    )


def _shown(raw: bytes) -> Any:  # any JSON value, as a template draws it
    if len(raw) > MAX_SHOWN:
        return f"({len(raw)} bytes)"
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return raw.decode("utf-8", "replace")


def _pretty(raw: bytes) -> str:
    try:
        return msgspec.json.format(raw, indent=2).decode()
    except (msgspec.DecodeError, UnicodeDecodeError):
        return raw.decode("utf-8", "replace")


def _form_of(web: WebContext, station: StationView, name: str) -> ActionForm | None:
    forms = web.catalogue.actions(station.ocpp_version or "")
    return next((form for form in forms if form.action == name), None)


def _key_maker(web: WebContext) -> Any:
    """Return what makes the keys by which the items of a list are told apart in a form."""
    return lambda: web.services.ids.new().replace("-", "")[-12:]


ROUTES: tuple[HTTPRouteHandler, ...] = (show_commands, show_part, send_command)
