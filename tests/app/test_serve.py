"""`ingufu serve` as a real process: it starts, serves, stops, comes again, and says why when it cannot."""

import asyncio
import base64
import contextlib
import http.client
import json
import os
import re
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import psutil
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from app.processes import OUTPUT, PATIENCE_S, Program, Server, ask_console, environment, ingufu, serving
from faults.disk import Disk
from ingufu.app import listening
from ingufu.app.compose import gateway_process
from ingufu.app.parts import bus_socket
from ingufu.app.serve import migrate as bring_up_to_date
from ingufu.app.settings import OcppSettings, Settings
from ingufu.app.stopping import until_stopped
from ingufu.core.errors import Unavailable
from ingufu.infra.bus.hub import HubBus
from ingufu.infra.storage.migrate import migrate
from ingufu.infra.storage.targets import StorageUrl

PASSWORD = "a-password-of-this-station"
BOOT = '[2,"%s","BootNotification",{"chargePointVendor":"Acme","chargePointModel":"One"}]'


@asynccontextmanager
async def station(server: Server, identity: str = "CP1"):
    token = base64.b64encode(f"{identity}:{PASSWORD}".encode()).decode()
    async with connect(
        f"{server.stations}/{identity}",
        subprotocols=["ocpp1.6"],
        additional_headers={"Authorization": f"Basic {token}"},
        open_timeout=PATIENCE_S,
        compression=None,
    ) as socket:
        yield socket


async def boot(socket: ClientConnection, number: str = "1") -> str:
    """Return the answer to a boot, whatever the server asks before."""
    await socket.send(BOOT % number)
    async with asyncio.timeout(PATIENCE_S):
        while not (said := str(await socket.recv())).startswith(f'[3,"{number}"'):
            pass
    return said


async def closed(socket: ClientConnection) -> None:
    """Return when the server has closed the connection, whatever it asks before."""
    with contextlib.suppress(ConnectionClosed):
        while True:
            await asyncio.wait_for(socket.recv(), PATIENCE_S)


def add_station(data: Path, identity: str = "CP1") -> None:
    done = ingufu("admin", "station", "add", identity, "--password-stdin", "--data", data, stdin=f"{PASSWORD}\n")
    assert done.returncode == 0, done.stderr


def eventually(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server for the tests that leave it as it is."""
    with serving(tmp_path_factory.mktemp("shared") / "data") as server:
        yield server


@pytest.fixture(scope="module")
def key(shared: Server) -> str:
    return shared.make_key("stations:read", "admin")


async def test_a_station_connects_is_listed_and_is_told_when_the_server_stops(data):
    with serving(data) as server, contextlib.ExitStack() as stack:
        add_station(data)
        key = server.make_key("stations:read", "events:read")
        reader = http.client.HTTPConnection(*server.console, timeout=PATIENCE_S)
        stack.callback(reader.close)
        reader.request("GET", "/api/v1/live", headers={"Authorization": f"Bearer {key}"})
        stream = stack.enter_context(reader.getresponse())
        assert stream.status == 200
        async with station(server) as socket:
            assert '"Accepted"' in await boot(socket)
            while b"StationBooted" not in stream.readline():
                pass
            status, found = server.request("/api/v1/stations", key=key)
            assert status == 200
            (listed,) = found["items"]
            assert (listed["identity"], listed["is_online"], listed["vendor"]) == ("CP1", True, "Acme")
            assert server.request("/health")[0] == 200
            assert server.request("/api/v1/stations")[0] == 401
            started = time.monotonic()
            server.process.send_signal(signal.SIGTERM)
            with pytest.raises(ConnectionClosed) as closed:
                await asyncio.wait_for(socket.recv(), PATIENCE_S)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1001
        assert server.wait() == 0
        assert time.monotonic() - started < 30
        stream.read()  # comes to its end, and is not torn: else this raises IncompleteRead
        assert not server.logged or not any("error" in line for line in server.logged), server.logged
        assert not (data / "bus.sock").exists()
    with closing(sqlite3.connect(data / "ingufu.sqlite")) as stored:
        assert stored.execute("SELECT is_online FROM stations").fetchall() == [(0,)]


async def test_reset_that_a_stop_breaks_off_is_in_the_audit_trail_as_without_an_answer(data):
    with serving(data) as server:
        add_station(data)
        key = server.make_key("stations:read", "stations:command")
        async with station(server) as socket:
            assert '"Accepted"' in await boot(socket)
            body = {"action": "reset", "filter": {}}
            status, run = server.request("/api/v1/stations/bulk", method="POST", key=key, body=body)
            assert status == 202
            while '"Reset"' not in str(await asyncio.wait_for(socket.recv(), PATIENCE_S)):
                pass
            server.process.send_signal(signal.SIGTERM)
            await closed(socket)
        assert server.wait() == 0
    with closing(sqlite3.connect(data / "ingufu.sqlite")) as stored:
        (chosen,) = stored.execute("SELECT id FROM stations").fetchone()
        told = stored.execute("SELECT action, object_id, details FROM audit WHERE action LIKE '%.bulk%' ORDER BY id")
        (begun, ended) = [(action, object_id, json.loads(details)) for action, object_id, details in told]
    assert (begun[0], begun[1], begun[2]["ids"]) == ("station.bulk", run["id"], [chosen])
    assert ended[:2] == ("station.bulk-ended", run["id"])
    assert ended[2] == {"action": "reset", "counts": {"asking": 1}, "unanswered": [chosen], "not_asked": []}


async def test_the_web_process_may_die_and_no_station_notices(shared, key):
    add_station(shared.data, "STEADY")
    async with station(shared, "STEADY") as socket:
        await boot(socket)
        first = shared.web().pid
        os.kill(first, signal.SIGKILL)
        assert shared.request("/health")[0] == 200  # waits in the backlog, is never refused
        assert '"Accepted"' in await boot(socket, "2")
        assert shared.web().pid != first
        listed = shared.request("/api/v1/stations/STEADY", key=key)[1]
        assert listed["is_online"] is True
    shared.until("child.ended")


async def test_a_killed_server_leaves_nothing_in_the_way_of_the_next(data):
    with serving(data) as server:
        add_station(data)
        async with station(server) as socket:
            await boot(socket)
            web = server.web()
            server.process.kill()
            await closed(socket)
        server.wait()
        assert (data / "bus.sock").exists()
        eventually(lambda: not web.is_running() or web.status() == psutil.STATUS_ZOMBIE)
    with serving(data) as server:
        key = server.make_key("stations:read")
        (listed,) = server.request("/api/v1/stations", key=key)[1]["items"]
        assert listed["is_online"] is False
        async with station(server) as socket:
            assert '"Accepted"' in await boot(socket)
        assert not any(OUTPUT.search(line) for line in server.said)
        assert server.end(signal.SIGINT) == 0


def lose_stations(data: Path, count: int) -> None:
    """Make so many stations like the one there is, all connected to a process that has died."""
    with contextlib.closing(sqlite3.connect(data / "ingufu.sqlite")) as file, file:
        names = [row[1] for row in file.execute("PRAGMA table_info(stations)")]
        own = {"id": "id || :n", "identity": "identity || :n", "identity_key": "identity_key || :n", "is_online": "1"}
        values = ", ".join(own.get(name, name) for name in names)
        file.executemany(
            f"INSERT INTO stations ({', '.join(names)}) SELECT {values} FROM stations WHERE identity = 'CP1'",
            [{"n": f"-{number}"} for number in range(count)],
        )


async def test_console_waits_for_a_large_fleet_that_was_lost_and_not_for_ever(data):
    with serving(data) as server:
        add_station(data)
        assert server.end() == 0
    lose_stations(data, 600)
    with serving(data) as server:
        async with station(server) as socket:
            assert '"Accepted"' in await boot(socket)
        assert server.request("/health")[0] == 200
        listed = server.request("/api/v1/stations?limit=1", key=server.make_key("stations:read"))[1]["items"]
        assert [one["is_online"] for one in listed] == [False]


async def test_what_the_shell_changes_holds_at_once_for_stations_that_are_connected(shared, tmp_path):
    data = shared.data

    def have(column: str, value: str) -> None:
        (tmp_path / "change.csv").write_text(f"identity,{column}\nNEW,{value}\n")
        done = ingufu("admin", "import", tmp_path / "change.csv", "--kind", "stations", "--data", data)
        assert done.stdout == "stations: 0 new, 1 changed, 0 as they were.\n", done.stderr

    with pytest.raises(InvalidStatus):
        async with station(shared, "NEW"):
            pass
    done = ingufu("admin", "station", "approve", "new", "--keep-password", "--data", data)
    assert done.stdout == "Station NEW is approved.\n"
    async with station(shared, "NEW") as socket:
        assert '"Accepted"' in await boot(socket)
        have("boot_answer", "Pending")
        assert '"Pending"' in await boot(socket, "2")
        assert ingufu("admin", "station", "boot-answer", "NEW", "accepted", "--data", data).returncode == 0
        assert '"Accepted"' in await boot(socket, "3")
        have("approval", "refused")
        await closed(socket)
    with pytest.raises(InvalidStatus):
        async with station(shared, "NEW"):
            pass
    assert ingufu("admin", "station", "approve", "NEW", "--data", data).returncode == 0
    async with station(shared, "NEW") as socket:
        await boot(socket)
        assert ingufu("admin", "station", "refuse", "NEW", "--data", data).stdout == "Station NEW is refused.\n"
        await closed(socket)


def test_the_first_start_makes_an_administrator_whose_password_is_shown_once_and_works(shared):
    found = shared.until(OUTPUT.pattern)
    status, _ = shared.request("/api/v1/login", method="POST", body={"email": found[1], "password": found[2]})
    assert status in {200, 201, 204}
    status, _ = shared.request("/api/v1/login", method="POST", body={"email": found[1], "password": found[2] + "x"})
    assert status == 401
    assert found[2] not in "\n".join(shared.logged)
    assert stat.S_IMODE(shared.data.stat().st_mode) == 0o700


def test_figures_of_both_processes_are_shown_to_prometheus(shared, key):
    status, text = shared.request("/metrics", key=key)
    assert status == 200
    assert re.search(r'^ingufu_stations_connected(?:{process="stations"})? 0.0$', text, re.MULTILINE)
    assert re.search(r'^ingufu_units_of_work_total(?:{process="stations"})? [1-9]', text, re.MULTILINE)


def test_both_processes_are_lean(shared):
    shared.request("/health")
    gateway = psutil.Process(shared.process.pid)
    assert gateway.memory_info().rss < 120e6
    assert shared.web().memory_info().rss < 200e6  # with all templates made ready, a third of it


def test_a_data_folder_serves_one_server(shared):
    done = ingufu("serve", "--data", shared.data, "--http", "127.0.0.1:0", "--ocpp", "127.0.0.1:0")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"ingufu: Another server already runs on the data folder {shared.data}.\n"


def test_the_gateway_loads_neither_web_nor_migrations():
    code = "import sys, ingufu.app.commands.serving; print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=PATIENCE_S)
    modules = set(done.stdout.replace("'", "").strip("[]\n").split(", "))
    assert "ingufu.gateway.gateway" in modules
    assert not modules & {"litestar", "jinja2", "uvicorn", "alembic", "babel", "ingufu.simulator.run"}


@pytest.mark.parametrize("flag", ["--http", "--ocpp"])
def test_a_port_in_use_is_named_with_the_flag_that_changes_it(flag, data):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        other = "--ocpp" if flag == "--http" else "--http"
        done = ingufu("serve", "--data", data, flag, address, other, "127.0.0.1:0")
    assert done.returncode == 1
    assert done.stderr == (
        f"ingufu: {address} cannot be listened on: another program listens there already. "
        f"Stop it, or choose another port with {flag}.\n"
    )


def test_an_address_that_this_machine_does_not_have_is_named(data):
    done = ingufu("serve", "--data", data, "--http", "127.0.0.1:0", "--ocpp", "192.0.2.1:9000")
    assert done.returncode == 1
    assert "192.0.2.1:9000 cannot be listened on: this machine has no such address." in done.stderr


def test_wrong_settings_stop_the_start_with_a_sentence_and_their_own_exit_code(data):
    done = ingufu("serve", "--data", data, "--ocpp", "9000")
    assert done.returncode == 2
    assert done.stderr.startswith("ingufu: ocpp.listen, from the flag --ocpp is '9000'; it must be an address")
    assert not data.exists()
    assert ingufu("serve", "--no-such-flag").returncode == 2


def test_a_folder_that_cannot_be_used_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    done = ingufu("serve", "--data", tmp_path / "file" / "data", "--http", "127.0.0.1:0", "--ocpp", "127.0.0.1:0")
    assert done.returncode == 2
    assert f"The data folder {tmp_path / 'file' / 'data'} cannot be used: Not a directory." in done.stderr


def test_a_newer_database_is_left_alone(data):
    assert ingufu("migrate", "--data", data).returncode == 0
    path = data / "ingufu.sqlite"
    with closing(sqlite3.connect(path)) as stored, stored:
        stored.execute("UPDATE alembic_version SET version_num = '9999'")
    done = ingufu("serve", "--data", data, "--http", "127.0.0.1:0", "--ocpp", "127.0.0.1:0")
    assert done.returncode == 1
    assert "The database is of a newer version (schema 9999) than this program" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_database_that_cannot_be_reached_is_named_without_its_password(data):
    url = "postgresql://ingufu:HUNTER2@127.0.0.1:1/ingufu"
    done = ingufu("serve", "--data", data, "--database", url, "--http", "127.0.0.1:0", "--ocpp", "127.0.0.1:0")
    assert done.returncode == 1
    assert "postgresql://ingufu@127.0.0.1:1/ingufu cannot be used" in done.stderr
    assert "HUNTER2" not in done.stderr


async def test_what_a_migration_logs_is_seen_while_it_waits(tmp_path, monkeypatch, capfd):
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\necho waits >&2\nread line\necho 'ingufu: It waited for too long.' >&2\nexit 1\n")
    program.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(program))
    with pytest.raises(Unavailable, match=r"^It waited for too long\.$"):
        await bring_up_to_date(Settings(data=str(tmp_path)))
    assert capfd.readouterr().err == "waits\n"


async def test_where_the_data_folder_has_a_long_name_the_bus_listens_elsewhere_and_only_for_us(tmp_path):
    place = bus_socket(Settings(data=str(tmp_path / ("long" * 30))))
    assert len(os.fsencode(place)) < 100
    assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700
    assert place != bus_socket(Settings(data=str(tmp_path / ("lang" * 30))))
    hub = HubBus(place)
    await hub.open()
    await hub.close()
    assert bus_socket(Settings(data=str(tmp_path))) == tmp_path / "bus.sock"


async def test_a_disk_that_failed_ends_the_server_so_that_it_is_started_anew(tmp_path):
    settings = Settings(data=str(tmp_path), ocpp=OcppSettings(listen="127.0.0.1:0"))
    await migrate(StorageUrl.parse(None, tmp_path))
    async with gateway_process(settings) as process:
        stop = asyncio.Event()
        waiting = asyncio.create_task(until_stopped(process.services.database, stop))
        process.services.database.engine.failure = "The disk failed."
        with pytest.raises(Unavailable, match=r"can no longer be written: The disk failed\."):
            await asyncio.wait_for(waiting, PATIENCE_S)
        process.services.database.engine.failure = None
        stop.set()
        await until_stopped(process.services.database, stop)


def test_the_web_process_serves_alone_too(shared, data):
    assert ingufu("web", "--data", data).returncode == 1
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    web = Program("web", "--data", shared.data, "--http", f"127.0.0.1:{port}")
    try:
        web.until("web.started")
        until = time.monotonic() + PATIENCE_S
        while (status := ask_console(("127.0.0.1", port), "/health")[0]) == 503 and time.monotonic() < until:
            time.sleep(0.1)  # what is busy for the moment
        assert status == 200
        assert web.end() == 0
    finally:
        web.destroy()


def test_a_web_process_whose_disk_failed_ends_so_that_it_is_started_anew(shared, tmp_path):
    disk = Disk(shared.data, tmp_path)
    key = shared.make_key("stations:write")
    with socket.create_server(("127.0.0.1", 0)) as found:
        address = found.getsockname()
    web = Program("web", "--data", shared.data, "--http", listening.shown(*address), **disk.environment())
    try:
        web.until("web.started")
        new = {"method": "POST", "key": key}
        assert ask_console(address, "/api/v1/sites", **new, body={"name": "Kigali"})[0] == 201
        disk.fail()
        assert ask_console(address, "/api/v1/sites", **new, body={"name": "Musanze"})[0] == 503
        assert web.wait() == 1
        assert any("The database can no longer be written" in line for line in web.logged)
    finally:
        web.destroy()
    assert shared.request("/api/v1/sites", **new, body={"name": "Musanze"})[0] == 201


def test_a_web_process_whose_server_goes_while_it_starts_goes_too(shared):
    """uvicorn leaves its socket and its lifespan behind when it is told to stop while it starts."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        process = subprocess.Popen(
            [sys.executable, "-m", "ingufu", "web", "--listener", str(listener.fileno()), "--data", shared.data],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=(listener.fileno(),),
            env=environment(),
        )
        try:
            _, logged = process.communicate(timeout=PATIENCE_S)  # which closes its standard input first
        finally:
            process.kill()
    assert process.returncode == 0, logged
