"""Transactions and what they are made of, as lists and charts show them."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from ingufu.core.errors import InvalidInput, NotFound
from ingufu.infra.storage.database import Database
from ingufu.views import session, transactions
from ingufu.views.session import ReadingQuery
from ingufu.views.transactions import TransactionQuery
from views.conftest import Rows


async def found(database: Database, site_ids: Any = None, **query: Any) -> list[str]:
    return [
        one.id for one in (await transactions.list_transactions(database, TransactionQuery(**query), site_ids)).items
    ]


async def test_filters_find_what_they_name(database: Database, rows: Rows) -> None:
    site = await rows.site("Kigali")
    here, there = await rows.station("CP1", site_id=site), await rows.station("CP2")
    old = await rows.transaction(here, rows.ago(days=2), is_open=False, token_id="k1", driver_id="d1", evse=2)
    odd = await rows.transaction(there, rows.ago(days=1), is_open=False, anomaly_count=2)
    new = await rows.transaction(here, rows.ago(hours=1), token_id="k1")
    assert await found(database) == [new, odd, old]
    assert await found(database, sort="started_at") == [old, odd, new]
    assert await found(database, station="cp1") == await found(database, station=here) == [new, old]
    assert await found(database, station="cp1", evse=2) == [old]
    assert await found(database, station="nowhere") == []
    assert await found(database, site_id=(site,)) == [new, old]
    assert await found(database, token_id="k1") == [new, old]
    assert await found(database, driver_id="d1") == [old]
    assert await found(database, is_open=True) == [new]
    assert await found(database, is_open=False) == [odd, old]
    assert await found(database, has_anomalies=True) == [odd]
    assert await found(database, has_anomalies=False) == [new, old]
    assert await found(database, since=rows.ago(days=1)) == [new, odd], "the first instant is included"
    assert await found(database, until=rows.ago(days=1)) == [old], "the last is not"
    assert await found(database, frozenset({site})) == [new, old]
    assert await found(database, frozenset({site}), station="cp2") == []
    with pytest.raises(InvalidInput):
        await found(database, evse=1)


async def test_sites_with_many_stations_are_read_in_order_of_time(database: Database, rows: Rows, monkeypatch) -> None:
    monkeypatch.setattr(transactions, "FEW_STATIONS", 2)
    site = await rows.site("Kigali")
    expected = []
    for number in range(5):
        station = await rows.station(f"CP{number}", site_id=site)
        expected.append(await rows.transaction(station, rows.ago(hours=number)))
    await rows.transaction(await rows.station("CP9"))
    assert await found(database, frozenset({site})) == expected
    assert await found(database, site_id=(site,), limit=3) == expected[:3]


async def test_transaction_shows_station_site_and_driver_and_hides_secret_tokens(
    database: Database, rows: Rows
) -> None:
    site = await rows.site("Kigali")
    station = await rows.station("CP1", site_id=site)
    known = await rows.transaction(
        station, token_value="4815", stop_token_value="4815", token_kind="KeyCode", energy_wh=Decimal("1234.567891")
    )
    view = await transactions.get_transaction(database, known, frozenset({site}))
    assert (view.station_identity, view.site_name, view.energy_wh) == ("CP1", "Kigali", Decimal("1234.567891"))
    assert (view.token_value, view.stop_token_value) == ("******", "******")
    with pytest.raises(NotFound):
        await transactions.get_transaction(database, known, frozenset({"elsewhere"}))


async def test_curve_has_as_many_points_as_asked_for_and_keeps_the_ends(database: Database, rows: Rows) -> None:
    station = await rows.station("CP1")
    known = await rows.transaction(station)
    begin = rows.ago(hours=1)
    for minute in range(60):
        await rows.reading(
            station, known, begin + timedelta(minutes=minute), energy_wh=Decimal(minute * 100),
            power_w=6000.0 if minute != 30 else 9000.0, soc_percent=float(minute),
        )  # fmt: skip
    series = await session.get_series(database, known, 10)
    assert series.reading_count == 60
    assert len(series.points) == 10
    assert series.points[-1].energy_wh == Decimal(5900)
    assert series.points[-1].soc_percent == 59.0
    assert [point.at for point in series.points] == sorted(point.at for point in series.points)
    assert max(point.power_max_w or 0 for point in series.points) == 9000.0, "a peak is not averaged away"
    whole = await session.get_series(database, known, 300)
    assert len(whole.points) == 60
    assert (await session.get_series(database, "nothing", 300)).points == ()


async def test_readings_come_in_pages_with_their_samples_as_they_came(database: Database, rows: Rows) -> None:
    station = await rows.station("CP1")
    known = await rows.transaction(station)
    samples = '[{"measurand":"Voltage","raw_value":"230.0"}]'
    for minute in range(5):
        await rows.reading(station, known, rows.ago(minutes=minute), samples=samples)
    first = await session.list_readings(database, known, ReadingQuery(limit=3), None)
    second = await session.list_readings(database, known, ReadingQuery(limit=3, cursor=first.next), None)
    assert [one.at for one in first.items + second.items] == [rows.ago(minutes=minute) for minute in (4, 3, 2, 1, 0)]
    assert bytes(first.items[0].samples) == samples.encode()
