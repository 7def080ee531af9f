"""Asks of stations what is asked of them, in the way that their quirks let them answer it."""

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec
import structlog

from ingufu.core.clock import Clock
from ingufu.core.commands import RawReply, ReplyKind
from ingufu.core.errors import StationUnsupported
from ingufu.gateway.connection import StationConnection
from ingufu.ocpp import composite, quirk_requests
from ingufu.ocpp.composite import Accepted
from ingufu.ocpp.quirk_requests import Held
from ingufu.ocpp.quirks import Coping, needs_coping
from ingufu.stations.service import Stations

REMEMBERED_STATIONS = 20_000  # whose charging profiles are remembered
SHORTENED_AT_MOST = 12  # times
NO_AVAILABILITY, NO_SCHEDULE = 28, 68  # quirks that are coped with for everybody

_COMMANDS = frozenset({"RemoteStartTransaction", "RemoteStopTransaction"})

T = TypeVar("T")
Send = Callable[[str, bytes, float], Awaitable[RawReply]]  # one CALL as it is: action, payload, seconds


class Asker:
    """One for the process. What it does for a station without quirks is one look at the answer of a few actions."""

    def __init__(self, stations: Stations, clock: Clock) -> None:
        self._stations = stations
        self._clock = clock
        self._profiles: OrderedDict[str, tuple[Accepted, ...]] = OrderedDict()

    def renew(self, connection: StationConnection, user_agent: str | None = None) -> None:
        """Let the connection be coped with by what is known of its station now."""
        session = connection.session
        effects = self._stations.quirks.effects(session.station, user_agent or connection.admitted.attempt.user_agent)
        coping = session.coping
        if not needs_coping(effects):
            session.coping = connection.peer.salvage = None
            return
        if coping is None:
            station = session.station
            coping = Coping(
                effects,
                lambda number: self._stations.quirks.met(station.id, number),
                lambda number, lesson: self._stations.quirks.learn(session.station, number, lesson),
                since=asyncio.get_running_loop().time(),
            )
            session.coping = coping
        coping.effects = effects
        connection.peer.salvage = coping.salvage if effects.does.salvages_json else None

    async def ask(
        self, connection: StationConnection, action: str, payload: bytes, left_s: float, send: Send
    ) -> RawReply:
        """Return what came of a request. Raises StationUnsupported for what a quirk forbids to send."""
        coping = connection.session.coping
        if coping is None:
            reply = await send(action, payload, left_s)
            return await self._after(connection, action, payload, reply, send, left_s)
        until = self._clock.monotonic() + left_s
        await self._wait(coping, action, left_s)
        lesson = self._stations.quirks.lesson(connection.session.station)
        planned = quirk_requests.plan(coping.effects, action, payload, lesson=lesson)
        if isinstance(planned, Held):
            self._stations.quirks.met(connection.station_id, planned.number)
            raise StationUnsupported(
                f"Not sent because of quirk {planned.number}: {planned.why}. Switch the quirk off for this station to "
                "send it all the same."
            )
        for number in planned.numbers:
            self._stations.quirks.met(connection.station_id, number)
        coping.asked(action, planned.payloads[-1])
        replies = await self._send_all(action, planned.payloads, send, until)
        reply = await self._again(coping, action, planned.payloads, replies, send, until)
        return await self._after(connection, action, planned.payloads[-1], reply, send, self._left(until))

    # Before

    async def _wait(self, coping: Coping, action: str, left_s: float) -> None:
        """Wait for the boot, and for the distance between two commands; never longer than the one who asks waits."""
        loop = asyncio.get_running_loop()
        if coping.does.waits_for_boot_s and not coping.boot.is_set():
            until = min(coping.since + coping.does.waits_for_boot_s, loop.time() + left_s)
            if loop.time() < until:
                coping.note("waits_for_boot_s")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(until):
                    await coping.boot.wait()
        if action in _COMMANDS and coping.does.command_gap_s:
            before, coping.commanded_at = coping.commanded_at, loop.time()
            wait_s = 0.0 if before is None else before + coping.does.command_gap_s - loop.time()
            if wait_s > 0:
                coping.note("command_gap_s")
                coping.commanded_at = loop.time() + wait_s
                await asyncio.sleep(min(wait_s, left_s))

    async def _send_all(self, action: str, payloads: tuple[bytes, ...], send: Send, until: float) -> list[RawReply]:
        replies: list[RawReply] = []
        for payload in payloads:
            reply = await send(action, payload, self._left(until))
            replies.append(reply)
            if reply.kind in (ReplyKind.OFFLINE, ReplyKind.TIMEOUT):
                break
        return replies

    # After

    async def _again(
        self,
        coping: Coping,
        action: str,
        payloads: tuple[bytes, ...],
        replies: list[RawReply],
        send: Send,
        until: float,
    ) -> RawReply:
        reply, payload, does = replies[-1], payloads[-1], coping.does
        if action == "GetConfiguration":
            return await self._configuration(coping, payload, replies, send, until)
        status = quirk_requests.status_of(reply.payload)
        if status != "Rejected":
            return reply
        if action == "ChangeConfiguration" and does.shortens_lists:
            return await self._shorten(coping, payload, reply, send, until)
        instead = quirk_requests.as_default_profile(payload) if does.replaces_station_profiles else None
        if action == "SetChargingProfile" and instead is not None:
            coping.note("replaces_station_profiles")
            return await send(action, instead, self._left(until))
        return reply

    async def _configuration(
        self, coping: Coping, payload: bytes, replies: list[RawReply], send: Send, until: float
    ) -> RawReply:
        reply, does = replies[-1], coping.does
        answered = [bytes(one.payload) for one in replies if one.kind is ReplyKind.RESULT and one.payload is not None]
        if len(replies) > 1 and answered:
            reply = _answered(reply, quirk_requests.join_answers(answered))
        is_empty = reply.kind is ReplyKind.RESULT and quirk_requests.is_without_keys(reply.payload)
        if does.asks_known_keys and is_empty and quirk_requests.asks_for_all(payload):
            coping.note("asks_known_keys")
            at_once = does.keys_at_once or quirk_requests.KNOWN_KEYS_AT_ONCE
            more = await self._send_all("GetConfiguration", quirk_requests.ask_known(at_once), send, until)
            told = [bytes(one.payload) for one in more if one.kind is ReplyKind.RESULT and one.payload is not None]
            reply = _answered(reply, quirk_requests.join_answers(told))
        if reply.kind is not ReplyKind.RESULT or reply.payload is None:
            return reply
        tidy = quirk_requests.tidy_answer(bytes(reply.payload), does, payload)
        if tidy != bytes(reply.payload):
            coping.note("distrusts_configuration" if does.distrusts_configuration else "tidies_configuration")
        return _answered(reply, tidy)

    async def _shorten(self, coping: Coping, payload: bytes, reply: RawReply, send: Send, until: float) -> RawReply:
        for _ in range(SHORTENED_AT_MOST):
            less = quirk_requests.shorter(payload)
            if less is None or quirk_requests.status_of(reply.payload) != "Rejected":
                break
            payload = less
            coping.note("shortens_lists")
            reply = await send("ChangeConfiguration", payload, self._left(until))
        return reply

    async def _after(
        self, connection: StationConnection, action: str, payload: bytes, reply: RawReply, send: Send, left_s: float
    ) -> RawReply:
        """Cope with what any station may show: by one look where the action is another."""
        look = _LOOKS.get(action)
        if look is None or connection.version.name != "1.6":
            return reply
        return await look(self, connection, payload, reply, send, left_s)

    async def _availability(
        self, connection: StationConnection, payload: bytes, reply: RawReply, send: Send, left_s: float
    ) -> RawReply:
        if quirk_requests.status_of(reply.payload) != "Rejected":
            return reply
        instead = quirk_requests.for_first_connector(payload)
        if instead is None or len(await self._stations.topology(connection.station_id)) > 1:
            return reply
        self._stations.quirks.met(connection.station_id, NO_AVAILABILITY)
        return await send("ChangeAvailability", instead, left_s)

    async def _set_profile(
        self, connection: StationConnection, payload: bytes, reply: RawReply, send: Send, left_s: float
    ) -> RawReply:
        del send, left_s
        if quirk_requests.status_of(reply.payload) == "Accepted":
            now = self._clock.now()
            self._remember(connection, lambda known: composite.with_profile(known, payload, now))
            coping = connection.session.coping
            if coping is not None and coping.does.learns_zero_limit and quirk_requests.has_zero_limit(payload):
                coping.limited_to_nothing(now)
        return reply

    async def _clear_profile(
        self, connection: StationConnection, payload: bytes, reply: RawReply, send: Send, left_s: float
    ) -> RawReply:
        del send, left_s
        if quirk_requests.status_of(reply.payload) == "Accepted":
            self._remember(connection, lambda known: composite.without_profiles(known, payload))
        return reply

    async def _schedule(
        self, connection: StationConnection, payload: bytes, reply: RawReply, send: Send, left_s: float
    ) -> RawReply:
        del send, left_s
        is_told = reply.kind is ReplyKind.RESULT and b"chargingSchedule" in bytes(reply.payload or b"")
        if is_told or reply.kind in (ReplyKind.OFFLINE, ReplyKind.TIMEOUT):
            return reply
        composed = _unless_odd(lambda: composite.compose(self._known(connection), payload, self._clock.now()))
        if composed is None:
            return reply
        self._stations.quirks.met(connection.station_id, NO_SCHEDULE)
        return _answered(reply, composed)

    def _known(self, connection: StationConnection) -> tuple[Accepted, ...]:
        return self._profiles.get(connection.station_id, ())

    def _remember(
        self, connection: StationConnection, change: Callable[[tuple[Accepted, ...]], tuple[Accepted, ...]]
    ) -> None:
        known = _unless_odd(lambda: change(self._known(connection)))
        if known is None:
            return
        self._profiles[connection.station_id] = known
        self._profiles.move_to_end(connection.station_id)
        if len(self._profiles) > REMEMBERED_STATIONS:
            self._profiles.popitem(last=False)

    def _left(self, until: float) -> float:
        return max(until - self._clock.monotonic(), 0.001)


_LOOKS = {
    "ChangeAvailability": Asker._availability,  # noqa: SLF001 - the table is the class's
    "SetChargingProfile": Asker._set_profile,  # noqa: SLF001
    "ClearChargingProfile": Asker._clear_profile,  # noqa: SLF001
    "GetCompositeSchedule": Asker._schedule,  # noqa: SLF001
}

log = structlog.get_logger(__name__)


def _unless_odd(do: Callable[[], T]) -> T | None:
    """Return what is computed of a profile, None for one that was sent unchecked and is not understood."""
    try:
        return do()
    except (KeyError, TypeError, ValueError, ArithmeticError) as error:
        log.info("gateway.profile_not_understood", error=repr(error)[:200])
        return None


def _answered(reply: RawReply, payload: bytes) -> RawReply:
    """Return the reply with another payload: what the station must have meant, or what we know better."""
    return msgspec.structs.replace(
        reply,
        kind=ReplyKind.RESULT,
        payload=msgspec.Raw(payload),
        error_code=None,
        error_description=None,
        error_details=None,
    )
