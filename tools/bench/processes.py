"""Starting what is measured and what measures it, each in a process of its own."""

import contextlib
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
import psutil

from bench.load import Plan, Result

HERE = Path(__file__).parent
START_S = 120.0  # a program that is not ready by then will not be


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextlib.contextmanager
def started(script: str, *arguments: str) -> Iterator[tuple[psutil.Process, int]]:
    """Run a script of this folder, given a free port and the arguments, once it has said that it is ready."""
    port = free_port()
    command = [sys.executable, str(HERE / script), str(port), *arguments]
    with running(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        if process.stdout.readline().strip() != b"ready":
            raise SystemExit(f"{script} did not start.")
        yield psutil.Process(process.pid), port


@contextlib.contextmanager
def running(
    command: Sequence[str], *, stdout: int = subprocess.DEVNULL, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program while the block does."""
    process = subprocess.Popen(command, stdout=stdout, env=environment)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def await_pages(port: int) -> None:
    """Return when the web application there is well."""
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5):
            return
        time.sleep(0.2)
    raise SystemExit(f"Nothing answers on port {port}.")


def start_load(plan: Plan) -> subprocess.Popen[bytes]:
    """Start the load generator; it prints its result as JSON."""
    return subprocess.Popen(
        [sys.executable, str(HERE / "load.py"), msgspec.json.encode(plan).decode()], stdout=subprocess.PIPE
    )


def finish_load(process: subprocess.Popen[bytes], plan: Plan) -> Result:
    """Return the result when the generator has ended."""
    output, _ = process.communicate(timeout=plan.seconds + 120)
    return msgspec.json.decode(output, type=Result)
