"""Which transaction a message means, looked for in memory first and among all that is kept where it must be."""

from datetime import datetime

import msgspec

from ingufu.charging import clocks, decide, matching, store
from ingufu.charging.fold import Known
from ingufu.charging.intake import Intake, Oddity
from ingufu.charging.model import AnomalyKind, ReportKind, Transaction, TransactionReport
from ingufu.charging.numbers import NUMBER_MAX
from ingufu.charging.running import Holding
from ingufu.charging.service.history import History
from ingufu.infra.storage.database import Database

LOST_AMONG = 5  # of the latest transactions, which may have lost the end that comes now


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """Which transaction a message means: a known one, or one that is to be made under this reference."""

    known: Known | None
    reference: str = ""
    oddities: tuple[Oddity, ...] = ()


class Locator:
    """Finds transactions by what stations call them, or by where, when and by whom they were started."""

    def __init__(self, database: Database, history: History) -> None:
        self._database = database
        self._history = history

    async def find(self, taken: Intake, held: Holding) -> Found:
        """Return which transaction a report means."""
        report = taken.report
        if not matching.is_numbered(report.version):
            return await self._find_named(report.station_id, report.reference or "-", held)
        if report.kind is ReportKind.STARTED:
            return Found(known=await self._find_started(taken, held))
        if report.kind is ReportKind.ENDED:
            return await self._find_numbered(report, held) or await self._match_end(taken, held)
        found = await self.find_for_readings(report, held, report.at)
        return found or await self._find_spare(report, held)

    async def find_for_readings(self, report: TransactionReport, held: Holding, at: datetime) -> Found | None:
        """Return which transaction readings belong to: the one they name, or the one that ran on their EVSE.

        None if they belong to none.
        """
        if report.reference is not None and not matching.is_numbered(report.version):
            return await self._find_named(report.station_id, report.reference, held)
        found = await self._find_numbered(report, held) if report.reference is not None else None
        if found is not None and found.known is not None:
            return found
        # Some stations invent numbers, or always name the same: what runs on the EVSE is meant.
        running = matching.find_running_at(held.open.values(), report.evse, at)
        if running is None:
            return found
        return Found(known=running, oddities=found.oddities if found is not None else ())

    async def _find_named(self, station_id: str, reference: str, held: Holding) -> Found:
        known = held.named(reference)
        if known is None:
            transaction = await store.find_by_reference(self._database, station_id, reference)
            known = await self._load(transaction, held) if transaction is not None else None
        return Found(known=known, reference=reference)

    async def _find_numbered(self, report: TransactionReport, held: Holding) -> Found | None:
        """Return the transaction of a 1.6 number, None if it names none. Another station's is never touched."""
        number = matching.parse_number(report.reference)
        if number is None:
            return None
        found = await self._find_named(report.station_id, str(number), held)
        if found.known is not None:
            return found
        if number <= NUMBER_MAX and await store.find_by_number(self._database, number) is not None:
            oddity = (AnomalyKind.FOREIGN_TRANSACTION, f"Transaction {number} is another station's.")
        else:
            oddity = (AnomalyKind.UNKNOWN_TRANSACTION, f"No transaction {number} was ever started.")
        return msgspec.structs.replace(found, oddities=(oddity,))

    async def _match_end(self, taken: Intake, held: Holding) -> Found:
        """Return which transaction a stop without a number ends: an open one, or one that lost its end.

        A stop that was heard before means what it meant then: of those that run, none was ended by it.
        """
        report = taken.report
        latest = await store.find_latest(self._database, report.station_id)
        ended = await self._find_ended_so(taken, latest)
        if ended is not None:
            return Found(known=await self._load(ended, held))
        picked = matching.pick_ended((known.transaction for known in held.open.values()), report)
        if picked is not None:
            return Found(known=held.open[picked.id])
        for transaction in latest[:LOST_AMONG]:
            if transaction.is_estimated and matching.fits_end(transaction, report):
                return Found(known=await self._load(transaction, held))
        found = await self._find_spare(report, held)
        oddity = (AnomalyKind.UNKNOWN_TRANSACTION, f"A stop names the transaction {report.reference}.")
        return found if found.known is not None else msgspec.structs.replace(found, oddities=(oddity,))

    async def _find_ended_so(self, taken: Intake, latest: list[Transaction]) -> Transaction | None:
        """Return the transaction that this very stop has ended before."""
        event = decide.make_event(taken, None)
        keys, mark = (event.key, decide.spare_key(event)), decide.fingerprint(event)
        for transaction in latest:
            if matching.may_repeat_end(transaction, taken.report):
                stored = await store.find_events_of_keys(self._database, transaction.id, keys)
                if any(decide.fingerprint(other) == mark for other in stored):
                    return transaction
        return None

    async def _find_spare(self, report: TransactionReport, held: Holding) -> Found:
        """Return what the same message made before, or the reference under which it is to be made."""
        return await self._find_named(report.station_id, matching.spare_reference(report), held)

    async def _find_started(self, taken: Intake, held: Holding) -> Known | None:
        """Return the transaction of a 1.6 start: the same start seen before, or an end that waits for its start."""
        report, key = taken.report, decide.start_key(taken.report)
        for known in held.open.values():
            if (known.transaction.start_key or "").partition("/")[0] == key:
                return known
        transaction = await store.find_by_start_key(self._database, key)
        if transaction is not None:
            # A clock that was never set tells the same time again after each reboot: what has ended may be another,
            # unless a register that counts on from one to the next has risen since, from which this one starts.
            is_over = not transaction.is_open and not transaction.is_estimated
            has_risen = bool(transaction.start_wh) and transaction.energy_wh > 0
            is_unset = taken.clock_at is not None and taken.clock_at < clocks.EARLIEST
            return None if is_over and is_unset and not has_risen else await self._load(transaction, held)
        since = report.at - decide.SLACK
        for orphan in await store.find_orphans(self._database, report.station_id, report.version, since):
            if matching.fits_start(orphan, report):
                return await self._load(orphan, held)
        return None

    async def _load(self, transaction: Transaction, held: Holding) -> Known:
        return held.find(transaction.id) or await self._history.load(transaction)
