"""The real server as a process for fault tests: at a port that stays, killed as a whole, started again and again."""

import asyncio
import os
import signal
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from app.processes import Server
from app.processes import environment as plain
from faults.nursery import Forked, Nursery
from ingufu.infra.storage.targets import StorageUrl

READY_S = 10.0  # F2: after the start of the process


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Born(Server):
    """A server from the nursery."""

    def __init__(self, nursery: Nursery, data: Path, *arguments: object, **more: str) -> None:
        self._nursery = nursery
        super().__init__(data, *arguments, **more)

    def _launch(self, arguments: list[str], environment: dict[str, str]) -> Forked:
        return self._nursery.fork(arguments, environment)


class House:
    """One data folder, one port for stations, and the server that has both for as long as it lives."""

    def __init__(self, data: Path, *, database: str = "", **environment: str) -> None:
        self.data = data
        self.storage = StorageUrl.parse(database or None, data)
        self.port = free_port()
        self.environment = {"INGUFU_DATABASE": database, "INGUFU_LOG_LEVEL": "warning", **environment}
        self.server: Server | None = None
        self.program: type[Server] = Server
        self.nursery: Nursery | None = None  # where servers come from; none: each is a program of its own
        self.ready_s: list[float] = []  # how long each start took
        self.logged: list[str] = []
        self.data.mkdir(mode=0o700, exist_ok=True)

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ocpp"

    def launch(self, *, is_cold: bool = False) -> Server:
        """Start the server, and do not wait for it; `is_cold`: as an operator does, whether or not we have a nursery."""
        assert self.server is None
        environment = {name: text for name, text in self.environment.items() if text}
        arguments = ("--ocpp", f"127.0.0.1:{self.port}")
        if self.nursery is None or is_cold:
            self.server = self.program(self.data, *arguments, **environment)
        else:
            self.server = Born(self.nursery, self.data, *arguments, **environment)
        return self.server

    def open_nursery(self) -> Nursery:
        """Return where servers come from during its block."""
        self.nursery = Nursery(plain(**{name: text for name, text in self.environment.items() if text}))
        return self.nursery

    async def start(self, *, is_cold: bool = False) -> Server:
        """Start the server and return when it listens."""
        began = time.monotonic()
        server = self.launch(is_cold=is_cold)
        await asyncio.to_thread(server.until, "Stations connect to")
        self.ready_s.append(time.monotonic() - began)
        return server

    async def kill(self) -> None:
        """Kill the server and all that it started, at once."""
        assert self.server is not None
        if self.server.process.poll() is None:
            os.killpg(self.server.process.pid, signal.SIGKILL)
        await self._leave()

    async def stop(self, number: int = signal.SIGTERM) -> int:
        """Stop the server gently; return the exit code."""
        assert self.server is not None
        code = await asyncio.to_thread(self.server.end, number)
        await self._leave()
        return code

    async def wait(self) -> int:
        """Return the exit code when the server has ended by itself."""
        assert self.server is not None
        code = await asyncio.to_thread(self.server.wait)
        await self._leave()
        return code

    async def _leave(self) -> None:
        server, self.server = self.server, None
        if server is not None:
            await asyncio.to_thread(server.destroy)
            self.logged += server.logged


@asynccontextmanager
async def house(data: Path, *, database: str = "", **environment: str) -> AsyncIterator[House]:
    """A house whose server is gone with the block, however the block ends."""
    made = House(data, database=database, **environment)
    try:
        yield made
    finally:
        if made.server is not None:
            await made.kill()
