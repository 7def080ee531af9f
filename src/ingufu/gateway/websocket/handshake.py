"""One TCP connection from its acceptance until it is a WebSocket or was refused.

The owner may take its time over a decision (a database, a password hash) before anything is
answered, which no WebSocket library allows for.
"""

from asyncio import BaseTransport, Protocol, Task, Transport
from collections.abc import Awaitable, Coroutine
from enum import Enum
from typing import cast

import msgspec

from ingufu.gateway.websocket import deflate, tls, upgrade
from ingufu.gateway.websocket.decisions import Accept, Cause, Decision, Refuse
from ingufu.gateway.websocket.entrance import Entrance
from ingufu.gateway.websocket.lingering import Linger
from ingufu.gateway.websocket.request import UpgradeRequest
from ingufu.gateway.websocket.socket import Socket
from ingufu.gateway.websocket.surroundings import Terms
from ingufu.gateway.websocket.visit import Visit

_BUSY = 503
_LONGEST_HEAD_END = 4  # bytes of an empty line's ends, which two reads may split


class Phase(Enum):
    READING = 1  # the request's head
    DECIDING = 2  # waiting for its turn or for the owner
    DONE = 3


class Handshake(Protocol):
    """See the module."""

    __slots__ = (
        "_entrance",
        "_house",
        "_is_secured",
        "_phase",
        "_received",
        "_request",
        "_scanned",
        "_task",
        "_transport",
        "_visit",
        "is_connected",
    )

    def __init__(self, entrance: Entrance, visit: Visit | None = None) -> None:
        self._house = entrance.house
        self._phase = Phase.READING
        self._received = bytearray()
        self._scanned = 0  # bytes in which no end of the head was found
        self._request: UpgradeRequest | None = None
        self._task: Task[None] | None = None
        self._entrance = entrance
        if visit is not None:  # begun before TLS
            self._visit = visit
        self._is_secured = visit is not None
        self.is_connected = False

    def connection_made(self, transport: BaseTransport) -> None:
        self._transport = cast("Transport", transport)  # servers make no other
        self.is_connected = True
        if self._is_secured:
            self._enter_secured()
        else:
            peer = transport.get_extra_info("peername") or ("", 0)  # None if it has gone already
            self._visit = Visit(self._entrance, (peer[0], peer[1]))
            if self._visit.begin(self):
                self._visit.limit_time(self._expire)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._phase is Phase.READING:
            self._read_head()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._phase is not Phase.DONE:
            detail = f"closed after {len(self._received)} bytes" + (f": {exc}" if exc else "")
            self._fail(Cause.CLOSED_EARLY, detail)

    def turn_away(self, cause: Cause, detail: str, wait_s: float = 0.0) -> None:
        """Refuse for a reason of ours, and say when to come back."""
        self._fail(cause, detail, _BUSY)
        self._answer(Refuse(status=_BUSY, reason="busy"), self._house.retry_after_s(wait_s))

    def _enter_secured(self) -> None:
        if self._visit.is_over:  # turned away in the moment that TLS was done
            self._phase = Phase.DONE
            self._transport.abort()
            return
        self._visit.pass_to(self)
        try:
            info = tls.describe(self._transport)
        except ValueError as failure:  # OpenSSL has verified what `cryptography` cannot read
            self._fail(Cause.TLS_BAD_CERTIFICATE, str(failure))
            self._transport.abort()
            return
        self._visit.origin = msgspec.structs.replace(self._visit.origin, tls=info)
        self._visit.limit_time(self._expire)

    def _expire(self) -> None:
        if self._phase is Phase.READING:
            detail = f"no complete request after {len(self._received)} bytes"
            self._refuse_early(upgrade.Rejected(cause=Cause.TIMEOUT, status=408, detail=detail))
        elif self._phase is Phase.DECIDING:
            self.turn_away(Cause.DECISION_TIMEOUT, "no decision in time")

    def _fail(self, cause: Cause, detail: str, status: int | None = None, raw_path: str | None = None) -> None:
        self._stop()
        self._visit.fail(cause, detail, status, self._request.raw_path if self._request else raw_path)

    def _stop(self) -> None:
        self._phase = Phase.DONE
        if self._task is not None:
            self._task.cancel()
            self._task = None

    # The request.

    def _read_head(self) -> None:
        rejected = upgrade.sniff(self._received)
        if rejected is not None:
            self._refuse_early(rejected)
            return
        limits = self._house.limits
        end = upgrade.find_head_end(self._received, max(self._scanned - _LONGEST_HEAD_END, 0))
        self._scanned = len(self._received)
        if (end or self._scanned) > limits.max_head_bytes:
            self._refuse_early(upgrade.Rejected(cause=Cause.TOO_LARGE, status=431, detail="headers are too large"))
        elif end is not None:
            request = upgrade.parse(bytes(self._received[:end]), self._visit.origin, limits.max_head_lines)
            del self._received[:end]
            if isinstance(request, upgrade.Rejected):
                self._refuse_early(request)
            else:
                self._take_request(request)

    def _take_request(self, request: UpgradeRequest) -> None:
        self._request = request
        self._phase = Phase.DECIDING
        self._transport.pause_reading()
        if request.tls is None:
            self._visit.wait_for_turn(self, self._decide)
        else:
            self._decide()  # its turn was taken for TLS

    def _refuse_early(self, rejected: upgrade.Rejected) -> None:
        self._fail(rejected.cause, rejected.detail, rejected.status, rejected.raw_path)
        if rejected.status is None:
            self._transport.close()
        else:
            self._answer(Refuse(status=rejected.status, reason=rejected.detail), self._house.retry_after_s())

    # The decision.

    def _decide(self) -> None:
        self._visit.limit_time(self._expire)
        try:
            decision = self._house.decide(cast("UpgradeRequest", self._request))  # set by `_take_request`
        except Exception as failure:  # noqa: BLE001 - the owner's bug costs one connection
            self._decision_failed(failure)
            return
        if isinstance(decision, Accept | Refuse):
            self._conclude(decision)
        else:
            self._task = self._house.surroundings.loop.create_task(self._await_decision(decision))
            if isinstance(decision, Coroutine):  # if it is over before it begins, nobody awaits it
                self._task.add_done_callback(lambda _: decision.close())

    async def _await_decision(self, awaitable: Awaitable[Decision]) -> None:
        try:
            decision = await awaitable
        except Exception as failure:  # noqa: BLE001 - the owner's bug costs one connection
            self._task = None
            self._decision_failed(failure)
            return
        self._task = None
        self._conclude(decision)

    def _decision_failed(self, failure: Exception) -> None:
        self._house.surroundings.loop.call_exception_handler(
            {"message": "No decision on a connection.", "exception": failure}
        )
        self._fail(Cause.DECISION_FAILED, type(failure).__name__, 500)
        self._answer(Refuse(status=500, reason="internal error"), 0)

    def _conclude(self, decision: Decision) -> None:
        if self._transport.is_closing():
            self._fail(Cause.CLOSED_EARLY, "closed before the answer")
        elif isinstance(decision, Refuse):
            self._stop()
            self._visit.end()
            self._answer(decision, self._house.retry_after_s())
        else:
            self._stop()
            self._visit.end()
            self._upgrade(decision)

    # The answer.

    def _upgrade(self, accept: Accept) -> None:
        request = cast("UpgradeRequest", self._request)  # as above
        agreed = deflate.agree(request.extensions) if accept.may_deflate else None
        answer = agreed.answer if agreed else None
        self._transport.write(upgrade.switching_protocols(request.key, accept.subprotocol, answer, accept.headers))
        terms = Terms(
            limits=accept.limits,
            ping_interval_s=accept.ping_interval_s,
            window_bits=agreed.window_bits if agreed else None,
            address_bucket=self._house.address_messages.of(self._visit.message_bucket_address),
        )
        socket = Socket(self._transport, accept.handler, terms, self._house.surroundings)
        self._house.surroundings.counters.upgrades += 1
        self._house.surroundings.counters.sockets_open += 1
        self._house.sockets.add(socket)
        received, self._received = bytes(self._received), bytearray()
        self._request = None  # the loop's transport keeps us, its first protocol, as long as the socket lives
        socket.start(received)

    def _answer(self, refuse: Refuse, retry_after_s: int) -> None:
        self._house.surroundings.counters.refused[refuse.status] += 1
        if self._transport.is_closing():
            return
        self._transport.write(upgrade.refusal(refuse, retry_after_s))
        abort = self._transport.abort
        leaving = self._house.leaving
        leaving.add(abort)
        Linger(self._transport, self._house.surroundings.wheel, lambda _: leaving.discard(abort)).start()
