"""F5, F9, F28: a disk that fails, a graceful stop under load, a fleet that comes back at once, on the real server."""

import asyncio
import resource
import sys
import time
from pathlib import Path

import psutil
import pytest

from faults.campaign import compare
from faults.disk import Disk
from faults.fleet import Fleet, register
from faults.house import READY_S, House, house
from faults.length import SHARED, by_length
from faults.stations import Habits

STATIONS = 20
EXIT_S = 10.0 * SHARED  # F5: after the flush that failed
STOP_S = 30.0  # F28
STORM = by_length(2_000, 10_000)
STORM_S = 60.0  # F9
EARLY_S = 5.0 * SHARED  # F9: p99 of heartbeats meanwhile
GROWTH_KB = 80.0  # for each station that is connected, with its messages on the way
FILES_BESIDE = 500


@pytest.mark.timeout(300)
async def test_f5_a_flush_that_fails_ends_the_server_and_nothing_acknowledged_is_lost(tmp_path: Path):
    """Criterion: slow flushes only slow; after a failed one the process ends, and after a restart the records agree."""
    async with house(tmp_path / "data") as home:
        await register(home.storage, STATIONS)
        disk = Disk(home.data, tmp_path)
        home.environment |= disk.environment(slow_ms=100)
        fleet = Fleet(home.url, STATIONS, seed=71, habits=Habits(patience_s=5.0))
        fleet.start()
        try:
            await home.start()
            await fleet.wait_for(50, timeout_s=30)
            disk.slow()
            await fleet.wait_for(5 * STATIONS, timeout_s=60)  # a hundred in far fewer flushes
            disk.slow(is_slow=False)
            await fleet.wait_for(50, timeout_s=30)
            disk.fail()
            async with asyncio.timeout(EXIT_S):
                code = await home.wait()
            assert code == 1
            assert any("can no longer be written" in line for line in home.logged), home.logged
            disk.cut_power(None)  # whoever repairs the disk restarts the machine, too
            disk.fail(is_failing=False)
            await home.start()
            await fleet.finish(timeout_s=60)
        finally:
            await fleet.stop()
        assert await home.stop() == 0, home.logged[-20:]
        assert await compare(home, fleet) == []


def memory_kb(home: House) -> float:
    assert home.server is not None
    return psutil.Process(home.server.process.pid).memory_info().rss / 1024


def processor_s(home: House) -> float:
    assert home.server is not None
    used = psutil.Process(home.server.process.pid).cpu_times()
    return used.user + used.system


def report(capsys: pytest.CaptureFixture[str], text: str) -> None:
    """Show a figure that the test has measured, whether or not it passes."""
    with capsys.disabled():
        sys.stdout.write(f"\n{text}\n")


@pytest.mark.timeout(600)
async def test_f28_f9_a_fleet_is_told_of_a_gentle_stop_comes_back_at_once_and_loses_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """Criteria of the stop: exit code 0 within 30 s, every station hears 1001 or 1012, what was in hand is answered or
    not acknowledged. Of the return: all answered within 60 s, nothing lost, memory bounded, nobody let in and dropped,
    heartbeats of the early ones answered within 5 s (p99).
    """
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < STORM + FILES_BESIDE:
        pytest.skip("too few files may be open")
    habits = Habits(pace_s=by_length(10.0, 30.0), patience_s=30.0, retry_s=0.5, heartbeats=0.2, repeats=0.0)
    async with house(tmp_path / "data", INGUFU_OCPP_DRAIN_S=by_length("1", "5")) as home:
        await register(home.storage, STORM)
        fleet = Fleet(home.url, STORM, seed=73, habits=habits)
        await home.start()
        empty_kb = memory_kb(home)
        fleet.start()
        try:
            await booted(fleet, 1)
            wires = [station.wire for station in fleet.stations if station.wire is not None]
            began = time.monotonic()
            assert await home.stop() == 0, home.logged[-20:]
            stop_s = time.monotonic() - began
            await asyncio.sleep(by_length(0.5, 20.0))  # many have something to tell
            for notebook in fleet.notebooks:
                notebook.heartbeats_s.clear()
            await home.start()
            waiting = sum(station.waiting for station in fleet.stations)
            began, before_s = time.monotonic(), processor_s(home)
            await booted(fleet, 2)
            took_s, cpu_s = time.monotonic() - began, processor_s(home) - before_s
            await fleet.wait_for(waiting // 2, timeout_s=STORM_S * SHARED)
            full_kb = memory_kb(home)
            await fleet.finish(timeout_s=STORM_S * SHARED)
        finally:
            await fleet.stop()
        assert await home.stop() == 0, home.logged[-20:]
        heartbeats_s = sorted(time_s for notebook in fleet.notebooks for time_s in notebook.heartbeats_s)
        late_s, growth_kb = heartbeats_s[int(len(heartbeats_s) * 0.99)], (full_kb - empty_kb) / STORM
        report(
            capsys,
            f"storm: {STORM} stations stopped in {stop_s:.1f} s, and answered {took_s:.1f} s after the server listened "
            f"again ({home.ready_s[-1]:.1f} s after its start; {cpu_s:.1f} s of its processor time), with {waiting} "
            f"messages waiting; heartbeats p99 {late_s:.2f} s; {growth_kb:.1f} kB for each station",
        )
        assert stop_s < STOP_S
        assert {wire.close_code for wire in wires} <= {1001, 1012}
        assert home.ready_s[-1] < READY_S * SHARED
        assert took_s < STORM_S * SHARED
        assert late_s < EARLY_S
        assert growth_kb < GROWTH_KB
        assert {notebook.connections for notebook in fleet.notebooks} == {2}
        assert home.logged == [], home.logged[:5]
        assert await compare(home, fleet) == []


async def booted(fleet: Fleet, times: int) -> None:
    """Return when every station's boot was answered on that many connections."""
    async with asyncio.timeout(STORM_S * SHARED):
        while any(notebook.boots < times for notebook in fleet.notebooks):
            await asyncio.sleep(0.05)
