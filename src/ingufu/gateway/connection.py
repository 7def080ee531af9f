"""One station's socket: frames in order to the session, answers back, and our own requests one at a time."""

import asyncio
import contextvars
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Protocol

import structlog

from ingufu.core.clock import Clock
from ingufu.core.commands import RawReply, ReplyKind
from ingufu.gateway.admission import Admitted
from ingufu.gateway.frame_log import FrameLog
from ingufu.gateway.lane import Lane
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

EMPTY = b"{}"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SEEN_EVERY = timedelta(seconds=1)  # how often the keeper hears that the station lives; it writes that more rarely still

log = structlog.get_logger(__name__)


class Keeper(Protocol):
    """Who keeps account of connections."""

    def opened(self, connection: "StationConnection") -> None: ...

    def closed(self, connection: "StationConnection", closure: Closure) -> None: ...

    def booted(self, connection: "StationConnection") -> None: ...

    def seen(self, connection: "StationConnection") -> None: ...

    def run(self, work: Coroutine[Any, Any, None], context: contextvars.Context) -> None:
        """Have `work` run, and wait for it before everything ends."""
        ...


class StationConnection:
    """Receives what happens on one socket. The rules are the session's, the framing the peer's."""

    def __init__(
        self,
        *,
        session: Session,
        admitted: Admitted,
        peer: Peer,
        lane: Lane,
        clock: Clock,
        frames: FrameLog,
        keeper: Keeper,
    ) -> None:
        self.id = admitted.attempt.id
        self.version = admitted.version
        self.admitted = admitted
        self.session = session
        self.peer = peer
        self._lane = lane
        self._clock = clock
        self._frames = frames
        self._keeper = keeper
        self._socket: Connection | None = None
        self._context = contextvars.Context()  # of the worker: what its log lines say besides
        self._context.run(
            structlog.contextvars.bind_contextvars, station=session.station.identity, version=self.version.name
        )
        self._is_working = False
        self._is_clogged = False  # the station does not read what we send
        self._is_paused = False
        self._goodbye: tuple[int, str] | None = None  # with which to close once nothing is in hand
        self._turn = asyncio.Lock()  # of our requests: one is open at a time
        self._waiting: asyncio.Future[RawReply] | None = None  # for the answer to the open one
        self._patience: asyncio.TimerHandle | None = None
        self._seen_at = self._seen_again_at = EPOCH

    @property
    def station_id(self) -> str:
        return self.session.station.id

    @property
    def is_open(self) -> bool:
        return self._socket is not None and self._socket.is_open

    # What happens on the socket

    def opened(self, socket: Connection) -> None:
        self._socket = socket
        self._keeper.opened(self)

    def received(self, text: bytes) -> None:
        now, at = self._clock.monotonic(), self._clock.now()
        if not self._seen_at <= at < self._seen_again_at:  # the date may be set back too
            self._seen_at, self._seen_again_at = at, at + SEEN_EVERY
            self._keeper.seen(self)
        self._frames.add(text, at, self.station_id, self.id, is_inbound=True)
        if not self._is_working:
            call = self.peer.glance(text, now)
            if call is not None and self._handle_quickly(call, at):
                return
        for message in self.peer.receive(text, now):
            self._dispatch(message)
        self._pause_or_resume()

    def write_paused(self) -> None:
        """Take nothing more from a station that does not read our answers: they would pile up here."""
        self._is_clogged = True
        self._pause_or_resume()

    def write_resumed(self) -> None:
        self._is_clogged = False
        self._pause_or_resume()

    def closed(self, closure: Closure) -> None:
        self._socket = None
        self._hang_up()
        self._keeper.closed(self, closure)

    # What others ask of it

    def close(self, code: int, reason: str) -> None:
        """Begin the end: nothing more is heard, and what waits for the station's answer waits in vain."""
        if self._socket is not None:
            self._socket.close(code, reason)
        self._hang_up()

    def finish(self, code: int, reason: str) -> None:
        """Read nothing more, and close when what has been read is answered."""
        self._goodbye = (code, reason)
        self._pause_or_resume()
        if not self._is_working:
            self.close(code, reason)

    async def request(self, action: str, payload: bytes, *, message_id: str, timeout_s: float) -> RawReply | None:
        """Send a CALL when it is its turn and return what comes of it; None if it never left, as the connection ended.

        `timeout_s` counts from the asking. If the one who asked goes away, the answer is awaited all the same, for
        only one request may be open. Raises InvalidInput if the payload is not JSON.
        """
        asked_at = self._clock.monotonic()
        try:
            async with asyncio.timeout(timeout_s):
                await self._turn.acquire()
        except TimeoutError:
            return RawReply(kind=ReplyKind.TIMEOUT, message_id=message_id, duration_s=timeout_s)
        left_s = max(timeout_s - (self._clock.monotonic() - asked_at), 0.001)
        try:
            answer = self._ask(action, payload, message_id, left_s)
        except BaseException:
            self._turn.release()
            raise
        return None if answer is None else await asyncio.shield(answer)

    def _ask(self, action: str, payload: bytes, message_id: str, timeout_s: float) -> asyncio.Future[RawReply] | None:
        """Send the CALL; whoever settles it passes the turn on."""
        if not self.is_open:
            self._turn.release()
            return None
        frame = self.peer.call(message_id, action, payload, self._clock.monotonic(), timeout_s)
        self.session.note_request(action, payload)
        loop = asyncio.get_running_loop()
        self._waiting = loop.create_future()
        self._patience = loop.call_later(timeout_s, self._give_up, message_id, timeout_s)
        self._send(frame)
        return self._waiting

    def _give_up(self, message_id: str, timeout_s: float) -> None:
        if self.peer.deadline is not None:
            self.peer.expire(self.peer.deadline)
        self._settle(RawReply(kind=ReplyKind.TIMEOUT, message_id=message_id, duration_s=timeout_s))

    def _settle(self, reply: RawReply) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is None:
            return
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        if not waiting.done():
            waiting.set_result(reply)
        self._turn.release()

    def _hang_up(self) -> None:
        call = self.peer.close()
        self._settle(RawReply(kind=ReplyKind.OFFLINE, message_id=None if call is None else call.message_id))

    # Messages

    def _dispatch(self, message: Received) -> None:
        match message:
            case Call() | Send():
                self._is_working = True
                self._keeper.run(self._work_off(message), self._context)
            case Repeated(reply=reply):
                if reply is not None:
                    self._send(reply)
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
            case ResultError():
                log.warning("ocpp.result_refused", action=message.action, code=message.failure.spelling)
            case Late():
                log.info("ocpp.late_answer", message_id=message.message_id[:36], is_known=message.call is not None)

    def _malformed(self, message: Malformed) -> None:
        log.info("ocpp.malformed", cause=message.cause.value, message_id=message.message_id[:36])
        if message.reply is not None:
            self._send(message.reply)
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

    def _handle_quickly(self, call: Call, at: datetime) -> bool:
        """Take a plain reading the short way, if it is the station's turn; False if it has to go the long one."""
        if not self._lane.try_enter():
            return False
        step = self.session.quick(call, at)
        if step is not None:
            self._is_working = True
            self.peer.take_up(call)
            if step.submit(partial(self._handled_quickly, call)):
                return True
            self._is_working = False
            self.peer.leave_unanswered(call)
        self._lane.leave()
        return False

    def _handled_quickly(self, call: Call, outcome: Exception | None) -> None:
        """Answer what is durable, and go on with what has queued behind it."""
        self._lane.leave()
        message = None
        try:
            if outcome is None:
                self._send(self.peer.result(call, EMPTY))
            else:  # the station keeps it, and sends it again
                log.warning("ocpp.storage_unavailable", action=call.action, error=str(outcome))
                self.peer.leave_unanswered(call)
            message = self.peer.take()
            if self._is_paused:
                self._pause_or_resume()
        except Exception:
            log.exception("ocpp.conversation_failed")
            self.close(CloseCode.INTERNAL_ERROR, "internal error")
        if message is not None:
            self._keeper.run(self._work_off(message), self._context)
            return
        self._is_working = False
        if self._goodbye is not None:
            self.close(*self._goodbye)

    async def _work_off(self, message: Request | None) -> None:
        """Answer the message and those that queue behind it, in the station's order."""
        try:
            while message is not None:
                async with self._lane:
                    await self._answer(message)
                    while not self.is_open and (message := self.peer.take()) is not None:
                        await self._answer(message)  # what queues here is older than what a newer connection brings
                message = self.peer.take()
                self._pause_or_resume()
        except Exception:
            log.exception("ocpp.conversation_failed")
            self.close(CloseCode.INTERNAL_ERROR, "internal error")
        finally:
            self._is_working = False
        if self._goodbye is not None:
            self.close(*self._goodbye)

    async def _answer(self, message: Request) -> None:
        reply = await self.session.answer(message)
        if isinstance(message, Send):
            return
        match reply:
            case Replied(payload=payload):
                self._send(self.peer.result(message, payload))
                if message.action == "BootNotification":
                    self._keeper.booted(self)
            case Refused(code=code, description=description):
                self._send(self.peer.error(message, code, description))
                if reply.ends_connection:
                    self.close(CloseCode.POLICY, description)
            case _:
                self.peer.leave_unanswered(message)

    def _pause_or_resume(self) -> None:
        """Read only while there is room for what comes, and for our answers."""
        is_due = self.peer.is_full or self._is_clogged or self._goodbye is not None
        if is_due is self._is_paused or self._socket is None:
            return
        self._is_paused = is_due
        if is_due:
            self._socket.pause_reading()
        else:
            self._socket.resume_reading()

    def _since(self, call: Outgoing) -> float:
        return round(self._clock.monotonic() - call.sent_at, 4)

    def _send(self, frame: bytes) -> None:
        if self._socket is not None and self._socket.send(frame):
            self._record(frame, is_inbound=False)

    def _record(self, frame: bytes, *, is_inbound: bool) -> None:
        self._frames.add(frame, self._clock.now(), self.station_id, self.id, is_inbound=is_inbound)
