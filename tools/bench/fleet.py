"""Many stations in one thread: sockets, and who waits for which answer. Cheaper than any server that it loads."""

import contextlib
import os
import random
import select
import socket
import time
from collections import deque
from collections.abc import Callable

from bench import mixes, wire
from bench.plan import Connected, Plan

CONNECT_S = 60.0  # for all stations together
_CONNECTING, _UPGRADING, _GREETING, _READY, _LOST = range(5)
_ERROR, _CALL = ord("4"), ord("2")


class Station:
    """One station; says one thing at a time, as OCPP demands."""

    __slots__ = ("answer", "due_at", "messages", "number", "rest", "socket", "state", "to_say", "waiting")

    def __init__(self, number: int, connection: socket.socket) -> None:
        self.number = number
        self.socket = connection
        self.state = _CONNECTING
        self.rest = b""
        self.to_say: list[bytes] = []  # before all else
        self.messages: mixes.Messages | None = None
        self.answer = b""  # to its last call
        self.due_at: float | None = None  # of the call that waits for its answer
        self.waiting: deque[float] = deque()  # when calls were due that the one before keeps waiting


class Fleet:
    """The stations of one plan. `on_answer(station, due_at, now)` is told of every answer."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._poll = select.epoll()
        self._by_fd: dict[int, Station] = {}
        self._upgraded_at = self._ready_at = 0.0
        self._ready = 0
        self.wall = mixes.Wall()
        self.stations: list[Station] = []
        self.errors = 0  # error answers
        self.lost = 0  # connections
        self.on_answer: Callable[[Station, float, float], None] = lambda *_: None
        self.on_readable: dict[int, Callable[[], None]] = {}

    def watch(self, fd: int, read: Callable[[], None]) -> None:
        """Call `read` whenever there is something to read."""
        self._poll.register(fd, select.EPOLLIN)
        self.on_readable[fd] = read

    def connect(self) -> Connected:
        """Let all stations knock at once, and return when the last is in, or a minute has passed."""
        began = time.perf_counter()
        own = f"127.{os.getpid() % 250 + 1}.{random.randrange(250)}.1"  # ports of the run before may rest still
        for number in range(self._plan.first, self._plan.first + self._plan.stations):
            self._knock(number, own)
        return self._await(began)

    def greet(self) -> Connected:
        """Let all stations that wait for it say who they are, and return when the last was answered."""
        began = time.perf_counter()
        waiting = [station for station in self.stations if station.state == _READY]
        self._ready -= len(waiting)
        for station in waiting:
            self._welcome(station)
        return self._await(began)

    def turn(self, timeout_s: float) -> None:
        """Wait for something to come, not for longer than the timeout, and deal with all that has."""
        events = self._poll.poll(timeout_s, 4096)
        self.wall.look()
        by_fd = self._by_fd
        for fd, _ in events:
            station = by_fd.get(fd)
            if station is None:
                self.on_readable[fd]()
            elif station.state == _CONNECTING:
                self._request(station)
            else:
                self._read(station)

    def say(self, station: Station, due_at: float) -> None:
        """Let the station send its next call."""
        if station.messages is None:
            station.messages = mixes.MIXES[self._plan.mix](station.number, self.wall)
            frame = next(station.messages)
        else:
            frame = station.messages.send(station.answer)
        station.due_at = due_at
        self._send(station, frame)

    def close(self) -> None:
        for station in self.stations:
            station.socket.close()
        self._poll.close()

    def _knock(self, number: int, own: str) -> None:
        connection = socket.socket()
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.bind((own, 0))
        connection.connect_ex(("127.0.0.1", self._plan.port))
        station = Station(number, connection)
        self.stations.append(station)
        self._by_fd[connection.fileno()] = station
        self._poll.register(connection, select.EPOLLOUT)

    def _request(self, station: Station) -> None:
        if station.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self._lose(station)
            return
        plan = self._plan
        station.state = _UPGRADING
        self._poll.modify(station.socket, select.EPOLLIN)
        host = f"127.0.0.1:{plan.port}"
        self._send(station, wire.upgrade_request(station.number, host, mixes.subprotocol(plan.mix), plan.password))

    def _read(self, station: Station) -> None:
        try:
            received = station.socket.recv(65_536)
        except BlockingIOError:
            return
        except OSError:
            received = b""
        if not received:
            self._lose(station)
        elif station.state == _UPGRADING:
            self._upgrade(station, station.rest + received)
        elif not station.rest and received[0] == 0x81 and received[1] == len(received) - 2:  # one small text
            self._take(station, received[2:])
        else:
            self._take_frames(station, station.rest + received)

    def _upgrade(self, station: Station, received: bytes) -> None:
        head, end, rest = received.partition(b"\r\n\r\n")
        if not end:
            station.rest = received
            return
        if not head.startswith(b"HTTP/1.1 101"):
            self._lose(station)
            return
        self._upgraded_at = time.perf_counter()
        station.rest = b""
        if self._plan.greets_when_told:
            self._ready_now(station)
        else:
            self._welcome(station)
        if rest:
            self._take_frames(station, rest)

    def _await(self, began: float) -> Connected:
        until = began + CONNECT_S
        while self._ready + self.lost < self._plan.stations and time.perf_counter() < until:
            self.turn(min(0.5, max(0.0, until - time.perf_counter())))
        return Connected(
            stations=self._ready,
            upgraded_s=round(self._upgraded_at - began, 3),
            ready_s=round(self._ready_at - began, 3),
            failures=self._plan.stations - self._ready,
        )

    def _welcome(self, station: Station) -> None:
        station.state = _GREETING
        station.to_say = [mixes.status(self._plan.mix, self.wall), mixes.boot(self._plan.mix)]
        station.to_say = station.to_say[2 - self._plan.calls_first :]
        self._greet(station)

    def _greet(self, station: Station) -> None:
        if station.to_say:
            self._send(station, station.to_say.pop())
        else:
            self._ready_now(station)

    def _ready_now(self, station: Station) -> None:
        station.state = _READY
        self._ready += 1
        self._ready_at = time.perf_counter()

    def _take_frames(self, station: Station, received: bytes) -> None:
        found, station.rest = wire.frames(received)
        for opcode, payload in found:
            if opcode == wire.TEXT:
                self._take(station, payload)
            elif opcode == wire.PING:
                self._send(station, wire.pong(payload))
            elif opcode == wire.CLOSE:
                self._lose(station)

    def _take(self, station: Station, payload: bytes) -> None:
        kind = payload[1]
        if kind == _CALL:
            self._send(station, wire.refusal(payload))
            return
        self.errors += kind == _ERROR
        if station.state == _GREETING:
            self._greet(station)
        elif station.due_at is not None:
            due_at, station.due_at, station.answer = station.due_at, None, payload
            self.on_answer(station, due_at, time.perf_counter())

    def _send(self, station: Station, data: bytes) -> None:
        try:
            sent = station.socket.send(data)
        except OSError:
            self._lose(station)
            return
        if sent != len(data):  # a server that reads nothing any more
            self._lose(station)

    def _lose(self, station: Station) -> None:
        if station.state == _LOST:
            return
        self._ready -= station.state == _READY
        station.state = _LOST
        self.lost += 1
        with contextlib.suppress(OSError, ValueError):
            self._poll.unregister(station.socket)
        self._by_fd.pop(station.socket.fileno(), None)
        station.socket.close()
