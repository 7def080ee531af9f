"""PostgreSQL as storage engine: a pool of readers and one connection that commits in groups."""

import asyncio
from collections.abc import Sequence
from typing import Any

import asyncpg
import structlog

from ingufu.core.errors import Conflict, IngufuError, InvalidInput, Unavailable
from ingufu.infra.storage.engine import (
    Committed,
    Group,
    Outcome,
    Series,
    Unit,
    alone,
    changed_meanwhile,
    committed,
    grouped,
)
from ingufu.infra.storage.statements import Prepared, postgresql_dialect

CONNECT_TIMEOUT_S = 5.0
COMMAND_TIMEOUT_S = 60.0  # a report may take long; a station's write never does
LOCK_TIMEOUT_S = 15.0  # someone altering a table by hand must not hold up all stations for longer
DOUBT_S = 15.0  # how long we try to learn what became of a commit whose answer was lost
CLOSE_TIMEOUT_S = 10.0
POOL_SIZE = 8
WRITER_STATEMENTS = 512
TRIES = 5  # of a batch that met another process's batch in the wrong order

_LOST = (asyncpg.PostgresConnectionError, OSError, TimeoutError, asyncpg.InternalClientError)
_OF_SERVER = frozenset(
    {"08", "25", "53", "55", "57", "58", "F0", "XX"}
)  # classes of SQLSTATE: not the statement's fault
_CROSSED = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
_TAKEN = (asyncpg.UniqueViolationError, asyncpg.ForeignKeyViolationError, asyncpg.ExclusionViolationError)

log = structlog.get_logger(__name__)


class _Reader(asyncpg.Connection):  # type: ignore[misc]  # asyncpg has no types
    """A connection that is only read from, so that nothing must be reset between two readers."""

    def get_reset_query(self) -> str:
        return ""


class PostgresqlEngine:
    """A PostgreSQL database named by a URL (`postgresql://user@host/name`)."""

    def __init__(self, url: str, *, readers: int = POOL_SIZE) -> None:
        self.dialect = postgresql_dialect()
        self.defers = False
        self.failure: str | None = None  # the server looks after its disk itself
        self._url = url
        self._readers = readers
        self._pool: asyncpg.Pool | None = None
        self._writer: asyncpg.Connection | None = None
        self._is_closed = False

    async def open(self) -> None:
        """Connect. Raises Unavailable."""
        try:
            self._pool = await asyncpg.create_pool(
                self._url,
                min_size=1,
                max_size=self._readers,
                timeout=CONNECT_TIMEOUT_S,
                command_timeout=COMMAND_TIMEOUT_S,
                connection_class=_Reader,
                server_settings={"application_name": "ingufu", "default_transaction_read_only": "on"},
            )
            self._writer = await self._connect_writer()
        except (*_LOST, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
            await self.close()
            raise Unavailable(f"PostgreSQL cannot be reached: {_words(error)}") from error

    async def close(self) -> None:
        self._is_closed = True
        writer, self._writer = self._writer, None
        pool, self._pool = self._pool, None
        for connections in (writer, pool):
            if connections is not None:
                try:
                    async with asyncio.timeout(CLOSE_TIMEOUT_S):
                        await connections.close()
                except (*_LOST, asyncpg.PostgresError, asyncpg.InterfaceError):
                    connections.terminate()

    async def fetch(self, prepared: Prepared, values: tuple[Any, ...]) -> list[Any]:
        try:
            try:
                return await self._fetch(prepared, values)
            except TimeoutError:  # a question that takes so long is not asked again
                raise
            except _LOST:  # perhaps only this connection was lost; reading twice does no harm
                return await self._fetch(prepared, values)
        except asyncpg.DataError as error:
            raise InvalidInput(f"The database does not understand a value: {error}") from error
        except Exception as error:
            if not _is_of_server(error):
                raise
            raise Unavailable(f"The database could not be read: {_words(error)}") from error

    async def commit(self, units: Sequence[Unit], series: Sequence[Series]) -> Committed:
        for tried in range(1, TRIES + 1):
            try:
                return await self._commit(await self._ready_writer(), units, series)
            except _CROSSED as error:
                log.warning("storage.commit_crossed", tried=tried, error=str(error))
            except (*_LOST, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                self._drop_writer()
                raise Unavailable(f"The database could not be written: {_words(error)}") from error
            except BaseException:  # cut off in the middle: what the server still holds open must go
                self._drop_writer()
                raise
        raise Unavailable("Other processes keep changing the same rows.")

    async def shrink(self) -> int:
        return 0  # autovacuum does it

    async def _fetch(self, prepared: Prepared, values: tuple[Any, ...]) -> list[Any]:
        if self._pool is None or self._is_closed:
            raise Unavailable("The database is closed.")
        async with self._pool.acquire(timeout=COMMAND_TIMEOUT_S) as reader:
            rows: list[Any] = await reader.fetch(prepared.sql, *values)
        return rows

    async def _ready_writer(self) -> asyncpg.Connection:
        if self._is_closed:
            raise Unavailable("The database is closed.")
        if self._writer is None or self._writer.is_closed():
            self._writer = await self._connect_writer()
        return self._writer

    async def _connect_writer(self) -> asyncpg.Connection:
        return await asyncpg.connect(
            self._url,
            timeout=CONNECT_TIMEOUT_S,
            command_timeout=COMMAND_TIMEOUT_S,
            statement_cache_size=WRITER_STATEMENTS,
            server_settings={
                "application_name": "ingufu",
                "synchronous_commit": "on",
                "lock_timeout": f"{LOCK_TIMEOUT_S:.0f}s",
            },
        )

    def _drop_writer(self) -> None:
        if self._writer is not None:
            self._writer.terminate()
            self._writer = None

    async def _commit(self, writer: asyncpg.Connection, units: Sequence[Unit], series: Sequence[Series]) -> Committed:
        await writer.execute("BEGIN")
        try:
            done = await _run(writer, units, series)
            batch = await writer.fetchval("SELECT pg_current_xact_id()::text")
        except asyncpg.PostgresError:
            await writer.execute("ROLLBACK")
            raise
        try:
            await writer.execute("COMMIT")
        except (*_LOST, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            self._drop_writer()
            if not await self._has_committed(batch):
                raise Unavailable(f"The database could not be written: {_words(error)}") from error
        return done

    async def _has_committed(self, batch: str) -> bool:
        """Return what became of a batch whose commit was sent but never answered.

        Raises Unavailable if that cannot be learned; whoever repeats his request then must be recognised by its key.
        """
        try:
            async with asyncio.timeout(DOUBT_S):
                # Nobody can tell us when the server is back, so that we have to ask.
                while (status := await self._status(batch)) in {"in progress", "unreachable"}:  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
        except TimeoutError as error:
            raise Unavailable("The database went away during a commit; whether it was written is not known.") from error
        return status == "committed"

    async def _status(self, batch: str) -> str | None:
        try:
            writer = await self._ready_writer()
            status: str | None = await writer.fetchval("SELECT pg_xact_status($1::text::xid8)", batch)
        except (*_LOST, asyncpg.PostgresError, asyncpg.InterfaceError):
            self._drop_writer()
            return "unreachable"
        return status


async def _run(writer: asyncpg.Connection, units: Sequence[Unit], series: Sequence[Series]) -> Committed:
    """Run all together, without the price of a savepoint; if something fails, again and in parts."""
    try:
        await _run_together(writer, units, series)
    except Exception as error:
        if _is_of_server(error) or isinstance(error, _CROSSED):
            raise
        await writer.execute("ROLLBACK")
        await writer.execute("BEGIN")
        return committed(await _run_halves(writer, [*units, *alone(series)], error), len(units))
    return Committed([None] * len(units), [])


async def _run_halves(writer: asyncpg.Connection, units: Sequence[Unit], error: Exception) -> list[Outcome]:
    """Run units that failed together, halving until those that fail stand alone; each half behind a savepoint."""
    if len(units) == 1:
        return [_reason(error)]
    middle = len(units) // 2
    return await _run_part(writer, units[:middle]) + await _run_part(writer, units[middle:])


async def _run_part(writer: asyncpg.Connection, units: Sequence[Unit]) -> list[Outcome]:
    await writer.execute("SAVEPOINT part")
    try:
        await _run_together(writer, units, ())
        outcomes: list[Outcome] = [None] * len(units)
    except Exception as error:
        if _is_of_server(error) or isinstance(error, _CROSSED):
            raise
        await writer.execute("ROLLBACK TO part")
        outcomes = await _run_halves(writer, units, error)
    await writer.execute("RELEASE part")
    return outcomes


async def _run_together(writer: asyncpg.Connection, units: Sequence[Unit], series: Sequence[Series]) -> None:
    for group in grouped(units, series):
        touched = await _run_group(writer, group)
        if group.expect is not None and touched != group.expected:
            raise changed_meanwhile(group, touched)


async def _run_group(writer: asyncpg.Connection, group: Group) -> int:
    """Return how many rows were touched; 0 where nobody asks."""
    sql = group.prepared.sql
    if group.expect is None:
        await writer.executemany(sql, group.rows)
        return 0
    if len(group.rows) == 1:
        status: str = await writer.execute(sql, *group.rows[0])
        return int(status.rsplit(" ", 1)[-1])
    # Many at once say how many rows they touched only by returning something of each.
    return len(await writer.fetchmany(f"{sql} RETURNING 1", group.rows))


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__


def _is_of_server(error: Exception) -> bool:
    """Return whether the connection or the server is at fault, not what was to be done."""
    if isinstance(error, asyncpg.PostgresError):
        return str(error.sqlstate or "")[:2] in _OF_SERVER
    return isinstance(error, (*_LOST, asyncpg.InterfaceError))


def _reason(error: Exception) -> Outcome:
    """Return why one unit was undone."""
    if isinstance(error, IngufuError):
        return error
    if isinstance(error, _TAKEN):
        return Conflict(f"It exists already, or what it refers to does not: {error}")
    if isinstance(error, asyncpg.IntegrityConstraintViolationError | asyncpg.DataError):
        return InvalidInput(f"It cannot be stored: {error}")
    log.error("storage.unit_failed", exc_info=error)
    return error
