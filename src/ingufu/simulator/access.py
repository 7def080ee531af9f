"""What a station knows by itself about id tokens: the local list from the CSMS, and a cache of its answers."""

from collections.abc import Mapping
from datetime import datetime

import msgspec

CACHE_ENTRIES = 50  # as much as a small station holds


class Token(msgspec.Struct, frozen=True):
    """What a driver presents. `kind` is the word of 2.x and means nothing to 1.6."""

    value: str
    kind: str = "ISO14443"

    @property
    def key(self) -> str:
        return self.value.casefold()


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What the CSMS, the list or the cache says of a token."""

    status: str
    group: str | None = None
    expires_at: datetime | None = None

    @property
    def is_accepted(self) -> bool:
        return self.status == "Accepted"


class LocalAccess:
    """Local authorization list and authorization cache."""

    __slots__ = ("_cache", "_listed", "version")

    def __init__(self) -> None:
        self.version = 0
        self._listed: dict[str, Verdict] = {}
        self._cache: dict[str, Verdict] = {}

    def __len__(self) -> int:
        return len(self._listed)

    def replace(self, version: int, entries: Mapping[str, Verdict | None]) -> None:
        self._listed = {}
        self.amend(version, entries)

    def amend(self, version: int, entries: Mapping[str, Verdict | None]) -> None:
        """Add, change, or (None) remove entries."""
        for value, verdict in entries.items():
            if verdict is None:
                self._listed.pop(value.casefold(), None)
            else:
                self._listed[value.casefold()] = verdict
        self.version = version

    def remember(self, token: Token, verdict: Verdict) -> None:
        """Keep the CSMS's answer; the oldest goes when the cache is full."""
        self._cache.pop(token.key, None)
        self._cache[token.key] = verdict
        if len(self._cache) > CACHE_ENTRIES:
            del self._cache[next(iter(self._cache))]

    def clear_cache(self) -> None:
        self._cache.clear()

    def known(self, token: Token, at: datetime) -> Verdict | None:
        """Return what is known without asking; an expired answer is no answer."""
        verdict = self._listed.get(token.key) or self._cache.get(token.key)
        if verdict is not None and verdict.expires_at is not None and verdict.expires_at <= at:
            return None
        return verdict
