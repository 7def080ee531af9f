"""The network at a glance: how many stations are how, what charges, what needs a person."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Select, and_, case, func, literal, literal_column, or_, select

from ingufu.charging.tables import transactions
from ingufu.infra.storage.database import Database
from ingufu.infra.storage.outbox import events
from ingufu.sites.tables import sites
from ingufu.stations.model import Approval, ConnectorStatus
from ingufu.stations.tables import connectors, stations
from ingufu.views.stations import SiteIds, seen
from ingufu.views.timeline import EventRow


class StationCounts(msgspec.Struct, frozen=True, kw_only=True):
    """How the stations of the network are. Faulted ones are online, too."""

    online: int = 0
    offline: int = 0
    faulted: int = 0
    waiting: int = 0

    @property
    def approved(self) -> int:
        return self.online + self.offline


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """What charges now."""

    count: int = 0
    power_w: float = 0.0


class Delivered(msgspec.Struct, frozen=True, kw_only=True):
    """Sessions that began in a time, and their energy so far."""

    session_count: int = 0
    energy_wh: Decimal = Decimal(0)


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """Something at a station that a person should look at."""

    station_id: str
    identity: str
    name: str = ""
    site_name: str | None = None
    at: datetime | None = None
    evse: int | None = None
    code: str = ""  # of the error
    info: str = ""
    transaction_id: str | None = None
    number: int = 0  # of anomalies


class Troubles(msgspec.Struct, frozen=True, kw_only=True):
    """The latest of one kind of trouble, and how many there are in all."""

    total: int = 0
    latest: tuple[Trouble, ...] = ()


FEED_KINDS = (
    "StationConnected", "StationDisconnected", "StationBooted", "StationDiscovered", "FirmwareChanged",
    "SecurityEventReported", "CommandAnswered", "TransactionStarted", "TransactionEnded", "TransactionCorrected",
    "AnomalySeen",
)  # fmt: skip
_FAULTY = ('"after":"faulted"', '"before":"faulted"')  # of StatusChanged, the only ones worth a line


async def count_stations(database: Database, site_ids: SiteIds) -> StationCounts:
    """Return how the stations are that one may see."""
    statement = (
        select(stations.c.approval, stations.c.is_online, func.count().label("number"))
        .where(seen(site_ids))
        .group_by(stations.c.approval, stations.c.is_online)
    )
    numbers = {(row["approval"], row["is_online"]): row["number"] for row in await database.select(statement)}
    faulted = (
        select(func.count(stations.c.id.distinct()).label("number")).select_from(_plugs()).where(*_broken(site_ids))
    )
    return StationCounts(
        online=numbers.get((Approval.APPROVED, True), 0),
        offline=numbers.get((Approval.APPROVED, False), 0),
        waiting=sum(number for (approval, _), number in numbers.items() if approval == Approval.WAITING),
        faulted=(await database.select(faulted))[0]["number"],
    )


async def sum_running(database: Database, site_ids: SiteIds, *, fresh_since: datetime) -> Running:
    """Return what charges now. A power that was not told since `fresh_since` is too old to be counted."""
    power = case((transactions.c.last_reading_at >= fresh_since, transactions.c.power_w), else_=None)
    statement = select(func.count().label("number"), func.sum(power).label("power_w")).where(
        transactions.c.is_open.is_(True), *_at_sites(site_ids)
    )
    row = (await database.select(statement))[0]
    return Running(count=row["number"], power_w=row["power_w"] or 0.0)


async def sum_delivered(database: Database, site_ids: SiteIds, *, since: datetime, until: datetime) -> Delivered:
    """Return the sessions that began between two instants."""
    statement = select(func.count().label("number"), func.sum(transactions.c.energy_wh).label("energy_wh")).where(
        transactions.c.started_at >= since, transactions.c.started_at < until, *_at_sites(site_ids)
    )
    row = (await database.select(statement))[0]
    return Delivered(session_count=row["number"], energy_wh=row["energy_wh"] or Decimal(0))


async def find_faulted(database: Database, site_ids: SiteIds, *, limit: int) -> Troubles:
    """Return the connectors that report a fault, the latest first."""
    chosen = (
        connectors.c.evse,
        connectors.c.status_at.label("at"),
        func.coalesce(connectors.c.error_code, "").label("code"),
        func.coalesce(connectors.c.error_info, "").label("info"),
    )
    statement = _stations(_plugs(), *chosen).where(*_broken(site_ids)).order_by(connectors.c.status_at.desc())
    return await _found(database, statement, limit)


async def find_waiting(database: Database, site_ids: SiteIds, *, limit: int) -> Troubles:
    """Return the stations that wait for approval, the latest first."""
    statement = _stations(stations, stations.c.created_at.label("at")).where(
        stations.c.approval == Approval.WAITING.value, seen(site_ids)
    )
    return await _found(database, statement.order_by(stations.c.created_at.desc()), limit)


async def find_offline(database: Database, site_ids: SiteIds, *, gone_before: datetime, limit: int) -> Troubles:
    """Return the stations that were connected once and are gone since `gone_before` or longer, the latest first."""
    statement = _stations(stations, stations.c.online_changed_at.label("at")).where(
        stations.c.approval == Approval.APPROVED.value,
        stations.c.is_online.is_(False),
        stations.c.is_operative.is_(True),
        stations.c.online_changed_at < gone_before,
        seen(site_ids),
    )
    return await _found(database, statement.order_by(stations.c.online_changed_at.desc()), limit)


async def find_odd_sessions(database: Database, site_ids: SiteIds, *, since: datetime, limit: int) -> Troubles:
    """Return the sessions that began since and have anomalies, the latest first."""
    chosen = (
        transactions.c.started_at.label("at"),
        transactions.c.evse,
        transactions.c.id.label("transaction_id"),
        transactions.c.anomaly_count.label("number"),
    )
    statement = _stations(transactions.join(stations, stations.c.id == transactions.c.station_id), *chosen).where(
        transactions.c.anomaly_count > literal_column("0"), transactions.c.started_at >= since, seen(site_ids)
    )
    return await _found(database, statement.order_by(transactions.c.started_at.desc()), limit)


async def list_feed(database: Database, site_ids: SiteIds, *, limit: int) -> tuple[EventRow, ...]:
    """Return the latest events that tell people something, the newest first."""
    faults = or_(*(events.c.details.contains(text, autoescape=True) for text in _FAULTY))
    statement = (
        select(
            *(events.c[name] for name in ("id", "kind", "occurred_at", "station_id", "transaction_id", "details")),
            stations.c.identity.label("station_identity"),
            stations.c.site_id,
        )
        .select_from(events.outerjoin(stations, stations.c.id == events.c.station_id))
        .where(or_(events.c.kind.in_(FEED_KINDS), and_(events.c.kind == "StatusChanged", faults)), seen(site_ids))
        .order_by(events.c.id.desc())
        .limit(limit)
    )
    return tuple(msgspec.convert(row, EventRow) for row in await database.select(statement))


def _plugs() -> Any:  # a join, whose type SQLAlchemy does not name
    return connectors.join(stations, stations.c.id == connectors.c.station_id)


def _broken(site_ids: SiteIds) -> tuple[ColumnElement[bool], ...]:
    return (
        connectors.c.status == ConnectorStatus.FAULTED.value,
        stations.c.is_online.is_(True),
        stations.c.approval == Approval.APPROVED.value,
        seen(site_ids),
    )


def _at_sites(site_ids: SiteIds) -> tuple[ColumnElement[bool], ...]:
    if site_ids is None:
        return ()
    return (transactions.c.station_id.in_(select(stations.c.id).where(seen(site_ids))),)


def _stations(source: Any, *chosen: ColumnElement[Any]) -> Select[Any]:  # a table or a join of it
    return select(
        stations.c.id.label("station_id"),
        stations.c.identity,
        stations.c.name,
        sites.c.name.label("site_name"),
        *chosen,
    ).select_from(source.outerjoin(sites, sites.c.id == stations.c.site_id))


async def _found(database: Database, statement: Select[Any], limit: int) -> Troubles:
    rows = await database.select(statement.limit(limit))
    total = len(rows)
    if total == limit:
        inner = statement.order_by(None).with_only_columns(literal(1).label("one")).subquery()
        total = (await database.select(select(func.count().label("number")).select_from(inner)))[0]["number"]
    return Troubles(total=total, latest=tuple(msgspec.convert(row, Trouble) for row in rows))
