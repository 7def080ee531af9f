"""Sites as the console needs them: their names for filters, their zones for times, their state for the map."""

from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Select, case, func, literal_column, select, true

from ingufu.charging.tables import transactions
from ingufu.infra.storage.database import Database
from ingufu.sites.tables import sites
from ingufu.stations.model import Approval, ConnectorStatus
from ingufu.stations.tables import connectors, stations
from ingufu.views.stations import SiteIds, seen


class SitePlace(msgspec.Struct, frozen=True, kw_only=True):
    """A site's name, place and zone."""

    id: str
    name: str
    city: str = ""
    country: str = ""
    latitude: float | None = None
    longitude: float | None = None
    time_zone: str = "UTC"


class SiteState(SitePlace, frozen=True, kw_only=True):
    """A site and how its stations are."""

    station_count: int = 0
    online_count: int = 0
    faulted_count: int = 0
    charging_count: int = 0  # transactions that run
    power_w: float = 0.0

    @property
    def tone(self) -> str:
        """Return the tone of its marker: the most pressing of what its stations are."""
        if self.faulted_count:
            return "bad"
        if self.online_count < self.station_count:
            return "idle" if not self.online_count else "wait"
        if self.charging_count:
            return "active"
        return "ok" if self.station_count else "idle"


def is_faulted() -> ColumnElement[bool]:
    """Return the condition that a connector reports a fault, in the words of the partial index."""
    fault: ColumnElement[str] = literal_column(f"'{ConnectorStatus.FAULTED.value}'")
    return connectors.c.status == fault


def approved_of_them() -> ColumnElement[bool]:
    """Return the condition that a station is approved, where few were found already: not by the index of them all."""
    return stations.c.approval.concat("") == Approval.APPROVED.value


_PLACE = [sites.c[name] for name in SitePlace.__struct_fields__]


async def list_places(database: Database, site_ids: SiteIds) -> tuple[SitePlace, ...]:
    """Return the sites that one may see, by name."""
    statement = select(*_PLACE).order_by(sites.c.name_key)
    if site_ids is not None:
        statement = statement.where(sites.c.id.in_(sorted(site_ids)))
    return tuple(msgspec.convert(row, SitePlace) for row in await database.select(statement))


async def list_states(database: Database, site_ids: SiteIds) -> tuple[SiteState, ...]:
    """Return the sites that one may see with the state of their stations, by name."""
    places = await list_places(database, site_ids)
    counted = _by_site(await database.select(_counts(site_ids)))
    faulted = _by_site(await database.select(_faulted(site_ids)))
    running = _by_site(await database.select(_running(site_ids)))
    return tuple(
        SiteState(
            **msgspec.structs.asdict(place),
            station_count=counted.get(place.id, {}).get("station_count", 0),
            online_count=counted.get(place.id, {}).get("online_count", 0),
            faulted_count=faulted.get(place.id, {}).get("faulted_count", 0),
            charging_count=running.get(place.id, {}).get("charging_count", 0),
            power_w=running.get(place.id, {}).get("power_w") or 0.0,
        )
        for place in places
    )


def _counts(site_ids: SiteIds) -> Select[Any]:
    online = func.sum(case((stations.c.is_online.is_(True), 1), else_=0))
    return (
        select(stations.c.site_id, func.count().label("station_count"), online.label("online_count"))
        .where(stations.c.approval == Approval.APPROVED.value, seen(site_ids))
        .group_by(stations.c.site_id)
    )


def _faulted(site_ids: SiteIds) -> Select[Any]:
    return (
        select(stations.c.site_id, func.count(stations.c.id.distinct()).label("faulted_count"))
        .select_from(connectors.join(stations, stations.c.id == connectors.c.station_id))
        .where(
            is_faulted(),
            stations.c.is_online.is_(True),
            approved_of_them(),
            seen(site_ids),
        )
        .group_by(stations.c.site_id)
    )


def _running(site_ids: SiteIds) -> Select[Any]:
    return (
        select(
            stations.c.site_id,
            func.count().label("charging_count"),
            func.sum(transactions.c.power_w).label("power_w"),
        )
        .select_from(transactions.join(stations, stations.c.id == transactions.c.station_id))
        .where(transactions.c.is_open.is_(True), seen(site_ids) if site_ids is not None else true())
        .group_by(stations.c.site_id)
    )


def _by_site(rows: Iterable[dict[str, Any]]) -> dict[str | None, dict[str, Any]]:
    return {row["site_id"]: row for row in rows}
