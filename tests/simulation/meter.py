"""What happens at a station whether or not anybody hears of it: vehicles charge, and what is to be told gathers."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from simulation.plan import ChargePlan, StationPlan
from simulation.record import Charging, Message, Reading, Record
from simulation.world import EPOCH, World

UNSET = datetime(1970, 1, 1, tzinfo=EPOCH.tzinfo)


class StationClock:
    """The station's own clock."""

    def __init__(self, world: World, plan: StationPlan) -> None:
        self._world = world
        self._kind = plan.clock
        chance = world.dice(f"{plan.identity}/clock")
        self._stamped: set[datetime] = set()
        self._error_s = {"off": chance.uniform(-200, 200), "ahead": 3600.0}.get(plan.clock, 0.0)

    def begin(self) -> None:
        """Power is back; a clock without a battery begins anew."""
        if self._kind in {"unset", "lost"}:
            self._error_s = (UNSET - self._world.now()).total_seconds()

    def learn(self, server_time: datetime) -> None:
        """Take over the server's time, if the station has no better one and can."""
        if self._kind == "unset":
            self._error_s = (server_time - self._world.now()).total_seconds()

    def now(self) -> datetime:
        exact = self._world.now() + timedelta(seconds=self._error_s)
        return exact.replace(microsecond=exact.microsecond // 1000 * 1000)

    def stamp(self) -> datetime:
        """Return the time for something that needs one of its own, to be told from its like."""
        at = self.now()
        while at in self._stamped:
            at += timedelta(milliseconds=1)
        self._stamped.add(at)
        return at


class Register:
    """The register of a connector: it rises as long as a vehicle draws power."""

    def __init__(self, world: World, wh: int) -> None:
        self._world = world
        self._wh = float(wh)
        self._since_s = 0.0
        self._watts = 0

    @property
    def wh(self) -> int:
        return int(self._wh + self._watts * (self._world.loop.time() - self._since_s) / 3600)

    def deliver(self, watts: int) -> None:
        """Let so much power flow from now on."""
        self._wh, self._since_s, self._watts = float(self.wh), self._world.loop.time(), watts


class Meters:
    """The station's connectors: chargings come and go, and every message about them joins the outbox."""

    def __init__(self, world: World, plan: StationPlan, clock: StationClock, wake: Callable[[], None]) -> None:
        self.record = Record()
        self.outbox: list[Message] = []
        self.is_online = False
        self.power_lost = 0  # how often
        self.running = 0  # chargings that have not ended, or not begun
        self._world = world
        self._plan = plan
        self._clock = clock
        self._wake = wake
        self._chance = world.dice(f"{plan.identity}/meter")
        self._registers = {
            number + 1: Register(world, self._chance.randrange(1_000_000)) for number in range(plan.connectors)
        }
        self._seq = 0

    def start(self) -> None:
        """Let the planned chargings take their course."""
        for charge in self._plan.charges:
            self.running += 1
            self._world.loop.spawn(self._world.loop.world, self._charge(charge))

    def read_idle(self) -> None:
        """Note the register of a connector outside of any transaction."""
        message = self.idle_reading(self._chance.choice((0, 1)) if self._is_16 else 0)
        self.record.idle.append(message)
        self._add(message)

    def idle_reading(self, connector: int) -> Message:
        """Return a message with the register of a connector outside of any transaction."""
        reading = Reading(self._clock.stamp(), self._registers[1].wh)
        return Message("idle", connector, reading.at, readings=(reading,))

    def status_of(self, name: str | None) -> dict[str, bool]:
        """Return what a station of 2.x says when it is asked for a transaction, or for all of them."""
        waits = any(one.charging is not None and name in (None, one.charging.name) for one in self.outbox)
        if name is None:
            return {"messagesInQueue": waits}
        is_ongoing = any(one.name == name and one.end is None for one in self.record.chargings)
        return {"messagesInQueue": waits, "ongoingIndicator": is_ongoing}

    @property
    def _is_16(self) -> bool:
        return self._plan.version == "ocpp1.6"

    async def _charge(self, plan: ChargePlan) -> None:
        await self._pause(plan.begins_s - self._world.loop.time())
        charging = self._begin(plan)
        self._registers[plan.connector].deliver(plan.watts)
        step_s = plan.lasts_s / (plan.readings + 1)
        lost = self.power_lost
        for number in range(plan.readings + 1):
            await self._pause(step_s * self._chance.uniform(0.8, 1.0))
            if self.power_lost != lost:
                charging.reason = "PowerLoss"
                break
            if number < plan.readings:
                self._read(charging)
        self._registers[plan.connector].deliver(0)
        self._end(charging, plan)
        self.running -= 1

    def _begin(self, plan: ChargePlan) -> Charging:
        now = self._clock.now()
        name = f"{self._plan.identity}-{self._chance.getrandbits(64):016x}"
        start = Reading(now, self._registers[plan.connector].wh, "Transaction.Begin")
        charging = Charging(name, plan.connector, plan.token, start)
        self.record.chargings.append(charging)
        if not self._plan.counts_on:
            self._seq = 0
        self._tell("start", charging, () if self._is_16 else (start,), "Authorized")
        return charging

    def _read(self, charging: Charging) -> None:
        reading = Reading(self._clock.now(), self._registers[charging.connector].wh)
        charging.readings.append(reading)
        self._tell("reading", charging, (reading,), "MeterValuePeriodic")

    def _end(self, charging: Charging, plan: ChargePlan) -> None:
        charging.end = Reading(self._clock.now(), self._registers[charging.connector].wh, "Transaction.End")
        repeated = tuple(charging.readings) if plan.repeats_readings else ()
        told = repeated if self._is_16 else (*repeated, charging.end)
        self._tell(
            "stop", charging, told, "EVCommunicationLost" if charging.reason == "PowerLoss" else "StopAuthorized"
        )

    def _tell(self, kind: str, charging: Charging, readings: tuple[Reading, ...], trigger: str) -> None:
        message = Message(
            kind,
            charging.connector,
            self._clock.now(),
            charging,
            readings,
            seq=self._next_seq(charging),
            trigger=trigger,
            is_offline=not self.is_online,
        )
        charging.messages.append(message)
        self._add(message)

    def _next_seq(self, charging: Charging) -> int:
        if not self._plan.counts_on:
            return len(charging.messages)
        if charging.messages:
            return charging.messages[-1].seq + 1
        self._seq += 1000  # 2.x: another charging of the station may run meanwhile
        return self._seq

    def _add(self, message: Message) -> None:
        self._world.trace.note(self._plan.identity, "notes", f"{message.kind} {message.seq}")
        self.outbox.append(message)
        self._wake()

    @staticmethod
    async def _pause(for_s: float) -> None:
        await asyncio.sleep(max(for_s, 0.001))
