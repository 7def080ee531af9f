"""From the plug to the verdict: a simulated station signs its registers, and its session is proven or refused."""

import base64
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from ingufu.billing.evidence.model import Confidence, NewMeterKey, SignatureState, Standing
from ingufu.billing.evidence.service import Evidence
from ingufu.charging.tables import readings
from ingufu.core.ids import IdMaker
from ingufu.infra.storage.database import Database
from ingufu.simulator import signing
from ingufu.simulator.script import simulated
from ingufu.simulator.spec import spec
from ingufu.simulator.timeline import VirtualTimeline
from running import PASSWORD, Running, running_gateway
from scenarios.records import add_token, only, rows, transactions
from scenarios.virtual import START, FollowingClock

pytestmark = pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)
EACH = pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])


@pytest.fixture
def timeline() -> VirtualTimeline:
    return VirtualTimeline(START)


@pytest.fixture
def clock(timeline: VirtualTimeline) -> FollowingClock:
    return FollowingClock(timeline)


@pytest.fixture
async def house(database: Database, clock: FollowingClock, ids: IdMaker) -> AsyncIterator[Running]:
    async with running_gateway(database, clock, ids) as running:
        await add_token(running, "CARD", concurrent_limit=None)
        yield running


async def charge(house: Running, timeline: VirtualTimeline, version: str) -> tuple[str, str, str]:
    """Have a signed session run; return its id, the station's, and the meter's serial number."""
    station_id = await house.add_station("CS")
    given = spec("CS", version, password=PASSWORD)
    async with simulated(given, house.url(), timeline=timeline) as script:
        await script.boot()
        if version == "1.6":
            action, payload = "ChangeConfiguration", {"key": "SampledDataSignReadings", "value": "true"}
        else:
            place = {"component": {"name": "SampledDataCtrlr"}, "variable": {"name": "SignReadings"}}
            action, payload = "SetVariables", {"setVariableData": [place | {"attributeValue": "true"}]}
        reply = await house.link.call_raw(station_id, action, msgspec.json.encode(payload))
        assert reply.payload is not None
        await script.plug_in(1)
        await script.present("CARD")
        await script.charge(seconds=1200)
        await script.present("CARD")
        await script.unplug(1)
    return (await only(house, transactions))["id"], station_id, given.serial


def evidence_of(house: Running) -> Evidence:
    return Evidence(house.services.database, house.services.clock, house.services.ids, house.services.charging)


async def register(house: Running, station_id: str, serial: str, key: str) -> None:
    async with house.services.database.work() as work:
        wanted = NewMeterKey(station_id=station_id, public_key=key, meter_serial=serial)
        await evidence_of(house).add_key(work, wanted, by="Keza")


@EACH
async def test_a_session_whose_station_signs_is_proven_by_the_registered_key(
    house: Running, timeline: VirtualTimeline, version: str
):
    session, station_id, serial = await charge(house, timeline, version)
    evidence = evidence_of(house)
    before = await evidence.judge(session)
    assert (before.signature, before.standing) == (SignatureState.NO_KEY, Standing.BILLABLE)
    await register(house, station_id, serial, signing.printed_key(serial))
    verdict = await evidence.judge(session)
    assert (verdict.number, verdict.confidence, verdict.standing) == (2, Confidence.PROVEN, Standing.BILLABLE)
    row = await only(house, transactions)
    assert verdict.energy_wh > 0
    assert abs(verdict.energy_wh - row["energy_wh"]) < 2  # 1.6 tells whole Wh beside
    assert {check.delivered.value for check in await evidence.checks_of(session)} == {"same"}


@EACH
async def test_a_session_signed_by_another_key_than_the_registered_waits(
    house: Running, timeline: VirtualTimeline, version: str
):
    session, station_id, serial = await charge(house, timeline, version)
    await register(house, station_id, serial, signing.printed_key("another meter"))
    verdict = await evidence_of(house).judge(session)
    assert (verdict.signature, verdict.standing) == (SignatureState.INVALID, Standing.REVIEW)


@EACH
async def test_a_record_that_was_changed_on_the_way_is_refused(house: Running, timeline: VirtualTimeline, version: str):
    session, station_id, serial = await charge(house, timeline, version)
    await register(house, station_id, serial, signing.printed_key(serial))
    changed = 0
    for row in await rows(house, readings):
        samples: list[dict[str, Any]] = msgspec.json.decode(row["samples"])
        for sample in samples:
            signed = sample.get("signed")
            if signed and sample.get("context") == "Transaction.End":
                text = base64.b64decode(signed["data"]).decode()
                forged = text.replace(
                    '"RU":"Wh","RT":"AC","EF":"","ST":"G"}]', '"RU":"kWh","RT":"AC","EF":"","ST":"G"}]'
                )
                changed += forged != text
                signed["data"] = base64.b64encode(forged.encode()).decode()
        async with house.services.database.work() as work:
            statement = readings.update().where(readings.c.id == row["id"])
            work.execute_once(statement.values(samples=msgspec.json.encode(samples).decode()))
    assert changed
    verdict = await evidence_of(house).judge(session)
    assert (verdict.signature, verdict.standing) == (SignatureState.INVALID, Standing.REVIEW)
