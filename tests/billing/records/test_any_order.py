"""The order in which messages arrive, and how often, never changes the bill."""

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from itertools import permutations
from pathlib import Path

import pytest

from billing.records.world import World, element, reading, terms
from charging.stations import Station
from ingufu.billing.records.model import ChargeRecord, RecordKind
from ingufu.charging.model import ChargingState
from ingufu.core.clock import FrozenClock
from ingufu.core.ids import IdMaker
from ingufu.infra.storage.database import Database
from ingufu.tariffs.model import Dimension, Restrictions

BEGAN = datetime(2026, 3, 1, 19, 30, tzinfo=UTC)  # 21:30 in Kigali: the night price begins on the way
PRICES = terms(
    "RWF",
    element(Dimension.ENERGY, "200", restrictions=Restrictions(start_time=time(22), end_time=time(6))),
    element(Dimension.ENERGY, "300"),
    element(Dimension.PARKING_TIME, "1500", grace_s=300),
)


async def send(station: Station, which: int) -> None:
    """Send the message of that number of a 2.x session: start, three updates, the end."""
    at = BEGAN + timedelta(minutes=15 * which)
    register = (0, 9_000, 15_000, 18_000, 18_000)[which]
    state = (
        ChargingState.CHARGING,
        ChargingState.CHARGING,
        ChargingState.SUSPENDED_EVSE,
        ChargingState.SUSPENDED_EV,
        ChargingState.EV_CONNECTED,
    )[which]
    context = {0: "Transaction.Begin", 4: "Transaction.End"}.get(which)
    said = {
        "reference": "tx",
        "seq": which,
        "at": at,
        "state": state,
        "readings": (reading(at, register, context=context),),
    }
    if which == 0:
        await station.start(token="CARD", **said)
    elif which == 4:
        await station.end(**said)
    else:
        await station.update(**said)


async def billed(database: Database, folder: str, order: tuple[int, ...]) -> ChargeRecord:
    """Return the record that stands when messages came in this order, rated after each."""
    clock = FrozenClock(BEGAN - timedelta(days=1))
    world = await World(database, clock, IdMaker(clock), folder).open()
    await world.tariff(PRICES)
    clock.set(BEGAN + timedelta(hours=2))
    station = world.station("2.0.1")
    for which in order:
        await send(station, which)
        await world.rate()
    transaction = await world.services.charging.find(world.station_id, "tx")
    assert transaction is not None
    records = await world.issued(transaction.id)
    credited = {one.corrects_id for one in records if one.kind is RecordKind.CREDIT}
    (standing,) = [one for one in records if one.kind is RecordKind.CHARGE and one.id not in credited]
    assert sum(one.gross for one in records) == standing.gross == await world.owed(world.driver_id)
    return standing


ORDERS = [*list(permutations(range(5)))[::13], (0, 1, 1, 2, 3, 0, 4, 4, 2)]


@pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("order", ORDERS, ids=str)
async def test_order_of_messages_never_changes_the_bill(
    database: Database, tmp_path: Path, order: tuple[int, ...]
) -> None:
    record = await billed(database, str(tmp_path), order)
    # 15 kWh before 22:00 at 300, 3 kWh after it at 200, and of the 15 minutes in which the vehicle rests 5 are free
    assert (record.net, record.gross) == (Decimal(4500 + 600 + 250), Decimal(6313))
    assert record.energy_wh == 18_000
