"""The saved views of a list as tabs on its page, and the one that opens by itself."""

from urllib.parse import parse_qsl, urlencode

import msgspec
from litestar.response import Redirect

from ingufu.accounts.model import Principal
from ingufu.core.errors import InvalidInput
from ingufu.desk.model import SavedView
from ingufu.web.console.rendering import CONSOLE_PATH
from ingufu.web.context import WebContext
from ingufu.web.exchange import Asked
from ingufu.web.lists import checked_address, list_pages, person_of

ALL = "all"  # as `view` of an address: the list as it is, whatever opens by itself


class Tab(msgspec.Struct, frozen=True, kw_only=True):
    """A view as a tab of its page."""

    name: str
    href: str
    is_current: bool
    is_shared: bool = False


class Tabs(msgspec.Struct, frozen=True, kw_only=True):
    """The views of the page that is shown."""

    tabs: tuple[Tab, ...]
    save_href: str | None  # None: what is shown is a view, or has no filter
    manage_href: str


async def tabs_of(web: WebContext, principal: Principal, request: Asked) -> Tabs | None:
    """Return the views of the page that is asked for; None if it is no list."""
    page_path = request.url.path.rstrip("/")
    if page_path not in list_pages(request.app):
        return None
    views, _ = await web.services.saved_views.on_page(person_of(principal), page_path)
    asked = _filters(request.url.query)
    shown = request.query_params.get("view", "")
    current = next((view for view in views if view.id == shown and _filters(view.query) == asked), None)
    current = current or next((view for view in views if _filters(view.query) == asked), None)
    everything = Tab(name="", href=f"{page_path}?view={ALL}", is_current=not asked)
    tabs = [
        Tab(name=view.name, href=_href(view), is_current=view is current, is_shared=view.is_shared) for view in views
    ]
    is_new = bool(asked) and current is None
    address = f"{page_path}?{urlencode(asked)}"
    return Tabs(
        tabs=(everything, *tabs) if tabs else (),
        save_href=f"{CONSOLE_PATH}/saved-views/new?{urlencode({'address': address})}" if is_new else None,
        manage_href=f"{CONSOLE_PATH}/saved-views?{urlencode({'of': page_path})}",
    )


async def open_default(request: Asked) -> Redirect | None:
    """Send whoever opens a list without any filter to the view that opens by itself for them, if there is one."""
    principal: Principal | None = request.scope.get("user")
    page_path = request.url.path.rstrip("/")
    if principal is None or request.method != "GET" or request.url.query or page_path not in list_pages(request.app):
        return None
    if request.headers.get("hx-request"):
        return None  # the filters were taken away
    web: WebContext = request.app.state["web"]
    views, default_id = await web.services.saved_views.on_page(person_of(principal), page_path)
    default = next((view for view in views if view.id == default_id and view.query), None)
    if default is None:
        return None
    try:
        checked_address(request.app, principal, default.address)
    except InvalidInput:  # the page has these filters no longer
        return None
    return Redirect(_href(default), status_code=303)


def _href(view: SavedView) -> str:
    return f"{view.page}?{view.query}&view={view.id}" if view.query else f"{view.page}?view={view.id}"


def _filters(query: str) -> list[tuple[str, str]]:
    """Return the filters of an address, in an order of their own, without the place in the list."""
    found = parse_qsl(query, keep_blank_values=False)
    return sorted((name, value) for name, value in found if name not in {"cursor", "view"})
