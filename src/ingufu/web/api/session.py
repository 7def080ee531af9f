"""Logging in and out, and who one is."""

from typing import Annotated

import msgspec
from litestar import Response
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from ingufu.accounts.model import ActorKind, Principal, Scope
from ingufu.core import errors
from ingufu.web import auth, exchange
from ingufu.web.context import WebContext
from ingufu.web.exchange import Asked
from ingufu.web.routes import route


class LogIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who wants to log in."""

    email: Annotated[str, Meta(min_length=1, max_length=254)]
    password: Annotated[str, Meta(min_length=1, max_length=1024)]


class Me(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, and what they may."""

    kind: ActorKind
    id: str
    name: str
    organisation_id: str | None
    scopes: tuple[Scope, ...]
    site_ids: Annotated[tuple[str, ...] | None, Meta(description="The sites they see; null: all.")]
    language: str
    csrf_token: Annotated[
        str | None, Meta(description="With a log-in cookie, what the header X-CSRF-Token of every change carries.")
    ] = None


@route(
    "POST", "/login", status=200, is_public=True, body=LogIn, raises=(errors.Unauthenticated, errors.TooManyRequests)
)
async def log_in(web: WebContext, request: Asked, given: LogIn) -> Response[Me]:
    """Log in

    Sets the cookie `ingufu_session`, which stands for an API key in browsers. Its changes need the `csrf_token` of the
    answer in the header `X-CSRF-Token`. Whether it is the address or the password that is wrong is not told, and
    after some wrong ones the answer is 429 for a while.
    """
    auth.check_origin(request)
    accounts, address = web.services.accounts, exchange.client_address(request.scope)
    agent = request.headers.get("user-agent", "")
    secret, _ = await accounts.login(given.email, given.password, address=address, user_agent=agent)
    principal = await accounts.principal_of_login(secret, address)
    if principal is None:
        raise errors.Unauthenticated
    cookie = auth.session_cookie(secret, is_https=exchange.is_https(request.scope))
    return Response(_me(principal, auth.csrf_token(secret)), cookies=[cookie])


@route("POST", "/logout", status=204)
async def log_out(web: WebContext, principal: Principal) -> Response[None]:
    """Log out

    The log-in of the cookie is good no longer. An API key stays as it is.
    """
    if principal.login_id is not None:
        async with web.services.database.work() as work:
            await web.services.accounts.log_out(work, principal.login_id)
    answer = Response(content=None, status_code=204)
    answer.delete_cookie(auth.COOKIE, path="/")
    return answer


@route("GET", "/me")
async def get_me(principal: Principal, request: Asked) -> Me:
    """Get who one is

    And what one may.
    """
    secret = request.cookies.get(auth.COOKIE, "") if principal.login_id is not None else ""
    return _me(principal, auth.csrf_token(secret) if secret else None)


def _me(principal: Principal, csrf_token: str | None) -> Me:
    return Me(
        kind=principal.kind,
        id=principal.id,
        name=principal.name,
        organisation_id=principal.organisation_id,
        scopes=tuple(sorted(principal.scopes)),
        site_ids=None if principal.site_ids is None else tuple(sorted(principal.site_ids)),
        language=principal.language,
        csrf_token=csrf_token,
    )


ROUTES: tuple[HTTPRouteHandler, ...] = (log_in, log_out, get_me)
