"""What the tests of authorization share: the service, with a number of open transactions that a test sets."""

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any

import pytest

from ingufu.authorization.model import TokenDetails
from ingufu.authorization.service import Authorization
from ingufu.core.clock import FrozenClock
from ingufu.core.ids import IdMaker
from ingufu.infra.storage.database import Database


class Running:
    """Open transactions by token id, each with its own id and start."""

    def __init__(self) -> None:
        self.by_token: dict[str, list[tuple[str, datetime]]] = {}

    async def count_open(self, token_id: str, *, excluding: Collection[str], since: datetime) -> int:
        return sum(1 for id_, at in self.by_token.get(token_id, []) if id_ not in excluding and at >= since)


@pytest.fixture
def running() -> Running:
    return Running()


@pytest.fixture
def authorization(database: Database, clock: FrozenClock, ids: IdMaker, running: Running) -> Authorization:
    return Authorization(database, clock, ids, running)


@pytest.fixture
def register(database: Database, authorization: Authorization) -> Callable[..., Any]:
    """Register a token and return it."""

    async def register(value: str, **details: Any) -> Any:
        async with database.work() as work:
            return await authorization.create_token(work, TokenDetails(value=value, **details), organisation_id="org")

    return register
