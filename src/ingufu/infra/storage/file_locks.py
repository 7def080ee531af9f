"""Locks between the processes of one SQLite file: who writes now, and who has it open.

SQLite has locks of its own. These come before them for two reasons: a process that waits for SQLite's sleeps in ever
longer steps and may starve beside a busy one; and SQLite before 3.51.3 can, in a narrow race, corrupt a file when a
log that one connection has just folded back whole is folded by a second while a third writes (the "WAL-reset bug").
Of all processes only one folds beside commits, therefore, and begins after a commit of its own.
"""

import os
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

if sys.platform != "win32":
    import fcntl

FIRST_PAUSE_S = 0.0001
LONGEST_PAUSE_S = 0.001


class FileLock:
    """One lock, let go by the system when its holder dies."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def try_acquire(self, *, is_shared: bool = False) -> bool:
        """Return whether the lock is ours now."""
        if sys.platform == "win32":  # SQLite's own locks must do there
            return True
        try:
            fcntl.flock(self._descriptor, (fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def acquire(self, until: float) -> None:
        """Return with the lock; raises TimeoutError at `until` (monotonic seconds)."""
        pause_s = FIRST_PAUSE_S
        while not self.try_acquire():
            if time.monotonic() > until:
                raise TimeoutError
            time.sleep(pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    def release(self) -> None:
        if sys.platform != "win32":
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def close(self) -> None:
        os.close(self._descriptor)


class Turn:
    """The turn to write: one process at a time, each in its order, however busy another is."""

    def __init__(self, path: Path, timeout_s: float) -> None:
        self._next = FileLock(path.with_name(path.name + "-next"))  # who holds it is the next to write
        self._now = FileLock(path.with_name(path.name + "-now"))
        self._timeout_s = timeout_s

    def __enter__(self) -> Self:
        until = time.monotonic() + self._timeout_s
        self._next.acquire(until)
        try:
            self._now.acquire(until)
        finally:
            self._next.release()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._now.release()

    def close(self) -> None:
        self._next.close()
        self._now.close()


def presence(path: Path) -> FileLock:
    """Return the lock that says who has the database open: shared by its users, exclusive for who replaces it."""
    return FileLock(path.with_name(path.name + "-open"))


def folder(path: Path) -> FileLock:
    """Return the lock of the one process that folds the log beside commits."""
    return FileLock(path.with_name(path.name + "-folder"))


def journal(path: Path) -> FileLock:
    """Return the lock of the one process that defers writes to the journal and empties it."""
    return FileLock(path.with_name(path.name + "-journal-keeper"))
