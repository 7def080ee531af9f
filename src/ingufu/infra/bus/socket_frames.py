"""Frames on the local bus: a length, then one msgpack record."""

import asyncio
from enum import IntEnum

import msgspec

MAX_FRAME_BYTES = 32 * 1024 * 1024  # a page of frames or a large report; more is a fault
_LENGTH_BYTES = 4


class FrameKind(IntEnum):
    PUBLISH = 1
    REQUEST = 2
    ANSWER = 3
    FAILURE = 4


class Frame(msgspec.Struct, frozen=True, array_like=True, gc=False):
    kind: FrameKind
    number: int  # pairs a request with its answer
    name: str  # topic or subject; the reason of a failure
    body: bytes


class FrameTooLarge(ValueError):
    """The bus does not carry frames of this size."""


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Frame)


def encode(frame: Frame) -> bytes:
    """Return the frame's bytes. Raises FrameTooLarge: the other side would hang up on it."""
    body = _encoder.encode(frame)
    if len(body) > MAX_FRAME_BYTES:
        raise FrameTooLarge(f"A frame of {len(body)} bytes is more than the bus carries.")
    return len(body).to_bytes(_LENGTH_BYTES, "big") + body


async def read(reader: asyncio.StreamReader) -> Frame | None:
    """Return the next frame, None at the end. Raises ValueError if the other side does not speak the protocol."""
    try:
        length = int.from_bytes(await reader.readexactly(_LENGTH_BYTES), "big")
        if length > MAX_FRAME_BYTES:
            raise FrameTooLarge(f"A frame of {length} bytes is more than the bus carries.")
        return _decoder.decode(await reader.readexactly(length))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    except msgspec.DecodeError as error:
        raise ValueError("Not a frame of the bus.") from error
