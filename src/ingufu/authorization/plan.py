"""What belongs on a station's local list, and by which messages it gets there. Pure."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import msgspec

from ingufu.authorization import restrictions
from ingufu.authorization.decide import is_secret
from ingufu.authorization.model import (
    Admission,
    ListMode,
    Place,
    Token,
    TokenFacts,
    VerdictReason,
    VerdictStatus,
)
from ingufu.core.admission import ListEntry, SendLocalList

VERSION_MAX = 2**31 - 1
ITEMS_UNKNOWN = 20  # entries of one message where the station does not say: the smallest seen in the field take more
BYTES_UNKNOWN = 32_768  # of one message where the station does not say
ENVELOPE_BYTES = 160  # of a message without its entries: CALL, action, version, type
ENTRY_BYTES = 300  # of an entry without its texts, all fields given
KINDS_201 = frozenset({"emaid", "iso14443", "iso15693", "keycode", "local", "macaddress"})
_VALUE_MAX = {"1.6": 20, "2.0.1": 36, "2.1": 255}

_encode = msgspec.json.Encoder(order="deterministic").encode


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How long a list and a message may be, as the station says."""

    items: int | None = None
    bytes: int | None = None
    entries: int | None = None


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """What is to stand on a list, by what the version tells apart, and how many tokens cannot although they belong."""

    version: str  # of OCPP
    entries: Mapping[str, ListEntry]
    left_out: int = 0


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What stands on the list: its version, and the fingerprint of each entry by the key that it was given under."""

    ocpp_version: str
    version: int
    entries: Mapping[str, str]


def listing(  # what a list rests on
    tokens: Iterable[TokenFacts],
    admission: Admission,
    place: Place | None,
    version: str,
    now: datetime,
    limit: int | None = None,
) -> Listing:
    """Return what belongs on the list of a station of this OCPP version. Too many: those used last are kept."""
    if admission.list_mode is ListMode.NONE:
        return Listing(version=version, entries={})
    chosen = frozenset(admission.list_groups)
    by_identity: dict[str, tuple[Token, ListEntry]] = {}
    left_out = 0
    for facts in tokens:
        if admission.list_mode is ListMode.GROUPS and facts.token.group_id not in chosen:
            continue
        verdict = _entry(facts, place, version, now)
        if verdict is None:
            continue
        if isinstance(verdict, str):
            left_out += 1
        else:
            by_identity.setdefault(identity(entry_key(verdict), version), (facts.token, verdict))
    found = list(by_identity.items())
    if limit is not None and len(found) > limit:
        found.sort(key=lambda one: one[1][0].last_used_at or one[1][0].created_at, reverse=True)
        left_out += len(found) - limit
        found = found[:limit]
    return Listing(version=version, entries={key: entry for key, (_, entry) in found}, left_out=left_out)


def messages(
    wanted: Mapping[str, ListEntry], known: Known, limits: Limits, *, above: int, is_full: bool
) -> list[SendLocalList]:
    """Return what to send so that the list is as wanted; nothing if it is. Versions rise from `above`.

    What is too long for one message begins with a full one and goes on with differential ones (1.6 5.15; 2.x D01).
    What goes is told before what comes: some stations of 2.x do not tell one value's kinds apart.
    """
    changed = [
        entry for entry in wanted.values() if is_full or known.entries.get(entry_key(entry)) != fingerprint(entry)
    ]
    gone = [] if is_full else _gone(wanted, known)
    if not is_full and not changed and not gone:
        return []
    if not is_full and len(changed) + len(gone) > max(len(wanted), 1):
        return messages(wanted, known, limits, above=above, is_full=True)
    parts = _split([*gone, *changed], limits) or [()]
    first = 1 if above + len(parts) > VERSION_MAX else above + 1
    return [
        SendLocalList(version=first + number, is_full=is_full and number == 0, entries=part)
        for number, part in enumerate(parts)
    ]


def after(known: Known, sent: SendLocalList) -> Known:
    """Return what stands on the list once the station has accepted a message."""
    entries: dict[str, str] = {}
    if not sent.is_full:
        told = {identity(entry_key(entry), known.ocpp_version) for entry in sent.entries}
        entries = {key: mark for key, mark in known.entries.items() if identity(key, known.ocpp_version) not in told}
    entries |= {entry_key(entry): fingerprint(entry) for entry in sent.entries if entry.status is not None}
    return Known(ocpp_version=known.ocpp_version, version=sent.version, entries=entries)


def entry_key(entry: ListEntry) -> str:
    """Return what names an entry on a list: kind and value as the station was given them."""
    return f"{entry.kind}\n{entry.value}"


def identity(key: str, version: str) -> str:
    """Return what an OCPP version tells the entry of this key from others by: in 1.6 a card has no kind, in none case.

    Two entries that are one to the station must not stand in one message: it would keep what comes last.
    """
    kind, _, value = key.partition("\n")
    value = value.strip().casefold()
    return value if version == "1.6" else f"{kind.casefold()}\n{value}"


def fingerprint(entry: ListEntry) -> str:
    """Return a short text that differs when anything of the entry does."""
    return hashlib.blake2b(_encode(entry), digest_size=9).hexdigest()


def size(entry: ListEntry) -> int:
    """Return a bound on the bytes of an entry in a message of any version."""
    texts = (entry.value, entry.kind, entry.group or "", entry.language or "")
    return ENTRY_BYTES + sum(len(_encode(text)) for text in texts) + 12 * len(entry.evses)


def _entry(facts: TokenFacts, place: Place | None, version: str, now: datetime) -> ListEntry | str | None:
    """Return the entry of a token, None if it may not charge there, or why it may and still cannot stand on a list."""
    token = facts.token
    is_over = token.expires_at is not None and token.expires_at <= now
    if facts.is_driver_blocked or is_over or (token.valid_from is not None and now < token.valid_from):
        return None
    reason, evses = restrictions.judge(token, place, None, now)
    if reason not in (VerdictReason.KNOWN_TOKEN, VerdictReason.OUTSIDE_HOURS):
        return None
    unspeakable = _find_unspeakable(facts, evses, version)
    if unspeakable is not None:
        return unspeakable
    longest = _VALUE_MAX.get(version, 20)
    group = facts.group_value
    return ListEntry(
        value=token.value,
        kind=token.kind,
        status=VerdictStatus.ACCEPTED.value,
        group=group if group is not None and len(group) <= longest else None,
        expires_at=token.expires_at,
        priority=token.charging_priority,
        language=token.language or facts.driver_language,
        evses=evses,
    )


def _find_unspeakable(facts: TokenFacts, evses: tuple[int, ...], version: str) -> str | None:
    """Return why a list of this version cannot say under which conditions the token may charge."""
    token = facts.token
    is_16 = version == "1.6"
    reasons = (
        (token.limits is not None and bool(token.limits.hours), "A list knows no hours."),
        (is_16 and bool(evses), "A list of 1.6 knows no EVSEs."),
        (is_16 and facts.is_master_pass, "A list of 1.6 would let it start."),
        (is_16 and is_secret(token.kind), "1.6 does not tell a code from a card."),
        (version == "2.0.1" and token.kind.casefold() not in KINDS_201, "2.0.1 has no such kind."),
        (len(token.value) > _VALUE_MAX.get(version, 20), "The value is too long for the version."),
    )
    return next((why for is_so, why in reasons if is_so), None)


def _gone(wanted: Mapping[str, ListEntry], known: Known) -> list[ListEntry]:
    keys = {identity(key, known.ocpp_version): key for key in known.entries}
    return [_removal(key) for one, key in keys.items() if one not in wanted]


def _removal(key: str) -> ListEntry:
    kind, _, value = key.partition("\n")
    return ListEntry(value=value, kind=kind)


def _split(entries: Sequence[ListEntry], limits: Limits) -> list[tuple[ListEntry, ...]]:
    most = max(limits.items or ITEMS_UNKNOWN, 1)
    room = max((limits.bytes or BYTES_UNKNOWN) - ENVELOPE_BYTES, 0)
    parts: list[tuple[ListEntry, ...]] = []
    part: list[ListEntry] = []
    used = 0
    for entry in entries:
        needed = size(entry)
        if part and (len(part) >= most or used + needed > room):
            parts.append(tuple(part))
            part, used = [], 0
        part.append(entry)
        used += needed
    return [*parts, tuple(part)] if part else parts
