"""Processes that are kept running: also where one cannot be started for a while."""

import asyncio
import os
import resource
import sys
from pathlib import Path

import psutil
import pytest

from app.processes import PATIENCE_S, serving
from ingufu.app.children import Child


async def running(child: Child) -> int:
    """Return the process, once there is one."""
    async with asyncio.timeout(PATIENCE_S):
        while child.pid is None:
            await asyncio.sleep(0.01)
    return child.pid


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the program is looked for, and is not yet: as in the middle of an upgrade."""
    path = tmp_path / "python"
    monkeypatch.setattr(sys, "executable", str(path))
    return path


def install(program: Path) -> None:
    made = program.with_suffix(".new")
    made.write_text("#!/bin/sh\nexec cat\n")  # until its standard input ends
    made.chmod(0o700)
    made.rename(program)


async def test_a_process_that_cannot_be_started_is_tried_again_until_it_can(program, capsys):
    child = Child("web", (), dict(os.environ))
    child.start()
    try:
        async with asyncio.timeout(PATIENCE_S):
            while child.restarts < 2:
                await asyncio.sleep(0.01)
        install(program)
        first = await running(child)
        program.unlink()
        os.kill(first, 9)
        async with asyncio.timeout(PATIENCE_S):
            while child.restarts < 4:
                await asyncio.sleep(0.01)
        install(program)
        assert await running(child) != first
    finally:
        await child.stop()
    assert child.pid is None
    logged = capsys.readouterr()
    assert "child.not_started" in logged.out + logged.err
    assert "No such file" in logged.out + logged.err


async def test_a_process_that_cannot_be_started_does_not_keep_its_parent_from_ending(program):
    child = Child("web", (), dict(os.environ))
    child.start()
    await asyncio.sleep(0)  # it is being started
    async with asyncio.timeout(PATIENCE_S):
        await child.stop()
    assert (child.pid, child.restarts) == (None, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="limits of another process are set on Linux only")
def test_a_server_that_had_no_descriptor_for_its_console_has_one_again_later(tmp_path):
    with serving(tmp_path / "data") as server:
        assert server.request("/health")[0] == 200
        parent, first = psutil.Process(server.process.pid), server.web()
        most = parent.rlimit(resource.RLIMIT_NOFILE)
        parent.rlimit(resource.RLIMIT_NOFILE, (3, most[1]))  # no number is left
        first.kill()
        server.until("child.not_started")
        parent.rlimit(resource.RLIMIT_NOFILE, most)
        assert server.request("/health")[0] == 200
        assert server.web().pid != first.pid
        assert server.end() == 0
