"""The recent answers to a station's CALLs, so that a CALL repeated after a lost answer gets the very same bytes."""

from collections.abc import Set as AbstractSet
from typing import NamedTuple

import msgspec

KEPT_REPLIES = 8  # one CALL may be open, so what comes again is the latest or one of the few before it
KEPT_BYTES = 16 * 1024  # per station; holds the largest certificate answers twice
KEPT_S = 900.0  # the longest a station waits between the attempts of one message in the field is some minutes

# Some answers age (the time of a Heartbeat, the verdict on a token), and some reports do not say when they were true.
# A station that restarts its counter sends them with an old id and the same content, and means a new occasion: these
# are always handled anew, which does no harm when they are true repeats. All others name their moment or their number.
ALWAYS_HANDLED = frozenset(
    {
        "Authorize",
        "BootNotification",
        "ClearedChargingLimit",
        "DiagnosticsStatusNotification",
        "FirmwareStatusNotification",
        "GetCertificateStatus",
        "Heartbeat",
        "LogStatusNotification",
        "PublishFirmwareStatusNotification",
        "PullDynamicScheduleUpdate",
        "SignedFirmwareStatusNotification",
        "StatusNotification",
    }
)


class _Kept(NamedTuple):
    fingerprint: int
    reply: bytes
    received_at: float


class ReplyMemory:
    """Recent CALLRESULTs to one station over all its connections to this process, bounded in number, bytes and age.

    CALLERRORs are never kept: a repeat after an error is a new attempt.
    """

    def __init__(
        self,
        *,
        limit: int = KEPT_REPLIES,
        limit_bytes: int = KEPT_BYTES,
        keep_s: float = KEPT_S,
        always_handled: AbstractSet[str] = ALWAYS_HANDLED,
    ) -> None:
        """Begin empty. Calls of the actions in `always_handled` are never answered from memory."""
        self._limit = limit
        self._limit_bytes = limit_bytes
        self._keep_s = keep_s
        self._always_handled = always_handled
        self._kept: dict[bytes, _Kept] = {}
        self._size = 0

    def __contains__(self, id_token: bytes) -> bool:
        """Return whether an answer to a CALL of this id is kept."""
        return id_token in self._kept

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def size(self) -> int:
        """Bytes of the ids and replies kept."""
        return self._size

    def recall(self, id_token: bytes, action: str, payload: msgspec.Raw, now: float) -> bytes | None:
        """The answer given to a CALL of the same id, action and payload, if it is recent; `now` in seconds."""
        kept = self._kept.get(id_token)
        if kept is None or now - kept.received_at > self._keep_s or kept.fingerprint != _fingerprint(action, payload):
            return None
        return kept.reply

    def keep(self, id_token: bytes, action: str, payload: msgspec.Raw, reply: bytes, received_at: float) -> None:
        """Remember an answer in the place of the oldest; one over the limits is not kept, nor is an ageing one."""
        self._forget(id_token)
        if action in self._always_handled or len(id_token) + len(reply) > self._limit_bytes:
            return
        self._kept[id_token] = _Kept(_fingerprint(action, payload), reply, received_at)
        self._size += len(id_token) + len(reply)
        while len(self._kept) > self._limit or self._size > self._limit_bytes:
            self._forget(next(iter(self._kept)))

    def _forget(self, id_token: bytes) -> None:
        kept = self._kept.pop(id_token, None)
        if kept is not None:
            self._size -= len(id_token) + len(kept.reply)


def _fingerprint(action: str, payload: msgspec.Raw) -> int:
    """Return what tells contents apart: 64 bits, keyed at random for each process, so that nobody can aim at them."""
    return hash((action, bytes(payload)))
