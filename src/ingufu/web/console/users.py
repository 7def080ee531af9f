"""Users in the console: who can log in, with which role, where, and what is to be done about it."""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

import msgspec
from litestar import Response
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from ingufu.accounts.model import OrganisationKind, Principal, Role, RoleGrant, Scope, User
from ingufu.core.errors import Conflict, Forbidden, InvalidInput, NotFound
from ingufu.views import console_sites
from ingufu.web import access
from ingufu.web.api import me
from ingufu.web.api import users as api
from ingufu.web.api.organisations import seen_organisations
from ingufu.web.api.roles import seen_roles
from ingufu.web.console import present, translations
from ingufu.web.console.pages import Pages, Toast, action, page, path_of
from ingufu.web.console.your_account import device_of
from ingufu.web.context import WebContext
from ingufu.web.exchange import Asked
from ingufu.web.forms import Form
from ingufu.web.routes import function_of

_FIRST_ROLES = {  # what a form proposes
    OrganisationKind.OPERATOR: Role.VIEWER,
    OrganisationKind.HOST: Role.HOST,
    OrganisationKind.FLEET: Role.FLEET_MANAGER,
}
_TEXTS = ("email", "name", "role", "organisation_id", "language")
_OPEN: dict[str, bool] = {"is_for_network": True, "is_for_organisations": True}
_PROBLEMS = (InvalidInput, Conflict, Forbidden, NotFound)


class ListQuery(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The list as its address has it."""

    q: Annotated[str, Meta(max_length=100)] = ""
    role: Annotated[str, Meta(max_length=100)] = ""
    organisation: Annotated[str, Meta(max_length=100)] = ""
    is_list: ClassVar[bool] = True  # its filters are saved, though it has one page


@page("/users", scope=Scope.USERS_READ, **_OPEN, query=ListQuery)
async def show_users(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, criteria: ListQuery
) -> Response[str]:
    """Show the users"""
    users = await api.seen_users(web, principal)
    owners = {one.id: one for one in await seen_organisations(web, principal)}
    wanted = criteria.q.casefold()
    return await pages.show(
        request,
        "pages/users/list.html",
        rows=[
            one
            for one in users
            if wanted in f"{one.name}\n{one.email}".casefold()
            and criteria.role in {"", *(grant.role for grant in one.grants)}
            and criteria.organisation in {"", one.organisation_id}
        ],
        query=criteria,
        roles=await role_options(web, pages, request),
        owners=owners,
        owner_options=[(one.id, one.name) for one in owners.values()],
        places=await _places(web, principal),
        may_change=Scope.USERS_WRITE in principal.scopes,
        me=principal.id,
    )


@page("/users/new", scope=Scope.USERS_WRITE, **_OPEN)
async def show_new_user(web: WebContext, pages: Pages, principal: Principal, request: Asked) -> Response[str]:
    """Show the form of a new user"""
    entered = {"role": _FIRST_ROLES[principal.organisation_kind].value, "language": "en"}
    return await _show(web, pages, request, None, present.Entered(entered))


@action("/users/new", scope=Scope.USERS_WRITE, **_OPEN)
async def add_user(web: WebContext, pages: Pages, principal: Principal, request: Asked, form: Form) -> Response[Any]:
    """Enter a user"""
    try:
        given = api.NewUser(
            email=form.text("email")[:254],
            name=form.text("name")[:100],
            password=form.exact("password")[:200] or None,
            grants=_grants(form),
            language=form.text("language")[:8],
            organisation_id=form.text("organisation_id") or None,
        )
        made = await function_of(api.create_user)(web, principal, given)
    except _PROBLEMS as error:
        return await _show(web, pages, request, None, _entered(form), _sites(form), [_problem(error)])
    toast = Toast(message=pages.text(request, "The user is entered"), detail=made.name)
    return pages.go(request, path_of("users", made.id), toast)


@page("/users/{user_id:str}", scope=Scope.USERS_READ, **_OPEN)
async def show_user(web: WebContext, pages: Pages, principal: Principal, request: Asked, user_id: str) -> Response[str]:
    """Show a user"""
    user = await access.user_of(web, principal, user_id)
    return await _show(web, pages, request, user, _as_entered(user), _as_sites(user))


@action("/users/{user_id:str}", scope=Scope.USERS_WRITE, **_OPEN)
async def change_user(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, user_id: str, form: Form
) -> Response[Any]:
    """Change a user"""
    user = await access.user_of(web, principal, user_id)
    try:
        given = api.UserChange(name=form.text("name")[:100], language=form.text("language")[:8], grants=_grants(form))
        await function_of(api.update_user)(web, principal, user_id, given)
    except _PROBLEMS as error:
        entered = present.Entered(_entered(form) | {"email": user.email, "organisation_id": user.organisation_id})
        return await _show(web, pages, request, user, entered, _sites(form), [_problem(error)])
    return pages.go(request, path_of("users", user_id), Toast(message=pages.text(request, "Saved")))


@action("/users/{user_id:str}/disable", scope=Scope.USERS_WRITE, **_OPEN)
async def disable_user(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, user_id: str
) -> Response[Any]:
    """Let a user log in no more"""
    await function_of(api.update_user)(web, principal, user_id, api.UserChange(is_disabled=True))
    toast = Toast(message=pages.text(request, "Disabled, and logged out everywhere"))
    return pages.leave(request, path_of("users", user_id), toast)


@action("/users/{user_id:str}/enable", scope=Scope.USERS_WRITE, **_OPEN)
async def enable_user(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, user_id: str
) -> Response[Any]:
    """Let a user log in again"""
    await function_of(api.update_user)(web, principal, user_id, api.UserChange(is_disabled=False))
    toast = Toast(message=pages.text(request, "May log in again"))
    return pages.leave(request, path_of("users", user_id), toast)


@action("/users/{user_id:str}/password", scope=Scope.USERS_WRITE, **_OPEN)
async def set_password(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, user_id: str, form: Form
) -> Response[Any]:
    """Set a user's password"""
    user = await access.user_of(web, principal, user_id)
    try:
        given = api.SetUserPassword(password=form.exact("password")[:200])
        await function_of(api.set_user_password)(web, principal, user_id, given)
    except _PROBLEMS as error:
        problem = ("password", error.message)
        return await _show(web, pages, request, user, _as_entered(user), _as_sites(user), [problem])
    toast = Toast(message=pages.text(request, "The password is set, and their log-ins have ended"))
    return pages.go(request, path_of("users", user_id), toast)


@action("/users/{user_id:str}/delete", scope=Scope.USERS_WRITE, **_OPEN)
async def delete_user(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, user_id: str
) -> Response[Any]:
    """Delete a user"""
    user = await access.user_of(web, principal, user_id)
    await function_of(api.delete_user)(web, principal, user_id)
    toast = Toast(message=pages.text(request, "Deleted"), detail=user.name)
    return pages.leave(request, path_of("users"), toast)


async def role_options(web: WebContext, pages: Pages, request: Asked) -> list[tuple[str, str]]:
    """Return the roles to choose from: those that are built in by their word in the reader's language."""
    principal: Principal = request.scope["user"]
    words = pages.environment(request).get_template("parts/words.html").module
    return [
        (role.id, str(words.role_word(role.id)).strip() if role.is_built_in else role.name)  # type: ignore[attr-defined]  # a macro
        for role in await seen_roles(web, principal)
    ]


async def _show(
    web: WebContext,
    pages: Pages,
    request: Asked,
    it: User | None,
    form: present.Entered,
    chosen: frozenset[str] = frozenset(),
    errors: Sequence[tuple[str, str]] = (),
) -> Response[str]:
    principal: Principal = request.scope["user"]
    owners = await seen_organisations(web, principal)
    return await pages.show(
        request,
        "pages/users/user.html",
        status=422 if errors else 200,
        it=it,
        form=form,
        errors=list(errors),
        roles=await role_options(web, pages, request),
        owners=[(one.id, one.name) for one in owners],
        places=await _places(web, principal),
        chosen_sites=chosen,
        tongues=list(translations.NAMES.items()),
        may_change=Scope.USERS_WRITE in principal.scopes,
        is_me=it is not None and it.id == principal.id,
        access=None if it is None else await me.factors_of(web, it.id),
        logins=[] if it is None else await me.logins_of(web, it.id, principal.login_id),
        device_of=device_of,
    )


async def _places(web: WebContext, principal: Principal) -> dict[str, str]:
    places = await console_sites.list_places(web.services.database, principal.site_ids)
    return {place.id: place.name for place in places}


def _grants(form: Form) -> tuple[RoleGrant, ...]:
    """Return the role as chosen: everywhere, or at the ticked sites. Raises InvalidInput."""
    role = form.text("role")[:100]
    if not role:
        raise InvalidInput("Choose a role.", field="role")
    if form.text("where") != "sites":
        return (RoleGrant(role=role),)
    sites = _sites(form)
    if not sites:
        raise InvalidInput("Tick the sites, or choose everywhere.", field="where")
    return tuple(RoleGrant(role=role, site_id=site_id) for site_id in sorted(sites))


def _sites(form: Form) -> frozenset[str]:
    return frozenset(form.texts("sites")[:1000])


def _entered(form: Form) -> present.Entered:
    return present.Entered({name: form.text(name)[:254] for name in (*_TEXTS, "where")})


def _as_entered(user: User) -> present.Entered:
    entered = {name: str(getattr(user, name)) for name in _TEXTS if name != "role"}
    where = "sites" if any(grant.site_id is not None for grant in user.grants) else "everywhere"
    return present.Entered({**entered, "role": user.grants[0].role if user.grants else "", "where": where})


def _as_sites(user: User) -> frozenset[str]:
    return frozenset(grant.site_id for grant in user.grants if grant.site_id is not None)


def _problem(error: InvalidInput | Conflict | Forbidden | NotFound) -> tuple[str, str]:
    field = error.field if isinstance(error, InvalidInput) else None
    return field or "email", error.message


ROUTES: tuple[HTTPRouteHandler, ...] = (
    show_users, show_new_user, add_user, show_user, change_user, disable_user, enable_user, set_password, delete_user,
)  # fmt: skip
