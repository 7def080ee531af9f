"""F5, F9, F28: a disk that fails, a graceful stop under load, a fleet that comes back at once, on the real server."""

import asyncio
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import pytest

from faults.campaign import compare
from faults.databases import Database, own_database
from faults.disk import Disk
from faults.fleet import Fleet, register
from faults.house import READY_S, House, house
from faults.length import ENGINES, PATIENCE_S, alone, by_length, long, within
from faults.stations import Habits

STATIONS = 20
EXIT_S = 10.0  # F5: after the flush that failed
STOP_S = 30.0  # F28
STORM = by_length(200, 10_000)
STORM_PATIENCE_S = by_length(60.0, 240.0)
STORM_S = 60.0  # F9
EARLY_S = 5.0  # F9: p99 of heartbeats meanwhile
CALM_S = 120.0  # F9: until the processor has nothing to do any more
CALM = 0.2  # of one core
GROWTH_KB = 80.0  # for each station that is connected, with its messages on the way
FILES_BESIDE = 500

pytestmark = [alone, pytest.mark.timeout(900)]


@pytest.mark.parametrize("what", ["flushes", pytest.param("writes", marks=long)])
async def test_f5_a_disk_that_fails_ends_the_server_and_nothing_acknowledged_is_lost(tmp_path: Path, what: str):
    """Criterion: slow flushes only slow; after a failed flush or write the process ends, and after a restart the records
    agree. (Torn writes: the power cuts of `test_kill.py`.)
    """
    async with house(tmp_path / "data") as home:
        await register(home.storage, STATIONS)
        disk = Disk(home.data, tmp_path)
        home.environment |= disk.environment(slow_ms=100)
        fleet = Fleet(home.url, STATIONS, seed=71, habits=Habits(patience_s=5.0))
        with home.open_nursery():
            fleet.start()
            try:
                await home.start()
                if what == "flushes":
                    await fleet.wait_for(50, timeout_s=PATIENCE_S)
                    disk.slow()
                    await fleet.wait_for(5 * STATIONS, timeout_s=PATIENCE_S)  # a hundred in far fewer flushes
                    disk.slow(is_slow=False)
                await fleet.wait_for(50, timeout_s=PATIENCE_S)
                disk.fail(what)
                began = time.monotonic()
                assert await home.wait() == 1
                assert within(time.monotonic() - began, EXIT_S)
                assert any("can no longer be written" in line for line in home.logged), home.logged
                disk.cut_power(None)  # whoever repairs the disk restarts the machine, too
                disk.fail(what, is_failing=False)
                await home.start()
                await fleet.finish(timeout_s=PATIENCE_S)
            finally:
                await fleet.stop()
            assert await home.stop() == 0, home.logged[-20:]
        assert await compare(home, fleet) == []


@contextmanager
def failing_log(monkeypatch: pytest.MonkeyPatch, made: list[Disk]) -> Iterator[Database]:
    """A PostgreSQL server whose log can be made to fail by the disk that is put into `made`."""

    def prepare(server: Database) -> None:
        disk = Disk(server.folder, server.folder)
        made.append(disk)
        for name, value in disk.environment().items():
            if name != "DISK_JOURNAL":
                monkeypatch.setenv(name, value)

    with own_database(prepare) as server:
        yield server


@pytest.mark.parametrize("what", ["flushes", "writes"])
@long
async def test_f5_a_disk_that_fails_ends_postgresql_and_nothing_acknowledged_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
):
    """Criterion: PostgreSQL ends rather than go on, which is its promise; our server waits for it, acknowledges nothing
    meanwhile, and the records agree when it is back.
    """
    made: list[Disk] = []
    with failing_log(monkeypatch, made) as server:
        for name in made[0].environment():
            monkeypatch.delenv(name, raising=False)  # our server has a sound disk
        async with house(tmp_path / "data", database=server.dsn) as home:
            await register(home.storage, STATIONS)
            fleet = Fleet(home.url, STATIONS, seed=72, habits=Habits(patience_s=2.0))
            await home.start()
            fleet.start()
            try:
                await fleet.wait_for(50, timeout_s=PATIENCE_S)
                made[0].fail(what)
                await no_more(server)
                before = fleet.acknowledged
                await asyncio.sleep(by_length(1.0, 10.0))
                assert fleet.acknowledged - before <= STATIONS  # what had been written, and was on its way
                made[0].fail(what, is_failing=False)
                await asyncio.to_thread(server.restart)
                await fleet.wait_for(50, timeout_s=PATIENCE_S)
                await fleet.finish(timeout_s=PATIENCE_S)
            finally:
                await fleet.stop()
            assert await home.stop() == 0, home.logged[-20:]
            assert await compare(home, fleet) == []


async def no_more(server: Database) -> None:
    """Return when the server lets nobody in."""
    async with asyncio.timeout(PATIENCE_S):
        while await server.is_open():
            await asyncio.sleep(0.05)


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


@pytest.mark.parametrize("storage", ENGINES)
async def test_f28_f9_a_fleet_is_told_of_a_gentle_stop_comes_back_at_once_and_loses_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], storage: str
):
    """Criteria of the stop: exit code 0 within 30 s, every station hears 1001 or 1012, what was in hand is answered or
    not acknowledged. Of the return: all answered within 60 s, nothing lost, memory bounded, nobody refused twice or let
    in and dropped, heartbeats of the early ones answered within 5 s (p99), calm again within 120 s.
    """
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < STORM + FILES_BESIDE:
        pytest.skip("too few files may be open")
    habits = Habits(pace_s=by_length(1.0, 30.0), patience_s=30.0, retry_s=0.5, heartbeats=0.2, repeats=0.0)
    with ExitStack() as stack:
        url = stack.enter_context(own_database()).dsn if storage == "postgresql" else ""
        async with house(tmp_path / "data", database=url, INGUFU_OCPP_DRAIN_S=by_length("1", "5")) as home:
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
                    notebook.refusals = 0
                await home.start()
                waiting = sum(station.waiting for station in fleet.stations)
                began, before_s = time.monotonic(), processor_s(home)
                await booted(fleet, 2)
                took_s, cpu_s = time.monotonic() - began, processor_s(home) - before_s
                await fleet.wait_for(waiting // 2, timeout_s=STORM_PATIENCE_S)
                full_kb = memory_kb(home)
                await fleet.finish(timeout_s=STORM_PATIENCE_S)
                assert by_length(True, False) or await calm(home) <= CALM_S
            finally:
                await fleet.stop()
            assert await home.stop() == 0, home.logged[-20:]
            heartbeats_s = sorted(time_s for notebook in fleet.notebooks for time_s in notebook.heartbeats_s)
            late_s, growth_kb = heartbeats_s[int(len(heartbeats_s) * 0.99)], (full_kb - empty_kb) / STORM
            report(
                capsys,
                f"storm: {STORM} stations on {storage} stopped in {stop_s:.1f} s, and answered {took_s:.1f} s after "
                f"the server listened again ({home.ready_s[-1]:.1f} s after its start; {cpu_s:.1f} s of its processor "
                f"time), with {waiting} messages waiting; heartbeats p99 {late_s:.2f} s; {growth_kb:.1f} kB for each",
            )
            assert waiting > 0
            assert {wire.close_code for wire in wires} <= {1001, 1012}
            assert within(stop_s, STOP_S)
            assert within(home.ready_s[-1], READY_S)
            assert within(took_s, STORM_S)
            assert within(late_s, EARLY_S)
            assert growth_kb < by_length(2, 1) * GROWTH_KB
            assert {notebook.connections for notebook in fleet.notebooks} == {2}
            assert max(notebook.refusals for notebook in fleet.notebooks) <= 1
            assert home.logged == [], home.logged[:5]
            assert await compare(home, fleet) == []


async def booted(fleet: Fleet, times: int) -> None:
    """Return when every station's boot was answered on that many connections."""
    async with asyncio.timeout(STORM_PATIENCE_S):
        while any(notebook.boots < times for notebook in fleet.notebooks):
            await asyncio.sleep(0.05)


async def calm(home: House) -> float:
    """Return after how many seconds the server needed next to no processor time any more."""
    began = time.monotonic()
    while True:
        before_s = processor_s(home)
        await asyncio.sleep(1.0)
        if processor_s(home) - before_s < CALM:
            return time.monotonic() - began
