"""Operations at random, ten thousand by `make faults`, with commits that fail, answers that are lost, and repeats: it still sums to zero."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from decimal import Decimal

import pytest

from faults.length import by_length
from ingufu.core.clock import FrozenClock
from ingufu.core.errors import Conflict, NotFound, Unavailable
from ingufu.core.ids import IdMaker
from ingufu.infra.storage.database import Database, Work
from ingufu.infra.storage.engine import Committed, Engine, Series, Unit
from ingufu.ledger.model import AccountKind, Earned, EntryKind, NewEntry
from ingufu.ledger.service import Hosts, Ledger, Vouchers, Wallets, retried
from ledger_entries import ORGANISATION as ORG
from ledger_entries import charge, postings

OPERATIONS = by_length(1_500, 10_000)
AT_ONCE = 20
DRIVERS = 30
CURRENCIES = ("RWF", "KES", "EUR", "KWD")
UNITS = {"RWF": Decimal(1), "KES": Decimal("0.01"), "EUR": Decimal("0.01"), "KWD": Decimal("0.001")}
Do = Callable[[Work], Awaitable[object]]


class Failing:
    """An engine that fails as disks, networks and processes do: before anything is written, or after all of it is."""

    def __init__(self, engine: Engine, chance: random.Random) -> None:
        self._engine = engine
        self._chance = chance
        self.is_calm = False
        self.failures = 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._engine, name)

    async def commit(self, units: Sequence[Unit], series: Sequence[Series]) -> Committed:
        drawn = 1.0 if self.is_calm else self._chance.random()
        if drawn < 0.05:
            self.failures += 1
            raise Unavailable("The process died before the commit.")
        done = await self._engine.commit(units, series)
        if drawn < 0.12:
            self.failures += 1
            raise Unavailable("The process died after the commit; whether it was written is not known.")
        return done


class Storm:
    """Draws operations. Those that fail are asked for again, as callers do who do not know what became of theirs."""

    def __init__(self, database: Database, clock: FrozenClock, ids: IdMaker, chance: random.Random) -> None:
        self.database, self.clock, self.chance = database, clock, chance
        self.ledger = Ledger(database, clock, ids)
        self.wallets = Wallets(database, clock, ids, self.ledger)
        self.vouchers = Vouchers(database, clock, ids, self.ledger, random_bytes=chance.randbytes)
        self.hosts = Hosts(database, clock, ids, self.ledger)
        self.holds: list[tuple[str, Decimal]] = []
        self.entries: list[str] = []
        self.codes: list[str] = []
        self.refused = 0

    async def operate(self, number: int) -> None:
        kind = self.chance.choice(
            (self.charge, self.top_up, self.top_up, self.spend, self.hold, self.capture, self.release, self.refund,
             self.reverse, self.share, self.pay_out, self.issue, self.redeem, self.unbalanced)
        )  # fmt: skip
        do = kind(number)
        for _ in range(self.chance.choice((1, 1, 1, 2, 3))):  # some are told twice
            await self._until_known(do)

    async def _until_known(self, do: Do) -> None:
        while True:
            try:
                done = await retried(self.database, do, tries=40)
            except Unavailable:
                continue
            except (Conflict, NotFound):
                self.refused += 1
            else:
                if isinstance(done, tuple):
                    self.codes.append(done[1])
                elif (made := getattr(done, "entry_id", None)) is not None:
                    self.entries.append(made)
            return

    def amount(self, currency: str) -> Decimal:
        return UNITS[currency] * self.chance.randint(1, 5000)

    def draw(self) -> tuple[str, str, Decimal]:
        currency = self.chance.choice(CURRENCIES)
        return f"driver-{self.chance.randrange(DRIVERS)}", currency, self.amount(currency)

    def charge(self, number: int) -> Do:
        driver, currency, _ = self.draw()
        entry = charge(
            self.chance.randint(0, 9000), reference=f"charge-record:{number}", at=self.clock.now(), driver=driver,
            currency=currency,
        )  # fmt: skip
        return lambda work: self.ledger.post(work, entry)

    def top_up(self, number: int) -> Do:
        driver, currency, amount = self.draw()
        return lambda work: self.wallets.top_up(
            work, ORG, driver, amount=amount, currency=currency, reference=str(number), provider="momo"
        )

    def spend(self, number: int) -> Do:
        driver, currency, amount = self.draw()
        return lambda work: self.wallets.spend(
            work, ORG, driver, amount=amount, currency=currency, reference=str(number)
        )

    def hold(self, number: int) -> Do:
        driver, currency, amount = self.draw()
        self.holds.append((f"tx:{number}", amount))
        return lambda work: self.wallets.hold(
            work, ORG, driver, estimate=amount, currency=currency, reference=f"tx:{number}"
        )

    def capture(self, number: int) -> Do:
        del number
        reference, amount = self.chance.choice(self.holds or [("tx:none", Decimal(1))])
        return lambda work: self.wallets.capture(work, ORG, reference, amount=amount)

    def release(self, number: int) -> Do:
        del number
        reference, _ = self.chance.choice(self.holds or [("tx:none", Decimal(1))])
        return lambda work: self.wallets.release(work, ORG, reference)

    def refund(self, number: int) -> Do:
        entry_id, currency = self.chance.choice(self.entries or ["none"]), self.chance.choice(CURRENCIES)
        amount = Decimal(self.chance.randint(1, 3000)) if currency == "RWF" else Decimal(self.chance.randint(1, 9))
        return lambda work: self.ledger.refund(
            work, ORG, entry_id, amount=amount, reason="Storm", reference=str(number)
        )

    def reverse(self, number: int) -> Do:
        del number
        entry_id = self.chance.choice(self.entries or ["none"])
        return lambda work: self.ledger.take_back(work, ORG, entry_id, reason="Storm")

    def share(self, number: int) -> Do:
        _, currency, amount = self.draw()
        now = self.clock.now()
        earned = Earned(
            organisation_id=ORG, record_id=f"r{number}", site_id="mall", at=now, started_at=now, currency=currency,
            energy_net=amount, net=amount, gross=amount, energy_wh=Decimal(self.chance.randint(0, 90_000)),
        )  # fmt: skip
        return lambda work: self.hosts.share(work, earned)

    def pay_out(self, number: int) -> Do:
        del number
        currency = self.chance.choice(CURRENCIES)
        return lambda work: self.hosts.make_payout(work, ORG, "mall", currency=currency)

    def issue(self, number: int) -> Do:
        del number
        _, currency, amount = self.draw()
        uses, until = self.chance.randint(1, 3), self.clock.now() + timedelta(days=9)
        return lambda work: self.vouchers.issue(
            work, ORG, amount=amount, currency=currency, uses=uses, expires_at=until
        )

    def redeem(self, number: int) -> Do:
        del number
        code, (driver, _, _) = self.chance.choice(self.codes or ["none"]), self.draw()
        return lambda work: self.vouchers.redeem(work, ORG, code, driver, pays_debt=self.chance.random() < 0.5)

    def unbalanced(self, number: int) -> Do:
        """A unit that posts well and then fails: nothing of it may stay."""
        fine = charge(118, reference=f"undone:{number}", at=self.clock.now())
        bad = NewEntry(
            organisation_id=ORG, kind=EntryKind.PAYMENT, reference=f"undone-too:{number}", at=self.clock.now(),
            postings=postings((AccountKind.WALLET, "nobody", "1"), (AccountKind.BANK, "", "-1")),
        )  # fmt: skip

        async def post_both(work: Work) -> None:
            await self.ledger.post(work, fine)
            await self.ledger.post(work, bad)

        return post_both


@pytest.mark.timeout(600)
async def test_operations_at_random_with_failures_sum_to_zero(
    database: Database, clock: FrozenClock, ids: IdMaker
) -> None:
    chance = random.Random(20260301)
    storm = Storm(database, clock, ids, chance)
    for currency in CURRENCIES:
        await retried(
            database,
            lambda work, c=currency: storm.hosts.agree(
                work, ORG, "mall", host_name="Mall", currency=c, percent=Decimal("7.5"), per_kwh=Decimal("0.01"),
                valid_from=clock.now(),
            ),
        )  # fmt: skip
    failing = Failing(database.engine, chance)
    database.engine = database.writer._engine = failing  # type: ignore[assignment]
    for start in range(0, OPERATIONS, AT_ONCE):
        clock.advance(60)
        await asyncio.gather(*(storm.operate(number) for number in range(start, start + AT_ONCE)))
        if start % 500 == 0:
            assert set((await storm.ledger.trial_balance(ORG)).values()) == {Decimal(0)}
    failing.is_calm = True
    assert failing.failures > OPERATIONS // 250
    assert await storm.ledger.verify() == []
    accounts = await storm.ledger.accounts(ORG)
    assert set((await storm.ledger.trial_balance(ORG)).values()) == {Decimal(0)}
    assert set((await storm.ledger.trial_balance(ORG, at=clock.now() - timedelta(minutes=30))).values()) == {Decimal(0)}
    assert {one.currency for one in accounts} == set(CURRENCIES)
    for one in accounts:
        if one.kind in {AccountKind.WALLET, AccountKind.HOLD, AccountKind.VOUCHER, AccountKind.PAYABLE}:
            assert one.balance <= 0, one
    assert await storm.ledger.find_entry(ORG, "undone:1") is None
    assert len(set(storm.entries)) > OPERATIONS // 5
