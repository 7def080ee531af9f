"""Why a station is not online: each cause by itself, and the likeliest first."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ingufu.stations.model import Approval, Attempt, AttemptOutcome, BootAnswer, Station
from ingufu.views.diagnosis import WORDS, diagnose

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TEMPLATES = Path(__file__).parents[2] / "src" / "ingufu" / "web" / "console" / "templates" / "parts"


def station(**fields: Any) -> Station:
    known = {"password_hash": "x", "created_at": NOW - timedelta(days=9), "boot_status": BootAnswer.ACCEPTED} | fields
    return Station(id="S", identity="CS", **known)


def attempt(ago_s: float = 60, outcome: AttemptOutcome = AttemptOutcome.CONNECTED, **fields: Any) -> Attempt:
    at = NOW - timedelta(seconds=ago_s)
    known = {"at": at, "last_at": at, "address": "192.0.2.7", "listener": "plain"} | fields
    return Attempt(id=str(ago_s), outcome=outcome, **known)


def codes(*arguments: Any, **options: Any) -> list[str]:
    return [one.code for one in diagnose(*arguments, now=NOW, **options).findings]


ONLINE = {"is_online": True, "online_changed_at": NOW - timedelta(hours=3), "last_seen_at": NOW}
GONE = {"online_changed_at": NOW - timedelta(minutes=5), "last_seen_at": NOW - timedelta(minutes=5)}


def test_a_station_in_order_is_well():
    assert codes(station(**ONLINE), [attempt(3 * 3600)], []) == ["well"]


@pytest.mark.parametrize(("approval", "code"), [(Approval.WAITING, "waiting"), (Approval.REFUSED, "refused")])
def test_one_that_is_not_ours_says_that_and_nothing_else(approval: Approval, code: str):
    assert codes(station(approval=approval, clock_skew_s=9999.0), [], []) == [code]


def test_one_that_never_tried():
    assert codes(station(), [], []) == ["never-tried"]
    assert codes(station(password_hash=None), [], []) == ["no-password", "never-tried"]


@pytest.mark.parametrize("outcome", [one for one in AttemptOutcome if one is not AttemptOutcome.CONNECTED])
def test_one_that_is_turned_away_names_the_cause(outcome: AttemptOutcome):
    refused = attempt(30, outcome, detail="The reason.", count=7)
    (first, *_) = diagnose(station(**GONE), [refused, attempt(9000)], [], NOW).findings
    assert (first.code, first.facts["outcome"], first.facts["count"]) == ("turned-away", outcome.value, "7")
    assert "The reason." in first.says
    assert first.remedy


def test_one_whose_address_fails_at_tls_before_it_says_its_name():
    failed = attempt(20, AttemptOutcome.TLS_FAILED, detail="tls.plain-http: http request", count=4)
    (first, *rest) = diagnose(
        station(**GONE), [attempt(4000, closed_at=NOW - timedelta(minutes=5))], [failed], NOW
    ).findings
    assert (first.code, first.facts["address"], first.facts["count"]) == ("address-failed", "192.0.2.7", "4")
    assert rest == []
    old = attempt(4000, AttemptOutcome.TLS_FAILED)
    assert "address-failed" not in codes(station(**GONE), [attempt(4000)], [old])


def test_one_that_was_lost_and_one_that_only_starts_up():
    ended = attempt(4000, closed_at=NOW - timedelta(minutes=5), close_code=1006, close_reason="network")
    assert codes(station(**GONE), [ended], []) == ["lost"]
    assert codes(station(**GONE), [ended], [], grace_s=900) == ["restarting"]
    late = attempt(9000, closed_at=NOW - timedelta(minutes=20), close_reason="network")
    assert codes(station(**GONE), [late], [], grace_s=900) == ["lost"]


def test_one_that_flaps_and_two_of_one_name():
    flapping = [attempt(60 * number, closed_at=NOW, close_code=1006) for number in range(6)]
    assert codes(station(**ONLINE), flapping, []) == ["flapping"]
    twins = [attempt(60 * number, closed_at=NOW, close_code=4001) for number in range(4)]
    assert codes(station(**ONLINE), twins, []) == ["twins"]
    assert codes(station(**ONLINE), flapping[:3], []) == ["well"]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"boot_status": None}, "never-boots"),
        ({"boot_status": BootAnswer.PENDING}, "pending"),
        ({"boot_status": BootAnswer.REJECTED}, "rejected"),
        ({"clock_skew_s": -7200.0}, "clock"),
        ({"last_seen_at": NOW - timedelta(hours=1)}, "silent"),
    ],
)
def test_one_that_is_connected_and_yet_not_well(fields: dict[str, Any], code: str):
    assert codes(station(**ONLINE | fields), [attempt(3 * 3600)], []) == [code]


def test_one_that_has_just_connected_may_still_boot():
    fresh = ONLINE | {"online_changed_at": NOW - timedelta(seconds=5), "boot_status": None}
    assert codes(station(**fresh), [attempt(5)], []) == ["well"]


def test_the_console_has_words_for_every_finding():
    text = (TEMPLATES / "diagnosis.html").read_text(encoding="utf-8")
    told = re.findall(r'it\.code == "([a-z-]+)"', text)
    assert {code: told.count(code) for code in WORDS} == {code: 1 if code == "well" else 2 for code in WORDS}
    assert set(told) == set(WORDS)
