"""What the sessions of a day come to, by EVSE; what charge records come to, by station. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from ingufu.reports.days import bounds, day_of, hours_of, micros
from ingufu.reports.model import Figures, Place, SessionFacts, Takings
from ingufu.reports.spreading import SUCCEEDED_WH, Course, Reading, joined, seconds

EvseKey = tuple[str, int]  # the station, and its EVSE
TakingKey = tuple[str, str, str]  # the site, the station, the currency


def figures_of(
    day: date,
    sessions: Iterable[SessionFacts],
    readings: Mapping[str, Sequence[Reading]],
    places: Mapping[str, Place],
) -> dict[EvseKey, Figures]:
    """Return the figures of one local day by EVSE, of those that have any."""
    by_evse: defaultdict[EvseKey, list[SessionFacts]] = defaultdict(list)
    for session in sessions:
        by_evse[session.station_id, session.evse].append(session)
    found: dict[EvseKey, Figures] = {}
    for key, members in by_evse.items():
        figures = _of_evse(day, members, readings, places[key[0]].time_zone)
        if figures is not None:
            found[key] = figures
    return found


def _of_evse(
    day: date, sessions: Sequence[SessionFacts], readings: Mapping[str, Sequence[Reading]], zone: str
) -> Figures | None:
    begins_at, ends_at = bounds(day, zone)
    begin, end = micros(begins_at), micros(ends_at)
    figures, is_touched = Figures(), False
    courses: list[Course] = []
    for session in sessions:
        course = Course(session, readings.get(session.id, ()))
        if course.begins >= end or (course.ends < begin and not _is_in(session.ended_at, begins_at, ends_at)):
            continue
        is_touched = True
        courses.append(course)
        figures.started += _is_in(session.started_at, begins_at, ends_at)
        if _is_in(session.ended_at, begins_at, ends_at):
            figures.ended += 1
            figures.succeeded += session.energy_wh >= SUCCEEDED_WH
        figures.energy_uwh += course.energy_between(begin, end)
    if not is_touched:
        return None
    occupied = joined([(course.begins, course.ends) for course in courses], begin, end)
    charging = joined([span for course in courses for span in course.charging_spans()], begin, end)
    figures.occupied_s, figures.charging_s = seconds(occupied), seconds(charging)
    figures.hours = _hours(courses, occupied, hours_of(day, zone))
    has_any = figures.started or figures.ended or figures.energy_uwh or figures.occupied_s
    return figures if has_any else None


def _hours(
    courses: Sequence[Course], occupied: Sequence[tuple[int, int]], hours: Sequence[tuple[int, int, int]]
) -> dict[int, list[int]]:
    if not courses:
        return {}
    first, last = min(course.begins for course in courses), max(course.ends for course in courses)
    found: dict[int, list[int]] = {}
    for hour, low, high in hours:
        if high < first or low > last:
            continue
        energy = sum(course.energy_between(low, high) for course in courses)
        used = seconds(joined(occupied, low, high))
        if energy or used:
            known = found.setdefault(hour, [0, 0])
            known[0] += energy
            known[1] += used
    return found


def takings_of(
    day: date, rows: Iterable[Mapping[str, Any]], zones: Mapping[str, str], sites: frozenset[str] | None
) -> dict[TakingKey, Takings]:
    """Return what charge records issued on one local day come to; of these sites (None: of all)."""
    found: dict[TakingKey, Takings] = {}
    for row in rows:
        site_id = row["site_id"] or ""
        if sites is not None and site_id not in sites:
            continue
        if day_of(row["issued_at"], zones.get(site_id, "UTC")) != day:
            continue
        known = found.setdefault((site_id, row["station_id"], row["currency"]), Takings())
        is_credit = row["kind"] == "credit"
        known.add(
            Takings(records=not is_credit, credits=is_credit, net=Decimal(row["net"]), gross=Decimal(row["gross"]))
        )
    return found


def _is_in(at: datetime | None, begin: datetime, end: datetime) -> bool:
    return at is not None and begin <= at < end
