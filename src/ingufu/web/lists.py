"""The list pages of the console: which there are, for whom, and whether an address is one of theirs."""

from collections.abc import Mapping
from typing import Any, cast

import msgspec
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from ingufu.accounts.model import ActorKind, Principal, Scope
from ingufu.core.errors import InvalidInput
from ingufu.desk.decide import parts_of, query_of
from ingufu.desk.service import Person
from ingufu.web import auth
from ingufu.web.declared import KEY, Route
from ingufu.web.reading import criteria_of

_STATE = "list_pages"  # of the application


def list_pages(app: Litestar) -> Mapping[str, Route]:
    """Return the pages that are lists, by path: those whose address holds a place in it, or whose query says so."""
    if _STATE not in app.state:
        found = {known.path: known for known in app.routes if isinstance(known, HTTPRoute)}
        app.state[_STATE] = {path: route for path, known in found.items() if (route := _listing(known)) is not None}
    return cast("Mapping[str, Route]", app.state[_STATE])


def checked_address(app: Litestar, principal: Principal, address: str) -> tuple[str, str]:
    """Return page and query of a list's address, without the place in the list.

    Raises InvalidInput unless it is a list page that the principal may open, with filters that it has.
    """
    page, filters = parts_of(address)
    route = list_pages(app).get(page)
    if route is None or auth.refusal(principal, route) is not None:
        raise InvalidInput("This is no address of a list page.", field="address")
    known = {field.encode_name for field in msgspec.structs.fields(route.query)}
    asked: dict[str, list[str]] = {}
    for name, value in filters:
        if name not in known:
            raise InvalidInput(f"The list has no filter {name!r}.", field="address")
        asked.setdefault(name, []).append(value)
    try:
        criteria_of(route.query, asked)
    except InvalidInput as error:
        raise InvalidInput(f"The list has no such filter: {error.message}", field="address") from error
    return page, query_of(filters)


def person_of(principal: Principal) -> Person:
    """Return for whom views are kept. Views of the organisation are made by those who may change stations."""
    is_user = principal.kind is ActorKind.USER
    may_share = is_user and Scope.STATIONS_WRITE in principal.scopes
    return Person(principal.id, principal.organisation_id, may_share)


def _listing(known: HTTPRoute) -> Route | None:
    for handler in known.route_handlers:
        route: Any = handler.opt.get(KEY) if isinstance(handler, HTTPRouteHandler) else None
        if isinstance(route, Route) and _is_list(route) and not known.path_parameters:
            return route
    return None


def _is_list(route: Route) -> bool:
    if not route.is_page or route.method != "GET" or route.query is None or "." in route.path:
        return False
    return "cursor" in route.query.__struct_fields__ or getattr(route.query, "is_list", False)
