"""Roles in the console: what each may, those that are built in and those of one's own."""

from collections.abc import Sequence
from typing import Any

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from ingufu.accounts.model import CEILINGS, OrganisationKind, Principal, Scope
from ingufu.core.errors import Conflict, Forbidden, InvalidInput
from ingufu.web.api import roles as api
from ingufu.web.api.roles import RoleView
from ingufu.web.console import present
from ingufu.web.console.pages import Pages, Toast, action, page, path_of
from ingufu.web.console.users import role_options
from ingufu.web.context import WebContext
from ingufu.web.exchange import Asked
from ingufu.web.forms import Form
from ingufu.web.routes import function_of

_PROBLEMS = (InvalidInput, Conflict, Forbidden)


@page("/roles", scope=Scope.USERS_READ, is_for_network=True)
async def show_roles(web: WebContext, pages: Pages, principal: Principal, request: Asked) -> Response[str]:
    """Show the roles"""
    return await pages.show(
        request,
        "pages/roles/list.html",
        rows=await function_of(api.list_roles)(web, principal),
        scopes=list(Scope),
        may_change=Scope.USERS_WRITE in principal.scopes,
    )


@page("/roles/new", scope=Scope.USERS_WRITE, is_for_network=True)
async def show_new_role(web: WebContext, pages: Pages, request: Asked) -> Response[str]:
    """Show the form of a new role"""
    return await _show(web, pages, request, None, present.Entered({}))


@action("/roles/new", scope=Scope.USERS_WRITE, is_for_network=True)
async def add_role(web: WebContext, pages: Pages, principal: Principal, request: Asked, form: Form) -> Response[Any]:
    """Define a role"""
    try:
        given = api.NewRole(
            name=form.text("name")[:100], description=form.text("description")[:1000], scopes=scopes_of(form)
        )
        made = await function_of(api.create_role)(web, principal, given)
    except _PROBLEMS as error:
        return await _show(web, pages, request, None, _entered(form), _ticked(form), [_problem(error)])
    toast = Toast(message=pages.text(request, "The role is defined"), detail=made.name)
    return pages.go(request, path_of("roles"), toast)


@page("/roles/{role_id:str}", scope=Scope.USERS_READ, is_for_network=True)
async def show_role(web: WebContext, pages: Pages, principal: Principal, request: Asked, role_id: str) -> Response[str]:
    """Show a role"""
    it: RoleView = await function_of(api.get_role)(web, principal, role_id)
    entered = present.Entered({"name": it.name, "description": it.description})
    return await _show(web, pages, request, it, entered, frozenset(it.scopes))


@action("/roles/{role_id:str}", scope=Scope.USERS_WRITE, is_for_network=True)
async def change_role(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, role_id: str, form: Form
) -> Response[Any]:
    """Change a role"""
    it: RoleView = await function_of(api.get_role)(web, principal, role_id)
    try:
        given = api.RoleChange(
            name=form.text("name")[:100], description=form.text("description")[:1000], scopes=scopes_of(form)
        )
        await function_of(api.update_role)(web, principal, role_id, given)
    except _PROBLEMS as error:
        return await _show(web, pages, request, it, _entered(form), _ticked(form), [_problem(error)])
    return pages.go(request, path_of("roles"), Toast(message=pages.text(request, "Saved"), detail=it.name))


@action("/roles/{role_id:str}/delete", scope=Scope.USERS_WRITE, is_for_network=True)
async def delete_role(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, role_id: str, form: Form
) -> Response[Any]:
    """Delete a role"""
    given = api.RoleRemoval(replace_with=form.text("replace_with")[:100] or None)
    await function_of(api.delete_role)(web, principal, role_id, given)
    return pages.leave(request, path_of("roles"), Toast(message=pages.text(request, "Deleted")))


def scopes_of(form: Form) -> tuple[Scope, ...]:
    """Return the permissions as ticked. Raises InvalidInput if none is."""
    found = tuple(Scope(value) for value in dict.fromkeys(form.texts("scopes")) if value in set(Scope))
    if not found:
        raise InvalidInput("Tick what it may.", field="scopes")
    return found


async def _show(
    web: WebContext,
    pages: Pages,
    request: Asked,
    it: RoleView | None,
    form: present.Entered,
    chosen: frozenset[str] = frozenset(),
    errors: Sequence[tuple[str, str]] = (),
) -> Response[str]:
    principal: Principal = request.scope["user"]
    others = await role_options(web, pages, request)
    return await pages.show(
        request,
        "pages/roles/role.html",
        status=422 if errors else 200,
        it=it,
        form=form,
        errors=list(errors),
        scopes=[scope for scope in Scope if scope is not Scope.ADMIN or (it is not None and scope in it.scopes)],
        own=principal.scopes,
        of_hosts=CEILINGS[OrganisationKind.HOST],
        of_fleets=CEILINGS[OrganisationKind.FLEET],
        chosen=chosen,
        others=[(id_, name) for id_, name in others if it is None or id_ != it.id],
        may_change=Scope.USERS_WRITE in principal.scopes and (it is None or not it.is_built_in),
    )


def _entered(form: Form) -> present.Entered:
    return present.Entered({name: form.text(name)[:1000] for name in ("name", "description")})


def _ticked(form: Form) -> frozenset[str]:
    return frozenset(form.texts("scopes"))


def _problem(error: InvalidInput | Conflict | Forbidden) -> tuple[str, str]:
    field = error.field if isinstance(error, InvalidInput) else None
    return field or "name", error.message


ROUTES: tuple[HTTPRouteHandler, ...] = (show_roles, show_new_role, add_role, show_role, change_role, delete_role)
