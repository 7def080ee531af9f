"""Servers forked from a process that has imported the program already: a start costs a tenth of the processor time.

What is forked is `ingufu serve` with its own session, environment, standard streams and memory, killed like any other;
only its console waits for ever, and it does not look again whether its database is up to date.
"""

import contextlib
import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import IO, Self

LATE = Path(__file__).with_name("late")
LONGEST = 65_536  # bytes of a request
PLANT = "FAULTS_PLANT"  # in the environment of a server: the fault that is planted into it


class Forked:
    """A process that the nursery forked, used as one of `subprocess` is."""

    def __init__(self, control: socket.socket, arguments: list[str], environment: dict[str, str]) -> None:
        said, complained, fate = os.pipe(), os.pipe(), os.pipe()
        request = json.dumps({"arguments": arguments, "environment": environment}).encode()
        assert len(request) < LONGEST
        socket.send_fds(control, [request], [said[1], complained[1], fate[1]])
        for _, end in (said, complained, fate):
            os.close(end)
        self.stdout: IO[str] = os.fdopen(said[0])
        self.stderr: IO[str] = os.fdopen(complained[0])
        self._fate: IO[str] = os.fdopen(fate[0])
        self.pid = int(self._fate.readline())
        self.returncode: int | None = None

    def poll(self) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code. Raises subprocess.TimeoutExpired."""
        if self.returncode is None:
            watch = select.poll()  # which knows descriptors beyond 1023
            watch.register(self._fate, select.POLLIN)
            if not watch.poll(None if timeout is None else timeout * 1000):
                raise subprocess.TimeoutExpired(["ingufu"], timeout or 0)
            self.returncode = int(self._fate.readline())
            self._fate.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)


class Nursery:
    """Forks servers as long as the block lasts. `environment` is what the linker must know before any starts."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [sys.executable, "-m", "faults.nursery"]
        path = os.pathsep.join(filter(None, sys.path))
        with theirs:
            self._process = subprocess.Popen(command, stdin=theirs, env={**environment, "PYTHONPATH": path})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del kind, error, trace
        self._control.close()
        self._process.wait(30)

    def fork(self, arguments: list[str], environment: dict[str, str]) -> Forked:
        """Start the command with nothing but this environment, and with its console held back."""
        path = os.pathsep.join(filter(None, (str(LATE), environment.get("PYTHONPATH"))))
        return Forked(self._control, arguments, {**environment, "PYTHONPATH": path})


def main() -> None:
    from ingufu.app import serve
    from ingufu.app.commands import serving

    assert serving is not None  # all that a server imports is here now
    serve.migrate = _trust
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(fileno=os.dup(0)) as control:
        while True:
            request, descriptors, _, _ = socket.recv_fds(control, LONGEST, 3)
            if not request:
                return
            if os.fork() == 0:
                control.close()
                _watch(json.loads(request), *descriptors)
            for descriptor in descriptors:
                os.close(descriptor)


async def _trust(settings: object) -> None:
    """Take the database for up to date, without a process that looks."""


def _watch(request: dict[str, object], said: int, complained: int, fate: int) -> None:
    """Start the server, tell who it is, and at its end how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    pid = os.fork()
    if pid == 0:
        os.close(fate)
        _become(request, said, complained)
    os.close(said)
    os.close(complained)
    with contextlib.suppress(BrokenPipeError):  # nobody wants to know any more
        os.write(fate, b"%d\n" % pid)
        _, status = os.waitpid(pid, 0)
        os.write(fate, b"%d\n" % os.waitstatus_to_exitcode(status))
    os._exit(0)


def _become(request: dict[str, object], said: int, complained: int) -> None:
    arguments, environment = request["arguments"], request["environment"]
    assert isinstance(arguments, list)
    assert isinstance(environment, dict)
    os.setsid()
    with open(os.devnull, "rb") as nothing:  # noqa: PTH123
        os.dup2(nothing.fileno(), 0)
    for descriptor, stream in ((said, 1), (complained, 2)):
        os.dup2(descriptor, stream)
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(environment)
    from ingufu.app.cli import main as program

    with contextlib.ExitStack() as stack:
        if PLANT in environment:
            from simulation.faults import PLANTED

            stack.enter_context(PLANTED[environment[PLANT]]())
        program(arguments, prog_name="ingufu")  # ends with SystemExit
    os._exit(0)


if __name__ == "__main__":
    main()
