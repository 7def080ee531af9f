"""Gateways that look after the configuration of simulated stations, and what is asked of them, for the scenarios."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

import ocpp_schemas
from ingufu.app.settings import ConfigurationSettings
from ingufu.configuration.model import (
    DesiredChange,
    ItemOutcome,
    Report,
    Variable,
    Wanted,
)
from ingufu.configuration.service import Reading, ReportWish
from ingufu.core.configuration import ReadItem, WriteItem
from ingufu.core.ids import IdMaker
from ingufu.core.variables import parse
from ingufu.infra.storage.database import Database
from ingufu.simulator.script import Script
from ingufu.simulator.timeline import VirtualTimeline
from running import Running
from scenarios.virtual import START, virtual_house

EACH = pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
NEWER = pytest.mark.parametrize("version", ["2.0.1", "2.1"])
PATIENCE_S = 20.0
SAMPLES = parse("SampledDataCtrlr.TxUpdatedInterval")
OFFLINE = parse("AuthCtrlr.LocalAuthorizeOffline")
OURS = ("GetConfiguration", "ChangeConfiguration", "GetVariables", "SetVariables", "GetBaseReport", "GetReport",
        "SetNetworkProfile", "Reset", "GetMonitoringReport")  # fmt: skip


@pytest.fixture
def timeline() -> VirtualTimeline:
    return VirtualTimeline(START)


@pytest.fixture
async def house(database: Database, timeline: VirtualTimeline, ids: IdMaker, tmp_path: Path) -> AsyncIterator[Running]:
    """A gateway that does nothing by itself."""
    calm = ConfigurationSettings(takes_inventory=False, applies_desired=False, repairs_drift=False)
    async with virtual_house(database, timeline, ids, configuration=calm, data=str(tmp_path)) as running:
        yield running


@pytest.fixture
async def caring(database: Database, timeline: VirtualTimeline, ids: IdMaker, tmp_path: Path) -> AsyncIterator[Running]:
    """A gateway that looks after stations at once."""
    eager = ConfigurationSettings(quiet_s=0.0, spread_s=0.0)
    options = {"configuration": eager, "data": str(tmp_path), "provisioning_round_s": 0.05}
    async with virtual_house(database, timeline, ids, **options) as running:
        yield running


async def until(happened: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await happened():
            await asyncio.sleep(0.02)  # what is waited for is written in the background


def by(house: Running) -> Reading:
    return Reading(link=house.link, actor="keza", timeout_s=10.0)


async def known(house: Running, station_id: str) -> dict[str, Variable]:
    return {one.name.text: one for one in await house.services.configuration.variables(station_id)}


async def read(house: Running, station_id: str, *names: str) -> list[ItemOutcome]:
    at = await house.services.stations.get(station_id)
    items = [ReadItem(name=parse(name)) for name in names]
    return await house.services.configuration.asking.read(by(house), at, items)


async def write(house: Running, station_id: str, values: dict[str, str], **how: Any) -> list[ItemOutcome]:
    at = await house.services.stations.get(station_id)
    items = [WriteItem(name=parse(name), value=value) for name, value in values.items()]
    return await house.services.configuration.asking.write(by(house), at, items, **how)


async def report(house: Running, station_id: str, **wish: Any) -> Report:
    at = await house.services.stations.get(station_id)
    return await house.services.configuration.reporting.request(by(house), at, ReportWish(**wish))


async def desire(house: Running, station_id: str, values: dict[str, str | None]) -> None:
    changes = [DesiredChange(name=parse(name), value=value) for name, value in values.items()]
    async with house.services.database.work() as work:
        await house.services.configuration.desire(work, station_id, changes, actor="keza")


async def wanted(house: Running, station_id: str) -> dict[str, Wanted]:
    return {one.name.text: one for one in await house.services.configuration.wishes.wanted(station_id)}


def statuses(outcomes: list[ItemOutcome]) -> list[str]:
    return [one.status for one in outcomes]


def sent(script: Script, *actions: str) -> list[Any]:
    """Return what was asked of the station; each is valid by the standard's own schema."""
    version = script.station.spec.version.value
    frames = [frame for frame in script.calls_received() if frame.action in (actions or OURS)]
    for frame in frames:
        assert ocpp_schemas.oracle(ocpp_schemas.message(version, frame.action), frame.payload) is None, frame
    return [frame.payload for frame in frames]
