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
CALL = 2
_REQUESTS = frozenset({CALL, 6})
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
        kind = message_id = action = None
        transaction, evse = _named(text)
        if head is not None:
            number, quoted, bare, word = head.groups()
            kind, message_id = int(number), quoted or bare
            if kind in _REQUESTS:
                action = word
                self._remember(frame, kind, message_id, _Subject(action, transaction, evse, self._batch, len(rows)))
            elif (asked := self._open.pop((frame.connection_id, not frame.is_inbound, message_id), None)) is not None:
                # An answer is about what was asked, and may say more of it: a 1.6 start learns its number only now.
                action, evse = asked.action, evse or asked.evse
                transaction = transaction or asked.transaction
                if asked.batch == self._batch and transaction != asked.transaction:
                    rows[asked.row] = msgspec.structs.replace(rows[asked.row], transaction=transaction)
        return FrameRow(
            at=frame.at,
            station_id=frame.station_id,
            connection_id=frame.connection_id,
            is_inbound=frame.is_inbound,
            message_type=kind,
            message_id=message_id,
            action=action,
            evse=evse,
            transaction=transaction,
            text=redact(text),
            size=len(frame.data),
        )

    def _remember(self, frame: _Frame, kind: int, message_id: str | None, subject: _Subject) -> None:
        if kind == CALL and message_id is not None:
            self._open[frame.connection_id, frame.is_inbound, message_id] = subject
            if len(self._open) > OPEN_CALLS:
                self._open.popitem(last=False)


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
