"""One end of an OCPP RPC connection without its socket: bytes and the time go in, messages and bytes come out.

The peer does no I/O, reads no clock and draws no random numbers. `now` is always monotonic seconds of this process.
It keeps three promises: an answer reaches only the call that it belongs to, and once; requests are handed over one at
a time in the order of the station; and nothing that a station sends makes it raise or grow beyond its limits.
"""

import re
from collections.abc import Callable

import msgspec

from ingufu.core.errors import Conflict, InvalidInput, StationUnsupported
from ingufu.ocpp import errors, rpc_frames
from ingufu.ocpp.errors import MEANINGS, ErrorCode
from ingufu.ocpp.rpc_frames import Broken, Cause, Dialect, Envelope, Note
from ingufu.ocpp.rpc_memory import ReplyMemory
from ingufu.ocpp.rpc_messages import (
    Answer,
    AnswerError,
    Call,
    Failure,
    Late,
    Malformed,
    Outgoing,
    Received,
    Repeated,
    Request,
    ResultError,
    Send,
)

QUEUE_LIMIT = 32  # requests; a station may have one open, so more than a few come from a fault or from malice
QUEUE_LIMIT_BYTES = 256 * 1024  # kept frames per station
OVERRUN_FACTOR = 2  # what a reader may still deliver after it was told to pause, in multiples of the limits
REMEMBERED_TIMEOUTS = 8  # calls of ours whose late answer is still recognised


class Peer:
    """Our end of one connection. All methods are to be called from one thread.

    Requests: `receive` returns a Call or Send when it is its turn, which is when nothing is in hand. Handle it, send
    what `result` or `error` returns, then ask `take` for the next until it returns None.
    """

    def __init__(
        self,
        dialect: Dialect,
        *,
        memory: ReplyMemory | None = None,
        queue_limit: int = QUEUE_LIMIT,
        queue_limit_bytes: int = QUEUE_LIMIT_BYTES,
    ) -> None:
        """Begin a connection; pass the `memory` of the station's last one, as ids are unique over all its sockets."""
        self.dialect = dialect
        self.memory = ReplyMemory() if memory is None else memory
        self._queue_limit = queue_limit
        self._queue_limit_bytes = queue_limit_bytes
        self._queue: list[tuple[Request, int]] = []  # short, and empty in most of many thousands
        self._queued_bytes = 0
        self._in_hand: Request | None = None
        self._open: Outgoing | None = None
        self._timed_out: list[Outgoing] = []
        self._answered: tuple[str, str | None] = (
            "",
            None,
        )  # id and action of our latest result; not the call, which holds its frame
        self._is_closed = False
        self.salvage: Callable[[bytes], bytes | None] | None = None  # what is whole of a frame that is none

    # What the station sends

    def receive(self, data: bytes, now: float) -> list[Received]:
        """What one text frame means: nothing while a request waits in the queue, else one thing. Never raises.

        The payloads are views of `data`. After `close` frames are ignored.
        """
        if self._is_closed:
            return []
        read = rpc_frames.read(data)
        if isinstance(read, Broken) and self.salvage is not None and (whole := self.salvage(data)) is not None:
            data = whole
            read = rpc_frames.read(data)
        if isinstance(read, Broken):
            return [self._broken(read)]
        envelope, notes = read
        kind = bytes(envelope.kind)
        if kind not in self.dialect.message_types:
            return [self._unknown_type(kind, bytes(envelope.message_id))]
        if kind in _REQUESTS:
            received = self._request(kind, envelope, notes, now, len(data))
            return [] if received is None else [received]
        return [self._answer(kind, envelope, notes)]

    def glance(self, data: bytes, now: float) -> Call | None:
        """The CALL in a frame of the commonest form; None if `receive` has to look at it, which changes nothing.

        Its payload is unread, and ends the frame as it should only if it proves to be one JSON object. Whoever can
        use it says so with `take_up`; else the frame is given to `receive`.
        """
        if self._in_hand is not None or self._queue or self._is_closed or not data.isascii():
            return None
        head = _COMMON_HEAD.match(data)
        if head is None or data[-1] != _CLOSING_BRACKET or head[1] in self.memory:
            return None
        id_token, message_id, action = head.groups()
        return Call(
            message_id=message_id.decode(),
            id_token=id_token,
            action=action.decode(),
            payload=msgspec.Raw(data[head.end() : -1]),
            received_at=now,
        )

    def take_up(self, call: Call) -> None:
        """Have a call of `glance` in hand."""
        self._in_hand = call

    def take(self) -> Request | None:
        """The next waiting request, now in hand; None if there is none or a Call in hand is still unanswered.

        A Send in hand ends here. Works after `close` too: a station does not repeat a status that it has sent.
        """
        if isinstance(self._in_hand, Call):
            return None
        self._in_hand = None
        if self._queue:
            self._in_hand, size = self._queue.pop(0)
            self._queued_bytes -= size
        return self._in_hand

    @property
    def is_full(self) -> bool:
        """Whether the reader must pause: what still comes is kept up to twice the limits, then dropped unanswered."""
        return len(self._queue) >= self._queue_limit or self._queued_bytes >= self._queue_limit_bytes

    # What we answer

    def result(self, call: Call, payload: bytes) -> bytes:
        """The CALLRESULT for the call in hand, which is then answered and, within limits, remembered.

        `payload` must be a JSON object; it is not checked. Raises Conflict if the call is not in hand.
        """
        self.leave_unanswered(call)
        reply = rpc_frames.write_result(call.id_token, payload)
        self._answered = (call.message_id, call.action)
        self.memory.keep(call.id_token, call.action, call.payload, reply, call.received_at)
        return reply

    def error(self, call: Call, code: ErrorCode, description: str = "", details: bytes = b"{}") -> bytes:
        """The CALLERROR for the call in hand, which is then answered but not remembered.

        A repeat of the call is a new attempt: what failed may succeed. Raises Conflict if the call is not in hand.
        """
        self.leave_unanswered(call)
        return self._error(rpc_frames.ERROR, call.id_token, code, description, details)

    def leave_unanswered(self, call: Call) -> None:
        """Let go of the call in hand in silence, so that the station keeps what it said and says it again.

        Raises Conflict if the call is not in hand.
        """
        if self._in_hand is not call:
            raise Conflict("This call is not in hand: it was answered, or it waits for its turn.")
        self._in_hand = None

    def result_error(self, call: Outgoing, code: ErrorCode, description: str = "", details: bytes = b"{}") -> bytes:
        """The CALLRESULTERROR that says that the answer to our `call` could not be used (2.1 part 4, 4.2.3).

        Raises StationUnsupported before 2.1.
        """
        self._require(rpc_frames.RESULT_ERROR)
        return self._error(rpc_frames.RESULT_ERROR, rpc_frames.quote(call.message_id), code, description, details)

    # What we ask

    def call(self, message_id: str, action: str, payload: bytes, now: float, timeout_s: float) -> bytes:
        """The CALL frame, which is open from now until its answer, `expire` or `close`.

        Raises Conflict while another is open or after `close`, InvalidInput for an id over 36 characters or a payload
        that is not JSON.
        """
        if self._open is not None or self._is_closed:
            raise Conflict("The connection is closed." if self._is_closed else "A call is open already.")
        frame = self._frame(rpc_frames.CALL, message_id, action, payload)
        self._open = Outgoing(message_id=message_id, action=action, sent_at=now, deadline=now + timeout_s)
        return frame

    def send(self, message_id: str, action: str, payload: bytes) -> bytes:
        """The SEND frame, which expects nothing and may go out while a CALL is open (2.1 part 4, 4.1.1).

        Raises StationUnsupported before 2.1, InvalidInput as `call` does.
        """
        self._require(rpc_frames.SEND)
        return self._frame(rpc_frames.SEND, message_id, action, payload)

    @property
    def open_call(self) -> Outgoing | None:
        """Our CALL that waits for its answer."""
        return self._open

    @property
    def deadline(self) -> float | None:
        """When to call `expire`; None if no CALL of ours is open."""
        return None if self._open is None else self._open.deadline

    def expire(self, now: float) -> list[Outgoing]:
        """The calls whose time is over; the next may be sent, and their answer, if it comes, is Late."""
        if self._open is None or now < self._open.deadline:
            return []
        call, self._open = self._open, None
        self._timed_out = [*self._timed_out, call][-REMEMBERED_TIMEOUTS:]
        return [call]

    def close(self) -> Outgoing | None:
        """End the connection; returns our call that will have no answer, if one is open.

        A Call in hand may still be answered: nobody hears it, but a repeat on the next connection finds it.
        """
        call, self._open = self._open, None
        self._is_closed = True
        return call

    # Requests

    def _request(
        self, kind: bytes, envelope: Envelope, notes: tuple[Note, ...], now: float, size: int
    ) -> Request | Repeated | Malformed | None:
        id_token = bytes(envelope.message_id)
        identified = rpc_frames.read_id(id_token)
        if identified is None:
            return self._malformed(kind, Cause.UNREADABLE_ID, b"")
        message_id, odd = identified
        action, payload = rpc_frames.read_action(bytes(envelope.third)), envelope.fourth
        if action is None:
            return self._malformed(kind, Cause.UNREADABLE_ACTION, id_token)
        if not rpc_frames.is_object(payload):
            if bytes(payload) != b"null":  # allowed for "empty", if not recommended (1.6 4.2.1, 2.x 4.1.5)
                cause = Cause.PAYLOAD_NOT_AN_OBJECT if bytes(payload) else Cause.PAYLOAD_MISSING
                return self._malformed(kind, cause, id_token, _CODE_OF_PAYLOAD[cause])
            payload, notes = rpc_frames.EMPTY_OBJECT, (*notes, Note.NULL_PAYLOAD)
        if odd or bytes(envelope.fifth):
            notes = (*notes, *odd, *((Note.EXTRA_ELEMENTS,) if bytes(envelope.fifth) else ()))
        if kind == rpc_frames.SEND:
            return self._enqueue(
                Send(message_id=message_id, action=action, payload=payload, received_at=now, notes=notes), size
            )
        call = Call(
            message_id=message_id, id_token=id_token, action=action, payload=payload, received_at=now, notes=notes
        )
        return self._repeated(call) or self._enqueue(call, size)

    def _repeated(self, call: Call) -> Repeated | None:
        """The call as a repeat, if it is one: same id, same action, same payload.

        Only the id is not enough: stations that restart their counter use the ids of yesterday for other messages.
        """
        if self._in_hand is not None:
            waiting = (self._in_hand, *(request for request, _ in self._queue))
            if any(isinstance(request, Call) and _is_same(request, call) for request in waiting):
                return Repeated(call=call, reply=None)
        reply = self.memory.recall(call.id_token, call.action, call.payload, call.received_at)
        return None if reply is None else Repeated(call=call, reply=reply)

    def _enqueue(self, request: Request, size: int) -> Request | Malformed | None:
        if self._in_hand is None and not self._queue:
            self._in_hand = request
            return request
        if (
            len(self._queue) >= OVERRUN_FACTOR * self._queue_limit
            or self._queued_bytes + size > OVERRUN_FACTOR * self._queue_limit_bytes
        ):
            # Silence makes a station keep its transaction message, an error makes it give it up.
            return Malformed(cause=Cause.QUEUE_OVERRUN, message_id=request.message_id)
        self._queue.append((request, size))
        self._queued_bytes += size
        return None

    # Answers

    def _answer(self, kind: bytes, envelope: Envelope, notes: tuple[Note, ...]) -> Received:
        identified = rpc_frames.read_id(bytes(envelope.message_id))
        if identified is None:
            return Malformed(cause=Cause.UNREADABLE_ID)
        message_id = identified[0]
        if kind == rpc_frames.RESULT:
            payload, odd = _result_payload(envelope)
            call, late = self._settle(message_id)
            if call is not None:
                return Answer(call=call, payload=payload, notes=notes + odd)
            return Late(message_id=message_id, call=late, payload=payload, notes=notes + odd)
        spelling, description, details, odd = rpc_frames.read_error(envelope)
        failure = Failure(code=errors.parse(spelling), spelling=spelling, description=description, details=details)
        if kind == rpc_frames.RESULT_ERROR:
            answered_id, answered_action = self._answered
            action = answered_action if answered_id == message_id else None
            return ResultError(message_id=message_id, action=action, failure=failure, notes=notes + odd)
        call, late = self._settle(message_id)
        if call is not None:
            return AnswerError(call=call, failure=failure, notes=notes + odd)
        return Late(message_id=message_id, call=late, failure=failure, notes=notes + odd)

    def _settle(self, message_id: str) -> tuple[Outgoing | None, Outgoing | None]:
        """The open call of this id, now no longer open; else the one that timed out, now forgotten."""
        call = self._open
        if call is not None and call.message_id == message_id:
            self._open = None
            return call, None
        late = next((past for past in self._timed_out if past.message_id == message_id), None)
        if late is not None:
            self._timed_out.remove(late)
        return None, late

    # Frames that are no messages

    def _broken(self, broken: Broken) -> Malformed:
        if not broken.kind:
            return self._malformed(rpc_frames.CALL, broken.cause, b"")
        if broken.kind not in self.dialect.message_types:
            return self._unknown_type(broken.kind, broken.id_token)
        if broken.kind == rpc_frames.CALL and broken.has_action:
            return self._malformed(broken.kind, broken.cause, broken.id_token, ErrorCode.MALFORMED_PAYLOAD)
        malformed = self._malformed(broken.kind, broken.cause, broken.id_token)
        if broken.kind in _ANSWERS:  # waiting for the deadline would tell us nothing more: this was the answer
            return msgspec.structs.replace(malformed, call=self._settle(malformed.message_id)[0])
        return malformed

    def _unknown_type(self, kind: bytes, id_token: bytes) -> Malformed:
        if not kind.removeprefix(b"-").isdigit():
            return self._malformed(rpc_frames.CALL, Cause.NO_MESSAGE_TYPE, b"")
        malformed = self._malformed(kind, Cause.UNKNOWN_MESSAGE_TYPE, id_token)
        if not self.dialect.answers_unknown_type:
            return malformed
        known = id_token if malformed.message_id else rpc_frames.UNREADABLE_ID
        return msgspec.structs.replace(malformed, reply=self._refusal(known, ErrorCode.UNKNOWN_MESSAGE_TYPE))

    def _malformed(
        self, kind: bytes, cause: Cause, id_token: bytes, code: ErrorCode = ErrorCode.UNREADABLE_FRAME
    ) -> Malformed:
        """The frame as malformed, with the reply that a CALL gets; nothing else is ever answered."""
        identified = rpc_frames.read_id(id_token)
        message_id = "" if identified is None else identified[0]
        if kind != rpc_frames.CALL or (identified is None and not self.dialect.answers_unreadable):
            return Malformed(cause=cause, message_id=message_id)
        known = rpc_frames.UNREADABLE_ID if identified is None else id_token
        return Malformed(cause=cause, message_id=message_id, reply=self._refusal(known, code))

    # Frames of ours

    def _frame(self, kind: bytes, message_id: str, action: str, payload: bytes) -> bytes:
        if not 0 < len(message_id) <= rpc_frames.MAX_OWN_ID:
            raise InvalidInput(f"A message id has 1 to {rpc_frames.MAX_OWN_ID} characters.", field="message_id")
        if not rpc_frames.is_json(payload):
            raise InvalidInput("The payload is not JSON.", field="payload")
        return rpc_frames.write_call(kind, message_id, action, payload)

    def _refusal(self, id_token: bytes, code: ErrorCode) -> bytes:
        return self._error(rpc_frames.ERROR, id_token, code, "", b"{}")

    def _error(self, kind: bytes, id_token: bytes, code: ErrorCode, description: str, details: bytes) -> bytes:
        return rpc_frames.write_error(
            kind, id_token, self.dialect.spelling[code], description or MEANINGS[code], details
        )

    def _require(self, kind: bytes) -> None:
        if kind not in self.dialect.message_types:
            raise StationUnsupported(f"OCPP {self.dialect.version} has no message type {kind.decode()}.")


# As nearly every CALL begins: [2,"id","Action",{
_COMMON_HEAD = re.compile(rb'\[2, ?("([ !#-\[\]-~]{1,36})"), ?"([A-Za-z0-9]{1,50})", ?(?=\{)')
_CLOSING_BRACKET = ord("]")
_REQUESTS = frozenset({rpc_frames.CALL, rpc_frames.SEND})
_ANSWERS = frozenset({rpc_frames.RESULT, rpc_frames.ERROR})
_CODE_OF_PAYLOAD = {
    Cause.PAYLOAD_MISSING: ErrorCode.UNREADABLE_FRAME,
    Cause.PAYLOAD_NOT_AN_OBJECT: ErrorCode.MALFORMED_PAYLOAD,
}


def _is_same(one: Call, other: Call) -> bool:
    return one.id_token == other.id_token and one.action == other.action and bytes(one.payload) == bytes(other.payload)


def _result_payload(envelope: Envelope) -> tuple[msgspec.Raw, tuple[Note, ...]]:
    """The payload of a CALLRESULT; an absent or null one is an empty object, as all its fields are absent."""
    payload = bytes(envelope.third)
    if not payload:
        return rpc_frames.EMPTY_OBJECT, (Note.MISSING_PAYLOAD,)
    extra = (Note.EXTRA_ELEMENTS,) if bytes(envelope.fourth) else ()
    if payload == b"null":
        return rpc_frames.EMPTY_OBJECT, (*extra, Note.NULL_PAYLOAD)
    return envelope.third, extra
