"""A small file beside the database that remembers what was seen last, so that an older database is known as such."""

import contextlib
import os
from pathlib import Path

import structlog

_LONGEST = 10_000  # bytes; more was not written by us

log = structlog.get_logger(__name__)


class Witness:
    """One text in a file, replaced as a whole."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> bytes | None:
        """Return what was written last; None if nothing was, or it cannot be read."""
        try:
            with self._path.open("rb") as file:
                return file.read(_LONGEST)
        except OSError:
            return None

    def write(self, text: bytes) -> None:
        """Remember this instead. A disk that cannot take it is logged: what is in the database counts."""
        draft = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        try:
            with draft.open("wb") as file:
                file.write(text)
            draft.replace(self._path)
        except OSError as error:
            log.warning("witness.not_written", error=error.strerror)
            with contextlib.suppress(OSError):
                draft.unlink()
