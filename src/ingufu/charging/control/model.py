"""Remote starts that are awaited, and what is asked of a transaction that runs."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

import msgspec


class LimitKind(StrEnum):
    """What a transaction can be limited by (2.1 E16)."""

    COST = "cost"
    ENERGY = "energy"
    TIME = "time"
    SOC = "soc"


class TransactionLimit(msgspec.Struct, frozen=True, kw_only=True):
    """How far a transaction may go. What is None is not limited."""

    max_cost: Decimal | None = None  # taxes included, in the currency of the tariff
    max_energy_wh: Decimal | None = None
    max_time_s: int | None = None  # from the start of the transaction
    max_soc_percent: int | None = None

    @property
    def is_empty(self) -> bool:
        return self == NO_LIMIT


NO_LIMIT = TransactionLimit()


class RemoteStartState(StrEnum):
    """What became of a remote start. That a station accepts it does not mean that anything starts."""

    ASKED = "asked"  # the station's answer is not known yet, and may never be
    ACCEPTED = "accepted"  # waits for a vehicle
    STARTED = "started"
    REFUSED = "refused"  # by the station
    FAILED = "failed"  # it could not be asked
    EXPIRED = "expired"  # nothing started in time


WAITING = frozenset({RemoteStartState.ASKED, RemoteStartState.ACCEPTED})


class RemoteStart(msgspec.Struct, frozen=True, kw_only=True):
    """A start that was asked of a station."""

    id: str
    number: int  # remoteStartId of 2.x
    station_id: str
    evse: int | None = None
    token_value: str  # masked, if it is a secret
    token_digest: str
    token_kind: str
    state: RemoteStartState = RemoteStartState.ASKED
    answer: str | None = None  # the station's word, or why it could not be asked
    reference: str | None = None  # of the transaction that the station named in its answer, as it ran already
    transaction_id: str | None = None
    limit: TransactionLimit = NO_LIMIT
    asked_at: datetime
    asked_by: str | None = None
    expires_at: datetime
    resolved_at: datetime | None = None


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What a driver is to read at the station (2.x MessageContentType)."""

    content: str
    format: str = "UTF8"
    language: str | None = None


class TransactionControl(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of a transaction, what its station says of that, and what became of it."""

    transaction_id: str
    station_id: str
    revision: int = 0  # counts the changes, so that none is lost
    # The limit we want
    limit: TransactionLimit = NO_LIMIT
    limit_set_at: datetime | None = None
    limit_set_by: str | None = None
    limit_sent_at: datetime | None = None
    limit_sent_in: str | None = None  # the event in whose answer it went: its repeat is answered alike
    limit_confirmed_at: datetime | None = None
    # The limit the station says it has
    reported: TransactionLimit = NO_LIMIT
    reported_at: datetime | None = None
    # When it was reached
    reached: LimitKind | None = None
    reached_at: datetime | None = None
    reached_by_station: bool = False
    stop_asked_at: datetime | None = None
    stop_attempts: int = 0
    stop_answer: str | None = None
    # Priority
    priority: int | None = None  # chargingPriority, -9 to 9
    priority_sent_in: str | None = None
    has_priority: bool | None = None  # priority charging, as the station told or confirmed (2.1 K21, K22)
    has_priority_by: str | None = None
    has_priority_at: datetime | None = None
    # What the driver reads
    message: Message | None = None
    message_set_at: datetime | None = None
    message_sent_in: str | None = None
    # What the station said when it was asked
    is_ongoing: bool | None = None
    has_messages: bool | None = None
    status_at: datetime | None = None


class Following(msgspec.Struct, frozen=True, kw_only=True):
    """What the answer to a transaction event says beside the verdict."""

    limit: TransactionLimit | None = None
    priority: int | None = None
    message: Message | None = None


NOTHING = Following()


class ControlRules(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator may set of remote control."""

    start_timeout_s: float = 180.0  # longer than stations usually wait for a vehicle (ConnectionTimeOut, 60 to 120 s)
    station_grace_s: float = 60.0  # what a station that knows the limit has to end by itself
    stop_again_s: float = 60.0  # after a stop that came to nothing; doubled each time
    stop_again_most_s: float = 900.0
    gone_after_s: float = 300.0  # a transaction that its station does not know is closed, if it says so again then


Details = dict[str, Any]
