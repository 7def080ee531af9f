"""A full disk stops writing, harms nothing and ends by itself."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from ingufu.core.errors import Unavailable
from ingufu.infra.storage.database import Database
from ingufu.infra.storage.migrate import migrate
from ingufu.infra.storage.opening import open_database
from ingufu.infra.storage.targets import StorageUrl
from storage_samples import ALL, APPEND, INSERT, sample, step

SIZE_MB = 6


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root may mount a small disk")
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m", "tmpfs", str(place)], check=False, capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.fixture
def storage_url(small_disk: Path) -> StorageUrl:
    return StorageUrl(path=small_disk / "ingufu.sqlite")


@pytest.fixture
async def database(storage_url: StorageUrl) -> AsyncIterator[Database]:
    await migrate(storage_url)
    database = await open_database(storage_url)
    yield database
    await database.close()


def fill(path: Path) -> None:
    """Write until there is no room left."""
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"x" * 4096)
    assert shutil.disk_usage(path.parent).free < 4096


async def test_full_disk_is_unavailable_until_there_is_room_again(sampled: Database, small_disk: Path) -> None:
    filler = small_disk / "filler"
    acknowledged: list[str] = []
    refused = 0

    async def write(name: str, units: int) -> None:
        nonlocal refused
        for number in range(units):
            work = sampled.work()
            work.execute(INSERT, sample(f"{name}-{number}", text="x" * 2000))
            work.append(APPEND, step(name, number))
            try:
                await work.commit()
            except Unavailable:
                refused += 1
            else:
                acknowledged.append(f"{name}-{number}")

    await asyncio.gather(*(write(f"before {number}", 3) for number in range(8)))
    assert refused == 0
    fill(filler)
    await asyncio.gather(*(write(f"full {number}", 100) for number in range(8)))
    assert refused > 0
    assert sampled.failure is None
    assert sorted(row["id"] for row in await sampled.fetch_all(ALL)) == sorted(acknowledged)
    filler.unlink()
    refused = 0
    await asyncio.gather(*(write(f"after {number}", 3) for number in range(8)))
    assert refused == 0
    rows = await sampled.fetch_all(ALL)
    assert sorted(row["id"] for row in rows) == sorted(acknowledged)
