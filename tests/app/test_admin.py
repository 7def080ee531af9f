"""The register from the shell: each noun added, listed and changed, with and without JSON, and every mistake told."""

import json
import os
import pty
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.processes import PATIENCE_S, environment
from app.shell import Shell

PASSWORD = "a long enough secret 7"


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    shell = Shell(tmp_path_factory.mktemp("admin") / "data")
    assert shell("migrate").code == 0
    yield shell
    shell.close()


def test_users_are_added_listed_changed_and_disabled(shell):
    done = shell(
        "admin", "user", "add", "ada@example.org", "--role", "admin", "--password-stdin", stdin=PASSWORD + "\n"
    )
    assert (done.code, done.out) == (0, "ada@example.org is added as admin.\n")
    made = shell("admin", "user", "add", "bob@example.org", "--name", "Bob", "--generate", "--json").json
    assert re.fullmatch(r"\S{16}", made["password"])
    assert made["password_hash"] == "***"
    assert [one["role"] for one in made["grants"]] == ["operator"]
    changed = shell("admin", "user", "password", "BOB@example.org")
    assert re.fullmatch(r"bob@example\.org has a new password\. Password, shown only now: \S{16}\n", changed.out)
    reset = shell("admin", "user", "reset-second-factor", "bob@example.org")
    assert reset.out == "bob@example.org has no second factor and no passkey any more.\n"
    assert shell("admin", "user", "disable", "bob@example.org").out == "bob@example.org can no longer log in.\n"
    listed = shell("admin", "user", "list").out.splitlines()
    assert [line.split()[0] for line in listed] == ["E-MAIL", "ada@example.org", "bob@example.org"]
    assert listed[1].split()[2:] == ["admin", "all", "-"]
    assert shell("admin", "user", "enable", "bob@example.org").code == 0
    found = {one["email"]: one for one in shell("admin", "user", "list", "--json").json}
    assert found["bob@example.org"]["disabled_at"] is None
    assert found["ada@example.org"]["password_hash"] == "***"


@pytest.mark.parametrize(
    ("arguments", "stdin", "code", "reason"),
    [
        (("user", "add", "nobody", "--generate"), "", 2, "This is no e-mail address."),
        (("user", "add", "c@example.org", "--password-stdin"), "short\n", 2, "A password has at least 12 characters."),
        (("user", "add", "c@example.org", "--password-stdin"), "", 2, "There is no password on standard input."),
        (
            ("user", "add", "c@example.org", "--generate", "--site", "Nowhere"),
            "",
            2,
            "There is no site called Nowhere.",
        ),
        (("user", "password", "none@example.org", "--generate"), "", 1, "There is no user none@example.org."),
        (("key", "revoke", "nothing"), "", 1, "There is no key nothing; `ingufu admin key list` shows them."),
        (("site", "add", ""), "", 2, "name"),
        (("site", "add", "X", "--time-zone", "Mars/Olympus"), "", 2, "zone"),
        (("station", "approve", "NOBODY"), "", 1, "There is no station called NOBODY."),
        (("station", "add", "S", "--site", "Nowhere", "--generate"), "", 2, "There is no site called Nowhere."),
        (("station", "add", "S", "--password-stdin"), "short\n", 2, "A station's password has 16 to 64 characters."),
        (("token", "add", "T", "--group", "NONE"), "", 2, "There is no group NONE."),
        (("token", "add", "T", "--driver", "Nobody"), "", 2, "There is no driver Nobody."),
        (("token", "block", "NONE"), "", 1, "There is no token NONE."),
        (("driver", "add", "D", "--email", "none"), "", 2, "That is no e-mail address."),
    ],
)
def test_a_mistake_is_told_in_a_sentence_and_changes_nothing(arguments, stdin, code, reason, shell):
    done = shell("admin", *arguments, stdin=stdin)
    assert done.code == code, done
    assert done.out == ""
    assert done.err.startswith("ingufu: ")
    assert reason in done.err
    assert "Traceback" not in done.err


def test_keys_are_made_shown_once_and_revoked(shell):
    made = shell("admin", "key", "add", "billing", "--scope", "transactions:read", "--days", "30", "--json").json
    assert made["secret"].startswith(f"ingufu_{made['prefix']}_")
    assert made["scopes"] == ["transactions:read"]
    assert made["expires_at"] is not None
    assert made["secret"] not in shell("admin", "key", "list", "--json").out
    assert shell("admin", "key", "revoke", made["prefix"]).out == f"Key billing ({made['prefix']}) is revoked.\n"
    (key,) = [one for one in shell("admin", "key", "list", "--json").json if one["id"] == made["id"]]
    assert key["revoked_at"] is not None
    assert shell("admin", "key", "add", "x", "--scope", "everything").code == 2


def test_stations_are_added_changed_and_removed(shell):
    assert shell("admin", "site", "add", "Kigali Heights", "--country", "RW").out == "Site Kigali Heights is added.\n"
    assert "Kigali Heights" in shell("admin", "site", "list").out
    made = shell("admin", "station", "add", "KH-1", "--site", "kigali heights", "--json").json
    assert re.fullmatch(r"[0-9a-f]{40}", made["password"])
    assert made["password_hash"] == "***"
    assert shell("admin", "station", "add", "kh-1").code == 1
    assert shell("admin", "station", "add", "KH-2", "--security-profile", "0", "--no-password").code == 0
    assert shell("admin", "station", "boot-answer", "KH-1", "rejected").out.startswith("Station KH-1 hears Rejected")
    assert shell("admin", "station", "refuse", "KH-1").code == 0
    listed = {line.split()[0]: line.split()[2:5] for line in shell("admin", "station", "list").out.splitlines()[1:]}
    assert listed == {"KH-1": ["refused", "Rejected", "1"], "KH-2": ["approved", "Accepted", "0"]}
    assert shell("admin", "station", "approve", "KH-1").out == "Station KH-1 is approved.\n"
    done = shell("admin", "station", "password", "KH-1", "--password-stdin", stdin="0123456789abcdef0123\n")
    assert done.out == "Station KH-1 has a new password.\n"
    assert shell("admin", "station", "remove", "KH-2", stdin="n\n").code == 1
    assert shell("admin", "station", "remove", "KH-2", "--yes").out == "Station KH-2 is removed.\n"
    assert [one["identity"] for one in shell("admin", "station", "list", "--json").json] == ["KH-1"]


def test_tokens_groups_and_drivers_are_registered_and_blocked(shell):
    assert shell("admin", "group", "add", "FLEET", "--name", "The fleet").out == "Group FLEET is made.\n"
    assert shell("admin", "driver", "add", "Jean", "--email", "jean@example.org").out == "Driver Jean is registered.\n"
    done = shell("admin", "token", "add", "04A1", "--group", "fleet", "--driver", "Jean", "--expires", "2030-01-01")
    assert done.out == "Token 04A1 (ISO14443) is registered.\n"
    assert shell("admin", "token", "add", "04a1").code == 2
    assert shell("admin", "token", "block", "04a1", "--reason", "lost").out == "Token 04A1 (ISO14443) is blocked.\n"
    (token,) = shell("admin", "token", "list", "--json").json
    assert (token["block_reason"], token["driver_name"], token["expires_at"]) == (
        "lost",
        "Jean",
        "2030-01-01T00:00:00Z",
    )
    assert shell("admin", "token", "unblock", "04A1").code == 0
    assert "04A1   ISO14443  The fleet  Jean" in shell("admin", "token", "list").out


def test_an_import_tells_what_it_did_and_what_is_wrong(shell, tmp_path: Path):
    path = tmp_path / "stations.csv"
    path.write_text("identity,name\nIMP-1,One\nIMP-2,Two\n", encoding="utf-8")
    trial = shell("admin", "import", path, "--kind", "stations", "--dry-run")
    assert trial.out == "stations: 2 would be new, 0 would be changed, 0 as they were.\n"
    assert shell("admin", "import", path, "--kind", "stations").out == ("stations: 2 new, 0 changed, 0 as they were.\n")
    assert shell("admin", "import", path, "--kind", "stations").out == ("stations: 0 new, 0 changed, 2 as they were.\n")
    path.write_text("identity,security_profile\nIMP-3,1\nIMP-4,9\n", encoding="utf-8")
    wrong = shell("admin", "import", path, "--kind", "stations")
    assert (wrong.code, wrong.out) == (1, "")
    assert wrong.err == (
        f"{path}:3: security_profile: a security profile is 1, 2 or 3; 0 waives all checks\n"
        "Nothing was imported. Correct the file, or import the good rows with --keep-good.\n"
    )
    kept = shell("admin", "import", path, "--kind", "stations", "--keep-good", "--json")
    assert kept.code == 1
    report = json.loads(kept.out)
    assert report["is_written"] is True
    assert report["kinds"] == {"stations": {"new": 1, "changed": 0, "same": 0}}
    assert [(one["line"], one["field"]) for one in report["errors"]] == [(3, "security_profile")]
    path.write_text("identity,namo,created_at\nIMP-3,Three,2026-01-01T00:00:00Z\n", encoding="utf-8")
    misspelt = shell("admin", "import", path, "--kind", "stations")
    assert (misspelt.code, misspelt.err.splitlines()[0]) == (
        1,
        f"{path}:1: namo: is no column of stations. Did you mean name?",
    )
    path.write_text("identity,name,created_at\nIMP-3,Three,2026-01-01T00:00:00Z\n", encoding="utf-8")
    exported = shell("admin", "import", path, "--kind", "stations", "--json")
    assert json.loads(exported.out)["not_read"] == ["created_at"]
    exported = shell("admin", "import", path, "--kind", "stations")
    assert (exported.code, exported.out) == (0, "stations: 0 new, 0 changed, 1 as they were.\n")
    assert exported.err == "Columns that only an export has are not read: created_at.\n"
    assert shell("admin", "import", path).code == 2
    assert shell("admin", "import", tmp_path / "none.json").err.endswith(
        "cannot be read: No such file or directory\nNothing was imported. Correct the file, or import the good rows with --keep-good.\n"
    )


def test_without_a_database_every_command_says_how_to_make_one(tmp_path):
    shell = Shell(tmp_path / "none")
    try:
        done = shell("admin", "user", "list")
    finally:
        shell.close()
    assert done.code == 1
    assert "Run `ingufu migrate` to create it." in done.err


def test_the_audit_trail_names_who_sat_at_the_shell(shell):
    from sqlite3 import connect

    shell("admin", "group", "add", "AUDITED")
    stored = connect(shell.data / "ingufu.sqlite")
    rows = stored.execute("SELECT actor_kind, action, details FROM audit WHERE action = 'group.create'").fetchall()
    stored.close()
    assert rows
    assert all(kind == "command-line" for kind, _, _ in rows)


def test_on_a_terminal_the_password_is_asked_for_twice_and_never_shown(shell):
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "ingufu", "admin", "user", "add", "tty@example.org", "--data", str(shell.data)],
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(PYTHONWARNINGS="ignore"),
        start_new_session=True,
    )
    os.close(theirs)
    assert process.stderr is not None
    for prompt in (b"Password", b"Repeat for confirmation"):
        said = b""
        until = time.monotonic() + PATIENCE_S
        while prompt not in said:
            assert time.monotonic() < until
            said += os.read(process.stderr.fileno(), 1000)
        os.write(ours, PASSWORD.encode() + b"\n")
    out, err = process.communicate(timeout=PATIENCE_S)
    os.close(ours)
    assert process.returncode == 0, err
    assert out == b"tty@example.org is added as operator.\n"
    assert PASSWORD.encode() not in out + err


def test_every_command_explains_itself(shell):
    from click.testing import CliRunner

    from ingufu.app.cli import main

    help_text = CliRunner().invoke(main, ["--help"]).output
    for name in ("serve", "demo", "simulate", "admin", "migrate", "backup", "restore", "web", "version"):
        assert re.search(rf"^  {name} +\S", help_text, re.MULTILINE), name
    assert CliRunner().invoke(main, ["admin", "station", "-h"]).exit_code == 0
    assert CliRunner().invoke(main, ["version"]).output.strip().count(".") == 2
    assert CliRunner().invoke(main, ["dance"]).exit_code == 2
