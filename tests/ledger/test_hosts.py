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


async def test_hosts_known_by_name_alone_are_each_paid_what_was_earned_for_them(
    ledger: Ledger, hosts: Hosts, do: Do, agree: Any, clock: FrozenClock
) -> None:
    async def due(name: str) -> Decimal:
        return await hosts.due(ORG, "mall", "RWF", host_name=name)

    await agree(host_name="Old Ltd", bank_account="OLD-1")
    await do(lambda work: hosts.share(work, record(clock, 1)))
    clock.advance(60)
    await agree(host_name=" New  Ltd ", bank_account="NEW-1", percent=Decimal(20))
    await do(lambda work: hosts.share(work, record(clock, 2)))
    assert [await due(name) for name in ("Old Ltd", "New Ltd", "Other")] == [100, 200, 0]
    with pytest.raises(Conflict, match="200 RWF are due"):
        await do(lambda work: hosts.make_payout(work, ORG, "mall", currency="RWF", amount=Decimal(201)))
    with pytest.raises(NotFound):
        await do(lambda work: hosts.make_payout(work, ORG, "mall", currency="RWF", host_name="Other"))
    paid = await do(lambda work: hosts.make_payout(work, ORG, "mall", currency="RWF", host_name="Old Ltd"))
    assert (paid.amount, paid.host_name, paid.bank_account) == (100, "Old Ltd", "OLD-1")
    await do(lambda work: hosts.cancel_payout(work, ORG, paid.id))
    await do(lambda work: hosts.share(work, record(clock, 3, net=-1000, credits_id="record-1", sessions=-1)))
    assert [await due(name) for name in ("Old Ltd", "New Ltd")] == [0, 200], "the credit takes its record's share back"

    clock.advance(60)
    await agree(host_name="Old Ltd", bank_account="OLD-2")
    await do(lambda work: hosts.share(work, record(clock, 4)))
    paid = await do(lambda work: hosts.make_payout(work, ORG, "mall", currency="RWF"))
    assert (paid.amount, paid.host_name, paid.bank_account) == (100, "Old Ltd", "OLD-2")
    assert await due("New Ltd") == 200
    assert await ledger.verify() == []


async def test_long_name_has_an_account_and_one_that_cannot_be_printed_is_refused(
    hosts: Hosts, do: Do, agree: Any, clock: FrozenClock
) -> None:
    site = "0" * 36
    await agree(site=site, host_name="é" * 200)
    await do(lambda work: hosts.share(work, record(clock, site_id=site)))
    assert (await do(lambda work: hosts.make_payout(work, ORG, site, currency="RWF"))).amount == 100
    with pytest.raises(InvalidInput, match="printable"):
        await agree(host_name="Mall\x07Ltd")


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


async def test_what_a_host_has_earned_stays_its_own_when_the_site_changes_hands(
    ledger: Ledger, hosts: Hosts, do: Do, agree: Any, clock: FrozenClock
) -> None:
    began = clock.now()
    await agree(host_id="old", host_name="Old Ltd", bank_account="OLD-1")
    await do(lambda work: hosts.share(work, record(clock)))
    clock.advance(3600)
    [(_, ended)] = await do(lambda work: hosts.change_hands(work, ORG, "mall", host_id="new"))
    assert ended.valid_until == clock.now()
    await do(lambda work: hosts.share(work, record(clock, 2)))  # nothing is agreed with the new one yet
    await agree(host_id="new", host_name="New Ltd", bank_account="NEW-1", percent=Decimal(20))
    await do(lambda work: hosts.share(work, record(clock, 3)))
    await do(lambda work: hosts.share(work, record(clock, 4, net=500, started_at=began)))  # told late
    await do(lambda work: hosts.share(work, record(clock, 5, net=-1000, credits_id="record-1", sessions=-1)))
    await do(lambda work: hosts.share(work, record(clock, 6, net=1200, started_at=began)))  # the correction
    assert [await hosts.due(ORG, "mall", "RWF", host) for host in ("old", "new", None)] == [170, 200, 0]
    with pytest.raises(Conflict, match="170 RWF are due"):
        await do(lambda work: hosts.make_payout(work, ORG, "mall", currency="RWF", host_id="old", amount=Decimal(171)))
    paid = await do(lambda work: hosts.make_payout(work, ORG, "mall", currency="RWF", host_id="old"))
    assert (paid.amount, paid.host_id, paid.host_name, paid.bank_account) == (170, "old", "Old Ltd", "OLD-1")
    await do(lambda work: hosts.cancel_payout(work, ORG, paid.id))
    assert [await hosts.due(ORG, "mall", "RWF", host) for host in ("old", "new")] == [170, 200]
    other = await do(lambda work: hosts.make_payout(work, ORG, "mall", currency="RWF", host_id="new"))
    assert (other.amount, other.bank_account) == (200, "NEW-1")
    with pytest.raises(NotFound):
        await do(lambda work: hosts.make_payout(work, ORG, "mall", currency="RWF", host_id="stranger"))
    assert await ledger.verify() == []


async def test_credit_after_the_site_changed_hands_is_the_former_hosts(
    hosts: Hosts, do: Do, agree: Any, clock: FrozenClock
) -> None:
    await agree(host_id="old")
    await do(lambda work: hosts.share(work, record(clock)))
    await do(lambda work: hosts.make_payout(work, ORG, "mall", currency="RWF", host_id="old"))
    await do(lambda work: hosts.change_hands(work, ORG, "mall", host_id="new"))
    await agree(host_id="new")
    await do(lambda work: hosts.share(work, record(clock, 2)))
    await do(lambda work: hosts.share(work, record(clock, 3, net=-1000, credits_id="record-1", sessions=-1)))
    assert [await hosts.due(ORG, "mall", "RWF", host) for host in ("old", "new")] == [-100, 100]


async def test_payouts_made_at_once_to_both_hosts_pay_each_its_own(
    ledger: Ledger, hosts: Hosts, do: Do, agree: Any, clock: FrozenClock
) -> None:
    for number, (host, net) in enumerate([("old", 1000), ("new", 3000)]):
        await do(lambda work, host=host: hosts.change_hands(work, ORG, "mall", host_id=host))
        await agree(host_id=host)
        await do(lambda work, n=number, net=net: hosts.share(work, record(clock, n, net=net)))
        clock.advance(60)

    async def make(host: str) -> Decimal:
        try:
            return (await do(lambda work: hosts.make_payout(work, ORG, "mall", currency="RWF", host_id=host))).amount
        except Conflict:
            return Decimal(0)

    made = await asyncio.gather(*(make(host) for host in ("old", "new") * 4))
    assert [sum(made[::2]), sum(made[1::2])] == [100, 300]
    assert await ledger.verify() == []


async def test_all_that_is_agreed_with_others_ends_and_what_has_not_begun_never_counts(
    hosts: Hosts, do: Do, agree: Any, clock: FrozenClock
) -> None:
    now, day = clock.now(), timedelta(days=1)
    await agree(host_id="old", valid_until=now + 30 * day)
    await agree(host_id="old", valid_from=now + 30 * day)
    await agree(currency="KES")  # with a name
    own = await agree(host_id="new", currency="EUR")
    await agree(site="street", host_id="old")
    clock.advance(86_400)
    ended = await do(lambda work: hosts.change_hands(work, ORG, "mall", host_id="new"))
    assert [(one.number, one.valid_until) for _, one in ended] == [
        (1, now + day), (2, now + 30 * day), (3, now + day),
    ]  # fmt: skip
    for one in await hosts.agreements(ORG):
        assert one.valid_until == {after.id: after.valid_until for _, after in ended}.get(one.id), one
    clock.advance(40 * 86_400)
    assert await do(lambda work: hosts.share(work, record(clock))) is None
    await agree(host_id="new", valid_from=now + 2 * day)  # the one that never counts is not in its way
    assert await do(lambda work: hosts.change_hands(work, ORG, "mall", host_id="new")) == []
    back = await do(lambda work: hosts.change_hands(work, ORG, "mall", host_id=None))
    assert own.id in {one.id for one, _ in back}


async def test_agreement_that_comes_while_the_site_changes_hands_ends_too(
    hosts: Hosts, do: Do, agree: Any, database: Database
) -> None:
    late = database.work()
    assert await hosts.change_hands(late, ORG, "mall", host_id="new") == []
    made = await agree(host_id="old")
    with pytest.raises(Conflict):
        await late.commit()
    [(known, _)] = await do(lambda work: hosts.change_hands(work, ORG, "mall", host_id="new"))
    assert known.id == made.id
