"""What was earned today, by currency, and how that compares with the same weekday before."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta
from sqlalchemy import ColumnElement, func, select, true

from ingufu.billing.records.tables import records
from ingufu.infra.storage.database import Database
from ingufu.views.stations import SiteIds
from ingufu.views.tenures import held

WEEK = timedelta(days=7)


class Takings(msgspec.Struct, frozen=True, kw_only=True):
    """What charge records of one currency come to that were issued within a span, credits taken off."""

    records: Annotated[int, Meta(description="Credits among them.")] = 0
    net: Decimal = Decimal(0)
    gross: Decimal = Decimal(0)


class Revenue(msgspec.Struct, frozen=True, kw_only=True):
    """Charge records issued today, of one currency."""

    currency: str
    today: Takings
    same_day_last_week_by_now: Annotated[Takings, Meta(description="Until the same time of day.")]


async def get_revenue(
    database: Database, site_ids: SiteIds, *, now: datetime, time_zone: str = "UTC"
) -> tuple[Revenue, ...]:
    """Return what the sites one may see have earned today and a week before, by currency.

    The day begins at midnight of the time zone. Records are of the site that their station stood in then.
    """
    local = now.astimezone(ZoneInfo(time_zone))
    begin = local.replace(hour=0, minute=0, second=0, microsecond=0)
    today = await _takings(database, site_ids, begin, None)
    before = await _takings(database, site_ids, begin - WEEK, local - WEEK)  # by the clock
    return tuple(
        Revenue(
            currency=currency,
            today=today.get(currency, Takings()),
            same_day_last_week_by_now=before.get(currency, Takings()),
        )
        for currency in sorted({*today, *before})
    )


async def _takings(database: Database, site_ids: SiteIds, begin: datetime, end: datetime | None) -> dict[str, Takings]:
    statement = (
        select(
            records.c.currency,
            func.count().label("records"),
            func.sum(records.c.net).label("net"),
            func.sum(records.c.gross).label("gross"),
        )
        .where(records.c.issued_at >= begin, _at_sites(site_ids))
        .group_by(records.c.currency)
    )
    if end is not None:
        statement = statement.where(records.c.issued_at < end)
    return {
        row["currency"]: Takings(records=row["records"], net=row["net"], gross=row["gross"])
        for row in await database.select(statement)
    }


def _at_sites(site_ids: SiteIds) -> ColumnElement[bool]:
    if site_ids is None:
        return true()
    return held(site_ids, records.c.site_id, records.c.issued_at)
