"""How many transactions a token has running: what authorization asks of charging."""

from collections.abc import Collection
from datetime import datetime

from ingufu.charging import store
from ingufu.infra.storage.database import Database


class OpenCount:
    """Counts in committed data. It implements `ingufu.authorization.ports.OpenTransactions`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def count_open(self, token_id: str, *, excluding: Collection[str], since: datetime) -> int:
        """Return how many open transactions of the token began at `since` or later, `excluding` some of them."""
        found = await store.find_open_ids(self._database, token_id, since)
        return len(set(found).difference(excluding))
