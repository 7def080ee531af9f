"""`make bench`: the real gateway and the floor measured in one run, printed as a table."""

import argparse
import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import psutil

sys.path.insert(0, str(Path(__file__).parent.parent))  # so that this folder is a package however it is started

from bench.load import Plan, Result

HERE = Path(__file__).parent


class Row(msgspec.Struct, kw_only=True, frozen=True):
    """One measurement of one server."""

    server: str
    mix: str
    result: Result
    server_cpu_s: float
    server_rss_kb: float

    @property
    def per_cpu_s(self) -> float:
        return self.result.calls / self.server_cpu_s if self.server_cpu_s else 0.0


def main() -> None:
    arguments = _arguments()
    with _started([str(HERE / "floor.py")]) as (floor, floor_port):
        floor_row = _measure("floor", floor, floor_port, "meter-values", arguments.seconds)
    rows = [floor_row]
    with _started([str(HERE / "server.py")], ["2000", arguments.database]) as (server, port):
        rows += [
            _measure("ingufu", server, port, mix, arguments.seconds)
            for mix in ("meter-values", "transaction-events", "session")
        ]
        rows += [
            _measure("ingufu", server, port, "meter-values", arguments.seconds, stations=500, rate=rate)
            for rate in (1000.0, 5000.0)
        ]
    memory = _memory(arguments.idle)
    _print(rows, floor_row, memory, arguments.idle)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    parser.add_argument("--idle", type=int, default=2000, help="idle stations for the memory figure")
    parser.add_argument("--database", default="", help="postgresql:// URL instead of a new SQLite file")
    return parser.parse_args()


def _measure(
    name: str,
    server: psutil.Process,
    port: int,
    mix: str,
    seconds: float,
    *,
    stations: int = 64,
    rate: float = 0.0,
) -> Row:
    plan = Plan(url=f"ws://127.0.0.1:{port}/ocpp", mix=mix, stations=stations, seconds=seconds, rate_per_s=rate)
    before = server.cpu_times()
    result = _load(plan)
    after = server.cpu_times()
    # The generator's warm-up belongs to the server's time too: scale to the measured part.
    used = (after.user + after.system) - (before.user + before.system)
    share = seconds / (seconds + min(1.0, seconds / 5))
    return Row(
        server=name,
        mix=f"{mix} at {rate:g}/s" if rate else mix,
        result=result,
        server_cpu_s=used * share,
        server_rss_kb=server.memory_info().rss / 1024,
    )


def _memory(stations: int) -> float:
    """Return kB per idle station: what the server's memory grows by while they connect."""
    with _started([str(HERE / "server.py")], [str(stations), ""]) as (server, port):
        before = server.memory_info().rss
        plan = Plan(
            url=f"ws://127.0.0.1:{port}/ocpp", mix="idle", stations=stations, seconds=10.0, rate_per_s=stations / 10
        )
        process = _start_load(plan)
        process.communicate(timeout=120)
        peak = server.memory_info().rss
    return (peak - before) / 1024 / stations


def _load(plan: Plan) -> Result:
    process = _start_load(plan)
    output, _ = process.communicate(timeout=plan.seconds + 90)
    return msgspec.json.decode(output, type=Result)


def _start_load(plan: Plan) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, str(HERE / "load.py"), msgspec.json.encode(plan).decode()], stdout=subprocess.PIPE
    )


@contextlib.contextmanager
def _started(command: list[str], arguments: list[str] | None = None) -> Iterator[tuple[psutil.Process, int]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen([sys.executable, *command, str(port), *(arguments or [])], stdout=subprocess.PIPE)
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    if process.stdout.readline().strip() != b"ready":
        raise SystemExit(f"{command[0]} did not start.")
    try:
        yield psutil.Process(process.pid), port
    finally:
        process.kill()
        process.wait()


def _print(rows: list[Row], floor: Row, memory_kb: float, idle: int) -> None:
    print(
        f"{os.cpu_count()} cores, Python {sys.version.split()[0]}, every call durable before its answer (SQLite FULL)\n"
    )
    print("| Server | Mix | calls/s | calls/CPU-s | of the floor | p50 ms | p99 ms | sessions/s | errors |")
    print("|---|---|---:|---:|---:|---:|---:|---:|---:|")
    for row in rows:
        result = row.result
        print(
            f"| {row.server} | {row.mix} | {result.per_s:,.0f} | {row.per_cpu_s:,.0f} "
            f"| {row.per_cpu_s / floor.per_cpu_s:.2f} | {result.p50_ms:.2f} | {result.p99_ms:.2f} "
            f"| {result.sessions / result.seconds:,.0f} | {result.errors} |"
        )
    print(f"\nMemory: {memory_kb:.1f} kB per idle station ({idle:,} stations).")


if __name__ == "__main__":
    main()
