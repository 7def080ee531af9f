"""Statements compiled once: SQLAlchemy Core describes them, the drivers get plain SQL and tuples."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import structlog
from sqlalchemy import ColumnElement, Dialect, Insert, Table, Update
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import Insert as UpsertInsert
from sqlalchemy.dialects.postgresql import asyncpg as postgresql_asyncpg
from sqlalchemy.dialects.sqlite import pysqlite
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.selectable import SelectBase

from ingufu.infra.storage.binding import binding
from ingufu.infra.storage.columns import Processor, reader

BY_COLUMN = 20  # rows, from which on they are converted column by column, which is faster
MAX_CONSTANTS = 2000  # far more than the program has; beyond it someone takes what he builds for a constant

log = structlog.get_logger(__name__)


def sqlite_dialect() -> Dialect:
    return pysqlite.dialect()


def postgresql_dialect() -> Dialect:
    return postgresql_asyncpg.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy left its constructor untyped


class Prepared:
    """A statement in one dialect: its SQL, and how values go in and come out."""

    __slots__ = (
        "_bind",
        "_count",
        "_literals",
        "_names",
        "_nullable",
        "_readers",
        "columns",
        "inserted",
        "sql",
        "table",
    )

    def __init__(self, statement: ClauseElement, dialect: Dialect) -> None:
        table = statement.table if isinstance(statement, Insert) else None
        compiled = statement.compile(dialect=dialect, column_keys=_carried(table) if isinstance(table, Table) else None)
        assert isinstance(compiled, SQLCompiler)  # noqa: S101 - every Core statement compiles so
        required = {name for bind, name in compiled.bind_names.items() if bind.required}
        expanded = compiled.construct_expanded_state(dict.fromkeys(required))
        self.sql = expanded.statement
        types = {name: bind.type for bind, name in compiled.bind_names.items()}
        for name, parts in expanded.parameter_expansion.items():  # the members of an IN list
            types.update(dict.fromkeys(parts, types[name]))
        positions = expanded.positiontup or ()
        written = statement.table if isinstance(statement, Insert | Update) else None
        self.table = str(written.name) if isinstance(written, Table) else ""  # that it writes
        self.inserted = (
            tuple(map(str, positions)) if isinstance(statement, Insert) else ()
        )  # columns, in the order of the values
        self._names = frozenset(positions)
        self._count = len(self._names)
        self._literals = {name: expanded.parameters[name] for name in self._names if name not in required}
        self._nullable = _nullable(table, self._names) if isinstance(table, Table) else {}
        self._bind = binding(positions, types, dialect)
        selected = list(statement.selected_columns) if isinstance(statement, SelectBase) else []
        self.columns = _names(selected)
        self._readers = tuple(reader(column.type, dialect) for column in selected)

    def bind(self, params: Mapping[str, Any]) -> tuple[Any, ...]:
        """Return the positional values of one execution. What an insert is not given is NULL where it may be.

        Raises InvalidInput for a value that cannot be stored, TypeError for names that do not belong to the statement.
        """
        given = {**self._literals, **params} if self._literals else params
        try:
            values = self._bind(given)
        except KeyError:  # some are left out, perhaps rightly
            return self._bind(self._checked({**self._nullable, **given}))
        if len(given) != self._count:
            self._checked(given)
        return values

    def _checked(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        if unknown := given.keys() - self._names:
            raise TypeError(f"The statement has no {', '.join(unknown)}: {self.sql}")
        if missing := self._names - given.keys():
            raise TypeError(f"The statement lacks a value for {', '.join(missing)}: {self.sql}")
        return given

    def rows(self, raw: list[Any]) -> list[dict[str, Any]]:
        """Return each raw row as a dictionary by column name, values converted."""
        columns, readers = self.columns, self._readers
        if not any(readers):
            return [dict(zip(columns, row, strict=True)) for row in raw]
        if len(raw) >= BY_COLUMN:
            values = [
                column if reader is None else map(reader, column)
                for reader, column in zip(readers, zip(*raw, strict=True), strict=True)
            ]
            return [dict(zip(columns, row, strict=True)) for row in zip(*values, strict=True)]
        read = [(name, reader) for name, reader in zip(columns, readers, strict=True) if reader is not None]
        return [_read(dict(zip(columns, row, strict=True)), read) for row in raw]


def _read(row: dict[str, Any], readers: Sequence[tuple[str, Processor]]) -> dict[str, Any]:
    """Return the row with the values converted that must be; NULL is None in every type."""
    for name, read in readers:
        value = row[name]
        if value is not None:
            row[name] = read(value)
    return row


def _names(selected: Sequence[ColumnElement[Any]]) -> tuple[str, ...]:
    names = tuple(str(column.key or "") for column in selected)
    if len(set(names)) < len(names) or any(not name or name.startswith("%(") for name in names):
        raise TypeError(f"Every selected column needs a name of its own (use label): {', '.join(names)}")
    return names


class PlainSql(Prepared):
    """SQL as it stands, for values in the driver's own form."""

    __slots__ = ()

    def __init__(self, sql: str) -> None:
        self.sql = sql
        self.table, self.inserted, self.columns = "", (), ()


class Statements:
    """Prepared forms of statements for one dialect, each made once.

    Statements are module-level constants, so they are told apart by identity; ad hoc ones are compiled each time.
    """

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self._by_id: dict[int, tuple[ClauseElement, Prepared]] = {}

    def constant(self, statement: ClauseElement) -> Prepared:
        """Return the prepared form of a statement that lives as long as the program."""
        found = self._by_id.get(id(statement))
        return self._keep(statement) if found is None else found[1]

    def once(self, statement: ClauseElement) -> Prepared:
        """Return the prepared form of a statement built for this one occasion."""
        return Prepared(statement, self.dialect)

    def _keep(self, statement: ClauseElement) -> Prepared:
        prepared = Prepared(statement, self.dialect)
        if len(self._by_id) < MAX_CONSTANTS:
            self._by_id[id(statement)] = (statement, prepared)  # kept with it, so that the identity stays its own
        else:
            log.error("storage.statement_not_constant", sql=prepared.sql)
        return prepared


def insert(table: Table) -> UpsertInsert:
    """Return an insert that carries every column but a self-counting one."""
    return postgresql.insert(table).inline()


def insert_or_ignore(table: Table) -> UpsertInsert:
    """Return an insert that leaves a row with the same key as it is."""
    return postgresql.insert(table).inline().on_conflict_do_nothing()


def upsert(table: Table, key: Sequence[str]) -> UpsertInsert:
    """Return an insert that replaces every other column of a row with the same key."""
    statement = postgresql.insert(table).inline()
    replaced = {name: statement.excluded[name] for name in _carried(table) if name not in key}
    return statement.on_conflict_do_update(index_elements=list(key), set_=replaced)


def _nullable(table: Table, names: Collection[str]) -> dict[str, None]:
    return dict.fromkeys(column.name for column in table.columns if column.nullable and column.name in names)


def _carried(table: Table) -> list[str]:
    return [column.name for column in table.columns if column.autoincrement is not True]
