"""The page of conformance lists exactly the cases that there are scenarios for, and what is open."""

import re
from pathlib import Path

import pytest

from conformance import report
from conformance.cases import FOLDER, VERSIONS, all_cases
from conformance.judging import Judge
from conformance.open_cases import OPEN

PAGE = Path(__file__).parents[2] / "docs" / "conformance.md"
CASES = all_cases()


def test_the_page_lists_the_cases_that_there_are_and_each_has_passed() -> None:
    there_are = {one.number: set(one.versions) for one in CASES}
    assert report.listed(PAGE.read_text(encoding="utf-8")) == there_are, "run `make conformance`"


def test_the_page_is_what_is_written_when_all_pass() -> None:
    passed = {(one.number, version): "passed" for one in CASES for version in one.versions}
    assert PAGE.read_text(encoding="utf-8") == report.document(passed), "run `make conformance`"


def test_no_case_is_told_twice() -> None:
    numbers = [one.number for one in CASES]
    assert len(numbers) == len(set(numbers))
    held = {(one.number, version) for one in CASES for version in one.versions}
    assert not held & {(one.number, version) for one in OPEN for version in one.versions}
    assert all(set(one.versions) <= set(VERSIONS) and one.reason for one in OPEN)


def test_a_case_that_failed_or_was_not_run_is_not_listed_as_passed() -> None:
    one = CASES[0]
    listed = report.listed(report.document({(one.number, one.versions[0]): "failed"}))
    assert set(listed) == {each.number for each in CASES}
    assert not any(listed.values())


@pytest.mark.parametrize("path", sorted(FOLDER.glob("test_*.py")), ids=lambda path: path.stem)
def test_every_scenario_belongs_to_a_case_and_connects_by_what_is_judged(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    tests = re.findall(r"^async def (test_\w+)", text, re.MULTILINE)
    held = [
        one for one in vars(__import__(f"conformance.{path.stem}", fromlist=["_"])).values() if hasattr(one, "case")
    ]
    assert sorted(tests) == sorted(one.__name__ for one in held)
    if path.stem != "test_handshake":
        assert "websockets" not in text


@pytest.mark.parametrize(
    ("frame", "action"),
    [
        ([3, "1", {"status": "Accepted", "currentTime": "2026-03-01T12:00:00Z"}], "BootNotification"),
        ([2, "1", "Reset", {"type": "Hard"}], "Reset"),
        ([2, "x" * 37, "ClearCache", {}], "ClearCache"),
        ([2, "1", "NoSuchAction", {}], "NoSuchAction"),
        ([4, "1", "FormationViolation", "", {}], "Heartbeat"),
        ([6, "1", "NotifyPeriodicEventStream", {}], "NotifyPeriodicEventStream"),
        ({"not": "a frame"}, ""),
    ],
)
def test_a_wrong_frame_of_ours_would_be_found(frame: object, action: str) -> None:
    judge = Judge()
    judge.hear("2.0.1", frame, action)
    assert len(judge.faults) == 1
