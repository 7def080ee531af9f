"""The chain that makes a change of the audit trail noticed: what is sealed, how, and what is wrong with what was read.

Every entry carries from its insertion on a mark: an HMAC of its content by a key that the database does not hold. Soon
after, the entries are linked: each seal is an HMAC over the seal before it, its own number, and the mark of its entry.
The head of the chain is signed too, and a copy of it is kept outside of the database.
"""

import hmac
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any

import msgspec

FIRST_SEAL = "0" * 64  # what the first seal of a trail is made over
MOST_FLAWS = 20  # that are named
_CONTENT = (
    "nonce", "actor_kind", "actor_id", "actor_name", "address", "action", "object_kind", "object_id", "is_refused",
    "details", "changes", "door", "request_id",
)  # fmt: skip

_encode = msgspec.json.Encoder(order="sorted").encode


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """Where the chain begins and ends: of what was pruned, the last seal is kept."""

    first_number: int  # of the last entry that is not checked any more, as it is pruned; 0 for none
    first_seal: str
    head_number: int
    head_seal: str
    sealed_at: datetime
    key_id: str = ""  # tells the key from others, and nothing of it
    mac: str = ""


class FlawKind(StrEnum):
    """What can be wrong."""

    CHANGED = "changed"  # an entry is not as it was written
    MISSING = "missing"  # an entry was there and is gone
    ORDER = "order"  # a seal does not follow from the one before
    FORGED = "forged"  # an entry that we never wrote
    CUT = "cut"  # the newest entries are gone
    HEAD = "head"  # the signature of the head is not ours
    KEY = "key"  # the trail was made with another key than the one in use


class Flaw(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong, and with which entry."""

    kind: FlawKind
    number: int | None = None  # in the chain
    entry_id: int | None = None
    what: str


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """What a check of the whole trail found."""

    is_whole: bool
    checked_at: datetime
    entries: int  # looked at
    first_number: int  # up to this one the trail was pruned
    head_number: int
    head_seal: str
    sealed_at: datetime | None = None
    unsealed: int = 0  # written in the last seconds, and not in the chain yet
    flaws: tuple[Flaw, ...] = ()  # the first of them first


def mark(key: bytes, entry: Mapping[str, Any]) -> str:
    """Return the HMAC of an entry's content."""
    at: datetime = entry["at"]
    content = {name: entry[name] for name in _CONTENT} | {"at": at.astimezone(UTC).isoformat()}
    return hmac.new(key, b"entry\0" + _encode(content), sha256).hexdigest()


def is_as_written(key: bytes, entry: Mapping[str, Any]) -> bool:
    """Return whether an entry's mark is that of its content. Content that cannot be read is left out of `entry`."""
    try:
        return _same(mark(key, entry), entry["mark"])
    except Exception:  # noqa: BLE001 - what is not even of the kind that we write, whatever it is
        return False


def seal(key: bytes, before: str, number: int, entry_id: int, entry_mark: str) -> str:
    """Return the seal of the entry that stands at this number of the chain."""
    return hmac.new(key, f"seal\0{before}\0{number}\0{entry_id}\0{entry_mark}".encode(), sha256).hexdigest()


def head_mac(key: bytes, head: Head) -> str:
    """Return the signature of the head."""
    at = head.sealed_at.astimezone(UTC).isoformat()
    parts = (head.first_number, head.first_seal, head.head_number, head.head_seal, at)
    return hmac.new(key, "\0".join(("head", *map(str, parts))).encode(), sha256).hexdigest()


def key_id(key: bytes) -> str:
    """Return what tells this key from others."""
    return hmac.new(key, b"key", sha256).hexdigest()[:16]


def signed(key: bytes, head: Head) -> Head:
    """Return the head with its signature."""
    return msgspec.structs.replace(head, key_id=key_id(key), mac=head_mac(key, head))


def is_ours(key: bytes, head: Head) -> bool:
    """Return whether the head was signed with this key, and is as it was."""
    return _same(head_mac(key, head), head.mac)


def _same(expected: str, found: object) -> bool:
    return isinstance(found, str) and hmac.compare_digest(expected.encode(), found.encode())


class Walk:
    """Follows the chain from its start, seal by seal, and says what is wrong."""

    def __init__(self, key: bytes, number: int, seal_before: str) -> None:
        self._key = key
        self.number = number
        self.seal = seal_before

    def step(self, row: Mapping[str, Any]) -> Iterator[Flaw]:
        """Yield what is wrong with the next seal and its entry. `row`: the seal, and its entry or None for each.

        An entry that cannot be read has its mark only.
        """
        number, entry_id = int(row["number"]), int(row["entry_id"])
        if number != self.number + 1:
            gone = f"{self.number + 1} to {number - 1}" if number > self.number + 2 else str(number - 1)
            yield Flaw(kind=FlawKind.MISSING, number=self.number + 1, what=f"The seals numbered {gone} are gone.")
        entry_mark = row["mark"]
        if entry_mark is None:
            yield _flaw(FlawKind.MISSING, row, f"Entry {entry_id} was deleted.")
        elif not is_as_written(self._key, row):
            yield _flaw(FlawKind.CHANGED, row, f"Entry {entry_id} is not as it was written.")
        if entry_mark is not None and number == self.number + 1:
            expected = seal(self._key, self.seal, number, entry_id, entry_mark)
            if not _same(expected, row["seal"]):
                yield _flaw(FlawKind.ORDER, row, f"The seal of entry {entry_id} does not follow from the one before.")
        self.number, self.seal = number, row["seal"]


def check_end(key: bytes, walk: Walk, head: Head) -> Iterator[Flaw]:
    """Yield what is wrong with the head of the chain, once all of it was walked."""
    if not is_ours(key, head):
        yield Flaw(kind=FlawKind.HEAD, number=head.head_number, what="The head of the chain was not signed by us.")
    if head.head_number > walk.number:
        what = f"The chain ends at number {walk.number}, and had {head.head_number}."
        yield Flaw(kind=FlawKind.CUT, number=walk.number + 1, what=what)
    elif head.head_seal != walk.seal:
        yield Flaw(kind=FlawKind.HEAD, number=head.head_number, what="The last seal is not the one that was signed.")


def check_witness(witness: Head, head: Head, seal_then: str | None) -> Iterator[Flaw]:
    """Yield what the file beside the key knows better. `seal_then`: what the chain has at the number of the file."""
    when = witness.sealed_at.astimezone(UTC).isoformat(timespec="seconds")
    if witness.head_number > head.head_number:
        what = f"The trail had {witness.head_number} entries on {when}, as the file beside the key says."
        yield Flaw(kind=FlawKind.CUT, number=head.head_number + 1, what=what)
    elif witness.head_number > head.first_number and seal_then not in (None, witness.head_seal):  # None: said already
        what = f"Number {witness.head_number} had another seal on {when}, as the file beside the key says."
        yield Flaw(kind=FlawKind.ORDER, number=witness.head_number, what=what)


def _flaw(kind: FlawKind, row: Mapping[str, Any], what: str) -> Flaw:
    return Flaw(kind=kind, number=int(row["number"]), entry_id=int(row["entry_id"]), what=what)


def told(flaws: Sequence[Flaw], key: bytes, head: Head | None) -> tuple[Flaw, ...]:
    """Return what is told of the flaws: in the order of the chain, and one only if it is another key's."""
    if flaws and head is not None and head.key_id != key_id(key):
        what = "The trail was sealed with another key than the one in use: restore the file secrets.key."
        return (Flaw(kind=FlawKind.KEY, number=head.first_number + 1, what=what),)
    last = 1 << 63
    return tuple(sorted(flaws, key=lambda flaw: (flaw.number or last, flaw.entry_id or last))[:MOST_FLAWS])
