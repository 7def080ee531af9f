"""Connections to SQLite that nobody closed are told in every Python, not only from 3.13 on."""

import sqlite3
import sys
import warnings
from functools import partial


class _Watched(sqlite3.Connection):
    """A connection that says so if it is still open when nobody holds it any more."""

    def __del__(self) -> None:
        try:
            self.total_changes  # noqa: B018 - asked for, as it fails when closed
        except sqlite3.ProgrammingError:
            return
        warnings.warn(f"unclosed database in {self!r}", ResourceWarning, source=self, stacklevel=1)
        self.close()


def watch() -> None:
    """Have the connections of this process watched, unless Python does so itself."""
    if sys.version_info < (3, 13):
        sqlite3.connect = partial(sqlite3.connect, factory=_Watched)
