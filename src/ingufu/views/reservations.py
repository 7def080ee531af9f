"""Reservations as lists show them, with their stations."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from sqlalchemy import ColumnElement, Select, select

from ingufu.authorization.decide import MASK, is_secret
from ingufu.core.errors import NotFound
from ingufu.infra.storage.database import Database
from ingufu.reservations.model import PENDING, ReservationStatus
from ingufu.reservations.tables import reservations
from ingufu.sites.tables import sites
from ingufu.stations.tables import stations
from ingufu.views.paging import Order, Page, cut, ordered
from ingufu.views.personal import as_seen
from ingufu.views.stations import Cursor, Limit, SiteIds, named
from ingufu.views.tenures import held_now
from ingufu.views.transactions import Instant


class ReservationQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which reservations, the newest first."""

    station: Annotated[str, Meta(max_length=100, description="Id or identity of the station.")] | None = None
    site_id: Annotated[str, Meta(max_length=100)] | None = None
    token_id: Annotated[str, Meta(max_length=100)] | None = None
    status: ReservationStatus | None = None
    is_pending: Annotated[bool | None, Meta(description="Whether a place may still be held.")] = None
    since: Annotated[Instant | None, Meta(description="Made at this instant or later.")] = None
    until: Annotated[Instant | None, Meta(description="Made before this instant.")] = None
    limit: Limit = 50
    cursor: Cursor | None = None


class ReservationRow(msgspec.Struct, frozen=True, kw_only=True):
    """A reservation with its station."""

    id: Annotated[int, Meta(description="What the station knows it by.")]
    station_id: str
    station_identity: str | None = None
    station_name: str | None = None
    time_zone: str = "UTC"
    evse: Annotated[int | None, Meta(description="null: any, or any with the kind of plug.")] = None
    plug: Annotated[str | None, Meta(description="OCPP ConnectorEnumType.")] = None
    token_value: Annotated[str, Meta(description="Masked if it is itself a secret (KeyCode).")]
    token_kind: str
    token_id: str | None = None
    group_value: str | None = None
    status: ReservationStatus
    detail: Annotated[str, Meta(description="Why it is as it is.")] = ""
    expires_at: datetime
    created_at: datetime
    created_by: str = ""
    kept_at: datetime | None = None
    ended_at: datetime | None = None
    transaction_id: str | None = None

    @property
    def is_pending(self) -> bool:
        return self.status in PENDING


async def list_reservations(database: Database, query: ReservationQuery, site_ids: SiteIds) -> Page[ReservationRow]:
    """Return one page of the reservations that one may see."""
    order = Order(reservations.c.id, int, reservations.c.id, tie_kind=int, name="id", is_descending=True)  # they rise
    statement = _rows().where(*_conditions(query), _seen(site_ids))
    rows = await database.select(ordered(statement, order, cursor=query.cursor, limit=query.limit))
    rows, cursor = cut(rows, order, query.limit)
    return Page(items=as_seen(site_ids, tuple(_row(row) for row in rows)), next=cursor)


async def get_reservation(database: Database, reservation_id: int, site_ids: SiteIds) -> ReservationRow:
    """Return the reservation. Raises NotFound, also if it is not one's to see."""
    rows = await database.select(_rows().where(reservations.c.id == reservation_id, _seen(site_ids)))
    if not rows:
        raise NotFound("There is no such reservation.")
    return as_seen(site_ids, _row(rows[0]))


def _seen(site_ids: SiteIds) -> ColumnElement[bool]:
    return held_now(site_ids, stations.c.site_id, reservations.c.created_at)


def _rows() -> Select[Any]:
    own = [reservations.c[name] for name in ReservationRow.__struct_fields__ if name in reservations.columns]
    return select(
        *own,
        stations.c.identity.label("station_identity"),
        stations.c.name.label("station_name"),
        sites.c.time_zone.label("time_zone"),
    ).select_from(
        reservations.outerjoin(stations, stations.c.id == reservations.c.station_id).outerjoin(
            sites, sites.c.id == stations.c.site_id
        )
    )


def _row(row: dict[str, Any]) -> ReservationRow:
    shown = {**row, "time_zone": row["time_zone"] or "UTC"}
    if is_secret(row["token_kind"]):
        shown["token_value"] = MASK
    return msgspec.convert(shown, ReservationRow)


def _conditions(query: ReservationQuery) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if query.station is not None:
        found.append(named(query.station))
    if query.site_id is not None:
        found.append(stations.c.site_id == query.site_id)
    if query.token_id is not None:
        found.append(reservations.c.token_id == query.token_id)
    if query.status is not None:
        found.append(reservations.c.status == query.status.value)
    if query.is_pending is not None:
        pending = reservations.c.status.in_([status.value for status in PENDING])
        found.append(pending if query.is_pending else ~pending)
    if query.since is not None:
        found.append(reservations.c.created_at >= query.since)
    if query.until is not None:
        found.append(reservations.c.created_at < query.until)
    return found
