"""Roles: what each may, those that are built in and those of one's own."""

from collections import Counter
from typing import Annotated, Any

import msgspec
from litestar.handlers import HTTPRouteHandler
from msgspec import UNSET, Meta, UnsetType

from ingufu.accounts.model import CEILINGS, OrganisationKind, Principal, Role, RoleDefinition, Scope
from ingufu.core import errors
from ingufu.web import access
from ingufu.web.context import WebContext
from ingufu.web.routes import route

Name = Annotated[str, Meta(min_length=1, max_length=100)]
Description = Annotated[str, Meta(max_length=1000)]
Scopes = Annotated[tuple[Scope, ...], Meta(min_length=1, max_length=40, description="What its holders may.")]
_OPEN: dict[str, Any] = {"is_for_network": True, "is_for_organisations": True}
_CHANGES = (errors.NotFound, errors.InvalidInput, errors.Conflict, errors.Forbidden)


class RoleView(RoleDefinition, frozen=True, kw_only=True):
    """A role, and how many hold it."""

    user_count: int = 0


class Permission(msgspec.Struct, frozen=True, kw_only=True):
    """Something that roles and keys can allow."""

    scope: Scope
    kinds: Annotated[tuple[OrganisationKind, ...], Meta(description="The organisations whose people can hold it.")]


class NewRole(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A role to define."""

    name: Name
    description: Description = ""
    scopes: Scopes


class RoleChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What changes of a role. What is left out stays as it is."""

    name: Name | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    scopes: Scopes | UnsetType = UNSET


class RoleRemoval(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What becomes of those who hold it."""

    replace_with: Annotated[
        str | None, Meta(description="The role that its holders get instead; needed if there are any.")
    ] = None


@route("GET", "/permissions", scope=Scope.USERS_READ, **_OPEN)
async def list_permissions() -> list[Permission]:
    """List permissions

    What roles and keys can allow, and the organisations whose people can hold it, whatever they are granted.
    """
    return [
        Permission(scope=scope, kinds=tuple(kind for kind in OrganisationKind if scope in CEILINGS[kind]))
        for scope in Scope
    ]


@route("GET", "/roles", scope=Scope.USERS_READ, **_OPEN)
async def list_roles(web: WebContext, principal: Principal) -> list[RoleView]:
    """List roles

    Those that are built in, then those of one's own, each with how many users hold it. Hosts and fleets see those that
    their people can have.
    """
    holders = await _holders(web, principal)
    return [_view(role, holders) for role in await seen_roles(web, principal)]


@route("POST", "/roles", scope=Scope.USERS_WRITE, is_for_network=True, body=NewRole, raises=_CHANGES)
async def create_role(web: WebContext, principal: Principal, given: NewRole) -> RoleView:
    """Define a role

    With permissions that one holds oneself. Only the role of administrators has the permission `admin`.
    """
    async with web.services.database.work() as work:
        added = await web.services.accounts.create_role(
            work, name=given.name, description=given.description, scopes=given.scopes, by=principal
        )
        access.note(web, work, principal, "role.create", added.id, {"name": added.name}, after=added)
    return _view(added, {})


@route("GET", "/roles/{role_id:str}", scope=Scope.USERS_READ, **_OPEN, raises=(errors.NotFound,))
async def get_role(web: WebContext, principal: Principal, role_id: str) -> RoleView:
    """Get a role

    With its permissions.
    """
    role = await web.services.accounts.role(role_id)
    if not is_seen(role, principal):
        raise errors.NotFound(f"There is no role {role_id!r}.")
    return _view(role, await _holders(web, principal))


@route("PATCH", "/roles/{role_id:str}", scope=Scope.USERS_WRITE, is_for_network=True, body=RoleChange, raises=_CHANGES)
async def update_role(web: WebContext, principal: Principal, role_id: str, given: RoleChange) -> RoleView:
    """Change a role

    Only the fields that are given change; `scopes` replaces all of them. What its holders may changes within seconds.
    What is built in stays as it is.
    """
    accounts = web.services.accounts
    before = await accounts.role(role_id)
    async with web.services.database.work() as work:
        changed = await accounts.update_role(work, role_id, by=principal, **access.given_fields(given))
        access.note(web, work, principal, "role.update", role_id, before=before, after=changed)
    return _view(changed, await accounts.role_holders())


@route(
    "POST",
    "/roles/{role_id:str}/delete",
    status=204,
    scope=Scope.USERS_WRITE,
    is_for_network=True,
    body=RoleRemoval,
    raises=_CHANGES,
)
async def delete_role(web: WebContext, principal: Principal, role_id: str, given: RoleRemoval) -> None:
    """Delete a role

    One that users hold is deleted only if it is said which one they hold instead.
    """
    accounts = web.services.accounts
    before = await accounts.role(role_id)
    async with web.services.database.work() as work:
        await accounts.delete_role(work, role_id, replace_with=given.replace_with, by=principal)
        details = {"name": before.name, "replace_with": given.replace_with}
        access.note(web, work, principal, "role.delete", role_id, details, before=before)


async def seen_roles(web: WebContext, principal: Principal) -> list[RoleDefinition]:
    """Return the roles that the principal may see: of a host or fleet those that its people can have."""
    return [role for role in await web.services.accounts.roles() if is_seen(role, principal)]


def is_seen(role: RoleDefinition, principal: Principal) -> bool:
    """Return whether the principal may see the role."""
    if principal.people_of is None or role.id == Role.ORGANISATION_ADMIN:
        return True
    return principal.scopes.issuperset(role.scopes)


async def _holders(web: WebContext, principal: Principal) -> dict[str, int]:
    """Return how many hold each role, of those whom the principal may see."""
    accounts = web.services.accounts
    if principal.people_of is None:
        return await accounts.role_holders()
    own = [user for user in await accounts.users() if user.organisation_id == principal.people_of]
    return Counter(role for user in own for role in {grant.role for grant in user.grants})


def _view(role: RoleDefinition, holders: dict[str, int]) -> RoleView:
    return RoleView(**msgspec.structs.asdict(role), user_count=holders.get(role.id, 0))


ROUTES: tuple[HTTPRouteHandler, ...] = (
    list_permissions, list_roles, create_role, get_role, update_role, delete_role,
)  # fmt: skip
