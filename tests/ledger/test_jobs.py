"""What expires is booked by itself."""

import asyncio
from datetime import timedelta
from decimal import Decimal

from ingufu.core.clock import FrozenClock
from ingufu.core.ids import IdMaker
from ingufu.infra.storage.database import Database
from ingufu.ledger.jobs import keep_ledger
from ingufu.ledger.model import AccountKind
from ingufu.ledger.service import Ledger, Vouchers, Wallets, retried

ORG = "operator"


async def test_keeper_gives_holds_back_and_books_expired_vouchers(
    database: Database, clock: FrozenClock, ids: IdMaker, ledger: Ledger
) -> None:
    wallets, vouchers = Wallets(database, clock, ids, ledger), Vouchers(database, clock, ids, ledger)
    until = clock.now() + timedelta(hours=1)
    await retried(
        database,
        lambda work: wallets.top_up(work, ORG, "alice", amount=Decimal(900), currency="RWF", reference="1"),
    )
    await retried(
        database,
        lambda work: wallets.hold(
            work, ORG, "alice", estimate=Decimal(900), currency="RWF", reference="tx:1", expires_at=until
        ),
    )
    await retried(
        database, lambda work: vouchers.issue(work, ORG, amount=Decimal(50), currency="RWF", expires_at=until)
    )
    clock.advance(3601)
    keeping = asyncio.create_task(keep_ledger(wallets, vouchers))
    async with asyncio.timeout(20):
        while await ledger.balance(ORG, AccountKind.BREAKAGE, currency="RWF") == 0:
            await asyncio.sleep(0.01)
    keeping.cancel()
    assert await wallets.available(ORG, "alice", "RWF") == 900
    assert await ledger.verify() == []
