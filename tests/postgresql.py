"""A real PostgreSQL server of our own for tests, on a Unix socket, gone when the tests are."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Self

import pytest

START_TIMEOUT_S = 30.0
MEMORY_NEEDED_BYTES = 1024**3
_UNSAFE = ("fsync=off", "full_page_writes=off", "synchronous_commit=off", "wal_level=minimal", "max_wal_senders=0")
_ALWAYS = (
    "listen_addresses=",
    "max_connections=100",
    "shared_buffers=32MB",
    "autovacuum=off",
    "jit=off",
    "deadlock_timeout=100ms",
)

# The server ends with us, even if we are killed: the shell notices that its standard input has closed.
_KEEPER = """
{as_user} "$1/postgres" -D "$2" -k "$3" {options} &
server=$!
while read -r order; do kill -s "$order" $server && wait $server; done
kill -s INT $server 2>/dev/null; wait $server
[ -e "$3/keep" ] || rm -rf "$3"
"""


def find_binaries() -> Path | None:
    """Return the folder of `initdb` and `postgres`, the newest if there are several."""
    found = [Path(program).resolve().parent for program in [shutil.which("initdb")] if program]
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name), reverse=True)
    return next((folder for folder in found if (folder / "initdb").exists() and (folder / "postgres").exists()), None)


def require_binaries() -> Path:
    """Return the folder of the programs; skips the test without them, or fails it where they are demanded."""
    found = find_binaries()
    if found is None:
        reason = "PostgreSQL is not installed (initdb and postgres were not found)"
        if "postgresql" in os.environ.get("INGUFU_REQUIRE", ""):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


class Server:
    """One server with a folder of its own. `is_safe` keeps the flushes that a test of durability needs."""

    def __init__(self, binaries: Path, *, is_safe: bool = False) -> None:
        self.binaries = binaries
        self._options = (*_ALWAYS, *(() if is_safe else _UNSAFE))
        self._folder = Path(tempfile.mkdtemp(prefix="ingufu-pg-", dir=None if is_safe else _memory()))
        self._user = _lesser_user() if os.geteuid() == 0 else None
        self._keeper: subprocess.Popen[bytes] | None = None
        if self._user is not None:
            os.chown(self._folder, self._user.pw_uid, self._user.pw_gid)
        initdb = [str(binaries / "initdb"), "-D", str(self._data), "-U", "postgres", "-A", "trust", "-E", "UTF8"]
        initdb += ["--no-sync", "--no-instructions", "--locale=C"]
        subprocess.run([*self._as_user(), *initdb], check=True, capture_output=True, cwd=self._folder)

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def dsn(self, name: str) -> str:
        """Return the URL of the database called `name`."""
        return f"postgresql://postgres@/{name}?host={self._folder}"

    @property
    def fast_copy(self) -> str:
        """What makes CREATE DATABASE copy files: without flushes twenty times as fast as through the log."""
        version = int((self._data / "PG_VERSION").read_text().split(".", maxsplit=1)[0])
        return " STRATEGY FILE_COPY" if version >= 15 else ""  # before 15 there was no other way

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def start(self) -> None:
        """Return when the server accepts connections."""
        options = " ".join(f"-c '{option}'" for option in self._options)
        script = _KEEPER.format(as_user=" ".join(self._as_user()), options=options)
        command = ["/bin/sh", "-c", script, "sh", str(self.binaries), str(self._data), str(self._folder)]
        (self._folder / "keep").unlink(missing_ok=True)
        with (self._folder / "log").open("ab") as log:
            self._keeper = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=log, stderr=log, cwd=self._folder, start_new_session=True
            )
        self._wait()

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop the server (SIGINT: fast; SIGQUIT: as in a crash) and keep its data for the next start."""
        assert self._keeper is not None
        assert self._keeper.stdin is not None
        (self._folder / "keep").touch()
        self._keeper.stdin.write(how.name.removeprefix("SIG").encode() + b"\n")
        self._finish()

    def close(self) -> None:
        """Stop the server and remove its folder."""
        if self._keeper is not None:
            (self._folder / "keep").unlink(missing_ok=True)
            self._finish()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _finish(self) -> None:
        assert self._keeper is not None
        assert self._keeper.stdin is not None
        self._keeper.stdin.close()
        self._keeper.wait(START_TIMEOUT_S)
        self._keeper = None

    def _wait(self) -> None:
        ready = [str(self.binaries / "pg_isready"), "-q", "-h", str(self._folder), "-U", "postgres"]
        until = time.monotonic() + START_TIMEOUT_S
        while subprocess.run(ready, check=False).returncode != 0:
            if time.monotonic() > until or (self._keeper is not None and self._keeper.poll() is not None):
                raise RuntimeError((self._folder / "log").read_text())
            time.sleep(0.02)

    def _as_user(self) -> list[str]:
        if self._user is None:
            return []
        user = self._user
        return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--"]


def _memory() -> str | None:
    """Return a folder that lives in memory, if there is one with room: each database is three hundred files."""
    folder = "/dev/shm"
    try:
        return folder if shutil.disk_usage(folder).free > MEMORY_NEEDED_BYTES and os.access(folder, os.W_OK) else None
    except OSError:
        return None


def _lesser_user() -> pwd.struct_passwd:
    """Return whom the server may run as, since it refuses to run as root."""
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise RuntimeError("There is neither a user postgres nor nobody to run PostgreSQL as.")
