"""From a URL to an open database."""

from ingufu.infra.storage.database import Database
from ingufu.infra.storage.engine import Engine
from ingufu.infra.storage.postgresql import PostgresqlEngine
from ingufu.infra.storage.sqlite import SqliteEngine
from ingufu.infra.storage.targets import StorageUrl


async def open_database(url: StorageUrl, *, inline_reads: bool = False, defers: bool = False) -> Database:
    """Return the database at `url`, open; it must have been migrated.

    `inline_reads` and `defers` are for the process of the stations alone (see `SqliteEngine`).
    Raises Unavailable.
    """
    engine: Engine = (
        PostgresqlEngine(url.dsn)
        if url.path is None
        else SqliteEngine(url.path, inline_reads=inline_reads, defers=defers)
    )
    database = Database(engine)
    database.reads_at_once = inline_reads and url.path is not None
    await database.open()
    return database
