"""What a gateway has written down, for scenarios to look at."""

import asyncio
from typing import Any

import msgspec
from sqlalchemy import Table, select

from ingufu.authorization.model import TokenDetails
from ingufu.authorization.tables import decisions
from ingufu.charging.tables import anomalies, readings, transaction_events, transactions
from ingufu.infra.storage.outbox import events
from ingufu.stations.frames import FrameRow
from ingufu.stations.tables import attempts, connectors, evses, frame_chunks, stations
from running import Running

frames = frame_chunks  # whose rows are given as the frames that they hold

__all__ = [
    "add_token",
    "anomalies",
    "attempts",
    "connectors",
    "decisions",
    "events",
    "evses",
    "frames",
    "kinds",
    "only",
    "readings",
    "rows",
    "stations",
    "transaction_events",
    "transactions",
]


async def rows(house: Running, table: Table, **where: Any) -> list[dict[str, Any]]:
    """Return the rows of a table, in the order in which they were written, with all that waits written first."""
    if house.gateway._tasks:  # what is being stored of connections, and messages in hand
        await asyncio.wait(house.gateway._tasks, timeout=5)
    house.gateway.flush()
    await house.services.database.writer.flush()
    if table is frame_chunks:
        return await _frames(house, where)
    statement = select(table).order_by(*table.primary_key.columns)
    for name, value in where.items():
        statement = statement.where(table.c[name] == value)
    return await house.services.database.select(statement)


async def _frames(house: Running, where: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[FrameRow] = []
    for station in await house.services.stations.all():
        found += await house.services.stations.frames.frames_of(station.id, limit=1000)
    kept = [msgspec.structs.asdict(row) for row in sorted(found, key=lambda row: row.id)]
    return [row for row in kept if all(row[name] == value for name, value in where.items())]


async def only(house: Running, table: Table, **where: Any) -> dict[str, Any]:
    found = await rows(house, table, **where)
    assert len(found) == 1, found
    return found[0]


async def kinds(house: Running, station_id: str) -> list[str]:
    """Return the kinds of the stored events of a station, in order."""
    return [row["kind"] for row in await rows(house, events, station_id=station_id)]


async def add_token(house: Running, value: str, **details: Any) -> str:
    """Register a token and return its id."""
    async with house.services.database.work() as work:
        token = await house.services.authorization.create_token(
            work, TokenDetails(value=value, **details), organisation_id="operator"
        )
    return token.id
