"""Which desired value counts for a station, and whether the station is as desired."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Final

import msgspec

from ingufu.configuration import decide
from ingufu.configuration.decide import Surroundings
from ingufu.configuration.model import (
    GIVEN_UP,
    NOT_SENT,
    SETTLED,
    OwnerKind,
    Reach,
    Template,
    Variable,
    Wanted,
    Wish,
    WishState,
)
from ingufu.core.configuration import REBOOT_REQUIRED
from ingufu.stations.model import Station

MOST_TRIES: Final = 3  # of a value that the station accepts and does not keep
FIRST_RETRY_S: Final = 60.0
LONGEST_RETRY_S: Final = 6 * 3600.0
_UNKNOWN: Final = frozenset({"UnknownComponent", "UnknownVariable", "NotSupported", "NotSupportedAttributeType"})
_TAKEN: Final = frozenset({"Accepted", REBOOT_REQUIRED})


class Rank(msgspec.Struct, frozen=True, order=True):
    """How much a wish counts: by the first field that differs, the larger one wins."""

    level: int
    priority: int
    changed_at: datetime
    name: str


_STATION, _CHOSEN, _SITE, _FIRMWARE, _MODEL, _VENDOR, _VERSION, _EVERYONE = range(7, -1, -1)
LEVELS: Final = (
    (_STATION, "set for this station itself"),
    (_CHOSEN, "a template given to this station by hand"),
    (_SITE, "a template for its site"),
    (_FIRMWARE, "a template for its firmware"),
    (_MODEL, "a template for its model"),
    (_VENDOR, "a template for its vendor"),
    (_VERSION, "a template for its OCPP version"),
    (_EVERYONE, "a template for every station"),
)
_WORDS: Final = dict(LEVELS)


def applies(template: Template, station: Station, *, is_chosen: bool) -> bool:
    """Return whether a template is for a station."""
    if not template.is_active:
        return False
    if is_chosen:
        return True
    if template.reach is Reach.EVERYONE:
        return True
    return template.reach is Reach.MATCHING and matches(template, station)


def matches(template: Template, station: Station) -> bool:
    """Return whether a station is one of the site, vendor, model, firmware and version that a template names."""
    if template.site_id is not None and template.site_id != station.site_id:
        return False
    if template.version is not None and template.version != station.ocpp_version:
        return False
    for pattern, text in (
        (template.vendor, station.vendor),
        (template.model, station.model),
        (template.firmware, station.firmware_version),
    ):
        if pattern is not None and not _fits(pattern, text):
            return False
    return any((template.site_id, template.version, template.vendor, template.model, template.firmware))


def _fits(pattern: str, text: str | None) -> bool:
    """Return whether a text fits a pattern in which `*` stands for any signs, without regard to case."""
    if text is None:
        return False
    expression = ".*".join(re.escape(part) for part in pattern.strip().casefold().split("*"))
    return re.fullmatch(expression, text.strip().casefold(), re.DOTALL) is not None


def level(template: Template, *, is_chosen: bool) -> int:
    """Return how particular a template is to a station that it applies to."""
    if is_chosen:
        return _CHOSEN
    if template.reach is Reach.EVERYONE:
        return _EVERYONE
    named = (
        (template.site_id, _SITE),
        (template.firmware, _FIRMWARE),
        (template.model, _MODEL),
        (template.vendor, _VENDOR),
    )
    return next((rank for value, rank in named if value is not None), _VERSION)


def mark(wish: Wish, station: Station, untouched: tuple[str, ...] = ()) -> str:
    """Return what stays the same until the wish, or the firmware that answered to it, is another one.

    Behind a slash stands what quirks leave `untouched` at the station, and which of them are switched for it.
    """
    text = f"{wish.value}\0{wish.sealed}\0{station.firmware_version}\0{station.ocpp_version}"
    if not untouched and not station.quirks:
        return _digest(text)
    quirks = f"{sorted(untouched)}\0{sorted((station.quirks or {}).items())}"
    return f"{_digest(text)}/{_digest(quirks)}"


def is_same_story(before: Wanted, mark: str) -> bool:
    """Return whether earlier answers still hold. One that was not sent is tried once when the quirks are others."""
    if before.status == NOT_SENT:
        return before.mark == mark
    return before.mark.partition("/")[0] == mark.partition("/")[0]


def _digest(text: str) -> str:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def counting(
    station: Station, templates: Iterable[Template], chosen: frozenset[str], wishes: Iterable[Wish]
) -> dict[str, tuple[Wish, Template | None, str]]:
    """Return by key the wish that counts for a station, whose it is, and why it counts.

    What is set for the station itself counts before a template given to it by hand; then come templates for its site,
    firmware, model, vendor, version, and for every station. Of equals the higher priority counts, then the newer one.
    """
    by_id = {template.id: template for template in templates}
    ranked: dict[str, list[tuple[Rank, Wish, Template | None]]] = {}
    for wish in wishes:
        template = by_id.get(wish.owner_id) if wish.owner_kind is OwnerKind.TEMPLATE else None
        if wish.owner_kind is OwnerKind.STATION:
            if wish.owner_id != station.id:
                continue
            rank = Rank(_STATION, 0, wish.changed_at, "")
        elif template is not None and applies(template, station, is_chosen=template.id in chosen):
            rank = Rank(
                level(template, is_chosen=template.id in chosen), template.priority, template.changed_at, template.name
            )
        else:
            continue
        ranked.setdefault(wish.key, []).append((rank, wish, template))
    return {key: _first(entries) for key, entries in ranked.items()}


def _first(entries: Sequence[tuple[Rank, Wish, Template | None]]) -> tuple[Wish, Template | None, str]:
    ordered = sorted(entries, key=lambda entry: entry[0], reverse=True)
    rank, wish, template = ordered[0]
    why = _WORDS[rank.level].capitalize()
    beaten = [_named(entry) for entry in ordered[1:4]]
    if beaten:
        why += f", before {', '.join(beaten)}"
    return wish, template, f"{why}."


def _named(entry: tuple[Rank, Wish, Template | None]) -> str:
    _, wish, template = entry
    value = "a secret" if wish.is_secret else repr(wish.value or "")[:60]
    return f"{value} of {template.name if template is not None else 'the station'}"


def judge(wanted: Wanted, known: Variable | None, station: Station, around: Surroundings) -> Wanted:
    """Return where a desired value stands, by what the station told and answered last."""
    reported = None if known is None else known.value
    if wanted.is_secret:
        return _judge_secret(wanted, station)
    value = wanted.value or ""
    kind = decide.type_of(wanted.name, known)
    reported_text = decide.shown(wanted.name, reported)
    if reported is not None and decide.is_same(value, reported, kind):
        return _in_step(wanted, reported_text)
    if wanted.status == REBOOT_REQUIRED and not has_booted_since(station, wanted.asked_at):
        return _settle(wanted, WishState.NEEDS_REBOOT, reported_text, status=wanted.status, reason=wanted.reason)
    longest = decide.family(station.ocpp_version).value_longest
    reason = decide.flaw(wanted.name, value, known, longest) or decide.danger(wanted.name, value, around)
    if reason is None and not decide.can_say(station.ocpp_version, wanted.name):
        reason = f"OCPP {station.ocpp_version} has no such variable."
    if reason is not None:
        return _settle(wanted, WishState.NOT_FITTING, reported_text, status="", reason=reason)
    if wanted.status in _UNKNOWN:
        return _settle(wanted, WishState.NOT_KNOWN, reported_text, status=wanted.status, reason=wanted.reason)
    if wanted.status and wanted.status not in _TAKEN:
        return _settle(wanted, WishState.REFUSED, reported_text, status=wanted.status, reason=wanted.reason)
    if wanted.status in _TAKEN and wanted.tries >= MOST_TRIES and reported is not None:
        kept = f"It says {wanted.status} and keeps {reported_text!r}."
        return _settle(wanted, WishState.REFUSED, reported_text, status=wanted.status, reason=kept)
    state = WishState.WAITING if reported is None else WishState.DIFFERENT
    return _settle(wanted, state, reported_text, status=wanted.status, reason=wanted.reason)


def _judge_secret(wanted: Wanted, station: Station) -> Wanted:
    """Judge by the last answer: a secret is never reported."""
    if not wanted.status:
        return _settle(wanted, WishState.WAITING, None, status="", reason=wanted.reason)
    if wanted.status == REBOOT_REQUIRED and not has_booted_since(station, wanted.asked_at):
        return _settle(wanted, WishState.NEEDS_REBOOT, None, status=wanted.status, reason="")
    if wanted.status in _TAKEN:
        return _in_step(wanted, None)
    state = WishState.NOT_KNOWN if wanted.status in _UNKNOWN else WishState.REFUSED
    return _settle(wanted, state, None, status=wanted.status, reason=wanted.reason)


def _in_step(wanted: Wanted, reported: str | None) -> Wanted:
    """Return the wish as met; if the station loses it later, it is a new story."""
    met = msgspec.structs.replace(wanted, tries=0, next_at=None)
    return _settle(met, WishState.IN_STEP, reported, status=wanted.status, reason="")


def _settle(wanted: Wanted, state: WishState, reported: str | None, *, status: str, reason: str) -> Wanted:
    return msgspec.structs.replace(wanted, state=state, reported=reported, status=status, reason=reason)


def has_booted_since(station: Station, at: datetime | None) -> bool:
    return at is not None and station.last_boot_at is not None and station.last_boot_at > at


def is_due(wanted: Wanted, now: datetime) -> bool:
    """Return whether the station is to be asked for this value now."""
    if wanted.state in SETTLED or wanted.state in GIVEN_UP:
        return False
    return wanted.next_at is None or wanted.next_at <= now


def retry_at(tries: int, now: datetime) -> datetime:
    """Return when something that failed is tried again: later each time, and at least a few times a day."""
    return now + timedelta(seconds=min(FIRST_RETRY_S * 2.0 ** min(tries, 20), LONGEST_RETRY_S))


def drift(wanted: Iterable[Wanted]) -> int:
    """Return how many desired values are not in step with the station."""
    return sum(one.state not in SETTLED for one in wanted)


def known_by_key(variables: Iterable[Variable]) -> Mapping[str, Variable]:
    """Return actual values by the key of their variable."""
    return {one.key: one for one in variables if one.attribute == "Actual"}
