"""Equal slices of time inside a query, in both databases' own words."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Integer
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Slice(ColumnElement[int]):
    """The number of the slice of `width_s` seconds since 1970 into which an instant falls."""

    inherit_cache = False
    type = Integer()

    def __init__(self, column: ColumnElement[Any], width_s: int) -> None:
        self.column = column
        self.width_s = width_s


@compiles(Slice, "sqlite")
def _sqlite(element: Slice, compiler: SQLCompiler, **options: Any) -> str:
    column = compiler.process(element.column, **options)
    return f"({column} / {element.width_s * 1_000_000})"  # instants are microseconds there


@compiles(Slice, "postgresql")
def _postgresql(element: Slice, compiler: SQLCompiler, **options: Any) -> str:
    column = compiler.process(element.column, **options)
    return f"floor(extract(epoch from {column}) / {element.width_s})::bigint"


def begin_of(number: int, width_s: int) -> datetime:
    """Return when a slice begins."""
    return EPOCH + timedelta(seconds=number * width_s)


def number_of(at: datetime, width_s: int) -> int:
    """Return the slice into which an instant falls."""
    return int((at - EPOCH).total_seconds() // width_s)
