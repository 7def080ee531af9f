"""Live events to browsers and programs (SSE): stored events with their ids, resumable; live-only ones as they come."""

import asyncio
import contextlib
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from typing import Any

import msgspec
import structlog

from ingufu.core.clock import Clock
from ingufu.core.errors import IngufuError, TooManyRequests
from ingufu.infra.bus.port import Bus, Unsubscribe
from ingufu.infra.ending import end
from ingufu.infra.storage.database import Database
from ingufu.views import timeline
from ingufu.views.stations import SiteIds
from ingufu.views.timeline import EventFilter, EventRow

TOPIC = "events"
LIVE_ONLY = frozenset({"TransactionUpdated", "ConnectionRefused"})  # told, but never stored as events
QUEUE_LENGTH = 1000  # events a listener may be behind before it loses live-only ones
PENDING_LENGTH = 10_000  # live-only events between two turns
MAX_LISTENERS = 500  # of this process; each is a connection
PAGE = 500  # stored events read at once
GATHER_S = 0.05  # a burst of events is read in one query
POLL_S = 5.0  # the safety net, should the bus have lost a message
OVERLAP = 200  # ids read again: on PostgreSQL a lower id may be committed after a higher one
HEARTBEAT_S = 15.0  # proxies close what is silent for 30 to 60 s
RECHECK_S = 60.0  # how soon a listener is dropped that may listen no longer

log = structlog.get_logger(__name__)


class _Heard(msgspec.Struct, frozen=True):
    """What every event on the bus says of itself."""

    kind: str
    occurred_at: datetime
    station_id: str | None = None
    transaction_id: str | None = None


class LiveEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One event on its way to a listener. `id` is null if it is not stored."""

    id: int | None = None
    kind: str
    occurred_at: datetime
    station_id: str | None = None
    station_identity: str | None = None
    site_id: str | None = None
    transaction_id: str | None = None
    details: dict[str, Any]


class Listener:
    """One reader of events, and what waits for it."""

    def __init__(self, wanted: EventFilter, last_id: int) -> None:
        self.wanted = wanted
        self.last_id = last_id
        self.is_behind = True  # stored events have to be read from storage first
        self.told: set[int] = set()  # read from storage before they were offered
        self.lost = 0  # live-only events that it missed since it was last told
        self.waiting: deque[LiveEvent] = deque()
        self.stirred = asyncio.Event()
        self.is_closed = False

    def offer(self, event: LiveEvent) -> None:
        """Queue the event if it is wanted. One that does not fit is lost if live-only, else read from storage later."""
        if not self.wanted.admits(event.kind, event.station_id, event.site_id, event.transaction_id):
            return
        if event.id in self.told:
            self.told.discard(event.id)
            return
        if len(self.waiting) < QUEUE_LENGTH:
            self.waiting.append(event)
        elif event.id is None:
            self.lost += 1
        elif not self.is_behind:
            self.lost += sum(one.id is None for one in self.waiting)
            self.waiting.clear()
            self.is_behind = True
        self.stirred.set()

    def close(self) -> None:
        """Let the reader come to its end."""
        self.is_closed = True
        self.stirred.set()


class LiveHub:
    """Reads each stored event once, whoever listens, and hands it to those who want and may see it."""

    def __init__(self, database: Database, bus: Bus) -> None:
        self._database = database
        self._bus = bus
        self._listeners: set[Listener] = set()
        self._pending: deque[LiveEvent] = deque(maxlen=PENDING_LENGTH)
        self._stations: dict[str, tuple[str, str | None]] = {}  # identity and site
        self._delivered: OrderedDict[int, None] = OrderedDict()
        self._base_id = 0
        self._stirred = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._unsubscribe: Unsubscribe | None = None
        self._is_closed = False

    async def open(self) -> None:
        """Begin to hear."""
        self._unsubscribe = self._bus.subscribe(TOPIC, self._hear)
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """End every stream and cease to hear; may be called twice."""
        self.close_streams()
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
        if self._task is not None:
            await end(self._task)
            self._task = None

    def close_streams(self) -> None:
        """Let every stream come to its end, and begin no other: a server that stops waits for its connections."""
        self._is_closed = True
        for listener in tuple(self._listeners):
            listener.close()

    @property
    def listener_count(self) -> int:
        return len(self._listeners)

    async def listen(self, wanted: EventFilter, *, last_id: int | None = None) -> Listener:
        """Return a listener that misses nothing stored after `last_id`, or from now on. `leave` it in the end.

        Raises TooManyRequests.
        """
        if len(self._listeners) >= MAX_LISTENERS:
            raise TooManyRequests("Too many listen already.", retry_after_s=30)
        newest = await timeline.last_event_id(self._database)
        if not self._listeners:
            self._base_id = newest
            self._delivered.clear()
            self._pending.clear()
        listener = Listener(wanted, newest if last_id is None else min(last_id, newest))
        listener.is_closed = self._is_closed
        self._listeners.add(listener)
        return listener

    def leave(self, listener: Listener) -> None:
        """Forget the listener."""
        self._listeners.discard(listener)

    async def next_events(self, listener: Listener, timeout_s: float) -> list[LiveEvent]:
        """Return what is there for the listener, waiting at most `timeout_s`; nothing if there is nothing."""
        if not listener.waiting and not listener.is_behind and not listener.is_closed:
            listener.stirred.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await listener.stirred.wait()
        if listener.is_behind:
            return await self._catch_up(listener)
        found = [_as_seen(event, listener.wanted.site_ids) for event in listener.waiting]
        listener.waiting.clear()
        listener.last_id = max([listener.last_id, *(event.id for event in found if event.id is not None)])
        return found

    async def _catch_up(self, listener: Listener) -> list[LiveEvent]:
        """Read from storage what the listener missed. What was queued meanwhile and is read now is not told twice."""
        listener.is_behind = False  # what does not fit while we read makes it fall behind again
        try:
            rows = await timeline.events_after(self._database, listener.last_id, listener.wanted, limit=PAGE)
        except IngufuError:
            listener.is_behind = True
            raise
        if len(rows) == PAGE:
            listener.is_behind = True
        read = {row.id for row in rows}
        listener.told |= {number for number in read if number > self._base_id and number not in self._delivered}
        listener.waiting = deque(event for event in listener.waiting if event.id not in read)
        if rows:
            listener.last_id = rows[-1].id
        return [_live(row) for row in rows]

    def _hear(self, message: bytes) -> None:
        if not self._listeners:
            return
        try:
            heard = msgspec.json.decode(message, type=_Heard)
            if heard.kind in LIVE_ONLY:
                self._pending.append(_announced(heard, msgspec.json.decode(message, type=dict[str, Any])))
        except msgspec.MsgspecError as error:
            log.warning("live.unreadable_event", error=str(error))
            return
        if heard.kind.startswith("Station") and heard.station_id is not None:
            self._stations.pop(heard.station_id, None)
        self._stirred.set()

    async def _run(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL_S):
                    await self._stirred.wait()
            await asyncio.sleep(GATHER_S)
            self._stirred.clear()
            if not self._listeners:
                continue
            try:
                await self._spread_announced()
                await self._spread_stored()
            except IngufuError as error:  # storage is away: what is stored is read when it is back
                log.warning("live.unreadable", error=error.message)

    async def _spread_announced(self) -> None:
        pending = [*self._pending]
        self._pending.clear()
        unknown = {event.station_id for event in pending if event.station_id} - self._stations.keys()
        if unknown:
            self._stations |= await timeline.identities_of(self._database, sorted(unknown))
        for event in pending:
            identity, site_id = self._stations.get(event.station_id or "", (None, None))
            self._offer(msgspec.structs.replace(event, station_identity=identity, site_id=site_id))

    async def _spread_stored(self) -> None:
        while True:
            top = max(self._delivered, default=self._base_id)
            after = max(self._base_id, top - OVERLAP)
            rows = await timeline.events_after(self._database, after, EventFilter(), limit=PAGE + OVERLAP)
            fresh = [row for row in rows if row.id not in self._delivered]
            for row in fresh:
                self._delivered[row.id] = None
                self._offer(_live(row))
            while len(self._delivered) > 2 * (PAGE + OVERLAP):
                self._delivered.popitem(last=False)
            if len(rows) < PAGE + OVERLAP:
                return

    def _offer(self, event: LiveEvent) -> None:
        for listener in tuple(self._listeners):
            listener.offer(event)


async def stream(
    hub: LiveHub, listener: Listener, clock: Clock, may_listen: Callable[[], Awaitable[bool]]
) -> AsyncIterator[bytes]:
    """Yield the listener's events as text/event-stream until it is closed or may listen no longer."""
    checked_s = clock.monotonic()
    try:
        yield b"retry: 3000\n: welcome\n\n"
        while not listener.is_closed:
            events = await hub.next_events(listener, HEARTBEAT_S)
            for event in events:
                yield frame(event)
            if listener.lost:
                lost, listener.lost = listener.lost, 0
                yield b'event: lost\ndata: {"count": %d}\n\n' % lost
            if not events:
                yield b": heartbeat\n\n"
            if clock.monotonic() - checked_s >= RECHECK_S:
                checked_s = clock.monotonic()
                if not await may_listen():
                    return
    finally:
        hub.leave(listener)


def frame(event: LiveEvent) -> bytes:
    """Return the event as one frame of the stream."""
    name = b"event: " + event.kind.encode() + b"\n"
    number = b"" if event.id is None else b"id: %d\n" % event.id
    return number + name + b"data: " + msgspec.json.encode(event) + b"\n\n"


def _as_seen(event: LiveEvent, site_ids: SiteIds) -> LiveEvent:
    details = timeline.details_seen(site_ids, event.details)
    return event if details is event.details else msgspec.structs.replace(event, details=details)


def _live(row: EventRow) -> LiveEvent:
    return LiveEvent(
        id=row.id,
        kind=row.kind,
        occurred_at=row.occurred_at,
        station_id=row.station_id,
        station_identity=row.station_identity,
        site_id=row.site_id,
        transaction_id=row.transaction_id,
        details=row.details,
    )


def _announced(heard: _Heard, plain: dict[str, Any]) -> LiveEvent:
    details = {name: value for name, value in plain.items() if name not in _Heard.__struct_fields__}
    return LiveEvent(
        kind=heard.kind,
        occurred_at=heard.occurred_at,
        station_id=heard.station_id,
        transaction_id=heard.transaction_id,
        details=details,
    )
