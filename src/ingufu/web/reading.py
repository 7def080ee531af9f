"""How a request is read: the query and the body as the structs that the route declares, or an error that says where."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, get_args

import msgspec
from litestar.exceptions import ClientException

from ingufu.core.errors import InvalidInput
from ingufu.web.declared import Route, route_of
from ingufu.web.errors import MalformedRequest, SlowRequest, UnsupportedMediaType, from_decoding
from ingufu.web.exchange import Asked

MAX_BODY_BYTES = 1024 * 1024  # the largest command a station takes is far smaller
FORM_BYTES = 64 * 1024  # what stands in a form beside a file
FILE_TIMEOUT_S = 600.0  # for a file, which may come by a slow line
BODY_TIMEOUT_S = 30.0  # a client that sends its body slower than this is not served


async def read_criteria(request: Asked) -> Any:  # the struct that the route declares
    """Return the query's parameters. Empty ones count as not given, as forms send them.

    Raises InvalidInput for a parameter that is unknown or not of its type.
    """
    kind = _declared(request).query
    if kind is None:
        return None
    return criteria_of(kind, {name: request.query_params.getall(name) for name in request.query_params})


def criteria_of(kind: Any, asked: Mapping[str, Sequence[str]]) -> Any:  # a struct, and one of it
    """Return the parameters of a query as the struct. Raises InvalidInput as `read_criteria` does."""
    lists = {field.encode_name for field in msgspec.structs.fields(kind) if _is_list(field.type)}
    values: dict[str, Any] = {}
    for name, texts in asked.items():
        given = [value for value in texts if value]
        if len(given) > 1 and name not in lists:
            raise InvalidInput("It is given more than once.", field=name)
        if given:
            values[name] = given if name in lists else given[0]
    try:
        return msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as error:
        raise from_decoding(error, "query") from error


async def read_given(request: Asked) -> Any:  # the struct that the route declares
    """Return the body. Raises InvalidInput, MalformedRequest, UnsupportedMediaType, BodyTooLarge."""
    kind = _declared(request).body
    if kind is None:
        return None
    raw = await read_body(request)
    if not raw:
        raise MalformedRequest("A JSON body is expected.")
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        if not isinstance(error, msgspec.MsgspecError):
            raise MalformedRequest("The body is not JSON.") from error
        raise from_decoding(error, "body") from error


async def read_body(request: Asked) -> bytes:
    """Return the bytes of a JSON body or of a file, unread. Raises as `read_given` does."""
    takes_file = _declared(request).file_bytes > 0
    try:
        async with asyncio.timeout(FILE_TIMEOUT_S if takes_file else BODY_TIMEOUT_S):
            raw = await request.body()
    except TimeoutError as error:
        raise SlowRequest from error
    except ClientException as error:
        if error.status_code == 400:  # the client went away
            raise MalformedRequest("The body ended too early.") from error
        raise
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if raw and not takes_file and kind != "application/json" and not kind.endswith("+json"):
        raise UnsupportedMediaType
    return raw


def _declared(request: Asked) -> Route:
    route = route_of(request.scope)
    assert route is not None  # noqa: S101 - the guard lets no other in
    return route


def _is_list(kind: Any) -> bool:
    return any(getattr(part, "__origin__", None) is tuple for part in (kind, *get_args(kind)))
