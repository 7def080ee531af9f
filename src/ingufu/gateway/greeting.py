"""What we ask a station for by ourselves, some seconds after it connected, if it has not told it."""

import structlog

from ingufu.core.commands import Trigger, TriggerMessage
from ingufu.core.errors import IngufuError
from ingufu.gateway.connection import StationConnection
from ingufu.gateway.link import Connections
from ingufu.ocpp.table import Phase
from ingufu.stations.service import Stations

log = structlog.get_logger(__name__)


class Greeter:
    """Asks for the boot of a station that is new here, and for the states of connectors of one that is not."""

    def __init__(self, stations: Stations, connections: Connections) -> None:
        self._stations = stations
        self._connections = connections

    async def greet(self, connection: StationConnection) -> None:
        """Ask for what the station did not tell by itself; nothing if it is to be left alone, or is not accepted."""
        session = connection.session
        if session.station.is_silent:
            return
        if session.phase is Phase.NEW:
            await self._ask(connection, Trigger.BOOT)
        elif session.phase is Phase.ACCEPTED and not session.has_reported_status:
            await self._ask_status(connection)

    async def _ask_status(self, connection: StationConnection) -> None:
        """Ask for each connector that is known; where none is, for whatever there is (1.6: all of them)."""
        try:
            topology = await self._stations.topology(connection.station_id)
        except IngufuError as error:
            log.info("gateway.not_greeted", station=connection.session.station.identity, error=str(error))
            return
        known: list[tuple[int | None, int | None]]
        known = [(evse.number, connector.number) for evse, connectors in topology for connector in connectors]
        for evse, connector in known or [(None, None)]:
            if not await self._ask(connection, Trigger.STATUS, evse, connector):
                return

    async def _ask(
        self, connection: StationConnection, trigger: Trigger, evse: int | None = None, connector: int | None = None
    ) -> bool:
        """Return whether the station does what it is asked, so that it makes sense to ask for more."""
        command = TriggerMessage(trigger=trigger, evse=evse, connector=connector)
        try:
            outcome = await self._connections.call(connection.station_id, command)
        except IngufuError as error:
            log.info("gateway.trigger_failed", station=connection.session.station.identity, error=str(error))
            return False
        return outcome.is_accepted
