"""Mail to people on its way: invitations and links for new passwords, sent, waiting or given up."""

from datetime import datetime
from typing import Annotated

import msgspec
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from ingufu.accounts.model import Principal, Scope
from ingufu.core import errors
from ingufu.infra.mail.model import Mail, MailState
from ingufu.views.paging import Page
from ingufu.views.stations import Cursor, Limit
from ingufu.web import access
from ingufu.web.context import WebContext
from ingufu.web.routes import route


class MailQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which mails, the newest first."""

    state: MailState | None = None
    recipient: Annotated[str, Meta(max_length=200, description="Part of the address.")] | None = None
    limit: Limit = 50
    cursor: Cursor | None = None


class MailRow(msgspec.Struct, frozen=True, kw_only=True):
    """A mail, without what it says."""

    id: str
    kind: Annotated[str, Meta(description="`invitation`, `reset`, `changed`: what it is about.")]
    recipient: str
    state: MailState
    created_at: datetime
    tries: int
    next_try_at: Annotated[datetime | None, Meta(description="null: nothing more is done.")] = None
    sent_at: datetime | None = None
    failed_at: datetime | None = None
    last_error: Annotated[str | None, Meta(description="Why it could not be sent when it was tried last.")] = None


@route("GET", "/mails", scope=Scope.ADMIN, is_for_network=True, query=MailQuery)
async def list_mails(web: WebContext, criteria: MailQuery) -> Page[MailRow]:
    """List outgoing mail

    To whom, about what, and what became of it, for 30 days. What a mail says is not told: it may hold a link.
    """
    found = await web.services.sign_in.mails.page(
        state=criteria.state,
        recipient=criteria.recipient or "",
        before_id=criteria.cursor or None,
        limit=criteria.limit + 1,
    )
    shown = found[: criteria.limit]
    following = shown[-1].id if len(found) > criteria.limit else None
    return Page(items=tuple(_row(one) for one in shown), next=following)


@route(
    "POST",
    "/mails/{mail_id:str}/retry",
    status=200,
    scope=Scope.ADMIN,
    is_for_network=True,
    raises=(errors.NotFound, errors.Conflict),
)
async def retry_mail(web: WebContext, principal: Principal, mail_id: str) -> MailRow:
    """Try a mail again

    Within seconds, instead of when its time comes. One that was given up cannot be: what it said is gone.
    """
    async with web.services.database.work() as work:
        mail = await web.services.sign_in.mails.retry(work, mail_id)
        access.note(web, work, principal, "mail.retry", mail_id, {"name": mail.recipient, "kind": mail.kind})
    return _row(mail)


@route(
    "DELETE",
    "/mails/{mail_id:str}",
    scope=Scope.ADMIN,
    is_for_network=True,
    raises=(errors.NotFound, errors.Conflict),
)
async def drop_mail(web: WebContext, principal: Principal, mail_id: str) -> None:
    """Drop a mail

    One that waits is not sent, one that was given up leaves the list. One that is being sent just now may still
    arrive; the link in it is void only once another one is made.
    """
    async with web.services.database.work() as work:
        mail = await web.services.sign_in.mails.drop(work, mail_id)
        access.note(web, work, principal, "mail.drop", mail_id, {"name": mail.recipient, "kind": mail.kind})


def _row(mail: Mail) -> MailRow:
    known = {name: getattr(mail, name) for name in MailRow.__struct_fields__}
    return MailRow(**known)


ROUTES: tuple[HTTPRouteHandler, ...] = (list_mails, retry_mail, drop_mail)
