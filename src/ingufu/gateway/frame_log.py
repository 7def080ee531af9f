"""The record of every frame: redacted, described as far as it can be read, handed on in batches."""

import asyncio
import re
from datetime import datetime

from ingufu.infra.secrets import redact
from ingufu.stations.frames import FrameRow
from ingufu.stations.service import Frames

TEXT_LIMIT = 64 * 1024  # characters kept of one frame; `size` tells how long it was
BATCH = 500
DELAY_S = 0.25  # how long a frame may wait for company

_TRANSACTION = re.compile(r'"transactionId"\s*:\s*(?:"([^"\\]{1,36})"|(-?\d{1,10}))')
_EVSE = re.compile(r'"(?:connectorId|evseId)"\s*:\s*(\d{1,4})\b|"evse"\s*:\s*\{\s*"id"\s*:\s*(\d{1,4})\b')
_HEAD = re.compile(r'\s*\[\s*(-?\d{1,3})\s*,\s*(?:"([^"\\]{0,100})"|(-?\d{1,20}))(?:\s*,\s*"(\w{1,60})")?')
_NAMES_ACTION = frozenset({"2", "6"})
_SEARCHED = 4096  # characters at the front in which transaction and EVSE are looked for


class FrameLog:
    """Buffers frames beside the path of the messages, never in it."""

    def __init__(self, frames: Frames) -> None:
        self._frames = frames
        self._rows: list[FrameRow] = []
        self._timer: asyncio.TimerHandle | None = None

    def add(
        self,
        data: bytes,
        *,
        at: datetime,
        station_id: str,
        connection_id: str,
        is_inbound: bool,
        action: str | None,
        transaction: str | None = None,
    ) -> str | None:
        """Keep a frame and return the transaction that it names, or the one given."""
        text = data[: TEXT_LIMIT * 4].decode("utf-8", "replace")[:TEXT_LIMIT]
        head = _HEAD.match(text)
        named = _TRANSACTION.search(text, 0, _SEARCHED)
        evse = _EVSE.search(text, 0, _SEARCHED)
        if action is None and head is not None and head[1] in _NAMES_ACTION:
            action = head[4]
        if named is not None:
            transaction = named[1] or named[2]
        self._rows.append(
            FrameRow(
                at=at,
                station_id=station_id,
                connection_id=connection_id,
                is_inbound=is_inbound,
                message_type=None if head is None else int(head[1]),
                message_id=None if head is None else head[2] or head[3],
                action=action,
                evse=None if evse is None else int(evse[1] or evse[2]),
                transaction=transaction,
                text=redact(text),
                size=len(data),
            )
        )
        if len(self._rows) >= BATCH:
            self.flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(DELAY_S, self.flush)
        return transaction

    def flush(self) -> None:
        """Hand on what has gathered."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        rows, self._rows = self._rows, []
        if rows:
            self._frames.append(rows)
