"""Reports are taken in once, compared with the clearing account, and what differs is resolved by booking it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import TypeVar

import pytest

from ingufu.core.clock import FrozenClock
from ingufu.core.errors import Conflict, InvalidInput, NotFound
from ingufu.core.ids import IdMaker
from ingufu.infra.storage.database import Database, Work
from ingufu.ledger.model import AccountKind, MatchState, Report, ReportRow
from ingufu.ledger.service import Ledger, Reconciliation, Wallets, retried
from ingufu.ledger.store import reports as store

ORG = "operator"
HEAD = "reference,date,amount,fee,currency,kind\n"
DAY_S = 86_400
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


class Office:
    """Takes in reports of one provider, a line for each payment, and resolves what they say."""

    def __init__(self, database: Database, clock: FrozenClock, ids: IdMaker, ledger: Ledger, do: Do) -> None:
        self.database = database
        self.clock = clock
        self.ledger = ledger
        self.wallets = Wallets(database, clock, ids, ledger)
        self.reconciliation = Reconciliation(database, clock, ids, ledger)
        self.do = do

    async def top_up(self, reference: str, amount: int) -> str:
        posted = await self.do(
            lambda work: self.wallets.top_up(
                work, ORG, "alice", amount=Decimal(amount), currency="RWF", reference=reference, provider="momo"
            )
        )
        return posted.entry_id

    async def take_back(self, entry_id: str) -> None:
        await self.do(lambda work: self.ledger.take_back(work, ORG, entry_id, reason="By mistake", by="Ada"))

    async def report(self, *lines: tuple[str, int], day: date | None = None) -> list[ReportRow]:
        """Take in what the provider reports of a day, today if none is given; return what came of each line."""
        when, mark = day or self.clock.now().date(), f"at {self.clock.now()}"  # no two files are the same
        written = "".join(f"{reference},{when},{amount},,RWF,\n" for reference, amount in (*lines, (mark, 0)))
        data = f"{HEAD}{written}".encode()
        made = await self.do(lambda work: self.reconciliation.take_in(work, ORG, "momo", data))
        rows = [await store.find_row(self.database, made.id, line) for line in range(1, 10)]
        return [row for row in rows if row and row.reference != mark]

    async def book(self, row: ReportRow) -> None:
        await self.do(
            lambda work: self.reconciliation.resolve(
                work, ORG, row.report_id, row.line, note="Called them", against=AccountKind.ROUNDING
            )
        )

    async def cleared(self) -> Decimal:
        return await self.ledger.balance(ORG, AccountKind.CLEARING, "momo", currency="RWF")


@pytest.fixture
async def office(database: Database, clock: FrozenClock, ids: IdMaker, ledger: Ledger, do: Do) -> Office:
    return Office(database, clock, ids, ledger, do)


def said(rows: list[ReportRow]) -> list[tuple[str, MatchState, Decimal]]:
    return [(row.reference, row.state, row.difference) for row in rows]


async def test_what_reconciliation_booked_is_no_difference_in_the_next_report(office: Office) -> None:
    await office.top_up("b", 500)
    await office.top_up("lost", 70)
    for row in await office.report(("b", 450), ("c", 80)):
        await office.book(row)
    assert await office.cleared() == 530
    assert said(await office.report(("b", 450), ("d", 0))) == [
        ("b", MatchState.DUPLICATE, 0),
        ("d", MatchState.MISSING_HERE, 0),
    ]  # of the same day once more, on which it was resolved
    office.clock.advance(DAY_S)
    assert said(await office.report(("e", 9))) == [("e", MatchState.MISSING_HERE, 9)]


async def test_correction_on_a_later_day_is_no_difference_of_that_day(office: Office) -> None:
    await office.top_up("b", 500)
    await office.top_up("lost", 70)
    rows = await office.report(("b", 450), ("c", 80))
    office.clock.advance(DAY_S)
    for row in rows:
        await office.book(row)
    assert said(await office.report(("e", 9))) == [("e", MatchState.MISSING_HERE, 9)]


async def test_payment_that_was_written_off_and_is_reported_late_is_a_difference_again(office: Office) -> None:
    await office.top_up("lost", 70)
    [lost] = await office.report()
    assert (lost.state, lost.booked) == (MatchState.MISSING_THERE, 70)
    await office.book(lost)
    office.clock.advance(DAY_S)
    [late] = await office.report(("lost", 70))
    assert (late.state, late.difference) == (MatchState.AMOUNT_DIFFERS, 70)
    await office.book(late)
    assert await office.cleared() == 70


async def test_correction_that_was_taken_back_leaves_the_difference_as_it_was(office: Office) -> None:
    await office.top_up("lost", 70)
    today = office.clock.now().date()
    [lost] = await office.report()
    await office.book(lost)
    office.clock.advance(DAY_S)
    known = await store.find_row(office.database, lost.report_id, lost.line)
    assert known is not None
    await office.take_back(known.resolved_entry_id or "")
    assert await office.report() == []
    assert said(await office.report(day=today)) == [("lost", MatchState.MISSING_THERE, -70)]


async def test_top_up_that_was_taken_back_and_never_reported_is_no_difference(office: Office) -> None:
    taken = await office.top_up("mistake", 500)
    today = office.clock.now().date()
    office.clock.advance(DAY_S)
    await office.take_back(taken)
    assert await office.report(day=today) == []
    assert await office.report() == []


async def test_reported_payment_that_we_had_taken_back_differs_by_all_of_it(office: Office) -> None:
    taken = await office.top_up("b", 500)
    await office.take_back(taken)
    office.clock.advance(DAY_S)
    [row] = await office.report(("b", 500))
    assert (row.state, row.booked, row.difference) == (MatchState.AMOUNT_DIFFERS, 0, 500)
    assert row.entry_id == taken
    await office.book(row)
    assert await office.cleared() == 500
    office.clock.advance(DAY_S)
    assert await office.report() == []


async def test_payment_that_is_taken_back_after_it_was_reported_is_missing_there_on_that_day(office: Office) -> None:
    taken = await office.top_up("b", 500)
    assert said(await office.report(("b", 500))) == [("b", MatchState.MATCHED, 0)]
    office.clock.advance(DAY_S)
    await office.take_back(taken)
    [row] = await office.report()
    assert (row.reference, row.state, row.difference) == ("b", MatchState.MISSING_THERE, 500)
    await office.book(row)
    assert await office.cleared() == 500
    office.clock.advance(60)
    assert await office.report() == []


async def test_refund_that_the_provider_reports_matches_what_we_had_taken_back(office: Office) -> None:
    first, second = await office.top_up("b", 500), await office.top_up("c", 300)
    await office.take_back(first)
    rows = await office.report(("b", 500), ("b", -500), ("c", 300))
    assert [row.state for row in rows] == [MatchState.MATCHED] * 3
    office.clock.advance(DAY_S)
    await office.take_back(second)
    assert [row.state for row in await office.report(("c", -300))] == [MatchState.MATCHED]
    assert await office.cleared() == 0


async def test_refund_after_the_difference_was_booked_is_missing_here(office: Office) -> None:
    taken = await office.top_up("b", 500)
    await office.take_back(taken)
    office.clock.advance(60)
    [row] = await office.report(("b", 500))
    await office.book(row)
    office.clock.advance(DAY_S)
    [refund] = await office.report(("b", -500))
    assert (refund.state, refund.difference) == (MatchState.MISSING_HERE, -500)
    await office.book(refund)
    assert await office.cleared() == 0


async def test_what_was_both_written_off_and_taken_back_is_set_right_once(office: Office) -> None:
    taken = await office.top_up("lost", 70)
    today = office.clock.now().date()
    [lost] = await office.report()
    await office.book(lost)
    office.clock.advance(60)
    await office.take_back(taken)
    [twice] = await office.report()
    assert (twice.state, twice.difference) == (MatchState.MISSING_THERE, 70)
    await office.book(twice)
    assert await office.cleared() == 0
    office.clock.advance(DAY_S)
    assert await office.report(day=today) == []
    assert await office.report() == []
