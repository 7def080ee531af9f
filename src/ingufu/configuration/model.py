"""What stations are set to and should be set to: variables, reports, templates, wishes, network profiles, resets."""

from datetime import datetime
from enum import StrEnum

import msgspec

from ingufu.core.configuration import NetworkProfile
from ingufu.core.variables import Attribute, VariableName


class Mutability(StrEnum):
    """Who may read and write a value (OCPP 2.x MutabilityEnumType)."""

    READ_ONLY = "ReadOnly"
    WRITE_ONLY = "WriteOnly"
    READ_WRITE = "ReadWrite"


class DataType(StrEnum):
    """What a value is (OCPP 2.x DataEnumType)."""

    STRING = "string"
    DECIMAL = "decimal"
    INTEGER = "integer"
    DATE_TIME = "dateTime"
    BOOLEAN = "boolean"
    OPTION_LIST = "OptionList"  # one of
    SEQUENCE_LIST = "SequenceList"  # some of, in an order
    MEMBER_LIST = "MemberList"  # some of, in any order


class Origin(StrEnum):
    """How we came to know a value."""

    REPORT = "report"  # the station reported it by itself, or because a report was asked for
    READ = "read"
    WRITTEN = "written"  # it accepted this value from us


class ConfigurationRules(msgspec.Struct, frozen=True, kw_only=True):
    """What the settings say about configuration."""

    takes_inventory: bool = True  # on the first connect, and after the firmware changed
    applies_desired: bool = True  # after every boot and connection
    repairs_drift: bool = True  # also when it is found later
    quiet_s: float = 20.0  # after a boot or connection, before anything is asked
    spread_s: float = 60.0  # over which stations that came together are asked
    at_once: int = 10  # stations worked on at the same time
    report_timeout_s: float = 90.0  # of silence after which a report counts as incomplete
    checks_every_h: float = 24.0  # after which desired values are read again; 0: never by itself


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """One variable in what a station told: as much of it as it said."""

    name: VariableName
    attribute: Attribute = Attribute.ACTUAL
    native_key: str | None = None  # as a 1.6 station spells it
    value: str | None = None  # None: not readable, or secret
    mutability: Mutability | None = None
    is_persistent: bool | None = None
    is_constant: bool | None = None
    data_type: DataType | None = None
    unit: str | None = None
    min_limit: float | None = None
    max_limit: float | None = None
    max_elements: int | None = None
    values_list: str | None = None
    supports_monitoring: bool | None = None


class Variable(Told, frozen=True, kw_only=True):
    """A value that a station told, with what it told about it, as it is kept."""

    station_id: str
    key: str
    told_at: datetime  # when it was last told
    changed_at: datetime  # when the value last became another
    origin: Origin = Origin.REPORT
    actor: str | None = None  # who set or asked for it, where that was one of us


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A value that became another one, or an attempt to make it one."""

    id: int | None = None
    station_id: str
    at: datetime
    key: str
    attribute: Attribute = Attribute.ACTUAL
    before: str | None = None
    value: str | None = None
    origin: Origin
    status: str  # the station's word for an attempt; "Reported" for what it told
    actor: str | None = None


class Monitor(msgspec.Struct, frozen=True, kw_only=True):
    """A monitor of a variable, as the station reported it."""

    station_id: str
    number: int  # its id at the station; it may change when the station starts up
    key: str
    name: VariableName
    kind: str  # OCPP 2.x MonitorEnumType
    value: float
    severity: int
    is_transaction_only: bool
    notification: str | None = None  # 2.1: who made it
    told_at: datetime


class ReportKind(StrEnum):
    """What is asked for."""

    VARIABLES = "variables"
    MONITORS = "monitors"


class ReportState(StrEnum):
    """How far a report is."""

    ASKED = "asked"
    RECEIVING = "receiving"  # parts have come, not all of them
    COMPLETE = "complete"
    INCOMPLETE = "incomplete"  # nothing more came; what came is kept
    EMPTY = "empty"  # the station has nothing of the kind
    REFUSED = "refused"
    FAILED = "failed"  # the station could not be asked


OPEN_STATES = frozenset({ReportState.ASKED, ReportState.RECEIVING})


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A report, put together from its parts."""

    id: str
    station_id: str
    request_id: int
    kind: ReportKind
    base: str | None = None  # full, configuration, summary; None: chosen by criteria
    is_automatic: bool = False
    actor: str | None = None
    asked_at: datetime
    last_part_at: datetime | None = None
    ended_at: datetime | None = None
    state: ReportState = ReportState.ASKED
    parts: tuple[int, ...] = ()  # sequence numbers that came, in order
    last_part: int | None = None  # the one that said that none follows
    items: int = 0  # variables or monitors in them
    detail: str = ""

    @property
    def missing(self) -> tuple[int, ...]:
        """The parts that are known to exist and did not come."""
        end = self.last_part if self.last_part is not None else max(self.parts, default=-1)
        return tuple(number for number in range(min(end + 1, 100_000)) if number not in set(self.parts))


class ToldMonitor(msgspec.Struct, frozen=True, kw_only=True):
    """One monitor in a report."""

    name: VariableName
    number: int
    kind: str
    value: float
    severity: int
    is_transaction_only: bool
    notification: str | None = None


class ReportPart(msgspec.Struct, frozen=True, kw_only=True):
    """One message of a report."""

    request_id: int
    number: int
    is_last: bool
    generated_at: datetime | None = None
    variables: tuple[Told, ...] = ()
    monitors: tuple[ToldMonitor, ...] = ()
    is_of_monitors: bool = False


class OwnerKind(StrEnum):
    """Who wishes."""

    STATION = "station"
    TEMPLATE = "template"


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """One value as it is desired by a template or for a station. A secret has no `value`, but `is_secret`."""

    owner_kind: OwnerKind
    owner_id: str
    key: str
    name: VariableName
    value: str | None = None
    sealed: str | None = None  # of a secret: encrypted
    is_secret: bool = False
    changed_at: datetime
    changed_by: str = ""


class Reach(StrEnum):
    """Which stations a template is for."""

    EVERYONE = "everyone"
    MATCHING = "matching"  # those of its site, vendor, model, firmware and version
    CHOSEN = "chosen"  # those alone that were given it by hand


class TemplateFields(msgspec.Struct, frozen=True, kw_only=True):
    """What people enter about a template."""

    name: str
    note: str = ""
    reach: Reach = Reach.CHOSEN
    priority: int = 0  # between templates of equal precedence the higher counts
    is_active: bool = True
    site_id: str | None = None
    vendor: str | None = None
    model: str | None = None
    firmware: str | None = None  # `*` stands for any signs
    version: str | None = None  # 1.6, 2.0.1 or 2.1


class Template(TemplateFields, frozen=True, kw_only=True):
    """Desired values for several stations."""

    id: str
    created_at: datetime
    changed_at: datetime


class WishState(StrEnum):
    """Where a desired value stands at one station."""

    WAITING = "waiting"  # not asked for yet, or not known to be as desired
    IN_STEP = "in-step"
    NEEDS_REBOOT = "needs-reboot"  # taken, and in force after the next reset
    DIFFERENT = "different"  # the station says something else
    REFUSED = "refused"  # the station said no: not asked again until wish or firmware change
    NOT_KNOWN = "not-known"  # the station has no such variable
    NOT_FITTING = "not-fitting"  # its version cannot say it, or the value would be wrong or dangerous


SETTLED = frozenset({WishState.IN_STEP, WishState.NEEDS_REBOOT})
GIVEN_UP = frozenset({WishState.REFUSED, WishState.NOT_KNOWN, WishState.NOT_FITTING})
NOT_SENT = "NotSent"  # our own word: it was wrong or dangerous before it left, or the station takes no such request


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """The one desired value of a variable that counts for a station, and what became of it."""

    station_id: str
    key: str
    name: VariableName
    value: str | None = None  # None: secret
    sealed: str | None = None
    is_secret: bool = False
    mark: str  # tells whether the wish is still the one that was asked for
    source_kind: OwnerKind
    source_id: str
    source_name: str  # of the template; empty for the station itself
    why: str  # why this one counts
    state: WishState = WishState.WAITING
    reported: str | None = None  # what the station has instead
    status: str = ""  # the station's word when it was last asked
    reason: str = ""
    tries: int = 0
    asked_at: datetime | None = None
    next_at: datetime | None = None  # before that it is not asked again
    changed_at: datetime


class AtBoot(msgspec.Struct, frozen=True, kw_only=True):
    """What a station's boot has to do with."""

    has_resets: bool  # that have not come to their end
    reboot_needed_since: datetime | None = None
    wanted: str | None = None  # desired value of the variable that the answer carries


class StationState(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a station's configuration as a whole, and what is due."""

    station_id: str
    is_stale: bool = False  # what counts for it has to be worked out anew
    due_at: datetime | None = None  # when it is to be looked after
    inventory_at: datetime | None = None
    inventory_firmware: str | None = None
    inventory_tries: int = 0
    inventory_note: str = ""  # why there is none
    failures: int = 0  # in a row, when it was looked after
    failure: str = ""
    looked_at: datetime | None = None
    reboot_needed_since: datetime | None = None
    reboot_reason: str = ""
    drift: int = 0  # desired values that are not in step
    wishes: int = 0


class KeptProfile(msgspec.Struct, frozen=True, kw_only=True):
    """A network profile that was sent to a slot of a station, without its secrets."""

    station_id: str
    slot: int
    profile: NetworkProfile
    sealed: str | None = None  # its secrets, encrypted
    status: str
    reason: str = ""
    sent_at: datetime
    sent_by: str = ""


class ResetState(StrEnum):
    """Where a reset stands."""

    ASKED = "asked"
    ACCEPTED = "accepted"  # it happens now
    SCHEDULED = "scheduled"  # it happens when nothing charges any more
    REFUSED = "refused"
    DONE = "done"  # the station has booted, or the EVSE is back
    NOT_SEEN = "not-seen"  # it was to happen, and no boot came
    FAILED = "failed"  # the station could not be asked


OPEN_RESETS = frozenset({ResetState.ASKED, ResetState.ACCEPTED, ResetState.SCHEDULED})


class ResetRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A reset that was asked for."""

    id: str
    station_id: str
    evse: int | None = None
    kind: str
    state: ResetState
    status: str = ""
    asked_at: datetime
    asked_by: str = ""
    ended_at: datetime | None = None
    detail: str = ""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How much a station takes in one message; None: it did not say."""

    items: int | None = None
    bytes: int | None = None


class DesiredChange(msgspec.Struct, frozen=True, kw_only=True):
    """A value to desire from now on; None: nothing any more."""

    name: VariableName
    value: str | None


class ItemOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one value that was set or read. `status` is the station's word, or ours for what was not sent."""

    name: VariableName
    attribute: Attribute = Attribute.ACTUAL
    status: str
    is_accepted: bool
    value: str | None = None
    reason: str = ""
    part: int = 1  # the message it travelled in; 0: none
