"""F3, F4: the database goes away and comes back, the disk is full: nothing is acknowledged that is not stored."""

import asyncio
import os
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from faults.databases import Database as Server
from faults.databases import own_database
from faults.fleet import Fleet
from faults.gateways import charging, gateway, judge, wired
from faults.length import SHARED, by_length
from faults.stations import Habits
from ingufu.infra.storage.database import Database
from ingufu.infra.storage.migrate import migrate
from ingufu.infra.storage.opening import open_database
from ingufu.infra.storage.targets import StorageUrl
from running import Running

STATIONS = 10
ABSENCE_S = by_length(2.0, 60.0)
RESUME_S = 5.0 * SHARED  # F3: after the return, beyond the patience of stations
PATIENCE_OF_STATIONS_S = 1.0
HEARTBEAT_S = 1.0 * SHARED
DISK_MB = 64  # the log may take half of it


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with own_database() as server:
        yield server


@asynccontextmanager
async def opened(url: StorageUrl) -> AsyncIterator[Database]:
    database = await open_database(url)
    try:
        yield database
    finally:
        await database.close()


class Heart:
    """A station that says nothing but heartbeats; how long each took."""

    def __init__(self) -> None:
        self.took_s: list[float] = []

    @asynccontextmanager
    async def beating(self, house: Running) -> AsyncIterator[None]:
        async with wired(house.url().rstrip("/"), STATIONS) as wire:

            async def beat() -> None:
                loop = asyncio.get_running_loop()
                while True:
                    began = loop.time()
                    assert (await wire.call("Heartbeat", {}, timeout_s=10))[0] == 3
                    self.took_s.append(loop.time() - began)
                    await asyncio.sleep(0.02)

            task = asyncio.create_task(beat())
            try:
                yield
            finally:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task


def make_fleet(house: Running, seed: int) -> Fleet:
    habits = Habits(patience_s=PATIENCE_OF_STATIONS_S)
    return Fleet(house.url().rstrip("/"), STATIONS, seed=seed, habits=habits)


async def away_fast(server: Server) -> None:
    await asyncio.to_thread(server.server.stop, signal.SIGINT)
    await asyncio.to_thread(server.start)


async def away_at_once(server: Server) -> None:
    await asyncio.to_thread(server.server.stop, signal.SIGQUIT)
    await asyncio.to_thread(server.start)


async def away_for_long(server: Server) -> None:
    await asyncio.to_thread(server.server.stop, signal.SIGINT)
    await asyncio.sleep(ABSENCE_S)
    await asyncio.to_thread(server.start)


async def stands_still(server: Server) -> None:
    with server.frozen():
        await asyncio.sleep(ABSENCE_S)


@pytest.mark.parametrize("away", [away_fast, away_at_once, away_for_long, stands_still])
@pytest.mark.timeout(300)
async def test_f3_postgresql_that_goes_and_comes_back_is_waited_for(server: Server, away):
    """Criterion: no acknowledgement without commit, silence instead of errors, heartbeats answered from memory, resumed
    5 s after the return, no deadlock in the pool of connections.
    """
    name = f"f3_{away.__name__}"
    connection = await server.connect()
    await connection.execute(f"CREATE DATABASE {name}")
    await connection.close()
    url = StorageUrl(dsn=server.server.dsn(name))
    await migrate(url)
    heart = Heart()
    async with opened(url) as database, gateway(database, STATIONS + 1) as house:
        fleet = make_fleet(house, 61)
        async with charging(fleet), heart.beating(house):
            for _ in range(by_length(1, 3)):
                await fleet.wait_for(50, timeout_s=30)
                await away(server)
                await fleet.wait_for(1, timeout_s=RESUME_S + PATIENCE_OF_STATIONS_S)
        await judge(house, fleet)
    assert max(heart.took_s) < HEARTBEAT_S
    assert sum(notebook.timeouts for notebook in fleet.notebooks) > 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root may mount a small disk")
    place = tmp_path / "small"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(place)]
    mounted = subprocess.run(command, check=False, capture_output=True)
    if mounted.returncode != 0:
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


async def test_f4_a_full_disk_silences_transactions_until_there_is_room(small_disk: Path):
    """Criterion: acknowledging stops before there is damage, stations are never told no, the cause is shown, all goes on
    by itself.
    """
    url = StorageUrl(path=small_disk / "ingufu.sqlite")
    await migrate(url)
    heart = Heart()
    async with opened(url) as database, gateway(database, STATIONS + 1) as house:
        fleet = make_fleet(house, 62)
        async with charging(fleet), heart.beating(house):
            for _ in range(by_length(2, 10)):
                await fleet.wait_for(50, timeout_s=30)
                fill(small_disk / "filler")
                await silent(fleet)
                assert "full" in (database.writer.refusal or "")
                (small_disk / "filler").unlink()
                await fleet.wait_for(1, timeout_s=RESUME_S + PATIENCE_OF_STATIONS_S)
        await judge(house, fleet)
        assert (database.failure, database.writer.refusal) == (None, None)
    assert max(heart.took_s) < HEARTBEAT_S


def fill(path: Path) -> None:
    """Leave no room on the disk."""
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"x" * 4096)


async def silent(fleet: Fleet) -> None:
    """Return when nothing is acknowledged any more; the log may still have room that it had taken before."""
    async with asyncio.timeout(30):
        while True:
            before = fleet.acknowledged
            await asyncio.sleep(PATIENCE_OF_STATIONS_S)
            if fleet.acknowledged == before:
                return
