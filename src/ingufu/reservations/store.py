"""Every query of reservations."""

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import and_, bindparam, func, or_, select, update

from ingufu.infra.storage.database import Database, Row, Work
from ingufu.infra.storage.statements import insert
from ingufu.reservations.model import PENDING, Reservation, ReservationStatus
from ingufu.reservations.tables import reservations

FIRST = 1
_ALL = [reservations.c[name] for name in Reservation.__struct_fields__]
_IS_PENDING = reservations.c.status.in_([status.value for status in PENDING])

_BY_ID = select(*_ALL).where(reservations.c.id == bindparam("id"))
_PENDING_OF = (
    select(*_ALL).where(reservations.c.station_id == bindparam("station_id"), _IS_PENDING).order_by(reservations.c.id)
)
_RECENT_OF = (
    select(*_ALL)
    .where(reservations.c.station_id == bindparam("station_id"))
    .order_by(reservations.c.id.desc())
    .limit(50)
)
_DUE = (
    select(*_ALL)
    .where(_IS_PENDING, reservations.c.expires_at <= bindparam("now"))
    .order_by(reservations.c.expires_at)
    .limit(500)
)
_NEXT_DUE = select(func.min(reservations.c.expires_at).label("at")).where(_IS_PENDING)
_UNSETTLED = (
    select(reservations.c.station_id)
    .where(
        _IS_PENDING,
        reservations.c.expires_at > bindparam("now"),
        or_(
            reservations.c.status == ReservationStatus.CANCELLING.value,
            and_(
                reservations.c.status == ReservationStatus.ASKED.value,
                reservations.c.created_at < bindparam("lost_before"),
            ),
        ),
    )
    .distinct()
)
_LAST_ID = select(func.max(reservations.c.id).label("id"))
_INSERT = insert(reservations)
_CHANGED = ("status", "detail", "expires_at", "token_value", "token_kind", "token_id", "group_value", "kept_at",
            "ended_at", "transaction_id")  # fmt: skip
_UPDATE = (
    update(reservations)
    .where(reservations.c.id == bindparam("key"), reservations.c.status == bindparam("before"))
    .values({name: bindparam(name) for name in _CHANGED})
)


async def find(database: Database, reservation_id: int) -> Reservation | None:
    row = await database.fetch_one(_BY_ID, {"id": reservation_id})
    return _reservation(row) if row else None


async def find_pending(database: Database, station_id: str) -> list[Reservation]:
    """Return what may still hold a place at the station, oldest first."""
    return _reservations(await database.fetch_all(_PENDING_OF, {"station_id": station_id}))


async def find_recent(database: Database, station_id: str) -> list[Reservation]:
    """Return the station's last reservations, newest first."""
    return _reservations(await database.fetch_all(_RECENT_OF, {"station_id": station_id}))


async def find_due(database: Database, now: datetime) -> list[Reservation]:
    """Return what has expired by now and is not ended yet."""
    return _reservations(await database.fetch_all(_DUE, {"now": now}))


async def find_next_due(database: Database) -> datetime | None:
    row = await database.fetch_one(_NEXT_DUE)
    return row["at"] if row else None


async def find_unsettled(database: Database, now: datetime, lost_before: datetime) -> list[str]:
    """Return the stations that are to give something up, or were asked before then and have not answered."""
    rows = await database.fetch_all(_UNSETTLED, {"now": now, "lost_before": lost_before})
    return [row["station_id"] for row in rows]


async def find_next_id(database: Database) -> int:
    row = await database.fetch_one(_LAST_ID)
    return FIRST if row is None or row["id"] is None else int(row["id"]) + 1


def add(work: Work, reservation: Reservation) -> None:
    work.execute(_INSERT, msgspec.structs.asdict(reservation))


def change(work: Work, before: Reservation, after: Reservation) -> None:
    """Store what became of a reservation that is still as it was read; Conflict at the commit otherwise."""
    values: dict[str, Any] = {name: getattr(after, name) for name in _CHANGED}
    work.execute(_UPDATE, values | {"key": before.id, "before": before.status.value}, expect=1)


def _reservations(rows: list[Row]) -> list[Reservation]:
    return [_reservation(row) for row in rows]


def _reservation(row: Row) -> Reservation:
    return Reservation(**{**row, "status": ReservationStatus(row["status"])})
