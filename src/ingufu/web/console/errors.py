"""Errors as pages: what happened, why and what to try, in the look; the API says the same as problem+json."""

from typing import Any
from urllib.parse import quote, urlsplit

import structlog
from litestar import Response
from litestar.exceptions import HTTPException
from litestar.response import Redirect

from ingufu.core import errors
from ingufu.core.errors import IngufuError
from ingufu.web import errors as web_errors
from ingufu.web import exchange
from ingufu.web.console.pages import HTML, Pages, Toast
from ingufu.web.declared import route_of
from ingufu.web.exchange import Asked

_TOLD = frozenset({"invalid-input", "conflict", "forbidden", "not-found"})  # whose own sentence says more
ENROL_PAGE = "/console/account/codes"  # where a second factor is set up

log = structlog.get_logger(__name__)


def answer_known(request: Asked, error: IngufuError) -> Response[Any]:
    """Answer an error of the house."""
    if isinstance(error, errors.Unauthenticated):
        return _to_login(request)
    if isinstance(error, web_errors.SecondFactorMissing):
        return _to_page(request, ENROL_PAGE)
    kind = next((kind for kind in type(error).__mro__ if kind in web_errors.STATUSES), None)
    if kind is None:
        return answer_unknown(request, error)
    message = error.message if error.code in _TOLD and error.message != web_errors.title(type(error)) else ""
    return _answer(request, kind, message)


def answer_router(request: Asked, error: HTTPException) -> Response[Any]:
    """Answer what the framework refuses."""
    kind = web_errors.ROUTER_ERRORS.get(error.status_code)
    return answer_unknown(request, error) if kind is None else _answer(request, kind, "")


def answer_unknown(request: Asked, error: Exception) -> Response[Any]:
    """Answer a bug: nothing of it but the id of the request, under which the log has the rest."""
    log.error("http.failed", request=exchange.request_id(request.scope), path=request.url.path, exc_info=error)
    return _answer(request, web_errors.InternalError, "")


def answer_lost(request: Asked, error: HTTPException) -> Response[Any]:
    """Answer an address that leads nowhere: a page to a browser that wants one, a problem to a program."""
    is_for_people = "text/html" in request.headers.get("accept", "") and not request.url.path.startswith("/api/")
    if route_of(request.scope) is None and is_for_people:
        return answer_router(request, error)
    return web_errors.answer_router(request, error)


def _to_login(request: Asked) -> Response[Any]:
    """Send the browser to the log-in, and from there back to the page that it was on."""
    if request.headers.get("hx-request") or request.headers.get("x-dialog"):
        shown = urlsplit(request.headers.get("hx-current-url", ""))
        here = quote(f"{shown.path}?{shown.query}" if shown.query else shown.path, safe="/")
        address = f"{web_errors.LOGIN_PAGE}?next={here}"
        return Response(None, status_code=401, headers={"HX-Redirect": address}, media_type=HTML)
    if "text/event-stream" in request.headers.get("accept", ""):
        return Response(None, status_code=401, media_type=HTML)  # a stream follows no way to a page
    if request.method != "GET":
        return Redirect(web_errors.LOGIN_PAGE, status_code=303)
    return Redirect(f"{web_errors.LOGIN_PAGE}?next={exchange.quoted_address(request.scope)}", status_code=303)


def _to_page(request: Asked, address: str) -> Response[Any]:
    if request.headers.get("hx-request") or request.headers.get("x-dialog"):
        return Response(None, status_code=403, headers={"HX-Redirect": address}, media_type=HTML)
    if "text/event-stream" in request.headers.get("accept", ""):
        return Response(None, status_code=403, media_type=HTML)
    return Redirect(address, status_code=303)


def _answer(request: Asked, kind: type[IngufuError], message: str) -> Response[Any]:
    pages: Pages = request.app.state["pages"]
    status = web_errors.STATUSES[kind]
    if request.headers.get("hx-request"):
        title = message or pages.macro(request, "parts/words.html", "error_word", kind.code)
        return pages.tell(Toast(message=title, tone="bad"), status=status)
    back = None if request.method != "GET" else request.url.path
    return pages.show_error(
        request,
        status,
        code=kind.code,
        message=message,
        back=back,
        request_id=exchange.request_id(request.scope),
    )
