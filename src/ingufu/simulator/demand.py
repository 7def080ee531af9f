"""When drivers come: sessions per EVSE and day by kind of place, hour of the site's own day, and weekday."""

import random
from datetime import datetime
from enum import StrEnum

import msgspec


class Place(StrEnum):
    """What kind of place a site is; it decides who comes when, and how long they stay."""

    STREET = "street"
    MALL = "mall"
    WORKPLACE = "workplace"
    HIGHWAY = "highway"
    DEPOT = "depot"


class Rhythm(msgspec.Struct, frozen=True, kw_only=True):
    """How a kind of place is used."""

    per_day: float  # sessions per EVSE on an ordinary day, once grown
    hours: tuple[int, ...]  # 24 weights
    weekend: float  # factor on Saturday and Sunday
    stay_min: tuple[float, float]  # mean and spread of how long a vehicle stays
    idle_min: float  # mean time that a full vehicle stays on


RHYTHMS: dict[Place, Rhythm] = {
    Place.STREET: Rhythm(
        per_day=2.2,
        hours=(2, 1, 1, 1, 1, 2, 4, 6, 7, 6, 6, 6, 7, 6, 6, 7, 8, 10, 12, 11, 9, 7, 5, 3),
        weekend=1.1,
        stay_min=(190, 90),
        idle_min=45,
    ),
    Place.MALL: Rhythm(
        per_day=4.5,
        hours=(0, 0, 0, 0, 0, 0, 1, 3, 6, 9, 11, 12, 12, 11, 10, 10, 11, 12, 12, 9, 6, 2, 1, 0),
        weekend=1.35,
        stay_min=(75, 30),
        idle_min=14,
    ),
    Place.WORKPLACE: Rhythm(
        per_day=1.9,
        hours=(0, 0, 0, 0, 0, 1, 5, 14, 16, 9, 4, 3, 6, 7, 3, 2, 2, 2, 1, 1, 0, 0, 0, 0),
        weekend=0.12,
        stay_min=(330, 110),
        idle_min=70,
    ),
    Place.HIGHWAY: Rhythm(
        per_day=8.5,
        hours=(2, 1, 1, 1, 2, 3, 5, 8, 9, 10, 10, 11, 11, 10, 10, 11, 12, 12, 10, 8, 6, 5, 4, 3),
        weekend=1.25,
        stay_min=(28, 9),
        idle_min=3,
    ),
    Place.DEPOT: Rhythm(
        per_day=3.0,
        hours=(5, 4, 3, 2, 2, 3, 4, 4, 3, 4, 5, 7, 8, 7, 5, 4, 4, 5, 7, 9, 11, 11, 9, 7),
        weekend=0.85,
        stay_min=(110, 40),
        idle_min=12,
    ),
}
_HOURS_PER_DAY = 24
_SATURDAY = 5
_GROWTH_FROM = 0.45  # share of today's use at the beginning of the record
_LIVELY_FLOOR = 0.6  # a demo is never dead, not even at four in the morning


def per_hour(place: Place, local_at: datetime, *, popularity: float = 1.0, is_lively: bool = False) -> float:
    """Return the sessions that begin per EVSE and hour at that local time."""
    rhythm = RHYTHMS[place]
    weight = rhythm.hours[local_at.hour] / sum(rhythm.hours) * _HOURS_PER_DAY
    weight *= rhythm.weekend if local_at.weekday() >= _SATURDAY else 1.0
    if is_lively:
        weight = max(_LIVELY_FLOOR, weight)
    return rhythm.per_day / _HOURS_PER_DAY * weight * popularity


def growth(age_days: float, record_days: float) -> float:
    """Return how much of today's use there was `age_days` ago, in a record of `record_days`."""
    if record_days <= 0:
        return 1.0
    return 1.0 - (1.0 - _GROWTH_FROM) * min(1.0, age_days / max(record_days, 1.0))


def stay_s(rng: random.Random, place: Place, *, is_dc: bool) -> float:
    """Draw how long a vehicle stays at most, in seconds."""
    mean_min, spread_min = RHYTHMS[place].stay_min
    if is_dc:
        mean_min, spread_min = min(mean_min, 42.0), min(spread_min, 14.0)
    return max(6.0, rng.gauss(mean_min, spread_min)) * 60.0


def idle_s(rng: random.Random, place: Place) -> float:
    """Draw how long a full vehicle stays plugged in, in seconds."""
    return rng.expovariate(1.0 / (RHYTHMS[place].idle_min * 60.0))


def ambient_c(latitude: float, at: datetime) -> float:
    """Return a believable temperature: seasons by latitude, warmer in the afternoon."""
    season = 1.0 if latitude >= 0 else -1.0
    swing_c = min(14.0, abs(latitude) * 0.26)
    mean_c = 27.0 - abs(latitude) * 0.32
    day = at.timetuple().tm_yday
    yearly_c = -season * swing_c * _wave((day - 15) / 365.0)
    return mean_c + yearly_c - 4.0 * _wave((at.hour - 3) / 24.0)


def _wave(turns: float) -> float:
    """Return a cosine made of parabolas: near enough for weather, and the same on every machine."""
    way = (turns % 1.0) * 2.0  # 0..2
    if way > 1.0:
        way = 2.0 - way
    return 1.0 - 2.0 * way * way * (3.0 - 2.0 * way)
