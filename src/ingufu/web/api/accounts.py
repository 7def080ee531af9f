"""One's own password."""

from typing import Annotated

import msgspec
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from ingufu.accounts.model import ActorKind, Principal
from ingufu.core import errors
from ingufu.web import access
from ingufu.web.context import WebContext
from ingufu.web.routes import route

Password = Annotated[str, Meta(min_length=1, max_length=200)]


class ChangePassword(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One's own new password, and the present one."""

    old: Password
    new: Password


@route(
    "PUT", "/me/password", body=ChangePassword, raises=(errors.InvalidInput, errors.Forbidden, errors.TooManyRequests)
)
async def change_own_password(web: WebContext, principal: Principal, given: ChangePassword) -> None:
    """Change one's own password

    One's other log-ins end, and links to reset the password are void. Wrong present ones are slowed down.
    """
    if principal.kind is not ActorKind.USER:
        raise errors.Forbidden("An API key has no password.")
    await web.services.sign_in.factors.prove_password(principal, given.old)
    async with web.services.database.work() as work:
        await web.services.accounts.change_own_password(
            work, principal.id, given.old, given.new, login_id=principal.login_id
        )
        web.services.sign_in.links.void(work, principal.id)
        access.note(web, work, principal, "user.password", principal.id)


ROUTES: tuple[HTTPRouteHandler, ...] = (change_own_password,)
