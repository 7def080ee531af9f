"""A process whose disk fails between its first and its second unit, and is well again before the third."""

import asyncio
import os
import sys
from pathlib import Path

from ingufu.core.errors import Unavailable
from ingufu.infra.storage.database import Database
from ingufu.infra.storage.opening import open_database
from ingufu.infra.storage.targets import StorageUrl
from storage_samples import ALL, INSERT, sample

FAIL = Path(os.environ["FAIL_WHILE"])


async def write(database: Database, name: str) -> str:
    work = database.work()
    work.execute(INSERT, sample(name))
    try:
        await work.commit()
    except Unavailable:
        return f"{name} refused"
    return f"{name} written"


async def main(url: str) -> None:
    database = await open_database(StorageUrl.parse(url, Path()))
    said = [await write(database, "first")]
    FAIL.touch()
    said.append(await write(database, "second"))
    FAIL.unlink()
    said += [await write(database, "third"), f"failed: {database.failure is not None}"]
    said += [f"reads: {[row['id'] for row in await database.fetch_all(ALL)]}"]
    sys.stdout.write("\n".join(said))


asyncio.run(main(sys.argv[1]))
