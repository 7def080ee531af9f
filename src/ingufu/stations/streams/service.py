"""Periodic event streams: opened, closed and adjusted, and what came by them."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from ingufu.core.clock import Clock
from ingufu.core.control import EventStream
from ingufu.core.texts import plain
from ingufu.infra.storage.database import Database, Work
from ingufu.stations.streams import decide, store
from ingufu.stations.streams.events import StreamClosed, StreamOpened, StreamUnknown, StreamUpdated
from ingufu.stations.streams.model import Stream, StreamState, StreamValue

MAX_STREAMS = 500  # of one station that are kept; a hostile one could name any number
NAME_MAX = 100
LAST_MAX = 200


class Streams:
    """The streams of stations, and their values."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def of(self, station_id: str) -> list[Stream]:
        """Return the streams that a station has, or had."""
        return await store.streams_of(self._database, station_id)

    def forget_station(self, work: Work, station_id: str) -> None:
        """Forget the streams of a station that is deleted."""
        store.forget_station(work, station_id)

    async def open(self, work: Work, station_id: str, told: EventStream) -> bool:
        """Keep that a station sends a stream from now on; False if it has far too many (2.1 N11)."""
        before = await store.find(self._database, station_id, told.number)
        if before is None and not await self._has_room(station_id):
            return False
        now = self._clock.now()
        after = msgspec.structs.replace(
            before or Stream(station_id=station_id, number=told.number),
            state=StreamState.OPEN,
            monitor=told.monitor,
            interval_s=told.interval_s,
            batch=told.values,
            opened_at=now,
            closed_at=None,
            pending=0,
        )
        if before is not None and before.monitor != told.monitor:
            after = msgspec.structs.replace(after, component=None, variable=None)
        store.save(work, after)
        work.emit(
            StreamOpened(
                occurred_at=now,
                station_id=station_id,
                stream=told.number,
                monitor=told.monitor,
                interval_s=told.interval_s,
                batch=told.values,
            )
        )
        return True

    async def close(self, work: Work, station_id: str, number: int) -> None:
        """Keep that a stream ended; one that nobody knows has ended, too (2.1 N12)."""
        before = await store.find(self._database, station_id, number)
        if before is None or before.state is StreamState.CLOSED:
            return
        now = self._clock.now()
        store.save(work, msgspec.structs.replace(before, state=StreamState.CLOSED, closed_at=now))
        work.emit(StreamClosed(occurred_at=now, station_id=station_id, stream=number))

    async def receive(
        self,
        work: Work,
        station_id: str,
        number: int,
        values: Sequence[StreamValue],
        *,
        pending: int,
        received_at: datetime,
    ) -> Stream | None:
        """Keep values that came, and return their stream; None if the station has far too many (2.1 N15).

        A stream that nobody told of, or that was closed, is kept as unknown until the station is asked.
        """
        before = await store.find(self._database, station_id, number)
        if before is None and not await self._has_room(station_id):
            return None
        stream = before or Stream(station_id=station_id, number=number, state=StreamState.UNKNOWN)
        if before is None or before.state is StreamState.CLOSED:
            stream = msgspec.structs.replace(stream, state=StreamState.UNKNOWN)
            work.emit(StreamUnknown(occurred_at=received_at, station_id=station_id, stream=number))
        for value in values:
            store.append_value(work, station_id, number, value, received_at)
        newest = max(values, key=lambda value: value.at, default=None)
        after = msgspec.structs.replace(
            stream, pending=min(pending, 2**62), value_count=stream.value_count + len(values)
        )
        if newest is not None and (stream.last_at is None or newest.at >= stream.last_at):
            after = msgspec.structs.replace(after, last_at=newest.at, last_value=newest.value[:LAST_MAX])
        store.save(work, after)
        if newest is not None:
            work.announce(
                StreamUpdated(
                    occurred_at=received_at,
                    station_id=station_id,
                    stream=number,
                    value=newest.value[:LAST_MAX],
                    count=len(values),
                    wants_batch=decide.larger_batch(after),
                )
            )
        return after

    async def note_listing(self, work: Work, station_id: str, told: Sequence[EventStream]) -> None:
        """Keep which streams a station says are open: these, and no others (2.1 N13)."""
        known = {stream.number: stream for stream in await store.streams_of(self._database, station_id)}
        now = self._clock.now()
        for one in told[:MAX_STREAMS]:
            before = known.pop(one.number, None)
            stream = before or Stream(station_id=station_id, number=one.number, opened_at=now)
            after = msgspec.structs.replace(
                stream,
                state=StreamState.OPEN,
                monitor=one.monitor,
                interval_s=one.interval_s,
                batch=one.values,
                closed_at=None,
            )
            if after != before:
                store.save(work, after)
        for left in known.values():
            if left.state is not StreamState.CLOSED:
                store.save(work, msgspec.structs.replace(left, state=StreamState.CLOSED, closed_at=now))
                work.emit(StreamClosed(occurred_at=now, station_id=station_id, stream=left.number))

    async def note_adjusted(
        self, work: Work, station_id: str, number: int, *, interval_s: int | None, batch: int | None
    ) -> None:
        """Keep that a station sends a stream at another interval, or so many values at once (2.1 N14)."""
        before = await store.find(self._database, station_id, number)
        if before is not None:
            changes = {"interval_s": interval_s, "batch": batch}
            given = {name: value for name, value in changes.items() if value is not None}
            store.save(work, msgspec.structs.replace(before, **given))

    def learn(self, work: Work, station_id: str, monitor: int, component: str, variable: str) -> None:
        """Keep what a monitor watches, as an event of it told."""
        store.name(work, station_id, monitor, plain(component, NAME_MAX), plain(variable, NAME_MAX))

    @staticmethod
    def read(
        base_at: datetime, elements: Sequence[tuple[object, str]], received_at: datetime
    ) -> tuple[StreamValue, ...]:
        """Return values at their times."""
        return decide.read_values(base_at, elements, received_at)  # type: ignore[arg-type]

    async def _has_room(self, station_id: str) -> bool:
        return len(await store.streams_of(self._database, station_id)) < MAX_STREAMS
