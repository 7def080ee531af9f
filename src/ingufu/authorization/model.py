"""Who may charge: drivers, id tokens, groups, and the verdict on a token."""

from datetime import datetime, time
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ingufu.certificates.model import contract_key


class TokenKind(StrEnum):
    """Kinds of id token (OCPP IdTokenEnumType). 1.6 knows none: its tags are ISO14443 cards to us unless registered."""

    CENTRAL = "Central"
    DIRECT_PAYMENT = "DirectPayment"
    EMAID = "eMAID"
    EVCCID = "EVCCID"
    ISO14443 = "ISO14443"
    ISO15693 = "ISO15693"
    KEY_CODE = "KeyCode"
    LOCAL = "Local"
    MAC_ADDRESS = "MacAddress"
    NO_AUTHORIZATION = "NoAuthorization"
    VIN = "VIN"


class PresentedToken(msgspec.Struct, frozen=True, kw_only=True):
    """An id token as a station presents it. `kind` None: the version has no kinds (1.6), any will match."""

    value: str
    kind: str | None = None

    @property
    def key(self) -> str:
        return self.value.strip().casefold()

    @property
    def contract_key(self) -> str:
        """The key under which a contract of this name is kept, however it is written."""
        return contract_key(self.value)


def token_key(value: str, kind: str) -> str:
    """Return the form under which two tokens of one kind are the same."""
    is_contract = kind.casefold() == TokenKind.EMAID.casefold()
    return contract_key(value) if is_contract else value.strip().casefold()


class VerdictStatus(StrEnum):
    """The answer a station gets, in 2.x words; 1.6 has fewer and its adapter folds them."""

    ACCEPTED = "Accepted"
    BLOCKED = "Blocked"
    CONCURRENT_TX = "ConcurrentTx"
    EXPIRED = "Expired"
    INVALID = "Invalid"
    NO_CREDIT = "NoCredit"
    NOT_ALLOWED_TYPE_EVSE = "NotAllowedTypeEVSE"
    NOT_AT_THIS_LOCATION = "NotAtThisLocation"
    NOT_AT_THIS_TIME = "NotAtThisTime"
    UNKNOWN = "Unknown"


class VerdictReason(StrEnum):
    """Why, for the operator. The station hears only the status."""

    KNOWN_TOKEN = "known-token"
    NO_AUTHORIZATION_NEEDED = "no-authorization-needed"
    SAME_TOKEN_STOPS = "same-token-stops"
    SAME_GROUP_STOPS = "same-group-stops"
    MASTER_PASS_STOPS = "master-pass-stops"
    UNKNOWN_TOKEN = "unknown-token"
    EMPTY_TOKEN = "empty-token"
    TOKEN_BLOCKED = "token-blocked"
    DRIVER_BLOCKED = "driver-blocked"
    TOKEN_EXPIRED = "token-expired"
    TOKEN_NOT_YET_VALID = "token-not-yet-valid"
    ALREADY_CHARGING = "already-charging"
    MASTER_PASS_CANNOT_START = "master-pass-cannot-start"
    NOT_THE_ONE_WHO_STARTED = "not-the-one-who-started"
    STATION_NOT_APPROVED = "station-not-approved"
    FREE_CHARGING_NOT_ALLOWED = "free-charging-not-allowed"
    NOT_AT_THIS_PLACE = "not-at-this-place"
    NOT_AT_THIS_EVSE = "not-at-this-evse"
    WRONG_PLUG = "wrong-plug"
    OUTSIDE_HOURS = "outside-hours"
    NO_CREDIT = "no-credit"
    CERTIFICATE_REFUSED = "certificate-refused"


class Occasion(StrEnum):
    """What the token was presented for."""

    AUTHORIZE = "authorize"
    START = "start"
    STOP = "stop"
    UPDATE = "update"
    REMOTE_START = "remote-start"


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a token may, and why."""

    status: VerdictStatus
    reason: VerdictReason
    token_id: str | None = None
    driver_id: str | None = None
    group_id: str | None = None
    group_value: str | None = None  # what the station is told as parentIdTag or groupIdToken
    expires_at: datetime | None = None
    language: str | None = None
    second_language: str | None = None
    priority: int | None = None  # -9 to 9, 0 is usual
    message: str | None = None  # for the station's display
    evses: tuple[int, ...] = ()  # it is valid on these alone
    is_secret: bool = False  # the token's value must not be kept or shown

    @property
    def is_accepted(self) -> bool:
        return self.status is VerdictStatus.ACCEPTED


class Driver(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    organisation_id: str
    name: str
    email: str | None = None
    phone: str | None = None
    language: str = "en"
    note: str = ""
    plan: str | None = None  # the one that goes on
    blocked_at: datetime | None = None
    block_reason: str = ""
    created_at: datetime


class DriverPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What a driver has subscribed to, by its name, and when. Tariffs can be given to it."""

    plan: str
    valid_from: datetime
    valid_until: Annotated[datetime | None, Meta(description="Exclusive; null: it goes on.")] = None


class TokenGroup(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    organisation_id: str
    value: str
    name: str
    is_master_pass: bool = False
    created_at: datetime


class Hours(msgspec.Struct, frozen=True, kw_only=True):
    """When in a week, in the time of the site. Until before from: it goes on after midnight."""

    days: Annotated[tuple[int, ...], Meta(max_length=7, description="ISO: Monday is 1.")] = (1, 2, 3, 4, 5, 6, 7)
    start: Annotated[time, Meta(tz=False)]
    end: Annotated[time, Meta(tz=False)]


class EvseRef(msgspec.Struct, frozen=True, kw_only=True):
    """An EVSE of a station."""

    station_id: str
    evse: int


class TokenLimits(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where and when a token may start. What is empty does not limit; sites, stations and EVSEs add up."""

    sites: tuple[str, ...] = ()
    stations: tuple[str, ...] = ()
    evses: tuple[EvseRef, ...] = ()
    plugs: tuple[str, ...] = ()  # OCPP ConnectorEnumType
    hours: tuple[Hours, ...] = ()

    @property
    def has_places(self) -> bool:
        return bool(self.sites or self.stations or self.evses)

    @property
    def is_empty(self) -> bool:
        return not (self.has_places or self.plugs or self.hours)


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a token is presented: the station, its site with its time, its EVSEs with the plugs that are known."""

    station_id: str
    site_id: str | None = None
    zone: str = "UTC"
    evses: tuple[tuple[int, frozenset[str]], ...] = ()


class Token(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    organisation_id: str
    value: str
    kind: str
    group_id: str | None = None
    driver_id: str | None = None
    blocked_at: datetime | None = None
    block_reason: str = ""
    valid_from: datetime | None = None
    expires_at: datetime | None = None
    concurrent_limit: int | None = 1
    language: str | None = None
    second_language: str | None = None
    charging_priority: int | None = None
    message: str | None = None
    has_credit: bool = True
    limits: TokenLimits | None = None
    start_turn: int = 0
    note: str = ""
    last_used_at: datetime | None = None
    last_station_id: str | None = None
    created_at: datetime


class StartedBy(msgspec.Struct, frozen=True, kw_only=True):
    """Who started a transaction: what decides whether another token may stop it."""

    token_id: str | None = None
    token_key: str | None = None  # the value as PresentedToken.key has it
    group_id: str | None = None

    @property
    def is_somebody(self) -> bool:
        return self.token_id is not None or bool(self.token_key)


class TokenFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A registered token with what its group and driver add to the decision."""

    token: Token
    group_value: str | None = None
    is_master_pass: bool = False
    is_driver_blocked: bool = False
    driver_language: str | None = None


class AuthorizationRules(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator may set of the decision."""

    ghost_age_s: float = 86_400.0  # an open transaction older than this no longer counts as use of its token
    late_start_s: float = 900.0  # a start reported this late is over or decided: it is not measured against others
    cache_s: float = 0.0  # how long stations may rely on an acceptance without asking again; 0: as they like


class DriverDetails(msgspec.Struct, frozen=True, kw_only=True):
    """What is entered about a driver."""

    name: str
    email: str | None = None
    phone: str | None = None
    language: str = "en"
    note: str = ""
    plan: str | UnsetType | None = UNSET  # None: none; UNSET: it stays


class GroupDetails(msgspec.Struct, frozen=True, kw_only=True):
    """What is entered about a group of tokens."""

    value: str
    name: str = ""
    is_master_pass: bool = False


class TokenDetails(msgspec.Struct, frozen=True, kw_only=True):
    """What is entered about an id token."""

    value: str
    kind: str = TokenKind.ISO14443
    group_id: str | None = None
    driver_id: str | None = None
    valid_from: datetime | None = None
    expires_at: datetime | None = None
    concurrent_limit: int | None = 1
    language: str | None = None
    second_language: str | None = None
    charging_priority: int | None = None
    message: str | None = None
    has_credit: bool = True
    limits: TokenLimits | None = None
    note: str = ""


class RuleScope(StrEnum):
    """What an admission rule is for; the narrower wins, field by field."""

    NETWORK = "network"
    SITE = "site"
    STATION = "station"


class ListMode(StrEnum):
    """Which tokens stand on a station's local list."""

    NONE = "none"
    ALL = "all"  # every token that may charge there
    GROUPS = "groups"  # those of chosen groups


class AdmissionRule(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator says for the network, a site or a station. None: as the wider scope says."""

    scope: RuleScope
    scope_id: str = ""
    allows_free: bool | None = None
    list_mode: ListMode | None = None
    list_groups: tuple[str, ...] = ()


class Admission(msgspec.Struct, frozen=True, kw_only=True):
    """What holds at a station in the end."""

    allows_free: bool = True
    list_mode: ListMode = ListMode.NONE
    list_groups: tuple[str, ...] = ()


class ListState(StrEnum):
    """How a station's local list stands to ours."""

    UNUSED = "unused"  # no rule puts any token on it
    WAITING = "waiting"  # something changed, or it was never sent
    IN_STEP = "in-step"
    REFUSED = "refused"
    UNSUPPORTED = "unsupported"
    DISABLED = "disabled"  # the station has the list switched off
    UNREACHABLE = "unreachable"


class LocalList(msgspec.Struct, frozen=True, kw_only=True):
    """The local list of a station: ours, theirs, and how they stand."""

    station_id: str
    version: int = 0
    station_version: int | None = None
    state: ListState = ListState.WAITING
    detail: str = ""
    entry_count: int = 0
    left_out: int = 0
    entries: dict[str, str] = {}
    needs_full: bool = False
    sent_at: datetime | None = None
    checked_at: datetime | None = None
    lease: str | None = None
    lease_until: datetime | None = None
