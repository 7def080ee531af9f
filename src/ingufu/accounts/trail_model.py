"""Entries of the audit trail, and which of them are wanted."""

from datetime import datetime
from typing import Any

import msgspec

from ingufu.accounts.model import ActorKind, Door


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Who did what to what, or wanted to: when, from where, what was before and what is after."""

    id: int
    at: datetime
    actor_kind: ActorKind
    actor_id: str
    actor_name: str
    address: str | None = None
    door: Door | None = None  # by which way they came
    request_id: str | None = None  # as in the answer's header and the log
    action: str
    object_kind: str
    object_id: str
    is_refused: bool = False
    details: dict[str, Any] = {}
    changes: dict[str, Any] = {}  # by field: {"before": .., "after": ..}
    number: int | None = None  # in the chain; None while it is not sealed yet
    seal: str | None = None  # with one entry only


class AuditQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which entries, the newest first. What is None does not matter."""

    actor_kind: ActorKind | None = None
    actor_id: str | None = None
    actor: str | None = None  # id, or part of the name
    action: str | None = None
    object_kind: str | None = None
    object_id: str | None = None
    address: str | None = None
    door: Door | None = None
    request_id: str | None = None
    is_refused: bool | None = None
    q: str | None = None  # anywhere in the entry, details and changes included
    since: datetime | None = None  # included
    until: datetime | None = None  # not included
