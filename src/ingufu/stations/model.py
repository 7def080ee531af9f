"""What a station is to us: who it says it is, what we allow it, what it last told us."""

from datetime import datetime
from enum import StrEnum

import msgspec


class Approval(StrEnum):
    """Whether this station belongs to the network."""

    APPROVED = "approved"
    WAITING = "waiting"  # it called, and a person has to say whether it is ours
    REFUSED = "refused"


class BootAnswer(StrEnum):
    """What a station hears when it boots (OCPP RegistrationStatus)."""

    ACCEPTED = "Accepted"
    PENDING = "Pending"
    REJECTED = "Rejected"


class ConnectorStatus(StrEnum):
    """Whether a vehicle could charge here now. 1.6 has more words; they are kept as `raw_status`."""

    AVAILABLE = "available"
    OCCUPIED = "occupied"
    RESERVED = "reserved"
    UNAVAILABLE = "unavailable"
    FAULTED = "faulted"
    UNKNOWN = "unknown"


class AttemptOutcome(StrEnum):
    """How a connection attempt ended, in the words of its cause."""

    CONNECTED = "connected"
    WRONG_PATH = "wrong-path"
    BAD_IDENTITY = "bad-identity"
    UNKNOWN_STATION = "unknown-station"
    WAITING_FOR_APPROVAL = "waiting-for-approval"
    REFUSED_STATION = "refused-station"
    NO_CREDENTIALS = "no-credentials"
    WRONG_CREDENTIALS = "wrong-credentials"
    PROFILE_TOO_LOW = "profile-too-low"
    NO_CLIENT_CERTIFICATE = "no-client-certificate"
    WRONG_CERTIFICATE = "wrong-certificate"
    NO_SUBPROTOCOL = "no-subprotocol"
    UNSUPPORTED_SUBPROTOCOL = "unsupported-subprotocol"
    TLS_FAILED = "tls-failed"
    NOT_A_WEBSOCKET = "not-a-websocket"
    MALFORMED_REQUEST = "malformed-request"
    TIMED_OUT = "timed-out"
    TOO_MANY_ATTEMPTS = "too-many-attempts"
    PROBE = "probe"  # a trial socket beside the one that lives (quirk 3)
    SHUTTING_DOWN = "shutting-down"
    INTERNAL_ERROR = "internal-error"


class UnknownPolicy(StrEnum):
    """What a station meets that nobody has entered."""

    WAIT = "wait"  # it is listed, and a person decides
    REFUSE = "refuse"


class StationRules(msgspec.Struct, frozen=True, kw_only=True):
    """What the settings say about stations."""

    heartbeat_interval_s: int = 300
    pending_retry_s: int = 60
    interval_jitter: float = 0.0  # part by which intervals differ between stations
    storm_boots_per_minute: int = 0  # beyond it, stations are given longer intervals; 0: never
    storm_stretch: float = 4.0  # how many times longer at most
    unknown_policy: UnknownPolicy = UnknownPolicy.WAIT
    max_waiting: int = 1000  # unknown stations kept at once
    default_security_profile: int = 1
    password_grace_s: int = 0  # how long the password before the last change still opens; 0 as A01.FR.03 demands
    certificate_organisation: str | None = None  # what a client certificate's O must contain; None: not looked at
    seen_interval_s: float = 60.0  # at most so often is it written that a station lives
    future_tolerance_s: float = 300.0  # how far ahead of ours a station's clock may be and still be believed
    attempt_window_s: float = 60.0  # equal refusals within it share a row

    def interval_s(self, answer: BootAnswer) -> int:
        """Return the interval that goes with the answer to a boot: heartbeats, or the wait before the next boot."""
        return self.heartbeat_interval_s if answer is BootAnswer.ACCEPTED else self.pending_retry_s


class Credentials(StrEnum):
    """What became of the Basic credentials of an attempt."""

    NONE = "none"
    WRONG = "wrong"
    RIGHT = "right"


class Presented(msgspec.Struct, frozen=True, kw_only=True):
    """What a connection attempt shows of itself. The certificate is one that our authorities have signed."""

    identity: str
    has_tls: bool = False
    credentials: Credentials = Credentials.NONE
    password_hash: str | None = None  # for which its password is right
    certificate_name: str | None = None  # common name of the client certificate; None: there is none
    certificate_organisation: str | None = None


class Boot(msgspec.Struct, frozen=True, kw_only=True):
    """What a BootNotification says."""

    vendor: str
    model: str
    serial_number: str | None = None
    firmware_version: str | None = None
    iccid: str | None = None
    imsi: str | None = None
    meter_type: str | None = None
    meter_serial_number: str | None = None
    reason: str | None = None
    was_asked: bool = False  # we asked for the message on this connection


class StatusReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a status message says of a connector, or of the whole station (`evse` 0)."""

    evse: int
    connector: int
    status: ConnectorStatus
    raw_status: str
    at: datetime | None = None  # the station's time, where it gave a usable one
    error_code: str | None = None
    error_info: str | None = None
    vendor_id: str | None = None
    vendor_error_code: str | None = None


class ProfilePassword(msgspec.Struct, frozen=True, kw_only=True):
    """A password that a station may have in one of its network profiles."""

    slot: str | None  # None: one that was its own, and may be that of a profile we never sent
    password_hash: str
    until: datetime  # opens until then


class Station(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    identity: str
    site_id: str | None = None
    name: str = ""
    note: str = ""
    approval: Approval = Approval.APPROVED
    boot_answer: BootAnswer = BootAnswer.ACCEPTED
    security_profile: int = 1
    password_hash: str | None = None
    previous_password_hash: str | None = None
    previous_password_until: datetime | None = None
    offered_password_hashes: list[str] | None = None
    offered_password_until: datetime | None = None
    profile_passwords: list[ProfilePassword] | None = None
    certificate_name: str | None = None
    assumed_version: str | None = None
    is_strict: bool = False
    is_silent: bool = False
    allows_compression: bool = True
    ping_interval_s: int | None = None
    quirks: dict[str, bool] | None = None  # switched on or off by an operator, by number
    created_at: datetime
    vendor: str | None = None
    model: str | None = None
    serial_number: str | None = None
    firmware_version: str | None = None
    iccid: str | None = None
    imsi: str | None = None
    meter_type: str | None = None
    meter_serial_number: str | None = None
    ocpp_version: str | None = None
    last_boot_at: datetime | None = None
    boot_reason: str | None = None
    boot_status: BootAnswer | None = None
    is_online: bool = False
    online_changed_at: datetime | None = None
    connection_id: str | None = None
    address: str | None = None
    used_security_profile: int | None = None
    last_seen_at: datetime | None = None
    clock_skew_s: float | None = None
    status: ConnectorStatus | None = None
    status_at: datetime | None = None
    error_code: str | None = None
    is_operative: bool = True


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """The little of a station that its boot is judged by."""

    approval: Approval
    boot_answer: BootAnswer
    firmware_version: str | None = None
    security_profile: int = 1


class Evse(msgspec.Struct, frozen=True, kw_only=True):
    station_id: str
    number: int
    is_operative: bool = True
    created_at: datetime


class Connector(msgspec.Struct, frozen=True, kw_only=True):
    station_id: str
    evse: int
    number: int
    kind: str | None = None
    max_power_w: float | None = None
    is_operative: bool = True
    status: ConnectorStatus = ConnectorStatus.UNKNOWN
    raw_status: str = ""
    status_at: datetime | None = None
    status_received_at: datetime | None = None
    error_code: str | None = None
    error_info: str | None = None
    vendor_id: str | None = None
    vendor_error_code: str | None = None


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One connection attempt, successful or not."""

    id: str
    at: datetime
    listener: str
    address: str
    path: str = ""
    identity: str | None = None
    station_id: str | None = None
    offered: tuple[str, ...] = ()
    version: str | None = None
    tls_version: str | None = None
    certificate_name: str | None = None
    user_agent: str | None = None
    outcome: AttemptOutcome
    http_status: int | None = None
    detail: str = ""
    count: int = 1
    last_at: datetime
    closed_at: datetime | None = None
    close_code: int | None = None
    close_reason: str | None = None
