"""Takes secrets out of OCPP frames and other text before it is kept: readable, cut off or broken alike.

A frame without a suspicious word passes unchanged after a few searches. Any other is read with the place of every
value, secrets are replaced where they stand, and the rest stays as it came, blanks and all. What cannot be read
and is suspicious is hidden from the first place at which it could hold a secret.
"""

import json
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ingufu.infra.json_places import Node, Unreadable, read

HIDDEN = "***"
_LONGEST_NAME = 100
_MAX_NESTING = 4  # JSON texts within JSON texts; a deeper one is hidden whole

_SUSPICIOUS = (
    "pass",
    "secret",
    "authorizationkey",
    "authorization:",
    "authkey",
    "keycode",
    "vpn",
    "apn",
    "simpin",
    '"pin',
    'pin"',
    'pin\\"',
    "private",
    "sharedkey",
    "apikey",
    "api_key",
    "psk",
    "credential",
    "bearer",
    "@",
    "\\u00",  # an escaped plain letter, which would hide any of the words above
)
_SECRET_NAME = re.compile(
    r"pass(?:word|wd|phrase|code)|secret|authorizationkey|authkey|simpin|^pin$|privatekey|sharedkey|apikey|psk$"
    r"|credential|bearer"
)
_SECRET_TOKENS = frozenset({"keycode", "pin"})  # types of id tokens that are typed in by people
_NAMING = frozenset({"key", "name", "variablename", "parameter", "parametername", "messageid"})
_VALUES = frozenset({"value", "attributevalue", "actualvalue", "newvalue", "data", "content"})
_TOKENS = frozenset({"idtoken", "additionalidtoken"})
_SAMPLES = frozenset({"metervalue", "transactiondata", "sampledvalue"})  # their `value` is never a secret
_NETWORKS = frozenset({"vpn", "apn"})
_NETWORK_SECRETS = frozenset({"key", "password", "apnpassword", "simpin"})

_NOT_WORD = re.compile(r"[^a-z0-9]")
# Every repetition is bounded, so that hostile text costs no more than its length.
_SCHEME = r"(:(?:\\{0,8}/){2})"
_USER_INFO = re.compile(_SCHEME + r"[^\s\"'<>]{0,1000}@")
_CUT_USER_INFO = re.compile(_SCHEME + r"[^\s\"'<>/@]{0,1000}\Z")
_ASSIGNED = re.compile(
    r"((?:pass(?:word|wd|phrase|code)|secret|authorization_?key|auth_?key|api_?key|private_?key|shared_?key|psk"
    r"|sim_?pin|key_?code|\bpin)[\w.-]{0,40}['\"]?\s{0,20}[=:>]\s{0,20}['\"]?)[^\s&;,<'\"]+",
    re.IGNORECASE,
)
_HEADER = re.compile(r"(authorization\s{0,20}[:=]\s{0,20}(?:basic|bearer|digest)?\s{0,20})\S+", re.IGNORECASE)
_PRIVATE_KEY = re.compile(r"-{0,5}BEGIN [A-Z ]{0,40}PRIVATE KEY.*", re.DOTALL)
_HEAD = re.compile(r'\s*\[\s*[2-6]\s*,\s*"[^"\\]{0,64}"\s*,\s*(?:"[A-Za-z]{1,60}"\s*,)?')

# Of a text, the quick test looks at what is left when all but these letters and the brackets are dropped, its shape:
# at a third of it, without figures, and the same for most messages of one kind. There it looks for what is left of the
# suspicious words. Which letters, only decides how often it errs, on the safe side: these were chosen by trying, so
# that no everyday message of OCPP holds any of what is left, and few letters of random ids are among them.
_TELLING = b"eknoprsvy"
_BETWEEN = b"\0"  # texts; one that holds it is looked at in parts, of which each must be in order
_LOWERED = bytes(range(256)).lower()
_UNTOLD = bytes(set(range(256)) - set(_TELLING + _TELLING.upper() + b"{}[]" + _BETWEEN))
_MAX_SHAPES = 4096
_LONGEST_SHAPE = 1024
_APART = ("@", "\\u00")  # words that are no letters, and rare enough to be looked for as they are


def _left_of(words: Sequence[str]) -> tuple[bytes, ...]:
    """Return what the quick test looks for: what is left of each word, without what holds another's."""
    left = {word.encode().translate(_LOWERED, _UNTOLD) for word in words}
    return tuple(sorted(one for one in left if not any(other != one and other in one for other in left)))


_SUSPICIOUS_LEFT = _left_of([word for word in _SUSPICIOUS if word not in _APART])


class _Mask(NamedTuple):
    start: int
    end: int
    text: str


class _Place(NamedTuple):
    """What is known of a value from what stands around it."""

    name: str = ""
    is_secret: bool = False
    is_secretly_named: bool = False  # the object, or one around it, says that its values are of a secret setting


def redact(text: str) -> str:
    """Return the text without secrets: passwords and keys by their name or by the setting they belong to, id tokens
    that are codes (OCPP 2.x `KeyCode`), access to networks, users and passwords in addresses, private keys; also
    inside JSON texts within strings. The text may be cut off or broken.
    """
    return _redact(text, 0)


class QuickTest:
    """Tells texts that surely hold no secret, many at once, and remembers their shapes: there are not many."""

    def __init__(self) -> None:
        self._clean: set[bytes] = set()

    def may_hold_secret(self, texts: Sequence[bytes]) -> bool:
        """Return False only if `redact` would change none of these texts (UTF-8).

        It errs on the safe side, rarely. Whatever is not ASCII is suspected: some letters of it are plain if lowered.
        """
        whole = _BETWEEN.join(texts)
        if not whole.isascii() or b"@" in whole or (b"\\" in whole and b"\\u00" in whole.lower()):
            return True
        shapes = set(whole.translate(_LOWERED, _UNTOLD).split(_BETWEEN)) - self._clean
        return bool(shapes) and not all(map(self._is_clean, shapes))

    def _is_clean(self, shape: bytes) -> bool:
        if any(word in shape for word in _SUSPICIOUS_LEFT):
            return False
        if shape.count(b"{") != shape.count(b"}") or shape.count(b"[") != shape.count(b"]"):
            return False
        if len(shape) <= _LONGEST_SHAPE:
            if len(self._clean) >= _MAX_SHAPES:
                self._clean.clear()
            self._clean.add(shape)
        return True


def _redact(text: str, nesting: int, *, is_cut: bool = False) -> str:
    if not (is_cut or _is_suspicious(text)):
        return text
    if nesting > _MAX_NESTING:
        return HIDDEN
    if not ("{" in text or '"' in text or text.lstrip().startswith("[")):
        return _redact_plain(text, is_cut=is_cut)
    try:
        root = read(text)
    except Unreadable:
        return _hide_unreadable(text)
    return _spliced(text, _masks(root, _Place(), nesting))


def _is_suspicious(text: str) -> bool:
    lowered = text.lower()
    for word in _SUSPICIOUS:  # a loop, as `any` takes twice as long, and this is asked of every frame
        if word in lowered:
            return True
    return text.count("{") != text.count("}") or text.count("[") != text.count("]")  # cut off: the word may be missing


def _redact_plain(text: str, *, is_cut: bool = False) -> str:
    text = _USER_INFO.sub(rf"\1{HIDDEN}@", text)
    if is_cut:
        text = _CUT_USER_INFO.sub(rf"\1{HIDDEN}", text)
    text = _HEADER.sub(rf"\1{HIDDEN}", text)
    text = _ASSIGNED.sub(rf"\1{HIDDEN}", text)
    return _PRIVATE_KEY.sub(HIDDEN, text)


def _hide_unreadable(text: str) -> str:
    """Keep what says which message it was; names and values can no longer be told apart in the rest."""
    head = _HEAD.match(text)
    kept = head[0] if head else ""
    hidden = len(text) - len(kept)
    return f"{kept}{HIDDEN} ({hidden} unreadable characters hidden, which may hold a secret)"


def _spliced(text: str, masks: Iterator[_Mask]) -> str:
    parts: list[str] = []
    at = 0
    for mask in masks:
        parts += (text[at : mask.start], mask.text)
        at = mask.end
    return "".join([*parts, text[at:]])


def _masks(node: Node, place: _Place, nesting: int) -> Iterator[_Mask]:
    """Yield what to replace, in the order of the text."""
    if node.kind == "object":
        yield from _masks_of_members(node, place, nesting)
    elif node.kind == "array":
        for item in node.items:
            yield from _masks(item, place, nesting)
    elif place.is_secret:
        if node.text not in {"", "true", "false", "null"}:
            yield _Mask(node.start, node.end, f'"{HIDDEN}"')
    elif node.kind == "string":
        redacted = _redact(node.text, nesting + 1, is_cut=node.is_cut)
        if redacted != node.text:
            yield _Mask(node.start, node.end, json.dumps(redacted, ensure_ascii=False))


def _masks_of_members(node: Node, place: _Place, nesting: int) -> Iterator[_Mask]:
    is_secretly_named = _is_secretly_named(node, place)
    has_secret_token = _has_secret_token(node)
    for name, value in node.members:
        if value is None:
            continue
        word = _word(name.text)
        is_secret = (
            place.is_secret
            or _SECRET_NAME.search(word) is not None
            or (is_secretly_named and word in _VALUES)
            or (has_secret_token and word in _TOKENS and value.kind != "object")
            or (place.name in _NETWORKS and word in _NETWORK_SECRETS)
        )
        yield from _masks(value, _Place(word, is_secret, is_secretly_named), nesting)


def _is_secretly_named(node: Node, place: _Place) -> bool:
    """Return whether the values of this object are those of a setting that is a secret.

    Its own name decides before what is around it; an object that was cut off before its name is taken for one.
    """
    if place.name in _SAMPLES:
        return False
    names = list(_names(node))
    if names:
        return any(_names_secret(name) for name in names)
    return place.is_secretly_named or node.is_cut


def _names(node: Node) -> Iterator[str]:
    for name, value in node.members:
        if value is None or value.is_cut:
            continue
        word = _word(name.text)
        if value.kind == "string" and (word in _NAMING or _names_secret(value.text)):
            yield value.text
        elif value.kind == "object" and word == "variable":
            yield from _names(value)


def _names_secret(text: str) -> bool:
    return len(text) <= _LONGEST_NAME and " " not in text and _SECRET_NAME.search(_word(text)) is not None


def _has_secret_token(node: Node) -> bool:
    """Return whether the token beside the type is typed in by a person; one whose type was cut off may be."""
    words = {_word(name.text): _word(value.text) for name, value in node.members if value and not value.is_cut}
    return not _SECRET_TOKENS.isdisjoint(words.values()) or (node.is_cut and "type" not in words)


def _word(text: str) -> str:
    return _NOT_WORD.sub("", text.lower())
