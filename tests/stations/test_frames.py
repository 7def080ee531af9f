"""The message log keeps frames, by station, connection, transaction and time."""

from datetime import timedelta

from ingufu.stations.frames import FrameRow


def frame(clock, text="[2]", **facts):
    facts = {"station_id": "s", "connection_id": "c1", "is_inbound": True, **facts}
    return FrameRow(at=clock.now(), text=text, size=len(text), **facts)


async def test_frames_come_back_newest_first_in_pages(database, stations, clock):
    stations.frames.append([frame(clock, f"[{n}]") for n in range(5)])
    await database.writer.flush()
    first = await stations.frames.frames_of("s", limit=2)
    assert [one.text for one in first] == ["[4]", "[3]"]
    rest = await stations.frames.frames_of("s", before_id=first[-1].id)
    assert [one.text for one in rest] == ["[2]", "[1]", "[0]"]


async def test_frames_are_told_apart_by_station_connection_transaction_and_time(database, stations, clock):
    began = clock.now()
    stations.frames.append([frame(clock, "a", transaction="7"), frame(clock, "b", connection_id="c2")])
    stations.frames.append([frame(clock, "elsewhere", station_id="other", transaction="7")])
    clock.advance(60)
    stations.frames.append([frame(clock, "late", is_inbound=False, action="Reset", message_type=2, message_id="m")])
    await database.writer.flush()

    async def texts(**wanted):
        return [one.text for one in await stations.frames.frames_of("s", **wanted)]

    assert await texts(transaction="7") == ["a"]
    assert await texts(connection_id="c2") == ["b"]
    assert await texts(since=began + timedelta(seconds=60)) == ["late"]
    assert await texts(until=began + timedelta(seconds=60)) == ["b", "a"]


async def test_frame_with_a_nul_is_kept_and_spoils_no_other(database, stations, clock):
    stations.frames.append([frame(clock, "a\x00"), frame(clock, "b")])
    await database.writer.flush()
    assert [one.text for one in await stations.frames.frames_of("s")] == ["b", "a\u2400"]


async def test_old_frames_are_pruned_and_young_ones_stay(database, stations, clock):
    stations.frames.append([frame(clock, "old")] * 3)
    clock.advance(3600)
    stations.frames.append([frame(clock, "young")])
    await database.writer.flush()
    await stations.frames.prune(clock.now() - timedelta(minutes=1))
    assert [one.text for one in await stations.frames.frames_of("s")] == ["young"]
