"""One's own account: name and language, password, second factors, passkeys, and where one is logged in."""

import re
from typing import Any

import msgspec
import segno
from litestar import Response
from litestar.handlers import HTTPRouteHandler
from markupsafe import Markup

from ingufu.accounts.model import Principal
from ingufu.accounts.sign_in.service.passkeys import NAME_LONGEST
from ingufu.core.errors import Conflict, InvalidInput, NotFound, TooManyRequests
from ingufu.web import access, auth, exchange
from ingufu.web.api import me as api
from ingufu.web.console.login import LONGEST_PASSWORD, language_cookie
from ingufu.web.console.pages import Pages, Toast, action, page, path_of
from ingufu.web.context import WebContext
from ingufu.web.exchange import Asked
from ingufu.web.forms import Form
from ingufu.web.routes import function_of

_WRONG = (InvalidInput, Conflict, NotFound, TooManyRequests)
_CODE_LONGEST = 20
_BROWSERS = (("Edg", "Edge"), ("OPR", "Opera"), ("Firefox", "Firefox"), ("Chrom", "Chrome"), ("Safari", "Safari"))
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS", "macOS"),
    ("Linux", "Linux"),
)


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where one is logged in, as the page shows it."""

    login: api.LoginView
    device: str


@page("/account", is_own=True)
async def show_account(web: WebContext, pages: Pages, principal: Principal, request: Asked) -> Response[str]:
    """Show one's account"""
    return await _show(web, pages, principal, request)


@action("/account/profile", is_own=True)
async def change_profile(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, form: Form
) -> Response[Any]:
    """Change one's name and language"""
    language = form.text("language") if form.text("language") in pages.environments else principal.language
    try:
        given = api.MyChange(name=form.text("name")[:100], language=language)
        await function_of(api.update_me)(web, principal, given)
    except _WRONG as error:
        return await _show(web, pages, principal, request, error)
    answer = _done(pages, request, pages.text(request, "Saved"))
    answer.set_cookie(language_cookie(request, language))
    return answer


@action("/account/password")
async def change_password(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, form: Form
) -> Response[Any]:
    """Change one's password"""
    old, new = form.exact("old")[:LONGEST_PASSWORD], form.exact("new")[:LONGEST_PASSWORD]
    accounts = web.services.accounts
    try:
        user = await accounts.user(principal.id)
        await web.services.sign_in.factors.prove(principal, old, accepts_fresh=user.password_hash is None)
        async with web.services.database.work() as work:
            await accounts.set_user_password(work, user.id, new, but_not_login_id=principal.login_id)
            web.services.sign_in.links.void(work, user.id)
            access.note(web, work, principal, "user.password", user.id)
            secret = accounts.renew_login(work, principal.login_id or "")
    except _WRONG as error:
        return await _show(web, pages, principal, request, error)
    return _renewed(request, secret, _done(pages, request, pages.text(request, "The password is changed.")))


@page("/account/codes", is_own=True)
async def show_codes(web: WebContext, pages: Pages, principal: Principal, request: Asked) -> Response[Any]:
    """Show how to set up an app that makes codes"""
    factors = await api.factors_of(web, principal.id)
    if factors.has_totp:
        return pages.go(request, path_of("account"))
    return await _show_codes(web, pages, principal, request)


@action("/account/codes", is_own=True)
async def begin_codes(web: WebContext, pages: Pages, principal: Principal, request: Asked, form: Form) -> Response[Any]:
    """Begin to set up an app"""
    try:
        await function_of(api.begin_my_app)(web, principal, api.Proof(proof=_proof(form)))
    except _WRONG as error:
        return await _show_codes(web, pages, principal, request, error)
    return pages.go(request, path_of("account", "codes"))


@action("/account/codes/confirm", is_own=True)
async def confirm_codes(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, form: Form
) -> Response[Any]:
    """Confirm the app, and show recovery codes once"""
    try:
        given = api.AppCode(code=form.text("code")[:_CODE_LONGEST])
        answered = await function_of(api.confirm_my_app)(web, request, principal, given)
    except _WRONG as error:
        return await _show_codes(web, pages, principal, request, error)
    shown = await pages.show(request, "pages/account/recovery.html", codes=answered.content.recovery_codes, is_new=True)
    for cookie in answered.cookies:
        shown.set_cookie(cookie)
    return shown


@action("/account/codes/remove", is_own=True)
async def remove_codes(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, form: Form
) -> Response[Any]:
    """Remove the app"""
    try:
        await function_of(api.remove_my_app)(web, principal, api.Proof(proof=_proof(form)))
    except _WRONG as error:
        return await _show(web, pages, principal, request, error)
    return _done(pages, request, pages.text(request, "The app is removed."))


@action("/account/recovery-codes", is_own=True)
async def renew_recovery_codes(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, form: Form
) -> Response[Any]:
    """Make new recovery codes, and show them once"""
    try:
        made = await function_of(api.renew_my_codes)(web, principal, api.Proof(proof=_proof(form)))
    except _WRONG as error:
        return await _show(web, pages, principal, request, error)
    return await pages.show(request, "pages/account/recovery.html", codes=made.recovery_codes, is_new=False)


@action("/account/passkeys/{passkey_id:str}", is_own=True)
async def rename_passkey(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, passkey_id: str, form: Form
) -> Response[Any]:
    """Name a passkey"""
    try:
        given = api.PasskeyName(name=form.text("name")[:NAME_LONGEST])
        await function_of(api.name_my_passkey)(web, principal, passkey_id, given)
    except _WRONG as error:
        return await _show(web, pages, principal, request, error)
    return _done(pages, request, pages.text(request, "Saved"))


@action("/account/passkeys/{passkey_id:str}/remove", is_own=True)
async def remove_passkey(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, passkey_id: str, form: Form
) -> Response[Any]:
    """Remove a passkey"""
    try:
        await function_of(api.remove_my_passkey)(web, principal, passkey_id, api.Proof(proof=_proof(form)))
    except _WRONG as error:
        return await _show(web, pages, principal, request, error)
    return _done(pages, request, pages.text(request, "The passkey is removed."))


@action("/account/sessions/{login_id:str}/end", is_own=True)
async def end_login(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, login_id: str
) -> Response[Any]:
    """End one of one's log-ins"""
    try:
        await function_of(api.end_my_login)(web, principal, login_id)
    except _WRONG as error:
        return await _show(web, pages, principal, request, error)
    return _done(pages, request, pages.text(request, "That browser is logged out."))


@action("/account/sessions/end-others", is_own=True)
async def end_other_logins(web: WebContext, pages: Pages, principal: Principal, request: Asked) -> Response[Any]:
    """End all of one's other log-ins"""
    await function_of(api.end_my_other_logins)(web, principal)
    return _done(pages, request, pages.text(request, "All other browsers are logged out."))


def device_of(agent: str) -> str:
    """Return what a browser calls itself, in short: "Firefox, Linux"; empty if it says nothing known."""
    browser = next((name for mark, name in _BROWSERS if mark in agent), "")
    system = next((name for mark, name in _SYSTEMS if mark in agent), "")
    return ", ".join(one for one in (browser, system) if one) or re.sub(r"[^ -~]", "", agent)[:60]


async def _show(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, error: Exception | None = None
) -> Response[str]:
    api.own(principal)
    user = await web.services.accounts.user(principal.id)
    logins = await api.logins_of(web, user.id, principal.login_id)
    return await pages.show(
        request,
        "pages/account/account.html",
        status=_status(error),
        problem=_told(error),
        me=user,
        tongue=user.language if user.language in pages.environments else pages.language(request),
        factors=await api.factors_of(web, user.id),
        passkeys=[api.passkey_view(one) for one in await web.services.sign_in.passkeys.passkeys_of(user.id)],
        places=[Place(login=one, device=device_of(one.device)) for one in logins],
        linked=await web.services.sign_in.single_sign_on.linked_of(user.id),
    )


async def _show_codes(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, error: Exception | None = None
) -> Response[str]:
    api.own(principal)
    user = await web.services.accounts.user(principal.id)
    address = await web.services.sign_in.factors.draft_address(user)
    drawn = None if address is None else segno.make(address, error="m").svg_inline(scale=5, border=4, light="white")
    secret = "" if address is None else address.partition("secret=")[2].partition("&")[0]
    return await pages.show(
        request,
        "pages/account/codes.html",
        status=_status(error),
        problem=_told(error),
        picture=None if drawn is None else Markup(drawn),  # noqa: S704 - squares alone, drawn here
        secret=" ".join(secret[at : at + 4] for at in range(0, len(secret), 4)),
        must=principal.must_enrol,
        has_password=user.password_hash is not None,
    )


def _proof(form: Form) -> str:
    return form.exact("proof")[:LONGEST_PASSWORD]


def _told(error: Exception | None) -> str:
    return str(error.args[0]) if error is not None else ""


def _status(error: Exception | None) -> int:
    if error is None:
        return 200
    return 429 if isinstance(error, TooManyRequests) else 422


def _done(pages: Pages, request: Asked, message: str) -> Response[Any]:
    return pages.go(request, path_of("account"), Toast(message=message))


def _renewed(request: Asked, secret: str, answer: Response[Any]) -> Response[Any]:
    answer.set_cookie(auth.session_cookie(secret, is_https=exchange.is_https(request.scope)))
    return answer


ROUTES: tuple[HTTPRouteHandler, ...] = (
    show_account, change_profile, change_password, show_codes, begin_codes, confirm_codes, remove_codes,
    renew_recovery_codes, rename_passkey, remove_passkey, end_login, end_other_logins,
)  # fmt: skip
