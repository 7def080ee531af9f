"""When EVSEs could be used: grace, causes, what is planned, what is unknown, and the figures of it."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingufu.stations import outages
from ingufu.stations.model import ConnectorStatus
from ingufu.stations.outages import (
    Beginning,
    Cause,
    Change,
    Condition,
    Link,
    LinkChange,
    Place,
    Span,
    StatusChange,
    WishChange,
)

BEGIN = datetime(2026, 11, 1, tzinfo=UTC)
DAY = timedelta(days=1)
END = BEGIN + DAY
UP, DOWN, PLANNED, UNKNOWN = Condition.UP, Condition.DOWN, Condition.PLANNED, Condition.UNKNOWN
AVAILABLE, OCCUPIED = ConnectorStatus.AVAILABLE, ConnectorStatus.OCCUPIED
FAULTED, UNAVAILABLE = ConnectorStatus.FAULTED, ConnectorStatus.UNAVAILABLE


def at(minute: float) -> datetime:
    return BEGIN + timedelta(minutes=minute)


def said(minute: float, status: ConnectorStatus, place: Place = (1, 1), code: str | None = None) -> StatusChange:
    return StatusChange(at(minute), place, status, code)


def spans(
    *changes: Change, link: Link = Link.ONLINE, evses: dict[int, list[int]] | None = None
) -> dict[int, list[Span]]:
    beginning = Beginning(link, {(1, 1): (AVAILABLE, None)}, {})
    moves = [one for one in changes if isinstance(one, LinkChange)]
    kept = outages.links([LinkChange(BEGIN, link), *moves], END)[1:]
    rest = [one for one in changes if not isinstance(one, LinkChange)]
    ordered: list[Change] = sorted([*kept, *rest], key=lambda one: one.at)
    return outages.spans(evses or {1: [1]}, beginning, ordered, BEGIN, END)


def shown(parts: list[Span]) -> list[tuple[float, Condition, Cause | None, str | None]]:
    return [((one.began_at - BEGIN) / timedelta(minutes=1), one.condition, one.cause, one.code) for one in parts]


def gone(minute: float) -> LinkChange:
    return LinkChange(at(minute), Link.OFFLINE)


def back(minute: float) -> LinkChange:
    return LinkChange(at(minute), Link.ONLINE)


def test_a_short_break_of_the_connection_is_no_outage_and_a_long_one_is_whole() -> None:
    [parts] = spans(gone(60), back(64), gone(120), back(150)).values()
    assert shown(parts) == [(0, UP, None, None), (120, DOWN, Cause.OFFLINE, None), (150, UP, None, None)]
    sums = outages.figures(parts, END)
    assert (sums.down_s, sums.failures, sums.repairs, sums.repair_s) == (1800, 1, 1, 1800)
    assert sums.uptime == pytest.approx(1 - 30 / 1440)
    assert sums.mtbf_s == 86_400 - 1800
    assert sums.mttr_s == 1800


def test_a_station_that_left_a_moment_ago_is_not_down_yet() -> None:
    [parts] = spans(gone(24 * 60 - 3)).values()
    assert shown(parts) == [(0, UP, None, None)]


def test_an_outage_that_lasts_is_a_failure_and_not_repaired() -> None:
    [parts] = spans(gone(24 * 60 - 60)).values()
    sums = outages.figures(parts, END)
    assert (sums.failures, sums.repairs, sums.mttr_s) == (1, 0, None)
    assert sums.down_s == 3600


def test_what_was_down_at_the_beginning_is_no_failure_of_this_time() -> None:
    [parts] = spans(back(60), link=Link.OFFLINE).values()
    assert shown(parts) == [(0, DOWN, Cause.OFFLINE, None), (60, UP, None, None)]
    sums = outages.figures(parts, END)
    assert (sums.down_s, sums.failures, sums.repairs, sums.mtbf_s) == (3600, 0, 0, None)


def test_a_fault_is_told_with_its_code_and_one_outage_goes_on_through_others() -> None:
    changes = (said(10, FAULTED, code="GroundFailure"), gone(20), back(40), said(41, UNAVAILABLE), said(50, OCCUPIED))
    [parts] = spans(*changes).values()
    assert shown(parts) == [
        (0, UP, None, None),
        (10, DOWN, Cause.FAULTED, "GroundFailure"),
        (41, DOWN, Cause.UNAVAILABLE, None),
        (50, UP, None, None),
    ]
    [outage] = outages.outages(parts)
    assert (outage.began_at, outage.ended_at) == (at(10), at(50))
    assert (outage.cause, outage.code) == (Cause.FAULTED, "GroundFailure")


def test_a_fault_that_comes_back_within_ten_minutes_is_the_same_failure() -> None:
    again = (said(10, FAULTED), said(12, AVAILABLE), said(21, FAULTED), said(25, AVAILABLE), said(36, FAULTED))
    [parts] = spans(*again, said(37, AVAILABLE)).values()
    sums = outages.figures(parts, END)
    assert (sums.failures, sums.repairs, sums.down_s) == (2, 3, 7 * 60)


def test_an_evse_is_up_while_one_of_its_connectors_can_be_used() -> None:
    changes = (said(10, FAULTED, (1, 1)), said(20, UNAVAILABLE, (1, 2)), said(30, AVAILABLE, (1, 2)))
    [parts] = spans(said(5, AVAILABLE, (1, 2)), *changes, evses={1: [1, 2]}).values()
    assert [(minute, condition) for minute, condition, *_ in shown(parts)] == [(0, UP), (20, DOWN), (30, UP)]
    assert parts[1].cause is Cause.FAULTED


def test_a_station_that_fails_as_a_whole_fails_with_all_its_evses() -> None:
    found = spans(said(10, FAULTED, (0, 0), "PowerMeterFailure"), said(70, AVAILABLE, (0, 0)), evses={1: [1], 2: [1]})
    for parts in found.values():
        assert shown(parts)[1] == (10, DOWN, Cause.FAULTED, "PowerMeterFailure")
        assert outages.figures(parts, END).down_s == 3600


@pytest.mark.parametrize("place", [(0, 0), (1, 0), (1, 1)])
def test_out_of_service_because_somebody_asked_is_planned(place: Place) -> None:
    asked = WishChange(at(10), place, is_operative=False)
    changes = (asked, said(11, UNAVAILABLE), gone(30), back(60), WishChange(at(70), place, is_operative=True))
    [parts] = spans(*changes, said(72, AVAILABLE)).values()
    assert shown(parts) == [
        (0, UP, None, None),
        (11, PLANNED, None, None),
        (70, DOWN, Cause.UNAVAILABLE, None),
        (72, UP, None, None),
    ]
    sums = outages.figures(parts, END)
    assert (sums.planned_s, sums.down_s, sums.failures) == (59 * 60, 120, 0)
    assert sums.uptime == pytest.approx(1 - 2 / 1440)


def test_out_of_service_although_nobody_asked_and_a_fault_while_it_was_asked_are_down() -> None:
    [parts] = spans(said(10, UNAVAILABLE)).values()
    assert shown(parts)[1] == (10, DOWN, Cause.UNAVAILABLE, None)
    [parts] = spans(WishChange(at(5), (1, 0), is_operative=False), said(10, FAULTED)).values()
    assert shown(parts)[1] == (10, DOWN, Cause.FAULTED, None)


def test_what_is_not_known_is_neither_up_nor_down() -> None:
    [parts] = spans(back(12 * 60), link=Link.UNKNOWN).values()
    sums = outages.figures(parts, END)
    assert (sums.unknown_s, sums.up_s, sums.uptime) == (43_200, 43_200, 1.0)
    [parts] = spans(link=Link.UNKNOWN).values()
    assert outages.figures(parts, END).uptime is None


CHANGES = st.one_of(
    st.builds(LinkChange, st.integers(0, 1440).map(at), st.sampled_from(Link)),
    st.builds(said, st.integers(0, 1440), st.sampled_from(ConnectorStatus), st.sampled_from([(0, 0), (1, 1), (1, 2), (2, 1)])),
    st.builds(WishChange, st.integers(0, 1440).map(at), st.sampled_from([(0, 0), (1, 0), (2, 1)]), st.booleans()),
)  # fmt: skip


@given(st.lists(CHANGES, max_size=40).map(lambda found: sorted(found, key=lambda one: one.at)))
def test_spans_fill_the_time_without_gaps_whatever_happens(changes: list[Change]) -> None:
    for parts in spans(*changes, evses={1: [1, 2], 2: [1]}).values():
        assert parts[0].began_at == BEGIN
        assert parts[-1].ended_at == END
        assert all(one.ended_at == after.began_at for one, after in pairwise(parts))
        assert all(one.began_at < one.ended_at for one in parts)
        sums = outages.figures(parts, END)
        assert sums.up_s + sums.down_s + sums.planned_s + sums.unknown_s == DAY.total_seconds()
        assert sums.failures <= len(outages.outages(parts))
        assert sums.uptime is None or 0 <= sums.uptime <= 1
