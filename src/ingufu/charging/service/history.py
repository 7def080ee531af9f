"""Transactions read back from what is kept of them, ready to be gone on from."""

from datetime import datetime

import msgspec

from ingufu.charging import decide, store
from ingufu.charging.energy import Limits
from ingufu.charging.fold import Arrival, Known, advance, fold, resume
from ingufu.charging.model import Transaction
from ingufu.infra.storage.database import Database


class History:
    """Reads the events and readings of transactions."""

    def __init__(self, database: Database, limits: Limits) -> None:
        self._database = database
        self.limits = limits

    async def load(self, transaction: Transaction) -> Known:
        """Return what is known of a transaction.

        If its history does not make its row (old readings are pruned), the row counts.
        """
        events = await store.find_events(self._database, transaction.id)
        glances = await store.find_glances(self._database, transaction.id)
        marks = await store.find_marks(self._database, transaction.id)
        known = fold(transaction, events, glances, limits=self.limits, now=transaction.updated_at)
        if not decide.is_same_bill(known.transaction, transaction):
            known = resume(transaction, events)
        return msgspec.structs.replace(known, transaction=transaction, marks=marks)

    async def load_open(self, station_id: str) -> dict[str, Known]:
        """Return the open transactions of a station by id."""
        return {row.id: await self.load(row) for row in await store.find_open(self._database, station_id)}

    async def refold(self, known: Known, arrival: Arrival, *, now: datetime) -> Known:
        """Return what is known with an event and readings that belong before some that are known already."""
        transaction = known.transaction
        events = await store.find_events(self._database, transaction.id)
        stored = await store.find_glances(self._database, transaction.id)
        before = fold(transaction, events, stored, limits=self.limits, now=now)
        if not decide.is_same_bill(before.transaction, transaction):  # the history is not whole: go on from the row
            partial = msgspec.structs.replace(known, is_partial=True)
            return advance(partial, arrival, limits=self.limits, now=now)
        events = events if arrival.event is None else [*events, arrival.event]
        after = fold(transaction, events, [*stored, *arrival.glances], limits=self.limits, now=now)
        return msgspec.structs.replace(after, marks=known.marks)
