"""Backup and restore of a SQLite file."""

import os
import shutil
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from ingufu.core.errors import Conflict, InvalidInput, Unavailable
from ingufu.infra.storage import files
from ingufu.infra.storage.file_locks import presence
from ingufu.infra.storage.migrate import refuse_newer

_LOG_SUFFIXES = ("-wal", "-shm")


def backup(path: Path, target: Path) -> None:
    """Copy the database while others write to it; see `backup.backup`.

    One step copies all pages under one read transaction. Writers go on as before (copying in several steps begins
    anew with every commit of theirs, and slows them); only the log cannot be folded back meanwhile.
    """
    try:
        with files.appearing(target) as part:
            with (
                closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as source,
                closing(sqlite3.connect(part, isolation_level=None)) as copy,
            ):
                copy.execute("PRAGMA synchronous=OFF")  # the file is flushed as a whole
                source.backup(copy)
                copy.execute("PRAGMA journal_mode=DELETE")  # one file, without a log beside it
            check(part)
    except (sqlite3.Error, OSError) as error:
        raise Unavailable(f"The backup {target} could not be written: {error}") from error


def restore(path: Path, source: Path, *, replaces: bool) -> str | None:
    """Put `source` in the place of the file at `path`; see `backup.restore`."""
    exists = path.exists()
    if exists and not replaces:
        raise Conflict(f"There is a database at {path} already. Say that it is to be replaced, if it is.")
    path.parent.mkdir(parents=True, exist_ok=True)
    users = presence(path)
    try:
        if not users.try_acquire():
            raise Conflict(f"The database {path} is in use. Stop the server first.")
        with files.appearing(path.with_name(f"{path.name}.restored")) as part:
            shutil.copyfile(source, part)
            check(part)
        return _exchange(path, path.with_name(f"{path.name}.restored"), keeps=exists)
    except OSError as error:
        raise Unavailable(f"The backup {source} could not be restored: {error}") from error
    finally:
        users.close()


def check(path: Path) -> None:
    """Return if the file is a sound database of ours, not newer than this program."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as file:
            file.execute("PRAGMA trusted_schema=OFF")
            faults = [str(row[0]) for row in file.execute("PRAGMA integrity_check(5)")]
            if faults != ["ok"]:
                raise InvalidInput(f"{path.name} is damaged: {'; '.join(faults)}.")
            found = file.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.DatabaseError as error:
        raise InvalidInput(f"{path.name} is not a sound backup of Ingufu: {error}.") from error
    if found is None:
        raise InvalidInput(f"{path.name} is not a backup of Ingufu: it does not say its version.")
    refuse_newer(str(found[0]))


def _exchange(path: Path, restored: Path, *, keeps: bool) -> str | None:
    """Let `restored` become `path` in one step; what was there is kept under another name."""
    kept = files.free_name(path) if keeps else None
    if kept is not None:
        _fold_log(path)
        os.link(path, kept)
    for suffix in _LOG_SUFFIXES:  # a log that could not be folded belongs to the old file, not to the new one
        log = path.with_name(path.name + suffix)
        if log.exists():
            if kept is not None:
                log.replace(kept.with_name(kept.name + suffix))
            else:
                log.unlink()
    restored.replace(path)
    files.sync(path.parent)
    return None if kept is None else str(kept)


def _fold_log(path: Path) -> None:
    """Fold the log into the file, so that it is complete by itself, unless it is too damaged for that."""
    with suppress(sqlite3.Error), closing(sqlite3.connect(path, isolation_level=None)) as file:
        file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
