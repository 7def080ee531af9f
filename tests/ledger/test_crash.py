"""What was said to be booked is booked, once, after processes were killed while they booked at the same time."""

import os
import signal
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

from ingufu.core.clock import SystemClock
from ingufu.core.ids import IdMaker
from ingufu.infra.storage.opening import open_database
from ingufu.infra.storage.targets import StorageUrl
from ingufu.ledger.model import AccountKind
from ingufu.ledger.service import Ledger, Wallets, retried
from ledger_entries import ORGANISATION as ORG

HERE = Path(__file__).parent
SOURCE = HERE.parent.parent / "src"
DEADLINE_S = 60.0
SAID = 60  # lines by each process, before it is killed
FILLED = Decimal(600)


def start(url: StorageUrl, folder: Path, name: str, said: Path) -> subprocess.Popen[bytes]:
    where = (f"sqlite:///{url.path}" if url.path is not None else url.dsn, str(folder), name)
    environment = os.environ | {"PYTHONPATH": f"{SOURCE}:{HERE.parent}"}
    with said.open("wb") as out:
        return subprocess.Popen([sys.executable, HERE / "booking_process.py", *where], stdout=out, env=environment)


def whole_lines(said: Path) -> list[str]:
    return said.read_text().splitlines(keepends=True) if said.exists() else []


async def test_two_processes_that_are_killed_leave_books_that_balance(storage_url: StorageUrl, tmp_path: Path) -> None:
    clock = SystemClock()
    database = await open_database(storage_url)
    ledger = Ledger(database, clock, IdMaker(clock))
    wallets = Wallets(database, clock, IdMaker(clock), ledger)
    await retried(
        database, lambda work: wallets.top_up(work, ORG, "alice", amount=FILLED, currency="RWF", reference="cash")
    )
    files = [tmp_path / f"said-{name}" for name in ("a", "b")]
    processes = [start(storage_url, tmp_path, name, said) for name, said in zip(("a", "b"), files, strict=True)]
    try:
        until = time.monotonic() + DEADLINE_S
        while any(len(whole_lines(said)) < SAID for said in files):
            assert time.monotonic() < until, "the processes book too slowly"
            assert all(process.poll() is None for process in processes), "a process ended by itself"
            time.sleep(0.02)
    finally:
        for process in processes:
            process.send_signal(signal.SIGKILL)
            process.wait()
    said = [line.strip() for one in files for line in whole_lines(one) if line.endswith("\n")]
    assert len(said) >= 2 * SAID
    for reference in said:
        assert await ledger.find_entry(ORG, reference) is not None, reference
    assert await ledger.verify() == []
    assert set((await ledger.trial_balance(ORG)).values()) == {Decimal(0)}
    assert await ledger.balance(ORG, AccountKind.WALLET, "alice", currency="RWF") <= 0
    await database.close()
