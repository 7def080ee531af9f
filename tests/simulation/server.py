"""The real server in the simulation: gateway, peer, domain and storage seam, one incarnation after the other."""

import asyncio
import base64

import msgspec

from ingufu.app.compose import gateway_rules
from ingufu.app.parts import publish_events, services_of
from ingufu.app.settings import OcppSettings, Settings
from ingufu.authorization.model import TokenDetails
from ingufu.core.errors import IngufuError
from ingufu.core.ids import IdMaker
from ingufu.gateway.gateway import Gateway
from ingufu.gateway.link import Connections
from ingufu.gateway.websocket import Accept, CloseCode, Header, UpgradeRequest
from ingufu.infra.bus.memory import MemoryBus
from ingufu.infra.storage.database import Database
from ingufu.services import Services
from ingufu.stations.quirks.model import Effects
from simulation.conversation import Answered, Conversation
from simulation.disk import STATEMENTS, Disk, SimulatedEngine
from simulation.loop import Owner
from simulation.network import Line, ServerEnd, StationEnd
from simulation.world import EPOCH, ServerClock, World

SETTINGS = Settings(ocpp=OcppSettings(drain_s=2.0))
_EFFECTS: dict[tuple[object, ...], Effects] = {}  # what quirks amount to by model: to find it out is worth a message
END_LOOK_S = 0.1  # while sockets end
PASSWORD = "correct-horse-battery"


class Process:
    """A process with the services in it: the gateway's, or the one of console and API."""

    def __init__(self, world: World, disk: Disk, name: str) -> None:
        self.owner = Owner(name)
        world.loop.owner, was = self.owner, world.loop.owner
        plan = world.plan
        clock = ServerClock(world)
        self.ids = IdMaker(clock, world.dice(f"ids/{name}").randbytes)
        self.engine = SimulatedEngine(disk, read_s=plan.read_s, commit_s=plan.commit_s)
        self.database = Database(self.engine, STATEMENTS)
        self.services: Services = services_of(SETTINGS, self.database, clock, self.ids)
        self.services.stations.quirks._effects = _EFFECTS
        self.bus = MemoryBus()
        publish_events(self.database, self.bus)
        world.loop.owner = was


class Incarnation(Process):
    """The gateway's process, from its start to its end."""

    def __init__(self, world: World, disk: Disk, number: int) -> None:
        super().__init__(world, disk, f"server{number}")
        self.engine.defers = world.plan.defers
        self.lines: list[Line] = []
        self.is_listening = False
        chance = world.dice(f"uniform/{number}")
        connections = Connections(self.services.stations, self.ids)
        rules = msgspec.structs.replace(gateway_rules(SETTINGS.ocpp), provisioning_round_s=world.plan.looks_s)
        self.gateway = Gateway(self.services, connections, rules, uniform=chance.random)
        if not world.plan.keeps_frames:
            self.gateway._frames.add = _keep_no_frame  # type: ignore[assignment]

    async def begin(self) -> None:
        """Open storage and let stations in."""
        await self.database.open()
        await self.gateway.start(())
        assert self.gateway._server is not None
        self.gateway._server.stop = self._end_sockets  # type: ignore[method-assign]  # its own has no sockets here

    async def end(self) -> None:
        """Stop gently."""
        await self.gateway.stop()
        await self.database.close()

    async def _end_sockets(self, *, spread_s: float, deadline_s: float, reason: str = "going away") -> None:
        """Do as the WebSocket server does: close all, and abort those whose station has not answered in time."""
        del spread_s
        ends = [line.server for line in self.lines if line.server is not None]
        for one in ends:
            one.close(CloseCode.GOING_AWAY, reason)
        loop = asyncio.get_running_loop()
        until = loop.time() + deadline_s
        while any(not one.is_ended for one in ends) and loop.time() < until:
            await asyncio.sleep(END_LOOK_S)
        for one in ends:
            one.abort("not closed in time")
        await asyncio.sleep(0)


class Server:
    """Starts incarnations, ends them in every way there is, and lets stations in."""

    def __init__(self, world: World, disk: Disk) -> None:
        self.world = world
        self.disk = disk
        self.running: Incarnation | None = None
        self.incarnations = 0
        self.crashes = 0
        self.answered = {  # by identity
            one.identity: Answered(is_forgetful=world.plan.is_tight) for one in world.plan.stations
        }
        self._chance = world.dice("server")
        disk.around_commit = self._around_commit

    # Beginning and end

    async def start(self) -> None:
        """Start the next incarnation on what the disk holds, as often as it takes."""
        while self.running is None:
            self.incarnations += 1
            incarnation = Incarnation(self.world, self.disk, self.incarnations)
            self.world.trace.note("server", "starts", self.incarnations)
            try:
                await self.world.loop.spawn(incarnation.owner, incarnation.begin())
            except IngufuError as error:
                self.world.trace.note("server", "fails", error)
                self.world.trouble(self.world.plan.down_s)
                self.world.loop.kill(incarnation.owner)
                await self._away()
                continue
            incarnation.is_listening = True
            self.running = incarnation

    def crash(self, why: str) -> None:
        """Kill the running incarnation where it stands, and start another one after a while."""
        killed, self.running = self.running, None
        if killed is None:
            return
        self.crashes += 1
        self.world.trace.note("server", "CRASH", why)
        self.world.count("the server crashed")
        self.world.counts["rows lagged when the server crashed"] += bool(killed.database.writer.lagging)
        if killed.engine.stage:
            self.world.count(f"the server crashed {killed.engine.stage} a commit was durable")
        self._is_gone(killed)
        self.world.loop.spawn(self.world.loop.world, self._start_again())

    async def restart(self) -> None:
        """Stop gently, as a signal makes it, and start again."""
        if await self.stop():
            await self._start_again()

    async def stop(self) -> Incarnation | None:
        """Stop gently; return what was stopped, all its promises kept."""
        stopped, self.running = self.running, None
        if stopped is None:
            return None
        self.world.trace.note("server", "stops")
        self.world.count("the server stopped gently")
        stopped.owner.is_ending = True
        self.world.trouble(30.0)
        await self.world.loop.spawn(stopped.owner, stopped.end())
        while self.world.loop.has_ready(stopped.owner):  # what is called back when the last task has ended
            await asyncio.sleep(0)
        self._check_ended(stopped)
        self._is_gone(stopped)
        return stopped

    def _is_gone(self, gone: Incarnation) -> None:
        self.world.trouble(self.world.plan.down_s + 1.0)
        self.world.loop.kill(gone.owner)
        for line in gone.lines:
            line.cut(station_notices_s=self._chance.choice((0.01, 0.01, 20.0, None)))

    async def _start_again(self) -> None:
        await self._away()
        await self.start()

    async def _away(self) -> None:
        sleep = self.world.loop.create_future()
        self.world.loop.call_later(self.world.plan.down_s, sleep.set_result, None)
        await sleep

    def _check_ended(self, stopped: Incarnation) -> None:
        """A server that has ended gently leaves nothing running, waiting or planned behind."""
        wrong = self.world.wrong
        for task in stopped.owner.unfinished:
            wrong(f"The stopped server left a task behind: {task.get_coro()!r}")
        for event in self.world.loop.planned(stopped.owner):
            if not isinstance(getattr(event.callback, "__self__", None), Line | ServerEnd):
                wrong(f"The stopped server left a timer behind: {event.callback!r}")
        if stopped.database.writer.backlog:
            wrong("The stopped server left units of work behind.")
        is_storage_well = self.world.storage_until_s < self.world.loop.time()  # else what hangs is given up
        if len(stopped.gateway.connections) and is_storage_well:
            wrong(f"The stopped server left {len(stopped.gateway.connections)} connections behind.")

    # Crashes around commits

    def _around_commit(self, lasts_s: float, puts_off: bool) -> None:
        plan = self.world.plan
        if self.disk.kind != "well":
            self.world.trouble(lasts_s)
        if self.world.is_calm or self.crashes >= plan.most_crashes or self._chance.random() >= plan.crash_chance:
            return
        if plan.spares_others and not puts_off:
            return
        at_s = self.world.loop.time() + self._chance.random() * (lasts_s * 1.5 + 0.02)
        self.world.loop.at_for(self.world.loop.world, at_s, self.crash, "around a commit")

    # Stations come in

    def admit(self, line: Line, station: StationEnd, identity: str, version: str) -> None:
        """Let a station knock; it hears of the decision through `opened` or `refused`."""
        running = self.running
        if running is None or not running.is_listening:
            return
        running.lines.append(line)
        if len(running.lines) > 50:
            running.lines = [one for one in running.lines if not one.is_cut]
        self.world.loop.spawn(running.owner, self._admit(running, line, station, _request(identity, version)))

    async def _admit(self, running: Incarnation, line: Line, station: StationEnd, request: UpgradeRequest) -> None:
        decision = await running.gateway._admission.decide(request)
        if line.is_cut:
            return
        if not isinstance(decision, Accept):
            self.world.trace.note(line.name, "refused", decision.status)
            return
        identity = request.segments[-1]
        conversation = Conversation(self.world, line.name, self.answered[identity], self.incarnations)
        line.server = ServerEnd(line, decision.handler, running.owner, conversation)
        line.server.opened()
        line.let_in()


def _keep_no_frame(*frame: object, is_inbound: bool) -> None:
    """Do nothing: see `Plan.keeps_frames`."""


async def prepare(world: World, process: Process) -> None:
    """Enter the stations and some tokens."""
    services = process.services
    services.stations._random_bytes = world.dice("salt").randbytes
    async with process.database.work() as work:
        for station in world.plan.stations:
            await services.stations.create(work, station.identity, password=PASSWORD)
        for value in ("KNOWN-1", "KNOWN-2", "EXPIRED"):
            expires_at = EPOCH if value == "EXPIRED" else None
            details = TokenDetails(value=value, expires_at=expires_at)
            await services.authorization.create_token(work, details, organisation_id="organisation")


def _request(identity: str, version: str) -> UpgradeRequest:
    credentials = base64.b64encode(f"{identity}:{PASSWORD}".encode())
    return UpgradeRequest(
        listener="plain",
        remote=("192.0.2.1", 40_000),
        tls=None,
        raw_path=f"/ocpp/{identity}",
        segments=("ocpp", identity),
        query="",
        headers=(Header("Authorization", b"Basic " + credentials),),
        subprotocols=(version,),
        extensions=(),
        key="",
        tolerated=(),
    )
