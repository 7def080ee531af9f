"""A service of stations on a fresh database, and one station in it."""

import pytest

from ingufu.core.clock import FrozenClock
from ingufu.core.ids import IdMaker
from ingufu.infra.storage.database import Database
from ingufu.stations.model import Station
from ingufu.stations.service import StationRules, Stations


@pytest.fixture
def stations(database: Database, clock: FrozenClock, ids: IdMaker) -> Stations:
    return Stations(database, clock, ids, StationRules())


@pytest.fixture
async def station(database: Database, stations: Stations) -> Station:
    async with database.work() as work:
        return await stations.create(work, "NAIROBI-1", password="a-key-of-16-chars")
