"""Reads the JSON schemas of each OCPP version and brings them to one form: named definitions, no descriptions, marks.

A node is a JSON schema of one type, stripped to its constraints. Objects and enums are always definitions of their own,
reached by `{"$ref": name}`. `marks` on a node say what one version of a family asks for beyond the rest.
"""

import importlib.resources
import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeAlias

Node: TypeAlias = dict[str, Any]  # Any: JSON

SINCE = "2.1"
_IGNORED = {"$schema", "$id", "$comment", "comment", "definitions", "default", "description", "javaType", "title"}
_TYPE_WORDS = {
    "$ref",
    "type",
    "enum",
    "format",
    "multipleOf",
    "minimum",
    "maximum",
    "maxLength",
    "minItems",
    "maxItems",
}
_KNOWN = _TYPE_WORDS | {"items", "additionalItems", "properties", "required", "additionalProperties"}
_UNCUT = frozenset({"signedMeterData", "publicKey"})  # what cannot be checked any more when a part is missing
_LOWER, _UPPER = ("minimum", "minItems"), ("maximum", "maxLength", "maxItems")

# 1.6 writes objects and enums in place. They get the name of their property, or the name that the specification uses.
_NAMES_16 = {
    "configurationKey": "KeyValue",
    "csChargingProfiles": "ChargingProfile",
    "errorCode": "ChargePointErrorCode",
    "localAuthorizationList": "AuthorizationData",
    "recurrencyKind": "RecurrencyKind",
}
_TOO_COMMON = {"status", "type", "reason", "requestedMessage"}  # the owner's name is needed to tell these apart


class Family(NamedTuple):
    """All that one types file is made of."""

    versions: str
    definitions: dict[str, Node]
    messages: dict[str, tuple[str, str | None]]  # action: request and response, names of definitions
    action_sets: dict[str, list[str]]


def load_16() -> Family:
    """OCPP 1.6 and its security extension, as one family."""
    schemas = _read("v16")
    definitions: dict[str, Node] = {}
    for stem, schema in schemas.items():
        name = stem if stem.endswith("Response") else f"{stem}Request"
        local = {key: _stripped(node) for key, node in schema.get("definitions", {}).items()}
        definitions[name] = _hoisted(_stripped(schema), name, stem.removesuffix("Response"), local, definitions)
    actions = [stem for stem in schemas if not stem.endswith("Response")]
    messages: dict[str, tuple[str, str | None]] = {
        action: (f"{action}Request", f"{action}Response") for action in actions
    }
    security = [action for action in actions if "$id" in schemas[action]]
    return Family("1.6", definitions, messages, {"ACTIONS": actions, "ACTIONS_SECURITY": security})


def load_2() -> Family:
    """OCPP 2.0.1 and 2.1 as one family: the looser constraint of both, with marks where one of them asks for more."""
    old, new = _read("v201"), _read("v21")
    definitions_old, definitions = _definitions_2(old), _definitions_2(new)
    if lost := old.keys() - new.keys():
        raise SystemExit(f"OCPP 2.1 lacks {sorted(lost)}: it is no superset of 2.0.1 any more")
    for name in definitions_old.keys() & definitions.keys():
        definitions[name] = _merged(definitions_old[name], definitions[name], definitions_old, definitions)
    messages = {_action(stem): (stem, _answer(stem, new)) for stem in new if not stem.endswith("Response")}
    actions_old = [_action(stem) for stem in old if not stem.endswith("Response")]
    return Family("2.0.1 and 2.1", definitions, messages, {"ACTIONS_201": actions_old, "ACTIONS_21": list(messages)})


def references(node: Node) -> Iterator[str]:
    """The names of the definitions that `node` needs."""
    if "$ref" in node:
        yield node["$ref"]
    for child in (*node.get("properties", {}).values(), *([node["items"]] if "items" in node else [])):
        yield from references(child)


def _read(version: str) -> dict[str, Node]:
    folder = importlib.resources.files("ocpp") / version / "schemas"
    files = sorted((item for item in folder.iterdir() if item.name.endswith(".json")), key=lambda item: item.name)
    return {item.name.removesuffix(".json"): json.loads(item.read_text(encoding="utf-8-sig")) for item in files}


def _action(stem: str) -> str:
    return stem.removesuffix("Request")


def _answer(stem: str, schemas: dict[str, Node]) -> str | None:
    answer = f"{_action(stem)}Response"
    return answer if answer in schemas else None  # a SEND has none


def _stripped(node: Node) -> Node:
    """`node` with its constraints only; stops the generator at a keyword that it would not carry over."""
    if unknown := node.keys() - _KNOWN - _IGNORED:
        raise SystemExit(f"Unknown keywords in a schema: {sorted(unknown)}")
    plain = {key: value for key, value in node.items() if key in _TYPE_WORDS}
    if "$ref" in node:
        plain["$ref"] = node["$ref"].rpartition("/")[2]
    if "items" in node:
        plain["items"] = _stripped(node["items"])
    if node.get("type") == "object":
        plain["properties"] = {key: _stripped(child) for key, child in node.get("properties", {}).items()}
        plain["required"] = node.get("required", [])
        plain["open"] = node.get("additionalProperties") is not False
    return plain


def _definitions_2(schemas: dict[str, Node]) -> dict[str, Node]:
    """Messages and shared definitions by their class name; a name that means two things stops the generator."""
    definitions: dict[str, Node] = {}
    for stem, schema in schemas.items():
        for name, node in (*schema.get("definitions", {}).items(), (stem, schema)):
            plain = _renamed(_stripped(node), _class_name)
            if definitions.setdefault(_class_name(name), plain) != plain:
                raise SystemExit(f"{name} has two meanings, one of them in {stem}")
    return definitions


def _class_name(name: str) -> str:
    return name.removesuffix("Type")


def _renamed(node: Node, rename: Callable[[str], str]) -> Node:
    node = dict(node)
    if "$ref" in node:
        node["$ref"] = rename(node["$ref"])
    if "items" in node:
        node["items"] = _renamed(node["items"], rename)
    if "properties" in node:
        node["properties"] = {key: _renamed(child, rename) for key, child in node["properties"].items()}
    return node


def _hoisted(node: Node, owner: str, action: str, local: dict[str, Node], definitions: dict[str, Node]) -> Node:
    """`node`, the form of `owner`, with every object and enum inside it moved to `definitions` and referred to."""

    def moved(child: Node, key: str) -> Node:
        name = None
        if "$ref" in child:
            name, child = _class_name(child["$ref"]), local[child["$ref"]]
        if child.get("type") == "array":
            return {**child, "items": moved(child["items"], key)}
        if child.get("type") != "object" and "enum" not in child:
            return child
        name = name or _name_16(key, owner, child)
        child = _hoisted(child, name, action, local, definitions)
        if definitions.setdefault(name, child) != child:
            name = f"{action}{name}"
            definitions.setdefault(name, child)
        return {"$ref": name}

    if "properties" not in node:
        return node
    return {**node, "properties": {key: moved(child, key) for key, child in node["properties"].items()}}


def _name_16(key: str, owner: str, node: Node) -> str:
    name = _NAMES_16.get(key, key[0].upper() + key[1:])
    if key in _TOO_COMMON:
        name = f"{owner.removesuffix('Request').removesuffix('Response')}{name}"
    return f"{name}Enum" if "enum" in node else name


def _merged(old: Node, new: Node, definitions_old: dict[str, Node], definitions: dict[str, Node]) -> Node:
    """The looser of two nodes for the same thing, with the marks that give each version its own back."""
    if "$ref" in old and old["$ref"] != new.get("$ref"):
        old = definitions_old[old["$ref"]]
    merged, marks_old, marks_new = dict(new), dict[str, Any](), dict[str, Any]()
    for word in (*_LOWER, *_UPPER):
        looser = _looser(word, old, new)
        merged.pop(word, None)
        merged.update({} if looser is None else {word: looser})
        marks_old.update({} if old.get(word) in {looser, None} else {word: old[word]})
        marks_new.update({} if new.get(word) == looser else {word: new[word]})
    if old.get("type") == "integer" and new["type"] == "number":
        marks_old["integer"] = True
    if "enum" in old:
        if "enum" not in new:
            marks_old["enum"] = old["enum"]
            merged["maxLength"] = new["maxLength"]
        else:
            merged["values_since"] = [value for value in new["enum"] if value not in old["enum"]]
    merged["marks"] = {version: marks for version, marks in (("2.0.1", marks_old), (SINCE, marks_new)) if marks}
    if "items" in new:
        merged["items"] = _merged(old["items"], new["items"], definitions_old, definitions)
    if "properties" in new:
        merged["properties"] = _merged_properties(old, new, definitions_old, definitions)
        merged["required"] = [key for key in new["required"] if key in old["required"]]
    return merged


def _merged_properties(old: Node, new: Node, definitions_old: dict[str, Node], definitions: dict[str, Node]) -> Node:
    properties: Node = {}
    for key, child in new["properties"].items():
        known = key in old["properties"]
        properties[key] = _merged(old["properties"][key], child, definitions_old, definitions) if known else dict(child)
        if key in _UNCUT and known:
            properties[key] = _uncut(properties[key], old["properties"][key], child)
        if not known:
            properties[key]["since"] = SINCE
        required = {"2.0.1": key in old["required"], SINCE: key in new["required"]}
        if len(set(required.values())) > 1:
            properties[key]["required_in"] = next(version for version, asked in required.items() if asked)
    return properties


def _uncut(merged: Node, old: Node, new: Node) -> Node:
    """The node without a limit of its length, which either version still has for what is judged by the letter."""
    marks = {version: dict(merged.get("marks", {}).get(version, {})) for version in ("2.0.1", SINCE)}
    for version, node in (("2.0.1", old), (SINCE, new)):
        marks[version]["maxLength"] = node["maxLength"]
    return {**{word: value for word, value in merged.items() if word != "maxLength"}, "marks": marks}


def _looser(word: str, old: Node, new: Node) -> Any:  # Any: a number of JSON
    if word not in new or (word not in old and "enum" not in old):
        return None
    if word not in old:
        return new[word]
    return (min if word in _LOWER else max)(old[word], new[word])
