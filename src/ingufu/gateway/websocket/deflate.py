"""permessage-deflate of RFC 7692, without context takeover: no station holds any zlib state while idle."""

import re
import zlib

import msgspec

from ingufu.gateway.websocket.messages import CloseCode, Violation

EXTENSION = "permessage-deflate"
_TAIL = b"\x00\x00\xff\xff"  # 7.2.1: an empty stored block ends every message and is left out on the wire
_MAX_WINDOW_BITS = 13  # of our own deflating: 8 KiB, as messages are seldom longer
_MIN_ZLIB_WINDOW_BITS = 9  # zlib cannot deflate for a window of 2^8
_LEVEL = 3
_MEMORY_LEVEL = 6
_WINDOW_BYTES = 32_768
_MAX_FINAL_BLOCKS = 16  # 7.2.3.4 allows them inside a message; each costs a copy of what follows
_WINDOW_BITS = re.compile(r"[89]|1[0-5]")


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What was agreed with one station."""

    answer: str  # value of our Sec-WebSocket-Extensions
    window_bits: int  # of what we send; below 9 we send nothing deflated


class Codec:
    """Deflates and inflates whole messages; one serves all sockets of an event loop."""

    def __init__(self) -> None:
        self._deflaters: dict[int, zlib._Compress] = {}

    def deflate(self, payload: bytes, window_bits: int) -> bytes | None:
        """Return the payload of one deflated message (7.2.1), None if deflating does not make it smaller."""
        if window_bits < _MIN_ZLIB_WINDOW_BITS:
            return None
        deflater = self._deflaters.pop(window_bits, None)
        if deflater is None:
            deflater = zlib.compressobj(_LEVEL, zlib.DEFLATED, -window_bits, _MEMORY_LEVEL)
        # A full flush forgets all history, so the same state serves every station without one seeing another's.
        deflated = deflater.compress(payload) + deflater.flush(zlib.Z_FULL_FLUSH)
        self._deflaters[window_bits] = deflater  # not put back after a failure
        deflated = deflated[: -len(_TAIL)]
        return deflated if len(deflated) < len(payload) else None

    def inflate(self, payload: bytes, max_bytes: int) -> bytes | Violation:
        """Return the message (7.2.2); stops at the limit, so a bomb costs no more than an honest message."""
        inflated = b""
        rest = payload + _TAIL
        for _ in range(_MAX_FINAL_BLOCKS):
            inflater = zlib.decompressobj(-zlib.MAX_WBITS, inflated[-_WINDOW_BYTES:])
            try:
                inflated += inflater.decompress(rest, max_bytes + 1 - len(inflated))
            except zlib.error:
                return Violation(CloseCode.INVALID_DATA, "not deflated data")
            if len(inflated) > max_bytes:
                return Violation(CloseCode.TOO_BIG, "message too big when inflated")
            rest = inflater.unused_data
            if not rest:
                return _finished(inflated, inflater)
        return Violation(CloseCode.POLICY, "too many final deflate blocks")


def _finished(inflated: bytes, inflater: "zlib._Decompress") -> bytes | Violation:
    if inflater.unconsumed_tail:
        return Violation(CloseCode.TOO_BIG, "message too big when inflated")
    return inflated


def agree(offers: tuple[str, ...]) -> Terms | None:
    """Answer the first offer of a station that can be met (5.1, 7.1), None if there is none.

    `offers` are the elements of Sec-WebSocket-Extensions. An offer with an unknown, repeated or
    malformed parameter is declined, as 7.1 demands. No context is ever taken over, either way.
    """
    for offer in offers:
        parameters = _parse(offer)
        if parameters is not None:
            return _terms(parameters)
    return None


def _terms(parameters: dict[str, str | None]) -> Terms:
    answer = f"{EXTENSION}; server_no_context_takeover; client_no_context_takeover"
    bits = _MAX_WINDOW_BITS
    limit = parameters.get("server_max_window_bits")
    if limit is not None:
        bits = min(bits, int(limit))
        answer += f"; server_max_window_bits={bits}"
    return Terms(answer=answer, window_bits=bits)


def _parse(offer: str) -> dict[str, str | None] | None:
    name, *fields = (part.strip() for part in offer.split(";"))
    if name.lower() != EXTENSION:
        return None
    parameters: dict[str, str | None] = {}
    for field in fields:
        key, equals, value = field.partition("=")
        key, given = key.strip().lower(), value.strip().strip('"') if equals else None
        if key in parameters or not _is_valid(key, given):
            return None
        parameters[key] = given
    return parameters


def _is_valid(key: str, value: str | None) -> bool:
    """Check one parameter of an offer by 7.1.1 and 7.1.2."""
    match key:
        case "server_no_context_takeover" | "client_no_context_takeover":
            return value is None
        case "server_max_window_bits":
            return value is not None and _WINDOW_BITS.fullmatch(value) is not None
        case "client_max_window_bits":
            return value is None or _WINDOW_BITS.fullmatch(value) is not None
        case _:
            return False
