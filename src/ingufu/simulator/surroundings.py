"""What the stations of one process share: the address, the time, the count of what happened."""

import asyncio
import ssl
from collections.abc import Callable
from typing import Protocol

import msgspec

from ingufu.simulator.spec import StationSpec
from ingufu.simulator.timeline import Timeline


class Tally:
    """What happened so far, for one station or for a network of them."""

    __slots__ = (
        "connected",
        "connections",
        "drops",
        "energy_tenths",
        "faults",
        "received",
        "refused",
        "refused_cards",
        "sent",
        "sessions_ended",
        "sessions_started",
    )

    def __init__(self) -> None:
        self.connected = 0  # now
        self.connections = 0
        self.refused = 0
        self.drops = 0
        self.sent = 0
        self.received = 0
        self.sessions_started = 0
        self.sessions_ended = 0
        self.refused_cards = 0
        self.energy_tenths = 0
        self.faults = 0


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What stations of one process share."""

    url: str
    timeline: Timeline
    tls: Callable[[StationSpec], ssl.SSLContext | None] | None = None
    gate: asyncio.Semaphore | None = None  # how many may dial at once
    tally: Tally
    pace: float = 1.0  # how much faster drivers live than clocks run
    spread_s: float = 0.0  # extra random wait before reconnecting


class Watcher(Protocol):
    """Who looks at a station from outside: a script."""

    def frame(self, direction: str, frame: bytes) -> None: ...

    def stirred(self) -> None: ...
