"""The record of every frame: gathered by connection, redacted, packed, and handed on in chunks."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from itertools import islice

import structlog

from ingufu.infra.secrets import QuickTest, redact
from ingufu.stations.frames import FrameChunk, Kept, packed
from ingufu.stations.service import Frames

TEXT_LIMIT = 64 * 1024  # characters kept of one frame; `size` tells how long it was
CHUNK_BYTES = 64 * 1024  # what one chunk holds, frames reckoned with what each takes besides its text
FRAME_BYTES = 200  # which is so much
WAITING_BYTES = 48 * 1024 * 1024  # of all chunks that are not yet handed on
DELAY_S = 1.0  # how long a chunk waits for more
RUSH_DELAY_S = 15.0  # the same while a fleet comes back
TICK_S = 0.01
SHARE_A_TICK = TICK_S / DELAY_S  # of all connections: evenly, though all may have begun in the same moment
CHUNKS_A_TICK = 20  # half a millisecond: messages wait for it; in a large fleet the rest of the frames wait longer
BYTES_A_TICK = 512 * 1024

log = structlog.get_logger(__name__)


class _Gathering:
    """The frames of a connection that are not yet handed on."""

    __slots__ = ("frames", "room", "since_s", "station_id")

    def __init__(self, station_id: str, since_s: float) -> None:
        self.station_id = station_id
        self.since_s = since_s
        self.frames: list[Kept] = []
        self.room = CHUNK_BYTES


class FrameLog:
    """Gathers frames beside the path of the messages, never in it: nothing of them is read before somebody asks."""

    def __init__(self, frames: Frames) -> None:
        self._frames = frames
        self._gathering: dict[str, _Gathering] = {}  # by connection; the first has waited longest
        self._room = WAITING_BYTES
        self._may_hold_secret = QuickTest().may_hold_secret
        self._timer: asyncio.TimerHandle | None = None
        self._delay_s = DELAY_S

    def rush(self, *, is_on: bool) -> None:
        """Pack nothing before its room is needed, while there is more urgent work."""
        self._delay_s = RUSH_DELAY_S if is_on else DELAY_S
        if self._timer is not None and not is_on:
            self._timer.cancel()
            self._tick()

    def add(self, data: bytes, at: datetime, station_id: str, connection_id: str, *, is_inbound: bool) -> None:
        """Keep a frame."""
        size = len(data)
        if size > TEXT_LIMIT:
            data = data[: TEXT_LIMIT * 4].decode("utf-8", "replace")[:TEXT_LIMIT].encode()
        gathering = self._gathering.get(connection_id)
        if gathering is None:
            gathering = self._begin(station_id, connection_id)
        gathering.frames.append((at, is_inbound, size, data))
        taken = size + FRAME_BYTES
        gathering.room -= taken
        self._room -= taken
        if gathering.room <= 0:
            self.closed(connection_id)
        elif self._room <= 0:
            self._make_room()

    def closed(self, connection_id: str) -> None:
        """Hand on what has gathered of a connection: it ended, or that was enough."""
        if connection_id in self._gathering:
            self._hand_on([connection_id])

    def flush(self) -> None:
        """Hand on all that has gathered."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._gathering:
            self._hand_on(list(islice(self._gathering, CHUNKS_A_TICK)))

    def _hand_on(self, connection_ids: list[str]) -> None:
        gathered = [(connection_id, self._gathering.pop(connection_id)) for connection_id in connection_ids]
        for _, gathering in gathered:
            self._room += CHUNK_BYTES - gathering.room
        try:
            self._frames.append(self._chunks(gathered))
        except Exception:  # a fault in the record must not become one in the conversation
            log.exception("frames.lost", frames=sum(len(gathering.frames) for _, gathering in gathered))

    def _begin(self, station_id: str, connection_id: str) -> _Gathering:
        loop = asyncio.get_running_loop()
        gathering = self._gathering[connection_id] = _Gathering(station_id, loop.time())
        if self._timer is None:
            self._timer = loop.call_later(self._delay_s, self._tick)
        return gathering

    def _make_room(self) -> None:
        """Hand on what has waited longest, until what waits is within its bounds."""
        while self._room <= 0 and self._gathering:
            self._hand_on([next(iter(self._gathering))])

    def _tick(self) -> None:
        """Hand on what has waited long enough, and come back for the rest."""
        loop = asyncio.get_running_loop()
        latest_s = loop.time() - self._delay_s
        due: list[str] = []
        room = BYTES_A_TICK
        most = min(1 + int(len(self._gathering) * SHARE_A_TICK), CHUNKS_A_TICK)
        for connection_id, gathering in islice(self._gathering.items(), most):
            if gathering.since_s > latest_s or room <= 0:
                break
            room -= CHUNK_BYTES - gathering.room
            due.append(connection_id)
        if due:
            self._hand_on(due)
        self._timer = None
        for gathering in self._gathering.values():
            self._timer = loop.call_later(max(gathering.since_s - latest_s, TICK_S), self._tick)
            break

    def _chunks(self, gathered: Sequence[tuple[str, _Gathering]]) -> list[FrameChunk]:
        """Return what has gathered in chunks, without secrets. As a rule there are none, and one look at all tells."""
        is_clean = not self._may_hold_secret([data for _, some in gathered for _, _, _, data in some.frames])
        return [
            packed(some.station_id, connection_id, some.frames if is_clean else self._redacted(some.frames))
            for connection_id, some in gathered
        ]

    def _redacted(self, frames: Sequence[Kept]) -> Sequence[Kept]:
        if not self._may_hold_secret([data for _, _, _, data in frames]):
            return frames
        return [
            (at, is_inbound, size, _redacted_text(data) if self._may_hold_secret((data,)) else data)
            for at, is_inbound, size, data in frames
        ]


def _redacted_text(data: bytes) -> bytes:
    return redact(data.decode("utf-8", "replace")).encode("utf-8", "replace")
