"""Who was recognised by a secret a moment ago, so that a page's twenty requests read the database once."""

from datetime import datetime

import msgspec

from ingufu.accounts.model import AccountRules, Principal
from ingufu.core.clock import Clock

MOST = 10_000  # secrets held at once; beyond it they are simply read again


class Entry:
    """A secret that was good when it was looked up."""

    __slots__ = ("created_at", "expires_at", "looked_up_s", "marked_at", "principal")

    def __init__(
        self,
        principal: Principal,
        *,
        looked_up_s: float,
        marked_at: datetime | None,
        expires_at: datetime | None,
        created_at: datetime,
    ) -> None:
        self.principal = principal
        self.looked_up_s = looked_up_s
        self.marked_at = marked_at  # when its use was last written
        self.expires_at = expires_at
        self.created_at = created_at

    def asked_from(self, address: str | None) -> Principal:
        """Return the principal as of this request."""
        if self.principal.address == address:
            return self.principal
        return msgspec.structs.replace(self.principal, address=address)


class Recognised:
    """Entries by the hash of their secret, each good for a few seconds."""

    def __init__(self, clock: Clock, rules: AccountRules) -> None:
        self._clock = clock
        self._rules = rules
        self._entries: dict[str, Entry] = {}

    def get(self, hashed: str) -> Entry | None:
        """Return what is known and still good."""
        entry = self._entries.get(hashed)
        if entry is None:
            return None
        is_fresh = self._clock.monotonic() - entry.looked_up_s < self._rules.cached_s
        if is_fresh and (entry.expires_at is None or self._clock.now() < entry.expires_at):
            return entry
        del self._entries[hashed]
        return None

    def put(
        self,
        hashed: str,
        principal: Principal,
        *,
        used_at: datetime | None,
        expires_at: datetime | None,
        created_at: datetime,
    ) -> Entry:
        """Hold what was just looked up."""
        if len(self._entries) >= MOST:
            self._entries.clear()
        entry = self._entries[hashed] = Entry(
            principal,
            looked_up_s=self._clock.monotonic(),
            marked_at=used_at,
            expires_at=expires_at,
            created_at=created_at,
        )
        return entry

    def is_to_mark(self, entry: Entry) -> bool:
        """Return whether its use was not written for a while; it counts as written now."""
        now = self._clock.now()
        if entry.marked_at is not None and (now - entry.marked_at).total_seconds() < self._rules.marked_every_s:
            return False
        entry.marked_at = now
        return True

    def clear(self) -> None:
        self._entries.clear()
