"""Frames gather by connection and are handed on in chunks: in order, within bounds, without secrets."""

import asyncio
import base64
import json
import random
from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise

import pytest
from structlog.testing import capture_logs

from ingufu.core.clock import FrozenClock
from ingufu.gateway import frame_log
from ingufu.gateway.frame_log import CHUNK_BYTES, FRAME_BYTES, TEXT_LIMIT, FrameLog
from ingufu.infra.storage.database import Database
from ingufu.stations.frames import FRAME_IDS, FrameChunk
from ingufu.stations.service import Frames

BEAT = b'[2,"%d","Heartbeat",{}]'


class Chunks(Frames):
    """Keeps what is handed on where a test can look at it, and writes it all the same."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.handed: list[FrameChunk] = []
        self.came = asyncio.Event()

    def append(self, chunks: Sequence[FrameChunk]) -> None:
        self.handed += chunks
        self.came.set()
        super().append(chunks)


@pytest.fixture
def chunks(database: Database) -> Chunks:
    return Chunks(database)


@pytest.fixture
def log(chunks: Chunks) -> FrameLog:
    return FrameLog(chunks)


async def kept(database: Database, chunks: Chunks, station_id: str = "s") -> list[str]:
    await database.writer.flush()
    return [row.text for row in reversed(await chunks.frames_of(station_id, limit=1000))]


async def test_frames_of_a_connection_keep_their_order_and_are_one_row(
    database: Database, log: FrameLog, chunks: Chunks, clock: FrozenClock
) -> None:
    for number in range(20):
        log.add(BEAT % number, clock.now(), "s", "c1", is_inbound=True)
        log.add(BEAT % (100 + number), clock.now(), "other", "c2", is_inbound=True)
        clock.advance(0.001)
    log.flush()
    assert [(chunk.connection_id, chunk.count) for chunk in chunks.handed] == [("c1", 20), ("c2", 20)]
    assert chunks.handed[0].last_at - chunks.handed[0].first_at == timedelta(milliseconds=19)
    assert await kept(database, chunks) == [(BEAT % number).decode() for number in range(20)]
    rows = await chunks.frames_of("s", limit=2)
    assert [row.at for row in rows] == [chunks.handed[0].last_at, chunks.handed[0].last_at - timedelta(milliseconds=1)]
    assert rows[0].id - rows[1].id == 1


async def test_end_of_a_connection_hands_its_frames_on(log: FrameLog, chunks: Chunks, clock: FrozenClock) -> None:
    log.add(b"[]", clock.now(), "s", "c1", is_inbound=True)
    log.add(b"[]", clock.now(), "s", "c2", is_inbound=True)
    log.closed("c1")
    log.closed("c1")
    log.closed("never seen")
    assert [chunk.connection_id for chunk in chunks.handed] == ["c1"]


async def test_what_waits_is_handed_on_by_itself(log: FrameLog, chunks: Chunks, clock: FrozenClock) -> None:
    log.add(b"[]", clock.now(), "s", "c", is_inbound=True)
    async with asyncio.timeout(15):
        await chunks.came.wait()
    assert len(chunks.handed) == 1
    chunks.came.clear()
    log.add(b"[]", clock.now(), "s", "c", is_inbound=True)
    async with asyncio.timeout(15):
        await chunks.came.wait()
    assert [chunk.count for chunk in chunks.handed] == [1, 1]


async def test_large_fleet_is_handed_on_a_few_at_a_time_the_oldest_first(
    log: FrameLog, chunks: Chunks, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frame_log, "CHUNKS_A_TICK", 10)
    monkeypatch.setattr(frame_log, "SHARE_A_TICK", 1.0)
    monkeypatch.setattr(frame_log, "DELAY_S", 0.0)
    for number in range(25):
        log.add(b"[]", clock.now(), "s", f"c{number}", is_inbound=True)
    counts = []
    async with asyncio.timeout(15):
        while len(chunks.handed) < 25:
            chunks.came.clear()
            await chunks.came.wait()
            counts.append(len(chunks.handed))
    assert counts == [10, 20, 25]
    assert [chunk.connection_id for chunk in chunks.handed] == [f"c{number}" for number in range(25)]


async def test_frames_of_one_moment_are_handed_on_evenly(
    log: FrameLog, chunks: Chunks, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frame_log, "SHARE_A_TICK", 0.1)
    monkeypatch.setattr(frame_log, "DELAY_S", 0.0)
    for number in range(40):
        log.add(b"[]", clock.now(), "s", f"c{number}", is_inbound=True)
    counts = [0]
    async with asyncio.timeout(15):
        while len(chunks.handed) < 40:
            chunks.came.clear()
            await chunks.came.wait()
            counts.append(len(chunks.handed))
    steps = [later - earlier for earlier, later in pairwise(counts)]
    assert steps == sorted(steps, reverse=True), "a part of what still waits, thus ever fewer"
    assert (steps[0], steps[-1]) == (5, 1)


async def test_large_chunks_are_handed_on_fewer_at_a_time(
    log: FrameLog, chunks: Chunks, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frame_log, "BYTES_A_TICK", 100_000)
    monkeypatch.setattr(frame_log, "SHARE_A_TICK", 1.0)
    monkeypatch.setattr(frame_log, "DELAY_S", 0.0)
    for number in range(6):
        log.add(b"x" * 45_000, clock.now(), "s", f"c{number}", is_inbound=True)
    counts = []
    async with asyncio.timeout(15):
        while len(chunks.handed) < 6:
            chunks.came.clear()
            await chunks.came.wait()
            counts.append(len(chunks.handed))
    assert counts == [3, 6]


async def test_chunk_is_handed_on_when_it_is_full(log: FrameLog, chunks: Chunks, clock: FrozenClock) -> None:
    for _ in range(2000):
        log.add(b"[]", clock.now(), "s", "c", is_inbound=True)
    assert len(chunks.handed) >= 6
    assert max(chunk.count for chunk in chunks.handed) <= CHUNK_BYTES // FRAME_BYTES + 1 < FRAME_IDS
    log.add(b"x" * CHUNK_BYTES, clock.now(), "s", "c2", is_inbound=True)
    assert chunks.handed[-1].connection_id == "c2"


async def test_frames_of_all_connections_together_stay_within_bounds(
    log: FrameLog, chunks: Chunks, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    log._room = 100_000
    for number in range(1000):
        log.add(b"x" * 800, clock.now(), "s", f"c{number}", is_inbound=True)
        assert sum(len(one.frames) for one in log._gathering.values()) <= 100
    assert len(chunks.handed) >= 900
    log.flush()
    assert log._room == 100_000
    assert [chunk.connection_id for chunk in chunks.handed] == [f"c{number}" for number in range(1000)]


async def test_what_waits_to_be_written_is_bounded_by_its_size(database: Database, clock: FrozenClock) -> None:
    log, chance = FrameLog(Frames(database)), random.Random(7)
    plain = bytes.maketrans(b"kKnN", b"....")  # no suspicious word comes about by chance
    texts = [base64.b64encode(chance.randbytes(48 * 1024)).translate(plain) for _ in range(20)]
    with capture_logs() as logs:
        for number in range(3000):
            log.add(texts[number % 20], clock.now(), "s", f"c{number}", is_inbound=True)
    held = sum(len(values[-1]) for _, values, _ in database.writer._behind)
    assert 50_000_000 < held < 120_000_000
    assert database.writer.lost_behind == 3000 - len(database.writer._behind) > 0
    assert {entry["event"] for entry in logs} == {"storage.behind_lost"}


async def test_long_frame_is_cut_and_its_size_is_told(
    database: Database, log: FrameLog, chunks: Chunks, clock: FrozenClock
) -> None:
    text = json.dumps([2, "m", "DataTransfer", {"vendorId": "é" * 200_000}], ensure_ascii=False)
    log.add(text.encode(), clock.now(), "s", "c", is_inbound=True)
    await database.writer.flush()
    (row,) = await chunks.frames_of("s")
    assert (row.action, row.size, len(row.text)) == ("DataTransfer", len(text.encode()), TEXT_LIMIT)
    assert text.startswith(row.text)


async def test_secret_among_others_is_taken_out_and_the_others_stay(
    database: Database, log: FrameLog, chunks: Chunks, clock: FrozenClock
) -> None:
    secret = b"ZQXJ-4711-VWKY"
    texts = [
        BEAT % 1,
        b'[2,"c","ChangeConfiguration",{"key":"AuthorizationKey","value":"%b"}]' % secret,
        b'[2,"c","ChangeConfiguration",{"value":"%b","k' % secret,
        '[2,"é","DataTransfer",{"vendorId":"é"}]'.encode(),
        b"\xff\xfe no text",
        BEAT % 2,
    ]
    for text in texts:
        log.add(text, clock.now(), "s", "c", is_inbound=False)
    log.add(BEAT % 3, clock.now(), "other", "c2", is_inbound=False)
    log.flush()
    assert secret not in chunks.handed[0].frames
    assert await kept(database, chunks, "other") == [(BEAT % 3).decode()]
    found = await kept(database, chunks)
    assert found[0] == texts[0].decode()
    assert found[1] == '[2,"c","ChangeConfiguration",{"key":"AuthorizationKey","value":"***"}]'
    assert found[3] == texts[3].decode()
    assert found[4] == "\ufffd\ufffd no text"
    assert found[5] == texts[5].decode()


async def test_fault_in_the_record_is_logged_and_stops_nobody(
    log: FrameLog, chunks: Chunks, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> bool:
        raise ZeroDivisionError

    monkeypatch.setattr(log, "_may_hold_secret", fail)
    with capture_logs() as logs:
        log.add(b"[]", clock.now(), "s", "c", is_inbound=True)
        log.flush()
    assert [entry["event"] for entry in logs] == ["frames.lost"]
    assert chunks.handed == []
    monkeypatch.undo()
    log.add(b"[]", clock.now(), "s", "c", is_inbound=True)
    log.flush()
    assert len(chunks.handed) == 1


async def test_any_bytes_can_be_kept_and_read(
    database: Database, log: FrameLog, chunks: Chunks, clock: FrozenClock
) -> None:
    chance = random.Random(7)
    sent = [chance.randbytes(chance.randrange(300)) for _ in range(200)]
    sent += [b"", b"\0", b'[2,"\0","a",{}]', b'[3,"x"', b"[" * 3000]
    for text in sent:
        log.add(text, clock.now(), "s", "c", is_inbound=chance.random() < 0.5)
    log.flush()
    await database.writer.flush()
    rows = await chunks.frames_of("s", limit=1000)
    assert [row.size for row in reversed(rows)] == [len(text) for text in sent]
    assert not any("\0" in row.text for row in rows)


async def test_frames_are_packed_after_a_rush(
    database: Database, log: FrameLog, chunks: Chunks, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frame_log, "DELAY_S", 0.05)
    log.rush(is_on=True)
    log.add(b"[]", clock.now(), "s", "c1", is_inbound=True)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(chunks.came.wait(), 0.3)
    log.rush(is_on=False)
    await asyncio.wait_for(chunks.came.wait(), 15)
    assert await kept(database, chunks) == ["[]"]
