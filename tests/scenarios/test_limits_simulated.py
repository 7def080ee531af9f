"""Limits and remote starts from the request to the last message, with a simulated station of each version."""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from ingufu.charging.control.model import LimitKind, RemoteStart, RemoteStartState, TransactionLimit
from ingufu.core.commands import StartCharging
from ingufu.core.control import AdjustEventStream, ListEventStreams
from ingufu.core.ids import IdMaker
from ingufu.infra.storage.database import Database
from ingufu.simulator.script import Script, simulated
from ingufu.simulator.spec import dc, spec
from ingufu.simulator.timeline import VirtualTimeline
from ingufu.stations.streams.model import StreamState
from ingufu.views.metering import list_signed
from running import PASSWORD, Running, running_gateway
from scenarios.records import add_token, anomalies, only, rows, transactions
from scenarios.virtual import START, FollowingClock

pytestmark = pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)

EACH = pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
PATIENCE_S = 20.0


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


async def start(house: Running, script: Script, station_id: str, limit: TransactionLimit) -> RemoteStart:
    """Start at EVSE 1 as the API does."""
    control = house.services.control
    async with house.services.database.work() as work:
        asked = await control.ask_start(
            work, station_id, token="CARD", token_kind="ISO14443", evse=1, limit=limit, actor="Keza"
        )
    await house.link.reload(station_id)
    command = StartCharging(token="CARD", token_kind="ISO14443", evse=1, remote_start_id=asked.number)
    outcome = await house.link.call(station_id, command)
    async with house.services.database.work() as work:
        await control.note_start_answer(work, asked, outcome)
    await script.settle()
    return asked


async def until(house: Running, script: Script, is_so: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            await house.gateway.attendant.look()
            await script.settle()
            kept = await only(house, transactions)
            if is_so(kept):
                return kept
            await asyncio.sleep(0.01)


@EACH
@pytest.mark.parametrize(
    ("limit", "kind"),
    [
        (TransactionLimit(max_energy_wh=Decimal(4000)), LimitKind.ENERGY),
        (TransactionLimit(max_time_s=900), LimitKind.TIME),
        (TransactionLimit(max_soc_percent=40), LimitKind.SOC),
    ],
)
async def test_a_session_that_was_started_with_a_limit_ends_there(
    house: Running, timeline: VirtualTimeline, version: str, limit: TransactionLimit, kind: LimitKind
):
    station_id = await house.add_station("CS")
    given = spec("CS", version, password=PASSWORD, evses=(dc(1),))
    async with simulated(given, house.url(), timeline=timeline) as script:
        await script.boot()
        await script.plug_in(1)
        asked = await start(house, script, station_id, limit)
        assert (await house.services.control.get_start(asked.id)).state is RemoteStartState.STARTED
        for _ in range(40):
            await script.advance(30)
            await house.gateway.attendant.look()
            await script.settle()
            if not (await only(house, transactions))["is_open"]:
                break
        await script.unplug(1)
        kept = await until(house, script, lambda one: not one["is_open"])
    control = await house.services.control.of(kept["id"])
    assert control is not None
    assert (control.reached, control.limit_set_by) == (kind, "Keza")
    is_by_station = version == "2.1"
    assert control.reached_by_station is is_by_station
    assert (control.limit_confirmed_at is not None) is is_by_station
    assert (control.stop_attempts > 0) is not is_by_station
    if limit.max_energy_wh is not None:
        assert 4000 <= kept["energy_wh"] < 12_000  # a fast station: two minutes until it is known and done
    if limit.max_soc_percent is not None:
        assert kept["soc_percent"] > 39  # as it was last told
    assert await rows(house, anomalies) == []


@EACH
async def test_a_start_at_which_nobody_plugs_in_is_shown_as_such(
    house: Running, timeline: VirtualTimeline, version: str
):
    station_id = await house.add_station("CS")
    given = spec("CS", version, password=PASSWORD, evses=(dc(1),))
    async with simulated(given, house.url(), timeline=timeline) as script:
        await script.boot()
        asked = await start(house, script, station_id, TransactionLimit())
        await script.advance(300)
        await house.gateway.attendant.look()
    found = await house.services.control.get_start(asked.id)
    started = await rows(house, transactions)
    if started:  # its transactions begin with the card, and end for want of a vehicle
        assert (found.state, started[0]["stop_reason"]) == (RemoteStartState.STARTED, "Timeout")
    else:
        assert found.state is RemoteStartState.EXPIRED


async def test_streams_of_a_simulated_station_arrive_value_by_value(house: Running, timeline: VirtualTimeline):
    station_id = await house.add_station("CS")
    async with simulated(spec("CS", "2.1", password=PASSWORD), house.url(), timeline=timeline) as script:
        await script.boot()
        monitor = {
            "value": 10, "type": "Periodic", "severity": 8, "component": {"name": "OCPPCommCtrlr"},
            "variable": {"name": "HeartbeatInterval"}, "periodicEventStream": {"interval": 60, "values": 3},
        }  # fmt: skip
        payload = msgspec.json.encode({"setMonitoringData": [monitor]})
        reply = await house.link.call_raw(station_id, "SetVariableMonitoring", payload)
        assert reply.payload is not None
        assert msgspec.json.decode(reply.payload)["setMonitoringResult"][0]["status"] == "Accepted"
        await script.settle()
        await script.advance(65)
        sent = script.calls("NotifyPeriodicEventStream")
        assert [len(frame.payload["data"]) for frame in sent] == [3, 3]
        assert [one["t"] for one in sent[0].payload["data"]] == [0.0, 10.0, 20.0]
        await script.call("Heartbeat", {})
        (stream,) = await house.services.stations.streams.of(station_id)
        assert (stream.value_count, stream.interval_s, stream.batch) == (6, 60, 3)
        listed = await house.link.call(station_id, ListEventStreams())
        assert [one.number for one in listed.streams] == [stream.number]
        adjusted = await house.link.call(station_id, AdjustEventStream(stream=stream.number, values=1))
        assert adjusted.is_accepted
        await script.advance(10)
        assert len(script.calls("NotifyPeriodicEventStream")[-1].payload["data"]) == 1
        clear = msgspec.json.encode({"id": [stream.number]})
        await house.link.call_raw(station_id, "ClearVariableMonitoring", clear)
        await script.settle()
        (stream,) = await house.services.stations.streams.of(station_id)
        assert stream.state is StreamState.CLOSED


@EACH
async def test_a_simulated_station_signs_the_registers_of_a_session(
    house: Running, timeline: VirtualTimeline, version: str
):
    station_id = await house.add_station("CS")
    async with simulated(spec("CS", version, password=PASSWORD), house.url(), timeline=timeline) as script:
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
        await script.charge(seconds=120)
        await script.present("CARD")
        await script.unplug(1)
    signed = await list_signed(house.services.database, (await only(house, transactions))["id"], None)
    contexts = {row.context for row in signed}
    assert contexts == {"Transaction.Begin", "Transaction.End"}
    for row in signed:
        assert base64.b64decode(row.data).startswith(b"OCMF|")
        assert row.public_key_der_hex is not None
        assert row.public_key_der_hex.startswith("3059")
