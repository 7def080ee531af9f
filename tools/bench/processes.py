"""Starting what is measured and what measures it, each in a process of its own, and ending it for certain."""

import contextlib
import os
import select
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
import psutil

from bench.plan import Connected, Plan, Result

HERE = Path(__file__).parent
START_S = 120.0  # a program that is not ready by then will not be
STOP_S = 20.0
BEYOND_S = 120.0  # what a measurement may take besides the time in which it measures
REST_LOOK_S, REST_LOOKS, REST_SHARE = 0.5, 12, 0.15  # so often calm in a row; of a core
SERVER_CORE, LOAD_CORE = 0, 1  # what is measured has one core to itself, the generator another


class Target(msgspec.Struct, kw_only=True, frozen=True):
    """A server that is measured."""

    name: str
    port: int
    pid: int
    database_pid: int = 0
    password: str = ""
    http_port: int = 0
    folder: str = ""


def cores() -> tuple[int | None, int | None]:
    """Return the cores for server and generator; none where there is only one, or this is not Linux."""
    available = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    return (available[SERVER_CORE], available[LOAD_CORE]) if len(available) > 1 else (None, None)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def disk_folder() -> str:
    """Return a folder for temporary files that lies on a disk: in memory, a flush costs nothing."""
    candidates = (tempfile.gettempdir(), "/var/tmp", str(Path.cwd()))  # noqa: S108 - names made by `tempfile`
    found = [folder for folder in candidates if os.access(folder, os.W_OK)]
    return next((folder for folder in found if file_system(folder) not in {"tmpfs", "ramfs"}), found[0])


def file_system(folder: str) -> str:
    """Return the kind of file system that holds the folder."""
    mounts = {mount.mountpoint: mount.fstype for mount in psutil.disk_partitions(all=True)}
    path = Path(folder).resolve()
    return next((mounts[str(place)] for place in (path, *path.parents) if str(place) in mounts), "unknown")


@contextlib.contextmanager
def running(
    command: Sequence[str],
    *,
    stdout: int = subprocess.DEVNULL,
    stderr: Path | None = None,
    environment: Mapping[str, str] | None = None,
    core: int | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program while the block does, if need be on one core."""
    if core is not None:
        command = ["taskset", "--cpu-list", str(core), *command]
    with contextlib.ExitStack() as stack:
        errors = stack.enter_context(stderr.open("ab")) if stderr is not None else None
        process = subprocess.Popen(command, stdout=stdout, stderr=errors, env=environment)
        try:
            yield process
        finally:
            stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """Return when the process is gone."""
    process.terminate()
    try:
        process.wait(timeout=STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


@contextlib.contextmanager
def started(name: str, script: str, *arguments: str) -> Iterator[Target]:
    """Run a script of this folder, given a free port and the arguments, once it has said that it is ready."""
    port = free_port()
    command = [sys.executable, str(HERE / script), str(port), *arguments]
    with running(command, stdout=subprocess.PIPE, core=cores()[0]) as process:
        await_line(process, b"ready")
        yield Target(name=name, port=port, pid=process.pid)


def await_line(process: subprocess.Popen[bytes], beginning: bytes, seconds: float = START_S) -> bytes:
    """Return the line that begins so, as soon as the process writes it. Ends the program if it does not."""
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    until = time.monotonic() + seconds
    line = b""
    while time.monotonic() < until:
        if not select.select([process.stdout], [], [], 0.5)[0]:
            continue
        sign = os.read(process.stdout.fileno(), 1)  # one by one: a buffer would hide lines from `select`
        if not sign:
            break
        if sign != b"\n":
            line += sign
        elif line.startswith(beginning):
            return line
        else:
            line = b""
    raise SystemExit(f"{process.args!r} did not say {beginning.decode()!r}.")


def await_pages(port: int) -> None:
    """Return when the web application there is well."""
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5):
            return
        time.sleep(0.2)
    raise SystemExit(f"Nothing answers on port {port}.")


def await_rest(pid: int, most_s: float) -> None:
    """Return when a server and its children have nearly nothing to do for a moment, at the latest after `most_s`.

    What one measurement leaves to be done (bills, reports, caches of a new process) must not be in the next one.
    """
    until = time.monotonic() + most_s
    calm, used = 0, _used(pid)
    while calm < REST_LOOKS and time.monotonic() < until:
        time.sleep(REST_LOOK_S)
        before, used = used, _used(pid)
        calm = calm + 1 if used - before < REST_SHARE * REST_LOOK_S else 0


def _used(pid: int) -> float:
    """Return the processor time of a process and its children, seconds."""
    process = psutil.Process(pid)
    times = [one.cpu_times() for one in (process, *process.children(recursive=True))]
    return sum(one.user + one.system for one in times)


def start_load(plan: Plan) -> subprocess.Popen[bytes]:
    """Start the load generator; it prints its result as JSON."""
    command = [sys.executable, str(HERE / "load.py"), msgspec.json.encode(plan).decode()]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE)


def finish_load(process: subprocess.Popen[bytes], plan: Plan) -> Result:
    """Return the result when the generator has ended; it is ended if it takes far too long."""
    try:
        output, _ = process.communicate(timeout=plan.seconds + BEYOND_S)
    except subprocess.TimeoutExpired:
        process.kill()
        output, _ = process.communicate()
        raise SystemExit("The load generator did not come to its end.") from None
    return msgspec.json.decode(output.splitlines()[-1], type=Result)


class Crowd:
    """Stations that are connected."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self.seen = self._told()

    def greet(self) -> Connected:
        """Let them say who they are, and return how that went."""
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        self._process.stdin.write(b"greet\n")
        self._process.stdin.flush()
        return self._told()

    def _told(self) -> Connected:
        return msgspec.json.decode(await_line(self._process, b"{"), type=Connected)


def measure(plan: Plan) -> Result:
    """Run the load and return what it saw."""
    return finish_load(start_load(plan), plan)


@contextlib.contextmanager
def connected(plan: Plan) -> Iterator["Crowd"]:
    """Have stations connected while the block runs."""
    process = start_load(plan)
    try:
        yield Crowd(process)
    finally:
        try:
            process.communicate(timeout=STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
