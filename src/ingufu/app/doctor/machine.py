"""The machine under the server: data folder, space, backups, clock, descriptors."""

import ctypes
import os
import resource
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

from ingufu.app.doctor.findings import Finding, ok, problem, warning

SPACE_NEEDED = 200 * 1024**2  # bytes: below, the next busy day may fill the disk
SPACE_WANTED = 1024**3
SPACE_SHARE = 0.05
BACKUP_AGE_H = 26  # a day, and the time that one takes
BACKUP_DEAD_H = 7 * 24
CLOCK_OFF_S = 2.0
FILES_WANTED = 4096
FILES_BESIDE = 256  # descriptors that are no station's: database, listeners, logs
OTHERS_RIGHTS = stat.S_IRWXG | stat.S_IRWXO
UNSYNCHRONISED = 0x40  # STA_UNSYNC of adjtimex(2)


def check_folder(folder: Path) -> Iterator[Finding]:
    """Look at the data folder and who may read it."""
    if not folder.exists():
        yield warning("data folder", f"{folder} is not there yet.", "Nothing, if the server was never started here.")
        return
    if not folder.is_dir():
        yield problem("data folder", f"{folder} is no folder.", "Name a folder with --data.")
        return
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        yield problem(
            "data folder",
            f"{folder} cannot be written by this user.",
            f"Give it to the user of the server: chown -R <user> {folder}",
        )
        return
    mode = folder.stat().st_mode
    if mode & OTHERS_RIGHTS:
        yield warning(
            "data folder",
            f"Other users of this machine may look into {folder} (mode {stat.S_IMODE(mode):o}).",
            f"Keep them out: chmod 700 {folder}",
        )
        return
    yield ok("data folder", f"{folder} is this user's alone.")


def check_space(folder: Path, usage: Callable[[Path], tuple[int, int, int]] = shutil.disk_usage) -> Iterator[Finding]:
    """Look at the free space where the data lies."""
    place = next((one for one in (folder, *folder.absolute().parents) if one.exists()), Path("/"))
    total, _, free = usage(place)
    says = f"{free / 1024**3:.1f} GiB of {total / 1024**3:.1f} GiB are free."
    if free < SPACE_NEEDED:
        yield problem("free space", says, "Make room: a full disk stops every message that has to be kept.")
    elif free < SPACE_WANTED or free < total * SPACE_SHARE:
        yield warning("free space", says, "Make room soon, or keep frames and events for a shorter time ([retention]).")
    else:
        yield ok("free space", says)


def check_backups(folder: str, now: datetime) -> Iterator[Finding]:
    """Look at the age of the newest backup, if the settings say where they are."""
    if not folder:
        yield ok("backups", "The settings name no folder of backups (`backups`), so their age is not known.")
        return
    files = [file for file in Path(folder).expanduser().glob("*") if file.is_file()] if Path(folder).is_dir() else []
    if not files:
        yield problem("backups", f"There is no backup in {folder}.", "Make one: ingufu backup <file>")
        return
    newest = max(files, key=lambda file: file.stat().st_mtime)
    age_h = (now.timestamp() - newest.stat().st_mtime) / 3600
    says = f"The newest backup, {newest.name}, is {age_h:.0f} hours old."
    if age_h > BACKUP_DEAD_H:
        yield problem("backups", says, "Look why none is made any more: ingufu backup <file>")
    elif age_h > BACKUP_AGE_H:
        yield warning("backups", says, "Make one each day.")
    else:
        yield ok("backups", says)


def check_clock(folder: Path, now: datetime, kernel: Callable[[], int | None] | None = None) -> Iterator[Finding]:
    """Look at the clock: against the file system's, and whether the kernel knows it to be kept right."""
    off_s = _file_time(folder if folder.is_dir() else Path(tempfile.gettempdir())) - now.timestamp()
    if abs(off_s) > CLOCK_OFF_S:
        yield warning(
            "clock",
            f"The clock of the file system is {off_s:+.0f} s from that of this machine.",
            "Have both set by NTP. Stations take their time from this server.",
        )
        return
    status = (kernel or _kernel_status)()
    if status is not None and status & UNSYNCHRONISED:
        yield warning(
            "clock",
            "The kernel does not know the clock to be kept right by NTP.",
            "Run a time service (systemd-timesyncd, chrony). Stations take their time from this server, and bills "
            "from theirs.",
        )
        return
    yield ok("clock", "It agrees with the file system" + ("." if status is None else " and is kept right by NTP."))


def _file_time(folder: Path) -> float:
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".doctor-") as file:
        file.write(b"x")
        file.flush()
        return os.fstat(file.fileno()).st_mtime


def _kernel_status() -> int | None:
    """Return the status of adjtimex(2), None where there is none."""
    if not sys.platform.startswith("linux") or sys.maxsize < 2**32:
        return None
    times = ctypes.create_string_buffer(512)  # struct timex, which asks for nothing: modes is 0
    try:
        if ctypes.CDLL(None, use_errno=True).adjtimex(times) < 0:
            return None
    except (AttributeError, OSError):
        return None
    return int.from_bytes(times.raw[40:44], sys.byteorder)


def check_descriptors(
    stations: int, limit: Callable[[], tuple[int, int]] = lambda: resource.getrlimit(resource.RLIMIT_NOFILE)
) -> Iterator[Finding]:
    """Look whether there are descriptors for all stations, as for a server started from here."""
    soft, _ = limit()
    says = f"A process started from here may open {soft} files; {stations} stations are known."
    remedy = "Raise it: LimitNOFILE=65536 in the unit of the service, or ulimit -n 65536 before the start."
    if soft != resource.RLIM_INFINITY and soft < stations + FILES_BESIDE:
        yield problem("descriptors", says, remedy)
    elif soft != resource.RLIM_INFINITY and soft < max(FILES_WANTED, 2 * stations):
        yield warning("descriptors", says, remedy)
    else:
        yield ok("descriptors", says)
