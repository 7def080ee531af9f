"""Who runs the network: organisations, users and their roles, API keys, and the audit trail."""

from datetime import datetime
from typing import Annotated

import msgspec
from litestar.handlers import HTTPRouteHandler
from msgspec import UNSET, Meta, UnsetType

from ingufu.accounts.model import (
    ActorKind,
    ApiKey,
    AuditEntry,
    Organisation,
    OrganisationKind,
    Principal,
    RoleGrant,
    Scope,
    User,
)
from ingufu.core import errors
from ingufu.core.errors import InvalidInput
from ingufu.views.paging import Page
from ingufu.views.stations import Cursor, Limit
from ingufu.views.transactions import Instant
from ingufu.web import access
from ingufu.web.context import WebContext
from ingufu.web.routes import route

Name = Annotated[str, Meta(min_length=1, max_length=100)]
Email = Annotated[str, Meta(min_length=3, max_length=254)]
Password = Annotated[str, Meta(min_length=1, max_length=200)]
Grants = Annotated[tuple[RoleGrant, ...], Meta(min_length=1, max_length=100)]
_CHANGES = (errors.NotFound, errors.InvalidInput, errors.Conflict)


class NewOrganisation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An organisation to enter."""

    name: Name
    kind: OrganisationKind


class Rename(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new name."""

    name: Name


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
    language: Annotated[str, Meta(max_length=8)] = "en"
    organisation_id: Annotated[str | None, Meta(description="Whose they are; else of the operator.")] = None


class UserChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What changes of a user. What is left out stays as it is."""

    name: Name | UnsetType = UNSET
    language: Annotated[str, Meta(max_length=8)] | UnsetType = UNSET
    grants: Grants | UnsetType = UNSET
    is_disabled: bool | UnsetType = UNSET


class SetUserPassword(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new password."""

    password: Password


class ChangePassword(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One's own new password, and the present one."""

    old: Password
    new: Password


class NewKey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An API key to make."""

    name: Name
    scopes: Annotated[tuple[Scope, ...], Meta(min_length=1, max_length=20)]
    expires_at: Instant | None = None
    organisation_id: Annotated[str | None, Meta(description="Whose it is; else of the operator.")] = None


class KeyWithSecret(ApiKey, frozen=True, kw_only=True):
    """A new API key."""

    secret: Annotated[str, Meta(description="What is sent as Bearer token. It is shown this once.")]


class AuditQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which entries, the newest first."""

    actor_kind: ActorKind | None = None
    actor_id: Annotated[str, Meta(max_length=100)] | None = None
    action: Annotated[str, Meta(max_length=200, description="For instance `station.approve`.")] | None = None
    object_kind: Annotated[str, Meta(max_length=50)] | None = None
    object_id: Annotated[str, Meta(max_length=200)] | None = None
    is_refused: bool | None = None
    since: Instant | None = None
    until: Instant | None = None
    limit: Limit = 50
    cursor: Cursor | None = None


@route("GET", "/organisations", scope=Scope.ADMIN, is_for_network=True)
async def list_organisations(web: WebContext) -> list[Organisation]:
    """List organisations

    The operator, owners of sites, fleets.
    """
    return await web.services.accounts.organisations()


@route(
    "POST",
    "/organisations",
    scope=Scope.ADMIN,
    is_for_network=True,
    body=NewOrganisation,
    raises=(errors.InvalidInput, errors.Conflict),
)
async def create_organisation(web: WebContext, principal: Principal, given: NewOrganisation) -> Organisation:
    """Enter an organisation

    There is one operator; others own sites or fleets.
    """
    async with web.services.database.work() as work:
        added = await web.services.accounts.create_organisation(work, given.name, given.kind)
        access.note(web, work, principal, "organisation.create", added.id, {"name": added.name})
    return added


@route(
    "PATCH",
    "/organisations/{organisation_id:str}",
    scope=Scope.ADMIN,
    is_for_network=True,
    body=Rename,
    raises=_CHANGES,
)
async def rename_organisation(
    web: WebContext, principal: Principal, organisation_id: str, given: Rename
) -> Organisation:
    """Rename an organisation

    Everything of it stays.
    """
    async with web.services.database.work() as work:
        renamed = await web.services.accounts.rename_organisation(work, organisation_id, given.name)
        access.note(web, work, principal, "organisation.rename", organisation_id, {"name": given.name})
    return renamed


@route("GET", "/users", scope=Scope.ADMIN, is_for_network=True)
async def list_users(web: WebContext) -> list[UserView]:
    """List users

    Everyone who can log in, and with which role.
    """
    return [_view(user) for user in await web.services.accounts.users()]


@route("POST", "/users", scope=Scope.ADMIN, is_for_network=True, body=NewUser, raises=_CHANGES)
async def create_user(web: WebContext, principal: Principal, given: NewUser) -> UserView:
    """Enter a user

    Without a password they cannot log in until one is set.
    """
    await _check_sites(web, given.grants)
    organisation_id = given.organisation_id or await access.organisation_of(web, principal)
    async with web.services.database.work() as work:
        user = await web.services.accounts.create_user(
            work,
            organisation_id=organisation_id,
            email=given.email,
            name=given.name,
            password=given.password,
            grants=given.grants,
            language=given.language,
        )
        access.note(web, work, principal, "user.create", user.id, {"email": user.email})
    return _view(user)


@route("GET", "/users/{user_id:str}", scope=Scope.ADMIN, is_for_network=True, raises=(errors.NotFound,))
async def get_user(web: WebContext, user_id: str) -> UserView:
    """Get a user

    With their roles.
    """
    return _view(await web.services.accounts.user(user_id))


@route("PATCH", "/users/{user_id:str}", scope=Scope.ADMIN, is_for_network=True, body=UserChange, raises=_CHANGES)
async def update_user(web: WebContext, principal: Principal, user_id: str, given: UserChange) -> UserView:
    """Change a user

    Only the fields that are given change; `grants` replaces all of them. A disabled user is logged out at once. The
    last administrator stays one.
    """
    fields = access.given_fields(given)
    await _check_sites(web, fields.get("grants", ()))
    async with web.services.database.work() as work:
        user = await web.services.accounts.update_user(work, user_id, **fields)
        access.note(web, work, principal, "user.update", user_id, {"fields": sorted(fields)})
    return _view(user)


@route(
    "PUT",
    "/users/{user_id:str}/password",
    scope=Scope.ADMIN,
    is_for_network=True,
    body=SetUserPassword,
    raises=_CHANGES,
)
async def set_user_password(web: WebContext, principal: Principal, user_id: str, given: SetUserPassword) -> None:
    """Set a user's password

    Their log-ins end.
    """
    async with web.services.database.work() as work:
        await web.services.accounts.set_user_password(work, user_id, given.password)
        access.note(web, work, principal, "user.password", user_id)


@route("DELETE", "/users/{user_id:str}", scope=Scope.ADMIN, is_for_network=True, raises=_CHANGES)
async def delete_user(web: WebContext, principal: Principal, user_id: str) -> None:
    """Delete a user

    The audit trail keeps their name. The last administrator stays.
    """
    user = await web.services.accounts.user(user_id)
    async with web.services.database.work() as work:
        await web.services.accounts.delete_user(work, user_id)
        access.note(web, work, principal, "user.delete", user_id, {"email": user.email})


@route("PUT", "/me/password", body=ChangePassword, raises=(errors.InvalidInput, errors.Forbidden))
async def change_own_password(web: WebContext, principal: Principal, given: ChangePassword) -> None:
    """Change one's own password

    One's other log-ins end.
    """
    if principal.kind is not ActorKind.USER:
        raise errors.Forbidden("An API key has no password.")
    async with web.services.database.work() as work:
        await web.services.accounts.change_own_password(
            work, principal.id, given.old, given.new, login_id=principal.login_id
        )
        access.note(web, work, principal, "user.password", principal.id)


@route("GET", "/api-keys", scope=Scope.ADMIN, is_for_network=True)
async def list_keys(web: WebContext) -> list[ApiKey]:
    """List API keys

    Also those that are good no longer. Their secrets cannot be found out again.
    """
    return await web.services.accounts.keys()


@route("POST", "/api-keys", scope=Scope.ADMIN, is_for_network=True, body=NewKey, shows_secret=True, raises=_CHANGES)
async def create_key(web: WebContext, principal: Principal, given: NewKey) -> KeyWithSecret:
    """Make an API key

    Its secret is in this answer and nowhere else.
    """
    organisation_id = given.organisation_id or await access.organisation_of(web, principal)
    async with web.services.database.work() as work:
        key, secret = await web.services.accounts.create_key(
            work, organisation_id=organisation_id, name=given.name, scopes=given.scopes, expires_at=given.expires_at
        )
        access.note(web, work, principal, "key.create", key.id, {"name": key.name, "scopes": list(key.scopes)})
    return KeyWithSecret(**msgspec.structs.asdict(key), secret=secret)


@route("DELETE", "/api-keys/{key_id:str}", scope=Scope.ADMIN, is_for_network=True, raises=(errors.NotFound,))
async def revoke_key(web: WebContext, principal: Principal, key_id: str) -> None:
    """Revoke an API key

    It is good no longer, everywhere within seconds.
    """
    async with web.services.database.work() as work:
        await web.services.accounts.revoke_key(work, key_id)
        access.note(web, work, principal, "key.revoke", key_id)


@route("GET", "/audit", scope=Scope.ADMIN, is_for_network=True, query=AuditQuery)
async def list_audit(web: WebContext, criteria: AuditQuery) -> Page[AuditEntry]:
    """List the audit trail

    Who changed what, who sent which command, and who was refused.
    """
    wanted = msgspec.structs.asdict(criteria)
    cursor, limit = wanted.pop("cursor"), wanted.pop("limit")
    if cursor is not None and not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):  # 64 bits
        raise InvalidInput("This is no cursor of ours.", field="cursor")
    before_id = int(cursor) if cursor else None
    found = await web.services.accounts.audit_trail(**wanted, before_id=before_id, limit=limit + 1)
    items = tuple(found[:limit])
    return Page(items=items, next=str(items[-1].id) if len(found) > limit else None)


def _view(user: User) -> UserView:
    fields = {name: value for name, value in msgspec.structs.asdict(user).items() if name != "password_hash"}
    return UserView(**fields, has_password=user.password_hash is not None)


async def _check_sites(web: WebContext, grants: tuple[RoleGrant, ...]) -> None:
    for grant in grants:
        if grant.site_id is not None:
            await access.check_site_exists(web, grant.site_id)


ROUTES: tuple[HTTPRouteHandler, ...] = (
    list_organisations, create_organisation, rename_organisation, list_users, create_user, get_user, update_user,
    set_user_password, delete_user, change_own_password, list_keys, create_key, revoke_key, list_audit,
)  # fmt: skip
