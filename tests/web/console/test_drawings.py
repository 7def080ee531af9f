"""Pictures drawn on the server: sparklines and uptime strips."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ingufu.web.console.drawings import sparkline, strip

START = datetime(2026, 11, 20, tzinfo=UTC)
STATES = ("available", "charging", "faulted", "offline")


def hour(number: float) -> datetime:
    return START + timedelta(hours=number)


def test_one_value_is_no_curve() -> None:
    assert sparkline([]) is None
    assert sparkline([3.0]) is None
    assert sparkline([None, 3.0, None]) is None


def test_curve_rises_with_the_values() -> None:
    drawn = sparkline([0, 5, 10])
    assert drawn is not None
    assert drawn.line == "M0.0,97.0 L50.0,50.0 L100.0,3.0"
    assert drawn.area == "M0.0,100 L0.0,97.0 L50.0,50.0 L100.0,3.0 L100.0,100 Z"


def test_gap_stays_a_gap() -> None:
    drawn = sparkline([1, 2, None, 2, 1])
    assert drawn is not None
    assert drawn.line.count("M") == 2


def test_flat_zero_is_drawn_on_the_ground() -> None:
    drawn = sparkline([0, 0])
    assert drawn is not None
    assert drawn.line == "M0.0,97.0 L100.0,97.0"


def test_strip_joins_equal_states_and_begins_with_the_one_that_held() -> None:
    changes = [
        (hour(-5), "available"),
        (hour(6), "available"),
        (hour(12), "faulted"),
        (hour(18), "available"),
        (hour(30), "offline"),
    ]
    parts = strip(changes, START, hour(24))
    assert [(part.state, part.x, part.width) for part in parts] == [
        ("available", 0, 50),
        ("faulted", 50, 25),
        ("available", 75, 25),
    ]


def test_strip_without_news_is_unknown() -> None:
    assert [(part.state, part.width) for part in strip([], START, hour(1))] == [("unknown", 100)]
    assert strip([], START, START) == []


@given(st.lists(st.tuples(st.floats(-5, 30), st.sampled_from(STATES)), max_size=30))
def test_strip_covers_the_whole_span_without_overlap(changes: list[tuple[float, str]]) -> None:
    parts = strip(sorted((hour(at), state) for at, state in changes), START, hour(24))
    assert parts[0].began_at == START
    assert parts[-1].ended_at == hour(24)
    for before, after in pairwise(parts):
        assert before.ended_at == after.began_at
        assert before.state != after.state
    assert abs(sum(part.width for part in parts) - 100) < 0.1
