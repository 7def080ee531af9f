"""Limits and resumption: how far transactions go, who says so, and what goes on after an outage."""

from decimal import Decimal
from typing import Any

from conformance.bench import Bench
from conformance.cases import case
from conformance.transacting import CARD, Session


async def charge(bench: Bench, station: Any) -> Session:
    """Have a transaction charge that the card has started."""
    session = Session(station)
    await session.start()
    return session


async def prepare(bench: Bench) -> None:
    await bench.add_station()
    await bench.token(CARD)


async def limit(bench: Bench, **fields: Any) -> None:
    kept = await bench.transaction()
    await bench.put(f"/transactions/{kept['id']}/limit", fields)


async def price(bench: Bench, per_kwh: str) -> None:
    """Have energy cost that everywhere, in euros and without tax."""
    component = {"dimension": "ENERGY", "price": per_kwh}
    terms = {"currency": "EUR", "elements": [{"components": [component]}]}
    made = await bench.post("/tariffs", {"name": "Day", "terms": terms})
    await bench.post(f"/tariffs/{made['id']}/assignments", {"target": "everyone"})


async def tell_costs(bench: Bench) -> None:
    """Have stations told what their sessions cost, as is done each minute."""
    await bench.settle()
    await bench.house.services.charge_records.costs.tell(bench.house.link, interval_s=0.0)


async def control(bench: Bench) -> Any:
    kept = await bench.transaction()
    return (await bench.get(f"/transactions/{kept['id']}/control"))["control"]


async def by_csms(bench: Bench, trigger: str, says: dict[str, Any], **asked: Any) -> None:
    """Limit a transaction: the station hears it once, confirms it, and ends when it is reached."""
    await prepare(bench)
    async with bench.connected() as station:
        session = await charge(bench, station)
        await limit(bench, **asked)
        said = await session.update("MeterValuePeriodic", "Charging", context="Sample.Periodic")
        assert said == {"transactionLimit": says}
        assert await session.update("LimitSet", "Charging", info={"transactionLimit": says}) == {}
        assert (await control(bench))["limit_confirmed_at"] is not None
        await session.update(trigger, "SuspendedEVSE")
        await session.end(trigger, "EnergyLimitReached" if "maxEnergy" in says else "TimeLimitReached")
    told = await control(bench)
    assert (told["reached"], told["reached_by_station"]) == ("energy" if "maxEnergy" in says else "time", True)
    assert not (await bench.transaction())["is_open"]


async def by_station(bench: Bench, trigger: str, reason: str, kind: str, **says: Any) -> None:
    """Let the station limit a transaction by itself: that is taken, kept and not contradicted."""
    await prepare(bench)
    async with bench.connected() as station:
        session = await charge(bench, station)
        assert await session.update("LimitSet", "Charging", info={"transactionLimit": says}) == {}
        assert (await control(bench))["reported"] is not None
        await session.update(trigger, "SuspendedEVSE")
        await session.end(trigger, reason)
        assert station.asked == []
    told = await control(bench)
    assert (told["reached"], told["reached_by_station"]) == (kind, True)


@case("TC_E_102", "Station and operator both set limits: the operator's is told in answer to the station's", "2.1")
async def test_tc_e_102_both(bench: Bench):
    await prepare(bench)
    async with bench.connected() as station:
        session = await charge(bench, station)
        await limit(bench, max_energy_wh=5000)
        own = {"maxEnergy": 20000}
        said = await session.update("LimitSet", "Charging", info={"transactionLimit": own})
        assert said == {"transactionLimit": {"maxEnergy": 5000}}
        assert await session.update("LimitSet", "Charging", info={"transactionLimit": {"maxEnergy": 5000}}) == {}
        await session.end("EnergyLimitReached", "EnergyLimitReached")
    assert (await control(bench))["reached"] == "energy"


@case("TC_E_106", "The station limits the energy by itself", "2.1")
async def test_tc_e_106_energy_by_the_station(bench: Bench):
    await by_station(bench, "EnergyLimitReached", "EnergyLimitReached", "energy", maxEnergy=500)


@case("TC_E_107", "The station limits the time by itself", "2.1")
async def test_tc_e_107_time_by_the_station(bench: Bench):
    await by_station(bench, "TimeLimitReached", "TimeLimitReached", "time", maxTime=600)


@case("TC_E_108", "The station, which reckons the cost, limits it by itself", "2.1")
async def test_tc_e_108_cost_by_the_station(bench: Bench):
    await by_station(bench, "CostLimitReached", "LocalOutOfCredit", "cost", maxCost=7.5)


@case(
    "TC_E_109", "The operator limits the cost: the station hears what the session costs, and ends at the limit", "2.1"
)
async def test_tc_e_109_cost_by_the_operator(bench: Bench):
    await prepare(bench)
    await price(bench, "10")
    says = {"transactionLimit": {"maxCost": 7.5}}
    async with bench.connected() as station:
        station.answer("CostUpdated", {})
        session = await charge(bench, station)
        await limit(bench, max_cost="7.5")
        assert await session.update("MeterValuePeriodic", "Charging", context="Sample.Periodic") == says
        assert await session.update("LimitSet", "Charging", info=says) == {}
        assert (await control(bench))["limit_confirmed_at"] is not None
        await tell_costs(bench)
        await session.update("MeterValuePeriodic", "Charging", context="Sample.Periodic")
        await tell_costs(bench)
        costs = [said["totalCost"] for said in station.payloads("CostUpdated")]
        assert costs == [5, 10]
        assert {said["transactionId"] for said in station.payloads("CostUpdated")} == {session.name}
        await session.update("CostLimitReached", "SuspendedEVSE")
        told = await control(bench)
        assert (told["reached"], told["reached_by_station"]) == ("cost", True)
        await session.end("CostLimitReached", "LocalOutOfCredit")
    assert not (await bench.transaction())["is_open"]


@case("TC_E_110", "The operator limits the energy", "2.1")
async def test_tc_e_110_energy_by_the_operator(bench: Bench):
    await by_csms(bench, "EnergyLimitReached", {"maxEnergy": 5000}, max_energy_wh=5000)


@case("TC_E_111", "The operator limits the time", "2.1")
async def test_tc_e_111_time_by_the_operator(bench: Bench):
    await by_csms(bench, "TimeLimitReached", {"maxTime": 600}, max_time_s=600)


@case("TC_E_113", "Power is lost and comes back in time: the transaction goes on where it was", "2.1")
async def test_tc_e_113_resumed(bench: Bench):
    await prepare(bench)
    async with bench.connected() as station:
        session = await charge(bench, station)
    async with bench.connected(boots=False) as station:
        assert (await station.boot(reason="PowerUp"))["status"] == "Accepted"
        await station.report("Occupied")
        session.station = station
        await session.update("TxResumed", "Charging", context="Sample.Periodic")
        kept = await bench.transaction()
        assert (kept["is_open"], kept["state"]) == (True, "Charging")
        await session.end("StopAuthorized", "Local", token=CARD)
    kept = await bench.transaction()
    assert (kept["is_open"], Decimal(kept["energy_wh"]), kept["anomaly_count"]) == (False, 1000, 0)


@case("TC_K_118", "Charging with priority is asked for, accepted, and told back by the station", "2.1")
async def test_tc_k_118_priority(bench: Bench):
    await prepare(bench)
    async with bench.connected() as station:
        session = await charge(bench, station)
        kept = await bench.transaction()
        told = await bench.post(f"/transactions/{kept['id']}/priority-charging", {"is_active": True})
        assert told["is_accepted"]
        assert station.payloads("UsePriorityCharging") == [{"transactionId": session.name, "activate": True}]
        said = {"transactionId": session.name, "activated": True}
        assert await station.get("NotifyPriorityCharging", said) == {}
    assert (await control(bench))["has_priority"] is True
