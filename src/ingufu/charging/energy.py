"""The energy of a transaction, from the registers it was told: robust against resets, slips and nonsense. Pure.

A register rises. A value that does not follow from the last believed one is doubted: if the next follows from the
believed one, the doubted value was an outlier and counts nothing; if it follows from the doubted one, the register
has been reset or exchanged and counting goes on from there. So energy is never negative, and never a leap.
"""

from datetime import datetime
from decimal import Decimal
from enum import IntEnum

import msgspec

from ingufu.charging.model import AnomalyKind, EnergySource

LEAP_WH = Decimal(2**31)  # no session is this long: a counter wrapped, or the value is nonsense
SLIP_WH = Decimal(1000)  # so far a register may run backwards and still be the same: rounding, delay
ROUNDING_WH = Decimal(1)  # 1.6 tells whole Wh at both ends, and often decimals between: less than this is no fall
MARGIN = Decimal("1.1")  # meters and clocks are not that exact
HOUR_S = Decimal(3600)


class Place(IntEnum):
    """Where in a transaction a register value belongs, whatever its time says."""

    START_REGISTER = 0  # 1.6 meterStart
    BEGIN = 1  # context Transaction.Begin
    WITHIN = 2
    END = 3  # context Transaction.End
    STOP_REGISTER = 4  # 1.6 meterStop


class Point(msgspec.Struct, frozen=True, order=True):
    """A register value with its place and time; points sort in the order they are to be followed."""

    place: int
    at: datetime
    wh: Decimal


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How fast a register can rise."""

    max_power_w: Decimal = Decimal(4_000_000)
    burst_wh: Decimal = Decimal(100_000)  # a rise up to this is believed whatever the clock says
    is_time_sure: bool = True  # not if the station's clock was wrong: what counts as one instant may be two


class Track(msgspec.Struct, frozen=True, kw_only=True):
    """What the points so far amount to."""

    count: int = 0
    samples: int = 0  # points between start and end
    begin_wh: Decimal | None = None  # where counting began
    believed: Point | None = None
    doubted: Point | None = None
    energy_wh: Decimal = Decimal(0)
    end: Point | None = None  # the last point at the end
    was_reset: bool = False
    peak_wh: Decimal | None = None  # the highest value from which, and the lowest to which it fell
    dip_wh: Decimal | None = None
    has_begin: bool = False  # counting began with a value taken at the start
    newest: Point | None = None
    flags: frozenset[AnomalyKind] = frozenset()


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome: registers at both ends, energy, and where it comes from."""

    start_wh: Decimal | None = None
    end_wh: Decimal | None = None
    energy_wh: Decimal = Decimal(0)
    source: EnergySource = EnergySource.NOTHING


def follow(track: Track, point: Point, limits: Limits) -> Track:
    """Return the track with a point that sorts after all before it."""
    believed = track.believed
    if point.wh < 0 or (point.place >= Place.END and point.wh == 0 and believed is not None and believed.wh > 0):
        return _flag(track, AnomalyKind.IMPLAUSIBLE_VALUE)  # an end of 0 after progress is no register
    replace = msgspec.structs.replace
    end = point if point.place >= Place.END else track.end
    samples = track.samples + (point.place == Place.WITHIN)
    if believed is not None and _follows(believed, point, limits):
        energy = track.energy_wh + point.wh - believed.wh
        count = track.count + 1
        return replace(
            track, count=count, samples=samples, newest=point, end=end, energy_wh=energy, believed=point, doubted=None
        )
    track = replace(track, count=track.count + 1, samples=samples, newest=point, end=end)
    if believed is None:
        return replace(track, begin_wh=point.wh, believed=point, has_begin=point.place <= Place.BEGIN)
    fall = believed.wh - point.wh
    if 0 < fall < ROUNDING_WH:
        return replace(track, doubted=None)
    if fall > 0:
        peak = believed.wh if track.peak_wh is None else max(track.peak_wh, believed.wh)
        dip = point.wh if track.dip_wh is None else min(track.dip_wh, point.wh)
        track = replace(track, peak_wh=peak, dip_wh=dip)
    doubted = track.doubted
    if doubted is not None and _follows(doubted, point, limits):
        energy = track.energy_wh + point.wh - doubted.wh
        return replace(track, energy_wh=energy, believed=point, doubted=None, was_reset=True)
    if track.count == 2 and 0 < fall <= SLIP_WH:  # the start register was ahead of the first reading
        return _flag(replace(track, begin_wh=point.wh, believed=point), AnomalyKind.REGISTER_BACKWARDS)
    return _flag(replace(track, doubted=point), _name_doubt(fall))


def measure(track: Track, *, is_over: bool) -> Measured:
    """Return energy and registers of a track; `is_over` says that its end has come."""
    believed = track.believed
    if believed is None:
        return Measured()
    if not is_over:
        source = EnergySource.DELTAS if track.was_reset else EnergySource.READINGS
        return Measured(start_wh=track.begin_wh, energy_wh=track.energy_wh, source=source)
    end = _believable_end(track)
    begin = track.begin_wh
    was_reset = track.was_reset and not _is_only_disordered(track, end)
    if track.has_begin and end is not None and begin is not None and not was_reset and end.wh >= begin:
        energy = end.wh - begin
        return Measured(start_wh=begin, end_wh=end.wh, energy_wh=energy, source=EnergySource.REGISTERS)
    is_broken = track.was_reset or AnomalyKind.REGISTER_RESET in track.flags
    return Measured(
        start_wh=begin,
        end_wh=track.end.wh if track.end is not None and is_broken else believed.wh,
        energy_wh=track.energy_wh,
        source=EnergySource.DELTAS if is_broken else EnergySource.READINGS,
    )


def _is_only_disordered(track: Track, end: Point | None) -> bool:
    """Return whether a register that seems to have fallen has not: no value lies below its begin or above its end.

    Where a clock was set back or never set, the values are not in the order in which they were taken. A register that
    was reset begins at 0, thus below where it stood, unless it stood there at the begin.
    """
    begin, peak, dip = track.begin_wh, track.peak_wh, track.dip_wh
    if end is None or not begin or peak is None or dip is None:
        return False
    return begin <= dip and peak <= end.wh


def _believable_end(track: Track) -> Point | None:
    """Return the end that the station gave, unless the readings speak against it."""
    end, believed = track.end, track.believed
    if end is None or believed is None or track.doubted != end:
        return end
    if end.wh < believed.wh:
        return end if believed.wh - end.wh <= SLIP_WH else None
    # A leap: with nothing to say otherwise the station's two registers stand, marked, unless they are absurd.
    return end if track.samples == 0 and end.wh - believed.wh <= LEAP_WH else None


def _follows(earlier: Point, later: Point, limits: Limits) -> bool:
    """Return whether a register can have gone from one to the other in the time between."""
    rise = later.wh - earlier.wh
    if rise < 0 or rise > LEAP_WH:
        return False
    if rise <= limits.burst_wh:
        return True
    seconds = Decimal((later.at - earlier.at).total_seconds())
    if seconds < 0 or (seconds == 0 and not limits.is_time_sure):
        return True  # a clock was set in between: it does not tell how fast the register rose
    return rise <= limits.max_power_w * MARGIN * seconds / HOUR_S


def _name_doubt(fall: Decimal) -> AnomalyKind:
    if fall <= 0:
        return AnomalyKind.IMPLAUSIBLE_VALUE
    return AnomalyKind.REGISTER_RESET if fall > SLIP_WH else AnomalyKind.REGISTER_BACKWARDS


def _flag(track: Track, kind: AnomalyKind) -> Track:
    return track if kind in track.flags else msgspec.structs.replace(track, flags=track.flags | {kind})
