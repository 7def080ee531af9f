"""Id tokens: cards, contracts and codes, each with where and when it may charge; and the decisions on them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar.handlers import HTTPRouteHandler
from msgspec import UNSET, Meta, UnsetType

from ingufu.accounts.model import Principal, Scope
from ingufu.authorization.decide import shown
from ingufu.authorization.model import Driver, Token, TokenDetails, TokenGroup, TokenLimits
from ingufu.core import errors
from ingufu.views import decisions
from ingufu.views import tokens as views
from ingufu.views.decisions import DecisionQuery, DecisionRow
from ingufu.views.paging import Page
from ingufu.views.tokens import (
    TokenQuery,
    TokenRow,
)
from ingufu.web import access
from ingufu.web.context import WebContext
from ingufu.web.routes import route

Value = Annotated[str, Meta(min_length=1, max_length=255, description="What is read from the card.")]
Kind = Annotated[str, Meta(min_length=1, max_length=20, description="OCPP IdTokenEnumType, for instance `ISO14443`.")]
Note = Annotated[str, Meta(max_length=4000)]
Language = Annotated[str, Meta(max_length=8, description="RFC 5646, for instance `en` or `fr`.")]
Limit = Annotated[int, Meta(ge=0, le=10_000, description="Transactions at once; null: no limit.")]
Instant = Annotated[datetime, Meta(tz=True)]
Owner = Annotated[str | None, Meta(description="The fleet whose it is; null: of one's own organisation.")]
CREATES = (errors.InvalidInput, errors.Conflict)
CHANGES = (errors.NotFound, errors.InvalidInput, errors.Conflict)
RESERVED: Mapping[str, Any] = {  # as usual
    "charging_priority": None, "has_credit": True, "is_master_pass": False, "plan": None,
}  # fmt: skip


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
    organisation_id: Owner = None


class Block(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why."""

    reason: Annotated[str, Meta(max_length=4000)] = ""


@route("GET", "/tokens", scope=Scope.TOKENS_READ, is_for_network=True, is_for_fleets=True, query=TokenQuery)
async def list_tokens(web: WebContext, principal: Principal, criteria: TokenQuery) -> Page[TokenRow]:
    """List id tokens

    With search, filters and sorting.
    """
    now = web.services.clock.now()
    return await views.list_tokens(web.services.database, criteria, principal.fleet_id, now=now)


@route(
    "POST", "/tokens", scope=Scope.TOKENS_WRITE, is_for_network=True, is_for_fleets=True, body=NewToken, raises=CREATES
)
async def create_token(web: WebContext, principal: Principal, given: NewToken) -> TokenRow:
    """Register an id token

    It may charge from now on, unless its times say otherwise.
    """
    fields = access.given_fields(given)
    organisation_id = await access.owner_of(web, principal, fields.pop("organisation_id"))
    check_reserved(principal, fields)
    details = TokenDetails(**fields)
    await check_owners(web, principal, details)
    async with web.services.database.work() as work:
        token = await web.services.authorization.create_token(work, details, organisation_id=organisation_id)
        access.note(web, work, principal, "token.create", token.id, after=shown(token))
    return await views.get_token(web.services.database, token.id)


@route(
    "GET",
    "/tokens/{token_id:str}",
    scope=Scope.TOKENS_READ,
    is_for_network=True,
    is_for_fleets=True,
    raises=(errors.NotFound,),
)
async def get_token(web: WebContext, principal: Principal, token_id: str) -> TokenRow:
    """Get an id token

    With its group and driver.
    """
    return await views.get_token(web.services.database, token_id, principal.fleet_id)


@route(
    "PATCH",
    "/tokens/{token_id:str}",
    scope=Scope.TOKENS_WRITE,
    is_for_network=True,
    is_for_fleets=True,
    body=TokenFields,
    raises=CHANGES,
)
async def update_token(web: WebContext, principal: Principal, token_id: str, given: TokenFields) -> TokenRow:
    """Change an id token

    Only the fields that are given change; whether it is blocked is set by `block` and `unblock`.
    """
    fields = access.given_fields(given)
    known = await token_of(web, principal, token_id)
    check_reserved(principal, fields, known)
    details = access.merged(TokenDetails, known, fields)
    await check_owners(web, principal, details, known)
    async with web.services.database.work() as work:
        changed = await web.services.authorization.update_token(work, token_id, details)
        access.note(web, work, principal, "token.update", token_id, before=shown(known), after=shown(changed))
    return await views.get_token(web.services.database, token_id)


@route(
    "POST",
    "/tokens/{token_id:str}/block",
    status=200,
    scope=Scope.TOKENS_WRITE,
    is_for_network=True,
    is_for_fleets=True,
    body=Block,
    raises=CHANGES,
)
async def block_token(web: WebContext, principal: Principal, token_id: str, given: Block) -> TokenRow:
    """Block an id token

    It is refused from now on; what it charges now goes on.
    """
    known = await token_of(web, principal, token_id)
    async with web.services.database.work() as work:
        blocked = await web.services.authorization.block_token(work, token_id, reason=given.reason)
        access.note(web, work, principal, "token.block", token_id, before=shown(known), after=shown(blocked))
    return await views.get_token(web.services.database, token_id)


@route(
    "POST",
    "/tokens/{token_id:str}/unblock",
    status=200,
    scope=Scope.TOKENS_WRITE,
    is_for_network=True,
    is_for_fleets=True,
    raises=CHANGES,
)
async def unblock_token(web: WebContext, principal: Principal, token_id: str) -> TokenRow:
    """Unblock an id token

    It may charge again.
    """
    known = await token_of(web, principal, token_id)
    async with web.services.database.work() as work:
        free = await web.services.authorization.unblock_token(work, token_id)
        access.note(web, work, principal, "token.unblock", token_id, before=shown(known), after=shown(free))
    return await views.get_token(web.services.database, token_id)


@route(
    "DELETE",
    "/tokens/{token_id:str}",
    scope=Scope.TOKENS_WRITE,
    is_for_network=True,
    is_for_fleets=True,
    raises=CHANGES,
)
async def delete_token(web: WebContext, principal: Principal, token_id: str) -> None:
    """Delete an id token

    One that was ever used cannot be deleted: block it instead.
    """
    known = await token_of(web, principal, token_id)
    async with web.services.database.work() as work:
        await web.services.authorization.delete_token(work, token_id)
        access.note(web, work, principal, "token.delete", token_id, before=shown(known))


@route("GET", "/authorization-decisions", scope=Scope.TOKENS_READ, is_for_fleets=True, query=DecisionQuery)
async def list_decisions(web: WebContext, principal: Principal, criteria: DecisionQuery) -> Page[DecisionRow]:
    """List authorisation decisions

    Every token that was presented at a station, what the station heard, and why.
    """
    return await decisions.list_decisions(web.services.database, criteria, principal.site_ids, principal.fleet_id)


async def token_of(web: WebContext, principal: Principal, token_id: str) -> Token:
    """Return the token. Raises NotFound, also if it is not the principal's to see."""
    token = await web.services.authorization.get_token(token_id)
    if principal.fleet_id not in (None, token.organisation_id):
        raise errors.NotFound("There is no such token.")
    return token


def check_reserved(
    principal: Principal, fields: Mapping[str, Any], known: Driver | Token | TokenGroup | None = None
) -> None:
    """Raise Forbidden if a fleet changes of its own what only the operator sets, as credit, a master pass or a plan."""
    if principal.fleet_id is None:
        return
    for name in sorted(RESERVED.keys() & fields.keys()):
        if fields[name] != getattr(known, name, RESERVED[name]):
            raise errors.Forbidden(f"Only the operator sets {name}.")


async def check_owners(
    web: WebContext, principal: Principal, details: TokenDetails, known: Token | None = None
) -> None:
    """Raise InvalidInput if a fleet names a group or driver that is not its own: to it there is none.

    What the operator gave its card may stay.
    """
    if principal.fleet_id is None:
        return
    for field, find in (("group_id", views.get_group), ("driver_id", views.get_driver)):
        named = getattr(details, field)
        if named is None or named == getattr(known, field, None):
            continue
        try:
            await find(web.services.database, named, principal.fleet_id)
        except errors.NotFound as error:
            raise errors.InvalidInput(error.message, field=field) from error


ROUTES: tuple[HTTPRouteHandler, ...] = (
    list_tokens, create_token, get_token, update_token, block_token, unblock_token, delete_token,
    list_decisions,
)  # fmt: skip
