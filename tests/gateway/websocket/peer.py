"""The two ends of the tests: a server in its own thread and loop, and a station that writes bytes by hand."""

import asyncio
import queue
import socket
import struct
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import contextmanager
from typing import Any, NamedTuple

import uvloop

from ingufu.gateway.websocket import (
    Accept,
    Closure,
    Connection,
    Decision,
    Endpoint,
    FailedAttempt,
    ServerLimits,
    SocketLimits,
    UpgradeRequest,
    WebSocketServer,
)

DEADLINE_S = 10
LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "uvloop": uvloop.new_event_loop,
    "asyncio": asyncio.new_event_loop,
}
TEXT, BINARY, CONTINUATION, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10
KEY = "dGhlIHNhbXBsZSBub25jZQ=="  # of RFC 6455 section 1.3
NO_RATES = SocketLimits(messages_per_s=None)


class Frame(NamedTuple):
    opcode: int
    payload: bytes
    fin: bool = True
    rsv: int = 0

    @property
    def close_code(self) -> int:
        return int.from_bytes(self.payload[:2], "big")


def frame(
    opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0, mask: bytes | None = b"\x01\x02\x03\x04"
) -> bytes:
    """Build a frame as a client sends it; `mask=None` breaks 5.1, the rest can break what it likes too."""
    head = bytes([fin << 7 | rsv << 4 | opcode])
    masked = 0x80 if mask is not None else 0
    if len(payload) < 126:
        head += bytes([masked | len(payload)])
    elif len(payload) < 65536:
        head += bytes([masked | 126]) + struct.pack("!H", len(payload))
    else:
        head += bytes([masked | 127]) + struct.pack("!Q", len(payload))
    if mask is None:
        return head + payload
    return head + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))


def close(code: int, reason: bytes = b"") -> bytes:
    return frame(CLOSE, code.to_bytes(2, "big") + reason)


class Recorder:
    """A handler that keeps what happened, for another thread to wait for."""

    def __init__(self) -> None:
        self.events: queue.Queue[tuple[str, Any]] = queue.Queue()
        self.socket: Connection | None = None

    def opened(self, socket: Connection) -> None:
        self.socket = socket
        self.events.put(("opened", None))

    def received(self, text: bytes) -> None:
        self.events.put(("received", text))

    def write_paused(self) -> None:
        self.events.put(("write_paused", None))

    def write_resumed(self) -> None:
        self.events.put(("write_resumed", None))

    def closed(self, closure: Closure) -> None:
        self.events.put(("closed", closure))

    def wait(self, name: str) -> Any:
        """Return the value of the next event, which must be of this name."""
        event, value = self.events.get(timeout=DEADLINE_S)
        assert event == name, (event, value)
        return value

    def wait_closed(self) -> Closure:
        """Return the closure, passing over whatever came before."""
        while True:
            event, value = self.events.get(timeout=DEADLINE_S)
            if event == "closed":
                assert self.events.empty(), "something came after the end"
                return value


class Echo(Recorder):
    def received(self, text: bytes) -> None:
        super().received(text)
        self.socket.send(text)


class RunningServer:
    """A server in a thread of its own, driven from the test's thread."""

    def __init__(self, loop_name: str) -> None:
        self.loop = LOOPS[loop_name]()
        self.loop_name = loop_name
        self.handler: Recorder = Echo()
        self.accept: dict[str, Any] = {"subprotocol": "ocpp1.6", "limits": NO_RATES, "ping_interval_s": None}
        self.decide: Callable[[UpgradeRequest], Decision | Awaitable[Decision]] = self._accept
        self.requests: queue.Queue[UpgradeRequest] = queue.Queue()
        self.attempts: queue.Queue[FailedAttempt] = queue.Queue()
        self.failures: list[BaseException] = []
        self.limits = ServerLimits()
        self.uniform = 0.0
        self.server: WebSocketServer
        self.address: tuple[str, int]
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self, *endpoints: Endpoint) -> list[tuple[str, int]]:
        self._thread.start()
        addresses = self.do(self._start(endpoints or (Endpoint(name="plain", host="127.0.0.1", port=0),)))
        self.address = addresses[0]
        return addresses

    def do(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(DEADLINE_S)

    def call(self, function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        async def run() -> Any:
            return function(*arguments, **named)

        return self.do(run())

    def end(self) -> None:
        if self._thread.is_alive():
            self.do(self.server.stop(spread_s=0, deadline_s=0.05))
            for _ in range(3):  # aborted transports tell their end in the next turns of the loop
                self.call(lambda: None)
            self.loop.call_soon_threadsafe(self.loop.stop)
            self._thread.join(DEADLINE_S)
        self.loop.close()

    def next_attempt(self) -> FailedAttempt:
        return self.attempts.get(timeout=DEADLINE_S)

    def wait_until(self, is_so: Callable[[], bool]) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while not self.call(is_so):
            assert time.monotonic() < deadline, "it never came to be"

    async def _start(self, endpoints: tuple[Endpoint, ...]) -> list[tuple[str, int]]:
        self.loop.set_exception_handler(lambda _, context: self.failures.append(context.get("exception", context)))
        self.server = WebSocketServer(
            decide=self._decide,
            attempt_failed=self.attempts.put,
            monotonic=time.monotonic,
            uniform=lambda: self.uniform,
            limits=self.limits,
        )
        return [await self.server.listen(endpoint) for endpoint in endpoints]

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    def _decide(self, request: UpgradeRequest) -> Decision | Awaitable[Decision]:
        self.requests.put(request)
        return self.decide(request)

    def _accept(self, request: UpgradeRequest) -> Decision:
        return Accept(handler=self.handler, **self.accept)


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


class Station:
    """A blocking client that knows nothing of WebSockets but the bytes it is told to write."""

    def __init__(self, address: tuple[str, int], wrap: Callable[[socket.socket], socket.socket] | None = None) -> None:
        raw = socket.create_connection(address, timeout=DEADLINE_S)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = wrap(raw) if wrap else raw
        self.received = b""

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def request(
        self, path: str = "/ocpp/CP1", headers: dict[str, str | None] | None = None, extra: bytes = b"", **more: str
    ) -> bytes:
        """Return a request; a header of None is left out."""
        lines: dict[str, str | None] = {
            "Host": "localhost",
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": KEY,
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Protocol": "ocpp1.6",
        }
        lines |= headers or {}
        text = f"GET {path} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in lines.items() if v is not None)
        return text.encode("latin-1") + extra + b"\r\n"

    def ask(self, request: bytes) -> Answer:
        self.send(request)
        return self.answer()

    def answer(self) -> Answer:
        while b"\r\n\r\n" not in self.received:
            self._more()
        head, self.received = self.received.split(b"\r\n\r\n", 1)
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        length = int(headers.get("Content-Length", "0"))
        while len(self.received) < length:
            self._more()
        body, self.received = self.received[:length], self.received[length:]
        return Answer(int(first.split(" ")[1]), headers, body)

    def upgrade(self, path: str = "/ocpp/CP1", headers: dict[str, str | None] | None = None) -> Answer:
        answer = self.ask(self.request(path, headers))
        assert answer.status == 101, answer
        return answer

    def frame(self) -> Frame:
        """Return the next frame of the server, which must not be masked."""
        head = self._take(2)
        assert not head[1] & 0x80, "a server must not mask (5.1)"
        length = head[1] & 0x7F
        if length == 126:
            length = int.from_bytes(self._take(2), "big")
        elif length == 127:
            length = int.from_bytes(self._take(8), "big")
        return Frame(head[0] & 0xF, self._take(length), bool(head[0] & 0x80), head[0] >> 4 & 7)

    def is_ended(self) -> bool:
        """Wait for the end of the connection; True if it was orderly, with nothing left to read."""
        try:
            return self.received == b"" and self.socket.recv(1) == b""
        except ConnectionResetError:
            return False

    def close(self) -> None:
        self.socket.close()

    def _take(self, count: int) -> bytes:
        while len(self.received) < count:
            self._more()
        taken, self.received = self.received[:count], self.received[count:]
        return taken

    def _more(self) -> None:
        data = self.socket.recv(65536)
        assert data, f"the server hung up, having sent {self.received!r}"
        self.received += data


@contextmanager
def running(server: RunningServer):
    try:
        yield server
    finally:
        server.end()
    assert not server.failures, server.failures
