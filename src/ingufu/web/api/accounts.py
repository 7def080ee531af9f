"""One's own password, and the audit trail."""

from typing import Annotated

import msgspec
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from ingufu.accounts.model import ActorKind, AuditEntry, Principal, Scope
from ingufu.core import errors
from ingufu.core.errors import InvalidInput
from ingufu.views.paging import Page
from ingufu.views.stations import Cursor, Limit
from ingufu.views.transactions import Instant
from ingufu.web import access
from ingufu.web.context import WebContext
from ingufu.web.routes import route

Password = Annotated[str, Meta(min_length=1, max_length=200)]


class ChangePassword(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One's own new password, and the present one."""

    old: Password
    new: Password


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


@route("GET", "/audit", scope=Scope.AUDIT_READ, is_for_network=True, query=AuditQuery)
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


ROUTES: tuple[HTTPRouteHandler, ...] = (change_own_password, list_audit)
