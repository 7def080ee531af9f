"""A large fleet: the memory that each idle station takes, and how long all need to come back after a crash."""

import time

import msgspec
import psutil

from bench import processes, serving
from bench.plan import Connected, Plan
from bench.processes import Target

SETTLE_S = 3.0  # until what a fleet stirred up when it came has been written


class Memory(msgspec.Struct, kw_only=True, frozen=True):
    """What a fleet without load takes of the server's memory."""

    stations: int
    start_mb: float  # of the server without stations
    kb_connected: float  # per station, only connected
    kb_booted: float  # per station that has booted and told its connector's status


class Return(msgspec.Struct, kw_only=True, frozen=True):
    """A fleet that comes back at once after the server was killed; seconds from when it listens again."""

    settings: str
    stations: int
    connected_s: float
    booted_s: float | None  # answered BootNotifications; None: no station booted
    failures: int
    cpu_s: float  # of the server


def measure_memory(stations: int) -> Memory:
    """Return what idle stations take of a fresh server."""
    with serving.prepared(stations) as folder, serving.serving(folder) as target:
        processes.await_pages(target.http_port)
        return weigh(target, stations)


def weigh(target: Target, stations: int, settle_s: float = SETTLE_S) -> Memory:
    """Return what idle stations take of the server: connected, and then booted."""
    process = psutil.Process(target.pid)
    before = process.memory_info().rss
    plan = msgspec.structs.replace(_plan(target, stations, 2), greets_when_told=True)
    with processes.connected(plan) as crowd:
        time.sleep(settle_s)
        connected = process.memory_info().rss
        seen = crowd.greet()
        time.sleep(settle_s)
        booted = process.memory_info().rss
    return Memory(
        stations=seen.stations,
        start_mb=round(before / 1024**2, 1),
        kb_connected=round((connected - before) / 1024 / max(1, crowd.seen.stations), 1),
        kb_booted=round((booted - before) / 1024 / max(1, seen.stations), 1),
    )


CASES = (  # name, settings, calls of each station before it counts as back
    ("as installed", serving.AS_INSTALLED, 1),
    ("no limit on handshakes", serving.UNBOUND, 0),
    ("no limit on handshakes", serving.UNBOUND, 1),
)


def measure_returns(stations: int) -> list[Return]:
    """Return how long a fleet needs: as installed, and without the limit on handshakes."""
    with serving.prepared(stations) as folder:
        with serving.serving(folder) as target, processes.connected(_plan(target, stations, 2)):
            serving.kill(target)
        return [come_back(folder, stations, *case) for case in CASES]


def come_back(folder: str, stations: int, name: str, settings: str, calls_first: int) -> Return:
    """Start the server that was killed, let all stations knock, return how long that took, and kill it again."""
    with serving.serving(folder, settings=settings) as target:
        before = _used(target)
        with processes.connected(_plan(target, stations, calls_first)) as crowd:
            used = _used(target) - before
            serving.kill(target)
    return _told(name, crowd.seen, calls_first, used)


def _told(name: str, seen: Connected, calls_first: int, used: float) -> Return:
    return Return(
        settings=name,
        stations=seen.stations,
        connected_s=seen.upgraded_s,
        booted_s=seen.ready_s if calls_first else None,
        failures=seen.failures,
        cpu_s=round(used, 2),
    )


def _used(target: Target) -> float:
    times = psutil.Process(target.pid).cpu_times()
    return times.user + times.system


def _plan(target: Target, stations: int, calls_first: int) -> Plan:
    return Plan(
        port=target.port,
        mix="heartbeats",
        stations=stations,
        password=target.password,
        calls_first=calls_first,
        core=processes.cores()[1],
    )
