"""A small CSMS for the simulator's tests: valid answers, every frame checked against the schemas, scriptable."""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any

from jsonschema import Draft7Validator, FormatChecker
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

NOW = "2025-06-01T08:00:00.000Z"
FOLDERS = {"ocpp1.6": "v16", "ocpp2.0.1": "v201", "ocpp2.1": "v21"}
PATIENCE_S = 10.0
Answer = dict[str, Any] | Callable[[dict[str, Any]], Any]


@cache
def validator(subprotocol: str, action: str, direction: str) -> Draft7Validator:
    folder = FOLDERS[subprotocol]
    suffix = "Response" if direction == "response" else ("" if folder == "v16" else "Request")
    path = files("ocpp") / folder / "schemas" / f"{action}{suffix}.json"
    if not path.is_file():
        path = files("ocpp") / folder / "schemas" / f"{action}.json"
    schema = json.loads(path.read_text(encoding="utf-8-sig"))
    return Draft7Validator(schema, format_checker=FormatChecker())


class Conversation:
    """One connection of a station."""

    def __init__(self, csms: "Csms", socket: ServerConnection, identity: str) -> None:
        self.csms = csms
        self.socket = socket
        self.identity = identity
        self.subprotocol = socket.subprotocol or "ocpp1.6"
        self.waiting: dict[str, tuple[str, asyncio.Future]] = {}
        self.numbers = 0

    async def run(self) -> None:
        async for text in self.socket:
            assert isinstance(text, str)
            self.csms.frames[self.identity].append(text)
            await self.take(text)

    async def take(self, text: str) -> None:
        try:
            frame = json.loads(text)
        except json.JSONDecodeError:
            return
        if not isinstance(frame, list) or not frame:
            return
        if frame[0] == 2:
            _, message_id, action, payload = frame
            self.csms.check(self.subprotocol, action, "request", payload)
            self.csms.calls[self.identity].append((action, payload))
            answer = self.csms.answer(self, action, payload)
            if answer is not None:
                await self.socket.send(json.dumps([3, message_id, answer] if isinstance(answer, dict) else answer))
        elif frame[0] in (3, 4):
            action, future = self.waiting.pop(frame[1])
            if frame[0] == 3:
                self.csms.check(self.subprotocol, action, "response", frame[2])
            if not future.done():
                future.set_result(frame)

    async def call(self, action: str, payload: dict[str, Any]) -> Any:
        """Return the result's payload, or the whole CALLERROR frame."""
        self.csms.check(self.subprotocol, action, "request", payload, ours=True)
        return await self.call_unchecked(action, payload)

    async def call_unchecked(self, action: str, payload: dict[str, Any]) -> Any:
        self.numbers += 1
        message_id = f"csms-{self.identity}-{self.numbers}"
        future: asyncio.Future = asyncio.get_running_loop().create_future()
        self.waiting[message_id] = (action, future)
        await self.socket.send(json.dumps([2, message_id, action, payload]))
        async with asyncio.timeout(PATIENCE_S):
            frame = await future
        return frame[2] if frame[0] == 3 else frame


class Csms:
    def __init__(self) -> None:
        self.url = ""
        self.validates = True
        self.calls: dict[str, list[tuple[str, dict[str, Any]]]] = defaultdict(list)
        self.frames: dict[str, list[str]] = defaultdict(list)
        self.errors: list[str] = []
        self.answers: dict[str, Answer] = {}
        self.connections: dict[str, Conversation] = {}
        self.connected = 0
        self.headers: dict[str, Any] = {}
        self.refuses_with: int | None = None
        self.transactions = 0
        self.starts: dict[tuple, int] = {}

    def check(self, subprotocol: str, action: str, direction: str, payload: Any, *, ours: bool = False) -> None:
        if self.validates or ours:
            for error in validator(subprotocol, action, direction).iter_errors(payload):
                self.errors.append(
                    f"{subprotocol} {action} {direction}: {error.json_path}: {error.message} in {payload}"
                )

    def answer(self, conversation: Conversation, action: str, payload: dict[str, Any]) -> Any:
        scripted = self.answers.get(action)
        if scripted is not None:
            answer = scripted(payload) if callable(scripted) else scripted
            if answer is not ...:
                return answer
        is_16 = conversation.subprotocol == "ocpp1.6"
        info = {"status": "Accepted"}
        if action == "BootNotification":
            return {"status": "Accepted", "currentTime": NOW, "interval": 300}
        if action == "Heartbeat":
            return {"currentTime": NOW}
        if action == "Authorize":
            return {"idTagInfo": info} if is_16 else {"idTokenInfo": info}
        if action == "StartTransaction":
            key = (conversation.identity, payload["connectorId"], payload["timestamp"], payload["meterStart"])
            if key not in self.starts:
                self.transactions += 1
                self.starts[key] = self.transactions
            return {"transactionId": self.starts[key], "idTagInfo": info}
        if action == "TransactionEvent":
            return {"idTokenInfo": info} if "idToken" in payload else {}
        if action in ("SignCertificate", "DataTransfer"):
            return {"status": "Accepted"}
        return {}

    async def until(self, happened: Callable[[], bool], timeout_s: float = PATIENCE_S) -> None:
        async with asyncio.timeout(timeout_s):
            while not happened():
                await asyncio.sleep(0.002)

    async def handle(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        identity = socket.request.path.rsplit("/", 1)[-1]
        self.headers[identity] = socket.request.headers
        conversation = Conversation(self, socket, identity)
        self.connections[identity] = conversation
        self.connected += 1
        try:
            await conversation.run()
        finally:
            self.connected -= 1

    def process_request(self, connection: ServerConnection, request: Request) -> Response | None:
        if self.refuses_with is not None:
            return connection.respond(self.refuses_with, "no\n")
        return None


def choose(_: ServerConnection, offered: list[str]) -> str | None:
    return next((name for name in offered if name in FOLDERS), None)


@asynccontextmanager
async def running(*, tls: Any = None) -> AsyncIterator[Csms]:
    csms = Csms()
    async with serve(
        csms.handle,
        "127.0.0.1",
        0,
        select_subprotocol=choose,
        process_request=csms.process_request,
        ping_interval=None,
        compression=None,
        ssl=tls,
        open_timeout=30,
        close_timeout=1,
    ) as server:
        port = server.sockets[0].getsockname()[1]
        csms.url = f"{'wss' if tls else 'ws'}://localhost:{port}/ocpp" if tls else f"ws://127.0.0.1:{port}/ocpp"
        yield csms
    assert not csms.errors, "\n".join(csms.errors[:5])


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
