"""Reports put together from parts that come in any order, again, late, or never."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from ingufu.configuration import assembly
from ingufu.configuration.model import Report, ReportKind, ReportPart, ReportState, Told
from ingufu.core.variables import parse

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ASKED = Report(id="r", station_id="s", request_id=1, kind=ReportKind.VARIABLES, asked_at=NOW)
ONE = (Told(name=parse("A.B"), value="1"),)


def part(number: int, *, is_last: bool = False) -> ReportPart:
    return ReportPart(request_id=1, number=number, is_last=is_last, variables=ONE)


def put(report: Report, *parts: ReportPart) -> Report:
    for one in parts:
        report = assembly.add(report, one, NOW) or report
    return report


@given(st.integers(1, 12), st.data())
def test_a_report_is_complete_when_all_its_parts_came_and_not_before(count: int, data: Any):
    numbers = data.draw(st.permutations(range(count)))
    repeats = data.draw(st.lists(st.sampled_from(numbers), max_size=5))
    report = ASKED
    for index, number in enumerate([*numbers[:-1], *[one for one in repeats if one != numbers[-1]], numbers[-1]]):
        assert report.state is not ReportState.COMPLETE, index
        report = put(report, part(number, is_last=number == count - 1))
    assert (report.state, report.items, report.parts) == (ReportState.COMPLETE, count, tuple(range(count)))
    assert report.missing == ()
    assert assembly.add(report, part(0), NOW) is None


def test_silence_ends_a_report_and_says_what_is_missing():
    after = NOW + timedelta(seconds=61)
    assert assembly.give_up(ASKED, NOW + timedelta(seconds=59), 60.0) is None
    nothing = assembly.give_up(ASKED, after, 60.0)
    assert nothing is not None
    assert (nothing.state, nothing.detail) == (ReportState.INCOMPLETE, "Nothing came.")
    gap = assembly.give_up(put(ASKED, part(0), part(3, is_last=True)), after, 60.0)
    assert gap is not None
    assert (gap.missing, gap.detail) == ((1, 2), "Missing: part 1, 2.")
    open_end = assembly.give_up(put(ASKED, part(0), part(1)), after, 60.0)
    assert open_end is not None
    assert "after part 1" in open_end.detail
    assert assembly.give_up(gap, after, 60.0) is None


def test_a_late_part_completes_what_was_given_up():
    given_up = assembly.give_up(put(ASKED, part(0), part(2, is_last=True)), NOW + timedelta(hours=1), 60.0)
    assert given_up is not None
    assert put(given_up, part(1)).state is ReportState.COMPLETE


def test_a_station_cannot_make_a_report_endless():
    crowded = msgspec.structs.replace(ASKED, parts=tuple(range(assembly.MOST_PARTS)))
    assert assembly.add(crowded, part(assembly.MOST_PARTS), NOW) is None
    assert assembly.add(ASKED, part(2**31), NOW) is None
