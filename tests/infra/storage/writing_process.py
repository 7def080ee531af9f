"""A process that writes units as fast as it can and prints each one once it is durable. Run by tests, and killed.

With CUT in its environment it folds SQLite's log after each commit, keeps it short beside readers that come and go,
and prints a line on standard error each time that it begins to cut it.
"""

import asyncio
import os
import random
import sqlite3
import sys
from pathlib import Path

import uvloop

from ingufu.infra.storage import folding, sqlite
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


def keep_log_short() -> None:
    folding.COMMITS, folding.LONG_PAGES = 1, 1
    folding.PAUSE_S = folding.WRITER_PAUSE_S = 0.0
    folding.REST = 0
    sqlite.LOG_KEPT_BYTES, sqlite.LOG_CUT_BYTES = 200_000, 100_000
    cut = sqlite._cut

    def cut_and_say(writer: sqlite3.Connection, size: int) -> None:
        os.write(2, b"cut\n")
        cut(writer, size)

    sqlite._cut = cut_and_say


async def read_now_and_then(path: Path) -> None:
    """Keep the log from being begun anew for a while, so that it grows, and let it be."""
    while True:
        reader = sqlite3.connect(path, isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM samples").fetchone()
        await asyncio.sleep(random.uniform(0.02, 0.1))
        reader.close()
        await asyncio.sleep(random.uniform(0.02, 0.1))


async def main(place: str, name: str, writers: str, units: str) -> None:
    url = StorageUrl.parse(place, Path())
    database = await open_database(url)
    os.write(1, b"ready\n")
    if "CUT" in os.environ and url.path is not None:
        keep_log_short()
        reading = asyncio.create_task(read_now_and_then(url.path))
        reading.add_done_callback(lambda task: task.result())
    await asyncio.gather(*(write(database, f"{name}.{number}", int(units)) for number in range(int(writers))))
    await database.close()


uvloop.run(main(*sys.argv[1:]))
