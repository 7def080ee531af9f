"""Charging: what stations report of transactions is recorded once, in whatever order and however often it comes."""

from datetime import datetime, timedelta
from decimal import Decimal

import msgspec

from ingufu.authorization.model import Occasion, Verdict, VerdictStatus
from ingufu.authorization.service import Authorization
from ingufu.charging import clocks, decide, ending, intake, matching, store
from ingufu.charging.energy import Limits
from ingufu.charging.fold import Known, sign_of_life
from ingufu.charging.intake import Intake, Oddity
from ingufu.charging.model import (
    AnomalyKind,
    AsKnown,
    ChargingRules,
    ChargingState,
    MeterReading,
    Recorded,
    ReportKind,
    Transaction,
    TransactionEvent,
    TransactionReport,
)
from ingufu.charging.numbers import NUMBER_MAX, Numbers
from ingufu.charging.running import Holding, Running
from ingufu.charging.service.history import History
from ingufu.charging.service.ledger import Ledger, Step
from ingufu.charging.service.locating import Locator
from ingufu.charging.service.quick import Pulses
from ingufu.core.clock import Clock
from ingufu.core.errors import Conflict, NotFound, Unavailable
from ingufu.core.ids import IdMaker
from ingufu.core.texts import plain, plain_or_none
from ingufu.infra.storage.database import Database, Work
from ingufu.reservations.model import Use
from ingufu.reservations.service import Reservations


class Charging:
    """Transactions and meter readings. Messages of one station are handled one at a time, by the process that holds it.

    One unit of work is one message. If it is undone (Conflict), it can be run once more: nothing was kept of it.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        ids: IdMaker,
        authorization: Authorization,
        rules: ChargingRules = ChargingRules(),  # noqa: B008 - frozen
        reservations: Reservations | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._authorization = authorization
        self._rules = rules
        self._reservations = reservations
        limits = Limits(max_power_w=Decimal(str(rules.max_power_w)), burst_wh=Decimal(str(rules.burst_wh)))
        history = self._history = History(database, limits)
        self._locator = Locator(database, history)
        self._ledger = Ledger(database, clock, history)
        self._running = Running(history.load_open, rules.cached_stations)
        self._numbers = Numbers(self._reserve)
        self.pulses = Pulses(database, self._running, rules)

    async def find(self, station_id: str, reference: str) -> Transaction | None:
        """Return the transaction that a station calls so."""
        return await store.find_by_reference(self._database, station_id, reference)

    async def get(self, transaction_id: str) -> Transaction:
        """Return the transaction. Raises NotFound."""
        transaction = await store.find(self._database, transaction_id)
        if transaction is None:
            raise NotFound("There is no such transaction.")
        return transaction

    async def get_events(self, transaction_id: str) -> list[TransactionEvent]:
        """Return what happened to a transaction, in the order in which we heard of it."""
        return await store.find_events(self._database, transaction_id)

    async def as_known(self, transaction_id: str, at: datetime) -> AsKnown | None:
        """Return a transaction as we knew it at an instant; None: nothing of it had come by then. Raises NotFound."""
        return await self._history.as_known(await self.get(transaction_id), at)

    async def open_on(self, station_id: str) -> list[Transaction]:
        """Return the open transactions of a station, earliest first."""
        return await store.find_open(self._database, station_id)

    async def running_on(self, station_id: str) -> list[Transaction]:
        """Return the open transactions of a station, from memory if they are held: their figures may lag behind."""
        held = self._running.peek(station_id)
        return await self.open_on(station_id) if held is None else [one.transaction for one in held.open.values()]

    async def lately_ended(self, station_id: str) -> list[Transaction]:
        """Return those of the latest transactions of a station that are over, latest first."""
        return [one for one in await store.find_latest(self._database, station_id) if not one.is_open]

    def forget(self, station_id: str) -> None:
        """Hold nothing of a station in memory: called when it connects, for it may have been elsewhere meanwhile."""
        self._running.forget(station_id)

    async def next_number(self) -> int:
        """Return a transaction number for 1.6 that no process has ever returned. Raises Unavailable."""
        return await self._numbers.next()

    async def record(self, work: Work, report: TransactionReport, *, skew_s: float | None = None) -> Recorded:
        """Record what a station reports of a transaction, and return the transaction with the verdict on the token.

        Nothing is refused for being odd: it is kept as it came, marked, and answered. A report that was recorded
        before is answered with the same transaction and a fresh verdict, and changes nothing. `skew_s` is how far the
        station's clock is ahead of ours, where that is known. OCPP 1.6 4.8, 4.10; 2.x E01 to E15.
        """
        taken = intake.clean(report, self._rules)
        report = taken.report
        is_numbered_start = report.kind is ReportKind.STARTED and matching.is_numbered(report.version)
        held = await self._running.of(work, report.station_id)
        found = await self._locator.find(taken, held)
        known = found.known
        identity = None if known is not None else self._identify(report, found.reference)
        base = known.transaction if known is not None else identity
        assert base is not None  # noqa: S101 - one of both is there
        verdict = await self._check(work, report, base, held, is_known=known is not None)
        if known is not None and known.has_start and is_numbered_start:
            return Recorded(transaction=known.transaction, at=report.at, verdict=verdict, is_repeat=True)
        event = decide.make_event(taken, verdict)
        oddities = (*taken.oddities, *found.oddities)
        if known is not None:
            fresh = await self._disambiguate(known, event)
            if fresh is None:
                return Recorded(transaction=known.transaction, at=report.at, verdict=verdict, is_repeat=True)
            if fresh.key != event.key and event.seq is not None:
                odd = f"Another event has the number {event.seq} too."
                oddities = (*oddities, (AnomalyKind.SEQUENCE_REUSED, odd))
            event = fresh
        if is_numbered_start:
            identity = await self._number(base, taken)
        step = Step(
            received_at=report.received_at,
            event=event,
            readings=intake.merge(report.readings),
            oddities=oddities,
            evse=report.evse,
        )
        after = await self._ledger.apply(work, held, known, step, identity=identity)
        after = await self._close_rivals(work, held, known, after, report.received_at)
        is_begun = base.verdict == VerdictStatus.ACCEPTED and base.evse is not None
        await self._use_reservation(work, taken, after.transaction, verdict, skew_s, is_begun=is_begun)
        return Recorded(transaction=after.transaction, at=report.at, verdict=verdict)

    async def _use_reservation(
        self,
        work: Work,
        taken: Intake,
        transaction: Transaction,
        verdict: Verdict | None,
        skew_s: float | None,
        *,
        is_begun: bool,
    ) -> None:
        """Tell the reservations of a start: what names one, or brings the token that one may be kept for.

        A token that stops, or is told of a transaction that was allowed at its EVSE before, comes for no place that is
        kept.
        """
        report = taken.report
        if self._reservations is None or report.kind is ReportKind.ENDED:
            return
        comes = not is_begun and decide.occasion_of(report) is not Occasion.STOP
        token = report.token if comes else None
        if token is None and report.reservation_id is None:
            return
        use = Use(
            station_id=report.station_id,
            evse=transaction.evse,
            transaction_id=transaction.id,
            at=report.at,
            times=clocks.possible_times(
                report.at,
                report.received_at,
                clock_at=taken.clock_at or report.at,
                is_offline=report.is_offline,
                skew_s=skew_s,
            ),
            reservation_id=report.reservation_id,
            token_key=token.key if token is not None else None,
            group_value=verdict.group_value if verdict is not None and token is not None else None,
        )
        await self._reservations.note_start(work, use)

    async def add_readings(
        self,
        work: Work,
        *,
        station_id: str,
        version: str,
        evse: int | None,
        reference: str | None,
        readings: tuple[MeterReading, ...],
        received_at: datetime,
        oddities: tuple[Oddity, ...] = (),
    ) -> None:
        """Keep meter readings, as those of the transaction they name or that ran on their EVSE, or of none.

        `evse` None or 0: the station's own meter. OCPP 1.6 4.7; 2.x J01.
        """
        readings, faults = intake.mend(readings, received_at, self._rules)
        noted = [*oddities, *((kind, "Of a meter reading.") for kind in sorted(faults))]
        noted += intake.find_unreadable(readings)
        kept = intake.merge(readings)
        if not kept and not noted:
            return
        held = await self._running.of(work, station_id)
        name = matching.name_of(version, reference)
        known = held.named(name) if name is not None else None
        step = Step(received_at=received_at, readings=kept, oddities=tuple(noted), evse=intake.int32_or_none(evse))
        if known is not None:
            await self._ledger.apply(work, held, known, step)
        else:
            await self._place(work, held, version, station_id, reference, step)

    async def note_state(
        self, work: Work, station_id: str, evse: int | None, state: ChargingState, at: datetime
    ) -> None:
        """Have the open transaction of an EVSE be in a charging state, as a 1.6 status tells it."""
        now = self._clock.now()
        if clocks.find_fault(at, now, self._rules.clock_ahead_s) is not None:
            at = now
        held = await self._running.of(work, station_id)
        known = matching.find_running_at(held.open.values(), evse, at)
        if known is None or known.transaction.state is state:
            return
        event = decide.make_state_note(state, at, now)
        if not decide.is_taken(known, event):
            await self._ledger.apply(work, held, known, Step(received_at=now, event=event))

    async def silent_since(self, before: datetime) -> list[Transaction]:
        """Return the open transactions that nothing was heard of since `before`, longest silent first."""
        return await store.find_silent(self._database, before)

    async def left_since(self, *, silent: datetime, started: datetime) -> list[Transaction]:
        """Return the open transactions of stations that say since that nobody charges there, longest silent first.

        Nothing was heard of them since `silent`, or since their station started anew before `started`.
        """
        return await store.find_left(self._database, silent=silent, started=started)

    async def end(
        self,
        work: Work,
        transaction_id: str,
        *,
        reason: str,
        ended_at: datetime | None = None,
        is_sure: bool = False,
    ) -> Transaction:
        """End a transaction by an operator's word, as its station never will. The real end, if it comes, corrects it.

        `is_sure`: also if it was heard of just now. Raises NotFound, InvalidInput, Conflict if it has ended or may run.
        """
        held = await self._anew(work, await self.get(transaction_id))
        known, now = held.open.get(transaction_id), self._clock.now()
        if known is None:
            raise Conflict("The transaction has ended already.")
        if not is_sure:
            ending.check_silent(known, now)
        at = ending.end_of(known, ended_at, now)
        why = f"An operator ended it: {plain(reason, ending.REASON_MAX)}"
        return (await self._ledger.close(work, held, known, now, why, ended_at=at)).transaction

    async def end_by_estimate(
        self, work: Work, transaction_id: str, *, why: str = "An operator ended it."
    ) -> Transaction:
        """End a transaction whose station will not: at its newest register. The real end, if it comes, corrects it.

        Raises NotFound.
        """
        transaction = await self.get(transaction_id)
        held = await self._anew(work, transaction)
        known = held.open.get(transaction_id)
        if known is None:
            return transaction
        closed = await self._ledger.close(work, held, known, self._clock.now(), why)
        return closed.transaction

    async def _anew(self, work: Work, transaction: Transaction) -> Holding:
        """Return what runs at the station of a transaction, read anew: another process may hold the station."""
        self.forget(transaction.station_id)
        return await self._running.of(work, transaction.station_id)

    async def _place(
        self, work: Work, held: Holding, version: str, station_id: str, reference: str | None, step: Step
    ) -> None:
        """Keep readings that name no transaction in memory, as those of the one that is meant, or of none."""
        times = [reading.at for reading in step.readings] or [step.received_at]
        report = TransactionReport(
            kind=ReportKind.UPDATED,
            station_id=station_id,
            version=version,
            evse=step.evse,
            reference=plain_or_none(reference, intake.REFERENCE_MAX),
            at=min(times),
            received_at=step.received_at,
            trigger="MeterValues",
        )
        found = await self._locator.find_for_readings(report, held, max(times))
        odd = found.oddities if found is not None else ()
        if found is None and reference is not None:
            odd = ((AnomalyKind.UNKNOWN_TRANSACTION, f"Readings name the transaction {reference[:60]}."),)
        step = msgspec.structs.replace(step, oddities=(*step.oddities, *odd))
        if found is None:
            self._ledger.keep_outside(work, held, station_id, step)
        elif found.known is not None:
            await self._ledger.apply(work, held, found.known, step)
        else:
            await self._begin_midway(work, held, report, found.reference, step)

    async def _begin_midway(self, work: Work, held: Holding, report: TransactionReport, name: str, step: Step) -> None:
        """Begin a transaction of which only readings are known. One that is long over is closed at once."""
        taken = intake.clean(report, self._rules)
        step = msgspec.structs.replace(step, event=decide.make_event(taken, None))
        after = await self._ledger.apply(work, held, None, step, identity=self._identify(taken.report, name))
        after = await self._close_rivals(work, held, None, after, report.received_at)
        is_over = sign_of_life(after) < report.received_at - timedelta(seconds=self._rules.ghost_age_s)
        if is_over and after.transaction.is_open:
            await self._ledger.close(work, held, after, report.received_at, "It was over when it was first heard of.")

    async def _check(
        self, work: Work, report: TransactionReport, transaction: Transaction, held: Holding, *, is_known: bool
    ) -> Verdict | None:
        """Return the verdict on the token of a report: every one is checked anew (1.6 4.8; 2.x E05, E07).

        What the report is about to close has lost its end: it does not speak against its own driver.
        """
        is_numbered_start = report.kind is ReportKind.STARTED and matching.is_numbered(report.version)
        if report.token is None and not is_numbered_start:
            return None
        occasion = decide.occasion_of(report)
        return await self._authorization.check(
            work,
            report.token,
            station_id=report.station_id,
            evse=report.evse if report.evse is not None else transaction.evse,
            at=report.at,
            occasion=occasion,
            transaction=decide.who_started(transaction, occasion) if is_known else None,
            excluding=transaction.id,
            superseding=decide.superseded(report, transaction, held.open.values()),
        )

    def _identify(self, report: TransactionReport, reference: str) -> Transaction:
        """Return a new transaction of which only the identity is set."""
        return Transaction(
            id=self._ids.new(),
            station_id=report.station_id,
            reference=reference,
            version=report.version,
            started_at=report.at,
            start_received_at=report.received_at,
            updated_at=self._clock.now(),
        )

    async def _number(self, transaction: Transaction, taken: Intake) -> Transaction:
        """Return a 1.6 transaction with the number that its station will know it by."""
        number = await self.next_number()
        key = decide.start_key(taken.report)
        if taken.clock_at is not None and await store.find_by_start_key(self._database, key) is not None:
            key = f"{key}/{number}"  # an unset clock tells the same time again after a reboot
        return msgspec.structs.replace(transaction, number=number, reference=str(number), start_key=key)

    async def _disambiguate(self, known: Known, event: TransactionEvent) -> TransactionEvent | None:
        """Return the event under a key that is free, None if it is kept already."""
        if not decide.is_taken(known, event):
            return event
        spare, mark = decide.spare_key(event), decide.fingerprint(event)
        stored = await store.find_events_of_keys(self._database, known.transaction.id, (event.key, spare))
        if any(decide.fingerprint(other) == mark for other in stored):
            return None
        return msgspec.structs.replace(event, key=spare) if stored else event

    async def _close_rivals(
        self, work: Work, held: Holding, before: Known | None, after: Known, received_at: datetime
    ) -> Known:
        """Close what cannot run any more, because something else began on its EVSE later."""
        if before is not None and before.transaction.evse == after.transaction.evse:
            return after
        is_late, earlier = decide.rivals(after, list(held.open.values()))
        for rival in earlier:
            await self._ledger.close(work, held, rival, received_at, "Another began on its EVSE.")
        if is_late:
            return await self._ledger.close(work, held, after, received_at, "Another had begun on its EVSE.")
        return after

    async def _reserve(self, count: int) -> int:
        """Take a block of numbers for this process, durably, and return its first. Raises Conflict, Unavailable."""
        seen = await store.find_next_number(self._database)
        first = store.FIRST_NUMBER if seen is None else seen
        if first + count - 1 >= NUMBER_MAX:
            raise Unavailable("All transaction numbers of OCPP 1.6 are used up.")
        async with self._database.work() as work:
            store.take_numbers(work, seen=seen, following=first + count)
        return first
