"""Transactions read back from what is kept of them, ready to be gone on from."""

from collections.abc import Iterable
from datetime import datetime

import msgspec

from ingufu.charging import decide, store
from ingufu.charging.clocks import CLOCK_FAULTS
from ingufu.charging.energy import Limits
from ingufu.charging.fold import Arrival, Glance, Known, advance, fold, is_late, make_points, resume
from ingufu.charging.model import AnomalyKind, AsKnown, Transaction, TransactionEvent
from ingufu.infra.storage.database import Database


class History:
    """Reads the events and readings of transactions."""

    def __init__(self, database: Database, limits: Limits) -> None:
        self._database = database
        self._limits = limits
        self._limits_of_wrong_clocks = msgspec.structs.replace(limits, is_time_sure=False)

    def limits_of(self, marks: Iterable[AnomalyKind]) -> Limits:
        """Return how fast the register of a transaction that is marked so can rise, as far as times tell it."""
        return self._limits if CLOCK_FAULTS.isdisjoint(marks) else self._limits_of_wrong_clocks

    async def load(self, transaction: Transaction) -> Known:
        """Return what is known of a transaction.

        If its history does not make its row (old readings are pruned), the row counts.
        """
        events = await store.find_events(self._database, transaction.id)
        glances = await store.find_glances(self._database, transaction.id)
        marks = await store.find_marks(self._database, transaction.id)
        limits = self.limits_of(marks)
        known = fold(transaction, events, glances, limits=limits, now=transaction.updated_at)
        seen_at = transaction.last_reading_at
        if known.transaction.last_reading_at == seen_at and decide.is_same_bill(known.transaction, transaction):
            return msgspec.structs.replace(known, transaction=transaction, marks=marks)
        newer = [glance for glance in glances if seen_at is None or glance.at > seen_at]
        if newer:
            known = _go_on(known, transaction, events, glances[: len(glances) - len(newer)], newer, limits)
        else:
            known = resume(transaction, events)
        return msgspec.structs.replace(known, marks=marks)

    async def as_known(self, transaction: Transaction, at: datetime) -> AsKnown | None:
        """Return the transaction as what had come by `at` makes it; None if nothing had."""
        events = await store.find_events(self._database, transaction.id)
        heard = [event for event in events if event.received_at <= at]
        received = await store.find_glances_received(self._database, transaction.id)
        seen = [glance for received_at, glance in received if received_at <= at]
        if not heard and not seen:
            return None
        limits = self.limits_of(await store.find_marks(self._database, transaction.id))
        then = fold(transaction, heard, seen, limits=limits, now=at)
        whole = then
        if len(heard) < len(events) or len(seen) < len(received):
            later = [glance for received_at, glance in received if received_at > at]
            rest = Arrival(event=None, glances=later, points=make_points(later))
            if len(heard) == len(events) and not is_late(then, rest):
                whole = advance(then, rest, limits=limits, now=transaction.updated_at)
            else:
                glances = [glance for _, glance in received]
                whole = fold(transaction, events, glances, limits=limits, now=transaction.updated_at)
        is_whole = _is_as_stored(whole.transaction, transaction)
        return AsKnown(transaction=then.transaction, is_whole=is_whole)

    async def load_open(self, station_id: str) -> dict[str, Known]:
        """Return the open transactions of a station by id."""
        return {row.id: await self.load(row) for row in await store.find_open(self._database, station_id)}

    async def refold(self, known: Known, arrival: Arrival, *, limits: Limits, now: datetime) -> Known:
        """Return what is known with an event and readings that belong before some that are known already."""
        transaction = known.transaction
        events = await store.find_events(self._database, transaction.id)
        stored = await store.find_glances(self._database, transaction.id)
        before = fold(transaction, events, stored, limits=self.limits_of(known.marks), now=now)
        if not decide.is_same_bill(before.transaction, transaction):  # the history is not whole: go on from the row
            partial = msgspec.structs.replace(known, is_partial=True)
            return advance(partial, arrival, limits=limits, now=now)
        events = events if arrival.event is None else [*events, arrival.event]
        after = fold(transaction, events, [*stored, *arrival.glances], limits=limits, now=now)
        return msgspec.structs.replace(after, marks=known.marks)


def _go_on(
    whole: Known,
    transaction: Transaction,
    events: list[TransactionEvent],
    older: list[Glance],
    newer: list[Glance],
    limits: Limits,
) -> Known:
    """Return what is known where the row had not yet followed its last readings when the process before died."""
    before = fold(transaction, events, older, limits=limits, now=transaction.updated_at)
    if not decide.is_same_bill(before.transaction, transaction):  # older ones are pruned: the row counts for them
        resumed = resume(transaction, events)
        points = make_points(newer)
        arrival = Arrival(event=None, glances=newer, points=points)
        whole = advance(resumed, arrival, limits=limits, now=transaction.updated_at)
    kept = msgspec.structs.replace(
        whole.transaction, anomaly_count=transaction.anomaly_count, updated_at=transaction.updated_at
    )
    return msgspec.structs.replace(whole, transaction=kept)


def _is_as_stored(made: Transaction, stored: Transaction) -> bool:
    return made.last_reading_at == stored.last_reading_at and decide.is_same_bill(made, stored)
