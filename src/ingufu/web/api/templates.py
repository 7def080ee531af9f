"""Templates of desired values for several stations, and where stations are not as desired."""

from typing import Annotated

import msgspec
from litestar.handlers import HTTPRouteHandler
from msgspec import UNSET, Meta, UnsetType

from ingufu.accounts.model import Principal, Scope
from ingufu.configuration.model import DesiredChange, Reach, TemplateFields
from ingufu.core import errors, variables
from ingufu.views import templates as views
from ingufu.views.paging import Page
from ingufu.views.templates import DriftQuery, DriftRow, TemplateRow, TemplateView
from ingufu.web import access
from ingufu.web.api.configuration import Wishes
from ingufu.web.context import WebContext
from ingufu.web.routes import route

Name = Annotated[str, Meta(min_length=1, max_length=100)]
Pattern = Annotated[str, Meta(min_length=1, max_length=200, description="`*` stands for any signs; case counts not.")]
VersionName = Annotated[str, Meta(max_length=10, description="`1.6`, `2.0.1` or `2.1`.")]
_CHANGES = (errors.NotFound, errors.InvalidInput, errors.Conflict)


class TemplateChanges(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is entered about a template. What is left out stays as it is, or has its default."""

    name: Name | UnsetType = UNSET
    note: Annotated[str, Meta(max_length=2000)] | UnsetType = UNSET
    reach: (
        Annotated[
            Reach,
            Meta(description="`everyone`; those `matching` site, vendor, model, firmware, version; or the `chosen`."),
        ]
        | UnsetType
    ) = UNSET
    priority: Annotated[int, Meta(ge=-1_000_000, le=1_000_000)] | UnsetType = UNSET
    is_active: bool | UnsetType = UNSET
    site_id: Annotated[str, Meta(max_length=36)] | UnsetType | None = UNSET
    vendor: Pattern | UnsetType | None = UNSET
    model: Pattern | UnsetType | None = UNSET
    firmware: Pattern | UnsetType | None = UNSET
    version: VersionName | UnsetType | None = UNSET


class NewTemplate(TemplateChanges, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A template to make."""

    name: Name


class Stations(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Stations, by id or identity."""

    stations: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=100)], ...], Meta(min_length=1, max_length=1000)
    ]


class TemplateDeleted(msgspec.Struct, frozen=True, kw_only=True):
    """What became of it."""

    is_gone: bool


@route("GET", "/templates", scope=Scope.STATIONS_READ, is_for_network=True)
async def list_templates(web: WebContext) -> list[TemplateRow]:
    """List templates

    With how many stations each counts for, and how many of them are not in step.
    """
    return list(await views.list_templates(web.services.database))


@route("POST", "/templates", scope=Scope.STATIONS_WRITE, is_for_network=True, body=NewTemplate, raises=_CHANGES)
async def create_template(web: WebContext, principal: Principal, given: NewTemplate) -> TemplateView:
    """Make a template

    Without values at first. By default it is for stations that are given it by hand.
    """
    fields = TemplateFields(**access.given_fields(given))
    await _check(web, fields)
    async with web.services.database.work() as work:
        made = await web.services.configuration.wishes.create_template(work, fields)
        access.note(web, work, principal, "template.create", made.id, after=made)
    return await _view(web, made.id)


@route("GET", "/templates/{template:str}", scope=Scope.STATIONS_READ, is_for_network=True, raises=(errors.NotFound,))
async def get_template(web: WebContext, template: str) -> TemplateView:
    """Get a template

    With its values and the stations that were given it by hand.
    """
    return await _view(web, template)


@route(
    "PATCH",
    "/templates/{template:str}",
    scope=Scope.STATIONS_WRITE,
    is_for_network=True,
    body=TemplateChanges,
    raises=_CHANGES,
)
async def update_template(web: WebContext, principal: Principal, template: str, given: TemplateChanges) -> TemplateView:
    """Change a template

    Only the fields that are given change. What counts for the stations it is and was for is worked out anew.
    """
    known = await web.services.configuration.wishes.template(template)
    changes = access.given_fields(given)
    fields = access.merged(TemplateFields, known, changes)
    await _check(web, fields)
    async with web.services.database.work() as work:
        await web.services.configuration.wishes.change_template(work, known.id, fields)
        access.note(web, work, principal, "template.update", known.id, before=known, after=fields)
    return await _view(web, known.id)


@route(
    "DELETE", "/templates/{template:str}", scope=Scope.STATIONS_WRITE, is_for_network=True, status=200, raises=_CHANGES
)
async def delete_template(web: WebContext, principal: Principal, template: str) -> TemplateDeleted:
    """Delete a template

    What it has set at stations stays there, and is no longer desired.
    """
    known = await web.services.configuration.wishes.template(template)
    async with web.services.database.work() as work:
        await web.services.configuration.wishes.remove_template(work, known.id)
        access.note(web, work, principal, "template.delete", known.id, before=known)
    await settle(web)
    return TemplateDeleted(is_gone=True)


@route(
    "PUT",
    "/templates/{template:str}/desired",
    scope=Scope.STATIONS_WRITE,
    is_for_network=True,
    body=Wishes,
    raises=_CHANGES,
)
async def desire_by_template(web: WebContext, principal: Principal, template: str, given: Wishes) -> TemplateView:
    """Set the values of a template

    Those that are given change; null takes one away. A station's password is never a template's.
    """
    known = await web.services.configuration.wishes.template(template)
    wishes = [DesiredChange(name=variables.parse(one.variable), value=one.value) for one in given.values]
    async with web.services.database.work() as work:
        await web.services.configuration.wishes.desire_of_template(work, known.id, wishes, actor=principal.name)
        after = {one.name.text: one.value for one in wishes}
        access.note(web, work, principal, "template.desire", known.id, after=after)
    return await _view(web, known.id)


@route(
    "POST",
    "/templates/{template:str}/stations",
    status=200,
    scope=Scope.STATIONS_WRITE,
    is_for_network=True,
    body=Stations,
    raises=_CHANGES,
)
async def give_template(web: WebContext, principal: Principal, template: str, given: Stations) -> TemplateView:
    """Give a template to stations

    By hand: there it counts before every template that merely matches.
    """
    return await _give(web, principal, template, given, is_taken_back=False)


@route(
    "POST",
    "/templates/{template:str}/stations/remove",
    status=200,
    scope=Scope.STATIONS_WRITE,
    is_for_network=True,
    body=Stations,
    raises=_CHANGES,
)
async def take_template_back(web: WebContext, principal: Principal, template: str, given: Stations) -> TemplateView:
    """Take a template from stations

    That were given it by hand.
    """
    return await _give(web, principal, template, given, is_taken_back=True)


@route("GET", "/drift", scope=Scope.STATIONS_READ, query=DriftQuery)
async def list_drift(web: WebContext, principal: Principal, criteria: DriftQuery) -> Page[DriftRow]:
    """List where stations are not as desired

    Each value with what the station has instead, what it answered, and when it is asked again.
    """
    return await views.list_drift(web.services.database, criteria, principal.site_ids)


async def settle(web: WebContext) -> None:
    """Work out for the first stations at once what counts now; the process that holds the sockets does the others."""
    await web.services.configuration.care.refresh_stale()


async def _give(
    web: WebContext, principal: Principal, template: str, given: Stations, *, is_taken_back: bool
) -> TemplateView:
    known = await web.services.configuration.wishes.template(template)
    ids = [(await access.station_of(web, principal, one)).id for one in given.stations]
    wishes = web.services.configuration.wishes
    async with web.services.database.work() as work:
        if is_taken_back:
            await wishes.take_back(work, known.id, ids, principal.name)
        else:
            await wishes.give(work, known.id, ids, principal.name)
        done = "template.take_back" if is_taken_back else "template.give"
        access.note(web, work, principal, done, known.id, {"stations": ids})
    return await _view(web, known.id)


async def _view(web: WebContext, template_id: str) -> TemplateView:
    await settle(web)
    found = await views.get_template(web.services.database, template_id)
    if found is None:
        raise errors.NotFound(f"There is no template {template_id!r}.")
    return found


async def _check(web: WebContext, fields: TemplateFields) -> None:
    if fields.site_id is not None:
        await access.check_site_exists(web, fields.site_id)


ROUTES: tuple[HTTPRouteHandler, ...] = (
    list_templates, create_template, get_template, update_template, delete_template, desire_by_template, give_template,
    take_template_back, list_drift,
)  # fmt: skip
