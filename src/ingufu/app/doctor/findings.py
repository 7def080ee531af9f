"""What the doctor finds: one sentence for each check, and the remedy where something is wrong."""

from collections.abc import Iterable
from enum import StrEnum

import msgspec


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"  # it works, and will not always
    PROBLEM = "problem"  # it does not work, or data is in danger


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What one check says."""

    check: str
    level: Level
    says: str
    remedy: str = ""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that was looked at."""

    worst: Level
    findings: tuple[Finding, ...]


def report(findings: Iterable[Finding]) -> Report:
    """Return the findings with the worst of their levels."""
    found = tuple(findings)
    levels = {finding.level for finding in found}
    worst = next((level for level in (Level.PROBLEM, Level.WARNING) if level in levels), Level.OK)
    return Report(worst=worst, findings=found)


def ok(check: str, says: str) -> Finding:
    return Finding(check=check, level=Level.OK, says=says)


def warning(check: str, says: str, remedy: str) -> Finding:
    return Finding(check=check, level=Level.WARNING, says=says, remedy=remedy)


def problem(check: str, says: str, remedy: str) -> Finding:
    return Finding(check=check, level=Level.PROBLEM, says=says, remedy=remedy)
