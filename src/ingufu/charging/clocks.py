"""What time it was, where a station's clock cannot be right. The station's own words are kept beside it. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from ingufu.charging.model import AnomalyKind, MeterReading

EARLIEST = datetime(2015, 1, 1, tzinfo=UTC)  # OCPP 1.6 is younger: an earlier time is a clock that was never set

CLOCK_FAULTS = frozenset({AnomalyKind.CLOCK_UNSET, AnomalyKind.CLOCK_AHEAD})


def find_fault(at: datetime, received_at: datetime, ahead_s: float) -> AnomalyKind | None:
    """Return what is wrong with a station's time, given when we heard of it. Late is not wrong: it was offline."""
    if at < EARLIEST:
        return AnomalyKind.CLOCK_UNSET
    if at > received_at + timedelta(seconds=ahead_s):
        return AnomalyKind.CLOCK_AHEAD
    return None


def by_skew(at: datetime, heard_at: datetime, skew_s: float) -> datetime:
    """Return when it was by our clock, given how far the station's is ahead; at the latest when we heard of it."""
    late = heard_at - at + timedelta(seconds=skew_s)
    return heard_at - min(max(late, timedelta()), heard_at - EARLIEST)


def possible_times(
    at: datetime, heard_at: datetime, *, clock_at: datetime, is_offline: bool, skew_s: float | None
) -> tuple[datetime, ...]:
    """Return when something may have been: as we keep it, when we heard of it, and by how far the clock is known off.

    `clock_at` is what the station's clock showed. Heard of late is what happened offline: that was not when we heard
    of it.
    """
    times = [min(at, heard_at)]
    if not is_offline:
        times.append(heard_at)
    if skew_s is not None:
        times.append(by_skew(clock_at, heard_at, skew_s))
    return tuple(times)


def mend_readings(
    readings: Sequence[MeterReading], received_at: datetime, ahead_s: float
) -> tuple[tuple[MeterReading, ...], frozenset[AnomalyKind]]:
    """Return readings at the times they can have been taken, and what was wrong.

    Times that are wrong are shifted together, so that the newest of them is when we heard of it: the distances
    between them, which the station could measure, stay.
    """
    latest = received_at + timedelta(seconds=ahead_s)
    if not [reading for reading in readings if reading.at < EARLIEST or reading.at > latest]:  # as in nearly all
        return tuple(readings), frozenset()
    faults: dict[AnomalyKind, datetime] = {}
    for reading in readings:
        fault = find_fault(reading.at, received_at, ahead_s)
        if fault is not None:
            faults[fault] = max(faults.get(fault, reading.at), reading.at)
    return tuple(_mend(reading, received_at, ahead_s, faults) for reading in readings), frozenset(faults)


def _mend(
    reading: MeterReading, received_at: datetime, ahead_s: float, newest: dict[AnomalyKind, datetime]
) -> MeterReading:
    fault = find_fault(reading.at, received_at, ahead_s)
    if fault is None:
        return reading
    behind = min(newest[fault] - reading.at, received_at - EARLIEST)
    at_station = reading.at_station or reading.at.isoformat()
    return msgspec.structs.replace(reading, at=received_at - behind, at_station=at_station, is_mended=True)
