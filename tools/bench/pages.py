"""What pages do to stations: OCPP latency at a fixed rate alone, with pages beside it, and with pages inside it."""

import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from bench.load import Plan, Result
from bench.people import Asked, Visit
from bench.processes import HERE, await_pages, finish_load, free_port, running, start_load

STATIONS = 500
PEOPLE = 8  # who ask for one heavy page after the other, without a pause: an office of some hundred
SETTLE_S = 8.0  # in which the stations have connected and the people come
DEMO_STATIONS, DEMO_DAYS = 200, 30
SETTINGS = "[ocpp]\nmessages_per_s = 100000\nhandshakes_per_s = 10000\n"


class Case(msgspec.Struct, kw_only=True, frozen=True):
    """One situation."""

    name: str
    stations: Result
    people: Asked | None = None


def measure(seconds: float, rate: float) -> list[Case]:
    """Return what stations and people saw in each situation, on a database with a month behind it."""
    with tempfile.TemporaryDirectory(prefix="ingufu-bench-") as folder:
        cookie = _fill(folder)
        with _serving(folder) as (http, ocpp):
            plan = _plan(ocpp, seconds, rate)
            alone = Case(name="stations alone", stations=finish_load(start_load(plan), plan))
            beside = _both("pages in their own process (as it is)", http, ocpp, cookie, seconds, rate)
        with _together(folder) as (http, ocpp):
            inside = _both("pages in the gateway's loop", http, ocpp, cookie, seconds, rate)
    return [alone, beside, inside]


def show(cases: list[Case], rate: float) -> None:
    print(f"\nStations at {rate:g} calls/s ({STATIONS} of them), {PEOPLE} people at heavy pages without a pause:\n")
    print("| | OCPP p50 ms | OCPP p99 ms | OCPP longest ms | calls/s | pages/s | page p50 ms | failures |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    for case in cases:
        seen, people = case.stations, case.people
        pages = f"{people.per_s:,.1f} | {people.p50_ms:,.0f}" if people else "| "
        print(
            f"| {case.name} | {seen.p50_ms:.2f} | {seen.p99_ms:.2f} | {seen.longest_ms:.0f} | {seen.per_s:,.0f} "
            f"| {pages} | {seen.errors + (people.failures if people else 0)} |"
        )


def _fill(folder: str) -> str:
    """Fill a data folder and return the cookie of someone who is logged in."""
    arguments = (folder, str(DEMO_STATIONS), str(DEMO_DAYS), str(STATIONS))
    filled = subprocess.run([sys.executable, str(HERE / "filling.py"), *arguments], stdout=subprocess.PIPE, check=True)
    return f"ingufu_session={filled.stdout.decode().split()[-1]}"


@contextlib.contextmanager
def _serving(folder: str) -> Iterator[tuple[int, int]]:
    """Run `ingufu serve` as anyone would."""
    http, ocpp = free_port(), free_port()
    config = Path(folder) / "bench.toml"
    config.write_text(SETTINGS)
    options = ("--data", folder, "--http", f"127.0.0.1:{http}", "--ocpp", f"127.0.0.1:{ocpp}", "--config", str(config))
    with running([sys.executable, "-m", "ingufu", "serve", *options, "--log-level", "warning"]):
        await_pages(http)
        yield http, ocpp


@contextlib.contextmanager
def _together(folder: str) -> Iterator[tuple[int, int]]:
    http, ocpp = free_port(), free_port()
    with running(
        [sys.executable, str(HERE / "together.py"), folder, f"127.0.0.1:{http}", f"127.0.0.1:{ocpp}"],
    ):
        await_pages(http)
        yield http, ocpp


def _both(name: str, http: int, ocpp: int, cookie: str, seconds: float, rate: float) -> Case:
    """Let the stations connect, then the people come, then the stations talk; that is what is measured."""
    plan = _plan(ocpp, seconds, rate, settle_s=SETTLE_S)
    load = start_load(plan)
    time.sleep(SETTLE_S / 2)
    visit = Visit(host="127.0.0.1", port=http, cookie=cookie, people=PEOPLE, seconds=seconds + SETTLE_S)
    people = subprocess.Popen(
        [sys.executable, str(HERE / "people.py"), msgspec.json.encode(visit).decode()], stdout=subprocess.PIPE
    )
    stations = finish_load(load, plan)
    output, _ = people.communicate(timeout=seconds + 180)
    return Case(name=name, stations=stations, people=msgspec.json.decode(output, type=Asked))


def _plan(port: int, seconds: float, rate: float, settle_s: float = 0.0) -> Plan:
    return Plan(
        url=f"ws://127.0.0.1:{port}/ocpp",
        mix="meter-values",
        stations=STATIONS,
        seconds=seconds,
        rate_per_s=rate,
        settle_s=settle_s,
    )
