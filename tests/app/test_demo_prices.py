"""Every station of the demo has a price, at any time of its history, for whoever comes."""

from datetime import timedelta
from decimal import Decimal

import pytest

from ingufu.app.demonstration.pricing import KIGALI, give_prices
from ingufu.app.parts import services_of
from ingufu.app.settings import Settings
from ingufu.simulator.places import SITES
from ingufu.tariffs.model import TariffKind
from ingufu.tariffs.price import price
from ingufu.tariffs.situations import Situation
from ingufu.tariffs.supposing import suppose

DAYS = 30


@pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)
async def test_whoever_comes_to_a_site_of_the_demo_finds_a_price(database, clock, ids, tmp_path):
    services = services_of(Settings(data=str(tmp_path)), database, clock, ids)
    for site in SITES:
        async with database.work() as work:
            await services.sites.create(
                work, organisation_id="o", name=site.name, country=site.country, time_zone=site.time_zone
            )
    began_at = clock.now()
    await give_prices(services, "o", days=DAYS)
    names = set()
    for site in await services.sites.all():
        for kind in (TariffKind.REGULAR, TariffKind.AD_HOC_PAYMENT):
            for day in (0, DAYS - 1):
                at = began_at + timedelta(days=day)
                choice = await services.tariffs.applying(Situation(site_id=site.id, kind=kind), at)
                usage = suppose(
                    started_at=at,
                    energy_kwh=Decimal(20),
                    charging_min=Decimal(40),
                    idle_min=Decimal(30),
                    time_zone=site.time_zone,
                )
                assert price(usage, (choice.applied,)).billed.gross > 0
                names.add(choice.applied.name)
    assert len(names) == 7
    kigali = await services.tariffs.find_by_name("o", KIGALI)
    assert [one.number for one in await services.tariffs.versions(kigali.id)] == [1, 2]
