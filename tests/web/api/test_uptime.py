"""Uptime of EVSEs by REST: whole from what a station did, for those who may see it, and refused for odd times."""

from datetime import timedelta
from typing import Any

from ingufu.stations.events import StationConnected, StationDisconnected
from web.api.conftest import House
from web.api.engines import both_engines

MINUTE = timedelta(minutes=1)


@both_engines
async def test_uptime_tells_figures_and_outages(house: House, admin: Any) -> None:
    began = house.clock.now()
    station_id = await house.station("CP1")
    async with house.database.work() as work:
        await house.services.stations.set_connector(work, station_id, 1, 1)
    house.clock.advance(100 * 60)
    async with house.database.work() as work:
        work.emit(_came(station_id, began))
        left_at = began + 50 * MINUTE
        work.emit(StationDisconnected(occurred_at=left_at, station_id=station_id, connection_id="c", code=1006))
        work.emit(_came(station_id, began + 70 * MINUTE))
    found = (await admin.get("/api/v1/stations/CP1/uptime", params={"since": began.isoformat()})).json()
    [evse] = found["evses"]
    assert (evse["evse"], evse["down_s"], evse["up_s"], evse["planned_s"]) == (1, 1200, 4800, 0)
    assert evse["uptime"] == 0.8
    assert (evse["failures"], evse["mtbf_s"], evse["mttr_s"]) == (1, 4800, 1200)
    assert [one["condition"] for one in evse["stretches"]] == ["up", "down", "up"]
    [outage] = found["outages"]
    assert (outage["cause"], outage["is_planned"], outage["lasted_s"]) == ("offline", False, 1200)
    assert found["outage_count"] == 1
    [whole] = (await admin.get("/api/v1/stations/CP1/uptime")).json()["evses"]
    assert (whole["uptime"], whole["unknown_s"]) == (0.8, 30 * 86_400 - 6000)


def _came(station_id: str, at: Any) -> StationConnected:
    return StationConnected(occurred_at=at, station_id=station_id, version="1.6", address="::1", connection_id="c")


async def test_odd_times_and_strangers_are_refused(house: House, admin: Any) -> None:
    await house.station("CP1")
    path = "/api/v1/stations/CP1/uptime"
    odd = await admin.get(path, params={"since": "2026-03-02T00:00:00Z", "until": "2026-03-01T00:00:00Z"})
    assert odd.status_code == 422
    assert "ends before it begins" in odd.text
    long = await admin.get(path, params={"since": "2020-01-01T00:00:00Z"})
    assert "400 days at most" in long.text
    assert (await admin.get(path, params={"since": "2026-03-01T00:00:00"})).status_code == 422  # without its zone
    ancient = await admin.get(path, params={"until": "0001-01-01T00:00:00Z"})
    assert (ancient.status_code, "before there were stations" in ancient.text) == (422, True)
    told = (await admin.get(path, params={"since": "2026-02-20T14:00:00+14:00"})).json()
    assert told["since"] == "2026-02-20T00:00:00Z"
    assert (await admin.get("/api/v1/stations/NOBODY/uptime")).status_code == 404
