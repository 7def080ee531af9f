"""The only file that knows picows: reads and writes single frames of one upgraded connection.

What picows leaves to its user is kept from the rest of the package here:

* It wants to negotiate by itself. It is shown a constant request while its output is muted; the real
  request was answered before, see `handshake`.
* Its read buffer grows with the largest frame and never shrinks. After a large frame that ends at the
  buffer's end, a new parser takes its place.
* On a broken frame it writes a close frame, waits 10 ms and closes, still buffering what comes. Here the
  transport is taken from it at once.
* `writelines` is given a view of a buffer that the next frame overwrites. It is joined before it is kept.
"""

from asyncio import Transport
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any, Protocol

from picows import WSAutoPingStrategy, WSFrame, WSListener, WSMsgType, WSTransport
from picows import WSUpgradeResponseWithListener as WSAnswer
from picows.picows import WSProtocol  # type: ignore[attr-defined]  # public class, missing from the type stub

from ingufu.gateway.websocket.lingering import Linger
from ingufu.gateway.websocket.messages import CloseCode, Opcode
from ingufu.gateway.websocket.timers import Wheel

_INITIAL_BUFFER_BYTES = 2048  # most OCPP messages fit; every idle station pays for it
_LARGE_FRAME_BYTES = 8192  # one as large or larger has made the read buffer grow
_CONSTANT_REQUEST = (
    b"GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
_TEXT = WSMsgType.TEXT
_TYPES = {opcode: WSMsgType(opcode) for opcode in Opcode}
_parse = WSProtocol.buffer_updated


class FrameOwner(Protocol):
    """Receives frames and the end of the connection."""

    def bytes_received(self, count: int) -> None: ...

    def frame_received(self, opcode: int, flags: int, payload: bytes) -> None: ...

    def parser_failed(self, code: int, reason: str) -> None: ...

    def writing_paused(self) -> None: ...

    def writing_resumed(self) -> None: ...

    def connection_lost(self, failure: Exception | None) -> None: ...


class Frames(WSListener):
    """Frames of one connection, in both directions; masking and frame headers are done, nothing else is judged."""

    __slots__ = ("_is_close_sent", "_max_frame_bytes", "_wire", "_writer", "owner", "write_buffer_bytes")

    def __init__(self, transport: Transport, owner: FrameOwner, max_frame_bytes: int) -> None:
        self._wire = _Wire(transport, self._parser_gave_up)
        self.write_buffer_bytes = transport.get_write_buffer_size
        self._is_close_sent = False
        self.owner = owner
        self._max_frame_bytes = max_frame_bytes
        self._writer: WSTransport | None = None

    def start(self) -> None:
        """Take the transport, which must not be reading and still is not afterwards."""
        self._attach_reader()

    def feed(self, received: bytes) -> None:
        """Take what came together with the request."""
        while received:
            reader = self._wire.transport.get_protocol()
            if not isinstance(reader, _Reader):
                return  # failed by what came before
            with reader.get_buffer(-1) as buffer:
                count = min(len(buffer), len(received))
                buffer[:count] = received[:count]
            received = received[count:]
            reader.buffer_updated(count)

    def send_text(self, payload: bytes, is_deflated: bool) -> None:  # noqa: FBT001 - the one hot call out
        """Write a whole text message as one frame."""
        self._writer.send(_TEXT, payload, True, is_deflated)  # type: ignore[union-attr]  # set by start

    def send_control(self, opcode: Opcode, payload: bytes) -> None:
        """Write a ping or a pong."""
        self._writer.send(_TYPES[opcode], payload)  # type: ignore[union-attr]  # set by start

    def send_close(self, payload: bytes) -> None:
        """Write a close frame; whatever is written after it is dropped."""
        self._is_close_sent = True
        if payload:
            self._writer.send_close(int.from_bytes(payload[:2], "big"), payload[2:])  # type: ignore[union-attr, arg-type]  # takes any code
        else:  # picows would send the code 0
            self.send_control(Opcode.CLOSE, b"")

    @property
    def is_closing(self) -> bool:
        return self._wire.transport.is_closing()

    def pause_reading(self) -> None:
        if not self.is_closing:
            self._wire.transport.pause_reading()

    def resume_reading(self) -> None:
        if not self.is_closing:
            self._wire.transport.resume_reading()

    def close(self) -> None:
        """Flush what was written, then close TCP."""
        self._wire.transport.close()

    def abort(self) -> None:
        """Close TCP at once."""
        self._wire.transport.abort()

    def release(self) -> None:
        """Let go of the owner, for the connection is lost: in a circle they would live until rubbish is collected."""
        self.owner = _NOBODY
        self._wire.release()

    def linger(self, wheel: Wheel) -> None:
        """Say and take nothing more; see `lingering`."""
        Linger(self._wire.transport, wheel, self.owner.connection_lost).start()

    # What picows calls.

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._writer = transport
        transport.request.headers = _NO_HEADERS

    def on_ws_frame(self, _transport: WSTransport, frame: WSFrame) -> None:
        flags = frame.fin << 3 | frame.rsv1 << 2 | frame.rsv2 << 1 | frame.rsv3
        payload = frame.get_payload_as_bytes()
        is_seam = len(payload) >= _LARGE_FRAME_BYTES and frame.last_in_buffer and not frame.tail_size
        self.owner.frame_received(frame.msg_type, flags, payload)  # type: ignore[arg-type]  # an IntEnum, whatever the stub says
        if is_seam:
            self._shrink()

    def pause_writing(self) -> None:
        self.owner.writing_paused()

    def resume_writing(self) -> None:
        self.owner.writing_resumed()

    def parser_stopped(self, writer: WSTransport) -> None:
        """A close frame was sent; by the parser, for a broken frame, if not by us."""
        sent = writer.close_handshake.sent
        if sent is not None and not self._is_close_sent:
            self.owner.parser_failed(sent.code.value, sent.reason)

    def connection_lost(self, failure: Exception | None) -> None:
        self.owner.connection_lost(failure)

    def _parser_gave_up(self) -> None:
        """Told 10 ms after a broken frame; news only if it came after our close frame."""
        if self._is_close_sent:
            self.owner.parser_failed(CloseCode.PROTOCOL_ERROR, "broken frame")

    def _attach_reader(self) -> None:
        reader = _Reader(
            None,  # host_port, ws_path: of clients
            None,
            False,  # is_client_side
            lambda _request: WSAnswer(_ANSWER, self),
            _SILENCE,
            False,  # disconnect_on_exception: ours do not raise
            None,  # handshake_timeout
            False,  # enable_auto_ping and its three settings
            0,
            0,
            WSAutoPingStrategy.PING_WHEN_IDLE,
            False,  # enable_auto_pong
            self._max_frame_bytes,
            None,  # extra_headers
            _INITIAL_BUFFER_BYTES,
        )
        self._wire.is_muted = True
        reader.connection_made(self._wire)
        with reader.get_buffer(-1) as buffer:
            buffer[: len(_CONSTANT_REQUEST)] = _CONSTANT_REQUEST
        _parse(reader, len(_CONSTANT_REQUEST))
        self._wire.is_muted = False
        self._wire.transport.set_protocol(reader)

    def _shrink(self) -> None:
        """Let a new parser with a small buffer go on; the old one is at a frame's end and holds nothing."""
        is_reading = isinstance(self._wire.transport.get_protocol(), _Reader)
        if is_reading and not self.is_closing and not self._is_close_sent:
            self._attach_reader()


class _Reader(WSProtocol):  # type: ignore[misc]  # a Cython class
    """The picows parser, watched: every read counts as life, and a parser that has failed gets no more."""

    __slots__ = ()

    def buffer_updated(self, nbytes: int) -> None:
        frames: Frames = self.listener
        frames.owner.bytes_received(nbytes)
        _parse(self, nbytes)
        if self.transport.is_close_frame_sent:
            frames.parser_stopped(self.transport)

    def connection_lost(self, exc: Exception | None) -> None:
        frames: Frames = self.listener
        frames.connection_lost(exc)


class _Wire:
    """What picows takes for its transport; it may neither close it nor speak while it negotiates."""

    __slots__ = ("_wants_end", "get_write_buffer_size", "is_muted", "transport")

    def __init__(self, transport: Transport, wants_end: Callable[[], None]) -> None:
        self._wants_end = wants_end
        self.transport = transport
        self.get_write_buffer_size = transport.get_write_buffer_size
        self.is_muted = True

    def get_extra_info(self, name: str) -> Any:  # as asyncio types it
        if name == "socket":
            return _FileNumber(self.transport.get_extra_info("socket").fileno())
        return self.transport.get_extra_info(name) if name == "ssl_object" else None

    def write(self, data: bytes) -> None:
        if not self.is_muted:
            self.transport.write(data)

    def writelines(self, parts: Sequence[bytes]) -> None:
        self.transport.write(b"".join(parts))

    def close(self) -> None:
        """Pass on that picows wants to close after a broken frame; when and how is not its matter."""
        self._wants_end()

    abort = close

    def release(self) -> None:
        """Tell nobody any more."""
        self._wants_end = _NOBODY.writing_resumed


class _Nobody:
    """Owns the frames of connections that are lost, of which there are none."""

    def bytes_received(self, count: int) -> None: ...

    def frame_received(self, opcode: int, flags: int, payload: bytes) -> None: ...

    def parser_failed(self, code: int, reason: str) -> None: ...

    def writing_paused(self) -> None: ...

    def writing_resumed(self) -> None: ...

    def connection_lost(self, failure: Exception | None) -> None: ...


class _FileNumber:
    """What picows asks of a socket; its options were set when it was accepted."""

    __slots__ = ("_number",)

    def __init__(self, number: int) -> None:
        self._number = number

    def fileno(self) -> int:
        return self._number

    def setsockopt(self, *_: object) -> None: ...

    def getsockopt(self, *_: object) -> int:
        return 0


class _Silence:
    """picows' log; what it would say is counted and told to the handler."""

    def isEnabledFor(self, _level: int) -> bool:  # noqa: N802 - as of logging.Logger
        return False

    def info(self, *_: object) -> None: ...

    debug = warning = error = exception = log = info


_SILENCE = _Silence()
_NOBODY = _Nobody()
_NO_HEADERS: Any = None  # dropped, as each station would hold a dictionary of them


class _Answer:
    """What picows would answer with, once for all; it goes nowhere."""

    def __init__(self) -> None:
        self.status = HTTPStatus.SWITCHING_PROTOCOLS
        self.headers: dict[str, str] = {}

    def to_bytes(self) -> bytearray:
        return bytearray()


_ANSWER: Any = _Answer()  # in the place of picows' own class, of which each station would hold one
