"""Which stations were used most: the same, whether the database ranks them or all of them are gone through."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from ingufu.infra.storage.database import Database
from ingufu.infra.storage.statements import insert
from ingufu.reports.tables import cells, taking_cells
from ingufu.views import report_stations
from ingufu.views.report_stations import StationReport, StationSort, StationsQuery
from views.conftest import Rows

_CELL, _TAKING = insert(cells), insert(taking_cells)
SINCE, UNTIL = date(2026, 2, 1), date(2026, 2, 10)


@pytest.fixture
async def sites(database: Database, rows: Rows) -> list[str]:
    """Nine stations at three sites, on some of twenty days; one is gone, and one has only earned."""
    places = [await rows.site(name) for name in ("Kigali", "Kampala", "Lyon")]
    ids = [await rows.station(f"CP{number}", site_id=places[number % 3]) for number in range(8)]
    async with database.work() as work:
        for number, station_id in enumerate([*ids, "gone"]):
            for shift in range(number % 4, 20, 3):
                day = (SINCE + timedelta(days=shift)).isoformat()
                if number != 5:
                    work.execute(_CELL, _cell(day, station_id, places[number % 3], number * 7 % 5))
                work.execute(_TAKING, _taking(day, station_id, places[number % 3], number))
    return places


def _cell(day: str, station_id: str, site_id: str, amount: int) -> dict[str, Any]:
    return {
        "day": day, "station_id": station_id, "evse": 1, "site_id": site_id, "started": amount, "ended": amount,
        "succeeded": amount, "refused": 4 - amount, "energy_wh": Decimal(amount * 1000), "occupied_s": 60 * amount,
        "charging_s": 30 * amount, "hours": {},
    }  # fmt: skip


def _taking(day: str, station_id: str, site_id: str, amount: int) -> dict[str, Any]:
    return {
        "day": day, "station_id": station_id, "site_id": site_id, "currency": "EUR", "records": 1, "credits": 0,
        "net": Decimal(amount), "gross": Decimal(amount),
    }  # fmt: skip


@pytest.mark.parametrize("with_money", [True, False])
async def test_ranking_by_the_database_is_that_of_all_figures(
    database: Database, rows: Rows, sites: list[str], monkeypatch: pytest.MonkeyPatch, *, with_money: bool
) -> None:
    for sees in (None, frozenset(sites[:2]), frozenset[str]()):
        for sort in StationSort:
            for site_id, limit in ((None, 3), (None, 50), (sites[1], 2)):
                query = StationsQuery(since=SINCE, until=UNTIL, sort=sort, limit=limit, site_id=site_id)
                ranked = await _list(database, rows, query, sees, with_money=with_money)
                with monkeypatch.context() as patched:
                    patched.setattr(report_stations, "_BY_COLUMN", {})
                    whole = await _list(database, rows, query, sees, with_money=with_money)
                assert ranked == whole, (query, sees)
                assert len(ranked.stations) == min(limit, ranked.total)


async def _list(
    database: Database, rows: Rows, query: StationsQuery, sees: frozenset[str] | None, *, with_money: bool
) -> StationReport:
    now = rows.clock.now()
    return await report_stations.list_stations(database, query, sees, now=now, with_money=with_money)
