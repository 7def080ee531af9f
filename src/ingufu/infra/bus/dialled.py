"""The local bus, at a process that asks: dials the hub's socket, and dials again when it is gone."""

import asyncio
import contextlib
import itertools
from pathlib import Path

import structlog

from ingufu.core.errors import InvalidInput, Unavailable
from ingufu.infra.bus import socket_frames
from ingufu.infra.bus.memory import MemoryBus
from ingufu.infra.bus.port import Listener, Responder, Unsubscribe
from ingufu.infra.bus.socket_frames import Frame, FrameKind, FrameTooLarge

REDIAL_S = 0.5
WRITE_LIMIT_BYTES = 8 * 1024 * 1024  # a hub that does not read loses what is published beyond this
NOT_REACHABLE = "The process that holds the stations is not reachable at the moment."
WENT_AWAY = "The process that holds the stations went away before it answered."

log = structlog.get_logger(__name__)


class DialledBus:
    """Speaks to the hub. While it is gone, requests fail at once and published messages reach local listeners only."""

    def __init__(self, path: Path, *, redial_s: float = REDIAL_S) -> None:
        self._path = path
        self._redial_s = redial_s
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
            await self.connected(timeout_s=wait_s)

    async def connected(self, *, timeout_s: float) -> None:
        """Return when the hub is there. Raises TimeoutError."""
        async with asyncio.timeout(timeout_s):
            await self._connected.wait()

    @property
    def is_connected(self) -> bool:
        return self._connected.is_set()

    def publish(self, topic: str, message: bytes) -> None:
        self._local.publish(topic, message)
        writer = self._writer
        if writer is None or writer.transport.get_write_buffer_size() > WRITE_LIMIT_BYTES:
            return
        try:
            writer.write(socket_frames.encode(Frame(FrameKind.PUBLISH, 0, topic, message)))
        except FrameTooLarge as error:
            log.warning("bus.not_published", topic=topic, error=str(error))

    def subscribe(self, topic: str, listener: Listener) -> Unsubscribe:
        return self._local.subscribe(topic, listener)

    async def request(self, subject: str, message: bytes, *, timeout_s: float) -> bytes:
        """Return what the responder answers.

        Raises Unavailable as every bus does (then it is not known whether the request was heard, unless nobody was
        connected), and InvalidInput if the message is larger than the bus carries.
        """
        if self._writer is None:
            raise Unavailable(NOT_REACHABLE)
        number = next(self._numbers)
        try:
            data = socket_frames.encode(Frame(FrameKind.REQUEST, number, subject, message))
        except FrameTooLarge as error:
            raise InvalidInput(str(error)) from error
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            self._writer.write(data)
            async with asyncio.timeout(timeout_s):
                return await answer
        except TimeoutError as error:
            raise Unavailable(f"{subject} did not answer within {timeout_s:g} s.") from error
        finally:
            self._waiting.pop(number, None)

    def respond(self, subject: str, responder: Responder) -> None:
        """Answer requests of this process only: the hub asks nobody."""
        self._local.respond(subject, responder)

    async def close(self) -> None:
        """Hang up; what was published or asked before has been handed over, if the hub is there to read it."""
        if self._writer is not None:
            with contextlib.suppress(ConnectionError, TimeoutError):
                async with asyncio.timeout(1.0):
                    await _flushed(self._writer)
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self._local.close()

    async def _run(self) -> None:
        while True:
            try:
                reader, self._writer = await asyncio.open_unix_connection(str(self._path))
            except OSError:
                await asyncio.sleep(self._redial_s)
                continue
            self._connected.set()
            try:
                await self._read(reader)
            except ValueError as error:
                log.warning("bus.bad_frame", error=str(error))
            finally:
                self._lose()
            await asyncio.sleep(self._redial_s)  # a hub that hangs up at once is not dialled in a loop

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
            self._writer.transport.abort()
            self._writer = None
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(Unavailable(WENT_AWAY))
        self._waiting.clear()


async def _flushed(writer: asyncio.StreamWriter) -> None:
    """Return when the buffer is with the kernel."""
    writer.transport.set_write_buffer_limits(high=0)
    await writer.drain()
