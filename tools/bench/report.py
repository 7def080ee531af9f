"""What one run of the bench found, part by part, and the machine on which it ran."""

import os
import platform
import sqlite3
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import msgspec
import psutil

from bench.fleets import Memory, Return
from bench.page_times import PageTimes
from bench.pages import Pages
from bench.processes import disk_folder, file_system
from bench.profiling import Profile
from bench.rating import Rated
from bench.speed import Row


class Machine(msgspec.Struct, kw_only=True, frozen=True):
    """On what, and when."""

    on: str  # the day
    processor: str
    cores: int
    memory_gb: int
    system: str
    disk: str
    python: str
    sqlite: str
    packages: tuple[str, ...]
    load_before: float  # load average as the bench began: other work shows


class Report(msgspec.Struct, kw_only=True):
    """All figures; a part that did not run is None or empty."""

    machine: Machine
    seconds: float
    floors: list[Row] = []
    saturated: list[Row] = []
    plain: list[Row] = []
    at_rates: list[Row] = []
    plain_at_rates: list[Row] = []
    postgresql: list[Row] = []
    postgresql_at_rates: list[Row] = []
    memory: Memory | None = None
    returns: list[Return] = []
    pages: Pages | None = None
    page_times: PageTimes | None = None
    rated: list[Rated] = []
    profiles: list[Profile] = []
    notes: list[str] = []


def machine_line(machine: Machine) -> str:
    """Return on what was measured, as a sentence."""
    return (
        f"Measured on {machine.on}: {machine.cores} cores of {machine.processor}, {machine.memory_gb} GB, "
        f"{machine.system}, disk {machine.disk}, Python {machine.python}, SQLite {machine.sqlite}; "
        f"load average {machine.load_before:g} when the run began."
    )


def this_machine() -> Machine:
    return Machine(
        on=datetime.now(UTC).date().isoformat(),
        processor=_processor(),
        cores=os.cpu_count() or 1,
        memory_gb=round(psutil.virtual_memory().total / 1024**3),
        system=f"{platform.system()} {platform.release()}",
        disk=file_system(disk_folder()),
        python=sys.version.split()[0],
        sqlite=sqlite3.sqlite_version,
        packages=tuple(f"{name} {version(name)}" for name in ("picows", "uvloop", "msgspec", "websockets", "ocpp")),
        load_before=round(os.getloadavg()[0], 1),
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
