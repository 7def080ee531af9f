"""A server that is killed again and again under load, and the stations' record of it compared at the end.

`python -m faults.campaign '{"kills": 25, "seed": 1}'` runs one campaign and prints its outcome as JSON.
"""

import asyncio
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import msgspec
import uvloop

from faults import ledger
from faults.databases import Database, own_database
from faults.disk import Disk
from faults.fleet import Fleet, register
from faults.house import House, house
from faults.ledger import WRONG, Finding
from faults.nursery import PLANT
from faults.stations import Habits
from ingufu.infra.storage.opening import open_database

PATIENCE_S = 120.0
PATIENCE_OF_STATIONS_S = 2.0  # for an answer; what was not answered is sent again then
STARTUP_S = 1.0  # about what a start takes: some kills come within
LONGEST_S = 1.2  # between two kills
COLD = 0.1  # of the servers are started as an operator does, with their console; the others come from a nursery
CALLS = 2000  # writes and flushes within which the power goes
WAYS = {"sqlite": ("kill", "power", "call"), "postgresql": ("kill", "backend", "database", "everything")}


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What to do, and how to die, each time under load.

    `kill`: the server with all its processes, at a random moment. On SQLite, `power`: the same, and what was not
    flushed is lost; `call`: the same in the middle of a random write or flush. On PostgreSQL, `backend`: one of its
    processes, while our server lives on; `database`: all of them, while our server lives on; `everything`: both.
    """

    kills: int
    seed: int
    stations: int = 16
    engine: str = "sqlite"
    ways: tuple[str, ...] = ()  # none: all of the engine's, by turns
    pace_s: float = 0.06
    settles: bool = False  # all stations are back before the next death; else many deaths may pass for one of them
    plant: str = ""  # a fault of `simulation.faults` in the server: the records must differ
    lies: bool = False  # flushes do not happen, and the records are compared after the last kill: a planted fault


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it. `findings` is empty if nothing was lost, nothing is double, and every bill is right."""

    seed: int
    engine: str
    kills: dict[str, int]
    acknowledged: int
    repeated: int
    transactions: int
    unflushed: int  # writes that power cuts took away
    took_s: float
    ready_s: float  # the longest start
    first_boot_s: float  # the longest time from the start of the process to the first answered boot
    back_s: tuple[float, float]  # from a lost connection to the answer to the next boot: p99 and longest
    resumed_s: float  # longest wait for the next acknowledgement after the database was back
    findings: list[Finding]

    def count(self, kind: str) -> int:
        """Return how many findings are of this kind."""
        return sum(finding.kind == kind for finding in self.findings)


async def run(plan: Plan, folder: Path) -> Outcome:
    """Run one campaign in `folder`."""
    with ExitStack() as stack:
        database = stack.enter_context(own_database()) if plan.engine == "postgresql" else None
        async with house(folder / "data", database=database.dsn if database else "") as home:
            await register(home.storage, plan.stations)
            fleet = Fleet(
                home.url,
                plan.stations,
                seed=plan.seed,
                habits=Habits(pace_s=plan.pace_s, patience_s=PATIENCE_OF_STATIONS_S),
            )
            below = Disk(home.data, folder) if database is None else database
            if isinstance(below, Disk):
                home.environment |= below.environment()
            stack.enter_context(home.open_nursery())
            if plan.plant:
                home.environment[PLANT] = plan.plant
            return await _run(plan, home, fleet, Deaths(plan, home, fleet, below))


async def _run(plan: Plan, home: House, fleet: Fleet, deaths: "Deaths") -> Outcome:
    ways = plan.ways or WAYS[plan.engine]
    fleet.start()
    try:
        for number in range(plan.kills):
            await deaths.die(ways[number % len(ways)])
        if plan.lies:
            await fleet.stop()  # or they would tell again what is missing
            await home.start()
            await home.stop()
            return _outcome(plan, home, fleet, deaths, ledger.find_missing(await read(home), fleet.notebooks))
        if home.server is None:
            await home.start()
        try:
            await fleet.finish(timeout_s=PATIENCE_S + plan.stations)
        except TimeoutError:
            said = f"{sum(station.waiting for station in fleet.stations)} messages were never acknowledged"
            return _outcome(plan, home, fleet, deaths, [Finding(WRONG, said)])
    finally:
        await fleet.stop()
    code = await home.stop()
    findings = [] if code == 0 else [Finding(WRONG, f"the last server ended with {code}: {home.logged[-5:]}")]
    return _outcome(plan, home, fleet, deaths, findings + await compare(home, fleet))


def _outcome(plan: Plan, home: House, fleet: Fleet, deaths: "Deaths", findings: list[Finding]) -> Outcome:
    back_s = sorted(time for notebook in fleet.notebooks for time in notebook.back_s) or [0.0]
    return Outcome(
        seed=plan.seed,
        engine=plan.engine,
        kills=dict(deaths.counts),
        acknowledged=fleet.acknowledged,
        repeated=sum(notebook.repeated for notebook in fleet.notebooks),
        transactions=sum(len(notebook.charges) for notebook in fleet.notebooks),
        unflushed=deaths.unflushed,
        took_s=round(time.monotonic() - deaths.began_at, 1),
        ready_s=round(max(home.ready_s), 2),
        first_boot_s=round(deaths.first_boot_s, 2),
        back_s=(round(back_s[int(len(back_s) * 0.99)], 2), round(back_s[-1], 2)),
        resumed_s=round(deaths.resumed_s, 2),
        findings=findings,
    )


async def compare(home: House, fleet: Fleet) -> list[Finding]:
    """Return what differs between the stations' record and the database."""
    return ledger.compare(await read(home), fleet.notebooks)


async def read(home: House) -> ledger.Books:
    """Return what the database holds."""
    database = await open_database(home.storage)
    try:
        return await ledger.read_books(database)
    finally:
        await database.close()


class Deaths:
    """Kills the server or its database in many ways."""

    def __init__(self, plan: Plan, home: House, fleet: Fleet, below: Disk | Database) -> None:
        self._plan = plan
        self._home = home
        self._fleet = fleet
        self._below = below
        self._chance = random.Random(plan.seed)
        self.counts: Counter[str] = Counter()
        self.unflushed = 0
        self.resumed_s = 0.0
        self.first_boot_s = 0.0
        self.began_at = time.monotonic()

    async def die(self, way: str) -> None:
        """Have the server run, and kill it at some moment."""
        if isinstance(self._below, Disk):
            await self._die_on(self._below, way)
        else:
            await self._die_with(self._below, way)
        self.counts[way] += 1

    # On SQLite

    async def _die_on(self, disk: Disk, way: str) -> None:
        cut_at = int(CALLS ** self._chance.random()) if way == "call" else None
        self._home.environment |= disk.environment(cut_at=cut_at, lies=self._plan.lies)
        if way == "call":
            self._home.launch(is_cold=self._is_cold())
            await self._await_death()
        else:
            await self._live()
        await self._home.kill()
        if way == "kill":
            disk.forget()
        else:
            self.unflushed += disk.cut_power(None if self._plan.lies else self._chance)
        self._home.environment |= disk.environment()

    async def _live(self) -> None:
        """Let the server run until a random moment; for some that is before it is ready."""
        if self._home.server is None and self._chance.random() < 0.15:
            self._home.launch(is_cold=self._is_cold())
            await asyncio.sleep(self._chance.uniform(0.0, STARTUP_S))
            return
        if self._home.server is None:
            await self._start()
        await self._fleet.wait_for(1, timeout_s=PATIENCE_S)
        async with asyncio.timeout(PATIENCE_S):
            while self._plan.settles and self._fleet.online < self._plan.stations:
                await asyncio.sleep(0.05)
        await asyncio.sleep(self._chance.uniform(0.0, LONGEST_S))

    def _is_cold(self) -> bool:
        return self._chance.random() < COLD and not self._plan.plant

    async def _start(self) -> None:
        """Start a server, and note how long it takes until the first boot is answered."""
        began, boots = time.monotonic(), self._fleet.boots
        await self._home.start(is_cold=self._is_cold())
        async with asyncio.timeout(PATIENCE_S):
            while self._fleet.boots == boots:
                await asyncio.sleep(0.02)
        self.first_boot_s = max(self.first_boot_s, time.monotonic() - began)

    async def _await_death(self) -> None:
        """Wait for the write in which the server dies; if it never comes, the server dies of our patience."""
        assert self._home.server is not None
        process, loop = self._home.server.process, asyncio.get_running_loop()
        until = loop.time() + STARTUP_S + 2 * LONGEST_S
        while process.poll() is None and loop.time() < until:
            await asyncio.sleep(0.02)

    # On PostgreSQL

    async def _die_with(self, database: Database, way: str) -> None:
        if way != "kill" and self._home.server is None:
            await self._start()
        await self._live()
        if way in {"kill", "everything"}:
            await self._home.kill()
        if way == "backend":
            await database.kill_backend(self._chance)
            await database.returned()
        elif way != "kill":
            await asyncio.to_thread(database.kill)
            await asyncio.sleep(self._chance.uniform(0.0, 0.5))
            await asyncio.to_thread(database.start)
        if way in {"backend", "database"}:
            began = asyncio.get_running_loop().time()
            await self._fleet.wait_for(1, timeout_s=PATIENCE_S)
            self.resumed_s = max(self.resumed_s, asyncio.get_running_loop().time() - began)


async def until_told(plan: Plan, folder: Path) -> Outcome:
    """Run the campaign; SIGTERM ends it with all that it has started."""
    task = asyncio.create_task(run(plan, folder))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await task


def main() -> None:
    plan = msgspec.json.decode(sys.argv[1], type=Plan)
    with tempfile.TemporaryDirectory(prefix="ingufu-faults-") as folder:
        outcome = uvloop.run(until_told(plan, Path(folder)))
    sys.stdout.buffer.write(msgspec.json.encode(outcome) + b"\n")


if __name__ == "__main__":
    main()
