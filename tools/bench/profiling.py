"""Where the time of the saturated server goes, by part of the product and by function."""

import json
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec

from bench import processes, serving
from bench.plan import Plan
from bench.processes import Target

SECONDS = 5.0
STATIONS = 64
TOP = 15
# By the innermost function's module; the first that fits. C code counts for the Python function that called it.
PARTS = (
    # what comes first after the loop has read: it hears the signals of the loop's own work, which has no instructions
    ("ingufu.gateway.websocket.frames:_Reader.buffer_updated", "event loop, sockets, frames in C"),
    ("ingufu.gateway.frame_log", "record of raw frames"),
    ("ingufu.gateway.websocket", "WebSocket layer and sending"),
    ("ingufu.gateway", "connections"),
    ("ingufu.ocpp.rpc", "RPC: pairing, memory of replies"),
    ("ingufu.ocpp", "decoding and adapters of OCPP"),
    ("ingufu.infra.storage.sqlite", "SQLite"),
    ("ingufu.infra.storage.file_locks", "SQLite"),
    ("ingufu.infra.storage.postgresql", "PostgreSQL"),
    ("ingufu.infra.storage", "units of work, group commit"),
    ("ingufu.infra", "other machinery (bus, logs)"),
    ("ingufu.charging", "rules of charging"),
    ("ingufu.core", "core: ids, events, quantities"),
    ("ingufu.", "other rules"),
    ("sqlite3", "SQLite"),
    ("uvloop", "event loop, sockets, frames in C"),
    ("asyncio.runners", "event loop, sockets, frames in C"),  # it calls the loop, whose own work shows no frames
    ("asyncio", "asyncio"),
)


class Profile(msgspec.Struct, kw_only=True, frozen=True):
    """Shares of processor time, the largest first."""

    what: str
    parts: tuple[tuple[str, float], ...]
    functions: tuple[tuple[str, float], ...]


def profile_readings(seconds: float = SECONDS, stations: int = STATIONS) -> Profile:
    """Saturate a server with MeterValues and sample it meanwhile."""
    with serving.prepared(stations) as folder:
        orders = Path(folder) / "sampling"
        with serving.serving(folder, samples=str(orders)) as target:
            processes.await_pages(target.http_port)
            plan = _plan(target, stations, seconds + 1.0)
            load = processes.start_load(plan)
            time.sleep(2.0)  # connected and warm
            orders.touch()
            time.sleep(seconds)
            orders.unlink()
            result = processes.finish_load(load, plan)
            what = f"MeterValues on SQLite, saturated ({result.per_s:,.0f} calls/s while sampled)"
            return summarise(written(orders.with_suffix(".json")), what)


def profile_return(stations: int) -> Profile:
    """Let a fleet connect and boot at once, and sample the server meanwhile."""
    with serving.prepared(stations) as folder:
        orders = Path(folder) / "sampling"
        with serving.serving(folder, samples=str(orders)) as target:
            processes.await_pages(target.http_port)
            orders.touch()
            time.sleep(0.2)  # it looks for orders every twentieth of a second
            with processes.connected(_plan(target, stations, 0.0)) as crowd:
                orders.unlink()
            what = f"{crowd.seen.stations:,} stations that connect and boot at once ({crowd.seen.ready_s:.1f} s)"
            return summarise(written(orders.with_suffix(".json")), what)


def _plan(target: Target, stations: int, seconds: float) -> Plan:
    return Plan(
        port=target.port,
        mix="meter-values",
        stations=stations,
        seconds=seconds,
        password=target.password,
        calls_first=1,
        core=processes.cores()[1],
    )


def summarise(samples: Sequence[tuple[int, list[str]]], what: str) -> Profile:
    """Return the shares by part and by function."""
    parts: Counter[str] = Counter()
    functions: Counter[str] = Counter()
    for weight, stack in samples:
        parts[part_of(stack)] += weight
        functions[stack[0]] += weight
    return Profile(what=what, parts=_shares(parts), functions=_shares(functions)[:TOP])


def part_of(stack: Sequence[str]) -> str:
    """Return the part to which the time belongs: by the innermost function of which the part is known."""
    for function in stack:
        for module, part in PARTS:
            if function.startswith(module):
                return part
    return "other"


def _shares(counted: Counter[str]) -> tuple[tuple[str, float], ...]:
    whole = sum(counted.values()) or 1
    return tuple((name, weight / whole) for name, weight in counted.most_common())


def written(path: Path) -> list[tuple[int, list[str]]]:
    """Return what the sampler saw, as soon as it has written that down."""
    until = time.monotonic() + processes.START_S
    while not path.exists():
        if time.monotonic() > until:
            raise SystemExit("The sampler wrote nothing.")
        time.sleep(0.05)
    found: list[tuple[int, list[str]]] = json.loads(path.read_text())
    return found
