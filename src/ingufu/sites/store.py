"""Every query of sites."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import bindparam, delete, func, select, update

from ingufu.core.tenures import Tenure
from ingufu.infra.storage.database import Database, Row, Work
from ingufu.infra.storage.statements import insert
from ingufu.sites.model import Site
from ingufu.sites.tables import sites, tenures

_ALL = select(sites).order_by(sites.c.name_key)
_BY_ID = select(sites).where(sites.c.id == bindparam("id_"))
_BY_NAME = select(sites).where(sites.c.name_key == bindparam("key"))
_IDS_OF = select(sites.c.id).where(sites.c.organisation_id == bindparam("organisation_id"))
_ADD = insert(sites)
_HAND_OVER = (
    update(sites)
    .where(sites.c.id == bindparam("id_"), sites.c.organisation_id == bindparam("before"))
    .values(organisation_id=bindparam("after"))
)
_TENURES_OF = (
    select(tenures.c.site_id, tenures.c.since, tenures.c.until, func.coalesce(sites.c.time_zone, "UTC").label("zone"))
    .select_from(tenures.outerjoin(sites, sites.c.id == tenures.c.site_id))
    .where(tenures.c.organisation_id == bindparam("organisation_id"))
    .order_by(tenures.c.site_id, tenures.c.id)
)
_BEGIN = insert(tenures)
_END = (
    update(tenures)
    .where(tenures.c.site_id == bindparam("site"), tenures.c.until.is_(None))
    .values(until=bindparam("until_"))
)
_REMOVE = delete(sites).where(sites.c.id == bindparam("id_"))


async def all_sites(database: Database) -> list[Site]:
    return msgspec.convert(await database.fetch_all(_ALL), list[Site])


async def by_id(database: Database, site_id: str) -> Site | None:
    return _site(await database.fetch_one(_BY_ID, {"id_": site_id}))


async def by_name(database: Database, name_key: str) -> Site | None:
    return _site(await database.fetch_one(_BY_NAME, {"key": name_key}))


async def ids_of(database: Database, organisation_id: str) -> frozenset[str]:
    return frozenset(row["id"] for row in await database.fetch_all(_IDS_OF, {"organisation_id": organisation_id}))


async def tenures_of(database: Database, organisation_id: str) -> tuple[Tenure, ...]:
    """Return in which time each site was the organisation's."""
    rows = await database.fetch_all(_TENURES_OF, {"organisation_id": organisation_id})
    return tuple(Tenure(row["site_id"], row["since"], row["until"], row["zone"]) for row in rows)


def add(work: Work, site: Site, name_key: str, tenure_id: str) -> None:
    """Add the site; the unit is undone with Conflict if its name is taken."""
    work.execute(_ADD, msgspec.structs.asdict(site) | {"name_key": name_key})
    begin(work, tenure_id, site.id, site.organisation_id, None)


def change(work: Work, site_id: str, values: Mapping[str, Any]) -> None:
    work.execute_once(update(sites).where(sites.c.id == site_id).values(**values), expect=1)


def hand_over(work: Work, site_id: str, before: str, after: str) -> None:
    """Give the site to another organisation; the unit is undone with Conflict unless it is `before`'s."""
    work.execute(_HAND_OVER, {"id_": site_id, "before": before, "after": after}, expect=1)


def begin(work: Work, tenure_id: str, site_id: str, organisation_id: str, since: datetime | None) -> None:
    """Note since when the site is the organisation's."""
    values = {"id": tenure_id, "site_id": site_id, "organisation_id": organisation_id, "since": since, "until": None}
    work.execute(_BEGIN, values)


def end(work: Work, site_id: str, until: datetime) -> None:
    """Note that the site is nobody's from then on, unless another has it."""
    work.execute(_END, {"site": site_id, "until_": until}, expect=1)


def remove(work: Work, site_id: str) -> None:
    work.execute(_REMOVE, {"id_": site_id}, expect=1)


def _site(row: Row | None) -> Site | None:
    return None if row is None else msgspec.convert(row, Site)
