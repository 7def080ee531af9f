"""The first five minutes: `ingufu demo` fills a folder, shows a living network, and is the same the next time."""

import contextlib
import json
import re
import socket
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from app.processes import PATIENCE_S, Program, ask_console, ingufu

SLOW_S = 110.0  # for the filling; some seconds on an idle machine


class Demo(Program):
    def __init__(self, data: Path, *arguments: object) -> None:
        self.data = data
        super().__init__("demo", "--data", data, *arguments)

    def ready(self) -> "Demo":
        self.until("Ctrl-C ends the demo", timeout_s=SLOW_S)
        return self

    @property
    def login(self) -> tuple[str, str]:
        return self.until(r"Log in    (\S+)")[1], self.until(r"Password  (\S+)")[1]

    @property
    def console(self) -> tuple[str, int]:
        found = self.until(r"Console   http://([\d.]+):(\d+)/")
        return found[1], int(found[2])


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    demo = Demo(
        tmp_path_factory.mktemp("demo") / "data", "--days", 14, "--http", "127.0.0.1:0", "--ocpp", "127.0.0.1:0"
    )
    try:
        yield demo.ready()
    finally:
        demo.destroy()


@pytest.fixture(scope="module")
def ask(demo: Demo) -> Callable[[str], Any]:
    """Ask the demo's API with a key of everything."""
    scopes = ("stations:read", "tokens:read", "transactions:read", "frames:read", "events:read")
    flags = [part for scope in scopes for part in ("--scope", scope)]
    done = ingufu("admin", "key", "add", "reader", *flags, "--json", "--data", demo.data)
    key = json.loads(done.stdout)["secret"]

    def ask(path: str) -> Any:
        status, body = ask_console(demo.console, path, key=key)
        assert status == 200, (path, body)
        return body

    return ask


def eventually(found: Callable[[], Any]) -> Any:
    until = time.monotonic() + PATIENCE_S
    while True:
        value = found()
        if value:
            return value
        assert time.monotonic() < until
        time.sleep(0.2)


def test_months_of_history_are_there_at_once(demo, ask):
    sessions = ask("/api/v1/transactions?limit=200")["items"]
    ended = [one for one in sessions if not one["is_open"]]
    assert len(ended) > 100
    stations = ask("/api/v1/stations?limit=200")["items"]
    assert sum(one["approval"] == "approved" for one in stations) == 24
    assert {one["ocpp_version"] for one in eventually_connected(ask)} >= {"1.6", "2.0.1", "2.1"}
    one = ended[0]
    assert float(one["energy_wh"]) >= 0
    readings = ask(f"/api/v1/transactions/{one['id']}/readings")["items"]
    assert len(readings) >= 2
    assert readings[0]["energy_wh"] is not None
    assert ask("/api/v1/tokens?limit=200")["items"]
    assert ask("/api/v1/drivers?limit=200")["items"]
    assert ask("/api/v1/groups")["items"]
    assert len(ask("/api/v1/sites")["items"]) == 12


def eventually_connected(ask) -> list[Any]:
    def connected() -> list[Any]:
        online = [one for one in ask("/api/v1/stations?limit=200")["items"] if one["is_online"]]
        return online if len(online) >= 15 else []

    return eventually(connected)


def test_the_network_lives_and_has_troubles(demo, ask):
    eventually_connected(ask)
    eventually(lambda: any(one["is_open"] for one in ask("/api/v1/transactions?limit=100")["items"]))
    waiting = eventually(
        lambda: [one for one in ask("/api/v1/stations?limit=200")["items"] if one["approval"] == "waiting"]
    )
    assert {one["identity"] for one in waiting} <= {"NEW-01", "NEW-02", "NEW-03"}
    attempts = ask("/api/v1/connection-attempts?limit=500")["items"]
    outcomes = {one["outcome"] for one in attempts}
    assert {"connected", "wrong-credentials", "unsupported-subprotocol", "wrong-path", "tls-failed"} <= outcomes
    assert ask("/api/v1/frames?limit=10")["items"]


def test_the_log_in_that_it_prints_works(demo):
    email, password = demo.login
    assert email == "demo@ingufu.local"
    body = {"email": email, "password": password}
    status, _ = ask_console(demo.console, "/api/v1/login", method="POST", body=body)
    assert status in {200, 201, 204}


def test_three_processes_share_less_than_350_megabytes(demo, ask):
    eventually_connected(ask)
    processes = [psutil.Process(demo.process.pid), *demo.children()]
    assert len(processes) == 3
    assert sum(process.memory_info().rss for process in processes) < 350e6


def test_only_its_owner_can_read_the_folder(demo):
    assert stat.S_IMODE(demo.data.stat().st_mode) == 0o700
    assert stat.S_IMODE((demo.data / "demo.json").stat().st_mode) == 0o600


def test_a_second_demo_in_the_same_folder_is_refused(demo):
    done = ingufu("demo", "--data", demo.data)
    assert done.returncode == 1
    assert "Another server already runs on the data folder" in done.stderr


@contextlib.contextmanager
def taken(port: int) -> Iterator[None]:
    """Have the port be taken, by us unless someone else was faster."""
    try:
        listener = socket.create_server(("127.0.0.1", port))
    except OSError:
        yield
        return
    with listener:
        yield


def test_it_is_the_same_the_next_time_and_another_after_fresh(tmp_path):
    data = tmp_path / "data"
    small = ("--stations", 3, "--days", 2)
    logins = []
    with taken(8080):
        for more in ((), (), ("--fresh",)):
            demo = Demo(data, *small, *more, "--ocpp", "127.0.0.1:0")
            try:
                demo.ready()
                assert demo.console[1] != 8080
                demo.until(r"Port 8080 is taken by another program; --http 127\.0\.0\.1:\d+ is used\.")
                logins.append(demo.login)
                is_filled = any("Making 3 stations" in line for line in demo.said)
                assert is_filled is (len(logins) == 1 or bool(more))
                children = demo.children()
                assert demo.end() == 0
                assert not any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in children)
            finally:
                demo.destroy()
    assert logins[0] == logins[1] != logins[2]
    done = ingufu("demo", "--data", data, "--seed", "other")
    assert done.returncode == 1
    assert re.search("was made with --seed ingufu --stations 3 --days 2", done.stderr)


def test_a_folder_of_something_else_is_never_touched(tmp_path):
    (tmp_path / "precious").write_text("mine")
    for more in ((), ("--fresh",)):
        done = ingufu("demo", "--data", tmp_path, *more)
        assert done.returncode == 1
        assert "is not empty and was not made by the demo" in done.stderr
    assert (tmp_path / "precious").read_text() == "mine"


def test_the_settings_of_a_real_server_do_not_reach_it(tmp_path):
    done = ingufu(
        "demo", "--data", tmp_path / "file" / "x", "--http", "nonsense", INGUFU_DATABASE="postgresql://h/production"
    )
    assert done.returncode == 2
    assert "http.listen, from the flag --http is 'nonsense'" in done.stderr
