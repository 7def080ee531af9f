"""Availability that was asked for and is not so: stations are told again, on arrival and while they are here."""

from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any

import msgspec
import structlog

from ingufu.core.errors import Conflict, IngufuError
from ingufu.gateway.connection import StationConnection
from ingufu.gateway.link import Connections
from ingufu.ocpp.table import Phase
from ingufu.services import Services
from ingufu.stations.availability import decide
from ingufu.stations.availability.model import Wish, WishState
from ingufu.stations.availability.service import command_of

TRIES = 5  # at what others change in the same moment

log = structlog.get_logger(__name__)


class _Telling(msgspec.Struct):
    """How often a station was told one thing over one connection."""

    asked_at: datetime
    last_at: datetime  # without any: when the station was first seen to do otherwise
    attempts: int  # by then, over any connection
    times: int = 0
    is_under_way: bool = False


class Reteller:
    """Compares what stations report with what was asked of them.

    Who comes back is told each thing once, and who does otherwise while it is here a few times, ever more rarely.
    """

    def __init__(
        self, services: Services, connections: Connections, run: Callable[[Coroutine[Any, Any, None]], None]
    ) -> None:
        self._services = services
        self._connections = connections
        self._run = run
        self._asked: set[str] = set()  # stations
        self._tellings: dict[str, dict[tuple[int, int], _Telling]] = {}  # by connection, and EVSE with connector
        self._look_at: dict[str, datetime] = {}  # by station: when it is to be compared again, whatever it reports

    async def load(self) -> None:
        """Learn of which stations anything was asked."""
        self._asked = await self._services.stations.wishes.stations_asked()

    def look(self) -> None:
        """Compare the stations whose time has come."""
        now = self._services.clock.now()
        for station_id in [station_id for station_id, at in self._look_at.items() if at <= now]:
            del self._look_at[station_id]
            if self.concerns(station_id):
                self._run(self.compare(station_id))

    def refresh(self, station_id: str) -> None:
        """Have a station compared at the next look: something may have been asked of it."""
        self._look_at[station_id] = self._services.clock.now()

    def concerns(self, station_id: str | None) -> bool:
        return station_id in self._asked

    def left(self, connection_id: str) -> None:
        self._tellings.pop(connection_id, None)

    async def greet(self, connection: StationConnection) -> None:
        """Tell a station that has come back what it does not know, or does not keep to."""
        await self._see_to(connection, is_arrival=True)

    async def compare(self, station_id: str) -> None:
        """Note what a station shows to be so; tell it again what it was told once and does not keep to."""
        connection = self._connections.get(station_id)
        if connection is None or not self._may_tell(connection):
            await self._compare(station_id)
        else:
            await self._see_to(connection)

    async def _see_to(self, connection: StationConnection, *, is_arrival: bool = False) -> None:
        """Tell one thing after the other, by what is asked and reported then: each may undo another."""
        while self._may_tell(connection):
            wishes = await self._compare(connection.station_id)
            due = self._first_due(connection, wishes, is_arrival=is_arrival) if self._may_tell(connection) else None
            if due is None:
                return
            await self._tell(*due)

    def _first_due(
        self, connection: StationConnection, wishes: list[Wish], *, is_arrival: bool
    ) -> tuple[Wish, _Telling] | None:
        """Return what the station is to be told now; what is to be told later is looked at then."""
        now, station_id = self._services.clock.now(), connection.station_id
        self._forget_passing(connection, wishes)
        for wish in wishes:
            telling = self._telling(connection, wish)
            at = now if is_arrival and not telling.times else self._next_at(wish, telling)
            if at is not None and at <= now:
                return wish, telling
            if at is not None:
                self._look_at[station_id] = min(at, self._look_at.get(station_id, at))
        return None

    def _may_tell(self, connection: StationConnection) -> bool:
        session = connection.session
        is_current = self._connections.get(connection.station_id) is connection
        return is_current and session.phase is Phase.ACCEPTED and not session.station.is_silent

    def _telling(self, connection: StationConnection, wish: Wish) -> _Telling:
        """Return how often it was told; another wish, or what was kept for long since, begins anew."""
        of_connection = self._tellings.setdefault(connection.id, {})
        place, now = (wish.evse, wish.connector), self._services.clock.now()
        telling = of_connection.get(place)
        if telling is None or (not telling.is_under_way and _is_over(wish, telling, now)):
            telling = of_connection[place] = _Telling(asked_at=wish.asked_at, last_at=now, attempts=wish.attempts)
        return telling

    def _forget_passing(self, connection: StationConnection, wishes: list[Wish]) -> None:
        """Forget what a station did otherwise for a moment, and was not told for."""
        places = {(wish.evse, wish.connector) for wish in wishes}
        known = self._tellings.get(connection.id, {})
        for place in [place for place, telling in known.items() if not telling.times and place not in places]:
            del known[place]

    @staticmethod
    def _next_at(wish: Wish, telling: _Telling) -> datetime | None:
        """Return when a station that is here is told; None for what another is telling it, or it hears on arrival."""
        is_new = wish.state is WishState.WANTED and not decide.is_undone(wish)
        if telling.is_under_way or (is_new and not telling.times):
            return None
        return decide.next_telling_at(wish, telling.times, telling.last_at)

    async def _compare(self, station_id: str) -> list[Wish]:
        for tries in range(TRIES, 0, -1):
            try:
                async with self._services.database.work() as work:
                    return await self._services.stations.wishes.compare(work, station_id)
            except IngufuError as error:
                if tries > 1 and isinstance(error, Conflict):  # it was told something at this moment
                    continue
                log.warning("availability.not_compared", station=station_id, error=error.message)
                break
        return []

    async def _tell(self, wish: Wish, telling: _Telling) -> None:
        telling.times, telling.last_at, telling.is_under_way = telling.times + 1, self._services.clock.now(), True
        wishes, database = self._services.stations.wishes, self._services.database
        try:
            outcome = await self._connections.call(wish.station_id, command_of(wish))
            async with database.work() as work:
                if wish.state is WishState.WANTED and not decide.is_undone(wish):
                    wishes.note_answer(work, wish, outcome)
                else:
                    wishes.note_repeat(work, wish, outcome)
        except IngufuError as error:
            log.info("availability.not_told", station=wish.station_id, error=error.message)
            await self._note_failure(wish, error)
        finally:
            telling.is_under_way = False

    async def _note_failure(self, wish: Wish, error: IngufuError) -> None:
        if wish.state is not WishState.WANTED:
            return
        try:
            async with self._services.database.work() as work:
                self._services.stations.wishes.note_failure(work, wish, error.code)
        except IngufuError as failure:
            log.warning("availability.not_noted", station=wish.station_id, error=failure.message)


def _is_over(wish: Wish, telling: _Telling, now: datetime) -> bool:
    """Return whether what was told does not count: another was asked, it was undone since, or was kept for long."""
    if telling.asked_at != wish.asked_at or (decide.is_undone(wish) and wish.attempts != telling.attempts):
        return True
    return wish.kept_at is not None and telling.last_at < wish.kept_at <= now - decide.KEPT_LONG
