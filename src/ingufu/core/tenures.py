"""In which time a site was whose: what came of it then stays that organisation's to see, and no one's after it."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

_DAY = timedelta(days=1)


class Tenure(NamedTuple):
    """The time in which an organisation had a site: from an instant on (None: from the first), before another."""

    site_id: str
    since: datetime | None = None
    until: datetime | None = None  # None: it has it still
    time_zone: str = "UTC"  # the site's, by which days are counted

    @property
    def first_day(self) -> date | None:
        """The first day that counts for it: the one on which it got the site; None: every one up to the last."""
        return None if self.since is None else self.since.astimezone(ZoneInfo(self.time_zone)).date()

    @property
    def last_day(self) -> date | None:
        """The last day that counts for it: that on which another got the site is the other's; None: no end."""
        return None if self.until is None else self.until.astimezone(ZoneInfo(self.time_zone)).date() - _DAY


class Span(NamedTuple):
    """Sites of which one sees the same time."""

    site_ids: frozenset[str]
    since: datetime | None = None
    until: datetime | None = None


class DaySpan(NamedTuple):
    """Sites of which one sees the same days."""

    site_ids: frozenset[str]
    first: date | None = None
    last: date | None = None


def spans(tenures: Iterable[Tenure]) -> tuple[Span, ...]:
    """Return the sites together that are seen for the same time: few conditions for many sites."""
    found: defaultdict[tuple[datetime | None, datetime | None], set[str]] = defaultdict(set)
    for one in tenures:
        found[one.since, one.until].add(one.site_id)
    return tuple(Span(frozenset(ids), *time) for time, ids in found.items())


def day_spans(tenures: Iterable[Tenure]) -> tuple[DaySpan, ...]:
    """Return the sites together that are seen for the same days."""
    found: defaultdict[tuple[date | None, date | None], set[str]] = defaultdict(set)
    for one in tenures:
        found[one.first_day, one.last_day].add(one.site_id)
    return tuple(DaySpan(frozenset(ids), *days) for days, ids in found.items())


def unbounded(site_ids: Collection[str]) -> tuple[Tenure, ...]:
    """Return the tenures of who sees sites whole, whenever it was."""
    return tuple(Tenure(site_id) for site_id in sorted(site_ids))
