"""A station's end of the WebSocket, on picows behind this one file: dial, send text, hear text, hear the end."""

import base64
import logging
import ssl
from http import HTTPStatus
from typing import Protocol
from urllib.parse import quote

import msgspec
import picows

HANDSHAKE_TIMEOUT_S = 20.0  # a storm of stations makes a server slow, not absent
READ_BUFFER_BYTES = 2048  # most replies are shorter; picows grows it when needed and never shrinks it
MAX_FRAME_BYTES = 1 << 20
PATH_SAFE = "*-_=+|@.:~!$&'(),;"  # what may stand in a path segment as it is

_silent = logging.getLogger("ingufu.simulator.link")
_log = logging.LoggerAdapter(_silent, {})  # an adapter, or picows would make a logger for every connection


class Dial(msgspec.Struct, frozen=True, kw_only=True):
    """Where and as whom to connect."""

    url: str  # without the identity
    identity: str
    subprotocols: tuple[str, ...] = ()
    password: bytes | None = None  # sent as HTTP Basic with the identity as user name
    tls: ssl.SSLContext | None = None


class LinkRefused(Exception):
    """The server did not let the station in."""

    def __init__(self, status: int | None, reason: str) -> None:
        super().__init__(reason)
        self.status = status  # of HTTP, None when there was no answer at all


class Ears(Protocol):
    """Who listens at the station's end."""

    def heard(self, text: bytes) -> None: ...

    def hung_up(self, code: int | None) -> None: ...


class Link(picows.WSListener):
    """One open WebSocket."""

    def __init__(self, ears: Ears) -> None:
        super().__init__()
        self._ears: Ears | None = ears
        self._transport: picows.WSTransport | None = None
        self._pieces: list[bytes] = []
        self._close_code: int | None = None

    @property
    def subprotocol(self) -> str | None:
        """The subprotocol that the server chose."""
        if self._transport is None:
            return None
        chosen: str | None = self._transport.response.headers.get("Sec-WebSocket-Protocol")
        return chosen

    def send(self, text: bytes) -> None:
        if self._transport is not None:
            self._transport.send(picows.WSMsgType.TEXT, text)

    def ping(self) -> None:
        if self._transport is not None:
            self._transport.send_ping()

    def close(self, code: int = 1000) -> None:
        """Say goodbye and close; nothing is heard afterwards."""
        self._ears = None
        if self._transport is not None:
            self._transport.send_close(picows.WSCloseCode(code))
            self._transport.disconnect()

    def cut(self) -> None:
        """Drop the connection as a dead modem does: no goodbye; nothing is heard afterwards."""
        self._ears = None
        if self._transport is not None:
            self._transport.underlying_transport.abort()

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        self._transport = transport

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        if frame.msg_type in (picows.WSMsgType.TEXT, picows.WSMsgType.CONTINUATION):
            self._piece(frame.get_payload_as_bytes(), is_last=frame.fin)
        elif frame.msg_type is picows.WSMsgType.CLOSE:
            self._close_code = int(frame.get_close_code().value)
            transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()

    def on_ws_disconnected(self, transport: picows.WSTransport) -> None:  # noqa: ARG002 - the library's signature
        self._transport = None
        ears, self._ears = self._ears, None
        if ears is not None:
            ears.hung_up(self._close_code)

    def _piece(self, piece: bytes, *, is_last: bool) -> None:
        if not is_last or self._pieces:
            self._pieces.append(piece)
            if not is_last:
                return
            piece = b"".join(self._pieces)
            self._pieces.clear()
        if self._ears is not None:
            self._ears.heard(piece)


def _headers(dial: Dial) -> list[tuple[str, str]]:
    headers: list[tuple[str, str]] = []
    if dial.subprotocols:
        headers.append(("Sec-WebSocket-Protocol", ", ".join(dial.subprotocols)))
    if dial.password is not None:
        pair = dial.identity.encode() + b":" + dial.password
        headers.append(("Authorization", "Basic " + base64.b64encode(pair).decode()))
    return headers


async def connect(dial: Dial, ears: Ears) -> Link:
    """Open the WebSocket.

    Raises LinkRefused with the HTTP status, or without one when nobody answered in time or TLS failed.
    """
    try:
        _, listener = await picows.ws_connect(
            lambda: Link(ears),
            f"{dial.url.rstrip('/')}/{quote(dial.identity, safe=PATH_SAFE)}",
            ssl_context=dial.tls,
            websocket_handshake_timeout=HANDSHAKE_TIMEOUT_S,
            logger_name=_log,
            extra_headers=_headers(dial),
            max_redirects=0,
            max_frame_size=MAX_FRAME_BYTES,
            read_buffer_init_size=READ_BUFFER_BYTES,
            use_aiofastnet=dial.tls is not None,  # on plain TCP it costs 5 KB a station and gains nothing
        )
    except picows.WSHandshakeError as refusal:
        response = getattr(refusal, "response", None)
        status = None if response is None else int(HTTPStatus(response.status))
        raise LinkRefused(status, str(refusal)) from refusal
    except (TimeoutError, OSError, picows.WSError) as failure:
        raise LinkRefused(None, str(failure) or type(failure).__name__) from failure
    if not isinstance(listener, Link):
        raise LinkRefused(None, "the WebSocket library returned a foreign listener")
    return listener
