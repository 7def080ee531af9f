"""`ingufu serve` itself, with all that runs in it for an operator, on a database that knows the generator's stations.

Only limits differ from the defaults: a station of the saturating load says in a second what a real one says in a day.
"""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil

from bench import wire
from bench.processes import HERE, Target, await_line, cores, disk_folder, running

UNBOUND = "[ocpp]\nmessages_per_s = 100000\nhandshakes_per_s = 1000000\n"
AS_INSTALLED = ""  # settings, none of them changed
STATIONS = 10_000


@contextlib.contextmanager
def prepared(stations: int = STATIONS, database: str = "") -> Iterator[str]:
    """Give a data folder, or the database, in which so many stations are approved, each with a password."""
    with tempfile.TemporaryDirectory(prefix="ingufu-bench-", dir=disk_folder()) as folder:
        command = [sys.executable, str(HERE / "filling.py"), folder, database or "-", "0", "0", str(stations)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        yield folder


@contextlib.contextmanager
def serving(
    folder: str,
    *,
    settings: str = UNBOUND,
    database: str = "",
    samples: str = "",
    name: str = "ingufu",
    pin: bool = True,
) -> Iterator[Target]:
    """Run `ingufu serve` while the block does; with `samples`, a thread in it can write there what it is busy with."""
    config, errors = Path(folder) / "bench.toml", Path(folder) / "errors.log"
    config.write_text(settings)
    start = [str(HERE / "sampler.py"), samples] if samples else ["-m", "ingufu"]
    options = ["--data", folder, "--http", "127.0.0.1:0", "--ocpp", "127.0.0.1:0", "--config", str(config)]
    environment = os.environ | ({"INGUFU_DATABASE": database} if database else {})
    core = cores()[0] if pin else None
    command = [sys.executable, *start, "serve", *options]
    with running(command, stdout=subprocess.PIPE, stderr=errors, environment=environment, core=core) as process:
        try:
            stations = await_line(process, b"Stations connect to")
            console = await_line(process, b"Console and API")
        except SystemExit:
            sys.stderr.write(errors.read_text()[-4000:])
            raise
        yield Target(
            name=name,
            port=_port(stations.removesuffix(b"/ocpp/<identity>")),
            http_port=_port(console.rstrip(b"/")),
            pid=process.pid,
            password=wire.PASSWORD,
            folder=folder,
        )


def kill(target: Target) -> None:
    """End the server as a power cut does."""
    process = psutil.Process(target.pid)
    children = process.children(recursive=True)
    process.send_signal(signal.SIGKILL)
    psutil.wait_procs([process, *children], timeout=20)


def _port(line: bytes) -> int:
    return int(line.rpartition(b":")[2])
