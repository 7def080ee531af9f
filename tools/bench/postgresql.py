"""A PostgreSQL server of our own, as it comes: flushes on, default sizes, a Unix socket, gone when the bench is."""

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from bench.processes import START_S, disk_folder, stop


class Database(msgspec.Struct, kw_only=True, frozen=True):
    """A running server."""

    url: str
    pid: int
    version: str


def find_binaries() -> Path | None:
    """Return the folder of `initdb` and `postgres`, the newest if there are several."""
    found = [Path(program).resolve().parent for program in [shutil.which("initdb")] if program]
    found += sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: float(folder.parent.name), reverse=True
    )
    return next((folder for folder in found if (folder / "initdb").exists() and (folder / "postgres").exists()), None)


@contextlib.contextmanager
def postgresql(binaries: Path) -> Iterator[Database]:
    """Run a new, empty server while the block does."""
    folder = Path(tempfile.mkdtemp(prefix="ingufu-bench-pg-", dir=disk_folder()))
    who = _lesser_user(folder)
    data = str(folder / "data")
    initdb = [str(binaries / "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C"]
    server = [str(binaries / "postgres"), "-D", data, "-k", str(folder), "-c", "listen_addresses="]
    try:
        subprocess.run(initdb, check=True, capture_output=True, cwd=folder, **who)
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(server, stdout=log, stderr=log, cwd=folder, **who)
            try:
                _wait(binaries, folder, process)
                yield Database(
                    url=f"postgresql://postgres@/postgres?host={folder}",
                    pid=process.pid,
                    version=(folder / "data" / "PG_VERSION").read_text().strip(),
                )
            finally:
                stop(process)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait(binaries: Path, folder: Path, process: subprocess.Popen[bytes]) -> None:
    ready = [str(binaries / "pg_isready"), "-q", "-h", str(folder), "-U", "postgres"]
    until = time.monotonic() + START_S
    while subprocess.run(ready, check=False).returncode:
        if time.monotonic() > until or process.poll() is not None:
            raise SystemExit((folder / "log").read_text())
        time.sleep(0.05)


def _lesser_user(folder: Path) -> dict[str, Any]:
    """Return as whom to run: PostgreSQL refuses to be root. The folder becomes theirs."""
    if os.geteuid():
        return {}
    names = {user.pw_name for user in pwd.getpwall()}
    user = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
    os.chown(folder, user.pw_uid, user.pw_gid)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
