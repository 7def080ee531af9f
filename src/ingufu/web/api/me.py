"""One's own account: name and language, second factors, passkeys, and where one is logged in."""

from datetime import datetime
from typing import Annotated

import msgspec
from litestar import Response
from litestar.handlers import HTTPRouteHandler
from msgspec import UNSET, Meta, UnsetType

from ingufu.accounts.model import Principal
from ingufu.accounts.sign_in.model import Passkey
from ingufu.core import errors
from ingufu.core.errors import Forbidden
from ingufu.infra.storage.database import Work
from ingufu.web import access, auth, exchange
from ingufu.web.api.sign_in import Credential, PasskeyOptions, StepText, options_of, relying_of
from ingufu.web.api.users import Language, Name, UserView, view_of
from ingufu.web.context import WebContext
from ingufu.web.exchange import Asked
from ingufu.web.routes import route

ProofText = Annotated[
    str, Meta(max_length=1024, description="The password or a code; a log-in of a moment ago is enough to add things.")
]
_PROVEN = (errors.InvalidInput, errors.Conflict, errors.NotFound, errors.TooManyRequests)


class MyChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What changes of oneself. What is left out stays as it is."""

    name: Name | UnsetType = UNSET
    language: Language | UnsetType = UNSET


class Proof(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """It is really oneself."""

    proof: ProofText = ""


class FactorsView(msgspec.Struct, frozen=True, kw_only=True):
    """Second factors of somebody."""

    has_totp: bool
    passkeys: int
    recovery_codes: Annotated[int, Meta(description="That are left.")]
    is_needed: Annotated[bool, Meta(description="Whether the settings demand one of them.")]


class NewApp(msgspec.Struct, frozen=True, kw_only=True):
    """An app to set up; it counts once it has shown a code."""

    address: Annotated[str, Meta(description="For a QR code: otpauth://... It holds the secret.")]


class AppCode(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the app shows."""

    code: Annotated[str, Meta(min_length=1, max_length=20)]


class RecoveryCodes(msgspec.Struct, frozen=True, kw_only=True):
    """Codes for when the telephone is gone, each good once. They are shown this once."""

    recovery_codes: tuple[str, ...]
    csrf_token: Annotated[str | None, Meta(description="Of the log-in, which has a new cookie now.")] = None


class PasskeyView(msgspec.Struct, frozen=True, kw_only=True):
    """A passkey."""

    id: str
    name: str
    is_backed_up: Annotated[bool, Meta(description="Whether it lives in more than one device.")]
    created_at: datetime
    last_used_at: datetime | None


class NewPasskey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A passkey that a browser made."""

    state: StepText
    credential: Credential
    name: Annotated[str, Meta(max_length=60)] = ""


class PasskeyName(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Another name."""

    name: Annotated[str, Meta(min_length=1, max_length=60)]


class LoginView(msgspec.Struct, frozen=True, kw_only=True):
    """A browser that is logged in."""

    id: str
    is_this: bool
    device: Annotated[str, Meta(description="As the browser calls itself.")]
    address: str
    method: str
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime


@route("PATCH", "/me", is_own=True, body=MyChange, raises=(errors.InvalidInput,))
async def update_me(web: WebContext, principal: Principal, given: MyChange) -> UserView:
    """Change one's name or language

    Only the fields that are given change.
    """
    own(principal)
    before = await web.services.accounts.user(principal.id)
    async with web.services.database.work() as work:
        user = await web.services.accounts.update_user(work, principal.id, **access.given_fields(given))
        access.note(web, work, principal, "user.update", user.id, before=view_of(before), after=view_of(user))
    return view_of(user)


@route("GET", "/me/factors", is_own=True)
async def get_my_factors(web: WebContext, principal: Principal) -> FactorsView:
    """Get one's second factors

    Which one has, and whether one is needed.
    """
    own(principal)
    return await factors_of(web, principal.id)


@route("POST", "/me/factors/totp", is_own=True, body=Proof, shows_secret=True, raises=_PROVEN)
async def begin_my_app(web: WebContext, principal: Principal, given: Proof) -> NewApp:
    """Set up an app that makes codes

    Scan the address as a QR code, then confirm with the code that the app shows.
    """
    user = await web.services.sign_in.factors.prove(principal, given.proof, accepts_fresh=True)
    async with web.services.database.work() as work:
        address = await web.services.sign_in.factors.begin_totp(work, user)
    return NewApp(address=address)


@route("POST", "/me/factors/totp/confirm", status=200, is_own=True, body=AppCode, shows_secret=True, raises=_PROVEN)
async def confirm_my_app(
    web: WebContext, request: Asked, principal: Principal, given: AppCode
) -> Response[RecoveryCodes]:
    """Confirm the app

    By the code that it shows. From now on it is asked for at each log-in; other log-ins end, and this one gets a new
    cookie. The recovery codes are shown this once.
    """
    own(principal)
    async with web.services.database.work() as work:
        codes = await web.services.sign_in.factors.confirm_totp(work, principal, given.code)
        access.note(web, work, principal, "user.add_app", principal.id)
        secret = web.services.accounts.renew_login(work, principal.login_id or "")
    cookie = auth.session_cookie(secret, is_https=exchange.is_https(request.scope))
    return Response(RecoveryCodes(recovery_codes=codes, csrf_token=auth.csrf_token(secret)), cookies=[cookie])


@route("POST", "/me/factors/totp/remove", status=204, is_own=True, body=Proof, raises=_PROVEN)
async def remove_my_app(web: WebContext, principal: Principal, given: Proof) -> None:
    """Remove the app

    Needs the password or a code. The last second factor stays if one is needed.
    """
    await web.services.sign_in.factors.prove(principal, given.proof, accepts_fresh=False)
    async with web.services.database.work() as work:
        await web.services.sign_in.factors.remove_totp(work, principal.id)
        access.note(web, work, principal, "user.remove_app", principal.id)


@route("POST", "/me/factors/recovery-codes", status=200, is_own=True, body=Proof, shows_secret=True, raises=_PROVEN)
async def renew_my_codes(web: WebContext, principal: Principal, given: Proof) -> RecoveryCodes:
    """Make new recovery codes

    Those before are good no longer. Needs the password or a code.
    """
    factors = web.services.sign_in.factors
    await factors.prove(principal, given.proof, accepts_fresh=False)
    if not (await factors.factors(principal.id)).is_any:
        raise errors.Conflict("Set up a second factor first.")
    async with web.services.database.work() as work:
        codes = factors.renew_codes(work, principal.id)
        access.note(web, work, principal, "user.renew_recovery_codes", principal.id)
    return RecoveryCodes(recovery_codes=codes)


@route("GET", "/me/passkeys", is_own=True)
async def list_my_passkeys(web: WebContext, principal: Principal) -> list[PasskeyView]:
    """List one's passkeys

    The oldest first.
    """
    own(principal)
    return [passkey_view(one) for one in await web.services.sign_in.passkeys.passkeys_of(principal.id)]


@route("POST", "/me/passkeys/options", status=200, is_own=True, body=Proof, shows_secret=True, raises=_PROVEN)
async def ask_my_passkey(web: WebContext, request: Asked, principal: Principal, given: Proof) -> PasskeyOptions:
    """Ask for a new passkey

    What the browser makes of the options goes to `POST /me/passkeys`.
    """
    user = await web.services.sign_in.factors.prove(principal, given.proof, accepts_fresh=True)
    return options_of(await web.services.sign_in.passkeys.ask_new(user, relying_of(request)))


@route("POST", "/me/passkeys", is_own=True, body=NewPasskey, raises=(*_PROVEN, errors.Unauthenticated))
async def add_my_passkey(web: WebContext, principal: Principal, given: NewPasskey) -> PasskeyView:
    """Add a passkey

    Which the browser has just made.
    """
    own(principal)
    async with web.services.database.work() as work:
        added = await web.services.sign_in.passkeys.add(work, principal.id, given.state, given.credential, given.name)
        access.note(web, work, principal, "user.add_passkey", principal.id, {"name": added.name})
    return passkey_view(added)


@route("PATCH", "/me/passkeys/{passkey_id:str}", status=204, is_own=True, body=PasskeyName, raises=_PROVEN)
async def name_my_passkey(web: WebContext, principal: Principal, passkey_id: str, given: PasskeyName) -> None:
    """Name a passkey

    So that it can be told from the others.
    """
    own(principal)
    async with web.services.database.work() as work:
        known = await web.services.sign_in.passkeys.rename(work, principal.id, passkey_id, given.name)
        details = {"name": given.name, "before": known.name}
        access.note(web, work, principal, "user.name_passkey", principal.id, details)


@route("POST", "/me/passkeys/{passkey_id:str}/remove", status=204, is_own=True, body=Proof, raises=_PROVEN)
async def remove_my_passkey(web: WebContext, principal: Principal, passkey_id: str, given: Proof) -> None:
    """Remove a passkey

    Needs the password or a code. The last second factor stays if one is needed, and so does the last way in.
    """
    user = await web.services.sign_in.factors.prove(principal, given.proof, accepts_fresh=False)
    sign_in = web.services.sign_in
    await sign_in.factors.check_not_last(user.id)
    known = await sign_in.passkeys.passkeys_of(user.id)
    if user.password_hash is None and len(known) == 1 and not await sign_in.single_sign_on.linked_of(user.id):
        raise errors.Conflict("This passkey is your only way in. Set a password first.")
    async with web.services.database.work() as work:
        removed = await sign_in.passkeys.remove(work, user.id, passkey_id)
        access.note(web, work, principal, "user.remove_passkey", user.id, {"name": removed.name})


@route("GET", "/me/sessions", is_own=True)
async def list_my_logins(web: WebContext, principal: Principal) -> list[LoginView]:
    """List where one is logged in

    What was used last first.
    """
    own(principal)
    return await logins_of(web, principal.id, principal.login_id)


@route("DELETE", "/me/sessions/{login_id:str}", is_own=True, raises=(errors.NotFound,))
async def end_my_login(web: WebContext, principal: Principal, login_id: str) -> None:
    """End one of one's log-ins

    That browser has to log in anew.
    """
    own(principal)
    async with web.services.database.work() as work:
        await web.services.accounts.end_login(work, principal.id, login_id)
        access.note(web, work, principal, "login.end", login_id)


@route("POST", "/me/sessions/end-others", status=204, is_own=True)
async def end_my_other_logins(web: WebContext, principal: Principal) -> None:
    """End all of one's other log-ins

    Every other browser has to log in anew.
    """
    own(principal)
    async with web.services.database.work() as work:
        end_others(web, work, principal)


def own(principal: Principal) -> None:
    """Raise Forbidden for keys, which have no account of their own."""
    if principal.login_id is None:
        raise Forbidden("This is for people who have logged in.")


def end_others(web: WebContext, work: Work, principal: Principal) -> None:
    """End all log-ins but this one."""
    web.services.accounts.end_other_logins(work, principal.id, principal.login_id or "")
    access.note(web, work, principal, "login.end_others", principal.id)


async def factors_of(web: WebContext, user_id: str) -> FactorsView:
    """Return the second factors of a user. Raises NotFound."""
    user = await web.services.accounts.user(user_id)
    factors = web.services.sign_in.factors
    found = await factors.factors(user_id)
    return FactorsView(
        has_totp=found.has_totp,
        passkeys=found.passkeys,
        recovery_codes=found.recovery_codes,
        is_needed=factors.needs_factor(user),
    )


async def logins_of(web: WebContext, user_id: str, this: str | None) -> list[LoginView]:
    """Return where a user is logged in."""
    return [
        LoginView(
            id=one.id,
            is_this=one.id == this,
            device=one.user_agent,
            address=one.address,
            method=one.method,
            created_at=one.created_at,
            last_used_at=one.last_used_at,
            expires_at=one.expires_at,
        )
        for one in await web.services.accounts.logins_of(user_id)
    ]


def passkey_view(known: Passkey) -> PasskeyView:
    return PasskeyView(
        id=known.id,
        name=known.name,
        is_backed_up=known.is_backed_up,
        created_at=known.created_at,
        last_used_at=known.last_used_at,
    )


ROUTES: tuple[HTTPRouteHandler, ...] = (
    update_me, get_my_factors, begin_my_app, confirm_my_app, remove_my_app, renew_my_codes, list_my_passkeys,
    ask_my_passkey, add_my_passkey, name_my_passkey, remove_my_passkey, list_my_logins, end_my_login,
    end_my_other_logins,
)  # fmt: skip
