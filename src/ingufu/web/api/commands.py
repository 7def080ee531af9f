"""Commands: any CALL of the station's own version just as given, and typed ones on top of it."""

import json
from typing import Annotated

import msgspec
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from ingufu.accounts.model import Principal, Scope
from ingufu.authorization.model import Occasion, PresentedToken, Verdict
from ingufu.core import errors
from ingufu.core.commands import (
    ActionForm,
    Availability,
    ChangeAvailability,
    Command,
    Outcome,
    RawReply,
    ReplyKind,
    ResetKind,
    ResetStation,
    StartCharging,
    StopCharging,
    Trigger,
    TriggerMessage,
    UnlockConnector,
)
from ingufu.stations.events import CommandAnswered
from ingufu.stations.model import Station
from ingufu.views import transactions as transaction_views
from ingufu.web import access
from ingufu.web.context import WebContext
from ingufu.web.errors import MalformedRequest, TokenRefused
from ingufu.web.exchange import Asked
from ingufu.web.reading import read_body
from ingufu.web.routes import route

Evse = Annotated[int, Meta(ge=0, lt=2**31, description="Number of the EVSE; of a 1.6 station: of the connector.")]
Connector = Annotated[int, Meta(ge=1, lt=2**31)]
_RAISES = (
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


class Start(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to start."""

    token: Annotated[str, Meta(min_length=1, max_length=255, description="The id token to charge in the name of.")]
    token_kind: (
        Annotated[str, Meta(max_length=20, description="Its kind; else that of the registered token, or Central.")]
        | None
    ) = None
    evse: Annotated[Evse | None, Meta(description="Where; else at any EVSE that is free.")] = None
    force: Annotated[bool, Meta(description="Also if the token would be refused here.")] = False


class Stop(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to stop."""

    transaction: Annotated[str, Meta(min_length=1, max_length=100, description="Its id, or the station's name for it.")]


class Reset(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to reset, and how firmly."""

    kind: ResetKind = ResetKind.ON_IDLE
    evse: Annotated[Evse | None, Meta(description="Only this EVSE (OCPP 2.x).")] = None


class Unlock(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which connector to unlock."""

    evse: Evse
    connector: Connector = 1


class SetAvailability(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to take into or out of service: the station, an EVSE or a connector."""

    availability: Availability
    evse: Evse | None = None
    connector: Connector | None = None


class TriggerOne(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the station is to send now."""

    trigger: Trigger
    evse: Evse | None = None
    connector: Connector | None = None


class Started(Outcome, frozen=True, kw_only=True):
    """What the station answered to a start, and the verdict on the token."""

    remote_start_id: int
    verdict: Verdict


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
    await _keep(web, principal, known, action, reply.kind.value, status)
    return reply


@route(
    "POST",
    "/stations/{station:str}/start",
    status=200,
    scope=Scope.STATIONS_COMMAND,
    body=Start,
    raises=(*_RAISES, TokenRefused),
)
async def start(web: WebContext, principal: Principal, station: str, given: Start) -> Started:
    """Start charging

    The token is checked as if it were presented at the station; one that is refused is not sent, unless `force` says
    so. The station may answer `Rejected`: that is an outcome, not an error. `remote_start_id` finds the transaction
    that comes of it (OCPP 2.x).
    """
    known = await access.station_of(web, principal, station)
    verdict = await _judge(web, known, given)
    if not verdict.is_accepted and not given.force:
        raise TokenRefused(f"The token would be refused: {verdict.status.value} ({verdict.reason.value}).")
    registered = await web.services.authorization.find_token(given.token, given.token_kind)
    kind = given.token_kind or (registered.kind if registered is not None else "Central")
    number = int(web.services.ids.new().replace("-", "")[-8:], 16) & 0x7FFF_FFFF or 1  # 2.x: a positive integer
    command = StartCharging(token=given.token, token_kind=kind, evse=given.evse, remote_start_id=number)
    outcome = await _call(web, principal, known, command)
    return Started(
        status=outcome.status,
        is_accepted=outcome.is_accepted,
        details=outcome.details,
        remote_start_id=number,
        verdict=verdict,
    )


@route(
    "POST",
    "/stations/{station:str}/stop",
    status=200,
    scope=Scope.STATIONS_COMMAND,
    body=Stop,
    raises=(*_RAISES, errors.Conflict),
)
async def stop(web: WebContext, principal: Principal, station: str, given: Stop) -> Outcome:
    """Stop a transaction

    The station ends it and reports so; that report, not this answer, ends it here.
    """
    known = await access.station_of(web, principal, station)
    transaction = await transaction_views.find_at_station(web.services.database, known.id, given.transaction)
    if not transaction.is_open:
        raise errors.Conflict("The transaction has ended already.")
    return await _call(web, principal, known, StopCharging(reference=transaction.reference))


@route("POST", "/stations/{station:str}/reset", status=200, scope=Scope.STATIONS_COMMAND, body=Reset, raises=_RAISES)
async def reset(web: WebContext, principal: Principal, station: str, given: Reset) -> Outcome:
    """Reset a station

    `immediate` ends what charges there (1.6: Hard); `on-idle` waits until nothing charges (1.6: Soft, which ends
    transactions in good order).
    """
    known = await access.station_of(web, principal, station)
    return await _call(web, principal, known, ResetStation(kind=given.kind, evse=given.evse))


@route("POST", "/stations/{station:str}/unlock", status=200, scope=Scope.STATIONS_COMMAND, body=Unlock, raises=_RAISES)
async def unlock(web: WebContext, principal: Principal, station: str, given: Unlock) -> Outcome:
    """Unlock a connector

    Lets go of a cable that is held.
    """
    known = await access.station_of(web, principal, station)
    return await _call(web, principal, known, UnlockConnector(evse=given.evse, connector=given.connector))


@route(
    "POST",
    "/stations/{station:str}/availability",
    status=200,
    scope=Scope.STATIONS_COMMAND,
    body=SetAvailability,
    raises=_RAISES,
)
async def set_availability(web: WebContext, principal: Principal, station: str, given: SetAvailability) -> Outcome:
    """Take into or out of service

    The whole station, one EVSE or one connector. The wish is kept, also if the station cannot be told now.
    """
    known = await access.station_of(web, principal, station)
    is_operative = given.availability is Availability.OPERATIVE
    evse = given.evse or None  # 0 is the whole station
    async with web.services.database.work() as work:
        await web.services.stations.set_operative(work, known.id, evse, given.connector, is_operative=is_operative)
    command = ChangeAvailability(availability=given.availability, evse=evse, connector=given.connector)
    return await _call(web, principal, known, command)


@route(
    "POST",
    "/stations/{station:str}/trigger",
    status=200,
    scope=Scope.STATIONS_COMMAND,
    body=TriggerOne,
    raises=_RAISES,
)
async def trigger(web: WebContext, principal: Principal, station: str, given: TriggerOne) -> Outcome:
    """Ask for a message

    The station answers whether it will send it; the message itself comes afterwards, as ever.
    """
    known = await access.station_of(web, principal, station)
    command = TriggerMessage(trigger=given.trigger, evse=given.evse, connector=given.connector)
    return await _call(web, principal, known, command)


def _checked(payload: bytes) -> bytes:
    """Return the payload if it is one JSON value, for what is not would break the frame around it."""
    try:
        json.loads(payload.decode(), parse_int=len, parse_float=len, parse_constant=_refuse)  # numbers stay as they are
    except (ValueError, RecursionError) as error:
        raise MalformedRequest("The payload is not JSON.") from error
    return payload


def _refuse(word: str) -> None:
    raise ValueError(word)  # NaN and Infinity, which Python takes for JSON


async def _judge(web: WebContext, station: Station, given: Start) -> Verdict:
    services = web.services
    async with services.database.work() as work:
        return await services.authorization.check(
            work,
            PresentedToken(value=given.token, kind=given.token_kind),
            station_id=station.id,
            evse=given.evse,
            at=services.clock.now(),
            occasion=Occasion.REMOTE_START,
        )


async def _call(web: WebContext, principal: Principal, station: Station, command: Command[Outcome]) -> Outcome:
    action = type(command).__name__
    try:
        outcome = await web.link.call(station.id, command, timeout_s=web.settings.call_timeout_s)
    except errors.IngufuError as error:
        await _keep(web, principal, station, action, error.code, None)
        raise
    await _keep(web, principal, station, action, ReplyKind.RESULT.value, outcome.status)
    return outcome


async def _keep(
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
    list_actions, send_command, start, stop, reset, unlock, set_availability, trigger,
)  # fmt: skip
