"""One EVSE of a simulated station: what is plugged in, who is authorized, what flows, and its transaction."""

import random
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum

import msgspec

from ingufu.simulator.access import Token
from ingufu.simulator.meter import Meter, Reading
from ingufu.simulator.spec import EvseSpec
from ingufu.simulator.timeline import Timer
from ingufu.simulator.vehicle import Vehicle


class ChargingState(StrEnum):
    """The word of 2.x; 1.6 derives its status from it."""

    IDLE = "Idle"
    EV_CONNECTED = "EVConnected"
    CHARGING = "Charging"
    SUSPENDED_EV = "SuspendedEV"
    SUSPENDED_EVSE = "SuspendedEVSE"


class Trigger(StrEnum):
    """Why something changed, in the words of 2.x."""

    PLUGGED = "CablePluggedIn"
    DEPARTED = "EVDeparted"
    AUTHORIZED = "Authorized"
    DEAUTHORIZED = "Deauthorized"
    STOP_AUTHORIZED = "StopAuthorized"
    REMOTE_START = "RemoteStart"
    REMOTE_STOP = "RemoteStop"
    STATE = "ChargingStateChanged"
    TIMEOUT = "EVConnectTimeout"
    ABNORMAL = "AbnormalCondition"
    RESET = "ResetCommand"
    UNLOCK = "UnlockCommand"
    ENERGY_LIMIT = "EnergyLimitReached"
    TIME_LIMIT = "TimeLimitReached"
    SOC_LIMIT = "SoCLimitReached"
    LIMIT_SET = "LimitSet"
    PERIODIC = "MeterValuePeriodic"
    CLOCK = "MeterValueClock"
    ASKED = "Trigger"


class Reason(StrEnum):
    """Why a transaction stopped, in the words of 2.x, and two that only 1.6 has."""

    LOCAL = "Local"
    REMOTE = "Remote"
    DEAUTHORIZED = "DeAuthorized"
    EMERGENCY = "EmergencyStop"
    UNPLUGGED = "EVDisconnected"
    GROUND_FAULT = "GroundFault"
    OVERCURRENT = "OvercurrentFault"
    IMMEDIATE_RESET = "ImmediateReset"
    OTHER = "Other"
    POWER_LOSS = "PowerLoss"
    REBOOT = "Reboot"
    BY_EV = "StoppedByEV"
    TIMEOUT = "Timeout"
    ENERGY_LIMIT = "EnergyLimitReached"
    TIME_LIMIT = "TimeLimitReached"
    SOC_LIMIT = "SOCLimitReached"
    UNLOCK = "UnlockCommand"  # 1.6
    SOFT_RESET = "SoftReset"  # 1.6


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """Something happened at an EVSE."""

    trigger: Trigger
    reason: Reason | None = None  # when it ends charging
    token: Token | None = None  # when somebody presented one
    forces_end: bool = False  # the transaction ends whatever its stop points say


class Context(StrEnum):
    """Why a reading was taken."""

    PERIODIC = "Sample.Periodic"
    CLOCK = "Sample.Clock"
    BEGIN = "Transaction.Begin"
    END = "Transaction.End"
    TRIGGER = "Trigger"


class Part(StrEnum):
    """What can be out of service by itself; 2.x keeps the two apart (G03, G04)."""

    EVSE = "evse"
    CONNECTOR = "connector"


class Reservation(msgspec.Struct, frozen=True, kw_only=True):
    """An EVSE kept for somebody."""

    reservation_id: int
    token: Token
    group: str | None
    expires_at: datetime


class Transaction:
    """A charging transaction as the station sees it."""

    __slots__ = (
        "charging_s",
        "evse",
        "has_named_evse",
        "has_named_token",
        "limit_energy_wh",
        "limit_soc",
        "limit_time_s",
        "number",
        "readings",
        "reference",
        "remote_start_id",
        "reservation_id",
        "seen",
        "seq_no",
        "start",
        "started_at",
        "stop_reason",
        "token",
    )

    def __init__(self, reference: str, evse: int, start: Reading, token: Token | None) -> None:
        self.reference = reference  # the station's own, what 2.x shows
        self.number: int | None = None  # 1.6: the CSMS's, once its answer came
        self.evse = evse
        self.start = start
        self.started_at = start.at
        self.token = token
        self.seq_no = 0
        self.seen: frozenset[str] = frozenset()  # start and stop points that have been true
        self.has_named_evse = False
        self.has_named_token = False
        self.remote_start_id: int | None = None
        self.reservation_id: int | None = None
        self.charging_s = 0.0
        self.stop_reason: Reason | None = None
        self.readings: list[Reading] = []  # kept for the end, where the vendor sends them there
        self.limit_energy_wh: float | None = None
        self.limit_time_s: float | None = None
        self.limit_soc: float | None = None

    @property
    def name(self) -> str:
        """What the CSMS calls it."""
        return self.reference if self.number is None else str(self.number)


class Evse:
    """State of one EVSE with one connector."""

    __slots__ = (
        "conditions",
        "fault",
        "fault_info",
        "group",
        "is_held",
        "is_plugged",
        "last_transaction",
        "meter",
        "metered_at",
        "on_called_to",
        "out",
        "out_after",
        "pending_remote_start",
        "pending_reservation",
        "plug_timer",
        "reported_status",
        "reservation",
        "reservation_timer",
        "sample_timer",
        "seq_no",
        "spec",
        "state",
        "tick_timer",
        "token",
        "transaction",
        "transactions",
        "vehicle",
    )

    def __init__(self, spec: EvseSpec, rng: random.Random, at: datetime, *, ambient_c: float) -> None:
        self.spec = spec
        self.meter = Meter(spec, rng, ambient_c=ambient_c)
        self.metered_at = at
        self.vehicle: Vehicle | None = None
        self.is_plugged = False
        self.is_held = False  # authorized, yet kept from charging
        self.token: Token | None = None
        self.group: str | None = None
        self.state = ChargingState.IDLE
        self.transaction: Transaction | None = None
        self.last_transaction: Transaction | None = None
        self.transactions = 0  # so far
        self.conditions: frozenset[str] = frozenset()
        self.seq_no = 0  # for vendors that count on over transactions
        self.out: frozenset[Part] = frozenset()  # what of it is out of service
        self.out_after: frozenset[Part] = frozenset()  # and what will be at the end of the transaction
        self.fault: str | None = None
        self.fault_info = ""
        self.reservation: Reservation | None = None
        self.pending_reservation: int | None = None
        self.pending_remote_start: int | None = None
        self.on_called_to: Callable[[], None] | None = None  # a start from afar waits for its vehicle
        self.reported_status: str | None = None
        self.tick_timer: Timer | None = None
        self.sample_timer: Timer | None = None
        self.plug_timer: Timer | None = None
        self.reservation_timer: Timer | None = None

    @property
    def number(self) -> int:
        return self.spec.evse

    @property
    def is_operative(self) -> bool:
        return not self.out

    @property
    def is_free(self) -> bool:
        """Nobody is plugged in or authorized, nothing is wrong."""
        return not self.is_plugged and self.token is None and self.is_operative and self.fault is None

    def begin(self, transaction: Transaction) -> None:
        """Let the transaction run here."""
        self.transaction = self.last_transaction = transaction

    def cancel(self, *names: str) -> None:
        """Stop the named timers, all of them if none is named."""
        for name in names or ("tick_timer", "sample_timer", "plug_timer", "reservation_timer"):
            timer: Timer | None = getattr(self, name)
            if timer is not None:
                timer.cancel()
                setattr(self, name, None)
