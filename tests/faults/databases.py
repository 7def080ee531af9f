"""A PostgreSQL server that is hurt: one of its backends killed, all of it killed, or stopped where it stands."""

import asyncio
import os
import random
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import asyncpg
import psutil

import postgresql

RECOVERY_S = 30.0


class Database:
    """A PostgreSQL server with flushes, of one test alone."""

    def __init__(self, server: postgresql.Server) -> None:
        self.server = server

    @property
    def dsn(self) -> str:
        return self.server.dsn("postgres")

    async def connect(self) -> asyncpg.Connection:
        return await asyncpg.connect(self.dsn)

    async def kill_backend(self, chance: random.Random) -> bool:
        """Kill one of the backends that serve us, whereupon PostgreSQL ends all and recovers; False if there is none."""
        connection = await self.connect()
        found = await connection.fetch(
            "SELECT pid FROM pg_stat_activity WHERE application_name = 'ingufu' ORDER BY pid"
        )
        await connection.close()
        if not found:
            return False
        os.kill(chance.choice(found)["pid"], signal.SIGKILL)
        return True

    async def returned(self) -> None:
        """Return when it accepts connections."""
        async with asyncio.timeout(RECOVERY_S):
            while True:
                try:
                    connection = await self.connect()
                except (asyncpg.PostgresError, OSError):
                    await asyncio.sleep(0.05)
                    continue
                with suppress(OSError):  # it went once more, as one of the last that did not know of the recovery
                    await connection.close()
                    return

    async def is_open(self) -> bool:
        """Return whether it lets anybody in."""
        try:
            await (await self.connect()).close()
        except (asyncpg.PostgresError, OSError):
            return False
        return True

    def kill(self) -> None:
        """Kill every process of it; `start` brings it back."""
        for process in self._processes():
            with suppress(psutil.NoSuchProcess):  # it noticed that another was gone
                process.kill()
        self.server.stop()

    def start(self) -> None:
        """Return when it accepts connections again, recovered."""
        self.server.start()

    def restart(self) -> None:
        """Return when it accepts connections again, whether or not it had ended."""
        with suppress(BrokenPipeError):  # it has ended by itself
            self.server.stop(signal.SIGQUIT)  # as it may be recovering, which a gentler stop waits for
        self.server.start()

    @property
    def folder(self) -> Path:
        """What it may read and write."""
        return self.server._folder

    def move(self, part: str, place: Path) -> None:
        """Have a part of its files, such as `pg_wal`, at another place. To be called before it is started."""
        stood = self.server._data / part
        shutil.copytree(stood, place)
        shutil.rmtree(stood)
        stood.symlink_to(place)
        user = self.server._user
        for path in [place, *place.rglob("*")]:
            if user is not None:
                os.chown(path, user.pw_uid, user.pw_gid)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Have it stand still during the block."""
        processes = self._processes()
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.suspend()
        try:
            yield
        finally:
            for process in processes:
                with suppress(psutil.NoSuchProcess):
                    process.resume()

    def _processes(self) -> list[psutil.Process]:
        keeper = self.server._keeper
        assert keeper is not None
        return psutil.Process(keeper.pid).children(recursive=True)


@contextmanager
def own_database(prepare: Callable[[Database], None] = lambda _: None) -> Iterator[Database]:
    """Run a server that is gone with the block; `prepare` is called before it starts.

    Skips the test where PostgreSQL is not installed.
    """
    server = postgresql.Server(postgresql.require_binaries(), is_safe=True)
    made = Database(server)
    try:
        prepare(made)
        server.start()
        yield made
    finally:
        server.close()
