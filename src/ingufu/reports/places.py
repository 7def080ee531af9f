"""Which EVSEs there are, since when, and where: what utilisation is a part of."""

from collections.abc import Iterable, Mapping

import msgspec
from sqlalchemy import and_, delete, exists, func, or_, select

from ingufu.infra.storage.database import Database, Row, Work
from ingufu.infra.storage.statements import upsert
from ingufu.reports.days import day_of
from ingufu.reports.tables import cells, evses, taking_cells
from ingufu.sites.tables import sites
from ingufu.stations.model import Approval
from ingufu.stations.tables import evses as built
from ingufu.stations.tables import stations

_site = func.coalesce(stations.c.site_id, "")
_zone = func.coalesce(sites.c.time_zone, "UTC")
_same = and_(evses.c.station_id == built.c.station_id, evses.c.evse == built.c.number)
_STANDING = (
    select(
        built.c.station_id,
        built.c.number.label("evse"),
        built.c.created_at,
        _site.label("site_id"),
        _zone.label("time_zone"),
        evses.c.station_id.label("known_id"),
        and_(evses.c.site_id == _site, evses.c.time_zone != _zone).label("has_other_clock"),
    )
    .select_from(
        built.join(stations, stations.c.id == built.c.station_id)
        .outerjoin(sites, sites.c.id == stations.c.site_id)
        .outerjoin(evses, _same)
    )
    .where(stations.c.approval == Approval.APPROVED.value)
)
_MOVED = _STANDING.where(or_(evses.c.station_id.is_(None), evses.c.site_id != _site, evses.c.time_zone != _zone))
_PUT = upsert(evses, ["station_id", "evse"])
_GONE = select(evses.c.station_id).where(~exists().where(_same)).limit(1)
_FORGET = delete(evses).where(~exists().where(_same))
_STANDS = exists().where(_same, stations.c.id == built.c.station_id, stations.c.approval == Approval.APPROVED.value)
_FORGET_OTHERS = delete(evses).where(~_STANDS)


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """An EVSE that is new, or stands elsewhere than when its figures were gathered."""

    station_id: str
    evse: int
    site_id: str
    time_zone: str
    created_day: str
    is_known: bool
    has_other_clock: bool  # where it stands, than when its figures were gathered


async def find_moved(database: Database) -> list[Moved]:
    """Return EVSEs that are not entered as they are now."""
    return _moved(await database.fetch_all(_MOVED))


async def find_standing(database: Database) -> list[Moved]:
    """Return all EVSEs as they are now."""
    return _moved(await database.fetch_all(_STANDING))


def _moved(rows: Iterable[Row]) -> list[Moved]:
    return [
        Moved(
            station_id=row["station_id"],
            evse=row["evse"],
            site_id=row["site_id"],
            time_zone=row["time_zone"],
            created_day=day_of(row["created_at"], row["time_zone"]).isoformat(),
            is_known=row["known_id"] is not None,
            has_other_clock=bool(row["has_other_clock"]),
        )
        for row in rows
    ]


async def days_of(database: Database, station_id: str) -> list[str]:
    """Return the days for which a station has figures."""
    statement = select(cells.c.day).where(cells.c.station_id == station_id).distinct()
    return [row["day"] for row in await database.select(statement)]


async def earning_days_of(database: Database, site_id: str) -> list[str]:
    """Return the days on which a site earned."""
    statement = select(taking_cells.c.day).where(taking_cells.c.site_id == site_id).distinct()
    return [row["day"] for row in await database.select(statement)]


async def first_days(database: Database, *, since: str = "") -> dict[tuple[str, int], str]:
    """Return the first day on which each EVSE was used; what was before `since` is not asked."""
    statement = (
        select(cells.c.station_id, cells.c.evse, func.min(cells.c.day).label("day"))
        .where(cells.c.day >= since)
        .group_by(cells.c.station_id, cells.c.evse)
    )
    return {(row["station_id"], row["evse"]): row["day"] for row in await database.select(statement)}


def enter(work: Work, moved: Iterable[Moved], first: Mapping[tuple[str, int], str]) -> None:
    """Enter EVSEs as they are now, since they were made or `first` used."""
    for one in moved:
        since = min(one.created_day, first.get((one.station_id, one.evse), one.created_day))
        values = {"station_id": one.station_id, "evse": one.evse, "site_id": one.site_id, "time_zone": one.time_zone}
        work.execute(_PUT, values | {"since": since})


async def are_gone(database: Database) -> bool:
    """Return whether EVSEs are entered that are gone."""
    return bool(await database.fetch_all(_GONE))


def forget_others(work: Work) -> None:
    """Let all EVSEs be gone but those of approved stations."""
    work.execute(_FORGET_OTHERS, {})


def forget_gone(work: Work) -> None:
    """Let EVSEs be gone that are."""
    work.execute(_FORGET, {})
