"""Looks after the configuration of the stations connected here: some time after they came, and whenever it is due."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from ingufu.configuration.service import Reading
from ingufu.core.errors import IngufuError
from ingufu.gateway.connection import StationConnection
from ingufu.gateway.link import Connections
from ingufu.ocpp.table import Phase
from ingufu.services import Services

ROUND_S = 5.0  # between two looks at what is due

log = structlog.get_logger(__name__)


class Provisioner:
    """Keeps stations as they are desired. Few are worked on at once, and none twice at the same time."""

    def __init__(
        self,
        services: Services,
        connections: Connections,
        run: Callable[[Coroutine[Any, Any, None]], None],
        *,
        uniform: Callable[[], float],
        round_s: float = ROUND_S,
    ) -> None:
        self._configuration = services.configuration
        self._clock = services.clock
        self._connections = connections
        self._run = run
        self._uniform = uniform
        self._round_s = round_s
        self._due: dict[str, float] = {}  # by station that came: when, in monotonic seconds
        self._booted: set[str] = set()  # of these: those that started anew
        self._waiting: dict[str, None] = {}  # stations whose time has come, in order
        self._at_work: set[str] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._is_looking = False
        self._is_stopped = True

    def start(self) -> None:
        """Begin to look after stations."""
        self._is_stopped = False
        self._plan()

    def stop(self) -> None:
        """Begin nothing more; what is under way ends with its connection."""
        self._is_stopped = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._due.clear()
        self._waiting.clear()

    def booted(self, connection: StationConnection) -> None:
        """Have a station looked after that boots: one that started anew may have lost what it was set to."""
        if connection.session.has_restarted:
            self._booted.add(connection.station_id)
        self._came(connection)

    def greeted(self, connection: StationConnection) -> None:
        """Have a station looked after that came without a boot."""
        if connection.station_id not in self._due and connection.station_id not in self._at_work:
            self._came(connection)

    def _came(self, connection: StationConnection) -> None:
        """Wait until it has been left alone for a while; nothing is asked of one that is not accepted, or silent."""
        if connection.session.phase is not Phase.ACCEPTED or connection.session.station.is_silent:
            return
        rules = self._configuration.rules
        wait_s = rules.quiet_s + rules.spread_s * self._uniform()
        self._due[connection.station_id] = self._clock.monotonic() + wait_s

    def _plan(self) -> None:
        if not self._is_stopped:
            self._timer = asyncio.get_running_loop().call_later(self._round_s, self._tick)

    def _tick(self) -> None:
        if not self._is_looking:
            self._is_looking = True
            self._run(self._look())
        self._plan()

    async def _look(self) -> None:
        """Begin what is due, and settle what is over."""
        try:
            await self._settle()
            await self._gather()
            self._begin()
        except IngufuError as error:
            log.warning("provisioning.not_looked", error=error.message)
        finally:
            self._is_looking = False

    async def _settle(self) -> None:
        await self._configuration.care.refresh_stale()
        await self._configuration.care.end_silent_reports()
        await self._configuration.resetting.settle_open()

    async def _gather(self) -> None:
        """Queue the stations whose time has come: those that came first, then those that storage has noted."""
        now = self._clock.monotonic()
        came = sorted((at, station_id) for station_id, at in self._due.items() if at <= now)
        noted = await self._configuration.care.due()
        for station_id in (*(station_id for _, station_id in came), *noted):
            if self._due.get(station_id, now) <= now:
                self._due.pop(station_id, None)
                self._waiting[station_id] = None

    def _begin(self) -> None:
        """Take up waiting stations while there is room."""
        for station_id in tuple(self._waiting):
            if self._is_stopped or len(self._at_work) >= self._configuration.rules.at_once:
                return
            if station_id not in self._at_work:
                del self._waiting[station_id]
                self._at_work.add(station_id)
                self._run(self._work(station_id))

    async def _work(self, station_id: str) -> None:
        has_booted = station_id in self._booted
        self._booted.discard(station_id)
        by = Reading(link=self._connections)
        try:
            await self._configuration.care.look_after(by, station_id, has_booted=has_booted)
        except IngufuError as error:
            log.warning("provisioning.failed", station=station_id, error=error.message)
        finally:
            self._at_work.discard(station_id)
        self._begin()
