"""The OpenAPI document of the API, made from what the routes declare and from the types that read and write it."""

import re
from collections.abc import Iterable, Mapping
from inspect import cleandoc
from types import NoneType
from typing import Any, get_args, get_origin

import msgspec
from litestar import Response
from litestar.handlers import HTTPRouteHandler

from ingufu.core import errors
from ingufu.core.errors import IngufuError
from ingufu.web.api import TAGS
from ingufu.web.declared import KEY, SAFE_METHODS, Route
from ingufu.web.errors import (
    PROBLEM_TYPE,
    STATUSES,
    BodyTooLarge,
    IdempotencyMismatch,
    InternalError,
    MalformedRequest,
    Problem,
    RequestInProgress,
    SecretShownOnce,
    UnsupportedMediaType,
    title,
)

API_PATH = "/api/v1"
_TEMPLATE = "#/components/schemas/{name}"
_PARAMETER = re.compile(r"\{(\w+):(\w+)\}")
_PATH_TYPES: Mapping[str, dict[str, Any]] = {"str": {"type": "string"}, "int": {"type": "integer"}}
_PATH_HINTS = {
    "station": "Its id, or the identity by which it calls itself.",
    "action": "Of OCPP, as the version spells it.",
}

_ABOUT = """\
Everything that the console shows and does, for programs.

**Who asks.** Send an API key: `Authorization: Bearer ingufu_...`. Or log in; then the cookie stands for the key, and \
every change carries the header `X-CSRF-Token` with the token that the log-in answered. Each operation says which \
scope it needs. Who sees only some sites finds only what is there: the rest is not found.

**Errors** are problems of RFC 9457. `code` is stable, `detail` is for people. Quote `request_id` when you ask us.

**Lists** come in pages: pass `next` of one page as `cursor` of the next, with the same filters and order; null is the \
end. Parameters that do not exist are refused, so that a filter with a slip of the pen is not a list of everything.

**Energy and registers** are exact decimals, written as strings. Times are UTC unless they say otherwise.

**Writes may be repeated** with the header `Idempotency-Key`, any text that is new for each thing you want: the first \
request is done, and every one that repeats it within a day gets its answer, with `Idempotency-Replayed: true`. The \
same key with another request is refused (422), and so is a repetition while the first is still being worked on \
(409). If we crash in between, a repetition after two minutes is done anew."""


def make_document(handlers: Iterable[tuple[str, HTTPRouteHandler]]) -> dict[str, Any]:
    """Return the document of these handlers, each with the path before its own; it is the same in every deployment."""
    known = [(prefix, _declared(handler)) for prefix, handler in handlers]
    kinds = _kinds(route for _, route in known)
    schemas, components = msgspec.json.schema_components(kinds, ref_template=_TEMPLATE)
    by_kind = {_key(kind): schema for kind, schema in zip(kinds, schemas, strict=True)}
    paths: dict[str, dict[str, Any]] = {}
    for prefix, route in known:
        path = prefix + _PARAMETER.sub(r"{\1}", route.path)
        paths.setdefault(path, {})[route.method.lower()] = _operation(route, by_kind, components)
    queries = {_name(by_kind[_key(route.query)]) for _, route in known if route.query is not None}
    tags = {route.tag for _, route in known}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Ingufu", "version": "1", "description": _ABOUT, "license": _LICENSE},
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": about} for name, about in TAGS.items() if name in tags],
        "security": [{"key": []}, {"login": []}],
        "paths": paths,
        "components": {
            "schemas": {name: _tidy(schema) for name, schema in sorted(components.items()) if name not in queries},
            "securitySchemes": _SECURITY,
        },
    }


_LICENSE = {"name": "Apache-2.0", "identifier": "Apache-2.0"}
_SECURITY: Mapping[str, Any] = {
    "key": {"type": "http", "scheme": "bearer", "description": "An API key, `ingufu_...`."},
    "login": {
        "type": "apiKey",
        "in": "cookie",
        "name": "ingufu_session",
        "description": "The cookie of a log-in. Changes need the header `X-CSRF-Token` besides.",
    },
}


def _declared(handler: HTTPRouteHandler) -> Route:
    route: Route = handler.opt[KEY]
    return route


def _kinds(routes: Iterable[Route]) -> list[Any]:
    found: list[Any] = [Problem]
    for route in routes:
        found += [kind for kind in (route.query, route.body, _result(route)) if kind is not None]
    return list({_key(kind): kind for kind in found}.values())


def _key(kind: Any) -> str:  # types are told apart by how they are written, for not all of them are hashable
    return repr(kind)


def _result(route: Route) -> Any:
    """Return the type of what a route answers, None if it is nothing."""
    if get_origin(route.result) is Response:
        inner = get_args(route.result)[0]
        return None if inner in (NoneType, bytes) else inner
    return None if route.result in (None, NoneType) else route.result


def _name(schema: Mapping[str, Any]) -> str:
    return str(schema["$ref"]).rpartition("/")[2]


def _operation(route: Route, by_kind: Mapping[str, Any], components: Mapping[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.name,
        "tags": [route.tag],
        "summary": route.summary,
        "description": route.description,
        "parameters": [*_path_parameters(route), *_query_parameters(route, by_kind, components), *_headers(route)],
    }
    if route.is_public:
        operation["security"] = []
    if route.scope is not None:
        operation["x-scope"] = route.scope.value
        operation["description"] += f"\n\nNeeds the scope `{route.scope.value}`."
    if route.is_for_fleets:
        operation["x-for-fleets"] = True
    if route.is_for_organisations:
        operation["x-for-organisations"] = True
        operation["description"] += "\n\nFleets find what is theirs."
    if route.is_for_network:
        operation["x-for-network"] = True
        operation["description"] += "\n\nNot for those who see only some sites."
    if route.body is not None:
        operation["requestBody"] = {"required": True, "content": _json(by_kind[_key(route.body)])}
    elif route.file_bytes:
        operation["requestBody"] = {"required": True, "content": _json({}, "text/csv")}
    elif route.is_raw:
        operation["requestBody"] = {"required": False, "content": _json({})}
    operation["responses"] = _responses(route, by_kind)
    return operation


def _json(schema: Any, media_type: str = "application/json") -> dict[str, Any]:
    return {media_type: {"schema": schema}}


def _path_parameters(route: Route) -> list[dict[str, Any]]:
    return [
        _described(
            {"name": name, "in": "path", "required": True, "schema": dict(_PATH_TYPES[kind])}, _PATH_HINTS.get(name, "")
        )
        for name, kind in _PARAMETER.findall(route.path)
    ]


def _query_parameters(route: Route, by_kind: Mapping[str, Any], components: Mapping[str, Any]) -> list[dict[str, Any]]:
    if route.query is None:
        return []
    known = components[_name(by_kind[_key(route.query)])]
    return [
        _described(
            {"name": name, "in": "query", "required": name in known.get("required", ()), "schema": _given(schema)},
            _description(schema),
        )
        for name, schema in known["properties"].items()
    ]


def _given(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of a parameter that is given: it is never null."""
    plain = {name: value for name, value in schema.items() if name != "description" and value is not None}
    options = [option for option in plain.pop("anyOf", []) if option != {"type": "null"}]
    for option in options:
        plain |= {name: value for name, value in option.items() if name != "description"}
    return plain


def _description(schema: Mapping[str, Any]) -> str:
    own = schema.get("description")
    options: list[Mapping[str, Any]] = schema.get("anyOf", [])
    return str(own or next((option["description"] for option in options if "description" in option), ""))


def _tidy(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema whose description is not indented: Python takes that off docstrings from 3.13 on."""
    return schema | {"description": cleandoc(schema["description"])} if "description" in schema else schema


def _described(parameter: dict[str, Any], description: str) -> dict[str, Any]:
    return parameter | {"description": description} if description else parameter


def _headers(route: Route) -> list[dict[str, Any]]:
    if route.is_public or route.method in SAFE_METHODS:
        return []
    schema = {"type": "string", "minLength": 1, "maxLength": 255}
    about = "A text of your own that makes it safe to repeat the request."
    return [{"name": "Idempotency-Key", "in": "header", "required": False, "schema": schema, "description": about}]


def _responses(route: Route, by_kind: Mapping[str, Any]) -> dict[str, Any]:
    result = _result(route)
    success: dict[str, Any] = {"description": "Done." if result is None else "As asked."}
    if result is not None:
        success["content"] = _json(by_kind[_key(result)], route.media_type)
    elif route.media_type != "application/json":
        success["content"] = _json({"type": "string"}, route.media_type)
    by_status: dict[int, list[type[IngufuError]]] = {}
    for kind in _possible(route):
        by_status.setdefault(STATUSES[kind], []).append(kind)
    problems = {
        str(status): {
            "description": " ".join(f"`{kind.code}`: {title(kind)}" for kind in kinds),
            "content": _json({"$ref": _TEMPLATE.format(name="Problem")}, PROBLEM_TYPE),
        }
        for status, kinds in sorted(by_status.items())
    }
    return {str(route.status): success, **problems}


def _possible(route: Route) -> list[type[IngufuError]]:
    """Return what can go wrong, each kind once."""
    found = [*route.raises, InternalError, errors.Unavailable]
    if not route.is_public:
        found.append(errors.Unauthenticated)
    if route.scope is not None or route.is_for_network or route.method not in SAFE_METHODS:
        found.append(errors.Forbidden)
    if route.query is not None:
        found.append(errors.InvalidInput)
    if route.body is not None or route.is_raw or route.file_bytes:
        found += [errors.InvalidInput, MalformedRequest, BodyTooLarge, UnsupportedMediaType]
    if route.method not in SAFE_METHODS and not route.is_public:
        found += [MalformedRequest, RequestInProgress, IdempotencyMismatch]
    if route.shows_secret:
        found.append(SecretShownOnce)
    return list(dict.fromkeys(found))
