"""The gateway: listens for stations, makes their conversations, and keeps account of who is connected."""

import asyncio
import contextvars
from collections import deque
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any

import msgspec
import structlog

from ingufu.core.errors import IngufuError, Unavailable
from ingufu.gateway.admission import Admission, AdmissionRules, Admitted
from ingufu.gateway.attendant import Attendant
from ingufu.gateway.connection import StationConnection
from ingufu.gateway.displacing import Displacements
from ingufu.gateway.frame_log import FrameLog
from ingufu.gateway.greeting import Greeter
from ingufu.gateway.lane import Lane
from ingufu.gateway.link import Connections
from ingufu.gateway.polling import Poller
from ingufu.gateway.provisioning import ROUND_S, Provisioner
from ingufu.gateway.rush import Rush
from ingufu.gateway.websocket import CloseCode, Closure, Counters, Endpoint, ServerLimits, WebSocketServer
from ingufu.infra.delays import Delays
from ingufu.infra.ending import end
from ingufu.infra.storage.database import Work
from ingufu.ocpp.rpc import Peer
from ingufu.ocpp.session import Session
from ingufu.ocpp.table import Phase
from ingufu.services import Services
from ingufu.stations.model import Station

GREETING_DELAY_S = 15.0  # a station that boots or reports by itself has done so by then
ATTEMPTS_EVERY_S = 5.0
STORE_TRIES = 3  # of what other writers may overtake
STORE_AGAIN_S = 2.0  # after storage failed
GRACE_S = 6.0  # for what is in hand when everything ends; a socket waits 5 s for its half of the closing handshake
AT_WORK = 500  # messages in hand; more wait as they came, as each in hand takes ten times the memory of one that waits

log = structlog.get_logger(__name__)


class GatewayRules(msgspec.Struct, frozen=True, kw_only=True):
    """What the settings say about the gateway as a whole."""

    admission: AdmissionRules = AdmissionRules()
    limits: ServerLimits = ServerLimits()
    drain_s: float = 5.0
    greeting_delay_s: float = GREETING_DELAY_S
    provisioning_round_s: float = ROUND_S


class Gateway:
    """All sockets of this process. Lives in one event loop."""

    def __init__(
        self, services: Services, connections: Connections, rules: GatewayRules, *, uniform: Callable[[], float]
    ) -> None:
        self._services = services
        self._rules = rules
        self._uniform = uniform
        self._frames = FrameLog(services.stations.frames)
        self._admission = Admission(
            services,
            rules.admission,
            self._connect,
            lambda station_id: None if (one := connections.get(station_id)) is None else one.admitted,
            Displacements(lambda station_id: connections.get(station_id) is not None, services.clock.monotonic),
        )
        self._server: WebSocketServer | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._at_work = 0  # of these: messages of stations
        self._queued: deque[tuple[Coroutine[Any, Any, None], contextvars.Context]] = deque()  # messages beyond
        self._timer: asyncio.TimerHandle | None = None
        self._stopping = asyncio.Event()
        self._greetings: Delays[StationConnection] = Delays(rules.greeting_delay_s, self._greet)
        self._unaccepted: set[str] = set()  # connections that were greeted before they were accepted
        self.lost = 0  # stations that were connected to a process which has died: they will be back soon
        self._greeter = Greeter(services.stations, connections)
        self._poller = Poller(services, connections, self.run)
        self.connections = connections
        self.attendant = Attendant(services, connections, self.run)
        connections.reloaded = self.attendant.refresh
        self._provisioner = Provisioner(
            services, connections, self.run, uniform=uniform, round_s=rules.provisioning_round_s
        )

    @property
    def counters(self) -> Counters | None:
        return None if self._server is None else self._server.counters

    async def start(self, endpoints: tuple[Endpoint, ...]) -> dict[str, tuple[str, int]]:
        """Listen, and return each endpoint's bound address by name.

        Stations that a dead process left online are set offline first. Raises OSError if an address cannot be bound.
        """
        async with self._services.database.work() as work:
            self.lost = await self._services.stations.sweep_offline(work, at=self._services.clock.now())
        await self._services.stations.quirks.recall()
        self._server = WebSocketServer(
            decide=self._admission.decide,
            attempt_failed=self._admission.failed,
            monotonic=self._services.clock.monotonic,
            uniform=self._uniform,
            limits=self._rules.limits,
        )
        bound = {endpoint.name: await self._server.listen(endpoint) for endpoint in endpoints}
        self._tick()
        self.attendant.start()
        self._provisioner.start()
        return bound

    async def stop(self) -> None:
        """Let nobody in any more, answer what is in hand, close all connections, and store that they ended."""
        self._stopping.set()
        self._admission.is_closed = True
        self.attendant.stop()
        self._provisioner.stop()
        if self._timer is not None:
            self._timer.cancel()
        await self._say_goodbye()
        if self._server is not None:
            await self._server.stop(spread_s=0.0, deadline_s=GRACE_S)
        self._greetings.close()  # of connections that were replaced and are not heard to have ended
        await self._end_tasks()
        self.flush()

    async def rush_over(self) -> bool:
        """Return True when the stations that a process which died has left are back and have told their news.

        That is when little is written any more, and most of them are connected or no more come. False if this process
        stops before.
        """
        rush = Rush(self._services, self.connections, self._frames)
        is_over = await rush.last(self.lost, self._in_hand, self._is_stopping_within)
        self.run(rush.catch_up(self._is_stopping_within))
        return is_over and not self._stopping.is_set()

    def _in_hand(self) -> int:
        handshakes = 0 if self.counters is None else self.counters.handshakes_open
        return max(handshakes, len(self._tasks) + len(self._queued))

    def flush(self) -> None:
        """Hand on what has gathered of frames and of counted refusals, for storage to write soon."""
        self._frames.flush()
        self._services.stations.flush_attempts(is_last=True)
        self._services.stations.quirks.flush()

    async def _say_goodbye(self) -> None:
        """Close one connection after the other, each when what it had in hand is answered."""
        loop = asyncio.get_running_loop()
        waiting = list(self.connections)
        timers = [
            loop.call_later(self._rules.drain_s * number / len(waiting), one.finish, CloseCode.GOING_AWAY, "going away")
            for number, one in enumerate(waiting)
        ]
        try:
            async with asyncio.timeout(self._rules.drain_s + GRACE_S):
                await self.connections.emptied()
        except TimeoutError:
            log.warning("gateway.not_drained", left=len(self.connections))
        for timer in timers:
            timer.cancel()

    async def _end_tasks(self) -> None:
        """Wait for what is still at work, and give up what hangs."""
        loop = asyncio.get_running_loop()
        until = loop.time() + GRACE_S
        while self._tasks and (left_s := until - loop.time()) > 0:  # what waited its turn begins when others have ended
            await asyncio.wait(self._tasks, timeout=left_s)
        while self._queued:
            self._queued.pop()[0].close()
        hanging = tuple(self._tasks)
        for task in hanging:
            log.error("gateway.task_hangs", task=repr(task.get_coro())[:200])
        await end(*hanging)

    def _connect(self, admitted: Admitted, station: Station) -> StationConnection:
        version = admitted.version
        session = Session(
            station,
            version.name,
            version.inbound,
            version.actions,
            self._services,
            certificate_name=admitted.certificate_name,
        )
        connection = StationConnection(
            session=session,
            peer=Peer(version.dialect, memory=self.connections.memory(station.id)),
            lane=self.connections.lane(station.id),
            clock=self._services.clock,
            frames=self._frames,
            admitted=admitted,
            keeper=self,
        )
        self.connections.asker.renew(connection)
        return connection

    # What happens to a connection

    def opened(self, connection: StationConnection) -> None:
        """Make it the station's connection, and have that stored before anything it says is handled."""
        admitted = connection.admitted
        self._services.stations.record_attempt(admitted.attempt)
        self._services.charging.forget(connection.station_id)
        self._services.control.forget(connection.station_id)
        self.connections.add(connection)
        self._store_arrival(connection, self._services.clock.now())
        self._greetings.put(connection)
        self._poller.watch(connection)

    def closed(self, connection: StationConnection, closure: Closure) -> None:
        """Keep when and how it ended; the station is offline then, unless a newer connection has taken over."""
        self._greetings.drop(connection)
        self._unaccepted.discard(connection.id)
        self._frames.closed(connection.id)
        self._poller.forget(connection)
        now = self._services.clock.now()
        code, reason = closure.code, closure.reason or closure.by.value
        self._services.stations.close_attempt(connection.id, now, code, reason)
        if not self.connections.remove(connection):
            return
        self.attendant.left(connection)
        self._store(
            connection,
            lambda work: self._services.stations.disconnected(
                work, connection.station_id, connection_id=connection.id, code=code, reason=reason, at=now
            ),
            while_=lambda: self.connections.get(connection.station_id) is None,
        )

    def booted(self, connection: StationConnection) -> None:
        if connection.session.coping is not None:
            connection.session.coping.boot.set()
        self.connections.asker.renew(connection)  # by what the boot has told
        self._poller.watch(connection)
        self._provisioner.booted(connection)
        if connection.id in self._unaccepted and connection.session.phase is Phase.ACCEPTED:
            self._unaccepted.discard(connection.id)
            self._greetings.put(connection)

    def seen(self, connection: StationConnection) -> None:
        self._services.stations.seen(connection.station_id, self._services.clock.now())

    def run(self, work: Coroutine[Any, Any, None], context: contextvars.Context | None = None) -> None:
        """Run `work` and, when everything ends, wait for it. What has a context is a station's message."""
        if context is None:
            task = asyncio.get_running_loop().create_task(work)
            self._tasks.add(task)
            task.add_done_callback(self._done)
        elif self._at_work < AT_WORK:
            self._answer(work, context)
        else:
            self._queued.append((work, context))

    def _answer(self, work: Coroutine[Any, Any, None], context: contextvars.Context) -> None:
        self._at_work += 1
        task = asyncio.get_running_loop().create_task(work, context=context)
        self._tasks.add(task)
        task.add_done_callback(self._answered)

    def _store_arrival(self, connection: StationConnection, at: datetime) -> None:
        """Have it stored that the station has come, without a task: most often nothing else is in its lane."""
        lane = self.connections.lane(connection.station_id)
        if lane.try_enter():
            work = self._services.database.work()
            self._write_arrival(work, connection, at)
            if work.commit_then(lambda failure: self._arrival_stored(connection, lane, at, failure)):
                return
            lane.leave()
        self._store_arrival_again(connection, at)

    def _arrival_stored(
        self, connection: StationConnection, lane: Lane, at: datetime, failure: Exception | None
    ) -> None:
        lane.leave()
        if failure is not None:
            self._store_arrival_again(connection, at)

    def _store_arrival_again(self, connection: StationConnection, at: datetime) -> None:
        async def write(work: Work) -> None:
            self._write_arrival(work, connection, at)

        self._store(connection, write, while_=lambda: self.connections.get(connection.station_id) is connection)

    def _write_arrival(self, work: Work, connection: StationConnection, at: datetime) -> None:
        admitted = connection.admitted
        self._services.stations.came(
            work,
            connection.station_id,
            connection_id=connection.id,
            version=connection.version.name,
            address=admitted.attempt.address,
            security_profile=admitted.security_profile,
            known_profile=connection.session.station.security_profile,
            at=at,
        )
        self._services.stations.came_with_password(work, connection.session.station, admitted.password_hash)

    def _store(
        self,
        connection: StationConnection,
        do: Callable[[Work], Coroutine[object, object, None]],
        *,
        while_: Callable[[], bool],
    ) -> None:
        self.run(self._store_in_lane(connection, do, while_))

    async def _store_in_lane(
        self,
        connection: StationConnection,
        do: Callable[[Work], Coroutine[object, object, None]],
        is_still_so: Callable[[], bool],
    ) -> None:
        """Store a change of the connection when it is its turn among the station's messages.

        If storage fails it is tried again for as long as it is true: nobody else would ever correct it.
        """
        lane = self.connections.lane(connection.station_id)
        tries = 0
        while is_still_so():
            tries += 1
            try:
                async with lane, self._services.database.work() as work:
                    await do(work)
            except IngufuError as error:
                log.warning("gateway.not_stored", station=connection.station_id, error=str(error), tries=tries)
                if not isinstance(error, Unavailable) and tries >= STORE_TRIES:
                    return
                if isinstance(error, Unavailable) and await self._is_stopping_within(STORE_AGAIN_S):
                    return  # the next start sets every station offline
            else:
                return

    async def _is_stopping_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return False
        return True

    def _greet(self, connection: StationConnection) -> None:
        if connection.is_open and not self._stopping.is_set():
            self.run(self._welcome(connection))

    async def _welcome(self, connection: StationConnection) -> None:
        """Ask for what the station did not tell, then see to what was asked of it while it was away."""
        await self._greeter.greet(connection)
        if connection.is_open and connection.session.phase is not Phase.ACCEPTED:
            self._unaccepted.add(connection.id)
        await self.attendant.greet(connection)
        self._provisioner.greeted(connection)

    # Keeping house

    def _answered(self, task: asyncio.Task[None]) -> None:
        self._at_work -= 1
        if self._queued:
            self._answer(*self._queued.popleft())
        self._done(task)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("gateway.task_failed", exc_info=task.exception())

    def _tick(self) -> None:
        self._services.stations.flush_attempts()
        self._services.stations.quirks.flush()
        self._timer = asyncio.get_running_loop().call_later(ATTEMPTS_EVERY_S, self._tick)
