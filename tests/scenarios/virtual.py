"""A gateway whose date is that of simulated stations, for scenarios that plan in hours and take milliseconds."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from ingufu.core.ids import IdMaker
from ingufu.infra.storage.database import Database
from ingufu.simulator.script import simulated
from ingufu.simulator.spec import spec
from ingufu.simulator.timeline import VirtualTimeline
from running import PASSWORD, Running, StandingClock, running_gateway

START = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)


class FollowingClock(StandingClock):
    """Shows the time of the simulated stations."""

    def __init__(self, timeline: VirtualTimeline) -> None:
        super().__init__(timeline.now())
        self.timeline = timeline

    def now(self) -> datetime:
        return self.timeline.now()


@asynccontextmanager
async def virtual_house(
    database: Database, timeline: VirtualTimeline, ids: IdMaker, **options: Any
) -> AsyncIterator[Running]:
    async with running_gateway(database, FollowingClock(timeline), ids, **options) as running:
        yield running


def station(house: Running, timeline: VirtualTimeline, version: str, identity: str = "CS", **changes: Any) -> Any:
    """Give a simulated station."""
    return simulated(spec(identity, version, password=PASSWORD, **changes), house.url(), timeline=timeline)
