"""A station in the simulation: it connects, tells what it has to tell until it is acknowledged, and keeps record."""

import asyncio
from datetime import datetime
from typing import Any

import msgspec

from simulation.loop import Owner
from simulation.meter import Meters, StationClock
from simulation.network import Line
from simulation.plan import StationPlan
from simulation.record import Message, action_of, payload_of
from simulation.server import Server
from simulation.talk import Talk
from simulation.world import World

KNOCK_S = 20.0  # how long it waits to be let in
AGAIN_S = 15.0  # before it connects anew, more or less
CALM_S = 25.0  # longest wait for an answer with nothing wrong: slow lines both ways, and some commits

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


class Refusal(Exception):
    """The server answered with an error."""


class Station:
    """One station. `record` survives everything, and so does `outbox`; the rest ends with a loss of power."""

    def __init__(self, world: World, server: Server, plan: StationPlan) -> None:
        self.plan = plan
        self.world = world
        self.clock = StationClock(world, plan)
        self.meters = Meters(world, plan, self.clock, self._wake)
        self.record = self.meters.record
        self.owner = Owner(plan.identity)
        self.line: Line | None = None
        self.is_accepted = False  # its boot, since power came
        self.acknowledged = 0  # messages about transactions and meters
        self._world = world
        self._loop = world.loop
        self._server = server
        self._chance = world.dice(f"{plan.identity}/station")
        self._talk = Talk(self)
        self._lines = 0
        self._ids = 0
        self._boots = 0
        self._last: Message | None = None  # that was acknowledged
        self._knocking: asyncio.Future[bool] | None = None
        self._waiting: dict[str, asyncio.Future[Any]] = {}
        self._idle: asyncio.Future[None] | None = None

    @property
    def is_at_rest(self) -> bool:
        """Everything is told and acknowledged, and it is connected."""
        is_told = not self.meters.outbox and not self.meters.running
        return is_told and self.line is not None and self.line.is_open and not self.line.is_cut and self.is_accepted

    def state(self) -> str:
        """Return in words why it is not at rest."""
        waiting = ", ".join(f"{one.kind} {one.message_id} sent {one.sent} times" for one in self.meters.outbox[:3])
        line = (
            "no line" if self.line is None else f"line {self.line.name} open {self.line.is_open} cut {self.line.is_cut}"
        )
        return f"{self.meters.running} chargings run, untold [{waiting}], {line}, accepted {self.is_accepted}"

    # Power

    def power_on(self) -> None:
        self.owner = Owner(f"{self.plan.identity}+")
        self.clock.begin()
        self.is_accepted = False
        if self.plan.ids == "counter":
            self._ids, self._last = 0, None  # whose id will mean something else
        self._loop.spawn(self.owner, self._live())

    def lose_power(self) -> None:
        """Forget everything that is not kept in writing, and come back a little later."""
        self._world.trace.note(self.plan.identity, "POWER", "lost")
        self._world.count("a station lost power")
        self.switch_off(server_notices_s=self._chance.choice((None, 0.1, 30.0)))
        self.meters.power_lost += 1
        self._loop.at_for(self._loop.world, self._loop.time() + self._chance.uniform(5, 120), self.power_on)

    def switch_off(self, *, server_notices_s: float | None = 0.0) -> None:
        """End everything that it does."""
        self._loop.kill(self.owner)
        if self.line is not None:
            self.line.cut(server_notices_s=server_notices_s)
        self.line, self._knocking, self._idle = None, None, None
        self.meters.is_online = False
        self._waiting.clear()

    # What the network tells

    def opened(self, line: Line) -> None:
        if line.is_cut or self._knocking is None or self._knocking.done() or line is not self.line:
            line.cut(server_notices_s=0.1)
            return
        line.is_open = True
        self._world.trace.note(line.name, "open")
        self._knocking.set_result(True)

    def received(self, line: Line, text: bytes) -> None:
        frame = _decode(text)
        if frame[0] == 2:
            self._asked(line, frame[1], frame[2], frame[3])
            return
        waiting = self._waiting.pop(frame[1], None)
        if waiting is None:
            self._world.count("an answer came late or twice")
        if waiting is not None and not waiting.done():
            waiting.set_result(frame[2] if frame[0] == 3 else Refusal(f"{frame[2]}: {frame[3]}"))

    def closed(self, line: Line, code: int) -> None:
        self._world.trace.note(line.name, "ended", code)
        if line is self.line:
            self._let_go()

    # Its life

    async def _live(self) -> None:
        await asyncio.sleep(self.plan.wakes_s)
        while True:
            line = await self._connect()
            if line is not None:
                await self._converse(line)
            await asyncio.sleep(AGAIN_S * self._chance.uniform(0.1, 2))

    async def _connect(self) -> Line | None:
        self._lines += 1
        plan = self.plan
        name = f"{plan.identity}/{self._lines}"
        line = Line(
            self._world, name, self, plan.latency_s, loss_chance=plan.loss_chance, twice_chance=plan.twice_chance
        )
        self.line = line
        self._knocking = self._loop.create_future()
        self._loop.at_for(
            self._loop.world,
            self._loop.time() + plan.latency_s,
            self._server.admit,
            line,
            self,
            plan.identity,
            plan.version,
        )
        patience = self._loop.call_later(KNOCK_S, self._give_up_knocking)
        is_open = await self._knocking
        patience.cancel()
        if not is_open:
            line.cut(server_notices_s=0.1)
        return line if is_open else None

    def _give_up_knocking(self) -> None:
        if self._knocking is not None and not self._knocking.done():
            self._knocking.set_result(False)

    async def _converse(self, line: Line) -> None:
        """Talk on this line until it ends, or another takes its place."""
        if not self.is_accepted or self._chance.random() < 0.1:
            await self._boot(line)
        self.meters.is_online = True
        chatter = self._loop.create_task(self._talk.chatter(line))
        if self._last is not None and self._chance.random() < self.plan.forgets_chance:
            self._loop.create_task(self._tell_again(line, self._last, self._last.message_id))
        try:
            while self.is_mine(line):
                message = self._next()
                if message is None:
                    self._idle = self._loop.create_future()
                    await self._idle
                    self._idle = None
                else:
                    await self.tell(line, message)
        finally:
            chatter.cancel()
            self.meters.is_online = False

    async def _boot(self, line: Line) -> None:
        while self.is_mine(line):
            self._boots += 1
            acknowledge = self.record.firmware.say(self._firmware)
            reply = await self.call(line, "BootNotification", self._boot_payload())
            if isinstance(reply, dict):
                acknowledge()
                self.clock.learn(datetime.fromisoformat(reply["currentTime"]))
                if reply["status"] == "Accepted":
                    self.is_accepted = True
                    return
            if self.is_mine(line):
                await asyncio.sleep(10)

    @property
    def _firmware(self) -> str:
        return f"1.{self._boots % 4}"

    def _boot_payload(self) -> dict[str, Any]:
        if self.plan.version == "ocpp1.6":
            return {
                "chargePointVendor": "Simulated",
                "chargePointModel": "One",
                "firmwareVersion": self._firmware,
            }
        about = {"vendorName": "Simulated", "model": "Two", "firmwareVersion": self._firmware}
        return {"reason": "PowerUp", "chargingStation": about}

    # Messages that must arrive

    def _next(self) -> Message | None:
        """Return what is to be told next, in an order that the station's version allows."""
        outbox = self.meters.outbox
        if not outbox or self.plan.order == "queue":
            return outbox[0] if outbox else None
        if self.plan.order == "any":
            return self._chance.choice(outbox)
        first: dict[int, Message] = {}
        for message in outbox:
            first.setdefault(message.connector, message)
        return self._chance.choice(list(first.values()))

    async def _tell_again(self, line: Line, message: Message, message_id: str = "") -> None:
        """Tell what was acknowledged already: it went lost that it was."""
        charging = message.charging
        is_nameless = charging is not None and charging.drew_nothing and self.plan.clock in {"unset", "lost"}
        if message.kind == "start" and is_nameless:
            return  # nothing would tell it from another start, after the next loss of power
        self._world.count("a message was told again after its answer had come")
        version = self.plan.version
        await self.call(line, action_of(version, message), payload_of(version, message), message_id=message_id)

    async def tell(self, line: Line, message: Message) -> None:
        """Tell a message, again if need be, and deal with the answer."""
        message.sent += 1
        self._world.counts["a message was repeated"] += message.sent > 1
        is_new = not message.message_id or self.plan.retry == "new"
        if is_new or (self.plan.retry == "mixed" and self._chance.random() < 0.5):
            message.message_id = self._new_id()
        version = self.plan.version
        reply = await self.call(
            line, action_of(version, message), payload_of(version, message), message_id=message.message_id
        )
        if isinstance(reply, dict):
            self._acknowledged(message, reply)
            if self._chance.random() < self.plan.echo_chance and not self._world.is_calm:
                self._loop.create_task(self._tell_again(line, message))
        elif isinstance(reply, Refusal):
            self._world.wrong(f"{self.plan.identity} was refused a {message.kind}: {reply}")
            self._drop(message)
        elif self.is_mine(line):
            if self.plan.retry == "hang-up":
                line.close()
                self._let_go()
            else:
                await asyncio.sleep(self._chance.uniform(0, 20))

    def _acknowledged(self, message: Message, reply: dict[str, Any]) -> None:
        charging = message.charging
        if charging is not None and message.kind == "start" and self.plan.version == "ocpp1.6":
            if "transactionId" not in reply:
                self._world.wrong(f"{self.plan.identity} started and was given no number.")
                return
            charging.numbers.add(reply["transactionId"])
        self.acknowledged += not message.is_acknowledged
        message.is_acknowledged = True
        self._last = message
        self._drop(message)

    def _drop(self, message: Message) -> None:
        if message in self.meters.outbox:
            self.meters.outbox.remove(message)

    # Requests and answers

    async def call(self, line: Line, action: str, payload: dict[str, Any], *, message_id: str = "") -> Any:
        """Return the answer, a Refusal, or None if there was none."""
        if not self.is_mine(line):
            return None
        id_ = message_id or self._new_id()
        while id_ in self._waiting:  # it counts anew since its last boot, and keeps the ids of what it has to tell
            id_ = self._new_id()
        answer = self._waiting[id_] = self._loop.create_future()
        sent_s = self._loop.time()
        line.send(_encode([2, id_, action, payload]))
        if not self._world.is_calm and self._chance.random() < self.plan.cut_chance:
            line.break_soon(within_s=4 * self.plan.latency_s + 2 * self._world.plan.commit_s)
        patience = self._loop.call_later(self.plan.patience_s, self._give_up, id_, answer)
        reply = await answer
        patience.cancel()
        waited_s = self._loop.time() - sent_s
        is_silence = reply is None and waited_s >= CALM_S and not line.is_cut and line.is_open
        if is_silence and self._world.trouble_until_s < sent_s:
            self._world.wrong(f"{line.name}: {action} {id_} had no answer within {waited_s:.0f} s.")
        if isinstance(reply, Refusal) and self._world.trouble_until_s < sent_s:
            self._world.wrong(f"{line.name}: {action} {id_} was refused: {reply}.")
        return reply

    def _give_up(self, id_: str, answer: asyncio.Future[Any]) -> None:
        if self._waiting.get(id_) is answer:
            del self._waiting[id_]
        if not answer.done():
            answer.set_result(None)

    def _asked(self, line: Line, id_: str, action: str, payload: dict[str, Any]) -> None:
        """Answer what we were asked: soon, too late, or never."""
        self.record.asked[id_] += 1
        if self.plan.answers == "never" and not self._world.is_calm:
            return
        delay_s = 45.0 if self.plan.answers == "late" and not self._world.is_calm else 0.1
        self._loop.at_for(self.owner, self._loop.time() + delay_s, self._answer, line, id_, action, payload)

    def _answer(self, line: Line, id_: str, action: str, payload: dict[str, Any]) -> None:
        if not line.is_open:
            return
        if action == "TriggerMessage":
            status = self._chance.choice(("Accepted", "Rejected"))
            self.record.answered[id_] = status
            line.send(_encode([3, id_, {"status": status}]))
            if status == "Accepted":
                self._be_triggered(line, payload)
        elif action == "GetTransactionStatus":
            line.send(_encode([3, id_, self.meters.status_of(payload.get("transactionId"))]))
        elif action == "GetConfiguration":
            known = {"key": "HeartbeatInterval", "readonly": False, "value": "300"}
            line.send(_encode([3, id_, {"configurationKey": [known], "unknownKey": []}]))
        else:
            line.send(_encode([4, id_, "NotImplemented", "", {}]))

    def _be_triggered(self, line: Line, payload: dict[str, Any]) -> None:
        connector = payload.get("connectorId") or (payload.get("evse") or {}).get("id") or 1
        if payload["requestedMessage"] == "StatusNotification":
            self._loop.create_task(self._talk.tell_status(line, min(connector, self.plan.connectors)))
        elif payload["requestedMessage"] == "MeterValues":
            self.meters.read_idle()

    # Its line

    def second_line(self) -> None:
        """Connect anew although the connection stands: it is only forgotten, and still open for the server."""
        if self.line is not None and self.line.is_open:
            self._world.trace.note(self.line.name, "forgotten")
            self._world.count("a station connected a second time")
            self.line.is_open = False
            self._talk.late_reading(self.line)
            self._let_go()

    def burst(self) -> None:
        """Say everything at once."""
        self._talk.burst()

    def hang_up(self) -> None:
        """Close the line properly."""
        if self.line is not None and self.line.is_open:
            self.line.close()
            self._let_go()

    def is_mine(self, line: Line) -> bool:
        return line is self.line and line.is_open

    def _let_go(self) -> None:
        self.line = None
        waiting, self._waiting = self._waiting, {}
        for answer in waiting.values():
            if not answer.done():
                answer.set_result(None)
        self._wake()

    def _wake(self) -> None:
        if self._idle is not None and not self._idle.done():
            self._idle.set_result(None)

    def _new_id(self) -> str:
        self._ids += 1
        if self.plan.ids == "counter":
            return str(self._ids)
        return f"{self._chance.getrandbits(96):024x}"
