"""What happened at sites while they were one's own: before and after, it is another's to see."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, false, or_, true

from ingufu.accounts.model import Held
from ingufu.core.tenures import DaySpan, Span, day_spans, spans
from ingufu.views.stations import SiteIds


def sites_of(site_ids: frozenset[str]) -> frozenset[str]:
    """Return the sites of which one sees what happened, at least at some time."""
    return frozenset(one.site_id for one in site_ids.tenures) if isinstance(site_ids, Held) else site_ids


def now_of(site_ids: frozenset[str]) -> frozenset[str]:
    """Return the sites that one has now, each with all of one's own time there.

    Sessions are seen so: with their stations, and what is asked of these, they are of who has the site.
    """
    if not isinstance(site_ids, Held):
        return site_ids
    return type(site_ids)(site_ids, (one for one in site_ids.tenures if one.site_id in site_ids))


def held_now(site_ids: SiteIds, site: Any, at: Any) -> ColumnElement[bool]:
    """Return the condition that something was at a site that one has, in one's own time there."""
    return true() if site_ids is None else held(now_of(site_ids), site, at)


def is_bounded(site_ids: frozenset[str]) -> bool:
    """Return whether one sees only a part of what happened at some site."""
    return any(one.since is not None or one.until is not None for one in spans_of(site_ids))


def spans_of(site_ids: frozenset[str]) -> tuple[Span, ...]:
    """Return which time one sees of which sites, those of the same time together."""
    if isinstance(site_ids, Held):
        return spans(site_ids.tenures)
    return (Span(site_ids),) if site_ids else ()


def day_spans_of(site_ids: frozenset[str]) -> tuple[DaySpan, ...]:
    """Return which days one sees of which sites, those of the same days together."""
    if isinstance(site_ids, Held):
        return day_spans(site_ids.tenures)
    return (DaySpan(site_ids),) if site_ids else ()


def held(site_ids: frozenset[str], site: Any, at: Any) -> ColumnElement[bool]:
    """Return the condition that something was at a site when it was one's own."""
    own = spans_of(site_ids)
    parts = [and_(site.in_(sorted(one.site_ids)), *within(at, one.since, one.until)) for one in own]
    return and_(or_(*parts), *within(at, *hull(own))) if parts else false()


def hull(own: Sequence[Span]) -> tuple[datetime | None, datetime | None]:
    """Return the time outside of which there is nothing to see, so that an index begins and ends there."""
    begins = [one.since for one in own if one.since is not None]
    ends = [one.until for one in own if one.until is not None]
    return (min(begins) if len(begins) == len(own) > 0 else None), (max(ends) if len(ends) == len(own) > 0 else None)


def held_days(site_ids: frozenset[str], site: Any, day: Any) -> ColumnElement[bool]:
    """Return the condition that figures are of a site on a day when it was one's own; days are text, as kept."""
    parts = []
    for one in day_spans_of(site_ids):
        since = [] if one.first is None else [day >= one.first.isoformat()]
        until = [] if one.last is None else [day <= one.last.isoformat()]
        parts.append(and_(site.in_(sorted(one.site_ids)), *since, *until))
    return or_(*parts) if parts else false()


def within(at: Any, since: datetime | None, until: datetime | None) -> list[ColumnElement[bool]]:
    """Return the conditions that an instant lies in a time."""
    return [*([] if since is None else [at >= since]), *([] if until is None else [at < until])]


def narrowed(span: Span, since: datetime | None, until: datetime | None) -> tuple[datetime | None, datetime | None]:
    """Return the part of the time asked for that a span has; it may have none, and then ends before it begins."""
    begins = [one for one in (span.since, since) if one is not None]
    ends = [one for one in (span.until, until) if one is not None]
    return max(begins, default=None), min(ends, default=None)


def narrowed_days(span: DaySpan, first: date, last: date) -> tuple[date, date]:
    """Return the part of the days asked for that a span has; it may have none, and then ends before it begins."""
    return max(first, span.first or first), min(last, span.last or last)
