"""Who asks: API keys and log-in cookies become principals; what a route needs is checked before it runs."""

import hashlib
import hmac
from typing import Any

from litestar import Response
from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie
from litestar.enums import ScopeType
from litestar.handlers import BaseRouteHandler
from litestar.types import ASGIApp, Receive, Scope, Send

from ingufu.accounts.model import Principal
from ingufu.core.errors import Forbidden, Unauthenticated
from ingufu.web import exchange
from ingufu.web.declared import KEY, SAFE_METHODS, Route, route_of
from ingufu.web.errors import SecondFactorMissing

COOKIE = "ingufu_session"
SECURE_COOKIE = "__Host-ingufu_session"  # by TLS: browsers take it of this very host alone (RFC 6265bis 4.1.3.2)
CSRF_HEADER = "x-csrf-token"

Connection = ASGIConnection[Any, Any, Any, Any]  # Litestar's parameters are not used here


class Authentication:
    """Finds out who asks, before anything else is done for a request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP:
            exchange.begin(scope)
            route = route_of(scope)
            is_public = route is not None and route.is_public
            principal = None if is_public else await find_principal(Connection(scope))
            scope["user"] = None if principal is None else exchange.came(scope, principal)
        await self._app(scope, receive, send)


async def find_principal(connection: Connection) -> Principal | None:
    """Return who asks; None if it is not said.

    Raises Unauthenticated for a key or cookie that is not or no longer good, Forbidden for an unsafe request with a
    cookie but without the CSRF token that only our own pages know.
    """
    accounts = exchange.context_of(connection.scope).services.accounts
    address = exchange.client_address(connection.scope)
    header = connection.headers.get("authorization")
    if header is not None:
        kind, _, secret = header.partition(" ")
        if kind.lower() != "bearer":
            raise Unauthenticated("Give an API key: `Authorization: Bearer ingufu_...`.")
        return _known(await accounts.principal_of_key(secret.strip(), address), "The API key is not or no longer good.")
    secret = session_secret(connection)
    if not secret:
        return None
    principal = _known(await accounts.principal_of_login(secret, address), "The log-in is good no longer.")
    route = route_of(connection.scope)
    is_form = route is not None and route.is_form  # whose token is checked once its fields are read
    if connection.scope["method"] not in SAFE_METHODS and not is_form:  # type: ignore[typeddict-item]  # HTTP only
        check_csrf(connection, secret)
    return principal


def _known(principal: Principal | None, otherwise: str) -> Principal:
    if principal is None:
        raise Unauthenticated(otherwise)
    return principal


def csrf_token(secret: str) -> str:
    """Return what pages of this log-in send with every unsafe request: bound to the cookie, telling nothing of it."""
    return hmac.new(secret.encode(), b"csrf", hashlib.sha256).hexdigest()


def check_csrf(connection: Connection, secret: str) -> None:
    """Raise Forbidden unless one of our own pages asks."""
    given = connection.headers.get(CSRF_HEADER, "")
    if not hmac.compare_digest(given.encode(), csrf_token(secret).encode()):
        raise Forbidden(f"With a log-in cookie, changes need the header {CSRF_HEADER} (see GET /api/v1/me).")


def check_origin(connection: Connection) -> None:
    """Raise Forbidden if a page of another site lets its visitor's browser ask (log-in CSRF)."""
    site = connection.headers.get("sec-fetch-site", "")
    if site in {"cross-site", "same-site"} or (not site and not _is_own(connection)):
        raise Forbidden("Another site's page may not log you in.")


def _is_own(connection: Connection) -> bool:
    """Return whether an older browser, which tells only the origin, tells our own; programs tell none."""
    origin = connection.headers.get("origin", "")
    own = exchange.own_origin(connection.scope)
    return not origin or origin.partition("://")[2] == own.partition("://")[2]


async def guard(connection: Connection, handler: BaseRouteHandler) -> None:
    """Let only those in who may: nobody unless the route says who. Raises Unauthenticated, Forbidden."""
    route: Route | None = handler.opt.get(KEY)
    if route is None:
        raise Forbidden
    if route.is_public:
        return
    principal: Principal | None = connection.scope["user"]
    if principal is None:
        raise Unauthenticated
    if principal.must_enrol and not route.is_own:
        raise SecondFactorMissing
    why = refusal(principal, route)
    if why is not None:
        await _note_refusal(connection, principal, route, why)
        raise Forbidden(why)


def refusal(principal: Principal, route: Route) -> str | None:
    """Return why the principal may not use the route, or None."""
    if route.scope is not None and route.scope not in principal.scopes:
        return f"This needs the scope {route.scope.value}."
    if route.is_for_organisations and principal.people_of is not None:
        return None
    if principal.fleet_id is not None:
        is_open = route.is_for_fleets or route.scope is None
        return None if is_open else "This is not for fleets: you see your drivers and what they charged."
    if route.is_for_network and principal.site_ids is not None:
        return "This concerns the whole network, and you see only some of its sites."
    return None


def session_secret(connection: Connection) -> str:
    """Return the secret of the log-in that the browser keeps; empty if there is none."""
    return connection.cookies.get(_cookie_name(exchange.is_https(connection.scope)), "")


def session_cookie(secret: str, *, is_https: bool) -> Cookie:
    """Return the cookie of a log-in; it lives in the browser's session, how long it is good is known to us alone."""
    return _cookie(_cookie_name(is_https), secret, is_https=is_https)


def end_session(answer: Response[Any], connection: Connection) -> None:
    """Have the browser forget the log-in."""
    is_https = exchange.is_https(connection.scope)
    gone = _cookie(_cookie_name(is_https), "", is_https=is_https)
    gone.max_age = 0
    answer.set_cookie(gone)


def _cookie(name: str, value: str, *, is_https: bool) -> Cookie:
    return Cookie(key=name, value=value, path="/", httponly=True, samesite="lax", secure=is_https)


def _cookie_name(is_https: bool) -> str:  # noqa: FBT001 - its only argument
    return SECURE_COOKIE if is_https else COOKIE


async def _note_refusal(connection: Connection, principal: Principal, route: Route, why: str) -> None:
    """Keep in the audit trail who wanted to change something that was not theirs to change."""
    if route.method in SAFE_METHODS:
        return
    services = exchange.context_of(connection.scope).services
    async with services.database.work() as work:
        services.accounts.audit(
            work,
            principal,
            f"{route.method.lower()} {route.path}",
            object_kind=route.tag,
            object_id=next(iter(connection.path_params.values()), ""),
            is_refused=True,
            details={"reason": why},
        )
