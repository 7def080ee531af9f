"""How a user gets in: invitations, ways back in, their second factors and log-ins."""

from typing import Annotated, Any

import msgspec
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from ingufu.accounts.model import Principal, Scope, User
from ingufu.accounts.sign_in.model import LinkKind
from ingufu.core import errors
from ingufu.infra.storage.database import Work
from ingufu.web import access, exchange
from ingufu.web.api.me import FactorsView, LoginView, factors_of, logins_of
from ingufu.web.context import WebContext
from ingufu.web.exchange import Asked
from ingufu.web.routes import route

_CONSOLE = "/console"  # where links lead
_OPEN: dict[str, Any] = {"is_for_network": True, "is_for_organisations": True}
_CHANGES = (errors.NotFound, errors.Conflict, errors.Forbidden)


class LinkMade(msgspec.Struct, frozen=True, kw_only=True):
    """A link by which somebody gets in."""

    is_mailed: Annotated[bool, Meta(description="Whether they are sent a mail with it.")]
    link: Annotated[str | None, Meta(description="To hand over, if no mail server is set. It is shown this once.")]
    hours: Annotated[int, Meta(description="How long it is good.")]


@route(
    "POST", "/users/{user_id:str}/invitation", scope=Scope.USERS_WRITE, **_OPEN, shows_secret=True,
    raises=_CHANGES,
)  # fmt: skip
async def invite_user(web: WebContext, request: Asked, principal: Principal, user_id: str) -> LinkMade:
    """Invite a user

    Who has no password yet. They choose how to sign in by a link that is good once; earlier ones are void.
    """
    await access.user_of(web, principal, user_id)
    async with web.services.database.work() as work:
        user, token = await web.services.sign_in.links.invite(work, user_id, principal)
        made = _sent(web, request, work, user, LinkKind.INVITATION, token)
        access.note(web, work, principal, "user.invite", user_id, {"is_mailed": made.is_mailed})
    return made


@route(
    "POST", "/users/{user_id:str}/password-reset", scope=Scope.USERS_WRITE, **_OPEN, shows_secret=True,
    raises=_CHANGES,
)  # fmt: skip
async def send_password_reset(web: WebContext, request: Asked, principal: Principal, user_id: str) -> LinkMade:
    """Let a user set a new password

    By a link that is good once. Until they do, the present password stays.
    """
    await access.user_of(web, principal, user_id)
    async with web.services.database.work() as work:
        token = await web.services.sign_in.links.make_reset(work, user_id, principal)
        user = await web.services.accounts.user(user_id)
        made = _sent(web, request, work, user, LinkKind.RESET, token)
        access.note(web, work, principal, "user.send_reset", user_id, {"is_mailed": made.is_mailed})
    return made


@route("GET", "/users/{user_id:str}/factors", scope=Scope.USERS_READ, **_OPEN, raises=(errors.NotFound,))
async def get_user_factors(web: WebContext, principal: Principal, user_id: str) -> FactorsView:
    """Get a user's second factors

    Which they have, and whether one is needed.
    """
    await access.user_of(web, principal, user_id)
    return await factors_of(web, user_id)


@route("DELETE", "/users/{user_id:str}/factors", scope=Scope.USERS_WRITE, **_OPEN, raises=_CHANGES)
async def reset_user_factors(web: WebContext, principal: Principal, user_id: str) -> None:
    """Reset a user's second factors

    As when a telephone was lost: app, recovery codes and passkeys are gone, and every log-in ends.
    """
    user = await access.user_of(web, principal, user_id)
    await web.services.accounts.check_over(user, principal)
    before = await factors_of(web, user_id)
    async with web.services.database.work() as work:
        await web.services.sign_in.factors.reset(work, user_id)
        access.note(web, work, principal, "user.reset_factors", user_id, before=before)


@route("GET", "/users/{user_id:str}/sessions", scope=Scope.USERS_READ, **_OPEN, raises=(errors.NotFound,))
async def list_user_logins(web: WebContext, principal: Principal, user_id: str) -> list[LoginView]:
    """List where a user is logged in

    What was used last first.
    """
    await access.user_of(web, principal, user_id)
    return await logins_of(web, user_id, principal.login_id)


@route("DELETE", "/users/{user_id:str}/sessions", scope=Scope.USERS_WRITE, **_OPEN, raises=_CHANGES)
async def end_user_logins(web: WebContext, principal: Principal, user_id: str) -> None:
    """End all of a user's log-ins

    They have to log in anew.
    """
    user = await access.user_of(web, principal, user_id)
    await web.services.accounts.check_over(user, principal)
    async with web.services.database.work() as work:
        await web.services.accounts.revoke_logins(work, user_id)
        access.note(web, work, principal, "user.end_logins", user_id)


def _sent(web: WebContext, request: Asked, work: Work, user: User, kind: LinkKind, token: str) -> LinkMade:
    links = web.services.sign_in.links
    letter = links.letter(kind, user, token)
    is_mailed = links.mail(work, user, letter, request.app.state["write"])
    link = None if is_mailed else exchange.own_origin(request.scope) + _CONSOLE + letter.path
    return LinkMade(is_mailed=is_mailed, link=link, hours=letter.hours)


ROUTES: tuple[HTTPRouteHandler, ...] = (
    invite_user, send_password_reset, get_user_factors, reset_user_factors, list_user_logins, end_user_logins,
)  # fmt: skip
