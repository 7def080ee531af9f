"""When a limit is reached, what a station is told of it, and which remote start a transaction comes of. Pure."""

import hashlib
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from ingufu.authorization.decide import MASK, is_secret
from ingufu.authorization.model import PresentedToken
from ingufu.charging import clocks, matching
from ingufu.charging.control.model import (
    NO_LIMIT,
    WAITING,
    ControlRules,
    LimitKind,
    Message,
    RemoteStart,
    RemoteStartState,
    TransactionControl,
    TransactionLimit,
)
from ingufu.charging.model import ChargingState, ReportKind, Transaction, TransactionReport
from ingufu.core.errors import InvalidInput

EARLY = timedelta(seconds=60)  # a station's clock may be this far behind ours
MOST_ENERGY_WH = Decimal(10_000_000)  # ten megawatt-hours: no vehicle holds more
MOST_COST = Decimal(1_000_000_000)
MOST_TIME_S = 366 * 86_400
MESSAGE_MAX = 512  # characters; 2.1 takes 1024, but 2.0.1 no more
FORMATS = frozenset({"ASCII", "HTML", "URI", "UTF8"})

# What a 2.x trigger says of a limit (2.1 TriggerReasonEnumType).
REACHED: dict[str, LimitKind] = {
    "CostLimitReached": LimitKind.COST,
    "EnergyLimitReached": LimitKind.ENERGY,
    "TimeLimitReached": LimitKind.TIME,
    "SoCLimitReached": LimitKind.SOC,
}
LIMIT_SET = "LimitSet"
ACCEPTED = "Accepted"
TELLING = frozenset({*REACHED, LIMIT_SET})
_WIRE = (
    ("max_cost", "maxCost"),
    ("max_energy_wh", "maxEnergy"),
    ("max_time_s", "maxTime"),
    ("max_soc_percent", "maxSoC"),
)


class Reached(NamedTuple):
    """A limit that is reached."""

    kind: LimitKind
    limit: Decimal
    value: Decimal


# Limits


def check_limit(limit: TransactionLimit) -> TransactionLimit:
    """Return the limit if a transaction can have it. Raises InvalidInput."""
    for name, value, least, most in (
        ("max_cost", limit.max_cost, Decimal(0), MOST_COST),
        ("max_energy_wh", limit.max_energy_wh, Decimal(1), MOST_ENERGY_WH),
        ("max_time_s", limit.max_time_s, 1, MOST_TIME_S),
        ("max_soc_percent", limit.max_soc_percent, 1, 100),
    ):
        if value is not None and not (_is_number(value) and least <= value <= most):
            raise InvalidInput(f"{name} is between {least} and {most}.", field=name)
    return limit


def find_reached(limit: TransactionLimit, transaction: Transaction, now: datetime) -> Reached | None:
    """Return the limit that a transaction has come to; cost is left to who knows the tariff."""
    lasted_s = int((now - transaction.started_at).total_seconds())
    values: tuple[tuple[LimitKind, Decimal | int | None, Decimal | int | float | None], ...] = (
        (LimitKind.ENERGY, limit.max_energy_wh, transaction.energy_wh),
        (LimitKind.TIME, limit.max_time_s, lasted_s),
        (LimitKind.SOC, limit.max_soc_percent, transaction.soc_percent),
    )
    for kind, most, value in values:
        if most is not None and value is not None and value >= most:
            return Reached(kind, Decimal(most), Decimal(str(value)))
    return None


def goes_on(control: TransactionControl, transaction: Transaction) -> bool:
    """Return whether a transaction takes energy although its station has accepted to stop it, or was never asked.

    In 2.x one that was stopped may stay open until the vehicle leaves (TxStopPoint).
    """
    if control.stop_answer != ACCEPTED:
        return transaction.is_open
    return transaction.is_open and transaction.state in (ChargingState.CHARGING, ChargingState.UNKNOWN)


def kept_by_station(control: TransactionControl, kind: LimitKind) -> bool:
    """Return whether the station has said that it keeps to this limit, or to a lower one."""
    name = _FIELDS[kind]
    wanted, said = getattr(control.limit, name), getattr(control.reported, name)
    return wanted is not None and said is not None and said <= wanted


def unsaid(control: TransactionControl, supported: str | None = None) -> TransactionLimit:
    """Return what of our limit is news to the station (2.1 E16).

    One that is already lower there is not sent; nor one that the station does not support, if it has said which ones
    it does (`TxCtrlr.SupportedLimits`).
    """
    known = None if not supported else {part.strip().casefold() for part in supported.split(",")}
    news = {
        name: getattr(control.limit, name)
        for name, wire in _WIRE
        if not _is_lower(control, name) and (known is None or wire.casefold() in known)
    }
    return TransactionLimit(**news)


def is_limit_due(control: TransactionControl, report: TransactionReport, key: str) -> bool:
    """Return whether the answer to this event carries the limit: once, and again for a repeat of the same event."""
    if control.limit.is_empty or report.is_offline or report.kind is ReportKind.ENDED:
        return False
    return control.limit_sent_in is None or control.limit_sent_in == key


def read_limit(plain: Any) -> TransactionLimit:
    """Return the limit in a station's words (2.x TransactionLimitType); what is no number is left out."""
    if not isinstance(plain, dict):
        return NO_LIMIT
    values: dict[str, Any] = {}
    for name, wire in _WIRE:
        value = plain.get(wire)
        if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
            number = Decimal(str(value))
            if number.is_finite() and 0 <= number <= MOST_COST:
                values[name] = int(number) if name in ("max_time_s", "max_soc_percent") else number
    return TransactionLimit(**values)


def next_stop_at(control: TransactionControl, rules: ControlRules) -> datetime | None:
    """Return when a transaction whose limit is reached is to be stopped (again); None if it is not."""
    if control.reached_at is None or control.reached is None or control.reached_by_station:
        return None
    if control.stop_asked_at is None:
        is_kept = kept_by_station(control, control.reached)
        return control.reached_at + timedelta(seconds=rules.station_grace_s if is_kept else 0)
    wait_s = min(rules.stop_again_s * 2 ** max(control.stop_attempts - 1, 0), rules.stop_again_most_s)
    return control.stop_asked_at + timedelta(seconds=wait_s)


# Messages


def check_message(message: Message) -> Message:
    """Return the message if a station can show it. Raises InvalidInput."""
    if not len(message.content.strip()) > 0 or len(message.content) > MESSAGE_MAX:
        raise InvalidInput(f"A message has between 1 and {MESSAGE_MAX} characters.", field="content")
    if message.format not in FORMATS:
        raise InvalidInput(f"A message's format is one of {', '.join(sorted(FORMATS))}.", field="format")
    if message.language is not None and not 0 < len(message.language) <= 8:
        raise InvalidInput("A language is named by at most 8 characters, as en or fr-RW.", field="language")
    return message


def check_priority(priority: int) -> int:
    """Return the priority if there is such a one (2.x chargingPriority). Raises InvalidInput."""
    if not -9 <= priority <= 9:
        raise InvalidInput("A priority is between -9 and 9; 0 is usual.", field="priority")
    return priority


# Remote starts


def digest_token(value: str) -> str:
    """Return what tells whether two tokens are the same without keeping a secret one."""
    return hashlib.sha256(PresentedToken(value=value).key.encode("utf-8", "replace")).hexdigest()


def shown_token(value: str, kind: str) -> str:
    """Return a token as it may be kept."""
    return MASK if is_secret(kind) else value


def times_of_start(report: TransactionReport, transaction: Transaction, skew_s: float | None) -> tuple[datetime, ...]:
    """Return when a start may have been.

    A clock that is off must not let a transaction run without its limit: one time that fits is enough.
    """
    return clocks.possible_times(
        transaction.started_at,
        transaction.start_received_at,
        clock_at=report.at,
        is_offline=transaction.is_offline_start,
        skew_s=skew_s,
    )


def pick_start(
    starts: Iterable[RemoteStart], report: TransactionReport, times: Collection[datetime]
) -> RemoteStart | None:
    """Return the remote start that a report comes of, given when it may have been.

    2.x tells its id; or the station named the transaction in its answer, as it ran already (F02.FR.01). 1.6 tells
    neither: the earliest that waits for this token at this connector is meant, if the start is not older than it.
    """
    if report.remote_start_id is not None:
        return next((start for start in starts if start.number == report.remote_start_id), None)
    if not matching.is_numbered(report.version):
        return None
    if report.kind is not ReportKind.STARTED or report.token is None:
        return None
    digest = digest_token(report.token.value)
    fitting = [
        start
        for start in starts
        if start.token_digest == digest
        and start.evse in (None, report.evse)
        and (start.state in WAITING or start.state is RemoteStartState.EXPIRED)
        and any(start.asked_at - EARLY <= at <= start.expires_at + EARLY for at in times)
    ]
    return min(fitting, key=lambda start: start.asked_at, default=None)


def _is_lower(control: TransactionControl, name: str) -> bool:
    wanted, said = getattr(control.limit, name), getattr(control.reported, name)
    return wanted is not None and said is not None and said <= wanted and control.limit_sent_in is None


def _is_number(value: Decimal | int) -> bool:
    return not isinstance(value, Decimal) or value.is_finite()


_FIELDS: dict[LimitKind, str] = {
    LimitKind.COST: "max_cost",
    LimitKind.ENERGY: "max_energy_wh",
    LimitKind.TIME: "max_time_s",
    LimitKind.SOC: "max_soc_percent",
}


def revised(control: TransactionControl, **changes: Any) -> TransactionControl:
    """Return the control with changes, one revision on."""
    return msgspec.structs.replace(control, revision=control.revision + 1, **changes)
