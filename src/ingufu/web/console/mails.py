"""Outgoing mail in the console: what waits, what was sent, what was given up and why."""

from typing import Annotated, Any
from urllib.parse import urlencode

import msgspec
from litestar import Response
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from ingufu.accounts.model import Principal, Scope
from ingufu.core.errors import Conflict, NotFound
from ingufu.infra.mail.model import MailState
from ingufu.views.paging import Page
from ingufu.web.api import mails as api
from ingufu.web.api.mails import MailQuery, MailRow
from ingufu.web.console.pages import Pages, Toast, action, page, path_of
from ingufu.web.context import WebContext
from ingufu.web.exchange import Asked
from ingufu.web.routes import function_of

ROWS = 50


class ListQuery(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The list as its address has it."""

    q: Annotated[str, Meta(max_length=200)] = ""
    state: MailState | None = None
    cursor: Annotated[str, Meta(max_length=100)] = ""


@page("/mails", scope=Scope.ADMIN, is_for_network=True, query=ListQuery)
async def show_mails(web: WebContext, pages: Pages, request: Asked, criteria: ListQuery) -> Response[str]:
    """Show outgoing mail"""
    query = MailQuery(
        state=criteria.state, recipient=criteria.q.strip() or None, limit=ROWS, cursor=criteria.cursor or None
    )
    found: Page[MailRow] = await function_of(api.list_mails)(web, query)
    asked: dict[str, str] = msgspec.to_builtins(msgspec.structs.replace(criteria, cursor=""))
    return await pages.show(
        request,
        "pages/mails/list.html",
        rows=found.items,
        query=criteria,
        is_filtered=bool(asked),
        is_on=web.services.sign_in.mails.is_on,
        here_href=_href({**asked, "cursor": criteria.cursor} if criteria.cursor else asked),
        next_href=_href({**asked, "cursor": found.next}) if found.next else None,
        first_href=_href(asked) if criteria.cursor else None,
    )


@action("/mails/{mail_id:str}/retry", scope=Scope.ADMIN, is_for_network=True)
async def do_retry(web: WebContext, pages: Pages, principal: Principal, request: Asked, mail_id: str) -> Response[Any]:
    """Try a mail again"""
    try:
        mail: MailRow = await function_of(api.retry_mail)(web, principal, mail_id)
    except (Conflict, NotFound):
        return pages.done(request, _too_late(pages, request), to=path_of("mails"))
    message = pages.text(request, "The mail is tried again within seconds")
    return pages.done(request, Toast(message=message, detail=mail.recipient), to=path_of("mails"))


@action("/mails/{mail_id:str}/drop", scope=Scope.ADMIN, is_for_network=True)
async def do_drop(web: WebContext, pages: Pages, principal: Principal, request: Asked, mail_id: str) -> Response[Any]:
    """Drop a mail"""
    try:
        await function_of(api.drop_mail)(web, principal, mail_id)
    except (Conflict, NotFound):
        return pages.done(request, _too_late(pages, request), to=path_of("mails"))
    return pages.done(request, Toast(message=pages.text(request, "The mail is dropped")), to=path_of("mails"))


def _too_late(pages: Pages, request: Asked) -> Toast:
    return Toast(message=pages.text(request, "Something has become of the mail already"), tone="wait")


def _href(asked: dict[str, str]) -> str:
    return path_of("mails") + (f"?{urlencode(asked)}" if asked else "")


ROUTES: tuple[HTTPRouteHandler, ...] = (show_mails, do_retry, do_drop)
