"""Stretches brought into order and held to what they promise; what cannot be priced is refused, never guessed."""

from collections.abc import Sequence
from datetime import UTC, timedelta
from decimal import Decimal

from ingufu.core.errors import InvalidInput
from ingufu.tariffs.usage import ReservedTime, Stretch

LONGEST = timedelta(days=3660)  # ten years: beyond that a clock was wrong, and time bands would be cut a million times
_NOTHING = Decimal(0)
_MOST_WH = Decimal(10) ** 15
_EARLIEST_YEAR, _LATEST_YEAR = 1970, 9000


def arranged(stretches: Sequence[Stretch]) -> Sequence[Stretch]:
    """Return the stretches oldest first, in UTC.

    Raises InvalidInput if there is a gap or an overlap between them, if one ends before it starts or lacks its time
    zone, and if its energy is negative or no number: a register that ran backwards is to be judged before.
    """
    if not stretches:
        return stretches
    if not _is_arranged(stretches):
        stretches = _sorted([_checked(stretch) for stretch in stretches])
    started_at, ended_at = stretches[0].started_at, stretches[-1].ended_at
    if started_at.year < _EARLIEST_YEAR or ended_at.year > _LATEST_YEAR or ended_at - started_at > LONGEST:
        raise InvalidInput("The time of the session is beyond all measure.", field="stretches")
    return stretches


def reserved_stretch(reserved: ReservedTime) -> Stretch:
    """Return the reserved time as a stretch without energy. Raises InvalidInput if it ends before it starts."""
    return arranged((Stretch(started_at=reserved.started_at, ended_at=reserved.ended_at),))[0]


def _is_arranged(stretches: Sequence[Stretch]) -> bool:
    """Return whether there is nothing to do; quick, since nearly all usages are so."""
    end = stretches[0].started_at
    if end.tzinfo is not UTC:
        return False
    for stretch in stretches:
        ended_at = stretch.ended_at
        if stretch.started_at != end or ended_at.tzinfo is not UTC or ended_at <= end:
            return False
        if not _NOTHING <= stretch.energy_wh < _MOST_WH:
            return False
        end = ended_at
    return True


def _checked(stretch: Stretch) -> Stretch:
    """Return the stretch with its instants in UTC. Raises InvalidInput for what no stretch has."""
    if stretch.started_at.tzinfo is None or stretch.ended_at.tzinfo is None:
        raise InvalidInput("An instant of a stretch lacks its time zone.", field="stretches")
    if not stretch.energy_wh >= 0:
        raise InvalidInput("The energy of a stretch is negative.", field="stretches.energy_wh")
    if not stretch.energy_wh < _MOST_WH:
        raise InvalidInput("The energy of the session is beyond all measure.", field="stretches.energy_wh")
    return Stretch(
        started_at=stretch.started_at.astimezone(UTC),
        ended_at=stretch.ended_at.astimezone(UTC),
        activity=stretch.activity,
        energy_wh=stretch.energy_wh,
        power_w=stretch.power_w,
        current_a=stretch.current_a,
    )


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
