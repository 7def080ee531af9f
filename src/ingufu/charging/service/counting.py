"""How many transactions a token has running: what authorization asks of charging."""

from datetime import datetime

from ingufu.charging import store
from ingufu.infra.storage.database import Database


class OpenCount:
    """Counts in committed data. It implements `ingufu.authorization.ports.OpenTransactions`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def count_open(self, token_id: str, *, excluding: str | None, since: datetime) -> int:
        """Return how many open transactions of the token began at `since` or later, `excluding` one of them."""
        return await store.count_open(self._database, token_id, excluding or "", since)
