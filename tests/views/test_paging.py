"""Pages by key: every row once, in order, whatever the order and however many are equal."""

import base64
from typing import Any, get_args

import msgspec
import pytest

from ingufu.core.errors import InvalidInput
from ingufu.infra.storage.database import Database
from ingufu.views import stations, transactions
from ingufu.views.stations import StationQuery, StationSort
from ingufu.views.transactions import TransactionQuery
from views.conftest import Rows


async def walk(database: Database, query: StationQuery) -> list[stations.StationRow]:
    found: list[stations.StationRow] = []
    while True:
        page = await stations.list_stations(database, query, None)
        assert page.total == 13
        found += page.items
        if page.next is None:
            return found
        query = msgspec.structs.replace(query, cursor=page.next)


async def test_every_order_of_stations_holds_each_once(database: Database, rows: Rows) -> None:
    vendors = ["ABB", None, "Keba"]
    sites = [await rows.site("Huye"), None, await rows.site("kigali")]
    for number in range(13):
        await rows.station(
            f"CP{number:02d}", name="same" if number % 2 else f"Name {number}", vendor=vendors[number % 3],
            site_id=sites[number % 3], firmware_version=None if number % 4 else "1.0",
            last_seen_at=None if number % 5 else rows.ago(hours=number),
        )  # fmt: skip
    for sort in get_args(StationSort):
        whole = await walk(database, StationQuery(sort=sort, limit=500))
        paged = await walk(database, StationQuery(sort=sort, limit=3))
        assert [one.id for one in paged] == [one.id for one in whole], sort
        assert len({one.id for one in paged}) == 13, sort
    by_seen = await walk(database, StationQuery(sort="-last_seen_at", limit=4))
    assert [one.last_seen_at for one in by_seen[:3]] == [rows.ago(hours=0), rows.ago(hours=5), rows.ago(hours=10)]


async def test_page_goes_on_where_it_ended_though_rows_come_and_go(database: Database, rows: Rows) -> None:
    station = await rows.station("CP1")
    for hours in range(6):
        await rows.transaction(station, rows.ago(hours=hours))
    first = await transactions.list_transactions(database, TransactionQuery(limit=3), None)
    await rows.transaction(station, rows.ago(hours=-1))
    second = await transactions.list_transactions(database, TransactionQuery(limit=3, cursor=first.next), None)
    assert [one.started_at for one in first.items + second.items] == [rows.ago(hours=hours) for hours in range(6)]
    assert second.next is None


def cursor_of(*parts: Any) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(parts)).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        "", "x", "====", "é", "bm9uc2Vuc2U", cursor_of(), cursor_of("identity", False, "CP1"),
        cursor_of("name", False, "a", "b"), cursor_of("identity", True, "a", "b"), cursor_of("identity", False, 5, "b"),
        cursor_of("identity", False, "a", None),
    ],
)  # fmt: skip
@pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)
async def test_cursor_that_is_not_ours_is_refused(database: Database, cursor: str) -> None:
    with pytest.raises(InvalidInput):
        await stations.list_stations(database, StationQuery(cursor=cursor), None)


@pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)
async def test_cursor_with_an_instant_beyond_reason_is_refused(database: Database) -> None:
    for at in ("2026", "10000-01-01T00:00:00Z", "2026-03-01T12:00:00"):
        with pytest.raises(InvalidInput):
            await transactions.list_transactions(
                database, TransactionQuery(cursor=cursor_of("started_at", True, at, "x")), None
            )
