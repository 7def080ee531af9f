"""A disk of which every write is known: power cuts that take away what was not flushed, failing and lying flushes."""

import random
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec
import pytest

SOURCE = Path(__file__).with_name("disk.c")
SECTOR = 512  # bytes: what a disk writes whole or not at all
_NOTE = struct.Struct("=cc6xQQQQ")
_SUFFIXES = {2: "", 3: "-wal", 4: "-journal"}  # as in disk.c


class Note(msgspec.Struct, frozen=True):
    """One thing done to a file."""

    kind: str  # W: written, T: cut off, S: flushed
    file: int
    offset: int
    old_size: int
    old: bytes
    new: bytes

    def redo(self, file: BinaryIO) -> None:
        if self.kind == "T":
            file.truncate(self.offset)
        else:
            file.seek(self.offset)
            file.write(self.new)

    def torn(self, chance: random.Random) -> Iterator["Note"]:
        """Yield the sectors of it that reached the disk."""
        if self.kind == "T":
            yield self
        for start in range(0, len(self.new), SECTOR):
            if chance.random() < 0.7:
                sector = self.new[start : start + SECTOR]
                yield Note(self.kind, self.file, self.offset + start, self.old_size, b"", sector)


class Disk:
    """Stands between a server and the file of its database."""

    def __init__(self, folder: Path, workshop: Path) -> None:
        """`folder` holds the database, `workshop` is for what this needs itself. Skips the test without a compiler."""
        compiler = shutil.which("cc")
        if compiler is None or sys.platform != "linux":
            pytest.skip("no C compiler to make a disk with")
        self._folder = folder
        self._journal = workshop / "journal"
        self._fails = {"flushes": workshop / "fails", "writes": workshop / "denies"}
        self._slow = workshop / "slow"
        self._library = workshop / "disk.so"
        command = [compiler, "-O1", "-shared", "-fPIC", "-pthread", "-o", str(self._library), str(SOURCE), "-ldl"]
        subprocess.run(command, check=True)

    def environment(self, *, cut_at: int | None = None, lies: bool = False, slow_ms: int = 0) -> dict[str, str]:
        """Return what a server needs to write to this disk; the power goes in its `cut_at`-th write or flush."""
        return {
            "LD_PRELOAD": str(self._library),
            "DISK_FOLDER": str(self._folder.resolve()),
            "DISK_JOURNAL": str(self._journal),
            "DISK_FAILS": str(self._fails["flushes"]),
            "DISK_DENIES": str(self._fails["writes"]),
            "DISK_SLOW": str(self._slow),
            "DISK_SLOW_MS": str(slow_ms),
            "DISK_CUT_AT": "" if cut_at is None else str(cut_at),
            "DISK_LIES": "yes" if lies else "",
        }

    def fail(self, what: str = "flushes", *, is_failing: bool = True) -> None:
        """Have all `flushes`, or all `writes`, fail from now on, or no longer."""
        self._touch(self._fails[what], is_there=is_failing)

    def slow(self, *, is_slow: bool = True) -> None:
        self._touch(self._slow, is_there=is_slow)

    def cut_power(self, chance: random.Random | None) -> int:
        """Take away what was written and not flushed: what a disk would that reorders and tears writes, or all.

        To be called when no process has the database open. Returns how many writes were not flushed.
        """
        notes: dict[int, list[Note]] = {}
        for note in self._notes():
            if note.kind == "S":
                notes[note.file] = []
            else:
                notes.setdefault(note.file, []).append(note)
        for file, unflushed in notes.items():
            self._lose(self._path(file), unflushed, chance)
        self._path(2).with_name(self._path(2).name + "-shm").unlink(missing_ok=True)
        self.forget()
        return sum(map(len, notes.values()))

    def forget(self) -> None:
        """Regard everything as flushed."""
        self._journal.unlink(missing_ok=True)

    def _path(self, file: int) -> Path:
        return self._folder / f"ingufu.sqlite{_SUFFIXES[file]}"

    def _notes(self) -> Iterator[Note]:
        if not self._journal.exists():
            return
        content = memoryview(self._journal.read_bytes())
        at = 0
        while at + _NOTE.size <= len(content):
            kind, file, offset, length, old_length, old_size = _NOTE.unpack_from(content, at)
            at += _NOTE.size
            if at + old_length + length > len(content):
                return
            old, new = bytes(content[at : at + old_length]), bytes(content[at + old_length : at + old_length + length])
            at += old_length + length
            yield Note(kind.decode(), file[0], offset, old_size, old, new)

    @staticmethod
    def _lose(path: Path, unflushed: list[Note], chance: random.Random | None) -> None:
        if not unflushed or not path.exists():
            return
        with path.open("r+b") as file:
            for note in reversed(unflushed):
                file.seek(note.offset)
                file.write(note.old)
                file.truncate(note.old_size)
            if chance is not None:
                for kept in _survivors(unflushed, chance):
                    kept.redo(file)

    @staticmethod
    def _touch(path: Path, *, is_there: bool) -> None:
        if is_there:
            path.touch()
        else:
            path.unlink(missing_ok=True)


def _survivors(unflushed: list[Note], chance: random.Random) -> Iterator[Note]:
    """Yield what reached the disk although nobody had asked for it: nothing, the first, or any, whole and torn."""
    keeps = chance.choice(("nothing", "first", "any"))
    if keeps == "first":
        yield from unflushed[: chance.randrange(len(unflushed) + 1)]
    elif keeps == "any":
        for note in unflushed:
            match chance.choice(("lost", "whole", "torn")):
                case "whole":
                    yield note
                case "torn":
                    yield from note.torn(chance)
