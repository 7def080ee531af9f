"""A station's half of the OCPP-J conversation, without sockets: one open CALL, three queues, oddities on demand."""

from collections.abc import Callable
from enum import Enum
from typing import Any, Final

import msgspec

from ingufu.simulator.timeline import Timeline, Timer

CALL: Final = 2
CALL_RESULT: Final = 3
CALL_ERROR: Final = 4
SEND: Final = 6
MAX_ATTEMPTS_DEFAULT = 3
CALL_TIMEOUT_S = 30.0
MAX_KEPT = 2000  # transaction messages that fit into a station's memory

Payload = dict[str, Any]  # JSON as it stands in the frame
Lazy = Callable[[], Payload]  # a payload completed when sent: a queued 1.6 stop learns its transaction's id late


class Lane(Enum):
    """Which queue a CALL waits in; earlier lanes overtake later ones."""

    URGENT = 0  # boot and what was triggered: allowed before the station is accepted
    ORDINARY = 1
    TRANSACTION = 2  # survives disconnection, strictly in order (1.6: 3.7.1; 2.x: E04)


class Failure(msgspec.Struct, frozen=True):
    """Why no result came: an error code of the CSMS, or `Timeout`, or `Offline`."""

    code: str
    description: str = ""


class Request:
    """A CALL of ours, waiting or open."""

    __slots__ = ("action", "attempts", "failed", "is_minor", "lane", "message_id", "payload", "succeeded")

    def __init__(
        self,
        action: str,
        payload: Payload | Lazy,
        lane: Lane = Lane.ORDINARY,
        *,
        succeeded: Callable[[Payload], None] | None = None,
        failed: Callable[[Failure], None] | None = None,
        is_minor: bool = False,
    ) -> None:
        self.is_minor = is_minor  # a sample: the first to go when memory is full (2.x: E04)
        self.action = action
        self.payload = payload
        self.lane = lane
        self.succeeded = succeeded
        self.failed = failed
        self.attempts = 0
        self.message_id: str | None = None

    def rendered(self) -> Payload:
        return self.payload() if callable(self.payload) else self.payload


class Spelling(msgspec.Struct, frozen=True):
    """How a version spells what can be wrong with a frame."""

    malformed: str
    unreadable_id: str | None  # 2.x answers unreadable frames under this id, 1.6 not at all


class Retry(msgspec.Struct, frozen=True):
    """How often and when a transaction message is repeated (1.6: 9.1.26 f.; 2.x: OCPPCommCtrlr)."""

    attempts: int = MAX_ATTEMPTS_DEFAULT
    interval_s: float = 60.0


class Peer:
    """Queues of CALLs, the one that is open, and frames in and out."""

    __slots__ = (
        "_answer",
        "_lanes",
        "_new_id",
        "_observe",
        "_open",
        "_retry_timer",
        "_send",
        "_spelling",
        "_timeline",
        "_timeout",
        "is_accepted",
        "keeps_id_on_retry",
        "lost",
        "retry",
        "unlucky",
    )

    def __init__(
        self,
        timeline: Timeline,
        *,
        new_id: Callable[[], str],
        answer: Callable[[str, str, Payload], None],
        spelling: Spelling,
    ) -> None:
        self._timeline = timeline
        self._new_id = new_id
        self._answer = answer
        self._spelling = spelling
        self._send: Callable[[bytes], None] | None = None
        self._observe: Callable[[str, bytes], None] | None = None
        self._lanes: tuple[list[Request], list[Request], list[Request]] = ([], [], [])
        self._open: Request | None = None
        self._timeout: Timer | None = None
        self._retry_timer: Timer | None = None
        self.is_accepted = False  # by the CSMS, at boot
        self.keeps_id_on_retry = True
        self.retry: Callable[[], Retry] = Retry
        self.unlucky: dict[str, int] = {}  # action: how many of its replies will be lost on the way
        self.lost = 0  # transaction messages given up

    @property
    def is_connected(self) -> bool:
        return self._send is not None

    @property
    def is_quiet(self) -> bool:
        """Nothing open and nothing that could be sent now."""
        return self._open is None and (not self.is_connected or self._retry_timer is not None or self._next() is None)

    @property
    def queued_transaction_messages(self) -> int:
        waiting = len(self._lanes[Lane.TRANSACTION.value])
        return waiting + (self._open is not None and self._open.lane is Lane.TRANSACTION)

    def watch(self, observe: Callable[[str, bytes], None] | None) -> None:
        """Show every frame to `observe`, with the word "sent" or "received"."""
        self._observe = observe

    def connected(self, send: Callable[[bytes], None]) -> None:
        self._send = send
        self._pump()

    def disconnected(self) -> None:
        """Keep transaction messages, the open one first; tell the others that they failed."""
        self._send = None
        self._stop_timers()
        interrupted, self._open = self._open, None
        dropped = [*self._lanes[0], *self._lanes[1]]
        self._lanes[0].clear()
        self._lanes[1].clear()
        if interrupted is not None:
            if interrupted.lane is Lane.TRANSACTION:
                self._lanes[2].insert(0, interrupted)
            else:
                dropped.insert(0, interrupted)
        for request in dropped:
            if request.failed is not None:
                request.failed(Failure("Offline"))

    def request(self, request: Request) -> None:
        """Send the CALL when its turn comes. Without a connection only transaction messages are kept."""
        if not self.is_connected and request.lane is not Lane.TRANSACTION:
            if request.failed is not None:
                request.failed(Failure("Offline"))
            return
        self._lanes[request.lane.value].append(request)
        if len(self._lanes[2]) > MAX_KEPT:
            self._make_room()
        self._pump()

    def send_unconfirmed(self, action: str, payload: Payload) -> None:
        """Send a SEND frame (2.1), which nobody answers."""
        self._emit([SEND, self._new_id(), action, payload])

    def reply(self, message_id: str, payload: Payload) -> None:
        self._emit([CALL_RESULT, message_id, payload])

    def reply_error(self, message_id: str, code: str, description: str = "", details: Payload | None = None) -> None:
        self._emit([CALL_ERROR, message_id, code, description[:255], details or {}])

    def send_raw(self, frame: bytes) -> None:
        """Send exactly these bytes."""
        if self._send is None:
            return
        if self._observe is not None:
            self._observe("sent", frame)
        self._send(frame)

    def receive(self, frame: bytes) -> None:
        """Take in what the CSMS sent."""
        if self._observe is not None:
            self._observe("received", frame)
        match _parsed(frame):
            case [2, str() as message_id, str() as action, dict() as payload]:
                self._answer(message_id, action, payload)
            case [3, str() as message_id, dict() as payload]:
                self._resolve(message_id, payload)
            case [4, str() as message_id, str() as code, *rest]:
                self._reject(message_id, Failure(code, str(rest[0]) if rest else ""))
            case [5 | 6, *_]:
                pass  # told that our result was odd, or told something unconfirmed: neither is ever answered
            case [_, str() as message_id, *_]:
                self.reply_error(message_id, self._spelling.malformed, "not a message of OCPP-J")
            case _ if self._spelling.unreadable_id is not None:
                self.reply_error(self._spelling.unreadable_id, "RpcFrameworkError", "not a message of OCPP-J")

    def pump(self) -> None:
        """Send the next CALL if none is open."""
        self._pump()

    def _make_room(self) -> None:
        kept = self._lanes[2]
        index = next((index for index, request in enumerate(kept) if request.is_minor), 0)
        self.lost += not kept[index].is_minor
        del kept[index]

    def _next(self) -> list[Request] | None:
        lanes = self._lanes if self.is_accepted else self._lanes[:1]
        for lane in lanes:
            if lane:
                return lane
        return None

    def _pump(self) -> None:
        if self._send is None or self._open is not None:
            return
        lane = self._next()
        if lane is None or (lane is self._lanes[2] and self._retry_timer is not None):
            return
        request = lane.pop(0)
        if request.message_id is None or not self.keeps_id_on_retry:
            request.message_id = self._new_id()
        self._open = request
        self._timeout = self._timeline.call_later(CALL_TIMEOUT_S, self._timed_out)
        self._emit([CALL, request.message_id, request.action, request.rendered()])

    def _resolve(self, message_id: str, payload: Payload) -> None:
        request = self._open
        if request is None or request.message_id != message_id:
            return  # late or unmatched
        left = self.unlucky.get(request.action, 0)
        if left:
            self.unlucky[request.action] = left - 1
            self._close_open()
            self._again(request, Failure("Timeout"))
            return
        self._close_open()
        if request.succeeded is not None:
            request.succeeded(payload)
        self._pump()

    def _reject(self, message_id: str, failure: Failure) -> None:
        request = self._open
        if request is None or request.message_id != message_id:
            return
        self._close_open()
        self._again(request, failure)

    def _timed_out(self) -> None:
        request = self._open
        if request is not None:
            self._close_open()
            self._again(request, Failure("Timeout"))

    def _again(self, request: Request, failure: Failure) -> None:
        request.attempts += 1
        retry = self.retry()
        if request.lane is Lane.TRANSACTION and request.attempts < max(1, retry.attempts):
            self._lanes[2].insert(0, request)
            self._retry_timer = self._timeline.call_later(retry.interval_s * request.attempts, self._retry_now)
        else:
            self.lost += request.lane is Lane.TRANSACTION
            if request.failed is not None:
                request.failed(failure)
        self._pump()

    def _retry_now(self) -> None:
        self._retry_timer = None
        self._pump()

    def _close_open(self) -> None:
        self._open = None
        if self._timeout is not None:
            self._timeout.cancel()
            self._timeout = None

    def _stop_timers(self) -> None:
        for timer in (self._timeout, self._retry_timer):
            if timer is not None:
                timer.cancel()
        self._timeout = None
        self._retry_timer = None

    def _emit(self, frame: list[Any]) -> None:
        self.send_raw(msgspec.json.encode(frame))


def _parsed(frame: bytes) -> Any:
    """Return the JSON, or None for bytes that are none."""
    try:
        return msgspec.json.decode(frame)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
