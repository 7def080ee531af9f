"""Backups of a database in use, and the way back."""

import asyncio
from pathlib import Path

from ingufu.core.errors import Conflict, InvalidInput
from ingufu.infra.storage import postgresql_backup, sqlite_backup
from ingufu.infra.storage.targets import StorageUrl


async def backup(url: StorageUrl, target: Path) -> None:
    """Write the database, as it is at one moment, to the new file `target`, while it may be in use.

    The file is checked and on disk. Raises Conflict if it exists already, Unavailable if the database cannot be read
    or the copy not written.
    """
    _refuse_target(target)
    if url.path is not None:
        await asyncio.to_thread(sqlite_backup.backup, url.path, target)
    else:
        await postgresql_backup.backup(url.dsn, target)


async def restore(url: StorageUrl, source: Path, *, replaces: bool = False) -> str | None:
    """Put the backup `source` in the place of the database, and return where what was there is kept, if anything was.

    The backup is looked at first: InvalidInput if it is damaged or none of ours, SchemaMismatch if it is newer than
    this program; an older one is to be migrated afterwards. Raises Conflict if the database is in use, or exists and
    is not to be replaced.
    """
    _refuse_source(source)
    if url.path is not None:
        return await asyncio.to_thread(sqlite_backup.restore, url.path, source, replaces=replaces)
    return await postgresql_backup.restore(url.dsn, source, replaces=replaces)


def _refuse_target(target: Path) -> None:
    if target.exists():
        raise Conflict(f"{target} exists already.")
    if not target.parent.is_dir():
        raise InvalidInput(f"There is no folder {target.parent}.")


def _refuse_source(source: Path) -> None:
    if not source.is_file():
        raise InvalidInput(f"There is no file {source}.")
