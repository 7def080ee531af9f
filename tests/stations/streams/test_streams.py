"""Periodic event streams in storage of both kinds, and when their values were taken."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingufu.core.clock import FrozenClock
from ingufu.core.control import EventStream
from ingufu.infra.storage.database import Database
from ingufu.stations.streams import decide, service
from ingufu.stations.streams.model import Stream, StreamState, StreamValue
from ingufu.stations.streams.service import Streams

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@given(st.decimals(), st.text(max_size=50))
def test_every_offset_makes_a_time(offset: Decimal, value: str):
    (read,) = decide.read_values(NOW, [(offset, value)], NOW)
    assert read.at.tzinfo is not None
    if offset.is_finite() and abs(offset) <= 86_400:
        assert abs((read.at - NOW).total_seconds() - float(offset)) < 0.001


@pytest.mark.parametrize(
    ("batch", "pending", "wanted"), [(None, 0, None), (None, 1, None), (None, 5, 5), (10, 15, None), (10, 20, 20), (10, 5000, 1000), (1000, 9999, None)]
)  # fmt: skip
def test_a_batch_grows_with_what_waits(batch: int | None, pending: int, wanted: int | None):
    assert decide.larger_batch(Stream(station_id="s", number=1, batch=batch, pending=pending)) == wanted


async def test_a_stream_is_kept_from_open_to_closed(database: Database, clock: FrozenClock):
    streams = Streams(database, clock)
    async with database.work() as work:
        assert await streams.open(work, "s", EventStream(number=2**40, monitor=7, interval_s=5, values=2))
    values = [StreamValue(at=clock.now() + timedelta(seconds=one), value=str(one)) for one in (2, 1)]
    async with database.work() as work:
        await streams.receive(work, "s", 2**40, values, pending=1, received_at=clock.now())
    (stream,) = await streams.of("s")
    assert (stream.last_value, stream.value_count, stream.pending, stream.batch) == ("2", 2, 1, 2)
    async with database.work() as work:
        await streams.receive(work, "s", 2**40, values[1:], pending=0, received_at=clock.now())
    (stream,) = await streams.of("s")
    assert (stream.last_value, stream.value_count) == ("2", 3)  # what comes late is no newer for it
    async with database.work() as work:
        await streams.close(work, "s", 2**40)
    (stream,) = await streams.of("s")
    assert (stream.state, stream.closed_at) == (StreamState.CLOSED, clock.now())


async def test_values_after_the_close_make_it_unknown_until_it_is_listed(database: Database, clock: FrozenClock):
    streams = Streams(database, clock)
    async with database.work() as work:
        await streams.open(work, "s", EventStream(number=1, monitor=7))
    async with database.work() as work:
        await streams.close(work, "s", 1)
    async with database.work() as work:
        await streams.receive(work, "s", 1, [], pending=0, received_at=clock.now())
    assert (await streams.of("s"))[0].state is StreamState.UNKNOWN
    async with database.work() as work:
        await streams.note_listing(work, "s", [EventStream(number=2, monitor=8, interval_s=9)])
    known = {one.number: one for one in await streams.of("s")}
    assert (known[1].state, known[2].state, known[2].interval_s) == (StreamState.CLOSED, StreamState.OPEN, 9)


async def test_a_station_cannot_fill_us_with_streams(
    database: Database, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(service, "MAX_STREAMS", 2)
    streams = Streams(database, clock)
    for number in (1, 2):
        async with database.work() as work:
            assert await streams.open(work, "s", EventStream(number=number, monitor=7))
    work = database.work()
    assert not await streams.open(work, "s", EventStream(number=3, monitor=7))
    assert await streams.receive(work, "s", 4, [], pending=0, received_at=clock.now()) is None
    assert await streams.open(work, "s", EventStream(number=2, monitor=9))  # one that it has


async def test_a_stream_learns_its_variable_once(database: Database, clock: FrozenClock):
    streams = Streams(database, clock)
    async with database.work() as work:
        await streams.open(work, "s", EventStream(number=1, monitor=7))
    for name in ("Voltage", "Power"):
        async with database.work() as work:
            streams.learn(work, "s", 7, "EVSE", name)
    assert (await streams.of("s"))[0].variable == "Voltage"
    async with database.work() as work:
        await streams.open(work, "s", EventStream(number=1, monitor=8))
    assert (await streams.of("s"))[0].variable is None  # it is another one now
