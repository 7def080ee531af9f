"""The classic faults, planted into the server for as long as a simulation runs: the seeds must find each of them.

They are patches of the running code, made here and taken back here; the product knows nothing of them.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from typing import Any, NamedTuple

import msgspec

from ingufu.charging import decide
from ingufu.charging.pulse import Pulse
from ingufu.charging.service.ledger import Ledger
from ingufu.gateway.connection import Lane
from ingufu.gateway.link import Connections
from ingufu.infra.storage import sqlite
from ingufu.infra.storage.database import Work
from ingufu.infra.storage.group_commit import GroupCommit
from ingufu.infra.storage.lagging import Lagging
from ingufu.ocpp import rpc_frames
from ingufu.ocpp.rpc import Peer
from ingufu.ocpp.rpc_memory import ReplyMemory
from ingufu.ocpp.rpc_messages import Call
from ingufu.ocpp.session import Replied, Session
from ingufu.stations import decide as stations_decide
from ingufu.stations import store
from ingufu.stations.service.connections import Connections as StoredConnections
from simulation.disk import SimulatedEngine
from simulation.network import ServerEnd
from simulation.patching import patched


def reply_before_commit() -> AbstractContextManager[None]:
    """A unit of work counts as done when it has been handed to the writer, not when it is on disk."""

    async def commit(self: Work) -> None:
        if self._is_done:
            return
        self._is_done = True
        if self._writes:
            written = self._database.writer.submit(self._writes, self._follow_up)
            written.add_done_callback(lambda future: future.exception())
        else:
            self._follow_up()

    return patched(Work, "commit", commit)


def half_of_a_unit() -> AbstractContextManager[None]:
    """The rows of a unit of work are committed first, its events and readings afterwards."""

    async def commit(self: Work) -> None:
        if self._is_done:
            return
        self._is_done = True
        submit = self._database.writer.submit
        await submit([write for write in self._writes if not write.is_bulk], lambda: None)
        await submit([write for write in self._writes if write.is_bulk], self._follow_up)

    return patched(Work, "commit", commit)


def readings_counted_twice() -> AbstractContextManager[None]:
    """A reading that comes again after a lost reply is kept again."""

    async def find_new(self: Ledger, before: object, rows: list[Any]) -> list[Any]:
        return rows

    return patched(Ledger, "_find_new", find_new)


def starts_counted_twice() -> AbstractContextManager[None]:
    """A start that comes again after a lost reply is taken for another one."""
    numbers, before = count(), decide.start_key
    return patched(decide, "start_key", lambda report: f"{before(report)}{next(numbers)}")


def queued_frame_lost() -> AbstractContextManager[None]:
    """Of several messages that wait for their turn, one is dropped."""
    before = Peer.take

    def take(self: Peer) -> Any:
        if self._queue:
            self._queue.pop(0)
        return before(self)

    return patched(Peer, "take", take)


def waiting_unit_lost() -> AbstractContextManager[None]:
    """What is handed to the writer while a commit runs is taken for written with it."""
    before = GroupCommit.submit

    def submit(self: GroupCommit, unit: Any, follow: Callable[[], None]) -> asyncio.Future[None]:
        if self._runner is None or self._is_closed:
            return before(self, unit, follow)
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        future.set_result(None)
        follow()
        return future

    return patched(GroupCommit, "submit", submit)


def acknowledged_although_not_written() -> AbstractContextManager[None]:
    """When storage fails, the station hears an empty answer instead of nothing."""
    return patched(Session, "_failed", staticmethod(lambda row: Replied(b"{}")))


def late_goodbye_counts() -> AbstractContextManager[None]:
    """The end of a replaced connection throws out the one that has taken its place."""

    def remove(self: Connections, connection: Any) -> bool:
        return self._by_station.pop(connection.station_id, None) is not None

    return patched(Connections, "remove", remove)


def late_goodbye_is_stored() -> AbstractContextManager[None]:
    """A station is stored as offline although it has another connection by now."""
    before = Connections.remove

    def remove(self: Connections, connection: Any) -> bool:
        before(self, connection)
        return True

    async def disconnected(self: StoredConnections, work: Work, station_id: str, **details: Any) -> None:
        station = await store.by_id(self._database, station_id)
        if station is not None and station.connection_id is not None:
            store.set_disconnected(work, station_id, station.connection_id, details["at"])

    return _both(patched(Connections, "remove", remove), patched(StoredConnections, "disconnected", disconnected))


def sleepless_task() -> AbstractContextManager[None]:
    """A task waits for ever once a request was not answered."""
    before = Session.answer

    async def answer(self: Session, message: Any) -> Any:
        reply = await before(self, message)
        if not isinstance(reply, Replied):
            await asyncio.get_running_loop().create_future()
        return reply

    return patched(Session, "answer", answer)


def lost_wake_up() -> AbstractContextManager[None]:
    """Now and then the worker of a connection goes to sleep although a message waits for its turn."""
    calls, before = count(1), Peer.take

    def take(self: Peer) -> Any:
        is_missed = self._queue and next(calls) % 3 == 0
        return None if is_missed else before(self)

    return patched(Peer, "take", take)


def wrong_message_id() -> AbstractContextManager[None]:
    """If another call waits already, the answer to the first bears its id."""
    before = Peer.result

    def result(self: Peer, call: Call, payload: bytes) -> bytes:
        frame = before(self, call, payload)
        if self._queue and isinstance(self._queue[0][0], Call):
            return rpc_frames.write_result(self._queue[0][0].id_token, payload)
        return frame

    return patched(Peer, "result", result)


def older_status_counts() -> AbstractContextManager[None]:
    """A status overwrites whatever is stored, even one of a later time."""
    before = stations_decide.merge_status

    def merge(stored: Any, report: Any, received_at: Any, **rules: Any) -> Any:
        return before(msgspec.structs.replace(stored, status_at=None), report, received_at, **rules)

    return patched(stations_decide, "merge_status", merge)


def stale_row_written() -> AbstractContextManager[None]:
    """Two connections of one station each have a lane, and no write looks whether its row is as it was read."""
    before = SimulatedEngine.commit

    def lane(self: Connections, station_id: str) -> Lane:
        return Lane()

    async def commit(self: SimulatedEngine, units: Any, series: Any) -> Any:
        return await before(self, [[write._replace(expect=None) for write in unit] for unit in units], series)

    return _both(patched(Connections, "lane", lane), patched(SimulatedEngine, "commit", commit))


def readings_lost_at_reconnect() -> AbstractContextManager[None]:
    """The first meter values after a connection was made are acknowledged and dropped."""
    before = Session.answer

    async def answer(self: Session, message: Any) -> Any:
        is_first = not hasattr(self, "_has_met")
        if message.action == "MeterValues" and is_first:
            self._has_met = True  # type: ignore[attr-defined]
            return Replied(b"{}")
        return await before(self, message)

    return patched(Session, "answer", answer)


def replies_forgotten_at_reconnect() -> AbstractContextManager[None]:
    """What a station was answered lately is remembered for one connection only."""

    def memory(self: Connections, station_id: str) -> ReplyMemory:
        return ReplyMemory()

    return patched(Connections, "memory", memory)


def displaced_connection_heard() -> AbstractContextManager[None]:
    """What comes by a connection is handled although another one has taken its place."""

    def close(self: Peer) -> Any:
        call, self._open = self._open, None
        return call

    before = ServerEnd.arrived

    def arrive(self: ServerEnd, text: bytes) -> None:
        if not self.is_open and not self.owner.is_ending:
            self._handler.received(text)
        before(self, text)

    return _both(patched(ServerEnd, "arrived", arrive), patched(Peer, "close", close))


def quick_reply_before_commit() -> AbstractContextManager[None]:
    """A reading on its short way counts as kept when it has been handed to the writer."""
    before = GroupCommit.submit_for

    def submit_for(self: GroupCommit, waiter: Any) -> bool:
        is_taken = before(self, _Nobody(waiter.unit))
        if is_taken:
            waiter.settle(None)
        return is_taken

    return patched(GroupCommit, "submit_for", submit_for)


def quick_repeat_counts() -> AbstractContextManager[None]:
    """A reading that comes again takes the short way, as if it were in order."""

    def follows(self: Pulse, at: object, wh: object) -> bool:
        return True

    return patched(Pulse, "follows", follows)


class _Nobody(NamedTuple):
    """Who waits for a unit without hearing what became of it."""

    unit: Any

    def settle(self, outcome: object) -> None:
        """Do nothing."""


def journal_left_behind() -> AbstractContextManager[None]:
    """What a server that died has kept in its journal is not put away by the next one."""
    return patched(sqlite, "empty_journal", lambda cursor: 0)


def journal_forgotten_early() -> AbstractContextManager[None]:
    """An entry of the journal is forgotten before its rows have reached their tables."""
    before = Lagging.defer

    def defer(self: Lagging, deferral: Any) -> None:
        before(self, deferral._replace(rows={prepared: rows[:-1] for prepared, rows in deferral.rows.items()}))

    return patched(Lagging, "defer", defer)


@contextmanager
def _both(one: AbstractContextManager[None], other: AbstractContextManager[None]) -> Iterator[None]:
    with one, other:
        yield


PLANTED: dict[str, Callable[[], AbstractContextManager[None]]] = {
    plant.__name__: plant
    for plant in (
        reply_before_commit,
        half_of_a_unit,
        readings_counted_twice,
        starts_counted_twice,
        queued_frame_lost,
        waiting_unit_lost,
        acknowledged_although_not_written,
        late_goodbye_counts,
        late_goodbye_is_stored,
        sleepless_task,
        lost_wake_up,
        wrong_message_id,
        older_status_counts,
        stale_row_written,
        readings_lost_at_reconnect,
        replies_forgotten_at_reconnect,
        displaced_connection_heard,
        quick_reply_before_commit,
        quick_repeat_counts,
        journal_left_behind,
        journal_forgotten_early,
    )
}
