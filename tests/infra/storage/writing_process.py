"""A process that writes units as fast as it can and prints each one once it is durable. Run by tests, and killed."""

import asyncio
import os
import sys
from pathlib import Path

import uvloop

from ingufu.infra.storage.database import Database
from ingufu.infra.storage.opening import open_database
from ingufu.infra.storage.targets import StorageUrl
from storage_samples import APPEND, INSERT, sample, step


async def write(database: Database, name: str, units: int) -> None:
    for number in range(units):
        async with database.work() as work:
            work.execute(INSERT, sample(f"{name}-{number}"))
            work.append(APPEND, step(name, number, key=f"{name}-{number}"))
        os.write(1, f"{name}-{number}\n".encode())


async def main(url: str, name: str, writers: str, units: str) -> None:
    database = await open_database(StorageUrl.parse(url, Path()))
    os.write(1, b"ready\n")
    await asyncio.gather(*(write(database, f"{name}.{number}", int(units)) for number in range(int(writers))))
    await database.close()


uvloop.run(main(*sys.argv[1:]))
