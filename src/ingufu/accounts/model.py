"""Who runs the network: organisations, users with roles, API keys with scopes."""

from datetime import datetime
from enum import StrEnum
from typing import Any, TypeAlias

import msgspec


class OrganisationKind(StrEnum):
    OPERATOR = "operator"  # one per deployment
    HOST = "host"  # owns the ground a site stands on
    FLEET = "fleet"  # its drivers charge here


class Role(StrEnum):
    ADMIN = "admin"  # everything
    OPERATOR = "operator"  # stations, tokens, commands; not users and keys
    VIEWER = "viewer"  # reads


class Scope(StrEnum):
    """What a request needs. Reading is apart from changing; commands and administration are apart from both."""

    STATIONS_READ = "stations:read"
    STATIONS_WRITE = "stations:write"
    STATIONS_COMMAND = "stations:command"
    TOKENS_READ = "tokens:read"
    TOKENS_WRITE = "tokens:write"
    TRANSACTIONS_READ = "transactions:read"
    TARIFFS_READ = "tariffs:read"
    TARIFFS_WRITE = "tariffs:write"
    MONEY_READ = "money:read"
    MONEY_WRITE = "money:write"
    FRAMES_READ = "frames:read"
    EVENTS_READ = "events:read"
    REPORTS_READ = "reports:read"
    AUDIT_READ = "audit:read"
    USERS_READ = "users:read"  # organisations, users, roles and keys
    USERS_WRITE = "users:write"
    ADMIN = "admin"


_READS = frozenset(
    {
        Scope.STATIONS_READ,
        Scope.TOKENS_READ,
        Scope.TRANSACTIONS_READ,
        Scope.TARIFFS_READ,
        Scope.MONEY_READ,
        Scope.FRAMES_READ,
        Scope.EVENTS_READ,
        Scope.REPORTS_READ,
    }
)
_PEOPLE = frozenset({Scope.USERS_READ, Scope.USERS_WRITE, Scope.AUDIT_READ})

ROLE_SCOPES: dict[Role, frozenset[Scope]] = {
    Role.ADMIN: frozenset(Scope),
    Role.OPERATOR: frozenset(Scope) - _PEOPLE - {Scope.ADMIN},
    Role.VIEWER: _READS,
}


class Organisation(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    kind: OrganisationKind
    created_at: datetime


class RoleGrant(msgspec.Struct, frozen=True, kw_only=True):
    role: Role
    site_id: str | None = None


class User(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    organisation_id: str
    email: str
    name: str
    password_hash: str | None = None
    language: str = "en"
    disabled_at: datetime | None = None
    created_at: datetime
    grants: tuple[RoleGrant, ...] = ()


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    organisation_id: str
    name: str
    prefix: str
    scopes: tuple[Scope, ...]
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None


class ActorKind(StrEnum):
    USER = "user"
    KEY = "key"
    COMMAND_LINE = "command-line"
    SYSTEM = "system"


class Door(StrEnum):
    """By which way someone came."""

    CONSOLE = "console"
    API = "api"
    COMMAND_LINE = "command-line"
    SYSTEM = "system"


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, and what they may.

    `site_ids` None: every site of the deployment. `fleet_id` not None: only the drivers, cards and groups of this
    organisation, and their sessions; then `site_ids` is empty.
    """

    kind: ActorKind
    id: str
    name: str
    organisation_id: str | None = None
    scopes: frozenset[Scope] = frozenset()
    site_ids: frozenset[str] | None = None
    fleet_id: str | None = None
    login_id: str | None = None
    language: str = "en"
    address: str | None = None
    door: Door | None = None
    request_id: str | None = None


class AccountRules(msgspec.Struct, frozen=True, kw_only=True):
    """What the settings say about log-ins."""

    idle_s: float = 12 * 3600.0  # a log-in ends when it was not used for so long
    longest_s: float = 30 * 86_400.0  # and after this however much it is used
    cached_s: float = 5.0  # so long another process may still take a revoked key or log-in for good
    marked_every_s: float = 60.0  # at most so often is the time of last use written
    failures_kept_s: float = 24 * 3600.0
    idempotency_kept_s: float = 24 * 3600.0
    in_progress_s: float = 120.0  # a request that took longer has died with its process


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Who did what, or wanted to."""

    id: int
    at: datetime
    actor_kind: ActorKind
    actor_id: str
    actor_name: str
    address: str | None = None
    action: str
    object_kind: str
    object_id: str
    is_refused: bool = False
    details: dict[str, Any] = {}
    changes: dict[str, Any] = {}
    door: Door | None = None
    request_id: str | None = None


class New(msgspec.Struct, frozen=True):
    """The request is the first with its idempotency key: do it, then `finish` or `abandon`."""


class Replay(msgspec.Struct, frozen=True, kw_only=True):
    """The request was answered before, like this."""

    status: int
    headers: dict[str, str]
    body: str


class InProgress(msgspec.Struct, frozen=True):
    """The first request with this key is still being worked on."""


class Mismatch(msgspec.Struct, frozen=True):
    """The key was used for another request."""


Begun: TypeAlias = New | Replay | InProgress | Mismatch
