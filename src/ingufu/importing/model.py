"""What an import is made of: rows with their place, what is wrong with them, and what became of them."""

from enum import StrEnum
from typing import Any

import msgspec


class Kind(StrEnum):
    """What a row describes, in the order in which they are written: the named before those that name them."""

    SITES = "sites"
    USERS = "users"
    GROUPS = "groups"
    DRIVERS = "drivers"
    STATIONS = "stations"
    TOKENS = "tokens"


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to have. What is not among the values stays as it is; None empties it."""

    kind: Kind
    file: str
    line: int
    values: dict[str, Any]


class RowError(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with a row, or (line 0) with the whole file."""

    file: str
    line: int = 0
    field: str = ""
    reason: str

    def __str__(self) -> str:
        """Return it as compilers do, so that editors find the place."""
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.field}: {self.reason}" if self.field else f"{place}: {self.reason}"


class Effect(StrEnum):
    """What a row does to what is there."""

    NEW = "new"
    CHANGED = "changed"
    SAME = "same"


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    new: int = 0
    changed: int = 0
    same: int = 0


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an import, or (`is_written` False) would."""

    is_written: bool
    kinds: dict[Kind, Counts]
    errors: tuple[RowError, ...] = ()
    not_read: tuple[str, ...] = ()  # columns that only exports have
