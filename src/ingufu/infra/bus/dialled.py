"""The local bus, at a process that asks: dials the hub's socket, and dials again when it is gone."""

import asyncio
import contextlib
import itertools
from pathlib import Path

import structlog

from ingufu.core.errors import Unavailable
from ingufu.infra.bus import socket_frames
from ingufu.infra.bus.memory import MemoryBus
from ingufu.infra.bus.port import Listener, Responder, Unsubscribe
from ingufu.infra.bus.socket_frames import Frame, FrameKind

REDIAL_S = 0.5

log = structlog.get_logger(__name__)


class DialledBus:
    """Speaks to the hub. While it is gone, requests fail at once and published messages reach local listeners only."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = MemoryBus()
        self._writer: asyncio.StreamWriter | None = None
        self._waiting: dict[int, asyncio.Future[bytes]] = {}
        self._numbers = itertools.count(1)
        self._task: asyncio.Task[None] | None = None
        self._connected = asyncio.Event()

    async def open(self, *, wait_s: float = 5.0) -> None:
        """Begin to dial; returns when connected or after `wait_s`, whichever is first."""
        self._task = asyncio.create_task(self._run())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self._connected.wait()

    @property
    def is_connected(self) -> bool:
        return self._connected.is_set()

    def publish(self, topic: str, message: bytes) -> None:
        self._local.publish(topic, message)
        if self._writer is not None:
            self._writer.write(socket_frames.encode(Frame(FrameKind.PUBLISH, 0, topic, message)))

    def subscribe(self, topic: str, listener: Listener) -> Unsubscribe:
        return self._local.subscribe(topic, listener)

    async def request(self, subject: str, message: bytes, *, timeout_s: float) -> bytes:
        if self._writer is None:
            raise Unavailable("The process that holds the stations is not reachable at the moment.")
        number = next(self._numbers)
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            self._writer.write(socket_frames.encode(Frame(FrameKind.REQUEST, number, subject, message)))
            async with asyncio.timeout(timeout_s):
                return await answer
        except TimeoutError as error:
            raise Unavailable(f"{subject} did not answer within {timeout_s:g} s.") from error
        finally:
            self._waiting.pop(number, None)

    def respond(self, subject: str, responder: Responder) -> None:
        self._local.respond(subject, responder)

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self._local.close()

    async def _run(self) -> None:
        while True:
            try:
                reader, self._writer = await asyncio.open_unix_connection(self._path)
            except OSError:
                await asyncio.sleep(REDIAL_S)
                continue
            self._connected.set()
            try:
                await self._read(reader)
            except ValueError as error:
                log.warning("bus.bad_frame", error=str(error))
            finally:
                self._lose()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while (frame := await socket_frames.read(reader)) is not None:
            if frame.kind is FrameKind.PUBLISH:
                self._local.publish(frame.name, frame.body)
                continue
            answer = self._waiting.pop(frame.number, None)
            if answer is None or answer.done():
                continue
            if frame.kind is FrameKind.ANSWER:
                answer.set_result(frame.body)
            else:
                answer.set_exception(Unavailable(frame.name))

    def _lose(self) -> None:
        self._connected.clear()
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(Unavailable("The process that holds the stations went away."))
        self._waiting.clear()
