"""Price feeds: entered, loaded from files, fetched when they are due, and read for a session."""

import asyncio
import unicodedata
from collections.abc import Sequence
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import msgspec
import structlog
from msgspec import UNSET, UnsetType

from ingufu.core.clock import Clock
from ingufu.core.errors import Conflict, IngufuError, InvalidInput, NotFound
from ingufu.core.ids import IdMaker
from ingufu.core.money import decimals
from ingufu.core.texts import plain
from ingufu.infra.http import URL_MAX, FetchRules, fetch
from ingufu.infra.storage.database import Database, Work
from ingufu.infra.vault import Vault
from ingufu.tariffs import feeds as reading
from ingufu.tariffs.events import FeedFailed, FeedPricesLoaded
from ingufu.tariffs.feeds import Feed, FeedSource, FeedUnit
from ingufu.tariffs.model import FeedPrice
from ingufu.tariffs.store import feeds as store
from ingufu.tariffs.store.feeds import HeldFeed

NAME_MAX = 100
ERROR_MAX = 300
EVERY_MIN_S = 300
EVERY_MAX_S = 7 * 86_400
LEASE_S = 120  # longer than a fetch may take

replace = msgspec.structs.replace
log = structlog.get_logger(__name__)


class FeedRules(msgspec.Struct, frozen=True, kw_only=True):
    """What the settings say about fetching."""

    timeout_s: float = 20.0
    allows_private: bool = False


class NewFeed(msgspec.Struct, frozen=True, kw_only=True):
    """A feed to be made. With an address it is fetched every so often; without, its prices are uploaded."""

    organisation_id: str
    name: str
    currency: str
    unit: FeedUnit = FeedUnit.KWH
    address: str | None = None
    every_s: int = 3600
    time_zone: str = "UTC"


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the prices that were given."""

    given: int
    written: int  # new ones and changed ones
    removed: int  # that are not said any more
    until: datetime  # the last instant that a price begins at


class PriceFeeds:
    """Prices by time. What has begun stays as it is; what is to come is replaced by what is learnt later."""

    def __init__(
        self, database: Database, clock: Clock, ids: IdMaker, vault: Vault, rules: FeedRules | None = None
    ) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._vault = vault
        self._rules = rules or FeedRules()
        self.stirred = asyncio.Event()  # set when a feed is made or changed here: it may be due

    async def all(self) -> list[Feed]:
        """Return every feed, by name."""
        return await store.all_feeds(self._database)

    async def get(self, feed_id: str) -> Feed:
        """Return the feed. Raises NotFound."""
        return (await self._held(feed_id)).feed

    async def find(self, feed_id: str) -> Feed | None:
        """Return the feed, if there is such a one."""
        held = await store.find(self._database, feed_id)
        return None if held is None else held.feed

    async def create(self, work: Work, new: NewFeed) -> Feed:
        """Return the new feed. Raises InvalidInput with the field, Conflict if one is called so already."""
        now = self._clock.now()
        decimals(new.currency)
        _check_every(new.every_s)
        reading.zone_of(new.time_zone)
        name = await self._free_name(new.organisation_id, new.name, None)
        feed = Feed(
            id=self._ids.new(),
            organisation_id=new.organisation_id,
            name=name,
            currency=new.currency,
            unit=new.unit,
            source=FeedSource.UPLOAD if new.address is None else FeedSource.HTTP,
            shown_address="" if new.address is None else shown(new.address),
            every_s=new.every_s,
            time_zone=new.time_zone,
            created_at=now,
            updated_at=now,
            next_fetch_at=None if new.address is None else now,
        )
        store.add(work, feed, _key(name), self._sealed(feed.id, new.address))
        work.after_commit(self.stirred.set)
        return feed

    async def update(  # what people may change of a feed
        self,
        work: Work,
        feed_id: str,
        *,
        name: str | UnsetType = UNSET,
        address: str | UnsetType | None = UNSET,
        every_s: int | UnsetType = UNSET,
        time_zone: str | UnsetType = UNSET,
    ) -> Feed:
        """Return the feed with the changes made. Raises NotFound, InvalidInput, Conflict."""
        held = await self._held(feed_id)
        now = self._clock.now()
        after = replace(held.feed, updated_at=now)
        if name is not UNSET:
            after = replace(after, name=await self._free_name(after.organisation_id, name, feed_id))
        if every_s is not UNSET:
            _check_every(every_s)
            after = replace(after, every_s=every_s)
        if time_zone is not UNSET:
            reading.zone_of(time_zone)
            after = replace(after, time_zone=time_zone)
        sealed = held.address
        if address is not UNSET:
            source = FeedSource.UPLOAD if address is None else FeedSource.HTTP
            seen = "" if address is None else shown(address)
            after = replace(after, source=source, shown_address=seen, error="", failures=0)
            sealed = self._sealed(feed_id, address)
        after = replace(after, next_fetch_at=None if after.source is FeedSource.UPLOAD else now)
        store.touch(work, held, now)
        values = {
            name: getattr(after, name)
            for name in (
                "name",
                "source",
                "shown_address",
                "every_s",
                "time_zone",
                "next_fetch_at",
                "error",
                "failures",
            )
        }
        store.change(work, feed_id, values | {"name_key": _key(after.name), "address": sealed})
        work.after_commit(self.stirred.set)
        return after

    async def delete(self, work: Work, feed_id: str) -> None:
        """Let a feed be gone with its prices. Raises NotFound, and Conflict if a tariff names it."""
        held = await self._held(feed_id)
        if await store.is_named(self._database, feed_id):
            raise Conflict("A tariff uses this feed.")
        store.touch(work, held, self._clock.now())
        store.remove(work, feed_id)

    async def prices(self, feed_id: str, since: datetime, until: datetime | None = None) -> tuple[FeedPrice, ...]:
        """Return the price in force at `since` and those that follow before `until`, the earliest first, per kWh."""
        return await store.prices(self._database, feed_id, since, until)

    async def upload(self, work: Work, feed_id: str, raw: bytes) -> Loaded:
        """Take in a file of prices. Raises NotFound, InvalidInput that says what is wrong where."""
        held = await self._held(feed_id)
        found = reading.read(raw, unit=held.feed.unit, time_zone=held.feed.time_zone)
        return await self._load(work, held, found)

    # Fetching

    async def fetch_due(self) -> datetime | None:
        """Fetch what is due and nobody fetches, and return when the next is. What fails is kept with the feed."""
        for feed_id in await store.find_due(self._database, self._clock.now()):
            try:
                await self.fetch(feed_id)
            except (Conflict, NotFound):
                continue  # another process has it, or it is gone
        return await store.find_next_due(self._database)

    async def fetch(self, feed_id: str) -> Feed:
        """Fetch a feed now, and return it with how that went: `error` says why not.

        Raises NotFound, InvalidInput for a feed that is uploaded, Conflict if it is being fetched at this moment.
        """
        held = await self._held(feed_id)
        if held.address is None:
            raise InvalidInput("The prices of this feed are uploaded; it has no address to be fetched from.")
        lease, now = self._ids.new(), self._clock.now()
        try:
            async with self._database.work() as work:
                store.take(work, feed_id, lease, now, now + timedelta(seconds=LEASE_S))
        except Conflict as error:
            raise Conflict("The feed is being fetched at this moment.") from error
        try:
            found = await self._fetched(held)
        except IngufuError as error:
            return await self._note_failure(held, lease, error.message)
        except Exception:
            log.exception("feed.not_fetched", feed=feed_id)
            return await self._note_failure(held, lease, "The answer could not be used; the log says why.")
        return await self._keep(held, lease, found)

    async def _fetched(self, held: HeldFeed) -> tuple[FeedPrice, ...]:
        rules = FetchRules(
            timeout_s=self._rules.timeout_s, max_bytes=reading.MAX_BYTES, allows_private=self._rules.allows_private
        )
        address = self._vault.open(held.address or "", _seal_of(held.feed.id))
        raw = await fetch(address, rules, accept="application/json, text/csv;q=0.9, */*;q=0.1")
        return reading.read(raw, unit=held.feed.unit, time_zone=held.feed.time_zone)

    async def _keep(self, asked: HeldFeed, lease: str, found: Sequence[FeedPrice]) -> Feed:
        """Take in what was fetched, into the feed as it stands, however often it changes meanwhile.

        Raises NotFound, and Conflict if it took so long that somebody else has begun.
        """
        held = await self._held(asked.feed.id)
        while True:
            try:
                return await self._take_in(held, asked, lease, found)
            except Conflict:
                turn, held = held.turn, await self._held(asked.feed.id)
                if held.turn == turn:
                    raise

    async def _take_in(self, held: HeldFeed, asked: HeldFeed, lease: str, found: Sequence[FeedPrice]) -> Feed:
        """Keep the prices, unless the feed has another address or time zone by now: then have it fetched anew."""
        now = self._clock.now()
        if (held.address, held.feed.time_zone) != (asked.address, asked.feed.time_zone):
            after = replace(held.feed, next_fetch_at=now if held.address is not None else None)
            async with self._database.work() as work:
                store.release(work, lease, after)
            return after
        next_at = now + reading.waiting(held.feed.every_s, 0)
        after = replace(held.feed, fetched_at=now, good_at=now, failures=0, error="", next_fetch_at=next_at)
        async with self._database.work() as work:
            store.release(work, lease, after)
            await self._load(work, held, found)
        return after

    async def _note_failure(self, asked: HeldFeed, lease: str, error: str) -> Feed:
        held = await self._held(asked.feed.id)
        now = self._clock.now()
        failures = held.feed.failures + 1
        is_same = held.address == asked.address
        after = replace(
            held.feed,
            fetched_at=now,
            failures=failures,
            error=plain(error, ERROR_MAX),
            next_fetch_at=now + reading.waiting(held.feed.every_s, failures) if is_same else held.feed.next_fetch_at,
        )
        async with self._database.work() as work:
            store.release(work, lease, after)
            if failures == 1:
                work.emit(FeedFailed(occurred_at=now, feed_id=after.id, name=after.name, error=after.error))
        return after

    async def _load(self, work: Work, held: HeldFeed, given: Sequence[FeedPrice]) -> Loaded:
        now = self._clock.now()
        known = await store.prices(self._database, held.feed.id, min(given[0].from_at, now), None)
        written, removed = reading.merged(known, given, now)
        store.touch(work, held, now)
        store.save_prices(work, held.feed.id, written, removed, now)
        until = max(given[-1].from_at, known[-1].from_at if known else given[-1].from_at)
        if written or removed:
            feed = held.feed
            work.emit(
                FeedPricesLoaded(occurred_at=now, feed_id=feed.id, name=feed.name, count=len(written), until=until)
            )
        return Loaded(given=len(given), written=len(written), removed=len(removed), until=until)

    async def _held(self, feed_id: str) -> HeldFeed:
        found = await store.find(self._database, feed_id)
        if found is None:
            raise NotFound("There is no such price feed.")
        return found

    async def _free_name(self, organisation_id: str, text: str, own_id: str | None) -> str:
        name = text.strip()
        if not name or len(name) > NAME_MAX or not name.isprintable():
            raise InvalidInput(f"A price feed needs a name of at most {NAME_MAX} characters.", field="name")
        namesake = await store.find_by_name(self._database, organisation_id, _key(name))
        if namesake is not None and namesake.id != own_id:
            raise Conflict(f"There is a price feed called {name} already.")
        return name

    def _sealed(self, feed_id: str, address: str | None) -> str | None:
        return None if address is None else self._vault.seal(address.strip(), _seal_of(feed_id))


def shown(address: str) -> str:
    """Return the address without what may be a key: the values of its query. Raises InvalidInput if it is none."""
    text = address.strip()
    refusal = InvalidInput("Give an address that begins with https:// or http://.", field="address")
    if len(text) > URL_MAX or not text.isascii() or not text.isprintable() or " " in text:
        raise refusal
    try:
        parts = urlsplit(text)
        is_usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError as error:
        raise refusal from error
    if not is_usable:
        raise refusal
    if parts.username is not None or parts.password is not None:
        raise InvalidInput("Give the address without a name and password.", field="address")
    names = [part.partition("=")[0] for part in parts.query.split("&")] if parts.query else []
    query = "?" + "&".join(f"{name}=…" for name in names) if names else ""
    return f"{parts.scheme}://{parts.netloc}{parts.path}{query}"


def _check_every(every_s: int) -> None:
    if not EVERY_MIN_S <= every_s <= EVERY_MAX_S:
        raise InvalidInput("Fetch every 5 minutes to every 7 days.", field="every_s")


def _seal_of(feed_id: str) -> str:
    return f"price-feed:{feed_id}"


def _key(name: str) -> str:
    return unicodedata.normalize("NFKC", name.strip()).casefold()
