"""Payloads of requests from the fields of a form: what is left empty is left out, nothing else is added or changed."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from ingufu.core.commands import FieldForm
from ingufu.core.errors import InvalidInput

PREFIX = "p:"  # of the names of a request's fields
PRESENT = "{}"  # the last part of the name that says that an optional object is there
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)")

Node: TypeAlias = dict[str, Any]  # parts of names, and texts at the leaves


def build(fields: Sequence[FieldForm], pairs: Iterable[tuple[str, str]]) -> bytes:
    """Return the JSON of what was filled in. Numbers are sent digit by digit as they were typed.

    Raises InvalidInput, with the name of the field, for a number that is none and JSON that is none.
    """
    root: Node = {}
    for name, value in pairs:
        if name.startswith(PREFIX):
            _put(root, name.removeprefix(PREFIX).split("."), value)
    return msgspec.json.encode(_object(fields, root, PREFIX))


def skeleton(fields: Sequence[FieldForm]) -> dict[str, Any]:
    """Return the required fields with a first value each, for those who write JSON themselves."""
    return {field.name: _first_value(field) for field in fields if field.is_required}


def find(fields: Sequence[FieldForm], path: str) -> FieldForm | None:
    """Return the field that a name leads to; None if there is none."""
    *_, parts = path.partition(PREFIX)
    field: FieldForm | None = None
    known: Mapping[str, FieldForm] = {one.name: one for one in fields}
    for part in parts.split("."):
        field = field.item if field is not None and field.kind == "list" else known.get(part)
        if field is None:
            return None
        known = {one.name: one for one in field.fields}
    return field


def _put(node: Node, parts: Sequence[str], value: str) -> None:
    for part in parts[:-1]:
        below = node.setdefault(part, {})
        if not isinstance(below, dict):
            return
        node = below
    node.setdefault(parts[-1], value)


def _object(fields: Sequence[FieldForm], node: Node, path: str) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for field in fields:
        name = f"{path}{field.name}" if path == PREFIX else f"{path}.{field.name}"
        value = _value(field, node.get(field.name), name)
        if value is not msgspec.UNSET:
            made[field.name] = value
    return made


def _value(field: FieldForm, node: Any, path: str) -> Any:
    if field.kind == "object":
        return _object(field.fields, node, path) if isinstance(node, dict) else msgspec.UNSET
    if field.kind == "list":
        items = _items(field, node, path) if isinstance(node, dict) else []
        return items or msgspec.UNSET
    text = node if isinstance(node, str) else ""
    return msgspec.UNSET if not text.strip() else _leaf(field, text, path)


def _items(field: FieldForm, node: Node, path: str) -> list[Any]:
    item = field.item
    if item is None:
        return []
    made = [_value(item, below, f"{path}.{key}") for key, below in node.items() if key != PRESENT]
    return [value for value in made if value is not msgspec.UNSET]


def _leaf(field: FieldForm, text: str, path: str) -> Any:
    plain = text.strip()
    if field.kind == "integer" and not _INTEGER.fullmatch(plain):
        raise InvalidInput("A whole number is needed here.", field=path)
    if field.kind == "number" and not _NUMBER.fullmatch(plain):
        raise InvalidInput("A number is needed here, such as 12.5.", field=path)
    if field.kind in {"integer", "number"}:
        return msgspec.Raw(plain.encode())
    if field.kind == "boolean":
        return plain == "true"
    if field.kind == "any":
        return _json(plain, path)
    return plain if field.kind in {"choice", "instant"} else text


def _json(text: str, path: str) -> msgspec.Raw:
    try:
        return msgspec.json.decode(text.encode(), type=msgspec.Raw)
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise InvalidInput("JSON is needed here; a text stands in quotation marks.", field=path) from error


def _first_value(field: FieldForm) -> Any:
    match field.kind:
        case "object":
            return skeleton(field.fields)
        case "list":
            return [] if field.item is None else [_first_value(field.item)]
        case "integer" | "number":
            return int(field.minimum or 0)
        case "boolean":
            return False
        case "choice":
            return field.choices[0] if field.choices else ""
        case "any":
            return None
        case _:
            return ""
