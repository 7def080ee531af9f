"""PostgreSQL as storage engine: a pool of readers and one connection that commits in groups."""

from collections.abc import Sequence
from typing import Any

import asyncpg

from ingufu.core.errors import Conflict, Unavailable
from ingufu.infra.storage.engine import Outcome, Unit, Write, changed_meanwhile
from ingufu.infra.storage.statements import Prepared, postgresql_dialect

COMMAND_TIMEOUT_S = 60.0  # a report may take long; a station's write never does
POOL_SIZE = 8

_LOST = (asyncpg.PostgresConnectionError, asyncpg.InterfaceError, OSError, TimeoutError)


class PostgresqlEngine:
    """A PostgreSQL database named by a URL (`postgresql://user@host/name`)."""

    def __init__(self, url: str, *, readers: int = POOL_SIZE) -> None:
        self.dialect = postgresql_dialect()
        self._url = url
        self._readers = readers
        self._pool: asyncpg.Pool | None = None
        self._writer: asyncpg.Connection | None = None

    async def open(self) -> None:
        """Connect. Raises Unavailable."""
        try:
            self._pool = await asyncpg.create_pool(
                self._url, min_size=1, max_size=self._readers, command_timeout=COMMAND_TIMEOUT_S
            )
            self._writer = await self._connect_writer()
        except (*_LOST, asyncpg.PostgresError) as error:
            raise Unavailable(f"PostgreSQL cannot be reached: {error}") from error

    async def close(self) -> None:
        if self._writer is not None:
            await self._writer.close()
            self._writer = None
        if self._pool is not None:
            await self._pool.close()
            self._pool = None

    async def fetch(self, prepared: Prepared, values: tuple[Any, ...]) -> list[Any]:
        if self._pool is None:
            raise Unavailable("The database is closed.")
        try:
            rows: list[Any] = await self._pool.fetch(prepared.sql, *values)
        except (*_LOST, asyncpg.PostgresError) as error:
            raise Unavailable(f"The database could not be read: {error}") from error
        return rows

    async def commit(self, units: Sequence[Unit]) -> list[Outcome]:
        try:
            if self._writer is None or self._writer.is_closed():
                self._writer = await self._connect_writer()
            return await self._commit(self._writer, units)
        except (*_LOST, asyncpg.PostgresError) as error:
            raise Unavailable(f"The database could not be written: {error}") from error

    async def _connect_writer(self) -> asyncpg.Connection:
        writer = await asyncpg.connect(self._url, command_timeout=COMMAND_TIMEOUT_S)
        await writer.execute("SET synchronous_commit = on")
        return writer

    @staticmethod
    async def _commit(writer: asyncpg.Connection, units: Sequence[Unit]) -> list[Outcome]:
        try:
            async with writer.transaction():
                await _run_together(writer, units)
        except (asyncpg.IntegrityConstraintViolationError, asyncpg.DataError, Conflict):
            return await _commit_singly(writer, units)
        return [None] * len(units)


async def _run_together(writer: asyncpg.Connection, units: Sequence[Unit]) -> None:
    bulk: dict[str, list[tuple[Any, ...]]] = {}
    for unit in units:
        for write in unit:
            if write.is_bulk:
                bulk.setdefault(write.prepared.sql, []).append(write.values)
            else:
                await _run(writer, write)
    for sql, rows in bulk.items():
        await writer.executemany(sql, rows)


async def _run(writer: asyncpg.Connection, write: Write) -> None:
    status: str = await writer.execute(write.prepared.sql, *write.values)
    if write.expect is None:
        return
    touched = int(status.rsplit(" ", 1)[-1])
    if touched != write.expect:
        raise changed_meanwhile(write, touched)


async def _commit_singly(writer: asyncpg.Connection, units: Sequence[Unit]) -> list[Outcome]:
    """Commit all units that can be, each behind a savepoint of its own, and say which could not."""
    outcomes: list[Outcome] = []
    async with writer.transaction():
        for unit in units:
            try:
                async with writer.transaction():
                    for write in unit:
                        await _run(writer, write)
            except asyncpg.IntegrityConstraintViolationError as error:
                outcomes.append(Conflict(f"It exists already, or what it refers to does not: {error}"))
            except (Conflict, asyncpg.DataError) as error:
                outcomes.append(error)
            else:
                outcomes.append(None)
    return outcomes
