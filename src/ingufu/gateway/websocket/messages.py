"""Puts frames together to messages by RFC 6455 section 5, without any I/O."""

from enum import IntEnum

import msgspec


class Opcode(IntEnum):
    CONTINUATION = 0x0
    TEXT = 0x1
    BINARY = 0x2
    CLOSE = 0x8
    PING = 0x9
    PONG = 0xA


class CloseCode(IntEnum):
    """RFC 6455 section 7.4.1 and its IANA registry; 1005 and 1006 are never sent."""

    NORMAL = 1000
    GOING_AWAY = 1001
    PROTOCOL_ERROR = 1002
    UNSUPPORTED_DATA = 1003
    NO_STATUS = 1005
    ABNORMAL = 1006
    INVALID_DATA = 1007
    POLICY = 1008
    TOO_BIG = 1009
    INTERNAL_ERROR = 1011


FIN = 0b1000  # flags of a frame as in its first byte (5.2), four bits lower
RSV1 = 0b0100
RSV = 0b0111
_SENDABLE = frozenset({1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014})
_FIRST_REGISTERED = 3000  # 3000-3999 are libraries', 4000-4999 private codes
_LAST_PRIVATE = 4999
MAX_REASON_BYTES = 123  # a control frame holds 125, two are the code


class Violation(msgspec.Struct, frozen=True):
    """The peer broke the protocol: what to tell it."""

    code: int
    reason: str


class Message(msgspec.Struct, frozen=True):
    """All fragments of one data message, still deflated if `is_deflated`; a binary one has no payload left."""

    is_text: bool
    is_deflated: bool
    payload: bytes


class Assembly:
    """The message that is being received; kept only while one is."""

    __slots__ = ("_fragments", "_is_deflated", "_is_text", "_max_bytes", "_max_fragments", "_parts", "_size")

    def __init__(self, max_bytes: int, max_fragments: int) -> None:
        self._max_bytes = max_bytes
        self._max_fragments = max_fragments
        self._parts: list[bytes] | None = None
        self._is_text = self._is_deflated = False
        self._size = self._fragments = 0

    @property
    def is_idle(self) -> bool:
        """No message has begun."""
        return self._parts is None

    def add(self, opcode: int, flags: int, payload: bytes) -> Message | Violation | None:
        """Take the next data frame; return the message when it is whole (5.4), None while it is not."""
        violation = self._begin(opcode, flags & RSV) if opcode else self._continue(flags & RSV)
        if violation is not None:
            return violation
        self._size += len(payload)
        self._fragments += 1
        if self._size > self._max_bytes:
            return Violation(CloseCode.TOO_BIG, "message too big")
        if self._fragments > self._max_fragments:
            return Violation(CloseCode.TOO_BIG, "too many fragments")
        if self._parts is not None and self._is_text and payload:
            self._parts.append(payload)
        return self._finish() if flags & FIN else None

    def _begin(self, opcode: int, rsv: int) -> Violation | None:
        if self._parts is not None:
            return Violation(CloseCode.PROTOCOL_ERROR, "new message inside a fragmented one")
        if rsv & ~RSV1:
            return Violation(CloseCode.PROTOCOL_ERROR, "reserved bit set")
        self._parts = []
        self._size = self._fragments = 0
        self._is_text = opcode == Opcode.TEXT
        self._is_deflated = bool(rsv)
        return None

    def _continue(self, rsv: int) -> Violation | None:
        if self._parts is None:
            return Violation(CloseCode.PROTOCOL_ERROR, "continuation of nothing")
        if rsv:  # RFC 7692 section 6.1: only the first fragment says that the message is deflated
            return Violation(CloseCode.PROTOCOL_ERROR, "reserved bit set on a continuation")
        return None

    def _finish(self) -> Message:
        message = Message(self._is_text, self._is_deflated, b"".join(self._parts or ()))
        self._parts = None
        return message


def is_utf8(text: bytes) -> bool:
    """Tell whether a whole message is valid UTF-8 (8.1)."""
    if text.isascii():  # a tenth of the cost, and nearly always so
        return True
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def parse_close(payload: bytes) -> tuple[int, str] | Violation:
    """Return code and reason of a close frame (5.5.1), 1005 if it carries none."""
    if not payload:
        return CloseCode.NO_STATUS, ""
    if len(payload) == 1:
        return Violation(CloseCode.PROTOCOL_ERROR, "close frame with half a code")
    code = int.from_bytes(payload[:2], "big")
    if not is_sendable(code):
        return Violation(CloseCode.PROTOCOL_ERROR, "invalid close code")
    try:
        return code, payload[2:].decode()
    except UnicodeDecodeError:
        return Violation(CloseCode.INVALID_DATA, "close reason is not UTF-8")


def is_sendable(code: int) -> bool:
    """Tell whether a close code may be on the wire (7.4)."""
    return code in _SENDABLE or _FIRST_REGISTERED <= code <= _LAST_PRIVATE


def close_payload(code: int, reason: str) -> bytes:
    """Return the payload of a close frame; the reason is cut at a character, an unsendable code becomes 1000."""
    if code == CloseCode.NO_STATUS:
        return b""
    sent_code = code if is_sendable(code) else CloseCode.NORMAL
    cut = reason.encode()[:MAX_REASON_BYTES].decode(errors="ignore").encode()
    return sent_code.to_bytes(2, "big") + cut
