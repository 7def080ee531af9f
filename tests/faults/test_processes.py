"""F5, F9, F28: a disk that fails, a graceful stop under load, a fleet that comes back at once, on the real server."""

import asyncio
import resource
import sys
import time
from collections import Counter
from pathlib import Path
from statistics import quantiles

import psutil
import pytest

from faults.campaign import compare
from faults.disk import Disk
from faults.fleet import Fleet, register
from faults.house import READY_S, House, house
from faults.length import by_length
from faults.stations import Habits

STATIONS = 20
EXIT_S = 10.0  # F5: after the flush that failed
STOP_S = 30.0  # F28
STORM = by_length(2_000, 10_000)
STORM_S = 60.0  # F9
EARLY_S = 5.0  # F9: p99 of heartbeats meanwhile
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
        assert await home.stop() == 0
        assert await compare(home, fleet) == []


@pytest.mark.timeout(300)
async def test_f28_a_server_that_stops_gently_under_load_tells_every_station_and_loses_nothing(tmp_path: Path):
    """Criterion: close code 1001 or 1012, what was in hand answered or not acknowledged, the end within 30 s."""
    async with house(tmp_path / "data", INGUFU_OCPP_DRAIN_S="0.5") as home:
        await register(home.storage, STATIONS)
        fleet = Fleet(home.url, STATIONS, seed=72, habits=Habits(pace_s=0.01))
        fleet.start()
        codes: Counter[int | None] = Counter()
        try:
            for _ in range(by_length(1, 10)):
                await home.start()
                await fleet.wait_for(100, timeout_s=30)
                await online(fleet, STATIONS)
                wires = [station.wire for station in fleet.stations if station.wire is not None]
                began = time.monotonic()
                assert await home.stop() == 0
                assert time.monotonic() - began < STOP_S
                codes.update(wire.close_code for wire in wires)
            await home.start()
            await fleet.finish(timeout_s=60)
        finally:
            await fleet.stop()
        assert await home.stop() == 0
        assert set(codes) <= {1001, 1012}
        assert sum(codes.values()) == STATIONS * by_length(1, 10)
        assert home.logged == [], "\n".join(home.logged)
        assert await compare(home, fleet) == []


async def online(fleet: Fleet, count: int) -> None:
    async with asyncio.timeout(STORM_S):
        while fleet.online < count:
            await asyncio.sleep(0.02)


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
async def test_f9_a_fleet_that_comes_back_at_once_is_answered_and_loses_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """Criterion: after a kill all are accepted and answered within 60 s, no message is lost, memory is bounded, the
    early ones' heartbeats are answered (p99 5 s).
    """
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < STORM + FILES_BESIDE:
        pytest.skip(f"only {soft} files may be open")
    habits = Habits(pace_s=by_length(10.0, 20.0), patience_s=30.0, retry_s=0.5, heartbeats=0.3, repeats=0.0)
    async with house(tmp_path / "data") as home:
        await register(home.storage, STORM)
        fleet = Fleet(home.url, STORM, seed=73, habits=habits)
        await home.start()
        empty_kb = memory_kb(home)
        fleet.start()
        try:
            await booted(fleet, 1)
            await home.kill()
            for notebook in fleet.notebooks:
                notebook.heartbeats_s.clear()
            await asyncio.sleep(by_length(0.5, 20.0))  # everyone has something to tell
            waiting = sum(station.waiting for station in fleet.stations)
            await home.start()
            began, cpu_s = time.monotonic(), processor_s(home)
            await booted(fleet, 2)
            took_s, cpu_s = time.monotonic() - began, processor_s(home) - cpu_s
            await fleet.wait_for(waiting // 2, timeout_s=STORM_S)
            full_kb = memory_kb(home)
            await fleet.finish(timeout_s=STORM_S)
        finally:
            await fleet.stop()
        heartbeats_s = sorted(time_s for notebook in fleet.notebooks for time_s in notebook.heartbeats_s) or [0.0, 0.0]
        report(
            capsys,
            f"storm: {STORM} stations answered {took_s:.1f} s after the server listened ({home.ready_s[-1]:.1f} s after "
            f"its start; {cpu_s:.1f} s of its processor time), with {waiting} messages waiting; heartbeats p99 "
            f"{quantiles(heartbeats_s, n=100)[-1]:.2f} s; {(full_kb - empty_kb) / STORM:.1f} kB for each station",
        )
        assert await home.stop() == 0
        assert home.ready_s[-1] < READY_S
        assert took_s < STORM_S
        assert quantiles(heartbeats_s, n=100)[-1] < EARLY_S
        assert (full_kb - empty_kb) / STORM < GROWTH_KB
        assert {notebook.connections for notebook in fleet.notebooks} == {2}  # nobody was let in and dropped
        assert await compare(home, fleet) == []


async def booted(fleet: Fleet, times: int) -> None:
    """Return when every station's boot was answered on that many connections."""
    async with asyncio.timeout(STORM_S):
        while any(notebook.boots < times for notebook in fleet.notebooks):
            await asyncio.sleep(0.05)
