"""Stations as the console's pages need them beyond the lists: choices of filters, what waits, connections."""

from datetime import datetime
from itertools import pairwise
from typing import Any

import msgspec
from sqlalchemy import func, select

from ingufu.infra.storage.database import Database
from ingufu.infra.storage.outbox import events
from ingufu.stations.model import Approval
from ingufu.stations.tables import stations
from ingufu.views.stations import SiteIds, seen

_CAME, _LEFT = "StationConnected", "StationDisconnected"
MAX_CHANGES = 2000  # a station that flaps more often in a week is shown by its latest changes


class Choices(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to choose from in the filters of stations."""

    vendors: tuple[str, ...]
    firmwares: tuple[str, ...]
    versions: tuple[str, ...]


class Connectivity(msgspec.Struct, frozen=True, kw_only=True):
    """When a station was connected: changes in order of time, and the share of the known time."""

    changes: tuple[tuple[datetime, str], ...]
    fraction: float | None  # None: nothing is known of the time


async def count_waiting(database: Database, site_ids: SiteIds) -> int:
    """Return how many stations wait for approval. One that is at no site yet is seen by those who see everything."""
    statement = select(func.count().label("number")).where(
        stations.c.approval == Approval.WAITING.value, seen(site_ids)
    )
    return int((await database.select(statement))[0]["number"])


async def count_all(database: Database, site_ids: SiteIds) -> int:
    """Return how many stations there are."""
    statement = select(func.count().label("number")).select_from(stations).where(seen(site_ids))
    return int((await database.select(statement))[0]["number"])


async def list_choices(database: Database, site_ids: SiteIds) -> Choices:
    """Return vendors, firmware versions and OCPP versions that occur."""
    columns = (stations.c.vendor, stations.c.firmware_version, stations.c.ocpp_version)
    rows = await database.select(select(*columns).where(seen(site_ids)).distinct())
    return Choices(
        vendors=_distinct(rows, "vendor"),
        firmwares=_distinct(rows, "firmware_version"),
        versions=_distinct(rows, "ocpp_version"),
    )


async def get_connectivity(
    database: Database, station_id: str, *, since: datetime, until: datetime, is_online: bool
) -> Connectivity:
    """Return when the station was connected between two instants, from what its connections left in its timeline."""
    own = (events.c.station_id == station_id, events.c.kind.in_((_CAME, _LEFT)))
    columns = (events.c.id, events.c.occurred_at, events.c.kind)
    inside = select(*columns).where(*own, events.c.occurred_at >= since).order_by(events.c.id.desc()).limit(MAX_CHANGES)
    rows = list(reversed(await database.select(inside)))
    before = select(*columns).where(*own, events.c.occurred_at < since).order_by(events.c.id.desc()).limit(1)
    rows = [*await database.select(before), *rows]
    changes = sorted((row["occurred_at"], "online" if row["kind"] == _CAME else "offline") for row in rows)
    if not changes and is_online:
        changes = [(since, "online")]
    return Connectivity(changes=tuple(changes), fraction=_fraction(changes, since, until))


def _fraction(changes: list[tuple[datetime, str]], since: datetime, until: datetime) -> float | None:
    online_s = known_s = 0.0
    for (began_at, state), (ended_at, _) in pairwise([*changes, (until, "")]):
        span_s = max(0.0, (min(ended_at, until) - max(began_at, since)).total_seconds())
        known_s += span_s
        online_s += span_s if state == "online" else 0.0
    return online_s / known_s if known_s else None


def _distinct(rows: list[dict[str, Any]], name: str) -> tuple[str, ...]:
    return tuple(sorted({row[name] for row in rows if row[name]}, key=str.casefold))
