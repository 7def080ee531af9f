"""A PostgreSQL server that is hurt: one of its backends killed, all of it killed, or stopped where it stands."""

import asyncio
import os
import random
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress

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

    def kill(self) -> None:
        """Kill every process of it; `start` brings it back."""
        for process in self._processes():
            with suppress(psutil.NoSuchProcess):  # it noticed that another was gone
                process.kill()
        self.server.stop()

    def start(self) -> None:
        """Return when it accepts connections again, recovered."""
        self.server.start()

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
def own_database() -> Iterator[Database]:
    """Run a server that is gone with the block. Skips the test where PostgreSQL is not installed."""
    with postgresql.Server(postgresql.require_binaries(), is_safe=True) as server:
        yield Database(server)
