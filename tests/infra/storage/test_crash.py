"""What was acknowledged is there after any crash, once; several processes may write to one database."""

import asyncio
import os
import random
import signal
import sqlite3
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from pathlib import Path

import pytest
from sqlalchemy import select

from ingufu.infra.storage.database import Database
from ingufu.infra.storage.opening import open_database
from ingufu.infra.storage.targets import StorageUrl
from storage_samples import ALL, SERIES, samples, series

SCRIPT = Path(__file__).with_name("writing_process.py")
TESTS = Path(__file__).parents[2]


async def start(url: StorageUrl, name: str, *, writers: int, units: int, cuts: Path | None = None) -> Process:
    where = url.dsn or str(url)
    environment = {"PYTHONPATH": str(TESTS)} | ({"CUT": "1"} if cuts is not None else {})
    with (cuts or Path(os.devnull)).open("ab") as errors:
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(SCRIPT), where, name, str(writers), str(units),
            stdout=PIPE, stderr=errors if cuts is not None else None, stdin=DEVNULL, env=environment, cwd=TESTS,
        )  # fmt: skip
    assert process.stdout is not None
    assert await asyncio.wait_for(process.stdout.readline(), 60) == b"ready\n"
    return process


async def read_lines(process: Process, count: int) -> list[str]:
    assert process.stdout is not None
    return [(await asyncio.wait_for(process.stdout.readline(), 60)).decode().strip() for _ in range(count)]


async def read_rest(process: Process) -> list[str]:
    assert process.stdout is not None
    text = (await asyncio.wait_for(process.stdout.read(), 60)).decode()
    await process.wait()
    return text.split("\n")[:-1]  # what comes after the last newline was cut off


async def check(database: Database, acknowledged: set[str]) -> None:
    """Every acknowledged unit is stored, and every stored unit is whole and single."""
    rows = [row["id"] for row in await database.fetch_all(ALL)]
    steps = [row["key"] for row in await database.select(select(series.c.key))]
    assert len(set(rows)) == len(rows)
    assert sorted(steps) == sorted(rows)
    assert acknowledged <= set(rows)


@pytest.mark.timeout(300)
async def test_killed_process_has_lost_nothing_that_it_acknowledged(sampled: Database, storage_url: StorageUrl) -> None:
    chance = random.Random(7)
    acknowledged: set[str] = set()
    for life in range(10 if storage_url.path else 4):
        process = await start(storage_url, f"life {life}", writers=16, units=100_000)
        acknowledged.update(await read_lines(process, chance.randrange(1, 400)))
        process.send_signal(signal.SIGKILL)
        acknowledged.update(await read_rest(process))
        await check(sampled, acknowledged)
    assert len(acknowledged) >= 500
    again = await open_database(storage_url)
    await check(again, acknowledged)
    await again.close()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("storage_url", ["sqlite"], indirect=True)
async def test_killed_process_has_lost_nothing_while_it_folds_and_cuts_the_log(
    sampled: Database, storage_url: StorageUrl, tmp_path: Path
) -> None:
    chance = random.Random(8)
    acknowledged: set[str] = set()
    cuts = tmp_path / "cuts"
    await sampled.close()  # one process alone folds
    for life in range(6):
        process = await start(storage_url, f"life {life}", writers=16, units=100_000, cuts=cuts)
        acknowledged.update(await read_lines(process, chance.randrange(500, 3000)))
        process.send_signal(signal.SIGKILL)
        acknowledged.update(await read_rest(process))
        database = await open_database(storage_url)
        await check(database, acknowledged)
        await database.close()
    assert set(cuts.read_text().splitlines()) == {"cut"}
    assert cuts.read_text().count("cut") >= 20
    assert storage_url.path is not None
    connection = sqlite3.connect(storage_url.path)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()


async def test_several_processes_write_to_one_database_and_lose_nothing(
    sampled: Database, storage_url: StorageUrl
) -> None:
    processes = [await start(storage_url, name, writers=8, units=60) for name in ("gateway", "web", "worker")]
    acknowledged = await asyncio.gather(*(read_rest(process) for process in processes))
    assert [process.returncode for process in processes] == [0, 0, 0]
    expected = {f"{name}.{w}-{n}" for name in ("gateway", "web", "worker") for w in range(8) for n in range(60)}
    assert {unit for units in acknowledged for unit in units} == expected
    await check(sampled, expected)
    by_writer: dict[str, list[int]] = {}
    for row in await sampled.fetch_all(SERIES):
        by_writer.setdefault(row["unit"], []).append(row["step"])
    assert all(steps == list(range(60)) for steps in by_writer.values())


async def test_quiet_process_gets_its_turn_beside_a_busy_one(sampled: Database, storage_url: StorageUrl) -> None:
    busy = await start(storage_url, "busy", writers=32, units=100_000)
    waits_s = []
    for number in range(20):
        began_s = asyncio.get_running_loop().time()
        async with sampled.work() as work:
            work.execute_once(samples.insert().values(id=f"quiet {number}"))
        waits_s.append(asyncio.get_running_loop().time() - began_s)
    busy.kill()
    await read_rest(busy)
    assert max(waits_s) < 2.0
    assert sorted(waits_s)[10] < 0.5
