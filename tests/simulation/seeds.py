"""One seed from its plan to the verdict: everything goes wrong for a while, then all must come to rest and be right."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from functools import partial
from typing import Any

import msgspec
import structlog

from ingufu.gateway import attendant, gateway, link
from ingufu.infra.storage import group_commit
from simulation import checks, operators
from simulation.client import Station
from simulation.disk import Disk
from simulation.loop import ComesToNoRestError
from simulation.patching import patched
from simulation.plan import Outage, Plan, draw
from simulation.server import Process, Server, prepare
from simulation.twin import Twin
from simulation.world import World

REST_S = 4 * 3600.0  # in which everything must have been told, once nothing goes wrong any more
SETTLE_S = 150.0  # for half-open connections to be noticed, greetings to be over, rows behind to be written
LOOK_S = 20.0
CLOGGED_S = 40.0  # the longest that a station does not read

# By module: bounds of the server that are set otherwise where a plan is tight.
_LOOKS = ((gateway, "ATTEMPTS_EVERY_S"), (attendant, "EVERY_S"))
_TIGHT = (
    (group_commit, "MAX_UNITS", 2),
    (group_commit, "BEHIND_PORTION", 2),
    (group_commit, "HELD_PORTION", 1),
    (group_commit, "MAX_BEHIND", 20),
    (link, "REMEMBERED_STATIONS", 4),
)


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a seed."""

    seed: int
    wrongs: tuple[str, ...]
    digest: str
    lasted_s: float  # virtual
    stations: int
    messages: int  # acknowledged
    crashes: int
    trace: tuple[str, ...]
    counts: dict[str, int]  # what happened, and how often

    @property
    def is_right(self) -> bool:
        return not self.wrongs


def run(seed: int, *, traces: bool = False) -> Report:
    """Return what comes of a seed; the same every time."""
    return run_plan(draw(seed), traces=traces)


def run_plan(plan: Plan, *, traces: bool = False) -> Report:
    """Return what comes of a plan. With `traces` the report tells everything that happened; failures always do."""
    world = World(plan)
    with _surroundings(world), closing(Disk(world)) as disk:
        simulation = _Simulation(world, disk)
        try:
            world.loop.run(simulation.run())
        except ComesToNoRestError as error:
            world.wrong(str(error))
        world.wrongs.extend(world.loop.failures)
    is_told = traces or world.wrongs
    return Report(
        seed=plan.seed,
        wrongs=tuple(dict.fromkeys(world.wrongs)),
        digest=world.trace.digest() if is_told else "",
        lasted_s=world.loop.time(),
        stations=len(plan.stations),
        messages=sum(one.acknowledged for one in simulation.stations),
        crashes=simulation.server.crashes,
        trace=tuple(world.trace.lines()) if is_told else (),
        counts=world.counts,
    )


class _Simulation:
    """The course of one seed."""

    def __init__(self, world: World, disk: Disk) -> None:
        self.world = world
        self.disk = disk
        self.server = Server(world, disk)
        self.stations = [Station(world, self.server, plan) for plan in world.plan.stations]

    async def run(self) -> None:
        world = self.world
        office = Process(world, self.disk, "office")
        await world.loop.spawn(office.owner, prepare(world, office))
        await self.server.start()
        self._plan_faults(office)
        for station in self.stations:
            world.count(f"a station's clock was {station.plan.clock}")
            station.meters.start()
            station.power_on()
        await asyncio.sleep(world.plan.lasts_s)
        await self._calm_down()
        if await self._has_come_to_rest():
            await asyncio.sleep(SETTLE_S)
            await self._be_quiet()
            checks.check_running(world, self.server, self.disk, self.stations)
        await self._end()
        world.counts["another than the first was run"] += world.loop.turns
        checks.check_stored(world, self.server, self.disk, self.stations)

    async def _calm_down(self) -> None:
        """Let nothing go wrong from here on."""
        world = self.world
        world.is_calm = True
        world.trace.note("world", "CALM")
        self.disk.kind = "well"
        world.trouble(30.0)
        while self.server.running is None or self.server.running.engine.failure is not None:  # it is started anew soon
            await asyncio.sleep(LOOK_S)

    async def _has_come_to_rest(self) -> bool:
        until_s = self.world.loop.time() + REST_S
        while not all(station.is_at_rest for station in self.stations):
            if self.world.loop.failures or self.world.loop.time() > until_s:
                for station in self.stations:
                    if not station.is_at_rest:
                        self.world.wrong(f"{station.plan.identity} came to no rest: {station.state()}")
                return False
            await asyncio.sleep(LOOK_S)
        return True

    async def _be_quiet(self) -> None:
        """Wait a little for what the server does by itself from time to time."""
        for _ in range(5):
            if self.server.running is None or not checks.stirrings(self.server.running):
                return
            await asyncio.sleep(3.0)

    async def _end(self) -> None:
        """End the server, before its stations or after them."""
        if self.world.dice("end").random() < 0.5:
            for station in self.stations:
                station.switch_off()
            await asyncio.sleep(30.0)
            await self._be_quiet()
            checks.check_released(self.world, self.server, self.disk)
        await self.server.stop()
        for station in self.stations:
            station.switch_off()

    def _plan_faults(self, office: Process) -> None:
        world, plan, at = self.world, self.world.plan, self._at
        for at_s in plan.crashes:
            at(at_s, partial(self.server.crash, "planned"))
        for at_s in plan.restarts:
            at(at_s, lambda: self._begin(self.server.restart()))
        for outage in plan.outages:
            at(outage.at_s, partial(self._suffer, outage))
        for at_s, offset_s in plan.jumps:
            at(at_s, partial(operators.jump, world, offset_s))
        for at_s in plan.commands:
            at(at_s, partial(operators.command, world, self.server, self.stations))
        for at_s in plan.meddlings:
            at(at_s, lambda: world.loop.spawn(office.owner, operators.meddle(world, office, self.disk)))
        for station in self.stations:
            self._plan_faults_of(station)

    def _plan_faults_of(self, station: Station) -> None:
        for at_s in station.plan.power_losses:
            self._at(at_s, station.lose_power)
        for at_s in station.plan.second_lines:
            self._at(at_s, station.second_line)
        for at_s in station.plan.twins:
            self._at(at_s, Twin(self.world, self.server, station.plan).call)
        for at_s in station.plan.clogs:
            self._at(at_s, partial(operators.clog, self.world, station, at_s % CLOGGED_S))
        for at_s in station.plan.bursts:
            self._at(at_s, station.burst)

    def _suffer(self, outage: Outage) -> None:
        self._begin(operators.suffer(self.world, self.server, self.disk, outage))

    def _at(self, at_s: float, do: Callable[[], object]) -> None:
        self.world.loop.at_for(self.world.loop.world, at_s, do)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        self.world.loop.spawn(self.world.loop.world, work)


def _counted(world: World) -> AbstractContextManager[None]:
    """Count the messages that take the short way through the server."""
    before = group_commit.GroupCommit.submit_for

    def submit_for(self: group_commit.GroupCommit, waiter: Any) -> bool:
        world.count("a message took the short way")
        return before(self, waiter)

    return patched(group_commit.GroupCommit, "submit_for", submit_for)


@contextmanager
def _surroundings(world: World) -> Iterator[None]:
    """Let what the server logs be judged, and nothing be printed."""
    before = structlog.get_config()
    structlog.configure(
        processors=[checks.Ears(world)],
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.ReturnLoggerFactory(),
        cache_logger_on_first_use=False,
    )
    try:
        with ExitStack() as bounds:
            looks = ((module, name, world.plan.looks_s) for module, name in _LOOKS)
            for module, name, value in (*looks, *(_TIGHT if world.plan.is_tight else ())):
                bounds.enter_context(patched(module, name, value))
            bounds.enter_context(_counted(world))
            yield
    finally:
        structlog.configure(**before)
