"""The record of every frame: redacted, described as far as it can be read, handed on in batches."""

import asyncio
import re
from collections import OrderedDict
from datetime import datetime
from typing import NamedTuple

import msgspec

from ingufu.infra.secrets import redact
from ingufu.stations.frames import FrameRow
from ingufu.stations.service import Frames

TEXT_LIMIT = 64 * 1024  # characters kept of one frame; `size` tells how long it was
BATCH = 200
DELAY_S = 0.25  # how long a frame may wait for company
OPEN_CALLS = 20_000  # over all stations, whose answer is still awaited

_TRANSACTION = re.compile(r'"transactionId"\s*:\s*(?:"([^"\\]{1,36})"|(-?\d{1,10}))')
_EVSE = re.compile(r'"evseId"\s*:\s*(\d{1,4})(?![\d.])|"evse"\s*:\s*\{[^{}]{0,200}?"id"\s*:\s*(\d{1,4})(?![\d.])')
_CONNECTOR = re.compile(r'"connectorId"\s*:\s*(\d{1,4})(?![\d.])')  # in 1.6 it stands for the EVSE
_HEAD = re.compile(r'\s*\[\s*([2-6])\s*,\s*(?:"([^"\\]{0,100})"|(-?\d{1,20}))(?:\s*,\s*"(\w{1,60})")?')
_REQUESTS = frozenset({2, 6})
_SEARCHED = 4096  # characters at the front in which transaction and EVSE are looked for


class _Frame(NamedTuple):
    """A frame as it went over the wire."""

    data: bytes
    at: datetime
    station_id: str
    connection_id: str
    is_inbound: bool


class _Subject(NamedTuple):
    """What a CALL is about, which its answer does not repeat, and where in which batch it stands."""

    action: str | None
    transaction: str | None
    evse: int | None
    batch: int
    row: int


class FrameLog:
    """Buffers frames beside the path of the messages, never in it: they are read and described when handed on."""

    def __init__(self, frames: Frames) -> None:
        self._frames = frames
        self._waiting: list[_Frame] = []
        self._open: OrderedDict[tuple[str, bool, str], _Subject] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None
        self._batch = 0

    def add(self, data: bytes, at: datetime, station_id: str, connection_id: str, *, is_inbound: bool) -> None:
        """Keep a frame."""
        self._waiting.append(_Frame(data, at, station_id, connection_id, is_inbound))
        if len(self._waiting) >= BATCH:
            self.flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(DELAY_S, self.flush)

    def flush(self) -> None:
        """Hand on what has gathered."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        waiting, self._waiting = self._waiting, []
        rows: list[FrameRow] = []
        for frame in waiting:
            rows.append(self._row(frame, rows))
        self._batch += 1
        if rows:
            self._frames.append(rows)

    def _row(self, frame: _Frame, rows: list[FrameRow]) -> FrameRow:
        text = frame.data[: TEXT_LIMIT * 4].decode("utf-8", "replace")[:TEXT_LIMIT]
        head = _HEAD.match(text)
        kind = None if head is None else int(head[1])
        message_id = None if head is None else head[2] or head[3]
        subject = _subject(text, head, self._batch, len(rows))
        if kind is not None and message_id is not None:
            subject = self._related(frame, kind, message_id, subject, rows)
        return FrameRow(
            at=frame.at,
            station_id=frame.station_id,
            connection_id=frame.connection_id,
            is_inbound=frame.is_inbound,
            message_type=kind,
            message_id=message_id,
            action=subject.action,
            evse=subject.evse,
            transaction=subject.transaction,
            text=redact(text),
            size=len(frame.data),
        )

    def _related(self, frame: _Frame, kind: int, message_id: str, subject: _Subject, rows: list[FrameRow]) -> _Subject:
        """Remember what a CALL is about, or complete its answer with that: each may say what the other does not."""
        if kind in _REQUESTS:
            if kind == 2:
                self._open[frame.connection_id, frame.is_inbound, message_id] = subject
                if len(self._open) > OPEN_CALLS:
                    self._open.popitem(last=False)
            return subject
        asked = self._open.pop((frame.connection_id, not frame.is_inbound, message_id), None)
        if asked is None:
            return subject
        transaction, evse = subject.transaction or asked.transaction, subject.evse or asked.evse
        if asked.batch == self._batch and transaction != asked.transaction:  # a 1.6 start learns its number only now
            rows[asked.row] = msgspec.structs.replace(rows[asked.row], transaction=transaction)
        return subject._replace(action=asked.action, transaction=transaction, evse=evse)


def _subject(text: str, head: re.Match[str] | None, batch: int, row: int) -> _Subject:
    transaction = _TRANSACTION.search(text, 0, _SEARCHED)
    evse = _EVSE.search(text, 0, _SEARCHED) or _CONNECTOR.search(text, 0, _SEARCHED)
    return _Subject(
        action=head[4] if head is not None and int(head[1]) in _REQUESTS else None,
        transaction=None if transaction is None else transaction[1] or transaction[2],
        evse=None if evse is None else int(evse[evse.lastindex or 1]),
        batch=batch,
        row=row,
    )
