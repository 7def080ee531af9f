"""What the admission tells and what the how-to tells of it."""

import re
from pathlib import Path

from ingufu.gateway import admission
from ingufu.gateway.websocket import Cause
from ingufu.stations.model import AttemptOutcome

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "connect-a-station.md"
OURS = {AttemptOutcome.CONNECTED, AttemptOutcome.SHUTTING_DOWN, AttemptOutcome.INTERNAL_ERROR}


def test_the_how_to_names_every_cause_with_what_the_station_hears():
    section = PAGE.read_text().split("## It does not connect")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`.*`) \| (.*?) \|", section, re.MULTILINE)
    heard = {cause: text for causes, text in rows for cause in re.findall(r"`([a-z-]+)`", causes)}
    assert heard.keys() == set(AttemptOutcome) - OURS
    for outcome, status in admission._STATUS.items():
        if outcome not in OURS:
            assert str(status) in heard[outcome], outcome


def test_every_refusal_has_a_status_that_tells_a_stranger_nothing():
    hidden = {AttemptOutcome.UNKNOWN_STATION, AttemptOutcome.WAITING_FOR_APPROVAL, AttemptOutcome.REFUSED_STATION}
    assert {admission._STATUS[outcome] for outcome in hidden} == {404}
    assert set(admission._STATUS.values()) - {400} == set(admission._SAID)


def test_every_cause_of_a_broken_attempt_has_an_outcome():
    for cause in Cause:
        outcome = admission._OUTCOME_OF_CAUSE.get(cause, AttemptOutcome.TLS_FAILED)
        assert cause.value.startswith("tls.") or outcome is not AttemptOutcome.TLS_FAILED or "tls" in cause.value
