"""Which days a report is of, which ones it is compared with, and which kept totals they are put together from."""

import calendar
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, and_, or_

from ingufu.core.errors import InvalidInput
from ingufu.reports.days import ONE, month_ends
from ingufu.reports.model import DAY, MONTH

MAX_DAYS = 3 * 366
DEFAULT_DAYS = 30
_WEEK, _YEAR, _MONTHS = 7, 366, 12


class Compare(StrEnum):
    """What a period is compared with."""

    BEFORE = "before"  # as many days right before
    WEEKDAYS = "weekdays"  # as many days before, whole weeks earlier: the same weekdays
    MONTH = "month"  # the same days of the month before, or of as many months as the period touches
    YEAR = "year"  # the same days a year before


def period_of(since: date | None, until: date | None, now: datetime) -> tuple[date, date]:
    """Return the first and the last day. Raises InvalidInput for one that ends before it begins, or is very long."""
    last = until or now.date()
    first = since or last - (DEFAULT_DAYS - 1) * ONE
    if last < first:
        raise InvalidInput("The last day lies before the first.", field="until")
    if (last - first).days >= MAX_DAYS or first.year < 2000 or last.year > 9000:
        raise InvalidInput("Ask for three years at most.", field="since")
    return first, last


def earlier(since: date, until: date, compare: Compare) -> tuple[date, date]:
    """Return the days that a period is compared with; they end before it begins."""
    length = (until - since).days + 1
    match compare:
        case Compare.BEFORE:
            return since - length * ONE, since - ONE
        case Compare.WEEKDAYS:
            shift = -(-length // _WEEK) * _WEEK * ONE
            return since - shift, until - shift
        case Compare.MONTH:
            months = (until.year - since.year) * _MONTHS + until.month - since.month
            months = max(1, months + (until.day >= since.day))
            last = since - ONE if since.day == 1 and month_ends(until) else _months_before(until, months)
            return _months_before(since, months), last
        case Compare.YEAR:
            years = 1 + (length - 1) // _YEAR
            return _months_before(since, years * _MONTHS), _months_before(until, years * _MONTHS)


def on_days(table: Any, since: date, until: date) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions on rows of these days."""
    return (table.c.grain == DAY, table.c.period.between(since.isoformat(), until.isoformat()))


def within(table: Any, since: date, until: date) -> ColumnElement[bool]:
    """Return the condition on rows of a period: whole months by themselves, and the days around them."""
    first_month = since if since.day == 1 else _next_month(since)
    after = until + ONE
    end = after.replace(day=1)
    if first_month >= end:
        return and_(*on_days(table, since, until))
    months = and_(
        table.c.grain == MONTH, table.c.period.between(first_month.isoformat()[:7], (end - ONE).isoformat()[:7])
    )
    parts: list[ColumnElement[bool]] = [months]
    if since < first_month:
        parts.append(and_(*on_days(table, since, first_month - ONE)))
    if end <= until:
        parts.append(and_(*on_days(table, end, until)))
    return or_(*parts)


def _next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


def _months_before(day: date, months: int) -> date:
    """Return the same day some months earlier; the last of the month if it has no such day."""
    number = day.year * _MONTHS + day.month - 1 - months
    year, month = number // _MONTHS, number % _MONTHS + 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))
