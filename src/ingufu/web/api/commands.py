"""Commands: any CALL of the station's own version just as given, and typed ones on top of it."""

import json
from collections.abc import Awaitable
from typing import Annotated, TypeVar

import msgspec
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from ingufu.accounts.model import Principal, Scope
from ingufu.configuration.service import Reading
from ingufu.core import errors
from ingufu.core.commands import (
    ActionForm,
    Command,
    Outcome,
    RawReply,
    ReplyKind,
    ResetKind,
    UnlockConnector,
)
from ingufu.stations.events import CommandAnswered
from ingufu.stations.model import Station
from ingufu.web import access
from ingufu.web.context import WebContext
from ingufu.web.errors import MalformedRequest
from ingufu.web.exchange import Asked
from ingufu.web.reading import read_body
from ingufu.web.routes import route

Evse = Annotated[int, Meta(ge=0, lt=2**31, description="Number of the EVSE; of a 1.6 station: of the connector.")]
Connector = Annotated[int, Meta(ge=1, lt=2**31)]
OutcomeT = TypeVar("OutcomeT", bound=Outcome)
RAISES = (
    errors.NotFound,
    errors.StationOffline,
    errors.StationTimeout,
    errors.StationUnsupported,
    errors.StationNotAccepted,
    errors.InvalidInput,
)


class CommandQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a CALL is sent."""

    validate: Annotated[
        bool, Meta(description="Whether the payload must have the shape of the action in the station's version.")
    ] = True
    timeout_s: (
        Annotated[float, Meta(gt=0, le=110, description="How long to wait for the answer; else as the settings say.")]
        | None
    ) = None


class Reset(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to reset, and how firmly."""

    kind: ResetKind = ResetKind.ON_IDLE
    evse: Annotated[Evse | None, Meta(description="Only this EVSE (OCPP 2.x).")] = None


class Unlock(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which connector to unlock."""

    evse: Evse
    connector: Connector = 1


@route("GET", "/stations/{station:str}/commands", scope=Scope.STATIONS_READ, raises=(errors.NotFound,))
async def list_actions(web: WebContext, principal: Principal, station: str) -> list[ActionForm]:
    """List what can be asked of a station

    Every request that the OCPP version of its last connection knows, with the fields of its payload.
    """
    known = await access.station_of(web, principal, station)
    return list(web.catalogue.actions(known.ocpp_version or ""))


@route(
    "POST",
    "/stations/{station:str}/commands/{action:str}",
    status=200,
    scope=Scope.STATIONS_COMMAND,
    query=CommandQuery,
    is_raw=True,
    raises=(errors.NotFound, errors.InvalidInput, errors.StationNotAccepted, MalformedRequest, errors.Unavailable),
)
async def send_command(
    web: WebContext, principal: Principal, request: Asked, station: str, action: str, criteria: CommandQuery
) -> RawReply:
    """Send a CALL

    The body is the payload, and goes to the station byte for byte: nothing is added, dropped, retyped or reordered,
    and nothing is checked against what we know of the station. Only its shape is checked, by the schema of the
    station's own OCPP version, and that its registration allows the request (a rejected station is asked for nothing,
    a pending one for no start or stop); `validate=false` skips that too. An empty body stands for `{}`.

    The answer is 200 whatever became of the CALL, and `kind` says what: `result` with the station's `payload` byte for
    byte, `error` with its code, `timeout`, or `offline`. Errors are for requests that were never sent.
    """
    payload = await read_body(request) or b"{}"
    return await send_raw(
        web, principal, station, action, payload, validate=criteria.validate, timeout_s=criteria.timeout_s
    )


async def send_raw(  # what the API and the console's forms send
    web: WebContext,
    principal: Principal,
    station: str,
    action: str,
    payload: bytes,
    *,
    validate: bool,
    timeout_s: float | None = None,
) -> RawReply:
    """Return what came of a CALL whose payload is sent as it is; timeline and audit trail have it then.

    Raises NotFound, InvalidInput, MalformedRequest, Unavailable for what was never sent.
    """
    known = await access.station_of(web, principal, station)
    reply = await web.link.call_raw(
        known.id,
        action,
        _checked(payload),
        validate=validate,
        timeout_s=timeout_s or web.settings.call_timeout_s,
    )
    status = reply.error_code if reply.kind is ReplyKind.ERROR else None
    await keep(web, principal, known, action, reply.kind.value, status)
    return reply


@route("POST", "/stations/{station:str}/reset", status=200, scope=Scope.STATIONS_COMMAND, body=Reset, raises=RAISES)
async def reset(web: WebContext, principal: Principal, station: str, given: Reset) -> Outcome:
    """Reset a station

    `immediate` ends what charges there (1.6: Hard); `on-idle` waits until nothing charges (1.6: Soft, which ends
    transactions in good order); `immediate-and-resume` goes on with it afterwards (2.1). A reset that was accepted or
    scheduled stays in the list of resets until the station has booted.
    """
    known = await access.station_of(web, principal, station)
    who = Reading(link=web.link, actor=principal.name, timeout_s=web.settings.call_timeout_s)
    resetting = web.services.configuration.resetting
    return await kept(web, principal, known, "ResetStation", resetting.reset(who, known.id, given.kind, given.evse))


@route(
    "POST",
    "/stations/{station:str}/unlock",
    status=200,
    scope=Scope.STATIONS_COMMAND,
    body=Unlock,
    raises=RAISES,
)
async def unlock(web: WebContext, principal: Principal, station: str, given: Unlock) -> Outcome:
    """Unlock a connector

    Lets go of a cable that is held.
    """
    known = await access.station_of(web, principal, station)
    return await call(web, principal, known, UnlockConnector(evse=given.evse, connector=given.connector))


def _checked(payload: bytes) -> bytes:
    """Return the payload if it is one JSON value, for what is not would break the frame around it."""
    try:
        json.loads(payload.decode(), parse_int=len, parse_float=len, parse_constant=_refuse)  # numbers stay as they are
    except (ValueError, RecursionError) as error:
        raise MalformedRequest("The payload is not JSON.") from error
    return payload


def _refuse(word: str) -> None:
    raise ValueError(word)  # NaN and Infinity, which Python takes for JSON


async def call(web: WebContext, principal: Principal, station: Station, command: Command[OutcomeT]) -> OutcomeT:
    """Return what the station answered to a typed command; timeline and audit trail have it then, or why it did not.

    Raises StationOffline, StationTimeout, StationUnsupported, StationUnavailable, Unavailable, InvalidInput.
    """
    asked = web.link.call(station.id, command, timeout_s=web.settings.call_timeout_s)
    return await kept(web, principal, station, type(command).__name__, asked)


async def kept(
    web: WebContext, principal: Principal, station: Station, action: str, asked: Awaitable[OutcomeT]
) -> OutcomeT:
    """Return what came of a request that is being made, as `call` does."""
    try:
        outcome = await asked
    except errors.IngufuError as error:
        await keep(web, principal, station, action, error.code, None)
        raise
    await keep(web, principal, station, action, ReplyKind.RESULT.value, outcome.status)
    return outcome


async def keep(
    web: WebContext, principal: Principal, station: Station, action: str, result: str, status: str | None
) -> None:
    """Keep what was asked and what came of it, in the timeline and in the audit trail."""
    async with web.services.database.work() as work:
        work.emit(
            CommandAnswered(
                occurred_at=web.services.clock.now(),
                station_id=station.id,
                action=action[:50],
                result=result,
                status=status,
                actor=principal.name,
            )
        )
        details = {"action": action[:50], "result": result, "status": status}
        access.note(web, work, principal, "station.command", station.id, details)


ROUTES: tuple[HTTPRouteHandler, ...] = (
    list_actions, send_command, reset, unlock,
)  # fmt: skip
