"""The data folder, held by one server at a time."""

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ingufu.core.errors import SettingsError, Unavailable
from ingufu.infra.storage.file_locks import FileLock

LOCK_FILE = "serve.lock"


@contextmanager
def data_folder(folder: Path) -> Iterator[None]:
    """Hold the data folder for this server alone. Raises SettingsError if it cannot be used, Unavailable if taken."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = FileLock(folder / LOCK_FILE)
    except OSError as error:
        reason = f"The data folder {folder} cannot be used: {error.strerror}. Choose one with --data."
        raise SettingsError(reason) from error
    with contextlib.closing(lock):
        if not lock.try_acquire():
            raise Unavailable(f"Another server already runs on the data folder {folder}.")
        yield
