"""The audit trail: who did what to what, when, from where, before and after; and whether it is whole."""

from typing import Annotated, Any

import msgspec
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from ingufu.accounts.chain import Verification
from ingufu.accounts.model import ActorKind, Door, Principal, Scope
from ingufu.accounts.trail_model import AuditEntry, AuditQuery
from ingufu.core import errors
from ingufu.core.errors import InvalidInput
from ingufu.core.sheet import Column, Sheet, own
from ingufu.views.paging import Page
from ingufu.views.stations import Cursor, Limit
from ingufu.views.transactions import Instant
from ingufu.web.context import WebContext
from ingufu.web.routes import route
from ingufu.web.spreadsheets import exports_of

_CURSOR_DIGITS = 18  # what 64 bits hold for sure
_encode = msgspec.json.Encoder().encode


class AuditListQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which entries, the newest first."""

    actor_kind: ActorKind | None = None
    actor_id: Annotated[str, Meta(max_length=200)] | None = None
    actor: Annotated[str, Meta(max_length=200, description="Who: an id, or part of the name.")] | None = None
    action: Annotated[str, Meta(max_length=200, description="For instance `station.approve`.")] | None = None
    object_kind: Annotated[str, Meta(max_length=200, description="For instance `station`.")] | None = None
    object_id: Annotated[str, Meta(max_length=200)] | None = None
    address: (
        Annotated[str, Meta(max_length=100, description="From which address, as it stands in the entry.")] | None
    ) = None
    door: Annotated[Door, Meta(description="By which way they came.")] | None = None
    request_id: Annotated[str, Meta(max_length=100, description="Of the request, as its answer said.")] | None = None
    is_refused: Annotated[bool, Meta(description="What was refused, or what was done.")] | None = None
    q: Annotated[str, Meta(max_length=200, description="Words anywhere in the entry, in what changed too.")] | None = (
        None
    )
    since: Instant | None = None
    until: Instant | None = None
    limit: Limit = 50
    cursor: Cursor | None = None


Anchor = Annotated[
    str,
    Meta(
        pattern="^[0-9]{1,18}:[0-9a-fA-F]{64}$",
        description="A head of the chain that was written down elsewhere, as `number:seal`: is it still there?",
    ),
]


class VerificationQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the check compares with."""

    anchor: Anchor | None = None


class Anew(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why the trail is begun anew."""

    reason: Annotated[str, Meta(min_length=3, max_length=1000)]


@route("GET", "/audit", scope=Scope.AUDIT_READ, is_for_network=True, query=AuditListQuery)
async def list_audit(web: WebContext, criteria: AuditListQuery) -> Page[AuditEntry]:
    """List the audit trail

    Who did what to what, when, from where, and what was before and after; and who was refused. A search for words
    (`q`, `actor`) looks through so many entries at a time: a page may be short or empty and still have a `next`.
    """
    before_id = _before(criteria.cursor)
    found, following = await web.services.accounts.audit_page(
        wanted(criteria), before_id=before_id, limit=criteria.limit
    )
    return Page(items=tuple(found), next=None if following is None else str(following))


@route("GET", "/audit/verification", scope=Scope.AUDIT_READ, is_for_network=True, query=VerificationQuery)
async def verify_audit(web: WebContext, criteria: VerificationQuery) -> Verification:
    """Check the audit trail

    Looks at every entry: whether it is as it was written, whether one is missing, forged or out of order. Keep
    `head_number:head_seal` elsewhere, and give it as `anchor` later.
    """
    anchor = None
    if criteria.anchor is not None:
        number, _, seal = criteria.anchor.partition(":")
        anchor = (int(number), seal)
    return await web.services.accounts.verify_audit(anchor)


@route(
    "POST",
    "/audit/begin-anew",
    status=200,
    scope=Scope.ADMIN,
    is_for_network=True,
    body=Anew,
    raises=(errors.InvalidInput, errors.Conflict),
)
async def begin_audit_anew(web: WebContext, principal: Principal, given: Anew) -> Verification:
    """Begin the chain of the audit trail anew

    For after a restored backup, or once a break is explained: the trail is checked only from here on. What was before
    stays as it is, and an entry tells who did this and why.
    """
    async with web.services.database.work() as work:
        await web.services.accounts.begin_audit_anew(work, principal, given.reason)
    return await web.services.accounts.verify_audit()


@route("GET", "/audit/{entry_id:int}", scope=Scope.AUDIT_READ, is_for_network=True, raises=(errors.NotFound,))
async def get_audit_entry(web: WebContext, entry_id: int) -> AuditEntry:
    """Get an entry of the audit trail

    With its place in the chain and its seal.
    """
    return await web.services.accounts.audit_entry(entry_id)


def wanted(criteria: msgspec.Struct) -> AuditQuery:
    """Return which entries a query of the list asks for."""
    return AuditQuery(**{name: getattr(criteria, name) for name in AuditQuery.__struct_fields__})


def _before(cursor: str | None) -> int | None:
    if not cursor:
        return None
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= _CURSOR_DIGITS):
        raise InvalidInput("This is no cursor of ours.", field="cursor")
    return int(cursor)


def _text(name: str) -> Any:
    return lambda entry: _encode(getattr(entry, name)).decode() if getattr(entry, name) else None


SHEET: Sheet[AuditEntry] = Sheet(
    "audit",
    (
        *own("integer", "id", "number"),
        *own("instant", "at"),
        Column("actor_kind", "text", lambda entry: entry.actor_kind.value),
        *own("text", "actor_id", "actor_name", "address"),
        Column("door", "text", lambda entry: entry.door.value if entry.door else None),
        *own("text", "request_id", "action", "object_kind", "object_id"),
        Column("is_refused", "flag", lambda entry: entry.is_refused),
        Column("changes", "text", _text("changes")),
        Column("details", "text", _text("details")),
    ),
)

ROUTES: tuple[HTTPRouteHandler, ...] = (
    list_audit, *exports_of(list_audit, SHEET, "audit trail"), verify_audit, begin_audit_anew, get_audit_entry,
)  # fmt: skip
