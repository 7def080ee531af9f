"""The stations connected to this process, and the link by which the rest of the house reaches them."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterator
from itertools import chain
from typing import TypeVar, cast
from weakref import WeakValueDictionary

import structlog

from ingufu.core.commands import CALL_TIMEOUT_S, Command, Outcome, RawReply, ReplyKind
from ingufu.core.errors import (
    InvalidInput,
    StationNotAccepted,
    StationOffline,
    StationTimeout,
    StationUnavailable,
    StationUnsupported,
)
from ingufu.core.ids import IdMaker
from ingufu.gateway.connection import StationConnection
from ingufu.gateway.coping import Asker
from ingufu.gateway.lane import Lane
from ingufu.ocpp import wire
from ingufu.ocpp.phases import refusal
from ingufu.ocpp.rpc_memory import ReplyMemory
from ingufu.ocpp.versions import Version
from ingufu.stations.service import Stations

REPLACED = 4001  # private close code: a newer connection of the same station took over
DISCONNECTED = 4000  # private close code: an operator asked for it
REPLACING = 7  # the quirk of coming again while the old connection stands
REMEMBERED_STATIONS = 50_000  # whose recent replies outlive their connection

OutcomeT = TypeVar("OutcomeT", bound=Outcome)

log = structlog.get_logger(__name__)


def _do_nothing(station_id: str) -> None:
    del station_id


class Connections:
    """Who is connected here. The newest connection of a station is the one: an older one is most often half-open.

    Implements `core.commands.StationLink` for the stations of this process.
    """

    def __init__(self, stations: Stations, ids: IdMaker) -> None:
        self._stations = stations
        self._ids = ids
        self._by_station: dict[str, StationConnection] = {}
        self._lanes: WeakValueDictionary[str, Lane] = WeakValueDictionary()  # connections and their tasks hold them
        self._memories: OrderedDict[str, ReplyMemory] = OrderedDict()
        self._is_empty = asyncio.Event()
        self.reloaded: Callable[[str], None] = _do_nothing  # told of each station that is to be looked at anew
        self.asker = Asker(stations, stations.quirks.clock)  # who knows of quirks

    def __len__(self) -> int:
        return len(self._by_station)

    def __iter__(self) -> Iterator[StationConnection]:
        return iter(tuple(self._by_station.values()))

    def get(self, station_id: str) -> StationConnection | None:
        return self._by_station.get(station_id)

    def lane(self, station_id: str) -> Lane:
        """Return the lane in which the station's messages queue, whatever connection they came by."""
        lane = self._lanes.get(station_id)
        if lane is None:
            lane = self._lanes[station_id] = Lane()
        return lane

    def memory(self, station_id: str) -> ReplyMemory:
        """Return the station's recent replies, which outlive its connections."""
        memory = self._memories.get(station_id)
        if memory is None:
            memory = self._memories[station_id] = ReplyMemory()
            if len(self._memories) > REMEMBERED_STATIONS:
                self._memories.popitem(last=False)
        else:
            self._memories.move_to_end(station_id)
        return memory

    def add(self, connection: StationConnection) -> None:
        """Make it the station's connection; an older one is told and closed."""
        self._is_empty.clear()
        older = self._by_station.get(connection.station_id)
        self._by_station[connection.station_id] = connection
        if older is not None:
            log.info("gateway.replaced", station=connection.session.station.identity)
            self._stations.quirks.met(connection.station_id, REPLACING)
            older.close(REPLACED, "a newer connection of this station took over")

    def remove(self, connection: StationConnection) -> bool:
        """Forget the connection; False if a newer one has taken its place."""
        if self._by_station.get(connection.station_id) is not connection:
            return False
        del self._by_station[connection.station_id]
        if not self._by_station:
            self._is_empty.set()
        return True

    async def emptied(self) -> None:
        """Return when nobody is connected."""
        if self._by_station:
            await self._is_empty.wait()

    # StationLink

    async def call(self, station_id: str, command: Command[OutcomeT], *, timeout_s: float = CALL_TIMEOUT_S) -> OutcomeT:
        connection = self._require(station_id)
        row = connection.version.outbound.get(type(command))
        if row is None:
            raise StationUnsupported(f"OCPP {connection.version.name} cannot say {type(command).__name__}.")
        _check_phase(connection, row.action)
        request = row.render(command)
        wire.outbound_guard(request, connection.version.name)
        reply = await self._ask(connection, row.action, wire.encode(request), self._ids.new(), timeout_s)
        if reply.kind is ReplyKind.RESULT and reply.payload is not None:
            try:
                response, _ = wire.decode_lenient(row.response, reply.payload)
            except wire.WireError as error:
                raise StationUnavailable(f"The station's answer cannot be read: {error}") from error
            return cast("OutcomeT", row.outcome(response))  # the row of a command makes its outcome
        raise _failure(reply)

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
        connection = self._by_station.get(station_id)
        if connection is None:
            return RawReply(kind=ReplyKind.OFFLINE)
        if validate:
            _check_phase(connection, action)
            _check_shape(connection.version, action, payload)
        return await self._ask(connection, action, payload, message_id or self._ids.new(), timeout_s)

    async def disconnect(self, station_id: str, reason: str) -> bool:
        connection = self._by_station.get(station_id)
        if connection is None:
            return False
        connection.close(DISCONNECTED, reason[:120])
        return True

    async def reload(self, station_id: str) -> None:
        connection = self._by_station.get(station_id)
        self._stations.forget(station_id)
        self.reloaded(station_id)
        if connection is not None:
            connection.session.station = await self._stations.get(station_id)
            self.asker.renew(connection)

    async def _ask(
        self, connection: StationConnection, action: str, payload: bytes, message_id: str, timeout_s: float
    ) -> RawReply:
        """Return what comes of a request, asked in the way that the station's quirks let it answer."""
        ids = chain((message_id,), iter(self._ids.new, None))

        async def send(action: str, payload: bytes, left_s: float) -> RawReply:
            return await self._send(connection, action, payload, next(ids), left_s)

        return await self.asker.ask(connection, action, payload, timeout_s, send)

    async def _send(
        self, connection: StationConnection, action: str, payload: bytes, message_id: str, timeout_s: float
    ) -> RawReply:
        """Return what comes of a CALL. One that waited for its turn on a connection that was replaced goes to the new
        one, if that speaks the same version.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        while True:
            left_s = max(deadline - loop.time(), 0.0)
            reply = await connection.request(action, payload, message_id=message_id, timeout_s=left_s)
            newer = self._by_station.get(connection.station_id)
            if reply is not None:
                return reply
            if newer is None or newer is connection or newer.version is not connection.version:
                return RawReply(kind=ReplyKind.OFFLINE, message_id=message_id)
            connection = newer

    def _require(self, station_id: str) -> StationConnection:
        connection = self._by_station.get(station_id)
        if connection is None:
            raise StationOffline
        return connection


def _check_phase(connection: StationConnection, action: str) -> None:
    """Raise StationNotAccepted if the station's registration forbids to ask it this."""
    why = refusal(connection.session.phase, action)
    if why is not None:
        raise StationNotAccepted(why)


def _check_shape(version: Version, action: str, payload: bytes) -> None:
    messages = version.messages.get(action) if action in version.actions else None
    if messages is None:
        raise InvalidInput(f"OCPP {version.name} has no action {action[:60]}.", field="action")
    fault = wire.check(messages[0], payload, version.name)
    if fault is not None:
        raise fault


def _failure(reply: RawReply) -> StationUnavailable:
    match reply.kind:
        case ReplyKind.OFFLINE:
            return StationOffline()
        case ReplyKind.TIMEOUT:
            return StationTimeout()
        case _:
            text = f"The station answered {reply.error_code}: {reply.error_description or 'no reason given'}."
            refused = (reply.error_code or "") in ("NotImplemented", "NotSupported")
            return StationUnsupported(text) if refused else StationUnavailable(text)
