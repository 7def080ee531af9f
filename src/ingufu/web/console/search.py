"""Search over everything: the page, and what the palette shows that opens with one key; with pages and commands."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated

import msgspec
from jinja2 import Environment
from litestar import Litestar, Response
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute
from msgspec import Meta

from ingufu.accounts.model import Principal
from ingufu.views import search as views
from ingufu.views.search_finders import MOST_EACH
from ingufu.views.search_model import Fit, Hit, HitKind, fitting
from ingufu.web import auth
from ingufu.web.api.search import LONGEST, reach_of
from ingufu.web.console import navigation
from ingufu.web.console.pages import Pages, page, path_of
from ingufu.web.console.rendering import CONSOLE_PATH
from ingufu.web.context import WebContext
from ingufu.web.declared import KEY, Route
from ingufu.web.exchange import Asked

ON_PAGE = 20  # things of each kind on the page; the palette has fewer
_OPENED = re.compile(rf"{CONSOLE_PATH}/([a-z-]+)/([0-9a-f-]{{36}})")
_ROUTES = "console_routes"  # of the application's state
_PLACES: Mapping[HitKind, str] = {  # where the page of a thing is
    HitKind.STATION: "stations",
    HitKind.SITE: "sites",
    HitKind.DRIVER: "drivers",
    HitKind.CARD: "tokens",
    HitKind.GROUP: "groups",
    HitKind.SESSION: "sessions",
    HitKind.CHARGE_RECORD: "charge-records",
    HitKind.INVOICE: "invoices",
    HitKind.TARIFF: "tariffs",
    HitKind.USER: "users",
}
_KINDS = {place: kind for kind, place in _PLACES.items()}
_ICONS: Mapping[HitKind, str] = {
    HitKind.STATION: "charging-pile",
    HitKind.SITE: "map-pin",
    HitKind.DRIVER: "user",
    HitKind.CARD: "credit-card",
    HitKind.GROUP: "users",
    HitKind.SESSION: "bolt",
    HitKind.CHARGE_RECORD: "receipt",
    HitKind.INVOICE: "file-invoice",
    HitKind.TARIFF: "tag",
    HitKind.USER: "user",
}
# Pages that are not in the menu, and what one may begin: path behind the console's, and icon. Those that do not exist
# or that the reader may not open are not offered. templates/parts/search.html has their words.
_MORE: tuple[tuple[str, str], ...] = (
    ("/stations/new", "plus"),
    ("/sites/new", "plus"),
    ("/tokens/new", "plus"),
    ("/drivers/new", "plus"),
    ("/groups/new", "plus"),
    ("/imports/new", "plus"),
    ("/tariffs/new", "plus"),
    ("/customers/new", "plus"),
    ("/tariffs/calculator", "calculator"),
    ("/tariffs/feeds", "chart-line"),
    ("/customers", "building"),
    ("/legal-entities", "building-bank"),
    ("/fiscal-devices", "receipt"),
    ("/charge-records/unpriced", "receipt"),
    ("/review-queue/sites", "scale"),
    ("/ledger/accounts", "coin"),
    ("/ledger/entries", "coin"),
    ("/ledger/wallets", "wallet"),
    ("/ledger/vouchers", "coin"),
    ("/ledger/hosts", "building"),
    ("/ledger/reports", "file-text"),
    ("/configuration/templates/new", "plus"),
    ("/saved-views", "list"),
)


class SearchQuery(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is looked for; and where this browser was last, for the palette."""

    q: Annotated[str, Meta(max_length=LONGEST)] = ""
    opened: Annotated[tuple[Annotated[str, Meta(max_length=200)], ...], Meta(max_length=12)] = ()


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One line of what was found."""

    href: str
    icon: str
    title: str
    detail: str = ""


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Things of a kind; `key` is a HitKind, "page", or "opened"."""

    key: str
    items: tuple[Item, ...]


@page("/search", query=SearchQuery)
async def show_search(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, criteria: SearchQuery
) -> Response[str]:
    """Show what was found"""
    groups = await _groups(web, pages, principal, request, criteria.q, ON_PAGE)
    return await pages.show(request, "pages/search/page.html", text=criteria.q.strip(), groups=groups)


@page("/search/hits", query=SearchQuery)
async def show_hits(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, criteria: SearchQuery
) -> Response[str]:
    """Show what was found in the palette; and without a text, what was opened last"""
    if criteria.q.strip():
        groups = await _groups(web, pages, principal, request, criteria.q, MOST_EACH)
    else:
        groups = await _offered(web, pages, principal, request, criteria.opened)
    return pages.part(request, "pages/search/hits.html", text=criteria.q.strip(), groups=groups)


async def _groups(  # what is looked for, and for whom
    web: WebContext, pages: Pages, principal: Principal, request: Asked, text: str, most: int
) -> list[Group]:
    """Return what fits, the group of the best first."""
    year = web.services.clock.now().year
    found = await views.search(web.services.database, text, reach_of(principal), year=year, most_each=most)
    places = _console_routes(request.app)
    ranked: list[tuple[int, Group]] = []
    for kind in dict.fromkeys(hit.kind for hit in found):
        hits = [hit for hit in found if hit.kind is kind]
        items = tuple(item for hit in hits if (item := _item(hit, places)) is not None)
        if items:
            ranked.append((_rank(hits[0].fit), Group(key=kind.value, items=items)))
    fits = _fitting_pages(pages, principal, request, text)
    if fits:
        best = min(rank for rank, _ in fits)
        ranked.append((best, Group(key="page", items=tuple(item for _, item in fits[:most]))))
    return [group for _, group in sorted(ranked, key=lambda pair: pair[0])]


async def _offered(  # for whom, and where they were
    web: WebContext, pages: Pages, principal: Principal, request: Asked, opened: Sequence[str]
) -> list[Group]:
    """Return what was opened last, as far as it is there and one's to see, and the pages."""
    matches = [found for path in opened if (found := _OPENED.fullmatch(path)) is not None]
    wanted = [(_KINDS[found[1]], found[2]) for found in matches if found[1] in _KINDS]
    known = await views.named(web.services.database, wanted, reach_of(principal))
    places = _console_routes(request.app)
    items = tuple(item for hit in known if (item := _item(hit, places)) is not None)
    groups = [Group(key="opened", items=items)] if items else []
    return [*groups, Group(key="page", items=tuple(_pages(pages, principal, request)))]


def _item(hit: Hit, places: Mapping[str, Route]) -> Item | None:
    place = _PLACES[hit.kind]
    if any(path.startswith(f"{CONSOLE_PATH}/{place}/{{") for path in places):
        href = path_of(place, hit.id)
    elif hit.kind is HitKind.SITE:
        href = f"{path_of('stations')}?site={hit.id}"
    else:
        return None  # the console has no page of it
    return Item(href=href, icon=_ICONS[hit.kind], title=hit.title, detail=hit.detail)


def _pages(pages: Pages, principal: Principal, request: Asked) -> list[Item]:
    """Return the pages and commands that the reader may open, those of the menu first."""
    environment, places = pages.environment(request), _console_routes(request.app)
    words = _words(environment, "parts/navigation.html", "section_words")
    more = _words(environment, "parts/search.html", "page_words")
    found = [
        Item(href=f"{CONSOLE_PATH}{section.path}", icon=section.icon, title=words[section.key])
        for _, sections in navigation.areas_for(principal)
        for section in sections
    ]
    for path, icon in _MORE:
        route = places.get(f"{CONSOLE_PATH}{path}")
        if route is not None and auth.refusal(principal, route) is None:
            found.append(Item(href=f"{CONSOLE_PATH}{path}", icon=icon, title=more[path]))
    return found


def _fitting_pages(pages: Pages, principal: Principal, request: Asked, text: str) -> list[tuple[int, Item]]:
    """Return the pages and commands of which every word that is looked for begins one, the best first."""
    wanted = text.strip().casefold()
    found: list[tuple[int, Item]] = []
    for item in _pages(pages, principal, request):
        names = re.split(r"[\W_]+", item.title.casefold())
        if wanted and all(any(name.startswith(word) for name in names) for word in wanted.split()):
            fit = fitting(wanted, (item.title,))
            found.append((_rank(Fit.WORD if fit is Fit.INSIDE else fit), item))
    return sorted(found, key=lambda pair: pair[0])


def _rank(fit: Fit) -> int:
    return tuple(Fit).index(fit)


def _words(environment: Environment, template: str, name: str) -> Mapping[str, str]:
    words: Mapping[str, str] = getattr(environment.get_template(template).module, name)
    return words


def _console_routes(app: Litestar) -> Mapping[str, Route]:
    """Return the pages of the console by path, as they are declared."""
    if _ROUTES not in app.state:
        app.state[_ROUTES] = {
            known.path: route
            for known in app.routes
            if isinstance(known, HTTPRoute) and known.path.startswith(CONSOLE_PATH)
            for handler in known.route_handlers
            if isinstance(route := handler.opt.get(KEY), Route) and route.method == "GET"
        }
    routes: Mapping[str, Route] = app.state[_ROUTES]
    return routes


ROUTES: tuple[HTTPRouteHandler, ...] = (show_search, show_hits)
