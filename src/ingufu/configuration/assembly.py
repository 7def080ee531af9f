"""How the parts of a report are put together, in whatever order and however often they come."""

from datetime import datetime, timedelta

import msgspec

from ingufu.configuration.model import OPEN_STATES, Report, ReportPart, ReportState

MOST_PARTS = 10_000  # of one report; the largest stations need some hundred


def add(report: Report, part: ReportPart, at: datetime) -> Report | None:
    """Return the report with the part, or None if it has it already.

    A part that comes after the report was given up still counts, and may complete it.
    """
    if part.number in report.parts or len(report.parts) >= MOST_PARTS or part.number >= MOST_PARTS:
        return None
    parts = tuple(sorted((*report.parts, part.number)))
    last = part.number if part.is_last else report.last_part
    grown = msgspec.structs.replace(
        report,
        parts=parts,
        last_part=last,
        last_part_at=at,
        items=report.items + len(part.variables) + len(part.monitors),
    )
    if last is not None and not grown.missing:
        return msgspec.structs.replace(grown, state=ReportState.COMPLETE, ended_at=at, detail="")
    if report.state in OPEN_STATES:
        return msgspec.structs.replace(grown, state=ReportState.RECEIVING)
    return msgspec.structs.replace(grown, detail=lost(grown))


def give_up(report: Report, at: datetime, silence_s: float) -> Report | None:
    """Return the report as ended if nothing more came for so long, or None if there is still time."""
    since = report.last_part_at or report.asked_at
    if report.state not in OPEN_STATES or at - since < timedelta(seconds=silence_s):
        return None
    return msgspec.structs.replace(report, state=ReportState.INCOMPLETE, ended_at=at, detail=lost(report))


def lost(report: Report) -> str:
    """Return in words what did not come."""
    if not report.parts:
        return "Nothing came."
    missing = report.missing
    if missing:
        named = ", ".join(str(number) for number in missing[:10])
        return f"Missing: part {named}{' and more' if len(missing) > 10 else ''}."
    return f"Nothing came after part {report.parts[-1]}, which was not the last."
