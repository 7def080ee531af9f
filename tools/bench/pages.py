"""What pages do to stations: OCPP latency at a fixed rate alone, with pages beside it, and with pages inside it."""

import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from bench import serving, wire
from bench.multiplying import multiply
from bench.people import Asked, Visit
from bench.plan import Plan, Result
from bench.processes import (
    HERE,
    Target,
    await_pages,
    await_rest,
    disk_folder,
    finish_load,
    free_port,
    running,
    start_load,
)

STATIONS = 500
RATE = 1000.0
LEAST_S = 16.0  # less catches only some of the pages, and one moment makes the p99
PEOPLE = 8  # who ask for one heavy page after the other, without a pause: an office of some hundred
REST_S = 90.0  # at the most, before each case, until the server has done what the one before has left
SETTLE_S = 8.0  # in which the stations have connected and the people come
DATABASE = "ingufu.sqlite"


class Past(msgspec.Struct, kw_only=True, frozen=True):
    """What lies in the database before the measurement."""

    demo_stations: int = 200
    days: int = 10
    stations: int = 10_000
    transactions: int = 1_000_000
    bench_stations: int = STATIONS  # those that talk


class Case(msgspec.Struct, kw_only=True, frozen=True):
    """One situation."""

    name: str
    stations: Result
    people: Asked | None = None


class Pages(msgspec.Struct, kw_only=True, frozen=True):
    """All situations, measured one after the other on one database."""

    stations: int  # in the database
    transactions: int
    rate_per_s: float
    cases: tuple[Case, ...]


def measure(
    seconds: float, rate: float = RATE, past: Past | None = None, people: int = PEOPLE, settle_s: float = SETTLE_S
) -> Pages:
    """Return what stations and people saw in each situation."""
    past = past or Past()
    with tempfile.TemporaryDirectory(prefix="ingufu-bench-", dir=disk_folder()) as folder:
        cookie = _fill(folder, past)
        stations, transactions = multiply(
            Path(folder) / DATABASE, stations=past.stations, transactions=past.transactions
        )
        visit = Visit(host="127.0.0.1", port=0, cookie=cookie, people=people, seconds=seconds + settle_s)
        with serving.serving(folder, pin=False) as target:
            await_pages(target.http_port)
            plan = _plan(target, past.bench_stations, (seconds, rate, settle_s))
            cases = [_alone("stations alone", target, plan)]
            cases.append(_both("pages in their own process (as it is)", target, plan, visit))
            cases.append(_alone("stations alone, again", target, plan))
        with _together(folder) as target:
            cases.append(_both("pages in the gateway's loop (not as it is)", target, plan, visit))
    return Pages(stations=stations, transactions=transactions, rate_per_s=rate, cases=tuple(cases))


def _fill(folder: str, past: Past) -> str:
    """Fill a data folder and return the cookie of someone who is logged in."""
    command = [sys.executable, str(HERE / "filling.py"), folder, "-"]
    command += [str(past.demo_stations), str(past.days), str(past.bench_stations)]
    filled = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return f"ingufu_session={filled.stdout.decode().split()[-1]}"


@contextlib.contextmanager
def _together(folder: str) -> Iterator[Target]:
    http, ocpp = free_port(), free_port()
    command = [sys.executable, str(HERE / "together.py"), folder, f"127.0.0.1:{http}", f"127.0.0.1:{ocpp}"]
    with running(command) as process:
        await_pages(http)
        yield Target(name="together", port=ocpp, http_port=http, pid=process.pid, password=wire.PASSWORD)


def _alone(name: str, target: Target, plan: Plan) -> Case:
    await_rest(target.pid, REST_S)
    return Case(name=name, stations=finish_load(start_load(plan), plan))


def _both(name: str, target: Target, plan: Plan, visit: Visit) -> Case:
    """Let the stations connect, then the people come, then the stations talk; that is what is measured."""
    plan = msgspec.structs.replace(plan, port=target.port, server_pid=target.pid)
    visit = msgspec.structs.replace(visit, port=target.http_port)
    await_rest(target.pid, REST_S)
    load = start_load(plan)
    time.sleep(plan.settle_s / 2)
    command = [sys.executable, str(HERE / "people.py"), msgspec.json.encode(visit).decode()]
    with running(command, stdout=subprocess.PIPE) as people:
        stations = finish_load(load, plan)
        output, _ = people.communicate(timeout=visit.seconds + 180)
    return Case(name=name, stations=stations, people=msgspec.json.decode(output, type=Asked))


def _plan(target: Target, stations: int, pace: tuple[float, float, float]) -> Plan:
    seconds, rate, settle_s = pace
    return Plan(
        port=target.port,
        mix="meter-values",
        stations=stations,
        seconds=seconds,
        rate_per_s=rate,
        settle_s=settle_s,
        password=target.password,
        server_pid=target.pid,
    )
