"""Small pictures drawn on the server as SVG coordinates: sparklines and uptime strips need no script."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

_HEIGHT = 100  # drawings are made on a canvas of 100 by 100 and stretched by the page


class Sparkline(NamedTuple):
    """Two paths on a canvas of 100 by 100: the curve, and the area under it."""

    line: str
    area: str


class StripPart(NamedTuple):
    """A span of a strip of width 100, with what it was and from when to when."""

    x: float
    width: float
    state: str
    began_at: datetime
    ended_at: datetime


def sparkline(values: Sequence[float | None]) -> Sparkline | None:
    """Return the curve through `values`, evenly spaced, scaled between zero and their largest; gaps stay gaps.

    None when fewer than two values are known: there is nothing to draw.
    """
    known = [float(value) for value in values if value is not None]
    if len(known) < 2:
        return None
    low, high = min(0.0, *known), max(known)
    scale = (_HEIGHT - 6) / (high - low or 1.0)
    step = 100 / (len(values) - 1)
    runs = _runs(
        [None if value is None else (i * step, _HEIGHT - 3 - (value - low) * scale) for i, value in enumerate(values)]
    )
    line = " ".join("M" + " L".join(f"{x:.1f},{y:.1f}" for x, y in run) for run in runs)
    area = " ".join(
        f"M{run[0][0]:.1f},{_HEIGHT} L"
        + " L".join(f"{x:.1f},{y:.1f}" for x, y in run)
        + f" L{run[-1][0]:.1f},{_HEIGHT} Z"
        for run in runs
    )
    return Sparkline(line, area)


def strip(changes: Iterable[tuple[datetime, str]], start: datetime, end: datetime) -> list[StripPart]:
    """Return the spans between `start` and `end` in which a state held.

    `changes` are instants in ascending order with the state that began then; before the first the state is "unknown".
    """
    width = (end - start).total_seconds()
    if width <= 0:
        return []
    parts: list[StripPart] = []
    began, state = start, "unknown"
    for at, new in [*((at, new) for at, new in changes if at < end), (end, "")]:
        if at <= start:
            state = new
            continue
        if new != state:
            x = (began - start).total_seconds() / width * 100
            share = (at - began).total_seconds() / width * 100
            parts.append(StripPart(round(x, 3), round(share, 3), state, began, at))
            began, state = at, new
    return parts


def _runs(points: Sequence[tuple[float, float] | None]) -> list[list[tuple[float, float]]]:
    runs: list[list[tuple[float, float]]] = [[]]
    for point in points:
        if point is not None:
            runs[-1].append(point)
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]
