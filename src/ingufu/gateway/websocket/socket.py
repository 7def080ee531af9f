"""One open WebSocket: messages in and out, its closing handshake, its limits and its signs of life."""

from asyncio import Transport
from collections.abc import Callable
from enum import Enum

import msgspec

from ingufu.gateway.websocket.decisions import ClosedBy, Closure, Handler
from ingufu.gateway.websocket.frames import Frames
from ingufu.gateway.websocket.intake import HELD_BY_OWNER, Intake
from ingufu.gateway.websocket.lingering import LINGER_S
from ingufu.gateway.websocket.messages import (
    FIN,
    RSV,
    Assembly,
    CloseCode,
    Message,
    Opcode,
    Violation,
    close_payload,
    is_utf8,
    parse_close,
)
from ingufu.gateway.websocket.surroundings import Surroundings, Terms
from ingufu.gateway.websocket.timers import Timer

_FRAGMENT_TOKENS = 1 / 16  # of the message rate: a fragment is not a message, but not free either
_TEXT = 0x1
_CONTROL = 0x8  # opcodes from here on are control frames


class Phase(Enum):
    OPEN = 1
    CLOSING = 2  # our close frame is out, the station's is awaited
    ENDING = 3  # nothing more to say or to hear; TCP is being closed
    CLOSED = 4


class Socket:
    """See `decisions.Connection` for what a handler may use."""

    __slots__ = (
        "_assembly",
        "_checked_at",
        "_closure",
        "_counters",
        "_deadline",
        "_frames",
        "_handler",
        "_intake",
        "_is_writable",
        "_phase",
        "_shared",
        "_silent",
        "_terms",
        "_watch",
        "is_open",
        "last_received_at",
    )

    def __init__(self, transport: Transport, handler: Handler, terms: Terms, shared: Surroundings) -> None:
        limits = terms.limits
        now = shared.monotonic()
        self._handler = handler
        self._terms = terms
        self._shared = shared
        self._frames = Frames(transport, self, limits.max_message_bytes)
        self._counters = shared.counters
        self._phase = Phase.OPEN
        self.is_open = True  # in this phase: asked with every frame
        self._closure: Closure | None = None
        self._intake = Intake(self._frames, terms.buckets(now), shared.wheel, shared.monotonic, self._take)
        self._assembly: Assembly | None = None
        self._is_writable = True
        self._silent = 0  # ping intervals in a row without one byte
        self._checked_at = now
        self._watch: Timer | None = None  # pings
        self._deadline: Timer | None = None  # of closing, or of a stalled write
        self.last_received_at = now

    @property
    def is_writable(self) -> bool:
        return self._is_writable and self.is_open

    def start(self, received: bytes) -> None:
        """Tell the handler and begin to read; `received` came together with the request."""
        interval_s = self._terms.ping_interval_s
        if interval_s is not None:  # the first comes early by chance, so that a fleet is not pinged in one moment
            self._watch = self._shared.wheel.schedule(interval_s * (0.5 + self._shared.uniform() / 2), self._check_life)
        self._frames.start()
        self._call(self._handler.opened, self)
        self._frames.feed(received)
        if not self._intake.held and self._phase in {Phase.OPEN, Phase.CLOSING}:
            self._frames.resume_reading()

    def send(self, text: bytes) -> bool:
        """Send one text message; False if the socket was no longer open or was given up as it does not read."""
        if not self.is_open:
            return False
        terms = self._terms
        if self._frames.write_buffer_bytes() + len(text) > terms.limits.max_write_buffer_bytes:
            return self._overflow(text)
        self._counters.messages_sent += 1
        if terms.window_bits is not None and len(text) >= terms.limits.compress_from_bytes:
            deflated = self._shared.codec.deflate(text, terms.window_bits)
            if deflated is not None:
                self._counters.messages_deflated += 1
                self._frames.send_text(deflated, True)
                return True
        self._frames.send_text(text, False)
        return True

    def ping(self) -> None:
        """Ask for a sign of life; see `last_received_at`."""
        if self.is_open and self._is_writable:
            self._counters.pings_sent += 1
            self._frames.send_control(Opcode.PING, b"")

    def close(self, code: int = CloseCode.NORMAL, reason: str = "", by: ClosedBy = ClosedBy.OWNER) -> None:
        """Begin the closing handshake (RFC 6455 section 7.1.2); nothing more is received."""
        if not self.is_open:
            return
        self._enter(Phase.CLOSING)
        self._closure = Closure(code=code, reason=reason, is_clean=False, by=by)
        self._intake.close()
        self._frames.send_close(close_payload(code, reason))
        self._expire(self._terms.limits.close_timeout_s)
        self._frames.resume_reading()

    def abort(self, reason: str, by: ClosedBy = ClosedBy.OWNER) -> None:
        """Drop the connection at once, without a close frame."""
        if self._phase is Phase.CLOSED:
            return
        if self._closure is None:
            self._closure = Closure(code=CloseCode.ABNORMAL, reason=reason, is_clean=False, by=by)
        self._enter(Phase.ENDING)
        self._intake.close()
        self._frames.abort()

    def pause_reading(self) -> None:
        """Receive nothing more until `resume_reading`; TCP makes the station wait."""
        if self.is_open:
            self._intake.hold(HELD_BY_OWNER)

    def resume_reading(self) -> None:
        """Receive again, first what had arrived before the pause."""
        self._intake.release(HELD_BY_OWNER)

    # What the frame layer calls.

    def bytes_received(self, count: int) -> None:
        self.last_received_at = self._shared.monotonic()
        self._counters.bytes_received += count

    def frame_received(self, opcode: int, flags: int, payload: bytes) -> None:
        self._counters.frames_received += 1
        if not self.is_open:
            if self._phase is Phase.CLOSING and opcode == Opcode.CLOSE:
                self._end_cleanly()
            return
        if self._intake.held and opcode not in {Opcode.PING, Opcode.PONG}:
            self._intake.enqueue(opcode, flags, payload)
        else:
            self._take(opcode, flags, payload)

    def parser_failed(self, code: int, reason: str) -> None:
        """Picows has judged a frame's header and has sent its close frame already."""
        if self.is_open:
            self._count_violation(code)
            self._end_failed(code, reason, ClosedBy.VIOLATION)
        elif self._phase is Phase.CLOSING:
            self._end()
            self._frames.linger(self._shared.wheel)

    def writing_paused(self) -> None:
        self._is_writable = False
        if self.is_open:
            self._deadline = self._shared.wheel.schedule(
                self._terms.limits.write_stall_timeout_s, self._give_up_writing
            )
            self._call(self._handler.write_paused)

    def writing_resumed(self) -> None:
        self._is_writable = True
        if self.is_open:
            self._shared.wheel.cancel(self._deadline)
            self._call(self._handler.write_resumed)

    def connection_lost(self, failure: Exception | None) -> None:
        if self._phase is Phase.CLOSED:
            return
        self._enter(Phase.CLOSED)
        self._intake.close()
        for timer in (self._watch, self._deadline):
            self._shared.wheel.cancel(timer)
        self._watch = self._deadline = None
        self._frames.release()
        closure = self._closure
        if closure is None:
            reason = str(failure) if failure else "connection ended without a close frame"
            closure = Closure(code=CloseCode.ABNORMAL, reason=reason, is_clean=False, by=ClosedBy.NETWORK)
        self._counters.closed[closure.code] += 1
        self._counters.sockets_open -= 1
        self._shared.forget(self)
        self._call(self._handler.closed, closure)

    # Receiving.

    def _take(self, opcode: int, flags: int, payload: bytes) -> None:
        if opcode >= _CONTROL:
            self._take_control(opcode, flags, payload)
        elif opcode == _TEXT and flags == FIN and self._assembly is None:
            self._deliver(payload)  # nearly every OCPP message
        else:
            self._assemble(opcode, flags, payload)
        self._charge(1.0 if flags & FIN else _FRAGMENT_TOKENS)

    def _take_control(self, opcode: int, flags: int, payload: bytes) -> None:
        if flags & RSV:  # RFC 7692 section 6.1: control frames are never deflated
            self._fail(Violation(CloseCode.PROTOCOL_ERROR, "reserved bit set on a control frame"))
        elif opcode == Opcode.PING:
            self._counters.pings_received += 1
            if self._is_writable:  # 5.5.3 allows to leave out all but the last; a flood must not fill our buffer
                self._frames.send_control(Opcode.PONG, payload)
        elif opcode == Opcode.PONG:
            self._counters.pongs_received += 1
        else:
            self._take_close(payload)

    def _take_close(self, payload: bytes) -> None:
        close = parse_close(payload)
        if isinstance(close, Violation):
            self._fail(close)
            return
        code, reason = close
        self._closure = Closure(code=code, reason=reason, is_clean=False, by=ClosedBy.STATION)
        self._frames.send_close(close_payload(code, ""))
        self._end_cleanly()

    def _assemble(self, opcode: int, flags: int, payload: bytes) -> None:
        limits = self._terms.limits
        if flags & RSV and self._terms.window_bits is None:
            self._fail(Violation(CloseCode.PROTOCOL_ERROR, "reserved bit set without an extension"))
            return
        assembly = self._assembly or Assembly(limits.max_message_bytes, limits.max_fragments)
        outcome = assembly.add(opcode, flags, payload)
        self._assembly = assembly if outcome is None else None
        if isinstance(outcome, Violation):
            self._fail(outcome)
        elif outcome is not None:
            self._finish_message(outcome)

    def _finish_message(self, message: Message) -> None:
        if not message.is_text:
            self._counters.binary_ignored += 1
            if self._terms.limits.refuses_binary:
                self._fail(Violation(CloseCode.UNSUPPORTED_DATA, "binary messages are not understood"))
            return
        text: bytes | Violation = message.payload
        if message.is_deflated:
            self._counters.messages_inflated += 1
            text = self._shared.codec.inflate(message.payload, self._terms.limits.max_message_bytes)
        if isinstance(text, Violation):
            self._fail(text)
        else:
            self._deliver(text)

    def _deliver(self, text: bytes) -> None:
        if not is_utf8(text):
            self._fail(Violation(CloseCode.INVALID_DATA, "text is not UTF-8"))
            return
        self._counters.messages_received += 1
        try:
            self._handler.received(text)
        except Exception as failure:  # noqa: BLE001 - as in `_call`, without its cost for each message
            self._handler_failed(failure)

    # Limits and signs of life.

    def _charge(self, tokens: float) -> None:
        if self._intake.charge(tokens):
            self._counters.read_pauses += 1

    def _check_life(self) -> None:
        """Runs once in each ping interval; a socket that is heard needs no ping."""
        interval_s = self._terms.ping_interval_s
        if interval_s is None or not self.is_open:
            return
        now = self._shared.monotonic()
        was_heard = self.last_received_at > self._checked_at  # by time alone a prompt pong to the last ping looks old
        if was_heard or self._intake.held:  # held: it is we who do not listen
            self._silent = 0
        self._checked_at = now
        quiet_s = now - self.last_received_at
        if quiet_s < interval_s or self._intake.held:
            delay_s = interval_s - quiet_s if quiet_s < interval_s else interval_s
            self._watch = self._shared.wheel.schedule(delay_s, self._check_life)
            return
        if self._silent >= self._terms.limits.silent_intervals:
            self._counters.half_open += 1
            self.abort(f"half-open: silent for {quiet_s:.0f} s", ClosedBy.SILENCE)
            return
        self._silent += 1
        self.ping()
        self._watch = self._shared.wheel.schedule(interval_s, self._check_life)

    def _overflow(self, text: bytes) -> bool:
        """Give up a station that does not read; a single large message to one that does is no overflow."""
        if self._frames.write_buffer_bytes() == 0:
            self._counters.messages_sent += 1
            self._frames.send_text(text, False)
            return True
        self._give_up_writing()
        return False

    def _give_up_writing(self) -> None:
        if self.is_open:
            self._counters.stalled += 1
            self.abort("the station does not read", ClosedBy.STALL)

    # Ending.

    def _fail(self, violation: Violation) -> None:
        """Fail the connection (RFC 6455 section 7.1.7)."""
        if self.is_open:
            self._count_violation(violation.code)
            self._frames.send_close(close_payload(violation.code, violation.reason))
            self._end_failed(violation.code, violation.reason, ClosedBy.VIOLATION)

    def _count_violation(self, code: int) -> None:
        if code == CloseCode.TOO_BIG:
            self._counters.oversized += 1
        else:
            self._counters.violations += 1

    def _end_failed(self, code: int, reason: str, by: ClosedBy) -> None:
        self._closure = Closure(code=code, reason=reason, is_clean=False, by=by)
        self._end()
        self._frames.linger(self._shared.wheel)

    def _end_cleanly(self) -> None:
        if self._closure is not None:
            self._closure = msgspec.structs.replace(self._closure, is_clean=True)
        self._end()
        self._expire(min(self._terms.limits.close_timeout_s, LINGER_S))  # TLS awaits an end that some never send
        self._frames.close()

    def _end(self) -> None:
        self._enter(Phase.ENDING)
        self._intake.close()
        self._shared.wheel.cancel(self._deadline)

    def _enter(self, phase: Phase) -> None:
        self._phase = phase
        self.is_open = False

    def _expire(self, after_s: float) -> None:
        self._shared.wheel.cancel(self._deadline)
        self._deadline = self._shared.wheel.schedule(after_s, self._frames.abort)

    def _call(self, method: Callable[..., None], *arguments: object) -> None:
        """Call the handler; its bug ends this socket, not the loop."""
        try:
            method(*arguments)
        except Exception as failure:  # noqa: BLE001 - whatever a handler does, the others go on
            self._handler_failed(failure)

    def _handler_failed(self, failure: Exception) -> None:
        self._counters.handler_failures += 1
        self._shared.loop.call_exception_handler({"message": "A WebSocket handler failed.", "exception": failure})
        if self.is_open:
            self._frames.send_close(close_payload(CloseCode.INTERNAL_ERROR, ""))
            self._end_failed(CloseCode.INTERNAL_ERROR, "handler failed", ClosedBy.FAILURE)
