"""The way in for who has no password: forgotten, reset by a link, and invitations."""

from typing import Annotated, Any

import msgspec
from litestar import Response
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from ingufu.accounts.sign_in.model import LinkKind
from ingufu.core.errors import InvalidInput, NotFound, TooManyRequests
from ingufu.web import exchange
from ingufu.web.api import sign_in as api
from ingufu.web.console.login import LONGEST_EMAIL, LONGEST_PASSWORD, enter
from ingufu.web.console.pages import Pages, Toast, action, page, path_of
from ingufu.web.context import WebContext
from ingufu.web.exchange import Asked
from ingufu.web.forms import Form


class LinkQuery(msgspec.Struct, frozen=True, kw_only=True):
    """The secret of a link."""

    token: Annotated[str, Meta(max_length=200)] = ""


@page("/forgot", is_public=True)
async def show_forgot(web: WebContext, pages: Pages, request: Asked) -> Response[str]:
    """Show the form for who forgot their password"""
    return await _show_forgot(web, pages, request)


@action("/forgot", is_public=True)
async def ask_link(web: WebContext, pages: Pages, request: Asked, form: Form) -> Response[str]:
    """Ask for a link to set a new password"""
    email = form.text("email")[:LONGEST_EMAIL]
    try:
        await web.services.sign_in.links.ask_reset(email, exchange.client_address(request.scope))
    except TooManyRequests:
        problem = pages.text(request, "Too many links were asked for from here. Try again in an hour.")
        return await _show_forgot(web, pages, request, problem=problem, status=429)
    return await _show_forgot(web, pages, request, is_asked=True)


@page("/reset", is_public=True, query=LinkQuery)
async def show_reset(web: WebContext, pages: Pages, request: Asked, criteria: LinkQuery) -> Response[str]:
    """Show the form for a new password"""
    return await _show_link(web, pages, request, LinkKind.RESET, criteria.token)


@action("/reset", is_public=True)
async def reset(web: WebContext, pages: Pages, request: Asked, form: Form) -> Response[Any]:
    """Set a new password"""
    token, password = form.text("token")[:200], form.exact("password")[:LONGEST_PASSWORD]
    try:
        await api.do_reset(web, request, api.Reset(token=token, password=password))
    except InvalidInput as error:
        return await _show_link(web, pages, request, LinkKind.RESET, token, error.message)
    except (NotFound, TooManyRequests) as error:
        return await _show_over(pages, request, error)
    toast = Toast(message=pages.text(request, "The new password is set. Log in with it."))
    return pages.go(request, path_of("login"), toast)


@page("/invitation", is_public=True, query=LinkQuery)
async def show_invitation(web: WebContext, pages: Pages, request: Asked, criteria: LinkQuery) -> Response[str]:
    """Show the invited how they can sign in"""
    return await _show_link(web, pages, request, LinkKind.INVITATION, criteria.token)


@action("/invitation", is_public=True)
async def accept(web: WebContext, pages: Pages, request: Asked, form: Form) -> Response[Any]:
    """Accept an invitation with a password"""
    token, password = form.text("token")[:200], form.exact("password")[:LONGEST_PASSWORD]
    try:
        entered = await api.do_accept(web, request, api.AcceptInvitation(token=token, password=password))
    except InvalidInput as error:
        return await _show_link(web, pages, request, LinkKind.INVITATION, token, error.message)
    except (NotFound, TooManyRequests) as error:
        return await _show_over(pages, request, error)
    return await enter(web, pages, request, entered, "")


async def _show_forgot(
    web: WebContext, pages: Pages, request: Asked, *, is_asked: bool = False, problem: str = "", status: int = 200
) -> Response[str]:
    return await pages.show(
        request,
        "pages/sign_in/forgot.html",
        status=status,
        is_asked=is_asked,
        problem=problem,
        has_mail=web.services.sign_in.mails.is_on,
    )


async def _show_link(
    web: WebContext, pages: Pages, request: Asked, kind: LinkKind, token: str, problem: str = ""
) -> Response[str]:
    try:
        _, user = await api.look(web, request, token, kind)
    except (NotFound, TooManyRequests) as error:
        return await _show_over(pages, request, error)
    return await pages.show(
        request,
        "pages/sign_in/link.html",
        status=422 if problem else 200,
        kind=kind.value,
        token=token,
        email=user.email,
        name=user.name,
        problem=problem,
    )


async def _show_over(pages: Pages, request: Asked, error: NotFound | TooManyRequests) -> Response[str]:
    status = 404 if isinstance(error, NotFound) else 429
    return await pages.show(request, "pages/sign_in/over.html", status=status, is_slowed=status == 429)


ROUTES: tuple[HTTPRouteHandler, ...] = (show_forgot, ask_link, show_reset, reset, show_invitation, accept)
