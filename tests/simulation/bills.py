"""What a station knows of its transactions, held against what is stored of them: each once, and with the same figures."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime
from functools import cache
from typing import Any

import msgspec

from ingufu.charging.tables import readings, transaction_events, transactions
from ingufu.infra.storage.statements import Prepared
from simulation.client import Station
from simulation.conversation import Answered
from simulation.disk import STATEMENTS, Disk
from simulation.record import Charging, Message, payload_of
from simulation.world import World

Row = dict[str, Any]
_TABLES = {table.name: table for table in (transactions, transaction_events, readings)}
_TOLD = "SELECT kind, transaction_id, details FROM events WHERE kind IN ('TransactionStarted', 'TransactionEnded')"
_ESTIMATED = '"is_estimated":true'


class Books:
    """All that is stored of transactions."""

    def __init__(self, disk: Disk) -> None:
        self.transactions = _by(_rows(disk, "transactions"), "station_id")
        self.events = _by(_rows(disk, "transaction_events"), "transaction_id")
        self.readings = _by(_rows(disk, "meter_readings"), "transaction_id")
        self.told = _by(disk.rows(_TOLD), "transaction_id")
        self.ids = {row["identity"]: row["id"] for row in disk.rows("SELECT id, identity FROM stations")}


def check(world: World, books: Books, station: Station, answered: Answered) -> None:
    """Note everything in which the stored transactions of a station differ from its own."""
    _Audit(world, books, station, answered).check()


class _Audit:
    """Of one station."""

    def __init__(self, world: World, books: Books, station: Station, answered: Answered) -> None:
        self._world = world
        self._answered = answered
        self._books = books
        self._station = station
        self._id = books.ids[station.plan.identity]
        self._is_16 = station.plan.version == "ocpp1.6"

    def check(self) -> None:
        rows = {row["reference"]: row for row in self._books.transactions.get(self._id, ())}
        for charging in self._station.record.chargings:
            if len(charging.numbers) > 1:
                self._wrong(charging, f"was given the numbers {sorted(charging.numbers)}")
            reference = self._reference(charging)
            row = rows.pop(reference, None) if reference is not None else None
            if row is not None:
                self._check_row(charging, row)
                self._check_events(charging, row)
                self._check_readings(charging, row)
                self._check_told(charging, row)
            elif any(message.is_acknowledged for message in charging.messages):
                self._wrong(charging, "was acknowledged, and is not stored")
        for reference, row in rows.items():
            if not self._may_be_cut_short(row):
                self._world.wrong(f"{self._station.plan.identity} never had the transaction {reference}: {_short(row)}")
        self._check_idle()

    def _reference(self, charging: Charging) -> str | None:
        if not self._is_16:
            return charging.name
        return str(charging.number) if charging.numbers else None

    def _may_be_cut_short(self, row: Row) -> bool:
        """Return whether a row is of a start that the simulation ended before its answer came."""
        return not self._station.is_at_rest and row["is_open"]

    def _check_row(self, charging: Charging, row: Row) -> None:
        if not all(message.is_acknowledged for message in charging.messages) or charging.end is None:
            return
        expected = {
            "is_open": False,
            "is_estimated": False,
            "evse": charging.connector,
            "token_value": charging.token,
            "stop_reason": charging.reason,
        }
        self._world.count(f"a transaction of {self._station.plan.version} was told and billed")
        energy = charging.end.wh - charging.start.wh
        expected |= {"energy_wh": energy, "start_wh": charging.start.wh, "end_wh": charging.end.wh}
        if self._has_believable_times:
            expected |= {"started_at": charging.start.at, "ended_at": charging.end.at}
        if not self._is_16:
            expected |= {"seq_count": len(charging.messages), "last_seq": charging.messages[-1].seq}
        for name, value in expected.items():
            if row[name] != value:
                self._wrong(charging, f"has {name} {row[name]}, not {value}")

    @property
    def _has_believable_times(self) -> bool:
        """Return whether the server never had to replace times of the station that could not be right to it."""
        return self._station.plan.clock in {"right", "off"} and not self._world.has_jumped

    def _check_events(self, charging: Charging, row: Row) -> None:
        stored = Counter(
            event["event_key"] if self._is_16 else (event["seq"], event["kind"])
            for event in self._books.events.get(row["id"], ())
            if not event["event_key"].startswith(("estimate", "state/"))
        )
        self._compare(charging, "events", stored, self._expected_events(charging))

    def _expected_events(self, charging: Charging) -> list[tuple[Any, bool]]:
        """Return the event that each message makes, and whether it was acknowledged."""
        kinds = {"start": "started", "reading": "updated", "stop": "ended"}
        if self._is_16:
            told = [message for message in charging.messages if message.kind != "reading"]
            return [(message.kind, message.is_acknowledged) for message in told]
        return [((message.seq, kinds[message.kind]), message.is_acknowledged) for message in charging.messages]

    def _check_readings(self, charging: Charging, row: Row) -> None:
        record = self._station.record
        idle = {
            (one.readings[0].at, one.readings[0].wh) for one in (*record.idle, *record.late)
        }  # 1.6: may be taken in
        told: dict[tuple[datetime, int], bool] = {}
        for message in charging.messages:
            for reading in message.readings:
                key = (reading.at, reading.wh)
                told[key] = told.get(key, False) or message.is_acknowledged
        stored = Counter(map(_reading_key, self._books.readings.get(row["id"], ())))
        for key in idle & stored.keys():  # a slow clock gives an idle reading and one of the transaction the same time
            stored[key] = min(stored[key], 1) if key in told else 0
        self._compare(charging, "readings", +stored, told.items())

    def _compare(self, charging: Charging, what: str, stored: Counter[Any], told: Iterable[tuple[Any, bool]]) -> None:
        """Every acknowledged thing must be stored once; one that is not may be; nothing else may."""
        for key, is_acknowledged in told:
            times = stored.pop(key, 0)
            if times > 1 or (is_acknowledged and not times):
                self._wrong(charging, f"has {times} times the {what} {key}")
        if stored:
            self._wrong(charging, f"has {what} that its station never told: {dict(stored)}")

    def _check_told(self, charging: Charging, row: Row) -> None:
        told = self._books.told.get(row["id"], ())
        begun = sum(event["kind"] == "TransactionStarted" for event in told)
        ended = sum(event["kind"] == "TransactionEnded" and _ESTIMATED not in event["details"] for event in told)
        if begun != 1 or ended != (0 if row["is_open"] or row["is_estimated"] else 1):
            self._wrong(charging, f"was announced {begun} times as begun and {ended} times as ended")

    def _check_idle(self) -> None:
        """Readings outside of transactions come at least once: nothing tells a repeated one from an equal one.

        But what was answered lately is known again by its message, and a connection that was closed is not heard.
        """
        stored = Counter(
            _reading_key(row) for rows in self._books.readings.values() for row in rows if row["station_id"] == self._id
        )
        charged = Counter(
            key
            for charging in self._station.record.chargings
            for key in {(reading.at, reading.wh) for message in charging.messages for reading in message.readings}
        )
        for message in self._station.record.idle:
            times, fresh = stored[_key_of(message)], self._fresh(message)
            if times > fresh + charged[_key_of(message)] or (message.is_acknowledged and not times):
                self._wrong_idle(f"told {fresh} times, acknowledged {message.is_acknowledged}, is stored {times} times")
        for message in self._station.record.late:
            if stored[_key_of(message)] and not self._fresh(message):
                self._wrong_idle("that came by a closed connection is stored")

    def _fresh(self, message: Message) -> int:
        """Return how often a message came to the server when it had not lately been answered."""
        payload = msgspec.json.encode(payload_of(self._station.plan.version, message)) + b"]"
        return self._answered.fresh.get(payload, 0)

    def _wrong_idle(self, text: str) -> None:
        self._world.wrong(f"{self._station.plan.identity}: an idle reading {text}.")

    def _wrong(self, charging: Charging, text: str) -> None:
        name = self._reference(charging) or charging.name
        self._world.wrong(f"{self._station.plan.identity} transaction {name} {text}.")


def _key_of(message: Message) -> tuple[datetime, int]:
    return message.readings[0].at, message.readings[0].wh


def _reading_key(row: Row) -> tuple[datetime, int]:
    return datetime.fromisoformat(row["at_station"]), int(row["energy_wh"])


def _rows(disk: Disk, name: str) -> list[Row]:
    prepared = _selection(name)
    return prepared.rows(disk.connection.execute(prepared.sql).fetchall())


@cache
def _selection(name: str) -> Prepared:
    return STATEMENTS.once(_TABLES[name].select())


def _by(rows: list[Row], name: str) -> dict[Any, list[Row]]:
    grouped: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        grouped[row[name]].append(row)
    return grouped


def _short(row: Row) -> str:
    return ", ".join(f"{name} {row[name]}" for name in ("token_value", "start_wh", "end_wh", "started_at", "is_open"))
