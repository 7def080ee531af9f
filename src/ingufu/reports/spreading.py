"""How one session is spread over days and hours: energy by its meter's readings, time by the clock. Pure.

Whole numbers throughout (microseconds, millionths of a Wh): the parts of a session add up to the session, exactly.
"""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from ingufu.reports.days import micros
from ingufu.reports.model import MICRO, SessionFacts

LONGEST = timedelta(days=31)  # what is reported as longer has lost its end
SUCCEEDED_WH = 100  # a session that took less helped nobody
CHARGING_W = 100  # less than that is a car's lamps

Reading = tuple[datetime, Decimal]


class Course:
    """A session's energy along time: it rises evenly between two readings of the register."""

    __slots__ = ("_at", "_charging", "_level", "begins", "ends", "total")

    def __init__(self, session: SessionFacts, readings: Sequence[Reading]) -> None:
        until = session.ended_at or session.heard_at or session.started_at
        until = max(session.started_at, min(until, session.started_at + LONGEST))
        self.begins, self.ends = micros(session.started_at), micros(until)
        self.total = int(session.energy_wh * MICRO)
        self._at, self._level = [self.begins], [0]
        self._follow(session, readings)
        self._charging = [
            (begin, end)
            for begin, end, low, high in zip(self._at, self._at[1:], self._level, self._level[1:], strict=False)
            if end > begin and (high - low) * 3600 >= CHARGING_W * (end - begin)  # micro-Wh/µs = Wh/s = 3600 W
        ]

    def _follow(self, session: SessionFacts, readings: Sequence[Reading]) -> None:
        level = 0
        for at, register in readings if session.start_wh is not None else ():
            moment = micros(at)
            if not self._at[-1] < moment < self.ends or session.start_wh is None:
                continue
            level = min(max(int((register - session.start_wh) * MICRO), level), max(self.total, 0))
            self._at.append(moment)
            self._level.append(level)
        self._at.append(self.ends)
        self._level.append(self.total)

    def energy_until(self, moment: int) -> int:
        """Return what was taken before a moment, in millionths of a Wh."""
        if moment <= self.begins:
            return 0
        if moment >= self.ends:
            return self.total
        place = bisect_right(self._at, moment)
        begin, end, low, high = self._at[place - 1], self._at[place], self._level[place - 1], self._level[place]
        return low + (high - low) * (moment - begin) // (end - begin)

    def energy_between(self, begin: int, end: int) -> int:
        """Return what was taken from a moment until another, in millionths of a Wh."""
        return self.energy_until(end) - self.energy_until(begin)

    def charging_spans(self) -> Sequence[tuple[int, int]]:
        """Return when it took energy, and not merely hung there."""
        return self._charging


def joined(spans: Sequence[tuple[int, int]], begin: int, end: int) -> list[tuple[int, int]]:
    """Return the spans within bounds, those that touch as one: what overlaps is not counted twice."""
    found: list[tuple[int, int]] = []
    for low, high in sorted((max(low, begin), min(high, end)) for low, high in spans if low < end and high > begin):
        if found and low <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], high))
        elif high > low:
            found.append((low, high))
    return found


def seconds(spans: Sequence[tuple[int, int]]) -> int:
    """Return the whole seconds that spans last."""
    return sum(high - low for low, high in spans) // MICRO
