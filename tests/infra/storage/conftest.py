"""Two tables made for these tests, in a database of either engine."""

import asyncio
import sqlite3

import asyncpg
import pytest
from sqlalchemy.schema import CreateTable

import storage_samples
from ingufu.infra.storage.database import Database
from ingufu.infra.storage.targets import StorageUrl


@pytest.fixture
async def sampled(database: Database, storage_url: StorageUrl) -> Database:
    """A database with the tables of `storage_samples`."""
    for table in (storage_samples.samples, storage_samples.series):
        await run_ddl(storage_url, str(CreateTable(table).compile(dialect=database.engine.dialect)))
    return database


async def run_ddl(url: StorageUrl, ddl: str) -> None:
    if url.path is None:
        connection = await asyncpg.connect(url.dsn)
        await connection.execute(ddl)
        await connection.close()
        return
    file = await asyncio.to_thread(sqlite3.connect, url.path, check_same_thread=False)
    file.execute(ddl)
    file.close()
