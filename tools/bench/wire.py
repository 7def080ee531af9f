"""The station's side of WebSocket and OCPP, as bytes: what the load generator sends, and how it reads what comes back.

Frames are masked, as they must be, with a key of zeros: the server undoes the mask as always, the generator saves it.
"""

import base64
import struct
from functools import lru_cache

PASSWORD = "bench-key-0123456789"
TEXT, CLOSE, PING, PONG = 0x1, 0x8, 0x9, 0xA
TOKENS = 2000  # id tokens that the server knows; stations share them
_FINAL, _MASKED = 0x80, 0x80
_SHORT, _TWO_BYTES, _EIGHT_BYTES = 125, 126, 127
_ZEROS = bytes(4)
_KEY = base64.b64encode(b"sixteen bytes ok").decode()


def identity(number: int) -> str:
    return f"BENCH{number:05d}"


def token(number: int) -> str:
    return f"T{number % TOKENS}"


def upgrade_request(number: int, host: str, subprotocol: str, password: str) -> bytes:
    """Return the request by which a station opens its connection, with Basic credentials if there is a password."""
    lines = [
        f"GET /ocpp/{identity(number)} HTTP/1.1",
        f"Host: {host}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {_KEY}",
        f"Sec-WebSocket-Protocol: {subprotocol}",
    ]
    if password:
        credentials = base64.b64encode(f"{identity(number)}:{password}".encode()).decode()
        lines.append(f"Authorization: Basic {credentials}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def text(payload: bytes) -> bytes:
    """Return a frame of text."""
    return _head(TEXT, len(payload)) + payload


def pong(payload: bytes) -> bytes:
    return _head(PONG, len(payload)) + payload


def refusal(call: bytes) -> bytes:
    """Return the frame by which a station says that it does not do what the server's CALL asks."""
    message_id = call.split(b'"', 2)[1]
    return text(b'[4,"%b","NotSupported","",{}]' % message_id)


def frames(received: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """Return the whole frames (opcode, payload) in what was received from the server, and what is left over."""
    found: list[tuple[int, bytes]] = []
    at = 0
    while len(received) >= at + 2:
        opcode, length, start = received[at] & 0x0F, received[at + 1] & 0x7F, at + 2
        if length == _TWO_BYTES:
            start += 2
            length = int.from_bytes(received[at + 2 : start], "big") if len(received) >= start else 1 << 62
        elif length == _EIGHT_BYTES:
            start += 8
            length = int.from_bytes(received[at + 2 : start], "big") if len(received) >= start else 1 << 62
        if len(received) < start + length:
            break
        found.append((opcode, received[start : start + length]))
        at = start + length
    return found, received[at:]


@lru_cache(maxsize=4096)
def _head(opcode: int, length: int) -> bytes:
    if length <= _SHORT:
        return bytes((_FINAL | opcode, _MASKED | length)) + _ZEROS
    return bytes((_FINAL | opcode, _MASKED | _TWO_BYTES)) + struct.pack(">H", length) + _ZEROS
