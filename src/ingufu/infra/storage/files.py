"""Files that are there whole or not at all, also after a power cut."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path


@contextmanager
def appearing(target: Path) -> Iterator[Path]:
    """Give a hidden name beside `target` to write to; at the end of the block the file appears under its own name.

    It is readable by its owner only. If the block raises, nothing is left.
    """
    part = target.with_name(f".{target.name}.part")
    part.unlink(missing_ok=True)
    os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        yield part
        sync(part)
        part.replace(target)
        sync(target.parent)
    finally:
        part.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Return when the file, or the names in the folder, are on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def free_name(path: Path) -> Path:
    """Return `path` with `.replaced-1`, or the first such number that is free."""
    return next(name for n in count(1) if not (name := path.with_name(f"{path.name}.replaced-{n}")).exists())
