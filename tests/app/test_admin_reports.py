"""Figures gathered anew from the shell: told, entered in the audit trail, and there."""

import sqlite3
from contextlib import closing

import pytest

from app.shell import Shell


@pytest.fixture
def shell(tmp_path):
    shell = Shell(tmp_path / "data")
    assert shell("migrate").code == 0
    assert shell("admin", "site", "add", "Kigali").code == 0
    yield shell
    shell.close()


def test_figures_are_gathered_anew_and_the_trail_tells_of_it(shell, tmp_path):
    told = shell("admin", "reports", "rebuild")
    assert told.code == 0, told.err
    assert told.out.startswith("Figures will be gathered anew while the server runs, from 20")
    with closing(sqlite3.connect(tmp_path / "data" / "ingufu.sqlite")) as database:
        assert database.execute("SELECT next_day IS NULL FROM report_state").fetchone() == (0,)
    done = shell("admin", "reports", "rebuild", "--wait", "--json").json
    assert done["first_day"]
    assert done["rebuilt_at"]
    with closing(sqlite3.connect(tmp_path / "data" / "ingufu.sqlite")) as database:
        assert database.execute("SELECT next_day IS NULL FROM report_state").fetchone() == (1,)
        entries = database.execute("SELECT action, actor_kind FROM audit ORDER BY id DESC LIMIT 2").fetchall()
    assert entries == [("reports.rebuild", "command-line")] * 2
