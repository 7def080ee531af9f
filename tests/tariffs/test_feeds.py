"""Price feeds: files are read exactly or refused with their place, what has begun stays, and fetching happens once."""

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import column
from sqlalchemy import text as sql

from ingufu.core.errors import Conflict, InvalidInput, NotFound
from ingufu.infra.vault import Vault
from ingufu.tariffs import feeds as reading
from ingufu.tariffs.feeds import FeedSource, FeedUnit
from ingufu.tariffs.jobs import LOOK_S, FeedKeeper
from ingufu.tariffs.model import FeedPrice, Terms
from ingufu.tariffs.service import FeedRules, NewFeed, PriceFeeds
from ingufu.tariffs.service.feeds import LEASE_S, shown
from ingufu.tariffs.situations import Situation, Target, Where
from ingufu.tariffs.store import feeds as store
from tariffs.conftest import OPERATOR, energy

HOUR = timedelta(hours=1)
EVERYONE = Where(target=Target.EVERYONE)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)  # what the clock says


def read(text, unit=FeedUnit.KWH, zone="UTC"):
    return reading.read(text.encode(), unit=unit, time_zone=zone)


def with_feed(terms, feed):
    """Return the terms with their energy priced by a feed."""
    given = msgspec.to_builtins(terms)
    given["elements"][0]["components"][0]["feed"] = feed
    return msgspec.convert(given, Terms)


def prices(*values, since=NOON):
    return tuple(FeedPrice(since + index * HOUR, Decimal(value)) for index, value in enumerate(values))


@pytest.mark.parametrize(
    "text",
    [
        "from,price\n2026-03-01T12:00Z,0.1\n2026-03-01T13:00Z,0.25",
        "\ufeffStart;End;Price\n2026-03-01T12:00Z;2026-03-01T13:00Z;0,1\n\n2026-03-01T13:00Z;2026-03-01T14:00Z;0,25\n",
        "price\tfrom\n0.25\t2026-03-01T15:00+02:00\n0.1\t2026-03-01T14:00+02:00",
        '[{"from": "2026-03-01T12:00Z", "price": 0.1}, {"from": "2026-03-01T13:00Z", "price": "0.25"}]',
        (
            '{"prices": [{"start": "2026-03-01T12:00Z", "end": "2026-03-01T13:00Z", "price": 0.1},'
            ' {"start": "2026-03-01T13:00Z", "price": 0.25}]}'
        ),
    ],
)
def test_each_form_of_a_file_gives_the_same_prices(text):
    assert read(text) == prices("0.1", "0.25")


def test_prices_per_mwh_are_exact_per_kwh():
    found = read('[{"from": "2026-03-01T12:00Z", "price": 87.123457}]', FeedUnit.MWH)
    assert found[0].price == Decimal("0.087123457")


def test_times_without_an_offset_are_of_the_feed_through_both_changes_of_the_clock():
    autumn = "from,price\n2026-10-25T01:00,1\n2026-10-25T02:00,2\n2026-10-25T02:00,3\n2026-10-25T03:00,4"
    assert [one.from_at.hour for one in read(autumn, zone="Europe/Brussels")] == [23, 0, 1, 2]
    spring = "from,price\n2026-03-29T01:00,1\n2026-03-29T03:00,2"
    assert [one.from_at.hour for one in read(spring, zone="Europe/Brussels")] == [0, 1]
    with pytest.raises(InvalidInput, match="does not exist"):
        read("from,price\n2026-03-29T02:30,1", zone="Europe/Brussels")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "first line"),
        ("from,price", "no price"),
        ("[]", "no price"),
        ("a,b\n1,2", "first line"),
        ("from,price\n2026-03-01T12:00Z", "Line 2: too few"),
        ("from,price\nyesterday,1", "Line 2"),
        ("from,price\n2026-03-01T12:00Z,cheap", "Line 2.*no price"),
        ("from,price\n2026-03-01T12:00Z,NaN", "no price"),
        ("from,price\n2026-03-01T12:00Z,1e999", "too high|no price"),
        ("from,price\n2026-03-01T12:00Z,1\n2026-03-01T12:00Z,2", "two prices"),
        ("start,end,price\n2026-03-01T12:00Z,2026-03-01T11:00Z,1", "ends before"),
        ("start,end,price\n2026-03-01T12:00Z,2026-03-01T14:00Z,1\n2026-03-01T13:00Z,2026-03-01T14:00Z,1", "overlap"),
        ("start,end,price\n2026-03-01T12:00Z,2026-03-01T13:00Z,1\n2026-03-01T14:00Z,2026-03-01T15:00Z,1", "gap"),
        ("[1]", "no object"),
        ('[{"from": "2026-03-01T12:00Z"}]', "needed"),
        ('[{"from": "2026-03-01T12:00Z", "price": true}]', "needed"),
        ("[{", "JSON"),
        ("[" * 100_000, "JSON"),
        ('from,price\n"2026', "CSV|Line 2"),
        ("from,price\n" + "2026-03-01T12:00Z,1\n" * 20_001, "at most 20000"),
        ("from,price\n0001-01-01T00:00+14:00,1", "no time"),
        ("from,price\n9999-12-31T23:00-14:00,1", "no time"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_its_place(text, why):
    with pytest.raises(InvalidInput, match=why):
        read(text)


@pytest.mark.parametrize("raw", [b"\xff\xfe", b"x" * 1_000_001])
def test_what_is_no_text_or_too_much_is_refused(raw):
    with pytest.raises(InvalidInput):
        reading.read(raw, unit=FeedUnit.KWH, time_zone="UTC")


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_no_file_breaks_the_reading(raw):
    try:
        found = reading.read(raw, unit=FeedUnit.KWH, time_zone="Africa/Kigali")
    except InvalidInput:
        return
    assert found


def test_what_has_begun_stays_and_what_is_to_come_is_replaced():
    known = prices("1", "2", "3", "4", since=NOON - HOUR)  # 11, 12, 13, 14 h
    written, removed = reading.merged(known, prices("9", "9", "9", since=NOON - HOUR), NOON)
    assert written == prices("9", since=NOON + HOUR)
    assert removed == ()
    sparse = (FeedPrice(NOON + HOUR / 2, Decimal(7)), FeedPrice(NOON + 2 * HOUR, Decimal(4)))
    written, removed = reading.merged(known, sparse, NOON)
    assert (written, removed) == ((sparse[0],), (NOON + HOUR,))


def test_late_prices_fill_the_time_for_which_none_were_known():
    written, removed = reading.merged(prices("1", since=NOON - 9 * HOUR), prices("2", "3", since=NOON - 2 * HOUR), NOON)
    assert (written, removed) == (prices("2", "3", since=NOON - 2 * HOUR), ())


rows = st.lists(st.tuples(st.integers(-5, 5), st.integers(1, 3)), min_size=1, unique_by=lambda row: row[0]).map(
    lambda found: tuple(FeedPrice(NOON + hour * HOUR, Decimal(price)) for hour, price in sorted(found))
)


@given(known=rows, given_rows=rows)
def test_merging_twice_is_merging_once_and_never_touches_what_has_begun(known, given_rows):
    written, removed = reading.merged(known, given_rows, NOON)
    after = {one.from_at: one.price for one in known} | {one.from_at: one.price for one in written}
    after = {at: price for at, price in after.items() if at not in removed}
    stored = tuple(FeedPrice(at, after[at]) for at in sorted(after))
    assert reading.merged(stored, given_rows, NOON) == ((), ())
    begun = [one for one in known if one.from_at <= NOON]
    assert [one for one in stored if begun and one.from_at <= begun[-1].from_at] == begun


@pytest.mark.parametrize(("failures", "wait_s"), [(0, 3600), (1, 60), (2, 120), (3, 240), (7, 3600), (10_000, 3600)])
def test_a_failed_fetch_is_tried_again_soon_and_then_less_often(failures, wait_s):
    assert reading.waiting(3600, failures) == timedelta(seconds=wait_s)


# The service


@pytest.fixture
def make_feed(database, feeds):
    async def put(name="Spot", **fields):
        async with database.work() as work:
            return await feeds.create(work, NewFeed(organisation_id=OPERATOR, name=name, currency="EUR", **fields))

    return put


async def test_uploaded_prices_are_read_back_exactly(feeds, make_feed, do):
    made = await make_feed()
    loaded = await do(feeds.upload, made.id, b"from,price\n2026-03-01T12:00Z,0.123456789\n2026-03-01T13:00Z,-0.05")
    assert (loaded.given, loaded.written, loaded.removed, loaded.until) == (2, 2, 0, NOON + HOUR)
    assert await feeds.prices(made.id, NOON + HOUR / 2) == prices("0.123456789", "-0.05")
    assert await feeds.prices(made.id, NOON + HOUR / 2, NOON + HOUR) == prices("0.123456789")
    assert await feeds.prices(made.id, NOON - HOUR) == prices("0.123456789", "-0.05")
    again = await do(feeds.upload, made.id, b"from,price\n2026-03-01T12:00Z,0.123456789\n2026-03-01T13:00Z,-0.05")
    assert (again.written, again.removed) == (0, 0)


async def test_two_uploads_at_once_do_not_mix(database, feeds, make_feed):
    made = await make_feed()
    first, second = database.work(), database.work()
    await feeds.upload(first, made.id, b"from,price\n2026-03-01T13:00Z,1\n2026-03-01T14:00Z,1")
    await feeds.upload(second, made.id, b"from,price\n2026-03-01T13:30Z,2\n2026-03-01T14:30Z,2")
    await second.commit()
    with pytest.raises(Conflict):
        await first.commit()
    assert {one.price for one in await feeds.prices(made.id, NOON)} == {Decimal(2)}


async def test_a_feed_that_a_tariff_names_stays(database, feeds, make_feed, make, tariffs, do):
    made = await make_feed()
    component = {"feed": {"feed_id": made.id}}
    terms = energy("0.1", currency="EUR")
    named = with_feed(terms, **component)
    with pytest.raises(InvalidInput, match="EUR"):
        await make("Wrong", with_feed(energy("1"), **component))
    with pytest.raises(InvalidInput, match="no such price feed"):
        await make("Wrong", with_feed(terms, feed={"feed_id": "none"}))
    deleting = database.work()
    await feeds.delete(deleting, made.id)
    await make("Spot", named)
    with pytest.raises(Conflict):
        await deleting.commit()  # the tariff came meanwhile
    with pytest.raises(Conflict):
        await do(feeds.delete, made.id)
    unused = await make_feed("Unused")
    await do(feeds.delete, unused.id)
    with pytest.raises(NotFound):
        await feeds.get(unused.id)


async def test_what_applies_brings_the_prices_of_its_feed_along(feeds, make_feed, make, tariffs, do, clock):
    made = await make_feed()
    await do(feeds.upload, made.id, b"from,price\n2026-03-01T11:00Z,1\n2026-03-01T13:00Z,2\n2026-03-01T18:00Z,3")
    spot = await make("Spot", with_feed(energy("0.1", currency="EUR"), feed={"feed_id": made.id}))
    await do(tariffs.assign, spot.id, EVERYONE, by="Keza")
    choice = await tariffs.applying(Situation(), clock.now(), until=clock.now() + 2 * HOUR)
    assert [(one.from_at.hour, one.price) for one in choice.applied.feeds[made.id]] == [(11, 1), (13, 2)]
    wider = await tariffs.applied_span(choice.applied, clock.now(), clock.now() + 9 * HOUR)
    assert len(wider.feeds[made.id]) == 3


@asynccontextmanager
async def serving(*answers: bytes):
    """Give the address of a server that answers so one after the other, the last for good; and what it was asked."""
    asked: list[bytes] = []
    left = list(answers)

    async def serve(reader, writer):
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        body = left.pop(0) if len(left) > 1 else left[0]
        writer.write(body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/day?key=s3cret&zone=BE", asked
    finally:
        server.close()
        await server.wait_closed()


def ok(text):
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(text.encode()) + text.encode()


GOOD = ok("from,price\n2026-03-01T12:00Z,0.1\n2026-03-01T13:00Z,0.2")


async def test_a_due_feed_is_fetched_and_its_key_shown_nowhere(feeds, make_feed, database, clock):
    async with serving(GOOD) as (url, asked):
        made = await make_feed(address=url)
        assert (made.source, made.shown_address.endswith("/day?key=…&zone=…")) == (FeedSource.HTTP, True)
        keeper = FeedKeeper(feeds, clock, lambda: 0.0)
        assert await keeper.step() == LOOK_S
        assert await keeper.step() == LOOK_S  # not due any more
    assert len(asked) == 1
    assert b"key=s3cret" in asked[0]
    after = await feeds.get(made.id)
    assert (after.error, after.failures, after.good_at, after.next_fetch_at) == ("", 0, NOON, NOON + HOUR)
    assert await feeds.prices(made.id, NOON) == prices("0.1", "0.2")
    rows = await database.select(sql("SELECT address FROM price_feeds").columns(column("address")))
    assert "s3cret" not in rows[0]["address"]


async def test_a_failed_fetch_keeps_the_last_good_prices_and_says_why(feeds, make_feed, clock):
    answers = (GOOD, b"HTTP/1.1 503 Busy\r\n\r\n", ok("<html>maintenance</html>"), ok("x" * 1_000_001), GOOD)
    async with serving(*answers) as (url, _):
        made = await make_feed(address=url)
        await feeds.fetch_due()
        told = []
        for wait_s in (3600, 60, 120):
            clock.advance(wait_s)
            assert await feeds.fetch_due() is not None
            told.append((await feeds.get(made.id)).error)
            assert await feeds.prices(made.id, NOON) == prices("0.1", "0.2")
        assert "503" in told[0]
        assert "first line" in told[1]
        assert "larger than" in told[2]
        after = await feeds.get(made.id)
        assert (after.failures, after.good_at) == (3, NOON)
        clock.advance(240)
        await feeds.fetch_due()
    after = await feeds.get(made.id)
    assert (after.failures, after.error, after.good_at) == (0, "", clock.now())


async def test_two_processes_fetch_a_feed_once(database, clock, ids, feeds, make_feed, tmp_path):
    other = PriceFeeds(
        database, clock, ids, Vault(tmp_path / "secrets.key"), FeedRules(allows_private=True, timeout_s=15)
    )
    async with serving(GOOD) as (url, asked):
        await make_feed(address=url)
        await asyncio.gather(feeds.fetch_due(), other.fetch_due())
    assert len(asked) == 1


async def test_a_process_that_died_while_fetching_is_followed_by_another(database, feeds, make_feed, clock):
    async with serving(GOOD) as (url, asked):
        made = await make_feed(address=url)
        async with database.work() as work:
            store.take(work, made.id, "of the dead", clock.now(), clock.now() + timedelta(seconds=LEASE_S))
        await feeds.fetch_due()
        with pytest.raises(Conflict):
            await feeds.fetch(made.id)
        assert asked == []
        clock.advance(LEASE_S)
        await feeds.fetch_due()
        assert len(asked) == 1
        with pytest.raises(Conflict):  # it wakes up, and its word is not taken any more
            async with database.work() as work:
                store.release(work, "of the dead", made)


async def test_prices_of_an_address_that_was_replaced_meanwhile_are_not_taken(database, feeds, make_feed, do, clock):
    gate = asyncio.Event()

    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        await gate.wait()
        writer.write(GOOD)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with serving(ok("from,price\n2026-03-01T12:00Z,9")) as (other, asked):
        made = await make_feed(address=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
        fetching = asyncio.create_task(feeds.fetch(made.id))
        async with asyncio.timeout(15):
            while not await is_leased(database):
                await asyncio.sleep(0)
        await do(feeds.update, made.id, address=other)
        gate.set()
        after = await fetching
        assert (after.next_fetch_at, await feeds.prices(made.id, NOON)) == (clock.now(), ())
        await feeds.fetch_due()
        assert await feeds.prices(made.id, NOON) == prices("9")
    assert len(asked) == 1
    server.close()
    await server.wait_closed()


async def test_fetched_prices_are_kept_though_the_feed_changes_while_they_are_stored(
    database, clock, ids, tmp_path, make_feed, do
):
    class Hurried(PriceFeeds):
        """Somebody changes the feed between its being read and the commit."""

        renames = 1

        async def _load(self, work, held, given):
            if self.renames:
                self.renames -= 1
                await do(self.update, held.feed.id, name="Spot")
            return await super()._load(work, held, given)

    feeds = Hurried(database, clock, ids, Vault(tmp_path / "secrets.key"), FeedRules(allows_private=True, timeout_s=15))
    async with serving(GOOD) as (url, asked):
        made = await make_feed(address=url)
        await feeds.fetch_due()
        assert len(asked) == 1
    after = await feeds.get(made.id)
    assert (after.name, after.good_at, after.next_fetch_at) == ("Spot", NOON, NOON + HOUR)
    assert await feeds.prices(made.id, NOON) == prices("0.1", "0.2")


async def test_prices_of_one_who_fetched_for_too_long_are_not_taken(database, clock, ids, tmp_path, make_feed):
    class Slow(PriceFeeds):
        """Another process has begun to fetch before this one is done."""

        async def _load(self, work, held, given):
            clock.advance(LEASE_S)
            async with self._database.work() as other:
                until = clock.now() + timedelta(seconds=LEASE_S)
                store.take(other, held.feed.id, "of another", clock.now(), until)
            return await super()._load(work, held, given)

    feeds = Slow(database, clock, ids, Vault(tmp_path / "secrets.key"), FeedRules(allows_private=True, timeout_s=15))
    async with serving(GOOD) as (url, _):
        made = await make_feed(address=url)
        with pytest.raises(Conflict):
            await feeds.fetch(made.id)
    assert await feeds.prices(made.id, NOON) == ()


async def is_leased(database):
    rows = await database.select(sql("SELECT lease FROM price_feeds").columns(column("lease")))
    return rows[0]["lease"] is not None


async def test_the_keeper_fetches_what_is_due(feeds, make_feed, clock):
    async with serving(GOOD) as (url, asked):
        keeping = asyncio.create_task(FeedKeeper(feeds, clock, lambda: 0.0).run())
        await asyncio.sleep(0)  # it looks, and nothing is there
        made = await make_feed(address=url)  # and that wakes it up
        async with asyncio.timeout(15):
            while not (await feeds.get(made.id)).good_at:
                await asyncio.sleep(0)
        keeping.cancel()
        await asyncio.wait((keeping,))
    assert len(asked) == 1


async def test_private_networks_are_not_asked_unless_allowed(database, clock, ids, tmp_path, make_feed):
    careful = PriceFeeds(database, clock, ids, Vault(tmp_path / "secrets.key"))
    async with serving(GOOD) as (url, asked):
        made = await make_feed(address=url)
        after = await careful.fetch(made.id)
    assert "private network" in after.error
    assert asked == []


async def test_an_uploaded_feed_has_nothing_to_fetch(feeds, make_feed, do):
    made = await make_feed()
    with pytest.raises(InvalidInput):
        await feeds.fetch(made.id)
    changed = await do(
        feeds.update, made.id, address="https://prices.example/x", every_s=900, time_zone="Africa/Kigali"
    )
    assert (changed.source, changed.next_fetch_at, changed.every_s) == (FeedSource.HTTP, NOON, 900)
    back = await do(feeds.update, made.id, address=None, name="Mine")
    assert (back.source, back.next_fetch_at, back.name, back.shown_address) == (FeedSource.UPLOAD, None, "Mine", "")


@pytest.mark.parametrize(
    "address",
    ["ftp://x/y", "prices", "https://", "http://user:pass@host/", "http://host:0/", "http://h/ x", "http://[::1", "é"],
)
def test_what_is_no_address_is_refused(address):
    with pytest.raises(InvalidInput):
        shown(address)


@pytest.mark.parametrize("fields", [{"name": ""}, {"every_s": 1}, {"time_zone": "Mars/Olympus"}, {"time_zone": "../x"}])
async def test_what_cannot_be_a_feed_is_refused(make_feed, fields):
    with pytest.raises(InvalidInput):
        await make_feed(**fields)
