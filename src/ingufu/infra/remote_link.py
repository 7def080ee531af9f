"""The station link over the bus: the process that holds the sockets serves it, every other one asks."""

from collections.abc import Mapping
from typing import Any, TypeVar, cast

import msgspec

from ingufu.core import commands, errors
from ingufu.core.commands import CALL_TIMEOUT_S, Command, Outcome, RawReply, StationLink
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
    )
}
_ERRORS: Mapping[str, type[errors.IngufuError]] = {
    kind.code: kind
    for kind in (
        errors.StationOffline,
        errors.StationTimeout,
        errors.StationUnsupported,
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


class RemoteLink:
    """A StationLink that asks the process that holds the socket."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def call(self, station_id: str, command: Command[OutcomeT], *, timeout_s: float = CALL_TIMEOUT_S) -> OutcomeT:
        ask = Ask(
            do="call",
            station_id=station_id,
            name=type(command).__name__,
            body=msgspec.json.encode(command),
            timeout_s=timeout_s,
        )
        # Every command's outcome is an Outcome today; a second kind would be named by the command here.
        return cast("OutcomeT", msgspec.json.decode(await self._ask(ask), type=Outcome))

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
        return msgspec.json.decode(await self._ask(ask), type=RawReply)

    async def disconnect(self, station_id: str, reason: str) -> bool:
        return await self._ask(Ask(do="disconnect", station_id=station_id, name=reason)) == b"true"

    async def reload(self, station_id: str) -> None:
        await self._ask(Ask(do="reload", station_id=station_id))

    async def _ask(self, ask: Ask) -> bytes:
        answer = await self._bus.request(SUBJECT, msgspec.msgpack.encode(ask), timeout_s=ask.timeout_s + GRACE_S)
        told = msgspec.msgpack.decode(answer, type=Told)
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
            told = Told(error=error.code, message=error.message)
        return msgspec.msgpack.encode(told)

    bus.respond(SUBJECT, respond)


async def _do(link: StationLink, ask: Ask) -> bytes:
    match ask.do:
        case "call":
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
            return msgspec.json.encode(reply)
        case "disconnect":
            return b"true" if await link.disconnect(ask.station_id, ask.name) else b"false"
        case "reload":
            await link.reload(ask.station_id)
            return b""
        case _:
            raise errors.InvalidInput(f"Nobody here can {ask.do}.")
