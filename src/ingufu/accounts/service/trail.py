"""The audit trail: who changed what, and who wanted to change what was not theirs."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from ingufu.accounts import store
from ingufu.accounts.model import ActorKind, AuditEntry, Principal
from ingufu.accounts.service.changes import State, changes, harmless
from ingufu.core.clock import Clock
from ingufu.infra.storage.database import Database, Work

MAX_PAGE = 1000
_TEXT_LONGEST = 200
_DETAILS_LONGEST = 10_000


class Trail:
    """Entries are written with the change they tell of, and never changed."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

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
        without `after` it is gone; without both, nothing of it is kept.
        """
        entry = {
            "at": self._clock.now(),
            "actor_kind": principal.kind,
            "actor_id": principal.id,
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
        store.add_audit(work, entry)

    async def audit_trail(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        actor_kind: ActorKind | None = None,
        actor_id: str | None = None,
        action: str | None = None,
        object_kind: str | None = None,
        object_id: str | None = None,
        is_refused: bool | None = None,
        before_id: int | None = None,
        limit: int = 100,
    ) -> list[AuditEntry]:
        """Return entries, the newest first; `before_id` is the id of the last one of the page before.

        `since` is included, `until` is not.
        """
        wanted: dict[str, Any] = {
            "actor_kind": actor_kind,
            "actor_id": actor_id,
            "action": action,
            "object_kind": object_kind,
            "object_id": object_id,
            "is_refused": is_refused,
        }
        return await store.audit_trail(
            self._database,
            {name: value for name, value in wanted.items() if value is not None},
            since=since,
            until=until,
            before_id=before_id,
            limit=min(limit, MAX_PAGE),
        )

    async def prune_audit(self, before: datetime) -> None:
        """Delete the entries from before."""
        async with self._database.work() as work:
            store.prune_audit(work, before)


def _harmless(details: Mapping[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = harmless(dict(details))
    text = msgspec.json.encode(kept).decode()
    return kept if len(text) <= _DETAILS_LONGEST else {"cut": text[:_DETAILS_LONGEST]}


def _short(text: str) -> str:
    return text[:_TEXT_LONGEST].replace("\x00", "\ufffd")
