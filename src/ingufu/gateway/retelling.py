"""Availability that was asked for and is not so: stations that come back are told again."""

import structlog

from ingufu.core.errors import IngufuError
from ingufu.gateway.connection import StationConnection
from ingufu.gateway.link import Connections
from ingufu.ocpp.table import Phase
from ingufu.services import Services
from ingufu.stations.availability.model import Wish, WishState
from ingufu.stations.availability.service import command_of

log = structlog.get_logger(__name__)


class Reteller:
    """Compares what stations report with what was asked of them; tells each thing once a connection."""

    def __init__(self, services: Services, connections: Connections) -> None:
        self._services = services
        self._connections = connections
        self._asked: set[str] = set()  # stations
        self._told: dict[str, set[tuple[int, int]]] = {}  # by connection

    async def load(self) -> None:
        """Learn of which stations anything was asked."""
        self._asked = await self._services.stations.wishes.stations_asked()

    def concerns(self, station_id: str | None) -> bool:
        return station_id in self._asked

    def left(self, connection_id: str) -> None:
        self._told.pop(connection_id, None)

    async def greet(self, connection: StationConnection) -> None:
        """Tell a station that has come back what it does not know, or does not keep to."""
        if connection.session.station.is_silent or connection.session.phase is not Phase.ACCEPTED:
            return
        for wish in await self._compare(connection.station_id):
            told = self._told.setdefault(connection.id, set())
            place = (wish.evse, wish.connector)
            if place not in told and self._connections.get(connection.station_id) is connection:
                told.add(place)
                await self._tell(wish)

    async def compare(self, station_id: str) -> None:
        """Note what a station shows to be so; it is told again only after it has come back."""
        await self._compare(station_id)

    async def _compare(self, station_id: str) -> list[Wish]:
        try:
            async with self._services.database.work() as work:
                return await self._services.stations.wishes.compare(work, station_id)
        except IngufuError as error:
            log.warning("availability.not_compared", station=station_id, error=error.message)
            return []

    async def _tell(self, wish: Wish) -> None:
        wishes = self._services.stations.wishes
        try:
            outcome = await self._connections.call(wish.station_id, command_of(wish))
            async with self._services.database.work() as work:
                if wish.state is WishState.WANTED:
                    wishes.note_answer(work, wish, outcome)
                else:
                    wishes.note_repeat(work, wish, outcome)
        except IngufuError as error:
            log.info("availability.not_told", station=wish.station_id, error=error.message)
