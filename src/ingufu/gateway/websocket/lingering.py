"""The polite end of a TCP connection: what still comes is discarded until the other side has closed.

Closing at once with input unread would reset the connection, and our last words might never be seen.
"""

from asyncio import Protocol, Transport
from collections.abc import Callable
from contextlib import suppress

from ingufu.gateway.websocket.timers import Timer, Wheel

LINGER_S = 1.0  # for the other side to read our last words and close
FLUSH_S = 4.0  # for what we wrote to leave, if the other side does not even read


class Linger(Protocol):
    """Reads and forgets, for a limited time."""

    __slots__ = ("_lost", "_timer", "_transport", "_wheel")

    def __init__(self, transport: Transport, wheel: Wheel, lost: Callable[[Exception | None], None]) -> None:
        self._transport = transport
        self._wheel = wheel
        self._lost = lost
        self._timer: Timer | None = None

    def start(self) -> None:
        """Take the transport; `lost` is called when it is gone, unless it was closing before."""
        transport = self._transport
        if transport.is_closing():
            return
        transport.pause_reading()  # uvloop chooses between its two kinds of protocol when reading starts
        transport.set_protocol(self)
        if transport.can_write_eof():
            with suppress(OSError):  # asyncio raises if the other side has reset the connection just now
                transport.write_eof()
        transport.resume_reading()
        self._timer = self._wheel.schedule(LINGER_S, self._close)

    def connection_lost(self, exc: Exception | None) -> None:
        self._wheel.cancel(self._timer)
        self._lost(exc)

    def _close(self) -> None:
        self._transport.close()
        self._timer = self._wheel.schedule(FLUSH_S, self._transport.abort)
