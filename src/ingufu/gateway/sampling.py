"""Has stations measure what is asked for: soon after it was asked, or after they came back."""

from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from ingufu.configuration.service import Reading
from ingufu.core.errors import IngufuError
from ingufu.gateway.link import Connections
from ingufu.ocpp.table import Phase
from ingufu.services import Services

AT_ONCE = 10  # stations

log = structlog.get_logger(__name__)


class Sampler:
    """Asks a few stations at a time, none twice at once."""

    def __init__(
        self, services: Services, connections: Connections, run: Callable[[Coroutine[Any, Any, None]], None]
    ) -> None:
        self._samplings = services.samplings
        self._connections = connections
        self._run = run
        self._at_work: set[str] = set()

    async def look(self) -> None:
        """Begin with the stations that are here and do not know yet what is asked of them."""
        for station_id in await self._samplings.waiting():
            if len(self._at_work) >= AT_ONCE:
                return
            connection = self._connections.get(station_id)
            if connection is None or station_id in self._at_work:
                continue
            if connection.session.phase is Phase.ACCEPTED and not connection.session.station.is_silent:
                self._at_work.add(station_id)
                self._run(self._work(station_id))

    async def _work(self, station_id: str) -> None:
        try:
            await self._samplings.settle(Reading(link=self._connections), station_id)
        except IngufuError as error:
            log.info("sampling.not_settled", station=station_id, error=error.message)
        finally:
            self._at_work.discard(station_id)
