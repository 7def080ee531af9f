"""What is declared of a route: who may use it, what it takes and gives; guards and the API document read it here."""

from collections.abc import Mapping
from typing import Any

import msgspec

from ingufu.accounts.model import Scope
from ingufu.core.errors import IngufuError

KEY = "route"  # of a handler's opt
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One route, as it is guarded and documented."""

    method: str
    path: str  # without the path of the router it hangs in
    name: str
    tag: str  # the noun it is about
    summary: str
    description: str = ""
    scope: Scope | None = None  # what the principal must hold; None: being known is enough
    is_public: bool = False  # nobody has to be known
    is_own: bool = False  # about oneself: open also to who has to set up a second factor before all else
    is_for_network: bool = False  # only for principals that are not tied to sites
    is_for_fleets: bool = False  # also for fleets, who see only what is theirs: it hands on the principal's fleet_id
    is_for_organisations: bool = False  # also for hosts and fleets, who see only their own people (access.user_of)
    is_page: bool = False  # a browser looks at it
    is_form: bool = False  # one of our pages sends it; its CSRF token may stand in a field (web.forms)
    is_raw: bool = False  # takes its body's bytes as they are
    file_bytes: int = 0  # takes a file of at most so many bytes: as its body or, of a page, in a form
    shows_secret: bool = False  # its answer is never kept for repetitions
    query: Any = None  # struct of the query's parameters
    body: Any = None  # struct of the body
    result: Any = None  # what it returns
    status: int = 200
    raises: tuple[type[IngufuError], ...] = ()
    media_type: str = "application/json"


def route_of(scope: Mapping[str, Any]) -> Route | None:
    """Return what is declared of the route that a request went to."""
    handler = scope.get("route_handler")
    return None if handler is None else handler.opt.get(KEY)
