"""Identities: readable names for what stations call themselves, and time-ordered ids for what we create."""

import secrets
from collections.abc import Callable
from typing import NewType
from uuid import UUID

from ingufu.core.clock import Clock

StationId = NewType("StationId", str)  # ours, UUIDv7; what the station calls itself is its identity
SiteId = NewType("SiteId", str)
OrganisationId = NewType("OrganisationId", str)
UserId = NewType("UserId", str)
DriverId = NewType("DriverId", str)
TokenId = NewType("TokenId", str)
GroupId = NewType("GroupId", str)
TransactionId = NewType("TransactionId", str)

IDENTITY_MAX_LENGTH = 48  # OCPP 2.x identifierString; the sensible ceiling for 1.6 too

RandomBytes = Callable[[int], bytes]


class IdMaker:
    """Makes UUIDv7 ids (RFC 9562) that rise within one process, even within one millisecond."""

    def __init__(self, clock: Clock, random_bytes: RandomBytes = secrets.token_bytes) -> None:
        self._clock = clock
        self._random_bytes = random_bytes
        self._last_ms = 0
        self._counter = 0

    def new(self) -> str:
        """Return a fresh id in its 36-character form."""
        now_ms = int(self._clock.now().timestamp() * 1000)
        if now_ms > self._last_ms:
            self._last_ms = now_ms
            self._counter = int.from_bytes(self._random_bytes(2), "big") & 0x07FF
        else:
            self._counter += 1
            if self._counter > 0x0FFF:  # the 12 bits are spent: borrow the next millisecond
                self._last_ms += 1
                self._counter = 0
        tail = int.from_bytes(self._random_bytes(8), "big") & 0x3FFF_FFFF_FFFF_FFFF
        value = (self._last_ms << 80) | (0x7 << 76) | (self._counter << 64) | (0b10 << 62) | tail
        return str(UUID(int=value))


def identity_key(identity: str) -> str:
    """Return the form under which two identities are the same one.

    Stations disagree with themselves about case, so identities are compared without it (OCPP 2.x: case-insensitive).
    """
    return identity.casefold()
