"""Who may charge: drivers, groups, id tokens, and the decisions on them."""

from datetime import datetime
from typing import Annotated

import msgspec
from litestar.handlers import HTTPRouteHandler
from msgspec import UNSET, Meta, UnsetType

from ingufu.accounts.model import Principal, Scope
from ingufu.authorization.model import DriverDetails, GroupDetails, TokenDetails, TokenLimits
from ingufu.core import errors
from ingufu.views import tokens as views
from ingufu.views.paging import Page
from ingufu.views.tokens import (
    DecisionQuery,
    DecisionRow,
    DriverQuery,
    DriverRow,
    GroupQuery,
    GroupRow,
    TokenQuery,
    TokenRow,
)
from ingufu.web import access
from ingufu.web.context import WebContext
from ingufu.web.routes import route

Value = Annotated[str, Meta(min_length=1, max_length=255, description="What is read from the card.")]
Kind = Annotated[str, Meta(min_length=1, max_length=20, description="OCPP IdTokenEnumType, for instance `ISO14443`.")]
Name = Annotated[str, Meta(min_length=1, max_length=200)]
Note = Annotated[str, Meta(max_length=4000)]
Language = Annotated[str, Meta(max_length=8, description="RFC 5646, for instance `en` or `fr`.")]
Limit = Annotated[int, Meta(ge=0, le=10_000, description="Transactions at once; null: no limit.")]
Instant = Annotated[datetime, Meta(tz=True)]
_CREATES = (errors.InvalidInput, errors.Conflict)
_CHANGES = (errors.NotFound, errors.InvalidInput, errors.Conflict)


class TokenFields(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is entered about an id token. What is left out stays as it is, or has its default."""

    value: Value | UnsetType = UNSET
    kind: Kind | UnsetType = UNSET
    group_id: str | UnsetType | None = UNSET
    driver_id: str | UnsetType | None = UNSET
    valid_from: Instant | UnsetType | None = UNSET
    expires_at: Instant | UnsetType | None = UNSET
    concurrent_limit: Limit | UnsetType | None = UNSET
    language: Language | UnsetType | None = UNSET
    second_language: Language | UnsetType | None = UNSET
    charging_priority: Annotated[int, Meta(ge=-9, le=9, description="0 is usual.")] | UnsetType | None = UNSET
    message: Annotated[str, Meta(max_length=512, description="Shown by stations (2.x).")] | UnsetType | None = UNSET
    has_credit: Annotated[bool, Meta(description="Without credit it is refused.")] | UnsetType = UNSET
    limits: Annotated[TokenLimits, Meta(description="Where and when it may start.")] | UnsetType | None = UNSET
    note: Note | UnsetType = UNSET


class NewToken(TokenFields, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An id token to register."""

    value: Value


class DriverFields(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is entered about a driver. What is left out stays as it is, or has its default."""

    name: Name | UnsetType = UNSET
    email: Annotated[str, Meta(max_length=254)] | UnsetType | None = UNSET
    phone: Annotated[str, Meta(max_length=40)] | UnsetType | None = UNSET
    language: Language | UnsetType = UNSET
    note: Note | UnsetType = UNSET


class NewDriver(DriverFields, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A driver to register."""

    name: Name


class GroupFields(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is entered about a group of tokens. What is left out stays as it is, or has its default."""

    value: Value | UnsetType = UNSET
    name: Annotated[str, Meta(max_length=200)] | UnsetType = UNSET
    is_master_pass: bool | UnsetType = UNSET


class NewGroup(GroupFields, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A group to make."""

    value: Value


class Block(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why."""

    reason: Annotated[str, Meta(max_length=4000)] = ""


@route("GET", "/tokens", scope=Scope.TOKENS_READ, is_for_network=True, query=TokenQuery)
async def list_tokens(web: WebContext, criteria: TokenQuery) -> Page[TokenRow]:
    """List id tokens

    With search, filters and sorting.
    """
    return await views.list_tokens(web.services.database, criteria)


@route("POST", "/tokens", scope=Scope.TOKENS_WRITE, is_for_network=True, body=NewToken, raises=_CREATES)
async def create_token(web: WebContext, principal: Principal, given: NewToken) -> TokenRow:
    """Register an id token

    It may charge from now on, unless its times say otherwise.
    """
    details = TokenDetails(**access.given_fields(given))
    async with web.services.database.work() as work:
        organisation_id = await access.organisation_of(web, principal)
        token = await web.services.authorization.create_token(work, details, organisation_id=organisation_id)
        access.note(web, work, principal, "token.create", token.id, {"kind": token.kind})
    return await views.get_token(web.services.database, token.id)


@route("GET", "/tokens/{token_id:str}", scope=Scope.TOKENS_READ, is_for_network=True, raises=(errors.NotFound,))
async def get_token(web: WebContext, token_id: str) -> TokenRow:
    """Get an id token

    With its group and driver.
    """
    return await views.get_token(web.services.database, token_id)


@route(
    "PATCH",
    "/tokens/{token_id:str}",
    scope=Scope.TOKENS_WRITE,
    is_for_network=True,
    body=TokenFields,
    raises=_CHANGES,
)
async def update_token(web: WebContext, principal: Principal, token_id: str, given: TokenFields) -> TokenRow:
    """Change an id token

    Only the fields that are given change; whether it is blocked is set by `block` and `unblock`.
    """
    fields = access.given_fields(given)
    known = await web.services.authorization.get_token(token_id)
    details = access.merged(TokenDetails, known, fields)
    async with web.services.database.work() as work:
        await web.services.authorization.update_token(work, token_id, details)
        access.note(web, work, principal, "token.update", token_id, {"fields": sorted(fields)})
    return await views.get_token(web.services.database, token_id)


@route(
    "POST",
    "/tokens/{token_id:str}/block",
    status=200,
    scope=Scope.TOKENS_WRITE,
    is_for_network=True,
    body=Block,
    raises=_CHANGES,
)
async def block_token(web: WebContext, principal: Principal, token_id: str, given: Block) -> TokenRow:
    """Block an id token

    It is refused from now on; what it charges now goes on.
    """
    async with web.services.database.work() as work:
        await web.services.authorization.block_token(work, token_id, reason=given.reason)
        access.note(web, work, principal, "token.block", token_id, {"reason": given.reason})
    return await views.get_token(web.services.database, token_id)


@route(
    "POST",
    "/tokens/{token_id:str}/unblock",
    status=200,
    scope=Scope.TOKENS_WRITE,
    is_for_network=True,
    raises=_CHANGES,
)
async def unblock_token(web: WebContext, principal: Principal, token_id: str) -> TokenRow:
    """Unblock an id token

    It may charge again.
    """
    async with web.services.database.work() as work:
        await web.services.authorization.unblock_token(work, token_id)
        access.note(web, work, principal, "token.unblock", token_id)
    return await views.get_token(web.services.database, token_id)


@route("DELETE", "/tokens/{token_id:str}", scope=Scope.TOKENS_WRITE, is_for_network=True, raises=_CHANGES)
async def delete_token(web: WebContext, principal: Principal, token_id: str) -> None:
    """Delete an id token

    One that was ever used cannot be deleted: block it instead.
    """
    async with web.services.database.work() as work:
        await web.services.authorization.delete_token(work, token_id)
        access.note(web, work, principal, "token.delete", token_id)


@route("GET", "/groups", scope=Scope.TOKENS_READ, is_for_network=True, query=GroupQuery)
async def list_groups(web: WebContext, criteria: GroupQuery) -> Page[GroupRow]:
    """List groups

    A token may stop what another of its group has started.
    """
    return await views.list_groups(web.services.database, criteria)


@route("POST", "/groups", scope=Scope.TOKENS_WRITE, is_for_network=True, body=NewGroup, raises=_CREATES)
async def create_group(web: WebContext, principal: Principal, given: NewGroup) -> GroupRow:
    """Make a group

    Tokens join it by their `group_id`.
    """
    details = GroupDetails(**access.given_fields(given))
    async with web.services.database.work() as work:
        organisation_id = await access.organisation_of(web, principal)
        group = await web.services.authorization.create_group(work, details, organisation_id=organisation_id)
        access.note(web, work, principal, "group.create", group.id, {"value": group.value})
    return await views.get_group(web.services.database, group.id)


@route("GET", "/groups/{group_id:str}", scope=Scope.TOKENS_READ, is_for_network=True, raises=(errors.NotFound,))
async def get_group(web: WebContext, group_id: str) -> GroupRow:
    """Get a group

    With how many tokens it has.
    """
    return await views.get_group(web.services.database, group_id)


@route(
    "PATCH",
    "/groups/{group_id:str}",
    scope=Scope.TOKENS_WRITE,
    is_for_network=True,
    body=GroupFields,
    raises=_CHANGES,
)
async def update_group(web: WebContext, principal: Principal, group_id: str, given: GroupFields) -> GroupRow:
    """Change a group

    Only the fields that are given change.
    """
    fields = access.given_fields(given)
    known = await web.services.authorization.get_group(group_id)
    details = access.merged(GroupDetails, known, fields)
    async with web.services.database.work() as work:
        await web.services.authorization.update_group(work, group_id, details)
        access.note(web, work, principal, "group.update", group_id, {"fields": sorted(fields)})
    return await views.get_group(web.services.database, group_id)


@route("DELETE", "/groups/{group_id:str}", scope=Scope.TOKENS_WRITE, is_for_network=True, raises=_CHANGES)
async def delete_group(web: WebContext, principal: Principal, group_id: str) -> None:
    """Delete a group

    One that has tokens has to be emptied first.
    """
    async with web.services.database.work() as work:
        await web.services.authorization.delete_group(work, group_id)
        access.note(web, work, principal, "group.delete", group_id)


@route("GET", "/drivers", scope=Scope.TOKENS_READ, is_for_network=True, query=DriverQuery)
async def list_drivers(web: WebContext, criteria: DriverQuery) -> Page[DriverRow]:
    """List drivers

    With search, filters and sorting.
    """
    return await views.list_drivers(web.services.database, criteria)


@route("POST", "/drivers", scope=Scope.TOKENS_WRITE, is_for_network=True, body=NewDriver, raises=_CREATES)
async def create_driver(web: WebContext, principal: Principal, given: NewDriver) -> DriverRow:
    """Register a driver

    Tokens become theirs by their `driver_id`.
    """
    details = DriverDetails(**access.given_fields(given))
    async with web.services.database.work() as work:
        organisation_id = await access.organisation_of(web, principal)
        driver = await web.services.authorization.create_driver(work, details, organisation_id=organisation_id)
        access.note(web, work, principal, "driver.create", driver.id)
    return await views.get_driver(web.services.database, driver.id)


@route("GET", "/drivers/{driver_id:str}", scope=Scope.TOKENS_READ, is_for_network=True, raises=(errors.NotFound,))
async def get_driver(web: WebContext, driver_id: str) -> DriverRow:
    """Get a driver

    With how many tokens they have.
    """
    return await views.get_driver(web.services.database, driver_id)


@route(
    "PATCH",
    "/drivers/{driver_id:str}",
    scope=Scope.TOKENS_WRITE,
    is_for_network=True,
    body=DriverFields,
    raises=_CHANGES,
)
async def update_driver(web: WebContext, principal: Principal, driver_id: str, given: DriverFields) -> DriverRow:
    """Change a driver

    Only the fields that are given change; whether they are blocked is set by `block` and `unblock`.
    """
    fields = access.given_fields(given)
    known = await web.services.authorization.get_driver(driver_id)
    details = access.merged(DriverDetails, known, fields)
    async with web.services.database.work() as work:
        await web.services.authorization.update_driver(work, driver_id, details)
        access.note(web, work, principal, "driver.update", driver_id, {"fields": sorted(fields)})
    return await views.get_driver(web.services.database, driver_id)


@route(
    "POST",
    "/drivers/{driver_id:str}/block",
    status=200,
    scope=Scope.TOKENS_WRITE,
    is_for_network=True,
    raises=_CHANGES,
)
async def block_driver(web: WebContext, principal: Principal, driver_id: str) -> DriverRow:
    """Block a driver

    None of their tokens is accepted from now on.
    """
    async with web.services.database.work() as work:
        await web.services.authorization.block_driver(work, driver_id)
        access.note(web, work, principal, "driver.block", driver_id)
    return await views.get_driver(web.services.database, driver_id)


@route(
    "POST",
    "/drivers/{driver_id:str}/unblock",
    status=200,
    scope=Scope.TOKENS_WRITE,
    is_for_network=True,
    raises=_CHANGES,
)
async def unblock_driver(web: WebContext, principal: Principal, driver_id: str) -> DriverRow:
    """Unblock a driver

    Their tokens are judged by themselves again.
    """
    async with web.services.database.work() as work:
        await web.services.authorization.unblock_driver(work, driver_id)
        access.note(web, work, principal, "driver.unblock", driver_id)
    return await views.get_driver(web.services.database, driver_id)


@route("DELETE", "/drivers/{driver_id:str}", scope=Scope.TOKENS_WRITE, is_for_network=True, raises=_CHANGES)
async def delete_driver(web: WebContext, principal: Principal, driver_id: str) -> None:
    """Delete a driver

    One who has tokens has to hand them back first.
    """
    async with web.services.database.work() as work:
        await web.services.authorization.delete_driver(work, driver_id)
        access.note(web, work, principal, "driver.delete", driver_id)


@route("GET", "/authorization-decisions", scope=Scope.TOKENS_READ, query=DecisionQuery)
async def list_decisions(web: WebContext, principal: Principal, criteria: DecisionQuery) -> Page[DecisionRow]:
    """List authorisation decisions

    Every token that was presented at a station, what the station heard, and why.
    """
    return await views.list_decisions(web.services.database, criteria, principal.site_ids)


ROUTES: tuple[HTTPRouteHandler, ...] = (
    list_tokens, create_token, get_token, update_token, block_token, unblock_token, delete_token,
    list_groups, create_group, get_group, update_group, delete_group,
    list_drivers, create_driver, get_driver, update_driver, block_driver, unblock_driver, delete_driver,
    list_decisions,
)  # fmt: skip
