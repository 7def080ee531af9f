"""A living network: the same frames from the same seed, storms, troubles, and no growth."""

import asyncio
from datetime import UTC, datetime

import psutil
import pytest

from ingufu.core.clock import SystemClock
from ingufu.core.errors import InvalidInput
from ingufu.simulator.network import Network
from ingufu.simulator.plan import plan
from ingufu.simulator.run import SimulateOptions, planned, simulate
from ingufu.simulator.timeline import LiveTimeline, VirtualTimeline
from ingufu.simulator.vendors import Version
from simulator.csms import running
from simulator.running import on_loop

START = datetime(2025, 6, 3, 9, 0, tzinfo=UTC)


async def pass_time(network, timeline, seconds):
    """Let virtual time pass; whoever waits for an answer gets it first."""
    until_s = timeline.monotonic() + seconds
    while timeline.run_next(until_s):
        async with asyncio.timeout(20):
            while not all(station.is_quiet for station in network.stations):
                await asyncio.sleep(0)


async def live(seed, *, stations, hours, time_factor=1.0):
    """Return the frames of each station and the statistics, after so many virtual hours."""
    async with running() as csms:
        csms.validates = False
        timeline = VirtualTimeline(START)
        network = Network(plan(seed, stations), csms.url, timeline, time_factor=time_factor)
        network.start()
        await pass_time(network, timeline, hours * 3600)
        statistics = network.statistics()
        waiting = len(timeline._heap)
        await network.stop()
        return dict(csms.frames), statistics, waiting


@on_loop
async def test_same_seed_same_frames():
    once, _, _ = await live("a", stations=6, hours=2, time_factor=10)
    again, _, _ = await live("a", stations=6, hours=2, time_factor=10)
    other, _, _ = await live("b", stations=6, hours=2, time_factor=10)
    assert once == again
    assert once.keys() == other.keys()
    assert once != other


@on_loop
async def test_a_day_passes_with_sessions_troubles_and_nothing_left_behind():
    frames, statistics, waiting = await live("a", stations=12, hours=24, time_factor=3)
    assert len(frames) == 12
    assert statistics.sessions_started > 100
    assert 0 <= statistics.sessions_started - statistics.sessions_ended <= 30
    assert statistics.energy_wh > 500_000
    assert statistics.drops > 0
    assert statistics.lost == 0
    assert waiting < 12 * 20  # timers: heartbeat, visits, troubles, back-off ... of a dozen stations


@on_loop
async def test_all_frames_of_a_network_are_valid_but_for_the_vendor_without_zones():
    async with running() as csms:
        timeline = VirtualTimeline(START)
        network = Network(plan("valid", 12), csms.url, timeline, time_factor=10)
        odd = {s.spec.identity for s in network.stations if s.spec.manner.vendor == "Bluegum"}
        network.stations = [s for s in network.stations if s.spec.identity not in odd]
        network.start()
        await pass_time(network, timeline, 3600)
        assert {c.subprotocol for c in csms.connections.values()} == {"ocpp1.6", "ocpp2.0.1", "ocpp2.1"}
        assert len(odd) == 1
        await network.stop()


@pytest.mark.parametrize(
    ("version", "request_", "payload"),
    [
        (Version.V16, "RemoteStartTransaction", {"idTag": "AFAR", "connectorId": 1}),
        (
            Version.V201,
            "RequestStartTransaction",
            {"remoteStartId": 7, "evseId": 1, "idToken": {"idToken": "AFAR", "type": "Central"}},
        ),
    ],
)
@on_loop
async def test_a_driver_comes_to_a_place_that_was_started_from_afar(version, request_, payload):
    async with running() as csms:
        timeline = VirtualTimeline(START)
        one = plan("afar", 1, versions=frozenset({version}))
        network = Network(one, csms.url, timeline, has_troubles=False)
        network.start(busy_share=0.0)
        await pass_time(network, timeline, 10)
        [identity] = csms.connections
        answer = await csms.connections[identity].call(request_, payload)
        assert answer["status"] == "Accepted"
        await pass_time(network, timeline, 10)
        assert network.statistics().sessions_started == 1
        assert "AFAR" in "".join(csms.frames[identity])
        await pass_time(network, timeline, 48 * 3600)
        assert network.statistics().sessions_ended >= 1  # he leaves, and the place lives on
        await network.stop()


@on_loop
async def test_five_hundred_stations_survive_a_storm_within_seconds():
    async with running() as csms:
        csms.validates = False
        timeline = LiveTimeline(SystemClock())
        network = Network(plan("storm", 500), csms.url, timeline, has_drivers=False, has_troubles=False)
        network.start(ramp_s=0.5)
        await csms.until(lambda: len(csms.connections) == 500, timeout_s=90)
        await csms.until(lambda: all(s.is_accepted and s.is_quiet for s in network.stations), timeout_s=90)
        began_s = asyncio.get_running_loop().time()
        assert network.storm() == 500
        await csms.until(lambda: network.statistics().connected == 500, timeout_s=90)
        assert asyncio.get_running_loop().time() - began_s < 60
        assert network.statistics().connections == 1000
        await network.stop()
        timeline.close()


@on_loop
async def test_an_idle_station_costs_less_than_25_kb():
    async with running() as csms:
        csms.validates = False
        whole = plan("idle", 400)
        process = psutil.Process()
        before = process.memory_info().rss
        timeline = LiveTimeline(SystemClock())
        network = Network(whole, "ws://127.0.0.1:9/ocpp", timeline, has_drivers=False, has_troubles=False)
        grown = process.memory_info().rss - before
        assert len(network.stations) == 400
        assert grown / 400 < 25_000  # the WebSocket adds about nine more, which belong to the library
        timeline.close()


@on_loop
async def test_simulate_runs_until_cancelled_and_tells_how_it_stands():
    async with running() as csms:
        csms.validates = False
        told = []
        options = SimulateOptions(
            url=csms.url, stations=5, seed="s", ramp_s=0.1, statistics_every_s=0.2, storm_every_s=0.5, time_factor=20
        )
        task = asyncio.get_running_loop().create_task(simulate(options, clock=SystemClock(), tell=told.append))
        await csms.until(lambda: bool(told) and told[-1].connections >= 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await csms.until(lambda: csms.connected == 0)
        assert told[-1].stations == 5


@on_loop
async def test_a_network_that_is_started_again_has_other_sessions_than_before():
    """A server takes a session whose id comes again for the old one, and shows none of the new."""
    async with running() as csms:
        csms.validates = False
        lives = []
        for _ in range(2):
            csms.calls.clear()
            options = SimulateOptions(
                url=csms.url, stations=2, seed="s", ramp_s=0.1, busy_share=1.0, versions=("2.0.1",), has_troubles=False
            )
            task = asyncio.get_running_loop().create_task(simulate(options, clock=SystemClock()))
            await csms.until(lambda: bool(references(csms)), timeout_s=60)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await csms.until(lambda: csms.connected == 0)
            lives.append((set(csms.calls), references(csms)))
        assert lives[0][0] == lives[1][0]  # the same stations
        assert not lives[0][1] & lives[1][1]


def references(csms):
    return {
        payload["transactionInfo"]["transactionId"]
        for calls in csms.calls.values()
        for action, payload in calls
        if action == "TransactionEvent"
    }


def test_options_that_cannot_be_followed_are_refused():
    for options, field in (
        (SimulateOptions(stations=0), "stations"),
        (SimulateOptions(versions=("1.5",)), "versions"),
    ):
        with pytest.raises(InvalidInput) as refusal:
            planned(options)
        assert refusal.value.field == field


def test_versions_may_be_chosen():
    chosen = planned(SimulateOptions(versions=("2.0.1",), stations=7))
    assert {station.spec.version for station in chosen.stations} == {"2.0.1"}


def test_a_larger_network_begins_with_the_same_stations_once_all_sites_are_in():
    small, large = plan("x", 24), plan("x", 100)
    assert large.stations[:24] == small.stations
    assert len({station.spec.identity for station in large.stations}) == 100
    assert len({driver.token for driver in large.drivers}) == len(large.drivers)
    vendors = {station.spec.manner.vendor for station in small.stations}
    assert len(vendors) == 7
    assert {station.spec.version for station in small.stations} == {"1.6", "2.0.1", "2.1"}
    assert all(len(s.spec.password) == (40 if s.spec.version == "1.6" else 24) for s in small.stations)
