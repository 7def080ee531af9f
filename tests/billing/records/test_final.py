"""The database itself forbids to change or delete a charge record, whoever asks."""

import sqlite3
from contextlib import closing

import asyncpg
import pytest

from billing.records.world import World, per_kwh
from ingufu.infra.storage.targets import StorageUrl

CHANGES = (
    "UPDATE charge_records SET gross = 0",
    "UPDATE charge_records SET document = document",
    "DELETE FROM charge_records",
)


async def one_record(world: World) -> None:
    await world.tariff(per_kwh("250"))
    await world.session()
    await world.rate()
    await world.database.settle()
    assert await world.count() == 1


@pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("sql", [*CHANGES, "INSERT OR REPLACE INTO charge_records SELECT * FROM charge_records"])
async def test_raw_sql_cannot_change_a_record_in_sqlite(world: World, storage_url: StorageUrl, sql: str) -> None:
    await one_record(world)
    assert storage_url.path is not None
    with (
        closing(sqlite3.connect(storage_url.path)) as raw,
        raw,
        pytest.raises(sqlite3.DatabaseError, match="never changed"),
    ):
        raw.execute(sql)
    assert await world.count() == 1


@pytest.mark.parametrize("storage_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("sql", [*CHANGES, "TRUNCATE charge_records"])
async def test_raw_sql_cannot_change_a_record_in_postgresql(world: World, storage_url: StorageUrl, sql: str) -> None:
    await one_record(world)
    raw = await asyncpg.connect(storage_url.dsn)
    try:
        with pytest.raises(asyncpg.PostgresError, match="never changed"):
            await raw.execute(sql)
    finally:
        await raw.close()
    assert await world.count() == 1
