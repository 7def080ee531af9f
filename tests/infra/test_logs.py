"""What the logs show, and what they never do. Each test logs in a process of its own, as servers do."""

import json
import os
import pty
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

PROGRAM = """
import logging
from datetime import UTC, datetime
import structlog
from ingufu.infra.logs import configure_logs
"""


def run(level: str, style: str, code: str) -> str:
    program = (
        f"{PROGRAM}\nconfigure_logs({level!r}, {style!r})\nlog = structlog.get_logger('x')\n{textwrap.dedent(code)}"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == ""
    return done.stderr


def lines(code: str, level: str = "info") -> list[dict[str, Any]]:
    return [json.loads(line) for line in run(level, "json", code).splitlines()]


def test_a_line_is_an_event_with_fields_time_and_level():
    (line,) = lines("log.info('station.booted', station='s1', attempts=3, at=datetime(2026, 3, 1, tzinfo=UTC), n=None)")
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "station.booted",
        "level": "info",
        "station": "s1",
        "attempts": 3,
        "at": "2026-03-01 00:00:00+00:00",
        "n": None,
    }


def test_lines_below_the_level_are_not_written():
    found = lines("log.debug('a'); log.info('b'); log.warning('c'); log.error('d')", level="warning")
    assert [line["event"] for line in found] == ["c", "d"]


def test_libraries_speak_through_the_same_door_and_only_when_something_is_wrong():
    code = """
    logging.getLogger('uvicorn.error').info('started')
    logging.getLogger('asyncio').warning('slow %s', 'callback')
    try:
        1 / 0
    except ZeroDivisionError:
        logging.getLogger('asyncio').exception('broken')
    """
    first, second = lines(code)
    assert (first["event"], first["level"], first["logger"]) == ("slow callback", "warning", "asyncio")
    assert "ZeroDivisionError" in second["exception"]


def test_an_exception_is_one_line_of_json_with_its_trace():
    (line,) = lines("try:\n    {}['x']\nexcept KeyError:\n    log.exception('broken')")
    assert "KeyError: 'x'" in line["exception"]


def test_a_station_and_settings_are_logged_without_what_is_secret_in_them():
    said = run(
        "info",
        "json",
        """
        from ingufu.app.settings import Settings
        from ingufu.stations.model import ProfilePassword, Station
        profile = ProfilePassword(slot='2', password_hash='HUNTER2', until=datetime.now(UTC))
        station = Station(id='s', identity='CP1', password_hash='HUNTER2', previous_password_hash='HUNTER2',
                          offered_password_hashes=['HUNTER2'], profile_passwords=[profile],
                          created_at=datetime.now(UTC))
        settings = Settings(database='postgresql://ingufu:HUNTER2@db.example/ingufu')
        log.info('both', profile=profile, station=station, settings=settings, nested=[{'a': (station,)}])
        log.info('url', url=settings.database)
        log.info(f'message with {settings.database}')
        try:
            raise RuntimeError(f'cannot connect to {settings.database}')
        except RuntimeError:
            log.exception('failed')
            logging.getLogger('library').exception('failed at %s', settings.database)
        """,
    )
    assert "HUNTER2" not in said
    both = json.loads(said.splitlines()[0])
    assert both["station"]["identity"] == "CP1"
    assert both["station"]["password_hash"] == "***"
    assert both["settings"]["database"] == "postgresql://***@db.example/ingufu"
    assert both["nested"][0]["a"][0]["previous_password_hash"] == "***"


@pytest.mark.parametrize(
    "name",
    ["password", "new_password", "secret", "api_key", "authorization", "idToken", "id_token", "cookie", "csrf", "pin"],
)
def test_what_is_secret_by_its_name_is_hidden(name):
    said = run("info", "json", f"log.info('x', {name}='HUNTER2', inner={{'{name}': {{'value': 'HUNTER2'}}}})")
    assert "HUNTER2" not in said


def test_a_raw_frame_is_logged_without_its_passwords():
    frame = '[2,"1","ChangeConfiguration",{"key":"AuthorizationKey","value":"HUNTER2"}]'
    (line,) = lines(f"log.warning('frame.refused', frame={frame!r})")
    assert "HUNTER2" not in json.dumps(line)
    assert "ChangeConfiguration" in line["frame"]


@pytest.mark.parametrize("style", ["text", "json"])
def test_what_a_station_sends_cannot_forge_lines_nor_command_a_terminal(style):
    said = run("info", style, r"log.info('x', vendor='a\n2026 [info] station.booted\x1b[2J\u202e', event2='\x07')")
    assert len(said.splitlines()) == 1
    for letter in ("\x1b[2J", "\u202e", "\x07"):
        assert letter not in said


def test_a_huge_value_is_cut():
    (line,) = lines("log.info('x', text='y' * 1_000_000)")
    assert len(line["text"]) < 5000


def test_automatic_format_is_json_in_a_pipe_and_text_on_a_terminal():
    assert lines("log.info('x')")[0]["event"] == "x"
    program = f"{PROGRAM}\nconfigure_logs('info', 'auto')\nstructlog.get_logger('x').info('to.people', station='s')"
    ours, theirs = pty.openpty()
    subprocess.run([sys.executable, "-c", program], stderr=theirs, check=True, timeout=60)
    os.close(theirs)
    shown = os.read(ours, 10_000).decode()
    os.close(ours)
    assert "to.people" in shown
    assert not shown.startswith("{")


@pytest.mark.parametrize("style", ["text", "json"])
def test_logs_that_cannot_be_written_stop_nothing(style):
    code = "import logging\nlog.info('a')\nlogging.getLogger('y').error('b')\nlog.error('c')\nprint('went on')"
    program = f"{PROGRAM}\nconfigure_logs('info', {style!r})\nlog = structlog.get_logger('x')\n{code}"
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=full, text=True, check=True, timeout=60
        )
    assert done.stdout == "went on\n"
