"""Metering: sampled, clock-aligned and signed values, in and out of transactions, and streams."""

from decimal import Decimal
from typing import Any

from conformance.bench import Bench
from conformance.cases import case
from conformance.counterpart import Counterpart
from conformance.transacting import CARD, Session
from web.api.engines import both_engines

TWO = ("2.0.1", "2.1")
SIGNED = {"signedMeterData": "T0NNRnx7fQ==", "signingMethod": "", "encodingMethod": "OCMF", "publicKey": "b2NhOg=="}


def reading(station: Counterpart, context: str, wh: int, **more: Any) -> dict[str, Any]:
    """Return a meter value: register and power."""
    samples = [
        {"value": wh, "context": context, "measurand": "Energy.Active.Import.Register"} | more,
        {"value": 11000, "context": context, "measurand": "Power.Active.Import", "unitOfMeasure": {"unit": "W"}},
    ]
    return {"timestamp": station.time, "sampledValue": samples}


async def prepare(bench: Bench) -> None:
    await bench.add_station()
    await bench.token(CARD)


async def kept(bench: Bench) -> list[tuple[str, Decimal, float | None]]:
    """Return context, register and power of the readings of the only transaction, in order."""
    found = await bench.get(f"/transactions/{(await bench.transaction())['id']}/readings")
    return [(one["context"], Decimal(one["energy_wh"]), one["power_w"]) for one in found["items"]]


@case("TC_J_01", "Clock-aligned values while nothing charges are kept, those of the main meter too", *TWO)
async def test_tc_j_01_clock_aligned_at_rest(bench: Bench):
    await bench.add_station()
    async with bench.connected() as station:
        for evse in (0, 1):
            said = {"evseId": evse, "meterValue": [reading(station, "Sample.Clock", 1000)]}
            assert await station.get("MeterValues", said) == {}
    found = (await bench.get("/stations/CS/readings"))["items"]
    assert [one["context"] for one in found] == ["Sample.Clock", "Sample.Clock"]
    assert {one["evse"] or 0 for one in found} == {0, 1}


@case("TC_J_02", "Clock-aligned values while something charges come with its events", *TWO)
async def test_tc_j_02_clock_aligned_while_charging(bench: Bench):
    await prepare(bench)
    async with bench.connected() as station:
        session = Session(station)
        await session.start()
        await bench.pass_time(900)
        values = [reading(station, "Sample.Clock", 1500)]
        assert await session.update("MeterValueClock", "Charging", meterValue=values) == {}
    assert (await kept(bench))[-1] == ("Sample.Clock", 1500, 11000)


@case("TC_J_03", "Clock-aligned values of a whole transaction come with its end", *TWO)
async def test_tc_j_03_clock_aligned_at_the_end(bench: Bench):
    await prepare(bench)
    async with bench.connected() as station:
        session = Session(station)
        await session.start()
        values = []
        for wh in (1500, 2000):
            await bench.pass_time(900)
            values.append(reading(station, "Sample.Clock", wh))
        await bench.pass_time(60)
        values.append(reading(station, "Transaction.End", 2100))
        await session.tell("Ended", "StopAuthorized", "EVConnected", token=CARD, meterValue=values)
    assert [one[:2] for one in await kept(bench)][1:] == [
        ("Sample.Clock", 1500),
        ("Sample.Clock", 2000),
        ("Transaction.End", 2100),
    ]
    assert Decimal((await bench.transaction())["energy_wh"]) == 1100


async def signed(bench: Bench, context: str, trigger: str) -> None:
    """Tell signed values in a transaction: they are given out byte for byte."""
    await prepare(bench)
    async with bench.connected() as station:
        session = Session(station)
        await session.start()
        await bench.pass_time(900)
        values = [reading(station, context, 1500, signedMeterValue=SIGNED)]
        assert await session.update(trigger, "Charging", meterValue=values) == {}
        await session.end("StopAuthorized", "Local", token=CARD)
    (told,) = await bench.get(f"/transactions/{(await bench.transaction())['id']}/signed-values")
    given = (told["data"], told["method"], told["encoding"], told["public_key"], told["context"])
    assert given == (
        *(SIGNED[name] for name in ("signedMeterData", "signingMethod", "encodingMethod", "publicKey")),
        context,
    )


@case("TC_J_04", "Signed clock-aligned values are kept byte for byte", *TWO)
async def test_tc_j_04_signed_clock_aligned(bench: Bench):
    await signed(bench, "Sample.Clock", "MeterValueClock")


@case("TC_J_07", "The first values come with the start, which names the EVSE", *TWO)
async def test_tc_j_07_begin(bench: Bench):
    await prepare(bench)
    async with bench.connected() as station:
        values = [reading(station, "Transaction.Begin", 1000)]
        await Session(station).tell(
            "Started", "Authorized", "EVConnected", token=CARD, has_evse=True, meterValue=values
        )
    assert await kept(bench) == [("Transaction.Begin", 1000, 11000)]
    assert Decimal((await bench.transaction())["start_wh"]) == 1000


@case("TC_J_08", "The first values come later, as the EVSE was not known at the start", *TWO)
async def test_tc_j_08_begin_later(bench: Bench):
    await prepare(bench)
    async with bench.connected() as station:
        session = Session(station)
        await session.tell("Started", "Authorized", token=CARD)
        await bench.pass_time(30)
        values = [reading(station, "Transaction.Begin", 1000)]
        await session.update("CablePluggedIn", "EVConnected", has_evse=True, meterValue=values)
        await bench.pass_time(600)
        await session.end(
            "StopAuthorized", "Local", context=None, meterValue=[reading(station, "Transaction.End", 1800)]
        )
    told = await bench.transaction()
    assert (told["evse"], Decimal(told["energy_wh"]), told["anomaly_count"]) == (1, 800, 0)


@case("TC_J_09", "Values come at intervals while something charges", *TWO)
async def test_tc_j_09_periodic(bench: Bench):
    await prepare(bench)
    async with bench.connected() as station:
        session = Session(station)
        await session.start()
        for wh in (1100, 1200, 1300):
            await bench.pass_time(60)
            values = [reading(station, "Sample.Periodic", wh)]
            assert await session.update("MeterValuePeriodic", "Charging", meterValue=values) == {}
    assert (await kept(bench))[1:] == [("Sample.Periodic", wh, 11000) for wh in (1100, 1200, 1300)]


@both_engines
@case("TC_J_10", "The values at intervals of a whole transaction come with its end", *TWO)
async def test_tc_j_10_periodic_at_the_end(bench: Bench):
    await prepare(bench)
    async with bench.connected() as station:
        session = Session(station)
        await session.start()
        values = []
        for context, wh in (("Sample.Periodic", 1100), ("Sample.Periodic", 1200), ("Transaction.End", 1300)):
            await bench.pass_time(60)
            values.append(reading(station, context, wh))
        await session.tell("Ended", "StopAuthorized", "EVConnected", token=CARD, meterValue=values)
    assert [one[1] for one in await kept(bench)] == [1000, 1100, 1200, 1300]
    assert Decimal((await bench.transaction())["energy_wh"]) == 300


@case("TC_J_11", "Signed values at intervals are kept byte for byte", *TWO)
async def test_tc_j_11_signed_periodic(bench: Bench):
    await signed(bench, "Sample.Periodic", "MeterValuePeriodic")


@case("TC_N_107", "The streams of a station are asked for; what they send is kept and never answered", "2.1")
async def test_tc_n_107_streams(bench: Bench):
    await bench.add_station()
    constant = {"id": 3, "params": {"interval": 5, "values": 2}, "variableMonitoringId": 7}
    async with bench.connected() as station:
        opening = {"constantStreamData": constant}
        assert await station.get("OpenPeriodicEventStream", opening) == {"status": "Accepted"}
        data = [{"t": 0.5, "v": "11.2"}, {"t": 5.25, "v": "11.4"}]
        await station.send("NotifyPeriodicEventStream", {"id": 3, "pending": 0, "basetime": station.time, "data": data})
        assert await station.get("Heartbeat")
        station.answer("GetPeriodicEventStream", {"constantStreamData": [constant]})
        await bench.post("/stations/CS/streams")
        assert station.payloads("GetPeriodicEventStream") == [{}]
        told = (await bench.get("/stations/CS/streams/3/values"))["items"]
        assert sorted(one["value"] for one in told) == ["11.2", "11.4"]
        assert await station.get("ClosePeriodicEventStream", {"id": 3}) == {}
