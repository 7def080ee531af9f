"""Sessions of OCPP 1.6: started, stopped and told in every order, by simulated stations and by raw ones."""

from decimal import Decimal
from typing import Any

from conformance.bench import Bench
from conformance.cases import case
from conformance.counterpart import Counterpart
from ingufu.simulator.script import Script
from web.api.engines import both_engines

CARD = "CARD"
EARLIER = "2026-03-01T11:00:00Z"


async def prepare(bench: Bench) -> None:
    await bench.add_station()
    await bench.token(CARD)


def order(script: Script) -> list[str]:
    """Return what the station has said since its boot, each status with its word."""
    said = [
        frame.payload["status"] if frame.action == "StatusNotification" else frame.action
        for frame in script.calls()
        if frame.action != "MeterValues" and frame.payload.get("connectorId") != 0
    ]
    return said[said.index("Available") + 1 :]


async def ended(bench: Bench, reason: str, *, has_energy: bool = True) -> Any:
    """Have the only transaction be over, with energy and without anything odd."""
    kept = await bench.transaction()
    assert (kept["is_open"], kept["stop_reason"], kept["token_value"]) == (False, reason, CARD)
    assert (Decimal(kept["energy_wh"]) > 0) is has_energy
    assert kept["anomaly_count"] == 0
    return kept


@both_engines
@case("TC_003", "The cable first, then the card: a whole session", "1.6")
async def test_tc_003_cable_first(bench: Bench):
    await prepare(bench)
    async with bench.simulated() as script:
        await script.boot()
        await script.plug_in()
        await script.present(CARD)
        await script.charge(wh=500)
        await script.stop()
        await script.unplug()
        assert order(script) == [
            "Preparing", "Authorize", "StartTransaction", "Charging", "StopTransaction", "Finishing", "Available",
        ]  # fmt: skip
    await ended(bench, "Local")


@case("TC_004_1", "The card first, then the cable: a whole session", "1.6")
async def test_tc_004_1_card_first(bench: Bench):
    await prepare(bench)
    async with bench.simulated() as script:
        await script.boot()
        await script.present(CARD)
        await script.plug_in()
        await script.charge(wh=500)
        await script.stop()
        await script.unplug()
        said = order(script)
        assert said.index("Authorize") < said.index("StartTransaction") < said.index("StopTransaction")
    await ended(bench, "Local")


@case("TC_004_2", "A card, and no cable in time: nothing starts, and the connector is available again", "1.6")
async def test_tc_004_2_no_cable(bench: Bench):
    await prepare(bench)
    async with bench.connected() as station:
        await station.report("Available")
        assert (await station.authorize(CARD))["status"] == "Accepted"
        await station.report("Preparing")
        await bench.pass_time(60)
        await station.report("Available")
    assert (await bench.transactions(), await bench.status()) == ([], "Available")


@case("TC_005_1", "The cable is pulled at the vehicle: the station stops", "1.6")
async def test_tc_005_1_unplugged(bench: Bench):
    await prepare(bench)
    async with bench.simulated() as script:
        await script.boot()
        await script.plug_in()
        await script.present(CARD)
        await script.charge(wh=500)
        await script.unplug()
    await ended(bench, "EVDisconnected")


async def start(station: Counterpart, tag: str = CARD, **says: Any) -> tuple[int, str]:
    """Start at connector 1, and return the number and what is said of the token."""
    said = {"connectorId": 1, "idTag": tag, "meterStart": 1000, "timestamp": station.time} | says
    told = await station.get("StartTransaction", said)
    assert told["transactionId"] > 0
    return told["transactionId"], told["idTagInfo"]["status"]


async def stop(station: Counterpart, number: int, **says: Any) -> dict[str, Any]:
    said = {"transactionId": number, "meterStop": 1500, "timestamp": station.time} | says
    return await station.get("StopTransaction", said)


@case("TC_007", "A start with a cached card, without asking first", "1.6")
async def test_tc_007_cached(bench: Bench):
    await prepare(bench)
    async with bench.connected() as station:
        assert (await station.authorize(CARD))["status"] == "Accepted"
        number, status = await start(station)
        assert status == "Accepted"
        await stop(station, number)
    await ended(bench, "Local")


async def ask_start(bench: Bench) -> Any:
    told = await bench.post("/stations/CS/start", {"token": CARD, "evse": 1})
    assert told["is_accepted"]
    return told


async def awaited(bench: Bench) -> str:
    (found,) = (await bench.get("/stations/CS/starts"))["items"]
    return str(found["state"])


@case("TC_010", "A remote start when the cable is in", "1.6")
async def test_tc_010_remote_start(bench: Bench):
    await prepare(bench)
    async with bench.simulated() as script:
        await script.boot()
        await script.plug_in()
        await ask_start(bench)
        (sent,) = script.calls_received("RemoteStartTransaction")
        assert sent.payload == {"idTag": CARD, "connectorId": 1}
        await script.settle()
        await script.charge(wh=500)
        assert (await bench.transaction())["state"] == "Charging"
    assert await awaited(bench) == "started"


@case("TC_011_1", "A remote start before the cable", "1.6")
async def test_tc_011_1_remote_first(bench: Bench):
    await prepare(bench)
    async with bench.simulated() as script:
        await script.boot()
        await ask_start(bench)
        await script.settle()
        await script.plug_in()
        await script.charge(wh=500)
    assert (await bench.transaction())["is_open"]
    assert await awaited(bench) == "started"


@case("TC_011_2", "A remote start, and no cable in time: that nothing began is shown", "1.6")
async def test_tc_011_2_remote_and_no_cable(bench: Bench):
    await prepare(bench)
    async with bench.connected() as station:
        await ask_start(bench)
        await station.report("Preparing")
        await bench.pass_time(60)
        await station.report("Available")
        await bench.pass_time(600)
    assert (await bench.transactions(), await awaited(bench)) == ([], "expired")


@case("TC_012", "A remote stop", "1.6")
async def test_tc_012_remote_stop(bench: Bench):
    await prepare(bench)
    async with bench.simulated() as script:
        await script.boot()
        await script.plug_in()
        await script.present(CARD)
        await script.charge(wh=500)
        kept = await bench.transaction()
        told = await bench.post("/stations/CS/stop", {"transaction": kept["id"]})
        assert told["is_accepted"]
        await script.settle()
        assert script.calls_received("RemoteStopTransaction")[0].payload == {"transactionId": kept["number"]}
    await ended(bench, "Remote")


@case("TC_018_1", "A connector is unlocked while it charges: the station stops first", "1.6")
async def test_tc_018_1_unlock(bench: Bench):
    await prepare(bench)
    async with bench.connected() as station:
        number, _ = await start(station)
        await station.report("Charging")
        told = await bench.post("/stations/CS/unlock", {"evse": 1})
        assert (told["status"], station.payloads("UnlockConnector")) == ("Unlocked", [{"connectorId": 1}])
        assert await stop(station, number, reason="UnlockCommand") == {}
        await station.report("Finishing")
        await station.report("Available")
    await ended(bench, "UnlockCommand")


@case("TC_024", "The lock of the connector fails: nothing starts, and the fault is shown", "1.6")
async def test_tc_024_lock_failure(bench: Bench):
    await prepare(bench)
    async with bench.connected() as station:
        await station.report("Preparing")
        assert (await station.authorize(CARD))["status"] == "Accepted"
        await station.report("Faulted", errorCode="ConnectorLockFailure")
    (connector,) = (await bench.get("/stations/CS/evses/1"))["connectors"]
    assert (connector["raw_status"], connector["error_code"]) == ("Faulted", "ConnectorLockFailure")
    assert await bench.transactions() == []


@case("TC_026", "A remote start that the station rejects is shown so", "1.6")
async def test_tc_026_start_is_rejected(bench: Bench):
    await prepare(bench)
    async with bench.connected() as station:
        station.answer("RemoteStartTransaction", {"status": "Rejected"})
        told = await bench.post("/stations/CS/start", {"token": CARD, "evse": 1})
        assert (told["status"], told["is_accepted"]) == ("Rejected", False)
        assert station.payloads("RemoteStartTransaction") == [{"idTag": CARD, "connectorId": 1}]
    assert await awaited(bench) == "refused"


@case("TC_028", "A remote stop of a transaction that nobody knows is sent as it is named, and rejected", "1.6")
async def test_tc_028_stop_of_an_unknown_one(bench: Bench):
    await prepare(bench)
    async with bench.connected() as station:
        station.answer("RemoteStopTransaction", {"status": "Rejected"})
        told = await bench.post("/stations/CS/stop", {"transaction": "4711", "force": True})
        assert (told["status"], told["is_accepted"]) == ("Rejected", False)
        assert station.payloads("RemoteStopTransaction") == [{"transactionId": 4711}]


@case("TC_032_1", "Power is lost while it charges: the stop comes after the next boot", "1.6")
async def test_tc_032_1_power_loss(bench: Bench):
    await prepare(bench)
    async with bench.simulated() as script:
        await script.boot()
        await script.plug_in()
        await script.present(CARD)
        await script.charge(wh=500)
        await script.power_cut()
    await ended(bench, "PowerLoss")


@case("TC_037_1", "A start without a connection, told afterwards: the card is good", "1.6")
async def test_tc_037_1_offline_start(bench: Bench):
    await prepare(bench)
    async with bench.connected(boots=False) as station:
        number, status = await start(station, timestamp=EARLIER)
        assert status == "Accepted"
        await station.report("Charging")
        await stop(station, number, idTag=CARD)
    kept = await ended(bench, "Local")
    assert (kept["started_at"], kept["is_offline_start"]) == (EARLIER, True)


@case("TC_037_3", "A start without a connection, told afterwards: the card is not good, and the station stops", "1.6")
async def test_tc_037_3_offline_start_is_refused(bench: Bench):
    await prepare(bench)
    async with bench.connected(boots=False) as station:
        number, status = await start(station, tag="NOBODY", timestamp=EARLIER)
        assert status == "Invalid"
        assert await stop(station, number, reason="DeAuthorized") == {}
    kept = await bench.transaction()
    assert (kept["is_open"], kept["stop_reason"]) == (False, "DeAuthorized")
    assert Decimal(kept["energy_wh"]) == 500


@case("TC_039", "A whole session without a connection, told afterwards", "1.6")
async def test_tc_039_offline_session(bench: Bench):
    await prepare(bench)
    async with bench.connected(boots=False) as station:
        number, status = await start(station, timestamp=EARLIER)
        assert status == "Accepted"
        told = await stop(station, number, idTag=CARD, timestamp="2026-03-01T11:30:00Z", reason="Local")
        assert told["idTagInfo"]["status"] == "Accepted"
    kept = await ended(bench, "Local")
    assert (kept["started_at"], kept["ended_at"]) == (EARLIER, "2026-03-01T11:30:00Z")
    assert Decimal(kept["energy_wh"]) == 500
