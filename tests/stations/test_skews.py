"""An old message is not taken for a clock that is behind, and a clock that was set back is known as such."""

from datetime import UTC, datetime, timedelta

import pytest

from ingufu.stations.skews import Skews

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def told(*messages: tuple[float, float]) -> float | None:
    """Return what is known after messages: when they came, and when they say that they were written."""
    skews = Skews()
    for came_s, written_s in messages:
        skews.note("station", written_s - came_s, NOON + timedelta(seconds=came_s))
    return skews.of("station")


@pytest.mark.parametrize(
    ("messages", "known"),
    [
        ([], None),
        ([(0, -2)], -2),
        ([(0, 0), (10, 7)], -3),  # within what latency explains
        ([(0, 0), (1, -2000)], 0),  # an old message
        ([(0, 0), (1, -2000), (2, -1999)], 0),  # two of them, of one moment
        ([(0, 0), (1, -2000), (60, -1000), (120, -500)], 0),  # of different ages
        ([(0, 0), (1, -280), (60, -280)], 0),  # one that comes twice
        ([(0, -2000), (1, 1)], 0),  # the old one came first
        ([(0, 0), (60, -3540), (120, -3480)], -3600),  # it goes on like that: the clock was set back
        ([(0, 3600), (60, 60)], 3600),  # was it set right, or is this an hour old?
        ([(0, 3600), (60, 60), (120, 120)], 0),
        ([(0, 0), (60, 3660)], 3600),  # nothing is told before it was written
    ],
)
def test_skew_is_that_of_live_messages(messages, known):
    assert told(*messages) == known


def test_station_that_has_left_is_forgotten():
    skews = Skews()
    skews.note("station", 5.0, NOON)
    skews.note("station", -5000.0, NOON)
    skews.forget("station")
    assert len(skews) == 0
    assert skews.of("station") is None
