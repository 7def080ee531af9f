"""The audit trail from the shell: whole, broken with a name and an exit code, and begun anew with a reason."""

import sqlite3
from contextlib import closing

import pytest

from app.shell import Shell


@pytest.fixture
def shell(tmp_path):
    shell = Shell(tmp_path / "data")
    assert shell("migrate").code == 0
    assert shell("admin", "site", "add", "Kigali").code == 0
    assert shell("admin", "site", "add", "Huye").code == 0
    yield shell
    shell.close()


def test_broken_trail_is_named_and_begun_anew(shell, tmp_path):
    head = shell("admin", "audit", "head").out.strip()
    assert head.startswith("2:")
    whole = shell("admin", "audit", "verify", "--anchor", head)
    assert (whole.code, whole.out.splitlines()[1]) == (0, f"Head: {head}")
    assert shell("admin", "audit", "verify", "--json").json["is_whole"] is True
    assert shell("admin", "audit", "verify", "--anchor", "7").code == 2

    with closing(sqlite3.connect(tmp_path / "data" / "ingufu.sqlite")) as database, database:
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f"DROP TRIGGER {name}")
        database.execute("UPDATE audit SET actor_name = 'somebody else' WHERE id = 1")
    broken = shell("admin", "audit", "verify")
    assert broken.code == 1
    assert "Entry 1 is not as it was written." in broken.err
    doctor = shell("doctor")
    assert "audit trail" in doctor.out
    assert "Entry 1 is not as it was written." in doctor.out

    anew = shell("admin", "audit", "begin-anew", "--reason", "A test on the live database", "--yes")
    assert anew.out == "The audit trail is checked from entry 3 on.\n"
    assert shell("admin", "audit", "verify").code == 0
