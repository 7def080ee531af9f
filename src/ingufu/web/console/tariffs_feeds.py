"""Price feeds: what each says of today and tomorrow, how its last fetch went, and the form of a new one."""

from collections.abc import Mapping
from typing import Any

import msgspec
from litestar import Response
from litestar.handlers import HTTPRouteHandler

from ingufu.accounts.model import Principal, Scope
from ingufu.core.errors import Conflict, IngufuError, InvalidInput
from ingufu.tariffs.feeds import Feed, FeedUnit
from ingufu.web.api import price_feeds as api
from ingufu.web.console import present, tariffs_places
from ingufu.web.console.pages import Pages, Toast, action, page, path_of
from ingufu.web.console.tariffs import curve_of, may_change, words_of
from ingufu.web.console.tariffs_curve import Curve
from ingufu.web.context import WebContext
from ingufu.web.exchange import Asked
from ingufu.web.forms import Form
from ingufu.web.routes import function_of

_TEXTS = ("name", "address", "currency", "unit", "every", "zone")
_MINUTE_S = 60
_LEAST_MIN, _MOST_MIN = 5, 10_080


class Shown(msgspec.Struct, frozen=True):
    """A feed with the picture of its prices."""

    it: Feed
    curve: Curve | None


@page("/tariffs/feeds", scope=Scope.TARIFFS_READ, is_for_network=True)
async def show_feeds(web: WebContext, pages: Pages, principal: Principal, request: Asked) -> Response[str]:
    """Show the price feeds"""
    return await _show(web, pages, principal, request)


@action("/tariffs/feeds", scope=Scope.TARIFFS_WRITE, is_for_network=True)
async def add_feed(web: WebContext, pages: Pages, principal: Principal, request: Asked, form: Form) -> Response[Any]:
    """Add a price feed"""
    try:
        minutes = form.integer("every", low=_LEAST_MIN, high=_MOST_MIN) or _MINUTE_S
        given = api.NewPriceFeed(
            name=form.text("name")[:200],
            currency=form.text("currency").upper()[:8],
            unit=FeedUnit(form.text("unit")) if form.text("unit") in set(FeedUnit) else FeedUnit.KWH,
            address=form.text("address")[:2000] or None,
            every_s=minutes * _MINUTE_S,
            time_zone=form.text("zone")[:64] or "UTC",
        )
        made = await function_of(api.create_price_feed)(web, principal, given)
    except (InvalidInput, Conflict) as error:
        entered = {name: form.text(name) for name in _TEXTS}
        return await _show(web, pages, principal, request, entered, _problem(error))
    toast = Toast(message=pages.text(request, "The price feed is added"), detail=made.name)
    return pages.go(request, path_of("tariffs", "feeds"), toast)


@action("/tariffs/feeds/{feed_id:str}/upload", scope=Scope.TARIFFS_WRITE, is_for_network=True)
async def load_prices(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, feed_id: str, form: Form
) -> Response[Any]:
    """Load prices from a file"""
    field = f"prices-{feed_id}"
    content = form.text(field)
    try:
        given = api.PriceFile(content=_content(pages, request, content))
        loaded = await function_of(api.upload_prices)(web, principal, feed_id, given)
    except (InvalidInput, Conflict) as error:
        entered = {"feed": feed_id, "prices": content}
        return await _show(web, pages, principal, request, entered, (field, error.message))
    words = pages.text(request, "%(given)s prices read, %(written)s new", given=loaded.given, written=loaded.written)
    return pages.go(request, path_of("tariffs", "feeds"), Toast(message=words))


@action("/tariffs/feeds/{feed_id:str}/fetch", scope=Scope.TARIFFS_WRITE, is_for_network=True)
async def fetch_feed(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, feed_id: str
) -> Response[Any]:
    """Fetch a price feed now"""
    try:
        after = await function_of(api.fetch_price_feed)(web, principal, feed_id)
    except (InvalidInput, Conflict) as error:
        toast = Toast(message=pages.text(request, "Not fetched"), detail=error.message, tone="wait")
    else:
        failed = Toast(message=pages.text(request, "Not fetched"), detail=after.error, tone="bad")
        toast = failed if after.error else Toast(message=pages.text(request, "Fetched"), detail=after.name)
    return pages.go(request, path_of("tariffs", "feeds"), toast)


@action("/tariffs/feeds/{feed_id:str}/delete", scope=Scope.TARIFFS_WRITE, is_for_network=True)
async def delete_feed(
    web: WebContext, pages: Pages, principal: Principal, request: Asked, feed_id: str
) -> Response[Any]:
    """Delete a price feed"""
    try:
        await function_of(api.delete_price_feed)(web, principal, feed_id)
        toast = Toast(message=pages.text(request, "The price feed is deleted"))
    except Conflict as error:
        toast = Toast(message=pages.text(request, "The price feed is not deleted"), detail=error.message, tone="wait")
    return pages.leave(request, path_of("tariffs", "feeds"), toast)


async def _show(  # the feeds, and the form of a new one as it was entered
    web: WebContext,
    pages: Pages,
    principal: Principal,
    request: Asked,
    entered: Mapping[str, str] | None = None,
    error: tuple[str, str] | None = None,
) -> Response[str]:
    words = words_of(pages, request).prices
    sites = await tariffs_places.sites_of(web, principal)
    rows: list[Shown] = []
    for feed in await web.services.price_feeds.all():
        _, drawn = await curve_of(web, feed.id, words, present.zone(feed.time_zone))
        rows.append(Shown(feed, drawn))
    usual = {"currency": await tariffs_places.usual_currency(web, sites), "zone": tariffs_places.zones_of(sites)[0]}
    return await pages.show(
        request,
        "pages/tariffs/feeds.html",
        status=422 if error else 200,
        rows=rows,
        form=present.Entered(usual | dict(entered or {})),
        errors=[error] if error else [],
        may_change=may_change(principal),
        units=[(one.value, one.value) for one in FeedUnit],
        zones=[(one, one) for one in tariffs_places.zones_of(sites)],
    )


def _content(pages: Pages, request: Asked, content: str) -> str:
    if not content:
        raise InvalidInput(pages.text(request, "Choose a file, or paste what stands in it."))
    return content


def _problem(error: IngufuError) -> tuple[str, str]:
    named = error.field if isinstance(error, InvalidInput) else None
    known = {"every_s": "every", "time_zone": "zone"}
    field = known.get(named or "", named or "name")
    return (field if field in _TEXTS else "name", error.message)


ROUTES: tuple[HTTPRouteHandler, ...] = (show_feeds, add_feed, load_prices, fetch_feed, delete_feed)
