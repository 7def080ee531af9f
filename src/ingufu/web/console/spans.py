"""How long ago something was, in languages for which neither Babel nor browsers have the words."""

from collections.abc import Mapping
from datetime import timedelta

_UNITS = (
    ("year", 31_536_000),
    ("month", 2_592_000),
    ("week", 604_800),
    ("day", 86_400),
    ("hour", 3600),
    ("minute", 60),
    ("second", 1),
)
_THRESHOLD = 1.2  # below 1.2 hours it is minutes, as Babel has it elsewhere

WORDS: Mapping[str, Mapping[str, tuple[str, str, str, str]]] = {  # one ago, several ago, in one, in several
    "rw": {
        "second": ("hashize isegonda {n}", "hashize amasegonda {n}", "mu isegonda {n}", "mu masegonda {n}"),
        "minute": ("hashize umunota {n}", "hashize iminota {n}", "mu munota {n}", "mu minota {n}"),
        "hour": ("hashize isaha {n}", "hashize amasaha {n}", "mu isaha {n}", "mu masaha {n}"),
        "day": ("hashize umunsi {n}", "hashize iminsi {n}", "mu munsi {n}", "mu minsi {n}"),
        "week": ("hashize icyumweru {n}", "hashize ibyumweru {n}", "mu cyumweru {n}", "mu byumweru {n}"),
        "month": ("hashize ukwezi {n}", "hashize amezi {n}", "mu kwezi {n}", "mu mezi {n}"),
        "year": ("hashize umwaka {n}", "hashize imyaka {n}", "mu mwaka {n}", "mu myaka {n}"),
    }
}
LIKE = {"rw": "fr-RW"}  # whose dates and numbers a browser shows that has none of its own for the language
DATES = {"rw": "d MMM y"}  # where the data of the language has nothing better than the year first


def relative(span: timedelta, language: str) -> str:
    """Return how long ago (negative) or in how long; the language must be one of `WORDS`."""
    seconds = span.total_seconds()
    unit, size = next((one for one in _UNITS if abs(seconds) / one[1] >= _THRESHOLD), _UNITS[-1])
    number = round(abs(seconds) / size)
    forms = WORDS[language][unit]
    return forms[(0 if seconds <= 0 else 2) + (number != 1)].format(n=number)


def for_browser(language: str) -> dict[str, object]:
    """Return what pages tell their script of a language that browsers may not know; else nothing."""
    return {"like": LIKE[language], "relative": WORDS[language]} if language in WORDS else {}
