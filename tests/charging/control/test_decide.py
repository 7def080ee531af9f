"""When limits are reached, what is told of them, and which start a transaction comes of."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingufu.authorization.model import PresentedToken
from ingufu.charging import clocks
from ingufu.charging.control import decide
from ingufu.charging.control.model import (
    NO_LIMIT,
    ControlRules,
    LimitKind,
    Message,
    RemoteStart,
    RemoteStartState,
    TransactionControl,
    TransactionLimit,
)
from ingufu.charging.model import ChargingState, ReportKind, Transaction, TransactionReport
from ingufu.core.errors import InvalidInput

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
RULES = ControlRules()


def transaction(**changes: Any) -> Transaction:
    fields: dict[str, Any] = {
        "id": "t", "station_id": "s", "reference": "TX", "version": "2.1", "started_at": NOW, "start_received_at": NOW,
        "updated_at": NOW,
    }  # fmt: skip
    return Transaction(**fields | changes)


def control(**changes: Any) -> TransactionControl:
    return TransactionControl(transaction_id="t", station_id="s", **changes)


def report(**changes: Any) -> TransactionReport:
    fields: dict[str, Any] = {
        "kind": ReportKind.UPDATED, "station_id": "s", "version": "2.1", "at": NOW, "received_at": NOW,
    }  # fmt: skip
    return TransactionReport(**fields | changes)


def start(number: int = 7, **changes: Any) -> RemoteStart:
    fields: dict[str, Any] = {
        "id": str(number), "number": number, "station_id": "s", "token_value": "A",
        "token_digest": decide.digest_token("A"), "token_kind": "Central", "asked_at": NOW,
        "expires_at": NOW + timedelta(seconds=180),
    }  # fmt: skip
    return RemoteStart(**fields | changes)


@pytest.mark.parametrize(
    ("limit", "fields", "seconds", "kind"),
    [
        (TransactionLimit(max_energy_wh=Decimal(100)), {"energy_wh": Decimal(100)}, 0, LimitKind.ENERGY),
        (TransactionLimit(max_energy_wh=Decimal(100)), {"energy_wh": Decimal("99.999")}, 0, None),
        (TransactionLimit(max_time_s=60), {}, 60, LimitKind.TIME),
        (TransactionLimit(max_time_s=60), {}, 59.9, None),
        (TransactionLimit(max_soc_percent=80), {"soc_percent": 80.0}, 0, LimitKind.SOC),
        (TransactionLimit(max_soc_percent=80), {}, 0, None),
        (TransactionLimit(max_cost=Decimal(1)), {"energy_wh": Decimal(10_000)}, 9999, None),
        (NO_LIMIT, {"energy_wh": Decimal(10_000), "soc_percent": 100.0}, 9999, None),
    ],
)
def test_a_limit_is_reached_when_the_figure_is_there(
    limit: TransactionLimit, fields: dict[str, Any], seconds: float, kind: LimitKind | None
):
    reached = decide.find_reached(limit, transaction(**fields), NOW + timedelta(seconds=seconds))
    assert (reached.kind if reached else None) is kind


@pytest.mark.parametrize(
    ("limit", "field"),
    [
        (TransactionLimit(max_energy_wh=Decimal(0)), "max_energy_wh"),
        (TransactionLimit(max_energy_wh=Decimal("NaN")), "max_energy_wh"),
        (TransactionLimit(max_energy_wh=Decimal("1e30")), "max_energy_wh"),
        (TransactionLimit(max_time_s=0), "max_time_s"),
        (TransactionLimit(max_soc_percent=101), "max_soc_percent"),
        (TransactionLimit(max_cost=Decimal(-1)), "max_cost"),
    ],
)
def test_a_limit_that_nothing_can_have_is_refused(limit: TransactionLimit, field: str):
    with pytest.raises(InvalidInput) as refused:
        decide.check_limit(limit)
    assert refused.value.field == field


@given(st.dictionaries(st.sampled_from(["maxCost", "maxEnergy", "maxTime", "maxSoC", "x"]), st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.decimals(),
)))  # fmt: skip
def test_whatever_a_station_calls_its_limit_is_read_or_left_out(plain: dict[str, Any]):
    read = decide.read_limit(plain)
    for value in (read.max_cost, read.max_energy_wh, read.max_time_s, read.max_soc_percent):
        assert value is None or 0 <= value <= decide.MOST_COST


def test_a_limit_is_due_once_and_again_for_the_same_event():
    limited = control(limit=TransactionLimit(max_time_s=60))
    sent = control(limit=TransactionLimit(max_time_s=60), limit_sent_in="3")
    assert decide.is_limit_due(limited, report(seq=3), "3")
    assert decide.is_limit_due(sent, report(seq=3), "3")
    assert not decide.is_limit_due(sent, report(seq=4), "4")
    assert not decide.is_limit_due(limited, report(seq=3, is_offline=True), "3")
    assert not decide.is_limit_due(limited, report(seq=3, kind=ReportKind.ENDED), "3")
    assert not decide.is_limit_due(control(), report(seq=3), "3")


@pytest.mark.parametrize(
    ("supported", "said"),
    [
        (None, {"max_time_s": 60, "max_soc_percent": 80}),
        ("", {"max_time_s": 60, "max_soc_percent": 80}),
        ("MaxEnergy, MaxTime", {"max_time_s": 60}),
        ("MaxCost", {}),
    ],
)
def test_only_limits_that_the_station_supports_are_said(supported: str | None, said: dict[str, int]):
    limited = control(limit=TransactionLimit(max_time_s=60, max_soc_percent=80))
    assert decide.unsaid(limited, supported) == TransactionLimit(**said)


def test_stops_are_repeated_at_growing_intervals():
    reached = {"limit": TransactionLimit(max_time_s=60), "reached": LimitKind.TIME, "reached_at": NOW}
    waits = []
    for attempts in range(1, 8):
        after = decide.next_stop_at(control(**reached, stop_asked_at=NOW, stop_attempts=attempts), RULES)
        assert after is not None
        waits.append((after - NOW).total_seconds())
    assert waits == [60, 120, 240, 480, 900, 900, 900]
    assert decide.next_stop_at(control(**reached), RULES) == NOW
    kept = control(**reached, reported=TransactionLimit(max_time_s=60))
    assert decide.next_stop_at(kept, RULES) == NOW + timedelta(seconds=60)
    assert decide.next_stop_at(control(**reached, reached_by_station=True), RULES) is None
    assert decide.next_stop_at(control(), RULES) is None


def test_what_was_stopped_and_takes_no_energy_is_left_alone():
    stopped = control(stop_answer="Accepted")
    assert decide.goes_on(stopped, transaction(state=ChargingState.CHARGING))
    assert not decide.goes_on(stopped, transaction(state=ChargingState.EV_CONNECTED))
    assert decide.goes_on(control(stop_answer="Rejected"), transaction(state=ChargingState.EV_CONNECTED))
    assert not decide.goes_on(control(), transaction(is_open=False))


def test_a_start_is_known_by_its_number():
    assert decide.pick_start([start(7), start(8)], report(remote_start_id=8), []) == start(8)
    assert decide.pick_start([start(7)], report(remote_start_id=9), []) is None
    assert decide.pick_start([start(7)], report(token=PresentedToken(value="A")), [NOW]) is None


@pytest.mark.parametrize(
    ("changes", "fits"),
    [
        ({}, True),
        ({"evse": 2}, True),
        ({"evse": 1}, False),
        ({"token_digest": decide.digest_token("B")}, False),
        ({"state": RemoteStartState.REFUSED}, False),
        ({"state": RemoteStartState.EXPIRED}, True),
        ({"asked_at": NOW + timedelta(seconds=61)}, False),
        ({"expires_at": NOW - timedelta(seconds=61)}, False),
    ],
)
def test_in_16_a_start_is_known_by_card_place_and_time(changes: dict[str, Any], fits: bool):
    told = report(kind=ReportKind.STARTED, version="1.6", evse=2, token=PresentedToken(value=" a "))
    assert (decide.pick_start([start(**changes)], told, [NOW]) is not None) is fits


@pytest.mark.parametrize("at", [datetime.min.replace(tzinfo=UTC), NOW, datetime.max.replace(tzinfo=UTC)])
@pytest.mark.parametrize("skew_s", [None, -1e10, -60.0, 1e10])
def test_no_clock_is_so_far_off_that_a_start_was_after_we_heard_of_it(at: datetime, skew_s: float | None):
    begun = transaction(started_at=NOW + timedelta(seconds=250))
    for time in decide.times_of_start(report(at=at), begun, skew_s):
        assert clocks.EARLIEST <= time <= NOW


def test_of_two_that_fit_the_earlier_is_meant():
    told = report(kind=ReportKind.STARTED, version="1.6", evse=2, token=PresentedToken(value="A"))
    earlier = start(8, asked_at=NOW - timedelta(seconds=30))
    assert decide.pick_start([start(7), earlier], told, [NOW]) == earlier


@pytest.mark.parametrize("message", [
    Message(content=" "), Message(content="x" * 513), Message(content="x", format="QRCODE"),
    Message(content="x", language="english-uk"),
])  # fmt: skip
def test_a_message_that_no_station_can_show_is_refused(message: Message):
    with pytest.raises(InvalidInput):
        decide.check_message(message)


def test_a_secret_token_is_shown_by_nothing_of_it():
    assert "1234" not in decide.shown_token("1234", "KeyCode")
    assert decide.shown_token("04AA", "ISO14443") == "04AA"
