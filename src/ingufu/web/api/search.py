"""Search over everything that one may see."""

from collections.abc import Mapping
from typing import Annotated

import msgspec
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta

from ingufu.accounts.model import Principal
from ingufu.views import search as views
from ingufu.views.search_finders import MOST_EACH
from ingufu.views.search_model import Hit, HitKind, Reach
from ingufu.web import auth
from ingufu.web.api import (
    charge_records,
    drivers,
    groups,
    invoices,
    sites,
    stations,
    tariffs,
    tokens,
    transactions,
    users,
)
from ingufu.web.context import WebContext
from ingufu.web.declared import KEY
from ingufu.web.routes import route

LONGEST = 100

# Who may list things of a kind finds them.
_LISTS: Mapping[HitKind, HTTPRouteHandler] = {
    HitKind.STATION: stations.list_stations,
    HitKind.SITE: sites.list_sites,
    HitKind.DRIVER: drivers.list_drivers,
    HitKind.CARD: tokens.list_tokens,
    HitKind.GROUP: groups.list_groups,
    HitKind.SESSION: transactions.list_transactions,
    HitKind.CHARGE_RECORD: charge_records.list_charge_records,
    HitKind.INVOICE: invoices.list_invoices,
    HitKind.TARIFF: tariffs.list_tariffs,
    HitKind.USER: users.list_users,
}


class SearchQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is looked for."""

    q: Annotated[
        str,
        Meta(max_length=LONGEST, description="A name or number, whole or its beginning; an id."),
    ]
    kind: Annotated[tuple[HitKind, ...], Meta(max_length=10, description="Only things of these kinds.")] = ()
    limit: Annotated[int, Meta(ge=1, le=20, description="How many of each kind at most.")] = MOST_EACH


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What was found, the kind of the best first; of each kind the best first."""

    items: tuple[Hit, ...]


@route("GET", "/search", query=SearchQuery)
async def search(web: WebContext, principal: Principal, criteria: SearchQuery) -> Found:
    """Search over everything

    Stations (identity, name, serial number, site), sites, drivers (name, e-mail address, telephone number), cards and
    groups, sessions (our id, the station's own), charge records (id, or that of the session), documents (number),
    tariffs and users: of each kind those that one may list, best fits first.
    """
    reach = reach_of(principal)
    if criteria.kind:
        reach = msgspec.structs.replace(reach, kinds=frozenset(reach.kinds) & frozenset(criteria.kind))
    year = web.services.clock.now().year
    found = await views.search(web.services.database, criteria.q, reach, year=year, most_each=criteria.limit)
    return Found(items=found)


def reach_of(principal: Principal) -> Reach:
    """Return what the principal may find: of each kind that it may list, what it may see of it."""
    open_kinds = (kind for kind, listed in _LISTS.items() if auth.refusal(principal, listed.opt[KEY]) is None)
    return Reach(
        kinds=frozenset(open_kinds),
        site_ids=principal.site_ids,
        fleet_id=principal.fleet_id,
        organisation_id=principal.organisation_id,
    )


ROUTES: tuple[HTTPRouteHandler, ...] = (search,)
