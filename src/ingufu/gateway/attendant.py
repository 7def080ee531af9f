"""Sees to what was asked of stations and is not done yet: limits, starts, availability, doubtful transactions."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

import structlog

from ingufu.charging.events import TransactionEnded, TransactionUpdated
from ingufu.core.control import AdjustEventStream, ListEventStreams
from ingufu.core.errors import IngufuError
from ingufu.core.events import Event
from ingufu.gateway.connection import StationConnection
from ingufu.gateway.enforcing import Enforcer
from ingufu.gateway.inquiring import Inquirer
from ingufu.gateway.link import Connections
from ingufu.gateway.retelling import Reteller
from ingufu.gateway.sampling import Sampler
from ingufu.infra.storage.outbox import Publish
from ingufu.services import Services
from ingufu.stations.events import StatusChanged
from ingufu.stations.streams.events import StreamUnknown, StreamUpdated

EVERY_S = 5.0
SOON_S = 0.1  # what is asked of many stations at once is looked at once
SILENT_EVERY = 120  # rounds: every ten minutes

Run = Callable[[Coroutine[Any, Any, None]], None]

log = structlog.get_logger(__name__)


class Attendant:
    """Hears what happens in this process, and looks around every few seconds. Everything it goes by is in storage."""

    def __init__(self, services: Services, connections: Connections, run: Run) -> None:
        self._services = services
        self._connections = connections
        self._run = run
        self._enforcer = Enforcer(services, connections)
        self._inquirer = Inquirer(services, connections)
        self._reteller = Reteller(services, connections, run)
        self._sampler = Sampler(services, connections, run)
        self._publish: Publish | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._round = 0
        self._soon: asyncio.TimerHandle | None = None
        self._streams_asked: set[tuple[str, int | None]] = set()  # connection and stream: once each

    def start(self) -> None:
        """Begin to hear and to look around."""
        database = self._services.database
        self._publish, publish = database.publish, database.publish

        def publish_and_hear(events: Sequence[Event]) -> None:
            publish(events)
            self.hear(events)

        database.publish = publish_and_hear
        self._tick()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._soon is not None:
            self._soon.cancel()
            self._soon = None
        if self._publish is not None:
            self._services.database.publish = self._publish
            self._publish = None

    def hear(self, events: Sequence[Event]) -> None:
        """Begin what follows from events; for nearly all of them nothing does."""
        for event in events:
            if type(event) is TransactionUpdated:
                if self._enforcer.is_suspect(event):
                    self._run(self._enforcer.enforce(event.transaction_id or ""))
            elif type(event) is StatusChanged:
                if self._reteller.concerns(event.station_id):
                    self._run(self._reteller.compare(event.station_id or ""))
            elif type(event) is TransactionEnded:
                self._enforcer.ended(event.transaction_id or "")
                self._services.control.ended(event.station_id or "", event.transaction_id or "")
            elif type(event) is StreamUnknown:
                self._run(self._list_streams(event.station_id or ""))
            elif type(event) is StreamUpdated and event.wants_batch is not None:
                self._run(self._adjust_stream(event.station_id or "", event.stream, event.wants_batch))

    def refresh(self, station_id: str) -> None:
        """Learn what was asked of a station meanwhile, by another process."""
        self._services.control.forget(station_id)
        self._reteller.refresh(station_id)
        if self._soon is None and self._timer is not None:
            self._soon = asyncio.get_running_loop().call_later(SOON_S, self._look_soon)

    def left(self, connection: StationConnection) -> None:
        """Forget what was told over a connection that has ended."""
        self._services.control.forget(connection.station_id)
        self._reteller.left(connection.id)
        self._streams_asked = {one for one in self._streams_asked if one[0] != connection.id}

    async def greet(self, connection: StationConnection) -> None:
        """See to what was asked of a station while it was away."""
        await self._do(self._reteller.greet(connection), "greet")
        await self._do(self._inquirer.greet(connection), "greet")

    async def look(self) -> None:
        """Look around once."""
        await self._do(self._services.control.expire_starts(), "starts")
        await self._do(self._reteller.load(), "availability")
        self._reteller.look()
        await self._do(self._enforcer.look(), "limits")
        await self._do(self._inquirer.look(), "transactions")
        await self._do(self._sampler.look(), "sampling")
        if self._round % SILENT_EVERY == SILENT_EVERY - 1:
            await self.look_at_silent()
        self._round += 1

    async def look_at_silent(self) -> None:
        """See to transactions of which nothing was heard for long although their stations are here."""
        await self._do(self._inquirer.look_at_silent(), "silent")
        await self._do(self._inquirer.close_left(), "left")

    async def _adjust_stream(self, station_id: str, number: int, batch: int) -> None:
        """Have a station that falls behind with a stream send more values at once (2.1 N15)."""
        if not self._may_ask(station_id, number):
            return
        try:
            outcome = await self._connections.call(station_id, AdjustEventStream(stream=number, values=batch))
            if outcome.is_accepted:
                async with self._services.database.work() as work:
                    await self._services.stations.streams.note_adjusted(
                        work, station_id, number, interval_s=None, batch=batch
                    )
        except IngufuError as error:
            log.info("streams.not_adjusted", station=station_id, error=error.message)

    async def _list_streams(self, station_id: str) -> None:
        """Ask a station for its streams, as one of them is unknown."""
        if not self._may_ask(station_id, None):
            return
        try:
            told = await self._connections.call(station_id, ListEventStreams())
            async with self._services.database.work() as work:
                await self._services.stations.streams.note_listing(work, station_id, told.streams)
        except IngufuError as error:
            log.info("streams.not_listed", station=station_id, error=error.message)

    def _may_ask(self, station_id: str, stream: int | None) -> bool:
        """Return whether a station may be asked about a stream: once a connection."""
        connection = self._connections.get(station_id)
        if connection is None or connection.session.station.is_silent:
            return False
        if (connection.id, stream) in self._streams_asked:
            return False
        self._streams_asked.add((connection.id, stream))
        return True

    @staticmethod
    async def _do(chore: Awaitable[object], what: str) -> None:
        """Do one thing; what goes wrong with it is logged and tried again the next time."""
        try:
            await chore
        except IngufuError as error:
            log.warning("attendant.failed", what=what, error=error.message)
        except Exception:
            log.exception("attendant.failed", what=what)

    def _look_soon(self) -> None:
        self._soon = None
        self._run(self.look())

    def _tick(self) -> None:
        self._run(self.look())
        self._timer = asyncio.get_running_loop().call_later(EVERY_S, self._tick)
