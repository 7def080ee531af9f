"""Statements compiled once: SQLAlchemy Core describes them, the drivers get plain SQL and tuples."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Dialect, Insert, Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import Insert as UpsertInsert
from sqlalchemy.dialects.postgresql import asyncpg as postgresql_asyncpg
from sqlalchemy.dialects.sqlite import pysqlite
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.selectable import SelectBase
from sqlalchemy.types import TypeEngine

Processor = Callable[[Any], Any]

_WIRE_CODES = {"float": 701, "double": 701, "numeric": 1700}  # PostgreSQL's type codes, which SQLAlchemy asks for


def sqlite_dialect() -> Dialect:
    return pysqlite.dialect()


def postgresql_dialect() -> Dialect:
    return postgresql_asyncpg.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy left its constructor untyped


class Prepared:
    """A statement in one dialect: its SQL, and how values go in and come out."""

    __slots__ = ("_binders", "_constants", "_readers", "columns", "sql")

    def __init__(self, statement: ClauseElement, dialect: Dialect) -> None:
        table = statement.table if isinstance(statement, Insert) else None
        compiled = statement.compile(dialect=dialect, column_keys=_carried(table) if isinstance(table, Table) else None)
        assert isinstance(compiled, SQLCompiler)  # noqa: S101 - every Core statement compiles so
        required = {name for bind, name in compiled.bind_names.items() if bind.required}
        expanded = compiled.construct_expanded_state(dict.fromkeys(required))
        self.sql = expanded.statement
        self._constants = {name: value for name, value in expanded.parameters.items() if name not in required}
        types = {name: bind.type for bind, name in compiled.bind_names.items()}
        for name, parts in expanded.parameter_expansion.items():  # the members of an IN list
            types.update(dict.fromkeys(parts, types[name]))
        self._binders: tuple[tuple[str, Processor | None], ...] = tuple(
            (name, types[name].dialect_impl(dialect).bind_processor(dialect)) for name in expanded.positiontup or ()
        )
        selected = list(statement.selected_columns) if isinstance(statement, SelectBase) else []
        self.columns = tuple(str(column.key) for column in selected)
        self._readers: tuple[Processor | None, ...] = tuple(_reader(column.type, dialect) for column in selected)

    def bind(self, params: Mapping[str, Any]) -> tuple[Any, ...]:
        """Return the positional values of one execution. What is not given is NULL or the statement's own value."""
        values = []
        for name, processor in self._binders:
            value = params[name] if name in params else self._constants.get(name)
            values.append(value if processor is None or value is None else processor(value))
        return tuple(values)

    def rows(self, raw: list[Any]) -> list[dict[str, Any]]:
        """Return each raw row as a dictionary by column name, values converted."""
        columns, readers = self.columns, self._readers
        if not any(readers):
            return [dict(zip(columns, row, strict=True)) for row in raw]
        return [
            {
                name: value if reader is None else reader(value)
                for name, reader, value in zip(columns, readers, row, strict=True)
            }
            for row in raw
        ]


def _reader(kind: TypeEngine[Any], dialect: Dialect) -> Processor | None:
    code = _WIRE_CODES.get(kind.__visit_name__) if dialect.name == "postgresql" else None
    return kind.dialect_impl(dialect).result_processor(dialect, code)


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
        if found is None or found[0] is not statement:
            found = self._by_id[id(statement)] = (statement, Prepared(statement, self.dialect))
        return found[1]

    def once(self, statement: ClauseElement) -> Prepared:
        """Return the prepared form of a statement built for this one occasion."""
        return Prepared(statement, self.dialect)


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


def _carried(table: Table) -> list[str]:
    return [column.name for column in table.columns if column.autoincrement is not True]
