"""What an operator does around a server: backups while it runs, restores while it does not, stations to try it with."""

import json
import re
import signal
import ssl
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from app.processes import PATIENCE_S, Program, Server, ingufu, serving
from app.shell import Shell

NETWORK = ("--stations", "3", "--seed", "test")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that speaks HTTPS and knows the simulator's stations."""
    folder = tmp_path_factory.mktemp("operate")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    issued = authority.issue_cert("127.0.0.1")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    for number, blob in enumerate(issued.cert_chain_pems):
        blob.write_to_path(folder / "cert.pem", append=number > 0)
    settings = folder / "ingufu.toml"
    settings.write_text(f"[http]\ncertificate = '{folder / 'cert.pem'}'\nprivate_key = '{folder / 'key.pem'}'\n")
    with serving(folder / "data", "--config", settings) as server:
        written = ingufu("simulate", "--print-stations", *NETWORK)
        (folder / "network.json").write_text(written.stdout)
        done = ingufu("admin", "import", folder / "network.json", "--data", server.data, "--json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["kinds"]["stations"] == {"new": 3, "changed": 0, "same": 0}
        yield server


@pytest.fixture
def shell(server: Server) -> Iterator[Shell]:
    shell = Shell(server.data)
    yield shell
    shell.close()


def test_the_console_speaks_https_with_the_certificate_of_the_settings(server):
    host, port = server.console
    trusted = ssl.create_default_context(cafile=server.data.parent / "ca.pem")
    with urllib.request.urlopen(f"https://{host}:{port}/health", context=trusted, timeout=PATIENCE_S) as response:
        assert response.status == 200
    assert any(line.startswith("Console and API: https://") for line in server.said)


def test_simulated_stations_connect_and_tell_how_they_are_in_one_line(server, shell):
    simulator = Program(
        "simulate", "--url", server.stations, *NETWORK, "--scenario", "rush", "--statistics-every", "0.3",
        "--strangers", "1", "--wrong-passwords", "1",
    )  # fmt: skip
    try:
        assert simulator.until(r"4 stations connect to ws://")
        line = simulator.until(r"^2/4 connected, \d+ charging with [\d,]+ kW, .* [2-9]\d* connections refused")[0]
        assert re.search(r"[1-9]\d* frames sent, [1-9]\d* received", line)
        assert simulator.end(signal.SIGINT) == 0
    finally:
        simulator.destroy()
    assert "NEW-01" in shell("admin", "station", "list", "--waiting").out


def test_simulated_stations_end_with_who_started_them():
    simulator = Program("simulate", "--child", "--url", "ws://127.0.0.1:9/ocpp", *NETWORK)
    try:
        assert simulator.wait() == 0  # its standard input has no other end
    finally:
        simulator.destroy()


def test_wrong_options_of_the_simulator_are_told():
    done = ingufu("simulate", "--url", "http://127.0.0.1")
    assert (done.returncode, done.stderr) == (
        2,
        "ingufu: --url is 'http://127.0.0.1'; it must begin with ws:// or wss://.\n",
    )
    assert ingufu("simulate", "--version", "3.0").returncode == 2


def test_a_backup_of_a_running_server_is_what_a_restore_brings_back(server, shell, tmp_path: Path):
    kept = tmp_path / "kept.backup"
    done = shell("backup", kept)
    assert done.code == 0, done
    assert re.match(r"sqlite:///\S+ is kept in \S+kept\.backup \([\d,]+ bytes\)\.\n", done.out)
    again = shell("backup", kept)
    assert (again.code, again.err) == (1, f"ingufu: {kept} exists already.\n")
    assert "in use" in shell("restore", kept, "--replace").err

    data = tmp_path / "other"
    done = shell("restore", kept, data=data)
    assert done.code == 0, done
    assert f"is as it was in {kept}.\n" in done.out
    assert f"Put that server's secrets.key at {data / 'secrets.key'} before you start" in done.out
    before, after = (shell("admin", "token", "list", data=folder).out for folder in (server.data, data))
    assert before == after
    assert shell("restore", kept, data=data).code == 1
    replaced = shell("restore", kept, "--replace", data=data)
    assert replaced.code == 0, replaced
    assert "What was there before is kept in" in replaced.out
    (data / "secrets.key").touch(mode=0o600)
    assert "secrets.key" not in shell("restore", kept, "--replace", data=data).out
    assert f"Keep a copy of {data / 'secrets.key'}" in shell("backup", tmp_path / "other.backup", data=data).out
    (tmp_path / "none.backup").write_text("nothing")
    done = shell("restore", tmp_path / "none.backup", "--replace", data=data)
    assert done.code == 2
    assert "Traceback" not in done.err
