"""Price feeds: prices that vary in time, uploaded or fetched."""

from typing import Annotated

import msgspec
from litestar.handlers import HTTPRouteHandler
from msgspec import UNSET, Meta, UnsetType

from ingufu.accounts.model import Principal, Scope
from ingufu.core import errors
from ingufu.tariffs.feeds import FeedUnit
from ingufu.tariffs.model import FeedPrice
from ingufu.tariffs.service import Loaded, NewFeed
from ingufu.views import price_feeds as views
from ingufu.views.paging import Page
from ingufu.views.price_feeds import FeedPriceQuery, FeedQuery, FeedRow
from ingufu.web import access
from ingufu.web.context import WebContext
from ingufu.web.routes import route

Name = Annotated[str, Meta(min_length=1, max_length=100)]
Address = Annotated[
    str, Meta(max_length=2000, description="https:// or http://. Kept sealed: what may be a key is not shown again.")
]
Seconds = Annotated[int, Meta(ge=300, le=604_800, description="How often it is fetched.")]
Zone = Annotated[str, Meta(max_length=64, description="Of times that are written without an offset.")]
CHANGES = (errors.NotFound, errors.InvalidInput, errors.Conflict)


class NewPriceFeed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A price that varies in time."""

    name: Name
    currency: Annotated[str, Meta(min_length=3, max_length=3, description="ISO 4217.")]
    unit: Annotated[FeedUnit, Meta(description="Of the prices in its files.")] = FeedUnit.KWH
    address: Annotated[Address | None, Meta(description="null: the prices are uploaded.")] = None
    every_s: Seconds = 3600
    time_zone: Zone = "UTC"


class PriceFeedFields(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What changes of a feed. Its currency and unit do not: tariffs rest on them."""

    name: Name | UnsetType = UNSET
    address: Address | UnsetType | None = UNSET
    every_s: Seconds | UnsetType = UNSET
    time_zone: Zone | UnsetType = UNSET


class PriceFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The content of a file."""

    content: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=900_000,
            description=(
                "CSV with the header from,price or start,end,price, or a JSON list of objects with from and price. "
                "Times are ISO 8601."
            ),
        ),
    ]


@route("GET", "/price-feeds", scope=Scope.TARIFFS_READ, is_for_network=True, query=FeedQuery)
async def list_price_feeds(web: WebContext, criteria: FeedQuery) -> Page[FeedRow]:
    """List price feeds

    By name, with the price now, and how fetching went.
    """
    return await views.list_feeds(web.services.database, criteria, web.services.clock.now())


@route("POST", "/price-feeds", scope=Scope.TARIFFS_WRITE, is_for_network=True, body=NewPriceFeed, raises=CHANGES)
async def create_price_feed(web: WebContext, principal: Principal, given: NewPriceFeed) -> FeedRow:
    """Create a price feed

    With an address it is fetched regularly, without one its prices are uploaded.
    """
    new = NewFeed(organisation_id=await access.organisation_of(web, principal), **msgspec.structs.asdict(given))
    async with web.services.database.work() as work:
        made = await web.services.price_feeds.create(work, new)
        access.note(web, work, principal, "price-feed.create", made.id, after=made)
    return await _row(web, made.id)


@route("GET", "/price-feeds/{feed_id:str}", scope=Scope.TARIFFS_READ, is_for_network=True, raises=(errors.NotFound,))
async def get_price_feed(web: WebContext, feed_id: str) -> FeedRow:
    """Get a price feed

    With the price now, and how fetching went.
    """
    return await _row(web, feed_id)


@route(
    "PATCH",
    "/price-feeds/{feed_id:str}",
    scope=Scope.TARIFFS_WRITE,
    is_for_network=True,
    body=PriceFeedFields,
    raises=CHANGES,
)
async def update_price_feed(web: WebContext, principal: Principal, feed_id: str, given: PriceFeedFields) -> FeedRow:
    """Change a price feed

    With a new address it is fetched soon. Prices that are known stay.
    """
    fields = access.given_fields(given)
    known = await web.services.price_feeds.get(feed_id)
    async with web.services.database.work() as work:
        after = await web.services.price_feeds.update(work, feed_id, **fields)
        details = {"fields": sorted(fields)}
        access.note(web, work, principal, "price-feed.update", feed_id, details, before=known, after=after)
    return await _row(web, feed_id)


@route("DELETE", "/price-feeds/{feed_id:str}", scope=Scope.TARIFFS_WRITE, is_for_network=True, raises=CHANGES)
async def delete_price_feed(web: WebContext, principal: Principal, feed_id: str) -> None:
    """Delete a price feed

    With its prices. It is a conflict while a tariff names it.
    """
    known = await web.services.price_feeds.get(feed_id)
    async with web.services.database.work() as work:
        await web.services.price_feeds.delete(work, feed_id)
        access.note(web, work, principal, "price-feed.delete", feed_id, before=known)


@route("GET", "/price-feeds/{feed_id:str}/prices", scope=Scope.TARIFFS_READ, is_for_network=True,
       query=FeedPriceQuery, raises=(errors.NotFound,))  # fmt: skip
async def list_feed_prices(web: WebContext, feed_id: str, criteria: FeedPriceQuery) -> Page[FeedPrice]:
    """List the prices of a feed

    Per kWh, each from its instant until the next.
    """
    await web.services.price_feeds.get(feed_id)
    return await views.list_prices(web.services.database, feed_id, criteria)


@route(
    "POST",
    "/price-feeds/{feed_id:str}/prices",
    status=200,
    scope=Scope.TARIFFS_WRITE,
    is_for_network=True,
    body=PriceFile,
    raises=CHANGES,
)
async def upload_prices(web: WebContext, principal: Principal, feed_id: str, given: PriceFile) -> Loaded:
    """Upload prices

    They replace what was known of the time that they cover, as far as it is to come. A price that has begun stays.
    """
    async with web.services.database.work() as work:
        loaded = await web.services.price_feeds.upload(work, feed_id, given.content.encode(errors="replace"))
        access.note(web, work, principal, "price-feed.upload", feed_id, {"prices": loaded.given})
    return loaded


@route(
    "POST",
    "/price-feeds/{feed_id:str}/fetch",
    status=200,
    scope=Scope.TARIFFS_WRITE,
    is_for_network=True,
    raises=CHANGES,
)
async def fetch_price_feed(web: WebContext, principal: Principal, feed_id: str) -> FeedRow:
    """Fetch a price feed now

    It is fetched by itself every so often; this does not wait for it. `error` says why it did not work.
    """
    after = await web.services.price_feeds.fetch(feed_id)
    async with web.services.database.work() as work:
        access.note(web, work, principal, "price-feed.fetch", feed_id, {"error": after.error})
    return await _row(web, feed_id)


async def _row(web: WebContext, feed_id: str) -> FeedRow:
    return await views.get_feed(web.services.database, feed_id, web.services.clock.now())


ROUTES: tuple[HTTPRouteHandler, ...] = (
    list_price_feeds, create_price_feed, get_price_feed, update_price_feed, delete_price_feed,
    list_feed_prices, upload_prices, fetch_price_feed,
)  # fmt: skip
