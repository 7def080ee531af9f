"""The gateway: listens for stations, makes their conversations, and keeps account of who is connected."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial

import msgspec
import structlog

from ingufu.core.commands import Trigger, TriggerMessage
from ingufu.core.errors import IngufuError
from ingufu.gateway.admission import Admission, AdmissionRules, Admitted
from ingufu.gateway.connection import StationConnection
from ingufu.gateway.frame_log import FrameLog
from ingufu.gateway.link import Connections
from ingufu.gateway.websocket import Closure, Counters, Endpoint, ServerLimits, WebSocketServer
from ingufu.infra.storage.database import Work
from ingufu.ocpp.rpc import Peer
from ingufu.ocpp.session import Session
from ingufu.ocpp.table import Phase
from ingufu.services import Services

GREETING_DELAY_S = 15.0  # a station that boots or reports by itself has done so by then
ATTEMPTS_EVERY_S = 5.0
STORE_TRIES = 3

log = structlog.get_logger(__name__)


class GatewayRules(msgspec.Struct, frozen=True, kw_only=True):
    """What the settings say about the gateway as a whole."""

    admission: AdmissionRules = AdmissionRules()
    limits: ServerLimits = ServerLimits()
    drain_s: float = 5.0
    greeting_delay_s: float = GREETING_DELAY_S


class Gateway:
    """All sockets of this process. Lives in one event loop."""

    def __init__(
        self, services: Services, connections: Connections, rules: GatewayRules, *, uniform: Callable[[], float]
    ) -> None:
        self._services = services
        self._rules = rules
        self._uniform = uniform
        self._frames = FrameLog(services.stations.frames)
        self._admission = Admission(services, rules.admission, self._connect)
        self._server: WebSocketServer | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self.connections = connections

    @property
    def counters(self) -> Counters | None:
        return None if self._server is None else self._server.counters

    async def start(self, endpoints: tuple[Endpoint, ...]) -> dict[str, tuple[str, int]]:
        """Listen, and return each endpoint's bound address by name.

        Stations that a dead process left online are set offline first. Raises OSError if an address cannot be bound.
        """
        async with self._services.database.work() as work:
            await self._services.stations.sweep_offline(work, at=self._services.clock.now())
        self._server = WebSocketServer(
            decide=self._admission.decide,
            attempt_failed=self._admission.failed,
            monotonic=self._services.clock.monotonic,
            uniform=self._uniform,
            limits=self._rules.limits,
        )
        bound = {endpoint.name: await self._server.listen(endpoint) for endpoint in endpoints}
        self._tick()
        return bound

    async def stop(self) -> None:
        """Accept nothing more, let what is in hand be answered, close all connections, and store that they ended."""
        if self._timer is not None:
            self._timer.cancel()
        if self._server is not None:
            await self._server.stop(spread_s=self._rules.drain_s, deadline_s=self._rules.drain_s + 5.0)
        while self._tasks:
            await asyncio.wait(self._tasks)
        self.flush()

    def flush(self) -> None:
        """Hand on what has gathered of frames and of counted refusals, for storage to write soon."""
        self._frames.flush()
        self._services.stations.flush_attempts(is_last=True)

    def _connect(self, admitted: Admitted) -> StationConnection:
        station, version = admitted.station, admitted.version
        session = Session(
            station,
            version.name,
            version.inbound,
            version.actions,
            self._services,
            certificate_name=admitted.certificate_name,
        )
        return StationConnection(
            id=admitted.attempt.id,
            version=version,
            session=session,
            peer=Peer(version.dialect, memory=self.connections.memory(station.id)),
            lane=self.connections.lane(station.id),
            clock=self._services.clock,
            frames=self._frames,
            on_opened=partial(self._opened, admitted=admitted),
            on_closed=self._closed,
            on_booted=self._booted,
            on_seen=self._seen,
        )

    # What happens to a connection

    def _opened(self, connection: StationConnection, *, admitted: Admitted) -> None:
        self._services.stations.record_attempt(admitted.attempt)
        self._services.charging.forget(connection.station_id)
        self.connections.add(connection)
        now = self._services.clock.now()
        self._store(
            connection,
            lambda work: self._services.stations.connected(
                work,
                connection.station_id,
                connection_id=connection.id,
                version=connection.version.name,
                address=admitted.attempt.address,
                security_profile=admitted.security_profile,
                at=now,
            ),
        )
        asyncio.get_running_loop().call_later(self._rules.greeting_delay_s, self._greet, connection)

    def _closed(self, connection: StationConnection, closure: Closure) -> None:
        now = self._services.clock.now()
        code, reason = closure.code, closure.reason or closure.by.value
        self._services.stations.close_attempt(connection.id, now, code, reason)
        if not self.connections.remove(connection):
            return
        self._store(
            connection,
            lambda work: self._services.stations.disconnected(
                work, connection.station_id, connection_id=connection.id, code=code, reason=reason, at=now
            ),
        )

    def _booted(self, connection: StationConnection) -> None:
        self._start(self._reload(connection))

    def _seen(self, connection: StationConnection) -> None:
        self._services.stations.seen(connection.station_id, self._services.clock.now())

    def _store(self, connection: StationConnection, do: Callable[[Work], Coroutine[object, object, None]]) -> None:
        self._start(self._in_lane(connection, do))

    async def _in_lane(
        self, connection: StationConnection, do: Callable[[Work], Coroutine[object, object, None]]
    ) -> None:
        """Store a change of the connection when it is its turn among the station's messages."""
        async with self.connections.lane(connection.station_id).lock:
            for attempt in range(1, STORE_TRIES + 1):
                try:
                    async with self._services.database.work() as work:
                        await do(work)
                except IngufuError as error:
                    log.warning("gateway.not_stored", station=connection.station_id, error=str(error), attempt=attempt)
                else:
                    return

    async def _reload(self, connection: StationConnection) -> None:
        """Let the session know what the boot has told of the station."""
        connection.session.station = await self._services.stations.get(connection.station_id)

    # What we ask by ourselves

    def _greet(self, connection: StationConnection) -> None:
        """Ask a station for what it did not tell by itself; never one that is to be left alone, or not accepted."""
        session = connection.session
        if not connection.is_open or session.station.is_silent:
            return
        if session.phase is Phase.NEW:
            self._start(self._ask(connection, Trigger.BOOT))
        elif session.phase is Phase.ACCEPTED and not session.has_reported_status:
            self._start(self._ask_status(connection))

    async def _ask_status(self, connection: StationConnection) -> None:
        """Ask for each connector that is known; where none is, for whatever there is (1.6: all of them)."""
        topology = await self._services.stations.topology(connection.station_id)
        known = [(evse.number, connector.number) for evse, connectors in topology for connector in connectors]
        if not known:
            await self._ask(connection, Trigger.STATUS)
        for evse, connector in known:
            await self._ask(connection, Trigger.STATUS, evse, connector)

    async def _ask(
        self, connection: StationConnection, trigger: Trigger, evse: int | None = None, connector: int | None = None
    ) -> None:
        try:
            await self.connections.call(
                connection.station_id, TriggerMessage(trigger=trigger, evse=evse, connector=connector)
            )
        except IngufuError as error:
            log.info("gateway.trigger_failed", station=connection.session.station.identity, error=str(error))

    # Keeping house

    def _start(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(_logged(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _tick(self) -> None:
        self._services.stations.flush_attempts()
        self._timer = asyncio.get_running_loop().call_later(ATTEMPTS_EVERY_S, self._tick)


async def _logged(work: Coroutine[object, object, None]) -> None:
    try:
        await work
    except Exception:
        log.exception("gateway.task_failed")
