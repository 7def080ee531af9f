"""What a socket is given when it begins: what it shares with all others, and what was agreed for it alone."""

from asyncio import AbstractEventLoop
from collections.abc import Callable

import msgspec

from ingufu.gateway.websocket.counters import Counters
from ingufu.gateway.websocket.decisions import Connection
from ingufu.gateway.websocket.deflate import Codec
from ingufu.gateway.websocket.limits import SocketLimits
from ingufu.gateway.websocket.rates import Bucket
from ingufu.gateway.websocket.timers import Wheel


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What all sockets of one server share."""

    loop: AbstractEventLoop
    wheel: Wheel
    monotonic: Callable[[], float]
    uniform: Callable[[], float]  # a random number from 0 to 1, to spread what would come at once
    counters: Counters
    codec: Codec
    forget: Callable[[Connection], None]  # told when a socket is gone


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What was agreed for one socket."""

    limits: SocketLimits
    ping_interval_s: float | None
    window_bits: int | None  # None: permessage-deflate was not negotiated
    address_bucket: Bucket | None

    def buckets(self, now: float) -> tuple[Bucket, ...]:
        """Return those that every message of the socket is charged to."""
        own = self.limits.messages_per_s
        buckets = () if own is None else (Bucket(own, self.limits.message_burst, now),)
        return buckets if self.address_bucket is None else (*buckets, self.address_bucket)
