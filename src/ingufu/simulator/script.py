"""A station that does what a script says, on virtual time: for tests, and for trying things out by hand."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime

import msgspec

from ingufu.core.clock import Clock, SystemClock
from ingufu.simulator import flow
from ingufu.simulator.access import Token
from ingufu.simulator.assembly import build
from ingufu.simulator.dialect import Answer
from ingufu.simulator.evse import Change, ChargingState, Evse, Reason, Transaction, Trigger
from ingufu.simulator.link import LinkRefused
from ingufu.simulator.peer import Failure, Lane, Payload, Request
from ingufu.simulator.spec import StationSpec
from ingufu.simulator.station import Station
from ingufu.simulator.surroundings import Surroundings, Tally
from ingufu.simulator.timeline import VirtualTimeline
from ingufu.simulator.vehicle import MODELS, Vehicle

PATIENCE_S = 10.0  # real seconds that the other side may take before a script gives up
STEP_S = 30.0  # how finely `charge` looks at the meter


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """A frame that was sent or received, taken apart."""

    at: datetime
    raw: bytes
    kind: int  # 2 CALL, 3 CALLRESULT, 4 CALLERROR, 6 SEND; 0 for what is no frame of OCPP-J
    message_id: str = ""
    action: str = ""  # of an answer: of the CALL it answers
    payload: Payload = {}
    error: str = ""


class CallFailed(Exception):
    """The CSMS answered with an error, or not at all."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(f"{failure.code}: {failure.description}")
        self.code = failure.code


class Plug:
    """A vehicle at an EVSE, and the transaction that it takes part in."""

    def __init__(self, evse: Evse, vehicle: Vehicle) -> None:
        self.evse = evse
        self.vehicle = vehicle

    @property
    def transaction(self) -> Transaction | None:
        """The running transaction, or the last one."""
        return self.evse.last_transaction

    @property
    def name(self) -> str:
        """What the CSMS calls the transaction: its number in 1.6, the station's reference in 2.x."""
        tx = self.transaction
        return "" if tx is None else tx.name

    @property
    def energy_wh(self) -> float:
        """Energy since the transaction began."""
        tx = self.transaction
        return 0.0 if tx is None else (self.evse.meter.register_tenths - tx.start.energy_tenths) / 10


class Script:
    """The hands at one simulated station. Every method returns when the station has nothing more to say."""

    def __init__(self, station: Station, timeline: VirtualTimeline) -> None:
        self.station = station
        self.timeline = timeline
        self.sent: list[Frame] = []
        self.received: list[Frame] = []
        self._actions: dict[tuple[str, str], str] = {}
        self._stirred = asyncio.Event()
        station.watcher = self

    # What a watcher is told

    def frame(self, direction: str, frame: bytes) -> None:
        other = "received" if direction == "sent" else "sent"
        taken = self._taken_apart(direction, other, frame)
        (self.sent if direction == "sent" else self.received).append(taken)
        self._stirred.set()

    def stirred(self) -> None:
        self._stirred.set()

    # Time

    async def settle(self) -> None:
        """Wait until no answer is outstanding. Raises TimeoutError if the CSMS keeps the station waiting."""
        await asyncio.sleep(0)
        await self.until(lambda: self.station.is_quiet)

    async def until(self, happened: Callable[[], bool], *, timeout_s: float = PATIENCE_S) -> None:
        """Wait, without letting virtual time pass, until `happened` says so. Raises TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while not happened():
                self._stirred.clear()
                await self._stirred.wait()

    async def advance(self, seconds: float, *, settles: bool = True) -> None:
        """Let virtual time pass; after each thing done the CSMS gets to answer, unless `settles` is False."""
        until_s = self.timeline.monotonic() + seconds
        while self.timeline.run_next(until_s):
            if settles:
                await self.settle()
        if settles:
            await self.settle()

    # The line

    async def connect(self) -> None:
        """Switch the station on and let it dial once. Raises LinkRefused if it is not let in."""
        if not self.station.is_on:
            self.station.switch_on()
        else:
            self.station.dial()
        await self.until(lambda: self.station.is_connected or self.station.last_refusal is not None)
        if self.station.last_refusal is not None:
            raise self.station.last_refusal

    async def boot(self) -> Payload:
        """Connect if need be and return the answer to the BootNotification, its follow-ups said."""
        if not self.station.is_connected:
            await self.connect()
        await self.settle()
        return next(f.payload for f in reversed(self.received) if f.action == "BootNotification" and f.kind == 3)

    async def go_offline(self) -> None:
        """Lose the network; charging goes on, transaction messages are kept."""
        self.station.go_offline()
        await asyncio.sleep(0)

    async def come_back(self) -> None:
        """Find the network again: reconnect and say what was kept."""
        self.station.come_back()
        await self.until(lambda: self.station.is_connected or self.station.last_refusal is not None)
        await self.settle()

    async def power_cut(self, seconds: float = 60.0) -> None:
        """Lose mains power for so long, then boot and say what was kept."""
        flow.lose_power(self.station, seconds)
        await self.advance(seconds)
        await self.until(lambda: self.station.is_connected)
        await self.settle()

    # Drivers

    async def plug_in(self, evse: int = 1, vehicle: Vehicle | None = None) -> Plug:
        """Plug a vehicle in; without one, a compact at 30 % that takes 11 kW AC or 125 kW DC."""
        place = self.evse(evse)
        chosen = vehicle or Vehicle(MODELS[2], soc=30.0)
        flow.plug_in(self.station, place, chosen)
        await self.settle()
        return Plug(place, chosen)

    async def unplug(self, evse: int = 1) -> None:
        flow.unplug(self.station, self.evse(evse))
        await self.settle()

    async def present(self, token: str, evse: int = 1, *, kind: str = "ISO14443") -> None:
        """Hold a card before the reader of that EVSE."""
        flow.present(self.station, Token(token, kind), self.evse(evse))
        await self.settle()

    async def charge(self, evse: int = 1, *, wh: float | None = None, seconds: float | None = None) -> float:
        """Let energy flow until so many Wh have (or no more does), or for so long; return the Wh."""
        place = self.evse(evse)
        before = place.meter.register_tenths
        left_s = float("inf") if seconds is None else seconds
        while left_s > 0 and place.transaction is not None:
            step_s = min(STEP_S, left_s)
            await self.advance(step_s)
            left_s -= step_s
            flow.settle_meter(self.station, place)
            if wh is not None and (place.meter.register_tenths - before) / 10 >= wh:
                break
            if seconds is None and place.state is not ChargingState.CHARGING:
                break
        return (place.meter.register_tenths - before) / 10

    async def stop(self, evse: int = 1, *, reason: Reason = Reason.LOCAL) -> None:
        """End charging at the station, by the driver's button."""
        flow.stop(self.station, self.evse(evse), reason, Trigger.STOP_AUTHORIZED)
        await self.settle()

    async def press_emergency_stop(self) -> None:
        flow.emergency_stop(self.station)
        await self.settle()

    async def fail(self, code: str, evse: int = 1, *, info: str = "") -> None:
        """Break a connector, with an error code of 1.6."""
        flow.fail(self.station, self.evse(evse), code, info)
        await self.settle()

    async def recover(self, evse: int = 1) -> None:
        flow.recover(self.station, self.evse(evse))
        await self.settle()

    async def refuse_energy(self, evse: int = 1) -> None:
        """Let the vehicle take nothing more, as with a fault of its own."""
        place = self.evse(evse)
        flow.settle_meter(self.station, place)
        if place.vehicle is not None:
            place.vehicle.refuses = True
        flow.refresh(self.station, place, Change(trigger=Trigger.STATE))
        await self.settle()

    # Frames

    async def call(self, action: str, payload: Payload, *, urgent: bool = False) -> Payload:
        """Send any CALL and return the result. Raises CallFailed for an error, a time-out or no connection.

        `urgent` sends it before the station is accepted too.
        """
        reply: asyncio.Future[Payload] = asyncio.get_running_loop().create_future()
        request = Request(
            action,
            payload,
            Lane.URGENT if urgent else Lane.ORDINARY,
            succeeded=reply.set_result,
            failed=lambda failure: reply.set_exception(CallFailed(failure)),
        )
        self.station.peer.request(request)
        async with asyncio.timeout(PATIENCE_S):
            return await reply

    def send_raw(self, frame: bytes) -> None:
        """Send exactly these bytes."""
        self.station.peer.send_raw(frame)

    def on(self, action: str, answer: Answer | Payload | Callable[[Payload], Answer | Payload | None]) -> None:
        """Answer CALLs of that action so from now on; None from a function leaves it to the station."""

        def hook(payload: Payload) -> Answer | None:
            said = answer(payload) if callable(answer) else answer
            return Answer(payload=said) if isinstance(said, dict) else said

        self.station.hooks[action] = hook

    def lose_reply(self, action: str, times: int = 1) -> None:
        """Let the next replies to that action get lost on their way to the station."""
        self.station.peer.unlucky[action] = times

    def calls(self, action: str | None = None) -> list[Frame]:
        """Return the CALLs sent, of one action or all."""
        return [frame for frame in self.sent if frame.kind in (2, 6) and action in (None, frame.action)]

    def calls_received(self, action: str | None = None) -> list[Frame]:
        """Return the CALLs received, of one action or all."""
        return [frame for frame in self.received if frame.kind == 2 and action in (None, frame.action)]

    async def wait_for_call(self, action: str, count: int = 1) -> Frame:
        """Wait until the CSMS has sent that CALL so often; return the last, once answered."""
        await self.until(lambda: len(self.calls_received(action)) >= count)
        await self.settle()
        return self.calls_received(action)[count - 1]

    async def wait_for_sent(self, action: str, count: int = 1) -> Frame:
        """Wait until the station has sent that CALL so often; return the last."""
        await self.until(lambda: len(self.calls(action)) >= count)
        await self.settle()
        return self.calls(action)[count - 1]

    def evse(self, number: int) -> Evse:
        """Return the EVSE of that number. Raises KeyError if there is none."""
        found = self.station.evse(number)
        if found is None:
            raise KeyError(number)
        return found

    def _taken_apart(self, direction: str, other: str, raw: bytes) -> Frame:
        at = self.timeline.now()
        try:
            parts = msgspec.json.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return Frame(at=at, raw=raw, kind=0)
        match parts:
            case [2 | 6 as kind, str() as message_id, str() as action, dict() as payload]:
                self._actions[direction, message_id] = action
                return Frame(at=at, raw=raw, kind=kind, message_id=message_id, action=action, payload=payload)
            case [3, str() as message_id, dict() as payload]:
                action = self._actions.get((other, message_id), "")
                return Frame(at=at, raw=raw, kind=3, message_id=message_id, action=action, payload=payload)
            case [4 | 5 as kind, str() as message_id, str() as error, *_]:
                action = self._actions.get((other, message_id), "")
                return Frame(at=at, raw=raw, kind=kind, message_id=message_id, action=action, error=error)
        return Frame(at=at, raw=raw, kind=0)


@asynccontextmanager
async def simulated(
    spec: StationSpec,
    url: str,
    *,
    timeline: VirtualTimeline | None = None,
    clock: Clock | None = None,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Script]:
    """Give a scripted station for the WebSocket address `url` (without identity), switched off; its end cuts the line.

    Time is virtual: it begins at the clock's now and passes only in `advance`, `charge` and `power_cut`.
    """
    own = timeline or VirtualTimeline((clock or SystemClock()).now())
    around = Surroundings(url=url, timeline=own, tally=Tally(), tls=(lambda _: tls) if tls is not None else None)
    script = Script(build(spec, around), own)
    try:
        yield script
    finally:
        script.station.switch_off(politely=True)
        await asyncio.sleep(0)


__all__ = ["Answer", "CallFailed", "Frame", "LinkRefused", "Plug", "Script", "simulated"]
