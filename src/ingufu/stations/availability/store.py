"""Every query of what was asked of availability."""

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import bindparam, delete, exists, select, update

from ingufu.infra.storage.database import Database, Row, Work
from ingufu.infra.storage.statements import upsert
from ingufu.stations.availability.model import Wish, WishState
from ingufu.stations.availability.tables import wishes
from ingufu.stations.model import Connector, ConnectorStatus
from ingufu.stations.tables import connectors, stations

_KEY = ("station_id", "evse", "connector")
_OF = select(wishes).where(wishes.c.station_id == bindparam("station_id")).order_by(wishes.c.evse, wishes.c.connector)
_STATIONS = select(wishes.c.station_id).distinct()
_FORGET = delete(wishes).where(wishes.c.station_id == bindparam("station_id"))
_SAVE = upsert(wishes, _KEY)
_NOTE = (
    update(wishes)
    .where(
        wishes.c.station_id == bindparam("of_station"),
        wishes.c.evse == bindparam("of_evse"),
        wishes.c.connector == bindparam("of_connector"),
        wishes.c.asked_at == bindparam("of_asked_at"),  # what was asked since counts
    )
    .values(
        state=bindparam("to_state"),
        answer=bindparam("to_answer"),
        told_at=bindparam("to_told_at"),
        kept_at=bindparam("to_kept_at"),
        attempts=bindparam("to_attempts"),
    )
)
_SHOW = (
    update(wishes)
    .where(
        wishes.c.station_id == bindparam("of_station"),
        wishes.c.evse == bindparam("of_evse"),
        wishes.c.connector == bindparam("of_connector"),
        wishes.c.asked_at == bindparam("of_asked_at"),
        wishes.c.state == bindparam("of_state"),
        wishes.c.attempts == bindparam("of_attempts"),
    )
    .values(state=bindparam("to_state"), kept_at=bindparam("to_kept_at"))
)
_UNDO = (
    update(wishes)
    .where(
        wishes.c.station_id == bindparam("of_station"),
        wishes.c.evse > 0,
        wishes.c.is_operative.is_(False),
        wishes.c.state.in_([WishState.SCHEDULED, WishState.ACCEPTED, WishState.KEPT]),
        exists().where(stations.c.id == bindparam("of_station"), stations.c.ocpp_version == "1.6"),
    )
    .values(state=WishState.WANTED, answer=None, kept_at=None)
)
_CONNECTORS = select(connectors).where(connectors.c.station_id == bindparam("station_id"))


async def wishes_of(database: Database, station_id: str) -> list[Wish]:
    """Return what was asked of a station, the whole first."""
    return [_wish(row) for row in await database.fetch_all(_OF, {"station_id": station_id})]


async def stations_asked(database: Database) -> set[str]:
    """Return the stations of which anything was asked."""
    return {row["station_id"] for row in await database.fetch_all(_STATIONS)}


async def connectors_of(database: Database, station_id: str) -> list[Connector]:
    rows = await database.fetch_all(_CONNECTORS, {"station_id": station_id})
    return [Connector(**{**row, "status": ConnectorStatus(row["status"])}) for row in rows]


def forget_station(work: Work, station_id: str) -> None:
    work.execute(_FORGET, {"station_id": station_id})


def save(work: Work, wish: Wish) -> None:
    work.execute(_SAVE, msgspec.structs.asdict(wish))


def note(work: Work, wish: Wish) -> None:
    """Write how far a wish has come, unless another has taken its place."""
    row: dict[str, Any] = {"of_station": wish.station_id, "of_evse": wish.evse, "of_connector": wish.connector}
    row |= {"of_asked_at": wish.asked_at, "to_state": wish.state, "to_answer": wish.answer}
    row |= {"to_told_at": wish.told_at, "to_kept_at": wish.kept_at, "to_attempts": wish.attempts}
    work.execute(_NOTE, row)


def note_shown(work: Work, wish: Wish, state: WishState, kept_at: datetime | None) -> None:
    """Write what the station shows of a wish; Conflict at the commit if it has come further since it was read."""
    row: dict[str, Any] = {"of_station": wish.station_id, "of_evse": wish.evse, "of_connector": wish.connector}
    row |= {"of_asked_at": wish.asked_at, "of_state": wish.state, "of_attempts": wish.attempts}
    work.execute(_SHOW, row | {"to_state": state, "to_kept_at": kept_at}, expect=1)


def undo(work: Work, station_id: str) -> None:
    """Have a station of 1.6 told again what of it is out of service: it was put into service as a whole.

    From 2.x on, a station keeps what it is told of itself and of its EVSEs apart (G03, G04).
    """
    work.execute(_UNDO, {"of_station": station_id})


def _wish(row: Row) -> Wish:
    return Wish(**{**row, "state": WishState(row["state"])})
