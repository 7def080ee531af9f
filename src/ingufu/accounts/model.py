"""Who runs the network: organisations, users with roles, API keys with scopes."""

from datetime import datetime
from enum import StrEnum

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
    FRAMES_READ = "frames:read"
    EVENTS_READ = "events:read"
    ADMIN = "admin"


_READS = frozenset(
    {Scope.STATIONS_READ, Scope.TOKENS_READ, Scope.TRANSACTIONS_READ, Scope.FRAMES_READ, Scope.EVENTS_READ}
)

ROLE_SCOPES: dict[Role, frozenset[Scope]] = {
    Role.ADMIN: frozenset(Scope),
    Role.OPERATOR: frozenset(Scope) - {Scope.ADMIN},
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


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, and what they may. `site_ids` None: every site of the deployment."""

    kind: ActorKind
    id: str
    name: str
    organisation_id: str | None = None
    scopes: frozenset[Scope] = frozenset()
    site_ids: frozenset[str] | None = None
    login_id: str | None = None
    language: str = "en"
    address: str | None = None
