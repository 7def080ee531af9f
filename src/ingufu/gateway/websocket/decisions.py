"""What the owner answers to a request and hears of failed attempts: the types of both ends of a handshake."""

from collections.abc import Awaitable, Callable
from enum import Enum, StrEnum
from typing import Protocol

import msgspec

from ingufu.gateway.websocket.limits import SocketLimits
from ingufu.gateway.websocket.request import TlsInfo, UpgradeRequest


class ClosedBy(Enum):
    """Who or what ended a socket."""

    STATION = "station"  # with a close frame
    OWNER = "owner"  # close() or abort()
    SHUTDOWN = "shutdown"  # this server is stopping
    VIOLATION = "violation"  # the station broke the protocol or a limit
    SILENCE = "silence"  # half-open: nothing was received for too long
    STALL = "stall"  # the station did not read what we sent
    NETWORK = "network"  # TCP or TLS ended without a close frame
    FAILURE = "failure"  # our handler raised


class Closure(msgspec.Struct, frozen=True, kw_only=True):
    """How a socket ended."""

    code: int  # the station's if it closed, else ours; 1005 without one, 1006 if none could be exchanged
    reason: str
    is_clean: bool  # both sides sent a close frame
    by: ClosedBy


class Connection(Protocol):
    """An open socket, as its handler sees it."""

    @property
    def last_received_at(self) -> float:
        """Monotonic seconds at which the last byte came in."""
        ...

    @property
    def is_open(self) -> bool:
        """Messages still go both ways."""
        ...

    @property
    def is_writable(self) -> bool:
        """The write buffer is below its high mark."""
        ...

    def send(self, text: bytes) -> bool:
        """Send one text message; False if the socket was no longer open or was given up as it does not read."""
        ...

    def ping(self) -> None:
        """Ask for a sign of life; see `last_received_at`."""
        ...

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Begin the closing handshake; nothing more is received."""
        ...

    def abort(self, reason: str) -> None:
        """Drop the connection at once, without a close frame."""
        ...

    def pause_reading(self) -> None:
        """Receive nothing more until `resume_reading`; TCP makes the station wait."""
        ...

    def resume_reading(self) -> None:
        """Receive again, first what had arrived before the pause."""
        ...


class Handler(Protocol):
    """Receives what happens on one socket; every method returns quickly and starts its own tasks."""

    def opened(self, socket: Connection) -> None:
        """The 101 is on its way; `socket` may be used."""
        ...

    def received(self, text: bytes) -> None:
        """One whole text message, valid UTF-8."""
        ...

    def write_paused(self) -> None:
        """The station reads more slowly than we write: send only what must be sent."""
        ...

    def write_resumed(self) -> None:
        """The write buffer has drained."""
        ...

    def closed(self, closure: Closure) -> None:
        """The socket is gone; called exactly once after `opened`."""
        ...


class Accept(msgspec.Struct, frozen=True, kw_only=True):
    """Upgrade, and give the socket to the handler."""

    handler: Handler
    subprotocol: str | None  # exactly one of those offered, or None to answer without the header
    may_deflate: bool = True  # agree to permessage-deflate if offered
    ping_interval_s: float | None = (
        15.0  # with two silent intervals, half-open is seen in 45 s; None: never ping, never judge by silence
    )
    limits: SocketLimits = SocketLimits()
    headers: tuple[tuple[str, str], ...] = ()


class Refuse(msgspec.Struct, frozen=True, kw_only=True):
    """Answer with an HTTP error; 401, 426 and 503 get the header that HTTP demands if it is not given."""

    status: int
    reason: str  # sent as the body: say nothing here that a stranger should not know
    headers: tuple[tuple[str, str], ...] = ()


Decision = Accept | Refuse
Decide = Callable[[UpgradeRequest], Decision | Awaitable[Decision]]


class Cause(StrEnum):
    """Why an attempt came to nothing before the owner could decide."""

    TLS_PLAIN_HTTP = "tls.plain-http"  # no TLS on a TLS port
    TLS_VERSION = "tls.version"  # only versions that we do not offer
    TLS_CIPHER = "tls.cipher"  # no cipher suite in common
    TLS_NO_CERTIFICATE = "tls.no-certificate"
    TLS_UNKNOWN_CA = "tls.unknown-ca"
    TLS_EXPIRED = "tls.expired"
    TLS_REVOKED = "tls.revoked"
    TLS_BAD_CERTIFICATE = "tls.bad-certificate"  # any other flaw of the station's certificate
    TLS_REJECTED = "tls.rejected"  # the station did not accept our certificate or our choices
    TLS_BROKEN = "tls.broken"  # not TLS, or ended within the TLS handshake
    TLS_TIMEOUT = "tls.timeout"
    TLS_ON_PLAIN_PORT = "http.tls-on-plain-port"
    MALFORMED = "http.malformed"
    TOO_LARGE = "http.too-large"
    METHOD = "http.method"
    VERSION = "http.version"
    NOT_WEBSOCKET = "http.not-websocket"
    WEBSOCKET_VERSION = "http.websocket-version"
    TIMEOUT = "http.timeout"  # the request was not complete in time
    CLOSED_EARLY = "http.closed-early"  # the station hung up before it was answered
    OVERLOADED = "server.overloaded"
    RATE_LIMITED = "server.rate-limited"
    STOPPING = "server.stopping"
    DECISION_FAILED = "server.decision-failed"
    DECISION_TIMEOUT = "server.decision-timeout"


class FailedAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt to connect that no decision was asked for, or that no decision could be carried out for."""

    listener: str
    remote: tuple[str, int]
    cause: Cause
    detail: str
    status: int | None  # HTTP status that was sent, if any
    raw_path: str | None  # if the request came that far
    tls: TlsInfo | None


AttemptFailed = Callable[[FailedAttempt], None]
