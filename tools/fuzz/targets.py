"""What is fuzzed: one function that takes any bytes and, whatever they are, returns and breaks no promise.

The first byte says to whom the rest is given:

- RPC: version, then a frame for the peer, whose request is decoded, completed, answered and repeated;
- PAYLOAD: number of a payload type, then JSON for the decoder, strict and lenient;
- SOCKET: flags, then bytes as they come over TCP after the upgrade;
- HEAD: what comes before it.
"""

# ruff: noqa: S101 - to break a promise is to fail
import asyncio
import socket as sockets
import struct
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, cast

import msgspec

from ingufu.gateway.websocket import deflate, request, upgrade
from ingufu.gateway.websocket.counters import Counters
from ingufu.gateway.websocket.limits import SocketLimits
from ingufu.gateway.websocket.messages import parse_close
from ingufu.gateway.websocket.socket import Socket
from ingufu.gateway.websocket.surroundings import Surroundings, Terms
from ingufu.gateway.websocket.timers import Wheel
from ingufu.ocpp import completion, mending, rpc_frames, wire
from ingufu.ocpp.payload import Payload
from ingufu.ocpp.quirks import Coping
from ingufu.ocpp.rpc import Peer
from ingufu.ocpp.rpc_messages import Answer, Call, Malformed, Repeated, Send
from ingufu.ocpp.versions import VERSIONS, Version
from ingufu.ocpp.wire import WireError
from ingufu.stations.quirks import reading
from ingufu.stations.quirks.model import Chosen, Why, merge

RPC, PAYLOAD, SOCKET, HEAD = range(4)
TARGETS = 4
EVERYTHING = merge(tuple(Chosen(quirk=quirk, why=Why.OPERATOR) for quirk in reading.shipped()))
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LONGEST = 65_536

_VERSIONS = tuple(VERSIONS.values())


def _all_types() -> tuple[type[Payload], ...]:
    kinds = {
        kind.__module__ + kind.__qualname__: kind
        for version in _VERSIONS
        for pair in version.messages.values()
        for kind in pair
        if kind is not None
    }
    return tuple(kinds[name] for name in sorted(kinds))


TYPES = _all_types()


def run(data: bytes) -> None:
    """Give the input to the target that it names."""
    if data:
        _RUNS[data[0] % TARGETS](data[1:])


# Frames and requests.


def _run_rpc(data: bytes) -> None:
    version = _VERSIONS[data[0] % len(_VERSIONS)] if data else _VERSIONS[0]
    frame_ = data[1:]
    peer = Peer(version.dialect)
    is_odd = bool(data) and data[0] >= 0x40
    coping = _coping() if is_odd else None
    if coping is not None and data[0] & 0x80:
        peer.salvage = coping.salvage
    ours = peer.call("open", "GetBaseReport", b"{}", 0.0, 30.0)
    assert rpc_frames.is_json(ours)
    for message in peer.receive(frame_, 1.0):
        match message:
            case Call() | Send():
                payload = message.payload if coping is None else coping.mend(message.action, message.payload, NOW)
                _take(version, peer, message, payload)
            case Malformed(reply=bytes(reply)):
                assert rpc_frames.is_json(reply), reply
            case Answer(payload=payload):
                _read_answer(version, payload)
    again = peer.receive(frame_, 2.0)
    assert all(rpc_frames.is_json(one.reply) for one in again if isinstance(one, Repeated) and one.reply)
    peer.expire(100.0)
    peer.close()
    assert peer.receive(frame_, 3.0) == []


def _coping() -> Coping:
    """Return what is done about all quirks at once."""
    coping = Coping(EVERYTHING, lambda _: None, lambda *_: None)
    coping.asked_token = "0123456789ABCDEF"
    coping.limited_to_nothing(NOW)
    return coping


def _take(version: Version, peer: Peer, message: Call | Send, payload: msgspec.Raw) -> None:
    row = version.inbound.get(message.action)
    pair = version.messages.get(message.action)
    if row is not None:
        try:
            read = completion.Reading(*wire.decode_lenient(row.request, payload))
        except WireError as error:
            try:
                read = completion.complete(row, payload, error, NOW)
            except WireError:
                return
        _hold_to_promise(row.request, read.payload)
    elif pair is not None:
        _decode(pair[0], bytes(payload))
    if isinstance(message, Call):
        reply = peer.result(message, b"{}")
        assert rpc_frames.is_json(reply), reply


def _read_answer(version: Version, payload: msgspec.Raw) -> None:
    for action in ("GetConfiguration", "GetVariables", "RemoteStartTransaction", "GetCompositeSchedule"):
        pair = version.messages.get(action)
        if pair is not None and pair[1] is not None:
            _decode(pair[1], bytes(payload))


# Payloads.


def _run_payload(data: bytes) -> None:
    kind = TYPES[int.from_bytes(data[:2], "big") % len(TYPES)]
    _decode(kind, data[2:])


def _decode(kind: type[Payload], raw: bytes) -> None:
    fault = wire.check(kind, raw)
    try:
        strict: Payload | None = wire.decode(kind, raw)
    except WireError:
        strict = None
    try:
        lenient, repairs = wire.decode_lenient(kind, raw)
    except WireError:
        assert strict is None, "strict takes what lenient refuses"
        return
    assert len(repairs) <= mending.REPAIRS_MAX
    if fault is None:
        assert strict is not None, "the schema allows what the decoder refuses"
        assert not repairs, "what is in order needs no repair"
    _hold_to_promise(kind, lenient)


def _hold_to_promise(kind: type[Payload], payload: Payload) -> None:
    """Whatever was decoded can be written, and what was written is in order."""
    written = wire.encode(payload)
    wire.decode(kind, written)


# Bytes of a socket.


class _Loop:
    """What a socket asks of its loop; a failure of a handler is a failure here."""

    def call_later(self, _delay_s: float, _callback: Callable[..., Any], *_: Any) -> "_Loop":
        return self

    def cancel(self) -> None: ...

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        raise context["exception"]


class _Transport:
    """TCP in memory; what is written goes nowhere."""

    def __init__(self, sock: sockets.socket) -> None:
        self._socket = sock
        self._protocol: Any = None
        self._is_closing = False
        self.is_reading = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._socket if name == "socket" else default

    def get_protocol(self) -> Any:
        return self._protocol

    def set_protocol(self, protocol: Any) -> None:
        self._protocol = protocol

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return self._is_closing

    def can_write_eof(self) -> bool:
        return False

    def pause_reading(self) -> None:
        self.is_reading = False

    def resume_reading(self) -> None:
        self.is_reading = True

    def write(self, data: bytes) -> None: ...

    def writelines(self, parts: Any) -> None: ...

    def close(self) -> None:
        self._is_closing = True

    abort = close


class _Handler:
    """Counts what it is told, and holds it to what the socket promises."""

    def __init__(self) -> None:
        self.opened_times = self.closed_times = 0

    def opened(self, _socket: Any) -> None:
        self.opened_times += 1

    def received(self, text: bytes) -> None:
        assert self.opened_times == 1
        assert not self.closed_times
        text.decode()
        assert len(text) <= LONGEST

    def write_paused(self) -> None: ...

    def write_resumed(self) -> None: ...

    def closed(self, _closure: Any) -> None:
        self.closed_times += 1


_ENDS = sockets.socketpair()
for _end in _ENDS:
    _end.setblocking(False)
_RUNNER = asyncio.new_event_loop()


def _run_socket(data: bytes) -> None:
    _RUNNER.run_until_complete(_talk(data))


async def _talk(data: bytes) -> None:
    flags, stream = (data[0], data[1:]) if data else (0, b"")
    transport, handler, loop = _Transport(_ENDS[0]), _Handler(), _Loop()
    wheel = Wheel(cast("Any", loop), lambda: 0.0)
    surroundings = Surroundings(
        loop=cast("Any", loop),
        wheel=wheel,
        monotonic=lambda: 0.0,
        uniform=lambda: 0.5,
        counters=Counters(),
        codec=_CODEC,
        forget=lambda _: None,
    )
    limits = SocketLimits(max_message_bytes=LONGEST, messages_per_s=None)
    window = 15 if flags & 1 else None
    terms = Terms(limits=limits, ping_interval_s=60.0, window_bits=window, address_bucket=None)
    socket = Socket(cast("Any", transport), cast("Any", handler), terms, surroundings)
    chunk = (flags >> 1) or 4096
    pieces = deque(stream[at : at + chunk] for at in range(0, len(stream), chunk))
    socket.start(pieces.popleft() if pieces else b"")
    while pieces and transport.is_reading and not transport.is_closing():
        _feed(transport, pieces.popleft())
    if socket.is_open:
        socket.send(b'[3,"1",{}]')
        socket.close(1000, "over")
    socket.connection_lost(None)
    assert (handler.opened_times, handler.closed_times) == (1, 1)
    _drain()


def _feed(transport: _Transport, piece: bytes) -> None:
    while piece:
        reader = transport.get_protocol()
        if not hasattr(reader, "get_buffer"):
            return
        with reader.get_buffer(-1) as buffer:
            count = min(len(buffer), len(piece))
            buffer[:count] = piece[:count]
        piece = piece[count:]
        reader.buffer_updated(count)


def _drain() -> None:
    try:
        while _ENDS[1].recv(65_536):
            pass
    except BlockingIOError:
        return


def frame(opcode: int, payload: bytes, *, fin: bool = True, rsv: int = 0) -> bytes:
    """Return a masked frame as a station sends it (RFC 6455 section 5.2); the mask changes nothing."""
    first = (0x80 if fin else 0) | rsv << 4 | opcode
    large = bytes([0x80 | 126]) + struct.pack("!H", len(payload))
    size = bytes([0x80 | len(payload)]) if len(payload) < 126 else large
    return bytes([first]) + size + b"\0\0\0\0" + payload


# What comes before the upgrade.

_CODEC = deflate.Codec()


def _run_head(data: bytes) -> None:
    upgrade.sniff(data)
    end = upgrade.find_head_end(data)
    if end is not None:
        origin = upgrade.Origin(listener="plain", remote=("127.0.0.1", 1))
        asked = upgrade.parse(data[:end], origin, 100)
        if isinstance(asked, request.UpgradeRequest):
            request.basic_credentials(asked)
            deflate.agree(asked.extensions)
            upgrade.switching_protocols(asked.key, None, None, ())
    parse_close(data[:125])
    _CODEC.inflate(data, LONGEST)


_RUNS: tuple[Callable[[bytes], None], ...] = (_run_rpc, _run_payload, _run_socket, _run_head)
