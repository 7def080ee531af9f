"""A transaction made from its events and readings: whatever their order of arrival, the same ones make the same. Pure.

In order, each event and reading advances what is known. Out of order, all of them are folded anew in their own order:
events by sequence number, then time; readings by time.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from operator import attrgetter
from typing import Any

import msgspec

from ingufu.charging import clocks, energy, sequence
from ingufu.charging.energy import Limits, Place, Point, Track
from ingufu.charging.intake import KeptReading
from ingufu.charging.model import (
    AnomalyKind,
    ChargingState,
    EnergySource,
    ReportKind,
    Transaction,
    TransactionEvent,
)

Order = tuple[int, int, datetime, str]

ESTIMATE_KEY = "estimate"  # of the event by which we close what a station never ended
STOP_TRIGGERS = frozenset({"StopAuthorized", "RemoteStop", "Deauthorized"})
RESTING = frozenset(
    {ChargingState.SUSPENDED_EV, ChargingState.SUSPENDED_EVSE, ChargingState.IDLE, ChargingState.EV_CONNECTED}
)
_WHENEVER = datetime(1970, 1, 1, tzinfo=UTC)
_at = attrgetter("at")
_PLACES = {"Transaction.Begin": Place.BEGIN, "Transaction.End": Place.END}


class Glance(msgspec.Struct, frozen=True, kw_only=True):
    """Of a meter reading, what its transaction needs."""

    at: datetime
    context: str
    energy_wh: Decimal | None = None
    power_w: float | None = None
    soc_percent: float | None = None


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """What one message brings to a transaction."""

    event: TransactionEvent | None
    glances: list[Glance]  # by time
    points: list[Point]  # register values, in the order they are to be followed


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a transaction: its row, and what is needed to go on from it."""

    transaction: Transaction
    track: Track = Track()
    seen: sequence.Ranges = ()
    keys: frozenset[str] = frozenset()  # of events without a sequence number
    newest: Order | None = None  # of the events
    has_start: bool = False
    has_end: bool = False  # by the station's word
    start_clock_at: datetime | None = None
    state_at: datetime | None = None
    power_w: float | None = None
    power_at: datetime | None = None
    latest: frozenset[int] = frozenset()  # hashes of the readings at the newest instant, to tell repeats
    marks: dict[AnomalyKind, int] = {}  # how often it was marked with which; never changed, but replaced
    is_partial: bool = False  # its history is not complete any more: it can only be gone on from

    @property
    def order_of_end(self) -> Order | None:
        return self.newest if self.has_end else None


def order_of(event: TransactionEvent) -> Order:
    """Return where an event belongs among those of its transaction.

    Without sequence numbers (1.6) the start comes first, and of several stops the one that came first.
    """
    if event.facts.is_estimate:
        return (3, 0, event.at, event.key)
    if event.seq is not None:
        return (1, event.seq, event.at, event.key)
    if event.kind is ReportKind.STARTED:
        return (0, 0, event.at, event.key)
    if event.kind is ReportKind.ENDED:
        return (2, 0, _WHENEVER, event.key)
    return (1, 0, event.at, event.key)


def glance_at(reading: KeptReading) -> Glance:
    """Return what a transaction needs of a reading."""
    seen = reading.figures
    return Glance(
        at=reading.at,
        context=seen.context,
        energy_wh=seen.energy_wh,
        power_w=seen.power_w,
        soc_percent=seen.soc_percent,
    )


def arrive(known: Known, event: TransactionEvent | None, readings: Iterable[KeptReading]) -> Arrival:
    """Return what an event and readings bring to a transaction, in order."""
    glances = sorted(map(glance_at, readings), key=_at)
    points = _points(event, glances, has_start=known.has_start, has_end=known.has_end)
    return Arrival(event=event, glances=glances, points=points)


def is_late(known: Known, arrival: Arrival) -> bool:
    """Return whether something belongs before what is known already, so that all has to be folded anew."""
    event, glances, points = arrival.event, arrival.glances, arrival.points
    if event is not None and known.newest is not None and order_of(event) < known.newest:
        return True
    seen_at, newest = known.transaction.last_reading_at, known.track.newest
    if glances and seen_at is not None and glances[0].at < seen_at:
        return True
    return bool(points) and newest is not None and points[0] < newest


def advance(known: Known, arrival: Arrival, *, limits: Limits, now: datetime) -> Known:
    """Return what is known with what belongs after all before it."""
    if arrival.event is not None:
        known = _step(known, arrival.event)
    return _look(known, arrival.glances, arrival.points, limits, now)


def fold(
    transaction: Transaction,
    events: Iterable[TransactionEvent],
    glances: Iterable[Glance],
    *,
    limits: Limits,
    now: datetime,
) -> Known:
    """Return what all events and readings of a transaction make of it; of `transaction` only its identity is used."""
    known = Known(transaction=_blank(transaction))
    points: list[Point] = []
    for event in sorted(events, key=order_of):
        points += _points(event, (), has_start=known.has_start, has_end=known.has_end)
        known = _step(known, event)
    glances = sorted(glances, key=_at)
    points += _points(None, glances, has_start=True, has_end=True)
    return _look(known, glances, sorted(points), limits, now)


def resume(transaction: Transaction, events: Iterable[TransactionEvent]) -> Known:
    """Return what is known of a transaction whose history is incomplete: its row counts, and can be gone on from."""
    known = Known(transaction=transaction)
    for event in sorted(events, key=order_of):
        known = _step(known, event)
    reading_at = transaction.last_reading_at or transaction.started_at
    register = transaction.last_wh if transaction.last_wh is not None else transaction.start_wh
    believed = Point(Place.WITHIN, reading_at, register) if register is not None else None
    track = Track(
        begin_wh=transaction.start_wh,
        believed=believed,
        newest=believed,
        energy_wh=transaction.energy_wh,
        has_begin=transaction.start_wh is not None,
        was_reset=transaction.energy_source is EnergySource.DELTAS,
    )
    is_ended = not transaction.is_open and not transaction.is_estimated
    return msgspec.structs.replace(
        known, transaction=transaction, track=track, has_start=True, has_end=is_ended, is_partial=True
    )


def sign_of_life(known: Known) -> datetime:
    """Return when the station last told anything of the transaction."""
    times = [known.transaction.started_at]
    if known.newest is not None:
        times.append(known.newest[2])
    if known.transaction.last_reading_at is not None:
        times.append(known.transaction.last_reading_at)
    return max(times)


def make_points(glances: Iterable[Glance]) -> list[Point]:
    """Return the register values of readings alone, in the order they are to be followed."""
    return _points(None, glances, has_start=True, has_end=True)


def _points(
    event: TransactionEvent | None, glances: Iterable[Glance], *, has_start: bool, has_end: bool
) -> list[Point]:
    """Return the register values, in the order they are to be followed."""
    points = [
        Point(_PLACES.get(glance.context, Place.WITHIN), glance.at, glance.energy_wh)
        for glance in glances
        if glance.energy_wh is not None
    ]
    register = event.facts.register_wh if event is not None else None
    if event is not None and register is not None:
        if event.kind is ReportKind.STARTED and not has_start:
            points.append(Point(Place.START_REGISTER, event.at, register))
        elif event.kind is ReportKind.ENDED and not has_end:
            points.append(Point(Place.STOP_REGISTER, event.at, register))
    return sorted(points)


def _step(known: Known, event: TransactionEvent) -> Known:
    """Return what is known with an event that comes after all others in order, its registers aside."""
    is_first_start = event.kind is ReportKind.STARTED and not known.has_start
    is_first_end = event.kind is ReportKind.ENDED and not known.has_end
    changes = _name_place(known.transaction, event) | _name_tokens(known.transaction, event)
    if is_first_start or known.newest is None:
        changes |= _start(known, event)
    if is_first_end:
        changes |= _end(known, event, changes.get("started_at", known.transaction.started_at))
    elif event.state is not None and known.transaction.is_open:
        changes["state"] = event.state
    has_state = event.state is not None or is_first_end
    is_end = is_first_end and not event.facts.is_estimate
    order = order_of(event)
    return msgspec.structs.replace(
        known,
        transaction=msgspec.structs.replace(known.transaction, **changes) if changes else known.transaction,
        seen=known.seen if event.seq is None else sequence.add(known.seen, event.seq),
        keys=known.keys | {event.key} if event.seq is None else known.keys,
        newest=order if known.newest is None else max(order, known.newest),
        has_start=known.has_start or is_first_start,
        has_end=known.has_end or is_end,
        start_clock_at=event.facts.clock_at if is_first_start else known.start_clock_at,
        state_at=event.at if has_state else known.state_at,
    )


def _name_place(transaction: Transaction, event: TransactionEvent) -> dict[str, Any]:
    """Return what an event says for the first time: a 2.x station says most things once."""
    facts, changes = event.facts, dict[str, Any]()
    if facts.evse is not None and transaction.evse is None:
        changes["evse"] = facts.evse
    if facts.connector is not None and transaction.connector is None and transaction.evse in (None, facts.evse):
        changes["connector"] = facts.connector
    if facts.remote_start_id is not None and transaction.remote_start_id is None:
        changes["remote_start_id"] = facts.remote_start_id
    if facts.reservation_id is not None and transaction.reservation_id is None:
        changes["reservation_id"] = facts.reservation_id
    return changes


def _name_tokens(transaction: Transaction, event: TransactionEvent) -> dict[str, Any]:
    token = event.facts.token
    if token is None:
        return {}
    if event.kind is ReportKind.ENDED or event.trigger in STOP_TRIGGERS:
        return {"stop_token_value": token.value}
    is_second_try = token.is_accepted and transaction.verdict not in (None, token.verdict)
    if transaction.token_value is not None and not is_second_try:
        return {}
    return {
        "token_id": token.token_id,
        "token_value": token.value,
        "token_kind": token.kind,
        "group_id": token.group_id,
        "driver_id": token.driver_id,
        "verdict": token.verdict,
        "verdict_reason": token.reason,
    }


def _start(known: Known, event: TransactionEvent) -> dict[str, Any]:
    """Return the start as an event tells of it: a start does, and anything else as long as there is none."""
    is_earlier = known.newest is None or event.at < known.transaction.started_at
    return {
        "started_at": event.at if is_earlier else known.transaction.started_at,
        "started_at_station": event.at_station,
        "start_received_at": event.received_at,
        "is_offline_start": event.is_offline and event.kind is ReportKind.STARTED,
    }


def _end(known: Known, event: TransactionEvent, started_at: datetime) -> dict[str, Any]:
    ended_at = event.at
    changes: dict[str, Any] = {}
    clock_at, start_clock_at = event.facts.clock_at, known.start_clock_at
    if clock_at is not None and start_clock_at is not None and clock_at >= start_clock_at:
        # Both times were wrong, yet by the same clock: it measured how long the transaction was.
        lasted = min(clock_at - start_clock_at, ended_at - clocks.EARLIEST)
        started_at = changes["started_at"] = min(started_at, ended_at - lasted)
    is_estimate = event.facts.is_estimate
    return changes | {
        "is_open": False,
        "is_estimated": is_estimate,
        "state": ChargingState.ENDED,
        "ended_at": max(ended_at, started_at),
        "ended_at_station": event.at_station,
        "end_received_at": None if is_estimate else event.received_at,
        "stop_reason": event.facts.stop_reason or (None if is_estimate else "Local"),  # both versions' default
    }


def _look(known: Known, glances: Sequence[Glance], points: Sequence[Point], limits: Limits, now: datetime) -> Known:
    """Return what is known with readings that come after all others and all register values, its row in accordance."""
    transaction, track = known.transaction, known.track
    for point in points:
        track = energy.follow(track, point, limits)
    power_w, power_at, soc = known.power_w, known.power_at, transaction.soc_percent
    started_at, seen_at, ended_at = transaction.started_at, transaction.last_reading_at, transaction.ended_at
    for glance in glances:
        if glance.power_w is not None:
            power_w, power_at = glance.power_w, glance.at
        if glance.soc_percent is not None:
            soc = glance.soc_percent
    if glances:
        seen_at = glances[-1].at
        if not known.has_start:  # the station never told of the start: it was no later than its first reading
            started_at = min(started_at, glances[0].at)
    if transaction.is_estimated and ended_at is not None and seen_at is not None:
        ended_at = max(ended_at, seen_at)
    measured = energy.measure(track, is_over=not transaction.is_open)
    transaction = msgspec.structs.replace(
        transaction,
        started_at=started_at,
        last_reading_at=seen_at,
        soc_percent=soc,
        start_wh=measured.start_wh,
        end_wh=measured.end_wh,
        energy_wh=measured.energy_wh,
        energy_source=measured.source,
        last_wh=track.believed.wh if track.believed is not None else None,
        power_w=_power(known, power_w, power_at),
        last_seq=known.seen[-1][1] if known.seen else None,
        seq_count=sequence.count(known.seen) if known.seen else 0,
        ended_at=ended_at,
        heard_at=now,
        updated_at=now,
    )
    return msgspec.structs.replace(known, transaction=transaction, track=track, power_w=power_w, power_at=power_at)


def _power(known: Known, power_w: float | None, power_at: datetime | None) -> float | None:
    """Return the power now: some stations stop sending it when the vehicle rests, and the last value would stick."""
    if power_w is None:
        return None
    if not known.transaction.is_open:
        return 0.0
    if known.state_at is not None and power_at is not None and known.transaction.state in RESTING:
        return 0.0 if known.state_at >= power_at else power_w
    return power_w


def _blank(transaction: Transaction) -> Transaction:
    return Transaction(
        id=transaction.id,
        number=transaction.number,
        station_id=transaction.station_id,
        reference=transaction.reference,
        start_key=transaction.start_key,
        version=transaction.version,
        started_at=transaction.started_at,
        start_received_at=transaction.start_received_at,
        updated_at=transaction.updated_at,
    )
