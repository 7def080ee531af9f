"""F3, F4: the database goes away and comes back, the disk is full: nothing is acknowledged that is not stored."""

import asyncio
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from app.processes import Server as Program
from faults.campaign import compare
from faults.databases import Database as Server
from faults.databases import own_database
from faults.fleet import Fleet, register
from faults.gateways import Heart, charging, gateway, judge, wired
from faults.house import house
from faults.length import ENGINES, PATIENCE_S, alone, by_length, long, within
from faults.stations import Habits
from ingufu.infra.storage.migrate import migrate
from ingufu.infra.storage.opening import open_database
from ingufu.infra.storage.targets import StorageUrl
from running import Running

STATIONS = 10
ABSENCE_S = by_length(1.5, 60.0)
RESUME_S = 5.0  # F3: after the return, beyond the patience of stations
PATIENCE_OF_STATIONS_S = 1.0
HEARTBEAT_S = 1.0
BEATS = 25  # heartbeats answered while nothing else is
DISK_MB = 64  # the log of SQLite may take half of it
ROUNDS = by_length(1, 3)

pytestmark = [alone, pytest.mark.timeout(600)]


class Trial:
    """A gateway on a database under fault, stations that charge, and one that only says heartbeats."""

    def __init__(self, house: Running, fleet: Fleet, heart: Heart) -> None:
        self.house = house
        self.fleet = fleet
        self.heart = heart
        self.resumed_s: list[float] = []

    async def is_silent(self, *, rest_s: float = 0.0) -> None:
        """Show that heartbeats are answered and nothing is acknowledged, for `rest_s` at least."""
        await self.heart.beats(5)  # what was under way has been answered by then
        before = self.fleet.acknowledged
        await self.heart.beats(BEATS)
        await asyncio.sleep(rest_s)
        assert self.fleet.acknowledged == before

    async def refuses(self, reason: str, *, meanwhile: Callable[[], Awaitable[None]] | None = None) -> None:
        """Return when nothing can be written, for this reason."""
        writer = self.house.services.database.writer
        async with asyncio.timeout(PATIENCE_S):
            while writer.refusal is None or reason not in writer.refusal:
                if meanwhile is not None:
                    await meanwhile()
                await asyncio.sleep(0.02)

    async def resumes(self) -> None:
        """Return when messages are acknowledged again."""
        began = asyncio.get_running_loop().time()
        await self.fleet.wait_for(1, timeout_s=PATIENCE_S)
        self.resumed_s.append(asyncio.get_running_loop().time() - began)


@asynccontextmanager
async def trial(url: StorageUrl, seed: int) -> AsyncIterator[Trial]:
    """Have stations charge during the block, then judge what is stored, and how long they waited."""
    await migrate(url)
    database = await open_database(url)
    try:
        async with gateway(database, STATIONS + 1) as house:
            habits = Habits(patience_s=PATIENCE_OF_STATIONS_S)
            fleet, heart = Fleet(house.url().rstrip("/"), STATIONS, seed=seed, habits=habits), Heart(STATIONS)
            made = Trial(house, fleet, heart)
            async with charging(fleet), heart.beating(house.url().rstrip("/")):
                await fleet.wait_for(50, timeout_s=PATIENCE_S)
                yield made
                await fleet.wait_for(50, timeout_s=PATIENCE_S)
            await judge(house, fleet)
            assert (database.failure, database.writer.refusal) == (None, None)
        assert within(sorted(heart.took_s)[int(len(heart.took_s) * 0.99)], HEARTBEAT_S)
        assert within(max(made.resumed_s), RESUME_S + PATIENCE_OF_STATIONS_S)
    finally:
        await database.close()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with own_database() as server:
        yield server


@asynccontextmanager
async def stopped(server: Server, how: signal.Signals) -> AsyncIterator[None]:
    await asyncio.to_thread(server.server.stop, how)
    yield
    await asyncio.to_thread(server.start)


@asynccontextmanager
async def frozen(server: Server, _: signal.Signals) -> AsyncIterator[None]:
    with server.frozen():
        yield


AWAY = {
    "fast": (stopped, signal.SIGINT, 0.0),
    "immediate": (stopped, signal.SIGQUIT, 0.0),
    "absent": (stopped, signal.SIGINT, ABSENCE_S),
    "frozen": (frozen, signal.SIGSTOP, ABSENCE_S),
}


@pytest.mark.parametrize("how", ["fast", "immediate", pytest.param("absent", marks=long), "frozen"])
async def test_f3_postgresql_that_goes_and_comes_back_is_waited_for(server: Server, how: str):
    """Criterion: no acknowledgement without commit, silence instead of errors, heartbeats answered from memory, resumed
    5 s after the return, no deadlock in the pool of connections.
    """
    away, number, absence_s = AWAY[how]
    connection = await server.connect()
    await connection.execute(f"CREATE DATABASE f3_{how}")
    await connection.close()
    async with trial(StorageUrl(dsn=server.server.dsn(f"f3_{how}")), 61) as made:
        for _ in range(1 if absence_s else ROUNDS):
            async with away(server, number):
                await made.is_silent(rest_s=absence_s)
            await made.resumes()
        assert absence_s == 0.0 or sum(notebook.timeouts for notebook in made.fleet.notebooks) > 0


async def test_f3_an_sqlite_file_that_another_program_writes_to_is_waited_for(tmp_path: Path):
    """Criterion: as above, while the lock to write is held by a program that knows nothing of us."""
    async with trial(StorageUrl(path=tmp_path / "ingufu.sqlite"), 64) as made:
        path = tmp_path / "ingufu.sqlite"
        other = sqlite3.connect(path, isolation_level=None, timeout=PATIENCE_S, check_same_thread=False)
        await asyncio.to_thread(other.execute, "BEGIN IMMEDIATE")
        await made.is_silent(rest_s=ABSENCE_S)
        other.execute("ROLLBACK")
        other.close()
        await made.resumes()


@contextmanager
def small_disk() -> Iterator[Path]:
    """Mount a small disk that everybody may use. Skips the test where that is not allowed."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root may mount a small disk")
    place = Path(tempfile.mkdtemp(prefix="ingufu-small-"))
    place.chmod(0o755)
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m,mode=755", "tmpfs", str(place)]
    mounted = subprocess.run(command, check=False, capture_output=True)
    try:
        if mounted.returncode != 0:
            pytest.skip(f"no small disk can be mounted here: {mounted.stderr.decode().strip()}")
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=False, capture_output=True)
        place.rmdir()


def fill(path: Path) -> None:
    """Leave no room on the disk."""
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"x" * 4096)


async def test_f4_a_full_disk_silences_transactions_until_there_is_room(tmp_path: Path):
    """Criterion: acknowledging stops before there is damage, stations are never told no, the cause is shown, all goes on
    by itself.
    """
    with small_disk() as disk:
        async with trial(StorageUrl(path=disk / "ingufu.sqlite"), 62) as made:
            for _ in range(ROUNDS):
                fill(disk / "filler")
                await made.refuses("full")
                await made.is_silent()
                (disk / "filler").unlink()
                await made.resumes()


@pytest.mark.parametrize("part", ["base", pytest.param("pg_wal", marks=long)])
async def test_f4_a_full_disk_of_postgresql_silences_transactions_until_there_is_room(part: str):
    """Criterion: as above, for its data and its log separately; without room for its log, PostgreSQL itself ends."""
    with small_disk() as disk, ExitStack() as stack:
        server = stack.enter_context(own_database(lambda server: server.move(part, disk / part)))
        async with trial(StorageUrl(dsn=server.dsn), 65) as made:
            for _ in range(ROUNDS):
                fill(disk / "filler")
                await made.refuses("", meanwhile=partial(switch_log, server) if part == "pg_wal" else None)
                await made.heart.beats(BEATS)  # what finds room where it belongs is still acknowledged, and stored
                (disk / "filler").unlink()
                if part == "pg_wal":
                    await asyncio.to_thread(server.restart)
                await made.resumes()


async def switch_log(server: Server) -> None:
    """Have it begin a new file of its log; at some time there is no room for another."""
    with suppress(asyncpg.PostgresError, OSError):
        connection = await server.connect()
        try:
            await connection.execute("SELECT pg_switch_wal()")
        finally:
            connection.terminate()


@pytest.mark.parametrize("storage", ENGINES)
async def test_f4_a_log_that_cannot_be_written_stops_no_transaction(tmp_path: Path, storage: str):
    """Criterion: logs alone never stop transactions, nor anything else: every line of it meets a full disk."""
    with ExitStack() as stack:
        url = stack.enter_context(own_database()).dsn if storage == "postgresql" else ""
        async with house(tmp_path / "data", database=url, INGUFU_LOG_LEVEL="debug") as home:
            await register(home.storage, STATIONS + 1)
            fleet = Fleet(home.url, STATIONS, seed=66)
            home.program = Mute
            await home.start()
            fleet.start()
            try:
                await fleet.wait_for(100, timeout_s=PATIENCE_S)
                async with wired(home.url, STATIONS) as wire:  # each of these is worth a line
                    answer = await wire.call("StatusNotification", {}, timeout_s=PATIENCE_S)
                    assert answer[0] == 4
                    answer = await wire.call("StopTransaction", {"transactionId": "x"}, timeout_s=PATIENCE_S)
                    assert answer[0] == 3
                    async with wired(home.url, STATIONS):
                        await wire.ended
                await fleet.finish(timeout_s=PATIENCE_S)
            finally:
                await fleet.stop()
            assert await home.stop() == 0
            assert await compare(home, fleet) == []


class Mute(Program):
    """A server whose log goes to a full disk."""

    def _launch(self, arguments: list[str], environment: dict[str, str]) -> Any:
        script = 'exec "$@" 2> /dev/full'
        return subprocess.Popen(
            ["/bin/sh", "-c", script, "sh", sys.executable, "-m", "ingufu", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            start_new_session=True,
        )
