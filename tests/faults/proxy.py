"""A TCP proxy between stations and the gateway that does to them what networks do."""

import asyncio
import random
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

PIECE = 16_384  # bytes read at a time
SMALL_BUFFER = 4096  # of a socket, so that who does not read is noticed soon


@dataclass(slots=True)
class Way:
    """What happens to bytes in one direction; may be changed while they flow."""

    latency_s: float = 0.0  # of each piece
    bytes_per_s: float | None = None
    piece: int = PIECE  # 1: byte by byte
    damage: float = 0.0  # share of the bytes that arrive as others
    is_lost: bool = False  # what comes is swallowed: nobody is there any more, and nobody has said so
    is_held: bool = False  # nothing is taken either, so that the sender's buffers fill
    carried: int = 0  # bytes
    moved: asyncio.Event = field(default_factory=asyncio.Event)

    def set(self, **values: float | bool | None) -> None:
        """Change what happens from now on."""
        for name, value in values.items():
            setattr(self, name, value)
        self.moved.set()

    async def pass_on(self, data: bytes, chance: random.Random) -> bytes:
        """Return what arrives of `data` when it arrives."""
        while self.is_held:
            self.moved.clear()
            await self.moved.wait()
        if self.latency_s:
            await asyncio.sleep(self.latency_s)
        if self.bytes_per_s is not None:
            await asyncio.sleep(len(data) / self.bytes_per_s)
        if self.is_lost:
            return b""
        self.carried += len(data)
        if self.damage:
            return bytes(byte ^ (1 << chance.randrange(8)) if chance.random() < self.damage else byte for byte in data)
        return data


class Proxy:
    """Listens on a port of its own and passes on to `target`."""

    def __init__(self, target: tuple[str, int], *, seed: int = 1) -> None:
        self.up = Way()  # from the station
        self.down = Way()  # to the station
        self.doubles = False  # each new connection reaches the gateway twice; only the first one's answers arrive
        self._target = target
        self._chance = random.Random(seed)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self.address: tuple[str, int] = ("", 0)

    @property
    def url(self) -> str:
        return f"ws://{self.address[0]}:{self.address[1]}/ocpp"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=PIECE)
        self.address = self._server.sockets[0].getsockname()[:2]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del kind, error, trace
        assert self._server is not None
        self._server.close()
        self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self, *, is_hard: bool = False) -> None:
        """End all connections; `is_hard` by reset instead of an orderly end."""
        for writer in self._writers:
            if is_hard:
                found: socket.socket = writer.get_extra_info("socket")
                found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                writer.transport.abort()
            else:
                writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._join(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass  # that is what it is for
        finally:
            self._tasks.discard(task)
            writer.transport.abort()
            self._writers.discard(writer)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        answers, gateway = await self._dial()
        gateways = [gateway]
        pumps = [self._pump(answers, self.down, [writer])]
        if self.doubles:
            unheard, second = await self._dial()
            gateways.append(second)
            pumps.append(self._pump(unheard, Way(), []))
        tasks = [asyncio.create_task(pump) for pump in (self._pump(reader, self.up, gateways), *pumps)]
        try:
            await asyncio.wait(tasks[:2], return_when=asyncio.FIRST_COMPLETED)
            if self.down.is_lost:
                await asyncio.Event().wait()  # the station is not told either
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for gateway in gateways:
                self._writers.discard(gateway)
                gateway.close()

    async def _dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        made = socket.socket()
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
        made.setblocking(False)
        await asyncio.get_running_loop().sock_connect(made, self._target)
        reader, writer = await asyncio.open_connection(sock=made, limit=SMALL_BUFFER)
        self._writers.add(writer)
        return reader, writer

    async def _pump(self, reader: asyncio.StreamReader, way: Way, writers: list[asyncio.StreamWriter]) -> None:
        with suppress(OSError):
            while data := await reader.read(way.piece):
                arrived = await way.pass_on(data, self._chance)
                for writer in writers:
                    writer.write(arrived)
                    await writer.drain()
