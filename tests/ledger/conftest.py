"""What the tests of the ledger share: the books on a database, and a short way to post."""

import pytest

from ingufu.core.clock import FrozenClock
from ingufu.core.ids import IdMaker
from ingufu.infra.storage.database import Database
from ingufu.ledger.model import NewEntry, Posted
from ingufu.ledger.service import Ledger, retried
from ledger_entries import Post


@pytest.fixture
async def ledger(database: Database, clock: FrozenClock, ids: IdMaker) -> Ledger:
    return Ledger(database, clock, ids)


@pytest.fixture
async def post(database: Database, ledger: Ledger) -> Post:
    async def post_in_a_unit(entry: NewEntry, *, by: str = "") -> Posted | None:
        return await retried(database, lambda work: ledger.post(work, entry, by=by))

    return post_in_a_unit
