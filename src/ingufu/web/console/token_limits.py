"""Limits of a card as a form has them: stations and EVSEs by name, hours of the week in a line each. Pure."""

import re
from collections.abc import Mapping
from datetime import time

from ingufu.authorization.model import EvseRef, Hours
from ingufu.core.errors import InvalidInput

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_LINE = re.compile(r"(?:(?P<days>[a-z,\s\-]+)\s+)?(?P<start>\d{1,2}:\d{2})\s*-\s*(?P<end>\d{1,2}:\d{2})")
LINE_MAX = 100  # characters; a week fits
_EVERY = (1, 2, 3, 4, 5, 6, 7)


def read_hours(text: str) -> tuple[Hours, ...]:
    """Return hours from lines such as `Mon-Fri 18:00-07:00`; without days they are every day's. Raises InvalidInput."""
    return tuple(_hours(line.strip()) for line in text.splitlines() if line.strip())


def write_hours(hours: tuple[Hours, ...]) -> str:
    """Return hours as lines that `read_hours` reads."""
    return "\n".join(f"{_days_text(one.days)} {one.start:%H:%M}-{one.end:%H:%M}".strip() for one in hours)


def split_names(text: str) -> list[str]:
    """Return the names between commas, blanks and line ends."""
    return [name for name in re.split(r"[\s,;]+", text) if name]


def read_evses(text: str, ids: Mapping[str, str]) -> tuple[EvseRef, ...]:
    """Return EVSEs from `STATION:2`, the stations' ids given by name. Raises InvalidInput."""
    found: list[EvseRef] = []
    for name in split_names(text):
        identity, _, number = name.rpartition(":")
        if identity not in ids or not (number.isascii() and number.isdigit() and 0 < int(number) < 1000):
            raise InvalidInput(f"Write EVSEs as STATION:2; {name[:60]!r} is none.", field="evses")
        found.append(EvseRef(station_id=ids[identity], evse=int(number)))
    return tuple(found)


def station_names(text: str) -> list[str]:
    """Return the stations that EVSEs are named of."""
    return [name.rpartition(":")[0] for name in split_names(text) if ":" in name[1:]]


def _hours(line: str) -> Hours:
    found = _LINE.fullmatch(line.casefold()) if len(line) <= LINE_MAX else None
    problem = InvalidInput(f"Write hours as Mon-Fri 18:00-07:00; {line[:60]!r} is none.", field="hours")
    if found is None:
        raise problem
    try:
        days = _days(found["days"]) if found["days"] else _EVERY
        start, end = (time.fromisoformat(found[name].rjust(5, "0")) for name in ("start", "end"))
    except ValueError as error:
        raise problem from error
    return Hours(days=days, start=start, end=end)


def _days(text: str) -> tuple[int, ...]:
    """Return the days of `mon-fri,sun`. Raises ValueError."""
    chosen: set[int] = set()
    for part in re.split(r"[,\s]+", re.sub(r"\s*-\s*", "-", text.strip())):
        first, _, last = part.partition("-")
        start, end = _day(first), _day(last or first)
        chosen |= {(start + step - 1) % 7 + 1 for step in range((end - start) % 7 + 1)}
    return tuple(sorted(chosen))


def _day(word: str) -> int:
    return DAYS.index(word[:3]) + 1


def _days_text(days: tuple[int, ...]) -> str:
    ordered = tuple(sorted(set(days)))
    if ordered == _EVERY:
        return ""
    is_run = len(ordered) > 1 and ordered == tuple(range(ordered[0], ordered[-1] + 1))
    names = [DAYS[day - 1].capitalize() for day in ordered]
    return f"{names[0]}-{names[-1]}" if is_run else ",".join(names)
