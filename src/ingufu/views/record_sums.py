"""What charge records come to: whole days from the sums that the database keeps, the rest from the records."""

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, func, select

from ingufu.accounts.model import Held, OfFleet
from ingufu.billing.records.model import RecordKind
from ingufu.billing.records.tables import sums
from ingufu.infra.storage.database import Database
from ingufu.views import charge_records
from ingufu.views.charge_records import RecordQuery, Sum
from ingufu.views.stations import SiteIds
from ingufu.views.tenures import narrowed, spans_of

_ALL = "*"
_DAY = timedelta(days=1)
_AMOUNTS = ("energy_wh", "net", "tax", "gross")
_KEPT_BY = frozenset({"site_id", "kind", "currency", "since", "until", "sort", "limit", "cursor"})
replace = msgspec.structs.replace


async def sum_records(database: Database, query: RecordQuery, site_ids: SiteIds) -> tuple[Sum, ...]:
    """Return what the charge records that fit come to, by currency."""
    if isinstance(site_ids, Held):  # each site by the time in which it was one's own
        found: list[Sum] = []
        for span in spans_of(site_ids):
            since, until = narrowed(span, query.since, query.until)
            if since is None or until is None or since < until:
                found += await sum_records(database, replace(query, since=since, until=until), span.site_ids)
        return _together(found)
    others = set(RecordQuery.__struct_fields__) - _KEPT_BY
    if isinstance(site_ids, OfFleet) or any(getattr(query, name) is not None for name in others):
        return await charge_records.sum_records(database, query, site_ids)
    try:
        first = None if query.since is None else _day_from(query.since)
        beyond = None if query.until is None else _day_of(query.until)
    except OverflowError:  # at the ends of time
        return await charge_records.sum_records(database, query, site_ids)
    if first is not None and beyond is not None and first >= beyond:
        return await charge_records.sum_records(database, query, site_ids)
    found = [*await _of_days(database, query, site_ids, first, beyond)]
    if first is not None and query.since is not None and query.since < first:
        found += await charge_records.sum_records(database, replace(query, until=first), site_ids)
    if beyond is not None and query.until is not None and beyond < query.until:
        found += await charge_records.sum_records(database, replace(query, since=beyond), site_ids)
    return _together(found)


async def _of_days(
    database: Database, query: RecordQuery, site_ids: SiteIds, first: datetime | None, beyond: datetime | None
) -> list[Sum]:
    """Return what was issued on these days, the last one not counted."""
    conditions: list[ColumnElement[bool]] = [_of_places(query, site_ids)]
    if query.kind is not None:
        conditions.append(sums.c.kind == query.kind.value)
    if query.currency is not None:
        conditions.append(sums.c.currency == query.currency)
    if first is not None:
        conditions.append(sums.c.day >= _text(first))
    if beyond is not None:
        conditions.append(sums.c.day < _text(beyond))
    totals = [func.sum(sums.c[name]).label(name) for name in ("number", *_AMOUNTS)]
    statement = select(sums.c.currency, sums.c.kind, *totals).where(*conditions).group_by(sums.c.currency, sums.c.kind)
    return [_sum(row) for row in await database.select(statement)]


def _of_places(query: RecordQuery, site_ids: SiteIds) -> ColumnElement[bool]:
    chosen = set(query.site_id) if query.site_id else None
    if site_ids is not None:
        chosen = set(site_ids) if chosen is None else chosen & site_ids
    if chosen is None:
        return sums.c.place == _ALL
    return sums.c.place.in_(sorted(chosen - {_ALL, ""}))


def _sum(row: dict[str, Any]) -> Sum:
    sign = 1 if row["kind"] == RecordKind.CHARGE.value else -1  # of energy alone: amounts of credits are negative
    return Sum(
        currency=row["currency"],
        count=int(row["number"]),
        energy_wh=sign * row["energy_wh"],
        net=row["net"],
        tax=row["tax"],
        gross=row["gross"],
    )


def _together(found: list[Sum]) -> tuple[Sum, ...]:
    by_currency: dict[str, Sum] = {}
    for one in found:
        known = by_currency.get(one.currency)
        if known is None:
            by_currency[one.currency] = one
            continue
        added: dict[str, Decimal] = {name: getattr(known, name) + getattr(one, name) for name in _AMOUNTS}
        by_currency[one.currency] = replace(known, count=known.count + one.count, **added)
    return tuple(by_currency[currency] for currency in sorted(by_currency))


def _day_of(at: datetime) -> datetime:
    """Return when the day of this instant began."""
    return datetime.combine(at.astimezone(UTC).date(), time(), UTC)


def _day_from(at: datetime) -> datetime:
    """Return when the first whole day from this instant on begins."""
    day = _day_of(at)
    return day if day == at else day + _DAY


def _text(day: datetime) -> str:
    return day.date().isoformat()
