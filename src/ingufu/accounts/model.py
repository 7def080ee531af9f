"""Who runs the network: organisations, users with roles, API keys with scopes."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Self, TypeAlias

import msgspec

from ingufu.core.tenures import Tenure, unbounded


class OrganisationKind(StrEnum):
    OPERATOR = "operator"  # one per deployment
    HOST = "host"  # owns the ground a site stands on
    FLEET = "fleet"  # its drivers charge here


class Role(StrEnum):
    """The roles that are built in; others are defined by people and named by their id."""

    ADMIN = "admin"  # everything
    OPERATOR = "operator"  # stations, tokens, prices, money, commands; not people
    SUPPORT = "support"  # helps drivers: starts and stops, cards
    TECHNICIAN = "technician"  # looks after stations
    FINANCE = "finance"  # prices, money, documents
    VIEWER = "viewer"  # reads
    AUDITOR = "auditor"  # reads, and who did what
    HOST = "host"  # its own sites and their money
    FLEET_MANAGER = "fleet-manager"  # its own drivers and what they charge
    ORGANISATION_ADMIN = "organisation-admin"  # of a host or a fleet: all that is its own, its people and keys too


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
    DRIVERS_READ = "drivers:read"  # of hosts: who charged at their sites; the operator's people see it anyway
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
_MANAGES_PEOPLE = frozenset({Scope.USERS_READ, Scope.USERS_WRITE})
_PEOPLE = _MANAGES_PEOPLE | {Scope.AUDIT_READ}
_OF_HOSTS = frozenset(
    {
        Scope.STATIONS_READ,
        Scope.STATIONS_COMMAND,
        Scope.TRANSACTIONS_READ,
        Scope.TARIFFS_READ,
        Scope.MONEY_READ,
        Scope.EVENTS_READ,
        Scope.REPORTS_READ,
    }
)
_OF_FLEETS = frozenset({Scope.TOKENS_READ, Scope.TOKENS_WRITE, Scope.TRANSACTIONS_READ, Scope.MONEY_READ})

ROLE_SCOPES: Mapping[Role, frozenset[Scope]] = {
    Role.ADMIN: frozenset(Scope),
    Role.OPERATOR: frozenset(Scope) - _PEOPLE - {Scope.ADMIN, Scope.DRIVERS_READ},
    Role.SUPPORT: _READS - {Scope.REPORTS_READ} | {Scope.STATIONS_COMMAND, Scope.TOKENS_WRITE},
    Role.TECHNICIAN: frozenset(
        {
            Scope.STATIONS_READ,
            Scope.STATIONS_WRITE,
            Scope.STATIONS_COMMAND,
            Scope.TRANSACTIONS_READ,
            Scope.FRAMES_READ,
            Scope.EVENTS_READ,
        }
    ),
    Role.FINANCE: _READS - {Scope.FRAMES_READ} | {Scope.TARIFFS_WRITE, Scope.MONEY_WRITE},
    Role.VIEWER: _READS,
    Role.AUDITOR: _READS | {Scope.AUDIT_READ, Scope.USERS_READ},
    Role.HOST: _OF_HOSTS,
    Role.FLEET_MANAGER: _OF_FLEETS,
    Role.ORGANISATION_ADMIN: _OF_HOSTS | _OF_FLEETS | _MANAGES_PEOPLE,  # what of it its organisation can have
}
ROLE_WORDS: Mapping[Role, tuple[str, str]] = {
    Role.ADMIN: ("Administrator", "Everything, people and keys included."),
    Role.OPERATOR: ("Operator", "Runs the network: stations, commands, cards, prices and money. Not people."),
    Role.SUPPORT: ("Support", "Helps drivers: sees everything of a session, starts and stops, changes cards."),
    Role.TECHNICIAN: ("Technician", "Looks after stations: commands, configuration, messages. No cards, no money."),
    Role.FINANCE: ("Finance", "Prices, charge records, documents, the ledger. No commands."),
    Role.VIEWER: ("Viewer", "Reads everything of the network and changes nothing."),
    Role.AUDITOR: ("Auditor", "Reads everything, also the audit trail and who may do what."),
    Role.HOST: ("Site host", "Its own sites: stations, sessions, commands, and the money of these sites."),
    Role.FLEET_MANAGER: ("Fleet manager", "Its own drivers, groups and cards, and what they charged."),
    Role.ORGANISATION_ADMIN: (
        "Organisation administrator",
        "Of a host or a fleet: everything that is its own, its people and API keys included.",
    ),
}
CEILINGS: Mapping[OrganisationKind, frozenset[Scope]] = {  # what nobody of such an organisation is above
    OrganisationKind.OPERATOR: frozenset(Scope),
    OrganisationKind.HOST: _OF_HOSTS | _MANAGES_PEOPLE | {Scope.DRIVERS_READ},
    OrganisationKind.FLEET: _OF_FLEETS | _MANAGES_PEOPLE,
}


class Organisation(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    kind: OrganisationKind
    created_at: datetime


class RoleDefinition(msgspec.Struct, frozen=True, kw_only=True):
    """A role: built in, or defined by people."""

    id: str  # of a built-in one its name in `Role`
    name: str
    description: str = ""
    scopes: tuple[Scope, ...]
    is_built_in: bool = False
    created_at: datetime | None = None
    updated_at: datetime | None = None


class RoleGrant(msgspec.Struct, frozen=True, kw_only=True):
    role: str  # a Role, or the id of one that people defined
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


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """A browser that is logged in."""

    id: str
    secret_hash: str
    user_id: str
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    address: str
    user_agent: str
    method: str = "password"  # how they showed who they are
    revoked_at: datetime | None = None


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    organisation_id: str
    name: str
    prefix: str
    scopes: tuple[Scope, ...]
    site_ids: tuple[str, ...] | None = None  # None: every site that its organisation sees
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


class OfFleet(frozenset[str]):
    """No site at all, as fleets see it: whatever asks for sites finds nothing.

    Only views of sessions and of what comes of them look whose it is, and show what is of the fleet's drivers or cards.
    """

    __slots__ = ("fleet_id",)
    fleet_id: str

    def __new__(cls, fleet_id: str) -> Self:
        made = super().__new__(cls)
        made.fleet_id = fleet_id
        return made

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OfFleet) and other.fleet_id == self.fleet_id

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash((OfFleet, self.fleet_id))


class Held(frozenset[str]):
    """The sites that a host has now, and in which time they, and those that it had before, were its own.

    Views of sites and stations ask for the sites; those of what happened there look at the time, too: what began or
    was issued in the time of another is the other's.
    """

    __slots__ = ("tenures",)
    tenures: tuple[Tenure, ...]

    def __new__(cls, site_ids: Iterable[str] = (), tenures: Iterable[Tenure] | None = None) -> Self:
        made = super().__new__(cls, site_ids)
        made.tenures = unbounded(made) if tenures is None else tuple(sorted(tenures, key=str))
        return made

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and frozenset.__eq__(self, other) and other.tenures == self.tenures

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash((type(self), frozenset.__hash__(self), self.tenures))


class OfHost(Held):
    """Sites as their host sees them: with what was charged there, but not by whom.

    Views leave out what names drivers and their cards. A host that may know (`drivers:read`) has `Held` ones.
    """

    __slots__ = ()


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, and what they may.

    `site_ids` None: every site of the deployment. `fleet_id` not None: only the drivers, cards and groups of this
    organisation, and their sessions; then `site_ids` is an `OfFleet`, which is empty. To a host's people it is a
    `Held`, an `OfHost` to those who are not to know who charged. `granted_site_ids`: those that their role or key is
    limited to (none: it is not), also those that their organisation has no more.
    """

    kind: ActorKind
    id: str
    name: str
    organisation_id: str | None = None
    organisation_kind: OrganisationKind = OrganisationKind.OPERATOR
    scopes: frozenset[Scope] = frozenset()
    site_ids: frozenset[str] | None = None
    granted_site_ids: frozenset[str] = frozenset()
    fleet_id: str | None = None
    login_id: str | None = None
    language: str = "en"
    address: str | None = None
    door: Door | None = None
    request_id: str | None = None
    must_enrol: bool = False  # has to set up a second factor before anything else

    @property
    def people_of(self) -> str | None:
        """The organisation whose people and keys they may see at most; None: all of them."""
        return None if self.organisation_kind is OrganisationKind.OPERATOR else self.organisation_id


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """What those of an organisation can see at most, whatever they are granted."""

    organisation_id: str
    kind: OrganisationKind
    tenures: tuple[Tenure, ...] = ()  # of a host: in which time which sites are and were its own

    @property
    def owned_site_ids(self) -> frozenset[str]:
        return frozenset(one.site_id for one in self.tenures if one.until is None)


class AccountRules(msgspec.Struct, frozen=True, kw_only=True):
    """What the settings say about log-ins."""

    idle_s: float = 12 * 3600.0  # a log-in ends when it was not used for so long
    longest_s: float = 30 * 86_400.0  # and after this however much it is used
    cached_s: float = 5.0  # so long another process may still take a revoked key or log-in for good
    marked_every_s: float = 60.0  # at most so often is the time of last use written
    failures_kept_s: float = 24 * 3600.0
    idempotency_kept_s: float = 24 * 3600.0
    in_progress_s: float = 120.0  # a request that took longer has died with its process


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
