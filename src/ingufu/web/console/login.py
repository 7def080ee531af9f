"""Logging in and out, and the language of the pages."""

from typing import Annotated, Any
from urllib.parse import quote, unquote

import msgspec
from litestar import Response
from litestar.datastructures import Cookie
from litestar.handlers import HTTPRouteHandler
from litestar.response import Redirect
from msgspec import Meta

from ingufu.accounts.model import Principal
from ingufu.core.errors import TooManyRequests, Unauthenticated
from ingufu.web import auth, exchange
from ingufu.web.console import own_language
from ingufu.web.console.pages import LANGUAGE_COOKIE, Pages, action, page
from ingufu.web.console.rendering import CONSOLE_PATH
from ingufu.web.context import WebContext
from ingufu.web.exchange import Asked
from ingufu.web.forms import Form
from ingufu.web.routes import route

_YEAR_S = 31_536_000
LONGEST_EMAIL = 254  # RFC 5321
LONGEST_PASSWORD = 1024


class LoginQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Where to go after the log-in, and in which language it is asked for."""

    next: Annotated[str, Meta(max_length=2000)] = ""
    language: Annotated[str, Meta(max_length=8)] = ""


@page("/login", is_public=True, query=LoginQuery)
async def show_login(web: WebContext, pages: Pages, request: Asked, criteria: LoginQuery) -> Response[Any]:
    """Show the form to log in"""
    secret = request.cookies.get(auth.COOKIE, "")
    address = exchange.client_address(request.scope)
    if secret and await web.services.accounts.principal_of_login(secret, address) is not None:
        return Redirect(safe_next(criteria.next), status_code=303)
    if criteria.language in pages.environments:
        answer = Redirect(f"{CONSOLE_PATH}/login?next={quote(safe_next(criteria.next), safe='/')}", status_code=303)
        answer.set_cookie(_language(request, criteria.language))
        return answer
    pages.warm(pages.language(request))  # whoever logs in wants a page next
    return await _show(pages, request, criteria.next)


@action("/login", is_public=True)
async def log_in(web: WebContext, pages: Pages, request: Asked, form: Form) -> Response[Any]:
    """Log in"""
    email, password = form.text("email")[:LONGEST_EMAIL], form.exact("password")[:LONGEST_PASSWORD]
    address = exchange.client_address(request.scope)
    agent = request.headers.get("user-agent", "")
    try:
        secret, _ = await web.services.accounts.login(email, password, address=address, user_agent=agent)
    except Unauthenticated:
        problem = pages.text(request, "The address or the password is wrong.")
        return await _show(pages, request, form.text("next"), email, problem, status=401)
    except TooManyRequests as error:
        problem = pages.text(
            request, "Too many wrong passwords. Try again in %(seconds)s s.", seconds=error.retry_after_s
        )
        return await _show(pages, request, form.text("next"), email, problem, status=429)
    answer = Redirect(safe_next(form.text("next")), status_code=303)
    answer.set_cookie(auth.session_cookie(secret, is_https=exchange.is_https(request.scope)))
    return answer


@action("/sign-out")
async def log_out(web: WebContext, principal: Principal) -> Response[Any]:
    """Log out"""
    if principal.login_id is not None:
        async with web.services.database.work() as work:
            await web.services.accounts.log_out(work, principal.login_id)
    answer = Redirect(f"{CONSOLE_PATH}/login", status_code=303)
    answer.delete_cookie(auth.COOKIE, path="/")
    return answer


@action("/language")
async def choose_language(
    web: WebContext, pages: Pages, request: Asked, principal: Principal, form: Form
) -> Response[Any]:
    """Read the console in another language"""
    if form.text("language") in pages.environments:
        await own_language.keep(web, principal, form.text("language"))
    answer = Redirect(safe_next(unquote(form.text("next"))), status_code=303)
    if form.text("language") in pages.environments:
        answer.set_cookie(_language(request, form.text("language")))
    return answer


@route("GET", "/", is_public=True, is_page=True, result=None)
async def go_to_console() -> Response[Any]:
    """Go to the console"""
    return Redirect(CONSOLE_PATH, status_code=303)


def safe_next(address: str) -> str:
    """Return where to go after a log-in: only to our own pages."""
    is_ours = address == CONSOLE_PATH or address.startswith((f"{CONSOLE_PATH}/", f"{CONSOLE_PATH}?"))
    is_plain = address.isascii() and address.isprintable() and "\\" not in address
    return address if is_ours and is_plain and "/login" not in address else CONSOLE_PATH


async def _show(
    pages: Pages, request: Asked, wanted: str, email: str = "", problem: str = "", *, status: int = 200
) -> Response[str]:
    return await pages.show(
        request, "pages/login.html", status=status, next=safe_next(wanted), email=email, problem=problem
    )


def _language(request: Asked, code: str) -> Cookie:
    return Cookie(
        key=LANGUAGE_COOKIE,
        value=code,
        path=CONSOLE_PATH,
        max_age=_YEAR_S,
        httponly=True,
        samesite="lax",
        secure=exchange.is_https(request.scope),
    )


ROUTES: tuple[HTTPRouteHandler, ...] = (show_login, log_in, log_out, choose_language)
ROOT_ROUTES: tuple[HTTPRouteHandler, ...] = (go_to_console,)
