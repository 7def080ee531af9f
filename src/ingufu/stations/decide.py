"""The rules of stations: who may connect, what a boot is answered, which status report counts."""

import sys
from datetime import UTC, datetime, timedelta

import msgspec

from ingufu.core.ids import IDENTITY_MAX_LENGTH
from ingufu.stations.model import (
    Approval,
    AttemptOutcome,
    Boot,
    BootAnswer,
    Connector,
    ConnectorStatus,
    Credentials,
    Presented,
    Standing,
    Station,
    StationRules,
    StatusReport,
    UnknownPolicy,
)

MUTUAL_TLS = 3
TLS = 2
PASSWORD = 1
WAIVED = 0
HIGHEST_PROFILE = MUTUAL_TLS
TRIGGERED = "Triggered"

EARLIEST = datetime(2015, 1, 1, tzinfo=UTC)  # before it, a clock has never been set: no OCPP 1.6 station is older

_KEPT = ("serial_number", "firmware_version", "iccid", "imsi", "meter_type", "meter_serial_number")

_STATUS_WORDS: dict[str, ConnectorStatus] = {
    "available": ConnectorStatus.AVAILABLE,
    "preparing": ConnectorStatus.OCCUPIED,
    "charging": ConnectorStatus.OCCUPIED,
    "suspendedev": ConnectorStatus.OCCUPIED,
    "suspendedevse": ConnectorStatus.OCCUPIED,
    "finishing": ConnectorStatus.OCCUPIED,
    "occupied": ConnectorStatus.OCCUPIED,
    "reserved": ConnectorStatus.RESERVED,
    "unavailable": ConnectorStatus.UNAVAILABLE,
    "faulted": ConnectorStatus.FAULTED,
}

_NOT_APPROVED = {
    Approval.WAITING: AttemptOutcome.WAITING_FOR_APPROVAL,
    Approval.REFUSED: AttemptOutcome.REFUSED_STATION,
}


def status_of(word: str) -> ConnectorStatus:
    """Return what a station's own word for its status means, of any OCPP version; UNKNOWN for a word that is none."""
    return _STATUS_WORDS.get(word.lower(), ConnectorStatus.UNKNOWN)


def identity_flaw(identity: str) -> str | None:
    """Return why no station may be called so, or None.

    1.6 allows any text, 2.x fewer signs; a colon could not be told from the end of the user name in Basic credentials.
    """
    if not identity:
        return "An identity has at least one character."
    if len(identity) > IDENTITY_MAX_LENGTH:
        return f"An identity has at most {IDENTITY_MAX_LENGTH} characters."
    if not identity.isprintable() or identity != identity.strip():
        return "An identity has printable characters only and no blanks around it."
    if ":" in identity or "/" in identity:
        return "An identity contains neither a colon nor a slash."
    return None


def admit(station: Station | None, presented: Presented, rules: StationRules) -> AttemptOutcome:
    """Return whether what was presented opens a connection for `station`, and if not, why.

    Spec: OCPP 2.1 part 2 A00 (security profiles 1 to 3), OCPP 1.6 security whitepaper 3; profile 0 is our waiver.
    """
    if station is None:
        is_listed = rules.unknown_policy is UnknownPolicy.WAIT
        return AttemptOutcome.WAITING_FOR_APPROVAL if is_listed else AttemptOutcome.UNKNOWN_STATION
    if station.approval is not Approval.APPROVED:
        return _NOT_APPROVED[station.approval]
    if _has_right_certificate(station, presented, rules):
        return AttemptOutcome.CONNECTED
    if station.security_profile >= TLS and not presented.has_tls:
        return AttemptOutcome.PROFILE_TOO_LOW
    if station.security_profile >= MUTUAL_TLS:
        has_none = presented.certificate_name is None
        return AttemptOutcome.NO_CLIENT_CERTIFICATE if has_none else AttemptOutcome.WRONG_CERTIFICATE
    if station.security_profile == WAIVED or presented.credentials is Credentials.RIGHT:
        return AttemptOutcome.CONNECTED
    return _why_no_password(presented)


def used_profile(station: Station, presented: Presented, rules: StationRules) -> int:
    """Return the security profile that an admitted connection has."""
    if _has_right_certificate(station, presented, rules):
        return MUTUAL_TLS
    if presented.credentials is not Credentials.RIGHT:
        return WAIVED
    return TLS if presented.has_tls else PASSWORD


def binds(station: Station, certificate_name: str) -> bool:
    """Return whether a certificate with this common name is the station's own.

    It names what was entered for the station; else its serial number (as OCPP has it); else, before its first boot, the
    identity, since a certificate that names nothing of the station would open every other one too.
    """
    expected = station.certificate_name or station.serial_number or station.identity
    return certificate_name.casefold() == expected.casefold()


def contradicts_certificate(boot: Boot, certificate_name: str | None) -> bool:
    """Return whether a boot over mutual TLS tells another serial number than its certificate (B01.FR.12)."""
    if certificate_name is None or boot.serial_number is None:
        return False
    return boot.serial_number.casefold() != certificate_name.casefold()


def is_restart(reason: str | None) -> bool:
    """Return whether a station that says this of its boot has started anew; OCPP 1.6 gives no reason.

    In 2.x it is `Triggered` if it was only asked for the message (BootReasonEnumType).
    """
    return reason != TRIGGERED


def is_triggered(boot: Boot) -> bool:
    """Return whether the message came because it was asked for: by the station's word, or by ours if it has none."""
    return boot.was_asked if boot.reason is None else not is_restart(boot.reason)


def told_by(boot: Boot, answer: BootAnswer, at: datetime) -> dict[str, object]:
    """Return what is known of a station that boots so, by field; what it leaves out stays as it was known.

    So do time and reason of its last start, if it did not start anew.

    Many stations say the same words, and each is kept as long as a connection: they are kept once.
    """
    kept = {name: boot_word for name in _KEPT if (boot_word := getattr(boot, name)) is not None}
    told: dict[str, object] = {name: sys.intern(word) for name, word in kept.items()}
    told |= {"vendor": sys.intern(boot.vendor), "model": sys.intern(boot.model), "boot_status": answer}
    if not is_restart(boot.reason):
        return told
    return told | {"last_boot_at": at, "boot_reason": None if boot.reason is None else sys.intern(boot.reason)}


def answer_boot(station: Station | Standing) -> BootAnswer:
    """Return what the station hears when it boots now."""
    if station.approval is Approval.REFUSED:
        return BootAnswer.REJECTED
    if station.approval is Approval.WAITING:
        return BootAnswer.PENDING
    return station.boot_answer


def believed_time(
    at: datetime | None, received_at: datetime, *, skew_s: float | None, rules: StationRules
) -> datetime | None:
    """Return the station's time of a report, or None if its clock is not to be believed.

    A clock that was never set, or is known to be off, or points into the future says nothing of order; one slightly
    ahead is taken to mean the moment of receipt, so that its later correction makes no report look old.
    """
    if at is None or at < EARLIEST:
        return None
    if skew_s is not None and abs(skew_s) > rules.future_tolerance_s:
        return None
    if at - received_at > timedelta(seconds=rules.future_tolerance_s):
        return None
    return min(at, received_at)


def merge_status(
    stored: Connector, report: StatusReport, received_at: datetime, *, skew_s: float | None, rules: StationRules
) -> Connector | None:
    """Return the connector after the report, or None if what is stored is newer (OCPP 1.6 4.9: `timestamp`)."""
    at = believed_time(report.at, received_at, skew_s=skew_s, rules=rules)
    if at is not None and stored.status_at is not None and at < stored.status_at:
        return None
    return msgspec.structs.replace(
        stored,
        status=report.status,
        raw_status=report.raw_status,
        status_at=at,
        status_received_at=received_at,
        error_code=report.error_code,
        error_info=report.error_info,
        vendor_id=report.vendor_id,
        vendor_error_code=report.vendor_error_code,
    )


def is_same_status(before: Connector, after: Connector) -> bool:
    """Return whether nothing but the time of the report is new."""
    return _state(before) == _state(after)


def _state(connector: Connector) -> tuple[str | None, ...]:
    return (
        connector.status,
        connector.raw_status,
        connector.error_code,
        connector.error_info,
        connector.vendor_id,
        connector.vendor_error_code,
    )


def _has_right_certificate(station: Station, presented: Presented, rules: StationRules) -> bool:
    name = presented.certificate_name
    if not presented.has_tls or name is None or not binds(station, name):
        return False
    wanted = rules.certificate_organisation
    return wanted is None or wanted.casefold() in (presented.certificate_organisation or "").casefold()


def _why_no_password(presented: Presented) -> AttemptOutcome:
    if presented.credentials is Credentials.WRONG:
        return AttemptOutcome.WRONG_CREDENTIALS
    if presented.has_tls and presented.certificate_name is not None:
        return AttemptOutcome.WRONG_CERTIFICATE
    return AttemptOutcome.NO_CREDENTIALS
