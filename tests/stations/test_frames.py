"""The message log gives frames back: by station, connection, transaction and time, described by what stands in them."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from ingufu.stations.frames import FrameFilter
from ingufu.stations.store import frames as frame_store
from ingufu.stations.tables import frame_chunks
from kept import Sent, keep

START = '[2,"m1","StartTransaction",{"connectorId":2,"idTag":"A","meterStart":0}]'
STARTED = '[3,"m1",{"transactionId":7,"idTagInfo":{"status":"Accepted"}}]'


async def test_frames_come_back_newest_first_in_pages_across_chunks(database, stations, clock):
    for chunk in range(4):
        keep(stations.frames, [Sent(clock.now(), "s", f"[{chunk * 5 + place}]") for place in range(5)])
    await database.writer.flush()
    texts, before_id = [], None
    while rows := await stations.frames.frames_of("s", before_id=before_id, limit=3):
        assert [row.id for row in rows] == sorted((row.id for row in rows), reverse=True)
        texts += [row.text for row in rows]
        before_id = rows[-1].id
    assert texts == [f"[{number}]" for number in reversed(range(20))]


async def test_frames_are_told_apart_by_station_connection_transaction_and_time(database, stations, clock):
    began = clock.now()
    seventh = '[2,"a","MeterValues",{"transactionId":7}]'
    keep(stations.frames, [Sent(began, "s", seventh), Sent(began, "s", "b", "c2"), Sent(began, "other", seventh)])
    clock.advance(60)
    keep(stations.frames, [Sent(clock.now(), "s", "late", is_inbound=False)])
    await database.writer.flush()

    async def texts(**wanted):
        return [one.text for one in await stations.frames.frames_of("s", **wanted)]

    assert await texts(transaction="7") == [seventh]
    assert await texts(connection_id="c2") == ["b"]
    assert await texts(since=began + timedelta(seconds=60)) == ["late"]
    assert await texts(until=began + timedelta(seconds=60)) == ["b", seventh]


async def test_frames_of_one_chunk_are_told_apart_by_their_own_time(database, stations, clock):
    began = clock.now()
    keep(stations.frames, [Sent(began + timedelta(seconds=number), "s", str(number)) for number in range(10)])
    await database.writer.flush()
    since, until = began + timedelta(seconds=3), began + timedelta(seconds=5)
    assert [one.text for one in await stations.frames.frames_of("s", since=since, until=until)] == ["4", "3"]


async def test_frame_with_a_nul_is_kept_and_spoils_no_other(database, stations, clock):
    keep(stations.frames, [Sent(clock.now(), "s", "a\x00"), Sent(clock.now(), "s", "b")])
    await database.writer.flush()
    assert [one.text for one in await stations.frames.frames_of("s")] == ["b", "a\u2400"]


def told(row):
    return row.message_type, row.message_id, row.action, row.evse, row.transaction


async def test_answer_in_the_same_chunk_tells_its_call_the_number_of_the_transaction(database, stations, clock):
    keep(stations.frames, [Sent(clock.now(), "s", START), Sent(clock.now(), "s", STARTED, is_inbound=False)])
    await database.writer.flush()
    answer, call = await stations.frames.frames_of("s")
    assert told(call) == (2, "m1", "StartTransaction", 2, "7")
    assert told(answer) == (3, "m1", "StartTransaction", 2, "7")


@pytest.mark.parametrize("between", [0, 3, 4])
async def test_answer_is_described_by_a_call_some_chunks_before(database, stations, clock, between):
    stop = '[2,"c1","RemoteStopTransaction",{"transactionId":7}]'
    keep(stations.frames, [Sent(clock.now(), "s", stop, is_inbound=False)])
    keep(stations.frames, [Sent(clock.now(), "s", '[2,"c1","Elsewhere",{}]', "c2", is_inbound=False)])
    for _ in range(between):
        clock.advance(1)
        keep(stations.frames, [Sent(clock.now(), "s")])
    keep(stations.frames, [Sent(clock.now(), "s", '[3,"c1",{"status":"Accepted"}]')])
    await database.writer.flush()
    found = await stations.frames.frames_of("s", transaction="7")
    assert [told(row) for row in found] == [
        (kind, "c1", "RemoteStopTransaction", None, "7") for kind in ((3, 2) if between < 4 else (2,))
    ]
    (newest,) = await frame_store.frames_after(database, "s", await frame_store.last_frame_id(database, "s") - 1, 10)
    assert newest.action == ("RemoteStopTransaction" if between < 4 else None)
    assert await frame_store.get_frame(database, "s", newest.id) == newest


async def test_second_answer_to_a_call_is_described_by_itself(database, stations, clock):
    keep(stations.frames, [Sent(clock.now(), "s"), *[Sent(clock.now(), "s", '[3,"h",{}]', is_inbound=False)] * 2])
    await database.writer.flush()
    assert [row.action for row in await stations.frames.frames_of("s")] == [None, "Heartbeat", "Heartbeat"]


async def test_station_may_give_the_same_id_as_we_do(database, stations, clock):
    ours = Sent(clock.now(), "s", '[2,"h","Reset",{}]', is_inbound=False)
    answers = [Sent(clock.now(), "s", '[3,"h",{}]', is_inbound=way) for way in (True, False)]
    keep(stations.frames, [Sent(clock.now(), "s"), ours, *answers])
    await database.writer.flush()
    actions = [row.action for row in reversed(await stations.frames.frames_of("s"))]
    assert actions == ["Heartbeat", "Reset", "Reset", "Heartbeat"]


@pytest.fixture
async def many(database, stations, clock, monkeypatch):
    """A station with a long log, of which one question reads a small part."""
    monkeypatch.setattr(frame_store, "SCANNED_BYTES", 50 * frame_store.CHUNK_COST_BYTES)
    for number in range(300):
        text = f'[2,"{number}","{"Rare" if number in {3, 120} else "Heartbeat"}",{{}}]'
        keep(
            stations.frames, [Sent(clock.now(), "s", text), Sent(clock.now(), "s", f'[3,"{number}",{{}}]', "c", False)]
        )
        clock.advance(1)
    await database.writer.flush()


@pytest.mark.usefixtures("many")
async def test_rare_frame_is_found_in_questions_of_bounded_work(database, stations):
    wanted, before_id, questions, found = FrameFilter(action="Rare"), None, 0, []
    while questions == 0 or before_id is not None:
        answer = await frame_store.find(database, wanted, before_id=before_id, limit=50)
        found, before_id, questions = found + answer.rows, answer.before_id, questions + 1
    assert [row.message_id for row in found] == ["120", "120", "3", "3"]
    assert 3 <= questions <= 12
    assert [row.message_id for row in await stations.frames.frames_of("s", limit=1000)][:3] == ["299", "299", "298"]


@pytest.mark.usefixtures("many")
async def test_only_chunks_that_may_hold_what_is_wanted_are_read(database, monkeypatch):
    read = []
    reading = frame_store.Reading
    monkeypatch.setattr(frame_store, "Reading", lambda chunk: read.append(chunk.id) or reading(chunk))
    monkeypatch.setattr(frame_store, "SCANNED_BYTES", 10**9)
    found = await frame_store.find(database, FrameFilter(part='"RARE"'), limit=50)
    assert [row.message_id for row in found.rows] == ["120", "3"]
    assert len(read) == 2
    read.clear()
    await frame_store.find(database, FrameFilter(action="Rare"), limit=50)
    assert len(read) < 60  # those near, too: an answer may stand a little later


async def test_time_is_found_by_the_ids(database, stations, clock):
    began = clock.now()
    for number in range(70):
        keep(stations.frames, [Sent(began + timedelta(hours=number), "s", str(number))])
    await database.writer.flush()
    ids = [row["id"] for row in await database.select(select(frame_chunks.c.id).order_by(frame_chunks.c.id))]
    for number in (0, 1, 35, 69):
        at = began + timedelta(hours=number)
        assert await frame_store.BY_TIME.first_since(database, at) == ids[number]
        assert await frame_store.BY_TIME.first_since(database, at + timedelta(seconds=1)) == ids[number] + 1
    found = await stations.frames.frames_of("s", since=began + timedelta(hours=10), until=began + timedelta(hours=12))
    assert [row.text for row in found] == ["11", "10"]


async def test_many_frames_take_little_room_and_come_back_whole(database, stations, clock):
    texts = [f'[2,"{number}","MeterValues",{{"connectorId":1,"transactionId":{number}}}]' for number in range(300)]
    keep(stations.frames, [Sent(clock.now(), "s", text) for text in texts])
    await database.writer.flush()
    (row,) = await database.select(select(frame_chunks.c.frames))
    assert len(row["frames"]) < sum(map(len, texts)) / 3
    assert [row.text for row in reversed(await stations.frames.frames_of("s", limit=1000))] == texts
    assert [row.text for row in await stations.frames.frames_of("s", transaction="77")] == [texts[77]]


async def test_empty_log_is_read_without_complaint(database, stations, clock):
    assert await stations.frames.frames_of("s", since=clock.now(), until=clock.now(), transaction="7") == []
    assert await frame_store.last_frame_id(database, "s") == 0
    assert await frame_store.frames_after(database, "s", 0, 10) == []
    assert await frame_store.get_frame(database, "s", 4096) is None
