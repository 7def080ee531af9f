"""The record of every frame: gathered by connection, redacted, packed, and handed on in chunks."""

import asyncio
from datetime import datetime
from itertools import islice

import structlog

from ingufu.infra.secrets import may_hold_secret, redact
from ingufu.stations.frames import Kept, packed
from ingufu.stations.service import Frames

TEXT_LIMIT = 64 * 1024  # characters kept of one frame; `size` tells how long it was
CHUNK_BYTES = 64 * 1024  # what one chunk holds, frames reckoned with what each takes besides its text
FRAME_BYTES = 200  # which is so much
WAITING_BYTES = 48 * 1024 * 1024  # of all chunks that are not yet handed on
DELAY_S = 1.0  # how long a chunk waits for more
TICK_S = 0.05
CHUNKS_A_TICK = 100  # so that nobody waits for more than a millisecond or two; in a large fleet the rest waits longer

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
        self._timer: asyncio.TimerHandle | None = None

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
        gathering = self._gathering.pop(connection_id, None)
        if gathering is None:
            return
        self._room += CHUNK_BYTES - gathering.room
        frames = gathering.frames
        try:
            if may_hold_secret([data for _, _, _, data in frames]):
                frames = [_redacted(frame) for frame in frames]
            self._frames.append(packed(gathering.station_id, connection_id, frames))
        except Exception:  # a fault in the record must not become one in the conversation
            log.exception("frames.lost", station=gathering.station_id, frames=len(frames))

    def flush(self) -> None:
        """Hand on all that has gathered."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for connection_id in list(self._gathering):
            self.closed(connection_id)

    def _begin(self, station_id: str, connection_id: str) -> _Gathering:
        loop = asyncio.get_running_loop()
        gathering = self._gathering[connection_id] = _Gathering(station_id, loop.time())
        if self._timer is None:
            self._timer = loop.call_later(DELAY_S, self._tick)
        return gathering

    def _make_room(self) -> None:
        """Hand on what has waited longest, until what waits is within its bounds."""
        while self._room <= 0 and self._gathering:
            self.closed(next(iter(self._gathering)))

    def _tick(self) -> None:
        """Hand on what has waited long enough, and come back for the rest."""
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        oldest = list(islice(self._gathering.items(), CHUNKS_A_TICK))
        for connection_id, gathering in oldest:
            if now_s - gathering.since_s >= DELAY_S:
                self.closed(connection_id)
        self._timer = None
        for gathering in self._gathering.values():
            wait_s = max(gathering.since_s + DELAY_S - now_s, TICK_S)
            self._timer = loop.call_later(wait_s, self._tick)
            break


def _redacted(frame: Kept) -> Kept:
    at, is_inbound, size, data = frame
    if not may_hold_secret((data,)):
        return frame
    return at, is_inbound, size, redact(data.decode("utf-8", "replace")).encode("utf-8", "replace")
