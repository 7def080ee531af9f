"""Every query of frames: chunks go in as they are, and come out again newest first or onwards, a few at a time."""

import zlib
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, bindparam, select

from ingufu.infra.storage.database import Database, Row
from ingufu.infra.storage.seeking import Seek
from ingufu.infra.storage.statements import insert
from ingufu.stations.frames import FRAME_IDS, FrameChunk, FrameFilter, FrameRow, Reading
from ingufu.stations.tables import frame_chunks, stations

DISORDER = timedelta(minutes=5)  # chunks are stored nearly, not wholly, in order of their time
EARLIEST = datetime(2, 1, 1, tzinfo=UTC)  # beyond these, times cannot be reckoned with
LATEST = datetime(9998, 1, 1, tzinfo=UTC)
BY_TIME = Seek(frame_chunks, frame_chunks.c.last_at)
_BY_BEGIN = Seek(frame_chunks, frame_chunks.c.first_at)

FEW, MANY = 8, 64  # chunks read at once: few for the first page, more where little is found
SCANNED_BYTES = 48 * 1024 * 1024  # of chunks that one question reads before it says where to go on
CHUNK_COST_BYTES = 1024  # what a chunk is reckoned with besides its frames
LOOKED_BACK = 4  # chunks of a connection in which the CALL of an answer is looked for
PRUNED_AT_ONCE = 100  # chunks; a delete goes through all their pages
DEFLATED_FROM_BYTES = 4096
COST_BYTES = 512  # of what is written, for one plain row

_ADD = insert(frame_chunks)
_EARLIER = (
    select(frame_chunks)
    .where(frame_chunks.c.station_id == bindparam("station"), frame_chunks.c.id < bindparam("before"))
    .order_by(frame_chunks.c.id.desc())
    .limit(2 * LOOKED_BACK)  # another connection of the station may end while this one begins
)
_FROM = (
    select(frame_chunks)
    .where(frame_chunks.c.station_id == bindparam("station"), frame_chunks.c.id >= bindparam("first"))
    .order_by(frame_chunks.c.id)
    .limit(FEW)
)
_ONE = select(frame_chunks).where(
    frame_chunks.c.id == bindparam("wanted"), frame_chunks.c.station_id == bindparam("station")
)
_LAST = (
    select(frame_chunks.c.id, frame_chunks.c.count)
    .where(frame_chunks.c.station_id == bindparam("station"))
    .order_by(frame_chunks.c.id.desc())
    .limit(1)
)
_DEFLATED = b"x"  # how zlib begins, and a list in msgpack never does


class Found(msgspec.Struct, frozen=True):
    """Frames, the newest first, and before which id to go on; None: there are no older ones."""

    rows: list[FrameRow]
    before_id: int | None


def append(database: Database, chunks: Sequence[FrameChunk]) -> None:
    """Let chunks be written soon; a crash may lose them."""
    if not chunks:
        return
    rows: list[dict[str, Any]] = [
        {
            "station_id": chunk.station_id,
            "connection_id": chunk.connection_id,
            "first_at": chunk.first_at,
            "last_at": chunk.last_at,
            "count": chunk.count,
            "frames": _deflated(chunk.frames),
        }
        for chunk in chunks
    ]
    size = sum([len(row["frames"]) for row in rows])
    database.write_behind(_ADD, rows, cost=1 + size // (COST_BYTES * len(rows)))


def is_of(station_id: str) -> ColumnElement[bool]:
    """Return the condition that a chunk is of this station."""
    return frame_chunks.c.station_id == station_id


async def find(
    database: Database,
    wanted: FrameFilter,
    conditions: Sequence[ColumnElement[bool]] = (),
    *,
    before_id: int | None = None,
    limit: int,
) -> Found:
    """Return the newest frames that fit and whose chunks meet the conditions, at most `limit`.

    One question reads no more than `SCANNED_BYTES` of chunks; if they do not fill the page, `before_id` says where to
    go on, even with nothing found.
    """
    found: list[FrameRow] = []
    scanned = 0
    bounds = await _between(database, wanted)
    async for chunks in _portions(database, [*conditions, *bounds], before_id):
        for place in wanted.chosen(chunks, LOOKED_BACK):
            reading = await _read(database, chunks, place)
            for row in reversed(reading.rows):
                if (before_id is None or row.id < before_id) and wanted.fits(row):
                    if len(found) == limit:
                        return Found(found, found[-1].id)
                    found.append(row)
        scanned += sum(len(chunk.frames) + CHUNK_COST_BYTES for chunk in chunks)
        if scanned >= SCANNED_BYTES:
            return Found(found, chunks[-1].first_id)
    return Found(found, None)


async def frames_after(database: Database, station_id: str, last_id: int, limit: int) -> list[FrameRow]:
    """Return a station's next frames after this id, in order."""
    rows = await database.fetch_all(_FROM, {"station": station_id, "first": last_id // FRAME_IDS})
    chunks = [_chunk(row) for row in reversed(rows)]
    found: list[FrameRow] = []
    for place in reversed(range(len(chunks))):
        reading = await _read(database, chunks, place)
        found += [row for row in reading.rows if row.id > last_id]
        if len(found) >= limit:
            break
    return found[:limit]


async def last_frame_id(database: Database, station_id: str) -> int:
    """Return the id of a station's newest frame; 0 if it has none."""
    row = await database.fetch_one(_LAST, {"station": station_id})
    return 0 if row is None else int(row["id"]) * FRAME_IDS + int(row["count"]) - 1


async def get_frame(database: Database, station_id: str, frame_id: int) -> FrameRow | None:
    row = await database.fetch_one(_ONE, {"station": station_id, "wanted": frame_id // FRAME_IDS})
    if row is None:
        return None
    reading = await _read(database, [_chunk(row)], 0)
    return next((row for row in reading.rows if row.id == frame_id), None)


async def _portions(
    database: Database, conditions: Iterable[ColumnElement[bool]], before_id: int | None
) -> AsyncIterator[list[FrameChunk]]:
    """Yield the chunks, the newest first, as many at a time as are likely to be needed."""
    statement = (
        select(frame_chunks)
        .select_from(frame_chunks.outerjoin(stations, stations.c.id == frame_chunks.c.station_id))
        .where(*conditions)
        .order_by(frame_chunks.c.id.desc())
    )
    newest = None if before_id is None else before_id // FRAME_IDS
    size = FEW
    while True:
        portion = statement if newest is None else statement.where(frame_chunks.c.id <= newest)
        rows = await database.select(portion.limit(size))
        if rows:
            yield [_chunk(row) for row in rows]
        if len(rows) < size:
            return
        newest = rows[-1]["id"] - 1
        size = min(size * 2, MANY)


def _chunk(row: Row) -> FrameChunk:
    frames: bytes = row["frames"]
    return FrameChunk(**{**row, "frames": zlib.decompress(frames) if frames.startswith(_DEFLATED) else frames})


def _deflated(frames: bytes) -> bytes:
    """Return frames in fewer bytes, an eighth as a rule, where that takes less time than writing them would."""
    return frames if len(frames) < DEFLATED_FROM_BYTES else zlib.compress(frames, 1)


async def _read(database: Database, chunks: Sequence[FrameChunk], place: int) -> Reading:
    """Return one of the chunks, which are the newest first, read: with what was asked in those before it."""
    chunk = chunks[place]
    reading = Reading(chunk)
    if reading.strays:
        older = [one for one in chunks[place + 1 :] if one.connection_id == chunk.connection_id][:LOOKED_BACK]
        reading.complete(map(Reading, older))
        if reading.strays and len(older) < LOOKED_BACK:
            before = older[-1].id if older else chunk.id
            rows = await database.fetch_all(_EARLIER, {"station": chunk.station_id, "before": before})
            earlier = [row for row in rows if row["connection_id"] == chunk.connection_id]
            still = LOOKED_BACK - len(older)
            reading.complete(Reading(_chunk(row)) for row in earlier[:still])
    return reading


async def _between(database: Database, wanted: FrameFilter) -> list[ColumnElement[bool]]:
    """Return the ids between which the wanted times surely lie, so that the log is entered there, not at its end."""
    found: list[ColumnElement[bool]] = []
    if wanted.since is not None and wanted.since > EARLIEST:
        found.append(frame_chunks.c.id >= await BY_TIME.first_since(database, wanted.since - DISORDER))
    if wanted.until is not None and wanted.until < LATEST:
        found.append(frame_chunks.c.id < await _BY_BEGIN.first_since(database, wanted.until + DISORDER))
    return found
