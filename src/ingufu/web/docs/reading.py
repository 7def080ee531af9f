"""The OpenAPI document as people read it: operations by noun, fields as trees, a request to copy."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from markupsafe import Markup, escape

_DEEPEST = 6  # levels of fields that are shown; forms of commands nest without end
_CODE = re.compile(r"`([^`]+)`")
_BOLD = re.compile(r"\*\*([^*]+)\*\*")
_LIMITS = {
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minimum": "at least {}",
    "maximum": "at most {}",
    "exclusiveMinimum": "above {}",
    "exclusiveMaximum": "below {}",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
    "default": "default {}",
}
_SAMPLES: Mapping[str, Any] = {"string": "text", "integer": 1, "number": 1.5, "boolean": True}

Schema = Mapping[str, Any]


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a table of fields, with the fields inside it."""

    name: str
    kind: str
    is_required: bool
    about: Markup
    limits: str
    inside: tuple["Field", ...] = ()


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What may be answered."""

    status: str
    about: Markup
    kind: str
    fields: tuple[Field, ...] = ()


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One operation."""

    anchor: str
    method: str
    path: str
    summary: str
    about: Markup
    scope: str
    is_public: bool
    parameters: tuple[Field, ...]
    body: tuple[Field, ...]
    body_kind: str
    replies: tuple[Reply, ...]
    sample: str


class Chapter(msgspec.Struct, frozen=True, kw_only=True):
    """The operations of one noun."""

    name: str
    about: str
    operations: tuple[Operation, ...]


def chapters(document: Schema) -> list[Chapter]:
    """Return the document's operations by noun, in its order."""
    schemas = document["components"]["schemas"]
    found: dict[str, list[Operation]] = {tag["name"]: [] for tag in document["tags"]}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            found[operation["tags"][0]].append(_operation(method.upper(), path, operation, schemas))
    return [
        Chapter(name=tag["name"], about=tag["description"], operations=tuple(found[tag["name"]]))
        for tag in document["tags"]
    ]


def prose(text: str) -> Markup:
    """Return the little Markdown of descriptions as HTML: paragraphs, code, bold."""
    marked = _BOLD.sub(r"<strong>\1</strong>", _CODE.sub(r"<code>\1</code>", str(escape(text))))
    parts = [part for part in marked.split("\n\n") if part]
    return Markup("").join(Markup(f"<p>{part}</p>") for part in parts)  # noqa: S704 - escaped above


def _operation(method: str, path: str, operation: Schema, schemas: Schema) -> Operation:
    content = operation.get("requestBody", {}).get("content", {})
    body: Schema = content.get("application/json", {}).get("schema", {})
    return Operation(
        anchor=operation["operationId"].replace("_", "-"),
        method=method,
        path=path,
        summary=operation["summary"],
        about=prose(operation["description"]),
        scope=operation.get("x-scope", ""),
        is_public=operation.get("security") == [],
        parameters=tuple(_parameter(parameter, schemas) for parameter in operation["parameters"]),
        body=_fields(body, schemas, ()),
        body_kind=_kind(body, schemas) if content else "",
        replies=tuple(_reply(status, reply, schemas) for status, reply in operation["responses"].items()),
        sample=_sample(method, path, operation, body, schemas),
    )


def _parameter(parameter: Schema, schemas: Schema) -> Field:
    schema = parameter["schema"]
    return Field(
        name=parameter["name"],
        kind=f"{parameter['in']}, {_kind(schema, schemas)}",
        is_required=parameter["required"],
        about=prose(parameter.get("description", "")),
        limits=_limits(schema, schemas),
    )


def _reply(status: str, reply: Schema, schemas: Schema) -> Reply:
    media_type, content = next(iter(reply.get("content", {"": {}}).items()))
    schema: Schema = content.get("schema", {})
    is_problem = media_type == "application/problem+json"
    return Reply(
        status=status,
        about=prose(reply["description"]),
        kind="problem" if is_problem else _kind(schema, schemas) if content else "",
        fields=() if is_problem else _fields(schema, schemas, ()),
    )


def _resolved(schema: Schema, schemas: Schema) -> Schema:
    """Return the schema itself: behind a reference, and of what may be null the rest."""
    if "$ref" in schema:
        found: Schema = schemas[schema["$ref"].rpartition("/")[2]]
        return found
    options = [option for option in schema.get("anyOf", ()) if option != {"type": "null"}]
    if len(options) == 1:
        own = {name: value for name, value in schema.items() if name != "anyOf"}
        return {**_resolved(options[0], schemas), **own}
    return schema


def _kind(schema: Schema, schemas: Schema) -> str:
    if not schema:
        return "any JSON"
    inner = _resolved(schema, schemas)
    kind = _plain_kind(inner, schemas)
    return f"{kind} or null" if {"type": "null"} in schema.get("anyOf", ()) else kind


def _plain_kind(schema: Schema, schemas: Schema) -> str:
    if "enum" in schema:
        return "one of " + ", ".join(str(value) for value in schema["enum"])
    kind = schema.get("type", "any JSON")
    if kind == "array":
        return f"list of {_kind(schema.get('items', {}), schemas)}"
    if kind == "object" and "title" in schema:
        return str(schema["title"])
    return str(schema.get("format", kind))


def _limits(schema: Schema, schemas: Schema) -> str:
    inner = {**_resolved(schema, schemas), **schema}
    return ", ".join(
        words.format(json.dumps(inner[name]) if name == "default" else inner[name])
        for name, words in _LIMITS.items()
        if name in inner and inner[name] not in (None, "", [])
    )


def _fields(schema: Schema, schemas: Schema, above: Sequence[str]) -> tuple[Field, ...]:
    inner = _resolved(schema, schemas)
    if inner.get("type") == "array":
        return _fields(inner.get("items", {}), schemas, above)
    title = inner.get("title", "")
    if title in above or len(above) >= _DEEPEST:
        return ()
    required = inner.get("required", ())
    return tuple(
        Field(
            name=name,
            kind=_kind(field, schemas),
            is_required=name in required,
            about=prose(_about(field)),
            limits=_limits(field, schemas),
            inside=_fields(field, schemas, (*above, title)),
        )
        for name, field in inner.get("properties", {}).items()
    )


def _about(field: Schema) -> str:
    options = (option.get("description", "") for option in field.get("anyOf", ()))
    return field.get("description") or next((text for text in options if text), "")


def _sample(method: str, path: str, operation: Schema, body: Schema, schemas: Schema) -> str:
    lines = [f"curl {'' if method == 'GET' else f'-X {method} '}$INGUFU{path}"]
    if operation.get("security") != []:
        lines.append("-H 'Authorization: Bearer '$KEY")
    if "requestBody" in operation:
        lines.append("-H 'Content-Type: application/json'")
        lines.append(f"-d '{json.dumps(_example(body, schemas))}'")
    return " \\\n  ".join(lines)


def _example(schema: Schema, schemas: Schema) -> Any:
    inner = _resolved(schema, schemas)
    if "enum" in inner:
        return inner["enum"][0]
    if inner.get("type") == "object":
        required = inner.get("required", ())
        return {name: _example(inner["properties"][name], schemas) for name in required}
    if inner.get("type") == "array":
        return [_example(inner.get("items", {}), schemas)] if inner.get("minItems") else []
    if inner.get("format") == "date-time":
        return "2026-03-01T12:00:00Z"
    return _SAMPLES.get(inner.get("type", ""), {})
