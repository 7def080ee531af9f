"""The local bus, at the process that answers: a Unix socket in the data folder that the other processes dial."""

import asyncio
import contextlib
import socket
from pathlib import Path

import structlog

from ingufu.core.errors import Unavailable
from ingufu.infra.bus import socket_frames
from ingufu.infra.bus.memory import MemoryBus
from ingufu.infra.bus.port import Listener, Responder, Unsubscribe
from ingufu.infra.bus.socket_frames import Frame, FrameKind, FrameTooLarge

WRITE_LIMIT_BYTES = 8 * 1024 * 1024  # a process that does not read its live events loses them beyond this
SPREAD_S = 0.02  # what is published within it goes out in one piece: each one wakes every process that dialled
SPREAD_BYTES = 256 * 1024  # so much does not wait
LONGEST_ANSWER_S = 660.0  # beyond the longest time a station may be given; whoever asked has given up before

log = structlog.get_logger(__name__)


class HubBus:
    """Publishes to listeners here and in every process that dialled, and answers all their requests."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = MemoryBus()
        self._server: asyncio.AbstractServer | None = None
        self._writers: dict[asyncio.StreamWriter, asyncio.Task[None]] = {}
        self._answering: set[asyncio.Task[None]] = set()
        self._unsent: list[bytes] = []  # frames that are published, and go out together
        self._unsent_bytes = 0
        self._spreading: asyncio.TimerHandle | None = None
        self.dropped = 0

    async def open(self) -> None:
        """Listen on the socket; a stale one of a dead process is replaced. Only this user may dial."""
        self._path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX)
        try:
            listener.bind(str(self._path))
            self._path.chmod(0o600)  # before it listens: nobody else can have dialled
            self._server = await asyncio.start_unix_server(self._serve, sock=listener)
        except BaseException:
            listener.close()
            raise

    @property
    def dialled(self) -> int:
        """How many other processes are connected."""
        return len(self._writers)

    def publish(self, topic: str, message: bytes) -> None:
        self._local.publish(topic, message)
        if not self._writers:
            return
        data = _encoded(Frame(FrameKind.PUBLISH, 0, topic, message))
        if data is None:
            return
        self._unsent.append(data)
        self._unsent_bytes += len(data)
        if self._unsent_bytes >= SPREAD_BYTES:
            self._spread_unsent()
        elif self._spreading is None:
            self._spreading = asyncio.get_running_loop().call_later(SPREAD_S, self._spread_unsent)

    def subscribe(self, topic: str, listener: Listener) -> Unsubscribe:
        return self._local.subscribe(topic, listener)

    async def request(self, subject: str, message: bytes, *, timeout_s: float) -> bytes:
        return await self._local.request(subject, message, timeout_s=timeout_s)

    def respond(self, subject: str, responder: Responder) -> None:
        self._local.respond(subject, responder)

    async def close(self) -> None:
        """Hang up on everyone. Requests in hand are given up, and their processes told by the end of the line."""
        if self._server is not None:
            self._spread_unsent()
            self._server.close()
            self._server = None
            self._path.unlink(missing_ok=True)
        tasks = [*self._answering, *self._writers.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._local.close()

    def _spread_unsent(self) -> None:
        """Send what was published and has not gone out yet."""
        if self._spreading is not None:
            self._spreading.cancel()
            self._spreading = None
        if self._unsent:
            unsent, self._unsent, self._unsent_bytes = self._unsent, [], 0
            self._spread(b"".join(unsent), len(unsent))

    def _spread(self, data: bytes, frames: int, source: asyncio.StreamWriter | None = None) -> None:
        for writer in self._writers:
            if writer is source or writer.is_closing():
                continue
            if writer.transport.get_write_buffer_size() > WRITE_LIMIT_BYTES:
                self.dropped += frames
            else:
                writer.write(data)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine runs in one
        self._writers[writer] = task
        try:
            while (frame := await socket_frames.read(reader)) is not None:
                self._take(frame, writer)
        except ValueError as error:
            log.warning("bus.bad_frame", error=str(error))
        finally:
            del self._writers[writer]
            writer.transport.abort()  # what it did not read by now it will not read

    def _take(self, frame: Frame, writer: asyncio.StreamWriter) -> None:
        if frame.kind is FrameKind.PUBLISH:
            self._local.publish(frame.name, frame.body)
            data = _encoded(frame)
            if data is not None:
                self._spread(data, 1, writer)
        elif frame.kind is FrameKind.REQUEST:
            task = asyncio.create_task(self._answer(frame, writer))
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)

    async def _answer(self, frame: Frame, writer: asyncio.StreamWriter) -> None:
        try:
            body = await self._local.request(frame.name, frame.body, timeout_s=LONGEST_ANSWER_S)
            data = socket_frames.encode(Frame(FrameKind.ANSWER, frame.number, "", body))
        except (Unavailable, FrameTooLarge) as error:
            data = socket_frames.encode(Frame(FrameKind.FAILURE, frame.number, str(error), b""))
        self._spread_unsent()  # what was published before an answer is heard before it
        if not writer.is_closing():
            with contextlib.suppress(ConnectionError):
                writer.write(data)
                await writer.drain()


def _encoded(frame: Frame) -> bytes | None:
    """Return the frame's bytes; None, and a word in the log, if it is larger than the bus carries."""
    try:
        return socket_frames.encode(frame)
    except FrameTooLarge as error:
        log.warning("bus.not_published", topic=frame.name, error=str(error))
        return None
