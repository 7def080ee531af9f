"""API keys: secrets for programs, with permissions, sites and an end."""

from typing import Annotated, Any

import msgspec
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from ingufu.accounts.model import ApiKey, Principal, Scope
from ingufu.core import errors
from ingufu.views.transactions import Instant
from ingufu.web import access
from ingufu.web.context import WebContext
from ingufu.web.routes import route

Name = Annotated[str, Meta(min_length=1, max_length=100)]
SiteId = Annotated[str, Meta(max_length=100)]
_OPEN: dict[str, Any] = {"is_for_network": True, "is_for_organisations": True}
_CHANGES = (errors.NotFound, errors.InvalidInput, errors.Conflict, errors.Forbidden)


class NewKey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An API key to make."""

    name: Name
    scopes: Annotated[tuple[Scope, ...], Meta(min_length=1, max_length=40)]
    site_ids: Annotated[
        Annotated[tuple[SiteId, ...], Meta(min_length=1, max_length=100)] | None,
        Meta(description="Only these sites; null: all that its organisation sees."),
    ] = None
    expires_at: Instant | None = None
    organisation_id: Annotated[str | None, Meta(description="Whose it is; else one's own.")] = None


class KeyWithSecret(ApiKey, frozen=True, kw_only=True):
    """A new API key."""

    secret: Annotated[str, Meta(description="What is sent as Bearer token. It is shown this once.")]


@route("GET", "/api-keys", scope=Scope.USERS_READ, **_OPEN)
async def list_keys(web: WebContext, principal: Principal) -> list[ApiKey]:
    """List API keys

    Also those that are good no longer. Their secrets cannot be found out again. Hosts and fleets see their own.
    """
    keys = await web.services.accounts.keys()
    return [key for key in keys if principal.people_of in (None, key.organisation_id)]


@route(
    "POST",
    "/api-keys",
    scope=Scope.USERS_WRITE,
    **_OPEN,
    body=NewKey,
    shows_secret=True,
    raises=_CHANGES,
)
async def create_key(web: WebContext, principal: Principal, given: NewKey) -> KeyWithSecret:
    """Make an API key

    That may no more than one may oneself. Its secret is in this answer and nowhere else.
    """
    for site_id in given.site_ids or ():
        await access.check_site_exists(web, site_id)
    organisation_id = await access.employer_of(web, principal, given.organisation_id)
    async with web.services.database.work() as work:
        key, secret = await web.services.accounts.create_key(
            work,
            organisation_id=organisation_id,
            name=given.name,
            scopes=given.scopes,
            expires_at=given.expires_at,
            site_ids=given.site_ids,
            by=principal,
        )
        details = {"name": key.name, "scopes": list(key.scopes)}
        access.note(web, work, principal, "key.create", key.id, details, after=key)
    return KeyWithSecret(**msgspec.structs.asdict(key), secret=secret)


@route("GET", "/api-keys/{key_id:str}", scope=Scope.USERS_READ, **_OPEN, raises=(errors.NotFound,))
async def get_key(web: WebContext, principal: Principal, key_id: str) -> ApiKey:
    """Get an API key

    What it may, and when it was last used.
    """
    return await access.key_of(web, principal, key_id)


@route("DELETE", "/api-keys/{key_id:str}", scope=Scope.USERS_WRITE, **_OPEN, raises=(errors.NotFound,))
async def revoke_key(web: WebContext, principal: Principal, key_id: str) -> None:
    """Revoke an API key

    It is good no longer, everywhere within seconds.
    """
    before = await access.key_of(web, principal, key_id)
    async with web.services.database.work() as work:
        await web.services.accounts.revoke_key(work, key_id)
        after = msgspec.structs.replace(before, revoked_at=before.revoked_at or web.services.clock.now())
        access.note(web, work, principal, "key.revoke", key_id, {"name": before.name}, before=before, after=after)


ROUTES: tuple[HTTPRouteHandler, ...] = (list_keys, create_key, get_key, revoke_key)
