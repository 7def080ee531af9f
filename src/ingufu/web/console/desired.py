"""Templates of desired values, and where stations are not as desired."""

from collections.abc import Sequence
from typing import Annotated, Any
from urllib.parse import urlencode

import msgspec
from litestar import Response
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from ingufu.accounts.model import Principal, Scope
from ingufu.configuration import standard
from ingufu.configuration.model import Reach, WishState
from ingufu.core.errors import Conflict, InvalidInput
from ingufu.views import console_sites
from ingufu.views import stations as station_views
from ingufu.views import templates as views
from ingufu.views.templates import DriftQuery, TemplateRow, TemplateView
from ingufu.web.api import configuration as api_configuration
from ingufu.web.api import templates as api
from ingufu.web.console import present
from ingufu.web.console.pages import Pages, Toast, action, page, path_of
from ingufu.web.console.stations import offered
from ingufu.web.context import WebContext
from ingufu.web.exchange import Asked
from ingufu.web.forms import Form
from ingufu.web.routes import function_of

ROWS = 50
MEMBERS_SHOWN = 200
_FIELDS = ("name", "note", "reach", "priority", "site_id", "vendor", "model", "firmware", "version")
Word = Annotated[str, Meta(max_length=200)]


class DriftPageQuery(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The differences as their address has them."""

    q: Word = ""
    state: WishState | None = None
    template: Annotated[str, Meta(max_length=36)] = ""
    cursor: Annotated[str, Meta(max_length=1000)] = ""


@page("/configuration", scope=Scope.STATIONS_READ, query=DriftPageQuery)
async def show_configuration(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, criteria: DriftPageQuery
) -> Response[str]:
    """Show where stations are not as desired, and the templates"""
    database = web.services.database
    await api.settle(web)
    wanted = DriftQuery(
        q=criteria.q,
        state=criteria.state,
        template=criteria.template or None,
        limit=ROWS,
        cursor=criteria.cursor or None,
    )
    found = await views.list_drift(database, wanted, principal.site_ids)
    return await pages.show(
        request,
        "pages/configuration/list.html",
        page=found,
        query=criteria,
        drifted=await views.count_drifted(database, principal.site_ids),
        templates=await _templates(web, principal),
        is_for_network=principal.site_ids is None,
        is_filtered=bool(criteria.q or criteria.state or criteria.template),
        next_href=_href(criteria, found.next) if found.next else None,
        first_href=_href(criteria, "") if criteria.cursor else None,
    )


@page("/configuration/templates/new", scope=Scope.STATIONS_WRITE, is_for_network=True)
async def show_new(web: WebContext, pages: Pages, request: Asked) -> Response[str]:
    """Show the form for a new template"""
    return await _form(web, pages, request, None, {"reach": Reach.MATCHING.value, "is_active": "true"})


@action("/configuration/templates/new", scope=Scope.STATIONS_WRITE, is_for_network=True)
async def create(web: WebContext, pages: Pages, principal: Principal, request: Asked, form: Form) -> Response[Any]:
    """Make a template"""
    entered = {name: form.text(name) for name in _FIELDS} | {"is_active": form.text("is_active")}
    try:
        given = api.NewTemplate(**_fields(pages, request, form))
        made = await function_of(api.create_template)(web, principal, given)
    except (InvalidInput, Conflict) as error:
        return await _form(web, pages, request, None, entered, [(_field(error), error.message)])
    toast = Toast(message=pages.text(request, "The template is made"), detail=made.name)
    return pages.go(request, path_of("configuration", "templates", made.id), toast)


@page("/configuration/templates/{template:str}", scope=Scope.STATIONS_READ, is_for_network=True)
async def show_template(web: WebContext, pages: Pages, request: Asked, template: str) -> Response[str]:
    """Show a template"""
    view = await function_of(api.get_template)(web, template)
    return await _form(web, pages, request, view, _entered(view))


@action("/configuration/templates/{template:str}", scope=Scope.STATIONS_WRITE, is_for_network=True)
async def change(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, template: str, form: Form
) -> Response[Any]:
    """Change a template"""
    entered = {name: form.text(name) for name in _FIELDS} | {"is_active": form.text("is_active")}
    try:
        given = api.TemplateChanges(**_fields(pages, request, form))
        await function_of(api.update_template)(web, principal, template, given)
    except (InvalidInput, Conflict) as error:
        view = await function_of(api.get_template)(web, template)
        return await _form(web, pages, request, view, entered, [(_field(error), error.message)])
    return _saved(pages, request, template)


@action("/configuration/templates/{template:str}/values", scope=Scope.STATIONS_WRITE, is_for_network=True)
async def set_value(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, template: str, form: Form
) -> Response[Any]:
    """Set or remove a value of a template"""
    is_removed = form.is_on("remove")
    wish = api_configuration.Wish(variable=form.text("variable"), value=None if is_removed else form.text("value"))
    try:
        await function_of(api.desire_by_template)(web, principal, template, api_configuration.Wishes(values=(wish,)))
    except InvalidInput as error:
        view = await function_of(api.get_template)(web, template)
        entered = _entered(view) | {"variable": form.text("variable"), "value": form.text("value")}
        field = "variable" if error.field == "variable" else "value"
        return await _form(web, pages, request, view, entered, [(field, error.message)])
    return _saved(pages, request, template)


@action("/configuration/templates/{template:str}/delete", scope=Scope.STATIONS_WRITE, is_for_network=True)
async def delete(web: WebContext, pages: Pages, principal: Principal, request: Asked, template: str) -> Response[Any]:
    """Delete a template"""
    await function_of(api.delete_template)(web, principal, template)
    toast = Toast(message=pages.text(request, "The template is deleted"))
    return pages.leave(request, path_of("configuration"), toast)


@action("/configuration/templates/{template:str}/stations", scope=Scope.STATIONS_WRITE, is_for_network=True)
async def change_members(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, template: str, form: Form
) -> Response[Any]:
    """Give a template to a station, or take it back"""
    given = api.Stations(stations=(form.text("station") or "-",))
    do = api.take_template_back if form.is_on("remove") else api.give_template
    await function_of(do)(web, principal, template, given)
    return _saved(pages, request, template)


async def _templates(web: WebContext, principal: Principal) -> Sequence[TemplateRow]:
    return await views.list_templates(web.services.database) if principal.site_ids is None else ()


async def _form(
    web: WebContext,
    pages: Pages,
    request: Asked,
    view: TemplateView | None,
    entered: dict[str, str],
    errors: Sequence[tuple[str, str]] = (),
) -> Response[str]:
    """Show a template, or the form for a new one, as it is or with what is wrong."""
    database = web.services.database
    firmwares = await station_views.firmware_versions(database, None)
    members = () if view is None else await station_views.list_by_ids(database, view.station_ids[:MEMBERS_SHOWN], None)
    drift = None if view is None else await views.list_drift(database, DriftQuery(template=view.id, limit=20), None)
    return await pages.show(
        request,
        "pages/configuration/template.html",
        status=422 if errors else 200,
        it=view,
        form=present.Entered(entered),
        errors=list(errors),
        places=offered(await console_sites.list_places(database, None), {entered.get("site_id", "")}),
        vendors=sorted({vendor for vendor, _, _ in firmwares}),
        models=sorted({model for _, model, _ in firmwares if model}),
        firmwares=sorted({firmware for _, _, firmware in firmwares if firmware}),
        names=sorted(one.name.text for one in standard.STANDARD.values() if not one.is_secret),
        members=members,
        drift=drift.items if drift is not None else (),
    )


def _fields(pages: Pages, request: Asked, form: Form) -> dict[str, Any]:
    try:
        reach = Reach(form.text("reach") or Reach.CHOSEN.value)
    except ValueError as error:
        raise InvalidInput(pages.text(request, "For which stations?"), field="reach") from error
    name = form.text("name")
    if not name:
        raise InvalidInput("This has to be filled in.", field="name")
    texts = {key: form.text(key)[:200] or None for key in ("site_id", "vendor", "model", "firmware", "version")}
    return {
        "name": name[:100],
        "note": form.text("note")[:2000],
        "reach": reach,
        "priority": form.integer("priority", low=-1_000_000, high=1_000_000) or 0,
        "is_active": form.is_on("is_active"),
        **texts,
    }


def _entered(view: TemplateView) -> dict[str, str]:
    texts = {name: getattr(view, name) for name in _FIELDS}
    plain = {name: "" if value is None else str(value) for name, value in texts.items()}
    return plain | {"is_active": "true" if view.is_active else ""}


def _field(error: InvalidInput | Conflict) -> str:
    return (error.field if isinstance(error, InvalidInput) else None) or "name"


def _saved(pages: Pages, request: Asked, template: str) -> Response[Any]:
    return pages.go(
        request, path_of("configuration", "templates", template), Toast(message=pages.text(request, "Saved"))
    )


def _href(criteria: DriftPageQuery, cursor: str) -> str:
    asked = {**msgspec.to_builtins(criteria), "cursor": cursor}
    return path_of("configuration") + "?" + urlencode({name: value for name, value in asked.items() if value})


ROUTES: tuple[HTTPRouteHandler, ...] = (
    show_configuration, show_new, create, show_template, change, set_value, delete, change_members,
)  # fmt: skip
