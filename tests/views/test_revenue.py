"""What was earned today and on the same weekday before: by currency, by site, credits taken off."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec

from billing.invoices.trade import credit_of, record, terms
from ingufu.billing.records import store
from ingufu.billing.records.model import ChargeRecord
from ingufu.infra.storage.database import Database
from ingufu.views.revenue import Takings, get_revenue

NOW = datetime(2026, 3, 11, 9, 30, tzinfo=UTC)
MIDNIGHT_THERE = datetime(2026, 3, 10, 22, tzinfo=UTC)  # in Kigali
WEEK = timedelta(days=7)
ZONE = "Africa/Kigali"


async def issue(database: Database, *records: ChargeRecord) -> None:
    for one in records:
        async with database.work() as work:
            store.add(work, one, f"{one.transaction_id}")


def issued(name: str, at: datetime, *, net: str = "100", currency: str = "RWF", site_id: str = "here") -> ChargeRecord:
    made = record(name, terms(currency, "1"), site_id=site_id)
    amount = Decimal(net)
    tax = (amount * Decimal("0.18")).quantize(Decimal(1))
    return msgspec.structs.replace(made, issued_at=at, net=amount, tax=tax, gross=amount + tax)


async def test_today_is_what_was_issued_since_midnight_of_the_zone(database: Database) -> None:
    second = timedelta(seconds=1)
    await issue(
        database,
        issued("yesterday", MIDNIGHT_THERE - second, net="7"),
        issued("first", MIDNIGHT_THERE, net="100"),
        issued("last", NOW, net="200"),
        issued("before-yesterday", MIDNIGHT_THERE - WEEK - second, net="7"),
        issued("before-first", MIDNIGHT_THERE - WEEK, net="50"),
        issued("before-later", NOW - WEEK + second, net="7"),
    )
    [found] = await get_revenue(database, None, now=NOW, time_zone=ZONE)
    assert found.currency == "RWF"
    assert found.today == Takings(records=2, net=Decimal(300), gross=Decimal(354))
    assert found.same_day_last_week_by_now == Takings(records=1, net=Decimal(50), gross=Decimal(59))


async def test_currencies_are_told_apart_and_credits_are_taken_off(database: Database) -> None:
    first = issued("first", NOW, net="100")
    await issue(
        database,
        first,
        credit_of(first, "credit", issued_at=NOW),
        issued("second", NOW, net="300"),
        issued("euro", NOW, net="12", currency="EUR"),
        issued("shilling", NOW - WEEK - timedelta(hours=1), net="9", currency="KES"),
    )
    found = {one.currency: one for one in await get_revenue(database, None, now=NOW, time_zone=ZONE)}
    assert sorted(found) == ["EUR", "KES", "RWF"]
    assert found["RWF"].today == Takings(records=3, net=Decimal(300), gross=Decimal(354))
    assert found["EUR"].today.net == Decimal(12)
    assert (found["KES"].today, found["KES"].same_day_last_week_by_now.net) == (Takings(), Decimal(9))


async def test_only_what_was_earned_at_ones_own_sites_is_seen(database: Database) -> None:
    await issue(database, issued("ours", NOW, net="100"), issued("theirs", NOW, net="900", site_id="there"))
    [found] = await get_revenue(database, frozenset({"here"}), now=NOW, time_zone=ZONE)
    assert found.today.net == Decimal(100)
    assert await get_revenue(database, frozenset(), now=NOW, time_zone=ZONE) == ()
