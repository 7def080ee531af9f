"""Groups of id tokens: one of them may stop what another has started."""

from typing import Annotated

import msgspec
from litestar.handlers import HTTPRouteHandler
from msgspec import UNSET, Meta, UnsetType

from ingufu.accounts.model import Principal, Scope
from ingufu.authorization.model import GroupDetails, TokenGroup
from ingufu.core import errors
from ingufu.views import tokens as views
from ingufu.views.paging import Page
from ingufu.views.tokens import GroupQuery, GroupRow
from ingufu.web import access
from ingufu.web.api.tokens import CHANGES, CREATES, Owner, Value, check_reserved
from ingufu.web.context import WebContext
from ingufu.web.routes import route


class GroupFields(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is entered about a group of tokens. What is left out stays as it is, or has its default."""

    value: Value | UnsetType = UNSET
    name: Annotated[str, Meta(max_length=200)] | UnsetType = UNSET
    is_master_pass: bool | UnsetType = UNSET


class NewGroup(GroupFields, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A group to make."""

    value: Value
    organisation_id: Owner = None


@route("GET", "/groups", scope=Scope.TOKENS_READ, is_for_network=True, is_for_fleets=True, query=GroupQuery)
async def list_groups(web: WebContext, principal: Principal, criteria: GroupQuery) -> Page[GroupRow]:
    """List groups

    A token may stop what another of its group has started.
    """
    return await views.list_groups(web.services.database, criteria, principal.fleet_id)


@route(
    "POST", "/groups", scope=Scope.TOKENS_WRITE, is_for_network=True, is_for_fleets=True, body=NewGroup, raises=CREATES
)
async def create_group(web: WebContext, principal: Principal, given: NewGroup) -> GroupRow:
    """Make a group

    Tokens join it by their `group_id`.
    """
    fields = access.given_fields(given)
    organisation_id = await access.owner_of(web, principal, fields.pop("organisation_id"))
    check_reserved(principal, fields)
    details = GroupDetails(**fields)
    async with web.services.database.work() as work:
        group = await web.services.authorization.create_group(work, details, organisation_id=organisation_id)
        access.note(web, work, principal, "group.create", group.id, after=group)
    return await views.get_group(web.services.database, group.id)


@route(
    "GET",
    "/groups/{group_id:str}",
    scope=Scope.TOKENS_READ,
    is_for_network=True,
    is_for_fleets=True,
    raises=(errors.NotFound,),
)
async def get_group(web: WebContext, principal: Principal, group_id: str) -> GroupRow:
    """Get a group

    With how many tokens it has.
    """
    return await views.get_group(web.services.database, group_id, principal.fleet_id)


@route(
    "PATCH",
    "/groups/{group_id:str}",
    scope=Scope.TOKENS_WRITE,
    is_for_network=True,
    is_for_fleets=True,
    body=GroupFields,
    raises=CHANGES,
)
async def update_group(web: WebContext, principal: Principal, group_id: str, given: GroupFields) -> GroupRow:
    """Change a group

    Only the fields that are given change.
    """
    fields = access.given_fields(given)
    known = await group_of(web, principal, group_id)
    check_reserved(principal, fields, known)
    details = access.merged(GroupDetails, known, fields)
    async with web.services.database.work() as work:
        changed = await web.services.authorization.update_group(work, group_id, details)
        access.note(web, work, principal, "group.update", group_id, before=known, after=changed)
    return await views.get_group(web.services.database, group_id)


@route(
    "DELETE",
    "/groups/{group_id:str}",
    scope=Scope.TOKENS_WRITE,
    is_for_network=True,
    is_for_fleets=True,
    raises=CHANGES,
)
async def delete_group(web: WebContext, principal: Principal, group_id: str) -> None:
    """Delete a group

    One that has tokens has to be emptied first.
    """
    known = await group_of(web, principal, group_id)
    async with web.services.database.work() as work:
        await web.services.authorization.delete_group(work, group_id)
        access.note(web, work, principal, "group.delete", group_id, before=known)


async def group_of(web: WebContext, principal: Principal, group_id: str) -> TokenGroup:
    """Return the group. Raises NotFound, also if it is not the principal's to see."""
    group = await web.services.authorization.get_group(group_id)
    if principal.fleet_id not in (None, group.organisation_id):
        raise errors.NotFound("There is no such group.")
    return group


ROUTES: tuple[HTTPRouteHandler, ...] = (list_groups, create_group, get_group, update_group, delete_group)
