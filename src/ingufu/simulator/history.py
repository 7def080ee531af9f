"""Months of past operation of a planned network, as plain facts in order of time: pure, the same for the same seed."""

import heapq
import random
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from ingufu.simulator import demand
from ingufu.simulator.demand import Place
from ingufu.simulator.plan import Driver, Plan, PlannedStation, Standing, plan
from ingufu.simulator.spec import EvseSpec
from ingufu.simulator.vehicle import AC_EFFICIENCY, DC_EFFICIENCY, MODELS, Vehicle, VehicleModel, arrive

AC_STEP_S = 900.0
DC_STEP_S = 300.0
QUIET_S = 120.0  # the past ends so long before now: the live network goes on from here
SHORTEST_S = 300.0  # of a visit that has to end because the past does
FAULTS = (
    ("GroundFailure", "residual current detected"),
    ("PowerSwitchFailure", "contactor does not open"),
    ("ConnectorLockFailure", "plug lock jammed"),
    ("EVCommunicationError", "no pilot signal"),
    ("HighTemperature", "cabinet at 71 C"),
    ("PowerMeterFailure", "meter does not answer"),
    ("OtherError", "self test failed"),
)
_GOODBYES = ("EVDisconnected", "EVDisconnected", "Local")  # most pull the plug
_CAUSES = ("mobile network", "mobile network", "router", "power cut")


class Point(msgspec.Struct, frozen=True):
    """The meter at an instant of a session."""

    at: datetime
    register_wh: Decimal
    power_w: float
    soc: float | None  # DC only


class PastSession(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A charging session that is over."""

    began_at: datetime
    identity: str
    evse: int
    token: str
    reference: str  # a UUID, as a 2.x station would have made it
    ended_at: datetime
    charged_until_at: datetime  # the vehicle was full from then on
    start_wh: Decimal
    end_wh: Decimal
    stop_reason: str  # in the words of 2.x
    is_remote: bool
    was_offline: bool
    points: tuple[Point, ...]

    @property
    def energy_wh(self) -> Decimal:
        return self.end_wh - self.start_wh


class PastFault(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A connector was broken."""

    began_at: datetime
    identity: str
    evse: int
    code: str  # of 1.6
    info: str
    ended_at: datetime


class PastOffline(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A station could not be reached."""

    began_at: datetime
    identity: str
    ended_at: datetime
    cause: str


class PastRefusal(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A card was not accepted."""

    began_at: datetime
    identity: str
    evse: int
    token: str
    standing: str


Fact = PastSession | PastFault | PastOffline | PastRefusal


class _Visit(NamedTuple):
    """A session in brief; its curve is worked out when it is told."""

    at: datetime
    driver: int
    model: VehicleModel
    soc: float
    target_soc: float
    ambient_c: float
    stay_s: float
    charge_s: float
    energy_tenths: int
    is_remote: bool
    goodbye: int  # index into _GOODBYES


class _Span(NamedTuple):
    """A time in which something did not work."""

    at: datetime
    until_at: datetime
    kind: int


def history(seed: str, days: int, now: datetime, *, stations: int = 24, network: Plan | None = None) -> Iterator[Fact]:
    """Yield what happened in the `days` before `now`, in order of beginning.

    The registers end where the live network of the same seed begins. Nothing overlaps on an EVSE, nothing ends after
    `now`. Cards that stand badly are only ever refused. `network` takes a plan other than `plan(seed, stations)`.
    """
    whole = network or plan(seed, stations)
    streams = [_station_facts(whole, station, days, now) for station in whole.stations]
    return heapq.merge(*streams, key=lambda fact: fact.began_at)


def _station_facts(whole: Plan, station: PlannedStation, days: int, now: datetime) -> Iterator[Fact]:
    record_days = max(1, round(days * station.age_share))
    since_at = now - timedelta(days=record_days)
    offline = _offline_spans(whole.seed, station, since_at, now)
    streams: list[Iterator[Fact]] = [iter([_offline_fact(station, span) for span in offline])]
    drivers = whole.drivers_near(station.site.city)
    for evse in station.spec.evses:
        faults = _fault_spans(whole.seed, station, evse, since_at, now)
        streams.append(iter([_fault_fact(station, evse, span) for span in faults]))
        visits = list(_visits(whole.seed, station, evse, drivers, faults, since_at, now))
        streams.append(_sessions(whole.seed, station, evse, drivers, visits, offline))
    return heapq.merge(*streams, key=lambda fact: fact.began_at)


def _offline_spans(seed: str, station: PlannedStation, since_at: datetime, now: datetime) -> list[_Span]:
    rng = random.Random(f"{seed}:offline:{station.spec.identity}")
    odds = station.spec.odds
    per_day = odds.outage_per_day + odds.drop_per_day * 0.08  # the drops long enough to be noticed
    return _spans(rng, per_day, (180.0, 5400.0), len(_CAUSES), since_at, now)


def _fault_spans(seed: str, station: PlannedStation, evse: EvseSpec, since_at: datetime, now: datetime) -> list[_Span]:
    rng = random.Random(f"{seed}:fault:{station.spec.identity}:{evse.evse}")
    return _spans(rng, station.spec.odds.fault_per_day, (900.0, 28_800.0), len(FAULTS), since_at, now)


def _spans(
    rng: random.Random, per_day: float, lengths_s: tuple[float, float], kinds: int, since_at: datetime, now: datetime
) -> list[_Span]:
    spans: list[_Span] = []
    at = since_at
    favourite = rng.randrange(kinds)  # a station's weak spot
    while per_day > 0:
        at += timedelta(days=rng.expovariate(per_day))
        length_s = lengths_s[0] + rng.random() ** 3 * (lengths_s[1] - lengths_s[0])
        until_at = at + timedelta(seconds=length_s)
        if until_at >= now - timedelta(seconds=QUIET_S):
            break
        spans.append(_Span(at, until_at, favourite if rng.random() < 0.6 else rng.randrange(kinds)))
        at = until_at
    return spans


def _visits(
    seed: str,
    station: PlannedStation,
    evse: EvseSpec,
    drivers: Sequence[Driver],
    faults: Sequence[_Span],
    since_at: datetime,
    now: datetime,
) -> Iterator[_Visit]:
    """Draw who came, hour by hour; an EVSE that is taken or broken sends people away."""
    rng = random.Random(f"{seed}:visits:{station.spec.identity}:{evse.evse}")
    zone = _zone(station.site.time_zone)
    record_days = (now - since_at).total_seconds() / 86_400.0
    place = station.site.place
    last_at = now - timedelta(seconds=QUIET_S)
    free_at = since_at
    hour_at = since_at.replace(minute=0, second=0, microsecond=0)
    while hour_at < last_at:
        age_days = (now - hour_at).total_seconds() / 86_400.0
        rate = demand.per_hour(place, hour_at.astimezone(zone), popularity=station.popularity)
        rate *= demand.growth(age_days, record_days) * (1.9 if evse.is_dc and place is Place.MALL else 1.0)
        while rng.random() < rate:
            rate -= 1.0
            at = hour_at + timedelta(seconds=rng.randrange(3600))
            if at < free_at or at < since_at or _within(faults, at) is not None:
                continue
            if (last_at - at).total_seconds() < SHORTEST_S:
                break
            visit = _visit(rng, station, evse, len(drivers), at, last_at)
            end_at = at + timedelta(seconds=visit.stay_s)
            fault = _within(faults, end_at) or next((f for f in faults if at < f.at < end_at), None)
            if end_at <= last_at and fault is None:
                yield visit
                free_at = end_at + timedelta(minutes=2)
        hour_at += timedelta(hours=1)


def _visit(
    rng: random.Random, station: PlannedStation, evse: EvseSpec, drivers: int, at: datetime, last_at: datetime
) -> _Visit:
    """Draw one visit; who would still be there at `last_at` has left by then."""
    place = station.site.place
    ambient_c = demand.ambient_c(station.site.latitude, at.astimezone(_zone(station.site.time_zone)))
    vehicle = arrive(rng, is_dc=evse.is_dc, ambient_c=ambient_c)
    if place is Place.DEPOT:
        model = MODELS[-1] if rng.random() < 0.75 else MODELS[0]
        vehicle = Vehicle(model, soc=rng.uniform(8.0, 40.0), ambient_c=ambient_c)
    soc = vehicle.soc
    left_s = (last_at - at).total_seconds()
    longest_s = min(demand.stay_s(rng, place, is_dc=evse.is_dc), left_s)
    charge_s, energy_tenths = _charge(evse, vehicle, longest_s)
    idle_s = demand.idle_s(rng, place) if vehicle.is_satisfied else 0.0
    if rng.random() < station.spec.odds.refusal:
        energy_tenths, charge_s, idle_s = 0, 60.0, 60.0  # the vehicle took nothing and left
    idle_s = min(idle_s, left_s - charge_s)
    return _Visit(
        at=at,
        driver=rng.randrange(drivers),
        model=vehicle.model,
        soc=round(soc, 2),
        target_soc=vehicle.target_soc,
        ambient_c=ambient_c,
        stay_s=charge_s + idle_s,
        charge_s=charge_s,
        energy_tenths=energy_tenths,
        is_remote=rng.random() < 0.22,
        goodbye=rng.randrange(len(_GOODBYES)),
    )


def _charge(evse: EvseSpec, vehicle: Vehicle, longest_s: float) -> tuple[float, int]:
    """Charge in coarse steps; return seconds and tenths of a Wh."""
    energy_wh = elapsed_s = 0.0
    for step_s, step_wh, _ in _steps(evse, vehicle, longest_s):
        elapsed_s += step_s
        energy_wh += step_wh
    return elapsed_s, round(energy_wh * 10)


def _steps(evse: EvseSpec, vehicle: Vehicle, longest_s: float) -> Iterator[tuple[float, float, float]]:
    """Yield seconds, Wh and W of each step until the vehicle is satisfied or the time is over."""
    step_s = DC_STEP_S if evse.is_dc else AC_STEP_S
    left_s = longest_s
    efficiency = DC_EFFICIENCY if evse.is_dc else AC_EFFICIENCY
    while left_s > 0 and not vehicle.is_satisfied:
        power_w = min(evse.max_power_w, vehicle.wanted_power_w(phases=evse.phases))
        length_s = min(step_s, left_s)
        middle_soc = vehicle.soc + power_w * length_s / 7200.0 * efficiency / vehicle.capacity_wh * 100.0
        vehicle.soc, begin_soc = min(99.5, middle_soc), vehicle.soc
        power_w = min(power_w, max(200.0, vehicle.wanted_power_w(phases=evse.phases)))  # as in the middle of the step
        vehicle.soc = begin_soc
        missing_wh = vehicle.missing_wh(is_dc=evse.is_dc)
        energy_wh = power_w * length_s / 3600.0
        if energy_wh >= missing_wh:
            length_s *= missing_wh / energy_wh
            energy_wh = missing_wh
            vehicle.soc = vehicle.target_soc
        else:
            vehicle.take(energy_wh, is_dc=evse.is_dc)
        left_s -= length_s
        yield length_s, energy_wh, power_w


def _sessions(
    seed: str,
    station: PlannedStation,
    evse: EvseSpec,
    drivers: Sequence[Driver],
    visits: Sequence[_Visit],
    offline: Sequence[_Span],
) -> Iterator[Fact]:
    total_tenths = sum(visit.energy_tenths for visit in visits if drivers[visit.driver].standing is Standing.ACTIVE)
    register_tenths = max(0, evse.register_tenths - total_tenths)
    for number, visit in enumerate(visits):
        driver = drivers[visit.driver]
        if driver.standing is not Standing.ACTIVE:
            yield PastRefusal(
                began_at=visit.at,
                identity=station.spec.identity,
                evse=evse.evse,
                token=driver.token,
                standing=driver.standing,
            )
            continue
        reference = random.Random(f"{seed}:{station.spec.identity}:{evse.evse}:{number}").getrandbits(128)
        yield _session(station, evse, driver, visit, register_tenths, reference, offline)
        register_tenths += visit.energy_tenths


def _session(
    station: PlannedStation,
    evse: EvseSpec,
    driver: Driver,
    visit: _Visit,
    register_tenths: int,
    reference: int,
    offline: Sequence[_Span],
) -> PastSession:
    ended_at = visit.at + timedelta(seconds=visit.stay_s)
    goodbye = _GOODBYES[visit.goodbye]
    return PastSession(
        began_at=visit.at,
        identity=station.spec.identity,
        evse=evse.evse,
        token=driver.token,
        reference=str(UUID(int=reference, version=4)),
        ended_at=ended_at,
        charged_until_at=visit.at + timedelta(seconds=visit.charge_s),
        start_wh=Decimal(register_tenths) / 10,
        end_wh=Decimal(register_tenths + visit.energy_tenths) / 10,
        stop_reason="Remote" if visit.is_remote and goodbye == "Local" else goodbye,
        is_remote=visit.is_remote,
        was_offline=_within(offline, visit.at) is not None,
        points=_points(evse, visit, register_tenths, ended_at),
    )


def _points(evse: EvseSpec, visit: _Visit, register_tenths: int, ended_at: datetime) -> tuple[Point, ...]:
    vehicle = Vehicle(visit.model, soc=visit.soc, target_soc=visit.target_soc, ambient_c=visit.ambient_c)
    points: list[Point] = []
    at, energy_wh = visit.at, 0.0
    if visit.energy_tenths:
        for step_s, step_wh, power_w in _steps(evse, vehicle, visit.charge_s):
            at += timedelta(seconds=step_s)
            energy_wh += step_wh
            tenths = min(visit.energy_tenths, round(energy_wh * 10))
            points.append(_point(at, register_tenths + tenths, power_w, vehicle, evse))
    if points:
        points[-1] = msgspec.structs.replace(
            points[-1], register_wh=Decimal(register_tenths + visit.energy_tenths) / 10
        )
    if (ended_at - at).total_seconds() > 1.0:
        points.append(_point(ended_at, register_tenths + visit.energy_tenths, 0.0, vehicle, evse))
    return tuple(points)


def _point(at: datetime, tenths: int, power_w: float, vehicle: Vehicle, evse: EvseSpec) -> Point:
    return Point(at, Decimal(tenths) / 10, round(power_w, 1), round(vehicle.soc, 1) if evse.is_dc else None)


def _offline_fact(station: PlannedStation, span: _Span) -> Fact:
    return PastOffline(
        began_at=span.at, identity=station.spec.identity, ended_at=span.until_at, cause=_CAUSES[span.kind]
    )


def _fault_fact(station: PlannedStation, evse: EvseSpec, span: _Span) -> Fact:
    code, info = FAULTS[span.kind]
    return PastFault(
        began_at=span.at,
        identity=station.spec.identity,
        evse=evse.evse,
        code=code,
        info=info,
        ended_at=span.until_at,
    )


def _within(spans: Sequence[_Span], at: datetime) -> _Span | None:
    """Return the span that holds that instant."""
    index = bisect_right(spans, at, key=lambda span: span.at) - 1
    return spans[index] if index >= 0 and spans[index].until_at > at else None


@cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
