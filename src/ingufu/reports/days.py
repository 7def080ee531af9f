"""Days by a site's clock, which have 23, 24 or 25 hours. Pure."""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
ONE = timedelta(days=1)
EASTMOST, WESTMOST = timedelta(hours=14), timedelta(hours=12)  # how far a clock may be from UTC's
_HOUR = timedelta(hours=1)
_QUARTER = timedelta(minutes=15)  # no clock is shifted in smaller steps


def micros(at: datetime) -> int:
    """Return the microseconds since 1970."""
    return (at - EPOCH) // MICROSECOND


@lru_cache(maxsize=20_000)
def begin_of(day: date, zone: str) -> datetime:
    """Return the instant at which a day begins, in UTC."""
    return datetime.combine(day, time(0), ZoneInfo(zone)).astimezone(UTC)


@lru_cache(maxsize=4000)
def bounds(day: date, zone: str) -> tuple[datetime, datetime]:
    """Return when a day begins and when the next one does."""
    return begin_of(day, zone), begin_of(day + ONE, zone)


def day_of(at: datetime, zone: str) -> date:
    """Return the day that the clocks of a zone show."""
    return at.astimezone(ZoneInfo(zone)).date()


@lru_cache(maxsize=4000)
def hours_of(day: date, zone: str) -> tuple[tuple[int, int, int], ...]:
    """Return the hours of a day as (what the clock shows, begin, end), in microseconds since 1970.

    An hour that the clock shows twice is there twice; one that it leaves out is not.
    """
    begins, ends = bounds(day, zone)
    local, found = ZoneInfo(zone), []
    at = begins
    while at < ends:
        hour = at.astimezone(local).hour
        until = min(at + _QUARTER, ends)
        while until < ends and until.astimezone(local).hour == hour and until - at < _HOUR:
            until = min(until + _QUARTER, ends)
        found.append((hour, micros(at), micros(until)))
        at = until
    return tuple(found)


def days_between(first: date, last: date) -> list[date]:
    """Return the days from the first to the last, both of them too."""
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def month_of(day: date) -> str:
    return day.isoformat()[:7]


def month_ends(day: date) -> bool:
    """Whether the day is the last of its month."""
    return (day + ONE).month != day.month
