"""What a search finds: a thing, what kind of thing it is, and how well it fits what was asked."""

import re
from collections.abc import Collection, Iterable
from enum import StrEnum

import msgspec

from ingufu.views.stations import SiteIds


class HitKind(StrEnum):
    """What a search may find, in the order in which it is shown where all else is equal."""

    STATION = "station"
    SITE = "site"
    DRIVER = "driver"
    CARD = "card"
    GROUP = "group"
    SESSION = "session"
    CHARGE_RECORD = "charge-record"
    INVOICE = "invoice"
    TARIFF = "tariff"
    USER = "user"


class Fit(StrEnum):
    """How well a thing fits the text, the best first."""

    EXACT = "exact"
    BEGINS = "begins"  # a name or number begins so
    WORD = "word"  # a word in a name begins so
    INSIDE = "inside"


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """A thing that was found: what it is called, and one more fact by which it is told from others."""

    kind: HitKind
    id: str
    title: str
    detail: str = ""
    fit: Fit = Fit.EXACT


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """What whoever searches may see."""

    kinds: Collection[HitKind]
    site_ids: SiteIds = None
    fleet_id: str | None = None  # only drivers, cards and groups of this organisation, and their sessions
    organisation_id: str | None = None


def fitting(wanted: str, names: Iterable[str]) -> Fit:
    """Return how well the best of these names fits a text, which is folded."""
    best = Fit.INSIDE
    for name in names:
        folded = name.casefold()
        if folded == wanted:
            return Fit.EXACT
        if folded.startswith(wanted):
            best = Fit.BEGINS
        elif best is Fit.INSIDE and any(word.startswith(wanted) for word in re.split(r"[\W_]+", folded)):
            best = Fit.WORD
    return best
