"""Where the plain server keeps things: through an ORM, as most are made, or by SQL by hand, as the fastest are."""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Protocol, TypeAlias

from sqlalchemy import Engine, ForeignKey, create_engine, event, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

Reading: TypeAlias = tuple[str, str, str]  # timestamp, measurand, value


class Store(Protocol):
    """Each method is one commit, done when it returns."""

    def prepare(self, tokens: Sequence[str]) -> None: ...
    def boot(self, station: str, vendor: str, model: str) -> None: ...
    def status(self, station: str, connector: int, status: str, error: str, at: str) -> None: ...
    def authorize(self, station: str, token: str) -> bool: ...
    def start(self, station: str, connector: int, token: str, register: int, at: str) -> int: ...
    def readings(self, station: str, connector: int, transaction: str, readings: Sequence[Reading]) -> None: ...
    def stop(self, transaction: int, register: int, at: str) -> None: ...
    def event(
        self, station: str, reference: str, kind: str, number: int, at: str, readings: Sequence[Reading]
    ) -> None: ...


class Base(DeclarativeBase):
    """All tables."""


class StationRow(Base):
    """A station."""

    __tablename__ = "stations"
    identity: Mapped[str] = mapped_column(primary_key=True)
    vendor: Mapped[str]
    model: Mapped[str]


class StatusRow(Base):
    """What a connector said of itself."""

    __tablename__ = "statuses"
    id: Mapped[int] = mapped_column(primary_key=True)
    station: Mapped[str] = mapped_column(index=True)
    connector: Mapped[int]
    status: Mapped[str]
    error: Mapped[str]
    at: Mapped[str]


class TokenRow(Base):
    """Who may charge."""

    __tablename__ = "tokens"
    value: Mapped[str] = mapped_column(primary_key=True)
    is_blocked: Mapped[bool] = mapped_column(default=False)


class AuthorizationRow(Base):
    """That a token was asked for."""

    __tablename__ = "authorizations"
    id: Mapped[int] = mapped_column(primary_key=True)
    station: Mapped[str]
    token: Mapped[str]
    is_known: Mapped[bool]


class TransactionRow(Base):
    """A transaction of 1.6."""

    __tablename__ = "transactions"
    id: Mapped[int] = mapped_column(primary_key=True)
    station: Mapped[str] = mapped_column(index=True)
    connector: Mapped[int]
    token: Mapped[str] = mapped_column(ForeignKey("tokens.value"))
    started_at: Mapped[str]
    start_wh: Mapped[int]
    ended_at: Mapped[str | None] = mapped_column(default=None)
    end_wh: Mapped[int | None] = mapped_column(default=None)


class EventRow(Base):
    """A TransactionEvent of 2.0.1."""

    __tablename__ = "transaction_events"
    id: Mapped[int] = mapped_column(primary_key=True)
    station: Mapped[str]
    reference: Mapped[str] = mapped_column(index=True)
    kind: Mapped[str]
    number: Mapped[int]
    at: Mapped[str]


class ReadingRow(Base):
    """One sampled value."""

    __tablename__ = "readings"
    id: Mapped[int] = mapped_column(primary_key=True)
    station: Mapped[str]
    connector: Mapped[int]
    reference: Mapped[str] = mapped_column(index=True)
    at: Mapped[str]
    measurand: Mapped[str]
    value: Mapped[str]


def _engine(path: str) -> Engine:
    engine = create_engine(f"sqlite:///{path}")

    @event.listens_for(engine, "connect")
    def _(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")

    Base.metadata.create_all(engine)
    return engine


class Mapper:
    """Through SQLAlchemy's ORM, a session for each message."""

    def __init__(self, path: str) -> None:
        self._engine = _engine(path)

    def prepare(self, tokens: Sequence[str]) -> None:
        self._add(*(TokenRow(value=value) for value in dict.fromkeys(tokens)))

    def boot(self, station: str, vendor: str, model: str) -> None:
        with Session(self._engine) as session:
            session.merge(StationRow(identity=station, vendor=vendor, model=model))
            session.commit()

    def status(self, station: str, connector: int, status: str, error: str, at: str) -> None:
        self._add(StatusRow(station=station, connector=connector, status=status, error=error, at=at))

    def authorize(self, station: str, token: str) -> bool:
        with Session(self._engine) as session:
            found = session.scalar(select(TokenRow).where(TokenRow.value == token))
            is_known = found is not None and not found.is_blocked
            session.add(AuthorizationRow(station=station, token=token, is_known=is_known))
            session.commit()
            return is_known

    def start(self, station: str, connector: int, token: str, register: int, at: str) -> int:
        with Session(self._engine) as session:
            row = TransactionRow(station=station, connector=connector, token=token, start_wh=register, started_at=at)
            session.add(row)
            session.commit()
            return row.id

    def readings(self, station: str, connector: int, transaction: str, readings: Sequence[Reading]) -> None:
        self._add(*_rows(station, connector, transaction, readings))

    def stop(self, transaction: int, register: int, at: str) -> None:
        with Session(self._engine) as session:
            row = session.get(TransactionRow, transaction)
            if row is not None:
                row.end_wh, row.ended_at = register, at
            session.commit()

    def event(self, station: str, reference: str, kind: str, number: int, at: str, readings: Sequence[Reading]) -> None:
        happened = EventRow(station=station, reference=reference, kind=kind, number=number, at=at)
        self._add(happened, *_rows(station, 1, reference, readings))

    def _add(self, *rows: Base) -> None:
        with Session(self._engine) as session:
            session.add_all(rows)
            session.commit()


def _rows(station: str, connector: int, reference: str, readings: Sequence[Reading]) -> list[ReadingRow]:
    return [
        ReadingRow(station=station, connector=connector, reference=reference, at=at, measurand=measurand, value=value)
        for at, measurand, value in readings
    ]


class ByHand:
    """By SQL on one connection of the standard library's sqlite3."""

    def __init__(self, path: str) -> None:
        _engine(path).dispose()  # the same tables
        self._database = sqlite3.connect(path, cached_statements=256)
        self._database.execute("PRAGMA synchronous=FULL")

    def prepare(self, tokens: Sequence[str]) -> None:
        values = [(value,) for value in dict.fromkeys(tokens)]
        with self._database:
            self._database.executemany("INSERT INTO tokens (value, is_blocked) VALUES (?, 0)", values)

    def boot(self, station: str, vendor: str, model: str) -> None:
        sql = "INSERT OR REPLACE INTO stations (identity, vendor, model) VALUES (?, ?, ?)"
        with self._database:
            self._database.execute(sql, (station, vendor, model))

    def status(self, station: str, connector: int, status: str, error: str, at: str) -> None:
        sql = "INSERT INTO statuses (station, connector, status, error, at) VALUES (?, ?, ?, ?, ?)"
        with self._database:
            self._database.execute(sql, (station, connector, status, error, at))

    def authorize(self, station: str, token: str) -> bool:
        with self._database:
            found = self._database.execute("SELECT is_blocked FROM tokens WHERE value = ?", (token,)).fetchone()
            is_known = found is not None and not found[0]
            sql = "INSERT INTO authorizations (station, token, is_known) VALUES (?, ?, ?)"
            self._database.execute(sql, (station, token, is_known))
        return is_known

    def start(self, station: str, connector: int, token: str, register: int, at: str) -> int:
        sql = "INSERT INTO transactions (station, connector, token, start_wh, started_at) VALUES (?, ?, ?, ?, ?)"
        with self._database:
            return self._database.execute(sql, (station, connector, token, register, at)).lastrowid or 0

    def readings(self, station: str, connector: int, transaction: str, readings: Sequence[Reading]) -> None:
        with self._database:
            self._keep(station, connector, transaction, readings)

    def stop(self, transaction: int, register: int, at: str) -> None:
        sql = "UPDATE transactions SET end_wh = ?, ended_at = ? WHERE id = ?"
        with self._database:
            self._database.execute(sql, (register, at, transaction))

    def event(self, station: str, reference: str, kind: str, number: int, at: str, readings: Sequence[Reading]) -> None:
        sql = "INSERT INTO transaction_events (station, reference, kind, number, at) VALUES (?, ?, ?, ?, ?)"
        with self._database:
            self._database.execute(sql, (station, reference, kind, number, at))
            self._keep(station, 1, reference, readings)

    def _keep(self, station: str, connector: int, reference: str, readings: Sequence[Reading]) -> None:
        sql = "INSERT INTO readings (station, connector, reference, at, measurand, value) VALUES (?, ?, ?, ?, ?, ?)"
        self._database.executemany(sql, [(station, connector, reference, *reading) for reading in readings])


STORES: Mapping[str, Callable[[str], Store]] = MappingProxyType({"orm": Mapper, "sql": ByHand})
