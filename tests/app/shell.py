"""Runs many commands in one process of the program, so that it is loaded once; what they say is their own."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from app.processes import PATIENCE_S, environment

RUNNER = """
import json, sys
from click.testing import CliRunner
from ingufu.app.cli import main
for line in sys.stdin:
    arguments, given = json.loads(line)
    done = CliRunner().invoke(main, arguments, input=given)
    trace = "" if done.exception is None or isinstance(done.exception, SystemExit) else repr(done.exception)
    print(json.dumps([done.exit_code, done.stdout, done.stderr + trace]), flush=True)
"""


class Done(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.code == 0, self
        return json.loads(self.out)


class Shell:
    """A shell whose every command works on one data folder."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self._process = subprocess.Popen(
            [sys.executable, "-c", RUNNER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(),
        )

    def __call__(self, *arguments: object, stdin: str = "", data: Path | None = None) -> Done:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        whole = [*map(str, arguments), "--data", str(data or self.data)]
        self._process.stdin.write(json.dumps([whole, stdin]) + "\n")
        self._process.stdin.flush()
        return Done(*json.loads(self._process.stdout.readline()))

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(PATIENCE_S)
        assert self._process.stdout is not None
        self._process.stdout.close()
