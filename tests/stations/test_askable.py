"""Which stations may be asked by themselves: found some hundred at a time, all of them once."""

from sqlalchemy import update

from ingufu.core.clock import FrozenClock
from ingufu.core.ids import IdMaker
from ingufu.infra.storage.database import Database
from ingufu.stations.service import StationRules, Stations
from ingufu.stations.store import ASKED_AT_ONCE
from ingufu.stations.tables import stations as table


async def test_connected_stations_that_are_not_silent_are_found_however_many(
    database: Database, clock: FrozenClock, ids: IdMaker
) -> None:
    stations = Stations(database, clock, ids, StationRules())
    async with database.work() as work:
        made = [await stations.create(work, f"CS-{number}") for number in range(2 * ASKED_AT_ONCE + 7)]
    away, silent = {one.id for one in made[::7]}, {one.id for one in made[3::5]}
    async with database.work() as work:
        work.execute_once(update(table).where(table.c.id.not_in(away)).values(is_online=True))
        work.execute_once(update(table).where(table.c.id.in_(silent)).values(is_silent=True))
    expected = {one.id for one in made} - away - silent
    found = [station_id async for station_id, _ in stations.askable()]
    assert len(found) == len(set(found))
    assert set(found) == expected
    assert [one async for one in stations.askable([made[0].id, made[1].id, "nobody"])] == [(made[1].id, None)]
    assert {station_id async for station_id, _ in stations.askable([one.id for one in made])} == expected
    assert [one async for one in stations.askable([])] == []
