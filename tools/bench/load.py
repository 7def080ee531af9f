"""The load generator: a process of its own that drives stations as fast as they are answered, or at a rate."""

import asyncio
import base64
import json
import sys
import time
from collections.abc import Generator
from datetime import UTC, datetime
from typing import Any, TypeAlias

import msgspec
import picows
import uvloop

Messages: TypeAlias = Generator[bytes, list[Any] | None, None]


class Plan(msgspec.Struct, kw_only=True, frozen=True):
    """What to do: `mix` is meter-values, transaction-events, session or idle."""

    url: str
    mix: str
    stations: int
    seconds: float
    rate_per_s: float = 0.0  # of all stations together; 0: as fast as they are answered
    password: str = ""
    settle_s: float = 0.0  # between connecting and the first call


class Result(msgspec.Struct, kw_only=True, frozen=True):
    """What was measured; latencies in milliseconds."""

    calls: int
    seconds: float
    per_s: float
    p50_ms: float
    p99_ms: float
    longest_ms: float
    errors: int
    cpu_s: float
    connect_s: float
    sessions: int = 0


class StationClient(picows.WSListener):
    """One station: sends its next call when the one before was answered."""

    def __init__(self, number: int, plan: Plan, sink: "Sink") -> None:
        self._number = number
        self._sink = sink
        self._messages = _MIXES[plan.mix](number)
        self._interval_s = plan.stations / plan.rate_per_s if plan.rate_per_s else 0.0
        self._transport: picows.WSTransport | None = None
        self._sent_at = 0.0
        self._due_at = 0.0
        self._reply: list[Any] | None = None

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        self._transport = transport

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        del transport
        if frame.msg_type != picows.WSMsgType.TEXT:
            return
        payload = frame.get_payload_as_bytes()
        now = time.perf_counter()
        self._sink.note(now - self._sent_at, is_error=payload[1:2] != b"3")
        self._reply = json.loads(payload) if b"transactionId" in payload else None
        self.go(now)

    def go(self, now: float) -> None:
        """Send the next call now, or when it is due."""
        if self._sink.is_over or self._transport is None:
            return
        if not self._interval_s:
            self._send(now)
            return
        self._due_at = max(self._due_at + self._interval_s, now - self._interval_s)
        asyncio.get_running_loop().call_later(max(self._due_at - now, 0), self._send_due)

    def start(self, offset_s: float) -> None:
        self._due_at = time.perf_counter() + offset_s
        asyncio.get_running_loop().call_later(offset_s, self._send_due)

    def _send_due(self) -> None:
        self._send(max(self._due_at, time.perf_counter()) if not self._interval_s else time.perf_counter())

    def _send(self, now: float) -> None:
        if self._sink.is_over or self._transport is None:
            return
        self._sent_at = now
        message = self._messages.send(self._reply)
        if message.startswith(b"*"):  # a session ended
            self._sink.sessions += 1
            message = message[1:]
        self._transport.send(picows.WSMsgType.TEXT, message)


class Sink:
    """Where all stations put what they measured."""

    def __init__(self) -> None:
        self.latencies: list[float] = []
        self.errors = 0
        self.sessions = 0
        self.is_over = False

    def note(self, latency_s: float, *, is_error: bool) -> None:
        self.latencies.append(latency_s)
        self.errors += is_error


def _stamp() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _meter_values(number: int) -> Messages:
    yield b""
    register = 1000
    reply = yield _frame(0, "StartTransaction", connectorId=1, idTag=f"T{number}", meterStart=0, timestamp=_stamp())
    transaction = reply[2]["transactionId"] if reply else 1
    count = 0
    while True:
        count, register = count + 1, register + 10
        yield _frame(
            count,
            "MeterValues",
            connectorId=1,
            transactionId=transaction,
            meterValue=[
                {
                    "timestamp": _stamp(),
                    "sampledValue": [
                        {"value": str(register), "measurand": "Energy.Active.Import.Register", "unit": "Wh"},
                        {"value": "7200.0", "measurand": "Power.Active.Import", "unit": "W"},
                    ],
                }
            ],
        )


def _session(number: int) -> Messages:
    yield b""
    count, register, last = 0, 0, b""
    while True:
        tag = f"T{number}"
        for action, payload in (
            ("StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Preparing"}),
            ("Authorize", {"idTag": tag}),
        ):
            count += 1
            yield last + _frame(count, action, **payload)
            last = b""
        count += 1
        reply = yield _frame(
            count, "StartTransaction", connectorId=1, idTag=tag, meterStart=register, timestamp=_stamp()
        )
        transaction = reply[2]["transactionId"] if reply else 1
        for _ in range(10):
            count, register = count + 1, register + 100
            yield _frame(
                count,
                "MeterValues",
                connectorId=1,
                transactionId=transaction,
                meterValue=[{"timestamp": _stamp(), "sampledValue": [{"value": str(register)}]}],
            )
        count += 1
        yield _frame(
            count, "StopTransaction", transactionId=transaction, meterStop=register, timestamp=_stamp(), idTag=tag
        )
        count += 1
        yield _frame(count, "StatusNotification", connectorId=1, errorCode="NoError", status="Available")
        last = b"*"


def _transaction_events(number: int) -> Messages:
    yield b""
    reference, sequence, register = f"bench-{number}-{time.time_ns()}", 0, 0
    while True:
        yield _frame(
            sequence,
            "TransactionEvent",
            eventType="Updated" if sequence else "Started",
            timestamp=_stamp(),
            triggerReason="MeterValuePeriodic" if sequence else "CablePluggedIn",
            seqNo=sequence,
            transactionInfo={"transactionId": reference, "chargingState": "Charging"},
            evse={"id": 1, "connectorId": 1},
            meterValue=[
                {
                    "timestamp": _stamp(),
                    "sampledValue": [
                        {
                            "value": register,
                            "measurand": "Energy.Active.Import.Register",
                            "unitOfMeasure": {"unit": "Wh"},
                        },
                        {"value": 7200.5, "measurand": "Power.Active.Import", "unitOfMeasure": {"unit": "W"}},
                    ],
                }
            ],
        )
        sequence, register = sequence + 1, register + 20


def _idle(number: int) -> Messages:
    yield b""
    count = 0
    while True:
        count += 1
        yield _frame(count + number, "Heartbeat")


_MIXES = {"meter-values": _meter_values, "session": _session, "transaction-events": _transaction_events, "idle": _idle}
_SUBPROTOCOLS = {"transaction-events": "ocpp2.0.1"}


def _frame(number: int, action: str, **payload: object) -> bytes:
    return json.dumps([2, f"m{number}", action, payload], separators=(",", ":")).encode()


async def run(plan: Plan) -> Result:
    """Connect, measure for the plan's seconds, and return what was seen."""
    sink = Sink()
    began = time.perf_counter()
    gate = asyncio.Semaphore(200)
    clients = await asyncio.gather(*(_connect(number, plan, sink, gate) for number in range(plan.stations)))
    connect_s = time.perf_counter() - began
    await asyncio.sleep(plan.settle_s)
    for number, client in enumerate(clients):
        next(client._messages)  # noqa: SLF001 - the generator's first step
        client.start(number / plan.stations * (client._interval_s or 0.01))  # noqa: SLF001
    await asyncio.sleep(min(1.0, plan.seconds / 5))  # warm-up
    sink.latencies.clear()
    sink.sessions = 0
    started, cpu = time.perf_counter(), time.process_time()
    await asyncio.sleep(plan.seconds)
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    sink.is_over = True
    ordered = sorted(sink.latencies) or [0.0]
    return Result(
        calls=len(sink.latencies),
        seconds=round(seconds, 3),
        per_s=round(len(sink.latencies) / seconds, 1),
        p50_ms=round(ordered[len(ordered) // 2] * 1000, 3),
        p99_ms=round(ordered[min(int(len(ordered) * 0.99), len(ordered) - 1)] * 1000, 3),
        longest_ms=round(ordered[-1] * 1000, 1),
        errors=sink.errors,
        cpu_s=round(cpu, 3),
        connect_s=round(connect_s, 3),
        sessions=sink.sessions,
    )


async def _connect(number: int, plan: Plan, sink: Sink, gate: asyncio.Semaphore) -> StationClient:
    identity = f"BENCH{number:05d}"
    headers = {"Sec-WebSocket-Protocol": _SUBPROTOCOLS.get(plan.mix, "ocpp1.6")}
    if plan.password:
        token = base64.b64encode(f"{identity}:{plan.password}".encode()).decode()
        headers["Authorization"] = f"Basic {token}"
    async with gate:
        _, client = await picows.ws_connect(
            lambda: StationClient(number, plan, sink), f"{plan.url}/{identity}", extra_headers=headers
        )
    if not isinstance(client, StationClient):
        raise TypeError("picows made another listener.")
    return client


if __name__ == "__main__":
    result = uvloop.run(run(msgspec.json.decode(sys.argv[1], type=Plan)))
    print(msgspec.json.encode(result).decode())
