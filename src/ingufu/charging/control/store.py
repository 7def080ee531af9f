"""Every query of remote starts and of what is asked of transactions."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import bindparam, delete, or_, select, update

from ingufu.charging.control.model import (
    LimitKind,
    Message,
    RemoteStart,
    RemoteStartState,
    TransactionControl,
    TransactionLimit,
)
from ingufu.charging.control.tables import controls, remote_starts
from ingufu.charging.tables import transactions
from ingufu.core.errors import Conflict
from ingufu.infra.storage.database import Database, Row, Work
from ingufu.infra.storage.statements import insert

_LIMIT = TransactionLimit.__struct_fields__
_REPORTED = {name: name.replace("max_", "reported_") for name in _LIMIT}
_START_PLAIN = tuple(name for name in RemoteStart.__struct_fields__ if name != "limit")
_CONTROL_PLAIN = tuple(
    name for name in TransactionControl.__struct_fields__ if name not in ("limit", "reported", "message")
)
_STATES = tuple(state.value for state in (RemoteStartState.ASKED, RemoteStartState.ACCEPTED))

_START = select(remote_starts)
_START_BY_ID = _START.where(remote_starts.c.id == bindparam("id"))
_START_BY_NUMBER = _START.where(
    remote_starts.c.station_id == bindparam("station_id"), remote_starts.c.number == bindparam("number")
)
_START_BY_TRANSACTION = _START.where(remote_starts.c.transaction_id == bindparam("transaction_id"))
_STARTS_OF = (
    _START.where(
        remote_starts.c.station_id == bindparam("station_id"),
        remote_starts.c.expires_at >= bindparam("since"),
        remote_starts.c.transaction_id.is_(None),
    )
    .order_by(remote_starts.c.asked_at)
    .limit(200)
)
_STARTS_DUE = (
    _START.where(remote_starts.c.state.in_(_STATES), remote_starts.c.expires_at <= bindparam("now"))
    .order_by(remote_starts.c.expires_at)
    .limit(500)
)
_INSERT_START = insert(remote_starts)
_ANSWER_START = (
    update(remote_starts)
    .where(remote_starts.c.id == bindparam("key"), remote_starts.c.state == RemoteStartState.ASKED.value)
    .values(
        state=bindparam("to_state"),
        answer=bindparam("to_answer"),
        reference=bindparam("to_reference"),
        resolved_at=bindparam("to_resolved_at"),
    )
)
_MATCH_START = (
    update(remote_starts)
    .where(remote_starts.c.id == bindparam("key"), remote_starts.c.transaction_id.is_(None))
    .values(
        state=RemoteStartState.STARTED.value,
        transaction_id=bindparam("to_transaction"),
        resolved_at=bindparam("to_resolved_at"),
    )
)
_EXPIRE_START = (
    update(remote_starts)
    .where(remote_starts.c.id == bindparam("key"), remote_starts.c.state.in_(_STATES))
    .values(state=RemoteStartState.EXPIRED.value, resolved_at=bindparam("to_resolved_at"))
)

_CONTROL = select(controls)
_CONTROL_OF = _CONTROL.where(controls.c.transaction_id == bindparam("transaction_id"))
_IS_RUNNING = controls.join(transactions, transactions.c.id == controls.c.transaction_id)
_CONTROLS_AT = (
    select(controls)
    .select_from(_IS_RUNNING)
    .where(controls.c.station_id == bindparam("station_id"), transactions.c.is_open.is_(True))
)
_LIMITED = (
    select(controls)
    .select_from(_IS_RUNNING)
    .where(
        transactions.c.is_open.is_(True),
        or_(
            controls.c.max_energy_wh.is_not(None),
            controls.c.max_time_s.is_not(None),
            controls.c.max_soc_percent.is_not(None),
            controls.c.reached.is_not(None),
        ),
    )
)
_LIMITED_BY_COST = (
    select(controls)
    .select_from(_IS_RUNNING)
    .where(transactions.c.is_open.is_(True), controls.c.max_cost.is_not(None), controls.c.reached.is_(None))
)
_DOUBTFUL = (
    select(controls)
    .select_from(_IS_RUNNING)
    .where(transactions.c.is_open.is_(True), controls.c.is_ongoing.is_(False), controls.c.has_messages.is_(False))
)
_INSERT_CONTROL = insert(controls)
_UPDATE_CONTROL = (
    update(controls)
    .where(controls.c.transaction_id == bindparam("key"), controls.c.revision == bindparam("seen"))
    .values({column.name: bindparam(column.name) for column in controls.columns if column.name != "transaction_id"})
)


_FORGET = (
    delete(remote_starts).where(remote_starts.c.station_id == bindparam("station_id")),
    delete(controls).where(controls.c.station_id == bindparam("station_id")),
)


def forget_station(work: Work, station_id: str) -> None:
    """Delete everything that was asked of a station."""
    for statement in _FORGET:
        work.execute(statement, {"station_id": station_id})


# Remote starts


async def find_start(database: Database, id_: str) -> RemoteStart | None:
    return _first_start(await database.fetch_all(_START_BY_ID, {"id": id_}))


async def find_start_by_number(database: Database, station_id: str, number: int) -> RemoteStart | None:
    params = {"station_id": station_id, "number": number}
    return _first_start(await database.fetch_all(_START_BY_NUMBER, params))


async def find_start_of(database: Database, transaction_id: str) -> RemoteStart | None:
    """Return the remote start that a transaction came of."""
    return _first_start(await database.fetch_all(_START_BY_TRANSACTION, {"transaction_id": transaction_id}))


async def find_unmatched(database: Database, station_id: str, since: datetime) -> list[RemoteStart]:
    """Return the remote starts of a station that no transaction came of, and that expire at `since` or later."""
    params = {"station_id": station_id, "since": since}
    return [_start(row) for row in await database.fetch_all(_STARTS_OF, params)]


async def find_due(database: Database, now: datetime) -> list[RemoteStart]:
    """Return the remote starts that were waited for long enough."""
    return [_start(row) for row in await database.fetch_all(_STARTS_DUE, {"now": now})]


def insert_start(work: Work, start: RemoteStart) -> None:
    work.execute(_INSERT_START, _plain(start, _START_PLAIN) | _limit(start.limit))


def answer_start(
    work: Work,
    id_: str,
    state: RemoteStartState,
    answer: str | None,
    *,
    reference: str | None,
    resolved_at: datetime | None,
) -> None:
    """Keep what the station answered, unless the start came to something already."""
    row = {"key": id_, "to_state": state.value, "to_answer": answer}
    work.execute(_ANSWER_START, row | {"to_reference": reference, "to_resolved_at": resolved_at})


def match_start(work: Work, id_: str, transaction_id: str, at: datetime) -> None:
    """Keep that a transaction came of the start; the first one counts."""
    work.execute(_MATCH_START, {"key": id_, "to_transaction": transaction_id, "to_resolved_at": at})


def expire_start(work: Work, id_: str, at: datetime) -> None:
    """Keep that nothing came of the start. Raises Conflict on commit if something did."""
    work.execute(_EXPIRE_START, {"key": id_, "to_resolved_at": at}, expect=1)


# Controls


async def find_control(database: Database, transaction_id: str) -> TransactionControl | None:
    rows = await database.fetch_all(_CONTROL_OF, {"transaction_id": transaction_id})
    return _control(rows[0]) if rows else None


async def find_controls_at(database: Database, station_id: str) -> list[TransactionControl]:
    """Return what is asked of the open transactions of a station."""
    return [_control(row) for row in await database.fetch_all(_CONTROLS_AT, {"station_id": station_id})]


async def find_limited(database: Database) -> list[TransactionControl]:
    """Return what is asked of the open transactions that we have to look after ourselves."""
    return [_control(row) for row in await database.fetch_all(_LIMITED, may_lag=True)]


async def find_limited_by_cost(database: Database) -> list[TransactionControl]:
    """Return what is asked of the open transactions that may cost so much and no more, and have not come to it."""
    return [_control(row) for row in await database.fetch_all(_LIMITED_BY_COST, may_lag=True)]


async def find_doubtful(database: Database) -> list[TransactionControl]:
    """Return what is known of the open transactions that their stations say are over."""
    return [_control(row) for row in await database.fetch_all(_DOUBTFUL, may_lag=True)]


def save_control(work: Work, before: TransactionControl | None, after: TransactionControl) -> None:
    """Write what is asked of a transaction. Raises Conflict on commit if somebody else has changed it."""
    row = _plain(after, _CONTROL_PLAIN) | _limit(after.limit) | _reported(after.reported) | _message(after.message)
    if before is None:
        work.execute(_INSERT_CONTROL, row)
        return
    if before.revision == after.revision:
        raise Conflict("A change is a revision of its own.")
    row["key"], row["seen"] = row.pop("transaction_id"), before.revision
    work.execute(_UPDATE_CONTROL, row, expect=1)


def _plain(struct: msgspec.Struct, names: Iterable[str]) -> dict[str, Any]:
    return {name: getattr(struct, name) for name in names}


def _limit(limit: TransactionLimit) -> dict[str, Any]:
    return {name: getattr(limit, name) for name in _LIMIT}


def _reported(limit: TransactionLimit) -> dict[str, Any]:
    return {column: getattr(limit, name) for name, column in _REPORTED.items()}


def _message(message: Message | None) -> dict[str, Any]:
    if message is None:
        return {"message": None, "message_format": None, "message_language": None}
    return {"message": message.content, "message_format": message.format, "message_language": message.language}


def _first_start(rows: list[Row]) -> RemoteStart | None:
    return _start(rows[0]) if rows else None


def _start(row: Row) -> RemoteStart:
    values = {name: row[name] for name in _START_PLAIN} | {"state": RemoteStartState(row["state"])}
    return RemoteStart(limit=TransactionLimit(**{name: row[name] for name in _LIMIT}), **values)


def _control(row: Row) -> TransactionControl:
    values = {name: row[name] for name in _CONTROL_PLAIN}
    values["reached"] = LimitKind(row["reached"]) if row["reached"] is not None else None
    message = None
    if row["message"] is not None:
        message = Message(content=row["message"], format=row["message_format"], language=row["message_language"])
    return TransactionControl(
        limit=TransactionLimit(**{name: row[name] for name in _LIMIT}),
        reported=TransactionLimit(**{name: row[column] for name, column in _REPORTED.items()}),
        message=message,
        **values,
    )
