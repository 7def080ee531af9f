"""Sites with how their stations fare."""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta
from sqlalchemy import Select, func, or_, select, true

from ingufu.core.errors import NotFound
from ingufu.infra.storage.database import Database
from ingufu.sites.tables import sites
from ingufu.stations.model import Approval
from ingufu.stations.tables import stations
from ingufu.views.paging import Order, Page, cut, ordered
from ingufu.views.stations import Cursor, Limit, SiteIds, contains


class SiteQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which sites, in which order."""

    q: Annotated[str, Meta(max_length=200, description="Part of name, city or address.")] = ""
    sort: Literal["name", "-name", "created_at", "-created_at"] = "name"
    limit: Limit = 50
    cursor: Cursor | None = None


class SiteRow(msgspec.Struct, frozen=True, kw_only=True):
    """A place with stations."""

    id: str
    organisation_id: str
    name: str
    address: str
    city: str
    country: Annotated[str, Meta(description="ISO 3166-1 alpha-2.")]
    latitude: float | None = None
    longitude: float | None = None
    time_zone: Annotated[str, Meta(description="IANA name.")]
    created_at: datetime
    station_count: int = 0
    online_count: int = 0


async def list_sites(database: Database, query: SiteQuery, site_ids: SiteIds) -> Page[SiteRow]:
    """Return one page of the sites that one may see."""
    name = query.sort.removeprefix("-")
    column, kind = {"name": (sites.c.name_key, str), "created_at": (sites.c.created_at, datetime)}[name]
    order = Order(column, kind, sites.c.id, name=name, is_descending=query.sort.startswith("-"))
    statement = _rows(site_ids)
    if query.q:
        statement = statement.where(
            or_(*(contains(text, query.q) for text in (sites.c.name, sites.c.city, sites.c.address)))
        )
    rows = await database.select(ordered(statement, order, cursor=query.cursor, limit=query.limit))
    rows, cursor = cut(rows, order, query.limit)
    return Page(items=tuple(msgspec.convert(row, SiteRow) for row in rows), next=cursor)


async def get_site(database: Database, site_id: str, site_ids: SiteIds) -> SiteRow:
    """Return the site. Raises NotFound, also if it is not one's to see."""
    rows = await database.select(_rows(site_ids).where(sites.c.id == site_id))
    if not rows:
        raise NotFound("There is no such site.")
    return msgspec.convert(rows[0], SiteRow)


async def has_stations(database: Database, site_id: str) -> bool:
    """Return whether any station stands there, whether approved or not."""
    return bool(await database.select(select(stations.c.id).where(stations.c.site_id == site_id).limit(1)))


def _rows(site_ids: SiteIds) -> Select[Any]:
    here = (stations.c.site_id == sites.c.id, stations.c.approval == Approval.APPROVED.value)
    counted = select(func.count()).select_from(stations).where(*here)  # of the sites that are shown, not of all
    chosen = [sites.c[name] for name in SiteRow.__struct_fields__ if name in sites.columns]
    may_see = true() if site_ids is None else sites.c.id.in_(sorted(site_ids))
    return (
        select(
            *chosen,
            counted.scalar_subquery().label("station_count"),
            counted.where(stations.c.is_online.is_(True)).scalar_subquery().label("online_count"),
        )
        .select_from(sites)
        .where(may_see)
    )
