"""`ingufu doctor` as a command: beside a server that runs, without one, and with wrong settings."""

import json
from pathlib import Path

from app.processes import ingufu, serving
from ingufu.app.doctor import reachability


def test_a_server_that_runs_is_well_and_notices_nothing(tmp_path: Path):
    data = tmp_path / "data"
    with serving(data) as server:
        http, ocpp = server.console, server.stations
        flags = ("--http", f"{http[0]}:{http[1]}", "--ocpp", ocpp.removeprefix("ws://").partition("/")[0])
        done = ingufu("doctor", "--json", "--data", data, *flags)
        found = json.loads(done.stdout)
        by_check = {one["check"]: one for one in found["findings"]}
        assert by_check["data folder"]["level"] == "ok", found
        assert by_check["schema"]["level"] == "ok", found
        assert by_check["ports"]["level"] == "ok", found
        assert by_check["web process"]["check"] == "web process"
        assert by_check["station passwords"]["level"] == "ok"
        assert server.process.poll() is None
        assert reachability.is_running(data)
    assert not reachability.is_running(data)
    assert done.returncode == (1 if found["worst"] == "problem" else 0)


def test_without_a_server_it_says_what_is_to_be_done_and_changes_nothing(tmp_path: Path):
    data = tmp_path / "data"
    done = ingufu("doctor", "--data", data, "--http", "127.0.0.1:0", "--ocpp", "127.0.0.1:0")
    assert done.returncode == 0, done.stdout
    assert "is not there yet" in done.stdout
    assert " -> " in done.stdout
    assert not data.exists()


def test_a_problem_is_an_exit_code(tmp_path: Path):
    (tmp_path / "ingufu.sqlite").write_bytes(b"this is no database" * 500)
    done = ingufu("doctor", "--data", tmp_path, "--http", "127.0.0.1:0", "--ocpp", "127.0.0.1:0")
    assert done.returncode == 1
    assert "PROBLEM  database: " in done.stdout
    assert "ingufu restore" in done.stdout


def test_wrong_settings_are_a_finding(tmp_path: Path):
    done = ingufu("doctor", "--json", "--data", tmp_path, INGUFU_OCPP_PING_INTERVAL_S="often")
    found = json.loads(done.stdout)
    assert done.returncode == 1
    assert [one["check"] for one in found["findings"]] == ["settings"]
    assert "INGUFU_OCPP_PING_INTERVAL_S" in found["findings"][0]["says"]


def test_a_wrong_file_of_quirks_stops_the_start_with_file_and_line(tmp_path: Path):
    (tmp_path / "own.toml").write_text('about = "x"\n[[quirk]]\nnumber = "one"\n')
    done = ingufu(
        "serve", "--data", tmp_path / "data", "--http", "127.0.0.1:0", "--ocpp", "127.0.0.1:0",
        INGUFU_OCPP_QUIRKS=str(tmp_path),
    )  # fmt: skip
    assert done.returncode == 2
    assert f"{tmp_path / 'own.toml'}, line 3: " in done.stderr
