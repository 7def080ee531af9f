"""Frames as they went over a station's connection: packed into chunks to be kept, described when they are read.

A frame is described by what stands in it, and an answer by the CALL that it answers. That is read when somebody looks:
of the frames of a busy day hardly one is ever looked at.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

Kept = tuple[datetime, bool, int, bytes]  # when, whether inbound, bytes on the wire before any cut, redacted text

CALL = 2
FRAME_IDS = 4096  # the id of a frame is that of its chunk times this, and its place there
_ANSWERS = frozenset({3, 4})
_REQUESTS = frozenset({CALL, 6})
_SEARCHED = 4096  # characters at the front in which transaction and EVSE are looked for
_NUL_PICTURE = "\u2400"

_TRANSACTION = re.compile(r'"transactionId"\s*:\s*(?:"([^"\\]{1,36})"|(-?\d{1,10}))')
_EVSE = re.compile(r'"evseId"\s*:\s*(\d{1,4})(?![\d.])|"evse"\s*:\s*\{[^{}]{0,200}?"id"\s*:\s*(\d{1,4})(?![\d.])')
_CONNECTOR = re.compile(r'"connectorId"\s*:\s*(\d{1,4})(?![\d.])')  # in 1.6 it stands for the EVSE
_HEAD = re.compile(r'\s*\[\s*([2-6])\s*,\s*(?:"([^"\\]{0,100})"|(-?\d{1,20}))(?:\s*,\s*"(\w{1,60})")?')

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Kept]).decode


class FrameRow(msgspec.Struct, frozen=True, kw_only=True):
    """One frame, its secrets already taken out."""

    id: int  # rises with time, nearly
    at: datetime
    station_id: str
    connection_id: str
    is_inbound: bool
    message_type: int | None = None  # 2 to 6; None: unreadable
    message_id: str | None = None
    action: str | None = None  # of the CALL, also on its answer
    evse: int | None = None
    transaction: str | None = None  # the station's word for it
    text: str
    size: int  # bytes on the wire, before any cut


class FrameChunk(msgspec.Struct, frozen=True, kw_only=True):
    """Some frames of one connection, in order."""

    id: int | None = None  # given by storage
    station_id: str
    connection_id: str
    first_at: datetime
    last_at: datetime
    count: int
    frames: bytes

    @property
    def first_id(self) -> int:
        """The id of its first frame."""
        return (self.id or 0) * FRAME_IDS


class FrameFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which frames. What is None does not matter."""

    connection_id: str | None = None
    transaction: str | None = None  # the station's word for it
    action: str | None = None
    message_id: str | None = None
    is_inbound: bool | None = None
    evse: int | None = None
    part: str = ""  # of the text, whatever its case
    since: datetime | None = None  # this instant is included
    until: datetime | None = None  # this one is not

    def fits(self, row: FrameRow) -> bool:
        """Return whether a frame is one of these."""
        return (
            self.connection_id in {None, row.connection_id}
            and self.transaction in {None, row.transaction}
            and self.action in {None, row.action}
            and self.message_id in {None, row.message_id}
            and self.is_inbound in {None, row.is_inbound}
            and self.evse in {None, row.evse}
            and (self.since is None or row.at >= self.since)
            and (self.until is None or row.at < self.until)
            and self.part.lower() in row.text.lower()
        )

    def chosen(self, chunks: Sequence[FrameChunk], reach: int) -> list[int]:
        """Return the places of the chunks, the newest first, that may hold such frames; the others need not be read.

        What an answer inherits from its CALL may stand in one of the `reach` chunks of the connection before.
        """
        found: list[int] = []
        near: dict[str, int] = {}  # by connection, for how many chunks yet a CALL may have its answer
        for place in reversed(range(len(chunks))):
            chunk = chunks[place]
            left = near.get(chunk.connection_id, reach)
            has_words = self._has_words(chunk)
            if self._may_be_in(chunk) and (has_words or (left > 0 and self._is_inherited)):
                found.append(place)
            near[chunk.connection_id] = reach if has_words else left - 1
        return found[::-1]

    @property
    def _is_inherited(self) -> bool:
        return self.transaction is not None or self.action is not None

    def _may_be_in(self, chunk: FrameChunk) -> bool:
        return (
            self.connection_id in {None, chunk.connection_id}
            and (self.since is None or chunk.last_at >= self.since)
            and (self.until is None or chunk.first_at < self.until)
        )

    def _has_words(self, chunk: FrameChunk) -> bool:
        """Return whether what is looked for stands in the chunk: names stand there just so, as escapes are not read."""
        words = (self.transaction, self.action, self.message_id)
        if not all(word.encode("utf-8", "replace") in chunk.frames for word in words if word is not None):
            return False
        return not self.part.isascii() or self.part.lower().encode() in chunk.frames.lower()


class _Subject(NamedTuple):
    """What a CALL is about, which its answer does not repeat, and its place among the rows; None: in an older chunk."""

    action: str | None
    transaction: str | None
    evse: int | None
    place: int | None


def packed(station_id: str, connection_id: str, frames: Sequence[Kept]) -> FrameChunk:
    """Return the frames, at least one and fewer than `FRAME_IDS`, as a chunk. Their secrets must be taken out."""
    first_at, last_at = frames[0][0], frames[-1][0]
    return FrameChunk(
        station_id=station_id,
        connection_id=connection_id,
        first_at=min(first_at, last_at),
        last_at=max(first_at, last_at),
        count=len(frames),
        frames=_encode(frames),
    )


class Reading:
    """A chunk as it is read: its frames described, as far as that can be told from it alone or from those before it."""

    def __init__(self, chunk: FrameChunk) -> None:
        self.chunk = chunk
        self.calls: dict[tuple[bool, str], _Subject] = {}  # not answered in this chunk, by direction and message id
        self.strays: dict[tuple[bool, str], int] = {}  # answers whose CALL is not in this chunk, and their places
        self.rows: list[FrameRow] = []
        base = (chunk.id or 0) * FRAME_IDS
        for place, frame in enumerate(_decode(chunk.frames)):
            self.rows.append(self._row(base, place, frame))

    def complete(self, older: Iterable["Reading"]) -> None:
        """Let answers know what was asked in older chunks of the connection, given from the newest on."""
        for reading in older:
            if not self.strays:
                return
            for asked in reading.calls.keys() & self.strays.keys():
                place = self.strays.pop(asked)
                subject = reading.calls[asked]._replace(place=None)
                self.rows[place] = self._answered(self.rows[place], subject)

    def _row(self, base: int, place: int, frame: Kept) -> FrameRow:
        at, is_inbound, size, data = frame
        text = data.decode("utf-8", "replace").replace("\0", _NUL_PICTURE)
        head = _HEAD.match(text)
        kind = message_id = action = None
        transaction, evse = _named(text)
        if head is not None:
            number, quoted, bare, word = head.groups()
            kind, message_id = int(number), quoted or bare
            action = word if kind in _REQUESTS else None
        row = FrameRow(
            id=base + place,
            at=at,
            station_id=self.chunk.station_id,
            connection_id=self.chunk.connection_id,
            is_inbound=is_inbound,
            message_type=kind,
            message_id=message_id,
            action=action,
            evse=evse,
            transaction=transaction,
            text=text,
            size=size,
        )
        if kind == CALL and message_id is not None:
            self.calls[is_inbound, message_id] = _Subject(action, transaction, evse, place)
        elif kind in _ANSWERS and message_id is not None:
            asked = (not is_inbound, message_id)
            subject = self.calls.pop(asked, None)
            if subject is not None:
                return self._answered(row, subject)
            self.strays.setdefault(asked, place)
        return row

    def _answered(self, row: FrameRow, asked: _Subject) -> FrameRow:
        """An answer is about what was asked, and may say more of it: a 1.6 start learns its number only now."""
        transaction = row.transaction or asked.transaction
        if asked.place is not None and transaction != asked.transaction:
            self.rows[asked.place] = msgspec.structs.replace(self.rows[asked.place], transaction=transaction)
        return msgspec.structs.replace(row, action=asked.action, evse=row.evse or asked.evse, transaction=transaction)


def _named(text: str) -> tuple[str | None, int | None]:
    """Return the transaction and the EVSE that a frame names near its front."""
    if text.endswith(",{}]"):  # nothing, as in most answers
        return None, None
    transaction = _TRANSACTION.search(text, 0, _SEARCHED)
    evse = _EVSE.search(text, 0, _SEARCHED) or _CONNECTOR.search(text, 0, _SEARCHED)
    return (
        None if transaction is None else transaction[1] or transaction[2],
        None if evse is None else int(evse[evse.lastindex or 1]),
    )
