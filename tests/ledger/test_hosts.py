"""Hosts have their share of every record, and are paid what is due, never more."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any, TypeVar

import msgspec
import pytest

from ingufu.core.clock import FrozenClock
from ingufu.core.errors import Conflict, InvalidInput, NotFound
from ingufu.core.ids import IdMaker
from ingufu.infra.storage.database import Database, Work
from ingufu.ledger.model import AccountKind, Agreement, Earned, PayoutStatus
from ingufu.ledger.service import Hosts, Ledger, retried

ORG = "operator"
T = TypeVar("T")
Do = Callable[[Callable[[Work], Awaitable[T]]], Awaitable[T]]


@pytest.fixture
async def hosts(database: Database, clock: FrozenClock, ids: IdMaker, ledger: Ledger) -> Hosts:
    return Hosts(database, clock, ids, ledger)


@pytest.fixture
async def do(database: Database) -> Do:
    async def in_units(what: Callable[[Work], Awaitable[T]]) -> T:
        return await retried(database, what)

    return in_units


@pytest.fixture
async def agree(hosts: Hosts, do: Do, clock: FrozenClock) -> Callable[..., Awaitable[Agreement]]:
    async def make(site: str = "mall", **terms: Any) -> Agreement:
        given = {"host_name": "Mall Ltd", "currency": "RWF", "percent": Decimal(10), "valid_from": clock.now()} | terms
        return await do(lambda work: hosts.agree(work, ORG, site, **given))

    return make


def record(clock: FrozenClock, number: int = 1, net: int = 1000, **more: Any) -> Earned:
    figures = {
        "organisation_id": ORG,
        "record_id": f"record-{number}",
        "site_id": "mall",
        "at": clock.now(),
        "started_at": clock.now(),
        "currency": "RWF",
        "energy_net": Decimal(net),
        "net": Decimal(net),
        "gross": Decimal(net),
        "energy_wh": Decimal(10_000),
    }
    return Earned(**(figures | more))


async def test_record_is_shared_once_and_its_credit_takes_it_back(
    ledger: Ledger, hosts: Hosts, do: Do, agree: Any, clock: FrozenClock
) -> None:
    await agree(percent=Decimal("12.5"))
    shared = await asyncio.gather(*(do(lambda work: hosts.share(work, record(clock, net=999))) for _ in range(8)))
    assert sum(one.is_new for one in shared) == 1
    assert await hosts.due(ORG, "mall", "RWF") == 125
    await agree(percent=Decimal(50), valid_from=clock.now() + timedelta(days=1))
    clock.advance(3 * 86_400)
    credit = record(clock, 2, net=-999, credits_id="record-1", sessions=-1)
    for _ in range(2):
        await do(lambda work: hosts.share(work, credit))
    assert await hosts.due(ORG, "mall", "RWF") == 0
    assert await ledger.verify() == []


async def test_session_is_shared_by_the_agreement_of_its_start(
    hosts: Hosts, do: Do, agree: Any, clock: FrozenClock
) -> None:
    start = clock.now()
    await agree()
    await agree(percent=Decimal(20), valid_from=start + timedelta(hours=1))
    for number, (minutes, due) in enumerate([(-1, 0), (0, 100), (59, 200), (60, 400)]):
        at = start + timedelta(minutes=minutes)
        await do(lambda work, n=number, at=at: hosts.share(work, record(clock, n, started_at=at)))
        assert await hosts.due(ORG, "mall", "RWF") == due


async def test_sites_without_agreement_and_other_currencies_share_nothing(
    ledger: Ledger, hosts: Hosts, do: Do, agree: Any, clock: FrozenClock
) -> None:
    await agree()
    assert await do(lambda work: hosts.share(work, record(clock, site_id="street"))) is None
    assert await do(lambda work: hosts.share(work, record(clock, currency="KES"))) is None
    assert await do(lambda work: hosts.share(work, record(clock, net=0))) is None
    assert await ledger.accounts(ORG) == []


async def test_agreements_do_not_overlap(agree: Any, clock: FrozenClock) -> None:
    now = clock.now()
    first = await agree(valid_until=now + timedelta(days=30))
    with pytest.raises(Conflict, match=f"Agreement {first.number} with Mall Ltd"):
        await agree(valid_from=now + timedelta(days=29))
    await agree(currency="KES")
    second = await agree(valid_from=now + timedelta(days=30))
    assert second.number == 3


async def test_agreements_entered_at_once_do_not_overlap_either(hosts: Hosts, agree: Any, clock: FrozenClock) -> None:
    made = await asyncio.gather(*(agree() for _ in range(6)), return_exceptions=True)
    assert sum(isinstance(one, Agreement) for one in made) == 1
    assert len(await hosts.agreements(ORG)) == 1


async def test_agreement_ends_later_but_not_in_the_past(hosts: Hosts, do: Do, agree: Any, clock: FrozenClock) -> None:
    made = await agree()
    clock.advance(3600)
    with pytest.raises(InvalidInput):
        await do(lambda work: hosts.end(work, ORG, made.id, until=clock.now() - timedelta(minutes=1)))
    ended = await do(lambda work: hosts.end(work, ORG, made.id, until=clock.now()))
    assert ended.valid_until == clock.now()
    assert await do(lambda work: hosts.share(work, record(clock))) is None
    with pytest.raises(NotFound):
        await do(lambda work: hosts.end(work, "other", made.id, until=clock.now() + timedelta(days=1)))


async def test_payout_takes_what_is_due_and_the_bank_books_it(
    ledger: Ledger, hosts: Hosts, do: Do, agree: Any, clock: FrozenClock
) -> None:
    await agree(bank_account="RW12 3456")
    await do(lambda work: hosts.share(work, record(clock)))
    payout = await do(lambda work: hosts.make_payout(work, ORG, "mall", currency="RWF", by="Ada"))
    assert (payout.amount, payout.host_name, payout.bank_account) == (100, "Mall Ltd", "RW12 3456")
    assert await hosts.due(ORG, "mall", "RWF") == 0
    for _ in range(2):
        paid = await do(lambda work: hosts.pay(work, ORG, payout.id, bank_reference="BK-77", by="Ada"))
        assert paid.status is PayoutStatus.PAID
    assert await ledger.balance(ORG, AccountKind.BANK, currency="RWF") == -100
    assert await ledger.balance(ORG, AccountKind.CLEARING, "payouts", currency="RWF") == 0
    with pytest.raises(Conflict):
        await do(lambda work: hosts.pay(work, ORG, payout.id, bank_reference="BK-78"))
    with pytest.raises(Conflict):
        await do(lambda work: hosts.cancel_payout(work, ORG, payout.id))


async def test_payouts_made_at_once_never_pay_more_than_due(
    ledger: Ledger, hosts: Hosts, do: Do, agree: Any, clock: FrozenClock
) -> None:
    await agree()
    await do(lambda work: hosts.share(work, record(clock)))

    async def make() -> Decimal:
        try:
            made = await do(lambda work: hosts.make_payout(work, ORG, "mall", currency="RWF", amount=Decimal(40)))
        except Conflict:
            return Decimal(0)
        return made.amount

    assert sum(await asyncio.gather(*(make() for _ in range(10)))) == 80
    assert await hosts.due(ORG, "mall", "RWF") == 20
    assert await ledger.verify() == []


async def test_credit_after_the_payout_is_set_off_against_what_comes_next(
    hosts: Hosts, do: Do, agree: Any, clock: FrozenClock
) -> None:
    await agree()
    await do(lambda work: hosts.share(work, record(clock)))
    await do(lambda work: hosts.make_payout(work, ORG, "mall", currency="RWF"))
    await do(lambda work: hosts.share(work, record(clock, 2, net=-1000, credits_id="record-1", sessions=-1)))
    assert await hosts.due(ORG, "mall", "RWF") == -100
    with pytest.raises(Conflict, match="0 RWF are due"):
        await do(lambda work: hosts.make_payout(work, ORG, "mall", currency="RWF"))
    await do(lambda work: hosts.share(work, record(clock, 3, net=1500)))
    assert (await do(lambda work: hosts.make_payout(work, ORG, "mall", currency="RWF"))).amount == 50


async def test_cancelled_payout_is_due_again(hosts: Hosts, do: Do, agree: Any, clock: FrozenClock) -> None:
    await agree()
    await do(lambda work: hosts.share(work, record(clock)))
    payout = await do(lambda work: hosts.make_payout(work, ORG, "mall", currency="RWF"))
    for _ in range(2):
        await do(lambda work: hosts.cancel_payout(work, ORG, payout.id))
    assert await hosts.due(ORG, "mall", "RWF") == 100
    with pytest.raises(Conflict):
        await do(lambda work: hosts.pay(work, ORG, payout.id, bank_reference="BK-1"))


async def test_payment_and_cancellation_at_once_do_one_of_them(
    ledger: Ledger, hosts: Hosts, do: Do, agree: Any, clock: FrozenClock
) -> None:
    await agree()
    await do(lambda work: hosts.share(work, record(clock)))
    payout = await do(lambda work: hosts.make_payout(work, ORG, "mall", currency="RWF"))
    await asyncio.gather(
        do(lambda work: hosts.pay(work, ORG, payout.id, bank_reference="BK-1")),
        do(lambda work: hosts.cancel_payout(work, ORG, payout.id)),
        return_exceptions=True,
    )
    is_paid = (await hosts.get_payout(ORG, payout.id)).status is PayoutStatus.PAID
    assert await hosts.due(ORG, "mall", "RWF") == (0 if is_paid else 100)
    assert await ledger.balance(ORG, AccountKind.CLEARING, "payouts", currency="RWF") == 0
    assert await ledger.verify() == []


async def test_share_under_the_same_record_with_other_figures_is_a_conflict(
    hosts: Hosts, do: Do, agree: Any, clock: FrozenClock
) -> None:
    await agree()
    one = record(clock)
    await do(lambda work: hosts.share(work, one))
    with pytest.raises(Conflict):
        await do(lambda work: hosts.share(work, msgspec.structs.replace(one, energy_net=Decimal(2000))))
