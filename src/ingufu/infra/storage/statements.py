"""Statements compiled once: SQLAlchemy Core describes them, the drivers get plain SQL and tuples."""

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any

import structlog
from sqlalchemy import ColumnElement, Dialect, Insert, Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import Insert as UpsertInsert
from sqlalchemy.dialects.postgresql import asyncpg as postgresql_asyncpg
from sqlalchemy.dialects.sqlite import pysqlite
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.selectable import SelectBase

from ingufu.infra.storage.columns import binder, reader

MAX_CONSTANTS = 2000  # far more than the program has; beyond it someone takes what he builds for a constant

log = structlog.get_logger(__name__)


def sqlite_dialect() -> Dialect:
    return pysqlite.dialect()


def postgresql_dialect() -> Dialect:
    return postgresql_asyncpg.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy left its constructor untyped


class Prepared:
    """A statement in one dialect: its SQL, and how values go in and come out."""

    __slots__ = ("_literals", "_names", "_nullable", "_order", "_pick", "_processors", "_readers", "columns", "sql")

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
        names = list(dict.fromkeys(positions))
        self._literals = {name: expanded.parameters[name] for name in names if name not in required}
        self._nullable = _nullable(table, names) if isinstance(table, Table) else {}
        self._names = frozenset(names)
        self._pick = _picker(names)
        binders = [binder(types[name], dialect) for name in names]
        self._processors = tuple((place, do) for place, do in enumerate(binders) if do is not None)
        self._order = _spreader(positions, names)
        selected = list(statement.selected_columns) if isinstance(statement, SelectBase) else []
        self.columns = _names(selected)
        self._readers = tuple(reader(column.type, dialect) for column in selected)

    def bind(self, params: Mapping[str, Any]) -> tuple[Any, ...]:
        """Return the positional values of one execution. What an insert is not given is NULL where it may be.

        Raises InvalidInput for a value that cannot be stored, TypeError for names that do not belong to the statement.
        """
        given = {**self._literals, **params} if self._literals else params
        try:
            values = self._pick(given)
        except KeyError:  # some are left out, perhaps rightly
            given = {**self._nullable, **given}
            values = self._pick(self._checked(given))
        if len(given) != len(values):
            self._checked(given)
        for place, processor in self._processors:
            value = values[place]
            if value is not None:
                values[place] = processor(value)
        return tuple(values) if self._order is None else self._order(values)

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
        return [
            {
                name: value if reader is None else reader(value)
                for name, reader, value in zip(columns, readers, row, strict=True)
            }
            for row in raw
        ]


def _picker(names: Sequence[str]) -> Callable[[Mapping[str, Any]], list[Any]]:
    """Return what picks the values of `names`, in their order, or raises KeyError."""
    if len(names) < 2:
        return lambda params: [params[name] for name in names]
    pick = itemgetter(*names)
    return lambda params: list(pick(params))


def _spreader(positions: Sequence[str], names: Sequence[str]) -> Callable[[Sequence[Any]], tuple[Any, ...]] | None:
    """Return what spreads the values of distinct names over all positions, if a name has several."""
    if len(names) == len(positions):
        return None
    places = [names.index(name) for name in positions]
    return lambda values: tuple(values[place] for place in places)


def _names(selected: Sequence[ColumnElement[Any]]) -> tuple[str, ...]:
    names = tuple(str(column.key or "") for column in selected)
    if len(set(names)) < len(names) or any(not name or name.startswith("%(") for name in names):
        raise TypeError(f"Every selected column needs a name of its own (use label): {', '.join(names)}")
    return names


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


def _nullable(table: Table, names: Sequence[str]) -> dict[str, None]:
    return dict.fromkeys(column.name for column in table.columns if column.nullable and column.name in names)


def _carried(table: Table) -> list[str]:
    return [column.name for column in table.columns if column.autoincrement is not True]
