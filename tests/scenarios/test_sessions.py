"""Charging sessions of simulated stations in all versions: what the station did is what is on record."""

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from ingufu.core.commands import ResetKind, ResetStation, StartCharging, StopCharging
from ingufu.core.ids import IdMaker
from ingufu.infra.storage.database import Database
from ingufu.simulator.script import Plug, simulated
from ingufu.simulator.spec import StationSpec, ac, dc, spec
from ingufu.simulator.timeline import VirtualTimeline
from running import PASSWORD, Running, running_gateway
from scenarios.records import (
    add_token,
    anomalies,
    connectors,
    decisions,
    events,
    only,
    readings,
    rows,
    stations,
    transaction_events,
    transactions,
)
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


def station(house: Running, timeline: VirtualTimeline, version: str, **changes: Any) -> Any:
    """Give a simulated station called CS."""
    given: StationSpec = spec("CS", version, password=PASSWORD, **changes)
    return simulated(given, house.url(), timeline=timeline)


def charged_wh(plug: Plug) -> Decimal:
    """Return what the station's own meter says of the last transaction; 1.6 tells whole Wh."""
    transaction = plug.transaction
    assert transaction is not None
    tenths = plug.evse.meter.register_tenths - transaction.start.energy_tenths
    return Decimal(tenths) / 10


def is_about(kept: Decimal, said: Decimal) -> bool:
    return abs(kept - said) <= 1  # 1.6 cuts both registers to whole Wh


async def odd(house: Running) -> list[str]:
    return [row["kind"] for row in await rows(house, anomalies)]


@EACH
async def test_plugged_first(house: Running, timeline: VirtualTimeline, version: str):
    station_id = await house.add_station("CS")
    async with station(house, timeline, version) as script:
        await script.boot()
        plug = await script.plug_in(1)
        await script.present("CARD")
        await script.charge(seconds=600)
        open_one = await only(house, transactions, station_id=station_id)
        assert (open_one["is_open"], open_one["state"]) == (True, "Charging")
        assert open_one["power_w"] > 5000
        await script.present("CARD")
        await script.unplug(1)
    kept = await only(house, transactions, station_id=station_id)
    assert (kept["is_open"], kept["evse"], kept["token_value"], kept["verdict"]) == (False, 1, "CARD", "Accepted")
    assert is_about(kept["energy_wh"], charged_wh(plug))
    assert kept["reference"] == plug.name
    assert kept["started_at"] == START
    assert (kept["ended_at"] - START).total_seconds() == 600
    assert await odd(house) == []
    assert len(await rows(house, readings, transaction_id=kept["id"])) >= 9
    assert (await only(house, connectors, station_id=station_id))["status"] == "available"
    said = {row["occasion"] for row in await rows(house, decisions)}
    assert said >= {"authorize", "start" if version == "1.6" else "update", "stop"}


@EACH
async def test_card_first(house: Running, timeline: VirtualTimeline, version: str):
    station_id = await house.add_station("CS")
    async with station(house, timeline, version) as script:
        await script.boot()
        await script.present("CARD")
        await script.advance(20)
        plug = await script.plug_in(1)
        await script.charge(seconds=300)
        await script.unplug(1)
    kept = await only(house, transactions, station_id=station_id)
    assert (kept["is_open"], kept["token_value"], kept["verdict"]) == (False, "CARD", "Accepted")
    assert kept["stop_reason"] == "EVDisconnected"
    assert is_about(kept["energy_wh"], charged_wh(plug))
    assert await odd(house) == []


@EACH
async def test_remote_start_and_stop(house: Running, timeline: VirtualTimeline, version: str):
    station_id = await house.add_station("CS")
    async with station(house, timeline, version) as script:
        await script.boot()
        plug = await script.plug_in(1)
        command = StartCharging(token="CARD", token_kind="ISO14443", evse=1, remote_start_id=4711)
        assert (await house.link.call(station_id, command)).is_accepted
        await script.settle()
        await script.charge(seconds=300)
        assert not (await house.link.call(station_id, StopCharging(reference="987654"))).is_accepted
        assert (await house.link.call(station_id, StopCharging(reference=plug.name))).is_accepted
        await script.settle()
        await script.unplug(1)
    kept = await only(house, transactions, station_id=station_id)
    assert (kept["is_open"], kept["token_value"], kept["stop_reason"]) == (False, "CARD", "Remote")
    assert kept["remote_start_id"] == (None if version == "1.6" else 4711)
    assert is_about(kept["energy_wh"], charged_wh(plug))
    assert await odd(house) == []


@EACH
async def test_a_refused_card_starts_nothing(house: Running, timeline: VirtualTimeline, version: str):
    await house.add_station("CS")
    async with station(house, timeline, version) as script:
        await script.boot()
        await script.plug_in(1)
        await script.present("STRANGER")
        await script.advance(300)
        await script.unplug(1)
    judged = await only(house, decisions)
    assert (judged["token_value"], judged["reason"]) == ("STRANGER", "unknown-token")
    charged = [row for row in await rows(house, transactions) if row["token_value"] or row["energy_wh"]]
    assert charged == []


@EACH
async def test_what_happened_offline_is_told_later_with_its_own_times(
    house: Running, timeline: VirtualTimeline, version: str
):
    station_id = await house.add_station("CS")
    async with station(house, timeline, version) as script:
        await script.boot()
        plug = await script.plug_in(1)
        await script.present("CARD")
        await script.charge(seconds=120)
        await script.go_offline()
        await script.charge(seconds=600)
        await script.stop(1)
        await script.unplug(1)
        said = charged_wh(plug)
        await script.advance(7200)
        await script.come_back()
    kept = await only(house, transactions, station_id=station_id)
    assert (kept["is_open"], is_about(kept["energy_wh"], said)) == (False, True)
    assert (kept["ended_at"] - START).total_seconds() == 720
    assert (kept["end_received_at"] - kept["ended_at"]).total_seconds() == 7200
    assert await odd(house) == []


@EACH
async def test_a_session_started_offline_by_an_unknown_token_is_kept_and_marked(
    house: Running, timeline: VirtualTimeline, version: str
):
    station_id = await house.add_station("CS")
    async with station(house, timeline, version) as script:
        await script.boot()
        await allow_unknown_offline(house, station_id, version)
        await script.go_offline()
        plug = await script.plug_in(1)
        await script.present("STRANGER")
        await script.charge(seconds=600)
        await script.stop(1)
        await script.unplug(1)
        said = charged_wh(plug)
        await script.advance(3600)
        await script.come_back()
    kept = await only(house, transactions, station_id=station_id)
    assert (kept["token_value"], kept["is_offline_start"], kept["is_open"]) == ("STRANGER", True, False)
    assert kept["verdict"] in {"Invalid", "Unknown"}
    assert is_about(kept["energy_wh"], said)
    assert "unknown-token-offline" in await odd(house)


@EACH
@pytest.mark.parametrize("keeps_id", [True, False])
async def test_a_lost_reply_and_a_repeat_make_one_session(
    house: Running, timeline: VirtualTimeline, version: str, keeps_id: bool
):
    station_id = await house.add_station("CS")
    actions = ["StartTransaction", "MeterValues", "StopTransaction"] if version == "1.6" else ["TransactionEvent"]
    async with station(house, timeline, version) as script:
        script.station.peer.keeps_id_on_retry = keeps_id
        await script.boot()
        for action in actions:
            script.lose_reply(action, times=2)
        plug = await script.plug_in(1)
        await script.present("CARD")
        await script.charge(seconds=600)
        await script.stop(1)
        await script.unplug(1)
        await script.advance(1200)
        sent = [frame.message_id for action in actions for frame in script.calls(action)]
    kept = await only(house, transactions, station_id=station_id)
    assert is_about(kept["energy_wh"], charged_wh(plug))
    assert kept["is_open"] is False
    assert (len(set(sent)) < len(sent)) is keeps_id
    assert await odd(house) == []
    assert len(await rows(house, events, kind="TransactionStarted")) == 1
    assert len(await rows(house, events, kind="TransactionEnded")) == 1
    seen = [(row["at"], row["samples"]) for row in await rows(house, readings, transaction_id=kept["id"])]
    assert len(seen) == len(set(seen))
    told = [row["event_key"] for row in await rows(house, transaction_events, transaction_id=kept["id"])]
    assert len(told) == len(set(told))


@EACH
async def test_two_evses_charge_side_by_side(house: Running, timeline: VirtualTimeline, version: str):
    station_id = await house.add_station("CS")
    await add_token(house, "OTHER")
    async with station(house, timeline, version, evses=(ac(1), dc(2))) as script:
        await script.boot()
        one, two = await script.plug_in(1), await script.plug_in(2)
        await script.present("CARD", 1)
        await script.present("OTHER", 2)
        await script.charge(1, seconds=300)
        await script.stop(1)
        await script.unplug(1)
        await script.charge(2, seconds=300)
        await script.stop(2)
        await script.unplug(2)
    kept = {row["evse"]: row for row in await rows(house, transactions, station_id=station_id)}
    assert {evse: row["token_value"] for evse, row in kept.items()} == {1: "CARD", 2: "OTHER"}
    assert is_about(kept[1]["energy_wh"], charged_wh(one))
    assert is_about(kept[2]["energy_wh"], charged_wh(two))
    assert kept[2]["soc_percent"] is not None
    assert await odd(house) == []


@EACH
async def test_a_power_cut_ends_the_session_and_the_rest_is_told_after_the_boot(
    house: Running, timeline: VirtualTimeline, version: str
):
    station_id = await house.add_station("CS")
    async with station(house, timeline, version) as script:
        await script.boot()
        plug = await script.plug_in(1)
        await script.present("CARD")
        await script.charge(seconds=300)
        await script.power_cut(90)
        await script.settle()
    kept = await only(house, transactions, station_id=station_id)
    assert (kept["is_open"], kept["stop_reason"]) == (False, "PowerLoss")
    assert is_about(kept["energy_wh"], charged_wh(plug))
    assert len(await rows(house, events, kind="StationBooted")) == 2


@EACH
async def test_a_reset_is_carried_out_and_the_station_comes_back(
    house: Running, timeline: VirtualTimeline, version: str
):
    station_id = await house.add_station("CS")
    async with station(house, timeline, version) as script:
        await script.boot()
        assert (await house.link.call(station_id, ResetStation(kind=ResetKind.IMMEDIATE))).is_accepted
        await script.advance(60)
        await script.until(lambda: script.station.is_connected)
        await script.settle()
        kept = await only(house, stations, id=station_id)
        assert (kept["is_online"], kept["boot_status"]) == (True, "Accepted")
    assert len(await rows(house, events, kind="StationBooted")) == 2


@EACH
async def test_a_fault_is_shown_with_its_cause_and_goes_away(house: Running, timeline: VirtualTimeline, version: str):
    station_id = await house.add_station("CS")
    async with station(house, timeline, version) as script:
        await script.boot()
        await script.fail("GroundFailure", 1, info="RCD tripped")
        faulted = await only(house, connectors, station_id=station_id)
        assert faulted["status"] == "faulted"
        if version == "1.6":
            assert (faulted["error_code"], faulted["error_info"]) == ("GroundFailure", "RCD tripped")
        await script.recover(1)
        assert (await only(house, connectors, station_id=station_id))["status"] == "available"


ALLOW_16 = b'{"key":"AllowOfflineTxForUnknownId","value":"true"}'
ALLOW_2 = (
    b'{"setVariableData":[{"component":{"name":"AuthCtrlr"},"variable":{"name":"OfflineTxForUnknownIdEnabled"},'
    b'"attributeValue":"true"}]}'
)


async def allow_unknown_offline(house: Running, station_id: str, version: str) -> None:
    action, payload = ("ChangeConfiguration", ALLOW_16) if version == "1.6" else ("SetVariables", ALLOW_2)
    reply = await house.link.call_raw(station_id, action, payload)
    assert b'"Accepted"' in bytes(reply.payload or b"")
