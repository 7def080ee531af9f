"""What we ask of a station about its configuration: read, write, report, network profiles."""

from enum import StrEnum

import msgspec

from ingufu.core.commands import Command, Outcome
from ingufu.core.variables import Attribute, VariableName

ACCEPTED = "Accepted"
REBOOT_REQUIRED = "RebootRequired"
UNKNOWN_VARIABLE = "UnknownVariable"


class ReadItem(msgspec.Struct, frozen=True, kw_only=True):
    """One value to read."""

    name: VariableName
    attribute: Attribute = Attribute.ACTUAL


class ReadResult(msgspec.Struct, frozen=True, kw_only=True):
    """What came of reading it. `status` is in the words of OCPP 2.x GetVariableStatusEnumType."""

    name: VariableName
    attribute: Attribute = Attribute.ACTUAL
    status: str
    value: str | None = None
    is_readonly: bool | None = None  # where the version tells it together with the value (1.6)
    native_key: str | None = None  # the key as a 1.6 station spells it
    reason: str = ""


class VariablesRead(Outcome, frozen=True, kw_only=True):
    items: tuple[ReadResult, ...] = ()


class ReadVariables(Command[VariablesRead], frozen=True, kw_only=True):
    """Read values; without any named, all there are (OCPP 1.6 only: 2.x has reports for that)."""

    items: tuple[ReadItem, ...] = ()


class WriteItem(msgspec.Struct, frozen=True, kw_only=True):
    """One value to set."""

    name: VariableName
    attribute: Attribute = Attribute.ACTUAL
    value: str


class WriteResult(msgspec.Struct, frozen=True, kw_only=True):
    """What came of setting it. `status` is in the words of OCPP 2.x SetVariableStatusEnumType."""

    name: VariableName
    attribute: Attribute = Attribute.ACTUAL
    status: str
    reason: str = ""


class VariablesWritten(Outcome, frozen=True, kw_only=True):
    """What came of the message. Without `items`, the status is that of every value in it (1.6)."""

    items: tuple[WriteResult, ...] = ()


class WriteVariables(Command[VariablesWritten], frozen=True, kw_only=True):
    """Set values: several at once in 2.x, one in 1.6."""

    items: tuple[WriteItem, ...]


class ReportBase(StrEnum):
    """A report that the standard defines (OCPP 2.x ReportBaseEnumType)."""

    CONFIGURATION = "configuration"
    FULL = "full"
    SUMMARY = "summary"


class Criterion(StrEnum):
    """Which components a report is about (OCPP 2.x ComponentCriterionEnumType)."""

    ACTIVE = "Active"
    AVAILABLE = "Available"
    ENABLED = "Enabled"
    PROBLEM = "Problem"


class MonitorCriterion(StrEnum):
    """Which monitors a report is about (OCPP 2.x MonitoringCriterionEnumType)."""

    THRESHOLD = "ThresholdMonitoring"
    DELTA = "DeltaMonitoring"
    PERIODIC = "PeriodicMonitoring"


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A variable, or all of a component where none is named."""

    component: str
    instance: str | None = None
    evse: int | None = None
    connector: int | None = None
    variable: str | None = None
    variable_instance: str | None = None


class RequestBaseReport(Command[Outcome], frozen=True, kw_only=True):
    """Have the station report what the standard defines."""

    request_id: int
    base: ReportBase


class RequestReport(Command[Outcome], frozen=True, kw_only=True):
    """Have the station report the variables that criteria and places choose together."""

    request_id: int
    criteria: tuple[Criterion, ...] = ()
    places: tuple[Place, ...] = ()


class RequestMonitors(Command[Outcome], frozen=True, kw_only=True):
    """Have the station report its monitors."""

    request_id: int
    criteria: tuple[MonitorCriterion, ...] = ()
    places: tuple[Place, ...] = ()


class Apn(msgspec.Struct, frozen=True, kw_only=True):
    """How to enter a mobile network."""

    apn: str
    authentication: str  # PAP, CHAP, NONE or AUTO
    user_name: str | None = None
    password: str | None = None
    sim_pin: int | None = None
    preferred_network: str | None = None
    uses_only_preferred: bool | None = None


class Vpn(msgspec.Struct, frozen=True, kw_only=True):
    """How to enter a private network."""

    server: str
    user: str
    password: str
    key: str
    kind: str  # IKEv2, IPSec, L2TP or PPTP
    group: str | None = None


class NetworkProfile(msgspec.Struct, frozen=True, kw_only=True):
    """How a station reaches its CSMS (OCPP 2.x NetworkConnectionProfileType)."""

    url: str  # without the station's identity
    security_profile: int
    interface: str = "Wired0"
    message_timeout_s: int = 30
    transport: str = "JSON"
    ocpp_version: str | None = None  # None: what the station's version wants written
    identity: str | None = None  # 2.1
    password: str | None = None  # 2.1
    apn: Apn | None = None
    vpn: Vpn | None = None


class SetNetworkProfile(Command[Outcome], frozen=True, kw_only=True):
    """Have the station keep a profile in a slot; it is used when its slot is in the order of priority."""

    slot: int
    profile: NetworkProfile
