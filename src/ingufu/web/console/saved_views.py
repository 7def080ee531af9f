"""Saved views in the console: kept by a form, and arranged on a page of their own."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from urllib.parse import urlencode

import msgspec
from litestar import Response
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from ingufu.accounts.model import Principal
from ingufu.core.errors import Conflict, InvalidInput
from ingufu.desk.decide import LONGEST_QUERY
from ingufu.web.api import saved_views as api
from ingufu.web.api.saved_views import NewSavedView, SavedViewFields, SavedViewRow
from ingufu.web.console.pages import Pages, Toast, action, page, path_of
from ingufu.web.context import WebContext
from ingufu.web.exchange import Asked
from ingufu.web.forms import Form
from ingufu.web.lists import person_of
from ingufu.web.routes import function_of

_STEPS: Mapping[str, int] = {"up": -1, "down": 1}


class NewQuery(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which address is to be saved."""

    address: Annotated[str, Meta(max_length=LONGEST_QUERY + 200)] = ""


class ListQuery(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The views of which page."""

    of: Annotated[str, Meta(max_length=200)] = ""


@page("/saved-views", query=ListQuery)
async def show_saved_views(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, criteria: ListQuery
) -> Response[str]:
    """Show the saved views, and what can be done with them"""
    return await _show(web, pages, principal, request, criteria.of)


@page("/saved-views/new", query=NewQuery)
async def show_new(pages: Pages, request: Asked, principal: Principal, criteria: NewQuery) -> Response[str]:
    """Show the form that saves a view"""
    return await _form(pages, request, principal, criteria.address, "")


@action("/saved-views/new")
async def create_view(web: WebContext, pages: Pages, principal: Principal, request: Asked, form: Form) -> Response[Any]:
    """Save a view"""
    address, name = form.text("address")[: LONGEST_QUERY + 200], form.text("name")[:200]
    given = NewSavedView(
        name=name, address=address, is_shared=form.is_on("is_shared"), is_default=form.is_on("is_default")
    )
    try:
        made = await function_of(api.create_saved_view)(web, principal, request, given)
    except (InvalidInput, Conflict) as error:
        field = "address" if isinstance(error, InvalidInput) and error.field == "address" else "name"
        return await _form(pages, request, principal, address, name, (field, error.message))
    toast = Toast(message=pages.text(request, "The view is saved"), detail=made.name)
    return pages.go(request, f"{made.address}{'&' if '?' in made.address else '?'}view={made.id}", toast)


@action("/saved-views/{view_id:str}")
async def change_view(  # the view, and what is to become of it
    web: WebContext, pages: Pages, principal: Principal, request: Asked, view_id: str, form: Form
) -> Response[Any]:
    """Rename, move, share or delete a view, or have it open by itself"""
    known: SavedViewRow = await function_of(api.get_saved_view)(web, principal, view_id)
    do = form.text("do")
    try:
        message = await _do(web, pages, principal, request, known, do, form)
    except (InvalidInput, Conflict) as error:
        return await _show(web, pages, principal, request, form.text("of")[:200], (view_id, error.message))
    to = path_of("saved-views") + (f"?{urlencode({'of': of})}" if (of := form.text("of")[:200]) else "")
    return pages.go(request, to, Toast(message=message, detail=known.name))


async def _do(  # what the button says
    web: WebContext,
    pages: Pages,
    principal: Principal,
    request: Asked,
    known: SavedViewRow,
    do: str,
    form: Form,
) -> str:
    change = function_of(api.update_saved_view)
    if do in _STEPS:
        await web.services.saved_views.move(person_of(principal), known.id, _STEPS[do])
        return pages.text(request, "The order is changed")
    match do:
        case "rename":
            given = SavedViewFields(name=form.text("name")[:200])
            await change(web, principal, request, known.id, given)
            return pages.text(request, "The view is renamed")
        case "default" | "plain":
            await change(web, principal, request, known.id, SavedViewFields(is_default=do == "default"))
            if do == "plain":
                return pages.text(request, "The page opens without a filter again")
            return pages.text(request, "The page opens with this view")
        case "share" | "keep":
            await change(web, principal, request, known.id, SavedViewFields(is_shared=do == "share"))
            if do == "keep":
                return pages.text(request, "The view is yours alone now")
            return pages.text(request, "Everybody of the organisation is shown the view")
        case "delete":
            await function_of(api.delete_saved_view)(web, principal, known.id)
            return pages.text(request, "The view is deleted")
        case _:
            raise InvalidInput("What is to become of the view?", field="do")


async def _show(  # all of them, or those of a page
    web: WebContext,
    pages: Pages,
    principal: Principal,
    request: Asked,
    of: str,
    error: tuple[str, str] | None = None,
) -> Response[str]:
    criteria = api.SavedViewQuery(page=of or None)
    views: Sequence[SavedViewRow] = await function_of(api.list_saved_views)(web, principal, criteria)
    by_page = {
        path: [view for view in views if view.page == path] for path in dict.fromkeys(view.page for view in views)
    }
    return await pages.show(
        request,
        "pages/saved_views/list.html",
        status=422 if error else 200,
        by_page=[(path, _title(pages, request, path), found) for path, found in by_page.items()],
        of=of,
        of_title=_title(pages, request, of) if of else "",
        may_share=person_of(principal).may_share,
        error=error,
    )


async def _form(  # the form, as it is or with what is wrong
    pages: Pages,
    request: Asked,
    principal: Principal,
    address: str,
    name: str,
    error: tuple[str, str] | None = None,
) -> Response[str]:
    return await pages.show(
        request,
        "pages/saved_views/new.html",
        status=422 if error else 200,
        address=address,
        name=name,
        error=error,
        back=address if address.startswith(path_of() or "/") else path_of(),
        may_share=person_of(principal).may_share,
    )


def _title(pages: Pages, request: Asked, path: str) -> str:
    """Return what a page is called in the menu; its address if it is not in it."""
    module: Any = pages.environment(request).get_template("parts/navigation.html").module
    words: Mapping[str, str] = module.section_words
    key = path.removeprefix(f"{path_of()}/").removeprefix("/")
    return words.get({"review-queue": "review"}.get(key, key), path)


ROUTES: tuple[HTTPRouteHandler, ...] = (show_saved_views, show_new, create_view, change_view)
