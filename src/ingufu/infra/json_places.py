"""Reads JSON with the place of every value in the text, also when the end of the text is missing."""

import json
import re
from typing import Literal

_MAX_DEPTH = 64
_BLANK = re.compile(r"[ \t\r\n]*")
_STRING = re.compile(r'"([^"\\]*(?:\\.[^"\\]*)*)("|\\?\Z)', re.DOTALL)
_SCALAR = re.compile(r"[^\s{}\[\]:,\"]+")
_LITERAL = re.compile(r"true|false|null|-?\d[\d.eE+-]*")
_CUT_NUMBER = re.compile(r"-?\d*[\d.eE+-]*")
_WORDS = ("true", "false", "null")
_CUT_ESCAPE = re.compile(r"\\u[0-9a-fA-F]{0,3}\Z|\\\Z")

Kind = Literal["object", "array", "string", "scalar"]


class Unreadable(Exception):
    """The text is not the beginning of any JSON."""


class Node:
    """A value, or what there is of it: `is_cut` if the text ends within."""

    __slots__ = ("end", "is_cut", "items", "kind", "members", "start", "text")

    def __init__(self, kind: Kind, start: int) -> None:
        self.kind = kind
        self.start = start
        self.end = start
        self.is_cut = False
        self.text = ""  # of strings, decoded; of scalars, as they stand
        self.items: list[Node] = []
        self.members: list[tuple[Node, Node | None]] = []


def read(text: str) -> Node:
    """Return the value that the text holds, or begins with where it was cut off. Raises Unreadable."""
    reader = _Reader(text)
    root = reader.value(0)
    if root is None or reader.peek():
        raise Unreadable
    return root


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def peek(self) -> str:
        """Return the next sign that is no blank; empty at the end."""
        blank = _BLANK.match(self._text, self._at)
        self._at = blank.end() if blank else self._at
        return self._text[self._at : self._at + 1]

    def value(self, depth: int) -> Node | None:
        """Return the next value, or None at the end of the text."""
        sign = self.peek()
        if not sign:
            return None
        if depth > _MAX_DEPTH:
            raise Unreadable
        if sign == "{":
            return self._object(depth)
        if sign == "[":
            return self._array(depth)
        return self._string() if sign == '"' else self._scalar()

    def _object(self, depth: int) -> Node:
        node = self._begin("object")
        while (sign := self._member_sign(node, "}")) not in {"}", ""}:
            if sign != '"':
                raise Unreadable
            name = self._string()
            colon = self.peek()
            if colon not in {":", ""} or (name.is_cut and colon):
                raise Unreadable
            self._at += len(colon)
            node.members.append((name, self.value(depth + 1) if colon else None))
        return self._finish(node, sign)

    def _array(self, depth: int) -> Node:
        node = self._begin("array")
        while (sign := self._member_sign(node, "]")) not in {"]", ""}:
            item = self.value(depth + 1)
            if item is not None:
                node.items.append(item)
        return self._finish(node, sign)

    def _begin(self, kind: Kind) -> Node:
        node = Node(kind, self._at)
        self._at += 1
        return node

    def _member_sign(self, node: Node, closing: str) -> str:
        """Return the sign with which the next member begins, past the comma that must stand before it."""
        sign = self.peek()
        if sign in {closing, ""} or not (node.members or node.items):
            return sign
        if sign != ",":
            raise Unreadable
        self._at += 1
        return self.peek()

    def _finish(self, node: Node, sign: str) -> Node:
        self._at += len(sign)
        node.end = self._at
        node.is_cut = not sign
        return node

    def _string(self) -> Node:
        found = _STRING.match(self._text, self._at)
        if found is None:
            raise Unreadable
        node = Node("string", self._at)
        node.is_cut = found[2] != '"'
        node.text = _decoded(found[1], is_cut=node.is_cut)
        node.end = self._at = found.end()
        return node

    def _scalar(self) -> Node:
        found = _SCALAR.match(self._text, self._at)
        if found is None:
            raise Unreadable
        node = Node("scalar", self._at)
        node.text = found[0]
        node.end = self._at = found.end()
        node.is_cut = node.end == len(self._text)
        if not (_is_begun(node.text) if node.is_cut else _LITERAL.fullmatch(node.text)):
            raise Unreadable
        return node


def _is_begun(text: str) -> bool:
    return _CUT_NUMBER.fullmatch(text) is not None or any(word.startswith(text) for word in _WORDS)


def _decoded(raw: str, *, is_cut: bool) -> str:
    if is_cut:
        raw = _CUT_ESCAPE.sub("", raw)
    if "\\" not in raw:
        return raw
    try:
        decoded: str = json.loads(f'"{raw}"', strict=False)
    except ValueError as error:  # an escape that JSON does not know
        raise Unreadable from error
    return decoded
