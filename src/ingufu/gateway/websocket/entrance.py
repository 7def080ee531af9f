"""What the handshakes of one listener share: limits, who is within, and whom to ask and to tell."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil
from typing import Protocol

from ingufu.gateway.websocket.decisions import AttemptFailed, Cause, Decide
from ingufu.gateway.websocket.limits import ServerLimits
from ingufu.gateway.websocket.rates import AddressKeys, Bucket, Buckets
from ingufu.gateway.websocket.socket import Socket
from ingufu.gateway.websocket.surroundings import Surroundings


class Attempt(Protocol):
    """A handshake under way, in whichever phase."""

    def turn_away(self, cause: Cause, detail: str, wait_s: float = 0.0) -> None:
        """End it for a reason of ours; the station is told when to come back, if that can be said already."""
        ...


@dataclass(slots=True, kw_only=True)
class House:
    """What all listeners of one server share."""

    limits: ServerLimits
    surroundings: Surroundings
    decide: Decide
    attempt_failed: AttemptFailed
    keys: AddressKeys
    address_handshakes: Buckets
    address_messages: Buckets
    attempts: dict[object, Attempt] = field(default_factory=dict)  # not yet upgraded or refused, by visit
    attempts_of: Counter[str] = field(default_factory=Counter)  # by address key
    leaving: set[Callable[[], None]] = field(default_factory=set)  # refused, still flushing: how to abort each
    sockets: set[Socket]
    is_stopping: bool = False

    def retry_after_s(self, wait_s: float = 0.0) -> int:
        """Return when a refused station shall come back, spread by chance so that not all come at once."""
        return ceil(max(self.limits.retry_after_s, wait_s) * (1 + self.surroundings.uniform() / 2))


@dataclass(slots=True, kw_only=True)
class Entrance:
    """One listener."""

    name: str
    house: House
    bucket: Bucket | None

    def refusal(self, address: str | None) -> Cause | None:
        """Return why no further handshake may begin, None if it may."""
        house = self.house
        counters = house.surroundings.counters
        if house.is_stopping:
            return Cause.STOPPING
        if counters.sockets_open + counters.handshakes_open > house.limits.max_connections:
            return Cause.OVERLOADED
        if counters.handshakes_open > house.limits.max_handshakes:
            return Cause.OVERLOADED
        if address is not None and house.attempts_of[address] > house.limits.max_handshakes_per_address:
            return Cause.RATE_LIMITED
        return None

    def take_turn(self, address: str | None) -> float:
        """Return the seconds to wait for the costly part of a handshake; if they are too many, no turn is taken."""
        now = self.house.surroundings.monotonic()
        buckets = [bucket for bucket in (self.house.address_handshakes.of(address), self.bucket) if bucket is not None]
        wait_s = max((bucket.take(now) for bucket in buckets), default=0.0)
        if wait_s > self.house.limits.max_wait_s:
            for bucket in buckets:
                bucket.give_back()
        return wait_s
