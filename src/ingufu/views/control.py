"""What is asked of stations and transactions, as lists and pages show it."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from sqlalchemy import exists, select

from ingufu.charging.control.model import WAITING, RemoteStartState, TransactionControl, TransactionLimit
from ingufu.charging.control.tables import remote_starts
from ingufu.infra.storage.database import Database
from ingufu.stations.availability.model import Wish
from ingufu.stations.availability.tables import wishes
from ingufu.stations.tables import stations
from ingufu.views.paging import Order, Page, cut, ordered
from ingufu.views.personal import as_seen
from ingufu.views.stations import Cursor, Limit, SiteIds
from ingufu.views.tenures import held_now

MOST_WAITING = 100  # of one station


class RemoteStartQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which remote starts of the station."""

    state: Annotated[RemoteStartState | None, Meta(description="Only in this state.")] = None
    limit: Limit = 50
    cursor: Cursor | None = None


class RemoteStartRow(msgspec.Struct, frozen=True, kw_only=True):
    """A start that was asked of a station, and what came of it."""

    id: str
    number: Annotated[int, Meta(description="`remoteStartId` of OCPP 2.x.")]
    station_id: str
    evse: int | None = None
    token_value: str
    token_kind: str
    state: RemoteStartState
    answer: Annotated[str | None, Meta(description="The station's word, or why it could not be asked.")] = None
    transaction_id: str | None = None
    limit: TransactionLimit
    asked_at: datetime
    asked_by: str | None = None
    expires_at: datetime
    resolved_at: datetime | None = None


class ControlView(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of a transaction."""

    transaction_id: str
    control: TransactionControl | None = None
    start: RemoteStartRow | None = None


_PLAIN = tuple(name for name in RemoteStartRow.__struct_fields__ if name != "limit")
_LIMIT = TransactionLimit.__struct_fields__
_CHOSEN = [remote_starts.c[name] for name in (*_PLAIN, *_LIMIT)]


async def list_remote_starts(
    database: Database, station_id: str, query: RemoteStartQuery, site_ids: SiteIds
) -> Page[RemoteStartRow]:
    """Return one page of a station's remote starts, the newest first."""
    order = Order(remote_starts.c.asked_at, datetime, remote_starts.c.id, name="asked_at", is_descending=True)
    statement = select(*_CHOSEN).where(remote_starts.c.station_id == station_id)
    if site_ids is not None:
        at = stations.c.id == remote_starts.c.station_id
        statement = statement.where(
            exists(select(stations.c.id).where(at, held_now(site_ids, stations.c.site_id, remote_starts.c.asked_at)))
        )
    if query.state is not None:
        statement = statement.where(remote_starts.c.state == query.state.value)
    rows = await database.select(ordered(statement, order, cursor=query.cursor, limit=query.limit))
    rows, cursor = cut(rows, order, query.limit)
    return Page(items=as_seen(site_ids, tuple(_start(row) for row in rows)), next=cursor)


async def waiting_starts(database: Database, station_id: str, site_ids: SiteIds) -> list[RemoteStartRow]:
    """Return the remote starts of a station of which nothing has come yet, the earliest first."""
    waiting = [state.value for state in WAITING]
    statement = select(*_CHOSEN).where(remote_starts.c.station_id == station_id, remote_starts.c.state.in_(waiting))
    rows = await database.select(statement.order_by(remote_starts.c.asked_at).limit(MOST_WAITING))
    return as_seen(site_ids, [_start(row) for row in rows])


async def list_wishes(database: Database, station_id: str) -> list[Wish]:
    """Return what was asked of a station's availability, the whole first."""
    statement = select(wishes).where(wishes.c.station_id == station_id).order_by(wishes.c.evse, wishes.c.connector)
    return [msgspec.convert(row, Wish) for row in await database.select(statement)]


async def get_control(
    database: Database, control: TransactionControl | None, transaction_id: str, site_ids: SiteIds
) -> ControlView:
    """Return what is asked of a transaction, with the remote start that it came of."""
    rows = await database.select(select(*_CHOSEN).where(remote_starts.c.transaction_id == transaction_id).limit(1))
    start = as_seen(site_ids, _start(rows[0])) if rows else None
    return ControlView(transaction_id=transaction_id, control=control, start=start)


def _start(row: dict[str, Any]) -> RemoteStartRow:
    values = {name: row[name] for name in _PLAIN} | {"state": RemoteStartState(row["state"])}
    return RemoteStartRow(limit=TransactionLimit(**{name: row[name] for name in _LIMIT}), **values)
