"""A table for others to compute with: which columns it has, of what kind each is, and how a row fills it. Pure."""

from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter
from typing import Any, Generic, Literal, NamedTuple, TypeAlias, TypeVar

_RISKY = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001 - what begins a formula

Row = TypeVar("Row")

# What values a column has. `exact` are Decimals, `real` floats, `instant` aware datetimes, `flag` yes or no.
Kind: TypeAlias = Literal["text", "instant", "day", "exact", "real", "integer", "flag"]


class Column(NamedTuple, Generic[Row]):
    """A column: its name, with the unit of a quantity in it (`energy_kwh`), its kind, and what stands there of a row.

    Amounts of money stand beside a column `currency`, instants beside a column `time_zone` with the site's zone.
    """

    name: str
    kind: Kind
    draw: Callable[[Row], Any]


class Sheet(NamedTuple, Generic[Row]):
    """A table: what its files are called ("stations"), and its columns."""

    name: str
    columns: tuple[Column[Row], ...]

    @property
    def names(self) -> list[str]:
        """What the columns are called, in order."""
        return [column.name for column in self.columns]

    @property
    def kinds(self) -> dict[str, Kind]:
        """The kind of each column by its name, in order."""
        return {column.name: column.kind for column in self.columns}

    def drawn(self, row: Row) -> list[Any]:
        """Return what stands in a row, in the order of the columns."""
        return [column.draw(row) for column in self.columns]


def own(kind: Kind, *names: str) -> tuple[Column[Any], ...]:
    """Return a column for each of these attributes of a row, named as they are; `site.name` becomes `site_name`."""
    return tuple(Column(name.replace(".", "_"), kind, attrgetter(name)) for name in names)


def ordered(columns: Iterable[Column[Row]], names: str) -> tuple[Column[Row], ...]:
    """Return the columns in the order in which the names stand in a text."""
    known: Mapping[str, Column[Row]] = {column.name: column for column in columns}
    return tuple(known[name] for name in names.split())


def guarded(text: str) -> str:
    """Return a text as a cell that no spreadsheet takes for a formula: with a mark before it, if it might be one."""
    return f"'{text}" if _is_risky(text) else text


def unguarded(cell: str) -> str:
    """Return the text of which `guarded` made the cell."""
    return cell[1:] if cell.startswith("'") and _is_risky(cell[1:]) else cell


def _is_risky(text: str) -> bool:
    return text.lstrip(" '").startswith(_RISKY)  # beyond marks of its own, so that just ours is taken off again
