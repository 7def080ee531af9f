"""Stations in lists: found by what people type, and in one word what they do."""

from typing import Any

import pytest

from ingufu.core.errors import NotFound
from ingufu.infra.storage.database import Database
from ingufu.views import stations as views
from ingufu.views.stations import Condition, StationQuery
from views.conftest import Rows


async def identities(database: Database, site_ids: Any = None, **query: Any) -> list[str]:
    page = await views.list_stations(database, StationQuery(**query), site_ids)
    assert page.total == len(page.items)
    return [one.identity for one in page.items]


async def test_filters_find_what_they_name(database: Database, rows: Rows) -> None:
    site = await rows.site("Kigali")
    await rows.station("CP1", site_id=site, vendor="ABB", model="Terra", firmware_version="1.0", ocpp_version="1.6")
    await rows.station("CP2", name="100% green_gate", serial_number="SN-7", is_online=False, ocpp_version="2.1")
    await rows.station("CP3", approval="waiting")
    assert await identities(database) == ["CP1", "CP2", "CP3"]
    assert await identities(database, q="terra") == ["CP1"]
    assert await identities(database, q="sn-7") == ["CP2"]
    assert await identities(database, q="0% g") == ["CP2"]
    assert await identities(database, q="n_g") == ["CP2"]
    assert await identities(database, q="c_1") == [], "an underscore is itself"
    assert await identities(database, site_id=(site,)) == ["CP1"]
    assert await identities(database, site_id=("none",)) == ["CP2", "CP3"]
    assert await identities(database, site_id=(site, "none")) == ["CP1", "CP2", "CP3"]
    assert await identities(database, is_online=False) == ["CP2"]
    assert await identities(database, version="1.6") == ["CP1"]
    assert await identities(database, vendor="ABB", model="Terra", firmware="1.0") == ["CP1"]
    assert await identities(database, status=Condition.WAITING) == ["CP3"]
    assert await identities(database, status=Condition.OFFLINE) == ["CP2"]
    assert await identities(database, frozenset({site})) == ["CP1"]
    assert await identities(database, frozenset()) == []
    assert await views.firmware_versions(database, None) == [("ABB", "Terra", "1.0")]


async def test_condition_is_the_most_pressing_one(database: Database, rows: Rows) -> None:
    made: dict[str, list[str]] = {
        "available": ["available", "unavailable"], "occupied": ["available", "occupied"], "faulted": ["faulted", "occupied"],
        "unavailable": ["unavailable"], "unknown": [],
    }  # fmt: skip
    for name, statuses in made.items():
        station = await rows.station(name)
        for evse, status in enumerate(statuses, 1):
            await rows.plug(station, evse, status)
    charging = await rows.station("charging")
    await rows.plug(charging, 1, "occupied")
    known = await rows.transaction(charging, power_w=7000.0)
    await rows.transaction(charging, is_open=False)
    offline = await rows.station("offline", is_online=False)
    await rows.plug(offline, 1, "faulted")
    await rows.station("broken", status="faulted")
    page = await views.list_stations(database, StationQuery(), None)
    assert {one.identity: one.condition.value for one in page.items} == {
        **{name: name for name in made}, "charging": "charging", "offline": "offline", "broken": "faulted",
    }  # fmt: skip
    shown = next(one for one in page.items if one.identity == "charging")
    assert shown.evses[0].transaction is not None
    assert shown.evses[0].transaction.id == known
    assert await identities(database, status=Condition.FAULTED) == ["broken", "faulted"]
    assert await identities(database, status=Condition.CHARGING) == ["charging"]
    assert await identities(database, status=Condition.OCCUPIED) == ["charging", "faulted", "occupied"]


async def test_station_is_found_by_id_and_by_identity_in_any_case(database: Database, rows: Rows) -> None:
    station = await rows.station("Gate/7")
    impostor = await rows.station(station)  # calls itself as another one's id
    assert (await views.get_station(database, station, None)).identity == "Gate/7"
    assert (await views.get_station(database, "GATE/7", None)).id == station
    assert await views.station_id_of(database, station, None) == station
    assert await views.station_id_of(database, impostor, None) == impostor
    for site_ids in (frozenset({"elsewhere"}), frozenset()):
        with pytest.raises(NotFound):
            await views.get_station(database, station, site_ids)
        with pytest.raises(NotFound):
            await views.station_id_of(database, station, site_ids)
