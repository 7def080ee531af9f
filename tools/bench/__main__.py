"""`make bench`: the real gateway and the floor measured in one run, printed as tables."""

import argparse
import os
import sys
from pathlib import Path

import msgspec
import psutil

sys.path.insert(0, str(Path(__file__).parent.parent))  # so that this folder is a package however it is started

from bench import pages
from bench.load import Plan, Result
from bench.processes import finish_load, start_load, started

SATURATING = 256  # stations that each send as soon as they are answered
AT_A_RATE = 500
RATES = (1000.0, 3000.0)
MIXES = ("meter-values", "transaction-events", "session")


class Row(msgspec.Struct, kw_only=True, frozen=True):
    """One measurement of one server."""

    server: str
    mix: str
    result: Result
    server_cpu_s: float

    @property
    def per_cpu_s(self) -> float:
        return self.result.calls / self.server_cpu_s if self.server_cpu_s else 0.0


def main() -> None:
    arguments = _arguments()
    print(f"{os.cpu_count()} cores, Python {sys.version.split()[0]}; every call is durable before its answer.\n")
    if not arguments.pages_only:
        _show(_measure_speed(arguments.seconds, arguments.database))
        memory = _memory(arguments.idle)
        print(f"\nMemory: {memory:.1f} kB per idle station ({arguments.idle:,} stations).")
    if arguments.pages or arguments.pages_only:
        pages.show(pages.measure(arguments.seconds, arguments.rate), arguments.rate)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    parser.add_argument("--idle", type=int, default=2000, help="idle stations for the memory figure")
    parser.add_argument("--database", default="", help="postgresql:// URL instead of a new SQLite file")
    parser.add_argument("--pages", action="store_true", help="measure too what pages do to stations (some minutes)")
    parser.add_argument("--pages-only", action="store_true", help="measure nothing else")
    parser.add_argument("--rate", type=float, default=1000.0, help="calls/s of the stations beside the pages")
    return parser.parse_args()


def _measure_speed(seconds: float, database: str) -> list[Row]:
    """Return the floor first, before the server and again after it: other work on the machine shows in both."""
    floor = _measure_floor(seconds)
    with started("server.py", "2000", database) as (server, port):
        plans = [_plan(port, mix, seconds) for mix in MIXES]
        plans += [_plan(port, "meter-values", seconds, rate) for rate in RATES]
        rows = [_measure("ingufu", server, plan) for plan in plans]
    return [floor, *rows, _measure_floor(seconds)]


def _measure_floor(seconds: float) -> Row:
    with started("floor.py") as (floor, port):
        return _measure("floor", floor, _plan(port, "meter-values", seconds))


def _plan(port: int, mix: str, seconds: float, rate: float = 0.0) -> Plan:
    stations = AT_A_RATE if rate else SATURATING
    return Plan(url=f"ws://127.0.0.1:{port}/ocpp", mix=mix, stations=stations, seconds=seconds, rate_per_s=rate)


def _measure(name: str, server: psutil.Process, plan: Plan) -> Row:
    before = server.cpu_times()
    result = finish_load(start_load(plan), plan)
    after = server.cpu_times()
    used = (after.user + after.system) - (before.user + before.system)
    # The generator's warm-up is in the server's time too: scale to the measured part.
    share = plan.seconds / (plan.seconds + min(1.0, plan.seconds / 5))
    return Row(
        server=name,
        mix=f"{plan.mix} at {plan.rate_per_s:g}/s" if plan.rate_per_s else plan.mix,
        result=result,
        server_cpu_s=used * share,
    )


def _memory(stations: int) -> float:
    """Return kB per idle station: what the server's memory grows by while they connect."""
    with started("server.py", str(stations), "") as (server, port):
        before = server.memory_info().rss
        plan = Plan(
            url=f"ws://127.0.0.1:{port}/ocpp", mix="idle", stations=stations, seconds=10.0, rate_per_s=stations / 10
        )
        start_load(plan).communicate(timeout=120)
        peak = server.memory_info().rss
    return (peak - before) / 1024 / stations


def _show(rows: list[Row]) -> None:
    floor = rows[0]
    print("| Server | Mix | calls/s | calls/CPU-s | of the floor | p50 ms | p99 ms | sessions/s | errors |")
    print("|---|---|---:|---:|---:|---:|---:|---:|---:|")
    for row in rows:
        result = row.result
        print(
            f"| {row.server} | {row.mix} | {result.per_s:,.0f} | {row.per_cpu_s:,.0f} "
            f"| {row.per_cpu_s / floor.per_cpu_s:.3f} | {result.p50_ms:.2f} | {result.p99_ms:.2f} "
            f"| {result.sessions / result.seconds:,.0f} | {result.errors} |"
        )


if __name__ == "__main__":
    main()
