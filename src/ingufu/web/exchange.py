"""What every exchange has, whichever route it took: an id, the peer's address, protecting headers, one log line."""

import re
from collections.abc import MutableMapping
from typing import Any, TypeAlias
from urllib.parse import quote, urlsplit

import msgspec
import structlog
from litestar import Request
from litestar.datastructures import MutableScopeHeaders
from litestar.types import Message, Scope

from ingufu.accounts.model import Door, Principal
from ingufu.web.context import WebContext
from ingufu.web.declared import route_of
from ingufu.web.figures import Tally

Asked: TypeAlias = Request[Any, Any, Any]  # Litestar's three parameters are not used here

REQUEST_ID = "x-request-id"
_SANE_ID = re.compile(rb"[A-Za-z0-9._-]{8,64}")
_BEGAN = "ingufu.began"
_ID = "ingufu.request_id"
_HTML_POLICY = (
    "default-src 'self'; img-src 'self' data: https:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)  # https: for the tiles of maps
_API_POLICY = "default-src 'none'; frame-ancestors 'none'"
_API = "/api/"
_PERMISSIONS = (
    "camera=(), microphone=(), geolocation=(), payment=(), usb=(), "
    "publickey-credentials-get=(self), publickey-credentials-create=(self)"
)
_YEAR_S = 31_536_000

log = structlog.get_logger(__name__)


def context_of(scope: Scope | MutableMapping[str, Any]) -> WebContext:
    """Return what the application was made with."""
    context: WebContext = scope["litestar_app"].state["web"]
    return context


def request_id(scope: Scope | MutableMapping[str, Any]) -> str:
    """Return the id of this request: the one it came with, if that is sane, or one of ours."""
    state = scope.setdefault("state", {})
    if _ID not in state:
        given = _header(scope, REQUEST_ID.encode())
        is_sane = given is not None and _SANE_ID.fullmatch(given) is not None
        state[_ID] = given.decode() if given is not None and is_sane else context_of(scope).services.ids.new()
    known: str = state[_ID]
    return known


def client_address(scope: Scope | MutableMapping[str, Any]) -> str:
    """Return the address of who asks; what proxies say is believed only of those that the settings trust."""
    client = scope.get("client")
    address = str(client[0]) if client else "unknown"
    trusted = context_of(scope).settings.trusted_proxies
    hops = (_header(scope, b"x-forwarded-for") or b"").decode("latin-1").split(",")
    while address in trusted and hops and hops[-1].strip():
        address = hops.pop().strip()[:45]  # the longest form of an IPv6 address
    return address


def door_of(scope: Scope | MutableMapping[str, Any]) -> Door:
    """Return by which way someone came: a page of the console, or the API."""
    return Door.API if str(scope["path"]).startswith(_API) else Door.CONSOLE


def came(scope: Scope | MutableMapping[str, Any], principal: Principal) -> Principal:
    """Return who asks, with what the audit trail tells of this request."""
    return msgspec.structs.replace(principal, door=door_of(scope), request_id=request_id(scope))


def is_from_here(scope: Scope | MutableMapping[str, Any]) -> bool:
    """Return whether a program on this machine asks, with no proxy between."""
    settings = context_of(scope).settings
    client = scope.get("client")
    is_forwarded = any(name in (b"x-forwarded-for", b"forwarded", b"via") for name, _ in scope["headers"])
    has_proxy = is_forwarded or bool(settings.trusted_proxies) or bool(settings.public_url)
    return not has_proxy and client is not None and str(client[0]) in {"127.0.0.1", "::1"}


def is_https(scope: Scope | MutableMapping[str, Any]) -> bool:
    """Return whether the browser came by TLS, here or at a proxy."""
    return context_of(scope).settings.is_https or scope.get("scheme") == "https"


def own_origin(scope: Scope | MutableMapping[str, Any]) -> str:
    """Return the origin under which browsers reach us: as the settings name it, else as this one asked."""
    public = context_of(scope).settings.public_url
    if public:
        parts = urlsplit(public)
        return f"{parts.scheme}://{parts.netloc}"
    host = (_header(scope, b"host") or b"").decode("latin-1")[:300]
    return f"{'https' if is_https(scope) else 'http'}://{host}"


def quoted_address(scope: Scope | MutableMapping[str, Any]) -> str:
    """Return path and query of the request, fit to stand in another query."""
    query = scope.get("query_string", b"").decode("latin-1")
    return quote(f"{scope['path']}?{query}" if query else scope["path"], safe="/")


def begin(scope: Scope | MutableMapping[str, Any]) -> None:
    """Note when the request came."""
    scope.setdefault("state", {})[_BEGAN] = context_of(scope).services.clock.monotonic()


async def finish(message: Message, scope: Scope) -> None:
    """Add to every answer the headers that protect and the request's id, and write its line in the log."""
    if message["type"] != "http.response.start":
        return
    headers = MutableScopeHeaders.from_message(message)
    is_html = headers.get("content-type", "").startswith("text/html")
    headers["x-request-id"] = request_id(scope)
    headers.setdefault("x-content-type-options", "nosniff")
    headers.setdefault("referrer-policy", "same-origin")
    headers.setdefault("x-frame-options", "DENY")
    headers.setdefault("content-security-policy", _HTML_POLICY if is_html else _API_POLICY)
    headers.setdefault("cache-control", "no-store")
    headers.setdefault("cross-origin-resource-policy", "same-origin")
    headers.setdefault("cross-origin-opener-policy", "same-origin")
    headers.setdefault("permissions-policy", _PERMISSIONS)
    if is_https(scope):
        headers.setdefault("strict-transport-security", f"max-age={_YEAR_S}")
    _write(message["status"], scope)


def _write(status: int, scope: Scope) -> None:
    route = route_of(scope)
    clock = context_of(scope).services.clock
    began = scope["state"].get(_BEGAN)
    seconds = 0.0 if began is None else clock.monotonic() - began
    tally: Tally = scope["litestar_app"].state["tally"]
    tally.count(status, seconds)
    user = scope.get("user")
    log.info(
        "http.answered",
        method=scope["method"],  # type: ignore[typeddict-item]  # of HTTP
        path=route.path if route is not None else "",  # as declared: addresses may hold what nobody should read
        status=status,
        duration_ms=round(seconds * 1000, 1),
        principal=None if user is None else user.id,
        address=client_address(scope),
        request=request_id(scope),
    )


def _header(scope: Scope | MutableMapping[str, Any], name: bytes) -> bytes | None:
    found: bytes | None = next((value for key, value in scope["headers"] if key == name), None)
    return found
