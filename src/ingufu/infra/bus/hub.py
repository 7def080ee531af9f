"""The local bus, at the process that answers: a Unix socket in the data folder that the other processes dial."""

import asyncio
import contextlib
from pathlib import Path

import structlog

from ingufu.core.errors import IngufuError
from ingufu.infra.bus import socket_frames
from ingufu.infra.bus.memory import MemoryBus
from ingufu.infra.bus.port import Listener, Responder, Unsubscribe
from ingufu.infra.bus.socket_frames import Frame, FrameKind

WRITE_LIMIT_BYTES = 8 * 1024 * 1024  # a process that does not read its live events loses them beyond this

log = structlog.get_logger(__name__)


class HubBus:
    """Publishes to listeners here and in every process that dialled, and answers all their requests."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = MemoryBus()
        self._server: asyncio.AbstractServer | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._answering: set[asyncio.Task[None]] = set()
        self.dropped = 0

    async def open(self) -> None:
        """Listen on the socket; a stale one of a dead process is replaced. Only this user may dial."""
        self._path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._serve, self._path)
        self._path.chmod(0o600)

    def publish(self, topic: str, message: bytes) -> None:
        self._local.publish(topic, message)
        if self._writers:
            self._spread(socket_frames.encode(Frame(FrameKind.PUBLISH, 0, topic, message)))

    def subscribe(self, topic: str, listener: Listener) -> Unsubscribe:
        return self._local.subscribe(topic, listener)

    async def request(self, subject: str, message: bytes, *, timeout_s: float) -> bytes:
        return await self._local.request(subject, message, timeout_s=timeout_s)

    def respond(self, subject: str, responder: Responder) -> None:
        self._local.respond(subject, responder)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in tuple(self._answering):
            task.cancel()
        for writer in tuple(self._writers):
            writer.close()
        self._path.unlink(missing_ok=True)
        await self._local.close()

    def _spread(self, data: bytes, source: asyncio.StreamWriter | None = None) -> None:
        for writer in self._writers:
            if writer is source:
                continue
            if writer.transport.get_write_buffer_size() > WRITE_LIMIT_BYTES:
                self.dropped += 1
            else:
                writer.write(data)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while (frame := await socket_frames.read(reader)) is not None:
                if frame.kind is FrameKind.PUBLISH:
                    self._local.publish(frame.name, frame.body)
                    self._spread(socket_frames.encode(frame), writer)
                elif frame.kind is FrameKind.REQUEST:
                    task = asyncio.create_task(self._answer(frame, writer))
                    self._answering.add(task)
                    task.add_done_callback(self._answering.discard)
        except ValueError as error:
            log.warning("bus.bad_frame", error=str(error))
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _answer(self, frame: Frame, writer: asyncio.StreamWriter) -> None:
        try:
            body = await self._local.request(frame.name, frame.body, timeout_s=600)
            answer = Frame(FrameKind.ANSWER, frame.number, "", body)
        except IngufuError as error:
            answer = Frame(FrameKind.FAILURE, frame.number, error.message, b"")
        except Exception:
            log.exception("bus.responder_failed", subject=frame.name)
            answer = Frame(FrameKind.FAILURE, frame.number, "The other process failed to answer.", b"")
        with contextlib.suppress(ConnectionError):
            writer.write(socket_frames.encode(answer))
            await writer.drain()
