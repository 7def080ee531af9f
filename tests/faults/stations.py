"""Stations that charge without end, say so in 1.6, 2.0.1 or 2.1, and repeat what was not acknowledged."""

import asyncio
import random
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from faults.notebook import Charge, Notebook, Payload, Said, Sample
from faults.wire import Lost, Wire, connect

EVSES = 2
BACKLOG = 60  # messages that a station keeps before it stops measuring


class Habits(msgspec.Struct, frozen=True, kw_only=True):
    """How a station behaves."""

    pace_s: float = 0.02  # between two things that happen at it; more or less by chance
    patience_s: float = 3.0  # for an answer
    retry_s: float = 0.1  # between two attempts to connect
    heartbeats: float = 0.05  # share of its messages before which it sends one
    repeats: float = 0.03  # share of its acknowledged messages that it sends again, as after a loss of memory
    keeps_ids: float = 0.5  # share of the repeated messages that keep their message id


class Station:
    """One station. What happens at it goes on whether or not the server hears of it."""

    def __init__(self, url: str, identity: str, version: str, habits: Habits, seed: int) -> None:
        self.notebook = Notebook(identity, version)
        self._url = f"{url}/{identity}"
        self._habits = habits
        self._chance = random.Random(seed)
        self._queue: deque[Said] = deque()
        self._changed = asyncio.Event()
        self._is_ending = False
        self._has_ended = False
        self._registers = {evse: self._chance.randrange(0, 5_000_000) for evse in range(1, EVSES + 1)}
        self._running: dict[int, Charge] = {}
        self._last: Said | None = None
        self._clock = datetime.now(UTC)
        self._message_ids = self._chance.randrange(1_000_000)
        self._lost_at: float | None = None
        self.wire: Wire | None = None

    @property
    def waiting(self) -> int:
        return len(self._queue)

    async def run(self) -> None:
        """Charge and talk until `end` was called and everything is acknowledged."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._charge())
            group.create_task(self._talk())

    def end(self) -> None:
        """Have every transaction ended."""
        self._is_ending = True
        self._changed.set()

    # What happens at the station

    async def _charge(self) -> None:
        while not self._is_ending:
            if len(self._queue) < BACKLOG:
                self._live()
            await asyncio.sleep(self._habits.pace_s * self._chance.uniform(0.5, 1.5))
        for evse in list(self._running):
            self._stop(evse)
        self._has_ended = True
        self._changed.set()

    def _live(self) -> None:
        evse = self._chance.randint(1, EVSES)
        charge = self._running.get(evse)
        if charge is None:
            self._start(evse)
        elif len(charge.samples) > 2 and self._chance.random() < 0.2:
            self._stop(evse)
        else:
            self._measure(charge)

    def _start(self, evse: int) -> None:
        token = f"T{self._chance.randrange(20)}"
        reference = "" if self._is_16 else f"{self.notebook.identity}-{len(self.notebook.charges)}"
        charge = Charge(evse, token, self._now(), self._registers[evse], reference)
        charge.start = self._say(*self._start_words(charge))
        self.notebook.charges.append(charge)
        self._running[evse] = charge
        if not self._is_16:
            charge.samples.append(Sample(charge.started_at, charge.start_wh, charge.start, 0, "started"))

    def _measure(self, charge: Charge) -> None:
        self._registers[charge.evse] += self._chance.randint(1, 300)
        at, register = self._now(), self._registers[charge.evse]
        seq = None if self._is_16 else len(charge.samples)
        said = self._say(*self._sample_words(charge, at, register, seq))
        charge.samples.append(Sample(at, register, said, seq))

    def _stop(self, evse: int) -> None:
        charge = self._running.pop(evse)
        self._registers[evse] += self._chance.randint(0, 50)
        charge.stopped_at, charge.stop_wh = self._now(), self._registers[evse]
        seq = None if self._is_16 else len(charge.samples)
        charge.stop = self._say(*self._stop_words(charge, seq))
        if not self._is_16:
            charge.samples.append(Sample(charge.stopped_at, charge.stop_wh, charge.stop, seq, "ended"))

    def _say(self, action: str, payload: Callable[[], Payload], hear: Callable[[Payload], None]) -> Said:
        said = Said(action, payload, hear)
        self._queue.append(said)
        self._changed.set()
        return said

    def _now(self) -> str:
        """Return the station's time, which never tells the same millisecond twice."""
        self._clock = max(datetime.now(UTC), self._clock + timedelta(milliseconds=1))
        return self._clock.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    # Its words

    @property
    def _is_16(self) -> bool:
        return self.notebook.version == "1.6"

    def _start_words(self, charge: Charge) -> tuple[str, Callable[[], Payload], Callable[[Payload], None]]:
        if not self._is_16:
            return (
                "TransactionEvent",
                lambda: _event(charge, "Started", 0, charge.started_at, charge.start_wh),
                _nothing,
            )
        payload = {
            "connectorId": charge.evse,
            "idTag": charge.token,
            "meterStart": charge.start_wh,
            "timestamp": charge.started_at,
        }
        return "StartTransaction", lambda: payload, lambda answer: charge.numbers.append(answer["transactionId"])

    def _sample_words(
        self, charge: Charge, at: str, register: int, seq: int | None
    ) -> tuple[str, Callable[[], Payload], Callable[[Payload], None]]:
        if seq is not None:
            return "TransactionEvent", lambda: _event(charge, "Updated", seq, at, register), _nothing
        value = {"timestamp": at, "sampledValue": [{"value": str(register)}]}
        return (
            "MeterValues",
            lambda: {"connectorId": charge.evse, "transactionId": charge.number, "meterValue": [value]},
            _nothing,
        )

    def _stop_words(
        self, charge: Charge, seq: int | None
    ) -> tuple[str, Callable[[], Payload], Callable[[Payload], None]]:
        at, register = charge.stopped_at, charge.stop_wh
        if seq is not None:
            return "TransactionEvent", lambda: _event(charge, "Ended", seq, at, register), _nothing
        return (
            "StopTransaction",
            lambda: {"transactionId": charge.number, "meterStop": register, "timestamp": at, "reason": "Local"},
            _nothing,
        )

    # What it tells the server

    async def _talk(self) -> None:
        while not (self._has_ended and not self._queue):
            try:
                await self._converse()
            except Lost as lost:
                self.notebook.refusals += lost.was_refused
                if self._lost_at is None:
                    self._lost_at = asyncio.get_running_loop().time()
                await asyncio.sleep(self._habits.retry_s * self._chance.uniform(0.5, 1.5))
            finally:
                if self.wire is not None:
                    self.wire.cut()

    async def _converse(self) -> None:
        wire = self.wire = await connect(self._url, self.notebook.version)
        self.notebook.connections += 1
        await self._boot(wire)
        while said := await self._next():
            await self._chat(wire)
            await self._deliver(wire, said)
        await wire.close()

    async def _next(self) -> Said | None:
        while not self._queue:
            if self._has_ended:
                return None
            self._changed.clear()
            await self._changed.wait()
        return self._queue[0]

    async def _boot(self, wire: Wire) -> None:
        names: Payload = {"chargePointVendor": "Acme", "chargePointModel": "One"}
        if not self._is_16:
            names = {"reason": "PowerUp", "chargingStation": {"vendorName": "Acme", "model": "One"}}
        while (await self._ask(wire, "BootNotification", names)).get("status") != "Accepted":
            await asyncio.sleep(self._habits.retry_s)
        self.notebook.boots += 1
        if self._lost_at is not None:
            self.notebook.back_s.append(asyncio.get_running_loop().time() - self._lost_at)
            self._lost_at = None

    async def _chat(self, wire: Wire) -> None:
        """Say now and then what a station does not keep."""
        if self._chance.random() >= self._habits.heartbeats:
            return
        loop = asyncio.get_running_loop()
        began = loop.time()
        if await self._ask(wire, "Heartbeat", {}):
            self.notebook.heartbeats_s.append(loop.time() - began)
        evse = self._chance.randint(1, EVSES)
        word = self._chance.choice(["Available", "Preparing"] if self._is_16 else ["Available", "Occupied"])
        told = self.notebook.statuses.setdefault(evse, [])
        told.append((word, False))
        answer = await self._ask(wire, "StatusNotification", _status(evse, word, self._now(), is_16=self._is_16))
        if answer is not _NO_ANSWER:
            told[-1] = (word, True)

    async def _ask(self, wire: Wire, action: str, payload: Payload) -> Payload:
        """Return the answer to what is not kept; one without content if it was refused, or did not come."""
        try:
            answer = await wire.call(action, payload, message_id=self._new_id(), timeout_s=self._habits.patience_s)
        except TimeoutError:
            self.notebook.timeouts += 1
            return _NO_ANSWER
        return dict(answer[2]) if answer[0] == 3 else _NO_ANSWER

    async def _deliver(self, wire: Wire, said: Said) -> None:
        """Send the message until it is acknowledged."""
        if not said.message_id or self._chance.random() >= self._habits.keeps_ids:
            said.message_id = self._new_id()
        said.times_sent += 1
        self.notebook.repeated += said.times_sent > 1
        try:
            answer = await wire.call(
                said.action, said.payload(), message_id=said.message_id, timeout_s=self._habits.patience_s
            )
        except TimeoutError:
            self.notebook.timeouts += 1
            return
        if answer[0] != 3:
            self.notebook.refused.append(f"{said.action}: {answer[2:]}")
            await asyncio.sleep(self._habits.retry_s)
            return
        said.hear(answer[2])
        self.notebook.acknowledged += not said.is_acknowledged
        said.is_acknowledged = True
        if said is not self._last and self._chance.random() < self._habits.repeats:
            self._last = said  # stays first in the queue: it is sent once more
            return
        self._queue.popleft()

    def _new_id(self) -> str:
        self._message_ids += 1
        return str(self._message_ids)


_NO_ANSWER: Payload = {}


def _nothing(answer: Payload) -> None:
    del answer


def _status(evse: int, word: str, at: str, *, is_16: bool) -> Payload:
    if is_16:
        return {"connectorId": evse, "errorCode": "NoError", "status": word, "timestamp": at}
    return {"timestamp": at, "connectorStatus": word, "evseId": evse, "connectorId": 1}


def _event(charge: Charge, kind: str, seq: int, at: str, register: int) -> Payload:
    context = {"Started": "Transaction.Begin", "Ended": "Transaction.End"}.get(kind, "Sample.Periodic")
    info: dict[str, Any] = {"transactionId": charge.reference, "chargingState": "Charging"}
    payload = {
        "eventType": kind,
        "timestamp": at,
        "triggerReason": {"Started": "Authorized", "Ended": "StopAuthorized"}.get(kind, "MeterValuePeriodic"),
        "seqNo": seq,
        "transactionInfo": info,
        "evse": {"id": charge.evse, "connectorId": 1},
        "meterValue": [{"timestamp": at, "sampledValue": [{"value": register, "context": context}]}],
    }
    if kind == "Started":
        payload["idToken"] = {"idToken": charge.token, "type": "ISO14443"}
    if kind == "Ended":
        info |= {"stoppedReason": "Local", "chargingState": "Idle"}
    return payload
