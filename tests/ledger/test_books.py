"""Entries are made once, stand for ever, and sum to zero."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from decimal import Decimal

import msgspec
import pytest

from ingufu.core.clock import FrozenClock
from ingufu.core.errors import Conflict, InvalidInput, NotFound
from ingufu.infra.storage.database import Database
from ingufu.ledger.model import AccountKind, EntryKind, NewEntry
from ingufu.ledger.service import Ledger, retried
from ledger_entries import Post, charge, postings

ORG = "operator"


async def test_entry_is_kept_with_its_postings_and_moves_the_balances(
    ledger: Ledger, post: Post, clock: FrozenClock
) -> None:
    posted = await post(charge(11800, reference="charge-record:1", at=clock.now()), by="rating")
    assert posted is not None
    assert posted.is_new
    entry = await ledger.entry(ORG, posted.entry_id)
    assert (entry.number, entry.kind, entry.entered_by) == (1, EntryKind.CHARGE, "rating")
    assert {(one.account, one.owner, one.amount) for one in entry.postings} == {
        (AccountKind.RECEIVABLE, "alice", Decimal(11800)),
        (AccountKind.REVENUE, "energy", Decimal(-10000)),
        (AccountKind.TAX, "VAT 18", Decimal(-1800)),
    }
    assert await ledger.balance(ORG, AccountKind.RECEIVABLE, "alice", currency="RWF") == 11800
    assert await ledger.trial_balance(ORG) == {"RWF": 0}
    assert await ledger.verify() == []


async def test_posting_twice_is_one_entry(ledger: Ledger, post: Post, clock: FrozenClock) -> None:
    entry = charge(1000, reference="charge-record:1", at=clock.now())
    first = await post(entry)
    clock.advance(60)
    again = await post(msgspec.structs.replace(entry, at=clock.now(), text="told again"))
    assert first is not None
    assert again is not None
    assert (again.entry_id, again.is_new) == (first.entry_id, False)
    assert await ledger.balance(ORG, AccountKind.RECEIVABLE, "alice", currency="RWF") == 1000


async def test_other_content_under_the_same_reference_is_a_conflict(post: Post, clock: FrozenClock) -> None:
    await post(charge(1000, reference="charge-record:1", at=clock.now()))
    with pytest.raises(Conflict, match="booked already, as number 1"):
        await post(charge(1001, reference="charge-record:1", at=clock.now()))


async def test_twenty_at_once_under_one_reference_are_one_entry(ledger: Ledger, post: Post, clock: FrozenClock) -> None:
    entry = charge(1000, reference="charge-record:1", at=clock.now())
    posted = await asyncio.gather(*(post(entry) for _ in range(20)))
    assert len({one.entry_id for one in posted if one}) == 1
    assert sum(one.is_new for one in posted if one) == 1
    assert await ledger.balance(ORG, AccountKind.RECEIVABLE, "alice", currency="RWF") == 1000
    assert await ledger.verify() == []


async def test_numbers_have_no_gaps_though_many_post_and_some_fail(
    ledger: Ledger, post: Post, clock: FrozenClock, database: Database
) -> None:
    async def fail(number: int) -> None:
        work = database.work()
        for _ in range(2):  # the same key twice
            await ledger.post(work, charge(7, reference=f"failed:{number}", at=clock.now()))
        with pytest.raises(Conflict):
            await work.commit()

    entries = [charge(100 + n, reference=f"charge-record:{n}", at=clock.now()) for n in range(40)]
    await asyncio.gather(*(post(entry) for entry in entries), *(fail(n) for n in range(10)))
    found = [await ledger.find_entry(ORG, entry.reference) for entry in entries]
    assert sorted(one.number for one in found if one) == list(range(1, 41))
    assert await ledger.verify() == []


@pytest.mark.parametrize(
    ("lines", "currency"),
    [
        ([(AccountKind.RECEIVABLE, "alice", "100"), (AccountKind.REVENUE, "energy", "-99")], "RWF"),
        ([(AccountKind.RECEIVABLE, "alice", "0.5"), (AccountKind.REVENUE, "energy", "-0.5")], "RWF"),
        ([(AccountKind.RECEIVABLE, "alice", "0.001"), (AccountKind.REVENUE, "energy", "-0.001")], "EUR"),
        ([(AccountKind.RECEIVABLE, "alice", "1"), (AccountKind.REVENUE, "energy", "-1")], "XXX"),
        ([(AccountKind.RECEIVABLE, "alice", "NaN"), (AccountKind.REVENUE, "energy", "-1")], "RWF"),
        ([(AccountKind.RECEIVABLE, "alice", "1E+20"), (AccountKind.REVENUE, "energy", "-1E+20")], "RWF"),
        ([(AccountKind.RECEIVABLE, "a\x00b", "1"), (AccountKind.REVENUE, "energy", "-1")], "RWF"),
    ],
)
async def test_what_is_no_entry_is_refused(
    post: Post, clock: FrozenClock, lines: list[tuple[AccountKind, str, str]], currency: str
) -> None:
    entry = NewEntry(
        organisation_id=ORG,
        kind=EntryKind.CHARGE,
        reference="charge-record:1",
        at=clock.now(),
        postings=postings(*lines, currency=currency),
    )
    with pytest.raises(InvalidInput):
        await post(entry)


async def test_currencies_must_each_sum_to_zero(post: Post, clock: FrozenClock) -> None:
    mixed = (
        *postings((AccountKind.RECEIVABLE, "alice", "100"), currency="RWF"),
        *postings((AccountKind.REVENUE, "energy", "-100"), currency="KES"),
    )
    entry = NewEntry(organisation_id=ORG, kind=EntryKind.CHARGE, reference="x", at=clock.now(), postings=mixed)
    with pytest.raises(InvalidInput, match="not to zero"):
        await post(entry)


async def test_entry_of_nothing_is_not_made(ledger: Ledger, post: Post, clock: FrozenClock) -> None:
    assert await post(charge(0, reference="charge-record:free", at=clock.now())) is None
    assert await ledger.find_entry(ORG, "charge-record:free") is None


@pytest.mark.parametrize(("currency", "amount"), [("RWF", "1180"), ("KES", "11.80"), ("EUR", "0.59"), ("KWD", "1.239")])
async def test_amounts_keep_the_decimals_of_their_currency(
    ledger: Ledger, post: Post, clock: FrozenClock, currency: str, amount: str
) -> None:
    lines = ((AccountKind.RECEIVABLE, "alice", amount), (AccountKind.REVENUE, "energy", f"-{amount}"))
    entry = NewEntry(
        organisation_id=ORG,
        kind=EntryKind.CHARGE,
        reference="charge-record:1",
        at=clock.now(),
        postings=postings(*lines, currency=currency),
    )
    await post(entry)
    assert await ledger.balance(ORG, AccountKind.RECEIVABLE, "alice", currency=currency) == Decimal(amount)
    assert (await post(entry)) is not None
    assert await ledger.trial_balance(ORG) == {currency: 0}


async def test_reversal_negates_exactly_and_once(
    ledger: Ledger, post: Post, clock: FrozenClock, database: Database
) -> None:
    posted = await post(charge(11800, reference="charge-record:1", at=clock.now()))
    assert posted is not None

    async def take_back() -> str:
        done = await retried(
            database, lambda work: ledger.reverse(work, ORG, posted.entry_id, reason="Wrong meter", by="Ada")
        )
        return done.entry_id

    reversals = set(await asyncio.gather(*(take_back() for _ in range(8))))
    assert len(reversals) == 1
    reversal = await ledger.entry(ORG, reversals.pop())
    original = await ledger.entry(ORG, posted.entry_id)
    assert {(p.account, p.owner, -p.amount) for p in reversal.postings} == {
        (p.account, p.owner, p.amount) for p in original.postings
    }
    assert (reversal.reverses_id, reversal.text) == (posted.entry_id, "Wrong meter")
    assert await ledger.balance(ORG, AccountKind.RECEIVABLE, "alice", currency="RWF") == 0
    with pytest.raises(Conflict):
        await retried(database, lambda work: ledger.reverse(work, ORG, reversal.id, reason="Again"))


async def test_reversal_needs_a_reason_and_an_entry_of_these_books(
    ledger: Ledger, post: Post, clock: FrozenClock, database: Database
) -> None:
    posted = await post(charge(100, reference="charge-record:1", at=clock.now()))
    assert posted is not None
    with pytest.raises(InvalidInput):
        await retried(database, lambda work: ledger.reverse(work, ORG, posted.entry_id, reason=" "))
    with pytest.raises(NotFound):
        await retried(database, lambda work: ledger.reverse(work, "other", posted.entry_id, reason="Mine"))


async def test_balances_can_be_had_as_of_any_instant(ledger: Ledger, post: Post, clock: FrozenClock) -> None:
    start = clock.now()
    for day in range(3):
        await post(charge(100, reference=f"charge-record:{day}", at=start + timedelta(days=day)))
    for day, expected in ((-1, 0), (0, 100), (1, 200), (2, 300), (9, 300)):
        at = start + timedelta(days=day)
        accounts = {one.kind: one.balance for one in await ledger.accounts(ORG, at=at)}
        assert accounts[AccountKind.RECEIVABLE] == expected
        assert await ledger.trial_balance(ORG, at=at) == {"RWF": 0}


async def test_wallet_is_not_overdrawn_by_an_entry(ledger: Ledger, post: Post, clock: FrozenClock) -> None:
    lines = ((AccountKind.WALLET, "alice", "1"), (AccountKind.RECEIVABLE, "alice", "-1"))
    entry = NewEntry(
        organisation_id=ORG, kind=EntryKind.PAYMENT, reference="pay:1", at=clock.now(), postings=postings(*lines)
    )
    with pytest.raises(Conflict, match="not so much in the wallet: 0 RWF"):
        await post(entry)
    assert await ledger.accounts(ORG) == []


async def test_units_are_tried_again_only_where_someone_was_faster(database: Database) -> None:
    tried = 0

    async def refuse(_: object) -> None:
        nonlocal tried
        tried += 1
        raise Conflict("No.")

    do: Callable[[object], Awaitable[None]] = refuse
    with pytest.raises(Conflict):
        await retried(database, do)
    assert tried == 1
