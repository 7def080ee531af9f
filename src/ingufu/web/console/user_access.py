"""How a user gets in, on their page: invitations, ways back in, second factors, and where they are logged in."""

from typing import Any

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from ingufu.accounts.model import Principal, Scope
from ingufu.web.api import user_access as api
from ingufu.web.api.user_access import LinkMade
from ingufu.web.console.pages import Pages, Toast, action, path_of
from ingufu.web.context import WebContext
from ingufu.web.exchange import Asked
from ingufu.web.routes import function_of

_OPEN: dict[str, bool] = {"is_for_network": True, "is_for_organisations": True}


@action("/users/{user_id:str}/invite", scope=Scope.USERS_WRITE, **_OPEN)
async def invite(web: WebContext, pages: Pages, principal: Principal, request: Asked, user_id: str) -> Response[Any]:
    """Invite a user to set up how they log in"""
    made: LinkMade = await function_of(api.invite_user)(web, request, principal, user_id)
    return await _told(web, pages, request, user_id, made)


@action("/users/{user_id:str}/password-reset", scope=Scope.USERS_WRITE, **_OPEN)
async def send_reset(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, user_id: str
) -> Response[Any]:
    """Let a user set a new password"""
    made: LinkMade = await function_of(api.send_password_reset)(web, request, principal, user_id)
    return await _told(web, pages, request, user_id, made)


@action("/users/{user_id:str}/reset-factors", scope=Scope.USERS_WRITE, **_OPEN)
async def reset_factors(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, user_id: str
) -> Response[Any]:
    """Take away a user's second factors"""
    await function_of(api.reset_user_factors)(web, principal, user_id)
    toast = Toast(message=pages.text(request, "The second factors are reset, and every log-in has ended"))
    return pages.leave(request, path_of("users", user_id), toast)


@action("/users/{user_id:str}/end-logins", scope=Scope.USERS_WRITE, **_OPEN)
async def end_logins(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, user_id: str
) -> Response[Any]:
    """End all log-ins of a user"""
    await function_of(api.end_user_logins)(web, principal, user_id)
    toast = Toast(message=pages.text(request, "Logged out everywhere"))
    return pages.leave(request, path_of("users", user_id), toast)


async def _told(web: WebContext, pages: Pages, request: Asked, user_id: str, made: LinkMade) -> Response[Any]:
    """Say that the link is on its way, or show it this once to be handed over."""
    user = await web.services.accounts.user(user_id)
    if made.is_mailed:
        toast = Toast(message=pages.text(request, "The mail is on its way"), detail=user.email)
        return pages.go(request, path_of("users", user_id), toast)
    return await pages.show(request, "pages/users/link.html", it=user, made=made)


ROUTES: tuple[HTTPRouteHandler, ...] = (invite, send_reset, reset_factors, end_logins)
