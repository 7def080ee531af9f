"""The WebSocket server: listeners plain, with TLS and with client certificates side by side, and their end."""

import asyncio
import socket as sockets
from asyncio import Event, Server
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from ingufu.gateway.websocket.counters import Counters
from ingufu.gateway.websocket.decisions import AttemptFailed, Cause, ClosedBy, Connection, Decide
from ingufu.gateway.websocket.deflate import Codec
from ingufu.gateway.websocket.entrance import Entrance, House
from ingufu.gateway.websocket.handshake import Handshake
from ingufu.gateway.websocket.limits import ServerLimits
from ingufu.gateway.websocket.messages import CloseCode
from ingufu.gateway.websocket.rates import AddressKeys, Bucket, Buckets
from ingufu.gateway.websocket.securing import SecureDoor
from ingufu.gateway.websocket.socket import Socket
from ingufu.gateway.websocket.surroundings import Surroundings
from ingufu.gateway.websocket.timers import Wheel
from ingufu.gateway.websocket.tls import ServerTls

_BACKLOG = 4096  # a fleet that comes back at once; the kernel's own limit may be lower
_ABORT_S = 2.0  # for the loop to tell the handlers of sockets that were aborted


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """Where to listen; the name tells the owner by which door a station came."""

    name: str
    host: str
    port: int  # 0: any free one
    tls: ServerTls | None = None
    shares_port: bool = False  # with other processes (SO_REUSEPORT)


class WebSocketServer:
    """Accepts stations on any number of endpoints; lives in one event loop, uvloop or asyncio's own.

    `uniform` returns a random number from 0 to 1 and serves only to spread load. `attempt_failed` is
    called for every attempt that `decide` was not asked about or could not answer; what `decide`
    refuses, the owner knows itself.
    """

    def __init__(
        self,
        *,
        decide: Decide,
        attempt_failed: AttemptFailed,
        monotonic: Callable[[], float],
        uniform: Callable[[], float],
        limits: ServerLimits | None = None,
    ) -> None:
        limits = limits or ServerLimits()
        loop = asyncio.get_running_loop()
        self.counters = Counters()
        self._sockets: set[Socket] = set()
        self._is_empty = Event()
        self._wheel = Wheel(loop, monotonic)
        self._doors: list[Server | SecureDoor] = []
        self._monotonic = monotonic
        self._house = House(
            limits=limits,
            surroundings=Surroundings(
                loop=loop,
                wheel=self._wheel,
                monotonic=monotonic,
                uniform=uniform,
                counters=self.counters,
                codec=Codec(),
                forget=self._forget,
            ),
            decide=decide,
            attempt_failed=attempt_failed,
            keys=AddressKeys(limits.exempt_networks),
            address_handshakes=Buckets(limits.address_handshakes_per_s, limits.address_handshake_burst, monotonic),
            address_messages=Buckets(limits.address_messages_per_s, limits.address_message_burst, monotonic),
            sockets=self._sockets,
        )

    async def listen(self, endpoint: Endpoint) -> tuple[str, int]:
        """Accept stations at an endpoint and return its first bound address and port.

        Raises OSError if the address cannot be bound.
        """
        limits = self._house.limits
        rate = limits.handshakes_per_s
        bucket = None if rate is None else Bucket(rate, limits.handshake_burst, self._monotonic())
        entrance = Entrance(name=endpoint.name, house=self._house, bucket=bucket)
        listening = await _bind(endpoint)
        for socket in listening:
            await self._accept_on(socket, entrance, endpoint.tls)
        host, port = listening[0].getsockname()[:2]
        return host, port

    async def _accept_on(self, socket: sockets.socket, entrance: Entrance, server_tls: ServerTls | None) -> None:
        if server_tls is None:
            loop = asyncio.get_running_loop()
            self._doors.append(await loop.create_server(partial(Handshake, entrance), sock=socket, backlog=_BACKLOG))
        else:
            door = SecureDoor(entrance, server_tls, socket)
            door.open()
            self._doors.append(door)

    async def stop(self, *, spread_s: float, deadline_s: float, reason: str = "going away") -> None:
        """Accept nothing more, close the sockets one after the other over `spread_s`, return when all are closed.

        Each hears 1001. Handlers have been told of the end of every socket on return; those whose
        station has not answered within `deadline_s` were aborted.
        """
        self._stop_accepting()
        sockets = list(self._sockets)
        for number, socket in enumerate(sockets):
            close = partial(socket.close, CloseCode.GOING_AWAY, reason, ClosedBy.SHUTDOWN)
            self._wheel.schedule(spread_s * number / len(sockets), close)
        if not await self._emptied(deadline_s):
            for socket in list(self._sockets):
                socket.abort("not closed in time", ClosedBy.SHUTDOWN)
            await self._emptied(_ABORT_S)
        for abort in list(self._house.leaving):
            abort()
        self._wheel.close()

    def _stop_accepting(self) -> None:
        self._house.is_stopping = True
        for door in self._doors:
            door.close()
        for attempt in list(self._house.attempts.values()):
            attempt.turn_away(Cause.STOPPING, "the server is stopping")

    async def _emptied(self, timeout_s: float) -> bool:
        if self._sockets:
            self._is_empty.clear()
            try:
                async with asyncio.timeout(timeout_s):
                    await self._is_empty.wait()
            except TimeoutError:
                return False
        return True

    def _forget(self, socket: Connection) -> None:
        self._sockets.discard(socket)
        if not self._sockets:
            self._is_empty.set()


async def _bind(endpoint: Endpoint) -> list[sockets.socket]:
    """Return a listening socket for each address that the host name has."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(endpoint.host, endpoint.port, type=sockets.SOCK_STREAM, flags=sockets.AI_PASSIVE)
    listening: list[sockets.socket] = []
    try:
        for family, address in dict.fromkeys((entry[0], entry[4]) for entry in found):
            socket = sockets.socket(family, sockets.SOCK_STREAM)
            listening.append(socket)
            _listen(socket, address, endpoint)
    except OSError:
        for socket in listening:
            socket.close()
        raise
    return listening


def _listen(socket: sockets.socket, address: tuple[Any, ...], endpoint: Endpoint) -> None:  # as typeshed types it
    socket.setblocking(False)
    socket.setsockopt(sockets.SOL_SOCKET, sockets.SO_REUSEADDR, 1)
    if endpoint.shares_port:
        socket.setsockopt(sockets.SOL_SOCKET, sockets.SO_REUSEPORT, 1)
    if socket.family == sockets.AF_INET6:
        socket.setsockopt(sockets.IPPROTO_IPV6, sockets.IPV6_V6ONLY, 1)  # IPv4 has a socket of its own
    socket.bind(address)
    socket.listen(_BACKLOG)
