"""A process that books until it is killed: it prints each reference once the entry is said to be on disk."""

import asyncio
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from ingufu.core.clock import SystemClock
from ingufu.core.errors import Conflict
from ingufu.core.ids import IdMaker
from ingufu.infra.storage.opening import open_database
from ingufu.infra.storage.targets import StorageUrl
from ingufu.ledger.service import Ledger, Wallets, retried
from ledger_entries import ORGANISATION, charge


def tell(reference: str) -> None:
    sys.stdout.write(f"{reference}\n")
    sys.stdout.flush()


async def book(url: StorageUrl, name: str) -> None:
    clock = SystemClock()
    database = await open_database(url)
    ids = IdMaker(clock)
    ledger = Ledger(database, clock, ids)
    wallets = Wallets(database, clock, ids, ledger)

    async def one(number: int) -> None:
        reference = f"{name}:{number}"
        entry = charge(100 + number, reference=reference, at=datetime.now(UTC))
        await retried(database, lambda work: ledger.post(work, entry))
        tell(reference)
        try:
            await retried(
                database,
                lambda work: wallets.spend(
                    work, ORGANISATION, "alice", amount=Decimal(7), currency="RWF", reference=reference
                ),
            )
        except Conflict:
            return
        tell(f"spend:{reference}")

    for start in range(0, 100_000, 10):
        await asyncio.gather(*(one(number) for number in range(start, start + 10)))


if __name__ == "__main__":
    asyncio.run(book(StorageUrl.parse(sys.argv[1] or None, Path(sys.argv[2])), sys.argv[3]))
