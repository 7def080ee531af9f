import pytest

from billing.invoices.trade import Trade
from ingufu.core.clock import FrozenClock
from ingufu.core.ids import IdMaker
from ingufu.infra.storage.database import Database


@pytest.fixture
async def trade(database: Database, clock: FrozenClock, ids: IdMaker) -> Trade:
    return Trade(database, clock, ids)
