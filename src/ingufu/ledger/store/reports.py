"""Every query of providers' reports and of what they are compared with."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import FromClause, Select, bindparam, func, or_, select, update

from ingufu.infra.storage.database import Database, Row, Work
from ingufu.infra.storage.statements import insert
from ingufu.ledger.model import AccountKind, EntryKind, MatchState, Report, ReportedKind, ReportRow
from ingufu.ledger.reports import Booking, Known, key_of
from ingufu.ledger.tables import (
    ledger_accounts,
    ledger_entries,
    ledger_postings,
    ledger_report_rows,
    ledger_reports,
)

_AT_ONCE = 400  # references that one statement asks for
_REVERSED = ledger_entries.alias("reversed")
_BY_ID = select(ledger_reports).where(ledger_reports.c.id == bindparam("id_"))
_BY_DIGEST = select(ledger_reports).where(
    ledger_reports.c.organisation_id == bindparam("organisation"),
    ledger_reports.c.provider == bindparam("provider_"),
    ledger_reports.c.digest == bindparam("digest_"),
)
_ROW = select(ledger_report_rows).where(
    ledger_report_rows.c.report_id == bindparam("report"), ledger_report_rows.c.line == bindparam("line_")
)
_ADD = insert(ledger_reports)
_ADD_ROW = insert(ledger_report_rows)
_RESOLVE = (
    update(ledger_report_rows)
    .where(
        ledger_report_rows.c.report_id == bindparam("report"),
        ledger_report_rows.c.line == bindparam("line_"),
        ledger_report_rows.c.resolved_at.is_(None),
    )
    .values(
        resolution=bindparam("resolution_"),
        resolved_at=bindparam("at_"),
        resolved_by=bindparam("by_"),
        resolved_entry_id=bindparam("entry_"),
    )
)


async def find(database: Database, report_id: str) -> Report | None:
    """Return the report."""
    row = await database.fetch_one(_BY_ID, {"id_": report_id})
    return Report(**row) if row else None


async def find_by_digest(database: Database, organisation_id: str, provider: str, digest: str) -> Report | None:
    """Return the report that was taken in from this very file."""
    row = await database.fetch_one(
        _BY_DIGEST, {"organisation": organisation_id, "provider_": provider, "digest_": digest}
    )
    return Report(**row) if row else None


async def find_row(database: Database, report_id: str, line: int) -> ReportRow | None:
    """Return a line of a report."""
    row = await database.fetch_one(_ROW, {"report": report_id, "line_": line})
    return row_of(row) if row else None


async def known(database: Database, organisation_id: str, provider: str, references: Sequence[str]) -> list[Known]:
    """Return what earlier reports had of these references, and by what their lines were resolved."""
    found: list[Known] = []
    rows = ledger_report_rows.c
    for start in range(0, len(references), _AT_ONCE):
        statement = (
            select(
                *(rows.reference, rows.currency, rows.amount, rows.booked, rows.at),
                *(rows.entry_id, rows.resolved_entry_id, ledger_reports.c.imported_at),
            )
            .join_from(ledger_report_rows, ledger_reports, ledger_reports.c.id == rows.report_id)
            .where(
                ledger_reports.c.organisation_id == organisation_id,
                rows.provider == provider,
                or_(rows.amount.is_not(None), rows.resolved_entry_id.is_not(None)),
                rows.reference.in_(references[start : start + _AT_ONCE]),
            )
        )
        found += [_known(row) for row in await database.select(statement)]
    return found


def _known(row: Row) -> Known:
    is_reported = row["amount"] is not None
    return Known(
        key_of(row["reference"], row["currency"], row["amount"] if is_reported else row["booked"]),
        row["at"],
        row["imported_at"] if is_reported else None,
        row["entry_id"],
        row["resolved_entry_id"],
    )


async def bookings(
    database: Database, organisation_id: str, provider: str, references: Sequence[str], first: datetime, last: datetime
) -> list[Booking]:
    """Return what is booked on the provider's clearing accounts in this time or under these references.

    With it comes all else under the references that were found, and what takes any of it back.
    """
    accounts = await database.select(
        select(ledger_accounts.c.id).where(
            ledger_accounts.c.organisation_id == organisation_id,
            ledger_accounts.c.kind == AccountKind.CLEARING.value,
            ledger_accounts.c.owner == provider,
        )
    )
    clearing = [row["id"] for row in accounts]
    if not clearing:
        return []
    found: dict[tuple[str, int], Booking] = {}
    entries = ledger_entries.c
    for named in (ledger_entries, _REVERSED):
        statement = _clearing(organisation_id, clearing, named)
        for row in await database.select(statement.where(entries.at >= first, entries.at < last)):
            found[row["id"], row["line"]] = _booking(row, clearing)
    asked = sorted({*references, *(one.reference for one in found.values())})
    for start in range(0, len(asked), _AT_ONCE):
        for named in (ledger_entries, _REVERSED):
            statement = _clearing(organisation_id, clearing, named)
            chosen = named.c.provider_reference.in_(asked[start : start + _AT_ONCE])
            for row in await database.select(statement.where(chosen)):
                found[row["id"], row["line"]] = _booking(row, clearing)
    return list(found.values())


def _clearing(organisation_id: str, clearing: Sequence[str], named: FromClause) -> Select[Any]:
    """Return the query of entries that bear a provider's reference, or take back those that do (`_REVERSED`)."""
    entries, postings = ledger_entries.c, ledger_postings.c
    joined = ledger_entries.join(ledger_postings, postings.entry_id == entries.id)
    own = [entries.organisation_id == organisation_id]
    if named is _REVERSED:  # what is said twice of one table, SQLite plans by: it would read all entries
        joined = joined.join(named, named.c.id == entries.reverses_id)
        own.append(named.c.organisation_id == organisation_id)
    return (
        select(
            *(entries.id, entries.at, entries.entered_at, entries.reverses_id),
            *(named.c.provider_reference, named.c.at.label("named_at")),
            *(postings.line, postings.debit_id, postings.amount, postings.currency),
        )
        .select_from(joined)
        .where(
            *own,
            named.c.provider_reference != "",
            named.c.kind != EntryKind.FEE.value,
            or_(postings.debit_id.in_(clearing), postings.credit_id.in_(clearing)),
        )
    )


def _booking(row: Row, clearing: Sequence[str]) -> Booking:
    return Booking(
        row["provider_reference"],
        row["currency"],
        row["amount"] if row["debit_id"] in clearing else -row["amount"],
        row["at"],
        row["id"],
        row["entered_at"],
        row["reverses_id"],
        row["named_at"] if row["reverses_id"] is not None else None,
    )


def add(work: Work, report: Report, rows: Sequence[ReportRow]) -> None:
    """Store a report; Conflict at the commit if its file was taken in already."""
    work.execute(_ADD, msgspec.structs.asdict(report))
    for row in rows:
        work.execute(_ADD_ROW, msgspec.structs.asdict(row))


def resolve(work: Work, row: ReportRow) -> None:
    """Store how a line was resolved; Conflict at the commit if it is already."""
    values = {
        "report": row.report_id,
        "line_": row.line,
        "resolution_": row.resolution,
        "at_": row.resolved_at,
        "by_": row.resolved_by,
        "entry_": row.resolved_entry_id,
    }
    work.execute(_RESOLVE, values, expect=1)


async def counts(database: Database, report_id: str) -> dict[str, int]:
    """Return how many lines of a report are in each state."""
    rows = await database.select(
        select(ledger_report_rows.c.state, func.count(ledger_report_rows.c.line).label("lines"))
        .where(ledger_report_rows.c.report_id == report_id)
        .group_by(ledger_report_rows.c.state)
    )
    return {row["state"]: row["lines"] for row in rows}


def row_of(row: Row) -> ReportRow:
    """Return the line that a row keeps."""
    return ReportRow(**{**row, "kind": ReportedKind(row["kind"]), "state": MatchState(row["state"])})
