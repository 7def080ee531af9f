"""Where the data lies: a SQLite file or a PostgreSQL database, named by a URL."""

from pathlib import Path
from typing import Self
from urllib.parse import unquote, urlsplit

import msgspec

from ingufu.core.errors import SettingsError

FILE_NAME = "ingufu.sqlite"  # in the data folder
_SQLITE = "sqlite:///"
_POSTGRESQL = ("postgresql", "postgres")


class StorageUrl(msgspec.Struct, frozen=True, kw_only=True):
    """Exactly one of the two is set."""

    path: Path | None = None  # the SQLite file
    dsn: str = ""  # the PostgreSQL URL, perhaps with a password

    @classmethod
    def parse(cls, text: str | None, data_folder: Path) -> Self:
        """Return what `text` names; without it the file in `data_folder`, to which relative paths refer too.

        Raises SettingsError.
        """
        if not text:
            return cls(path=data_folder / FILE_NAME)
        if text.startswith(_SQLITE) and text != _SQLITE:
            return cls(path=data_folder / unquote(text.removeprefix(_SQLITE)))
        if urlsplit(text).scheme in _POSTGRESQL:
            return cls(dsn=text)
        raise SettingsError("The database URL must begin with sqlite:/// (and a path) or postgresql://.")

    def __str__(self) -> str:
        """Return the URL as it may be shown: without the password."""
        if self.path is not None:
            return f"{_SQLITE}{self.path}"
        parts = urlsplit(self.dsn)
        user, at, place = parts.netloc.rpartition("@")
        return f"{parts.scheme}://{user.partition(':')[0]}{at}{place}{parts.path}"

    def __repr__(self) -> str:
        return f"StorageUrl({self})"
