"""Many stations together, and the database with them in it before the server starts."""

import asyncio
from collections.abc import Sequence
from tempfile import TemporaryDirectory

from faults.notebook import Notebook
from faults.stations import Habits, Station
from ingufu.app import parts
from ingufu.app.settings import Settings
from ingufu.authorization.model import TokenDetails
from ingufu.core.clock import SystemClock
from ingufu.core.ids import IdMaker
from ingufu.infra.storage.migrate import migrate
from ingufu.infra.storage.opening import open_database
from ingufu.infra.storage.targets import StorageUrl

TOKENS = 20
BATCH = 500
VERSIONS = ("1.6", "2.0.1", "1.6", "2.1")


def identity(number: int) -> str:
    return f"FS{number:05d}"


async def register(url: StorageUrl, count: int) -> None:
    """Make the database, with `count` stations that need no password, and the tokens that they present."""
    await migrate(url)
    database = await open_database(url)
    clock = SystemClock()
    folder = TemporaryDirectory()
    services = parts.services_of(Settings(data=folder.name), database, clock, IdMaker(clock))
    try:
        async with database.work() as work:
            operator = await services.accounts.ensure_operator(work, "Operator")
        for start in range(0, count, BATCH):
            async with database.work() as work:
                for number in range(start, min(start + BATCH, count)):
                    await services.stations.create(work, identity(number), security_profile=0, is_silent=True)
        async with database.work() as work:
            for number in range(TOKENS):
                details = TokenDetails(value=f"T{number}", concurrent_limit=None)
                await services.authorization.put_token(work, details, organisation_id=operator.id)
    finally:
        await database.close()
        folder.cleanup()


class Fleet:
    """Stations that charge and talk, half of them in 1.6, the others in 2.0.1 and 2.1."""

    def __init__(self, url: str, count: int, *, seed: int, habits: Habits | None = None) -> None:
        habits = habits or Habits()
        self.stations = [
            Station(url, identity(number), VERSIONS[number % len(VERSIONS)], habits, seed * 100_003 + number)
            for number in range(count)
        ]
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def notebooks(self) -> Sequence[Notebook]:
        return [station.notebook for station in self.stations]

    @property
    def acknowledged(self) -> int:
        return sum(notebook.acknowledged for notebook in self.notebooks)

    @property
    def boots(self) -> int:
        return sum(notebook.boots for notebook in self.notebooks)

    @property
    def online(self) -> int:
        return sum(station.wire is not None and station.wire.is_open for station in self.stations)

    def start(self) -> None:
        self._tasks = [asyncio.create_task(station.run()) for station in self.stations]

    async def wait_for(self, more: int, *, timeout_s: float) -> None:
        """Return when `more` messages were acknowledged from now on. Raises TimeoutError."""
        until = self.acknowledged + more
        async with asyncio.timeout(timeout_s):
            while self.acknowledged < until:
                self._check()
                await asyncio.sleep(0.02)

    async def finish(self, *, timeout_s: float) -> None:
        """Have every station end its transactions and deliver everything. Raises TimeoutError."""
        for station in self.stations:
            station.end()
        async with asyncio.timeout(timeout_s):
            await asyncio.gather(*self._tasks)

    async def stop(self) -> None:
        """End everything at once."""
        while running := [task for task in self._tasks if not task.done()]:
            for task in running:
                task.cancel()
            await asyncio.wait(running, timeout=1.0)

    def _check(self) -> None:
        """Raise what a station failed with."""
        for task in self._tasks:
            if task.done() and not task.cancelled() and (error := task.exception()) is not None:
                raise error
