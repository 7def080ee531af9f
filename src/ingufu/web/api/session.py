"""Logging in and out, and who one is."""

from datetime import datetime
from typing import Annotated

import msgspec
from litestar import Response
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from ingufu.accounts.model import ActorKind, Principal, Scope
from ingufu.accounts.sign_in.model import Entry, Factor, Step
from ingufu.core import errors
from ingufu.web import access, auth, exchange
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
    must_enrol: Annotated[bool, Meta(description="They have to set up a second factor before anything else.")] = False
    csrf_token: Annotated[
        str | None, Meta(description="With a log-in cookie, what the header X-CSRF-Token of every change carries.")
    ] = None


class LoggedIn(Me, frozen=True, kw_only=True, tag_field="state", tag="logged-in"):
    """One is logged in, and this is who."""


class SecondFactorNeeded(msgspec.Struct, frozen=True, kw_only=True, tag_field="state", tag="second-factor-needed"):
    """The password was right, and a second step is left: `POST /login/second-factor`, or a passkey."""

    step: Annotated[str, Meta(description="Comes with the second step.")]
    factors: Annotated[tuple[Factor, ...], Meta(description="What the second step takes.")]
    expires_at: datetime


@route(
    "POST", "/login", status=200, is_public=True, body=LogIn, raises=(errors.Unauthenticated, errors.TooManyRequests)
)
async def log_in(web: WebContext, request: Asked, given: LogIn) -> Response[LoggedIn | SecondFactorNeeded]:
    """Log in

    Sets the cookie `ingufu_session` (by TLS `__Host-ingufu_session`), which stands for an API key in browsers. Its
    changes need the `csrf_token` of the answer in the header `X-CSRF-Token`. Who has a second factor is asked for it:
    then no cookie is set, and the answer's `state` is `second-factor-needed`. Whether it is the address or the
    password that is wrong is not told, and after some wrong ones the answer is 429 for a while.
    """
    auth.check_origin(request)
    entered = await web.services.sign_in.entering.by_password(given.email, given.password, **whence(request))
    return await answer_entered(web, request, entered)


@route("POST", "/logout", status=204, is_own=True)
async def log_out(web: WebContext, request: Asked, principal: Principal) -> Response[None]:
    """Log out

    The log-in of the cookie is good no longer. An API key stays as it is.
    """
    if principal.login_id is not None:
        async with web.services.database.work() as work:
            await web.services.accounts.log_out(work, principal.login_id)
            access.note(web, work, principal, "login.end", principal.login_id)
    answer = Response(content=None, status_code=204)
    auth.end_session(answer, request)
    return answer


@route("GET", "/me", is_own=True)
async def get_me(principal: Principal, request: Asked) -> Me:
    """Get who one is

    And what one may.
    """
    secret = auth.session_secret(request) if principal.login_id is not None else ""
    return _me(principal, auth.csrf_token(secret) if secret else None)


def whence(request: Asked) -> dict[str, str]:
    """Return where a log-in comes from, as it is kept with it."""
    return {
        "address": exchange.client_address(request.scope),
        "user_agent": request.headers.get("user-agent", ""),
    }


async def answer_entered(
    web: WebContext, request: Asked, entered: Entry | Step
) -> Response[LoggedIn | SecondFactorNeeded]:
    """Answer who has shown who they are: with the cookie, or with the step that is left."""
    if isinstance(entered, Step):
        return Response(
            SecondFactorNeeded(step=entered.secret, factors=entered.factors, expires_at=entered.expires_at),
            media_type="application/json",
        )
    principal = await welcome(web, request, entered)
    cookie = auth.session_cookie(entered.secret, is_https=exchange.is_https(request.scope))
    me = LoggedIn(**msgspec.structs.asdict(_me(principal, auth.csrf_token(entered.secret))))
    return Response(me, cookies=[cookie])


async def welcome(web: WebContext, request: Asked, entered: Entry) -> Principal:
    """Return who is in, having written so into the audit trail. Raises Unauthenticated."""
    principal = await web.services.accounts.principal_of_login(entered.secret, exchange.client_address(request.scope))
    if principal is None:
        raise errors.Unauthenticated
    principal = exchange.came(request.scope, principal)
    async with web.services.database.work() as work:
        access.note(web, work, principal, "login.begin", entered.login_id, {"method": entered.method.value})
    return principal


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
        must_enrol=principal.must_enrol,
    )


ROUTES: tuple[HTTPRouteHandler, ...] = (log_in, log_out, get_me)
