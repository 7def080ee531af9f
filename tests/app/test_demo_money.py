"""The demo has money to show: wallets, vouchers, and a host with a share and a payout."""

from datetime import timedelta
from pathlib import Path

import pytest

from billing.records.world import World, per_kwh
from ingufu.app.demonstration.booking import CURRENCY, fill_wallets, share_with_host
from ingufu.core.clock import FrozenClock
from ingufu.core.ids import IdMaker
from ingufu.infra.storage.database import Database
from ingufu.ledger.model import AccountKind


@pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)
async def test_demo_books_wallets_vouchers_and_a_share(
    database: Database, clock: FrozenClock, ids: IdMaker, tmp_path: Path
) -> None:
    world = await World(database, clock, ids, str(tmp_path)).open()
    services, books = world.services, world.organisation_id
    await world.tariff(per_kwh("250"))
    for start in (1000, 50_000, 90_000):
        await world.session(start_wh=start)
    await world.rate()
    await share_with_host(services, books, since=clock.now() - timedelta(days=2))
    await fill_wallets(services, books, now=clock.now())
    assert await services.hosts.due(books, world.site_id, CURRENCY) == 446  # half of three times 8 % of 3086, and 50
    assert await services.ledger.balance(books, AccountKind.WALLET, world.driver_id, currency=CURRENCY) == -7000
    assert await services.ledger.verify() == []
