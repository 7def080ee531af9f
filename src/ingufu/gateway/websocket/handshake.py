"""One TCP connection from its acceptance until it is a WebSocket or was refused.

The owner may take its time over a decision (a database, a password hash) before anything is
answered, which no WebSocket library allows for; and TLS is begun here, so that its failures are heard.
"""

from asyncio import BaseTransport, Protocol, Task, Transport
from collections.abc import Awaitable, Callable
from enum import Enum
from typing import cast

import msgspec

from ingufu.gateway.websocket import deflate, tls, upgrade
from ingufu.gateway.websocket.decisions import Accept, Cause, Decision, FailedAttempt, Refuse
from ingufu.gateway.websocket.entrance import Entrance
from ingufu.gateway.websocket.lingering import Linger
from ingufu.gateway.websocket.request import UpgradeRequest
from ingufu.gateway.websocket.socket import Socket, Terms
from ingufu.gateway.websocket.timers import Timer

_BUSY = 503
_LONGEST_HEAD_END = 4  # bytes of an empty line's ends, which two reads may split


class Phase(Enum):
    SECURING = 1  # TLS handshake, or waiting for its turn
    READING = 2  # the request's head
    DECIDING = 3  # waiting for its turn or for the owner
    DONE = 4


class Handshake(Protocol):
    """See the module."""

    __slots__ = (
        "_address",
        "_entrance",
        "_house",
        "_is_late",
        "_origin",
        "_phase",
        "_received",
        "_request",
        "_scanned",
        "_shared",
        "_task",
        "_timer",
        "_transport",
    )

    def __init__(self, entrance: Entrance) -> None:
        self._entrance = entrance
        self._house = entrance.house
        self._shared = entrance.house.surroundings
        self._phase = Phase.READING if entrance.tls is None else Phase.SECURING
        self._received = bytearray()
        self._scanned = 0  # bytes in which no end of the head was found
        self._request: UpgradeRequest | None = None
        self._task: Task[None] | None = None
        self._timer: Timer | None = None
        self._is_late = False

    def connection_made(self, transport: BaseTransport) -> None:
        self._transport = cast("Transport", transport)  # create_server makes no other
        peer = transport.get_extra_info("peername") or ("", 0)  # None if it has gone already
        self._origin = upgrade.Origin(listener=self._entrance.name, remote=(peer[0], peer[1]))
        self._address = self._house.keys.of(peer[0])
        self._enter()
        refusal = self._entrance.refusal(self._address)
        if refusal is not None:
            self.turn_away(refusal, "no further handshake is begun")
        elif self._phase is Phase.SECURING:
            self._transport.pause_reading()
            self._wait_for_turn(self._secure)
        else:
            self._limit_time()

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._phase is Phase.READING:
            self._read_head()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._phase is not Phase.DONE:
            detail = f"closed after {len(self._received)} bytes" + (f": {exc}" if exc else "")
            self._fail(Cause.CLOSED_EARLY, detail)

    def turn_away(self, cause: Cause, detail: str, wait_s: float = 0.0) -> None:
        """Refuse for a reason of ours; the station is told when to come back, if that can be said already."""
        if self._phase is Phase.SECURING:
            self._fail(cause, detail)
            self._transport.abort()
            return
        self._fail(cause, detail, _BUSY)
        self._answer(Refuse(status=_BUSY, reason="busy"), self._house.retry_after_s(wait_s))

    # In turn.

    def _enter(self) -> None:
        self._shared.counters.accepted += 1
        self._shared.counters.handshakes_open += 1
        self._house.attempts.add(self)
        if self._address is not None:
            self._house.attempts_of[self._address] += 1

    def _leave(self) -> None:
        """Be done: no timer, task or count of this handshake is left."""
        self._phase = Phase.DONE
        self._shared.wheel.cancel(self._timer)
        if self._task is not None:
            self._task.cancel()
            self._task = None
        self._shared.counters.handshakes_open -= 1
        self._house.attempts.discard(self)
        if self._address is not None:
            self._house.attempts_of[self._address] -= 1
            if not self._house.attempts_of[self._address]:
                del self._house.attempts_of[self._address]

    def _limit_time(self) -> None:
        self._shared.wheel.cancel(self._timer)
        self._timer = self._shared.wheel.schedule(self._house.limits.handshake_timeout_s, self._expire)

    def _expire(self) -> None:
        if self._phase is Phase.SECURING:
            self._is_late = True
            self._transport.abort()  # start_tls raises
        elif self._phase is Phase.READING:
            detail = f"no complete request after {len(self._received)} bytes"
            self._refuse_early(upgrade.Rejected(cause=Cause.TIMEOUT, status=408, detail=detail))
        elif self._phase is Phase.DECIDING:
            self.turn_away(Cause.DECISION_TIMEOUT, "no decision in time")

    def _wait_for_turn(self, go_on: Callable[[], None]) -> None:
        """Go on when the rate limits allow it; nothing is read meanwhile, and nothing is lost."""
        wait_s = self._entrance.take_turn(self._address)
        self._shared.wheel.cancel(self._timer)
        if wait_s > self._house.limits.max_wait_s:
            self.turn_away(Cause.RATE_LIMITED, f"its turn would have come in {wait_s:.0f} s", wait_s)
        elif wait_s > 0:
            self._shared.counters.handshakes_delayed += 1
            self._timer = self._shared.wheel.schedule(wait_s, go_on)
        else:
            go_on()

    # TLS.

    def _secure(self) -> None:
        self._limit_time()
        self._task = self._shared.loop.create_task(self._start_tls())

    async def _start_tls(self) -> None:
        server_tls = self._entrance.tls
        if server_tls is None or self._transport.is_closing():
            self._fail(Cause.CLOSED_EARLY, "closed before TLS")
            return
        timeout_s = self._house.limits.handshake_timeout_s
        try:
            transport = await self._shared.loop.start_tls(
                self._transport,
                self,
                server_tls.context,
                server_side=True,
                ssl_handshake_timeout=timeout_s + 1,  # ours comes first and knows the reason
                ssl_shutdown_timeout=timeout_s,
            )
        except (OSError, RuntimeError) as failure:  # RuntimeError: the transport was closed in between
            self._tls_failed(failure)
            return
        if transport is None:
            self._fail(Cause.CLOSED_EARLY, "closed within TLS")
            return
        self._transport = transport
        self._task = None
        self._secured()

    def _tls_failed(self, failure: Exception) -> None:
        if self._phase is not Phase.DONE:
            self._task = None
            cause, detail = (Cause.TLS_TIMEOUT, "no TLS in time") if self._is_late else tls.cause_of(failure)
            self._fail(cause, detail)
            self._transport.abort()

    def _secured(self) -> None:
        try:
            info = tls.describe(self._transport)
        except ValueError as failure:  # OpenSSL has verified what `cryptography` cannot read
            self._fail(Cause.TLS_BAD_CERTIFICATE, str(failure))
            self._transport.abort()
            return
        self._origin = msgspec.structs.replace(self._origin, tls=info)
        self._phase = Phase.READING
        self._limit_time()
        if self._received:
            self._read_head()

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
            request = upgrade.parse(bytes(self._received[:end]), self._origin, limits.max_head_lines)
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
            self._wait_for_turn(self._decide)
        else:
            self._decide()  # its turn was taken for TLS

    def _refuse_early(self, rejected: upgrade.Rejected) -> None:
        raw_path = rejected.raw_path
        self._fail(rejected.cause, rejected.detail, rejected.status, raw_path)
        if rejected.status is None:
            self._transport.close()
        else:
            self._answer(Refuse(status=rejected.status, reason=rejected.detail), self._house.retry_after_s())

    # The decision.

    def _decide(self) -> None:
        self._limit_time()
        if self._request is None or self._phase is not Phase.DECIDING:
            return
        try:
            decision = self._house.decide(self._request)
        except Exception as failure:  # noqa: BLE001 - the owner's bug costs one connection
            self._decision_failed(failure)
            return
        if isinstance(decision, Accept | Refuse):
            self._conclude(decision)
        else:
            self._task = self._shared.loop.create_task(self._await_decision(decision))

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
        self._shared.loop.call_exception_handler({"message": "No decision on a connection.", "exception": failure})
        self._fail(Cause.DECISION_FAILED, type(failure).__name__, 500)
        self._answer(Refuse(status=500, reason="internal error"), 0)

    def _conclude(self, decision: Decision) -> None:
        if self._transport.is_closing():
            self._fail(Cause.CLOSED_EARLY, "closed before the answer")
        elif isinstance(decision, Refuse):
            self._leave()
            self._answer(decision, self._house.retry_after_s())
        else:
            self._leave()
            self._upgrade(decision)

    # The answer.

    def _upgrade(self, accept: Accept) -> None:
        request = cast("UpgradeRequest", self._request)  # asked for a decision on it
        agreed = deflate.agree(request.extensions) if accept.may_deflate else None
        answer = agreed.answer if agreed else None
        self._transport.write(upgrade.switching_protocols(request.key, accept.subprotocol, answer, accept.headers))
        terms = Terms(
            limits=accept.limits,
            ping_interval_s=accept.ping_interval_s,
            window_bits=agreed.window_bits if agreed else None,
            address_bucket=self._house.address_messages.of(self._address),
        )
        socket = Socket(self._transport, accept.handler, terms, self._shared)
        self._shared.counters.upgrades += 1
        self._shared.counters.sockets_open += 1
        self._house.sockets.add(socket)
        socket.start(bytes(self._received))

    def _answer(self, refuse: Refuse, retry_after_s: int) -> None:
        self._shared.counters.refused[refuse.status] += 1
        if self._transport.is_closing():
            return
        self._transport.write(upgrade.refusal(refuse, retry_after_s))
        abort = self._transport.abort
        leaving = self._house.leaving
        leaving.add(abort)
        Linger(self._transport, self._shared.wheel, lambda _: leaving.discard(abort)).start()

    def _fail(self, cause: Cause, detail: str, status: int | None = None, raw_path: str | None = None) -> None:
        """Be done, and let the operator see why."""
        self._leave()
        self._shared.counters.failed[cause.value] += 1
        attempt = FailedAttempt(
            listener=self._origin.listener,
            remote=self._origin.remote,
            cause=cause,
            detail=detail,
            status=status,
            raw_path=self._request.raw_path if self._request else raw_path,
            tls=self._origin.tls,
        )
        try:
            self._house.attempt_failed(attempt)
        except Exception as failure:  # noqa: BLE001 - a bug in keeping the attempt must not keep the connection
            self._shared.loop.call_exception_handler({"message": "An attempt was not kept.", "exception": failure})
