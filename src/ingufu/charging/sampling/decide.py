"""Which measurands are worth asking for. Pure."""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ingufu.charging.sampling.model import INTERVALS, Occasion, SamplingState
from ingufu.core.errors import InvalidInput

MOST_MEASURANDS = 50
INTERVAL_MOST_S = 7 * 86_400
_MEASURAND = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,63}", re.ASCII)


class Plan(NamedTuple):
    """What to try: these together first, and of them those that the station has set now."""

    candidates: tuple[str, ...]
    known: tuple[str, ...]
    refused: tuple[str, ...]  # what the station has said, or said before, that it does not take


def check(occasion: Occasion, measurands: Sequence[str] | None, interval_s: int | None) -> None:
    """Raise InvalidInput for what no station could be asked."""
    if measurands is not None:
        if not 0 < len(measurands) <= MOST_MEASURANDS or len(set(measurands)) != len(measurands):
            raise InvalidInput(f"Name between 1 and {MOST_MEASURANDS} different measurands.", field="measurands")
        wrong = next((name for name in measurands if not _MEASURAND.fullmatch(name)), None)
        if wrong is not None:
            raise InvalidInput(f"{wrong[:60]!r} is no measurand.", field="measurands")
    if interval_s is None:
        return
    if occasion not in INTERVALS:
        raise InvalidInput("There is no interval for the reading at the start.", field="interval_s")
    if not 0 <= interval_s <= INTERVAL_MOST_S:
        raise InvalidInput(f"An interval is at most {INTERVAL_MOST_S} s; 0 is none.", field="interval_s")


def split(text: str | None) -> tuple[str, ...]:
    """Return the members of a list as stations write it."""
    return tuple(part for part in (piece.strip() for piece in (text or "").split(",")) if part)


def plan(wanted: Sequence[str], current: Iterable[str], allowed: Iterable[str] | None, refused: Iterable[str]) -> Plan:
    """Return what to try of a list: what the station does not name as possible, or has refused before, is left out."""
    possible = None if allowed is None else {name.casefold() for name in allowed}
    before = {name.casefold() for name in refused}
    is_hopeless = [
        name.casefold() in before or (possible is not None and name.casefold() not in possible) for name in wanted
    ]
    candidates = tuple(name for name, is_out in zip(wanted, is_hopeless, strict=True) if not is_out)
    has = {name.casefold() for name in current}
    return Plan(
        candidates=candidates,
        known=tuple(name for name in candidates if name.casefold() in has),
        refused=tuple(name for name, is_out in zip(wanted, is_hopeless, strict=True) if is_out),
    )


def state_of(wanted: Sequence[str], taken: Sequence[str]) -> SamplingState:
    """Return how much of a list was taken, in a word."""
    if len(taken) == len(wanted):
        return SamplingState.TAKEN
    return SamplingState.PARTLY if taken else SamplingState.REFUSED
