"""The stations' own record against the database: whatever differs is told, and nothing may."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import Table, select

from faults.notebook import Charge, Notebook
from ingufu.charging.tables import anomalies, readings, transaction_events, transactions
from ingufu.infra.storage.database import Database
from ingufu.infra.storage.outbox import events
from ingufu.stations.tables import connectors, stations

LOST, DOUBLE, WRONG = "lost", "double", "wrong"

Row = dict[str, Any]


class Finding(msgspec.Struct, frozen=True):
    """What differs: acknowledged and not stored, stored more often than it happened, or stored as something else."""

    kind: str
    text: str


class Books:
    """What the database holds, in the order in which the stations' records ask for it."""

    def __init__(self) -> None:
        self.identities: dict[str, str] = {}  # station id to identity
        self.transactions: dict[tuple[str, str], list[Row]] = defaultdict(list)  # by identity and reference
        self.starts: dict[tuple[str, int, str], list[Row]] = defaultdict(list)  # by identity, EVSE and start
        self.events: dict[str, list[Row]] = defaultdict(list)  # by transaction id
        self.readings: dict[str, list[Row]] = defaultdict(list)
        self.told: dict[str, Counter[str]] = defaultdict(Counter)
        self.anomalies: dict[str, list[Row]] = defaultdict(list)  # by identity
        self.connectors: dict[tuple[str, int], str] = {}
        self.numbers: Counter[int] = Counter()


async def read_books(database: Database) -> Books:
    """Return everything that concerns transactions."""

    async def rows(table: Table) -> list[Row]:
        return await database.select(select(table).order_by(*table.primary_key.columns))

    books = Books()
    books.identities = {row["id"]: row["identity"] for row in await rows(stations)}
    for row in await rows(transactions):
        identity = books.identities[row["station_id"]]
        books.transactions[identity, row["reference"]].append(row)
        books.starts[identity, row["evse"], instant(row["started_at"])].append(row)
        if row["number"] is not None:
            books.numbers[row["number"]] += 1
    for row in await rows(transaction_events):
        books.events[row["transaction_id"]].append(row)
    for row in await rows(readings):
        books.readings[row["transaction_id"]].append(row)
    for row in await rows(events):
        if row["transaction_id"] is not None:
            books.told[row["transaction_id"]][row["kind"]] += 1
    for row in await rows(anomalies):
        books.anomalies[books.identities[row["station_id"]]].append(row)
    for row in await rows(connectors):
        books.connectors[books.identities[row["station_id"]], row["evse"]] = row["raw_status"]
    return books


def compare(books: Books, notebooks: Iterable[Notebook]) -> list[Finding]:
    """Return what differs. To be asked when every station has ended and delivered everything.

    Nothing acknowledged is missing (I1), each transaction is there once with one bill (I2), none is open whose end
    was reported (I3), meters equal the stations' own (I4), numbers are unique and were told alike each time.
    """
    found: list[Finding] = []
    told: Counter[int] = Counter()
    notebooks = list(notebooks)
    for notebook in notebooks:
        found += [Finding(WRONG, f"{notebook.identity} was refused: {text}") for text in notebook.refused]
        found += [
            Finding(WRONG, f"{notebook.identity} is marked: {row['kind']} {row['detail']}")
            for row in books.anomalies[notebook.identity]
        ]
        found += _compare_statuses(books, notebook)
        for charge in notebook.charges:
            told.update(set(charge.numbers))
            found += [
                Finding(one.kind, f"{notebook.identity} {name(charge)}: {one.text}")
                for one in _compare(books, notebook, charge)
            ]
    found += [
        Finding(DOUBLE, f"number {number} was told of {count} transactions")
        for number, count in told.items()
        if count > 1
    ]
    found += [
        Finding(DOUBLE, f"number {number} is stored {count} times")
        for number, count in books.numbers.items()
        if count > 1
    ]
    return found + list(_compare_counts(books, notebooks))


def find_missing(books: Books, notebooks: Iterable[Notebook]) -> list[Finding]:
    """Return what was acknowledged and is not stored (I1). To be asked at any moment."""
    found: list[str] = []
    for notebook in notebooks:
        for charge in notebook.charges:
            rows = books.starts[notebook.identity, charge.evse, charge.started_at]
            if charge.start is not None and charge.start.is_acknowledged and not rows:
                found.append(f"{notebook.identity} {name(charge)}: its start is missing")
            stored = {instant(reading["at"]) for row in rows for reading in books.readings[row["id"]]}
            told = {sample.at for sample in charge.samples if sample.said.is_acknowledged}
            found += [f"{notebook.identity} {name(charge)}: the reading of {at} is missing" for at in told - stored]
            is_stopped = charge.stop is not None and charge.stop.is_acknowledged
            if is_stopped and any(row["is_open"] for row in rows):
                found.append(f"{notebook.identity} {name(charge)}: its end is missing")
    return [Finding(LOST, text) for text in found]


def name(charge: Charge) -> str:
    return charge.reference or f"{charge.evse} at {charge.started_at}"


def instant(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _compare_statuses(books: Books, notebook: Notebook) -> Iterable[Finding]:
    for evse in notebook.statuses:
        possible, stored = notebook.possible_statuses(evse), books.connectors.get((notebook.identity, evse))
        if stored not in possible and any(is_acknowledged for _, is_acknowledged in notebook.statuses[evse]):
            yield Finding(LOST, f"{notebook.identity} EVSE {evse} is {stored}, may be {possible}")


def _compare_counts(books: Books, notebooks: Iterable[Notebook]) -> Iterable[Finding]:
    stored = Counter(identity for (identity, _), rows in books.transactions.items() for _ in rows)
    for notebook in notebooks:
        charged, kept = len(notebook.charges), stored[notebook.identity]
        if kept != charged:
            text = f"{notebook.identity} charged {charged} times, {kept} are stored"
            yield Finding(LOST if kept < charged else DOUBLE, text)


def _compare(books: Books, notebook: Notebook, charge: Charge) -> Iterable[Finding]:
    is_16 = notebook.version == "1.6"
    if is_16:
        rows = books.starts[notebook.identity, charge.evse, charge.started_at]
        if len(set(charge.numbers)) > 1:
            yield Finding(DOUBLE, f"had the numbers {charge.numbers}")
    else:
        rows = books.transactions[notebook.identity, charge.reference]
    if len(rows) != 1:
        yield Finding(DOUBLE if rows else LOST, f"is stored {len(rows)} times")
        return
    row = rows[0]
    yield from _compare_row(row, charge, is_16=is_16)
    told = books.told[row["id"]]
    for kind in ("TransactionStarted", "TransactionEnded"):
        if told[kind] != 1:
            yield Finding(DOUBLE if told[kind] else LOST, f"{kind} {told[kind]} times")
    yield from _compare_events(books.events[row["id"]], charge, is_16=is_16)
    yield from _compare_readings(books.readings[row["id"]], charge)


def _compare_row(row: Row, charge: Charge, *, is_16: bool) -> Iterable[Finding]:
    expected = {
        "token_value": charge.token,
        "evse": charge.evse,
        "start_wh": Decimal(charge.start_wh),
        "end_wh": Decimal(charge.stop_wh),
        "energy_wh": Decimal(charge.stop_wh - charge.start_wh),
        "is_open": False,
        "is_estimated": False,
        "stop_reason": "Local",
        "verdict": "Accepted",
        "anomaly_count": 0,
    } | ({"number": charge.number, "reference": str(charge.number)} if is_16 else {"seq_count": len(charge.samples)})
    for key, value in expected.items():
        if row[key] != value:
            yield Finding(WRONG, f"{key} is {row[key]}, not {value}")
    at = (instant(row["started_at"]), instant(row["ended_at"]) if row["ended_at"] else "")
    if at != (charge.started_at, charge.stopped_at):
        yield Finding(WRONG, f"ran {at}, not {(charge.started_at, charge.stopped_at)}")


def _compare_events(rows: list[Row], charge: Charge, *, is_16: bool) -> Iterable[Finding]:
    stored = Counter((row["kind"], row["seq"], instant(row["at"])) for row in rows)
    if is_16:
        said = Counter([("started", None, charge.started_at), ("ended", None, charge.stopped_at)])
    else:
        said = Counter((sample.kind, sample.seq, sample.at) for sample in charge.samples)
    yield from _difference("event", stored, said)


def _compare_readings(rows: list[Row], charge: Charge) -> Iterable[Finding]:
    stored = Counter((instant(row["at"]), row["energy_wh"]) for row in rows)
    said = Counter((sample.at, Decimal(sample.register_wh)) for sample in charge.samples)
    yield from _difference("reading", stored, said)


def _difference(what: str, stored: Counter[Any], said: Counter[Any]) -> Iterable[Finding]:
    for key, count in (said - stored).items():
        yield Finding(LOST, f"{what} {key} is missing ({count})")
    for key, count in (stored - said).items():
        yield Finding(DOUBLE, f"{what} {key} is stored {count} times too often")
