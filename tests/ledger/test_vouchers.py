"""A voucher is worth its amount to each of so many drivers, until it expires."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any, TypeVar

import pytest

from ingufu.core.clock import FrozenClock
from ingufu.core.errors import Conflict, InvalidInput, NotFound, TooManyRequests
from ingufu.core.ids import IdMaker
from ingufu.infra.storage.database import Database, Work
from ingufu.ledger.model import AccountKind, Voucher
from ingufu.ledger.service import Ledger, Vouchers, retried
from ledger_entries import Post, charge

ORG = "operator"
T = TypeVar("T")
Do = Callable[[Callable[[Work], Awaitable[T]]], Awaitable[T]]
Issue = Callable[..., Awaitable[tuple[Voucher, str]]]


@pytest.fixture
async def vouchers(database: Database, clock: FrozenClock, ids: IdMaker, ledger: Ledger) -> Vouchers:
    return Vouchers(database, clock, ids, ledger, random_bytes=random.Random(7).randbytes)


@pytest.fixture
async def do(database: Database) -> Do:
    async def in_units(what: Callable[[Work], Awaitable[T]]) -> T:
        return await retried(database, what)

    return in_units


@pytest.fixture
async def issue(vouchers: Vouchers, do: Do, clock: FrozenClock) -> Issue:
    async def make(**terms: Any) -> tuple[Voucher, str]:
        given = {"amount": Decimal(500), "currency": "RWF", "expires_at": clock.now() + timedelta(days=30)} | terms
        return await do(lambda work: vouchers.issue(work, ORG, **given))

    return make


async def balances(ledger: Ledger, currency: str = "RWF") -> dict[str, Decimal]:
    return {one.kind.value: one.balance for one in await ledger.accounts(ORG) if one.currency == currency}


async def test_code_is_told_once_and_kept_as_a_hash(issue: Issue, database: Database) -> None:
    voucher, code = await issue()
    assert len(code.replace("-", "")) == 16
    assert code not in str(voucher)
    assert voucher.code_hash != code
    assert voucher.hint == code[-4:]
    codes = {(await issue())[1] for _ in range(20)}
    assert len(codes | {code}) == 21


async def test_voucher_fills_the_wallet_of_its_driver_once(
    ledger: Ledger, vouchers: Vouchers, do: Do, issue: Issue
) -> None:
    _, code = await issue()
    typed = code.lower().replace("-", " ").replace("0", "o")
    uses = await asyncio.gather(
        *(do(lambda work: vouchers.redeem(work, ORG, typed, "alice")) for _ in range(8)), return_exceptions=True
    )
    assert {one.number for one in uses if not isinstance(one, BaseException)} == {1}
    assert await balances(ledger) == {"promotion": 500, "voucher": 0, "wallet": -500}
    with pytest.raises(Conflict, match="used up"):
        await do(lambda work: vouchers.redeem(work, ORG, code, "bob"))
    assert await ledger.verify() == []


async def test_no_more_drivers_than_agreed_use_a_voucher(
    ledger: Ledger, vouchers: Vouchers, do: Do, issue: Issue
) -> None:
    voucher, code = await issue(uses=5)

    async def redeem(number: int) -> bool:
        try:
            await do(lambda work: vouchers.redeem(work, ORG, code, f"driver-{number}"))
        except Conflict:
            return False
        return True

    assert (await asyncio.gather(*(redeem(number) for number in range(9)))).count(True) == 5
    assert await ledger.balance(ORG, AccountKind.VOUCHER, voucher.id, currency="RWF") == 0
    assert [one.number for one in await vouchers.uses(voucher.id)] == [1, 2, 3, 4, 5]
    assert await ledger.verify() == []


@pytest.mark.parametrize(("owed", "paid", "kept"), [(200, 200, 300), (500, 500, 0), (800, 500, 0)])
async def test_voucher_pays_what_is_owed_first(
    ledger: Ledger,
    vouchers: Vouchers,
    do: Do,
    issue: Issue,
    post: Post,
    clock: FrozenClock,
    owed: int,
    paid: int,
    kept: int,
) -> None:
    await post(charge(owed, reference="charge-record:1", at=clock.now()))
    _, code = await issue()
    await do(lambda work: vouchers.redeem(work, ORG, code, "alice", pays_debt=True))
    assert await ledger.balance(ORG, AccountKind.RECEIVABLE, "alice", currency="RWF") == owed - paid
    assert await ledger.balance(ORG, AccountKind.WALLET, "alice", currency="RWF") == -kept


async def test_what_expires_unused_is_breakage(
    ledger: Ledger, vouchers: Vouchers, do: Do, issue: Issue, clock: FrozenClock
) -> None:
    _, code = await issue(uses=3, amount=Decimal("2.500"), currency="KWD", provider="shop")
    await do(lambda work: vouchers.redeem(work, ORG, code, "alice"))
    assert await vouchers.expire() == 0
    clock.advance(31 * 86_400)
    with pytest.raises(Conflict, match="expired"):
        await do(lambda work: vouchers.redeem(work, ORG, code, "bob"))
    assert await vouchers.expire() == 1
    assert await vouchers.expire() == 0
    found = await balances(ledger, "KWD")
    assert found == {"clearing": Decimal("7.5"), "voucher": 0, "wallet": Decimal("-2.5"), "breakage": -5}


async def test_withdrawn_voucher_is_not_used_any_more(ledger: Ledger, vouchers: Vouchers, do: Do, issue: Issue) -> None:
    voucher, code = await issue()
    for _ in range(2):
        await do(lambda work: vouchers.withdraw(work, ORG, voucher.id, by="Ada"))
    with pytest.raises(Conflict):
        await do(lambda work: vouchers.redeem(work, ORG, code, "alice"))
    assert await balances(ledger) == {"promotion": 500, "voucher": 0, "breakage": -500}


async def test_use_and_withdrawal_at_once_do_one_of_them(
    ledger: Ledger, vouchers: Vouchers, do: Do, issue: Issue
) -> None:
    voucher, code = await issue()
    await asyncio.gather(
        do(lambda work: vouchers.redeem(work, ORG, code, "alice")),
        do(lambda work: vouchers.withdraw(work, ORG, voucher.id)),
        return_exceptions=True,
    )
    found = await balances(ledger)
    assert -found.get("wallet", Decimal(0)) - found.get("breakage", Decimal(0)) == 500
    assert await ledger.verify() == []


async def test_wrong_codes_and_terms_are_refused(vouchers: Vouchers, do: Do, issue: Issue, clock: FrozenClock) -> None:
    await issue()
    for code in ("", "0000-0000-0000-0000", "x" * 10_000, "\x00"):
        with pytest.raises(NotFound):
            await do(lambda work, code=code: vouchers.redeem(work, ORG, code, "alice"))
    for terms in (
        {"amount": Decimal(0)},
        {"amount": Decimal("0.5")},
        {"uses": 0},
        {"uses": 10**9},
        {"expires_at": clock.now()},
        {"currency": "XXX"},
    ):
        with pytest.raises(InvalidInput):
            await issue(**terms)


async def test_who_guesses_codes_is_stopped_and_the_right_code_waits_too(
    vouchers: Vouchers, do: Do, issue: Issue, clock: FrozenClock
) -> None:
    _, code = await issue()
    for number in range(10):
        with pytest.raises(NotFound):
            await do(lambda work, n=number: vouchers.redeem(work, ORG, f"guess {n}", f"driver-{n}", tried_by="key"))
    with pytest.raises(TooManyRequests) as stopped:
        await do(lambda work: vouchers.redeem(work, ORG, code, "alice", tried_by="key"))
    assert 0 < stopped.value.retry_after_s <= 601
    await do(lambda work: vouchers.redeem(work, ORG, code, "alice", tried_by="another key"))
    clock.advance(601)
    with pytest.raises(NotFound):
        await do(lambda work: vouchers.redeem(work, ORG, "guess", "alice", tried_by="key"))
