"""How a function becomes a handler: what it names is handed to it, what it returns is sent, its docstring documents it.

A function may name `web`, `principal`, `hub`, `curve`, `pages`, `runs`, `uploads` and `request`; `criteria`, the query
as the route declares it; `given`, the body likewise; `form`, the fields of a form; and the parameters of its path.
"""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, get_type_hints

import msgspec
from litestar import HttpMethod, Response
from litestar.handlers import HTTPRouteHandler

from ingufu.core.errors import IngufuError
from ingufu.web.declared import KEY, Route
from ingufu.web.exchange import Asked
from ingufu.web.forms import check_form, read_form
from ingufu.web.reading import FORM_BYTES, MAX_BODY_BYTES, read_criteria, read_given

Handler = Callable[..., Awaitable[Any]]
FUNCTION = "function"  # of a handler's opt

_AT_HAND: Mapping[str, Callable[[Asked], Any]] = {
    "request": lambda request: request,
    "principal": lambda request: request.scope["user"],
    "web": lambda request: request.app.state["web"],
    "hub": lambda request: request.app.state["hub"],
    "curve": lambda request: request.app.state["curve"],
    "pages": lambda request: request.app.state["pages"],
    "runs": lambda request: request.app.state["pages"].runs,
    "uploads": lambda request: request.app.state["pages"].uploads,
}
_READ: Mapping[str, Callable[[Asked], Awaitable[Any]]] = {
    "criteria": read_criteria,
    "given": read_given,
    "form": read_form,
}


def route(
    method: str,
    path: str,
    *,
    status: int | None = None,
    raises: tuple[type[IngufuError], ...] = (),
    **declared: Any,  # the other fields of Route
) -> Callable[[Handler], HTTPRouteHandler]:
    """Make a handler of a function; its docstring is the documentation, its return type the result."""

    def decorate(function: Handler) -> HTTPRouteHandler:
        summary, _, description = inspect.cleandoc(function.__doc__ or "").partition("\n")
        hints = get_type_hints(function, include_extras=True)
        result = declared.pop("result", hints.pop("return", None))
        fitting = status or (201 if method == "POST" else 204 if result is type(None) else 200)
        known = Route(
            method=method,
            path=path,
            name=function.__name__,
            tag=function.__module__.rpartition(".")[2],
            summary=summary,
            description=_paragraphs(description),
            status=fitting,
            result=result,
            raises=raises,
            **declared,
        )
        # A 204 is said by the answer itself: the framework would have the function declared as returning nothing.
        usual = 200 if fitting == 204 else fitting
        opt = {KEY: known, FUNCTION: function}
        most = known.file_bytes + FORM_BYTES if known.file_bytes else MAX_BODY_BYTES
        handler = HTTPRouteHandler(
            path, http_method=HttpMethod(method), status_code=usual, opt=opt, request_max_body_size=most
        )
        return handler(_handing(function, tuple(hints), known))

    return decorate


def function_of(handler: HTTPRouteHandler) -> Handler:
    """Return the function that a handler was made of, for a page that does the same as the API."""
    function: Handler = handler.opt[FUNCTION]
    return function


def _handing(function: Handler, names: tuple[str, ...], known: Route) -> Handler:
    """Return the function as the framework calls it: with the request, which is all that it needs to know."""

    async def handle(request: Asked) -> Response[Any]:
        if known.is_form:
            await check_form(request)
        result = await function(**{name: await _argument(request, name) for name in names})
        if isinstance(result, Response):
            return result
        content = b"" if result is None else msgspec.json.encode(result)
        return Response(content, status_code=known.status, media_type=None if result is None else "application/json")

    return handle


async def _argument(request: Asked, name: str) -> Any:
    if name in _AT_HAND:
        return _AT_HAND[name](request)
    if name in _READ:
        return await _READ[name](request)
    return request.path_params[name]


def _paragraphs(text: str) -> str:
    return "\n\n".join(" ".join(part.split()) for part in text.strip().split("\n\n"))
