"""The network in a few figures: what is online, what charges, and how today compares with the same weekday before."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta
from sqlalchemy import ColumnElement, and_, case, exists, func, or_, select, true

from ingufu.charging.tables import transactions
from ingufu.infra.storage.database import Database
from ingufu.stations.model import Approval, ConnectorStatus
from ingufu.stations.tables import connectors, stations
from ingufu.views.revenue import WEEK, Revenue
from ingufu.views.stations import SiteIds, seen
from ingufu.views.transactions import in_own_time

STALE = timedelta(hours=1)  # a power that was reported before is no power now


class DayFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Sessions that began within a span, and what they have charged."""

    sessions: int
    energy_wh: Decimal


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """The network now and today."""

    at: datetime
    stations: Annotated[int, Meta(description="Approved ones.")]
    online: int
    offline: int
    faulted: Annotated[int, Meta(description="Online with a fault.")]
    waiting: Annotated[int, Meta(description="Unknown ones that wait for approval.")]
    charging: Annotated[int, Meta(description="Open transactions.")]
    power_w: Annotated[float, Meta(description="What they draw now, as last reported within the hour.")]
    today: DayFigures
    same_day_last_week: DayFigures
    same_day_last_week_by_now: Annotated[DayFigures, Meta(description="Until the same time of day.")]
    revenue: Annotated[
        tuple[Revenue, ...] | None, Meta(description="By currency; null for those who may not see money.")
    ] = None


async def get_overview(database: Database, site_ids: SiteIds, *, now: datetime, time_zone: str = "UTC") -> Overview:
    """Return the figures of the sites one may see; the day begins at midnight of the time zone."""
    station = await _count_stations(database, site_ids)
    running = await _running(database, site_ids, now)
    local = now.astimezone(ZoneInfo(time_zone))
    today = local.replace(hour=0, minute=0, second=0, microsecond=0)
    before = today - WEEK  # wall-clock arithmetic: the same midnight by the clock, whatever the hour's shift
    return Overview(
        at=now,
        **station,
        charging=running["charging"],
        power_w=float(running["power_w"] or 0),
        today=await _day(database, site_ids, today, now + timedelta(days=1)),
        same_day_last_week=await _day(database, site_ids, before, before + timedelta(days=1)),
        same_day_last_week_by_now=await _day(database, site_ids, before, local - WEEK),
    )


def _number(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)


async def _count_stations(database: Database, site_ids: SiteIds) -> dict[str, Any]:
    is_ours = stations.c.approval == Approval.APPROVED.value
    is_online = and_(is_ours, stations.c.is_online.is_(True))
    faulted = ConnectorStatus.FAULTED.value
    has_fault = exists().where(connectors.c.station_id == stations.c.id, connectors.c.status == faulted)
    statement = select(
        _number(is_ours).label("stations"),
        _number(is_online).label("online"),
        _number(and_(is_ours, stations.c.is_online.is_(False))).label("offline"),
        _number(and_(is_online, or_(stations.c.status == faulted, has_fault))).label("faulted"),
        _number(stations.c.approval == Approval.WAITING.value).label("waiting"),
    ).where(seen(site_ids))
    return {name: int(value) for name, value in (await database.select(statement))[0].items()}


async def _running(database: Database, site_ids: SiteIds, now: datetime) -> dict[str, Any]:
    is_fresh = transactions.c.last_reading_at >= now - STALE
    statement = select(
        func.count().label("charging"),
        func.sum(case((is_fresh, transactions.c.power_w), else_=0)).label("power_w"),
    ).where(transactions.c.is_open.is_(True), _at_sites(site_ids))
    return (await database.select(statement))[0]


async def _day(database: Database, site_ids: SiteIds, begin: datetime, end: datetime) -> DayFigures:
    statement = select(func.count().label("sessions"), func.sum(transactions.c.energy_wh).label("energy_wh")).where(
        transactions.c.started_at >= begin, transactions.c.started_at < end, _at_sites(site_ids)
    )
    row = (await database.select(statement))[0]
    return DayFigures(sessions=row["sessions"], energy_wh=row["energy_wh"] or Decimal(0))


def _at_sites(site_ids: SiteIds) -> ColumnElement[bool]:
    if site_ids is None:
        return true()
    # concat: by time or by being open, never by station, which the sites may have by the thousand
    places = select(stations.c.id).where(seen(site_ids))
    return and_(transactions.c.station_id.concat("").in_(places), *in_own_time(site_ids))
