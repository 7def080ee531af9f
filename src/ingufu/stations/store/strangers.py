"""Queries of strangers: stations that called without being known, and wait for a person to approve or refuse them."""

from collections import Counter
from datetime import datetime

from sqlalchemy import and_, bindparam, delete, exists, func, select

from ingufu.core.addresses import network_of
from ingufu.infra.storage.database import Database, Work
from ingufu.stations.model import Approval
from ingufu.stations.tables import evses, stations

PRUNED_AT_ONCE = 200

_IS_STRANGER = and_(  # it called without being known, and was never let in
    stations.c.approval == Approval.WAITING.value, stations.c.address.is_not(None), stations.c.ocpp_version.is_(None)
)
_IS_UNTOUCHED = and_(
    _IS_STRANGER,
    stations.c.name == stations.c.identity,
    stations.c.note == "",
    stations.c.site_id.is_(None),
    ~exists().where(evses.c.station_id == stations.c.id),
)
_CALLED_AT = func.coalesce(stations.c.last_seen_at, stations.c.created_at)
_BEFORE = bindparam("before", type_=stations.c.created_at.type)
_COUNT = select(func.count().label("n")).select_from(stations).where(_IS_STRANGER)
_UNTOUCHED = select(stations.c.id, stations.c.address).where(_IS_UNTOUCHED).order_by(_CALLED_AT, stations.c.id)
_SILENT = select(stations.c.id).where(_IS_UNTOUCHED, _CALLED_AT < _BEFORE).limit(bindparam("most"))
_REMOVE_SILENT = delete(stations).where(stations.c.id == bindparam("id_"), _IS_UNTOUCHED, _CALLED_AT < _BEFORE)
_REMOVE = delete(stations).where(stations.c.id == bindparam("id_"), _IS_UNTOUCHED)


async def count(database: Database) -> int:
    """Return how many stations wait that nobody entered."""
    row = await database.fetch_one(_COUNT)
    return int(row["n"]) if row else 0


async def to_make_way(database: Database, address: str) -> str | None:
    """Return who is to make way for one more from this address; None: no other has more, so nobody.

    It is the one that has not called for longest, of the address from which most wait; IPv6 addresses are counted by
    their network.
    """
    waiting = [(str(row["id"]), network_of(row["address"])) for row in await database.fetch_all(_UNTOUCHED)]
    count_from = Counter(origin for _, origin in waiting)
    crowded = max(count_from, key=count_from.__getitem__, default=None)
    if crowded is None or count_from[crowded] <= count_from[network_of(address)] + 1:
        return None
    return next(station_id for station_id, origin in waiting if origin == crowded)


def remove(work: Work, station_id: str) -> None:
    """Remove a station that waits; the unit is undone with Conflict if it is gone or a person has a hand in it."""
    work.execute(_REMOVE, {"id_": station_id}, expect=1)


async def prune(database: Database, before: datetime) -> list[str]:
    """Delete a portion of those that did not call since before, and return them; none: there are no more."""
    rows = await database.fetch_all(_SILENT, {"before": before, "most": PRUNED_AT_ONCE})
    async with database.work() as work:
        for row in rows:
            work.execute(_REMOVE_SILENT, {"id_": row["id"], "before": before})
    return [row["id"] for row in rows]
