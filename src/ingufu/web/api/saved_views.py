"""Saved views: the filters of the console's lists under names."""

from datetime import datetime
from typing import Annotated

import msgspec
from litestar.handlers import HTTPRouteHandler
from msgspec import UNSET, Meta, UnsetType

from ingufu.accounts.model import Principal
from ingufu.core import errors
from ingufu.desk.decide import LONGEST_NAME, LONGEST_QUERY
from ingufu.desk.model import SavedView
from ingufu.desk.service import MOST
from ingufu.web import access
from ingufu.web.context import WebContext
from ingufu.web.exchange import Asked
from ingufu.web.lists import checked_address, person_of
from ingufu.web.routes import function_of, route

Address = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=LONGEST_QUERY + 200,
        description="Of a list page of the console with its filters: `/console/stations?status=faulted`.",
    ),
]
Name = Annotated[str, Meta(min_length=1, max_length=LONGEST_NAME)]
Page = Annotated[str, Meta(max_length=200, description="The path of a list page: `/console/stations`.")]
IsShared = Annotated[bool, Meta(description="Whether everybody of the organisation is shown it.")]
IsDefault = Annotated[bool, Meta(description="Whether the page opens with it, for whoever asks.")]
CHANGES = (errors.NotFound, errors.InvalidInput, errors.Conflict)


class SavedViewQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose page."""

    page: Page | None = None


class SavedViewRow(msgspec.Struct, frozen=True, kw_only=True):
    """A saved view, as whoever asks has it."""

    id: str
    name: str
    page: str
    address: str
    is_shared: bool
    is_default: bool
    is_mine: bool
    created_at: datetime
    updated_at: datetime


class NewSavedView(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A view to save."""

    name: Name
    address: Address
    is_shared: IsShared = False
    is_default: IsDefault = False


class SavedViewFields(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What changes of a view."""

    name: Name | UnsetType = UNSET
    address: Annotated[Address | UnsetType, Meta(description="Of the same page, with other filters.")] = UNSET
    is_shared: IsShared | UnsetType = UNSET
    is_default: IsDefault | UnsetType = UNSET


class Order(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """In which order whoever asks has the views of a page."""

    page: Page
    order: Annotated[
        tuple[Annotated[str, Meta(max_length=100)], ...],
        Meta(max_length=2 * MOST, description="Ids; views that are not in it follow by name."),
    ]


@route("GET", "/saved-views", query=SavedViewQuery)
async def list_saved_views(web: WebContext, principal: Principal, criteria: SavedViewQuery) -> list[SavedViewRow]:
    """List saved views

    One's own and those of the organisation, of every page in one's own order.
    """
    person = person_of(principal)
    views = await web.services.saved_views.all(person)
    pages = dict.fromkeys(view.page for view in views) if criteria.page is None else (criteria.page,)
    found: list[SavedViewRow] = []
    for page in pages:
        arranged, default_id = await web.services.saved_views.on_page(person, page)
        found += [_row(view, principal, is_default=view.id == default_id) for view in arranged]
    return found


@route("POST", "/saved-views", body=NewSavedView, raises=(errors.InvalidInput, errors.Conflict, errors.Forbidden))
async def create_saved_view(web: WebContext, principal: Principal, request: Asked, given: NewSavedView) -> SavedViewRow:
    """Save a view

    A name is given once on a page: among one's own, and among those of the organisation.
    """
    page, query = checked_address(request.app, principal, given.address)
    views, person = web.services.saved_views, person_of(principal)
    view = await views.save(person, page, query, given.name, is_shared=given.is_shared)
    if given.is_default:
        await views.set_default(person, page, view.id)
    await _note(web, principal, "saved-view.create", view)
    return _row(view, principal, is_default=given.is_default)


@route("GET", "/saved-views/{view_id:str}", raises=(errors.NotFound,))
async def get_saved_view(web: WebContext, principal: Principal, view_id: str) -> SavedViewRow:
    """Get a saved view

    One's own, or one of the organisation.
    """
    return await _shown(web, principal, view_id)


@route("PATCH", "/saved-views/{view_id:str}", body=SavedViewFields, raises=(*CHANGES, errors.Forbidden))
async def update_saved_view(
    web: WebContext, principal: Principal, request: Asked, view_id: str, given: SavedViewFields
) -> SavedViewRow:
    """Change a saved view

    Its name, its filters, who is shown it. A view of the organisation is changed by those who may share views;
    whether one opens by itself everybody says for themselves.
    """
    views, person = web.services.saved_views, person_of(principal)
    known = await views.get(person, view_id)
    query: str | None = None
    if given.address is not UNSET:
        page, query = checked_address(request.app, principal, given.address)
        if page != known.page:
            raise errors.InvalidInput("A view stays on its page: save another one there.", field="address")
    if (given.name, given.address, given.is_shared) != (UNSET, UNSET, UNSET):
        changed = await views.change(
            person, view_id, name=given.name or None, query=query,
            is_shared=None if given.is_shared is UNSET else given.is_shared,
        )  # fmt: skip
        await _note(web, principal, "saved-view.update", changed)
    if given.is_default is not UNSET:
        await _set_default(web, principal, known, is_default=given.is_default)
    return await _shown(web, principal, view_id)


@route("DELETE", "/saved-views/{view_id:str}", raises=(errors.NotFound, errors.Forbidden))
async def delete_saved_view(web: WebContext, principal: Principal, view_id: str) -> None:
    """Delete a saved view

    A view of the organisation is gone for everybody.
    """
    views, person = web.services.saved_views, person_of(principal)
    known = await views.get(person, view_id)
    await views.delete(person, view_id)
    await _note(web, principal, "saved-view.delete", known)


@route("POST", "/saved-views/order", status=200, body=Order, raises=(errors.InvalidInput,))
async def order_saved_views(web: WebContext, principal: Principal, given: Order) -> list[SavedViewRow]:
    """Put saved views in order

    Those of one page, for oneself.
    """
    await web.services.saved_views.arrange(person_of(principal), given.page, given.order)
    listed: list[SavedViewRow] = await function_of(list_saved_views)(web, principal, SavedViewQuery(page=given.page))
    return listed


async def _set_default(web: WebContext, principal: Principal, view: SavedView, *, is_default: bool) -> None:
    views, person = web.services.saved_views, person_of(principal)
    _, default_id = await views.on_page(person, view.page)
    if is_default:
        await views.set_default(person, view.page, view.id)
    elif default_id == view.id:
        await views.set_default(person, view.page, None)


async def _shown(web: WebContext, principal: Principal, view_id: str) -> SavedViewRow:
    views, person = web.services.saved_views, person_of(principal)
    view = await views.get(person, view_id)
    _, default_id = await views.on_page(person, view.page)
    return _row(view, principal, is_default=view.id == default_id)


def _row(view: SavedView, principal: Principal, *, is_default: bool) -> SavedViewRow:
    return SavedViewRow(
        id=view.id,
        name=view.name,
        page=view.page,
        address=view.address,
        is_shared=view.is_shared,
        is_default=is_default,
        is_mine=view.user_id == principal.id,
        created_at=view.created_at,
        updated_at=view.updated_at,
    )


async def _note(web: WebContext, principal: Principal, action: str, view: SavedView) -> None:
    """Keep in the audit trail what was done to a view that others are shown."""
    if not view.is_shared:
        return
    async with web.services.database.work() as work:
        access.note(web, work, principal, action, view.id, {"name": view.name, "address": view.address})


ROUTES: tuple[HTTPRouteHandler, ...] = (
    list_saved_views, create_saved_view, order_saved_views, get_saved_view, update_saved_view, delete_saved_view,
)  # fmt: skip
