"""What a session used, stretch by stretch, from everything that is kept of it: the same whatever the order of arrival.

Times come from states and readings, energy from registers; what stretches hold sums up to what is billed, exactly. Idle
is only the time in which the vehicle asks for no power (OCPI 2.3.0 ed. 2 PARKING_TIME): never a pause of the station's,
a fault, or what is not known. Pure.
"""

import itertools
import operator
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

import msgspec

from ingufu.charging import energy
from ingufu.charging.energy import Limits, Place, Point, Track
from ingufu.charging.fold import Glance, make_points, order_of
from ingufu.charging.model import ChargingState, ReportKind, Transaction, TransactionEvent
from ingufu.tariffs.usage import Activity, ReservedTime, Stretch, Usage

MAX_POINTS = 1500  # register values that are followed in a session: one a minute for a day
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_PLACES = 6  # decimals of a watt-hour; integers of that size are counted with
_LIMITS = Limits()
_RESTS = frozenset({ChargingState.EV_CONNECTED, ChargingState.IDLE})  # once something was charged
_BEGINS = frozenset({ChargingState.CHARGING, ChargingState.SUSPENDED_EV, ChargingState.SUSPENDED_EVSE})


class Reading(Glance, frozen=True, kw_only=True):
    """What a session's stretches need of a meter reading. The current is summed over phases."""

    current_a: Decimal | None = None


class Fault(NamedTuple):
    """A time in which the station could not charge."""

    started_at: datetime
    ended_at: datetime


class _Phase(NamedTuple):
    """What is so from an instant on. Energy flows where there is any that may."""

    at: int  # microseconds since 1970
    activity: Activity
    is_flowing: bool


class _Mark(NamedTuple):
    """How much was delivered by an instant, in millionths of a watt-hour."""

    at: int
    energy: int


def usage_of(
    transaction: Transaction,
    events: Iterable[TransactionEvent],
    readings: Iterable[Reading],
    energy_wh: Decimal,
    *,
    time_zone: str = "UTC",
    faults: Sequence[Fault] = (),
    reservation: ReservedTime | None = None,
    until: datetime | None = None,
) -> Usage:
    """Return what the session used: `energy_wh` in all, spread over its time as its registers rose.

    A session that runs is looked at as if it ended `until`, or with what was last heard of it.
    """
    events = sorted(events, key=lambda event: (event.at, order_of(event)))
    readings = _in_order(readings)
    started = _micros(transaction.started_at)
    ended = max(started, _micros(transaction.ended_at or until or _last_heard(transaction, events, readings)))
    curve = _curve(events, readings, started, ended)
    phases = _phases(events, faults, curve, started)
    currents = [(_micros(one.at), one.current_a) for one in readings if one.current_a is not None]
    total = max(energy_wh, Decimal(0))
    stretches = _stretches(started, ended, phases, _scaled(curve, total, started, ended), currents, total)
    return Usage(stretches=stretches, time_zone=time_zone, reservation=reservation)


def faults_of(told: Iterable[tuple[datetime, bool]], until: datetime) -> tuple[Fault, ...]:
    """Return the times of faults, from instants and whether the connector was out of order from then on."""
    found: list[Fault] = []
    since: datetime | None = None
    for at, is_fault in sorted(set(told)):
        if is_fault and since is None:
            since = at
        elif not is_fault and since is not None:
            found.append(Fault(since, at))
            since = None
    if since is not None and since < until:
        found.append(Fault(since, until))
    return tuple(found)


def common_faults(of_each: Sequence[Sequence[Fault]]) -> tuple[Fault, ...]:
    """Return the times in which each of several connectors was out of order."""
    if not of_each:
        return ()
    common = list(of_each[0])
    for others in of_each[1:]:
        both = [(max(one[0], other[0]), min(one[1], other[1])) for one in common for other in others]
        common = [Fault(since, until) for since, until in both if since < until]
    return tuple(common)


def _in_order(readings: Iterable[Reading]) -> list[Reading]:
    """Return the readings by time, each once. They mostly come like that, and only those of an instant are compared."""
    found = list(readings)
    times = [reading.at for reading in found]
    if all(map(operator.lt, times, times[1:])):
        return found
    if not all(map(operator.le, times, times[1:])):
        return sorted(set(found), key=_order)
    ordered: list[Reading] = []
    for _, group in itertools.groupby(found, operator.attrgetter("at")):
        members = list(group)
        ordered += members if len(members) == 1 else sorted(set(members), key=_order)
    return ordered


def _order(reading: Reading) -> tuple[datetime, str, Decimal, float, Decimal]:
    register, current = reading.energy_wh, reading.current_a
    return (
        reading.at,
        reading.context,
        Decimal(-1) if register is None else register,
        -1.0 if reading.power_w is None else reading.power_w,
        Decimal(-1) if current is None else current,
    )


def _last_heard(transaction: Transaction, events: Sequence[TransactionEvent], readings: Sequence[Reading]) -> datetime:
    times = [transaction.started_at, *(event.at for event in events[-1:]), *(one.at for one in readings[-1:])]
    return max(times)


# Energy


def _curve(events: Sequence[TransactionEvent], readings: Sequence[Reading], started: int, ended: int) -> list[_Mark]:
    """Return how much was delivered by when, as registers tell it; where there are none, as power does."""
    told = sorted([*make_points(readings), *_register_points(events)])
    points = [*told[:1], *(point for before, point in itertools.pairwise(told) if point != before)]
    if len(points) > MAX_POINTS:
        points = [*points[: -1 : len(points) // MAX_POINTS + 1], points[-1]]
    track, marks, latest = Track(), list[_Mark](), started
    for point in points:
        track = energy.follow(track, point, _LIMITS)
        latest = min(max(latest, _micros(point.at)), ended)
        if point.place == Place.STOP_REGISTER:
            latest = ended
        marks.append(_Mark(latest, _units(track.energy_wh)))
    if marks and marks[-1].energy > 0:
        return marks
    return _curve_of_power(readings, started, ended)


def _register_points(events: Sequence[TransactionEvent]) -> list[Point]:
    """Return the registers that 1.6 tells with start and stop: the first of each counts, as in the fold."""
    found: dict[ReportKind, Point] = {}
    places = {ReportKind.STARTED: Place.START_REGISTER, ReportKind.ENDED: Place.STOP_REGISTER}
    for event in sorted(events, key=order_of):
        register, place = event.facts.register_wh, places.get(event.kind)
        if register is not None and place is not None and event.kind not in found:
            found[event.kind] = Point(place, event.at, register)
    return list(found.values())


def _curve_of_power(readings: Sequence[Reading], started: int, ended: int) -> list[_Mark]:
    marks: list[_Mark] = []
    total, before_at, before_w = 0, started, 0
    for reading in readings:
        at = min(max(_micros(reading.at), before_at), ended)
        if reading.power_w is None:
            continue
        power_w = max(round(reading.power_w), 0)
        mean_w = power_w if not marks else (power_w + before_w) // 2
        total += mean_w * (at - before_at) // 3600  # W * us / 3600 s are millionths of a watt-hour
        marks.append(_Mark(at, total))
        before_at, before_w = at, power_w
    return marks if total > 0 else []


def _scaled(curve: Sequence[_Mark], total: Decimal, started: int, ended: int) -> list[_Mark]:
    """Return the curve from nothing at the start to what is billed at the end."""
    wanted = _units(total)
    if not curve:
        return [_Mark(started, 0), _Mark(ended, wanted)]
    last = curve[-1].energy
    marks = [_Mark(started, 0)]
    marks += [_Mark(mark.at, mark.energy if last == wanted else mark.energy * wanted // last) for mark in curve]
    return [*marks, _Mark(ended, wanted)]


# Time


def _phases(
    events: Sequence[TransactionEvent], faults: Sequence[Fault], curve: Sequence[_Mark], started: int
) -> list[_Phase]:
    """Return what is so from when on, by time; the first begins with the session."""
    flows_at = next((mark.at for mark in curve if mark.energy > 0), None)
    told = [_Phase(started, Activity.CHARGING, is_flowing=True)]
    has_begun = False
    for event in events:
        state, at = event.state, max(_micros(event.at), started)
        if state is None or state is ChargingState.ENDED:
            continue
        has_begun = has_begun or state in _BEGINS or (flows_at is not None and at >= flows_at)
        is_parked = state is ChargingState.SUSPENDED_EV or (state in _RESTS and has_begun)
        is_flowing = state in (ChargingState.CHARGING, ChargingState.UNKNOWN)
        told.append(_Phase(at, Activity.PARKED if is_parked else Activity.CHARGING, is_flowing))
    for fault in faults:
        told = _without_parking(told, _micros(fault.started_at), _micros(fault.ended_at))
    return told


def _without_parking(told: Sequence[_Phase], since: int, until: int) -> list[_Phase]:
    """Return the phases with nothing parked in a time in which the station could not charge."""
    after: list[_Phase] = []
    for index, phase in enumerate(told):
        end = told[index + 1].at if index + 1 < len(told) else None
        if phase.activity is not Activity.PARKED or phase.at >= until or (end is not None and end <= since):
            after.append(phase)
            continue
        if phase.at < since:
            after.append(phase)
        after.append(_Phase(max(phase.at, since), Activity.CHARGING, is_flowing=False))
        if end is None or until < end:
            after.append(phase._replace(at=until))
    return after


# Both


def _stretches(
    started: int,
    ended: int,
    phases: Sequence[_Phase],
    curve: Sequence[_Mark],
    currents: Sequence[tuple[int, Decimal | None]],
    total: Decimal,
) -> tuple[Stretch, ...]:
    cuts = {started, ended, *(mark.at for mark in curve), *(phase.at for phase in phases), *(at for at, _ in currents)}
    times = sorted(at for at in cuts if started <= at <= ended)
    phase_times, current_times = [phase.at for phase in phases], [at for at, _ in currents]
    delivered = _delivered(times, phases, phase_times, curve)
    pieces: list[Stretch] = []
    for index in range(max(len(times) - 1, 1)):
        since, until = times[index], times[min(index + 1, len(times) - 1)]
        current = currents[max(bisect_right(current_times, since) - 1, 0)][1] if currents else None
        energy_wh = _watt_hours(delivered[until] - (delivered[since] if index else 0))
        piece = Stretch(
            started_at=_instant(since),
            ended_at=_instant(until),
            activity=phases[bisect_right(phase_times, since) - 1].activity,
            energy_wh=energy_wh,
            current_a=current,
        )
        if pieces and _is_one(pieces[-1], piece):
            sum_wh = pieces[-1].energy_wh + energy_wh
            pieces[-1] = msgspec.structs.replace(pieces[-1], ended_at=piece.ended_at, energy_wh=sum_wh)
        else:
            pieces.append(piece)
    rest = total - sum((piece.energy_wh for piece in pieces), Decimal(0))  # below a millionth of a watt-hour
    if rest:
        pieces[-1] = msgspec.structs.replace(pieces[-1], energy_wh=pieces[-1].energy_wh + rest)
    return tuple(pieces)


def _delivered(
    times: Sequence[int], phases: Sequence[_Phase], phase_times: Sequence[int], curve: Sequence[_Mark]
) -> dict[int, int]:
    """Return what was delivered by each of the times.

    Between two registers it flowed where something could flow, evenly; if nothing could, evenly all the same.
    """
    found: dict[int, int] = {}
    for before, after in itertools.pairwise(curve):
        inner = times[bisect_right(times, before.at) - 1 : bisect_right(times, after.at)]
        lengths = [
            (until - since) * phases[bisect_right(phase_times, since) - 1].is_flowing
            for since, until in itertools.pairwise(inner)
        ]
        if not any(lengths):
            lengths = [until - since for since, until in itertools.pairwise(inner)]
        whole, flowed, rise = sum(lengths), 0, after.energy - before.energy
        found.setdefault(before.at, before.energy)
        for at, length in zip(inner[1:], lengths, strict=True):
            flowed += length
            found[at] = before.energy + (rise * flowed // whole if whole else rise)
        found[after.at] = after.energy
    return found


def _is_one(before: Stretch, after: Stretch) -> bool:
    """Return whether two stretches are one: nothing changed between them, not even how fast the register rose."""
    if before.activity is not after.activity or before.current_a != after.current_a:
        return False
    if not before.energy_wh and not after.energy_wh:
        return True
    first, second = before.ended_at - before.started_at, after.ended_at - after.started_at
    return _units(before.energy_wh) * (second // _MICROSECOND) == _units(after.energy_wh) * (first // _MICROSECOND)


def _micros(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND


def _instant(micros: int) -> datetime:
    return _EPOCH + micros * _MICROSECOND


def _units(energy_wh: Decimal) -> int:
    return int(energy_wh.scaleb(_PLACES))


def _watt_hours(units: int) -> Decimal:
    return Decimal(units).scaleb(-_PLACES)
