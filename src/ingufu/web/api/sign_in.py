"""Signing in beyond the password: the second step, passkeys, invitations, and the way back in."""

from typing import Annotated, Any

import msgspec
from litestar import Response
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from ingufu.accounts.model import ActorKind, Principal, User
from ingufu.accounts.sign_in import decide
from ingufu.accounts.sign_in.model import Asked as AskedBrowser
from ingufu.accounts.sign_in.model import Entry, Link, LinkKind, Method, Relying
from ingufu.core import errors
from ingufu.core.errors import Conflict, InvalidInput, NotFound
from ingufu.web import access, auth, exchange
from ingufu.web.api.session import LoggedIn, SecondFactorNeeded, answer_entered, whence
from ingufu.web.context import WebContext
from ingufu.web.exchange import Asked
from ingufu.web.routes import route

StepText = Annotated[str, Meta(min_length=1, max_length=8000)]
Token = Annotated[str, Meta(min_length=1, max_length=200, description="As it stands in the link.")]
Password = Annotated[str, Meta(min_length=1, max_length=1024)]
Credential = Annotated[dict[str, Any], Meta(description="What the browser's WebAuthn answered, as JSON.")]
_REFUSALS = (errors.Unauthenticated, errors.TooManyRequests)
_OVER = "This link was used already, or is too old. Ask for another one."


class SecondStep(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The second step of a log-in."""

    step: StepText
    code: Annotated[str, Meta(min_length=1, max_length=64, description="Of the app, or a recovery code.")]


class AskPasskey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A passkey is to be used."""

    step: Annotated[StepText | None, Meta(description="If it is the second step.")] = None


class PasskeyOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What a browser is asked to do with a passkey."""

    options: Annotated[dict[str, Any], Meta(description="For navigator.credentials, as WebAuthn writes it in JSON.")]
    state: Annotated[str, Meta(description="Comes back with what the browser answers, once, within minutes.")]


class UsePasskey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a passkey signed."""

    state: StepText
    credential: Credential
    step: Annotated[StepText | None, Meta(description="If it is the second step.")] = None


class SignInProvider(msgspec.Struct, frozen=True, kw_only=True):
    """An identity provider that one can sign in by."""

    name: str
    label: str
    address: Annotated[str, Meta(description="Where a browser begins.")]


class Forgot(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who forgot their password."""

    email: Annotated[str, Meta(min_length=1, max_length=254)]


class Reset(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new password by a link."""

    token: Token
    password: Password


class InvitationToken(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An invitation."""

    token: Token


class AcceptInvitation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the invited will sign in: a password, or a passkey."""

    token: Token
    password: Password | None = None
    state: StepText | None = None
    credential: Credential | None = None
    passkey_name: Annotated[str, Meta(max_length=60)] = ""


@route("POST", "/login/second-factor", status=200, is_public=True, body=SecondStep, raises=_REFUSALS)
async def log_in_second(web: WebContext, request: Asked, given: SecondStep) -> Response[LoggedIn | SecondFactorNeeded]:
    """Do the second step

    With the code of an app, which is taken once, or a recovery code. Wrong ones are slowed down as passwords are.
    """
    auth.check_origin(request)
    entering = web.services.sign_in.entering
    return await answer_entered(web, request, await entering.second_by_code(given.step, given.code, **whence(request)))


@route(
    "POST", "/login/passkey-options", status=200, is_public=True, body=AskPasskey,
    raises=(*_REFUSALS, errors.InvalidInput),
)  # fmt: skip
async def ask_passkey(web: WebContext, request: Asked, given: AskPasskey) -> PasskeyOptions:
    """Ask for a passkey

    By itself, or as the second step of a log-in.
    """
    auth.check_origin(request)
    asked = await web.services.sign_in.entering.ask_passkey(relying_of(request), given.step)
    return options_of(asked)


@route("POST", "/login/passkey", status=200, is_public=True, body=UsePasskey, raises=_REFUSALS)
async def log_in_by_passkey(
    web: WebContext, request: Asked, given: UsePasskey
) -> Response[LoggedIn | SecondFactorNeeded]:
    """Log in by a passkey

    Without a password, or as the second step. What was asked is good once.
    """
    auth.check_origin(request)
    entering, origin = web.services.sign_in.entering, whence(request)
    if given.step is None:
        entered = await entering.by_passkey(given.state, given.credential, **origin)
    else:
        entered = await entering.second_by_passkey(given.step, given.state, given.credential, **origin)
    return await answer_entered(web, request, entered)


@route("GET", "/login/providers", is_public=True)
async def list_sign_in_providers(web: WebContext) -> list[SignInProvider]:
    """List identity providers

    By which one can sign in in a browser.
    """
    return [
        SignInProvider(name=one.name, label=one.label, address=f"/console/login/sso/{one.name}")
        for one in web.services.sign_in.single_sign_on.providers
    ]


@route("POST", "/forgot", status=204, is_public=True, body=Forgot, raises=(errors.TooManyRequests,))
async def forget_password(web: WebContext, request: Asked, given: Forgot) -> None:
    """Ask for a way back in

    If there is such a user and a mail server, they get a link. The answer is the same for everybody, as fast.
    """
    auth.check_origin(request)
    await web.services.sign_in.links.ask_reset(given.email, exchange.client_address(request.scope))


@route(
    "POST", "/reset", status=204, is_public=True, body=Reset,
    raises=(errors.NotFound, errors.InvalidInput, errors.TooManyRequests),
)  # fmt: skip
async def reset_password(web: WebContext, request: Asked, given: Reset) -> None:
    """Set a new password by a link

    Every log-in ends. Second factors stay: one logs in with the new password and them.
    """
    auth.check_origin(request)
    await do_reset(web, request, given)


@route(
    "POST", "/invitation/passkey-options", status=200, is_public=True, body=InvitationToken,
    raises=(errors.NotFound, errors.InvalidInput, errors.Conflict, errors.TooManyRequests),
)  # fmt: skip
async def ask_invitation_passkey(web: WebContext, request: Asked, given: InvitationToken) -> PasskeyOptions:
    """Ask for the first passkey of who was invited

    What the browser makes of the options goes to `POST /invitation`. The link stays good until then.
    """
    auth.check_origin(request)
    _, user = await look(web, request, given.token, LinkKind.INVITATION)
    return options_of(await web.services.sign_in.passkeys.ask_new(user, relying_of(request)))


@route(
    "POST", "/invitation", status=200, is_public=True, body=AcceptInvitation,
    raises=(errors.NotFound, errors.InvalidInput, errors.Conflict, errors.TooManyRequests),
)  # fmt: skip
async def accept_invitation(
    web: WebContext, request: Asked, given: AcceptInvitation
) -> Response[LoggedIn | SecondFactorNeeded]:
    """Accept an invitation

    With a password, or with a passkey that was just made. One is logged in, and the link is good no longer.
    """
    auth.check_origin(request)
    return await answer_entered(web, request, await do_accept(web, request, given))


async def look(web: WebContext, request: Asked, token: str, kind: LinkKind) -> tuple[Link, User]:
    """Return the link of this token and whose it is. Raises NotFound, TooManyRequests."""
    return await web.services.sign_in.links.look(token, kind, exchange.client_address(request.scope))


async def do_reset(web: WebContext, request: Asked, given: Reset) -> User:
    """Set the password. Raises NotFound, InvalidInput, TooManyRequests."""
    link, user = await look(web, request, given.token, LinkKind.RESET)
    try:
        async with web.services.database.work() as work:
            await web.services.sign_in.links.set_password(work, link, given.password)
            access.note(web, work, somebody(request, user), "user.password_reset", user.id)
    except Conflict as error:
        raise NotFound(_OVER) from error
    return user


async def do_accept(web: WebContext, request: Asked, given: AcceptInvitation) -> Entry:
    """Have the invited sign in. Raises NotFound, InvalidInput, Conflict, TooManyRequests, Unauthenticated."""
    if (given.password is None) == (given.credential is None):
        raise InvalidInput("Choose a password or a passkey.", field="password")
    link, user = await look(web, request, given.token, LinkKind.INVITATION)
    sign_in, method = web.services.sign_in, Method.INVITATION
    try:
        async with web.services.database.work() as work:
            if given.credential is None:
                await sign_in.links.set_password(work, link, given.password or "")
            else:
                name = given.passkey_name
                await sign_in.passkeys.add(work, user.id, given.state or "", given.credential, name)
                sign_in.links.use(work, link)
                method = Method.PASSKEY
            access.note(web, work, somebody(request, user), "user.accept_invitation", user.id)
    except Conflict as error:
        raise NotFound(_OVER) from error
    entered = await sign_in.entering.after_first(user, method, **whence(request))
    assert isinstance(entered, Entry)  # noqa: S101 - neither of these methods asks for a second step
    return entered


def options_of(asked: AskedBrowser) -> PasskeyOptions:
    return PasskeyOptions(options=asked.options, state=asked.state)


def relying_of(request: Asked) -> Relying:
    """Return the site to which passkeys are bound. Raises InvalidInput where there can be none."""
    scheme, _, host = exchange.own_origin(request.scope).partition("://")
    found = decide.relying(exchange.context_of(request.scope).settings.public_url, scheme, host)
    if found is None:
        raise InvalidInput("Passkeys need the console to be reached by a name, not by an address of numbers.")
    return found


def somebody(request: Asked, user: User) -> Principal:
    """Return who acts by a link, for the audit trail."""
    principal = Principal(
        kind=ActorKind.USER,
        id=user.id,
        name=user.name,
        organisation_id=user.organisation_id,
        address=exchange.client_address(request.scope),
    )
    return exchange.came(request.scope, principal)


ROUTES: tuple[HTTPRouteHandler, ...] = (
    log_in_second, ask_passkey, log_in_by_passkey, list_sign_in_providers, forget_password, reset_password,
    ask_invitation_passkey, accept_invitation,
)  # fmt: skip
