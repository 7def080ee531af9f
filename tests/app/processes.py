"""Runs the program as people do: real processes, real ports, bounded in time."""

import http.client
import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

PATIENCE_S = 60.0  # on a busy machine; a bound, not a wait
OUTPUT = re.compile(r"First start\. Log in as (\S+) with the password (\S+) \(shown only now\)\.")


def environment(**more: str) -> dict[str, str]:
    plain = {name: text for name, text in os.environ.items() if not name.startswith("INGUFU_")}
    return {**plain, "PYTHONWARNINGS": "error", **more}


def ingufu(*arguments: object, stdin: str = "", **more: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "ingufu", *map(str, arguments)],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
        env=environment(**more),
    )


class Program:
    """A command that goes on running; what it says is read as it comes."""

    def __init__(self, *arguments: object, **more: str) -> None:
        self.process = self._launch(list(map(str, arguments)), environment(**more))
        self.said: list[str] = []
        self.logged: list[str] = []
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._readers = [
            threading.Thread(target=self._read, args=(self.process.stdout, self.said), daemon=True),
            threading.Thread(target=self._read, args=(self.process.stderr, self.logged), daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def _launch(self, arguments: list[str], environment: dict[str, str]) -> Any:
        """Return the process, which leads a session of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "ingufu", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            start_new_session=True,
        )

    def _read(self, stream: Any, lines: list[str]) -> None:
        for line in stream:
            lines.append(line.rstrip("\n"))
            self._lines.put(line)
        self._lines.put(None)

    def until(self, pattern: str, *, timeout_s: float = PATIENCE_S) -> re.Match[str]:
        """Return the first match in what was said or logged; fails when the program ends or the time is over."""
        until = time.monotonic() + timeout_s
        while True:
            for line in [*self.said, *self.logged]:
                if found := re.search(pattern, line):
                    return found
            try:
                self._lines.get(timeout=max(0.01, until - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"{pattern!r} was not said: {self.said} {self.logged}") from None
            if (
                self.process.poll() is not None
                and self._lines.empty()
                and not any(re.search(pattern, line) for line in [*self.said, *self.logged])
            ):
                raise AssertionError(f"ended with {self.process.returncode}: {self.said} {self.logged}")

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send the signal, and return the exit code."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        code = self.process.wait(PATIENCE_S)
        for reader in self._readers:
            reader.join(PATIENCE_S)
        return code

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def destroy(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(PATIENCE_S)
        for reader in self._readers:
            reader.join(PATIENCE_S)
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()


def ask_console(
    address: tuple[str, int], path: str, *, method: str = "GET", key: str | None = None, body: Any = None
) -> tuple[int, Any]:
    """Return status and body; waits while nothing answers yet."""
    connection = http.client.HTTPConnection(*address, timeout=PATIENCE_S)
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    if body is not None:
        headers["Content-Type"] = "application/json"
    try:
        connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        response = connection.getresponse()
        text = response.read().decode()
    finally:
        connection.close()
    is_json = "json" in response.headers.get("content-type", "")
    return response.status, json.loads(text) if is_json else text


class Server(Program):
    """`ingufu serve` on free ports."""

    def __init__(self, data: Path, *arguments: object, **more: str) -> None:
        self.data = data
        super().__init__("serve", "--data", data, "--http", "127.0.0.1:0", "--ocpp", "127.0.0.1:0", *arguments, **more)

    def ready(self) -> "Server":
        self.until(r"Console and API: ")
        return self

    @property
    def console(self) -> tuple[str, int]:
        found = self.until(r"Console and API: https?://([\d.]+):(\d+)/")
        return found[1], int(found[2])

    @property
    def stations(self) -> str:
        return self.until(r"Stations connect to (wss?://\S+)/<identity>")[1]

    def request(self, path: str, **more: Any) -> tuple[int, Any]:
        return ask_console(self.console, path, **more)

    def make_key(self, *scopes: str) -> str:
        flags = [part for scope in scopes for part in ("--scope", scope)]
        done = ingufu("admin", "key", "add", "test", "--json", *flags, "--data", self.data)
        assert done.returncode == 0, done.stderr
        secret: str = json.loads(done.stdout)["secret"]
        return secret

    def web(self) -> psutil.Process:
        (child,) = self.children()
        return child


@contextmanager
def serving(data: Path, *arguments: object, **more: str) -> Iterator[Server]:
    server = Server(data, *arguments, **more)
    try:
        yield server.ready()
    finally:
        server.destroy()
