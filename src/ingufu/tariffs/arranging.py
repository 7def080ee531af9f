"""Stretches brought into order and held to what they promise; what cannot be priced is refused, never guessed."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from ingufu.core.errors import InvalidInput
from ingufu.tariffs.usage import ReservedTime, Stretch

LONGEST = timedelta(days=3660)  # ten years: beyond that a clock was wrong, and time bands would be cut a million times
_MOST_WH = Decimal(10) ** 15
_EARLIEST_YEAR, _LATEST_YEAR = 1970, 9000


def arranged(stretches: Sequence[Stretch]) -> Sequence[Stretch]:
    """Return the stretches oldest first, in UTC.

    Raises InvalidInput if there is a gap or an overlap between them, if one ends before it starts or lacks its time
    zone, and if its energy is negative or no number: a register that ran backwards is to be judged before.
    """
    if not stretches:
        return stretches
    stretches = _in_utc(stretches)
    end = stretches[0].started_at
    is_sorted = True
    for stretch in stretches:
        if stretch.started_at != end or stretch.ended_at <= end:
            is_sorted = False
            break
        end = stretch.ended_at
    if not is_sorted:
        stretches = _sorted(stretches)
    total_wh = Decimal(0)
    for stretch in stretches:
        energy_wh = stretch.energy_wh
        if not energy_wh >= 0:
            raise InvalidInput("The energy of a stretch is negative.", field="stretches.energy_wh")
        total_wh += energy_wh
    if not total_wh < _MOST_WH:
        raise InvalidInput("The energy of the session is beyond all measure.", field="stretches.energy_wh")
    _check_span(stretches[0].started_at, stretches[-1].ended_at, "stretches")
    return stretches


def reserved_stretch(reserved: ReservedTime) -> Stretch:
    """Return the reserved time as a stretch without energy. Raises InvalidInput if it ends before it starts."""
    return arranged((Stretch(started_at=reserved.started_at, ended_at=reserved.ended_at),))[0]


def _in_utc(stretches: Sequence[Stretch]) -> Sequence[Stretch]:
    if all(stretch.started_at.tzinfo is UTC and stretch.ended_at.tzinfo is UTC for stretch in stretches):
        return stretches
    return [
        Stretch(
            started_at=_utc(stretch.started_at),
            ended_at=_utc(stretch.ended_at),
            activity=stretch.activity,
            energy_wh=stretch.energy_wh,
            power_w=stretch.power_w,
            current_a=stretch.current_a,
        )
        for stretch in stretches
    ]


def _utc(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise InvalidInput("An instant of a stretch lacks its time zone.", field="stretches")
    return at.astimezone(UTC)


def _sorted(stretches: Sequence[Stretch]) -> Sequence[Stretch]:
    """Bring them into the one order that does not depend on that in which they came."""
    found = sorted(stretches, key=_order)
    end = found[0].started_at
    for stretch in found:
        if stretch.ended_at < stretch.started_at:
            raise InvalidInput("A stretch ends before it starts.", field="stretches.ended_at")
        if stretch.started_at != end:
            what = "is a gap" if stretch.started_at > end else "is an overlap"
            raise InvalidInput(f"There {what} between two stretches.", field="stretches.started_at")
        end = stretch.ended_at
    return found


def _order(stretch: Stretch) -> tuple[object, ...]:
    return (
        stretch.started_at,
        stretch.ended_at,
        stretch.activity,
        stretch.energy_wh,
        -1 if stretch.power_w is None else stretch.power_w,
        -1 if stretch.current_a is None else stretch.current_a,
    )


def _check_span(started_at: datetime, ended_at: datetime, field: str) -> None:
    if started_at.year < _EARLIEST_YEAR or ended_at.year > _LATEST_YEAR or ended_at - started_at > LONGEST:
        raise InvalidInput("The time of the session is beyond all measure.", field=field)
