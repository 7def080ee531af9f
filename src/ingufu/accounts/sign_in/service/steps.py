"""Steps of a log-in: what was shown so far, sealed and handed to the browser, good once and for a few minutes."""

import re
from datetime import UTC, datetime
from typing import Any

import msgspec

from ingufu.accounts.sign_in import store
from ingufu.core.clock import Clock
from ingufu.core.errors import Conflict, Unauthenticated, Unavailable
from ingufu.infra import secrets
from ingufu.infra.storage.database import Database, Work
from ingufu.infra.vault import Vault

_FORM = re.compile(r"v1:[0-9a-f]{1,8000}")  # as the vault writes it, and no other way to write the same
_OVER = "This took too long, or was done already. Begin anew."


class _Sealed(msgspec.Struct, frozen=True, kw_only=True):
    expires_at: float
    details: dict[str, Any]


class Steps:
    """Nothing is stored for who only asks: a step is written down when it is used, so that it is not used again."""

    def __init__(self, database: Database, clock: Clock, vault: Vault) -> None:
        self._database = database
        self._clock = clock
        self._vault = vault

    def make(self, purpose: str, details: dict[str, Any], lasts_s: float) -> str:
        """Return what the browser brings back for its next step. Raises Unavailable."""
        sealed = _Sealed(expires_at=self._clock.now().timestamp() + lasts_s, details=details)
        return self._vault.seal(msgspec.json.encode(sealed).decode(), _of(purpose))

    def read(self, purpose: str, secret: str) -> dict[str, Any]:
        """Return what was shown so far. Raises Unauthenticated if it is not of this purpose or too old."""
        return self._open(purpose, secret).details

    async def use(self, purpose: str, secret: str) -> dict[str, Any]:
        """Return what was shown so far, and have it be good no longer. Raises Unauthenticated, also the second time."""
        sealed = self._open(purpose, secret)
        try:
            async with self._database.work() as work:
                self._mark(work, secret, sealed)
        except Conflict as error:
            raise Unauthenticated(_OVER) from error
        return sealed.details

    def _mark(self, work: Work, secret: str, sealed: _Sealed) -> None:
        store.use_step(work, secrets.token_hash(secret), datetime.fromtimestamp(sealed.expires_at, UTC))

    def _open(self, purpose: str, secret: str) -> _Sealed:
        if _FORM.fullmatch(secret) is None:
            raise Unauthenticated(_OVER)
        try:
            sealed = msgspec.json.decode(self._vault.open(secret, _of(purpose)), type=_Sealed)
        except (Unavailable, msgspec.MsgspecError) as error:
            raise Unauthenticated(_OVER) from error
        if sealed.expires_at <= self._clock.now().timestamp():
            raise Unauthenticated(_OVER)
        return sealed


def _of(purpose: str) -> str:
    return f"step of a log-in: {purpose}"
