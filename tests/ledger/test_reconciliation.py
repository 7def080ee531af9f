"""Reports are taken in once, compared with the clearing account, and what differs is resolved by booking it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from decimal import Decimal
from typing import TypeVar

import pytest

from ingufu.core.clock import FrozenClock
from ingufu.core.errors import Conflict, InvalidInput, NotFound
from ingufu.core.ids import IdMaker
from ingufu.infra.storage.database import Database, Work
from ingufu.ledger.model import AccountKind, MatchState, Report
from ingufu.ledger.service import Ledger, Reconciliation, Wallets, retried
from ingufu.ledger.store import reports as store

ORG = "operator"
HEAD = "reference,date,amount,fee,currency,kind\n"
T = TypeVar("T")
Do = Callable[[Callable[[Work], Awaitable[T]]], Awaitable[T]]


@pytest.fixture
async def reconciliation(database: Database, clock: FrozenClock, ids: IdMaker, ledger: Ledger) -> Reconciliation:
    return Reconciliation(database, clock, ids, ledger)


@pytest.fixture
async def do(database: Database) -> Do:
    async def in_units(what: Callable[[Work], Awaitable[T]]) -> T:
        return await retried(database, what)

    return in_units


@pytest.fixture
async def taken(
    database: Database, clock: FrozenClock, ids: IdMaker, ledger: Ledger, reconciliation: Reconciliation, do: Do
) -> Report:
    """A report on three top-ups: one as booked, one that is less, one unknown; a fourth is not in it."""
    wallets = Wallets(database, clock, ids, ledger)
    for reference, amount in (("a", 1000), ("b", 500), ("lost", 70)):
        await do(
            lambda work, r=reference, a=amount: wallets.top_up(
                work, ORG, "alice", amount=Decimal(a), currency="RWF", reference=r, provider="momo"
            )
        )
    day = clock.now().date()
    data = f"{HEAD}a,{day},1000,10,RWF,payment\nb,{day},450,5,RWF,payment\nc,{day},80,1,RWF,payment\n".encode()
    return await do(
        lambda work: reconciliation.take_in(work, ORG, "momo", data, name="march.csv", books_fees=True, by="Ada")
    )


async def states(database: Database, report: Report) -> dict[str, MatchState]:
    rows = [await store.find_row(database, report.id, line) for line in range(1, 10)]
    return {row.reference: row.state for row in rows if row}


async def line_of(database: Database, report: Report, reference: str) -> int:
    rows = [await store.find_row(database, report.id, line) for line in range(1, 10)]
    return next(row.line for row in rows if row and row.reference == reference)


async def test_report_is_compared_with_the_clearing_account(
    database: Database, ledger: Ledger, reconciliation: Reconciliation, taken: Report
) -> None:
    assert await states(database, taken) == {
        "a": MatchState.MATCHED,
        "b": MatchState.AMOUNT_DIFFERS,
        "c": MatchState.MISSING_HERE,
        "lost": MatchState.MISSING_THERE,
    }
    assert await reconciliation.counts(taken.id) == {
        "matched": 1,
        "amount-differs": 1,
        "missing-here": 1,
        "missing-there": 1,
    }
    assert await ledger.balance(ORG, AccountKind.PROVIDER_FEES, "momo", currency="RWF") == 16


async def test_same_file_is_taken_in_once_though_many_upload_it(
    ledger: Ledger, reconciliation: Reconciliation, do: Do, clock: FrozenClock
) -> None:
    data = f"{HEAD}a,{clock.now().date()},100,3,RWF,\n".encode()
    found = await asyncio.gather(
        *(do(lambda work: reconciliation.take_in(work, ORG, "momo", data, books_fees=True)) for _ in range(6))
    )
    assert len({one.id for one in found}) == 1
    assert await ledger.balance(ORG, AccountKind.PROVIDER_FEES, "momo", currency="RWF") == 3


async def test_line_of_an_earlier_report_is_a_duplicate_and_its_fee_is_not_booked_again(
    database: Database, ledger: Ledger, reconciliation: Reconciliation, do: Do, taken: Report, clock: FrozenClock
) -> None:
    data = f"{HEAD}a,{clock.now().date()},1000,10,RWF,\nd,{clock.now().date()},5,2,RWF,\n".encode()
    again = await do(lambda work: reconciliation.take_in(work, ORG, "momo", data, books_fees=True))
    found = await states(database, again)
    assert (found["a"], found["d"]) == (MatchState.DUPLICATE, MatchState.MISSING_HERE)
    assert await ledger.balance(ORG, AccountKind.PROVIDER_FEES, "momo", currency="RWF") == 18


async def test_booked_differences_bring_the_clearing_account_to_what_the_provider_says(
    database: Database, ledger: Ledger, reconciliation: Reconciliation, do: Do, taken: Report
) -> None:
    for reference, against, owner in (
        ("b", AccountKind.WALLET, "alice"),
        ("c", AccountKind.RECEIVABLE, "bob"),
        ("lost", AccountKind.WRITE_OFF, ""),
    ):
        line = await line_of(database, taken, reference)
        row = await do(
            lambda work, n=line, a=against, o=owner: reconciliation.resolve(
                work, ORG, taken.id, n, note="Called the provider", against=a, owner=o, by="Ada"
            )
        )
        assert row.resolved_entry_id is not None
        assert (await ledger.entry(ORG, row.resolved_entry_id)).text == "Called the provider"
    assert await ledger.balance(ORG, AccountKind.CLEARING, "momo", currency="RWF") == 1000 + 450 + 80 - 16
    assert await ledger.verify() == []


async def test_line_is_resolved_once_though_two_do_it(
    database: Database, ledger: Ledger, reconciliation: Reconciliation, do: Do, taken: Report
) -> None:
    line = await line_of(database, taken, "c")
    done = await asyncio.gather(
        *(
            do(
                lambda work: reconciliation.resolve(
                    work, ORG, taken.id, line, note="Found", against=AccountKind.ROUNDING
                )
            )
            for _ in range(5)
        ),
        return_exceptions=True,
    )
    assert sum(isinstance(one, Conflict) for one in done) == 4
    assert await ledger.balance(ORG, AccountKind.ROUNDING, currency="RWF") == -80


async def test_what_cannot_be_resolved_is_refused(
    database: Database, reconciliation: Reconciliation, do: Do, taken: Report
) -> None:
    line = await line_of(database, taken, "b")
    with pytest.raises(InvalidInput):
        await do(lambda work: reconciliation.resolve(work, ORG, taken.id, line, note=" "))
    with pytest.raises(InvalidInput):
        await do(lambda work: reconciliation.resolve(work, ORG, taken.id, line, note="x", against=AccountKind.REVENUE))
    with pytest.raises(NotFound):
        await do(lambda work: reconciliation.resolve(work, ORG, taken.id, 99, note="x"))
    with pytest.raises(NotFound):
        await do(lambda work: reconciliation.resolve(work, "other", taken.id, line, note="x"))
    matched = await line_of(database, taken, "a")
    with pytest.raises(Conflict):
        await do(
            lambda work: reconciliation.resolve(work, ORG, taken.id, matched, note="x", against=AccountKind.ROUNDING)
        )


async def test_what_was_booked_after_the_reported_days_is_not_missing(
    database: Database, ledger: Ledger, reconciliation: Reconciliation, do: Do, clock: FrozenClock
) -> None:
    data = f"{HEAD}a,{clock.now().date()},100,,RWF,\n".encode()
    await do(
        lambda work: ledger.pay(
            work, ORG, "bob", amount=Decimal(9), currency="RWF", reference="z", provider="momo",
            at=clock.now() + timedelta(days=2),
        )
    )  # fmt: skip
    report = await do(lambda work: reconciliation.take_in(work, ORG, "momo", data))
    assert await states(database, report) == {"a": MatchState.MISSING_HERE}
