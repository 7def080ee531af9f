"""What the tests of charge records share."""

from pathlib import Path

import pytest

from billing.records.world import World
from ingufu.core.clock import FrozenClock
from ingufu.core.ids import IdMaker
from ingufu.infra.storage.database import Database


@pytest.fixture
async def world(database: Database, clock: FrozenClock, ids: IdMaker, tmp_path: Path) -> World:
    return await World(database, clock, ids, str(tmp_path)).open()
