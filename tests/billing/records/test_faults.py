"""While its own connector is out of order a vehicle that has enough does not stand there idle, and pays nothing for it."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from billing.records.world import World, element, terms
from ingufu.charging.model import ChargingState
from ingufu.stations.model import ConnectorStatus, StatusReport
from ingufu.tariffs.model import Dimension

IDLE = terms("RWF", element(Dimension.PARKING_TIME, "6000", vat=None))  # an hour


async def tell(world: World, minute: float, connector: int, status: ConnectorStatus) -> None:
    """Have the station say so of a connector of its first EVSE, so many minutes after the clock's time."""
    at = world.clock.now() + timedelta(minutes=minute)
    report = StatusReport(evse=1, connector=connector, status=status, raw_status=status.value, at=at)
    async with world.database.work() as work:
        await world.services.stations.report_status(work, world.station_id, report, received_at=at)


async def parked(world: World, connector: int | None, *faults: tuple[int, ConnectorStatus]) -> Decimal:
    """Charge for half an hour, stand for half an hour, faults from minute 40 to 50; return what is billed."""
    await world.tariff(IDLE)
    for number in (1, 2):
        await tell(world, -5, number, ConnectorStatus.AVAILABLE)
    for number, status in faults:
        await tell(world, 40, number, status)
        await tell(world, 50, number, ConnectorStatus.OCCUPIED)
    station = world.station("2.0.1")
    values: dict[str, Any] = {"reference": "T1", "connector": connector}
    started = await station.start(minute=0, state=ChargingState.CHARGING, token="CARD", seq=0, register_wh=0, **values)
    await station.update(minute=30, state=ChargingState.SUSPENDED_EV, seq=1, **values)
    await station.end(minute=60, state=ChargingState.IDLE, seq=2, register_wh=9000, **values)
    world.clock.advance(3660)
    await world.rate()
    (record,) = await world.issued(started.transaction.id)
    return record.net


@pytest.mark.parametrize(
    ("connector", "of", "net"),
    [
        (1, [], 3000),
        (1, [(1, ConnectorStatus.FAULTED)], 2000),
        (1, [(2, ConnectorStatus.FAULTED)], 3000),
        (1, [(2, ConnectorStatus.UNAVAILABLE)], 3000),
        (None, [(2, ConnectorStatus.UNAVAILABLE)], 3000),
        (None, [(1, ConnectorStatus.FAULTED), (2, ConnectorStatus.FAULTED)], 2000),
    ],
    ids=["none", "own", "another's", "another is locked", "either, one locked", "either, both"],
)
async def test_idle_fee_stops_for_faults_of_the_connector(
    world: World, connector: int | None, of: list[tuple[int, ConnectorStatus]], net: int
) -> None:
    assert await parked(world, connector, *of) == Decimal(net)
