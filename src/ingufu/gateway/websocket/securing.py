"""A listener with TLS: accepts TCP connections itself, so that every failure of a TLS handshake is heard.

The servers of asyncio and uvloop begin TLS before anyone is told of the connection, and a handshake
that fails is told to nobody.
"""

import socket as sockets
from asyncio import Task

from ingufu.gateway.websocket import tls
from ingufu.gateway.websocket.decisions import Cause
from ingufu.gateway.websocket.entrance import Entrance
from ingufu.gateway.websocket.handshake import Handshake
from ingufu.gateway.websocket.tls import ServerTls
from ingufu.gateway.websocket.visit import Visit

_ACCEPTED_AT_ONCE = 64  # before other sockets have their turn
_RECOVERY_S = 1.0  # after accepting has failed, most often as no descriptors were left


class SecureDoor:
    """Accepts on one listening socket."""

    def __init__(self, entrance: Entrance, server_tls: ServerTls, listening: sockets.socket) -> None:
        self._entrance = entrance
        self._tls = server_tls
        self._listening = listening
        self._shared = entrance.house.surroundings

    def open(self) -> None:
        """Begin to accept."""
        if self._listening.fileno() >= 0:
            self._shared.loop.add_reader(self._listening, self._accept_some)

    def close(self) -> None:
        """Accept nothing more."""
        self._shared.loop.remove_reader(self._listening)
        self._listening.close()

    def _accept_some(self) -> None:
        for _ in range(_ACCEPTED_AT_ONCE):
            try:
                accepted, remote = self._listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as failure:
                context = {"message": "No connection can be accepted.", "exception": failure}
                self._shared.loop.call_exception_handler(context)
                self._shared.loop.remove_reader(self._listening)
                self._shared.wheel.schedule(_RECOVERY_S, self.open)
                return
            accepted.setblocking(False)
            Securing(Visit(self._entrance, (remote[0], remote[1])), self._tls, accepted).begin()


class Securing:
    """The TLS handshake of one connection."""

    __slots__ = ("_accepted", "_task", "_tls", "_visit")

    def __init__(self, visit: Visit, server_tls: ServerTls, accepted: sockets.socket) -> None:
        self._visit = visit
        self._tls = server_tls
        self._accepted: sockets.socket | None = accepted  # None: a transport owns it
        self._task: Task[None] | None = None

    def begin(self) -> None:
        """Start when it is this connection's turn; until then the kernel keeps what comes."""
        if self._visit.begin(self):
            self._visit.wait_for_turn(self, self._secure)

    def turn_away(self, cause: Cause, detail: str, wait_s: float = 0.0) -> None:
        """Hang up: before TLS nothing can be said."""
        del wait_s
        self._visit.fail(cause, detail)
        if self._task is not None:
            self._task.cancel()
        if self._accepted is not None:
            self._accepted.close()

    def _secure(self) -> None:
        self._visit.limit_time(self._expire)
        loop = self._visit.entrance.house.surroundings.loop
        self._task = loop.create_task(self._run(Handshake(self._visit.entrance, self._visit)))

    async def _run(self, handshake: Handshake) -> None:
        house = self._visit.entrance.house
        accepted, self._accepted = self._accepted, None
        if accepted is None:
            return
        timeout_s = house.limits.handshake_timeout_s
        try:
            await house.surroundings.loop.connect_accepted_socket(
                lambda: handshake,
                accepted,
                ssl=self._tls.context,
                ssl_handshake_timeout=timeout_s + 1,  # ours comes first and knows the reason
                ssl_shutdown_timeout=timeout_s,
            )
        except OSError as failure:
            self._fail(*tls.cause_of(failure))
        else:
            if not handshake.is_connected:  # uvloop takes an end within the handshake for a success
                self._fail(Cause.TLS_BROKEN, tls.ENDED_WITHIN)

    def _expire(self) -> None:
        self.turn_away(Cause.TLS_TIMEOUT, "no TLS in time")

    def _fail(self, cause: Cause, detail: str) -> None:
        if not self._visit.is_over:
            self._visit.fail(cause, detail)
