"""Price feeds as lists and pages show them: with what they say now, and as far as they say it."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated

import msgspec
from msgspec import Meta
from sqlalchemy import func, select

from ingufu.core.errors import NotFound
from ingufu.infra.storage.database import Database
from ingufu.tariffs.feeds import FeedSource, FeedUnit
from ingufu.tariffs.model import FeedPrice
from ingufu.tariffs.tables import feed_prices, feeds
from ingufu.views.paging import Order, Page, cut, ordered
from ingufu.views.stations import Cursor, Limit
from ingufu.views.transactions import Instant


class FeedQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All feeds, by name."""

    limit: Limit = 50
    cursor: Cursor | None = None


class FeedPriceQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which prices of a feed, the earliest first."""

    since: Annotated[Instant | None, Meta(description="That begin at this instant or later.")] = None
    until: Annotated[Instant | None, Meta(description="That begin before this instant.")] = None
    limit: Limit = 200
    cursor: Cursor | None = None


class FeedRow(msgspec.Struct, frozen=True, kw_only=True):
    """A price that varies in time."""

    id: str
    name: str
    currency: str
    unit: Annotated[FeedUnit, Meta(description="Of the prices in its files; here they are per kWh.")]
    source: FeedSource
    shown_address: Annotated[str, Meta(description="Where it is fetched, without what may be a key.")] = ""
    every_s: int
    time_zone: str
    created_at: datetime
    updated_at: datetime
    next_fetch_at: datetime | None = None
    fetched_at: Annotated[datetime | None, Meta(description="When it was last tried.")] = None
    good_at: Annotated[datetime | None, Meta(description="When it was last fetched with success.")] = None
    failures: Annotated[int, Meta(description="Tries since then.")] = 0
    error: Annotated[str, Meta(description="What went wrong at the last try; the last good prices stay.")] = ""
    price_count: int = 0
    price: Annotated[Decimal | None, Meta(description="In force now, per kWh.")] = None
    first_at: datetime | None = None
    last_at: Annotated[datetime | None, Meta(description="When the last known price begins; it goes on.")] = None


async def list_feeds(database: Database, query: FeedQuery, now: datetime) -> Page[FeedRow]:
    """Return one page of the feeds, by name."""
    order = Order(feeds.c.name_key, str, feeds.c.id, name="name")
    rows = await database.select(ordered(select(*_OWN), order, cursor=query.cursor, limit=query.limit))
    rows, cursor = cut(rows, order, query.limit)
    found = [await _completed(database, msgspec.convert(_own(row), FeedRow), now) for row in rows]
    return Page(items=tuple(found), next=cursor)


async def get_feed(database: Database, feed_id: str, now: datetime) -> FeedRow:
    """Return the feed. Raises NotFound."""
    rows = await database.select(select(*_OWN).where(feeds.c.id == feed_id))
    if not rows:
        raise NotFound("There is no such price feed.")
    return await _completed(database, msgspec.convert(_own(rows[0]), FeedRow), now)


async def list_prices(database: Database, feed_id: str, query: FeedPriceQuery) -> Page[FeedPrice]:
    """Return one page of a feed's prices, per kWh, the earliest first."""
    order = Order(feed_prices.c.from_at, datetime, feed_prices.c.feed_id, name="from")
    statement = select(feed_prices.c.from_at, feed_prices.c.price).where(feed_prices.c.feed_id == feed_id)
    if query.since is not None:
        statement = statement.where(feed_prices.c.from_at >= query.since)
    if query.until is not None:
        statement = statement.where(feed_prices.c.from_at < query.until)
    rows = await database.select(ordered(statement, order, cursor=query.cursor, limit=query.limit))
    rows, cursor = cut(rows, order, query.limit)
    return Page(items=tuple(FeedPrice(row["from_at"], Decimal(row["price"])) for row in rows), next=cursor)


_OWN = [feeds.c[name] for name in FeedRow.__struct_fields__ if name in feeds.columns]


def _own(row: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in row.items() if name in FeedRow.__struct_fields__}


async def _completed(database: Database, row: FeedRow, now: datetime) -> FeedRow:
    of_feed = feed_prices.c.feed_id == row.id
    counted = select(
        func.count().label("price_count"),
        func.min(feed_prices.c.from_at).label("first_at"),
        func.max(feed_prices.c.from_at).label("last_at"),
    ).where(of_feed)
    in_force = (
        select(feed_prices.c.price)
        .where(of_feed, feed_prices.c.from_at <= now)
        .order_by(feed_prices.c.from_at.desc())
        .limit(1)
    )
    [figures] = await database.select(counted)
    prices = await database.select(in_force)
    return msgspec.structs.replace(row, price=Decimal(prices[0]["price"]) if prices else None, **figures)
