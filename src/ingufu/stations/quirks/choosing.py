"""Which quirks hold for a station, by what is known of it and what an operator switched. Pure."""

import re
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase, translate

from ingufu.stations.quirks.model import Chosen, Facts, Match, Quirk, Why

_BOUND = re.compile(r"\s*(<=|>=|<|>|==|=)\s*([0-9][0-9A-Za-z.\-_]*)\s*")
_NUMBER = re.compile(r"\d+")


def choose(catalogue: tuple[Quirk, ...], facts: Facts) -> tuple[Chosen, ...]:
    """Return the quirks that hold for the station, by number."""
    switched = facts.switched or {}
    found: list[Chosen] = []
    for quirk in catalogue:
        wanted = switched.get(str(quirk.number))
        if wanted is not None:
            if wanted:
                found.append(Chosen(quirk=quirk, why=Why.OPERATOR))
        elif quirk.is_on and (why := _why(quirk, facts)):
            found.append(Chosen(quirk=quirk, why=why))
    return tuple(found)


def _why(quirk: Quirk, facts: Facts) -> Why | None:
    for match in quirk.match:
        if fits(match, facts):
            is_early = match.vendor is None and match.model is None and match.firmware is None
            return Why.HANDSHAKE if is_early else Why.MODEL
    return None


def fits(match: Match, facts: Facts) -> bool:
    """Return whether everything that the match names is so; what names nothing fits nobody."""
    pairs = (
        (match.vendor, facts.vendor),
        (match.model, facts.model),
        (match.identity, facts.identity),
        (match.user_agent, facts.user_agent),
    )
    named = [(pattern, value) for pattern, value in pairs if pattern is not None]
    if not named and match.firmware is None:
        return False
    if not all(value is not None and is_like(pattern, value) for pattern, value in named):
        return False
    return match.firmware is None or (facts.firmware is not None and is_within(match.firmware, facts.firmware))


def is_like(pattern: str, value: str) -> bool:
    return fnmatchcase(value.strip().casefold(), pattern.casefold())


def is_like_any(patterns: Iterable[str]) -> Callable[[str], bool]:
    """Return what tells whether a value is like one of the patterns, for who asks often."""
    known = "|".join(translate(pattern.casefold()) for pattern in patterns)
    if not known:
        return lambda _value: False
    matches = re.compile(known).match
    return lambda value: matches(value.strip().casefold()) is not None


def is_within(wanted: str, firmware: str) -> bool:
    """Return whether a firmware is in a range such as `>=5.5,<6`, or fits a pattern.

    Versions are compared by their numbers in order; letters between them say nothing.
    """
    bounds = parse_range(wanted)
    if bounds is None:
        return is_like(wanted, firmware)
    own = _numbers(firmware)
    return bool(own) and all(_HOLDS[sign](*_aligned(own, _numbers(limit))) for sign, limit in bounds)


def parse_range(text: str) -> tuple[tuple[str, str], ...] | None:
    """Return the bounds of a range, None if the text is a pattern. Raises ValueError if it is a broken range."""
    if not text.lstrip().startswith(("<", ">", "=")):
        return None
    found = [_BOUND.fullmatch(part) for part in text.split(",")]
    if not all(found):
        raise ValueError(f"{text!r} is no range of versions such as '>=5.5,<6'")
    return tuple((one[1], one[2]) for one in found if one is not None)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number[:12]) for number in _NUMBER.findall(version)[:8])


def _aligned(one: tuple[int, ...], other: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    longest = max(len(one), len(other))
    return one + (0,) * (longest - len(one)), other + (0,) * (longest - len(other))


_HOLDS = {
    "<": lambda own, limit: own < limit,
    "<=": lambda own, limit: own <= limit,
    ">": lambda own, limit: own > limit,
    ">=": lambda own, limit: own >= limit,
    "=": lambda own, limit: own == limit,
    "==": lambda own, limit: own == limit,
}
