"""The order in which messages arrive, and how often, never changes the bill."""

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from itertools import permutations
from pathlib import Path

import msgspec
import pytest

from billing.records.world import World, element, reading, terms
from charging.stations import Station
from ingufu.billing.records.model import ChargeRecord, RecordKind
from ingufu.charging.model import ChargingState
from ingufu.core.clock import FrozenClock
from ingufu.core.ids import IdMaker
from ingufu.infra.storage.database import Database
from ingufu.tariffs.model import Dimension, Restrictions
from ingufu.tariffs.situations import Target, Where

BEGAN = datetime(2026, 3, 1, 19, 30, tzinfo=UTC)  # 21:30 in Kigali: the night price begins on the way
PRICES = terms(
    "RWF",
    element(Dimension.ENERGY, "200", restrictions=Restrictions(start_time=time(22), end_time=time(6))),
    element(Dimension.ENERGY, "300"),
    element(Dimension.PARKING_TIME, "1500", grace_s=300),
)

DOUBLE = msgspec.structs.replace(
    PRICES,
    elements=tuple(
        msgspec.structs.replace(
            one, components=tuple(msgspec.structs.replace(part, price=2 * part.price) for part in one.components)
        )
        for one in PRICES.elements
    ),
)


async def send(station: Station, which: int, *, named_in: int = 0) -> None:
    """Send the message of that number of a 2.x session: start, three updates, the end. One of them names the card."""
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
    if which == named_in:
        said["token"] = "CARD"
    if which == 0:
        await station.start(**said)
    elif which == 4:
        await station.end(**said)
    else:
        await station.update(**said)


async def billed(
    database: Database, folder: str, order: tuple[int, ...], *, named_in: int = 0, is_member: bool = False
) -> ChargeRecord:
    """Return the record that stands when messages came in this order, rated after each.

    A member has the prices that all others are charged the double of.
    """
    clock = FrozenClock(BEGAN - timedelta(days=1))
    world = await World(database, clock, IdMaker(clock), folder).open()
    if is_member:
        await world.tariff(DOUBLE)
        await world.tariff(PRICES, name="Members", where=Where(target=Target.DRIVER, target_id=world.driver_id))
    else:
        await world.tariff(PRICES)
    clock.set(BEGAN + timedelta(hours=2))
    station = world.station("2.0.1")
    for which in order:
        await send(station, which, named_in=named_in)
        await world.rate()
    transaction = await world.services.charging.find(world.station_id, "tx")
    assert transaction is not None
    records = await world.issued(transaction.id)
    credited = {one.corrects_id for one in records if one.kind is RecordKind.CREDIT}
    (standing,) = [one for one in records if one.kind is RecordKind.CHARGE and one.id not in credited]
    assert sum(one.gross for one in records) == standing.gross == await world.owed(world.driver_id)
    assert await world.owed(f"transaction:{transaction.id}") == 0
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


@pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("is_member", [False, True], ids=["same-tariff", "own-tariff"])
@pytest.mark.parametrize("named_in", [0, 1, 3])
@pytest.mark.parametrize("order", ORDERS[::2], ids=str)
async def test_order_of_messages_never_changes_who_pays_and_by_which_tariff(
    database: Database, tmp_path: Path, order: tuple[int, ...], *, named_in: int, is_member: bool
) -> None:
    record = await billed(database, str(tmp_path), order, named_in=named_in, is_member=is_member)
    assert (record.snapshot.driver_name, record.gross) == ("Aline", Decimal(6313))
