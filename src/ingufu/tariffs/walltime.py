"""What clocks on the wall of a site show: the stretches of a day in which they run evenly, as instants."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from ingufu.core.errors import InvalidInput

_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)
_SECOND = timedelta(seconds=1)


def zone_named(name: str) -> ZoneInfo:
    """Return the zone of an IANA name. Raises InvalidInput for what is none."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:  # unknown, no path at all, a folder
        raise InvalidInput(
            f"“{name[:64]}” is not a time zone. Give its IANA name, for instance Africa/Kigali."
        ) from error


@lru_cache(maxsize=4096)
def even_parts(zone: str, day: date) -> tuple[tuple[datetime, datetime, timedelta], ...]:
    """Return the parts of a UTC day with one offset each: from, until, and what is to be added for local time.

    Clocks are put forward and back at any second; found by looking at each hour, then by halving the hour.
    """
    timezone = zone_named(zone)
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    next_midnight = midnight + _DAY
    parts: list[tuple[datetime, datetime, timedelta]] = []
    began_at, offset = midnight, _offset(midnight, timezone)
    for hour in range(1, 25):
        hour_at = midnight + hour * _HOUR
        after = _offset(hour_at, timezone)
        if after != offset:
            change_at = _change_between(hour_at - _HOUR, hour_at, timezone)
            if change_at < next_midnight:
                parts.append((began_at, change_at, offset))
                began_at, offset = change_at, after
    return (*parts, (began_at, next_midnight, offset))


def wall_cuts(zone: str, day: date, walls: tuple[timedelta, ...]) -> Iterator[tuple[datetime, datetime]]:
    """Yield each instant of a UTC day at which a clock of the site shows one of `walls`, or is changed, oldest first.

    `walls` count from midnight and hold midnight itself. With each comes what the clock shows then, without a zone.
    The day's own start is the first.
    """
    for part_from, part_until, offset in even_parts(zone, day):
        shown_from = (part_from + offset).replace(tzinfo=None)
        shown_until = (part_until + offset).replace(tzinfo=None)
        yield part_from, shown_from
        midnight = shown_from.replace(hour=0, minute=0, second=0, microsecond=0)
        while midnight < shown_until:
            for wall in walls:
                shown = midnight + wall
                if shown_from < shown < shown_until:
                    yield (shown - offset).replace(tzinfo=UTC), shown
            midnight += _DAY


def _offset(at: datetime, timezone: ZoneInfo) -> timedelta:
    return at.astimezone(timezone).utcoffset() or timedelta(0)


def _change_between(low_at: datetime, high_at: datetime, timezone: ZoneInfo) -> datetime:
    """Return the first second of the later offset."""
    before = _offset(low_at, timezone)
    while high_at - low_at > _SECOND:
        middle = low_at + ((high_at - low_at) // 2 // _SECOND) * _SECOND
        if _offset(middle, timezone) == before:
            low_at = middle
        else:
            high_at = middle
    return high_at
