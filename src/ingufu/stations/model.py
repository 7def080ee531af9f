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
    SHUTTING_DOWN = "shutting-down"
    INTERNAL_ERROR = "internal-error"


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
    certificate_name: str | None = None
    assumed_version: str | None = None
    is_strict: bool = False
    is_silent: bool = False
    allows_compression: bool = True
    ping_interval_s: int | None = None
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
