"""Every query of transactions, their events, meter readings and anomalies."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import Select, and_, bindparam, exists, func, or_, select, update

from ingufu.charging.fold import Glance
from ingufu.charging.intake import KeptReading
from ingufu.charging.model import (
    Anomaly,
    AnomalyKind,
    ChargingState,
    EventFacts,
    ReportKind,
    Transaction,
    TransactionEvent,
)
from ingufu.charging.pulse import Beat, Turn
from ingufu.charging.tables import anomalies, readings, sequences, transaction_events, transactions
from ingufu.infra.storage.database import Database, Row, Work
from ingufu.infra.storage.engine import Write
from ingufu.infra.storage.statements import insert, insert_or_ignore
from ingufu.stations.model import ConnectorStatus
from ingufu.stations.tables import connectors, stations

TABLE = str(transactions.name)  # of transactions
NUMBERS = "transaction-number"
FIRST_NUMBER = 1
LATEST = 50  # transactions of a station: more than it has connectors

_BUILTIN = (datetime, Decimal)

_TRANSACTION = [transactions.c[name] for name in Transaction.__struct_fields__]
_EVENT = [
    transaction_events.c.event_key.label("key"),
    *(transaction_events.c[name] for name in ("kind", "seq", "at", "at_station", "received_at", "trigger", "state")),
    transaction_events.c.is_offline,
    transaction_events.c.details,
]
_GLANCE = [readings.c[name] for name in Glance.__struct_fields__]

_BY_ID = select(*_TRANSACTION).where(transactions.c.id == bindparam("id"))
_BY_REFERENCE = select(*_TRANSACTION).where(
    transactions.c.station_id == bindparam("station_id"), transactions.c.reference == bindparam("reference")
)
_BY_NUMBER = select(*_TRANSACTION).where(transactions.c.number == bindparam("number"))
_BY_START_KEY = select(*_TRANSACTION).where(transactions.c.start_key == bindparam("start_key"))
_OPEN = (
    select(*_TRANSACTION)
    .where(transactions.c.is_open.is_(True), transactions.c.station_id == bindparam("station_id"))
    .order_by(transactions.c.started_at)
)
_heard_at = func.coalesce(transactions.c.heard_at, transactions.c.updated_at)
_SILENT = (
    select(*_TRANSACTION).where(transactions.c.is_open.is_(True), _heard_at < bindparam("before")).order_by(_heard_at)
)
_here = (connectors.c.station_id == transactions.c.station_id, connectors.c.evse == transactions.c.evse)
_LEFT = (  # the place is free, as was said after the last word of the transaction, and after a start if there was one
    select(*_TRANSACTION)
    .select_from(transactions.join(stations, stations.c.id == transactions.c.station_id))
    .where(
        transactions.c.is_open.is_(True),
        stations.c.is_online.is_(True),
        exists().where(*_here, connectors.c.status_received_at > _heard_at),
        ~exists().where(*_here, connectors.c.status != ConnectorStatus.AVAILABLE.value),
        or_(
            _heard_at < bindparam("silent"),
            and_(
                stations.c.last_boot_at > _heard_at,
                stations.c.last_boot_at < bindparam("started"),
                exists().where(*_here, connectors.c.status_received_at >= stations.c.last_boot_at),
            ),
        ),
    )
    .order_by(_heard_at)
)
_LATEST = (
    select(*_TRANSACTION)
    .where(transactions.c.station_id == bindparam("station_id"))
    .order_by(transactions.c.started_at.desc())
    .limit(LATEST)
)
_ORPHANS = (
    select(*_TRANSACTION)
    .where(
        transactions.c.station_id == bindparam("station_id"),
        transactions.c.started_at >= bindparam("since"),
        transactions.c.number.is_(None),
        transactions.c.version == bindparam("version"),
    )
    .order_by(transactions.c.started_at)
    .limit(20)
)
_OPEN_IDS = select(transactions.c.id).where(
    transactions.c.token_id == bindparam("token_id"),
    transactions.c.is_open.is_(True),
    transactions.c.started_at >= bindparam("since"),
)
_EVENTS = (
    select(*_EVENT)
    .where(transaction_events.c.transaction_id == bindparam("transaction_id"))
    .order_by(transaction_events.c.id)
)
_EVENTS_OF_KEYS = select(*_EVENT).where(
    transaction_events.c.transaction_id == bindparam("transaction_id"),
    transaction_events.c.event_key.in_([bindparam("first_key"), bindparam("second_key")]),
)
_GLANCES = select(*_GLANCE).where(readings.c.transaction_id == bindparam("transaction_id")).order_by(readings.c.at)
_SAMPLES_BETWEEN = select(readings.c.at, readings.c.samples).where(
    readings.c.transaction_id == bindparam("transaction_id"),
    readings.c.at >= bindparam("since"),
    readings.c.at <= bindparam("until"),
)
_GLANCES_RECEIVED = _GLANCES.add_columns(readings.c.received_at)
_TOLD_BETWEEN = select(readings.c.at_station, readings.c.samples).where(
    readings.c.transaction_id == bindparam("transaction_id"),
    readings.c.at_station >= bindparam("first"),
    readings.c.at_station <= bindparam("last"),
)
_MARKS = (
    select(anomalies.c.kind, func.sum(anomalies.c.count).label("count"))
    .where(anomalies.c.transaction_id == bindparam("transaction_id"))
    .group_by(anomalies.c.kind)
)
_NEXT_NUMBER = select(sequences.c.next).where(sequences.c.name == bindparam("name"))

_INSERT = insert(transactions)
_INSERT_EVENT = insert(transaction_events)
_INSERT_TURN = insert_or_ignore(transaction_events)  # a turn that is kept already is the same one
_INSERT_READING = insert(readings)
_INSERT_ANOMALY = insert(anomalies)
_REPEAT_ANOMALY = (
    update(anomalies)
    .where(
        anomalies.c.id
        == select(func.max(anomalies.c.id))
        .where(anomalies.c.transaction_id == bindparam("of_transaction"), anomalies.c.kind == bindparam("of_kind"))
        .scalar_subquery()
    )
    .values(at=bindparam("at"), detail=bindparam("detail"), count=anomalies.c.count + 1)
)
_INSERT_SEQUENCE = insert(sequences)
_TAKE_NUMBERS = (
    update(sequences)
    .where(sequences.c.name == bindparam("key"), sequences.c.next == bindparam("seen"))
    .values(next=bindparam("next"))
)

# What most messages of a running transaction change, and what only some do. The former stand last in the struct, so
# that a slice of its values is all that has to be looked at: naming 30 of them for each message costs 3 microseconds.
_LIVE_COUNT = 9
_LIVE = Transaction.__struct_fields__[-_LIVE_COUNT:]
_values_of = msgspec.structs.astuple
_UNCHANGED = (transactions.c.id == bindparam("key"), transactions.c.updated_at == bindparam("seen_at"))
_UPDATE_LIVE = update(transactions).where(*_UNCHANGED).values({name: bindparam(name) for name in _LIVE})
_FIGURES = ("power_w", "soc_percent", "last_reading_at", "last_wh", "energy_wh", "last_seq", "seq_count", "heard_at")
_UPDATE_FIGURES = update(transactions).where(*_UNCHANGED).values({name: bindparam(name) for name in _FIGURES})
_UPDATE_ALL = (
    update(transactions)
    .where(*_UNCHANGED)
    .values({name: bindparam(name) for name in Transaction.__struct_fields__ if name != "id"})
)


async def find(database: Database, transaction_id: str) -> Transaction | None:
    return _first(await database.fetch_all(_BY_ID, {"id": transaction_id}))


async def find_by_reference(database: Database, station_id: str, reference: str) -> Transaction | None:
    return _first(await _look(database, _BY_REFERENCE, {"station_id": station_id, "reference": reference}))


async def find_by_number(database: Database, number: int) -> Transaction | None:
    return _first(await _look(database, _BY_NUMBER, {"number": number}))


async def find_by_start_key(database: Database, start_key: str) -> Transaction | None:
    return _first(await _look(database, _BY_START_KEY, {"start_key": start_key}))


async def _look(database: Database, statement: Select[Any], params: dict[str, Any]) -> list[Row]:
    """Return the rows of a select that mostly finds none.

    What lags are figures of rows, never which there are: only who finds some has to wait for them. If each start of a
    transaction waited, the rows of all that run would be written for it.
    """
    rows = await database.fetch_all(statement, params, may_lag=True)
    return await database.fetch_all(statement, params) if rows else []


async def find_silent(database: Database, before: datetime) -> list[Transaction]:
    """Return the open transactions that nothing was heard of since `before`, longest silent first."""
    return _all(await database.fetch_all(_SILENT, {"before": before}))


async def find_left(database: Database, *, silent: datetime, started: datetime) -> list[Transaction]:
    """Return the open transactions of stations that say since that their place is free, longest silent first.

    Nothing was heard of them since `silent`, or since their station started anew, which was before `started`.
    """
    return _all(await database.fetch_all(_LEFT, {"silent": silent, "started": started}))


async def find_open(database: Database, station_id: str) -> list[Transaction]:
    """Return the open transactions of a station, earliest first."""
    return _all(await database.fetch_all(_OPEN, {"station_id": station_id}))


async def find_latest(database: Database, station_id: str) -> list[Transaction]:
    """Return the transactions of a station that began last, latest first."""
    return _all(await database.fetch_all(_LATEST, {"station_id": station_id}))


async def find_orphans(database: Database, station_id: str, version: str, since: datetime) -> list[Transaction]:
    """Return transactions that were never given a number: of 1.6 these are the ones whose start was never told."""
    params = {"station_id": station_id, "version": version, "since": since}
    return _all(await _look(database, _ORPHANS, params))


async def find_open_ids(database: Database, token_id: str, since: datetime) -> list[str]:
    """Return the open transactions of a token that began at `since` or later."""
    params = {"token_id": token_id, "since": since}
    rows = await database.fetch_all(_OPEN_IDS, params, may_lag=True)  # figures may, who began what does not
    return [row["id"] for row in rows]


async def find_events(database: Database, transaction_id: str) -> list[TransactionEvent]:
    """Return the events of a transaction in the order they arrived."""
    return [_event(row) for row in await database.fetch_all(_EVENTS, {"transaction_id": transaction_id})]


async def find_events_of_keys(database: Database, transaction_id: str, keys: tuple[str, str]) -> list[TransactionEvent]:
    params = {"transaction_id": transaction_id, "first_key": keys[0], "second_key": keys[1]}
    return [_event(row) for row in await database.fetch_all(_EVENTS_OF_KEYS, params)]


async def find_glances(database: Database, transaction_id: str) -> list[Glance]:
    """Return what a transaction needs of its readings, by time."""
    return [Glance(**row) for row in await database.fetch_all(_GLANCES, {"transaction_id": transaction_id})]


async def find_glances_received(database: Database, transaction_id: str) -> list[tuple[datetime, Glance]]:
    """Return what a transaction needs of its readings, by time, and when each had come."""
    rows = await database.fetch_all(_GLANCES_RECEIVED, {"transaction_id": transaction_id})
    return [(row.pop("received_at"), Glance(**row)) for row in rows]


async def find_samples_between(
    database: Database, transaction_id: str, since: datetime, until: datetime
) -> set[tuple[datetime, str]]:
    """Return instants and samples of the readings kept of a transaction in a time, both ends included."""
    params = {"transaction_id": transaction_id, "since": since, "until": until}
    return {(row["at"], row["samples"]) for row in await database.fetch_all(_SAMPLES_BETWEEN, params)}


async def find_told_between(database: Database, transaction_id: str, first: str, last: str) -> set[tuple[str, str]]:
    """Return the station's words for the instant, and samples, of the readings kept of a transaction.

    `first` and `last` bound the words by their signs; both are included.
    """
    params = {"transaction_id": transaction_id, "first": first, "last": last}
    return {(row["at_station"], row["samples"]) for row in await database.fetch_all(_TOLD_BETWEEN, params)}


async def find_marks(database: Database, transaction_id: str) -> dict[AnomalyKind, int]:
    """Return the kinds of anomaly kept of a transaction, and how often there was which."""
    rows = await database.fetch_all(_MARKS, {"transaction_id": transaction_id})
    return {AnomalyKind(row["kind"]): int(row["count"]) for row in rows}


async def find_next_number(database: Database) -> int | None:
    row = await database.fetch_one(_NEXT_NUMBER, {"name": NUMBERS})
    return int(row["next"]) if row else None


def take_numbers(work: Work, *, seen: int | None, following: int) -> None:
    """Have the numbers before `following` be taken, if nobody else has taken them: else the unit is undone."""
    if seen is None:
        work.execute(_INSERT_SEQUENCE, {"name": NUMBERS, "next": following})
    else:
        work.execute(_TAKE_NUMBERS, {"key": NUMBERS, "seen": seen, "next": following}, expect=1)


def insert_transaction(work: Work, transaction: Transaction) -> None:
    work.execute(_INSERT, msgspec.structs.asdict(transaction))


def update_transaction(work: Work, before: Transaction, after: Transaction) -> None:
    """Write what changed, if the row still is as it was read: else the unit is undone."""
    values = _values_of(after)
    row: dict[str, Any]
    if _values_of(before)[:-_LIVE_COUNT] == values[:-_LIVE_COUNT]:
        statement, row = _UPDATE_LIVE, dict(zip(_LIVE, values[-_LIVE_COUNT:], strict=True))
    else:
        statement, row = _UPDATE_ALL, msgspec.structs.asdict(after)
        del row["id"]
    row["key"], row["seen_at"] = after.id, before.updated_at
    work.execute(statement, row, expect=1)


def figures_write(database: Database, transaction: Transaction) -> Write:
    """Return the write by which a row follows what readings have made of it, if it still is as it was read."""
    row = {name: getattr(transaction, name) for name in _FIGURES}
    row |= {"key": transaction.id, "seen_at": transaction.updated_at}
    return database.write(_UPDATE_FIGURES, row, expect=1)


def append_event(work: Work, transaction_id: str, event: TransactionEvent) -> None:
    row = msgspec.structs.asdict(event)
    row |= {"transaction_id": transaction_id, "event_key": row.pop("key"), "details": row.pop("facts")}
    work.append(_INSERT_EVENT, row)


def turn_write(database: Database, transaction_id: str, turn: Turn) -> Write:
    """Return what `append_event` would add to a unit of work for an update that says nothing new."""
    row = {
        "transaction_id": transaction_id,
        "event_key": turn.key,
        "kind": ReportKind.UPDATED,
        "seq": turn.seq,
        "at": turn.at,
        "at_station": turn.at_station,
        "received_at": turn.received_at,
        "trigger": turn.trigger,
        "state": turn.state,
        "is_offline": False,
        "details": EventFacts(evse=turn.evse, connector=turn.connector),
    }
    return database.deferred(_INSERT_TURN, row)


def append_reading(
    work: Work,
    reading: KeptReading,
    samples: str,
    *,
    station_id: str,
    evse: int | None,
    transaction_id: str | None,
    received_at: datetime,
) -> None:
    beat = Beat(reading.at, reading.at_station, reading.figures, samples, received_at)
    work.defer(_INSERT_READING, _reading_row(beat, station_id, evse, transaction_id))


def reading_write(database: Database, beat: Beat, station_id: str, evse: int | None, transaction_id: str) -> Write:
    """Return what `append_reading` would add to a unit of work."""
    return database.deferred(_INSERT_READING, _reading_row(beat, station_id, evse, transaction_id))


def _reading_row(beat: Beat, station_id: str, evse: int | None, transaction_id: str | None) -> Row:
    at, at_station, seen, samples, received_at = beat
    return {
        "station_id": station_id,
        "evse": evse,
        "transaction_id": transaction_id,
        "at": at,
        "at_station": at_station,
        "received_at": received_at,
        "context": seen.context,
        "energy_wh": seen.energy_wh,
        "power_w": seen.power_w,
        "current_a": seen.current_a,
        "voltage_v": seen.voltage_v,
        "soc_percent": seen.soc_percent,
        "temperature_c": seen.temperature_c,
        "samples": samples,
    }


def append_anomaly(work: Work, anomaly: Anomaly) -> None:
    work.append(_INSERT_ANOMALY, msgspec.structs.asdict(anomaly))


def repeat_anomaly(work: Work, anomaly: Anomaly) -> None:
    """Have the newest anomaly of the same kind and transaction say that it was seen once more."""
    row = {"of_transaction": anomaly.transaction_id, "of_kind": anomaly.kind, "at": anomaly.at}
    work.execute(_REPEAT_ANOMALY, row | {"detail": anomaly.detail})


def _first(rows: list[Row]) -> Transaction | None:
    return _transaction(rows[0]) if rows else None


def _all(rows: Iterable[Row]) -> list[Transaction]:
    return [_transaction(row) for row in rows]


def _transaction(row: Row) -> Transaction:
    return msgspec.convert(row, Transaction, builtin_types=_BUILTIN)


def _event(row: Row) -> TransactionEvent:
    values: dict[str, Any] = dict(row)
    facts = msgspec.convert(values.pop("details"), EventFacts)
    values["kind"] = ReportKind(values["kind"])
    values["state"] = ChargingState(values["state"]) if values["state"] is not None else None
    return TransactionEvent(facts=facts, **values)
