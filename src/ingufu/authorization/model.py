"""Who may charge: drivers, id tokens, groups, and the verdict on a token."""

from datetime import datetime
from enum import StrEnum

import msgspec


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
    blocked_at: datetime | None = None
    created_at: datetime


class TokenGroup(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    organisation_id: str
    value: str
    name: str
    is_master_pass: bool = False
    created_at: datetime


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


class DriverDetails(msgspec.Struct, frozen=True, kw_only=True):
    """What is entered about a driver."""

    name: str
    email: str | None = None
    phone: str | None = None
    language: str = "en"
    note: str = ""


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
    note: str = ""
