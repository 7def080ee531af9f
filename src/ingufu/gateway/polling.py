"""Asks stations for meter values that never send them by themselves, while they charge (quirks 24 and 25)."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from ingufu.core.commands import Trigger, TriggerMessage
from ingufu.core.errors import IngufuError
from ingufu.gateway.connection import StationConnection
from ingufu.gateway.link import Connections
from ingufu.services import Services
from ingufu.views import transactions
from ingufu.views.transactions import TransactionQuery

MOST_AT_ONCE = 20  # transactions of one station

log = structlog.get_logger(__name__)


class Poller:
    """A timer for each station that must be asked; none for all others."""

    def __init__(
        self, services: Services, connections: Connections, run: Callable[[Coroutine[Any, Any, None]], None]
    ) -> None:
        self._services = services
        self._connections = connections
        self._run = run
        self._timers: dict[str, asyncio.TimerHandle] = {}  # by connection

    def watch(self, connection: StationConnection) -> None:
        """Begin to ask, or cease to, as the station's quirks say now."""
        self.forget(connection)
        coping = connection.session.coping
        if coping is not None and coping.does.polls_meter_values_s:
            every_s = coping.does.polls_meter_values_s
            self._timers[connection.id] = asyncio.get_running_loop().call_later(every_s, self._due, connection)

    def forget(self, connection: StationConnection) -> None:
        """Ask no more."""
        timer = self._timers.pop(connection.id, None)
        if timer is not None:
            timer.cancel()

    def _due(self, connection: StationConnection) -> None:
        self.watch(connection)
        coping = connection.session.coping
        if coping is None or not connection.is_open:
            return
        now = self._services.clock.now().timestamp()
        if coping.values_at is None or now - coping.values_at >= coping.does.polls_meter_values_s:
            self._run(self._ask(connection))

    async def _ask(self, connection: StationConnection) -> None:
        query = TransactionQuery(station=connection.station_id, is_open=True, limit=MOST_AT_ONCE)
        try:
            running = await transactions.list_transactions(self._services.database, query, None)
            for evse in dict.fromkeys(row.evse for row in running.items):
                command = TriggerMessage(trigger=Trigger.METER_VALUES, evse=evse)
                await self._connections.call(connection.station_id, command)
                if connection.session.coping is not None:
                    connection.session.coping.note("polls_meter_values_s")
        except IngufuError as error:
            log.info("gateway.values_not_asked", station=connection.session.station.identity, error=str(error))
