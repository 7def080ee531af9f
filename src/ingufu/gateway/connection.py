"""One station's socket: frames in order to the session, answers back, and our own requests one at a time."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from ingufu.core.clock import Clock
from ingufu.core.commands import RawReply, ReplyKind
from ingufu.core.errors import Conflict
from ingufu.gateway.frame_log import FrameLog
from ingufu.gateway.websocket import CloseCode, Closure, Connection
from ingufu.ocpp.rpc import Peer
from ingufu.ocpp.rpc_messages import (
    Answer,
    AnswerError,
    Call,
    Late,
    Malformed,
    Outgoing,
    Received,
    Repeated,
    Request,
    ResultError,
    Send,
)
from ingufu.ocpp.session import Refused, Replied, Session
from ingufu.ocpp.versions import Version

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Lane:
    """What is one per station over all its connections: its messages are handled one after the other."""

    lock: asyncio.Lock
    busy: int = 0


class StationConnection:
    """Receives what happens on one socket. The rules are the session's, the framing the peer's."""

    def __init__(
        self,
        *,
        id: str,  # noqa: A002 - the connection's own
        version: Version,
        session: Session,
        peer: Peer,
        lane: Lane,
        clock: Clock,
        frames: FrameLog,
        on_opened: Callable[["StationConnection"], None],
        on_closed: Callable[["StationConnection", Closure], None],
        on_booted: Callable[["StationConnection"], None],
        on_seen: Callable[["StationConnection"], None],
    ) -> None:
        self.id = id
        self.version = version
        self.session = session
        self.peer = peer
        self._lane = lane
        self._clock = clock
        self._frames = frames
        self._on_opened = on_opened
        self._on_closed = on_closed
        self._on_booted = on_booted
        self._on_seen = on_seen
        self._socket: Connection | None = None
        self._worker: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()  # of our requests: one is open at a time
        self._waiting: asyncio.Future[RawReply] | None = None
        self._is_paused = False
        self._named: str | None = None  # the transaction that the message in hand names, for its answer's record

    @property
    def station_id(self) -> str:
        return self.session.station.id

    @property
    def is_open(self) -> bool:
        return self._socket is not None and self._socket.is_open

    @property
    def is_busy(self) -> bool:
        """Whether a message of the station is being worked on."""
        return self._worker is not None

    # What happens on the socket

    def opened(self, socket: Connection) -> None:
        self._socket = socket
        self._on_opened(self)

    def received(self, text: bytes) -> None:
        self._on_seen(self)
        messages = self.peer.receive(text, self._clock.monotonic())
        named = self._log(text, is_inbound=True, action=_action_of(messages[0]) if messages else None)
        for message in messages:
            if named is not None and isinstance(message, Call):
                self._named = named
            self._dispatch(message)
        if self.peer.is_full and not self._is_paused and self._socket is not None:
            self._is_paused = True
            self._socket.pause_reading()

    def write_paused(self) -> None:
        """The station reads slowly; what waits in our buffer is bounded by the socket's own limit."""

    def write_resumed(self) -> None:
        """The station reads again."""

    def closed(self, closure: Closure) -> None:
        self.peer.close()
        self._settle(RawReply(kind=ReplyKind.OFFLINE))
        self._socket = None
        self._on_closed(self, closure)

    # What others ask of it

    def close(self, code: int, reason: str) -> None:
        if self._socket is not None:
            self._socket.close(code, reason)

    async def request(self, action: str, payload: bytes, *, message_id: str, timeout_s: float) -> RawReply:
        """Send a CALL when it is its turn and return what comes of it. `timeout_s` counts from the asking."""
        deadline = self._clock.monotonic() + timeout_s
        try:
            async with asyncio.timeout(timeout_s), self._turn:
                return await self._exchange(action, payload, message_id, deadline)
        except TimeoutError:
            self.peer.expire(deadline)
            return RawReply(kind=ReplyKind.TIMEOUT, message_id=message_id, duration_s=timeout_s)

    async def _exchange(self, action: str, payload: bytes, message_id: str, deadline: float) -> RawReply:
        if self._socket is None:
            return RawReply(kind=ReplyKind.OFFLINE, message_id=message_id)
        now = self._clock.monotonic()
        self.session.note_request(action, payload)
        try:
            frame = self.peer.call(message_id, action, payload, now, max(deadline - now, 0.001))
        except Conflict:
            return RawReply(kind=ReplyKind.OFFLINE, message_id=message_id)
        self._waiting = asyncio.get_running_loop().create_future()
        self._send(frame, action)
        try:
            return await self._waiting
        finally:
            self._waiting = None

    # Messages

    def _dispatch(self, message: Received) -> None:
        match message:
            case Call() | Send():
                self._work(message)
            case Repeated(call=call, reply=reply):
                if reply is not None:
                    self._send(reply, call.action)
            case Answer(call=call, payload=payload):
                self._settle(
                    RawReply(
                        kind=ReplyKind.RESULT,
                        message_id=call.message_id,
                        payload=payload,
                        duration_s=self._since(call),
                    )
                )
            case AnswerError(call=call, failure=failure):
                self._settle(
                    RawReply(
                        kind=ReplyKind.ERROR,
                        message_id=call.message_id,
                        error_code=failure.spelling,
                        error_description=failure.description,
                        error_details=failure.details,
                        duration_s=self._since(call),
                    )
                )
            case Malformed():
                self._malformed(message)
            case ResultError() | Late():
                log.info("ocpp.unpaired", message_id=message.message_id, what=type(message).__name__)

    def _malformed(self, message: Malformed) -> None:
        log.info("ocpp.malformed", cause=message.cause.value, message_id=message.message_id[:36])
        if message.reply is not None:
            self._send(message.reply, None)
        if message.call is not None:
            self._settle(
                RawReply(
                    kind=ReplyKind.ERROR,
                    message_id=message.call.message_id,
                    error_code="FormatViolation",
                    error_description=f"The station's answer could not be read: {message.cause.value}.",
                    duration_s=self._since(message.call),
                )
            )

    def _work(self, message: Request) -> None:
        self._worker = asyncio.create_task(self._work_off(message))

    async def _work_off(self, message: Request | None) -> None:
        """Answer the message and those that queued behind it, in the station's order."""
        structlog.contextvars.bind_contextvars(station=self.session.station.identity, version=self.version.name)
        try:
            while message is not None:
                async with self._lane.lock:
                    await self._answer(message)
                message = self.peer.take()
                self._resume()
        except Exception:
            log.exception("ocpp.conversation_failed")
            self.close(CloseCode.INTERNAL_ERROR, "internal error")
        finally:
            self._worker = None

    async def _answer(self, message: Request) -> None:
        reply = await self.session.answer(message)
        if isinstance(message, Send):
            return
        match reply:
            case Replied(payload=payload):
                self._send(self.peer.result(message, payload), message.action)
                if message.action == "BootNotification":
                    self._on_booted(self)
            case Refused(code=code, description=description):
                self._send(self.peer.error(message, code, description), message.action)
                if reply.ends_connection:
                    self.close(CloseCode.POLICY, description)
            case _:
                self.peer.leave_unanswered(message)
        self._named = None

    def _resume(self) -> None:
        if self._is_paused and not self.peer.is_full and self._socket is not None:
            self._is_paused = False
            self._socket.resume_reading()

    def _settle(self, reply: RawReply) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(reply)

    def _since(self, call: Outgoing) -> float:
        return round(self._clock.monotonic() - call.sent_at, 4)

    def _send(self, frame: bytes, action: str | None) -> None:
        if self._socket is not None:
            self._socket.send(frame)
            self._log(frame, is_inbound=False, action=action)

    def _log(self, frame: bytes, *, is_inbound: bool, action: str | None) -> str | None:
        return self._frames.add(
            frame,
            at=self._clock.now(),
            station_id=self.station_id,
            connection_id=self.id,
            is_inbound=is_inbound,
            action=action,
            transaction=None if is_inbound else self._named,
        )


def _action_of(message: Received) -> str | None:
    match message:
        case Call() | Send():
            return message.action
        case Repeated():
            return message.call.action
        case Answer() | AnswerError():
            return message.call.action
        case Late(call=call):
            return None if call is None else call.action
        case ResultError(action=action):
            return action
        case _:
            return None
