"""What a station has written down itself of its transactions, and of what the server has acknowledged of them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Payload = dict[str, Any]


@dataclass(slots=True)
class Said:
    """A message that the station keeps until it is acknowledged. What it says may need an earlier answer (1.6)."""

    action: str
    payload: Callable[[], Payload]
    hear: Callable[[Payload], None]  # is told each answer
    times_sent: int = 0
    is_acknowledged: bool = False
    message_id: str = ""


@dataclass(slots=True)
class Sample:
    """A reading of the register, and the message that told of it."""

    at: str
    register_wh: int
    said: Said
    seq: int | None = None
    kind: str = "updated"


@dataclass(slots=True)
class Charge:
    """One transaction as its station knows it."""

    evse: int
    token: str
    started_at: str
    start_wh: int
    reference: str  # 2.x; empty for 1.6
    start: Said | None = None
    numbers: list[int] = field(default_factory=list)  # 1.6: as the server gave it, each time that it was asked
    samples: list[Sample] = field(default_factory=list)
    stop: Said | None = None
    stopped_at: str = ""
    stop_wh: int = 0

    @property
    def number(self) -> int:
        return self.numbers[0]


@dataclass(slots=True)
class Notebook:
    """Everything that one station has written down."""

    identity: str
    version: str
    charges: list[Charge] = field(default_factory=list)
    statuses: dict[int, list[tuple[str, bool]]] = field(default_factory=dict)  # by EVSE: the word, and if acknowledged
    refused: list[str] = field(default_factory=list)  # errors heard instead of acknowledgements
    acknowledged: int = 0
    repeated: int = 0  # messages sent more than once
    timeouts: int = 0
    connections: int = 0
    refusals: int = 0  # of connections, by an HTTP status
    boots: int = 0  # answered
    heartbeats_s: list[float] = field(default_factory=list)  # how long each took
    back_s: list[float] = field(default_factory=list)  # from a lost connection to the answer to the next boot

    def possible_statuses(self, evse: int) -> set[str]:
        """Return what the server may hold of an EVSE: what it acknowledged last, or anything it was told since."""
        possible: set[str] = set()
        for word, is_acknowledged in self.statuses.get(evse, []):
            possible = {word} if is_acknowledged else possible | {word}
        return possible
