"""What is whole of a message that is no JSON: cut off, with commas too many, or with words that are no values.

Meant for stations that are known to send such; what was cut within is left out, so that no number loses its end.
"""

import json
import re
from typing import Final

MAX_SIZE: Final = 64 * 1024  # bytes; a message that is longer is not worth the time
MAX_DEPTH: Final = 64
_SPACE: Final = " \t\r\n"
_SCALAR: Final = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null")
_STRING: Final = re.compile(r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"')
_WORD: Final = re.compile(r"[^\s,:\[\]{}\"]+")


class _Cut(Exception):
    """The text ends here, or says nothing more."""


def repair(frame: bytes) -> bytes | None:
    """Return a frame of what can be read for certain: an array with type and id at least; None if that is not there."""
    if len(frame) > MAX_SIZE:
        return None
    text = frame.decode("utf-8", "replace").strip("\ufeff\x00" + _SPACE)
    reader = _Reader(text)
    try:
        elements = reader.array(0)
    except _Cut:
        return None
    if len(elements) < 3 or elements[0] not in ("2", "3", "4"):
        return None
    if not elements[1].startswith('"'):
        return None
    if elements[0] == "2" and reader.was_cut:
        return None  # a request that lost its end may have lost what counts; it comes again
    return f"[{','.join(elements)}]".encode()


class _Reader:
    """Reads JSON texts as long as they are whole."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self.was_cut = False

    def array(self, depth: int) -> list[str]:
        """Return the items that are whole, each as JSON."""
        self._expect("[")
        items: list[str] = []
        while True:
            try:
                self._skip(",")
                if self._peek() == "]":
                    self._at += 1
                    return items
                items.append(self._value(depth + 1))
            except _Cut:
                self.was_cut = True
                return items

    def _object(self, depth: int) -> str:
        self._expect("{")
        members: dict[str, str] = {}
        while True:
            try:
                self._skip(",")
                if self._peek() == "}":
                    self._at += 1
                    break
                name = self._name()
                self._skip("")
                self._expect(":")
                value = self._member(depth)
                if value is not None:
                    members[name] = value
            except _Cut:
                self.was_cut = True
                break
        return "{" + ",".join(f"{json.dumps(name)}:{value}" for name, value in members.items()) + "}"

    def _member(self, depth: int) -> str | None:
        """Return the value of a member, None if there is none between colon and comma."""
        self._skip("")
        if self._peek() in ",}":
            return None
        return self._value(depth + 1)

    def _name(self) -> str:
        if self._peek() == '"':
            name: str = json.loads(self._string())
            return name
        return self._word()

    def _value(self, depth: int) -> str:
        if depth > MAX_DEPTH:
            raise _Cut
        self._skip("")
        sign = self._peek()
        if sign == "{":
            return self._object(depth)
        if sign == "[":
            return "[" + ",".join(self.array(depth)) + "]"
        return self._string() if sign == '"' else self._scalar()

    def _string(self) -> str:
        found = _STRING.match(self._text, self._at)
        if found is None:
            raise _Cut
        self._at = found.end()
        return found[0]

    def _scalar(self) -> str:
        word = self._word()
        if self._at == len(self._text):  # it may go on: 12 of 1234
            raise _Cut
        return word if _SCALAR.fullmatch(word) else json.dumps(word)

    def _word(self) -> str:
        found = _WORD.match(self._text, self._at)
        if found is None:
            raise _Cut
        self._at = found.end()
        return found[0]

    def _expect(self, sign: str) -> None:
        if self._peek() != sign:
            raise _Cut
        self._at += 1

    def _peek(self) -> str:
        if self._at >= len(self._text):
            raise _Cut
        return self._text[self._at]

    def _skip(self, besides: str) -> None:
        while self._at < len(self._text) and self._text[self._at] in _SPACE + besides:
            self._at += 1
