"""Money in the demo besides what is billed: wallets, vouchers, and a site whose host has a share."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial

from ingufu.billing.records.booking import earned_of
from ingufu.billing.records.model import ChargeRecord
from ingufu.infra.storage.database import Work
from ingufu.ledger.service import retried
from ingufu.services import Services
from ingufu.views.charge_records import RecordQuery, export_records
from ingufu.views.tokens import DriverQuery, list_drivers

CURRENCY = "RWF"
WALLETS = 6
HOST = "Kimihurura Estates"


async def share_with_host(services: Services, organisation_id: str, *, since: datetime) -> None:
    """Have the host of a site share in what was and will be charged there, and have a part of it paid out."""
    site_id = next((one.id for one in await services.sites.all() if one.country == "RW"), None)
    if site_id is None:
        return

    async def agree(work: Work) -> None:
        await services.hosts.agree(
            work,
            organisation_id,
            site_id,
            host_name=HOST,
            bank_account="RW00 0000 0000 0000",
            currency=CURRENCY,
            percent=Decimal(8),
            per_session=Decimal(50),
            valid_from=since,
            by="demo",
        )

    await retried(services.database, agree)
    async for records in export_records(services.database, RecordQuery(site_id=(site_id,)), None):
        await retried(services.database, partial(_share, services, records))
    due = await services.hosts.due(organisation_id, site_id, CURRENCY)
    if due > 0:

        async def pay_out(work: Work) -> None:
            await services.hosts.make_payout(
                work, organisation_id, site_id, currency=CURRENCY, amount=due // 2 or due, text="First half", by="demo"
            )

        await retried(services.database, pay_out)


async def _share(services: Services, records: Sequence[ChargeRecord], work: Work) -> None:
    for record in records:
        earned = earned_of(record)
        if earned is not None:
            await services.ledger.share(work, earned, by="demo")


async def fill_wallets(services: Services, organisation_id: str, *, now: datetime) -> None:
    """Have some drivers have money with us, two vouchers be given out, and one of them be used."""
    found = await list_drivers(services.database, DriverQuery(limit=WALLETS))
    drivers = [one.id for one in found.items]

    async def fill(work: Work) -> str:
        for number, driver_id in enumerate(drivers):
            await services.wallets.top_up(
                work,
                organisation_id,
                driver_id,
                amount=Decimal(5000 * (number + 1)),
                currency=CURRENCY,
                reference=f"MP-{number + 1:06d}",
                provider="mobile-money",
                at=now - timedelta(days=number),
                by="demo",
            )
        _, code = await services.vouchers.issue(
            work,
            organisation_id,
            amount=Decimal(2000),
            currency=CURRENCY,
            expires_at=now + timedelta(days=60),
            uses=50,
            text="Opening of a new site",
            by="demo",
        )
        await services.vouchers.issue(
            work,
            organisation_id,
            amount=Decimal(10_000),
            currency=CURRENCY,
            expires_at=now + timedelta(days=365),
            text="Gift card",
            provider="mobile-money",
            by="demo",
        )
        return code

    code = await retried(services.database, fill)
    for driver_id in drivers[:2]:

        async def redeem(work: Work, driver_id: str = driver_id) -> None:
            await services.vouchers.redeem(work, organisation_id, code, driver_id, by="demo")

        await retried(services.database, redeem)
