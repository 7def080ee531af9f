"""Every query of price feeds."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import bindparam, delete, func, or_, select, update

from ingufu.infra.storage.database import Database, Row, Work
from ingufu.infra.storage.statements import insert, upsert
from ingufu.tariffs.feeds import Feed
from ingufu.tariffs.model import FeedPrice
from ingufu.tariffs.tables import feed_prices, feeds, version_feeds

PRICES_MAX = 20_000

_FEED = [feeds.c[name] for name in Feed.__struct_fields__]
_BY_ID = select(*_FEED, feeds.c.turn, feeds.c.address).where(feeds.c.id == bindparam("id_"))
_BY_NAME = select(*_FEED).where(
    feeds.c.organisation_id == bindparam("organisation"), feeds.c.name_key == bindparam("key")
)
_ALL = select(*_FEED).order_by(feeds.c.name_key, feeds.c.id)
_ADD = insert(feeds)
_REMOVE = delete(feeds).where(feeds.c.id == bindparam("id_"))
_REMOVE_PRICES = delete(feed_prices).where(feed_prices.c.feed_id == bindparam("feed"))
_TURN = (
    update(feeds)
    .where(feeds.c.id == bindparam("id_"), feeds.c.turn == bindparam("before"))
    .values(turn=feeds.c.turn + 1, updated_at=bindparam("at"))
)
_DUE = (
    select(feeds.c.id)
    .where(
        feeds.c.next_fetch_at <= bindparam("now"),
        or_(feeds.c.lease_until.is_(None), feeds.c.lease_until <= bindparam("now")),
    )
    .order_by(feeds.c.next_fetch_at)
    .limit(50)
)
_NEXT = select(func.min(feeds.c.next_fetch_at).label("at"))
_TAKE = (
    update(feeds)
    .where(feeds.c.id == bindparam("id_"), or_(feeds.c.lease_until.is_(None), feeds.c.lease_until <= bindparam("now")))
    .values(lease=bindparam("mine"), lease_until=bindparam("until"))
)
_RELEASE = (
    update(feeds)
    .where(feeds.c.id == bindparam("id_"), feeds.c.lease == bindparam("mine"))
    .values(
        {name: bindparam(name) for name in ("next_fetch_at", "fetched_at", "good_at", "failures", "error")}
        | {"lease": None, "lease_until": None}
    )
)
_PRICE = (feed_prices.c.from_at, feed_prices.c.price)
_IN_FORCE = (
    select(*_PRICE)
    .where(feed_prices.c.feed_id == bindparam("feed"), feed_prices.c.from_at <= bindparam("at"))
    .order_by(feed_prices.c.from_at.desc())
    .limit(1)
)
_LATER = (
    select(*_PRICE)
    .where(feed_prices.c.feed_id == bindparam("feed"), feed_prices.c.from_at > bindparam("at"))
    .order_by(feed_prices.c.from_at)
    .limit(PRICES_MAX)
)
_BETWEEN = _LATER.where(feed_prices.c.from_at < bindparam("until"))
_SAVE_PRICE = upsert(feed_prices, ("feed_id", "from_at"))
_REMOVE_PRICE = delete(feed_prices).where(
    feed_prices.c.feed_id == bindparam("feed"), feed_prices.c.from_at == bindparam("at")
)
_IS_NAMED = select(version_feeds.c.tariff_id).where(version_feeds.c.feed_id == bindparam("feed")).limit(1)


class HeldFeed(msgspec.Struct, frozen=True, kw_only=True):
    """A feed as it is stored, with what a change of it rests on, and its sealed address."""

    feed: Feed
    turn: int
    address: str | None


async def find(database: Database, feed_id: str) -> HeldFeed | None:
    row = await database.fetch_one(_BY_ID, {"id_": feed_id})
    if row is None:
        return None
    turn, address = row.pop("turn"), row.pop("address")
    return HeldFeed(feed=_feed(row), turn=turn, address=address)


async def find_by_name(database: Database, organisation_id: str, name_key: str) -> Feed | None:
    row = await database.fetch_one(_BY_NAME, {"organisation": organisation_id, "key": name_key})
    return _feed(row) if row else None


async def all_feeds(database: Database) -> list[Feed]:
    return [_feed(row) for row in await database.fetch_all(_ALL)]


async def is_named(database: Database, feed_id: str) -> bool:
    """Return whether a version of a tariff names the feed."""
    return await database.fetch_one(_IS_NAMED, {"feed": feed_id}) is not None


def add(work: Work, feed: Feed, name_key: str, address: str | None) -> None:
    """Add a feed; the unit is undone with Conflict if its name is taken."""
    work.execute(_ADD, msgspec.structs.asdict(feed) | {"name_key": name_key, "address": address, "turn": 1})


def touch(work: Work, held: HeldFeed, at: datetime) -> None:
    """Rest on the feed being as it was read: Conflict at the commit otherwise."""
    work.execute(_TURN, {"id_": held.feed.id, "before": held.turn, "at": at}, expect=1)


def change(work: Work, feed_id: str, values: Mapping[str, Any]) -> None:
    work.execute_once(update(feeds).where(feeds.c.id == feed_id).values(**values), expect=1)


def remove(work: Work, feed_id: str) -> None:
    work.execute(_REMOVE_PRICES, {"feed": feed_id})
    work.execute(_REMOVE, {"id_": feed_id}, expect=1)


async def find_due(database: Database, now: datetime) -> list[str]:
    """Return the feeds that are to be fetched now and that nobody fetches."""
    return [row["id"] for row in await database.fetch_all(_DUE, {"now": now})]


async def find_next_due(database: Database) -> datetime | None:
    row = await database.fetch_one(_NEXT)
    return row["at"] if row else None


def take(work: Work, feed_id: str, lease: str, now: datetime, until: datetime) -> None:
    """Be the one who fetches; Conflict at the commit if somebody is."""
    work.execute(_TAKE, {"id_": feed_id, "mine": lease, "now": now, "until": until}, expect=1)


def release(work: Work, lease: str, feed: Feed) -> None:
    """Keep how fetching went; Conflict at the commit if it took so long that somebody else has begun."""
    row = {
        "id_": feed.id,
        "mine": lease,
        "next_fetch_at": feed.next_fetch_at,
        "fetched_at": feed.fetched_at,
        "good_at": feed.good_at,
        "failures": feed.failures,
        "error": feed.error,
    }
    work.execute(_RELEASE, row, expect=1)


async def prices(database: Database, feed_id: str, since: datetime, until: datetime | None) -> tuple[FeedPrice, ...]:
    """Return the price in force at `since`, and those that begin after it and before `until`, the earliest first."""
    given = {"feed": feed_id, "at": since}
    first = await database.fetch_all(_IN_FORCE, given)
    later = await database.fetch_all(*((_LATER, given) if until is None else (_BETWEEN, given | {"until": until})))
    return tuple(_price(row) for row in (*first, *later))


def save_prices(
    work: Work, feed_id: str, given: Sequence[FeedPrice], removed: Sequence[datetime], at: datetime
) -> None:
    for instant in removed:
        work.execute(_REMOVE_PRICE, {"feed": feed_id, "at": instant})
    for one in given:
        row = {"feed_id": feed_id, "from_at": one.from_at, "price": f"{one.price:f}", "loaded_at": at}
        work.execute(_SAVE_PRICE, row)


def _feed(row: Row) -> Feed:
    return msgspec.convert(row, Feed)


def _price(row: Row) -> FeedPrice:
    return FeedPrice(from_at=row["from_at"], price=Decimal(row["price"]))
