"""Logging in, by password, passkey or an identity provider, the second step, logging out, and the language of pages."""

from typing import Annotated, Any
from urllib.parse import quote, unquote

import msgspec
from litestar import Response
from litestar.datastructures import Cookie
from litestar.handlers import HTTPRouteHandler
from litestar.response import Redirect
from msgspec import Meta

from ingufu.accounts.model import Principal
from ingufu.accounts.sign_in.model import Entry, Factor, Step
from ingufu.core.errors import IngufuError, NotFound, PartnerFailed, TooManyRequests, Unauthenticated
from ingufu.web import access, auth, exchange
from ingufu.web.api.session import welcome, whence
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
_KEPT, _SECURE_KEPT = "ingufu_sso", "__Host-ingufu_sso"  # what the browser keeps while it is at a provider


class LoginQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Where to go after the log-in, and in which language it is asked for."""

    next: Annotated[str, Meta(max_length=2000)] = ""
    language: Annotated[str, Meta(max_length=8)] = ""


class Brought(msgspec.Struct, frozen=True, kw_only=True):
    """What a browser brings from an identity provider."""

    state: Annotated[str, Meta(max_length=500)] = ""
    code: Annotated[str, Meta(max_length=4000)] = ""
    iss: Annotated[str, Meta(max_length=500)] = ""


@page("/login", is_public=True, query=LoginQuery)
async def show_login(web: WebContext, pages: Pages, request: Asked, criteria: LoginQuery) -> Response[Any]:
    """Show the form to log in"""
    secret = auth.session_secret(request)
    address = exchange.client_address(request.scope)
    if secret and await web.services.accounts.principal_of_login(secret, address) is not None:
        return Redirect(safe_next(criteria.next), status_code=303)
    if criteria.language in pages.environments:
        answer = Redirect(f"{CONSOLE_PATH}/login?next={quote(safe_next(criteria.next), safe='/')}", status_code=303)
        answer.set_cookie(language_cookie(request, criteria.language))
        return answer
    pages.warm(pages.language(request))  # whoever logs in wants a page next
    return await _show(web, pages, request, criteria.next)


@action("/login", is_public=True)
async def log_in(web: WebContext, pages: Pages, request: Asked, form: Form) -> Response[Any]:
    """Log in"""
    email, password = form.text("email")[:LONGEST_EMAIL], form.exact("password")[:LONGEST_PASSWORD]
    wanted = form.text("next")
    try:
        entered = await web.services.sign_in.entering.by_password(email, password, **whence(request))
    except Unauthenticated:
        problem = pages.text(request, "The address or the password is wrong.")
        return await _show(web, pages, request, wanted, email, problem, status=401)
    except TooManyRequests as error:
        return await _show(web, pages, request, wanted, email, _slower(pages, request, error), status=429)
    return await enter(web, pages, request, entered, wanted)


@action("/login/second-step", is_public=True)
async def do_second_step(web: WebContext, pages: Pages, request: Asked, form: Form) -> Response[Any]:
    """Do the second step of a log-in"""
    entering, step, wanted = web.services.sign_in.entering, form.exact("step"), form.text("next")
    try:
        factors = await entering.factors_of_step(step)
    except (Unauthenticated, NotFound):
        problem = pages.text(request, "That took too long. Log in anew.")
        return await _show(web, pages, request, wanted, "", problem, status=401)
    try:
        entered: Entry | Step = await entering.second_by_code(step, form.text("code"), **whence(request))
    except Unauthenticated:
        problem = pages.text(request, "The code is wrong, or was used already.")
        return await _show_second(pages, request, step, factors, wanted, problem, status=401)
    except TooManyRequests as error:
        return await _show_second(pages, request, step, factors, wanted, _slower(pages, request, error), status=429)
    return await enter(web, pages, request, entered, wanted)


@page("/login/sso/{provider:str}", is_public=True, query=LoginQuery)
async def go_to_provider(
    web: WebContext, pages: Pages, request: Asked, provider: str, criteria: LoginQuery
) -> Response[Any]:
    """Go to an identity provider"""
    try:
        departure = await web.services.sign_in.single_sign_on.depart(
            provider, redirect_uri=_return_to(request, provider), after=safe_next(criteria.next)
        )
    except PartnerFailed:
        problem = pages.text(request, "The identity provider cannot be reached. Try again, or log in otherwise.")
        return await _show(web, pages, request, criteria.next, "", problem, status=502)
    answer = Redirect(departure.address, status_code=303)
    answer.set_cookie(_kept(request, departure.kept))
    return answer


@page("/login/sso/{provider:str}/callback", is_public=True, query=Brought)
async def come_from_provider(
    web: WebContext, pages: Pages, request: Asked, provider: str, criteria: Brought
) -> Response[Any]:
    """Come back from an identity provider"""
    status = 401
    try:
        arrival = await web.services.sign_in.single_sign_on.arrive(
            provider,
            request.cookies.get(_kept_name(request), ""),
            msgspec.structs.asdict(criteria),
            redirect_uri=_return_to(request, provider),
            **whence(request),
        )
    except Unauthenticated as error:
        problem = error.message
    except PartnerFailed:
        status = 502
        problem = pages.text(request, "The identity provider cannot be reached. Try again, or log in otherwise.")
    except TooManyRequests as error:
        status, problem = 429, _slower(pages, request, error)
    else:
        answer = await enter(web, pages, request, arrival.entered, arrival.after)
        answer.set_cookie(_kept(request, "", max_age=0))
        return answer
    return await _show(web, pages, request, "", "", problem, status=status)


@action("/sign-out", is_own=True)
async def log_out(web: WebContext, request: Asked, principal: Principal) -> Response[Any]:
    """Log out"""
    if principal.login_id is not None:
        async with web.services.database.work() as work:
            await web.services.accounts.log_out(work, principal.login_id)
            access.note(web, work, principal, "login.end", principal.login_id)
    answer = Redirect(f"{CONSOLE_PATH}/login", status_code=303)
    auth.end_session(answer, request)
    return answer


@action("/language", is_own=True)
async def choose_language(
    web: WebContext, pages: Pages, request: Asked, principal: Principal, form: Form
) -> Response[Any]:
    """Read the console in another language"""
    if form.text("language") in pages.environments:
        await own_language.keep(web, principal, form.text("language"))
    answer = Redirect(safe_next(unquote(form.text("next"))), status_code=303)
    if form.text("language") in pages.environments:
        answer.set_cookie(language_cookie(request, form.text("language")))
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


async def enter(web: WebContext, pages: Pages, request: Asked, entered: Entry | Step, wanted: str) -> Response[Any]:
    """Send who has shown who they are to their page, or ask for the second step."""
    if isinstance(entered, Step):
        return await _show_second(pages, request, entered.secret, entered.factors, wanted)
    await welcome(web, request, entered)
    answer = Redirect(safe_next(wanted), status_code=303)
    answer.set_cookie(auth.session_cookie(entered.secret, is_https=exchange.is_https(request.scope)))
    return answer


def language_cookie(request: Asked, code: str) -> Cookie:
    """Return the cookie by which this browser remembers a language."""
    return Cookie(
        key=LANGUAGE_COOKIE,
        value=code,
        path=CONSOLE_PATH,
        max_age=_YEAR_S,
        httponly=True,
        samesite="lax",
        secure=exchange.is_https(request.scope),
    )


def _slower(pages: Pages, request: Asked, error: IngufuError) -> str:
    seconds = error.retry_after_s if isinstance(error, TooManyRequests) else 0
    return pages.text(request, "Too many wrong attempts. Try again in %(seconds)s s.", seconds=seconds)


async def _show(
    web: WebContext, pages: Pages, request: Asked, wanted: str, email: str = "", problem: str = "", *, status: int = 200
) -> Response[str]:
    return await pages.show(
        request,
        "pages/login.html",
        status=status,
        next=safe_next(wanted),
        email=email,
        problem=problem,
        providers=web.services.sign_in.single_sign_on.providers,
    )


async def _show_second(
    pages: Pages,
    request: Asked,
    step: str,
    factors: tuple[Factor, ...],
    wanted: str,
    problem: str = "",
    *,
    status: int = 200,
) -> Response[str]:
    return await pages.show(
        request,
        "pages/sign_in/second_step.html",
        status=status,
        next=safe_next(wanted),
        step=step,
        has_passkey=Factor.PASSKEY in factors,
        has_code=Factor.TOTP in factors,
        has_recovery=Factor.RECOVERY_CODE in factors,
        problem=problem,
    )


def _return_to(request: Asked, provider: str) -> str:
    return f"{exchange.own_origin(request.scope)}{CONSOLE_PATH}/login/sso/{provider}/callback"


def _kept_name(request: Asked) -> str:
    return _SECURE_KEPT if exchange.is_https(request.scope) else _KEPT


def _kept(request: Asked, value: str, *, max_age: int = 900) -> Cookie:
    return Cookie(
        key=_kept_name(request),
        value=value,
        path="/",
        max_age=max_age,
        httponly=True,
        samesite="lax",
        secure=exchange.is_https(request.scope),
    )


ROUTES: tuple[HTTPRouteHandler, ...] = (
    show_login, log_in, do_second_step, go_to_provider, come_from_provider, log_out, choose_language,
)  # fmt: skip
ROOT_ROUTES: tuple[HTTPRouteHandler, ...] = (go_to_console,)
