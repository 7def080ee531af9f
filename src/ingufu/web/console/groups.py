"""Groups: the list, and one of them with its members, its limits, its tariff and the form."""

from typing import Annotated, Any, Literal
from urllib.parse import urlencode

import msgspec
from litestar import Response
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from ingufu.accounts.model import Principal, Scope
from ingufu.core.errors import Conflict, InvalidInput
from ingufu.views import decisions, tariffs, tokens
from ingufu.views.decisions import DecisionQuery
from ingufu.views.tariffs import TariffQuery
from ingufu.views.tokens import GroupQuery, GroupRow, TokenQuery
from ingufu.web.api import groups as api
from ingufu.web.console import present
from ingufu.web.console.drivers import href, problem
from ingufu.web.console.pages import Pages, Toast, action, page, path_of
from ingufu.web.context import WebContext
from ingufu.web.exchange import Asked
from ingufu.web.forms import Form
from ingufu.web.routes import function_of

ROWS, SHORT = 50, 8
_OPEN: dict[str, bool] = {"is_for_network": True, "is_for_fleets": True}


class ListQuery(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The list as its address has it."""

    q: Annotated[str, Meta(max_length=200)] = ""
    sort: Literal["name", "-name"] = "name"
    cursor: Annotated[str, Meta(max_length=1000)] = ""


class MembersQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which page of the members."""

    cursor: Annotated[str, Meta(max_length=1000)] = ""


@page("/groups", scope=Scope.TOKENS_READ, query=ListQuery, **_OPEN)
async def show_groups(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, criteria: ListQuery
) -> Response[str]:
    """Show the groups"""
    query = GroupQuery(q=criteria.q, sort=criteria.sort, limit=ROWS, cursor=criteria.cursor or None)
    found = await tokens.list_groups(web.services.database, query, principal.fleet_id)
    asked: dict[str, str] = msgspec.to_builtins(criteria)
    asked.pop("cursor", None)
    return await pages.show(
        request,
        "pages/groups/list.html",
        rows=found.items,
        query=criteria,
        is_filtered=bool(criteria.q),
        may_change=Scope.TOKENS_WRITE in principal.scopes,
        next_href=href("groups", asked, cursor=found.next) if found.next else None,
        first_href=href("groups", asked) if criteria.cursor else None,
        sort_href=lambda key: href("groups", asked, sort=key),
    )


@page("/groups/new", scope=Scope.TOKENS_WRITE, **_OPEN)
async def show_new_group(web: WebContext, pages: Pages, principal: Principal, request: Asked) -> Response[str]:
    """Show the form of a new group"""
    return await _show(web, pages, principal, request, None, present.Entered())


@action("/groups/new", scope=Scope.TOKENS_WRITE, **_OPEN)
async def add_group(web: WebContext, pages: Pages, principal: Principal, request: Asked, form: Form) -> Response[Any]:
    """Make a group"""
    try:
        given = api.NewGroup(**_fields(form))
        made = await function_of(api.create_group)(web, principal, given)
    except (InvalidInput, Conflict) as error:
        return await _show(web, pages, principal, request, None, _entered(form), error=problem(error))
    return pages.go(request, path_of("groups", made.id), Toast(message=pages.text(request, "The group is made")))


@page("/groups/{group_id:str}", scope=Scope.TOKENS_READ, query=MembersQuery, **_OPEN)
async def show_group(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, group_id: str, criteria: MembersQuery
) -> Response[str]:
    """Show a group"""
    group = await tokens.get_group(web.services.database, group_id, principal.fleet_id)
    return await _show(web, pages, principal, request, group, _known(group), cursor=criteria.cursor)


@action("/groups/{group_id:str}", scope=Scope.TOKENS_WRITE, **_OPEN)
async def change_group(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, group_id: str, form: Form
) -> Response[Any]:
    """Change a group"""
    group = await tokens.get_group(web.services.database, group_id, principal.fleet_id)
    try:
        await function_of(api.update_group)(web, principal, group_id, api.GroupFields(**_fields(form)))
    except (InvalidInput, Conflict) as error:
        return await _show(web, pages, principal, request, group, _entered(form), error=problem(error))
    return pages.go(request, path_of("groups", group_id), Toast(message=pages.text(request, "Saved")))


@action("/groups/{group_id:str}/delete", scope=Scope.TOKENS_WRITE, **_OPEN)
async def delete_group(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, group_id: str
) -> Response[Any]:
    """Delete a group"""
    group = await tokens.get_group(web.services.database, group_id, principal.fleet_id)
    try:
        await function_of(api.delete_group)(web, principal, group_id)
    except Conflict as error:
        return await _show(web, pages, principal, request, group, _known(group), error=("name", error.message))
    return pages.go(request, path_of("groups"), Toast(message=pages.text(request, "The group is deleted")))


async def _show(  # the form, and what belongs to the group
    web: WebContext,
    pages: Pages,
    principal: Principal,
    request: Asked,
    group: GroupRow | None,
    entered: present.Entered,
    *,
    cursor: str = "",
    error: tuple[str, str] | None = None,
) -> Response[str]:
    belonging = {} if group is None else await _belonging(web, principal, group, cursor)
    return await pages.show(
        request,
        "pages/groups/group.html",
        status=422 if error else 200,
        it=group,
        form=entered,
        errors=[error] if error else [],
        may_change=Scope.TOKENS_WRITE in principal.scopes,
        **belonging,
    )


async def _belonging(web: WebContext, principal: Principal, group: GroupRow, cursor: str) -> dict[str, Any]:
    database, now = web.services.database, web.services.clock.now()
    asked = TokenQuery(group_id=group.id, limit=ROWS, cursor=cursor or None)
    members = await tokens.list_tokens(database, asked, principal.fleet_id)
    refused = DecisionQuery(group_id=group.id, is_refused=True, limit=SHORT)
    refusals = await decisions.list_decisions(database, refused, principal.site_ids, principal.fleet_id)
    may_see_tariffs = Scope.TARIFFS_READ in principal.scopes and principal.site_ids is None
    given = TariffQuery(target_id=group.id, is_retired=False)
    return {
        "members": members.items,
        "next_href": f"{path_of('groups', group.id)}?{urlencode({'cursor': members.next})}" if members.next else None,
        "first_href": path_of("groups", group.id) if cursor else None,
        "refusals": refusals.items,
        "tariffs": (await tariffs.list_tariffs(database, given, None, now)).items if may_see_tariffs else (),
        "today": now,
    }


def _fields(form: Form) -> dict[str, Any]:
    return {
        "value": form.text("value")[:255],
        "name": form.text("name")[:200],
        "is_master_pass": form.is_on("is_master_pass"),
    }


def _known(group: GroupRow) -> present.Entered:
    flag = "true" if group.is_master_pass else ""
    return present.Entered({"value": group.value, "name": group.name, "is_master_pass": flag})


def _entered(form: Form) -> present.Entered:
    return present.Entered({name: form.text(name) for name in ("value", "name", "is_master_pass")})


ROUTES: tuple[HTTPRouteHandler, ...] = (
    show_groups, show_new_group, add_group, show_group, change_group, delete_group,
)  # fmt: skip
