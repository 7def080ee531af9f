"""What the tests of charging share: the service with authorization, and a station's messages in short."""

from collections.abc import Callable
from typing import Any

import pytest

from charging.stations import Station
from ingufu.authorization.model import TokenDetails
from ingufu.authorization.service import Authorization
from ingufu.charging.service import Charging, OpenCount
from ingufu.core.clock import FrozenClock
from ingufu.core.ids import IdMaker
from ingufu.infra.storage.database import Database


@pytest.fixture
def authorization(database: Database, clock: FrozenClock, ids: IdMaker) -> Authorization:
    return Authorization(database, clock, ids, OpenCount(database))


@pytest.fixture
def charging(database: Database, clock: FrozenClock, ids: IdMaker, authorization: Authorization) -> Charging:
    return Charging(database, clock, ids, authorization)


@pytest.fixture
def register(database: Database, authorization: Authorization) -> Callable[..., Any]:
    """Register a token and return it."""

    async def register(value: str, **details: Any) -> Any:
        async with database.work() as work:
            return await authorization.create_token(work, TokenDetails(value=value, **details), organisation_id="org")

    return register


@pytest.fixture
def station(database: Database, charging: Charging, clock: FrozenClock) -> Callable[..., Station]:
    """Make a station of a version."""

    def make(version: str = "1.6", id_: str = "station") -> Station:
        return Station(database, charging, clock, id_, version)

    return make
