"""Charging transactions in no version's words: what stations report of them, and what we keep."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

import msgspec

from ingufu.authorization.model import PresentedToken, Verdict, VerdictStatus


class ReportKind(StrEnum):
    STARTED = "started"
    UPDATED = "updated"
    ENDED = "ended"


class ChargingState(StrEnum):
    """What the vehicle does (OCPP 2.x ChargingStateEnumType); 1.6 says it through its status."""

    CHARGING = "Charging"
    EV_CONNECTED = "EVConnected"
    SUSPENDED_EV = "SuspendedEV"
    SUSPENDED_EVSE = "SuspendedEVSE"
    IDLE = "Idle"
    ENDED = "Ended"
    UNKNOWN = "Unknown"


class EnergySource(StrEnum):
    """Where a transaction's energy comes from, best first."""

    REGISTERS = "registers"  # stop register minus start register
    READINGS = "readings"  # first and last register reading
    DELTAS = "deltas"  # sum of the rises between readings, the register having been reset
    NOTHING = "nothing"  # no register was seen


class AnomalyKind(StrEnum):
    """What can be odd about what a station reports. It is kept as it came, marked, and answered."""

    UPDATE_BEFORE_START = "update-before-start"
    END_BEFORE_START = "end-before-start"
    SECOND_START = "second-start"
    SECOND_END = "second-end"
    AFTER_END = "after-end"
    SEQUENCE_GAP = "sequence-gap"
    LATE_EVENT = "late-event"
    REGISTER_RESET = "register-reset"
    REGISTER_BACKWARDS = "register-backwards"
    IMPLAUSIBLE_VALUE = "implausible-value"
    CLOCK_UNSET = "clock-unset"
    CLOCK_AHEAD = "clock-ahead"
    END_BEFORE_ITS_START = "ends-before-it-starts"
    UNKNOWN_TOKEN_OFFLINE = "unknown-token-offline"
    REFUSED_TOKEN = "refused-token"
    UNKNOWN_TRANSACTION = "unknown-transaction"
    LOST_END = "lost-end"
    FOREIGN_TRANSACTION = "foreign-transaction"
    UNREADABLE_VALUE = "unreadable-value"
    STRANGER_STOPPED = "stranger-stopped"
    SEQUENCE_REUSED = "sequence-reused"


# What a sample is that says nothing about itself (OCPP 1.6 7.38, 7.33, 7.31; 2.x SampledValueType).
REGISTER = "Energy.Active.Import.Register"
OUTLET = "Outlet"
PERIODIC = "Sample.Periodic"


class SignedValue(msgspec.Struct, frozen=True, kw_only=True):
    """A signed reading, byte for byte as the station sent it, for the transparency software."""

    data: str
    method: str | None = None
    encoding: str | None = None
    public_key: str | None = None


class Sample(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One sampled value: as it came (`raw_*`), and brought to the kept unit."""

    measurand: str = REGISTER
    value: Decimal | None = None  # None: signed only, or unreadable
    unit: str = "Wh"
    raw_value: str
    raw_unit: str | None = None
    multiplier: int = 0
    phase: str | None = None
    location: str = OUTLET
    context: str = PERIODIC
    format: str | None = None
    signed: SignedValue | None = None


class MeterReading(msgspec.Struct, frozen=True, kw_only=True):
    """The samples a station took at one instant."""

    at: datetime
    at_station: str | None = None  # as the station wrote it
    samples: tuple[Sample, ...]
    is_mended: bool = False  # `at` is ours, as the station's clock could not be right


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What people look at, drawn from a reading's samples."""

    context: str = PERIODIC
    energy_wh: Decimal | None = None
    power_w: float | None = None
    current_a: float | None = None
    voltage_v: float | None = None
    soc_percent: float | None = None
    temperature_c: float | None = None


class TransactionReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a station says of a transaction, whatever the version and the message."""

    kind: ReportKind
    station_id: str
    version: str
    evse: int | None = None
    connector: int | None = None
    reference: str | None = None  # 2.x: the station's id; 1.6: our number, unknown at the start
    token: PresentedToken | None = None
    at: datetime
    at_station: str | None = None
    received_at: datetime
    register_wh: Decimal | None = None  # 1.6 meterStart, meterStop
    seq: int | None = None
    trigger: str | None = None
    state: ChargingState | None = None
    stop_reason: str | None = None
    is_offline: bool = False
    remote_start_id: int | None = None
    reservation_id: int | None = None
    readings: tuple[MeterReading, ...] = ()
    details: dict[str, Any] = {}  # the rest of the message, kept for the timeline
    oddities: tuple[tuple[AnomalyKind, str], ...] = ()  # what the adapter noticed while translating


class Transaction(msgspec.Struct, frozen=True, kw_only=True):
    """A charging transaction as we know it."""

    id: str
    number: int | None = None
    station_id: str
    reference: str
    start_key: str | None = None
    version: str
    evse: int | None = None
    connector: int | None = None
    token_id: str | None = None
    token_value: str | None = None
    token_kind: str | None = None
    group_id: str | None = None
    driver_id: str | None = None
    verdict: str | None = None
    verdict_reason: str | None = None
    state: ChargingState = ChargingState.UNKNOWN
    is_open: bool = True
    started_at: datetime
    started_at_station: str | None = None
    start_received_at: datetime
    ended_at: datetime | None = None
    ended_at_station: str | None = None
    end_received_at: datetime | None = None
    start_wh: Decimal | None = None
    end_wh: Decimal | None = None
    energy_source: EnergySource = EnergySource.NOTHING
    stop_reason: str | None = None
    stop_token_value: str | None = None
    is_offline_start: bool = False
    is_estimated: bool = False
    remote_start_id: int | None = None
    reservation_id: int | None = None
    anomaly_count: int = 0
    # What nearly every message changes stands last; `store` has a statement of its own for it.
    power_w: float | None = None
    soc_percent: float | None = None
    last_reading_at: datetime | None = None
    last_wh: Decimal | None = None
    energy_wh: Decimal = Decimal(0)
    last_seq: int | None = None
    seq_count: int = 0
    heard_at: datetime | None = None  # when the station last told of it; `updated_at` lags behind while it only reads
    updated_at: datetime


class EventToken(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The token an event carried, its value masked if it is a secret, and the verdict on it."""

    value: str
    kind: str | None = None
    token_id: str | None = None
    group_id: str | None = None
    driver_id: str | None = None
    verdict: str | None = None
    reason: str | None = None

    @property
    def is_accepted(self) -> bool:
        return self.verdict == VerdictStatus.ACCEPTED


class EventFacts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an event says of its transaction, beyond when and what it was: enough to make the transaction from it."""

    evse: int | None = None
    connector: int | None = None
    register_wh: Decimal | None = None
    stop_reason: str | None = None
    remote_start_id: int | None = None
    reservation_id: int | None = None
    token: EventToken | None = None
    clock_at: datetime | None = None  # the instant the station gave, where it could not be right
    is_estimate: bool = False  # ours: the station never told of the end
    message: dict[str, Any] = {}  # the rest of the message


class TransactionEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened to a transaction, as it is kept. The events and readings together make its row."""

    key: str  # unique in its transaction: the seqNo where there is one
    kind: ReportKind
    seq: int | None = None
    at: datetime
    at_station: str | None = None
    received_at: datetime
    trigger: str | None = None
    state: ChargingState | None = None
    is_offline: bool = False
    facts: EventFacts = EventFacts()


class ChargingRules(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator may set of the record of transactions."""

    clock_ahead_s: float = 300.0  # a station's clock this far ahead of ours is wrong
    offline_after_s: float = 120.0  # a start reported this late happened offline (1.6 does not say so)
    ghost_age_s: float = 86_400.0  # a transaction first heard of this late, without its end, is not running
    max_power_w: float = 4_000_000.0  # above the megawatt charging system: no outlet delivers more
    burst_wh: float = 100_000.0  # a rise of a register up to this is believed whatever the clock says
    cached_stations: int = 20_000


class AsKnown(msgspec.Struct, frozen=True, kw_only=True):
    """A transaction as we knew it at an instant."""

    transaction: Transaction
    is_whole: bool  # False: some of what was known then is kept no longer (readings are pruned by age)


class Anomaly(msgspec.Struct, frozen=True, kw_only=True):
    at: datetime
    station_id: str
    evse: int | None = None
    transaction_id: str | None = None
    kind: AnomalyKind
    detail: str
    count: int = 1


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a report: the transaction as it is now, and the verdict on the token it carried, if any."""

    transaction: Transaction
    at: datetime  # of the report, mended where the station's clock cannot be right
    verdict: Verdict | None = None
    is_repeat: bool = False
