"""The classic faults, planted into the server for as long as a simulation runs: the seeds must find each of them.

They are patches of the running code, made here and taken back here; the product knows nothing of them.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from typing import Any

from ingufu.charging import decide
from ingufu.charging.service.ledger import Ledger
from ingufu.gateway.link import Connections
from ingufu.infra.storage.database import Work
from ingufu.infra.storage.group_commit import GroupCommit
from ingufu.ocpp.rpc import Peer
from ingufu.ocpp.session import Replied, Session
from ingufu.stations import store
from ingufu.stations.service.connections import Connections as StoredConnections


@contextmanager
def _patched(owner: Any, name: str, value: object) -> Iterator[None]:
    before = owner.__dict__[name]
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


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

    return _patched(Work, "commit", commit)


def half_of_a_unit() -> AbstractContextManager[None]:
    """The rows of a unit of work are committed first, its events and readings afterwards."""

    async def commit(self: Work) -> None:
        if self._is_done:
            return
        self._is_done = True
        submit = self._database.writer.submit
        await submit([write for write in self._writes if not write.is_bulk], lambda: None)
        await submit([write for write in self._writes if write.is_bulk], self._follow_up)

    return _patched(Work, "commit", commit)


def readings_counted_twice() -> AbstractContextManager[None]:
    """A reading that comes again after a lost reply is kept again."""

    async def find_new(self: Ledger, before: object, rows: list[Any]) -> list[Any]:
        return rows

    return _patched(Ledger, "_find_new", find_new)


def starts_counted_twice() -> AbstractContextManager[None]:
    """A start that comes again after a lost reply is taken for another one."""
    numbers, before = count(), decide.start_key
    return _patched(decide, "start_key", lambda report: f"{before(report)}{next(numbers)}")


def queued_frame_lost() -> AbstractContextManager[None]:
    """Of several messages that wait for their turn, one is dropped."""
    before = Peer.take

    def take(self: Peer) -> Any:
        if self._queue:
            self._queue.pop(0)
        return before(self)

    return _patched(Peer, "take", take)


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

    return _patched(GroupCommit, "submit", submit)


def acknowledged_although_not_written() -> AbstractContextManager[None]:
    """When storage fails, the station hears an empty answer instead of nothing."""
    return _patched(Session, "_failed", staticmethod(lambda row: Replied(b"{}")))


def late_goodbye_counts() -> AbstractContextManager[None]:
    """The end of a replaced connection throws out the one that has taken its place."""

    def remove(self: Connections, connection: Any) -> bool:
        return self._by_station.pop(connection.station_id, None) is not None

    return _patched(Connections, "remove", remove)


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

    @contextmanager
    def both() -> Iterator[None]:
        with _patched(Connections, "remove", remove), _patched(StoredConnections, "disconnected", disconnected):
            yield

    return both()


def sleepless_task() -> AbstractContextManager[None]:
    """A task waits for ever once a request was not answered."""
    before = Session.answer

    async def answer(self: Session, message: Any) -> Any:
        reply = await before(self, message)
        if not isinstance(reply, Replied):
            await asyncio.get_running_loop().create_future()
        return reply

    return _patched(Session, "answer", answer)


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
    )
}
