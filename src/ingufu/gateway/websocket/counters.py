"""What the server has counted since it started, for the metrics page to read."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Counters:
    """Plain numbers; only the event loop's thread writes them."""

    accepted: int = 0  # TCP connections
    handshakes_open: int = 0  # not yet upgraded or refused
    handshakes_delayed: int = 0  # made to wait by a rate limit
    upgrades: int = 0
    sockets_open: int = 0
    refused: Counter[int] = field(default_factory=Counter)  # by HTTP status, whoever refused
    failed: Counter[str] = field(default_factory=Counter)  # attempts that ended before a decision, by cause
    closed: Counter[int] = field(default_factory=Counter)  # sockets, by close code
    bytes_received: int = 0  # after TLS, before inflating
    frames_received: int = 0
    messages_received: int = 0
    messages_inflated: int = 0
    messages_sent: int = 0
    messages_deflated: int = 0
    binary_ignored: int = 0
    oversized: int = 0
    violations: int = 0  # other breaches of RFC 6455 and 7692
    pings_sent: int = 0
    pings_received: int = 0
    pongs_received: int = 0
    half_open: int = 0  # sockets given up because they were silent
    stalled: int = 0  # sockets given up because they did not read
    read_pauses: int = 0  # by a message rate limit
    handler_failures: int = 0
