"""What is in a wallet can be spent once, and what is not in it cannot."""

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
from ingufu.ledger.model import AccountKind, HoldStatus, Posted
from ingufu.ledger.service import Ledger, Wallets, retried

ORG = "operator"
T = TypeVar("T")
Do = Callable[[Callable[[Work], Awaitable[T]]], Awaitable[T]]


@pytest.fixture
async def wallets(database: Database, clock: FrozenClock, ids: IdMaker, ledger: Ledger) -> Wallets:
    return Wallets(database, clock, ids, ledger)


@pytest.fixture
async def do(database: Database) -> Do:
    async def in_units(what: Callable[[Work], Awaitable[T]]) -> T:
        return await retried(database, what)

    return in_units


@pytest.fixture
async def filled(do: Do, wallets: Wallets) -> Posted:
    """Alice has 1000 RWF."""
    return await do(
        lambda work: wallets.top_up(
            work, ORG, "alice", amount=Decimal(1000), currency="RWF", reference="momo-1", provider="momo"
        )
    )


async def in_wallet(wallets: Wallets, driver: str = "alice", currency: str = "RWF") -> Decimal:
    found = await wallets.get(ORG, driver, currency)
    return found.shown if found else Decimal(0)


async def test_callback_that_comes_ten_times_fills_the_wallet_once(
    ledger: Ledger, wallets: Wallets, do: Do, filled: Posted
) -> None:
    again = await asyncio.gather(
        *(
            do(
                lambda work: wallets.top_up(
                    work, ORG, "alice", amount=Decimal(1000), currency="RWF", reference="momo-1", provider="momo"
                )
            )
            for _ in range(10)
        )
    )
    assert {(one.entry_id, one.is_new) for one in again} == {(filled.entry_id, False)}
    assert await in_wallet(wallets) == 1000
    assert await ledger.balance(ORG, AccountKind.CLEARING, "momo", currency="RWF") == 1000


async def test_callback_with_another_amount_is_a_conflict(wallets: Wallets, do: Do, filled: Posted) -> None:
    with pytest.raises(Conflict):
        await do(
            lambda work: wallets.top_up(
                work, ORG, "alice", amount=Decimal(9000), currency="RWF", reference="momo-1", provider="momo"
            )
        )
    assert await in_wallet(wallets) == 1000


async def test_twenty_spends_at_once_never_overdraw(ledger: Ledger, wallets: Wallets, do: Do, filled: Posted) -> None:
    async def spend(number: int) -> bool:
        try:
            await do(
                lambda work: wallets.spend(
                    work, ORG, "alice", amount=Decimal(90), currency="RWF", reference=f"record:{number}"
                )
            )
        except Conflict:
            return False
        return True

    outcomes = await asyncio.gather(*(spend(number) for number in range(20)))
    assert outcomes.count(True) == 11
    assert await in_wallet(wallets) == 10
    assert await ledger.verify() == []


async def test_hold_is_the_estimate_or_what_there_is(wallets: Wallets, do: Do, filled: Posted) -> None:
    first = await do(
        lambda work: wallets.hold(work, ORG, "alice", estimate=Decimal(700), currency="RWF", reference="tx:1")
    )
    second = await do(
        lambda work: wallets.hold(work, ORG, "alice", estimate=Decimal(700), currency="RWF", reference="tx:2")
    )
    assert (first.amount, second.amount) == (700, 300)
    with pytest.raises(Conflict, match="nothing in the wallet"):
        await do(lambda work: wallets.hold(work, ORG, "alice", estimate=Decimal(1), currency="RWF", reference="tx:3"))
    again = await do(
        lambda work: wallets.hold(work, ORG, "alice", estimate=Decimal(900), currency="RWF", reference="tx:1")
    )
    assert again == first


async def test_twenty_holds_at_once_never_hold_more_than_there_is(
    ledger: Ledger, wallets: Wallets, do: Do, filled: Posted
) -> None:
    async def hold(number: int) -> Decimal:
        try:
            made = await do(
                lambda work: wallets.hold(
                    work, ORG, "alice", estimate=Decimal(150), currency="RWF", reference=f"tx:{number}"
                )
            )
        except Conflict:
            return Decimal(0)
        return made.amount

    amounts = await asyncio.gather(*(hold(number) for number in range(20)))
    assert sum(amounts) == 1000
    assert await in_wallet(wallets) == 0
    assert await ledger.balance(ORG, AccountKind.HOLD, "alice", currency="RWF") == -1000
    assert await ledger.verify() == []


async def test_capture_takes_what_is_owed_and_gives_the_rest_back_once(
    ledger: Ledger, wallets: Wallets, do: Do, filled: Posted
) -> None:
    await do(lambda work: wallets.hold(work, ORG, "alice", estimate=Decimal(800), currency="RWF", reference="tx:1"))

    async def capture() -> HoldStatus:
        return (await do(lambda work: wallets.capture(work, ORG, "tx:1", amount=Decimal(350)))).status

    assert set(await asyncio.gather(*(capture() for _ in range(8)))) == {HoldStatus.CAPTURED}
    assert await in_wallet(wallets) == 650
    assert await ledger.balance(ORG, AccountKind.HOLD, "alice", currency="RWF") == 0
    assert await ledger.balance(ORG, AccountKind.RECEIVABLE, "alice", currency="RWF") == -350
    for amount in (349, 351):
        with pytest.raises(Conflict):
            await do(lambda work, amount=amount: wallets.capture(work, ORG, "tx:1", amount=Decimal(amount)))
    with pytest.raises(Conflict):
        await do(lambda work: wallets.release(work, ORG, "tx:1"))


async def test_no_more_than_is_held_is_captured(wallets: Wallets, do: Do, filled: Posted) -> None:
    await do(lambda work: wallets.hold(work, ORG, "alice", estimate=Decimal(100), currency="RWF", reference="tx:1"))
    with pytest.raises(Conflict, match="Only 100 RWF are held"):
        await do(lambda work: wallets.capture(work, ORG, "tx:1", amount=Decimal(101)))
    with pytest.raises(NotFound):
        await do(lambda work: wallets.capture(work, ORG, "tx:9", amount=Decimal(1)))


async def test_capture_and_release_at_once_do_one_of_them(
    ledger: Ledger, wallets: Wallets, do: Do, filled: Posted
) -> None:
    await do(lambda work: wallets.hold(work, ORG, "alice", estimate=Decimal(400), currency="RWF", reference="tx:1"))
    await asyncio.gather(
        do(lambda work: wallets.capture(work, ORG, "tx:1", amount=Decimal(400))),
        do(lambda work: wallets.release(work, ORG, "tx:1")),
        return_exceptions=True,
    )
    hold = await wallets.get_hold(ORG, "tx:1")
    assert await in_wallet(wallets) == (600 if hold.status is HoldStatus.CAPTURED else 1000)
    assert await ledger.balance(ORG, AccountKind.HOLD, "alice", currency="RWF") == 0
    assert await ledger.verify() == []


async def test_hold_that_nobody_captures_expires(
    ledger: Ledger, wallets: Wallets, do: Do, filled: Posted, clock: FrozenClock
) -> None:
    until = clock.now() + timedelta(hours=2)
    await do(
        lambda work: wallets.hold(
            work, ORG, "alice", estimate=Decimal(400), currency="RWF", reference="tx:1", expires_at=until
        )
    )
    assert await wallets.expire() == 0
    clock.advance(7200)
    assert await wallets.expire() == 1
    assert await wallets.expire() == 0
    assert await in_wallet(wallets) == 1000
    assert (await wallets.get_hold(ORG, "tx:1")).status is HoldStatus.EXPIRED


async def test_wallet_is_overdrawn_only_up_to_its_limit(wallets: Wallets, do: Do) -> None:
    with pytest.raises(Conflict):
        await do(lambda work: wallets.spend(work, ORG, "bob", amount=Decimal("0.01"), currency="EUR", reference="a"))
    await do(lambda work: wallets.set_limit(work, ORG, "bob", limit=Decimal(20), currency="EUR"))
    await do(lambda work: wallets.spend(work, ORG, "bob", amount=Decimal("19.99"), currency="EUR", reference="b"))
    assert await wallets.available(ORG, "bob", "EUR") == Decimal("0.01")
    with pytest.raises(Conflict):
        await do(lambda work: wallets.spend(work, ORG, "bob", amount=Decimal("0.02"), currency="EUR", reference="c"))
    with pytest.raises(Conflict, match=r"overdrawn by 19\.99 EUR already"):
        await do(lambda work: wallets.set_limit(work, ORG, "bob", limit=Decimal(10), currency="EUR"))
    with pytest.raises(InvalidInput):
        await do(lambda work: wallets.set_limit(work, ORG, "bob", limit=Decimal("0.005"), currency="EUR"))


async def test_adjustment_says_why_and_takes_no_more_than_there_is(
    ledger: Ledger, wallets: Wallets, do: Do, filled: Posted
) -> None:
    with pytest.raises(InvalidInput):
        await do(
            lambda work: wallets.adjust(
                work, ORG, "alice", amount=Decimal(5), currency="RWF", reason=" ", reference="a"
            )
        )
    posted = await do(
        lambda work: wallets.adjust(
            work, ORG, "alice", amount=Decimal(5), currency="RWF", reason="Sorry", reference="a", by="Ada"
        )
    )
    assert (await ledger.entry(ORG, posted.entry_id)).text == "Sorry"
    assert await in_wallet(wallets) == 1005
    with pytest.raises(Conflict):
        await do(
            lambda work: wallets.adjust(
                work, ORG, "alice", amount=Decimal(-1006), currency="RWF", reason="Fraud", reference="b"
            )
        )


async def test_no_more_is_refunded_than_came_in_however_many_ask(
    ledger: Ledger, wallets: Wallets, do: Do, filled: Posted
) -> None:
    async def refund(number: int) -> bool:
        try:
            await do(
                lambda work: ledger.refund(
                    work, ORG, filled.entry_id, amount=Decimal(300), reason="Moved away", reference=str(number)
                )
            )
        except Conflict:
            return False
        return True

    assert (await asyncio.gather(*(refund(number) for number in range(12)))).count(True) == 3
    assert await in_wallet(wallets) == 100
    assert await ledger.balance(ORG, AccountKind.CLEARING, "momo", currency="RWF") == 100
    assert sum(one.amount for one in await ledger.refunds(filled.entry_id)) == 900
    with pytest.raises(Conflict, match="given back already"):
        await do(lambda work: ledger.reverse(work, ORG, filled.entry_id, reason="All"))
    assert await ledger.verify() == []


async def test_refund_of_what_the_wallet_paid_goes_into_the_wallet(
    ledger: Ledger, wallets: Wallets, do: Do, filled: Posted
) -> None:
    paid = await do(
        lambda work: wallets.spend(work, ORG, "alice", amount=Decimal(600), currency="RWF", reference="record:1")
    )
    refunded = [
        await do(
            lambda work: ledger.refund(
                work, ORG, paid.entry_id, amount=Decimal(600), reason="Did not charge", reference="r1"
            )
        )
        for _ in range(2)
    ]
    assert [one.is_new for one in refunded] == [True, False]
    assert await in_wallet(wallets) == 1000
    with pytest.raises(Conflict):
        await do(lambda work: ledger.refund(work, ORG, paid.entry_id, amount=Decimal(1), reason="More", reference="r2"))


async def test_what_was_reversed_is_not_refunded_too(ledger: Ledger, do: Do, filled: Posted) -> None:
    await do(lambda work: ledger.reverse(work, ORG, filled.entry_id, reason="Charged back"))
    with pytest.raises(Conflict, match="taken back as a whole"):
        await do(lambda work: ledger.refund(work, ORG, filled.entry_id, amount=Decimal(1), reason="x", reference="r"))


async def test_refund_and_reversal_at_once_give_back_once(
    ledger: Ledger, wallets: Wallets, do: Do, filled: Posted
) -> None:
    await asyncio.gather(
        do(lambda work: ledger.reverse(work, ORG, filled.entry_id, reason="Charged back")),
        do(lambda work: ledger.refund(work, ORG, filled.entry_id, amount=Decimal(10), reason="x", reference="r")),
        return_exceptions=True,
    )
    assert await in_wallet(wallets) in {Decimal(0), Decimal(990)}
    assert await ledger.verify() == []


async def test_card_payment_fee_settlement_and_write_off_meet_in_the_bank(ledger: Ledger, do: Do) -> None:
    due = (AccountKind.RECEIVABLE, "carol")
    await do(
        lambda work: ledger.pay(
            work, ORG, "carol", amount=Decimal("10.500"), currency="KWD", reference="pi_1", provider="stripe"
        )
    )
    await do(lambda work: ledger.fee(work, ORG, "stripe", amount=Decimal("0.305"), currency="KWD", reference="pi_1"))
    await do(
        lambda work: ledger.settle(work, ORG, "stripe", amount=Decimal("10.195"), currency="KWD", reference="po_1")
    )
    assert await ledger.balance(ORG, AccountKind.CLEARING, "stripe", currency="KWD") == 0
    assert await ledger.balance(ORG, AccountKind.BANK, currency="KWD") == Decimal("10.195")
    assert await ledger.balance(ORG, *due, currency="KWD") == Decimal("-10.5")
    with pytest.raises(Conflict, match="0 KWD are owed"):
        await do(
            lambda work: ledger.write_off(
                work, ORG, "carol", amount=Decimal(1), currency="KWD", reason="Gone", reference="w"
            )
        )


async def test_staff_take_back_only_what_nothing_else_rests_on(
    ledger: Ledger, wallets: Wallets, do: Do, filled: Posted
) -> None:
    await do(lambda work: wallets.hold(work, ORG, "alice", estimate=Decimal(400), currency="RWF", reference="tx:1"))
    await do(lambda work: wallets.capture(work, ORG, "tx:1", amount=Decimal(300)))
    for reference in ("hold:tx:1", "capture:tx:1"):
        entry = await ledger.find_entry(ORG, reference)
        assert entry is not None
        with pytest.raises(Conflict, match="belongs to something else"):
            await do(lambda work, it=entry: ledger.take_back(work, ORG, it.id, reason="Oops"))
    paid = await do(
        lambda work: wallets.spend(work, ORG, "alice", amount=Decimal(50), currency="RWF", reference="record:1")
    )
    await do(lambda work: ledger.take_back(work, ORG, paid.entry_id, reason="Wrong driver", by="Ada"))
    assert await in_wallet(wallets) == 700
