"""What a message makes of a transaction, written: the row, the event, the readings, what is odd, who is told."""

from datetime import datetime

import msgspec

from ingufu.charging import decide, intake, store
from ingufu.charging.clocks import CLOCK_FAULTS
from ingufu.charging.events import AnomalySeen
from ingufu.charging.fold import Known, advance, arrive, is_late
from ingufu.charging.intake import KeptReading, Oddity
from ingufu.charging.model import Anomaly, AnomalyKind, Transaction, TransactionEvent
from ingufu.charging.running import Holding
from ingufu.charging.service.history import History
from ingufu.core.clock import Clock
from ingufu.infra.storage.database import Database, Work

KEPT_OF_A_KIND = 10  # anomalies of a transaction; a station can repeat itself for ever

Row = tuple[KeptReading, str]  # a reading and its samples as they are kept


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """What one message brings to a transaction."""

    received_at: datetime
    event: TransactionEvent | None = None
    readings: tuple[KeptReading, ...] = ()
    oddities: tuple[Oddity, ...] = ()
    evse: int | None = None


class Ledger:
    """Writes steps of transactions into units of work."""

    def __init__(self, database: Database, clock: Clock, history: History) -> None:
        self._database = database
        self._clock = clock
        self._history = history

    async def apply(
        self, work: Work, held: Holding, before: Known | None, step: Step, *, identity: Transaction | None = None
    ) -> Known:
        """Write a step of a transaction, or its first one, and return the transaction as it is then.

        `identity` is what a new transaction is called, or what a known one is called from now on.
        """
        rows = [(reading, intake.written(reading.samples)) for reading in step.readings]
        if before is not None and _is_mended(before, rows):
            rows = await self._find_new_by_words(before, rows)
        elif before is not None and _may_repeat(before, rows):
            rows = await self._find_new(before, rows)
        if before is not None and step.event is None and not rows and not step.oddities:
            return before
        after = await self._advance(before, identity, step, [reading for reading, _ in rows])
        oddities = [*step.oddities, *decide.find_oddities(before, after, step.event)]
        after, new = decide.mark(_remember(before, after, rows), oddities)
        self._write(work, before, after, step)
        self._write_readings(work, after.transaction, rows, step)
        if before is not None and (rows or step.event is not None):
            for told in decide.tell_late(before.transaction, after.transaction):
                work.emit(told)
        for oddity in new:
            self._note(work, after, oddity, step.received_at)
        held.keep(after)
        return after

    async def close(  # by estimate
        self,
        work: Work,
        held: Holding,
        known: Known,
        received_at: datetime,
        why: str,
        *,
        ended_at: datetime | None = None,
    ) -> Known:
        """End a transaction at its newest register, when somebody says, else when the station last told of it."""
        event = decide.make_estimate(known, received_at, ended_at)
        step = Step(received_at=received_at, event=event, oddities=((AnomalyKind.LOST_END, why),))
        return await self.apply(work, held, known, step)

    def keep_outside(self, work: Work, held: Holding, station_id: str, step: Step) -> None:
        """Keep readings that belong to no transaction. What is odd about them is noted once a connection."""
        for reading in step.readings:
            store.append_reading(
                work,
                reading,
                intake.written(reading.samples),
                station_id=station_id,
                evse=step.evse,
                transaction_id=None,
                received_at=step.received_at,
            )
        for kind, detail in step.oddities:
            if kind not in held.noted:
                held.noted |= {kind}
                at, evse = step.received_at, step.evse
                _tell(work, Anomaly(at=at, station_id=station_id, evse=evse, kind=kind, detail=detail))

    @staticmethod
    def _note(work: Work, known: Known, oddity: Oddity, at: datetime) -> None:
        """Write an anomaly and tell of it; the repeats of some kinds are counted, once there are many."""
        (kind, detail), transaction = oddity, known.transaction
        anomaly = Anomaly(
            at=at,
            station_id=transaction.station_id,
            evse=transaction.evse,
            transaction_id=transaction.id,
            kind=kind,
            detail=detail,
        )
        if known.marks[kind] > KEPT_OF_A_KIND:
            store.repeat_anomaly(work, anomaly)
        else:
            _tell(work, anomaly)

    async def _advance(
        self,
        before: Known | None,
        identity: Transaction | None,
        step: Step,
        readings: list[KeptReading],
    ) -> Known:
        now, event = self._clock.now(), step.event
        kinds = [kind for kind, _ in step.oddities]
        if before is None:
            assert identity is not None  # noqa: S101 - a new transaction has a name
            known, limits = Known(transaction=identity), self._history.limits_of(kinds)
            return advance(known, arrive(known, event, readings), limits=limits, now=now)
        limits = self._history.limits_of((*before.marks, *kinds))
        known = before if identity is None else msgspec.structs.replace(before, transaction=identity)
        arrival = arrive(known, event, readings)
        if not known.is_partial and is_late(known, arrival):
            return await self._history.refold(known, arrival, limits=limits, now=now)
        return advance(known, arrival, limits=limits, now=now)

    @staticmethod
    def _write(work: Work, before: Known | None, after: Known, step: Step) -> None:
        transaction = after.transaction
        if before is None:
            store.insert_transaction(work, transaction)
        else:
            store.update_transaction(work, before.transaction, transaction)
            if transaction.is_open:
                work.announce(decide.tell_live(transaction))
        if step.event is not None:
            store.append_event(work, transaction.id, step.event)
        for told in decide.tell_stored(before.transaction if before is not None else None, transaction):
            work.emit(told)

    @staticmethod
    def _write_readings(work: Work, transaction: Transaction, rows: list[Row], step: Step) -> None:
        for reading, samples in rows:
            store.append_reading(
                work,
                reading,
                samples,
                station_id=transaction.station_id,
                evse=step.evse if step.evse is not None else transaction.evse,
                transaction_id=transaction.id,
                received_at=step.received_at,
            )

    async def _find_new(self, before: Known, rows: list[Row]) -> list[Row]:
        """Return the readings that are not kept yet."""
        seen_at = before.transaction.last_reading_at
        if seen_at is None:
            return rows
        doubtful = [reading.at for reading, _ in rows if reading.at < seen_at]
        if not before.latest:
            doubtful += [reading.at for reading, _ in rows if reading.at == seen_at]
        stored: set[tuple[datetime, str]] = set()
        if doubtful:
            stored = await store.find_samples_between(
                self._database, before.transaction.id, min(doubtful), max(doubtful)
            )
        return [
            (reading, samples)
            for reading, samples in rows
            if (reading.at, samples) not in stored and not (reading.at == seen_at and hash(samples) in before.latest)
        ]

    async def _find_new_by_words(self, before: Known, rows: list[Row]) -> list[Row]:
        """Return the readings that are not kept yet, where the station's clock was wrong, or seemed so.

        Mended times depend on when a reading came, so that a repeated one has another; the station's words for it do
        not. And they say nothing of order: what came later is later, or a register would seem to fall.
        """
        seen_at = before.transaction.last_reading_at
        if seen_at is None:
            return rows
        words = [reading.told_at for reading, _ in rows]
        told = await store.find_told_between(self._database, before.transaction.id, min(words), max(words))
        return [
            (
                msgspec.structs.replace(reading, at=seen_at) if reading.is_mended and reading.at < seen_at else reading,
                samples,
            )
            for reading, samples in rows
            if (reading.told_at, samples) not in told
        ]


def _is_mended(before: Known, rows: list[Row]) -> bool:
    """Return whether times of readings are ours: of these, or perhaps of what is kept."""
    if before.marks and not CLOCK_FAULTS.isdisjoint(before.marks):
        return bool(rows)
    return any(reading.is_mended for reading, _ in rows)


def _may_repeat(before: Known, rows: list[Row]) -> bool:
    """Return whether readings may be kept already: stations repeat them after a lost reply, and at the end."""
    seen_at = before.transaction.last_reading_at
    if seen_at is not None:
        for reading, _ in rows:
            if reading.at <= seen_at:
                return True
    return False


def _tell(work: Work, anomaly: Anomaly) -> None:
    store.append_anomaly(work, anomaly)
    work.emit(
        AnomalySeen(
            occurred_at=anomaly.at,
            station_id=anomaly.station_id,
            transaction_id=anomaly.transaction_id,
            anomaly=anomaly.kind.value,
            detail=anomaly.detail,
        )
    )


def _remember(before: Known | None, after: Known, rows: list[Row]) -> Known:
    """Return the transaction with the readings of its newest instant remembered, so that their repeat is known."""
    newest_at = after.transaction.last_reading_at
    if newest_at is None or not rows:
        return after if before is None else msgspec.structs.replace(after, latest=before.latest)
    latest = frozenset(hash(samples) for reading, samples in rows if reading.at == newest_at)
    if before is not None and before.transaction.last_reading_at == newest_at:
        latest |= before.latest
    return msgspec.structs.replace(after, latest=latest)
