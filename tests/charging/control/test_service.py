"""Remote starts, limits and what follows from them, in storage of both kinds."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from ingufu.authorization.service import Authorization
from ingufu.charging.control.model import LimitKind, Message, RemoteStartState, TransactionLimit
from ingufu.charging.control.service import Control
from ingufu.charging.model import Recorded, ReportKind, Transaction, TransactionReport
from ingufu.charging.service import Charging, OpenCount
from ingufu.core.clock import FrozenClock
from ingufu.core.commands import Outcome
from ingufu.core.control import TransactionStatus
from ingufu.core.errors import Conflict, InvalidInput, NotFound
from ingufu.core.ids import IdMaker
from ingufu.infra.storage.database import Database

ENERGY = TransactionLimit(
    max_energy_wh=Decimal("1234.567"), max_cost=Decimal("12.34"), max_time_s=60, max_soc_percent=80
)


class Desk:
    """Control and charging on one database."""

    def __init__(self, database: Database, clock: FrozenClock, ids: IdMaker) -> None:
        self.database, self.clock = database, clock
        authorization = Authorization(database, clock, ids, OpenCount(database))
        self.charging = Charging(database, clock, ids, authorization)
        self.control = Control(database, clock, ids)

    async def tell(self, seq: int, kind: ReportKind = ReportKind.UPDATED, **changes: Any) -> tuple[Recorded, Any]:
        """Have a station of 2.1 report; return what was recorded and what the answer says besides."""
        now = self.clock.now()
        fields: dict[str, Any] = {
            "kind": kind, "station_id": "s", "version": "2.1", "reference": "TX", "at": now, "received_at": now,
            "seq": seq, "evse": 1,
        }  # fmt: skip
        report = TransactionReport(**fields | changes)
        work = self.database.work()
        recorded = await self.charging.record(work, report)
        following = await self.control.follow(work, report, recorded)
        await work.commit()
        return recorded, following

    async def begin(self) -> Transaction:
        return (await self.tell(0, ReportKind.STARTED))[0].transaction

    async def limit(self, transaction: Transaction, limit: TransactionLimit = ENERGY) -> None:
        async with self.database.work() as work:
            await self.control.set_limit(work, transaction, limit, actor="Keza")


@pytest.fixture
async def desk(database: Database, clock: FrozenClock, ids: IdMaker) -> Desk:
    return Desk(database, clock, ids)


async def test_a_limit_is_kept_to_the_last_digit(desk: Desk):
    transaction = await desk.begin()
    await desk.limit(transaction)
    kept = await desk.control.of(transaction.id)
    assert kept is not None
    assert (kept.limit, kept.limit_set_by, kept.limit_set_at) == (ENERGY, "Keza", desk.clock.now())
    assert [one.transaction_id for one in await desk.control.limited()] == [transaction.id]


async def test_an_ended_transaction_has_no_limit_to_set(desk: Desk):
    await desk.begin()
    ended = (await desk.tell(1, ReportKind.ENDED))[0].transaction
    with pytest.raises(Conflict):
        await desk.limit(ended)
    assert await desk.control.limited() == []


async def test_two_who_change_at_once_do_not_both_win(desk: Desk):
    transaction = await desk.begin()
    await desk.limit(transaction)
    first, second = desk.database.work(), desk.database.work()
    await desk.control.set_limit(first, transaction, TransactionLimit(max_time_s=1), actor="A")
    await desk.control.set_limit(second, transaction, TransactionLimit(max_time_s=2), actor="B")
    await first.commit()
    with pytest.raises(Conflict):
        await second.commit()
    kept = await desk.control.of(transaction.id)
    assert kept is not None
    assert kept.limit.max_time_s == 1


async def test_what_memory_holds_is_read_anew_after_a_unit_was_undone(desk: Desk):
    transaction = await desk.begin()
    await desk.limit(transaction)
    await desk.tell(1)  # now it is held
    now = desk.clock.now()
    confirmed = TransactionReport(
        kind=ReportKind.UPDATED, station_id="s", version="2.1", reference="TX", at=now, received_at=now, seq=2,
        trigger="LimitSet",
    )  # fmt: skip
    work = desk.database.work()
    recorded = await desk.charging.record(work, confirmed)
    await desk.control.follow(work, confirmed, recorded)
    async with desk.database.work() as other:  # somebody else is faster
        await desk.control.set_priority(other, transaction, 3)
    with pytest.raises(Conflict):
        await work.commit()
    desk.charging.forget("s")
    _, following = await desk.tell(2, trigger="LimitSet")
    assert following.priority == 3
    kept = await desk.control.of(transaction.id)
    assert kept is not None
    assert (kept.priority, kept.priority_sent_in, kept.limit_confirmed_at) == (3, "2", now)


async def test_a_limit_set_anew_forgets_that_the_old_one_was_reached(desk: Desk):
    transaction = await desk.begin()
    await desk.limit(transaction)
    kept = await desk.control.of(transaction.id)
    assert kept is not None
    async with desk.database.work() as work:
        kept = await desk.control.note_reached(work, kept, LimitKind.ENERGY)
    async with desk.database.work() as work:
        kept = await desk.control.note_stop(work, kept, "Rejected")
    assert (kept.reached, kept.stop_attempts, kept.stop_answer) == (LimitKind.ENERGY, 1, "Rejected")
    await desk.limit(transaction, TransactionLimit(max_energy_wh=Decimal(9999)))
    raised = await desk.control.of(transaction.id)
    assert raised is not None
    assert (raised.reached, raised.stop_attempts, raised.limit_sent_in) == (None, 0, None)


async def test_what_is_asked_of_one_station_means_nothing_to_another(desk: Desk):
    transaction = await desk.begin()
    await desk.limit(transaction)
    _, following = await desk.tell(1, station_id="other", reference="TX")
    assert following.limit is None
    _, following = await desk.tell(1)
    assert following.limit == ENERGY


async def test_a_remote_start_says_what_came_of_it(desk: Desk):
    async with desk.database.work() as work:
        start = await desk.control.ask_start(
            work, "s", token="04AA", token_kind="ISO14443", evse=1, limit=ENERGY, actor="Keza", timeout_s=30
        )
    assert start.number > 0
    refused = Outcome(status="Rejected", is_accepted=False, details={"reason": "InTransaction"})
    async with desk.database.work() as work:
        await desk.control.note_start_answer(work, start, refused)
    found = await desk.control.get_start(start.id)
    assert (found.state, found.answer, found.limit) == (RemoteStartState.REFUSED, "Rejected: InTransaction", ENERGY)
    async with desk.database.work() as work:  # the first answer counts
        await desk.control.note_start_failure(work, start, "station-timeout")
    assert (await desk.control.get_start(start.id)).state is RemoteStartState.REFUSED
    assert await desk.control.expire_starts() == 0


async def test_a_start_that_came_true_before_its_answer_stays_so(desk: Desk):
    async with desk.database.work() as work:
        start = await desk.control.ask_start(work, "s", token="A", token_kind="Central")
    recorded, following = await desk.tell(0, ReportKind.STARTED, remote_start_id=start.number)
    assert following.limit is None
    async with desk.database.work() as work:
        await desk.control.note_start_answer(work, start, Outcome(status="Accepted", is_accepted=True))
    found = await desk.control.get_start(start.id)
    assert (found.state, found.transaction_id) == (RemoteStartState.STARTED, recorded.transaction.id)
    assert (await desk.control.start_of(recorded.transaction.id)) == found
    assert await desk.control.of(recorded.transaction.id) is None  # nothing else was asked of it
    desk.clock.advance(1000)
    assert await desk.control.expire_starts() == 0


async def test_starts_expire_when_their_time_is_over(desk: Desk):
    async with desk.database.work() as work:
        start = await desk.control.ask_start(work, "s", token="A", token_kind="Central", timeout_s=30)
    desk.clock.advance(29)
    assert await desk.control.expire_starts() == 0
    desk.clock.advance(1)
    assert await desk.control.expire_starts() == 1
    assert (await desk.control.get_start(start.id)).state is RemoteStartState.EXPIRED
    with pytest.raises(NotFound):
        await desk.control.get_start("other")


async def test_a_station_has_to_deny_a_transaction_for_some_time(desk: Desk):
    transaction = await desk.begin()
    gone = TransactionStatus(status="NotOngoing", is_accepted=True, is_ongoing=False, has_messages=False)
    async with desk.database.work() as work:
        before, after = await desk.control.note_status(work, transaction, gone)
    assert before is None
    assert not desk.control.is_gone(after)
    assert [one.transaction_id for one in await desk.control.doubtful()] == [transaction.id]
    desk.clock.advance(300)
    async with desk.database.work() as work:
        _, after = await desk.control.note_status(work, transaction, gone)
    assert desk.control.is_gone(after)
    assert after.status_at == desk.clock.now() - timedelta(seconds=300)  # since when it says so
    runs = TransactionStatus(status="Ongoing", is_accepted=True, is_ongoing=True, has_messages=False)
    async with desk.database.work() as work:
        _, after = await desk.control.note_status(work, transaction, runs)
    assert not desk.control.is_gone(after)
    assert await desk.control.doubtful() == []


async def test_messages_and_priorities_are_bounded(desk: Desk):
    transaction = await desk.begin()
    work = desk.database.work()
    with pytest.raises(InvalidInput):
        await desk.control.set_priority(work, transaction, 10)
    with pytest.raises(InvalidInput):
        await desk.control.set_message(work, transaction, Message(content=""))


async def test_nothing_is_held_of_stations_of_which_nothing_is_asked(desk: Desk):
    await desk.begin()
    now = desk.clock.now()
    plain = TransactionReport(
        kind=ReportKind.UPDATED, station_id="s", version="2.1", reference="TX", at=now, received_at=now, seq=1
    )
    assert not desk.control.concerns(plain)
    assert desk.control.is_quiet("s", "MeterValuePeriodic")
    assert not desk.control.is_quiet("s", "LimitSet")
    desk.control.forget("s")
    assert desk.control.concerns(plain)


async def test_a_station_is_quiet_again_when_what_was_limited_has_ended(desk: Desk):
    transaction = await desk.begin()
    await desk.limit(transaction)
    desk.control.forget("s")
    await desk.tell(1)
    assert not desk.control.is_quiet("s", "MeterValuePeriodic")
    await desk.tell(2, ReportKind.ENDED)
    desk.control.ended("s", transaction.id)
    assert desk.control.is_quiet("s", "MeterValuePeriodic")


async def test_a_start_that_is_awaited_makes_no_update_loud(desk: Desk):
    await desk.begin()
    async with desk.database.work() as work:
        await desk.control.ask_start(work, "s", token="A", token_kind="Central")
    desk.control.forget("s")
    assert not desk.control.is_quiet("s", "MeterValuePeriodic")  # nobody has looked yet
    await desk.tell(1)
    assert desk.control.is_quiet("s", "MeterValuePeriodic")
