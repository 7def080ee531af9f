"""The past written in bulk. Past the services, which take a report at a time: a year of them would take minutes."""

from collections.abc import Awaitable, Callable, Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

import msgspec
from sqlalchemy import bindparam, update

from ingufu.app.demonstration.past import Told
from ingufu.authorization.tables import decisions, tokens
from ingufu.billing.evidence.model import EnergyVerdict, Finding
from ingufu.billing.evidence.tables import checks, verdicts
from ingufu.charging.tables import anomalies, readings, sequences, transaction_events, transactions
from ingufu.core.events import Event
from ingufu.infra.storage import outbox
from ingufu.infra.storage.database import Database, Work
from ingufu.infra.storage.statements import insert
from ingufu.stations.model import Attempt
from ingufu.stations.tables import attempts

NUMBERS = "transaction-number"  # the sequence from which numbers of 1.6 are taken
AT_ONCE = 400  # sessions of one commit: the memory stays small

_TRANSACTION = insert(transactions)
_REPORT = insert(transaction_events)
_READING = insert(readings)
_DECISION = insert(decisions)
_ANOMALY = insert(anomalies)
_ATTEMPT = insert(attempts)
_SEQUENCE = insert(sequences)
_VERDICT = insert(verdicts)
_CHECK = insert(checks)
_USED = (
    update(tokens)
    .where(tokens.c.id == bindparam("token"))
    .values(last_used_at=bindparam("at"), last_station_id=bindparam("station"))
)
Item = TypeVar("Item")
Bill = Callable[[Work, Told], Awaitable[None]]


async def load(database: Database, past: Iterable[Told], bill: Bill | None = None) -> list[Event]:
    """Write sessions, refusals and anomalies as they are kept; return the events, which go in together later.

    Tokens are marked with their last use, and sessions are billed by `bill`.
    """
    events: list[Event] = []
    used: dict[str, dict[str, Any]] = {}
    for portion in _portions(past, AT_ONCE):
        async with database.work() as work:
            for told in portion:
                if told.transaction is not None:
                    work.append(_TRANSACTION, msgspec.structs.asdict(told.transaction))
                    for report in told.reports:
                        row = msgspec.structs.asdict(report)
                        row |= {"event_key": row.pop("key"), "details": row.pop("facts")}
                        work.append(_REPORT, row | {"transaction_id": told.transaction.id})
                    _note_use(used, told)
                for reading in told.readings:
                    work.append(_READING, reading)
                for decision in told.decisions:
                    work.append(_DECISION, decision)
                for anomaly in told.anomalies:
                    work.append(_ANOMALY, msgspec.structs.asdict(anomaly))
                events.extend(told.events)
                if bill is not None:
                    await bill(work, told)
    async with database.work() as work:
        for row in used.values():
            work.execute(_USED, row)
    return events


async def load_events(database: Database, events: Iterable[Event]) -> None:
    """Write the events in the order in which they happened, which is the order of their ids."""
    for portion in _portions(sorted(events, key=lambda event: event.occurred_at), AT_ONCE * 20):
        async with database.work() as work:
            for event in portion:
                work.append(outbox.INSERT, outbox.row(event))


async def load_attempts(database: Database, past: Iterable[Attempt]) -> None:
    """Write connection attempts."""
    async with database.work() as work:
        for attempt in past:
            work.append(_ATTEMPT, msgspec.structs.asdict(attempt) | {"offered": list(attempt.offered)})


def add_verdict(work: Work, verdict: EnergyVerdict, station_id: str, finding: Finding) -> None:
    """Write what was said of a session's energy, and what came of checking its signed values."""
    row = msgspec.structs.asdict(verdict) | {"reasons": msgspec.to_builtins(verdict.reasons)}
    work.append(_VERDICT, row | {"station_id": station_id, "facts": "", "software": "demo"})
    for position, check in enumerate(finding.checks):
        place = {"transaction_id": verdict.transaction_id, "number": verdict.number, "position": position}
        told = {"software": "demo", "checked_at": verdict.judged_at}
        work.append(_CHECK, msgspec.structs.asdict(check) | place | told)


async def take_numbers(database: Database, following: int) -> None:
    """Let live transactions be numbered after those of the past."""
    async with database.work() as work:
        work.execute(_SEQUENCE, {"name": NUMBERS, "next": following})


def _note_use(used: dict[str, dict[str, Any]], told: Told) -> None:
    transaction = told.transaction
    if transaction is not None and transaction.token_id is not None:
        row = {"token": transaction.token_id, "at": transaction.started_at, "station": transaction.station_id}
        used[transaction.token_id] = row


def _portions(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    iterator = iter(items)
    while portion := list(islice(iterator, size)):
        yield portion
