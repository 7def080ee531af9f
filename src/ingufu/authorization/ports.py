"""What authorization has to ask of those above it."""

from collections.abc import Collection
from datetime import datetime
from typing import Protocol


class OpenTransactions(Protocol):
    """Knows how many transactions a token has running."""

    async def count_open(self, token_id: str, *, excluding: Collection[str], since: datetime) -> int:
        """Return how many open transactions of the token began at `since` or later, `excluding` some of them."""
        ...
