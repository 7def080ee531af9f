"""Reconciliation: what payment providers report, beside what we have booked."""

import asyncio
import hashlib
from collections import defaultdict
from decimal import Decimal

import msgspec

from ingufu.core.clock import Clock
from ingufu.core.errors import Conflict, InvalidInput, NotFound
from ingufu.core.ids import IdMaker
from ingufu.core.texts import plain
from ingufu.infra.storage.database import Database, Work
from ingufu.ledger import reports
from ingufu.ledger.decide import LONGEST_NAME
from ingufu.ledger.model import AccountKind, EntryKind, MatchState, NewEntry, Report, ReportRow
from ingufu.ledger.reports import Columns
from ingufu.ledger.service.books import move
from ingufu.ledger.service.corrections import Corrections
from ingufu.ledger.store import reports as store

_TEXT_MAX = 400
_AGAINST = frozenset(
    {
        AccountKind.RECEIVABLE, AccountKind.WALLET, AccountKind.BANK, AccountKind.PROVIDER_FEES,
        AccountKind.WRITE_OFF, AccountKind.ROUNDING,
    }
)  # fmt: skip


class Reconciliation:
    """Takes providers' reports in, each file once, and lets people resolve what differs by booking it."""

    def __init__(self, database: Database, clock: Clock, ids: IdMaker, books: Corrections) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._books = books

    async def take_in(
        self,
        work: Work,
        organisation_id: str,
        provider: str,
        data: bytes,
        *,
        columns: Columns | None = None,
        currency: str = "",
        name: str = "",
        books_fees: bool = False,
        by: str = "",
    ) -> Report:
        """Return the report of a file, compared with what is booked; the same file again is the first report.

        With `books_fees` the fees of lines that are not duplicates are booked, in one entry for each currency. Raises
        InvalidInput with the number of the line that cannot be read.
        """
        if not provider or len(provider) > LONGEST_NAME or not provider.isprintable():
            raise InvalidInput("Say which provider the report is of.", field="provider")
        digest = hashlib.sha256(data).hexdigest()
        taken_in = await store.find_by_digest(self._database, organisation_id, provider, digest)
        if taken_in is not None:
            return taken_in
        lines = await asyncio.to_thread(reports.read, data, columns or Columns(), currency=currency)
        references = sorted({line.reference for line in lines})
        first, last = reports.period(lines)
        now = self._clock.now()  # before what is booked is read: what is booked meanwhile came after the report
        booked = await store.bookings(self._database, organisation_id, provider, references, first, last)
        asked = sorted({*references, *(one.reference for one in booked)})
        known = await store.known(self._database, organisation_id, provider, asked)
        report = Report(
            id=self._ids.new(),
            organisation_id=organisation_id,
            provider=provider,
            name=plain(name, LONGEST_NAME),
            digest=digest,
            first_at=first,
            last_at=last,
            rows=len(lines),
            imported_at=now,
            imported_by=plain(by, LONGEST_NAME),
        )
        rows = reports.compare(report.id, provider, lines, booked, known)
        store.add(work, report, rows)
        if books_fees:
            await self._book_fees(work, report, rows, by)
        return report

    async def get(self, organisation_id: str, report_id: str) -> Report:
        """Return the report. Raises NotFound."""
        found = await store.find(self._database, report_id)
        if found is None or found.organisation_id != organisation_id:
            raise NotFound("There is no such report.")
        return found

    async def counts(self, report_id: str) -> dict[str, int]:
        """Return how many lines of a report are in each state."""
        return await store.counts(self._database, report_id)

    async def resolve(
        self,
        work: Work,
        organisation_id: str,
        report_id: str,
        line: int,
        *,
        note: str,
        against: AccountKind | None = None,
        owner: str = "",
        by: str = "",
    ) -> ReportRow:
        """Let a line that differs be settled: with a note alone, or by booking the difference against an account.

        What is booked brings the clearing account to what the provider says. Raises NotFound, InvalidInput, Conflict if
        it is resolved already, or differs in nothing.
        """
        await self.get(organisation_id, report_id)
        row = await store.find_row(self._database, report_id, line)
        if row is None:
            raise NotFound("The report has no such line.")
        if row.resolved_at is not None:
            raise Conflict("The line is resolved already.")
        if row.state in {MatchState.MATCHED, MatchState.DUPLICATE} and against is not None:
            raise Conflict("Nothing differs in this line that could be booked.")
        if not note.strip():
            raise InvalidInput("Say how it is resolved.", field="note")
        now, note = self._clock.now(), plain(note.strip(), _TEXT_MAX)
        entry_id = None
        if against is not None:
            if against not in _AGAINST:
                raise InvalidInput("A difference is not booked against this account.", field="against")
            entry = NewEntry(
                organisation_id=organisation_id,
                kind=EntryKind.ADJUSTMENT,
                reference=f"reconciliation:{report_id}:{line}",
                provider_reference=row.reference,
                at=now,
                text=note,
                postings=move((AccountKind.CLEARING, row.provider), (against, owner), row.difference, row.currency),
            )
            posted = await self._books.post(work, entry, by=by)
            entry_id = posted.entry_id if posted else None
        done = msgspec.structs.replace(
            row, resolution=note, resolved_at=now, resolved_by=plain(by, LONGEST_NAME), resolved_entry_id=entry_id
        )
        store.resolve(work, done)
        return done

    async def _book_fees(self, work: Work, report: Report, rows: tuple[ReportRow, ...], by: str) -> None:
        fees: dict[str, Decimal] = defaultdict(Decimal)
        for row in rows:
            if row.state is not MatchState.DUPLICATE:
                fees[row.currency] += abs(row.fee)
        for currency, amount in fees.items():
            if amount:
                await self._books.fee(
                    work,
                    report.organisation_id,
                    report.provider,
                    amount=amount,
                    currency=currency,
                    reference=f"report:{report.id}:{currency}",
                    at=self._clock.now(),
                    by=by,
                )
