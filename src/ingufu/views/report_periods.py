"""Which days a report is of, and which kept totals they are put together from."""

from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, or_

from ingufu.core.errors import InvalidInput
from ingufu.reports.days import ONE
from ingufu.reports.model import DAY, MONTH

MAX_DAYS = 3 * 366
DEFAULT_DAYS = 30


def period_of(since: date | None, until: date | None, now: datetime) -> tuple[date, date]:
    """Return the first and the last day. Raises InvalidInput for one that ends before it begins, or is very long."""
    last = until or now.date()
    first = since or last - (DEFAULT_DAYS - 1) * ONE
    if last < first:
        raise InvalidInput("The last day lies before the first.", field="until")
    if (last - first).days >= MAX_DAYS or first.year < 2000 or last.year > 9000:
        raise InvalidInput("Ask for three years at most.", field="since")
    return first, last


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
