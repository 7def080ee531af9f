"""The station link over the bus: the process that holds the sockets serves it, every other one asks."""

from collections.abc import Mapping
from typing import Any, TypeVar, cast

import msgspec

from ingufu.core import admission, commands, configuration, control, costs, errors
from ingufu.core.commands import CALL_TIMEOUT_S, Command, Outcome, RawReply, ReplyKind, StationLink, outcome_type
from ingufu.infra.bus.port import Bus

SUBJECT = "stations"
GRACE_S = 5.0  # the holder keeps the deadline; this is for the way there and back

OutcomeT = TypeVar("OutcomeT", bound=Outcome)

_COMMANDS: Mapping[str, type[Command[Any]]] = {
    kind.__name__: kind
    for kind in (
        commands.StartCharging,
        commands.StopCharging,
        commands.ResetStation,
        commands.UnlockConnector,
        commands.ChangeAvailability,
        commands.TriggerMessage,
        admission.CancelReservation,
        admission.ClearCache,
        admission.GetListLimits,
        admission.GetLocalListVersion,
        admission.GetReservationSupport,
        admission.ReserveNow,
        admission.SendLocalList,
        configuration.ReadVariables,
        configuration.RequestBaseReport,
        configuration.RequestMonitors,
        configuration.RequestReport,
        configuration.SetNetworkProfile,
        configuration.WriteVariables,
        control.AdjustEventStream,
        control.AskTransactionStatus,
        control.ExtendedTriggerMessage,
        control.ListEventStreams,
        control.UsePriorityCharging,
        costs.TellCost,
    )
}
_ERRORS: Mapping[str, type[errors.IngufuError]] = {
    kind.code: kind
    for kind in (
        errors.StationOffline,
        errors.StationTimeout,
        errors.StationUnsupported,
        errors.StationNotAccepted,
        errors.StationUnavailable,
        errors.InvalidInput,
        errors.NotFound,
        errors.Conflict,
        errors.Unavailable,
    )
}


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """One request to the holder of the sockets."""

    do: str
    station_id: str
    name: str = ""  # command's or action's
    body: bytes = b""
    validate: bool = True
    timeout_s: float = CALL_TIMEOUT_S
    message_id: str | None = None


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """Its answer: a body, or the code of an error."""

    body: bytes = b""
    error: str | None = None
    message: str = ""
    field: str | None = None  # of an InvalidInput


class Carried(msgspec.Struct, frozen=True, kw_only=True):
    """A RawReply on the bus. What the station wrote travels as bytes, so that not one of them changes."""

    kind: ReplyKind
    message_id: str | None = None
    payload: bytes | None = None
    error_code: str | None = None
    error_description: str | None = None
    error_details: bytes | None = None
    duration_s: float | None = None


class RemoteLink:
    """A StationLink that asks the process that holds the socket."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    # Besides what each says, all raise Unavailable when the holder of the sockets is gone: `call` and `call_raw` may
    # have reached the station then.

    async def call(self, station_id: str, command: Command[OutcomeT], *, timeout_s: float = CALL_TIMEOUT_S) -> OutcomeT:
        ask = Ask(
            do="call",
            station_id=station_id,
            name=type(command).__name__,
            body=msgspec.json.encode(command),
            timeout_s=timeout_s,
        )
        # The type checker cannot follow a command's own outcome through `outcome_type`.
        return cast("OutcomeT", msgspec.json.decode(await self._ask(ask), type=outcome_type(type(command))))

    async def call_raw(
        self,
        station_id: str,
        action: str,
        payload: bytes,
        *,
        validate: bool = True,
        timeout_s: float = CALL_TIMEOUT_S,
        message_id: str | None = None,
    ) -> RawReply:
        ask = Ask(
            do="raw",
            station_id=station_id,
            name=action,
            body=payload,
            validate=validate,
            timeout_s=timeout_s,
            message_id=message_id,
        )
        return _unpacked(msgspec.msgpack.decode(await self._ask(ask), type=Carried))

    async def disconnect(self, station_id: str, reason: str) -> bool:
        return await self._ask(Ask(do="disconnect", station_id=station_id, name=reason)) == b"true"

    async def reload(self, station_id: str) -> None:
        await self._ask(Ask(do="reload", station_id=station_id))

    async def _ask(self, ask: Ask) -> bytes:
        answer = await self._bus.request(SUBJECT, msgspec.msgpack.encode(ask), timeout_s=ask.timeout_s + GRACE_S)
        told = msgspec.msgpack.decode(answer, type=Told)
        if told.error == errors.InvalidInput.code:
            raise errors.InvalidInput(told.message, field=told.field)
        if told.error is not None:
            raise _ERRORS.get(told.error, errors.Unavailable)(told.message)
        return told.body


def serve(bus: Bus, link: StationLink) -> None:
    """Let other processes use `link` through the bus."""

    async def respond(message: bytes) -> bytes:
        ask = msgspec.msgpack.decode(message, type=Ask)
        try:
            told = Told(body=await _do(link, ask))
        except errors.IngufuError as error:
            told = Told(error=_code(error), message=error.message, field=getattr(error, "field", None))
        return msgspec.msgpack.encode(told)

    bus.respond(SUBJECT, respond)


def _code(error: errors.IngufuError) -> str:
    """Return the code of the error, or of what it is a kind of: the other side knows those of the house only."""
    known = (kind.code for kind in type(error).__mro__ if issubclass(kind, errors.IngufuError) and kind.code in _ERRORS)
    return next(known, errors.Unavailable.code)


async def _do(link: StationLink, ask: Ask) -> bytes:
    match ask.do:
        case "call":
            if ask.name not in _COMMANDS:
                raise errors.InvalidInput(f"Nobody here knows the command {ask.name}.")
            command = msgspec.json.decode(ask.body, type=_COMMANDS[ask.name])
            return msgspec.json.encode(await link.call(ask.station_id, command, timeout_s=ask.timeout_s))
        case "raw":
            reply = await link.call_raw(
                ask.station_id,
                ask.name,
                ask.body,
                validate=ask.validate,
                timeout_s=ask.timeout_s,
                message_id=ask.message_id,
            )
            return msgspec.msgpack.encode(_packed(reply))
        case "disconnect":
            return b"true" if await link.disconnect(ask.station_id, ask.name) else b"false"
        case "reload":
            await link.reload(ask.station_id)
            return b""
        case _:
            raise errors.InvalidInput(f"Nobody here can {ask.do}.")


def _packed(reply: RawReply) -> Carried:
    return Carried(
        kind=reply.kind,
        message_id=reply.message_id,
        payload=None if reply.payload is None else bytes(reply.payload),
        error_code=reply.error_code,
        error_description=reply.error_description,
        error_details=None if reply.error_details is None else bytes(reply.error_details),
        duration_s=reply.duration_s,
    )


def _unpacked(carried: Carried) -> RawReply:
    return RawReply(
        kind=carried.kind,
        message_id=carried.message_id,
        payload=None if carried.payload is None else msgspec.Raw(carried.payload),
        error_code=carried.error_code,
        error_description=carried.error_description,
        error_details=None if carried.error_details is None else msgspec.Raw(carried.error_details),
        duration_s=carried.duration_s,
    )
