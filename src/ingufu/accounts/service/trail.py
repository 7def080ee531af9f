"""The audit trail: who changed what, and who wanted to change what was not theirs."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from ingufu.accounts import chain, trail_store
from ingufu.accounts.model import ActorKind, Door, Principal
from ingufu.accounts.service.changes import State, changes, harmless
from ingufu.accounts.trail_model import AuditEntry, AuditQuery
from ingufu.core.clock import Clock
from ingufu.core.errors import NotFound
from ingufu.core.ids import IdMaker
from ingufu.infra.storage.database import Database, Work

MAX_PAGE = 1000
_TEXT_LONGEST = 200
_GUESSES_PER_HOUR = 1000  # wrong ones that are told of; the log has all
_DETAILS_LONGEST = 10_000


class Trail:
    """Entries are written with the change they tell of, marked with a key, and never changed."""

    def __init__(self, database: Database, clock: Clock, ids: IdMaker, trail_key: Callable[[], bytes]) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._trail_key = trail_key
        self._guesses = (clock.now(), 0)  # the hour, and how many wrong ones there were in it
        self.on_audited: Callable[[], None] = lambda: None  # called after the commit of an entry; must not raise

    def audit(
        self,
        work: Work,
        principal: Principal,
        action: str,
        *,
        object_kind: str,
        object_id: str,
        details: Mapping[str, Any] | None = None,
        is_refused: bool = False,
        before: State | None = None,
        after: State | None = None,
    ) -> None:
        """Add to the unit of work that the principal did this; secrets are taken out.

        `before` and `after` are the thing, or some of its fields: what differs is kept. Without `before` it was made,
        without `after` it is gone; without both, nothing of it is kept. Raises Unavailable without the trail's key.
        """
        entry = trail_store.cleaned(
            {
                "at": self._clock.now(),
                "nonce": self._ids.new(),
                "actor_kind": principal.kind,
                "actor_id": _short(principal.id),
                "actor_name": _short(principal.name),
                "address": principal.address,
                "action": _short(action),
                "object_kind": _short(object_kind),
                "object_id": _short(object_id),
                "is_refused": is_refused,
                "details": _harmless(details or {}),
                "changes": changes(before, after),
                "door": principal.door,
                "request_id": principal.request_id,
            }
        )
        trail_store.add(work, entry | {"mark": chain.mark(self._trail_key(), entry)})
        work.after_commit(self.on_audited)

    def audit_wrong_guess(self, work: Work, account: str, address: str) -> None:
        """Add that someone gave a wrong password or code for this account; of very many, only some are told."""
        hour = self._clock.now().replace(minute=0, second=0, microsecond=0)
        self._guesses = (hour, self._guesses[1] + 1) if self._guesses[0] == hour else (hour, 1)
        if self._guesses[1] <= _GUESSES_PER_HOUR:
            nobody = Principal(kind=ActorKind.SYSTEM, id="sign-in", name="Sign-in", address=address, door=Door.SYSTEM)
            self.audit(work, nobody, "login.fail", object_kind="login", object_id=account, is_refused=True)

    async def audit_entry(self, entry_id: int) -> AuditEntry:
        """Return one entry, with its seal if it has one. Raises NotFound."""
        found = await trail_store.entry(self._database, entry_id)
        if found is None:
            raise NotFound
        return found

    async def audit_page(
        self, wanted: AuditQuery, *, before_id: int | None = None, limit: int = 100
    ) -> tuple[list[AuditEntry], int | None]:
        """Return entries, the newest first, and the id to go on before, or None if these are the last.

        A search for words looks through so many entries at a time: a page may have few of them, or none, and
        still not be the last.
        """
        return await trail_store.entries(self._database, wanted, before_id=before_id, limit=min(limit, MAX_PAGE))

    async def audit_trail(self, *, before_id: int | None = None, limit: int = 100, **wanted: Any) -> list[AuditEntry]:
        """Return the newest entries that are wanted, by the names of `AuditQuery`."""
        return (await self.audit_page(AuditQuery(**wanted), before_id=before_id, limit=limit))[0]


def _harmless(details: Mapping[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = harmless(dict(details))
    text = msgspec.json.encode(kept).decode()
    return kept if len(text) <= _DETAILS_LONGEST else {"cut": text[:_DETAILS_LONGEST]}


def _short(text: str) -> str:
    return text[:_TEXT_LONGEST].replace("\x00", "\ufffd")
