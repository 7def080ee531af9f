"""Every query of periodic event streams."""

from datetime import datetime

import msgspec
from sqlalchemy import bindparam, delete, select, update

from ingufu.infra.storage.database import Database, Row, Work
from ingufu.infra.storage.statements import insert, upsert
from ingufu.stations.streams.model import Stream, StreamState, StreamValue
from ingufu.stations.streams.tables import streams, values

_OF = select(streams).where(streams.c.station_id == bindparam("station_id")).order_by(streams.c.number)
_ONE = select(streams).where(streams.c.station_id == bindparam("station_id"), streams.c.number == bindparam("number"))
_SAVE = upsert(streams, ("station_id", "number"))
_NAME = (
    update(streams)
    .where(
        streams.c.station_id == bindparam("of_station"),
        streams.c.monitor == bindparam("of_monitor"),
        streams.c.variable.is_(None),
    )
    .values(component=bindparam("to_component"), variable=bindparam("to_variable"))
)
_INSERT_VALUE = insert(values)
_FORGET = (
    delete(streams).where(streams.c.station_id == bindparam("station_id")),
    delete(values).where(values.c.station_id == bindparam("station_id")),
)


async def streams_of(database: Database, station_id: str) -> list[Stream]:
    return [_stream(row) for row in await database.fetch_all(_OF, {"station_id": station_id})]


async def find(database: Database, station_id: str, number: int) -> Stream | None:
    row = await database.fetch_one(_ONE, {"station_id": station_id, "number": number})
    return None if row is None else _stream(row)


def forget_station(work: Work, station_id: str) -> None:
    for statement in _FORGET:
        work.execute(statement, {"station_id": station_id})


def save(work: Work, stream: Stream) -> None:
    work.execute(_SAVE, msgspec.structs.asdict(stream))


def name(work: Work, station_id: str, monitor: int, component: str, variable: str) -> None:
    """Write what a monitor watches, with the streams of it that do not say so yet."""
    row = {"of_station": station_id, "of_monitor": monitor, "to_component": component, "to_variable": variable}
    work.execute(_NAME, row)


def append_value(work: Work, station_id: str, stream: int, value: StreamValue, received_at: datetime) -> None:
    row = {"station_id": station_id, "stream": stream, "at": value.at, "value": value.value}
    work.append(_INSERT_VALUE, row | {"received_at": received_at})


def _stream(row: Row) -> Stream:
    return Stream(**{**row, "state": StreamState(row["state"])})
