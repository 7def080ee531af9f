"""Locks between processes: one holder, in turn, free when the holder dies."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from ingufu.infra.storage.file_locks import FileLock, Turn


def test_lock_is_one_holder_s(tmp_path: Path) -> None:
    first, second = FileLock(tmp_path / "lock"), FileLock(tmp_path / "lock")
    assert first.try_acquire()
    assert not second.try_acquire()
    with pytest.raises(TimeoutError):
        second.acquire(time.monotonic() + 0.01)
    first.release()
    assert second.try_acquire(is_shared=True)
    assert first.try_acquire(is_shared=True)
    first.close()
    second.close()


def test_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    script = "import sys, time\nfrom pathlib import Path\nfrom ingufu.infra.storage.file_locks import FileLock\n"
    script += "lock = FileLock(Path(sys.argv[1])); print(lock.try_acquire(), flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path / "lock")], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"True\n"
        lock = FileLock(tmp_path / "lock")
        assert not lock.try_acquire()
        process.kill()
        process.wait()
    lock.acquire(time.monotonic() + 5)
    lock.close()


def test_turns_alternate_however_busy_one_is(tmp_path: Path) -> None:
    order: list[str] = []
    has_waited = threading.Event()

    def be_busy() -> None:
        turn = Turn(tmp_path / "file", 10)
        while not has_waited.is_set():
            with turn:
                order.append("busy")
                time.sleep(0.002)
        turn.close()

    thread = threading.Thread(target=be_busy)
    thread.start()
    turn = Turn(tmp_path / "file", 10)
    waits_s = []
    for _ in range(20):
        began_s = time.monotonic()
        with turn:
            waits_s.append(time.monotonic() - began_s)
            order.append("quiet")
    has_waited.set()
    thread.join()
    turn.close()
    assert order.count("quiet") == 20
    assert max(waits_s) < 1.0


def test_turn_does_not_wait_for_ever(tmp_path: Path) -> None:
    holder, other = Turn(tmp_path / "file", 10), Turn(tmp_path / "file", 0.02)
    with holder, pytest.raises(TimeoutError), other:
        pass
    with other:  # and the failed try holds nothing up
        pass
    with holder:
        pass
    holder.close()
    other.close()
