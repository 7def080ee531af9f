"""Users: who can log in, with which role, and where."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar.handlers import HTTPRouteHandler
from msgspec import UNSET, Meta, UnsetType

from ingufu.accounts.model import Principal, RoleGrant, Scope, User
from ingufu.core import errors
from ingufu.web import access
from ingufu.web.context import WebContext
from ingufu.web.routes import route

Name = Annotated[str, Meta(min_length=1, max_length=100)]
Email = Annotated[str, Meta(min_length=3, max_length=254)]
Password = Annotated[str, Meta(min_length=1, max_length=200)]
Language = Annotated[str, Meta(max_length=8)]
Grants = Annotated[
    tuple[RoleGrant, ...],
    Meta(min_length=1, max_length=100, description="One role, everywhere that the organisation sees, or at sites."),
]
_OPEN: dict[str, Any] = {"is_for_network": True, "is_for_organisations": True}
_CHANGES = (errors.NotFound, errors.InvalidInput, errors.Conflict, errors.Forbidden)


class UserView(msgspec.Struct, frozen=True, kw_only=True):
    """Someone who can log in."""

    id: str
    organisation_id: str
    email: str
    name: str
    language: str
    has_password: bool
    disabled_at: datetime | None = None
    created_at: datetime
    grants: tuple[RoleGrant, ...]


class NewUser(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A user to enter."""

    email: Email
    name: Name
    password: Password | None = None
    grants: Grants
    language: Language = "en"
    organisation_id: Annotated[str | None, Meta(description="Whose they are; else one's own.")] = None


class UserChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What changes of a user. What is left out stays as it is."""

    name: Name | UnsetType = UNSET
    language: Language | UnsetType = UNSET
    grants: Grants | UnsetType = UNSET
    is_disabled: bool | UnsetType = UNSET


class SetUserPassword(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new password."""

    password: Password


@route("GET", "/users", scope=Scope.USERS_READ, **_OPEN)
async def list_users(web: WebContext, principal: Principal) -> list[UserView]:
    """List users

    Everyone who can log in, and with which role. Hosts and fleets see their own people.
    """
    return [view_of(user) for user in await seen_users(web, principal)]


@route("POST", "/users", scope=Scope.USERS_WRITE, **_OPEN, body=NewUser, raises=_CHANGES)
async def create_user(web: WebContext, principal: Principal, given: NewUser) -> UserView:
    """Enter a user

    With a role that may no more than one may oneself. Without a password they cannot log in until one is set. People
    of hosts and fleets see what is their organisation's, whatever their role says.
    """
    await _check_sites(web, given.grants)
    organisation_id = await access.employer_of(web, principal, given.organisation_id)
    async with web.services.database.work() as work:
        user = await web.services.accounts.create_user(
            work,
            organisation_id=organisation_id,
            email=given.email,
            name=given.name,
            password=given.password,
            grants=given.grants,
            language=given.language,
            by=principal,
        )
        access.note(web, work, principal, "user.create", user.id, {"email": user.email}, after=view_of(user))
    return view_of(user)


@route("GET", "/users/{user_id:str}", scope=Scope.USERS_READ, **_OPEN, raises=(errors.NotFound,))
async def get_user(web: WebContext, principal: Principal, user_id: str) -> UserView:
    """Get a user

    With their roles.
    """
    return view_of(await access.user_of(web, principal, user_id))


@route("PATCH", "/users/{user_id:str}", scope=Scope.USERS_WRITE, **_OPEN, body=UserChange, raises=_CHANGES)
async def update_user(web: WebContext, principal: Principal, user_id: str, given: UserChange) -> UserView:
    """Change a user

    Only the fields that are given change; `grants` replaces all of them. A disabled user is logged out at once. The
    last administrator stays one. Who may more than one may oneself is not to be changed.
    """
    fields = access.given_fields(given)
    await _check_sites(web, fields.get("grants", ()))
    before = await access.user_of(web, principal, user_id)
    async with web.services.database.work() as work:
        user = await web.services.accounts.update_user(work, user_id, by=principal, **fields)
        details = {"fields": sorted(fields)}
        access.note(web, work, principal, "user.update", user_id, details, before=view_of(before), after=view_of(user))
    return view_of(user)


@route(
    "PUT",
    "/users/{user_id:str}/password",
    scope=Scope.USERS_WRITE,
    **_OPEN,
    body=SetUserPassword,
    raises=_CHANGES,
)
async def set_user_password(web: WebContext, principal: Principal, user_id: str, given: SetUserPassword) -> None:
    """Set a user's password

    Their log-ins end.
    """
    await access.user_of(web, principal, user_id)
    async with web.services.database.work() as work:
        await web.services.accounts.set_user_password(work, user_id, given.password, by=principal)
        web.services.sign_in.links.void(work, user_id)
        access.note(web, work, principal, "user.password", user_id)


@route("DELETE", "/users/{user_id:str}", scope=Scope.USERS_WRITE, **_OPEN, raises=_CHANGES)
async def delete_user(web: WebContext, principal: Principal, user_id: str) -> None:
    """Delete a user

    The audit trail keeps their name. The last administrator stays.
    """
    user = await access.user_of(web, principal, user_id)
    async with web.services.database.work() as work:
        await web.services.accounts.delete_user(work, user_id, by=principal)
        access.note(web, work, principal, "user.delete", user_id, {"email": user.email}, before=view_of(user))


async def seen_users(web: WebContext, principal: Principal) -> list[User]:
    """Return the users that the principal may see, by address."""
    users = await web.services.accounts.users()
    return [user for user in users if principal.people_of in (None, user.organisation_id)]


def view_of(user: User) -> UserView:
    """Return the user without what is secret of them."""
    fields = {name: value for name, value in msgspec.structs.asdict(user).items() if name in UserView.__struct_fields__}
    return UserView(**fields, has_password=user.password_hash is not None)


async def _check_sites(web: WebContext, grants: tuple[RoleGrant, ...]) -> None:
    for grant in grants:
        if grant.site_id is not None:
            await access.check_site_exists(web, grant.site_id)


ROUTES: tuple[HTTPRouteHandler, ...] = (
    list_users, create_user, get_user, update_user, set_user_password, delete_user,
)  # fmt: skip
